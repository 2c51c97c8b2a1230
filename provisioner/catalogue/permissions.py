"""Permissions by name. The key is resource, kind and value: neither id nor value alone names one (graph.md 1.4)."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.catalogue import files
from provisioner.catalogue.resources import resource as find_resource
from provisioner.model.declared import Permission, PermissionKind
from provisioner.model.identifiers import AppId

_WORDS = {PermissionKind.ROLE: "an application permission", PermissionKind.SCOPE: "a delegated permission"}


@dataclass(frozen=True)
class CataloguedPermission:
    """What the catalogue knows of one permission."""

    permission: Permission
    resource_name: str
    ids: tuple[str, ...]
    """Usually one; some resources carry one value under two ids. Worldwide cloud only."""
    admin_consent_required: bool | None
    """None where the source does not say."""
    risk: str | None
    """`low`, `medium`, `high`, `critical`, or None where nobody rated it."""
    enabled: bool
    """False where Microsoft lists it but has it switched off."""


def find(resource: str | AppId, kind: PermissionKind, value: str) -> CataloguedPermission | None:
    """One permission by its exact name; None where this API has none of this name and kind."""
    known = find_resource(resource)
    if known is None:
        return None
    app_id, name = known
    rows = files.resources()[app_id].permissions.get((kind, value))
    if not rows:
        return None
    return CataloguedPermission(
        permission=Permission(app_id, kind, value),
        resource_name=name,
        ids=tuple(row.id for row in rows),
        admin_consent_required=rows[0].admin_consent_required,
        risk=rows[0].risk,
        enabled=any(row.enabled for row in rows),
    )


def risk(permission: Permission) -> str | None:
    """How dangerous a permission was rated: `low`, `medium`, `high`, `critical`, or None where nobody rated it."""
    found = find(permission.resource_app_id, permission.kind, permission.value)
    return found.risk if found else None


def near_misses(resource: str | AppId, kind: PermissionKind, value: str) -> tuple[str, ...]:
    """What a name that `find` does not know may have meant, as phrases, best first; perhaps none.

    A wrong kind and a wrong API come before a wrong spelling, since there the name itself is right.
    """
    known = find_resource(resource)
    asked = known[0] if known else None
    other = PermissionKind.SCOPE if kind is PermissionKind.ROLE else PermissionKind.ROLE
    table = files.resources()
    found: list[str] = []
    if asked and (other, value) in table[asked].permissions:
        found.append(f"{value} is {_WORDS[other]} of {table[asked].display_name}, not {_WORDS[kind]}")
    found += [
        f"{value} is {_WORDS[each_kind]} of {row.display_name}"
        for each_kind in (kind, other)
        for row in table.values()
        if row.app_id != asked and (each_kind, value) in row.permissions
    ]
    spellings = [name for (each_kind, name) in table[asked].permissions if each_kind is kind] if asked else []
    found += [f"did you mean {each}?" for each in files.nearest(value, spellings) if each != value]
    if not found and asked:
        found += [
            f"did you mean {each}, {_WORDS[each_kind]} of {row.display_name}?"
            for row in table.values()
            for each_kind in (kind, other)
            for each in files.nearest(value, [name for (k, name) in row.permissions if k is each_kind], count=1)
        ][:3]
    return tuple(found[:3])
