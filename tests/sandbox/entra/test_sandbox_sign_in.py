"""The token endpoint, as the references describe Entra's."""

from __future__ import annotations

import re
from typing import Any

import jwt
import pytest

GRAPH_DEFAULT = "https://graph.microsoft.com/.default"
EXCHANGE_DEFAULT = "https://outlook.office365.com/.default"


@pytest.fixture
def client(tenant: Any) -> dict[str, Any]:
    """An application with service principal and secret: {appId, id, servicePrincipalId, secretText, keyId}."""
    application = tenant.application("Product")
    principal = tenant.service_principal(application["appId"])
    minted = tenant.post(f"/applications/{application['id']}/addPassword", {}, status=200)
    return {**application, "servicePrincipalId": principal["id"], **minted}


def ask(tenant: Any, client: dict[str, Any], **changes: str) -> Any:
    form = {
        "client_id": client["appId"],
        "client_secret": client["secretText"],
        "grant_type": "client_credentials",
        "scope": EXCHANGE_DEFAULT,
    }
    return tenant.token_request(**{**form, **changes})


def refusal(answer: Any) -> tuple[int, str, int]:
    body = answer.json()
    return answer.status_code, body["error"], body["error_codes"][0]


def test_discovery(tenant: Any) -> None:
    for name in (tenant.id, "contoso.example", "CONTOSO-SANDBOX.onmicrosoft.com"):
        answer = tenant.http.get(f"{tenant.login}/{name}/v2.0/.well-known/openid-configuration")
        assert answer.status_code == 200
        document = answer.json()
        assert document["issuer"] == f"{tenant.login}/{tenant.id}/v2.0"
        for endpoint in ("authorization_endpoint", "token_endpoint", "device_authorization_endpoint", "jwks_uri"):
            assert document[endpoint].startswith(f"{tenant.login}/{name}/")


@pytest.mark.parametrize(
    ("tenant_name", "code"),
    [("11111111-2222-4333-8444-555555555555", 90002), ("fabrikam.example", 90002), ("nonsense", 900023)],
)
def test_a_wrong_tenant(tenant: Any, tenant_name: str, code: int) -> None:
    answer = tenant.http.get(f"{tenant.login}/{tenant_name}/v2.0/.well-known/openid-configuration")
    assert refusal(answer) == (400, "invalid_tenant", code)
    answer = tenant.token_request(tenant=tenant_name, grant_type="client_credentials")
    assert refusal(answer) == (400, "invalid_request", code)


def test_an_error_has_the_recorded_envelope(tenant: Any, client: dict[str, Any]) -> None:
    answer = ask(tenant, client, client_secret="wrong")
    assert answer.status_code == 401
    body = answer.json()
    assert list(body) == [
        "error",
        "error_description",
        "error_codes",
        "timestamp",
        "trace_id",
        "correlation_id",
        "error_uri",
    ]
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$", body["timestamp"])
    assert body["error_description"] == (
        "AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the client"
        f" secret value, not the client secret ID, for a secret added to app '{client['appId']}'."
        f" Trace ID: {body['trace_id']} Correlation ID: {body['correlation_id']} Timestamp: {body['timestamp']}"
    )


def test_a_token_without_roles_is_issued(tenant: Any, client: dict[str, Any]) -> None:
    answer = ask(tenant, client)
    assert answer.status_code == 200
    body = answer.json()
    assert list(body) == ["token_type", "expires_in", "ext_expires_in", "access_token"]
    claims = verified(tenant, body["access_token"], "https://outlook.office365.com")
    assert "roles" not in claims
    assert claims["appid"] == client["appId"]
    assert claims["oid"] == claims["sub"] == client["servicePrincipalId"]
    assert claims["tid"] == tenant.id
    assert claims["iss"] == f"https://sts.windows.net/{tenant.id}/"
    assert (claims["idtyp"], claims["appidacr"], claims["ver"]) == ("app", "1", "1.0")


def verified(tenant: Any, token: str, audience: str) -> dict[str, Any]:
    """Checked against the published keys, as a resource would."""
    keys = jwt.PyJWKSet.from_dict(tenant.http.get(f"{tenant.login}/{tenant.id}/discovery/v2.0/keys").json())
    kid = jwt.get_unverified_header(token)["kid"]
    options = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}  # the tenant's clock may have been moved
    return jwt.decode(token, keys[kid], algorithms=["RS256"], audience=audience, options=options)


def grant(tenant: Any, principal_id: str, resource_app_id: str, value: str) -> dict[str, Any]:
    resource = tenant.get(f"/servicePrincipals(appId='{resource_app_id}')?$select=id,appRoles")
    role = next(each["id"] for each in resource["appRoles"] if each["value"] == value)
    return tenant.post(
        f"/servicePrincipals/{principal_id}/appRoleAssignments",
        {"principalId": principal_id, "resourceId": resource["id"], "appRoleId": role},
    )


def test_roles_are_frozen_when_the_token_is_issued(tenant: Any, client: dict[str, Any]) -> None:
    exchange = "00000002-0000-0ff1-ce00-000000000000"
    before = ask(tenant, client).json()["access_token"]
    made = grant(tenant, client["servicePrincipalId"], exchange, "SMTP.SendAsApp")
    after = ask(tenant, client).json()["access_token"]
    tenant.graph("DELETE", f"/servicePrincipals/{client['servicePrincipalId']}/appRoleAssignments/{made['id']}")
    gone = ask(tenant, client).json()["access_token"]
    audience = "https://outlook.office365.com"
    found = [verified(tenant, token, audience).get("roles", []) for token in (before, after, gone)]
    assert found == [[], ["SMTP.SendAsApp"], []]
    on_graph = ask(tenant, client, scope=GRAPH_DEFAULT).json()["access_token"]
    assert "roles" not in verified(tenant, on_graph, "https://graph.microsoft.com")


def test_the_same_id_on_two_resources_is_two_permissions(tenant: Any, client: dict[str, Any]) -> None:
    grant(tenant, client["servicePrincipalId"], "00000002-0000-0ff1-ce00-000000000000", "Mail.Send")
    on_graph = ask(tenant, client, scope=GRAPH_DEFAULT).json()["access_token"]
    assert "roles" not in verified(tenant, on_graph, "https://graph.microsoft.com")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"client_secret": "wrong"}, (401, "invalid_client", 7000215)),
        ({"client_secret": ""}, (401, "invalid_client", 7000216)),
        ({"client_id": "aaaaaaaa-0000-4000-8000-000000000001"}, (400, "unauthorized_client", 700016)),
        ({"client_id": "00000000-0000-0000-0000-000000000000"}, (400, "unauthorized_client", 700038)),
        ({"client_id": ""}, (400, "invalid_request", 900144)),
        ({"grant_type": ""}, (400, "invalid_request", 900144)),
        ({"grant_type": "implicit"}, (400, "unsupported_grant_type", 70003)),
        ({"scope": ""}, (400, "invalid_request", 900144)),
        ({"scope": "https://graph.microsoft.com/Mail.Send"}, (400, "invalid_scope", 1002012)),
        ({"scope": "https://example.com/.default"}, (400, "invalid_resource", 500011)),
    ],
)
def test_refusals(tenant: Any, client: dict[str, Any], changes: dict[str, str], expected: tuple[int, str, int]) -> None:
    assert refusal(ask(tenant, client, **changes)) == expected


def test_the_secrets_id_is_no_secret(tenant: Any, client: dict[str, Any]) -> None:
    assert refusal(ask(tenant, client, client_secret=client["keyId"])) == (401, "invalid_client", 7000215)


def test_basic_credentials_are_accepted(tenant: Any, client: dict[str, Any]) -> None:
    answer = tenant.http.post(
        f"{tenant.login}/{tenant.id}/oauth2/v2.0/token",
        data={"grant_type": "client_credentials", "scope": EXCHANGE_DEFAULT},
        auth=(client["appId"], client["secretText"]),
    )
    assert answer.status_code == 200, answer.text


def test_an_expired_secret(tenant: Any) -> None:
    application = tenant.application("Old")
    tenant.service_principal(application["appId"])
    credential = {"startDateTime": "2020-01-01T00:00:00Z", "endDateTime": "2020-02-01T00:00:00Z"}
    minted = tenant.post(
        f"/applications/{application['id']}/addPassword", {"passwordCredential": credential}, status=200
    )
    assert refusal(ask(tenant, {**application, **minted})) == (401, "invalid_client", 7000222)


def test_a_removed_secret(tenant: Any, client: dict[str, Any]) -> None:
    path = f"/applications/{client['id']}/removePassword"
    assert tenant.graph("POST", path, {"keyId": client["keyId"]}).status_code == 204
    assert refusal(ask(tenant, client)) == (401, "invalid_client", 7000215)


def test_without_service_principal(tenant: Any) -> None:
    application = tenant.application("Half")
    minted = tenant.post(f"/applications/{application['id']}/addPassword", {}, status=200)
    assert refusal(ask(tenant, {**application, **minted})) == (401, "invalid_client", 7000229)


def test_a_disabled_service_principal(tenant: Any, client: dict[str, Any]) -> None:
    path = f"/servicePrincipals/{client['servicePrincipalId']}"
    assert tenant.graph("PATCH", path, {"accountEnabled": False}).status_code == 204
    assert refusal(ask(tenant, client)) == (400, "unauthorized_client", 7000112)


def test_a_deleted_application(tenant: Any, client: dict[str, Any]) -> None:
    assert tenant.graph("DELETE", f"/applications/{client['id']}").status_code == 204
    assert refusal(ask(tenant, client)) == (400, "unauthorized_client", 700016)


def test_conditional_access_blocks(tenant: Any, client: dict[str, Any]) -> None:
    tenant.manage("POST", "/settings", conditionalAccessBlocks=[client["appId"]])
    assert refusal(ask(tenant, client)) == (400, "invalid_grant", 53003)


def test_history_names_the_client_and_not_the_secret(tenant: Any, client: dict[str, Any]) -> None:
    ask(tenant, client)
    line = tenant.manage("GET", "/history")["history"][-1]
    assert (line["protocol"], line["caller"], line["status"]) == ("login", client["appId"], 200)
    assert client["secretText"] not in str(line)


# People.


def device(tenant: Any, scope: str = f"{GRAPH_DEFAULT} openid profile offline_access") -> tuple[dict[str, Any], Any]:
    client_id = tenant.endpoints["callers"]["global-reader"]["clientId"]
    url = f"{tenant.login}/{tenant.id}/oauth2/v2.0/devicecode"
    started = tenant.http.post(url, data={"client_id": client_id, "scope": scope}).json()

    def poll() -> Any:
        return tenant.token_request(
            client_id=client_id,
            grant_type="urn:ietf:params:oauth:grant-type:device_code",
            device_code=started["device_code"],
            client_info="1",
        )

    return started, poll


def test_device_code(tenant: Any) -> None:
    started, poll = device(tenant)
    assert {"user_code", "device_code", "verification_uri", "expires_in", "interval", "message"} == set(started)
    assert started["verification_uri"].startswith(tenant.login), "never send anybody to the real page"
    assert started["user_code"] in started["message"]
    assert refusal(poll()) == (400, "authorization_pending", 70016)
    tenant.manage("POST", "/device/approve", userCode=started["user_code"], **{"as": "global-reader"})
    body = poll().json()
    assert {"token_type", "scope", "expires_in", "access_token", "refresh_token", "id_token", "client_info"} <= set(
        body
    )
    claims = verified(tenant, body["access_token"], "https://graph.microsoft.com")
    assert claims["upn"] == "global-reader@contoso.example"
    assert claims["idtyp"] == "user"
    assert "Directory.Read.All" in claims["scp"].split()
    assert "offline_access" not in claims["scp"].split()
    assert "f2ef992c-3afb-46b9-b7cf-a126ee74c451" in claims["wids"]
    assert refusal(poll()) == (400, "bad_verification_code", 70018), "a code works once"


def test_a_declined_device_code(tenant: Any) -> None:
    started, poll = device(tenant)
    tenant.manage("POST", "/device/approve", userCode=started["user_code"], decline=True)
    assert poll().json()["error"] == "authorization_declined"


def test_an_expired_device_code(tenant: Any) -> None:
    _, poll = device(tenant)
    tenant.manage("POST", "/clock/advance", seconds=901)
    assert refusal(poll()) == (400, "expired_token", 70019)


def test_mfa_is_demanded(tenant: Any) -> None:
    tenant.manage("POST", "/settings", mfaRequired=True)
    answer = tenant.sign_in_person("global-reader", GRAPH_DEFAULT)
    assert refusal(answer) == (400, "interaction_required", 50076)


def test_unknown_people_and_codes_are_told_to_management(tenant: Any) -> None:
    started, _ = device(tenant)
    for body in ({"userCode": started["user_code"], "as": "nobody"}, {"userCode": "XXXXXXXXX", "as": "plain-user"}):
        assert tenant.plane.post("/device/approve", json=body).status_code == 400


def test_refresh(tenant: Any) -> None:
    first = tenant.sign_in_person("plain-user", f"{GRAPH_DEFAULT} offline_access").json()
    client_id = tenant.endpoints["callers"]["plain-user"]["clientId"]
    form = {"client_id": client_id, "grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = tenant.token_request(**form, scope="https://outlook.office365.com/.default").json()
    claims = verified(tenant, second["access_token"], "https://outlook.office365.com")
    assert claims["scp"] == "Exchange.Manage"
    assert second["refresh_token"] != first["refresh_token"]
    assert refusal(tenant.token_request(**{**form, "refresh_token": "made up"})) == (400, "invalid_grant", 70000)
    tenant.manage("POST", "/clock/advance", seconds=91 * 86400)
    assert refusal(tenant.token_request(**form)) == (400, "invalid_grant", 700082)


def test_what_was_not_consented_is_not_had(tenant: Any) -> None:
    answer = tenant.sign_in_person("plain-user", "https://graph.microsoft.com/Mail.Send")
    assert refusal(answer) == (400, "invalid_grant", 65001)
    assert answer.json()["suberror"] == "consent_required"


def test_a_confidential_client_needs_its_credential(tenant: Any, client: dict[str, Any]) -> None:
    url = f"{tenant.login}/{tenant.id}/oauth2/v2.0/devicecode"
    started = tenant.http.post(url, data={"client_id": client["appId"], "scope": GRAPH_DEFAULT}).json()
    tenant.manage("POST", "/device/approve", userCode=started["user_code"], **{"as": "plain-user"})
    form = {"client_id": client["appId"], "grant_type": "device_code", "device_code": started["device_code"]}
    assert refusal(tenant.token_request(**form)) == (401, "invalid_client", 7000218)


PKCE = {
    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "code_challenge_method": "S256",
}
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"


def authorize(tenant: Any, **changes: str) -> Any:
    query = {
        "client_id": tenant.endpoints["callers"]["plain-user"]["clientId"],
        "response_type": "code",
        "redirect_uri": "http://localhost:51234",
        "scope": f"{GRAPH_DEFAULT} openid offline_access",
        "state": "s-1",
        "login_hint": "plain-user@contoso.example",
        **PKCE,
        **changes,
    }
    return tenant.http.get(f"{tenant.login}/{tenant.id}/oauth2/v2.0/authorize", params=query)


def redeem(tenant: Any, code: str, verifier: str = VERIFIER) -> Any:
    return tenant.token_request(
        client_id=tenant.endpoints["callers"]["plain-user"]["clientId"],
        grant_type="authorization_code",
        code=code,
        code_verifier=verifier,
        redirect_uri="http://localhost:51234",
    )


def code_of(answer: Any) -> str:
    assert answer.status_code == 302, answer.text
    sent = answer.next_request.url
    assert sent.params["state"] == "s-1"
    return sent.params["code"]


def test_browser_sign_in_with_pkce(tenant: Any) -> None:
    code = code_of(authorize(tenant))
    body = redeem(tenant, code).json()
    assert verified(tenant, body["access_token"], "https://graph.microsoft.com")["upn"] == "plain-user@contoso.example"
    assert refusal(redeem(tenant, code)) == (400, "invalid_grant", 54005)


def test_a_wrong_verifier(tenant: Any) -> None:
    assert refusal(redeem(tenant, code_of(authorize(tenant)), "wrong")) == (400, "invalid_grant", 501481)


def test_an_old_code(tenant: Any) -> None:
    code = code_of(authorize(tenant))
    tenant.manage("POST", "/clock/advance", seconds=601)
    assert refusal(redeem(tenant, code)) == (400, "invalid_grant", 70008)


def test_a_foreign_redirect_is_never_followed(tenant: Any) -> None:
    answer = authorize(tenant, redirect_uri="https://evil.example/")
    assert answer.status_code == 400
    assert "AADSTS50011" in answer.text


def test_who_signs_in(tenant: Any) -> None:
    choices = authorize(tenant, login_hint="")
    assert choices.status_code == 200
    assert "exchange-administrator@contoso.example" in choices.text
    tenant.manage("POST", "/settings", signInAs="exchange-administrator")
    body = redeem(tenant, code_of(authorize(tenant, login_hint=""))).json()
    claims = verified(tenant, body["access_token"], "https://graph.microsoft.com")
    assert claims["upn"] == "exchange-administrator@contoso.example"


def test_form_post(tenant: Any) -> None:
    answer = authorize(tenant, response_mode="form_post")
    assert answer.status_code == 200
    code = re.search(r'name="code" value="([^"]+)"', answer.text)
    assert code is not None
    assert redeem(tenant, code[1]).status_code == 200
