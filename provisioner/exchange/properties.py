"""Reading a property whatever form a driver gave it: one calls a switch True, another "True"."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID


def text(record: Mapping[str, object], *names: str) -> str:
    """The first of the properties that says something, as text; empty where none does."""
    for name in names:
        value = record.get(name)
        if value is not None and str(value):
            return str(value)
    return ""


def optional_text(record: Mapping[str, object], name: str) -> str | None:
    """A property as text, None where it is absent or empty."""
    return text(record, name) or None


def texts(record: Mapping[str, object], name: str) -> tuple[str, ...]:
    """A multi-valued property; one text with commas (PowerShell's way to show a list) is taken apart."""
    value = record.get(name)
    if isinstance(value, tuple):
        return tuple(str(each) for each in value)
    shown = "" if value is None else str(value).strip("{}")
    return tuple(part.strip() for part in shown.split(",") if part.strip())


def is_guid(value: str) -> bool:
    """Whether a text is a GUID, and so no name."""
    try:
        UUID(value)
    except ValueError:
        return False
    return True


def moment(record: Mapping[str, object], *names: str) -> datetime | None:
    """The first of the properties that is a time, in UTC; None where none is."""
    for name in names:
        with suppress(ValueError):
            found = datetime.fromisoformat(text(record, name))
            return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    return None


def flag(record: Mapping[str, object], name: str) -> bool | None:
    """A switch with three states: None is "not set"."""
    value = record.get(name)
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(str(value).lower())
