"""Assignment to an application: people, groups by their direct members, and what an unassigned account meets."""

from __future__ import annotations

from typing import Any

import pytest
from delegated_product import IMAP, OTHER, PERSON, REDIRECT, Product, claims, refusal, user_id

DEFAULT_ACCESS = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def ours(tenant: Any) -> Product:
    """A product that asks for assignment."""
    made = Product(tenant, web={"redirectUris": [REDIRECT]})
    made.grant()
    path = f"/servicePrincipals/{made.object_id}"
    assert tenant.graph("PATCH", path, {"appRoleAssignmentRequired": True}).status_code == 204
    return made


def group_id(tenant: Any, name: str) -> str:
    (group,) = tenant.get(f"/groups?$filter=displayName eq '{name}'")["value"]
    return str(group["id"])


def assign(product: Product, principal_id: str, role: str = DEFAULT_ACCESS, *, status: int = 201) -> Any:
    body = {"principalId": principal_id, "resourceId": product.object_id, "appRoleId": role}
    return product.tenant.post(f"/servicePrincipals/{product.object_id}/appRoleAssignedTo", body, status=status)


def at_the_browser(product: Product, person: str) -> Any:
    query = {"client_id": product.app_id, "response_type": "code", "redirect_uri": REDIRECT, "login_hint": person}
    url = f"{product.tenant.login}/{product.tenant.id}/oauth2/v2.0/authorize"
    return product.tenant.http.get(url, params={**query, "scope": IMAP})


def test_a_group_lets_its_direct_members_in(tenant: Any, ours: Product) -> None:
    assert refusal(ours.sign_in()) == (400, 50105)
    made = assign(ours, group_id(tenant, "Mail Users"))
    assert (made["principalType"], made["principalDisplayName"]) == ("Group", "Mail Users")
    assert claims(ours.sign_in())["upn"] == PERSON
    assert refusal(ours.sign_in(OTHER)) == (400, 50105), "a member of a nested group only"
    assign(ours, group_id(tenant, "Mail Trainees"))
    assert claims(ours.sign_in(OTHER))["upn"] == OTHER


def test_at_the_browser_there_is_no_redirect(tenant: Any, ours: Product) -> None:
    refused = at_the_browser(ours, PERSON)
    assert refusal(refused) == (400, 50105)
    assert "location" not in refused.headers
    assign(ours, user_id(tenant, PERSON))
    assert claims(ours.redeem(ours.code()))["upn"] == PERSON
    assert refusal(at_the_browser(ours, OTHER)) == (400, 50105)


def test_a_code_outlives_no_assignment(tenant: Any, ours: Product) -> None:
    made = assign(ours, user_id(tenant, PERSON))
    code = ours.code()
    path = f"/servicePrincipals/{ours.object_id}/appRoleAssignedTo/{made['id']}"
    assert tenant.graph("DELETE", path).status_code == 204
    assert refusal(ours.redeem(code)) == (400, 50105)


def test_the_default_role_is_for_applications_without_roles(tenant: Any) -> None:
    role = "11111111-2222-4333-8444-555555555555"
    roles = [
        {
            "allowedMemberTypes": ["User"],
            "description": "Reader",
            "displayName": "Reader",
            "id": role,
            "isEnabled": True,
            "value": "Reader",
        }
    ]
    made = Product(tenant, appRoles=roles)
    path = f"/servicePrincipals/{made.object_id}/appRoleAssignedTo"
    body = {"principalId": user_id(tenant, PERSON), "resourceId": made.object_id}
    refused = tenant.refusal("POST", path, {**body, "appRoleId": DEFAULT_ACCESS})
    assert refused[0] == 400
    assert "was not found on application" in refused[2]
    assert assign(made, user_id(tenant, PERSON), role)["appRoleId"] == role


def test_assignments_are_read_from_the_other_end(tenant: Any, ours: Product) -> None:
    person, group = user_id(tenant, PERSON), group_id(tenant, "Mail Users")
    assert tenant.get(f"/users/{PERSON}/appRoleAssignments")["value"] == []
    mine, theirs = assign(ours, person), assign(ours, group)
    (of_person,) = tenant.get(f"/users/{PERSON}/appRoleAssignments")["value"]
    assert (of_person["id"], of_person["appRoleId"]) == (mine["id"], DEFAULT_ACCESS)
    (of_group,) = tenant.get(f"/groups/{group}/appRoleAssignments")["value"]
    assert of_group["id"] == theirs["id"]
    listed = tenant.get(f"/servicePrincipals/{ours.object_id}/appRoleAssignedTo")["value"]
    assert {each["principalType"] for each in listed} == {"User", "Group"}


def test_groups_and_their_members(tenant: Any) -> None:
    (group,) = tenant.get("/groups?$filter=displayName eq 'Mail Users'")["value"]
    assert (group["securityEnabled"], group["mailEnabled"], group["groupTypes"]) == (True, False, [])
    assert "members" not in group
    single = tenant.get(f"/groups/{group['id']}?$select=displayName")
    assert single["displayName"] == "Mail Users"
    direct = tenant.get(f"/groups/{group['id']}/members")["value"]
    assert [(each["@odata.type"], each["displayName"]) for each in direct] == [
        ("#microsoft.graph.user", "Cryptshare"),
        ("#microsoft.graph.group", "Mail Trainees"),
    ]
    people = tenant.get(f"/groups/{group['id']}/members/microsoft.graph.user?$select=id,displayName")["value"]
    assert [each["displayName"] for each in people] == ["Cryptshare"]
    every = tenant.get(f"/groups/{group['id']}/transitiveMembers?$select=id,displayName")["value"]
    assert [each["displayName"] for each in every] == ["Cryptshare", "Mail Trainees", "Neighbour"]
    page = tenant.get(f"/groups/{group['id']}/members?$top=1")
    (rest,) = tenant.get(page["@odata.nextLink"])["value"]
    assert rest["displayName"] == "Mail Trainees"
    assert tenant.refusal("GET", "/groups/11111111-2222-4333-8444-555555555555")[0] == 404


def test_a_circle_of_groups_ends(tenant: Any) -> None:
    known = {each["displayName"]: each["id"] for each in tenant.get("/groups")["value"]}
    state = tenant.manage("GET", "/state")["groups"]
    trainees = next(each for each in state if each["displayName"] == "Mail Trainees")
    trainees["members"].append(known["Mail Users"])
    tenant.manage("POST", "/plant", collection="groups", document=trainees)
    every = tenant.get(f"/groups/{known['Mail Users']}/transitiveMembers")["value"]
    assert sorted(each["displayName"] for each in every) == ["Cryptshare", "Mail Trainees", "Neighbour"]
