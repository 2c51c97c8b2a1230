"""A sheet: what a report for people says, before it is known how it looks. Composed once, drawn by each form.

Texts are raw, as they came: the form that draws them makes them legible and escapes them. A sheet has no widths, no
colours and no markup.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class Tone(StrEnum):
    """How something is meant, where a form has colours. Nothing is said by tone alone."""

    PLAIN = "plain"
    ADD = "add"
    CHANGE = "change"
    TAKE = "take"
    QUIET = "quiet"
    GOOD = "good"
    WAIT = "wait"
    ALARM = "alarm"


class Kind(StrEnum):
    """What sort of text a detail holds."""

    PROSE = "prose"
    """A sentence: its line ends mean nothing."""
    NAME = "name"
    """A name or value as it is, every character of it."""
    COPY = "copy"
    """A value or command that somebody copies."""


class Mark(StrEnum):
    """The sign before an item. Where a stream cannot carry it, the word beside it must do."""

    NONE = ""
    CREATE = "+"
    UPDATE = "~"
    REMOVE = "-"
    KEEP = "="
    TICK = "✓"
    CROSS = "✗"
    CLOCK = "◷"
    QUESTION = "?"
    STOP = "!"
    HAND = "[ ]"


@dataclass(frozen=True)
class Detail:
    """One labelled text under an item."""

    label: str
    text: str
    tone: Tone = Tone.PLAIN
    kind: Kind = Kind.PROSE
    code: str = ""
    """A stable identifier of what the text says, for whoever searches for it; a page leaves it out."""
    to_others: str | None = None
    """What a page says instead, which is made to be passed on: where things lie on this machine is nobody else's."""


@dataclass(frozen=True)
class Item:
    """One thing: its sign, perhaps a word for its state, its title, and what belongs to it."""

    mark: Mark
    title: str
    tone: Tone = Tone.PLAIN
    word: str = ""
    aside: str = ""
    """Where it comes from, a few words at the side."""
    details: tuple[Detail, ...] = ()


@dataclass(frozen=True)
class Section:
    """Items under a heading."""

    title: str
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Field:
    """One field of a vendor's form."""

    title: str
    value: str
    copied: bool = True
    """Whether the value is what goes into the field; else it is a word about it."""
    details: tuple[Detail, ...] = ()


@dataclass(frozen=True)
class Screen:
    """One screen of the vendor's product: its fields, then what to click."""

    title: str
    fields: tuple[Field, ...]
    actions: tuple[str, ...] = ()
    aside: str = ""


Part: TypeAlias = Section | Screen


@dataclass(frozen=True)
class Next:
    """What to type next, and when."""

    when: str
    command: str


@dataclass(frozen=True)
class Sheet:
    """One whole report."""

    title: str
    sandbox: bool
    facts: tuple[Detail, ...]
    parts: tuple[Part, ...]
    closing: tuple[str, ...]
    """The sum, a line each."""
    next: tuple[Next, ...] = ()
