"""Who may do what: application permissions, delegated scopes and directory roles."""

from __future__ import annotations

from typing import Any

import pytest

GRAPH = "00000003-0000-0000-c000-000000000000"
EXCHANGE = "00000002-0000-0ff1-ce00-000000000000"
SMTP_SEND_AS_APP = "7146a1f0-8703-45b3-9eae-527a64c00995"
MAIL_SEND = "b633e1c5-b582-4048-a93e-9f11b44c7e96"
DENIED = (403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")

PEOPLE = (
    "global-administrator",
    "cloud-application-administrator",
    "privileged-role-administrator",
    "exchange-administrator",
    "global-reader",
    "plain-user",
)
APPLICATION_ADMINISTRATORS = {"global-administrator", "cloud-application-administrator"}


class Narrow:
    """An application-only caller with just these Graph permissions."""

    def __init__(self, tenant: Any, *values: str) -> None:
        self.tenant = tenant
        application = tenant.application("Narrow")
        self.principal = tenant.service_principal(application["appId"])
        secret = tenant.post(f"/applications/{application['id']}/addPassword", {}, status=200)["secretText"]
        graph = tenant.get(f"/servicePrincipals(appId='{GRAPH}')?$select=id,appRoles")
        for value in values:
            role = next(each["id"] for each in graph["appRoles"] if each["value"] == value)
            body = {"principalId": self.principal["id"], "resourceId": graph["id"], "appRoleId": role}
            tenant.post(f"/servicePrincipals/{self.principal['id']}/appRoleAssignments", body)
        answer = tenant.token_request(
            client_id=application["appId"],
            client_secret=secret,
            grant_type="client_credentials",
            scope="https://graph.microsoft.com/.default",
        )
        self.token = answer.json()["access_token"]

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"authorization": f"Bearer {self.token}"}
        return self.tenant.http.request(method, self.tenant.endpoints["graph"] + path, json=body, headers=headers)


def status_of(answer: Any) -> int:
    if answer.status_code == 403:
        error = answer.json()["error"]
        assert (403, error["code"], error["message"]) == DENIED
    return answer.status_code


@pytest.mark.parametrize("caller", PEOPLE)
def test_registering(tenant: Any, caller: str) -> None:
    allowed = caller in APPLICATION_ADMINISTRATORS
    answer = tenant.graph("POST", "/applications", {"displayName": "New"}, caller=caller)
    assert status_of(answer) == (201 if allowed else 403)
    tenant.manage("POST", "/settings", usersCanRegisterApplications=True)
    assert tenant.graph("POST", "/applications", {"displayName": "New"}, caller=caller).status_code == 201


def test_an_owner_without_role_manages_what_is_theirs(tenant: Any) -> None:
    tenant.manage("POST", "/settings", usersCanRegisterApplications=True)
    mine = tenant.post("/applications", {"displayName": "Mine"}, caller="plain-user")
    other = tenant.application("Other")
    for application, expected in ((mine, 204), (other, 403)):
        answer = tenant.graph("PATCH", f"/applications/{application['id']}", {"notes": "n"}, caller="plain-user")
        assert status_of(answer) == expected
        secret = tenant.graph("POST", f"/applications/{application['id']}/addPassword", {}, caller="plain-user")
        assert status_of(secret) == {204: 200, 403: 403}[expected]
        principal = tenant.graph("POST", "/servicePrincipals", {"appId": application["appId"]}, caller="plain-user")
        assert status_of(principal) == {204: 201, 403: 403}[expected]


@pytest.mark.parametrize("caller", PEOPLE)
def test_managing_others_applications(tenant: Any, caller: str) -> None:
    application = tenant.application()
    allowed = caller in APPLICATION_ADMINISTRATORS
    path = f"/applications/{application['id']}"
    assert status_of(tenant.graph("PATCH", path, {"notes": "n"}, caller=caller)) == (204 if allowed else 403)
    secret = tenant.graph("POST", f"{path}/addPassword", {}, caller=caller)
    assert status_of(secret) == (200 if allowed else 403)
    assert status_of(tenant.graph("DELETE", path, caller=caller)) == (204 if allowed else 403)
    if not allowed:
        assert tenant.graph("DELETE", path).status_code == 204
    restored = tenant.graph("POST", f"/directory/deletedItems/{application['id']}/restore", caller=caller)
    assert status_of(restored) == (200 if allowed else 403)


@pytest.mark.parametrize("caller", PEOPLE)
@pytest.mark.parametrize(
    ("resource", "role", "allowed"),
    [
        (GRAPH, MAIL_SEND, {"global-administrator", "privileged-role-administrator"}),
        (
            EXCHANGE,
            SMTP_SEND_AS_APP,
            {"global-administrator", "privileged-role-administrator", "cloud-application-administrator"},
        ),
    ],
)
def test_consent_to_application_permissions(
    tenant: Any, caller: str, resource: str, role: str, allowed: set[str]
) -> None:
    principal = tenant.service_principal(tenant.application()["appId"])
    body = {"principalId": principal["id"], "resourceId": tenant.resource(resource)["id"], "appRoleId": role}
    path = f"/servicePrincipals/{principal['id']}/appRoleAssignments"
    answer = tenant.graph("POST", path, body, caller=caller)
    assert status_of(answer) == (201 if caller in allowed else 403)
    made = answer.json() if caller in allowed else tenant.post(path, body)
    deleted = tenant.graph("DELETE", f"{path}/{made['id']}", caller=caller)
    assert status_of(deleted) == (204 if caller in allowed else 403)


@pytest.mark.parametrize("caller", PEOPLE)
def test_consent_to_delegated_permissions(tenant: Any, caller: str) -> None:
    principal = tenant.service_principal(tenant.application()["appId"])
    body = {
        "clientId": principal["id"],
        "consentType": "AllPrincipals",
        "resourceId": tenant.resource(GRAPH)["id"],
        "scope": "User.Read",
    }
    allowed = caller in APPLICATION_ADMINISTRATORS | {"privileged-role-administrator"}
    answer = tenant.graph("POST", "/oauth2PermissionGrants", body, caller=caller)
    assert status_of(answer) == (201 if allowed else 403)


@pytest.mark.parametrize("caller", PEOPLE)
def test_policies_are_read_by_administrators_and_readers(tenant: Any, caller: str) -> None:
    path = "/policies/identitySecurityDefaultsEnforcementPolicy"
    allowed = caller in {"global-administrator", "global-reader"}
    answer = tenant.graph("GET", path, caller=caller)
    assert status_of(answer) == (200 if allowed else 403)
    if allowed:
        assert answer.json()["isEnabled"] is False
        assert answer.json()["id"] == "00000000-0000-0000-0000-000000000005"


READS = {
    "/applications": ("Application.Read.All", "Mail.Read"),
    "/servicePrincipals": ("Application.Read.All", "User.Read.All"),
    "/directory/deletedItems/microsoft.graph.application": ("Application.Read.All", "Policy.Read.All"),
    "/oauth2PermissionGrants": ("DelegatedPermissionGrant.Read.All", "Application.Read.All"),
    "/users": ("User.ReadBasic.All", "Application.Read.All"),
    "/organization": ("Organization.Read.All", "User.Read.All"),
    "/directoryRoles": ("RoleManagement.Read.Directory", "Application.Read.All"),
    "/policies/defaultAppManagementPolicy": ("Policy.Read.All", "Directory.Read.All"),
    "/users/sales@contoso.example/messages": ("Mail.ReadBasic.All", "User.Read.All"),
}


@pytest.mark.parametrize("path", list(READS))
def test_each_read_needs_its_permission(tenant: Any, path: str) -> None:
    enough, not_enough = READS[path]
    assert Narrow(tenant, enough)("GET", path).status_code == 200
    refused = Narrow(tenant, not_enough)("GET", path)
    assert refused.status_code == 403
    assert refused.json()["error"]["code"] in ("Authorization_RequestDenied", "ErrorAccessDenied")


def test_reading_is_not_writing(tenant: Any) -> None:
    reader = Narrow(tenant, "Application.Read.All", "Directory.Read.All")
    application = tenant.application()
    principal = tenant.service_principal(application["appId"])
    exchange = tenant.resource(EXCHANGE)
    role = {"principalId": principal["id"], "resourceId": exchange["id"], "appRoleId": SMTP_SEND_AS_APP}
    grant = {"clientId": principal["id"], "consentType": "AllPrincipals", "resourceId": exchange["id"], "scope": "x"}
    for method, path, body in (
        ("POST", "/applications", {"displayName": "x"}),
        ("PATCH", f"/applications/{application['id']}", {"notes": "x"}),
        ("DELETE", f"/applications/{application['id']}", None),
        ("POST", f"/applications/{application['id']}/addPassword", {}),
        ("POST", "/servicePrincipals", {"appId": application["appId"]}),
        ("PATCH", f"/servicePrincipals/{principal['id']}", {"notes": "x"}),
        ("POST", f"/servicePrincipals/{principal['id']}/appRoleAssignments", role),
        ("POST", "/oauth2PermissionGrants", grant),
    ):
        assert status_of(reader(method, path, body)) == 403, path


def test_writing_applications_is_not_granting(tenant: Any) -> None:
    writer = Narrow(tenant, "Application.ReadWrite.All")
    made = writer("POST", "/applications", {"displayName": "x"}).json()
    principal = writer("POST", "/servicePrincipals", {"appId": made["appId"]}).json()
    exchange = tenant.resource(EXCHANGE)
    role = {"principalId": principal["id"], "resourceId": exchange["id"], "appRoleId": SMTP_SEND_AS_APP}
    assert status_of(writer("POST", f"/servicePrincipals/{principal['id']}/appRoleAssignments", role)) == 403


def test_owned_by_is_limited_to_what_is_owned(tenant: Any) -> None:
    owner = Narrow(tenant, "Application.ReadWrite.OwnedBy")
    stranger = tenant.application("Stranger")
    mine = owner("POST", "/applications", {"displayName": "Mine"}).json()
    owners = tenant.get(f"/applications/{mine['id']}/owners")["value"]
    assert [each["id"] for each in owners] == [owner.principal["id"]]
    assert owners[0]["@odata.type"] == "#microsoft.graph.servicePrincipal"
    assert owner("GET", f"/applications/{stranger['id']}").status_code == 200
    for application, allowed in ((mine, True), (stranger, False)):
        path = f"/applications/{application['id']}"
        assert status_of(owner("PATCH", path, {"notes": "n"})) == (204 if allowed else 403)
        assert status_of(owner("POST", f"{path}/addPassword", {})) == (200 if allowed else 403)
        made = owner("POST", "/servicePrincipals", {"appId": application["appId"]})
        assert status_of(made) == (201 if allowed else 403)
        assert status_of(owner("DELETE", path)) == (204 if allowed else 403)


def test_a_token_without_roles_may_nothing(tenant: Any) -> None:
    nobody = Narrow(tenant)
    assert status_of(nobody("GET", "/applications")) == 403


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("", "Access token is empty."),
        ("Basic eDp5", "Access token is empty."),
        ("Bearer nonsense", "IDX14100: JWT is not well formed, there are no dots (.)."),
    ],
)
def test_without_a_token(tenant: Any, header: str, message: str) -> None:
    answer = tenant.http.get(tenant.endpoints["graph"] + "/organization", headers={"authorization": header})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "InvalidAuthenticationToken"
    assert answer.json()["error"]["message"] == message
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_token_for_another_resource(tenant: Any) -> None:
    token = tenant.token(scope="https://outlook.office365.com/.default")
    headers = {"authorization": f"Bearer {token}"}
    answer = tenant.http.get(tenant.endpoints["graph"] + "/organization", headers=headers)
    assert answer.json()["error"]["message"] == "Access token validation failure. Invalid audience."


def test_a_forged_token(tenant: Any) -> None:
    head, body, signature = tenant.token().split(".")
    forged = ".".join((head, body, signature[:10] + ("A" if signature[10] != "A" else "B") + signature[11:]))
    headers = {"authorization": f"Bearer {forged}"}
    answer = tenant.http.get(tenant.endpoints["graph"] + "/organization", headers=headers)
    assert answer.json()["error"]["message"] == "Access token validation failure. Invalid signature."
