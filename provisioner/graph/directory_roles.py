"""Directory roles: who holds them, and who could activate them (`roleManagement/directory`). Source: graph.md 2.8, 5.1.

A built-in role's definition has the id of its template, the same in every tenant (source: entra-docs,
permissions-reference), so that nothing is looked up.
"""

from __future__ import annotations

from provisioner.graph.connection import Graph
from provisioner.graph.reading import Json, guid, maybe_text, text
from provisioner.graph.rights import ASSIGN_DIRECTORY_ROLES, READ_DIRECTORY_ROLES, READ_MEMBERSHIPS
from provisioner.graph.sdk import model, query
from provisioner.graph.texts import quoted
from provisioner.model.identifiers import ObjectId
from provisioner.model.observed import RoleAssignment

WHOLE_TENANT = "/"


async def held_by(graph: Graph, principal_id: ObjectId) -> tuple[RoleAssignment, ...]:
    """The roles that a principal holds now."""
    builder = graph.client.role_management.directory.role_assignments
    options = query(builder, filter=f"principalId eq '{quoted(principal_id)}'")
    found = await graph.pages(builder.to_get_request_information(options), READ_DIRECTORY_ROLES)
    return tuple(_parse(each) for each in found)


async def of_person(graph: Graph, sign_in_name: str) -> frozenset[str]:
    """Template ids of the roles that an account holds now, by its sign-in name."""
    builder = graph.client.users.by_user_id(sign_in_name).member_of.graph_directory_role
    options = query(builder, select=["id", "roleTemplateId"])
    found = await graph.pages(builder.to_get_request_information(options), READ_MEMBERSHIPS)
    return frozenset(guid(each, "roleTemplateId") for each in found)


async def eligible(graph: Graph, principal_id: ObjectId) -> frozenset[str]:
    """Template ids of the roles that a principal could activate (Privileged Identity Management), and has not."""
    builder = graph.client.role_management.directory.role_eligibility_schedule_instances
    options = query(builder, filter=f"principalId eq '{quoted(principal_id)}'")
    found = await graph.pages(builder.to_get_request_information(options), READ_DIRECTORY_ROLES)
    return frozenset(guid(each, "roleDefinitionId") for each in found)


async def assign(graph: Graph, principal_id: ObjectId, role_id: str) -> None:
    """Give a principal a role for the whole tenant.

    Raises `AlreadyThere` where it holds the role, and `Absent` or a 400 where the directory does not know it yet.
    """
    body = model("UnifiedRoleAssignment", "unified_role_assignment")(
        principal_id=principal_id, role_definition_id=role_id, directory_scope_id=WHOLE_TENANT
    )
    builder = graph.client.role_management.directory.role_assignments
    await graph.write(builder.to_post_request_information(body), ASSIGN_DIRECTORY_ROLES)


async def revoke(graph: Graph, assignment_id: str) -> None:
    """Take a role away. Gone already is fine."""
    builder = graph.client.role_management.directory.role_assignments
    info = builder.by_unified_role_assignment_id(assignment_id).to_delete_request_information()
    await graph.delete(info, ASSIGN_DIRECTORY_ROLES)


def _parse(found: Json) -> RoleAssignment:
    return RoleAssignment(
        assignment_id=text(found, "id"),
        role_id=guid(found, "roleDefinitionId"),
        whole_tenant=maybe_text(found, "directoryScopeId") == WHOLE_TENANT,
    )
