"""Which changes, in which order, and who may carry them out: over things of no real kind."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any, cast

import pytest
from engine_doubles import CALLER, ORGANIZATION, Thing, ThingKind, declared, observation, thing

from provisioner.engine import observe, planned, removal_planned, superseded_planned
from provisioner.engine.planning import GATE_FLAGS, in_order
from provisioner.model.change import Action, Blocked, FieldChange, Gate, Manual, Part, Ready, Standing
from provisioner.model.identifiers import Address
from provisioner.resources.sight import Sight

LACKS_ROLE = Blocked("has no role that may", ("Somebody Else",))
BY_HAND = Manual("press the button", "a person")


def standings(
    *things: Thing, open_gates: frozenset[Gate] = frozenset(), only: Part | None = None
) -> dict[str, Standing]:
    made = planned(declared(*things), observation(*things), CALLER, open_gates=open_gates, only=only)
    assert [each.change.address for each in made] == [each.address for each in things], "the playbook's own order"
    return {each.change.address: each.standing for each in made}


# --- order


@pytest.mark.parametrize("shuffled", list(itertools.permutations(["app", "sp", "grant", "secret"])))
def test_needs_come_before_what_needs_them_whatever_the_playbooks_order(
    kind: ThingKind, shuffled: tuple[str, ...]
) -> None:
    needs = {"app": (), "sp": ("app",), "grant": ("sp",), "secret": ("app", "sp")}
    things = [thing(name, *needs[name]) for name in shuffled]
    placed = [each.address for each in in_order(declared(*things))]
    assert sorted(placed) == sorted(shuffled)
    for name, wanted in needs.items():
        for need in wanted:
            assert placed.index(Address(need)) < placed.index(Address(name))


def test_independent_things_keep_the_playbooks_order(kind: ThingKind) -> None:
    things = [thing(name) for name in "cab"]
    assert [each.address for each in in_order(declared(*things))] == ["c", "a", "b"]


def test_a_need_that_nobody_declares_holds_nothing_back(kind: ThingKind) -> None:
    assert [each.address for each in in_order(declared(thing("a", "of another playbook")))] == ["a"]


def test_a_circle_of_needs_is_a_bug_and_said(kind: ThingKind) -> None:
    with pytest.raises(AssertionError, match="circle"):
        in_order(declared(thing("a", "b"), thing("b", "a")))


# --- standing


def test_blocked_spreads_to_all_that_waits_for_it(kind: ThingKind) -> None:
    found = standings(
        thing("app", standing=LACKS_ROLE), thing("sp", "app"), thing("grant", "sp"), thing("other", part=Part.EXCHANGE)
    )
    assert found["app"] == LACKS_ROLE
    assert found["sp"] == Blocked("waits for app, which is blocked")
    assert found["grant"] == Blocked("waits for sp, which is blocked")
    assert found["other"] == Ready()


def test_what_is_there_already_holds_nothing_back_though_the_caller_could_not_make_it(kind: ThingKind) -> None:
    found = standings(thing("app", action=Action.KEEP, standing=LACKS_ROLE), thing("sp", "app"))
    assert found["sp"] == Ready()


def test_a_manual_step_does_not_block_and_stays_manual(kind: ThingKind) -> None:
    assert standings(thing("a", standing=BY_HAND), thing("b", "a")) == {"a": BY_HAND, "b": Ready()}


def test_a_things_own_reason_outweighs_that_of_its_need(kind: ThingKind) -> None:
    found = standings(thing("app", standing=Blocked("not seen")), thing("sp", "app", standing=LACKS_ROLE))
    assert found["sp"] == LACKS_ROLE


# --- gates


@pytest.mark.parametrize("gate", list(Gate))
def test_a_closed_gate_names_its_flag_and_holds_back_what_waits(kind: ThingKind, gate: Gate) -> None:
    gated, waiting = thing("gated", gate=gate), thing("waiting", "gated")
    flag, reason = GATE_FLAGS[gate]
    found = standings(gated, waiting)
    assert found["gated"] == Blocked(f"needs {flag}: {reason}", flag=flag)
    assert isinstance(found["waiting"], Blocked)
    others = frozenset(Gate) - {gate}
    assert isinstance(standings(gated, open_gates=others)["gated"], Blocked), "another gate's flag does not open it"
    assert standings(gated, waiting, open_gates=frozenset({gate})) == {"gated": Ready(), "waiting": Ready()}


def test_an_open_gate_does_not_make_up_for_a_missing_role(kind: ThingKind) -> None:
    gated = thing("gated", gate=Gate.TENANT_WIDE, standing=LACKS_ROLE)
    assert standings(gated, open_gates=frozenset(Gate)) == {"gated": LACKS_ROLE}


def test_a_gate_is_nothing_to_what_is_kept(kind: ThingKind) -> None:
    assert standings(thing("kept", action=Action.KEEP, gate=Gate.TENANT_WIDE)) == {"kept": Ready()}


# --- strangers


def test_nothing_is_opened_to_what_strangers_hold_keys_of(kind: ThingKind) -> None:
    things = (
        thing("app", action=Action.KEEP, doubt="Mallory has a key"),
        thing("sp", "app", action=Action.KEEP),
        thing("grant", "sp"),
        thing("granted", "sp", action=Action.KEEP),
        thing("other"),
    )
    flag, _ = GATE_FLAGS[Gate.FOREIGN_KEYS]
    found = standings(*things)
    assert found["grant"] == Blocked(f"needs {flag}: Mallory has a key", flag=flag)
    assert {name for name, each in found.items() if isinstance(each, Blocked)} == {"grant"}
    assert isinstance(standings(*things, open_gates=frozenset(Gate) - {Gate.FOREIGN_KEYS})["grant"], Blocked)
    assert set(standings(*things, open_gates=frozenset({Gate.FOREIGN_KEYS})).values()) == {Ready()}


def test_what_opens_nothing_goes_on_beside_strangers(kind: ThingKind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(kind), "opens", False)
    assert standings(thing("app", action=Action.KEEP, doubt="a key"), thing("sp", "app"))["sp"] == Ready()


# --- what others share


def test_a_shared_setting_waits_for_what_it_is_for(kind: ThingKind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(kind), "shared", True)
    found = standings(thing("switch"), thing("role", "switch", standing=LACKS_ROLE))
    assert found["switch"] == Blocked("what it is for cannot be done now")
    assert (
        standings(thing("switch"), thing("a", "switch", standing=LACKS_ROLE), thing("b", "switch"))["switch"] == Ready()
    )
    assert standings(thing("switch"))["switch"] == Ready(), "of its own account"


# --- what earlier parameters asked for


@pytest.mark.parametrize("gate_open", [False, True])
def test_what_is_superseded_goes_behind_the_gate_for_grants(kind: ThingKind, gate_open: bool) -> None:
    left, gone = thing("right (earlier 1)"), thing("other (earlier 1)", removal=Action.KEEP)
    gates = frozenset({Gate.REMOVE_GRANTS} if gate_open else set())
    (found,) = superseded_planned(declared(left, gone), observation(left, gone), CALLER, open_gates=gates)
    assert (found.change.address, found.change.action) == ("right (earlier 1)", Action.REMOVE)
    assert isinstance(found.standing, Ready if gate_open else Blocked)


def test_of_what_is_superseded_nothing_goes_that_was_there_before_us(kind: ThingKind) -> None:
    ours, theirs = FieldChange("Mail.Read", "granted", None), FieldChange("Mail.Send", "granted", None)
    old = thing("scopes (earlier 1)", fields=(ours, theirs))
    before = frozenset({Address("scopes: Mail.Send granted")})
    gates = frozenset({Gate.REMOVE_GRANTS})
    (found,) = superseded_planned(declared(old), observation(old), CALLER, open_gates=gates, theirs=before)
    assert found.change.fields == (ours,)
    all_of_it = frozenset({Address("scopes")})
    assert superseded_planned(declared(old), observation(old), CALLER, open_gates=gates, theirs=all_of_it) == ()


# --- only


def test_only_one_part_is_carried_out_and_the_others_say_so(kind: ThingKind) -> None:
    things = (
        thing("app", action=Action.KEEP),
        thing("sp", "app"),
        thing("grant", "app", part=Part.CONSENT),
        thing("pointer", "app", part=Part.EXCHANGE),
    )
    found = standings(*things, only=Part.CONSENT)
    assert found["app"] == Ready(), "kept is kept"
    assert found["grant"] == Ready()
    assert found["sp"] == Blocked("left out by --only consent", flag="--only entra")
    assert found["pointer"] == Blocked("left out by --only consent", flag="--only exchange")


def test_only_a_part_whose_needs_are_left_out_waits_for_them(kind: ThingKind) -> None:
    found = standings(thing("sp"), thing("grant", "sp", part=Part.CONSENT), only=Part.CONSENT)
    assert found["grant"] == Blocked("waits for sp, which is blocked")


# --- removal


def test_removal_goes_the_other_way_round(kind: ThingKind) -> None:
    things = (thing("app"), thing("sp", "app"), thing("grant", "sp"), thing("shared", removal=Action.KEEP))
    made = removal_planned(declared(*things), observation(*things), CALLER)
    order = [each.change.address for each in made]
    assert order.index(Address("grant")) < order.index(Address("sp")) < order.index(Address("app"))
    actions = {each.change.address: each.change.action for each in made}
    assert actions == {"app": Action.REMOVE, "sp": Action.REMOVE, "grant": Action.REMOVE, "shared": Action.KEEP}


def test_what_stays_needs_no_role(kind: ThingKind) -> None:
    things = (thing("gone", removal=Action.KEEP, standing=LACKS_ROLE), thing("there", standing=LACKS_ROLE))
    made = removal_planned(declared(*things), observation(*things), CALLER)
    assert {each.change.address: each.standing for each in made} == {"gone": Ready(), "there": LACKS_ROLE}


# --- looking


class NoSight:
    """Answers what the engine itself asks."""

    async def organization(self) -> object:
        return ORGANIZATION


def test_every_kind_reads_at_once_and_binds_what_it_saw(kind: ThingKind) -> None:
    things = (thing("a"), thing("b", "a"))
    seen = asyncio.run(observe(declared(*things), cast("Sight", cast("Any", NoSight()))))
    assert kind.log == ["read a", "read b", "answered a", "answered b"], "reads of one moment travel together"
    assert seen.seen == {"a": "seen a", "b": "seen b"}
    assert seen.organization == ORGANIZATION
    assert {address: each.display_name for address, each in seen.bindings.applications.items()} == {
        "a": "seen a",
        "b": "seen b",
    }
