"""The APIs that own permissions, found by application id, display name, short name or a common other spelling."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from provisioner.catalogue import files
from provisioner.model.identifiers import AppId


@functools.cache
def _by_spelling() -> Mapping[str, AppId]:
    table: dict[str, AppId] = {}
    for row in files.resources().values():
        for spelling in (row.app_id, row.display_name, row.short_name, *row.aliases):
            table[spelling.casefold()] = row.app_id
    return table


def resource(name_or_id: str) -> tuple[AppId, str] | None:
    """The application id and display name of an API, or None where the catalogue does not know it."""
    app_id = _by_spelling().get(name_or_id.strip().casefold())
    return (app_id, files.resources()[app_id].display_name) if app_id else None


def near_resources(name: str) -> tuple[str, ...]:
    """Display names of the APIs that a wrong name may have meant, best first."""
    near = (resource(each) for each in files.nearest(name, _by_spelling(), count=5))
    return tuple(dict.fromkeys(found[1] for found in near if found))[:3]


def short_name(app_id: AppId) -> str:
    """One lower-case word for an API, for addresses: `graph`, `exchange`. An unknown API keeps its application id."""
    row = files.resources().get(app_id)
    return row.short_name if row else app_id
