"""Directory roles by template id, and which of them may consent to what."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping

from provisioner.catalogue import files
from provisioner.model.declared import Permission, PermissionKind
from provisioner.model.identifiers import GRAPH_APP_ID


@functools.cache
def _names() -> Mapping[str, str]:
    table: dict[str, str] = json.loads(files.text("roles.json"))
    return table


def role_name(template_id: str) -> str:
    """The name of a directory role. One that the catalogue does not know keeps its template id."""
    return _names().get(template_id.lower(), template_id)


def role_id(name: str) -> str:
    """The template id of a directory role, the same in every tenant. Raises `LookupError` for an unknown name."""
    for template_id, known in _names().items():
        if known == name:
            return template_id
    raise LookupError(f"no directory role {name!r} is in the catalogue")


def role_names() -> tuple[str, ...]:
    """Every role that a playbook may name."""
    return tuple(sorted(_names().values()))


def who_can_consent(permission: Permission) -> tuple[str, ...]:
    """The roles that can consent for the whole tenant, the least powerful first.

    Source: entra-docs, enterprise-apps/grant-admin-consent (graph.md 5.1): application permissions of Microsoft Graph
    are kept for the two most powerful roles; every other permission is not.
    """
    if permission.resource_app_id == GRAPH_APP_ID and permission.kind is PermissionKind.ROLE:
        return ("Privileged Role Administrator", "Global Administrator")
    return ("Cloud Application Administrator", "Application Administrator")
