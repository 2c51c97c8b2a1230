"""App role assignments: application permissions really granted, and who may sign in. Source: graph.md 2.6."""

from __future__ import annotations

from uuid import UUID

from provisioner.errors import AlreadyThere
from provisioner.graph.connection import Graph
from provisioner.graph.reading import Json, guid, maybe_text, text
from provisioner.graph.rights import GRANT_GRAPH_ROLES, GRANT_OTHER_ROLES, READ_GRANTS
from provisioner.graph.sdk import model, query
from provisioner.model.identifiers import GRAPH_APP_ID, AppId, ObjectId
from provisioner.model.observed import AppRoleAssignment, Assigned

PAGE = 999

DEFAULT_ACCESS = UUID(int=0)
"""The role of people and groups where an application has no roles of its own.

Source: microsoft-graph-docs, resource type appRoleAssignment.
"""


async def held_by(graph: Graph, service_principal_id: ObjectId) -> tuple[AppRoleAssignment, ...]:
    """Everything granted to a service principal. Raises `Absent` where it is not there (yet)."""
    builder = graph.client.service_principals.by_service_principal_id(service_principal_id).app_role_assignments
    found = await graph.pages(builder.to_get_request_information(query(builder, top=PAGE)), READ_GRANTS)
    return tuple(_parse(each) for each in found)


async def given_by(graph: Graph, service_principal_id: ObjectId) -> tuple[AppRoleAssignment, ...]:
    """The roles of an API that anybody holds. Raises `Absent` where the API is not there."""
    builder = graph.client.service_principals.by_service_principal_id(service_principal_id).app_role_assigned_to
    found = await graph.pages(builder.to_get_request_information(query(builder, top=PAGE)), READ_GRANTS)
    return tuple(_parse(each) for each in found)


async def assigned_to(graph: Graph, service_principal_id: ObjectId) -> tuple[Assigned, ...]:
    """The people and groups that are assigned to a service principal. Raises `Absent` where it is not there (yet)."""
    builder = graph.client.service_principals.by_service_principal_id(service_principal_id).app_role_assigned_to
    found = await graph.pages(builder.to_get_request_information(query(builder, top=PAGE)), READ_GRANTS)
    return tuple(
        Assigned(
            ObjectId(guid(each, "principalId")),
            maybe_text(each, "principalDisplayName") or "",
            maybe_text(each, "principalType") or "",
            text(each, "id"),
        )
        for each in found
        if maybe_text(each, "principalType") in ("User", "Group")
    )


async def assign(graph: Graph, *, principal_id: ObjectId, service_principal_id: ObjectId) -> None:
    """Let a person or a group sign in to an application. Raises `AlreadyThere` where that is so."""
    body = model("AppRoleAssignment", "app_role_assignment")(
        principal_id=UUID(principal_id), resource_id=UUID(service_principal_id), app_role_id=DEFAULT_ACCESS
    )
    builder = graph.client.service_principals.by_service_principal_id(service_principal_id).app_role_assigned_to
    await graph.write(builder.to_post_request_information(body), GRANT_OTHER_ROLES)


async def let_go(graph: Graph, assignment_id: str, *, service_principal_id: ObjectId) -> None:
    """Take a person's or a group's assignment to an application back. Gone already is fine."""
    assigned = graph.client.service_principals.by_service_principal_id(service_principal_id).app_role_assigned_to
    await graph.delete(
        assigned.by_app_role_assignment_id(assignment_id).to_delete_request_information(), GRANT_OTHER_ROLES
    )


async def grant(
    graph: Graph,
    *,
    principal_id: ObjectId,
    resource_id: ObjectId,
    app_role_id: str,
    resource_app_id: AppId | None = None,
) -> AppRoleAssignment:
    """Grant an app role of an API (`resource_id`) to a service principal; what is granted already is answered.

    `resource_app_id` only words the refusal: Graph's own roles need another directory role than all others'.
    Raises `AlreadyThere` where it is granted, but this replica does not show it.
    """
    body = model("AppRoleAssignment", "app_role_assignment")(
        principal_id=UUID(principal_id), resource_id=UUID(resource_id), app_role_id=UUID(app_role_id)
    )
    builder = graph.client.service_principals.by_service_principal_id(resource_id).app_role_assigned_to
    right = GRANT_GRAPH_ROLES if resource_app_id == GRAPH_APP_ID else GRANT_OTHER_ROLES
    try:
        reply = await graph.write(builder.to_post_request_information(body), right)
    except AlreadyThere:
        for each in await held_by(graph, principal_id):
            if (each.resource_id, each.app_role_id) == (resource_id.lower(), app_role_id.lower()):
                return each
        raise
    return _parse(reply or {})


async def revoke(graph: Graph, principal_id: ObjectId, assignment_id: str) -> None:
    """Take a grant back. Gone already is fine."""
    held = graph.client.service_principals.by_service_principal_id(principal_id).app_role_assignments
    await graph.delete(held.by_app_role_assignment_id(assignment_id).to_delete_request_information(), GRANT_OTHER_ROLES)


def _parse(found: Json) -> AppRoleAssignment:
    return AppRoleAssignment(
        assignment_id=text(found, "id"),
        principal_id=ObjectId(guid(found, "principalId")),
        resource_id=ObjectId(guid(found, "resourceId")),
        app_role_id=guid(found, "appRoleId"),
    )
