"""Who holds a permission of an API: read from the API's side, and named by the service principal's own record."""

from __future__ import annotations

from graph_doubles import FakeGraph, problem
from test_graph_reads import OBJ, SP, run

from provisioner.graph import Graph, app_role_assignments, delegated_grants, service_principals
from provisioner.model.identifiers import ObjectId
from provisioner.model.observed import DelegatedGrant

ROLE = "dc890d15-9560-4a4c-9b7f-a736ec74ec40"


def test_the_roles_that_an_api_gave() -> None:
    given = {"id": "a1", "principalId": OBJ.upper(), "resourceId": SP, "appRoleId": ROLE}
    graph = FakeGraph().on("GET", f"/servicePrincipals/{SP}/appRoleAssignedTo?$top=999", {"value": [given]})
    (found,) = run(graph, lambda connection: app_role_assignments.given_by(connection, SP))
    assert (found.principal_id, found.app_role_id) == (OBJ, ROLE)


def test_the_delegated_permissions_that_an_api_gave() -> None:
    scopes = ("a", "EWS.AccessAsUser.All")
    given = {"id": "g1", "clientId": OBJ, "resourceId": SP, "consentType": "AllPrincipals", "scope": " ".join(scopes)}
    graph = FakeGraph().on("GET", f"/oauth2PermissionGrants?$filter=resourceId eq '{SP}'", {"value": [given]})
    found = run(graph, lambda connection: delegated_grants.given_by(connection, SP))
    assert found == (DelegatedGrant("g1", OBJ, SP, "AllPrincipals", None, scopes),)


def test_a_service_principal_by_its_own_id() -> None:
    there = {"id": OBJ, "appId": SP, "displayName": "Room Panels", "accountEnabled": True, "tags": []}
    gone = ObjectId("dddddddd-0000-4000-8000-000000000001")
    graph = FakeGraph().on("GET", f"/servicePrincipals/{OBJ}", there)
    graph.on("GET", f"/servicePrincipals/{gone}", problem(404, "Request_ResourceNotFound", "gone"))

    async def work(connection: Graph) -> None:
        found = await service_principals.by_object_id(connection, OBJ)
        assert found is not None
        assert (found.display_name, found.app_id) == ("Room Panels", SP)
        assert await service_principals.by_object_id(connection, gone) is None

    run(graph, work)
