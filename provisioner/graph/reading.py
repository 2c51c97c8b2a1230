"""Reading fields out of Graph's JSON: typed, and clear about what is missing, never about what is there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TypeAlias

from provisioner.graph.faults import unreadable
from provisioner.graph.texts import mended

Json: TypeAlias = Mapping[str, object]


def text(of: Json, name: str) -> str:
    """A text that must be there."""
    value = of.get(name)
    if not isinstance(value, str):
        raise unreadable("read a reply", f"`{name}` is missing")
    return mended(value)


def guid(of: Json, name: str) -> str:
    """An id that must be there, in lower case."""
    return text(of, name).lower()


def maybe_text(of: Json, name: str) -> str | None:
    """A text, or None."""
    value = of.get(name)
    return mended(value) if isinstance(value, str) else None


def maybe_flag(of: Json, name: str) -> bool | None:
    """True or false, or None."""
    value = of.get(name)
    return value if isinstance(value, bool) else None


def texts(of: Json, name: str) -> tuple[str, ...]:
    """A list of texts; empty where it is missing."""
    value = of.get(name)
    return tuple(mended(each) for each in value if isinstance(each, str)) if isinstance(value, list) else ()


def member(of: Json, name: str) -> Json:
    """An object; empty where it is missing."""
    value = of.get(name)
    return value if isinstance(value, dict) else {}


def members(of: Json, name: str) -> tuple[Json, ...]:
    """A list of objects; empty where it is missing."""
    value = of.get(name)
    return tuple(each for each in value if isinstance(each, dict)) if isinstance(value, list) else ()


def moment(of: Json, name: str) -> datetime:
    """A moment that must be there, UTC. Graph gives up to seven digits of a second; the seventh is dropped."""
    found = maybe_moment(of, name)
    if found is None:
        raise unreadable("read a reply", f"`{name}` is no date")
    return found


def maybe_moment(of: Json, name: str) -> datetime | None:
    """A moment, UTC, or None."""
    value = of.get(name)
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
