"""The data files, read once. `functools.cache` on pure readers of shipped files: nothing here ever changes."""

from __future__ import annotations

import difflib
import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from provisioner.model.declared import PermissionKind
from provisioner.model.identifiers import AppId

_DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class PermissionRow:
    """One row of permissions.json. `admin_consent_required` is None where the source does not say."""

    id: str
    value: str
    kind: PermissionKind
    admin_consent_required: bool | None
    risk: str | None
    enabled: bool


@dataclass(frozen=True)
class ResourceRow:
    """One API: its permissions by kind and value. Two ids under one key happen (graph.md 1.4)."""

    app_id: AppId
    display_name: str
    short_name: str
    aliases: tuple[str, ...]
    permissions: Mapping[tuple[PermissionKind, str], tuple[PermissionRow, ...]]


def text(name: str) -> str:
    """The text of one data file."""
    return (_DATA / name).read_text(encoding="utf-8")


@functools.cache
def resources() -> Mapping[AppId, ResourceRow]:
    """Every resource with its permissions, by application id; a few milliseconds, once."""
    names = json.loads(text("resources.json"))
    rows = json.loads(text("permissions.json"))["resources"]
    table: dict[AppId, ResourceRow] = {}
    for row in rows:
        permissions: dict[tuple[PermissionKind, str], tuple[PermissionRow, ...]] = {}
        for each in row["permissions"]:
            kind = PermissionKind(each["kind"])
            key = (kind, each["value"])
            found = PermissionRow(
                id=each["id"],
                value=each["value"],
                kind=kind,
                admin_consent_required=each["adminConsentRequired"],
                risk=each.get("risk"),
                enabled=each.get("isEnabled", True),
            )
            permissions[key] = (*permissions.get(key, ()), found)
        named = names[row["appId"]]
        app_id = AppId(row["appId"])
        table[app_id] = ResourceRow(app_id, row["displayName"], named["short"], tuple(named["aliases"]), permissions)
    return table


def nearest(word: str, known: Iterable[str], count: int = 3) -> tuple[str, ...]:
    """The known names that look most like a word, whatever their case; best first, perhaps none."""
    by_folded: dict[str, str] = {each.casefold(): each for each in known}
    folded: Sequence[str] = difflib.get_close_matches(word[:80].casefold(), by_folded, n=count, cutoff=0.7)
    return tuple(by_folded[each] for each in folded)
