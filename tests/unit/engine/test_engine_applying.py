"""Carrying out: as much at once as the needs allow, each failure alone, and every change tells how it ended."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from engine_doubles import Thing, ThingKind, a_plan, declared, hands, thing

from provisioner.engine import carry_out
from provisioner.errors import Absent, Declined, NotYet, ProvisionerError, Refused, ServiceFault, SinkFault
from provisioner.model.change import Action, Blocked, Change, FieldChange, Manual, Part, PlannedChange, Ready
from provisioner.model.events import Event, EventKind
from provisioner.model.faults import Fault
from provisioner.model.outcome import ChangeOutcome, ChangeState

FAULT = Fault("graph", "POST /x", 400, "Request_BadRequest", "no", request_id="r-1")


def run(kind: ThingKind, *things: Thing, removing: bool = False, **more: Any) -> dict[str, ChangeOutcome]:
    plan = a_plan(kind, *things, removing=removing)
    outcomes = asyncio.run(carry_out(declared(*things), plan, hands(**more), removing=removing))
    assert [each.address for each in outcomes] == [each.change.address for each in plan]
    return {each.address: each for each in outcomes}


def states(outcomes: dict[str, ChangeOutcome]) -> dict[str, str]:
    return {address: each.state.value for address, each in outcomes.items()}


def fails(error: BaseException) -> Any:
    async def deed() -> None:
        raise error

    return deed


def before(log: list[str], first: str, second: str) -> bool:
    return log.index(first) < log.index(second)


def test_everything_in_order_of_need(kind: ThingKind) -> None:
    outcomes = run(kind, thing("secret", "app", "sp"), thing("sp", "app"), thing("app"))
    assert set(states(outcomes).values()) == {"done"}
    assert before(kind.log, "make app ended", "make sp")
    assert before(kind.log, "make sp ended", "make secret")


def test_what_does_not_wait_for_each_other_goes_at_the_same_time(kind: ThingKind) -> None:
    run(kind, thing("app"), thing("grant", "app"), thing("secret", "app"), thing("switch"))
    assert before(kind.log, "make switch", "make app ended")
    assert before(kind.log, "make secret", "make grant ended")
    assert before(kind.log, "make grant", "make secret ended")


def test_removing_takes_what_needs_a_thing_before_the_thing(kind: ThingKind) -> None:
    outcomes = run(kind, thing("app"), thing("sp", "app"), thing("grant", "sp"), removing=True)
    assert set(states(outcomes).values()) == {"done"}
    assert [each for each in kind.log if each.endswith("ended")] == [
        "take grant ended",
        "take sp ended",
        "take app ended",
    ]


def test_one_failure_stops_only_what_waits_for_it(kind: ThingKind) -> None:
    outcomes = run(
        kind,
        thing("app"),
        thing("grant", "app", deed=fails(ServiceFault(FAULT))),
        thing("secret", "app"),
        thing("right", "grant"),
        thing("after", "right"),
    )
    assert states(outcomes) == {
        "app": "done",
        "grant": "failed",
        "secret": "done",
        "right": "skipped",
        "after": "skipped",
    }
    assert outcomes["right"].message == "waits for grant"
    assert "make right" not in kind.log


def test_removal_leaves_what_a_failed_removal_still_hangs_on(kind: ThingKind) -> None:
    outcomes = run(kind, thing("app"), thing("key", "app", deed=fails(Absent(FAULT))), removing=True)
    assert states(outcomes) == {"app": "skipped", "key": "failed"}


ENDS = [
    (ServiceFault(FAULT, advice="look"), ChangeOutcome("a", ChangeState.FAILED, "POST /x: no", "look", "r-1")),  # type: ignore[arg-type]
    (
        NotYet(FAULT, message="not yet", advice="again"),
        ChangeOutcome("a", ChangeState.NOT_YET, "not yet", "again", "r-1"),  # type: ignore[arg-type]
    ),
    (
        Refused(FAULT, who_can=("A", "B")),
        ChangeOutcome("a", ChangeState.BLOCKED, "POST /x: no", "can be done by: A or B", "r-1"),  # type: ignore[arg-type]
    ),
    (
        Refused(FAULT, who_can=("A",), advice="sign in"),
        ChangeOutcome("a", ChangeState.BLOCKED, "POST /x: no", "sign in", "r-1"),  # type: ignore[arg-type]
    ),
    (
        SinkFault("age", "the disk is full", advice="free some space"),
        ChangeOutcome("a", ChangeState.FAILED, "age: the disk is full", "free some space"),  # type: ignore[arg-type]
    ),
    (Declined("no"), ChangeOutcome("a", ChangeState.FAILED, "no")),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("error", "outcome"), ENDS, ids=[type(error).__name__ for error, _ in ENDS])
def test_how_each_error_is_told(kind: ThingKind, error: ProvisionerError, outcome: ChangeOutcome) -> None:
    assert run(kind, thing("a", deed=fails(error)))["a"] == outcome


def test_only_ready_changes_are_carried_out(kind: ThingKind) -> None:
    outcomes = run(
        kind,
        thing("kept", action=Action.KEEP),
        thing("kept-by-anybody", action=Action.KEEP, standing=Blocked("no role")),
        thing("blocked", standing=Blocked("no role", ("Exchange Administrator",))),
        thing("manual", standing=Manual("press it")),
        thing("waits", "blocked"),
        thing("goes", "kept", "kept-by-anybody"),
    )
    assert states(outcomes) == {
        "kept": "kept",
        "kept-by-anybody": "kept",
        "blocked": "blocked",
        "manual": "manual",
        "waits": "skipped",
        "goes": "done",
    }
    assert outcomes["blocked"].advice == "can be done by: Exchange Administrator"
    assert outcomes["manual"].message == "press it"
    assert [each for each in kind.log if each.startswith("make")] == ["make goes", "make goes ended"]


def test_the_value_before_is_kept_for_the_receipt(kind: ThingKind) -> None:
    change = Change(
        thing("a").address,
        "thing",
        Action.UPDATE,
        Part.EXCHANGE,
        "switch",
        fields=(FieldChange("switch", "off", "on"), FieldChange("new", None, "x")),
    )
    plan = (PlannedChange(change, Ready()),)
    (outcome,) = asyncio.run(carry_out(declared(thing("a")), plan, hands()))
    assert outcome.before == (("switch", "off"), ("new", None))


def test_events_tell_begin_and_end_of_what_is_done_and_of_nothing_else(kind: ThingKind) -> None:
    heard: list[Event] = []
    run(
        kind,
        thing("app"),
        thing("kept", action=Action.KEEP),
        thing("bad", deed=fails(ServiceFault(FAULT))),
        events=heard.append,
    )
    told = [(each.kind, each.subject, each.text) for each in heard]
    assert sorted(told) == [
        (EventKind.FINISHED, "app", "done"),
        (EventKind.FINISHED, "bad", "failed"),
        (EventKind.STARTED, "app", "create app"),
        (EventKind.STARTED, "bad", "create bad"),
    ]


def test_a_bug_cancels_what_is_under_way_and_surfaces(kind: ThingKind) -> None:
    async def for_ever() -> None:
        await asyncio.Event().wait()

    with pytest.raises(ZeroDivisionError):
        run(kind, thing("slow", deed=for_ever), thing("bug", deed=fails(ZeroDivisionError())))
    assert "cancelled slow" in kind.log


def test_an_interruption_leaves_no_task_behind(kind: ThingKind) -> None:
    async def for_ever() -> None:
        await asyncio.Event().wait()

    async def interrupted() -> None:
        things = (thing("slow", deed=for_ever), thing("waits", "slow"))
        task = asyncio.create_task(carry_out(declared(*things), a_plan(kind, *things), hands()))
        for _ in range(5):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(interrupted())
    assert kind.log == ["make slow", "cancelled slow"]
