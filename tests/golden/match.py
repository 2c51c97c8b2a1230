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
    # What has changed is told apart from what is new first, and compared last: it may refer to what is new.
    changes = [(change, *_take_change(change, gone, come, old, bindings)) for change in expected.get("changed", ())]
    for entry in expected.get("added", ()):
        lines += _take_new(entry, come.get(entry["collection"], []), bindings)
    for change, pair, why in changes:
        lines += why if pair is None else _change_faults(change, *pair, bindings)
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
) -> tuple[tuple[Document, Document] | None, list[str]]:
    """The document before and after, taken out of both, or why there is none."""
    name = change["collection"]
    was = [each for each in gone.get(name, []) if not row_faults(change["where"], each, bindings)]
    now = [each for each in come.get(name, []) if not row_faults(change["where"], each, bindings)]
    if change.get("optional") and not was and not now:
        return None, []
    if len(was) != 1 or len(now) != 1:
        unchanged = [each for each in old.get(name, []) if not row_faults(change["where"], each, bindings)]
        state = "it is as before" if unchanged and not was and not now else f"{len(was)} old, {len(now)} new found"
        return None, [f"{name}: {change['what']}: expected one changed document, {state}"]
    gone[name].remove(was[0])
    come[name].remove(now[0])
    return (was[0], now[0]), []


def _change_faults(change: Document, was: Document, now: Document, bindings: Bindings) -> list[str]:
    says = f"{change['collection']}: {change['what']}"
    before_rows = [{**row, "is": row["was"]} for row in change["properties"]]
    lines = [f"{says}: before: {fault}" for fault in row_faults(before_rows, was, bindings)]
    lines += [f"{says}: {fault}" for fault in row_faults(change["properties"], now, bindings)]
    meant = {str(row["property"]).casefold() for row in change["properties"]}
    return lines + [f"{says}: also changed: {each}" for each in _differences(was, now, meant)]


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


def plan_faults(expected: Document, changes: Iterable[Document], *, gates_open: bool = True) -> list[str]:
    """Whether a plan has exactly the expected changes. `changes` are `{kind, action, ...}`, Keep included.

    Kinds are compared by their letters only: `AppRoleGrant`, `app_role_grant` and `app role grant` are one kind.
    Gate and standing are compared where the row names them; a row may be optional. The standings of the rows are those
    with every gate open: with closed ones, what has a gate must be Blocked, and what is behind one may be. Of what is
    kept the standing says nothing, so it is not asked for.
    """
    left = [dict(each) for each in changes]
    lines = []
    for row in sorted(expected["changes"], key=lambda each: bool(each.get("optional"))):
        for _ in range(row["count"]):
            same = [each for each in left if _letters(each["kind"]) == _letters(row["kind"])]
            fits = [each for each in same if not _plan_row_faults(row, each, gates_open)]
            if fits:
                left.remove(fits[0])
            elif not row.get("optional"):
                found = f"found {', '.join(_shown(each) for each in same)}" if same else "found none"
                lines.append(f"plan: expected {row['kind']}: {_shown(row)}, {found}  [{row['source']}]")
    return lines + [f"plan: not expected: {each['kind']}: {_shown(each)}" for each in left]


def _plan_row_faults(row: Document, change: Document, gates_open: bool) -> list[str]:
    if change["action"] == "keep":
        return faults(row["action"], "keep", {}, "action")
    wanted = {name: row[name] for name in ("action", "gate", "standing") if name in row}
    if not gates_open and row.get("gate"):
        wanted["standing"] = "blocked"
    elif not gates_open and row.get("behindGate"):
        wanted["standing"] = {"<one of>": [row["standing"], "blocked"]}
    return [fault for name, each in wanted.items() for fault in faults(each, change.get(name), {}, name)]


def _shown(change: Document) -> str:
    action = change["action"] if isinstance(change["action"], str) else show(change["action"])
    more = [f"{name} {show(change[name])}" for name in ("gate", "standing") if change.get(name)]
    return " ".join([action, *more])


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


def elsewhere(expected: Document, tenant: str) -> Document:
    """The expectation in another tenant than a fresh one, of those in `otherTenants`.

    Its rows take the place of those of the same kind (plan) or collection (state). What it changes stays after remove.
    """
    other = next(each for each in expected["otherTenants"] if each["tenant"] == tenant)
    applied, plan, removed = expected["applied"], expected["firstPlan"], expected["removed"]
    kinds, collections = (
        {each[name] for each in other[part]} for name, part in (("kind", "changes"), ("collection", "changed"))
    )

    def with_its_own(rows: Sequence[Document]) -> list[Document]:
        return [each for each in rows if each["collection"] not in collections] + list(other["changed"])

    kept = [{**each, "action": "keep"} for each in other["changes"]]
    seconds = [each for each in expected["secondPlan"]["changes"] if each["kind"] not in kinds]
    return {
        **expected,
        "applied": {**applied, "changed": with_its_own(applied["changed"])},
        "firstPlan": {
            **plan,
            "changes": [each for each in plan["changes"] if each["kind"] not in kinds] + list(other["changes"]),
            "manualSteps": other["manualSteps"],
        },
        "secondPlan": {**expected["secondPlan"], "changes": seconds + kept},
        "removed": {
            **removed,
            "changed": with_its_own(removed["changed"]),
            "manual": [*removed["manual"], *other["removeManual"]],
        },
    }


def sheet_of(expected: Document, variant: str) -> Document:
    """The sheet of one variant: what is under `only` takes the place of what all variants share."""
    return {**expected, **expected.get("only", {}).get(variant, {})}


def handover_faults(expected: Document, screens: Sequence[Document], bindings: Bindings) -> list[str]:
    """Whether the sheet has the vendor's screens, titles, order, values and actions.

    `screens` are `{title, fields: [{title, value}], actions: [text]}` with the values as a person would type them.
    A title is a text, or a pattern where the guide only describes the field; a field or an action may be optional.
    An action is found by a text that it `mentions`, or by a regular expression that it `matches`.
    """
    wanted = expected["screens"]
    lines = [] if len(wanted) == len(screens) else [f"handover: expected {len(wanted)} screens, found {len(screens)}"]
    for screen, found in zip(wanted, screens, strict=False):
        says = f"handover, screen {screen['position']}"
        lines += faults(screen["title"], found["title"], bindings, f"{says}: title")
        lines += _field_faults(screen, found, bindings, says)
        lines += _action_faults(screen, found, says)
    return lines


def _field_faults(screen: Document, found: Document, bindings: Bindings, says: str) -> list[str]:
    titles = [each["title"] for each in found["fields"]]
    asked = [
        each for each in screen["fields"] if not each.get("optional") or any(_titled(each, title) for title in titles)
    ]
    in_order = len(asked) == len(titles) and all(map(_titled, asked, titles))
    lines = []
    if not in_order:
        lines.append(f"{says}: expected the fields {show([each['title'] for each in asked])}, found {show(titles)}")
    for place, field in enumerate(asked):
        for at, filled in enumerate(found["fields"]):
            if at == place if in_order else _titled(field, filled["title"]):
                why = faults(field["value"], filled["value"], bindings, f"{says}: {filled['title']}")
                lines += [f"{fault}  [{field['source']}]" for fault in why]
    return lines


def _titled(field: Document, title: str) -> bool:
    return not faults(field["title"], title, {})


def _action_faults(screen: Document, found: Document, says: str) -> list[str]:
    text, start = "\n".join(found.get("actions", ())), 0
    for action in screen["actions"]:
        wanted = re.compile(action.get("matches") or re.escape(action["mentions"]))
        if place := wanted.search(text, start):
            start = place.end()
        elif not action.get("optional"):
            elsewhere = "at the wrong place" if wanted.search(text) else "nowhere"
            asked = action.get("matches") or action["mentions"]
            return [f"{says}: the action {show(asked)} is {elsewhere}  [{action['source']}]"]
    return []
