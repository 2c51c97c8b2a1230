"""`next_step` over every state, crash and stale read: a small world is driven until it rests, and must be right."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.custody.next_step import (
    ABSENCE_COUNTS_AFTER,
    EMPTY,
    LOOK_AGAIN_AFTER,
    Await,
    BeginOverlap,
    Discard,
    Done,
    Goal,
    Mint,
    Promote,
    Prove,
    Retire,
    Situation,
    Stuck,
    held_elsewhere,
    next_step,
)
from provisioner.model.identifiers import KeyId
from provisioner.model.observed import PasswordCredential
from provisioner.model.slot import Entry, SlotRecord

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PREFIX = "provisioner/acme_mailer_default/main.mail/"
LIFE = timedelta(days=180)


def key(name: str, intent: str | None, *, end: datetime = NOW + LIFE) -> PasswordCredential:
    return PasswordCredential(KeyId(name), None if intent is None else PREFIX + intent, name[:3], NOW, end)


def entry(intent: str, name: str | None = None, *, age: timedelta = timedelta(), proven: bool = False) -> Entry:
    return Entry(intent, NOW - age, KeyId(name) if name else None, None, NOW + LIFE if name else None, proven)


def situation(record: SlotRecord | None, *shown: PasswordCredential, **more: object) -> Situation:
    held = more.pop("held", frozenset(record.key_ids) if record is not None else frozenset())
    return Situation(
        record=record,
        held=held,  # type: ignore[arg-type]
        readable=bool(more.pop("readable", True)),
        in_hand=more.pop("in_hand", frozenset()),  # type: ignore[arg-type]
        credentials=shown,
        tag_prefix=PREFIX,
        now=NOW,
        **more,  # type: ignore[arg-type]
    )


HELD = SlotRecord(None, entry("a", "k1", proven=True), (), ("a",))
WEEK = timedelta(days=7)


def replaced(*, minted: timedelta, promoted: timedelta | None, **more: object) -> Situation:
    """A rotation that stands in its overlap: both times are ages."""
    current = replace(entry("a", "k1", age=minted, proven=True), promoted=None if promoted is None else NOW - promoted)
    record = replace(HELD, current=current, previous=(entry("z", "k0", age=LIFE),))
    return situation(record, key("k1", "a"), key("k0", "z"), goal=Goal.ROTATE, overlap=WEEK, **more)


TABLE = [
    ("nothing at all", situation(None), Mint()),
    ("an intent, nothing seen, fresh: look again", situation(SlotRecord(entry("a"), None, (), ("a",))), Await),
    (
        "an intent, nothing seen, old enough",
        situation(SlotRecord(entry("a", age=LOOK_AGAIN_AFTER), None, (), ("a",))),
        Mint(),
    ),
    (
        "an intent whose key shows up and is not held",
        situation(SlotRecord(entry("a"), None, (), ("a",)), key("k1", "a")),
        Discard((KeyId("k1"),)),
    ),
    (
        "an older intent's key shows up late",
        situation(replace(HELD, intents=("old", "a")), key("k1", "a"), key("k0", "old")),
        Discard((KeyId("k0"),)),
    ),
    (
        "somebody else's key of this slot stays",
        situation(HELD, key("k1", "a"), key("k9", "elsewhere")),
        Done(),
    ),
    ("a foreign key stays", situation(HELD, key("k1", "a"), key("portal", None)), Done()),
    (
        "stored, not proven",
        situation(SlotRecord(entry("a", "k1"), None, (), ("a",)), key("k1", "a")),
        Prove(KeyId("k1")),
    ),
    (
        "stored, not proven, and a stale replica does not show it",
        situation(SlotRecord(entry("a", "k1"), None, (), ("a",))),
        Prove(KeyId("k1")),
    ),
    (
        "proven, not promoted",
        situation(SlotRecord(entry("a", "k1", proven=True), None, (), ("a",)), key("k1", "a")),
        Promote(KeyId("k1")),
    ),
    ("current and shown", situation(HELD, key("k1", "a")), Done()),
    ("current, not shown, but young: a stale replica", situation(HELD), Done()),
    (
        "current, not shown, old: somebody removed it",
        situation(replace(HELD, current=entry("a", "k1", age=ABSENCE_COUNTS_AFTER))),
        Mint(),
    ),
    (
        "current of an application that was deleted and made anew",
        situation(HELD, application_created=NOW + timedelta(seconds=1)),
        Mint(),
    ),
    ("current has expired", situation(HELD, key("k1", "a", end=NOW)), Mint()),
    ("the sink lost the value", situation(HELD, key("k1", "a"), held=frozenset()), Stuck),
    (
        "write-only sink, value still in memory",
        situation(
            SlotRecord(entry("a", "k1"), None, (), ("a",)),
            key("k1", "a"),
            readable=False,
            held=frozenset(),
            in_hand=frozenset({KeyId("k1")}),
        ),
        Prove(KeyId("k1")),
    ),
    (
        "write-only sink that keeps it: nobody here can prove it",
        situation(SlotRecord(entry("a", "k1"), None, (), ("a",)), key("k1", "a"), readable=False),
        Promote(KeyId("k1")),
    ),
    (
        "write-only sink that holds nothing: the value is lost",
        situation(SlotRecord(entry("a", "k1"), None, (), ("a",)), key("k1", "a"), readable=False, held=frozenset()),
        Discard((KeyId("k1"),)),
    ),
    (
        "rotation: due",
        situation(HELD, key("k1", "a"), goal=Goal.ROTATE, renew_before=LIFE),
        Mint(),
    ),
    ("rotation: not due, nothing old", situation(HELD, key("k1", "a"), goal=Goal.ROTATE), Done()),
    (
        "rotation: the old one overlaps",
        replaced(minted=timedelta(days=1), promoted=timedelta(days=1)),
        Await(NOW + timedelta(days=6), "the product may still use the old secret"),
    ),
    (
        "rotation: minted long ago, but refused until a moment ago, so nobody had it before",
        replaced(minted=timedelta(days=8), promoted=timedelta(minutes=10)),
        Await(NOW + WEEK - timedelta(minutes=10), "the product may still use the old secret"),
    ),
    (
        "rotation: an earlier version did not note since when it could be had",
        replaced(minted=timedelta(days=8), promoted=None),
        BeginOverlap(),
    ),
    (
        "rotation: an earlier version did not note it, and a person says that the new one is in use",
        replaced(minted=timedelta(days=8), promoted=None, replacement_in_use=True),
        Retire((KeyId("k0"),)),
    ),
    (
        "rotation: the overlap since the promotion is over",
        replaced(minted=timedelta(days=8), promoted=WEEK),
        Retire((KeyId("k0"),)),
    ),
    (
        "rotation: overlap over, exactly the old one goes",
        situation(
            replace(HELD, previous=(entry("z", "k0", age=LIFE),)),
            key("k1", "a"),
            key("k0", "z"),
            key("portal", None),
            goal=Goal.ROTATE,
        ),
        Retire((KeyId("k0"),)),
    ),
    (
        "rotation: the new one is not shown, so the old one may be the last valid one",
        situation(
            replace(HELD, previous=(entry("z", "k0", age=LIFE),)),
            key("k0", "z"),
            goal=Goal.ROTATE,
            replacement_in_use=True,
        ),
        Stuck,
    ),
]


@pytest.mark.parametrize(("state", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_every_named_state(state: Situation, expected: object) -> None:
    step = next_step(state)
    if isinstance(expected, type):
        assert isinstance(step, expected)
    else:
        assert step == expected


def test_keys_of_another_sink_are_reported_and_only_those() -> None:
    state = situation(HELD, key("k1", "a"), key("k9", "elsewhere"), key("portal", None))
    assert [each.key_id for each in held_elsewhere(state)] == ["k9"]


class Killed(Exception):
    """The process dies here."""


@dataclass
class World:
    """Entra and a sink; every operation may be the last of a process, and reads may be stale.

    `rotating` says for how long the old secret stays; without it a run holds one secret.
    """

    shown_after: timedelta
    rotating: timedelta | None = None
    refused_until: datetime = NOW
    now: datetime = NOW
    gone: dict[str, tuple[str, datetime, datetime]] = field(default_factory=dict)
    """What was removed and when; a stale replica goes on showing it."""
    had_since: dict[str, datetime] = field(default_factory=dict)
    """When a key became current, as an onlooker saw it."""
    keys: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    record: SlotRecord = EMPTY
    values: set[KeyId] = field(default_factory=set)
    made: int = 0
    intents: int = 0
    removed: list[str] = field(default_factory=list)
    kill_at: int = -1
    operations: int = 0

    def operation(self) -> None:
        self.operations += 1
        if self.operations == self.kill_at:
            raise Killed
        self.now += timedelta(milliseconds=100)

    def read(self) -> tuple[PasswordCredential, ...]:
        self.operation()
        gone = {name: each[:2] for name, each in self.gone.items() if self.now - each[2] < self.shown_after}
        return tuple(
            PasswordCredential(KeyId(name), tag, None, made, made + LIFE)
            for name, (tag, made) in (self.keys | gone).items()
            if self.now - made >= self.shown_after
        )

    def save(self, record: SlotRecord, *values: KeyId) -> None:
        self.operation()
        self.record = record
        self.values = (self.values | set(values)) & set(record.key_ids)
        if record.current is not None and record.current.key_id is not None:
            self.had_since.setdefault(record.current.key_id, self.now)
        self.operation()

    def remove(self, name: KeyId) -> None:
        self.operation()
        if name in self.keys:
            self.gone[name] = (*self.keys.pop(name), self.now)

    def situation(self, removed: set[KeyId]) -> Situation:
        shown = tuple(each for each in self.read() if each.key_id not in removed)
        made = Situation(
            self.record, frozenset(self.values), True, frozenset(), shown, PREFIX, self.now, NOW - 2 * LIFE
        )
        if self.rotating is None:
            return made
        return replace(made, goal=Goal.ROTATE, renew_before=timedelta(days=30), overlap=self.rotating)

    def turn(self) -> None:
        """One rotation: plan by one look, then carry out what that look planned."""
        planned = next_step(self.situation(set()))
        if not isinstance(planned, (Done, Await, Stuck)):
            self.run(planned.key_ids if isinstance(planned, Retire) else ())

    def run(self, retiring: tuple[KeyId, ...] = ()) -> None:
        """One process, doing what drive does, until done."""
        removed: set[KeyId] = set()
        for _ in range(60):
            step = next_step(self.situation(removed))
            record = self.record
            match step:
                case Done():
                    return
                case Stuck() if self.rotating is not None:
                    return
                case Await(until) if self.rotating is not None and until > self.now + timedelta(minutes=4):
                    return
                case Await(until):
                    self.now = until + timedelta(milliseconds=100)
                case Mint() if retiring:
                    return
                case BeginOverlap():
                    assert record.current is not None
                    self.save(replace(record, current=replace(record.current, promoted=self.now)))
                case Retire(key_ids):
                    if set(key_ids) <= set(retiring):
                        self.retire(record, key_ids)
                    return
                case Prove() if self.now < self.refused_until:
                    return
                case Mint():
                    self.intents += 1
                    intent = f"intent{self.intents}"
                    pending = Entry(intent, self.now)
                    intended = replace(record, pending=pending, intents=(*record.intents, intent))
                    self.save(intended)
                    self.operation()
                    self.made += 1
                    name = KeyId(f"key{self.made}")
                    self.keys[name] = (PREFIX + intent, self.now)
                    self.operation()
                    self.save(replace(intended, pending=replace(pending, key_id=name, end=self.now + LIFE)), name)
                case Prove():
                    assert record.pending is not None
                    self.operation()
                    self.save(replace(record, pending=replace(record.pending, proven=True)))
                case Promote():
                    assert record.pending is not None
                    previous = (*record.previous, record.current) if record.current is not None else record.previous
                    current = replace(record.pending, promoted=self.now)
                    self.save(replace(record, pending=None, current=current, previous=previous))
                case Discard(key_ids):
                    for each in key_ids:
                        assert each not in self.values, "a held key was removed"
                        self.remove(each)
                        self.removed.append(each)
                    removed.update(key_ids)
                case _:
                    raise AssertionError(f"{step} in a plain run")
        raise AssertionError("it does not come to rest")

    def retire(self, record: SlotRecord, key_ids: tuple[KeyId, ...]) -> None:
        assert self.rotating is not None
        assert record.current is not None
        assert record.current.key_id in self.keys, "the last valid key would go"
        assert record.current.key_id in self.values, "nobody could have it"
        assert self.now - self.had_since[record.current.key_id] >= self.rotating, "nobody had it for long enough"
        for each in key_ids:
            self.remove(each)
        self.save(replace(record, previous=tuple(each for each in record.previous if each.key_id not in key_ids)))


def finished(world: World) -> None:
    """Everything that must hold once all replicas agree."""
    world.now += timedelta(hours=1)
    world.kill_at = -1
    world.run()
    assert world.record.pending is None
    assert world.record.current is not None
    assert world.record.current.key_id is not None
    assert set(world.keys) == {world.record.current.key_id}, "not exactly one live key"
    assert world.values == {world.record.current.key_id}


@pytest.mark.parametrize("lag", [timedelta(), timedelta(seconds=3), timedelta(seconds=18), timedelta(minutes=2)])
def test_killed_at_every_operation_and_once_more_on_the_way_back(lag: timedelta) -> None:
    plain = World(lag)
    plain.run()
    operations = plain.operations
    finished(plain)
    for first, second in itertools.product(range(1, operations + 1), range(16)):
        world = World(lag, kill_at=first)
        with pytest.raises(Killed):
            world.run()
        world.kill_at = world.operations + second if second else -1
        try:
            world.run()
        except Killed:
            world.kill_at = -1
            world.run()
        finished(world)


@pytest.mark.parametrize("undated", [False, True], ids=["", "by an earlier version"])
@pytest.mark.parametrize("refused", [timedelta(), timedelta(days=9)], ids=["accepted", "refused for nine days"])
@pytest.mark.parametrize("lag", [timedelta(), timedelta(seconds=18), timedelta(minutes=2)])
def test_a_rotation_killed_at_every_operation_leaves_the_old_key_for_the_whole_overlap(
    lag: timedelta, refused: timedelta, undated: bool
) -> None:
    """`World.retire` holds each removal against what an onlooker saw."""

    def days(world: World, kill_at: int = -1) -> int:
        """A month of daily runs from the day it is due; how many operations they took."""
        forgets = undated
        world.run()
        world.rotating = WEEK
        world.now += timedelta(days=155)
        world.refused_until = world.now + refused
        world.operations, world.kill_at = 0, kill_at
        for _ in range(30):
            try:
                world.turn()
            except Killed:
                world.kill_at = -1
            current = world.record.current
            if forgets and len(world.had_since) == 2 and current is not None:
                forgets = False
                world.record = replace(world.record, current=replace(current, promoted=None))
                world.had_since[str(current.key_id)] = world.now
            world.now += timedelta(days=1)
        return world.operations

    operations = days(World(lag))
    assert operations > 30
    for point in range(1, operations + 1):
        world = World(lag)
        days(world, point)
        assert world.record.current is not None
        assert world.record.current.key_id is not None
        assert set(world.keys) == {world.record.current.key_id} <= world.values
        assert world.record.current.created - NOW > timedelta(days=150), "it is the successor"


entries = st.builds(
    Entry,
    intent=st.sampled_from(["a", "b", "c"]),
    created=st.sampled_from([NOW, NOW - timedelta(seconds=30), NOW - timedelta(hours=1)]),
    key_id=st.sampled_from([None, KeyId("k1"), KeyId("k2"), KeyId("k3")]),
    end=st.sampled_from([NOW - timedelta(days=1), NOW + LIFE]),
    proven=st.booleans(),
    promoted=st.sampled_from([None, NOW - timedelta(hours=1), NOW - timedelta(days=1)]),
)
records = st.builds(
    SlotRecord,
    pending=st.none() | entries,
    current=st.none() | entries,
    previous=st.lists(entries, max_size=2).map(tuple),
    intents=st.lists(st.sampled_from(["a", "b", "c"]), unique=True).map(tuple),
)
keys = st.builds(
    key,
    st.sampled_from(["k1", "k2", "k3", "k4"]),
    st.sampled_from([None, "a", "b", "c", "elsewhere"]),
    end=st.sampled_from([NOW - timedelta(days=1), NOW + LIFE]),
)


@settings(max_examples=1500, deadline=None)
@given(
    record=st.none() | records,
    shown=st.lists(keys, max_size=4, unique_by=lambda each: each.key_id).map(tuple),
    held=st.frozensets(st.sampled_from([KeyId("k1"), KeyId("k2"), KeyId("k3")])),
    readable=st.booleans(),
    goal=st.sampled_from(list(Goal)),
    overlap=st.sampled_from([timedelta(), timedelta(days=1)]),
    in_use=st.booleans(),
)
def test_nothing_foreign_and_nothing_held_is_ever_removed(
    record: SlotRecord | None,
    shown: tuple[PasswordCredential, ...],
    held: frozenset[KeyId],
    readable: bool,
    goal: Goal,
    overlap: timedelta,
    in_use: bool,
) -> None:
    state = Situation(record, held, readable, frozenset(), shown, PREFIX, NOW, None, goal, timedelta(), overlap, in_use)
    step = next_step(state)
    known = (record or EMPTY).key_ids
    intents = (record or EMPTY).intents
    by_id = {each.key_id: each for each in shown}
    if isinstance(step, Discard):
        for each in step.key_ids:
            assert each not in held
            tag = (by_id[each].display_name or "") if each in by_id else ""
            assert each in known or tag.removeprefix(PREFIX) in intents
    if isinstance(step, Retire):
        assert record is not None
        assert record.current is not None
        assert record.current.key_id in by_id, "the last valid key would go"
        assert record.current.key_id not in step.key_ids or record.current.key_id in {
            each.key_id for each in record.previous
        }
        assert set(step.key_ids) <= {each.key_id for each in record.previous}
        had_since = record.current.promoted
        assert in_use or overlap == timedelta() or (had_since is not None and NOW - had_since >= overlap)
    if isinstance(step, BeginOverlap):
        assert goal is Goal.ROTATE
        assert record is not None
        assert record.current is not None
        assert record.current.promoted is None, "an overlap that has begun does not begin again"
