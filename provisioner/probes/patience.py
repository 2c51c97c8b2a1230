"""Trying a proof again while it is "not yet", at growing intervals, until its deadline.

The intervals grow fast because each attempt is a sign-in: failed ones count towards lock-outs, and asking Exchange
again and again kept a stale refusal alive in one measurement (exchange.md 4.4).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from provisioner.model.events import Event, EventKind
from provisioner.pace import Deadline
from provisioner.probes.tools import ProofTools

T = TypeVar("T")

FIRST_WAIT_SECONDS = 4.0
LONGEST_WAIT_SECONDS = 1800.0


async def patiently(
    attempt: Callable[[], Awaitable[T]],
    waits_for: Callable[[T], str | None],
    tools: ProofTools,
    subject: str,
    *,
    deadline: Deadline | None = None,
    first_wait_seconds: float = FIRST_WAIT_SECONDS,
    longest_wait_seconds: float = LONGEST_WAIT_SECONDS,
) -> T:
    """The first result that waits for nothing, or the last one before the deadline (`tools.deadline` unless told)."""
    until = deadline or tools.deadline
    wait = first_wait_seconds
    while True:
        result = await attempt()
        reason = waits_for(result)
        if reason is None or wait > until.seconds_left:
            return result
        tools.events(Event(EventKind.WAITING, subject, reason, wait))
        await tools.clock.sleep(wait)
        wait = min(wait * 2, longest_wait_seconds)
