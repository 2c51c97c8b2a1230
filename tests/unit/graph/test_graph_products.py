"""What further products need of Graph: delegated grants, redirects by platform, accounts, mail as themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from graph_doubles import FakeGraph, problem

from provisioner.errors import AlreadyThere, Refused, UnknownOutcome
from provisioner.graph import (
    Graph,
    app_role_assignments,
    applications,
    delegated_grants,
    directory_groups,
    messages,
    service_principals,
    users,
)
from provisioner.model.identifiers import ObjectId
from provisioner.model.observed import Assigned, DelegatedGrant, DirectoryGroup, Person

OBJ = ObjectId("bbbbbbbb-0000-4000-8000-000000000001")
SP = ObjectId("cccccccc-0000-4000-8000-000000000001")
API = ObjectId("cccccccc-0000-4000-8000-000000000002")
GROUP = ObjectId("eeeeeeee-0000-4000-8000-000000000004")
USER = ObjectId("dddddddd-0000-4000-8000-000000000003")
GRANT = {
    "id": "g-1",
    "clientId": SP.upper(),
    "resourceId": API,
    "consentType": "AllPrincipals",
    "principalId": None,
    "scope": "User.Read offline_access",
}
NO_CONTENT = httpx.Response(204)
MAILBOX = "o'brien@contoso.example"


def run(graph: FakeGraph, work: Callable[[Graph], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        async with graph.connect() as connection:
            return await work(connection)

    return asyncio.run(main())


@pytest.mark.parametrize(("principal", "kind"), [(None, "AllPrincipals"), (USER, "Principal")])
def test_a_delegated_grant_for_everybody_or_for_one(principal: ObjectId | None, kind: str) -> None:
    answer = {**GRANT, "consentType": kind, "principalId": principal}
    graph = FakeGraph().on("POST", "/oauth2PermissionGrants", httpx.Response(201, json=answer))
    made = run(
        graph,
        lambda connection: delegated_grants.create(
            connection,
            client_id=SP,
            resource_id=API,
            principal_id=principal,
            scopes=("User.Read", "offline_access"),
        ),
    )
    assert made == DelegatedGrant("g-1", SP, API, kind, principal, ("User.Read", "offline_access"))
    (body,) = graph.bodies
    assert (body["consentType"], body["scope"], body["clientId"], body["resourceId"]) == (
        kind,
        "User.Read offline_access",
        SP,
        API,
    )
    assert body.get("principalId") == principal


def test_a_second_grant_for_the_same_people_is_there_already() -> None:
    refusal = problem(400, "Request_BadRequest", "Permission entry already exists.")
    graph = FakeGraph().on("POST", "/oauth2PermissionGrants", refusal)
    with pytest.raises(AlreadyThere):
        run(
            graph,
            lambda connection: delegated_grants.create(
                connection, client_id=SP, resource_id=API, principal_id=None, scopes=("User.Read",)
            ),
        )


def test_a_grants_scopes_are_replaced_whole() -> None:
    graph = FakeGraph().on("PATCH", "/oauth2PermissionGrants/g-1", NO_CONTENT)
    run(graph, lambda connection: delegated_grants.update(connection, "g-1", scopes=("Mail.Read", "User.Read")))
    assert graph.bodies == [{"scope": "Mail.Read User.Read"}]


def test_redirects_of_every_platform_are_replaced_and_read_by_platform() -> None:
    graph = FakeGraph().on("PATCH", f"/applications/{OBJ}", NO_CONTENT)
    run(
        graph,
        lambda connection: applications.set_redirects(
            connection, OBJ, web=("https://a",), spa=(), native=("app://b", "https://c"), public_client=False
        ),
    )
    (body,) = graph.bodies
    assert body["web"] == {"redirectUris": ["https://a"]}
    assert body["spa"] == {"redirectUris": []}
    assert body["publicClient"] == {"redirectUris": ["app://b", "https://c"]}
    assert body["isFallbackPublicClient"] is False

    found = applications.parse({"id": OBJ, "appId": SP, **body})
    assert (found.web_redirects, found.spa_redirects, found.native_redirects) == (
        ("https://a",),
        (),
        ("app://b", "https://c"),
    )
    assert found.public_client is False
    assert found.redirect_uris == ("https://a", "app://b", "https://c")
    assert applications.parse({"id": OBJ, "appId": SP}).public_client is None


def test_the_flag_is_asked_for() -> None:
    assert "isFallbackPublicClient" in applications.SELECT


def test_an_account_by_its_sign_in_name() -> None:
    graph = FakeGraph().on("GET", "/users/vma@contoso.example", {"id": USER.upper()})
    assert run(graph, lambda connection: users.find(connection, "vma@contoso.example")) == Person(USER)
    assert run(FakeGraph(), lambda connection: users.find(connection, "nobody@contoso.example")) is None


@pytest.mark.parametrize(
    ("name", "path", "answer"),
    [
        (GROUP, f"/groups/{GROUP}", {"id": GROUP.upper(), "displayName": "Mail Users"}),
        ("Mail Users", "/groups", {"value": [{"id": GROUP, "displayName": "Mail Users"}]}),
    ],
)
def test_a_group_by_its_id_or_its_name(name: str, path: str, answer: dict[str, Any]) -> None:
    graph = FakeGraph().on("GET", path, answer)
    assert run(graph, lambda connection: directory_groups.find(connection, name)) == (
        DirectoryGroup(GROUP, "Mail Users"),
    )


def test_a_group_that_is_not_there() -> None:
    assert run(FakeGraph(), lambda connection: directory_groups.find(connection, GROUP)) == ()
    none = FakeGraph().on("GET", "/groups", {"value": []})
    assert run(none, lambda connection: directory_groups.find(connection, "O'Brien's")) == ()
    (asked,) = none.requests
    assert asked.url.params["$filter"] == "displayName eq 'O''Brien''s'"


def test_people_and_groups_that_are_assigned_but_no_applications() -> None:
    entries = [
        {"id": "a1", "principalId": USER.upper(), "principalDisplayName": "VMA", "principalType": "User"},
        {"id": "a2", "principalId": GROUP, "principalDisplayName": None, "principalType": "Group"},
        {"id": "a3", "principalId": API, "principalDisplayName": "other", "principalType": "ServicePrincipal"},
    ]
    graph = FakeGraph().on("GET", f"/servicePrincipals/{SP}/appRoleAssignedTo", {"value": entries})
    assert run(graph, lambda connection: app_role_assignments.assigned_to(connection, SP)) == (
        Assigned(USER, "VMA", "User", "a1"),
        Assigned(GROUP, "", "Group", "a2"),
    )


def test_an_assignment_has_the_default_role() -> None:
    made = httpx.Response(201, json={"id": "a"})
    graph = FakeGraph().on("POST", f"/servicePrincipals/{SP}/appRoleAssignedTo", made)
    run(
        graph,
        lambda connection: app_role_assignments.assign(connection, principal_id=USER, service_principal_id=SP),
    )
    (body,) = graph.bodies
    assert (body["principalId"], body["resourceId"]) == (USER, SP)
    assert body["appRoleId"] == "00000000-0000-0000-0000-000000000000"


def test_an_assignment_can_be_asked_for() -> None:
    graph = FakeGraph().on("PATCH", f"/servicePrincipals/{SP}", NO_CONTENT)
    run(graph, lambda connection: service_principals.require_assignment(connection, SP))
    (body,) = graph.bodies
    assert {name: value for name, value in body.items() if name != "@odata.type"} == {"appRoleAssignmentRequired": True}
    assert "appRoleAssignmentRequired" in service_principals.SELECT


def test_a_mail_is_sent_to_its_own_mailbox_without_a_copy() -> None:
    graph = FakeGraph().on("POST", f"/users/{MAILBOX}/sendMail", httpx.Response(202))
    run(graph, lambda connection: messages.send(connection, MAILBOX, subject="it's \U0001f4ec", text="body"))
    (body,) = graph.bodies
    sent = {key.lower(): value for key, value in body.items()}
    assert sent["savetosentitems"] is False
    assert sent["message"]["subject"] == "it's \U0001f4ec"
    assert sent["message"]["toRecipients"] == [{"emailAddress": {"address": MAILBOX}}]
    assert sent["message"]["body"] == {"contentType": "text", "content": "body"}
    assert len(graph.trips) == 1


def test_a_mail_that_may_have_been_sent_is_never_sent_again() -> None:
    graph = FakeGraph().on("POST", f"/users/{MAILBOX}/sendMail", problem(504, "UnknownError", ""))
    with pytest.raises(UnknownOutcome):
        run(graph, lambda connection: messages.send(connection, MAILBOX, subject="s", text="t"))
    assert len(graph.trips) == 1


def test_a_mailbox_out_of_reach_refuses() -> None:
    refusal = problem(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
    graph = FakeGraph().on("GET", "/users/", refusal).on("POST", "/users/", refusal)
    with pytest.raises(Refused) as read:
        run(graph, lambda connection: messages.look_in(connection, MAILBOX))
    with pytest.raises(Refused):
        run(graph, lambda connection: messages.send(connection, MAILBOX, subject="s", text="t"))
    assert read.value.fault.code == "ErrorAccessDenied"


def test_whether_a_mail_arrived_is_asked_by_its_subject() -> None:
    graph = FakeGraph().on("GET", f"/users/{MAILBOX}/messages", {"value": []}, {"value": [{"subject": "it's"}]})
    seen = [run(graph, lambda connection: messages.arrived(connection, MAILBOX, subject="it's")) for _ in range(2)]
    assert seen == [False, True]
    assert "$filter=subject eq 'it''s'" in graph.asked[0]
