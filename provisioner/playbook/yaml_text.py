"""YAML as plain data with the place of every key and value: for playbooks and for the other YAML files of ours.

A small closed part of YAML 1.2: mappings with text keys, lists, texts, numbers, true and false, null. No tags, so that
nothing in a file can name code; no anchors and aliases, so that a small file cannot unfold into a large one; no second
document. Reading goes by parser events and never recurses, and limits hold before anything is built.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, TypeAlias

from provisioner.errors import FaultyPlace, InputFault
from provisioner.playbook import hidden

if TYPE_CHECKING:
    from ruamel.yaml.events import Event

Scalar: TypeAlias = bool | int | float | str | None
Plain: TypeAlias = "Scalar | list[Plain] | dict[str, Plain]"
Path: TypeAlias = tuple[str | int, ...]
"""The way to a value: keys and list positions from the root."""

MOST_FAULTS = 50
"""More are counted, not listed: a file with that many has one cause."""

_LISTED_HIDDEN = 10


@dataclass(frozen=True)
class Limits:
    """What a file may be: size in bytes of UTF-8, depth and number of nodes of the document."""

    size: int = 256 * 1024
    depth: int = 16
    nodes: int = 5_000
    hidden_escapes: bool = False
    """Whether an escape in a quoted text may stand for a control or bidirectional character. Raw ones never may."""


PLAYBOOK_LIMITS = Limits()

OWN_FILE_LIMITS = Limits(size=4 * 1024 * 1024, nodes=200_000, hidden_escapes=True)
"""For files that `dump` wrote: strangers' names may be in them, escaped."""


@dataclass(frozen=True, order=True)
class Place:
    """Line and column of a file, both from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Document:
    """Plain data, and where each value and each key of it stands."""

    file: str
    data: Plain
    values: Mapping[Path, Place]
    keys: Mapping[Path, Place]
    refused: frozenset[Path] = frozenset()
    """Values that stand for something refused (an alias): reported already, not worth judging further."""

    def place(self, path: Path, *, key: bool = False) -> Place:
        """Where a value (or its key) stands; for what is missing, the nearest thing round it."""
        if key and path in self.keys:
            return self.keys[path]
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, Place(1, 1))

    def fault(self, path: Path, message: str, hint: str | None = None, *, key: bool = False) -> FaultyPlace:
        """A fault at a value, or at its key."""
        place = self.place(path, key=key)
        return FaultyPlace(self.file, place.line, place.column, message, hint)


def read_document(text: str, file_name: str, limits: Limits = OWN_FILE_LIMITS) -> Document:
    """The document of a text. Raises `InputFault` with every fault found."""
    document, faults = parse(text, file_name, limits)
    if document is None or faults:
        raise_faults(file_name, faults)
    return document


def raise_faults(file_name: str, faults: list[FaultyPlace]) -> NoReturn:
    """One error for all faults, in the order of the file."""
    ordered = sorted(set(faults), key=lambda each: (each.line or math.inf, each.column, each.message))
    listed = tuple(ordered[:MOST_FAULTS])
    more = len(ordered) - len(listed)
    if more:
        listed += (FaultyPlace(file_name, 0, 0, f"and {more} more"),)
    raise InputFault(f"{file_name}: {len(ordered)} fault{'' if len(ordered) == 1 else 's'}", listed)


def parse(text: str, file_name: str, limits: Limits) -> tuple[Document | None, list[FaultyPlace]]:
    """The document and the faults of its text; no document where there is none to judge further."""
    if len(text) > limits.size or len(text.encode("utf-8", "surrogatepass")) > limits.size:
        return None, [FaultyPlace(file_name, 0, 0, f"larger than {limits.size // 1024} KiB")]
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    positions, count = hidden.hidden_positions(text, _LISTED_HIDDEN)
    faults = [_hidden_fault(file_name, text, *each) for each in positions]
    if count > len(positions):
        faults.append(FaultyPlace(file_name, 0, 0, f"{count} hidden characters in all"))
    builder = _Builder(file_name, limits, faults)
    try:
        builder.build(hidden.without_hidden(text))
    except _CannotGoOn:
        return None, faults
    return Document(file_name, builder.root, builder.values, builder.keys, frozenset(builder.refused)), faults


def _hidden_fault(file_name: str, text: str, offset: int, character: str) -> FaultyPlace:
    line = text.count("\n", 0, offset) + 1
    column = offset - text.rfind("\n", 0, offset)
    return FaultyPlace(file_name, line, column, f"hidden character {hidden.character_name(character)}")


class _CannotGoOn(Exception):
    """A fault after which the rest of the file means nothing."""


@dataclass
class _Open:
    """A container that is being filled."""

    container: list[Plain] | dict[str, Plain]
    path: Path
    key: str | None = None
    duplicate: bool = False


class _Builder:
    """Plain data from parser events, one level of the document per entry of a stack."""

    def __init__(self, file_name: str, limits: Limits, faults: list[FaultyPlace]) -> None:
        self.file = file_name
        self.limits = limits
        self.faults = faults
        self.root: Plain = None
        self.values: dict[Path, Place] = {(): Place(1, 1)}
        self.keys: dict[Path, Place] = {}
        self.refused: set[Path] = set()
        self.stack: list[_Open] = []
        self.nodes = 0
        self.documents = 0

    def build(self, text: str) -> None:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import MarkedYAMLError, YAMLError

        try:
            for event in YAML(typ="safe", pure=True).parse(text):
                self.take(event)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
            self.stop(place, "not YAML: " + (error.problem or error.context or "cannot be read"))
        except (YAMLError, ValueError, IndexError, KeyError, TypeError, AttributeError, AssertionError) as error:
            # The parser's own slips on odd input, such as an escape beyond the last code point.
            self.stop(max(self.values.values()), f"not YAML: cannot be read after this ({type(error).__name__})")

    def fault(self, place: Place, message: str, hint: str | None = None) -> None:
        self.faults.append(FaultyPlace(self.file, place.line, place.column, message, hint))

    def stop(self, place: Place, message: str) -> NoReturn:
        self.fault(place, message)
        raise _CannotGoOn

    def take(self, event: Event) -> None:
        from ruamel.yaml import events

        place = Place(event.start_mark.line + 1, event.start_mark.column + 1)
        match event:
            case events.DocumentStartEvent():
                self.start_document(event, place)
            case events.MappingEndEvent() | events.SequenceEndEvent():
                self.stack.pop()
            case events.AliasEvent():
                self.fault(place, "aliases are not accepted here", "write the value out")
                self.refused.add(self.add(f"*{event.anchor}" if self.awaits_key() else None, place))
            case events.ScalarEvent():
                self.judge_node(event, place)
                is_plain = not event.style
                self.add(event.value if self.awaits_key() or not is_plain else resolve(event.value), place)
            case events.MappingStartEvent():
                self.open({}, event, place)
            case events.SequenceStartEvent():
                self.open([], event, place)

    def start_document(self, event: Event, place: Place) -> None:
        self.documents += 1
        if self.documents > 1:
            self.stop(place, "a second document; one file is one document")
        version = getattr(event, "version", None)
        if version is not None and tuple(version) != (1, 2):
            self.fault(place, "only YAML 1.2 is accepted")
        if getattr(event, "tags", None):
            self.fault(place, "tags are not accepted here")

    def judge_node(self, event: Event, place: Place) -> None:
        if getattr(event, "anchor", None) is not None:
            self.fault(place, "anchors are not accepted here", "write the value out")
        if getattr(event, "tag", None) is not None:
            self.fault(place, "tags are not accepted here", "plain texts, numbers, lists and mappings only")
        value = getattr(event, "value", None)
        if isinstance(value, str) and not self.limits.hidden_escapes:
            found = hidden.first_hidden(value)
            if found:
                self.fault(place, f"hidden character {hidden.character_name(found)} in a text")

    def awaits_key(self) -> bool:
        return bool(self.stack) and isinstance(self.stack[-1].container, dict) and self.stack[-1].key is None

    def open(self, container: list[Plain] | dict[str, Plain], event: Event, place: Place) -> None:
        self.judge_node(event, place)
        if self.awaits_key():
            self.stop(place, "a key must be a text")
        if len(self.stack) >= self.limits.depth:
            self.stop(place, f"nested more than {self.limits.depth} deep")
        path = self.add(container, place)
        self.stack.append(_Open(container, path))

    def add(self, value: Plain, place: Place) -> Path:
        """Put a value (or a key) where it belongs; its path."""
        self.nodes += 1
        if self.nodes > self.limits.nodes:
            self.stop(place, f"more than {self.limits.nodes} keys and values")
        if not self.stack:
            self.root = value
            self.values[()] = place
            return ()
        top = self.stack[-1]
        if isinstance(top.container, list):
            path: Path = (*top.path, len(top.container))
            top.container.append(value)
        elif top.key is None:
            return self.add_key(top, str(value), place)
        else:
            path = (*top.path, top.key)
            if not top.duplicate:
                top.container[top.key] = value
            top.key = None
        self.values.setdefault(path, place)
        return path

    def add_key(self, top: _Open, key: str, place: Place) -> Path:
        path: Path = (*top.path, key)
        top.key = key
        top.duplicate = key in top.container
        if top.duplicate:
            first = self.keys[path]
            self.fault(place, f"{hidden.shown(key)} is here a second time", f"the first is in line {first.line}")
        self.keys.setdefault(path, place)
        return path


_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))([eE][-+]?[0-9]{1,3})?")
_WORDS: Mapping[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


def resolve(text: str) -> Scalar:
    """What an unquoted text means (YAML 1.2, core schema, without infinities and number bases)."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if len(text) < 40 and _FLOAT.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    return text


_LONGEST_KEY = 1000
"""YAML allows 1,024 characters, quotes and escapes counted."""

_UNQUOTED = re.compile(r"[A-Za-z]([A-Za-z0-9_ ./@+-]*[A-Za-z0-9_./@+])?")
_QUOTED_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
"""Other readers of YAML take these for true, false or null."""


def dump(data: Mapping[str, Plain]) -> str:
    """YAML text that `read_document` reads back to the same data; hidden characters are escaped, keys keep their order.

    Raises ValueError for what YAML as read here cannot say: huge and unbounded numbers, keys beyond 1,000 characters.
    """
    return "".join(_lines(dict(data), "")) or "{}\n"


def _lines(data: Plain, indent: str) -> list[str]:
    lines: list[str] = []
    if isinstance(data, dict):
        for key, value in data.items():
            if len(_scalar(key)) > _LONGEST_KEY:
                raise ValueError("a key of more than 1,000 characters cannot be written")
            lines += _entry(f"{indent}{_scalar(key)}:", value, indent)
    elif isinstance(data, list):
        for value in data:
            lines += _entry(f"{indent}-", value, indent)
    return lines


def _entry(head: str, value: Plain, indent: str) -> list[str]:
    if isinstance(value, (dict, list)) and value:
        return [f"{head}\n", *_lines(value, indent + "  ")]
    if isinstance(value, (dict, list)):
        return [f"{head} {'{}' if isinstance(value, dict) else '[]'}\n"]
    return [f"{head} {_scalar(value)}\n"]


def _scalar(value: Scalar) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        text = repr(value)
        if resolve(text) != value or type(resolve(text)) is not type(value):
            raise ValueError(f"{text} cannot be written as a number")
        return text
    if _UNQUOTED.fullmatch(value) and value.lower() not in _QUOTED_WORDS:
        return value
    return hidden.escaped(json.dumps(value, ensure_ascii=False))
