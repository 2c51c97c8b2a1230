"""`settle` on a clock that does not take time: what is repeated, how long, and what never is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from time_doubles import VirtualClock

from provisioner.errors import Absent, AlreadyThere, NotYet, Refused, ServiceFault, UnknownOutcome, Unreachable
from provisioner.model.events import Event, EventKind
from provisioner.model.faults import Fault
from provisioner.pace import Deadline, SystemClock
from provisioner.pace.settle import LONGEST_WAIT_SECONDS, settle

BAD_REQUEST = Fault("graph", "POST /x", 400, "Request_BadRequest", "no such property")
THROTTLED = Fault("graph", "POST /x", 429, "TooManyRequests", "slow down", retry_after=7)
NOT_YET = Fault("graph", "POST /x", 400, "Request_BadRequest", "Not a valid reference update")
MISSING = Fault("graph", "GET /x", 404, "ResourceNotFound", "not here")
GATEWAY = Fault("graph", "POST /x", 504, "UnknownError", "gateway")
DEAD = Fault("graph", "GET /x", 0, "NoConnection", "nobody answers", sent=False)
LOST = Fault("graph", "GET /x", 0, "ConnectionLost", "the connection was lost")
FORBIDDEN = Fault("graph", "POST /x", 403, "Authorization_RequestDenied", "Insufficient privileges")


class Attempts:
    """Fails with each of these in turn, then succeeds (or goes on failing with the last one)."""

    def __init__(self, *errors: ServiceFault, for_ever: bool = False) -> None:
        self._errors = list(errors)
        self._for_ever = for_ever
        self.made = 0

    async def __call__(self) -> str:
        self.made += 1
        if self._errors:
            error = self._errors[0] if self._for_ever and len(self._errors) == 1 else self._errors.pop(0)
            raise error
        return "done"


class Run:
    """One settle and what became of it."""

    def __init__(self, attempts: Callable[[], object], **terms: object) -> None:
        self.clock = VirtualClock()
        self.events: list[Event] = []
        self.attempts = attempts
        self.terms = {"seconds": 60.0, "just_wrote": False, "harmless": False, **terms}

    def __call__(self) -> object:
        return asyncio.run(
            settle(self.attempts, clock=self.clock, subject="it", events=self.events.append, **self.terms)  # type: ignore[arg-type]
        )


def test_a_success_neither_waits_nor_talks() -> None:
    run = Run(Attempts())
    assert run() == "done"
    assert (run.clock.slept, run.events) == ([], [])


@pytest.mark.parametrize("harmless", [True, False])
def test_throttled_is_waited_for_as_told_and_repeated_even_where_a_repeat_is_not_harmless(harmless: bool) -> None:
    attempts = Attempts(ServiceFault(THROTTLED), ServiceFault(replace(THROTTLED, retry_after=3)))
    run = Run(attempts, harmless=harmless)
    assert run() == "done"
    assert run.clock.slept == [7, 3]
    assert attempts.made == 3
    assert [(each.kind, each.subject, each.seconds) for each in run.events] == [
        (EventKind.WAITING, "it", 7),
        (EventKind.WAITING, "it", 3),
    ]


def test_throttled_without_a_time_is_waited_for_longer_and_longer() -> None:
    run = Run(Attempts(*[ServiceFault(replace(THROTTLED, retry_after=None))] * 8), seconds=200)
    assert run() == "done"
    planned = [0.5, 1, 2, 4, 8, LONGEST_WAIT_SECONDS, LONGEST_WAIT_SECONDS, LONGEST_WAIT_SECONDS]
    assert all(0.79 * wanted <= slept <= 1.21 * wanted for wanted, slept in zip(planned, run.clock.slept, strict=True))


def test_told_to_come_back_at_once_for_ever_ends() -> None:
    attempts = Attempts(ServiceFault(replace(THROTTLED, retry_after=0)), for_ever=True)
    with pytest.raises(NotYet):
        Run(attempts, seconds=30)()
    assert attempts.made < 50


def test_not_yet_is_believed_only_of_what_we_just_wrote() -> None:
    believed = Attempts(ServiceFault(NOT_YET), Absent(MISSING))
    run = Run(believed, just_wrote=True)
    assert run() == "done"
    assert len(run.clock.slept) == 2
    for error in (ServiceFault(NOT_YET), Absent(MISSING)):
        attempts = Attempts(error, for_ever=True)
        with pytest.raises(ServiceFault) as caught:
            Run(attempts, just_wrote=False, harmless=True)()
        assert caught.value is error
        assert attempts.made == 1


@pytest.mark.parametrize("fault", [GATEWAY, replace(GATEWAY, status=503), replace(GATEWAY, status=500)])
def test_an_unknown_outcome_is_never_repeated_unless_harmless(fault: Fault) -> None:
    attempts = Attempts(ServiceFault(fault), for_ever=True)
    with pytest.raises(UnknownOutcome) as caught:
        Run(attempts, just_wrote=True, harmless=False)()
    assert attempts.made == 1
    assert caught.value.fault is fault
    assert caught.value.advice
    harmless = Attempts(ServiceFault(fault), ServiceFault(fault))
    assert Run(harmless, harmless=True)() == "done"
    assert harmless.made == 3


def test_a_lost_connection_after_sending_is_an_unknown_outcome() -> None:
    attempts = Attempts(Unreachable(LOST), for_ever=True)
    with pytest.raises(UnknownOutcome):
        Run(attempts, harmless=False, connect_tries=3)()
    assert attempts.made == 1


@pytest.mark.parametrize(
    ("fault", "tries", "made"),
    [(DEAD, 1, 1), (DEAD, 3, 3), (LOST, 1, 2), (LOST, 3, 6)],
    ids=["no connection: at once", "no connection: three tries", "lost: twice", "lost: six times"],
)
def test_a_dead_network_is_told_soon(fault: Fault, tries: int, made: int) -> None:
    attempts = Attempts(Unreachable(fault), for_ever=True)
    run = Run(attempts, seconds=3600, harmless=True, connect_tries=tries)
    with pytest.raises(Unreachable):
        run()
    assert attempts.made == made
    assert sum(run.clock.slept) < 30


def test_not_settled_in_time_is_not_yet_and_says_what_the_service_said() -> None:
    run = Run(Attempts(ServiceFault(NOT_YET), for_ever=True), just_wrote=True, seconds=20)
    with pytest.raises(NotYet) as caught:
        run()
    assert "it: not yet (Not a valid reference update)" in caught.value.message
    assert caught.value.fault is NOT_YET
    assert caught.value.exit_code == 6
    assert sum(run.clock.slept) <= 20


def test_a_wait_that_would_end_after_the_deadline_is_not_begun() -> None:
    run = Run(Attempts(ServiceFault(replace(THROTTLED, retry_after=61)), for_ever=True), seconds=60)
    with pytest.raises(NotYet):
        run()
    assert run.clock.slept == []


def test_the_time_starts_at_the_first_fault_which_may_have_corrected_the_clock() -> None:
    """A laptop that is an hour slow must not run out of time by hearing the tenant's time."""
    clock = VirtualClock()
    made = []

    async def attempt() -> str:
        if not made:
            clock.heard(clock.now() + timedelta(hours=1))
        made.append(clock.now())
        if len(made) < 3:
            raise ServiceFault(NOT_YET)
        return "done"

    ended = settle(
        attempt, clock=clock, seconds=20, subject="it", events=lambda _: None, just_wrote=True, harmless=True
    )
    assert asyncio.run(ended) == "done"


@pytest.mark.parametrize(
    "error",
    [Refused(FORBIDDEN), ServiceFault(BAD_REQUEST), AlreadyThere(replace(BAD_REQUEST, message="already exist"))],
)
def test_what_waiting_cannot_mend_is_raised_as_it_is(error: ServiceFault) -> None:
    attempts = Attempts(error, for_ever=True)
    with pytest.raises(ServiceFault) as caught:
        Run(attempts, just_wrote=True, harmless=True)()
    assert caught.value is error
    assert attempts.made == 1


def test_other_exceptions_are_not_ours_to_judge() -> None:
    async def attempt() -> str:
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        Run(attempt, harmless=True, just_wrote=True)()


def test_a_deadline_never_counts_below_zero() -> None:
    clock = VirtualClock()
    deadline = Deadline.after(clock, 10)
    assert deadline.seconds_left == 10
    clock.time += timedelta(seconds=25)
    assert deadline.seconds_left == 0


@pytest.mark.parametrize(("seconds", "believed"), [(1, False), (-1, False), (3, True), (-420, True)])
def test_the_system_clock_follows_the_tenant_beyond_the_headers_coarseness(seconds: int, believed: bool) -> None:
    clock = SystemClock()
    before = clock.now()
    clock.heard(before + timedelta(seconds=seconds))
    assert abs(clock.skew - timedelta(seconds=seconds if believed else 0)) < timedelta(seconds=1)
    assert abs(clock.now() - before - clock.skew) < timedelta(seconds=1)
