"""Who does what where Exchange is a person's by script, and what the script's notes hold."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from engine_doubles import CALLER, ThingKind, a_plan, declared, hands, observation, thing

from provisioner.engine import is_for_script, planned, record
from provisioner.engine.planning import BY_SCRIPT
from provisioner.errors import Absent, ProvisionerError
from provisioner.exchange.as_script import AsScript, Recorder
from provisioner.model.change import Action, Blocked, Gate, Manual, Part, PlannedChange, Ready
from provisioner.model.faults import Fault
from provisioner.model.identifiers import Address

UNSEEN = Blocked("not seen: nobody of ours may look", ("Exchange Administrator",))


def exchange(name: str, *needs: str, **more: Any) -> Any:
    return thing(name, *needs, part=Part.EXCHANGE, **more)


def standings(*things: Any, gates: frozenset[Gate] = frozenset(), only: Part | None = None) -> dict[str, object]:
    plan = planned(declared(*things), observation(*things), CALLER, open_gates=gates, only=only, by_script=True)
    return {each.change.address: each.standing for each in plan}


def test_exchanges_part_is_the_persons_whether_it_was_seen_or_not(kind: ThingKind) -> None:
    found = standings(
        thing("entra"),
        exchange("ready"),
        exchange("unseen", standing=UNSEEN),
        exchange("kept", action=Action.KEEP),
        exchange("own", standing=Manual("call the vendor")),
    )
    assert found == {
        "entra": Ready(),
        "ready": BY_SCRIPT,
        "unseen": BY_SCRIPT,
        "kept": Ready(),
        "own": Manual("call the vendor"),
    }


def test_what_is_blocked_for_everybody_stays_blocked(kind: ThingKind) -> None:
    wrong = Blocked("there is no mailbox x")
    found = standings(exchange("wrong", standing=wrong), exchange("next", "wrong"))
    assert found["wrong"] == wrong
    assert isinstance(found["next"], Blocked)


def test_gates_and_parts_hold_for_the_script_too(kind: ThingKind) -> None:
    wide = exchange("wide", gate=Gate.ORGANISATION_WIDE)
    assert isinstance(standings(wide)["wide"], Blocked)
    assert standings(wide, gates=frozenset({Gate.ORGANISATION_WIDE}))["wide"] == BY_SCRIPT
    assert isinstance(standings(wide, only=Part.ENTRA)["wide"], Blocked)


class Notes:
    """Deeds of the things, on the driver that takes notes."""

    def __init__(self) -> None:
        self.hands: Any = None

    def runs(self, cmdlet: str) -> Any:
        async def deed() -> None:
            await self.hands.driver().run(cmdlet, {"Name": cmdlet})

        return deed

    def raises(self, error: Exception) -> Any:
        async def deed() -> None:
            await self.hands.driver().run("New-Half", {"Name": "x"})
            raise error

        return deed

    def waits(self) -> Any:
        async def deed() -> None:
            async def attempt() -> None:
                raise Absent(Fault("exchange", "Get-X", 404, "NoOutput", "none"))

            await self.hands.settled("x", attempt)

        return deed


@pytest.fixture
def notes(kind: ThingKind, monkeypatch: pytest.MonkeyPatch) -> Notes:
    made = Notes()

    async def carry_out(thing: Any, change: Any, hands: Any) -> None:
        made.hands = hands
        if thing.deed is not None:
            await thing.deed()

    async def read(thing: Any, sight: Any) -> None:
        await sight.run("Get-Thing", {"Identity": thing.address})

    monkeypatch.setattr(kind, "carry_out", carry_out)
    monkeypatch.setattr(kind, "read", read)
    monkeypatch.setattr(type(kind), "part", Part.EXCHANGE)
    return made


def recorded(kind: ThingKind, *things: Any, there: frozenset[str] = frozenset()) -> Any:
    plan = tuple(
        PlannedChange(each.change, BY_SCRIPT) if each.change.part is Part.EXCHANGE else each
        for each in a_plan(kind, *things)
    )
    given = replace(hands(), bindings=type(observation().bindings)())

    async def aside(recorder: Recorder, sight: Any) -> None:
        assert sight is recorder
        await recorder.run("Get-Aside", {"Identity": "aside"})

    return asyncio.run(
        record(
            declared(*things),
            plan,
            given,
            frozenset(Address(each) for each in there),
            AsScript(),
            lambda recorder, bindings: recorder,  # type: ignore[arg-type,return-value]
            aside,
        )
    )


def test_steps_come_in_order_of_need_with_their_commands(kind: ThingKind, notes: Notes) -> None:
    found = recorded(
        kind,
        exchange("second", "first", deed=notes.runs("Set-B")),
        exchange("first", "entra", deed=notes.runs("New-A")),
        thing("entra", deed=notes.runs("New-Entra")),
        there=frozenset({"entra"}),
    )
    assert [(each.address, [one.cmdlet for one in each.commands]) for each in found.steps] == [
        ("first", ["New-A"]),
        ("second", ["Set-B"]),
    ]
    assert found.waiting == () and found.unwritable == ()
    assert {dict(each.parameters)["Identity"] for each in found.questions} == {"first", "second", "entra", "aside"}


def test_what_needs_something_that_is_not_there_waits(kind: ThingKind, notes: Notes) -> None:
    found = recorded(
        kind,
        thing("entra"),
        exchange("first", "entra", deed=notes.runs("New-A")),
        exchange("second", "first", deed=notes.runs("Set-B")),
        exchange("third", deed=notes.runs("Set-C")),
    )
    assert found.waiting == (("first", "entra"), ("second", "first"))
    assert [each.address for each in found.steps] == ["third"]


def test_what_cannot_be_noted_is_left_out_whole(kind: ThingKind, notes: Notes) -> None:
    found = recorded(
        kind,
        exchange("bad", deed=notes.raises(ProvisionerError("it must look first"))),
        exchange("good", deed=notes.runs("Set-C")),
    )
    assert found.unwritable == (("bad", "it must look first"),)
    assert [[one.cmdlet for one in each.commands] for each in found.steps] == [["Set-C"]]


def test_nobody_waits_for_an_answer_that_cannot_come(kind: ThingKind, notes: Notes) -> None:
    found = recorded(kind, exchange("slow", deed=notes.waits()))
    (slow,) = found.unwritable
    assert slow[0] == "slow" and "needs an answer" in slow[1]


def test_is_for_script(kind: ThingKind) -> None:
    (change,) = a_plan(kind, exchange("a"))
    (kept,) = a_plan(kind, exchange("a", action=Action.KEEP))
    assert is_for_script(replace(change, standing=BY_SCRIPT))
    assert not is_for_script(change)
    assert not is_for_script(replace(kept, standing=BY_SCRIPT))
