"""What a permission opens, in a sentence for the person who is about to grant it, and whether that is every mailbox."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass

from provisioner.catalogue import files
from provisioner.catalogue.resources import short_name
from provisioner.model.declared import Permission, PermissionKind


@dataclass(frozen=True)
class Reach:
    """What it opens. `tenant_wide_mailboxes` closes a gate: where a mail permission leaves doubt, it is true."""

    tenant_wide_mailboxes: bool
    text: str


@functools.cache
def _sentences() -> dict[tuple[str, str], dict[str, Reach]]:
    table: dict[tuple[str, str], dict[str, Reach]] = {}
    for row in json.loads(files.text("reach.json")):
        place = table.setdefault((row["resource"], row["kind"]), {})
        place[row["value"]] = Reach(row["mailboxes"], row["text"])
    return table


def reach(permission: Permission) -> Reach:
    """The sentence for a permission: its own, that of the longest fitting `prefix*`, or a general one."""
    api = short_name(permission.resource_app_id)
    known = _sentences().get((api, permission.kind.value), {})
    exact = known.get(permission.value)
    if exact:
        return exact
    prefixes = [each for each in known if each.endswith("*") and permission.value.startswith(each[:-1])]
    if prefixes:
        return known[max(prefixes, key=len)]
    row = files.resources().get(permission.resource_app_id)
    of = row.display_name if row else f"the API {permission.resource_app_id}"
    if permission.kind is PermissionKind.SCOPE:
        return Reach(False, f"What {permission.value} of {of} opens, and only as far as the signed-in user may go.")
    return Reach(False, f"What {permission.value} of {of} opens, in the whole tenant, with no user signed in.")
