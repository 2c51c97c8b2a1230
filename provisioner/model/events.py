"""Progress, as data. Nothing below cli/ draws; it says what it does and to which address."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class EventKind(StrEnum):
    """What a listener may want to tell apart."""

    STARTED = "started"
    FINISHED = "finished"
    WAITING = "waiting"
    NOTE = "note"


@dataclass(frozen=True)
class Event:
    """One thing that happened. `seconds` is the length of a wait."""

    kind: EventKind
    subject: str
    text: str
    seconds: float | None = None


Events: TypeAlias = Callable[[Event], None]
"""A listener; it must not raise."""


def silent(_: Event) -> None:
    """The listener that hears nothing."""
