"""The text of a slot's file: nothing is lost on the way, and no garbage is taken for one."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.model.identifiers import KeyId, TenantId
from provisioner.model.slot import Entry, SlotName, SlotRecord
from provisioner.sinks.slot_file import DamagedSlotFile, SlotFile, decode, encode, may_hold_values

SLOT = SlotName(TenantId("11111111-2222-3333-4444-555555555555"), "cryptshare", "main", "mail")
MOMENTS = st.datetimes(timezones=st.just(UTC), min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1))  # noqa: DTZ001
ENTRIES = st.builds(
    Entry,
    intent=st.text(),
    created=MOMENTS,
    key_id=st.none() | st.text().map(KeyId),
    hint=st.none() | st.text(),
    end=st.none() | MOMENTS,
    proven=st.booleans(),
    promoted=st.none() | MOMENTS,
)
RECORDS = st.builds(
    SlotRecord,
    pending=st.none() | ENTRIES,
    current=st.none() | ENTRIES,
    previous=st.lists(ENTRIES, max_size=3).map(tuple),
    intents=st.lists(st.text(), max_size=3).map(tuple),
)


@given(RECORDS, st.dictionaries(st.text().map(KeyId), st.text(), max_size=3))
def test_round_trip(record: SlotRecord, values: dict[KeyId, str]) -> None:
    file = SlotFile(SLOT, record, values)
    text = encode(file)
    assert decode(text, SLOT) == file
    assert encode(decode(text, SLOT)) == text
    assert may_hold_values(text) == bool(values)


def test_a_file_of_an_earlier_version_is_read_and_says_of_no_secret_since_when_it_can_be_had() -> None:
    created = datetime(2026, 5, 22, tzinfo=UTC)
    entry = Entry("i", created, KeyId("k"), "Q1w", created.replace(year=2027), proven=True, promoted=created)
    file = SlotFile(SLOT, SlotRecord(None, entry, (entry,), ("i",)), {KeyId("k"): "v"})
    document = json.loads(encode(file))
    for each in (document["record"]["current"], *document["record"]["previous"]):
        assert each.pop("promoted") == "2026-05-22T00:00:00+00:00"
    earlier = Entry("i", created, KeyId("k"), "Q1w", created.replace(year=2027), proven=True)
    read = decode(json.dumps(document).encode(), SLOT)
    assert read == SlotFile(SLOT, SlotRecord(None, earlier, (earlier,), ("i",)), {KeyId("k"): "v"})


@pytest.mark.parametrize("wrong", ["yesterday", "2026-05-22T00:00:00", 5, [], ""])
def test_a_moment_that_is_none_is_damaged(wrong: object) -> None:
    record = SlotRecord(None, Entry("i", datetime(2026, 5, 22, tzinfo=UTC), KeyId("k")), (), ("i",))
    document = json.loads(encode(SlotFile(SLOT, record)))
    document["record"]["current"]["promoted"] = wrong
    with pytest.raises(DamagedSlotFile):
        decode(json.dumps(document).encode(), SLOT)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
)


@given(st.binary() | JSON.map(lambda data: json.dumps(data).encode()))
def test_garbage_is_only_ever_damaged(text: bytes) -> None:
    with pytest.raises(DamagedSlotFile):
        decode(text, SLOT)
    assert isinstance(may_hold_values(text), bool)


@given(st.data())
def test_one_wrong_value_is_damaged_or_read_as_it_stands(data: st.DataObject) -> None:
    created = datetime(2026, 11, 22, tzinfo=UTC)
    record = SlotRecord(Entry("i", created, KeyId("k")), None, (Entry("j", created),), ("i", "j"))
    document = json.loads(encode(SlotFile(SLOT, record, {KeyId("k"): "v"})))
    place = data.draw(st.sampled_from(["schemaVersion", "slot", "record", "values", "pending", "previous", "intents"]))
    holder = document if place in document else document["record"]
    holder[place] = data.draw(JSON)
    try:
        file = decode(json.dumps(document).encode(), SLOT)
    except DamagedSlotFile:
        return
    assert json.loads(encode(file)) == document
