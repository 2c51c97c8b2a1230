"""Patterns of the golden files against values, as plain data.

The golden files say what the vendor's guide and Microsoft fix, and leave open what nobody fixes. A golden value is

* any JSON value: equal to it. Lists match in any order (Graph gives collections back in another order than sent;
  source: recorded-graph.md 5) but with exactly as many entries; an object asks for the properties it names.
* `<any>` (there, whatever it is), `<absent>` (no such property), `<empty>` (absent, null, or empty all the way
  down), `<text>`, `<guid>`, `<instant>`, `<secret>` (a text that is no GUID, so no Secret ID).
* `$name.property`: the value of a property of a document bound under that name, by a dotted path. Compared without
  regard to case, because it is an id or an address.
* one of the operators `{"<one of>": [...]}`, `{"<all of>": [...]}`, `{"<contains>": [...]}`, `{"<each>": ...}`,
  `{"<matches>": "regular expression"}`, `{"<filled>": "regular expression with $name.property in it"}` (the values
  taken literally, and like every reference without regard to case), `{"<words>": [...]}` (a text of exactly these
  words in any order, as a delegated grant's scope), `{"<days after>": {"property", "least", "most"}}`.

A row is `{"property", "is", "source"}`; its property is a dotted path, or a list of which any one will do. Names in
Graph's spelling (`appId`) are taken literally. Names in PowerShell's (`AppId`) match in any case, as PowerShell
itself does it.

Anything that is misspelled in a golden file is a ValueError: it must not pass as a difference, or as none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, Final, TypeAlias

Json: TypeAlias = Any
"""Whatever `json.loads` gives."""
Document: TypeAlias = Mapping[str, Json]
Bindings: TypeAlias = Mapping[str, Document]

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?Z")
_REFERENCE = re.compile(r"\$([a-zA-Z][A-Za-z0-9]*)\.([A-Za-z][A-Za-z0-9]*(?:\.[A-Za-z][A-Za-z0-9]*)*)")


class _Missing(Enum):
    MISSING = "nothing"


MISSING: Final = _Missing.MISSING


def faults(pattern: Json, value: Json, bindings: Bindings, at: str = "", around: Document | None = None) -> list[str]:
    """Why `value` does not fit `pattern`, one line each; empty where it fits.

    `at` is the path for the messages, `around` the object that holds the value (`<days after>` looks there).
    """
    if isinstance(pattern, str):
        return _text_faults(pattern, value, bindings, at)
    if isinstance(pattern, dict):
        if len(pattern) == 1 and (operator := next(iter(pattern))).startswith("<"):
            return _operator_faults(operator, pattern[operator], value, bindings, at, around)
        if not isinstance(value, Mapping):
            return [_line(at, "an object", value)]
        return [
            fault
            for name, wanted in pattern.items()
            for fault in faults(wanted, property_of(value, name), bindings, _join(at, name), value)
        ]
    if isinstance(pattern, list):
        if not isinstance(value, list):
            return [_line(at, f"a list of {len(pattern)}", value)]
        return _list_faults(pattern, value, bindings, at)
    same = type(pattern) is type(value) and pattern == value
    return [] if same else [_line(at, show(pattern), value)]


def property_of(document: Document, path: str) -> Json:
    """The value at a dotted path, or MISSING."""
    value: Json = document
    for name in path.split("."):
        if not isinstance(value, Mapping):
            return MISSING
        if name not in value and name[0].isupper():
            name = next((each for each in value if each.casefold() == name.casefold()), name)
        value = value.get(name, MISSING)
    return value


def show(value: Json) -> str:
    """A value as one short line of ASCII, so that hostile texts stay harmless in messages."""
    if value is MISSING:
        return "nothing"
    text = json.dumps(value, sort_keys=True, default=str)
    return text if len(text) <= 160 else text[:157] + "..."


def _text_faults(pattern: str, value: Json, bindings: Bindings, at: str) -> list[str]:
    if pattern.startswith("<"):
        test = _KINDS.get(pattern)
        if test is None:
            raise ValueError(f"no such pattern: {pattern} at {at}")
        return [] if test(value) else [_line(at, pattern, value)]
    if reference := _REFERENCE.fullmatch(pattern):
        wanted = referred(reference, bindings)
        if wanted is MISSING or wanted is None:
            return [f"{at}: {pattern} is not there to compare with, found {show(value)}"]
        return [] if _fold(wanted) == _fold(value) else [_line(at, f"{pattern} = {show(wanted)}", value)]
    return [] if value == pattern else [_line(at, show(pattern), value)]


def referred(reference: re.Match[str], bindings: Bindings) -> Json:
    """What `$name.property` stands for: MISSING where the document lacks it, ValueError where none is bound."""
    name, path = reference.groups()
    if name not in bindings:
        raise ValueError(f"nothing is bound as {name}; bound are {', '.join(sorted(bindings)) or 'none'}")
    return property_of(bindings[name], path)


def _operator_faults(
    operator: str, operand: Json, value: Json, bindings: Bindings, at: str, around: Document | None
) -> list[str]:
    if operator == "<one of>":
        tries = [faults(each, value, bindings, at, around) for each in operand]
        return [] if any(not each for each in tries) else [_line(at, f"one of {show(operand)}", value)]
    if operator == "<all of>":
        return [fault for each in operand for fault in faults(each, value, bindings, at, around)]
    if operator == "<matches>":
        fits = isinstance(value, str) and re.search(operand, value) is not None
        return [] if fits else [_line(at, f"a text like /{operand}/", value)]
    if operator == "<filled>":
        return _filled_faults(operand, value, bindings, at)
    if operator == "<words>":
        fits = isinstance(value, str) and sorted(value.split()) == sorted(operand)
        return [] if fits else [_line(at, f"the words {' '.join(operand)}", value)]
    if operator == "<days after>":
        return _days_faults(operand, value, at, around)
    if operator in ("<contains>", "<each>"):
        if not isinstance(value, list):
            return [_line(at, "a list", value)]
        if operator == "<each>":
            return [f for place, each in enumerate(value) for f in faults(operand, each, bindings, f"{at}[{place}]")]
        return [
            f"{at}: expected an entry {show(each)}, found only {show(value)}"
            for each in operand
            if not any(not faults(each, entry, bindings, at) for entry in value)
        ]
    raise ValueError(f"no such operator: {operator} at {at}")


def _filled_faults(operand: str, value: Json, bindings: Bindings, at: str) -> list[str]:
    found = {each[0]: referred(each, bindings) for each in _REFERENCE.finditer(operand)}
    if lacking := [name for name, each in found.items() if each is MISSING or each is None]:
        return [f"{at}: {', '.join(lacking)} is not there to compare with, found {show(value)}"]
    expression = _REFERENCE.sub(lambda each: re.escape(str(found[each[0]])), operand)
    fits = isinstance(value, str) and re.search(expression, value, re.IGNORECASE) is not None
    return [] if fits else [_line(at, f"a text like /{expression}/", value)]


def _days_faults(operand: Json, value: Json, at: str, around: Document | None) -> list[str]:
    start = property_of(around or {}, operand["property"])
    if not (_is_instant(value) and _is_instant(start)):
        return [_line(at, f"an instant some days after {operand['property']} ({show(start)})", value)]
    days = (_instant(value) - _instant(start)) / timedelta(days=1)
    if operand["least"] <= days <= operand["most"]:
        return []
    return [f"{at}: expected {operand['least']} to {operand['most']} days after {operand['property']}, found {days:g}"]


def _list_faults(patterns: list[Json], values: list[Json], bindings: Bindings, at: str) -> list[str]:
    tries = [[faults(pattern, value, bindings, at) for value in values] for pattern in patterns]
    partner = _pair_up([[not each for each in row] for row in tries], len(values))
    lines = []
    for place, pattern in enumerate(patterns):
        if place not in partner.values():
            nearest = min((row for row in tries[place]), key=len, default=[])
            why = f" (nearest: {'; '.join(nearest)})" if nearest else ""
            lines.append(f"{at}: expected an entry {show(pattern)}, found none{why}")
    lines += [f"{at}: not expected: {show(value)}" for place, value in enumerate(values) if place not in partner]
    return lines


def _pair_up(fits: list[list[bool]], values: int) -> dict[int, int]:
    """A largest matching (value place -> pattern place), by augmenting paths: greedy pairing could miss a fit."""
    partner: dict[int, int] = {}

    def place(pattern: int, seen: set[int]) -> bool:
        for value in range(values):
            if fits[pattern][value] and value not in seen:
                seen.add(value)
                if value not in partner or place(partner[value], seen):
                    partner[value] = pattern
                    return True
        return False

    for pattern in range(len(fits)):
        place(pattern, set())
    return partner


def _is_instant(value: Json) -> bool:
    return isinstance(value, str) and _INSTANT.fullmatch(value) is not None


def _instant(text: str) -> datetime:
    whole, _, digits = text.rstrip("Z").partition(".")
    at = datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    return at + timedelta(seconds=float(f"0.{digits or 0}"))


def _is_guid(value: Json) -> bool:
    return isinstance(value, str) and _GUID.fullmatch(value) is not None


def _is_text(value: Json) -> bool:
    return isinstance(value, str) and value.strip() != ""


def _is_empty(value: Json) -> bool:
    if isinstance(value, Mapping):
        return all(_is_empty(each) for each in value.values())
    return value is MISSING or value is None or value in ("", [])


_KINDS: Final[Mapping[str, Callable[[Json], bool]]] = {
    "<any>": lambda value: value is not MISSING,
    "<absent>": lambda value: value is MISSING,
    "<empty>": _is_empty,
    "<text>": _is_text,
    "<guid>": _is_guid,
    "<instant>": _is_instant,
    "<secret>": lambda value: _is_text(value) and not _is_guid(value),
}


def _fold(value: Json) -> Json:
    return value.casefold() if isinstance(value, str) else value


def _line(at: str, expected: str, found: Json) -> str:
    return f"{at}: expected {expected}, found {show(found)}"


def _join(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name


def row_faults(rows: Iterable[Document], document: Document, bindings: Bindings) -> list[str]:
    """What a document lacks of the rows, each with the row's source."""
    lines: list[str] = []
    for row in rows:
        paths = [row["property"]] if isinstance(row["property"], str) else row["property"]
        tries = [faults(row["is"], property_of(document, path), bindings, path, document) for path in paths]
        if all(tries):
            source = f"  [{row['source']}]" if "source" in row else ""
            lines += [fault + source for fault in min(tries, key=len)]
    return lines


def fill(template: Json, bindings: Bindings) -> Json:
    """A template with each `$name.property` replaced; a list that stands as an entry of a list is spliced into it."""
    if isinstance(template, str):
        if whole := _REFERENCE.fullmatch(template):
            return _found(whole, bindings)
        return _REFERENCE.sub(lambda each: str(_found(each, bindings)), template)
    if isinstance(template, Mapping):
        return {name: fill(each, bindings) for name, each in template.items()}
    if isinstance(template, list):
        entries: list[Json] = []
        for each in template:
            filled = fill(each, bindings)
            spliced = isinstance(filled, list) and isinstance(each, str)
            entries += filled if spliced else [filled]
        return entries
    return template


def _found(reference: re.Match[str], bindings: Bindings) -> Json:
    value = referred(reference, bindings)
    if value is MISSING:
        raise ValueError(f"{reference[0]} is not there")
    return value
