"""Service principals (enterprise applications): the product's own, and those of the APIs it uses.

Source: graph.md 2.5, recorded-graph.md 6.
"""

from __future__ import annotations

from typing import Any

from provisioner.errors import Absent, AlreadyThere
from provisioner.graph.connection import Graph
from provisioner.graph.reading import Json, guid, maybe_text, members, texts
from provisioner.graph.rights import READ_APPLICATIONS, WRITE_APPLICATIONS
from provisioner.graph.sdk import model, query
from provisioner.model.declared import PermissionKind
from provisioner.model.identifiers import AppId, ObjectId
from provisioner.model.observed import ResourcePrincipal, ServicePrincipalObject

SELECT = ["id", "appId", "displayName", "accountEnabled", "tags", "appRoleAssignmentRequired"]
RESOURCE_SELECT = ["id", "appId", "displayName", "appRoles", "oauth2PermissionScopes"]
"""Graph's own is 280 KB of JSON with these (source: recorded-graph.md 6): read it once per run."""


async def by_app_id(graph: Graph, app_id: AppId) -> ServicePrincipalObject | None:
    """The service principal of an application in this tenant."""
    found = await _one(graph, app_id, SELECT)
    return None if found is None else _parse(found)


async def by_object_id(graph: Graph, object_id: ObjectId) -> ServicePrincipalObject | None:
    """A service principal by its own id; None where it is not one, or not there."""
    builder = graph.client.service_principals.by_service_principal_id(object_id)
    try:
        found = await graph.read(builder.to_get_request_information(query(builder, select=SELECT)), READ_APPLICATIONS)
    except Absent:
        return None
    return _parse(found)


async def resource(graph: Graph, app_id: AppId) -> ResourcePrincipal | None:
    """An API's service principal here, with the ids behind its permissions' names. Disabled ones are left out."""
    found = await _one(graph, app_id, RESOURCE_SELECT)
    if found is None:
        return None
    ids: dict[tuple[str, str], tuple[str, ...]] = {}
    for kind, name in ((PermissionKind.ROLE, "appRoles"), (PermissionKind.SCOPE, "oauth2PermissionScopes")):
        for each in members(found, name):
            value = maybe_text(each, "value")
            if value and each.get("isEnabled") is not False:
                key = (kind.value, value)
                ids[key] = (*ids.get(key, ()), guid(each, "id"))
    return ResourcePrincipal(
        object_id=ObjectId(guid(found, "id")),
        app_id=AppId(guid(found, "appId")),
        display_name=maybe_text(found, "displayName") or "",
        ids=ids,
    )


async def create(graph: Graph, app_id: AppId, *, tags: tuple[str, ...]) -> ServicePrincipalObject:
    """The service principal of an application of this tenant. A second one cannot come to be, so a repeat is safe.

    Raises a 400 or 403 `ServiceFault` that `classify` calls not-yet where the application has not been replicated.
    """
    body = model("ServicePrincipal", "service_principal")(app_id=app_id, tags=list(tags))
    info = graph.client.service_principals.to_post_request_information(body)
    try:
        reply = await graph.write(info, WRITE_APPLICATIONS)
    except AlreadyThere:
        there = await by_app_id(graph, app_id)
        if there is None:
            raise
        return there
    return _parse(reply or {})


async def require_assignment(graph: Graph, object_id: ObjectId) -> None:
    """From now on only those who are assigned can sign in to it, or get a token for themselves through it."""
    body = model("ServicePrincipal", "service_principal")(app_role_assignment_required=True)
    builder = graph.client.service_principals.by_service_principal_id(object_id)
    await graph.write(builder.to_patch_request_information(body), WRITE_APPLICATIONS)


async def delete(graph: Graph, object_id: ObjectId) -> None:
    """Move the service principal to the recycle bin. Gone already is fine."""
    builder = graph.client.service_principals.by_service_principal_id(object_id)
    await graph.delete(builder.to_delete_request_information(), WRITE_APPLICATIONS)


async def _one(graph: Graph, app_id: AppId, select: list[str]) -> Json | None:
    builder: Any = graph.client.service_principals_with_app_id(app_id)
    try:
        return await graph.read(builder.to_get_request_information(query(builder, select=select)), READ_APPLICATIONS)
    except Absent:
        return None


def _parse(found: Json) -> ServicePrincipalObject:
    return ServicePrincipalObject(
        object_id=ObjectId(guid(found, "id")),
        app_id=AppId(guid(found, "appId")),
        display_name=maybe_text(found, "displayName") or "",
        enabled=found.get("accountEnabled") is not False,
        tags=texts(found, "tags"),
        assignment_required=found.get("appRoleAssignmentRequired") is True,
    )
