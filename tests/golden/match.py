"""The golden end state, plan and handover sheet against what a tenant holds and the tool says, as plain data.

A tenant's state is compared as a whole: what is expected to be new or changed is taken out, and whatever differs
after that is a fault. So nothing that is not ours can change unnoticed. The patterns are those of `patterns.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from .patterns import MISSING, Bindings, Document, Json, faults, property_of, row_faults, show

State: TypeAlias = Mapping[str, Sequence[Document] | Mapping[str, Document]]
"""Collection name to its documents, as a list or by id."""

RECYCLE_BIN: Final = "deletedItems"
"""Soft-deleted applications and service principals are compared as this collection, wherever the state keeps them."""


@dataclass(frozen=True)
class Comparison:
    """What differs from the expectation, and the documents found on the way, by the names the golden file gives."""

    faults: tuple[str, ...]
    bindings: Bindings


def compare(expected: Document, before: State, after: State, given: Bindings) -> Comparison:
    """Whether `after` is `before` plus exactly what is expected.

    `expected` holds `collections` (must be there, or nothing would be proven), `known` (documents of `before` to
    refer to), `changed`, `added`, and `notCompared` with a reason each. `given` holds the documents known
    beforehand: the parameters as `$given`, and for a later expectation the bindings of an earlier comparison.
    """
    old, new = _ordered(before), _ordered(after)
    bindings: dict[str, Document] = dict(given)
    lines = [
        f"the state has no collection {name}"
        for name in expected["collections"]
        if name not in before or (name not in after)
    ]
    for known in expected.get("known", ()):
        bindings[known["bind"]], why = _only(known, old, bindings)
        lines += why
    skipped = {each["collection"] for each in expected.get("notCompared", ())}
    names = sorted((old.keys() | new.keys()) - skipped)
    gone = {name: _without(old.get(name, []), new.get(name, [])) for name in names}
    come = {name: _without(new.get(name, []), old.get(name, [])) for name in names}
    for change in expected.get("changed", ()):
        lines += _take_change(change, gone, come, old, bindings)
    for entry in expected.get("added", ()):
        lines += _take_new(entry, come.get(entry["collection"], []), bindings)
    for name in names:
        lines += _leftovers(name, gone[name], come[name])
    return Comparison(tuple(lines), bindings)


def _ordered(state: State) -> dict[str, list[Document]]:
    """Each collection as a list, with what is soft-deleted in the recycle bin."""
    ordered: dict[str, list[Document]] = {}
    for name, documents in state.items():
        for document in documents.values() if isinstance(documents, Mapping) else documents:
            place = RECYCLE_BIN if document.get("deletedDateTime") else name
            ordered.setdefault(place, []).append(document)
        ordered.setdefault(name, [])
    return ordered


def _canonical(value: Json) -> str:
    """Equal for equal values, whatever the order of their lists."""
    if isinstance(value, Mapping):
        return json.dumps({name: _canonical(each) for name, each in value.items()}, sort_keys=True)
    if isinstance(value, list):
        return json.dumps(sorted(_canonical(each) for each in value))
    return json.dumps(value)


def _without(documents: Iterable[Document], others: Iterable[Document]) -> list[Document]:
    rest = [_canonical(each) for each in others]
    left = []
    for document in documents:
        text = _canonical(document)
        if text in rest:
            rest.remove(text)
        else:
            left.append(document)
    return left


def _only(known: Document, state: Mapping[str, list[Document]], bindings: Bindings) -> tuple[Document, list[str]]:
    found = [each for each in state.get(known["collection"], []) if not row_faults(known["where"], each, bindings)]
    if len(found) == 1:
        return found[0], []
    where = ", ".join(f"{row['property']} {show(row['is'])}" for row in known["where"])
    return found[0] if found else {}, [f"{known['collection']}: expected one with {where}, found {len(found)}"]


def _take_change(
    change: Document,
    gone: Mapping[str, list[Document]],
    come: Mapping[str, list[Document]],
    old: Mapping[str, list[Document]],
    bindings: Bindings,
) -> list[str]:
    name = change["collection"]
    says = f"{name}: {change['what']}"
    was = [each for each in gone.get(name, []) if not row_faults(change["where"], each, bindings)]
    now = [each for each in come.get(name, []) if not row_faults(change["where"], each, bindings)]
    if len(was) != 1 or len(now) != 1:
        unchanged = [each for each in old.get(name, []) if not row_faults(change["where"], each, bindings)]
        state = "it is as before" if unchanged and not was and not now else f"{len(was)} old, {len(now)} new found"
        return [f"{says}: expected one changed document, {state}"]
    gone[name].remove(was[0])
    come[name].remove(now[0])
    before_rows = [{**row, "is": row["was"]} for row in change["properties"]]
    lines = [f"{says}: before: {fault}" for fault in row_faults(before_rows, was[0], bindings)]
    lines += [f"{says}: {fault}" for fault in row_faults(change["properties"], now[0], bindings)]
    meant = {str(row["property"]).casefold() for row in change["properties"]}
    lines += [f"{says}: also changed: {each}" for each in _differences(was[0], now[0], meant)]
    return lines


def _take_new(entry: Document, candidates: list[Document], bindings: dict[str, Document]) -> list[str]:
    says = f"{entry['collection']}: {entry['what']}"
    tries = [(row_faults(entry["properties"], each, bindings), each) for each in candidates]
    if not tries:
        if "bind" in entry:
            bindings[entry["bind"]] = {}
        return [] if entry.get("optional") else [f"{says}: expected a new document, found none"]
    why, nearest = min(tries, key=lambda each: len(each[0]))
    candidates.remove(nearest)
    if "bind" in entry:
        bindings[entry["bind"]] = nearest
    return [f"{says}: {fault}" for fault in why]


def _leftovers(name: str, gone: list[Document], come: list[Document]) -> list[str]:
    lines = []
    for document in list(gone):
        partner = _same_thing(document, come)
        if partner is None:
            lines.append(f"{name}: gone, although not ours: {show(document)}")
        else:
            come.remove(partner)
            differences = "; ".join(_differences(document, partner, set()))
            lines.append(f"{name}: changed, although not expected: {show(_label(document))}: {differences}")
    return lines + [f"{name}: not expected: {show(document)}" for document in come]


def _label(document: Document) -> Json:
    return next((document[each] for each in ("displayName", "DisplayName", "Identity", "id") if each in document), None)


def _same_thing(document: Document, others: list[Document]) -> Document | None:
    for name in ("Id", "Guid", "Identity"):
        value = property_of(document, name)
        same = [each for each in others if value is not MISSING and property_of(each, name) == value]
        if len(same) == 1:
            return same[0]
    return None


def _differences(was: Document, now: Document, meant: set[str]) -> list[str]:
    return [
        f"{name} {show(was.get(name, MISSING))} -> {show(now.get(name, MISSING))}"
        for name in sorted(was.keys() | now.keys())
        if name.casefold() not in meant
        and _canonical([was[name]] if name in was else []) != _canonical([now[name]] if name in now else [])
    ]


def plan_faults(expected: Document, changes: Iterable[Document]) -> list[str]:
    """Whether a plan has exactly the expected changes. `changes` are `{kind, action, ...}`, Keep included.

    Kinds are compared by their letters only: `AppRoleGrant`, `app_role_grant` and `app role grant` are one kind.
    """
    left = [dict(each) for each in changes]
    lines = []
    for row in expected["changes"]:
        for _ in range(row["count"]):
            fits = [
                each
                for each in left
                if _letters(each["kind"]) == _letters(row["kind"]) and not faults(row["action"], each["action"], {})
            ]
            if fits:
                left.remove(fits[0])
            else:
                had = [each["action"] for each in left if _letters(each["kind"]) == _letters(row["kind"])]
                found = f"found {', '.join(had)}" if had else "found none"
                lines.append(f"plan: expected {row['kind']}: {show(row['action'])}, {found}  [{row['source']}]")
    return lines + [f"plan: not expected: {each['kind']}: {each['action']}" for each in left]


def _letters(kind: str) -> str:
    return re.sub(r"[^a-z]", "", kind.casefold())


def said_faults(expected: Iterable[Document], texts: Iterable[str]) -> list[str]:
    """Which of the things that must be said are in none of the texts."""
    said = list(texts)
    return [
        f"nowhere said: {each['what']}  [{each['source']}]"
        for each in expected
        if not any(all(re.search(mention, text) for mention in each["mentions"]) for text in said)
    ]


def handover_faults(expected: Document, screens: Sequence[Document], bindings: Bindings) -> list[str]:
    """Whether the sheet has the vendor's screens, titles, order, values and actions.

    `screens` are `{title, fields: [{title, value}], actions: [text]}` with the values as a person would type them.
    """
    wanted = expected["screens"]
    lines = [] if len(wanted) == len(screens) else [f"handover: expected {len(wanted)} screens, found {len(screens)}"]
    for screen, found in zip(wanted, screens, strict=False):
        says = f"handover, screen {screen['position']}"
        lines += faults(screen["title"], found["title"], bindings, f"{says}: title")
        titles = [each["title"] for each in found["fields"]]
        if titles != [each["title"] for each in screen["fields"]]:
            asked = show([each["title"] for each in screen["fields"]])
            lines.append(f"{says}: expected the fields {asked}, found {show(titles)}")
        for field in screen["fields"]:
            values = [each["value"] for each in found["fields"] if each["title"] == field["title"]]
            for value in values:
                lines += [
                    f"{fault}  [{field['source']}]"
                    for fault in faults(field["value"], value, bindings, f"{says}: {field['title']}")
                ]
        lines += _action_faults(screen, found, says)
    return lines


def _action_faults(screen: Document, found: Document, says: str) -> list[str]:
    text, start = "\n".join(found.get("actions", ())), 0
    for action in screen["actions"]:
        place = text.find(action["mentions"], start)
        if place < 0:
            elsewhere = "at the wrong place" if action["mentions"] in text else "nowhere"
            return [f"{says}: the action {show(action['mentions'])} is {elsewhere}  [{action['source']}]"]
        start = place + len(action["mentions"])
    return []
