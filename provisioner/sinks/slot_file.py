"""The text of a slot's file: a record in clear JSON, and beside it one opaque text per key id.

Which text that is, is the sink's affair (age: the armored ciphertext; terminal: when it was shown). Pure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from provisioner.model.identifiers import KeyId
from provisioner.model.slot import Entry, SlotName, SlotRecord

SCHEMA_VERSION = 1


class DamagedSlotFile(ValueError):
    """The text is not a slot's file, or not this slot's. Never holds any of the text."""


@dataclass(frozen=True)
class SlotFile:
    """One slot as stored."""

    slot: SlotName
    record: SlotRecord
    values: Mapping[KeyId, str] = field(default_factory=dict)


def encode(file: SlotFile) -> bytes:
    """UTF-8 JSON, stable: the same slot gives the same bytes."""
    document = {
        "schemaVersion": SCHEMA_VERSION,
        "slot": _slot(file.slot),
        "record": {
            "pending": _entry(file.record.pending),
            "current": _entry(file.record.current),
            "previous": [_entry(each) for each in file.record.previous],
            "intents": list(file.record.intents),
        },
        "values": {key_id: file.values[key_id] for key_id in sorted(file.values)},
    }
    return (json.dumps(document, indent=2, ensure_ascii=True) + "\n").encode()


def decode(text: bytes, slot: SlotName) -> SlotFile:
    """Raises DamagedSlotFile, also where the file belongs to another slot (somebody moved it)."""
    try:
        document = json.loads(text)
        version = document["schemaVersion"]
        if version != SCHEMA_VERSION or version is True:
            raise DamagedSlotFile(f"schemaVersion {version!r} is not {SCHEMA_VERSION}: written by another version")
        if document["slot"] != _slot(slot):
            raise DamagedSlotFile("it belongs to another slot")
        record = document["record"]
        return SlotFile(
            slot=slot,
            record=SlotRecord(
                pending=_read_optional(record["pending"]),
                current=_read_optional(record["current"]),
                previous=tuple(_read_entry(each) for each in _list(record["previous"])),
                intents=tuple(_text(each) for each in _list(record["intents"])),
            ),
            values={KeyId(_text(key_id)): _text(value) for key_id, value in document["values"].items()},
        )
    except DamagedSlotFile:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedSlotFile(f"it is not a slot's file ({type(error).__name__})") from None


def may_hold_values(text: bytes) -> bool:
    """Whether a file keeps any value, whichever slot it belongs to; a damaged one may."""
    try:
        return bool(json.loads(text)["values"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return True


def _slot(slot: SlotName) -> dict[str, str]:
    return {
        "tenantId": slot.tenant_id,
        "instance": slot.instance,
        "application": slot.application,
        "slot": slot.slot,
    }


def _entry(entry: Entry | None) -> dict[str, str | bool | None] | None:
    if entry is None:
        return None
    return {
        "intent": entry.intent,
        "created": entry.created.isoformat(),
        "keyId": entry.key_id,
        "hint": entry.hint,
        "end": entry.end.isoformat() if entry.end else None,
        "proven": entry.proven,
        "promoted": entry.promoted.isoformat() if entry.promoted else None,
    }


def _read_optional(data: Any) -> Entry | None:
    return None if data is None else _read_entry(data)


def _read_entry(data: Any) -> Entry:
    proven = data["proven"]
    if not isinstance(proven, bool):
        raise DamagedSlotFile("an entry's `proven` is neither true nor false")
    promoted = data.get("promoted")  # earlier versions did not write it
    return Entry(
        intent=_text(data["intent"]),
        created=_moment(data["created"]),
        key_id=None if data["keyId"] is None else KeyId(_text(data["keyId"])),
        hint=None if data["hint"] is None else _text(data["hint"]),
        end=None if data["end"] is None else _moment(data["end"]),
        proven=proven,
        promoted=None if promoted is None else _moment(promoted),
    )


def _text(data: Any) -> str:
    if not isinstance(data, str):
        raise DamagedSlotFile("there is something else where a text belongs")
    return data


def _list(data: Any) -> list[Any]:
    if not isinstance(data, list):
        raise DamagedSlotFile("there is something else where a list belongs")
    return data


def _moment(data: Any) -> datetime:
    moment = datetime.fromisoformat(_text(data))
    if moment.tzinfo is None:
        raise DamagedSlotFile("a time is without its zone")
    return moment
