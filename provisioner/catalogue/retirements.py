"""Permissions whose end Microsoft has announced: a date to plan for, and the last day of a secret that serves it."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from datetime import date

from provisioner.catalogue import files
from provisioner.catalogue.resources import short_name
from provisioner.model.declared import Permission

BY_THE_WAY = frozenset({"User.Read", "email", "offline_access", "openid", "profile"})
"""Permissions that only accompany a sign-in: none of them is what a product is for."""


@functools.cache
def _dates() -> dict[tuple[str, str, str], date]:
    rows = json.loads(files.text("retirements.json"))
    return {(row["resource"], row["kind"], row["value"]): date.fromisoformat(row["date"]) for row in rows}


def retirement(permission: Permission) -> date | None:
    """The day from which the permission no longer works, or None where none is announced."""
    return _dates().get((short_name(permission.resource_app_id), permission.kind.value, permission.value))


def end_of_use(permissions: Iterable[Permission]) -> date | None:
    """The day on which the last use of an application ends; None where any of its permissions goes on, or it has none.

    Pure, over the announced dates.
    """
    uses = [each for each in permissions if each.value not in BY_THE_WAY]
    ends = [retirement(each) for each in uses]
    known = [each for each in ends if each is not None]
    return max(known) if known and len(known) == len(ends) else None
