"""`drive` over a sink and a directory that keep a log: the order that loses nothing, and a kill at every operation."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from time_doubles import NOW, VirtualClock

from provisioner.custody import DriveResult, Terms, drive
from provisioner.custody.next_step import EMPTY, Goal
from provisioner.errors import Absent, NotYet, ProvisionerError, Refused, ServiceFault, SinkFault, UnknownOutcome
from provisioner.model.events import Event
from provisioner.model.faults import Fault
from provisioner.model.identifiers import KeyId, TenantId
from provisioner.model.observed import PasswordCredential
from provisioner.model.secret import Secret
from provisioner.model.slot import Entry, SlotName, SlotRecord, Stored
from provisioner.pace import Deadline

SLOT = SlotName(TenantId("t"), "acme_mailer_default", "main", "mail")
PREFIX = "provisioner/acme_mailer_default/main.mail/"
LIFE = timedelta(days=180)
TERMS = Terms(SLOT, PREFIX, LIFE, NOW - timedelta(hours=1))
GATEWAY = Fault("graph", "POST /addPassword", 504, "UnknownError", "gateway")


class Killed(BaseException):
    """The process is gone."""


@dataclass
class World:
    """A sink and a directory over one log, with a kill before any operation."""

    clock: VirtualClock = field(default_factory=VirtualClock)
    log: list[str] = field(default_factory=list)
    kill_at: int = -1
    readable: bool = True
    shown_after: timedelta = timedelta()
    record: SlotRecord | None = None
    values: dict[KeyId, Secret] = field(default_factory=dict)
    keys: dict[KeyId, PasswordCredential] = field(default_factory=dict)
    texts: dict[KeyId, str] = field(default_factory=dict)
    refusals: list[str | None] = field(default_factory=list)
    mint_faults: list[tuple[ProvisionerError, bool]] = field(default_factory=list)
    """What the next mints raise, and whether they have minted all the same."""
    mint_takes: timedelta = timedelta()
    sink_faults: dict[str, SinkFault] = field(default_factory=dict)
    made: int = 0
    events: list[Event] = field(default_factory=list)

    def operation(self, name: str) -> None:
        self.log.append(name)
        if len(self.log) == self.kill_at:
            raise Killed
        if name in self.sink_faults:
            raise self.sink_faults.pop(name)
        self.clock.time += timedelta(milliseconds=50)

    # the sink

    @property
    def reference(self) -> str:
        return "memory"

    def reference_of(self, slot: SlotName) -> str:
        return str(slot)

    async def probe(self) -> None:
        self.operation("probe")

    async def load(self, slot: SlotName) -> Stored:
        assert slot == SLOT
        return Stored(self.record, frozenset(self.values))

    async def save(self, slot: SlotName, record: SlotRecord, values: Mapping[KeyId, Secret]) -> None:
        what = "value" if values else "intent" if record.pending and record.pending.key_id is None else "record"
        self.operation(f"save {what}")
        old = self.record or EMPTY
        assert set(old.intents) <= set(record.intents), "an intent was forgotten"
        self.record = record
        self.values = {key: value for key, value in {**self.values, **values}.items() if key in record.key_ids}
        self.operation(f"saved {what}")

    async def fetch(self, slot: SlotName, key_id: KeyId) -> Secret:
        assert self.readable, "a write-only sink was asked for a value"
        return self.values[key_id]

    async def discard(self, slot: SlotName) -> None:
        raise AssertionError("drive forgets nothing")

    # the directory

    async def read(self) -> tuple[PasswordCredential, ...]:
        self.operation("read")
        return tuple(each for each in self.keys.values() if self.clock.now() - each.start >= self.shown_after)

    async def mint(self, display_name: str, end: datetime) -> Any:
        self.operation("mint")
        fault, minted = self.mint_faults.pop(0) if self.mint_faults else (None, True)
        if minted:
            self.made += 1
            key = KeyId(f"key{self.made}")
            now = self.clock.now()
            self.keys[key] = PasswordCredential(key, display_name, f"s{self.made}", now, end)
            self.texts[key] = f"s{self.made}cret-{display_name}"
        self.clock.time += self.mint_takes
        if fault is not None:
            raise fault
        self.operation("minted")
        return Minted(key, Secret(self.texts[key]), f"s{self.made}", now, end)

    async def remove(self, key_id: KeyId) -> None:
        self.operation("remove")
        assert key_id not in self.values or self.record is not None, "a held key"
        self.keys.pop(key_id, None)

    async def prove(self, secret: Secret) -> str | None:
        self.operation("prove")
        refused = self.refusals.pop(0) if self.refusals else None
        assert any(secret.same_as(Secret(text)) for text in self.texts.values()), "not the value that was minted"
        return refused

    def run(self, terms: Terms = TERMS, *, seconds: float = 600, **more: Any) -> DriveResult:
        return asyncio.run(
            drive(
                terms,
                self,
                self,
                clock=self.clock,
                events=self.events.append,
                deadline=Deadline.after(self.clock, seconds),
                **more,
            )
        )


@dataclass(frozen=True)
class Minted:
    key_id: KeyId
    secret: Secret
    hint: str | None
    start: datetime | None
    end: datetime


def current(world: World) -> Entry:
    assert world.record is not None
    assert world.record.current is not None
    return world.record.current


def sound(world: World) -> None:
    """One live key, which is what the sink holds."""
    assert world.record is not None
    assert world.record.pending is None
    assert set(world.keys) == {current(world).key_id} == set(world.values)
    key = current(world).key_id
    assert key is not None
    assert world.values[key].same_as(Secret(world.texts[key]))
    assert (world.keys[key].display_name or "") == PREFIX + current(world).intent


# --- the order


def test_probe_intent_mint_store_prove_promote() -> None:
    world = World()
    result = world.run()
    order = [each for each in world.log if not each.startswith("saved")]
    assert order == [
        "read",
        "probe",
        "save intent",
        "mint",
        "minted",
        "save value",
        "prove",
        "save record",
        "save record",
    ]
    assert (result.minted, result.not_yet, result.stuck) == (True, None, None)
    assert current(world).proven
    sound(world)


def test_the_intent_is_in_the_sink_before_the_key_can_exist_and_in_its_name() -> None:
    world = World(kill_at=5)  # before the mint
    with pytest.raises(Killed):
        world.run()
    assert world.log[-2:] == ["saved intent", "mint"]
    assert world.record is not None
    assert world.record.pending is not None
    assert world.record.pending.key_id is None
    assert world.record.intents == (world.record.pending.intent,)


def test_the_value_is_in_the_sink_before_anything_else_may_fail() -> None:
    world = World(refusals=["AADSTS7000215 so far"])
    result = world.run()
    assert result.not_yet == "AADSTS7000215 so far"
    assert world.record is not None
    assert world.record.pending is not None
    (key,) = world.keys
    assert set(world.values) == {key}, "not proven, but not lost"
    again = world.run()
    assert (again.minted, again.not_yet) == (False, None)
    sound(world)


def test_a_secret_ends_when_its_life_does_and_not_after_what_it_opens() -> None:
    world = World()
    world.run(replace(TERMS, latest_end=NOW + timedelta(days=30)))
    assert current(world).end == NOW + timedelta(days=30)
    other = World()
    other.run()
    end = current(other).end
    assert end is not None
    assert abs(end - (NOW + LIFE)) < timedelta(seconds=2)
    assert end.microsecond == 0


def test_a_second_run_does_nothing() -> None:
    world = World()
    world.run()
    world.log.clear()
    result = world.run()
    assert (world.log, result.minted) == (["read"], False)


def test_what_the_caller_has_just_read_is_not_read_again() -> None:
    world = World()
    world.run(known=())
    assert "read" not in world.log
    sound(world)


def test_a_write_only_sink_is_never_asked_for_the_value() -> None:
    world = World(readable=False)
    world.run()
    sound(world)


# --- faults


def test_a_sink_that_cannot_be_written_costs_nothing() -> None:
    for place in ("probe", "save intent"):
        world = World(sink_faults={place: SinkFault("memory", "the disk is full")})
        with pytest.raises(SinkFault):
            world.run()
        assert world.keys == {}


def test_a_sink_that_fails_with_the_value_in_hand_leaves_an_orphan_that_the_next_run_sweeps_up() -> None:
    world = World(sink_faults={"save value": SinkFault("memory", "the disk is full")})
    with pytest.raises(SinkFault):
        world.run()
    (orphan,) = world.keys
    world.run()
    sound(world)
    assert orphan not in world.keys


@pytest.mark.parametrize("minted", [True, False])
@pytest.mark.parametrize("lag", [timedelta(), timedelta(seconds=10)])
@pytest.mark.parametrize("takes", [timedelta(), timedelta(seconds=100)])
def test_an_unknown_outcome_is_looked_at_before_another_mint(minted: bool, lag: timedelta, takes: timedelta) -> None:
    world = World(mint_faults=[(UnknownOutcome(GATEWAY), minted)], shown_after=lag, mint_takes=takes)
    world.run(known=())
    assert world.made == 1 + minted
    assert world.log.index("read", world.log.index("mint")) < len(world.log) - world.log[::-1].index("mint") - 1
    sound(world)


@pytest.mark.parametrize("fault", [Refused(GATEWAY), NotYet(GATEWAY), Absent(GATEWAY), ServiceFault(GATEWAY)])
def test_a_mint_that_certainly_failed_leaves_no_key_to_wait_for(fault: ServiceFault) -> None:
    world = World(mint_faults=[(fault, False)])
    with pytest.raises(type(fault)):
        world.run()
    assert world.record is not None
    assert world.record.pending is None
    assert len(world.record.intents) == 1, "the intent itself is never forgotten"
    world.run()
    assert world.clock.slept == []
    sound(world)


def test_no_event_and_no_error_holds_the_secret() -> None:
    world = World(mint_faults=[(UnknownOutcome(GATEWAY), True)], refusals=["so far"])
    result = world.run()
    told = repr([result, world.events, world.record])
    assert all(text not in told for text in world.texts.values())


# --- others' keys


def a_key(name: str, display_name: str | None, *, age: timedelta = timedelta(days=1)) -> PasswordCredential:
    return PasswordCredential(KeyId(name), display_name, "abc", NOW - age, NOW + LIFE)


FOREIGN = {
    each.key_id: each
    for each in (
        a_key("portal", None),
        a_key("by-hand", "provisioner"),
        a_key("other-slot", "provisioner/acme_mailer_default/main.other/a"),
        a_key("other-sink", PREFIX + "0123456789abcdef"),
    )
}


def test_keys_of_others_stay() -> None:
    world = World(keys=dict(FOREIGN))
    world.run()
    assert FOREIGN.keys() <= world.keys.keys()
    assert len(world.keys) == len(FOREIGN) + 1


# --- rotation

ROTATE = replace(TERMS, goal=Goal.ROTATE, renew_before=timedelta(days=30), overlap=timedelta(days=7))


def retiring(world: World, **said: Any) -> Terms:
    """What `rotate` hands down where its plan says that the replaced keys go."""
    assert world.record is not None
    old = frozenset(each.key_id for each in world.record.previous if each.key_id is not None)
    assert old
    return replace(ROTATE, retiring=old, **said)


def due() -> World:
    world = World(keys=dict(FOREIGN))
    world.run()
    world.clock.time += timedelta(days=160)
    return world


def test_rotation_mints_a_successor_beside_the_old_key_and_retires_it_after_the_overlap() -> None:
    world = due()
    old = current(world).key_id
    first = world.run(ROTATE)
    assert first.minted
    assert first.not_yet is not None
    new = current(world).key_id
    assert old != new
    assert {old, new} <= set(world.keys)
    assert set(world.values) == {old, new}
    assert world.run(ROTATE).not_yet is not None, "still within the overlap"
    world.clock.time += timedelta(days=7)
    world.run(retiring(world))
    assert set(world.keys) == {new, *FOREIGN}
    assert set(world.values) == {new}


def test_a_persons_word_ends_the_overlap() -> None:
    world = due()
    world.run(ROTATE)
    world.run(retiring(world, replacement_in_use=True))
    assert set(world.keys) == {current(world).key_id, *FOREIGN}


def test_the_overlap_counts_from_when_the_new_secret_could_be_had() -> None:
    """Until it is promoted nobody is shown it: a week of refusals is no week beside the old one."""
    world = due()
    world.refusals = ["AADSTS53003 so far"]
    old = current(world).key_id
    world.run(ROTATE)
    world.clock.time += timedelta(days=8)
    assert world.run(ROTATE).not_yet is not None
    promoted = world.clock.now()
    assert current(world).key_id != old
    for passed in (timedelta(minutes=10), timedelta(days=6)):
        world.clock.time = promoted + passed
        world.run(retiring(world))
        assert old in world.keys
    world.clock.time = promoted + timedelta(days=7)
    world.run(retiring(world))
    assert set(world.keys) == {current(world).key_id, *FOREIGN}


def test_of_a_record_without_that_time_the_overlap_counts_from_the_first_run_that_sees_it() -> None:
    world = due()
    old = current(world).key_id
    world.run(ROTATE)
    assert world.record is not None
    world.record = replace(world.record, current=replace(current(world), promoted=None))
    world.clock.time += timedelta(days=100)
    assert world.run(retiring(world)).not_yet is not None
    assert old in world.keys
    world.clock.time += timedelta(days=7)
    world.run(retiring(world))
    assert set(world.keys) == {current(world).key_id, *FOREIGN}


def test_a_run_that_is_to_remove_mints_nothing() -> None:
    """Both is due: the replaced key was left for half a year. One thing was agreed to."""
    world = due()
    world.run(ROTATE)
    world.clock.time += timedelta(days=160)
    new = current(world).key_id
    assert world.run(retiring(world)) == DriveResult(world.record or EMPTY)
    assert set(world.keys) == {new, *FOREIGN}
    assert world.run(ROTATE).minted


def test_a_run_that_is_not_to_remove_retires_nothing() -> None:
    world = due()
    world.run(ROTATE)
    before = set(world.keys)
    world.clock.time += timedelta(days=8)
    assert world.run(ROTATE).not_yet is not None
    assert world.run(replace(ROTATE, retiring=frozenset({KeyId("portal")}))).not_yet is not None
    assert set(world.keys) == before


@pytest.mark.parametrize("stale", [False, True], ids=["", "known from before"])
@pytest.mark.parametrize("readable", [False, True], ids=["write-only", ""])
def test_the_last_working_key_is_never_removed_whatever_somebody_removed_meanwhile(stale: bool, readable: bool) -> None:
    lives = {"the old": [True, False], "the new": [True, False], "in use": [True, False], "retires": [True, False]}
    ages = [timedelta(minutes=1), timedelta(hours=1), timedelta(days=8), timedelta(days=160)]
    removals = 0
    for keeps_old, keeps_new, in_use, retires in itertools.product(*lives.values()):
        for age in ages:
            world = due()
            world.readable = readable
            old = current(world).key_id
            world.run(ROTATE)
            new = current(world).key_id
            assert old is not None
            assert new is not None
            world.clock.time += age
            terms = retiring(world) if retires else ROTATE
            known = asyncio.run(world.read())
            for key, stays in ((old, keeps_old), (new, keeps_new)):
                if not stays:
                    del world.keys[key]
            working = set(world.keys) & set(world.values)
            world.run(replace(terms, replacement_in_use=in_use), known=known if stale else None)
            assert not working or set(world.keys) & set(world.values), "nothing works any more"
            gone = working - set(world.keys)
            assert gone <= {old}
            assert not gone or (keeps_new and retires and (in_use or age > timedelta(days=7)))
            removals += len(gone)
    assert removals == 6, "where it may go, it goes"


@pytest.mark.parametrize("said", [{"replacement_in_use": True}, {"overlap": timedelta()}], ids=str)
def test_no_run_removes_the_key_that_it_has_just_replaced(said: dict[str, Any]) -> None:
    world = due()
    old = current(world).key_id
    result = world.run(replace(ROTATE, **said))
    assert result.minted
    assert result.not_yet is not None
    assert set(world.keys) == {old, current(world).key_id, *FOREIGN}
    world.run(retiring(world, **said))
    assert set(world.keys) == {current(world).key_id, *FOREIGN}


def test_a_lifetime_shorter_than_what_is_due_does_not_mint_for_ever() -> None:
    world = World()
    result = world.run(replace(ROTATE, lifetime=timedelta(days=10), overlap=timedelta()))
    assert result.stuck is not None
    assert world.made <= 2


def test_the_old_key_stays_where_the_new_one_is_not_accepted() -> None:
    world = due()
    world.refusals = ["refused so far"]
    old = current(world).key_id
    result = world.run(replace(ROTATE, replacement_in_use=True))
    assert result.not_yet == "refused so far"
    assert current(world).key_id == old
    assert old in world.keys


# --- killed at every operation


@pytest.mark.parametrize("lag", [timedelta(), timedelta(seconds=3), timedelta(seconds=18)])
@pytest.mark.parametrize("readable", [True, False])
def test_killed_before_every_operation_and_run_again(lag: timedelta, readable: bool) -> None:
    plain = World(shown_after=lag, readable=readable)
    plain.run()
    points = len(plain.log)
    assert points >= 12
    for point in range(1, points + 1):
        world = World(shown_after=lag, readable=readable, kill_at=point, keys=dict(FOREIGN))
        with pytest.raises(Killed):
            world.run()
        world.kill_at = -1
        world.run()
        world.clock.time += timedelta(hours=1)
        world.run()
        assert FOREIGN.keys() <= world.keys.keys()
        world.keys = {key: each for key, each in world.keys.items() if key not in FOREIGN}
        sound(world)
