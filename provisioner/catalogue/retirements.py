"""Permissions whose end Microsoft has announced: a date to plan for, and the last day of a secret that serves it."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from datetime import date

from provisioner.catalogue import files
from provisioner.catalogue.resources import short_name
from provisioner.model.declared import Permission


@functools.cache
def _dates() -> dict[tuple[str, str, str], date]:
    rows = json.loads(files.text("retirements.json"))
    return {(row["resource"], row["kind"], row["value"]): date.fromisoformat(row["date"]) for row in rows}


def retirement(permission: Permission) -> date | None:
    """The day from which the permission no longer works, or None where none is announced."""
    return _dates().get((short_name(permission.resource_app_id), permission.kind.value, permission.value))


def first_end(permissions: Iterable[Permission]) -> date | None:
    """The day on which the first of these permissions ends, as it was announced; None where all of them go on.

    Pure. A product that uses EWS beside something else is set up no more from that day either, so its secret must not
    outlive it.
    """
    return min(filter(None, map(retirement, permissions)), default=None)
