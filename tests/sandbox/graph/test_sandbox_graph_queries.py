from __future__ import annotations

from typing import Any

import pytest

EVENTUAL = {"ConsistencyLevel": "eventual"}


def names(answer: dict[str, Any]) -> list[str]:
    return [each["displayName"] for each in answer["value"]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("displayName eq 'Scan to Mail'", ["Scan to Mail"]),
        ("startswith(displayName,'Scan')", ["Scan to Mail"]),
        ("startswith(displayName,'scan') and signInAudience eq 'AzureADMyOrg'", ["Scan to Mail"]),
        ("displayName eq 'O''Neill'", []),
        (
            "(displayName eq 'x' or displayName eq 'Scan to Mail') and createdDateTime ge 2020-01-01T00:00:00Z",
            ["Scan to Mail"],
        ),
        ("displayName in ('Scan to Mail', 'Backup Suite')", ["Scan to Mail"]),
        ("tags/any(t:t eq 'HideApp')", ['Ticket System 🎫 [bold]"$(x)"']),
        ("tags/any(t:startswith(t,'Hide'))", ['Ticket System 🎫 [bold]"$(x)"']),
        ("isFallbackPublicClient eq true", ["Provisioner Operator (delegated)"]),
        ("identifierUris/any(u:u eq 'api://none')", []),
    ],
)
def test_filters(tenant: Any, text: str, expected: list[str]) -> None:
    assert names(tenant.get(f"/applications?$filter={text}")) == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("bogus eq 'x'", "Request_UnsupportedQuery"),
        ("displayName ne 'x'", "Request_UnsupportedQuery"),
        ("not(displayName eq 'x')", "Request_UnsupportedQuery"),
        ("endswith(displayName,'x')", "Request_UnsupportedQuery"),
        ("contains(displayName,'x')", "Request_UnsupportedQuery"),
        ("displayName eq", "BadRequest"),
        ("displayName == 'x'", "BadRequest"),
        ("displayName eq 'x' displayName", "BadRequest"),
        ("(displayName eq 'x'", "BadRequest"),
        ("tags eq 'x'", "BadRequest"),
        ("displayName eq 'unfinished", "BadRequest"),
    ],
)
def test_refused_filters(tenant: Any, text: str, code: str) -> None:
    assert tenant.refusal("GET", f"/applications?$filter={text}")[:2] == (400, code)


def test_advanced_queries_need_the_header_and_the_count(tenant: Any) -> None:
    path = "/applications?$filter=displayName ne 'Scan to Mail'"
    assert tenant.refusal("GET", path, headers=EVENTUAL)[0] == 400
    found = tenant.get(f"{path}&$count=true", headers=EVENTUAL)
    assert list(found) == ["@odata.context", "@odata.count", "value"]
    assert found["@odata.count"] == len(found["value"]) > 0
    assert "Scan to Mail" not in names(found)
    assert "@odata.count" not in tenant.get("/applications?$count=true")


def test_search(tenant: Any) -> None:
    path = '/applications?$search="displayName:scan"'
    status, code, message = tenant.refusal("GET", path)
    assert (status, code) == (400, "Request_UnsupportedQuery")
    assert message.endswith("special request header: 'ConsistencyLevel: eventual'")
    assert names(tenant.get(path, headers=EVENTUAL)) == ["Scan to Mail"]
    assert tenant.refusal("GET", "/applications?$search=scan", headers=EVENTUAL)[0] == 400


def test_paging(tenant: Any) -> None:
    for number in range(5):
        tenant.application(f"page-{number}")
    found: list[str] = []
    url = "/applications?$top=2&$select=displayName&$filter=startswith(displayName,'page-')"
    pages = 0
    while url:
        page = tenant.get(url)
        pages += 1
        found += names(page)
        url = page.get("@odata.nextLink")
        assert url is None or list(page)[1] == "@odata.nextLink", "before the values"
    assert pages == 3
    assert sorted(found) == [f"page-{number}" for number in range(5)]


@pytest.mark.parametrize("top", ["0", "1000", "-1", "many"])
def test_a_wrong_page_size(tenant: Any, top: str) -> None:
    assert tenant.refusal("GET", f"/users?$top={top}")[0] == 400


def test_the_default_page_is_a_hundred(tenant: Any) -> None:
    already = len(tenant.get("/users")["value"])
    for number in range(120):
        user = {"id": f"u{number}", "userPrincipalName": f"u{number:03}@contoso.example", "displayName": str(number)}
        tenant.manage("POST", "/plant", collection="users", document=user)
    first = tenant.get("/users")
    assert len(first["value"]) == 100
    second = tenant.get(first["@odata.nextLink"])
    assert len(second["value"]) == 20 + already
    upns = [each["userPrincipalName"] for each in first["value"] + second["value"]]
    assert upns == sorted(upns)
    assert len(tenant.get("/users?$top=999")["value"]) == 120 + already


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/applications?$select=id,bogus", "Request_UnsupportedQuery"),
        ("/applications?$skip=2", "Request_UnsupportedQuery"),
        ("/applications?$bogus=1", "BadRequest"),
        ("/applications?$expand=bogus", "BadRequest"),
        ("/applications?$skiptoken=zzz", "Directory_ExpiredPageToken"),
        ("/applications?$orderby=displayName", "Request_UnsupportedQuery"),
        ("/directoryRoles?$top=5", "Request_UnsupportedQuery"),
        ("/bogus", "BadRequest"),
        ("/applications/x/bogus", "BadRequest"),
        ("/applications(displayName='x')", "BadRequest"),
        ("/applications(7)", "BadRequest"),
    ],
)
def test_refused_queries(tenant: Any, path: str, code: str) -> None:
    assert tenant.refusal("GET", path)[:2] == (400, code)


def test_a_wrong_method(tenant: Any) -> None:
    assert tenant.refusal("PUT", "/applications", {})[0] == 405
    assert tenant.refusal("PATCH", "/organization", {})[0] == 405


def test_sorting(tenant: Any) -> None:
    path = "/applications?$count=true&$orderby=displayName desc"
    found = names(tenant.get(path, headers=EVENTUAL))
    assert found == sorted(found, key=str.casefold, reverse=True)


def test_double_slashes_and_case_are_forgiven(tenant: Any) -> None:
    assert tenant.get("//Organization")["value"][0]["id"] == tenant.id
    assert tenant.get("/servicePrincipals(AppId='00000003-0000-0000-c000-000000000000')?$select=appId")


def test_service_principal_names(tenant: Any) -> None:
    found = tenant.get("/servicePrincipals?$filter=servicePrincipalNames/any(c:c eq 'https://graph.microsoft.com')")
    assert names(found) == ["Microsoft Graph"]


def test_organization_people_and_roles(tenant: Any) -> None:
    organization = tenant.get("/organization")["value"][0]
    domains = {each["name"]: (each["isDefault"], each["isInitial"]) for each in organization["verifiedDomains"]}
    assert domains == {"contoso.example": (True, False), "contoso-sandbox.onmicrosoft.com": (False, True)}
    assert tenant.get(f"/organization/{tenant.id}")["id"] == tenant.id
    found = tenant.get("/users?$filter=proxyAddresses/any(p:p eq 'smtp:sales@contoso-sandbox.onmicrosoft.com')")
    assert names(found) == ["Sales"]
    assert tenant.get("/users/SALES@contoso.example")["mail"] == "sales@contoso.example"
    me = tenant.get("/me", caller="exchange-administrator")
    assert me["userPrincipalName"] == "exchange-administrator@contoso.example"
    roles = tenant.get("/me/memberOf/microsoft.graph.directoryRole", caller="exchange-administrator")["value"]
    assert [each["displayName"] for each in roles] == ["Exchange Administrator"]
    mixed = tenant.get("/me/memberOf", caller="exchange-administrator")["value"]
    assert mixed[0]["@odata.type"] == "#microsoft.graph.directoryRole"
    path = f"/roleManagement/directory/roleAssignments?$filter=principalId eq '{me['id']}'&$expand=roleDefinition"
    (assigned,) = tenant.get(path)["value"]
    assert assigned["roleDefinition"]["displayName"] == "Exchange Administrator"
    operator = tenant.get(f"/servicePrincipals(appId='{tenant.endpoints['callers']['operator']['clientId']}')")
    held = tenant.get(f"/servicePrincipals/{operator['id']}/memberOf/microsoft.graph.directoryRole")["value"]
    assert [each["displayName"] for each in held] == ["Exchange Administrator"]
    assert tenant.get("/me/memberOf", caller="plain-user")["value"] == []


def test_me_is_for_people(tenant: Any) -> None:
    assert tenant.refusal("GET", "/me") == (
        400,
        "BadRequest",
        "/me request is only valid with delegated authentication flow.",
    )


def message(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"m{number}",
        "mailbox": "cryptshare@contoso.example",
        "folder": "inbox",
        "subject": f"Test {number}",
        "from": "cryptshare@contoso.example",
        "to": ["cryptshare@contoso.example"],
        "internetMessageId": f"<{number}@contoso.example>",
        "receivedDateTime": f"2026-11-22T00:00:0{number}Z",
        "bodyPreview": "Hello",
        **changes,
    }


def test_mail_is_read_back(tenant: Any) -> None:
    for document in (
        message(1),
        message(2),
        message(3, folder="sentitems"),
        message(4, mailbox="sales@contoso.example"),
    ):
        tenant.manage("POST", "/plant", collection="messages", document=document)
    inbox = "/users/cryptshare@contoso.example/mailFolders/inbox/messages"
    found = tenant.get(inbox)["value"]
    assert [each["subject"] for each in found] == ["Test 2", "Test 1"], "newest first"
    assert "bodyPreview" not in found[0], "Mail.ReadBasic.All shows no content"
    assert found[0]["from"]["emailAddress"]["address"] == "cryptshare@contoso.example"
    wanted = tenant.get(f"{inbox}?$filter=internetMessageId eq '<1@contoso.example>'&$select=subject")["value"]
    assert [(each["id"], each["subject"]) for each in wanted] == [("m1", "Test 1")]
    assert len(tenant.get("/users/cryptshare@contoso.example/messages")["value"]) == 3
    top = tenant.get("/users/cryptshare@contoso.example/messages?$top=1&$orderby=receivedDateTime desc")
    assert [each["id"] for each in top["value"]] == ["m3"]


def test_mail_that_cannot_be_read(tenant: Any) -> None:
    assert tenant.refusal("GET", "/users/nobody@contoso.example/messages")[:2] == (404, "ErrorInvalidUser")
    refused = tenant.refusal("GET", "/users/plain-user@contoso.example/messages")
    assert refused[:2] == (404, "MailboxNotEnabledForRESTAPI")
    refused = tenant.refusal("GET", "/users/sales@contoso.example/messages", caller="global-administrator")
    assert refused[:2] == (403, "ErrorAccessDenied")


# $batch


def test_batch(tenant: Any) -> None:
    application = tenant.application()
    requests = [
        {"id": "a", "method": "GET", "url": "/organization?$select=id"},
        {"id": "b", "method": "GET", "url": "applications/unknown"},
        {
            "id": "c",
            "method": "PATCH",
            "url": f"/applications/{application['id']}",
            "headers": {"Content-Type": "application/json"},
            "body": {"notes": "batched"},
        },
        {"id": "d", "method": "GET", "url": f"{tenant.endpoints['graph']}/applications/{application['id']}"},
    ]
    answer = tenant.graph("POST", "/$batch", {"requests": requests})
    assert answer.status_code == 200
    found = {each["id"]: each for each in answer.json()["responses"]}
    assert {name: each["status"] for name, each in found.items()} == {"a": 200, "b": 404, "c": 204, "d": 200}
    assert found["a"]["body"]["value"] == [{"id": tenant.id}]
    assert found["a"]["body"]["@odata.context"].endswith("#organization(id)")
    assert found["a"]["headers"]["x-ms-resource-unit"] == "1"
    assert found["b"]["body"]["error"]["code"] == "Request_ResourceNotFound"
    assert "body" not in found["c"]
    assert found["d"]["body"]["notes"] == "batched"


def test_a_failed_dependency(tenant: Any) -> None:
    requests = [
        {"id": "1", "method": "GET", "url": "/applications/unknown"},
        {"id": "2", "method": "GET", "url": "/organization", "dependsOn": ["1"]},
        {"id": "3", "method": "GET", "url": "/organization"},
    ]
    found = tenant.post("/$batch", {"requests": requests}, status=200)["responses"]
    assert [each["status"] for each in found] == [404, 424, 200]


def test_an_item_is_throttled_inside_a_good_batch(tenant: Any) -> None:
    tenant.token()
    fault = {"status": 429, "retryAfter": 3}
    tenant.manage("POST", "/faults", protocol="graph", match="GET /v1.0/users", effect=fault, times=1)
    requests = [{"id": "1", "method": "GET", "url": "/users"}, {"id": "2", "method": "GET", "url": "/organization"}]
    found = tenant.post("/$batch", {"requests": requests}, status=200)["responses"]
    assert [each["status"] for each in found] == [429, 200]
    assert found[0]["headers"]["Retry-After"] == "3"


def item(number: int, **more: Any) -> dict[str, Any]:
    return {"id": str(number), "method": "GET", "url": "/organization", **more}


@pytest.mark.parametrize(
    "requests",
    [
        [],
        [item(number) for number in range(21)],
        [item(1), item(1)],
        [item(1, dependsOn=["2"]), item(2)],
        [{"id": "1", "method": "GET"}],
        [item(1, method="POST", body={})],
        "none",
    ],
)
def test_a_bad_batch_is_refused_whole(tenant: Any, requests: Any) -> None:
    assert tenant.refusal("POST", "/$batch", {"requests": requests})[:2] == (400, "BadRequest")


def test_history_lists_the_items_of_a_batch(tenant: Any) -> None:
    tenant.token()
    since = tenant.manage("GET", "/history")["history"][-1]["seq"]
    body = item(2, method="POST", url="/applications", headers={"Content-Type": "application/json"}, body={})
    tenant.post("/$batch", {"requests": [item(1), body]}, status=200)
    lines = tenant.manage("GET", f"/history?since={since}")["history"]
    assert [(each["operation"], each["status"], each["write"]) for each in lines] == [
        ("GET /v1.0/organization", 200, False),
        ("POST /v1.0/applications", 400, True),
        ("POST /v1.0/$batch", 200, False),
    ]
