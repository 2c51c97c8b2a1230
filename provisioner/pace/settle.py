"""`settle`: repeat one attempt until it succeeds, is hopeless, or its time is up."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from provisioner.errors import NotYet, ServiceFault, UnknownOutcome, Unreachable
from provisioner.model.events import Event, EventKind, Events
from provisioner.pace.clock import Clock, Deadline
from provisioner.pace.verdict import Verdict, classify

T = TypeVar("T")

FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 15.0


async def settle(
    attempt: Callable[[], Awaitable[T]],
    *,
    clock: Clock,
    seconds: float,
    subject: str,
    events: Events,
    just_wrote: bool,
    harmless: bool,
    connect_tries: int = 1,
) -> T:
    """The result of `attempt`.

    `just_wrote` says that the attempt depends on something we wrote moments ago, so that "not found" may only mean
    "not yet". `harmless` says that repeating the attempt changes nothing (a read, a PUT-like write, or a create
    whose natural key makes the second one fail). A dead network is worth telling at once: it is given up after
    `connect_tries` failures to connect, or twice as many connections lost before the answer.

    The time of `seconds` starts at the first fault, because the first answer may be the one that corrects the clock.

    Raises the fault itself where waiting is no use, `NotYet` when the time is up, and `UnknownOutcome` at once where
    an attempt that is not harmless may have been carried out.
    """
    wait = FIRST_WAIT_SECONDS
    lost = 0.0
    deadline: Deadline | None = None
    while True:
        try:
            return await attempt()
        except ServiceFault as error:
            deadline = deadline or Deadline.after(clock, seconds)
            verdict = classify(error.fault)
            if isinstance(error, Unreachable):
                lost += 0.5 if error.fault.sent else 1
                if lost >= connect_tries and not error.fault.sent:
                    raise
            pause = _pause(verdict, error, wait, just_wrote=just_wrote, harmless=harmless)
            if pause is None:
                if verdict is Verdict.UNKNOWN and not harmless:
                    raise UnknownOutcome(error.fault, advice="look at what is there before trying again") from error
                raise
            if lost >= connect_tries:
                raise
            if pause > deadline.seconds_left and isinstance(error, Unreachable):
                raise
            if pause > deadline.seconds_left:
                raise NotYet(
                    error.fault,
                    message=f"{subject}: not yet ({error.fault.message})",
                    advice="the tenant is still settling; run the same command again in a few minutes",
                ) from error
            events(Event(EventKind.WAITING, subject, _reason(verdict), pause))
            await clock.sleep(pause)
            wait = min(wait * 2, LONGEST_WAIT_SECONDS)


def _pause(verdict: Verdict, error: ServiceFault, wait: float, *, just_wrote: bool, harmless: bool) -> float | None:
    """Seconds to wait before the next attempt, or None where there must be none."""
    jittered = wait * random.uniform(0.8, 1.2)  # noqa: S311 spreads clients, guards nothing
    told = error.fault.retry_after or jittered  # "come back at once" would be a storm
    match verdict:
        case Verdict.THROTTLED:
            return told
        case Verdict.UNREACHABLE:
            return jittered
        case Verdict.NOT_YET | Verdict.ABSENT if just_wrote:
            return jittered
        case Verdict.UNKNOWN if harmless:
            return told
        case _:
            return None


def _reason(verdict: Verdict) -> str:
    return {
        Verdict.THROTTLED: "the service asks us to wait",
        Verdict.UNKNOWN: "the service did not answer properly",
        Verdict.UNREACHABLE: "nobody answers",
    }.get(verdict, "the directory has not caught up yet")
