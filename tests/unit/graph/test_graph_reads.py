from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from graph_doubles import BASE, FakeGraph, Tokens, VirtualClock, problem

from provisioner.errors import Absent, NotYet, Refused, ServiceFault, Unreachable
from provisioner.graph import (
    Graph,
    app_role_assignments,
    applications,
    delegated_grants,
    deleted_items,
    messages,
    organization,
    service_principals,
)
from provisioner.model.declared import Permission, PermissionKind
from provisioner.model.identifiers import AppId, ObjectId
from provisioner.model.observed import DelegatedGrant, RequestedAccess

APP = AppId("aaaaaaaa-0000-4000-8000-000000000001")
OBJ = ObjectId("bbbbbbbb-0000-4000-8000-000000000001")
SP = ObjectId("cccccccc-0000-4000-8000-000000000001")


def application(number: int = 1, **more: object) -> dict[str, object]:
    return {
        "@odata.context": f"{BASE}/$metadata#applications/$entity",
        "id": f"BBBBBBBB-0000-4000-8000-{number:012}",
        "appId": f"aaaaaaaa-0000-4000-8000-{number:012}",
        "displayName": "Cryptshare Server",
        "uniqueName": f"app-{number}",
        "signInAudience": "AzureADMyOrg",
        "tags": ["provisioner:x"],
        "requiredResourceAccess": [],
        "passwordCredentials": [],
        "createdDateTime": "2026-11-22T11:59:40.8313021Z",
        "deletedDateTime": None,
        **more,
    }


def run(graph: FakeGraph, work, **how):  # type: ignore[no-untyped-def]
    async def main() -> object:
        async with graph.connect(**how) as connection:
            return await work(connection)

    return asyncio.run(main())


def test_a_single_read_goes_alone_and_reads_of_one_turn_go_together() -> None:
    graph = FakeGraph()
    graph.on("GET", "/applications(uniqueName=", application())
    graph.on("GET", "/organization", {"value": [{"id": str(OBJ), "displayName": "C", "verifiedDomains": []}]})

    async def work(connection: Graph) -> None:
        assert await applications.by_unique_name(connection, "app-1") is not None
        found = await asyncio.gather(
            applications.by_unique_name(connection, "app-1"),
            service_principals.by_app_id(connection, APP),
            organization.organization(connection),
        )
        assert found[0] is not None
        assert found[1] is None
        assert found[2].display_name == "C"

    run(graph, work)
    assert len(graph.trips) == 2
    assert graph.trips[0].startswith("GET /applications(uniqueName='app-1')?$select=")
    assert graph.trips[1] == "POST /$batch 3"


def test_a_gather_within_a_gather_is_still_one_trip() -> None:
    graph = FakeGraph()

    async def work(connection: Graph) -> None:
        async def two() -> None:
            await asyncio.gather(*(applications.by_app_id(connection, APP) for _ in range(2)))

        await asyncio.gather(two(), asyncio.gather(two(), two()), applications.by_object_id(connection, OBJ))

    run(graph, work)
    assert graph.trips == ["POST /$batch 7"]


@pytest.mark.parametrize(("reads", "trips"), [(20, [20]), (21, [20, None]), (45, [20, 20, 5])])
def test_more_than_twenty_are_split(reads: int, trips: list[int | None]) -> None:
    graph = FakeGraph()

    async def work(connection: Graph) -> None:
        found = await asyncio.gather(*(applications.by_unique_name(connection, f"n{i}") for i in range(reads)))
        assert found == [None] * reads

    run(graph, work)
    assert sorted(each.split()[-1] for each in graph.trips if "$batch" in each) == sorted(
        str(each) for each in trips if each
    )
    assert len(graph.trips) == len(trips)
    assert len(graph.asked) == reads == len(set(graph.asked))


def test_each_item_of_a_batch_has_its_own_fate() -> None:
    graph = FakeGraph()
    graph.on("GET", "/applications(uniqueName='ok')", application())
    graph.on(
        "GET",
        "/applications(uniqueName='throttled')",
        problem(429, "TooManyRequests", "Too many", retry_after="7"),
        application(2),
    )
    graph.on("GET", "/applications(uniqueName='ill')", problem(503, "ServiceUnavailable", "x"), application(3))
    graph.on("GET", "/applications(uniqueName='refused')", problem(403, "Authorization_RequestDenied", "Insufficient"))
    graph.on("GET", "/applications(uniqueName='odd')", problem(400, "Request_BadRequest", "odd"))
    clock = VirtualClock()

    async def work(connection: Graph) -> list[object]:
        names = ("ok", "throttled", "ill", "missing", "refused", "odd")
        return await asyncio.gather(
            *(applications.by_unique_name(connection, each) for each in names), return_exceptions=True
        )

    ok, throttled, ill, missing, refused, odd = run(graph, work, clock=clock)
    assert ok.object_id == "bbbbbbbb-0000-4000-8000-000000000001"
    assert throttled.unique_name == "app-2"
    assert ill.unique_name == "app-3"
    assert missing is None
    assert isinstance(refused, Refused)
    assert "Cloud Application Administrator" in refused.who_can
    assert "Application.Read.All" in (refused.advice or "")
    assert refused.fault.request_id == "11111111-2222-4333-8444-555555555555"
    assert type(odd) is ServiceFault
    assert odd.fault.status == 400
    assert 7.0 in clock.slept
    assert graph.trips[0] == "POST /$batch 6"
    assert len(graph.asked) == 8


def test_a_batch_that_is_throttled_as_a_whole_is_sent_again() -> None:
    graph = FakeGraph(batch_answers=[problem(429, "TooManyRequests", "x", retry_after="3"), httpx.ReadError("cut")])

    async def work(connection: Graph) -> object:
        return await asyncio.gather(*(applications.by_unique_name(connection, f"n{i}") for i in range(2)))

    clock = VirtualClock()
    assert run(graph, work, clock=clock) == [None, None]
    assert graph.trips == ["POST /$batch 2"] * 3
    assert clock.slept[:2] == [3.0, 3.0]
    assert len(clock.slept) == 4


def test_a_batch_refused_as_malformed_does_not_take_good_reads_with_it() -> None:
    graph = FakeGraph(batch_answers=[problem(400, "BadRequest", "Invalid batch payload format.")])
    graph.on("GET", "/applications(uniqueName='good')", application())
    graph.on("GET", "/applications(uniqueName='bad')", problem(400, "BadRequest", "bad"))

    async def work(connection: Graph) -> list[object]:
        return await asyncio.gather(
            *(applications.by_unique_name(connection, each) for each in ("good", "bad")), return_exceptions=True
        )

    good, bad = run(graph, work)
    assert good.display_name == "Cryptshare Server"
    assert isinstance(bad, ServiceFault)


def test_an_item_that_the_batch_does_not_answer_is_asked_again() -> None:
    lost = httpx.Response(200, json={"responses": [{"id": "1", "status": 404, "headers": {}, "body": None}]})
    graph = FakeGraph(batch_answers=[lost]).on("GET", "/applications(uniqueName='n0')", application())

    async def work(connection: Graph) -> object:
        return await asyncio.gather(*(applications.by_unique_name(connection, f"n{i}") for i in range(2)))

    first, second = run(graph, work)
    assert first is not None
    assert second is None


def test_one_cancelled_reader_leaves_the_others_alone() -> None:
    graph = FakeGraph().on("GET", "/applications(uniqueName='n1')", application())

    async def work(connection: Graph) -> object:
        tasks = [asyncio.create_task(applications.by_unique_name(connection, f"n{i}")) for i in range(2)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    cancelled, found = run(graph, work)
    assert isinstance(cancelled, asyncio.CancelledError)
    assert found is not None
    assert len(graph.asked) == 1


def test_a_throttled_service_is_given_up_at_the_deadline() -> None:
    graph = FakeGraph().on("GET", "/", problem(429, "TooManyRequests", "x", retry_after="50"))
    clock = VirtualClock()
    with pytest.raises(NotYet):
        run(graph, lambda connection: applications.by_app_id(connection, APP), clock=clock)
    assert clock.slept == [50.0, 50.0]


def test_retry_after_may_be_a_date() -> None:
    late = problem(429, "TooManyRequests", "x", retry_after="Sun, 22 Nov 2026 12:00:30 GMT")
    graph = FakeGraph().on("GET", "/applications(appId=", late, application())
    clock = VirtualClock()
    assert run(graph, lambda connection: applications.by_app_id(connection, APP), clock=clock) is not None
    assert clock.slept == [30.0]


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (httpx.ConnectError("[Errno 111] Connection refused"), "NoConnection"),
        (httpx.ConnectTimeout("slow"), "NoConnection"),
        (httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] unable to get local issuer"), "CertificateNotTrusted"),
    ],
)
def test_no_network_is_told_after_three_tries(failure: Exception, code: str) -> None:
    graph = FakeGraph().on("GET", "/", failure)
    clock = VirtualClock()
    with pytest.raises(Unreachable) as caught:
        run(graph, lambda connection: applications.by_app_id(connection, APP), clock=clock)
    assert caught.value.fault.code == code
    assert not caught.value.fault.sent
    assert len(graph.trips) == 3
    assert sum(clock.slept) < 5


def test_connections_lost_again_and_again_are_told() -> None:
    graph = FakeGraph().on("GET", "/", httpx.RemoteProtocolError("Server disconnected"))
    with pytest.raises(Unreachable) as caught:
        run(graph, lambda connection: applications.by_app_id(connection, APP))
    assert caught.value.fault.code == "ConnectionLost"
    assert len(graph.trips) == 6


def test_a_first_answer_that_corrects_the_clock_does_not_use_up_the_patience() -> None:
    class Corrected(VirtualClock):
        def heard(self, tenant_time: datetime) -> None:
            super().heard(tenant_time)
            self.time = max(self.time, tenant_time)

    ill = problem(503, "ServiceUnavailable", "x", retry_after="5")
    ill.headers["Date"] = "Sun, 22 Nov 2026 15:00:00 GMT"
    graph = FakeGraph().on("GET", "/", ill, application())
    assert run(graph, lambda connection: applications.by_app_id(connection, APP), clock=Corrected()) is not None


@pytest.mark.parametrize(
    "reply",
    [
        httpx.Response(200, text="<html>Welcome to the hotel</html>"),
        httpx.Response(200, json=["a", "list"]),
        httpx.Response(302, headers={"Location": "https://evil.example/"}, text="moved"),
        httpx.Response(200, json={"id": 7}),
    ],
)
def test_a_reply_that_is_not_graphs_is_an_error_without_its_text(reply: httpx.Response) -> None:
    graph = FakeGraph().on("GET", "/", reply)
    with pytest.raises(ServiceFault) as caught:
        run(graph, lambda connection: applications.by_app_id(connection, APP))
    assert caught.value.fault.code == "UnreadableReply"
    assert "hotel" not in str(caught.value)
    assert len(graph.trips) == 1, "no redirect is followed with our token"


@pytest.mark.parametrize("status", [502, 503])
def test_a_gateways_html_page_is_waited_out(status: int) -> None:
    page = httpx.Response(status, text="<html>Bad gateway</html>", headers={"Content-Type": "text/html"})
    graph = FakeGraph().on("GET", "/applications(appId=", page, application())
    assert run(graph, lambda connection: applications.by_app_id(connection, APP)) is not None
    assert len(graph.trips) == 2


def test_a_token_that_is_not_accepted_is_renewed_once() -> None:
    stale = problem(401, "InvalidAuthenticationToken", "Access token has expired or is not yet valid.")
    graph = FakeGraph().on("GET", "/applications(appId=", stale, application())
    tokens = Tokens()
    assert run(graph, lambda connection: applications.by_app_id(connection, APP), tokens=tokens) is not None
    assert [each.headers["Authorization"][-2:] for each in graph.requests] == ["-0", "-1"]

    refusing = FakeGraph().on("GET", "/", stale)
    with pytest.raises(Refused, match="expired"):
        run(refusing, lambda connection: applications.by_app_id(connection, APP))
    assert len(refusing.trips) == 2


def test_pages_are_followed_to_the_end() -> None:
    graph = FakeGraph()
    following = f"{BASE}/servicePrincipals/{SP}/appRoleAssignments?$top=999&$skiptoken="
    grants = [
        {"id": f"id{i}", "principalId": str(SP), "resourceId": str(OBJ), "appRoleId": str(APP).upper()}
        for i in range(3)
    ]
    path = f"/servicePrincipals/{SP}/appRoleAssignments?$top=999"
    graph.on("GET", f"{path}&$skiptoken=b", {"value": grants[1:]})
    graph.on("GET", f"{path}&$skiptoken=a", {"@odata.nextLink": f"{following}b", "value": []})
    graph.on("GET", path, {"@odata.nextLink": f"{following}a", "value": grants[:1]})
    found = run(graph, lambda connection: app_role_assignments.held_by(connection, SP))
    assert [each.assignment_id for each in found] == ["id0", "id1", "id2"]
    assert found[0].app_role_id == APP


@pytest.mark.parametrize("where", ["https://evil.example/v1.0/x", "https://localhost:8443.evil.example/v1.0/x", "x"])
def test_a_next_page_elsewhere_never_gets_our_token(where: str) -> None:
    graph = FakeGraph().on("GET", "/", {"value": [], "@odata.nextLink": where})
    with pytest.raises(ServiceFault, match="another host"):
        run(graph, lambda connection: app_role_assignments.held_by(connection, SP))
    assert len(graph.trips) == 1


def test_pages_without_an_end_are_an_error() -> None:
    path = f"/servicePrincipals/{SP}/appRoleAssignments?$top=999"
    graph = FakeGraph().on("GET", path, {"value": [], "@odata.nextLink": f"{BASE}{path}"})
    with pytest.raises(ServiceFault, match="no end"):
        run(graph, lambda connection: app_role_assignments.held_by(connection, SP))


def test_every_reply_sets_the_clock_and_a_great_skew_is_told_once() -> None:
    date = {"Date": "Sun, 22 Nov 2026 14:00:00 GMT"}
    graph = FakeGraph().on("GET", "/", httpx.Response(200, json=application(), headers=date))
    clock = VirtualClock()

    async def work(connection: Graph) -> None:
        await applications.by_app_id(connection, APP)
        await applications.by_app_id(connection, APP)

    run(graph, work, clock=clock)
    assert clock.told == [datetime(2026, 11, 22, 14, tzinfo=UTC)] * 2
    assert [each.text for each in graph.events] == ["this machine's clock is 120 minutes behind the tenant's"]

    broken = FakeGraph().on("GET", "/", httpx.Response(404, headers={"Date": "yesterday"}))
    assert run(broken, lambda connection: applications.by_app_id(connection, APP)) is None


def test_an_application_is_read_whole() -> None:
    reply = application(
        requiredResourceAccess=[
            {"resourceAppId": str(APP).upper(), "resourceAccess": [{"id": str(OBJ).upper(), "type": "Role"}]}
        ],
        passwordCredentials=[
            {
                "customKeyIdentifier": None,
                "displayName": None,
                "endDateTime": "2027-05-21T12:00:00Z",
                "hint": "abc",
                "keyId": str(SP).upper(),
                "secretText": None,
                "startDateTime": "2026-11-22T12:00:00.1234567Z",
            }
        ],
        web={"redirectUris": ["https://a"]},
        spa={"redirectUris": ["https://b"]},
        publicClient={"redirectUris": []},
    )
    found = run(FakeGraph().on("GET", "/", reply), lambda connection: applications.by_object_id(connection, OBJ))
    assert found.object_id == OBJ
    assert found.requested == (RequestedAccess(APP, str(OBJ), "Role"),)
    assert found.passwords[0].key_id == SP
    assert found.passwords[0].end == datetime(2027, 5, 21, 12, tzinfo=UTC)
    assert found.passwords[0].start.microsecond == 123456
    assert found.redirect_uris == ("https://a", "https://b")
    assert found.created == datetime(2026, 11, 22, 11, 59, 40, 831302, tzinfo=UTC)


def test_a_resource_has_all_ids_of_a_name_and_no_disabled_ones() -> None:
    reply = {
        "id": str(SP),
        "appId": str(APP),
        "displayName": "Graph",
        "appRoles": [
            {"id": str(APP), "value": "Mail.Send", "isEnabled": True},
            {"id": str(OBJ), "value": "Old.Role", "isEnabled": False},
            {"id": str(OBJ), "value": None, "isEnabled": True},
        ],
        "oauth2PermissionScopes": [
            {"id": str(OBJ), "value": "Mail.Send", "isEnabled": True},
            {"id": str(SP), "value": "Mail.Send", "isEnabled": True},
        ],
    }
    graph = FakeGraph().on("GET", "/servicePrincipals(appId=", reply)
    found = run(graph, lambda connection: service_principals.resource(connection, APP))
    assert found.ids_of(Permission(APP, PermissionKind.ROLE, "Mail.Send")) == (APP,)
    assert found.ids_of(Permission(APP, PermissionKind.SCOPE, "Mail.Send")) == (OBJ, SP)
    assert found.ids_of(Permission(APP, PermissionKind.ROLE, "Old.Role")) == ()


def test_the_recycle_bin_is_searched_by_unique_name() -> None:
    deleted = [application(1, deletedDateTime="2026-11-20T00:00:00Z"), application(2), application(3, uniqueName=None)]
    graph = FakeGraph().on("GET", "/directory/deletedItems/", {"value": deleted})
    found = run(graph, lambda connection: deleted_items.applications(connection, unique_name="app-1"))
    assert [each.unique_name for each in found] == ["app-1"]
    assert found[0].deleted is not None
    assert graph.asked[0].startswith("GET /directory/deletedItems/graph.application?")


def test_delegated_grants_organization_and_messages() -> None:
    graph = FakeGraph()
    grant = {
        "id": "g1",
        "clientId": str(SP),
        "resourceId": str(OBJ),
        "consentType": "AllPrincipals",
        "principalId": None,
        "scope": " Mail.Send  User.Read ",
    }
    graph.on("GET", f"/oauth2PermissionGrants?$filter=clientId eq '{SP}'", {"value": [grant]})
    domains = [
        {"name": "contoso.onmicrosoft.com", "isInitial": True, "isDefault": False},
        {"name": "contoso.com", "isInitial": False, "isDefault": True},
    ]
    graph.on(
        "GET", "/organization", {"value": [{"id": str(OBJ), "displayName": "Contoso", "verifiedDomains": domains}]}
    )
    graph.on(
        "GET",
        "/users/a'b@contoso.com/messages?$filter=internetMessageId eq '<o''k+1@x>'",
        {"value": [{"subject": "Test", "receivedDateTime": "2026-11-22T12:00:00Z"}]},
    )
    graph.on("GET", "/users/empty@contoso.com/messages", {"value": []})

    async def work(connection: Graph) -> None:
        grants, organization_found, message, none = await asyncio.gather(
            delegated_grants.held_by(connection, SP),
            organization.organization(connection),
            messages.find(connection, "a'b@contoso.com", internet_message_id="<o'k+1@x>"),
            messages.find(connection, "empty@contoso.com", internet_message_id="<o'k+1@x>"),
        )
        assert grants == (DelegatedGrant("g1", SP, OBJ, "AllPrincipals", None, ("Mail.Send", "User.Read")),)
        assert organization_found.default_domain == "contoso.com"
        assert organization_found.initial_domain == "contoso.onmicrosoft.com"
        assert message is not None
        assert message.subject == "Test"
        assert none is None

    run(graph, work)
    with pytest.raises(Absent):
        run(FakeGraph(), lambda connection: messages.find(connection, "no@x", internet_message_id="<x>"))


def hostile() -> list[str]:
    ours = [
        "O'Brien's \"app\" & Söhne",
        "100% %24filter=x $select",
        "a+b c/d?e#f;g",
        "😀\u202e[bold]$(x)`y`\n\x1b[31m",
        "''",
    ]
    path = Path(__file__).parents[2] / "data" / "hostile_names.json"
    texts = [each["text"] for each in json.loads(path.read_text())["displayNames"]]
    assert len(texts) > 10
    return ours + [each for each in texts if each]


def test_hostile_names_arrive_as_they_are() -> None:
    """Names in a filter and an alternate key, alone and in a batch; and in a reply."""
    for name in hostile():
        graph = FakeGraph()
        whole = name.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        doubled = whole.replace("'", "''")
        graph.on("GET", f"/oauth2PermissionGrants?$filter=clientId eq '{doubled}'", {"value": []})
        graph.on("GET", f"/applications(uniqueName='{doubled}')", application(displayName=name))

        async def work(connection: Graph, name: str = name, whole: str = whole) -> None:
            assert await delegated_grants.held_by(connection, ObjectId(name)) == ()
            _, found = await asyncio.gather(
                delegated_grants.held_by(connection, ObjectId(name)), applications.by_unique_name(connection, name)
            )
            assert found is not None
            assert found.display_name == whole

        run(graph, work)
        assert len(graph.trips) == 2
