from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta, timezone

import httpx
import pytest
from graph_doubles import FakeGraph, VirtualClock, problem

from provisioner.errors import Absent, AlreadyThere, Refused, ServiceFault, UnknownOutcome, Unreachable
from provisioner.graph import (
    app_role_assignments,
    applications,
    delegated_grants,
    deleted_items,
    passwords,
    service_principals,
)
from provisioner.model.identifiers import GRAPH_APP_ID, AppId, KeyId, ObjectId
from provisioner.model.observed import RequestedAccess
from provisioner.pace import Verdict, classify

APP = AppId("aaaaaaaa-0000-4000-8000-000000000001")
OBJ = ObjectId("bbbbbbbb-0000-4000-8000-000000000001")
SP = ObjectId("cccccccc-0000-4000-8000-000000000001")
ROLE = "dddddddd-0000-4000-8000-000000000001"
KEY = KeyId("eeeeeeee-0000-4000-8000-000000000001")
PLANTED = "k3y~Planted/Secret+Value=.0123456789abcd"
END = datetime(2027, 5, 21, 14, 30, 5, 999, tzinfo=timezone(timedelta(hours=2)))
APPLICATION = {"id": str(OBJ), "appId": str(APP), "displayName": "x", "uniqueName": "u-1"}
CREDENTIAL = {
    "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#microsoft.graph.passwordCredential",
    "customKeyIdentifier": None,
    "displayName": "d",
    "endDateTime": "2027-05-21T12:30:05Z",
    "hint": "k3y",
    "keyId": str(KEY),
    "secretText": PLANTED,
    "startDateTime": "2026-11-22T12:00:00.1234567Z",
}
CREATED = httpx.Response(201, json=APPLICATION)
NO_CONTENT = httpx.Response(204)
ILL = problem(503, "ServiceUnavailable", "ill", retry_after="2")
SLOW = problem(504, "UnknownError", "")
THROTTLED = problem(429, "TooManyRequests", "Too many requests", retry_after="11")
CUT = httpx.RemoteProtocolError("Server disconnected without sending a response.")


def run(graph: FakeGraph, work, **how):  # type: ignore[no-untyped-def]
    async def main() -> object:
        async with graph.connect(**how) as connection:
            return await work(connection)

    return asyncio.run(main())


def mint(connection):  # type: ignore[no-untyped-def]
    return passwords.add(connection, OBJ, display_name="provisioner/main/mail/i1", end=END)


def test_a_secret_is_minted_with_one_request() -> None:
    graph = FakeGraph().on("POST", f"/applications/{OBJ}/addPassword", CREDENTIAL)
    minted = run(graph, mint)
    assert minted.secret.reveal() == PLANTED
    assert (minted.key_id, minted.hint, minted.end) == (KEY, "k3y", datetime(2027, 5, 21, 12, 30, 5, tzinfo=UTC))
    assert PLANTED not in repr(minted)
    (body,) = graph.bodies
    wanted = body["passwordCredential"]
    assert wanted["displayName"] == "provisioner/main/mail/i1"
    assert datetime.fromisoformat(wanted["endDateTime"]) == datetime(2027, 5, 21, 12, 30, 5, tzinfo=UTC)
    assert wanted["endDateTime"].startswith("2027-05-21T12:30:05")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (SLOW, UnknownOutcome),
        (ILL, UnknownOutcome),
        (problem(500, "InternalServerError", "x"), UnknownOutcome),
        (httpx.Response(502, text="<html>"), UnknownOutcome),
        (CUT, UnknownOutcome),
        (httpx.ReadTimeout("slow"), UnknownOutcome),
        (httpx.WriteError("cut"), UnknownOutcome),
        (httpx.Response(200, text='{"keyId": "eeee'), UnknownOutcome),
        (httpx.Response(200, json={"keyId": str(KEY), "endDateTime": "2027-05-21T12:30:05Z"}), UnknownOutcome),
        (httpx.Response(204), UnknownOutcome),
        (THROTTLED, ServiceFault),
        (problem(409, "Directory_ConcurrencyViolation", "Error due to concurrent requests being made"), ServiceFault),
        (problem(404, "Request_ResourceNotFound", "Resource 'x' does not exist"), Absent),
        (problem(403, "Authorization_RequestDenied", "Insufficient privileges"), Refused),
        (httpx.ConnectError("refused"), Unreachable),
    ],
)
def test_minting_is_tried_exactly_once(answer: httpx.Response | Exception, kind: type[ServiceFault]) -> None:
    graph = FakeGraph().on("POST", "/", answer, CREDENTIAL)
    clock = VirtualClock()
    with pytest.raises(ServiceFault) as caught:
        run(graph, mint, clock=clock)
    assert type(caught.value) is kind
    assert len(graph.trips) == 1
    assert clock.slept == []
    if answer is THROTTLED:
        assert caught.value.fault.retry_after == 11
        assert classify(caught.value.fault) is Verdict.THROTTLED


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("CredentialTypeNotAllowedAsPerAppPolicy", "forbids client secrets"),
        ("CredentialInvalidLifetimeAsPerAppPolicy", "shorter lifetime"),
    ],
)
def test_a_policy_that_forbids_the_secret_is_named(code: str, words: str) -> None:
    for answer in (problem(400, code, "no"), problem(400, "Request_BadRequest", "no", detail=code)):
        with pytest.raises(Refused) as caught:
            run(FakeGraph().on("POST", "/", answer), mint)
        assert words in (caught.value.advice or "")
        assert "Security Administrator" in caught.value.who_can


@pytest.mark.parametrize(
    "answer",
    [
        NO_CONTENT,
        problem(400, "Request_BadRequest", "No credentials found to be removed."),
        problem(400, "Request_BadRequest", "No password credential found with keyId 'x'."),
    ],
)
def test_removing_a_key_that_is_gone_is_fine(answer: httpx.Response) -> None:
    graph = FakeGraph().on("POST", f"/applications/{OBJ}/removePassword", answer)
    assert run(graph, lambda connection: passwords.remove(connection, OBJ, KEY)) is None
    assert graph.bodies == [{"keyId": str(KEY)}]


def test_removing_is_repeated_and_other_refusals_are_told() -> None:
    graph = FakeGraph().on("POST", "/", SLOW, CUT, THROTTLED, NO_CONTENT)
    run(graph, lambda connection: passwords.remove(connection, OBJ, KEY))
    assert len(graph.trips) == 4
    with pytest.raises(ServiceFault, match="bad key"):
        run(
            FakeGraph().on("POST", "/", problem(400, "Request_BadRequest", "bad key")),
            lambda connection: passwords.remove(connection, OBJ, KEY),
        )


def create(connection):  # type: ignore[no-untyped-def]
    return applications.create(
        connection,
        "u-1",
        display_name='Söhne & "O\'Brien" \u202e😀',
        sign_in_audience="AzureADMyOrg",
        tags=("provisioner:x",),
        requested=(
            RequestedAccess(APP, ROLE, "Role"),
            RequestedAccess(GRAPH_APP_ID, str(KEY), "Scope"),
            RequestedAccess(APP, str(KEY), "Role"),
        ),
    )


def test_an_application_is_created_by_its_unique_name() -> None:
    graph = FakeGraph().on("PATCH", "/applications(uniqueName='u-1')", SLOW, CUT, CREATED)
    found = run(graph, create)
    assert found.app_id == APP
    assert len(graph.trips) == 3, "a repeat cannot make a second one"
    assert all(each.headers["Prefer"] == "create-if-missing" for each in graph.requests)
    body = dict(graph.bodies[0])
    assert body.pop("@odata.type", "#microsoft.graph.application") == "#microsoft.graph.application"
    assert body == {
        "displayName": 'Söhne & "O\'Brien" \u202e😀',
        "signInAudience": "AzureADMyOrg",
        "tags": ["provisioner:x"],
        "requiredResourceAccess": [
            {"resourceAppId": APP, "resourceAccess": [{"id": ROLE, "type": "Role"}, {"id": KEY, "type": "Role"}]},
            {"resourceAppId": GRAPH_APP_ID, "resourceAccess": [{"id": KEY, "type": "Scope"}]},
        ],
    }


def test_an_application_that_was_there_is_read_back() -> None:
    graph = FakeGraph().on("PATCH", "/", NO_CONTENT).on("GET", "/applications(uniqueName='u-1')", APPLICATION)
    assert run(graph, create).unique_name == "u-1"
    with pytest.raises(Absent):
        run(FakeGraph().on("PATCH", "/", NO_CONTENT), create)


def test_an_update_sends_only_what_is_given() -> None:
    graph = FakeGraph().on("PATCH", f"/applications/{OBJ}", NO_CONTENT)

    async def work(connection):  # type: ignore[no-untyped-def]
        await applications.update(connection, OBJ, requested=())
        await applications.update(connection, OBJ, tags=("a", "b"))
        await applications.update(connection, OBJ, display_name="n")

    run(graph, work)
    sent = [{name: value for name, value in each.items() if name != "@odata.type"} for each in graph.bodies]
    assert sent == [{"requiredResourceAccess": []}, {"tags": ["a", "b"]}, {"displayName": "n"}]


def test_what_is_gone_already_can_be_deleted() -> None:
    graph = FakeGraph()

    async def work(connection):  # type: ignore[no-untyped-def]
        await applications.delete(connection, OBJ)
        await service_principals.delete(connection, SP)
        await app_role_assignments.revoke(connection, SP, "a-_1")
        await delegated_grants.revoke(connection, "g-_1")
        await deleted_items.purge(connection, OBJ)

    run(graph, work)
    assert graph.trips == [
        f"DELETE /applications/{OBJ}",
        f"DELETE /servicePrincipals/{SP}",
        f"DELETE /servicePrincipals/{SP}/appRoleAssignments/a-_1",
        "DELETE /oauth2PermissionGrants/g-_1",
        f"DELETE /directory/deletedItems/{OBJ}",
    ]


def test_a_service_principal_cannot_come_to_be_twice() -> None:
    body = {"id": str(SP), "appId": str(APP), "displayName": "x", "accountEnabled": True, "tags": ["t"]}
    there = problem(409, "Request_MultipleObjectsWithSameKeyValue", "The service principal name is already in use.")
    graph = FakeGraph().on("POST", "/servicePrincipals", SLOW, there).on("GET", "/servicePrincipals(appId=", body)
    found = run(graph, lambda connection: service_principals.create(connection, APP, tags=("t",)))
    assert found.object_id == SP
    assert graph.bodies[0]["appId"] == APP
    assert graph.bodies[0]["tags"] == ["t"]
    with pytest.raises(AlreadyThere):
        run(
            FakeGraph().on("POST", "/servicePrincipals", there),
            lambda connection: service_principals.create(connection, APP, tags=()),
        )


@pytest.mark.parametrize(
    "answer",
    [
        problem(
            400,
            "Request_BadRequest",
            "The appId 'x' of the service principal does not reference a valid application object.",
            detail="NoBackingApplicationObject",
        ),
        problem(
            403,
            "Authorization_RequestDenied",
            "When using this permission, the backing application of the service principal being created must in the "
            "local tenant",
        ),
    ],
)
def test_an_application_not_yet_replicated_is_left_to_the_caller(answer: httpx.Response) -> None:
    graph = FakeGraph().on("POST", "/", answer)
    with pytest.raises(ServiceFault) as caught:
        run(graph, lambda connection: service_principals.create(connection, APP, tags=()))
    assert type(caught.value) is ServiceFault, "the 403 is no refusal"
    assert classify(caught.value.fault) is Verdict.NOT_YET
    assert len(graph.trips) == 1


ASSIGNMENT = {"id": "a1", "principalId": str(SP), "resourceId": str(OBJ), "appRoleId": ROLE}
GRANTED = problem(400, "Request_BadRequest", "Permission being assigned already exists on the object")


def grant(connection, api: AppId | None = None):  # type: ignore[no-untyped-def]
    return app_role_assignments.grant(
        connection, principal_id=SP, resource_id=OBJ, app_role_id=ROLE, resource_app_id=api
    )


def test_a_grant_made_twice_is_one_grant() -> None:
    graph = FakeGraph().on("POST", f"/servicePrincipals/{OBJ}/appRoleAssignedTo", SLOW, GRANTED)
    other = {**ASSIGNMENT, "id": "other", "appRoleId": str(KEY)}
    graph.on("GET", f"/servicePrincipals/{SP}/appRoleAssignments", {"value": [other, ASSIGNMENT]})
    assert run(graph, grant).assignment_id == "a1"
    body = graph.bodies[0]
    assert (body["principalId"], body["resourceId"], body["appRoleId"]) == (SP, OBJ, ROLE)

    unseen = FakeGraph().on("POST", "/", GRANTED).on("GET", "/", {"value": []})
    with pytest.raises(AlreadyThere):
        run(unseen, grant)


@pytest.mark.parametrize(
    ("api", "who"), [(GRAPH_APP_ID, "Privileged Role Administrator"), (APP, "Cloud Application Administrator")]
)
def test_a_refused_grant_says_who_can(api: AppId, who: str) -> None:
    graph = FakeGraph().on("POST", "/", problem(403, "Authorization_RequestDenied", "Insufficient privileges"))
    with pytest.raises(Refused) as caught:
        run(graph, lambda connection: grant(connection, api))
    assert caught.value.who_can[0] == who
    assert "AppRoleAssignment.ReadWrite.All" in (caught.value.advice or "")
    assert len(graph.trips) == 1


def test_a_restore_that_worked_before_its_answer_was_lost() -> None:
    path = f"/directory/deletedItems/{OBJ}/restore"
    graph = FakeGraph().on("POST", path, SLOW, problem(404, "Request_ResourceNotFound", "x"))
    graph.on("GET", f"/applications/{OBJ}", APPLICATION)
    run(graph, lambda connection: deleted_items.restore(connection, OBJ))
    assert graph.trips[:2] == [f"POST {path}"] * 2
    with pytest.raises(Absent):
        run(FakeGraph(), lambda connection: deleted_items.restore(connection, OBJ))


def test_paths_have_one_slash() -> None:
    graph = FakeGraph().on("PATCH", "/", CREATED)
    run(graph, create)
    assert str(graph.requests[0].url).startswith("https://localhost:8443/v1.0/applications(")
    assert json.loads(graph.requests[0].content)


def test_writes_of_one_turn_travel_together_and_keep_their_own_fate() -> None:
    other = ROLE.replace("1", "2")
    graph = FakeGraph().on("PATCH", f"/applications/{OBJ}", NO_CONTENT)
    graph.on("PATCH", "/applications(uniqueName='u-1')", CREATED)
    graph.on("POST", "/servicePrincipals", THROTTLED, {"id": str(SP), "appId": str(APP)})
    clock = VirtualClock()

    async def work(connection):  # type: ignore[no-untyped-def]
        return await asyncio.gather(
            applications.update(connection, OBJ, requested=(RequestedAccess(GRAPH_APP_ID, other, "Role"),)),
            applications.create(connection, "u-1", display_name="x", sign_in_audience="AzureADMyOrg", tags=()),
            service_principals.create(connection, APP, tags=("t",)),
        )

    none, created, principal = run(graph, work, clock=clock)
    assert none is None
    assert created.app_id == APP
    assert principal.object_id == SP
    assert graph.trips == ["POST /$batch 3", "POST /servicePrincipals"]  # only what was throttled goes again, alone
    assert clock.slept == [11.0]
    sent = json.loads(graph.requests[0].content)["requests"]
    assert [each["headers"].get("prefer") for each in sent] == [None, "create-if-missing", None]
    assert sent[0]["body"]["requiredResourceAccess"][0]["resourceAccess"][0]["id"] == other


def test_writes_whose_trip_was_lost_are_all_sent_again() -> None:
    graph = FakeGraph(batch_answers=[SLOW, CUT])
    grants = {"id": "a", "principalId": str(SP), "resourceId": str(OBJ), "appRoleId": ROLE}
    graph.on("POST", f"/servicePrincipals/{OBJ}/appRoleAssignedTo", httpx.Response(201, json=grants))

    async def work(connection):  # type: ignore[no-untyped-def]
        granted = (
            app_role_assignments.grant(connection, principal_id=SP, resource_id=OBJ, app_role_id=ROLE) for _ in range(2)
        )
        return await asyncio.gather(*granted)

    assert len(run(graph, work, clock=VirtualClock())) == 2
    assert len(graph.asked) == 2  # neither lost trip got as far as a route


def test_a_secret_is_never_minted_in_a_batch() -> None:
    graph = FakeGraph().on("POST", f"/applications/{OBJ}/addPassword", CREDENTIAL)
    graph.on("PATCH", f"/applications/{OBJ}", NO_CONTENT)

    async def work(connection):  # type: ignore[no-untyped-def]
        return await asyncio.gather(
            *(applications.update(connection, OBJ, display_name=each) for each in "ab"), mint(connection)
        )

    run(graph, work)
    assert sorted(graph.trips) == ["POST /$batch 2", f"POST /applications/{OBJ}/addPassword"]
