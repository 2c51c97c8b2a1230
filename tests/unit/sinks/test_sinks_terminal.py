"""The terminal sink shows once, keeps no value, and counts what was shown as held."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from provisioner.errors import Declined, InputFault, SinkFault
from provisioner.model.identifiers import KeyId, TenantId
from provisioner.model.secret import Secret
from provisioner.model.slot import Entry, SlotName, SlotRecord, Stored
from provisioner.sinks import open_sink

SLOT = SlotName(TenantId("11111111-2222-3333-4444-555555555555"), "cryptshare", "main", "mail")
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
KEY = KeyId("aaaaaaaa-0000-0000-0000-000000000001")
VALUE = "planted-value-that-no-file-may-hold"
INTENDED = SlotRecord(pending=Entry("i1", NOW), intents=("i1",))
PENDING = SlotRecord(pending=Entry("i1", NOW, KEY), intents=("i1",))


class Person:
    def __init__(self, *, interactive: bool = True, declines: bool = False) -> None:
        self.interactive = interactive
        self.declines = declines
        self.shown: list[tuple[str, str]] = []

    async def show_once(self, title: str, secret: Secret) -> None:
        if self.declines:
            raise Declined("the secret was not noted")
        self.shown.append((title, secret.reveal()))


def test_a_value_is_shown_once_and_kept_nowhere(tmp_path: Path) -> None:
    person = Person()
    sink = open_sink("terminal", tmp_path, person)
    assert not sink.readable
    asyncio.run(sink.probe())
    asyncio.run(sink.save(SLOT, INTENDED, {}))
    assert asyncio.run(sink.load(SLOT)) == Stored(INTENDED)
    asyncio.run(sink.save(SLOT, PENDING, {KEY: Secret(VALUE)}))
    asyncio.run(sink.save(SLOT, PENDING, {KEY: Secret(VALUE)}))
    assert [value for _, value in person.shown] == [VALUE]
    assert str(SLOT) in person.shown[0][0]

    later = open_sink("terminal", tmp_path, Person(interactive=False))
    assert asyncio.run(later.load(SLOT)) == Stored(PENDING, frozenset({KEY}))
    promoted = SlotRecord(current=PENDING.pending, intents=("i1",))
    asyncio.run(later.save(SLOT, promoted, {}))
    assert asyncio.run(later.load(SLOT)) == Stored(promoted, frozenset({KEY}))
    for each in tmp_path.rglob("*"):
        if each.is_file():
            assert VALUE.encode() not in each.read_bytes()


def test_what_was_not_noted_is_not_held(tmp_path: Path) -> None:
    sink = open_sink("terminal", tmp_path, Person(declines=True))
    asyncio.run(sink.save(SLOT, INTENDED, {}))
    with pytest.raises(Declined):
        asyncio.run(sink.save(SLOT, PENDING, {KEY: Secret(VALUE)}))
    assert asyncio.run(sink.load(SLOT)) == Stored(INTENDED)


def test_nobody_there(tmp_path: Path) -> None:
    person = Person(interactive=False)
    sink = open_sink("terminal", tmp_path, person)
    with pytest.raises(SinkFault, match="nobody"):
        asyncio.run(sink.probe())
    with pytest.raises(SinkFault, match="nobody"):
        asyncio.run(sink.save(SLOT, PENDING, {KEY: Secret(VALUE)}))
    assert person.shown == []
    assert asyncio.run(sink.load(SLOT)) == Stored()


def test_it_never_gives_a_value_back(tmp_path: Path) -> None:
    sink = open_sink("terminal", tmp_path, Person())
    asyncio.run(sink.save(SLOT, PENDING, {KEY: Secret(VALUE)}))
    with pytest.raises(SinkFault, match="shown once"):
        asyncio.run(sink.fetch(SLOT, KEY))
    assert "terminal" in sink.reference_of(SLOT)
    asyncio.run(sink.discard(SLOT))
    assert asyncio.run(sink.load(SLOT)) == Stored()


@pytest.mark.parametrize("reference", ["", "vault", "Age", "terminal:x", "terminal"])
def test_references_that_open_nothing(tmp_path: Path, reference: str) -> None:
    with pytest.raises(InputFault):
        open_sink(reference, tmp_path, None)
    assert not list(tmp_path.iterdir())


def test_slot_names_make_safe_and_different_paths() -> None:
    texts = [
        "main", "Main", "MAIN", "m.ain", "m/ain", "..", ".", "", "con", "nul", "com1", "aux.txt", "a b", "a-b", "a\nb",
        "ünïcode", "u" * 300, "u" * 301, "main~0123456789abcdef", "\u202emain", "-x", "a\ud800",
    ]  # fmt: skip
    slots = [replace(SLOT, **{field: text}) for text in texts for field in ("instance", "application", "slot")]
    paths = {("/".join(each.path)).lower() for each in (SLOT, *slots)}
    assert len(paths) == len({SLOT, *slots})
    for each in slots:
        folder, stem = each.path
        assert folder == SLOT.tenant_id
        assert len(stem) <= 200
        assert stem.isascii()
        assert not set(stem) & set('/\\:*?"<>| \n')
        assert stem.split(".")[0] not in {"con", "nul", "com1", ""}
        assert stem.count(".") == 2
