"""Replies held against what live Graph answered: property order and defaults, headers, error bodies.

The expectations are the facts of public recordings of the service, written down by hand.
"""

from __future__ import annotations

import base64
import re
import uuid
from typing import Any

import pytest

CONTENT_TYPE = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
SEVEN_DIGITS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$")
SECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
GRAPH = "00000003-0000-0000-c000-000000000000"
ANY = object()

FIVE_NULLS = {
    "logoUrl": None,
    "marketingUrl": None,
    "privacyStatementUrl": None,
    "supportUrl": None,
    "termsOfServiceUrl": None,
}
THREE_NULLS = {"displayName": None, "verifiedPublisherId": None, "addedDateTime": None}

APPLICATION = [
    ("id", ANY),
    ("deletedDateTime", None),
    ("appId", ANY),
    ("applicationTemplateId", None),
    ("disabledByMicrosoftStatus", None),
    ("createdDateTime", ANY),
    ("displayName", "cli"),
    ("description", None),
    ("groupMembershipClaims", None),
    ("identifierUris", []),
    ("isDeviceOnlyAuthSupported", None),
    ("isFallbackPublicClient", None),
    ("nativeAuthenticationApisEnabled", None),
    ("notes", None),
    ("publisherDomain", ANY),
    ("serviceManagementReference", None),
    ("signInAudience", "AzureADMyOrg"),
    ("tags", []),
    ("tokenEncryptionKeyId", None),
    ("uniqueName", None),
    ("samlMetadataUrl", None),
    ("defaultRedirectUri", None),
    ("certification", None),
    ("optionalClaims", None),
    ("servicePrincipalLockConfiguration", None),
    ("requestSignatureVerification", None),
    ("addIns", []),
    (
        "api",
        {
            "acceptMappedClaims": None,
            "knownClientApplications": [],
            "requestedAccessTokenVersion": None,
            "oauth2PermissionScopes": [],
            "preAuthorizedApplications": [],
        },
    ),
    ("appRoles", []),
    ("info", FIVE_NULLS),
    ("keyCredentials", []),
    ("parentalControlSettings", {"countriesBlockedForMinors": [], "legalAgeGroupRule": "Allow"}),
    ("passwordCredentials", []),
    ("publicClient", {"redirectUris": []}),
    ("requiredResourceAccess", []),
    ("verifiedPublisher", THREE_NULLS),
    (
        "web",
        {
            "homePageUrl": None,
            "logoutUrl": None,
            "redirectUris": [],
            "implicitGrantSettings": {"enableAccessTokenIssuance": False, "enableIdTokenIssuance": False},
            "redirectUriSettings": [],
        },
    ),
    ("spa", {"redirectUris": []}),
]

SERVICE_PRINCIPAL = [
    ("id", ANY),
    ("deletedDateTime", None),
    ("accountEnabled", True),
    ("alternativeNames", []),
    ("appDisplayName", "cli"),
    ("appDescription", None),
    ("appId", ANY),
    ("applicationTemplateId", None),
    ("appOwnerOrganizationId", ANY),
    ("appRoleAssignmentRequired", False),
    ("createdDateTime", ANY),
    ("description", None),
    ("disabledByMicrosoftStatus", None),
    ("displayName", "cli"),
    ("homepage", None),
    ("loginUrl", None),
    ("logoutUrl", None),
    ("notes", None),
    ("notificationEmailAddresses", []),
    ("preferredSingleSignOnMode", None),
    ("preferredTokenSigningKeyThumbprint", None),
    ("replyUrls", []),
    ("servicePrincipalNames", ANY),
    ("servicePrincipalType", "Application"),
    ("signInAudience", "AzureADMyOrg"),
    ("tags", []),
    ("tokenEncryptionKeyId", None),
    ("samlSingleSignOnSettings", None),
    ("addIns", []),
    ("appRoles", []),
    ("info", FIVE_NULLS),
    ("keyCredentials", []),
    ("oauth2PermissionScopes", []),
    ("passwordCredentials", []),
    ("resourceSpecificApplicationPermissions", []),
    ("verifiedPublisher", THREE_NULLS),
]


def compare(found: dict[str, Any], expected: list[tuple[str, Any]]) -> None:
    found = {name: value for name, value in found.items() if not name.startswith("@odata.")}
    assert list(found) == [name for name, _ in expected]
    for name, value in expected:
        if value is not ANY:
            assert found[name] == value, name
            if isinstance(value, dict):
                assert list(found[name]) == list(value), name


def test_a_fresh_application(tenant: Any) -> None:
    created = tenant.post("/applications", {"displayName": "cli", "keyCredentials": []})
    assert next(iter(created)) == "@odata.context"
    assert created["@odata.context"] == f"{tenant.endpoints['graph']}/$metadata#applications/$entity"
    read = tenant.get(f"/applications/{created['id']}")
    listed = tenant.get(f"/applications?$filter=appId eq '{created['appId']}'")
    assert list(listed) == ["@odata.context", "value"]
    assert listed["@odata.context"] == f"{tenant.endpoints['graph']}/$metadata#applications"
    for each in (created, read, listed["value"][0]):
        compare(each, APPLICATION)
    assert SEVEN_DIGITS.match(created["createdDateTime"])
    assert SECONDS.match(read["createdDateTime"])
    assert read["createdDateTime"][:19] == created["createdDateTime"][:19], "cut, not rounded"


def test_a_fresh_service_principal(tenant: Any) -> None:
    application = tenant.application("cli")
    created = tenant.post("/servicePrincipals", {"appId": application["appId"], "accountEnabled": True})
    read = tenant.get(f"/servicePrincipals/{created['id']}")
    for each in (created, read):
        compare(each, SERVICE_PRINCIPAL)
        assert SECONDS.match(each["createdDateTime"])
        assert each["appOwnerOrganizationId"] == tenant.id
        assert each["servicePrincipalNames"] == [application["appId"]]


def test_names_of_a_service_principal_change_places(tenant: Any) -> None:
    application = tenant.application("named", identifierUris=["api://named"])
    created = tenant.service_principal(application["appId"])
    assert created["servicePrincipalNames"] == [application["appId"], "api://named"]
    read = tenant.get(f"/servicePrincipals/{created['id']}")
    assert read["servicePrincipalNames"] == ["api://named", application["appId"]]


def test_graphs_own_service_principal(tenant: Any) -> None:
    found = tenant.get(f"/servicePrincipals(appId='{GRAPH}')")
    assert found["createdDateTime"] is None
    assert found["appOwnerOrganizationId"] == "f8cdef31-a31e-4b4a-93e4-5f571e91255a"
    assert found["signInAudience"] == "AzureADMultipleOrgs"
    assert {"https://graph.microsoft.com", "https://graph.microsoft.com/", GRAPH} <= set(found["servicePrincipalNames"])
    assert len(found["appRoles"]) > 700
    assert len(found["oauth2PermissionScopes"]) > 800
    assert list(found["appRoles"][0]) == [
        "allowedMemberTypes",
        "description",
        "displayName",
        "id",
        "isEnabled",
        "origin",
        "value",
    ]
    assert list(found["oauth2PermissionScopes"][0]) == [
        "adminConsentDescription",
        "adminConsentDisplayName",
        "id",
        "isEnabled",
        "type",
        "userConsentDescription",
        "userConsentDisplayName",
        "value",
    ]


def test_locations_are_the_directorys_own(tenant: Any) -> None:
    host = tenant.login
    answer = tenant.graph("POST", "/applications", {"displayName": "cli"})
    application = answer.json()
    assert answer.headers["location"] == (
        f"{host}/v2/{tenant.id}/directoryObjects/{application['id']}/Microsoft.DirectoryServices.Application"
    )
    answer = tenant.graph("POST", "/servicePrincipals", {"appId": application["appId"]})
    principal = answer.json()
    assert answer.headers["location"] == (
        f"{host}/v2/{tenant.id}/directoryObjects/{principal['id']}/Microsoft.DirectoryServices.ServicePrincipal"
    )
    answer = tenant.graph("POST", f"/applications/{application['id']}/addPassword", {})
    assert (answer.status_code, answer.headers["location"]) == (200, host)
    graph = tenant.resource(GRAPH)
    body = {
        "clientId": principal["id"],
        "consentType": "AllPrincipals",
        "resourceId": graph["id"],
        "scope": "User.Read",
    }
    answer = tenant.graph("POST", "/oauth2PermissionGrants", body)
    assert answer.headers["location"] == f"{host}/v2/{tenant.id}/oauth2PermissionGrants/{answer.json()['id']}"


ALWAYS = {
    "cache-control",
    "date",
    "request-id",
    "strict-transport-security",
    "x-ms-ags-diagnostic",
    "x-ms-resource-unit",
}


def test_headers_of_a_read(tenant: Any) -> None:
    answer = tenant.graph("GET", "/applications", headers={"accept-encoding": "gzip"})
    headers = set(answer.headers) - {"client-request-id"}
    assert headers == ALWAYS | {"content-type", "odata-version", "transfer-encoding", "vary"}
    assert answer.headers["content-type"] == CONTENT_TYPE
    assert answer.headers["odata-version"] == "4.0"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    assert answer.headers["transfer-encoding"] == "chunked"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert re.match(
        r'\{"ServerInfo":\{"DataCenter":"[^"]+","Slice":"E","Ring":"5","ScaleUnit":"\d{3}","RoleInstance":"[^"]+"\}\}$',
        answer.headers["x-ms-ags-diagnostic"],
    )
    plain = tenant.graph("GET", "/applications", headers={"accept-encoding": "identity"})
    assert "vary" not in plain.headers


def test_headers_of_an_empty_reply(tenant: Any) -> None:
    application = tenant.application()
    answer = tenant.graph("PATCH", f"/applications/{application['id']}", {"notes": "n"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert set(answer.headers) - {"client-request-id"} == ALWAYS


def test_headers_and_body_of_an_error(tenant: Any) -> None:
    mine = str(uuid.uuid4())
    answer = tenant.graph("GET", "/applications/unknown", headers={"client-request-id": mine, "accept-encoding": "br"})
    assert set(answer.headers) == ALWAYS | {"client-request-id", "content-type", "transfer-encoding"}
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-ms-resource-unit"] == "1"
    error = answer.json()["error"]
    assert list(error) == ["code", "message", "innerError"]
    assert list(error["innerError"]) == ["date", "request-id", "client-request-id"]
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$", error["innerError"]["date"])
    assert error["innerError"]["request-id"] == answer.headers["request-id"] != mine
    assert error["innerError"]["client-request-id"] == answer.headers["client-request-id"] == mine


def test_without_an_id_of_the_client_the_request_id_serves(tenant: Any) -> None:
    answer = tenant.graph("GET", "/organization", headers={"x-ms-client-request-id": str(uuid.uuid4())})
    assert answer.headers["client-request-id"] == answer.headers["request-id"]


@pytest.mark.parametrize(
    ("path", "units"),
    [
        ("/applications?$filter=displayName eq 'none'", 2),
        ("/applications?$select=Id", 1),
        (f"/servicePrincipals?$filter=appId eq '{GRAPH}'", 1),
        ("/users", 2),
        ("/oauth2PermissionGrants?$filter=clientId eq 'x'", 2),
    ],
)
def test_resource_units(tenant: Any, path: str, units: int) -> None:
    assert tenant.graph("GET", path).headers["x-ms-resource-unit"] == str(units)


@pytest.mark.parametrize("collection", ["applications", "servicePrincipals"])
def test_a_wrong_key_is_named_as_sent(tenant: Any, collection: str) -> None:
    key = "AAAAAAAA-0000-4000-8000-00000000000A"
    assert tenant.refusal("GET", f"/{collection}/{key}") == (
        404,
        "Request_ResourceNotFound",
        f"Resource '{key}' does not exist or one of its queried reference-property objects are not present.",
    )


def test_an_app_id_is_no_plain_key(tenant: Any) -> None:
    application = tenant.application()
    assert tenant.refusal("GET", f"/applications/{application['appId']}")[0] == 404
    assert tenant.get(f"/applications(appId='{application['appId']}')")["id"] == application["id"]


def test_text_is_escaped_and_compact(tenant: Any) -> None:
    answer = tenant.graph("POST", "/applications", {"displayName": "Caf\u00e9 \u2019 / \u202eabc"})
    assert b'"displayName":"Caf\\u00e9 \\u2019 / \\u202eabc"' in answer.content
    assert b", " not in answer.content


def test_select_names_the_model_spelling(tenant: Any) -> None:
    application = tenant.application()
    base = tenant.endpoints["graph"]
    listed = tenant.get("/applications?$select=Id")
    assert listed["@odata.context"] == f"{base}/$metadata#applications(id)"
    one = tenant.get(f"/applications/{application['id']}?$select=Id")
    assert one == {"@odata.context": f"{base}/$metadata#applications(id)/$entity", "id": application["id"]}
    several = tenant.get("/applications?$select=id,appId,displayName,keyCredentials")
    assert several["@odata.context"] == f"{base}/$metadata#applications(id,appId,displayName,keyCredentials)"
    assert list(several["value"][0]) == ["id", "appId", "displayName", "keyCredentials"]


def test_a_password_credential(tenant: Any) -> None:
    application = tenant.application()
    path = f"/applications/{application['id']}"
    body = {"displayName": "s1", "endDateTime": "2027-11-22T00:34:38Z", "startDateTime": "2026-11-22T08:34:38+08:00"}
    first = tenant.post(f"{path}/addPassword", {"passwordCredential": body}, status=200)
    assert list(first) == [
        "@odata.context",
        "customKeyIdentifier",
        "displayName",
        "endDateTime",
        "hint",
        "keyId",
        "secretText",
        "startDateTime",
    ]
    assert first["@odata.context"].endswith("$metadata#microsoft.graph.passwordCredential")
    assert first["startDateTime"] == "2026-11-22T00:34:38Z"
    assert first["endDateTime"] == "2027-11-22T00:34:38Z"
    assert first["hint"] == first["secretText"][:3]
    assert 16 <= len(first["secretText"]) <= 64
    assert first["secretText"][4:6] == "Q~"
    second = tenant.post(f"{path}/addPassword", {}, status=200)
    assert SEVEN_DIGITS.match(second["startDateTime"])
    assert second["endDateTime"] == str(int(second["startDateTime"][:4]) + 2) + second["startDateTime"][4:]
    listed = tenant.get(path)["passwordCredentials"]
    assert [each["keyId"] for each in listed] == [second["keyId"], first["keyId"]], "newest first"
    assert listed[1] == {name: value for name, value in {**first, "secretText": None}.items() if name[0] != "@"}
    sent = {"passwordCredential": {"keyId": "12345678-1234-4234-8234-123456789012"}}
    assert tenant.post(f"{path}/addPassword", sent, status=200)["keyId"] == sent["passwordCredential"]["keyId"]


def test_a_service_principals_secret_has_no_hint(tenant: Any) -> None:
    principal = tenant.service_principal(tenant.application()["appId"])
    made = tenant.post(f"/servicePrincipals/{principal['id']}/addPassword", {}, status=200)
    assert made["hint"] is None


def test_a_delegated_grant(tenant: Any) -> None:
    principal = tenant.service_principal(tenant.application()["appId"])
    graph = tenant.resource(GRAPH)
    scope = "Directory.Read.All Application.Read.All"
    body = {
        "clientId": principal["id"],
        "consentType": "AllPrincipals",
        "principalId": None,
        "resourceId": graph["id"],
        "scope": scope,
    }
    made = tenant.post("/oauth2PermissionGrants", body)
    assert list(made)[1:] == ["clientId", "consentType", "id", "principalId", "resourceId", "scope"]
    raw = uuid.UUID(principal["id"]).bytes_le + uuid.UUID(graph["id"]).bytes_le
    assert made["id"] == base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    assert made["scope"] == scope
    listed = tenant.get(f"/oauth2PermissionGrants?$filter=clientId eq '{principal['id']}'")["value"]
    assert listed == [{name: value for name, value in made.items() if name[0] != "@"}]
    assert tenant.graph("DELETE", f"/oAuth2PermissionGrants/{made['id']}").status_code == 204
    assert tenant.post("/oauth2PermissionGrants", body)["id"] == made["id"]


def test_arrays_come_back_in_another_order(tenant: Any) -> None:
    wishes = [
        {"resourceAppId": "797f4846-ba00-4fd7-ba43-dac1f8f63013", "resourceAccess": [_wish(1)]},
        {"resourceAppId": GRAPH, "resourceAccess": [_wish(2), _wish(3)]},
    ]
    web = {"redirectUris": ["http://localhost/a", "http://localhost/b"]}
    created = tenant.application("ordered", requiredResourceAccess=wishes, web=web)
    assert created["requiredResourceAccess"] == wishes
    assert created["web"]["redirectUris"] == web["redirectUris"]
    read = tenant.get(f"/applications/{created['id']}")
    assert read["requiredResourceAccess"] == [wishes[1], wishes[0]]
    assert read["web"]["redirectUris"] == web["redirectUris"][::-1]
    assert list(read["requiredResourceAccess"][0]) == ["resourceAppId", "resourceAccess"]


def _wish(number: int) -> dict[str, str]:
    return {"id": f"00000000-0000-4000-8000-00000000000{number}", "type": "Role"}


def test_optional_claims_move_once_set(tenant: Any) -> None:
    application = tenant.application("claims")
    path = f"/applications/{application['id']}"
    claims = {"idToken": [{"name": "email", "essential": False, "source": None, "additionalProperties": []}]}
    assert tenant.graph("PATCH", path, {"optionalClaims": claims}).status_code == 204
    names = list(tenant.get(path))
    place = names.index("optionalClaims")
    assert names[place - 1 : place + 2] == ["keyCredentials", "optionalClaims", "parentalControlSettings"]


def test_owners_list_types_first(tenant: Any) -> None:
    application = tenant.post("/applications", {"displayName": "mine"}, caller="global-administrator")
    owners = tenant.get(f"/applications/{application['id']}/owners")
    assert owners["@odata.context"] == f"{tenant.endpoints['graph']}/$metadata#directoryObjects"
    assert list(owners["value"][0]) == [
        "@odata.type",
        "id",
        "businessPhones",
        "displayName",
        "givenName",
        "jobTitle",
        "mail",
        "mobilePhone",
        "officeLocation",
        "preferredLanguage",
        "surname",
        "userPrincipalName",
    ]
    assert owners["value"][0]["@odata.type"] == "#microsoft.graph.user"
    assert list(tenant.get("/users")["value"][0])[-2:] == ["userPrincipalName", "id"]
