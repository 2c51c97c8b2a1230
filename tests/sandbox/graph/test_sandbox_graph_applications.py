from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from provisioner.sandbox.certificates import self_signed

GRAPH = "00000003-0000-0000-c000-000000000000"
EXCHANGE = "00000002-0000-0ff1-ce00-000000000000"
SMTP_SEND_AS_APP = "7146a1f0-8703-45b3-9eae-527a64c00995"
MAIL_READ = "810c84a8-4a9e-49e6-bf7d-12d183f40d01"
USER_READ_SCOPE = "e1fe6dd8-ba31-4d61-89e7-88639da4683d"
UNIQUE_NAME_TAKEN = (
    400,
    "Request_BadRequest",
    "Another object with the same value for property uniqueName already exists.",
)


def role_body(principal: dict[str, Any], resource: dict[str, Any], role: str = SMTP_SEND_AS_APP) -> dict[str, str]:
    return {"principalId": principal["id"], "resourceId": resource["id"], "appRoleId": role}


def test_an_application_makes_no_service_principal(tenant: Any) -> None:
    application = tenant.application()
    assert tenant.get(f"/servicePrincipals?$filter=appId eq '{application['appId']}'")["value"] == []
    assert tenant.refusal("GET", f"/servicePrincipals(appId='{application['appId']}')")[0] == 404


def test_display_names_may_repeat(tenant: Any) -> None:
    assert tenant.application("Twin")["id"] != tenant.application("Twin")["id"]
    assert len(tenant.get("/applications?$filter=displayName eq 'twin'")["value"]) == 2


@pytest.mark.parametrize(
    ("body", "fragment"),
    [
        ({}, "displayName"),
        ({"displayName": ""}, "displayName"),
        ({"displayName": "x" * 121}, "displayName"),
        ({"displayName": 7}, "Edm.String"),
        ({"displayName": "x", "bogus": 1}, "bogus"),
        ({"displayName": "x", "web": {"bogus": 1}}, "bogus"),
        ({"displayName": "x", "web": []}, "webApplication"),
        ({"displayName": "x", "tags": "one"}, "Collection(Edm.String)"),
        ({"displayName": "x", "tags": ["two words"]}, "tags"),
        ({"displayName": "x", "tags": ["x" * 257]}, "tags"),
        ({"displayName": "x", "identifierUris": None}, "Collection"),
        ({"displayName": "x", "isFallbackPublicClient": "yes"}, "Edm.Boolean"),
        ({"displayName": "x", "signInAudience": "Everybody"}, "signInAudience"),
        ({"displayName": "x", "appId": GRAPH}, "appId"),
        ({"displayName": "x", "uniqueName": ""}, "uniqueName"),
        ({"displayName": "x", "passwordCredentials": [{"displayName": "s"}]}, "service actions"),
        ({"displayName": "x", "requiredResourceAccess": [{"resourceAppId": "Graph"}]}, "requiredResourceAccess"),
        (
            {
                "displayName": "x",
                "requiredResourceAccess": [
                    {"resourceAppId": GRAPH, "resourceAccess": [{"id": MAIL_READ, "type": "Application"}]}
                ],
            },
            "requiredResourceAccess",
        ),
        (
            {
                "displayName": "x",
                "requiredResourceAccess": [
                    {"resourceAppId": GRAPH, "resourceAccess": [{"id": "Mail.Read", "type": "Role"}]}
                ],
            },
            "Edm.Guid",
        ),
        (
            {
                "displayName": "x",
                "requiredResourceAccess": [
                    {"resourceAppId": GRAPH, "resourceAccess": [{"id": MAIL_READ, "type": "Role"}] * 401}
                ],
            },
            "requiredResourceAccess",
        ),
    ],
)
def test_bad_bodies(tenant: Any, body: dict[str, Any], fragment: str) -> None:
    before = tenant.manage("GET", "/state/hash")
    status, _, message = tenant.refusal("POST", "/applications", body)
    assert status == 400
    assert fragment in message
    assert tenant.manage("GET", "/state/hash") == before


def test_a_body_that_is_no_json(tenant: Any) -> None:
    for content in (b"", b"{", b"[" * 100_000, b'"text"'):
        answer = tenant.http.post(
            f"{tenant.endpoints['graph']}/applications",
            content=content,
            headers={"authorization": f"Bearer {tenant.token()}", "content-type": "application/json"},
        )
        assert answer.status_code == 400, content[:10]
        assert answer.json()["error"]["code"] == "BadRequest"


def test_type_annotations_are_ignored(tenant: Any) -> None:
    made = tenant.application("typed", **{"@odata.type": "#microsoft.graph.application"})
    assert "@odata.type" not in made


def test_patch_merges_complex_values_and_replaces_collections(tenant: Any) -> None:
    web = {"redirectUris": ["https://a.example"], "homePageUrl": "https://home.example"}
    application = tenant.application("patched", web=web, tags=["one"])
    path = f"/applications/{application['id']}"
    body = {"web": {"redirectUris": ["https://b.example"]}, "tags": ["two", "three"]}
    assert tenant.graph("PATCH", path, body).status_code == 204
    read = tenant.get(path)
    assert read["web"]["redirectUris"] == ["https://b.example"]
    assert read["web"]["homePageUrl"] == "https://home.example"
    assert sorted(read["tags"]) == ["three", "two"]
    assert read["createdDateTime"][:19] == application["createdDateTime"][:19]


def test_a_new_name_reaches_the_service_principal(tenant: Any) -> None:
    application = tenant.application("Before")
    principal = tenant.service_principal(application["appId"])
    tenant.graph("PATCH", f"/applications/{application['id']}", {"displayName": "After"})
    read = tenant.get(f"/servicePrincipals/{principal['id']}")
    assert (read["displayName"], read["appDisplayName"]) == ("After", "After")


def test_upsert_by_unique_name(tenant: Any) -> None:
    path = "/applications(uniqueName='tool-one')"
    assert tenant.graph("PATCH", path, {"displayName": "One"}).status_code == 404
    header = {"Prefer": "create-if-missing"}
    made = tenant.graph("PATCH", path, {"displayName": "One"}, headers=header)
    assert (made.status_code, made.json()["uniqueName"]) == (201, "tool-one")
    again = tenant.graph("PATCH", path, {"displayName": "Renamed"}, headers=header)
    assert (again.status_code, again.content) == (204, b"")
    assert tenant.get(path)["displayName"] == "Renamed"
    assert tenant.get("/applications?$filter=uniqueName eq 'tool-one'")["value"][0]["id"] == made.json()["id"]


def test_a_unique_name_is_written_once(tenant: Any) -> None:
    application = tenant.application("named")
    path = f"/applications/{application['id']}"
    assert tenant.graph("PATCH", path, {"uniqueName": "n-1"}).status_code == 204
    assert tenant.graph("PATCH", path, {"uniqueName": "n-1", "notes": "same again"}).status_code == 204
    for other in ("n-2", None):
        assert tenant.refusal("PATCH", path, {"uniqueName": other})[:2] == (400, "Request_BadRequest")
    assert tenant.refusal("POST", "/applications", {"displayName": "x", "uniqueName": "N-1"}) == UNIQUE_NAME_TAKEN


def test_the_recycle_bin_holds_unique_names(tenant: Any) -> None:
    application = tenant.application("gone", uniqueName="held")
    principal = tenant.service_principal(application["appId"])
    assert tenant.graph("DELETE", f"/applications/{application['id']}").status_code == 204
    assert tenant.refusal("GET", f"/applications/{application['id']}")[0] == 404
    assert tenant.refusal("GET", f"/servicePrincipals/{principal['id']}")[0] == 404
    for method, path, headers in (
        ("POST", "/applications", {}),
        ("PATCH", "/applications(uniqueName='held')", {"Prefer": "create-if-missing"}),
    ):
        body = {"displayName": "new"} | ({"uniqueName": "held"} if method == "POST" else {})
        assert tenant.refusal(method, path, body, headers=headers) == UNIQUE_NAME_TAKEN
    deleted = tenant.get("/directory/deletedItems/microsoft.graph.application?$filter=uniqueName eq 'held'")["value"]
    assert [(each["id"], each["appId"]) for each in deleted] == [(application["id"], application["appId"])]
    assert deleted[0]["deletedDateTime"] is not None
    assert tenant.get("/directory/deletedItems/microsoft.graph.servicePrincipal")["value"][0]["id"] == principal["id"]


def test_after_thirty_days_the_tenant_forgets(tenant: Any) -> None:
    application = tenant.application("gone", uniqueName="held")
    tenant.graph("DELETE", f"/applications/{application['id']}")
    tenant.manage("POST", "/clock/advance", seconds=29.9 * 86400)
    tenant.forget_tokens()
    assert tenant.refusal("POST", "/applications", {"displayName": "x", "uniqueName": "held"}) == UNIQUE_NAME_TAKEN
    tenant.manage("POST", "/clock/advance", seconds=0.2 * 86400)
    tenant.forget_tokens()
    assert tenant.get("/directory/deletedItems/microsoft.graph.application")["value"] == []
    assert tenant.refusal("POST", f"/directory/deletedItems/{application['id']}/restore")[0] == 404
    tenant.application("new", uniqueName="held")


def test_restore(tenant: Any) -> None:
    application = tenant.application("back", uniqueName="held")
    principal = tenant.service_principal(application["appId"])
    secret = tenant.post(f"/applications/{application['id']}/addPassword", {}, status=200)
    exchange = tenant.resource(EXCHANGE)
    tenant.post(f"/servicePrincipals/{principal['id']}/appRoleAssignments", role_body(principal, exchange))
    tenant.graph("DELETE", f"/applications/{application['id']}")
    granted = tenant.get(f"/servicePrincipals/{exchange['id']}/appRoleAssignedTo")["value"]
    assert principal["id"] not in {each["principalId"] for each in granted}
    bin_path = f"/directory/deletedItems/{principal['id']}/restore"
    assert tenant.refusal("POST", bin_path)[0] == 400, "its application first"
    restored = tenant.post(f"/directory/deletedItems/{application['id']}/restore", status=200)
    assert restored["@odata.type"] == "#microsoft.graph.application"
    assert (restored["id"], restored["appId"]) == (application["id"], application["appId"])
    assert restored["deletedDateTime"] is None
    read = tenant.get(f"/applications/{application['id']}")
    assert read["uniqueName"] == "held"
    assert [each["keyId"] for each in read["passwordCredentials"]] == [secret["keyId"]]
    assert tenant.refusal("GET", f"/servicePrincipals(appId='{application['appId']}')")[0] == 404, "not by itself"
    assert tenant.post(bin_path, status=200)["id"] == principal["id"]
    assert len(tenant.get(f"/servicePrincipals/{principal['id']}/appRoleAssignments")["value"]) == 1


def test_a_service_principal_made_meanwhile_bars_the_restore(tenant: Any) -> None:
    application = tenant.application("back")
    principal = tenant.service_principal(application["appId"])
    assert tenant.graph("DELETE", f"/servicePrincipals/{principal['id']}").status_code == 204
    assert tenant.service_principal(application["appId"])["id"] != principal["id"]
    refused = tenant.refusal("POST", f"/directory/deletedItems/{principal['id']}/restore")
    assert refused[:2] == (409, "Request_MultipleObjectsWithSameKeyValue")


def test_purge(tenant: Any) -> None:
    application = tenant.application("gone", uniqueName="held")
    tenant.graph("DELETE", f"/applications/{application['id']}")
    assert tenant.graph("DELETE", f"/directory/deletedItems/{application['id']}").status_code == 204
    assert tenant.refusal("GET", f"/directory/deletedItems/{application['id']}")[0] == 404
    again = tenant.application("new", uniqueName="held")
    tenant.manage("POST", "/settings", uniqueNameSurvivesPurge=True)
    tenant.graph("DELETE", f"/applications/{again['id']}")
    tenant.graph("DELETE", f"/directory/deletedItems/{again['id']}")
    assert tenant.refusal("POST", "/applications", {"displayName": "x", "uniqueName": "held"}) == UNIQUE_NAME_TAKEN


def test_deleting_leaves_strangers_alone(tenant: Any) -> None:
    def strangers() -> dict[str, Any]:
        state = tenant.manage("GET", "/state")
        return {name: state[name] for name in ("applications", "servicePrincipals", "appRoleAssignments", "users")}

    before = strangers()
    application = tenant.application("mine")
    principal = tenant.service_principal(application["appId"])
    tenant.post(
        f"/servicePrincipals/{principal['id']}/appRoleAssignments", role_body(principal, tenant.resource(EXCHANGE))
    )
    assert strangers() != before
    tenant.graph("DELETE", f"/applications/{application['id']}")
    assert strangers() == before


# Service principals.


def test_an_unknown_app_id_has_no_backing_application(tenant: Any) -> None:
    app_id = "93391f7a-0ec3-45c6-a967-e3dd6b0b683a"
    answer = tenant.graph("POST", "/servicePrincipals", {"appId": app_id})
    error = answer.json()["error"]
    message = f"The appId '{app_id}' of the service principal does not reference a valid application object."
    assert (answer.status_code, error["code"], error["message"]) == (400, "Request_BadRequest", message)
    assert error["details"] == [{"code": "NoBackingApplicationObject", "message": message, "target": "appId"}]


def test_a_second_service_principal_is_a_conflict(tenant: Any) -> None:
    application = tenant.application()
    tenant.service_principal(application["appId"])
    refused = tenant.refusal("POST", "/servicePrincipals", {"appId": application["appId"]})
    assert refused[:2] == (409, "Request_MultipleObjectsWithSameKeyValue")
    assert "already in use" in refused[2]


def test_a_service_principal_of_microsofts_own(tenant: Any) -> None:
    sharepoint = "00000003-0000-0ff1-ce00-000000000000"
    assert tenant.refusal("GET", f"/servicePrincipals(appId='{sharepoint}')")[0] == 404
    made = tenant.service_principal(sharepoint)
    assert made["displayName"] == "Office 365 SharePoint Online"
    assert any(role["value"] == "Sites.FullControl.All" for role in made["appRoles"])


def test_upsert_of_a_service_principal(tenant: Any) -> None:
    application = tenant.application()
    path = f"/servicePrincipals(appId='{application['appId']}')"
    header = {"Prefer": "create-if-missing"}
    assert tenant.graph("PATCH", path, {"notes": "n"}).status_code == 404
    assert tenant.graph("PATCH", path, {"notes": "n"}, headers=header).status_code == 201
    assert tenant.graph("PATCH", path, {"notes": "m"}, headers=header).status_code == 204
    assert tenant.get(path)["notes"] == "m"


# Grants.


def test_app_role_assignments(tenant: Any) -> None:
    principal = tenant.service_principal(tenant.application("Granted")["appId"])
    exchange = tenant.resource(EXCHANGE)
    body = role_body(principal, exchange)
    made = tenant.post(f"/servicePrincipals/{exchange['id']}/appRoleAssignedTo", body)
    assert list(made)[1:] == [
        "id",
        "deletedDateTime",
        "appRoleId",
        "createdDateTime",
        "principalDisplayName",
        "principalId",
        "principalType",
        "resourceDisplayName",
        "resourceId",
    ]
    assert len(made["id"]) == 43
    assert made["principalType"] == "ServicePrincipal"
    assert (made["principalDisplayName"], made["resourceDisplayName"]) == ("Granted", "Office 365 Exchange Online")
    stored = {name: value for name, value in made.items() if name[0] != "@"}
    mine = f"/servicePrincipals/{principal['id']}/appRoleAssignments"
    assert tenant.get(mine)["value"] == [stored]
    assert stored in tenant.get(f"/servicePrincipals/{exchange['id']}/appRoleAssignedTo?$top=999")["value"]
    for path in (mine, f"/servicePrincipals/{exchange['id']}/appRoleAssignedTo"):
        assert tenant.refusal("POST", path, body) == (
            400,
            "Request_BadRequest",
            "Permission being assigned already exists on the object",
        )
    assert tenant.graph("DELETE", f"{mine}/{made['id']}").status_code == 204
    assert tenant.get(mine)["value"] == []
    assert tenant.refusal("DELETE", f"{mine}/{made['id']}")[0] == 404


@pytest.mark.parametrize("role", [USER_READ_SCOPE, "00000000-0000-4000-8000-000000000000"])
def test_an_id_that_is_no_role_there(tenant: Any, role: str) -> None:
    principal = tenant.service_principal(tenant.application()["appId"])
    path = f"/servicePrincipals/{principal['id']}/appRoleAssignments"
    status, code, message = tenant.refusal("POST", path, role_body(principal, tenant.resource(GRAPH), role))
    assert (status, code) == (400, "Request_BadRequest")
    assert message.startswith("Permission being assigned was not found on application")


def test_wrong_ends_of_an_assignment(tenant: Any) -> None:
    principal = tenant.service_principal(tenant.application()["appId"])
    exchange = tenant.resource(EXCHANGE)
    nobody = {"id": "00000000-0000-4000-8000-000000000000"}
    path = f"/servicePrincipals/{exchange['id']}/appRoleAssignedTo"
    assert tenant.refusal("POST", path, role_body(principal, nobody))[0] == 404
    assert tenant.refusal("POST", path, role_body(nobody, exchange)) == (
        400,
        "Request_BadRequest",
        "Not a valid reference update.",
    )
    assert tenant.refusal("POST", path, {"principalId": principal["id"]})[0] == 400


def test_delegated_grants(tenant: Any) -> None:
    principal = tenant.service_principal(tenant.application()["appId"])
    graph = tenant.resource(GRAPH)
    body = {
        "clientId": principal["id"],
        "consentType": "AllPrincipals",
        "resourceId": graph["id"],
        "scope": "User.Read",
    }
    made = tenant.post("/oauth2PermissionGrants", body)
    refused = tenant.refusal("POST", "/oauth2PermissionGrants", {**body, "scope": "Mail.Send"})
    assert refused == (400, "Request_BadRequest", "Permission entry already exists.")
    person = tenant.get("/users/neighbour@contoso.example")["id"]
    one = tenant.post("/oauth2PermissionGrants", {**body, "consentType": "Principal", "principalId": person})
    assert one["id"] != made["id"]
    path = f"/oauth2PermissionGrants/{made['id']}"
    assert tenant.graph("PATCH", path, {"scope": "Mail.Send Bogus.Scope"}).status_code == 204
    assert tenant.get(path)["scope"] == "Mail.Send Bogus.Scope", "replaced whole, names unchecked"
    assert tenant.refusal("PATCH", path, {"clientId": graph["id"]})[0] == 400
    assert len(tenant.get(f"/servicePrincipals/{principal['id']}/oauth2PermissionGrants")["value"]) == 2
    for wrong in ({"consentType": "Everybody"}, {"consentType": "Principal"}, {"principalId": person}):
        assert tenant.refusal("POST", "/oauth2PermissionGrants", {**body, **wrong})[0] == 400
    application_object = {**body, "clientId": tenant.application()["id"]}
    assert tenant.refusal("POST", "/oauth2PermissionGrants", application_object)[0] == 404


# Credentials.


def certificate(name: str = "Key") -> tuple[str, x509.Certificate]:
    _, made = self_signed(name)
    return base64.b64encode(made.public_bytes(serialization.Encoding.DER)).decode(), made


def test_key_credentials(tenant: Any) -> None:
    application = tenant.application()
    path = f"/applications/{application['id']}"
    encoded, made = certificate("CLI-Login")
    broken_lines = "\r\n".join(encoded[start : start + 64] for start in range(0, len(encoded), 64))
    sent = {"type": "AsymmetricX509Cert", "usage": "Verify", "key": broken_lines, "displayName": None}
    assert tenant.graph("PATCH", path, {"keyCredentials": [sent]}).status_code == 204
    (stored,) = tenant.get(path)["keyCredentials"]
    assert list(stored) == [
        "customKeyIdentifier",
        "displayName",
        "endDateTime",
        "key",
        "keyId",
        "startDateTime",
        "type",
        "usage",
    ]
    assert stored["customKeyIdentifier"] == made.fingerprint(hashes.SHA1()).hex().upper()
    assert stored["displayName"] == "CN=CLI-Login"
    assert stored["key"] is None
    shown = tenant.get(f"{path}?$select=keyCredentials")["keyCredentials"][0]
    assert shown["key"] == encoded
    second, _ = certificate("Second")
    both = {"keyCredentials": [stored, {"type": "AsymmetricX509Cert", "usage": "Verify", "key": second}]}
    assert tenant.graph("PATCH", path, both).status_code == 204
    assert len(tenant.get(path)["keyCredentials"]) == 2
    unknown = {**stored, "keyId": "00000000-0000-4000-8000-000000000000"}
    assert tenant.refusal("PATCH", path, {"keyCredentials": [unknown]})[0] == 400
    garbage = {**sent, "key": base64.b64encode(b"no certificate").decode()}
    status, code, message = tenant.refusal("PATCH", path, {"keyCredentials": [garbage]})
    assert (status, code) == (400, "Request_BadRequest")
    assert message == "Invalid credential value. Error: Cannot find the requested object.\r\n"


def test_passwords_can_only_be_dropped_by_patch(tenant: Any) -> None:
    application = tenant.application()
    path = f"/applications/{application['id']}"
    tenant.post(f"{path}/addPassword", {}, status=200)
    (stored,) = tenant.get(path)["passwordCredentials"]
    assert tenant.refusal("PATCH", path, {"passwordCredentials": [stored, {"displayName": "new"}]})[0] == 400
    assert tenant.graph("PATCH", path, {"passwordCredentials": [stored]}).status_code == 204
    assert tenant.get(path)["passwordCredentials"] == [stored]
    assert tenant.graph("PATCH", path, {"passwordCredentials": []}).status_code == 204
    assert tenant.get(path)["passwordCredentials"] == []


def test_removing_what_is_not_there(tenant: Any) -> None:
    application = tenant.application()
    path = f"/applications/{application['id']}/removePassword"
    refused = tenant.refusal("POST", path, {"keyId": "00000000-0000-4000-8000-000000000000"})
    assert refused == (400, "Request_BadRequest", "No credentials found to be removed.")
    assert tenant.refusal("POST", path, {})[0] == 400
    assert tenant.refusal("POST", path, {"keyId": "x"})[0] == 400


def test_actions_by_alternate_key_and_qualified_name(tenant: Any) -> None:
    application = tenant.application()
    path = f"/applications(appId='{application['appId']}')/microsoft.graph.addPassword"
    made = tenant.post(path, {"passwordCredential": {"@odata.type": "#microsoft.graph.passwordCredential"}}, status=200)
    assert made["secretText"]


def test_a_tenant_may_forbid_secrets_or_shorten_them(tenant: Any) -> None:
    policy = tenant.get("/policies/defaultAppManagementPolicy")
    assert policy["isEnabled"] is False
    application = tenant.application()
    path = f"/applications/{application['id']}/addPassword"

    def forbid(**restriction: Any) -> None:
        rules = {"passwordCredentials": [restriction], "keyCredentials": []}
        document = {**policy, "isEnabled": True, "applicationRestrictions": rules}
        del document["@odata.context"]
        tenant.manage("POST", "/plant", collection="policies", id="defaultAppManagementPolicy", document=document)

    forbid(restrictionType="passwordAddition", state="enabled", maxLifetime=None)
    assert tenant.refusal("POST", path, {})[:2] == (400, "CredentialTypeNotAllowedAsPerAppPolicy")
    forbid(restrictionType="passwordLifetime", state="enabled", maxLifetime="P180D")
    assert tenant.refusal("POST", path, {})[:2] == (400, "CredentialInvalidLifetimeAsPerAppPolicy")
    short = {"startDateTime": "2026-11-22T00:00:00Z", "endDateTime": "2027-01-22T00:00:00Z"}
    tenant.post(path, {"passwordCredential": short}, status=200)
    forbid(restrictionType="passwordAddition", restrictForAppsCreatedAfterDateTime="2999-01-01T00:00:00Z")
    tenant.post(path, {}, status=200)
    forbid(restrictionType="passwordAddition", state="disabled")
    tenant.post(path, {}, status=200)


# Owners.


def test_owners(tenant: Any) -> None:
    made_by_application = tenant.application()
    path = f"/applications/{made_by_application['id']}"
    assert tenant.get(f"{path}/owners")["value"] == [], "an application-only caller owns nothing"
    person = tenant.get("/users/neighbour@contoso.example")["id"]
    link = {"@odata.id": f"{tenant.endpoints['graph']}/directoryObjects/{person}"}
    assert tenant.graph("POST", f"{path}/owners/$ref", link).status_code == 204
    assert tenant.refusal("POST", f"{path}/owners/$ref", link)[2].endswith("modified properties: 'owners'.")
    assert [each["id"] for each in tenant.get(f"{path}?$expand=owners($select=id)")["owners"]] == [person]
    assert tenant.graph("DELETE", f"{path}/owners/{person}/$ref").status_code == 204
    assert tenant.get(f"{path}/owners")["value"] == []
    assert tenant.refusal("POST", f"{path}/owners/$ref", {"@odata.id": "https://x/directoryObjects/me"})[0] == 400


def test_a_person_owns_what_they_register_but_not_its_service_principal(tenant: Any) -> None:
    made = tenant.post("/applications", {"displayName": "Mine"}, caller="cloud-application-administrator")
    owners = tenant.get(f"/applications/{made['id']}/owners")["value"]
    assert [each["userPrincipalName"] for each in owners] == ["cloud-application-administrator@contoso.example"]
    principal = tenant.post("/servicePrincipals", {"appId": made["appId"]}, caller="cloud-application-administrator")
    assert tenant.get(f"/servicePrincipals/{principal['id']}/owners")["value"] == []
