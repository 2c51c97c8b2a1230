"""People whom a product signs in: by password, by code and secret, by refresh token; and what keeps them out."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import msal
import pytest
import requests
from delegated_product import IMAP, OTHER, PERSON, REDIRECT, Product, claims, password, refusal, user_id

EXCHANGE = "00000002-0000-0ff1-ce00-000000000000"


@pytest.fixture
def ours(tenant: Any) -> Product:
    made = Product(tenant, web={"redirectUris": [REDIRECT]})
    made.grant()
    return made


def test_the_passwords_are_published_beside_the_operators_credentials(tenant: Any) -> None:
    for name in ("cryptshare", "neighbour"):
        caller = tenant.endpoints["callers"][name]
        assert (caller["kind"], caller["upn"]) == ("user", f"{name}@contoso.example")
        assert len(Path(caller["passwordFile"]).read_text()) > 16
    kept = str(tenant.manage("GET", "/state"))
    assert password(tenant, PERSON) not in kept


def test_user_name_and_password(tenant: Any, ours: Product) -> None:
    answer = ours.sign_in(scope=f"{IMAP} offline_access")
    said = claims(answer)
    assert (said["upn"], said["idtyp"], said["aud"]) == (PERSON, "user", "https://outlook.office.com")
    assert said["scp"].split() == ["IMAP.AccessAsUser.All", "SMTP.Send"]
    assert "refresh_token" in answer.json()
    assert "refresh_token" not in ours.sign_in().json()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"password": "wrong"}, (400, 50126)),
        ({"username": "nobody@contoso.example"}, (400, 50034)),
        ({"username": "plain-user@contoso.example"}, (400, 50126)),
        ({"username": ""}, (400, 900144)),
        ({"password": ""}, (400, 900144)),
        ({"client_secret": "wrong"}, (401, 7000215)),
        ({"client_secret": ""}, (401, 7000218)),
        ({"scope": "https://outlook.office.com/POP.AccessAsUser.All"}, (400, 65001)),
        ({"scope": f"{IMAP} https://graph.microsoft.com/User.Read"}, (400, 70011)),
    ],
)
def test_refusals(ours: Product, changes: dict[str, str], expected: tuple[int, int]) -> None:
    assert refusal(ours.sign_in(**changes)) == expected


def test_the_scope_is_not_to_be_had_without_consent(tenant: Any) -> None:
    bare = Product(tenant)
    assert refusal(bare.sign_in()) == (400, 65001)


def test_a_grant_for_one_person_is_no_grant_for_another(tenant: Any) -> None:
    one = Product(tenant)
    one.grant(person=PERSON)
    assert claims(one.sign_in())["upn"] == PERSON
    assert refusal(one.sign_in(OTHER)) == (400, 65001)


def test_many_wrong_passwords_lock_the_account_for_a_while(tenant: Any, ours: Product) -> None:
    assert [refusal(ours.sign_in(word="wrong"))[1] for _ in range(10)] == [50126] * 10
    assert refusal(ours.sign_in()) == (400, 50053)
    assert claims(ours.sign_in(OTHER))["upn"] == OTHER
    tenant.manage("POST", "/clock/advance", seconds=61)
    assert claims(ours.sign_in())["upn"] == PERSON
    assert [refusal(ours.sign_in(word="wrong"))[1] for _ in range(9)] == [50126] * 9
    assert claims(ours.sign_in())["upn"] == PERSON, "a success forgets what was before"


def test_failed_attempts_are_no_change_of_the_tenant(tenant: Any, ours: Product) -> None:
    before = tenant.manage("GET", "/state/hash")
    ours.sign_in(word="wrong")
    assert tenant.manage("GET", "/state/hash") == before


def test_a_disabled_account(tenant: Any, ours: Product) -> None:
    user = tenant.manage("GET", "/state")["users"]
    document = next(each for each in user if each["userPrincipalName"] == PERSON)
    tenant.manage("POST", "/plant", collection="users", document={**document, "accountEnabled": False})
    assert refusal(ours.sign_in()) == (400, 50057)


def test_a_federated_person(tenant: Any, ours: Product) -> None:
    (organization,) = tenant.manage("GET", "/state")["organization"]
    realm = f"{tenant.login}/common/userrealm/{PERSON}?api-version=1.0"
    assert tenant.http.get(realm).json()["account_type"] == "Managed"
    organization["verifiedDomains"][0]["type"] = "Federated"
    tenant.manage("POST", "/plant", collection="organization", document=organization)
    assert tenant.http.get(realm).json()["account_type"] == "Federated"
    assert refusal(ours.sign_in()) == (400, 50126)
    assert tenant.http.get(f"{tenant.login}/common/userrealm/x@example.org").json()["account_type"] == "Unknown"


def test_a_second_factor_and_security_defaults(tenant: Any, ours: Product) -> None:
    tenant.manage("POST", "/settings", mfaRequired=True)
    assert refusal(ours.sign_in()) == (400, 50076)
    tenant.manage("POST", "/settings", mfaRequired=None)
    path = "/policies/identitySecurityDefaultsEnforcementPolicy"
    assert tenant.get(path)["isEnabled"] is False
    tenant.manage(
        "POST",
        "/plant",
        collection="policies",
        id=path.rpartition("/")[2],
        document={**tenant.get(path), "isEnabled": True},
    )
    assert tenant.get(path)["isEnabled"] is True
    assert refusal(ours.sign_in()) == (400, 530035)
    assert refusal(tenant.sign_in_person("plain-user", "https://graph.microsoft.com/User.Read")) == (400, 530035)
    assert claims(ours.redeem(ours.code()))["upn"] == PERSON, "at a browser the second factor is no obstacle"


def policy(**changes: Any) -> dict[str, Any]:
    conditions = {
        "clientAppTypes": ["all"],
        "applications": {"includeApplications": ["All"], "excludeApplications": []},
        "users": {"includeUsers": ["All"], "excludeUsers": [], "includeRoles": [], "excludeRoles": []},
        **changes.pop("conditions", {}),
    }
    return {
        "id": "2b31ac51-b855-40a5-a986-0a4ed23e9008",
        "displayName": "Everybody's second factor",
        "state": "enabled",
        "createdDateTime": "2026-01-01T00:00:00Z",
        "modifiedDateTime": None,
        "conditions": conditions,
        "grantControls": {"operator": "OR", "builtInControls": ["mfa"]},
        "sessionControls": None,
        **changes,
    }


BLOCK = {"operator": "OR", "builtInControls": ["block"]}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, 50076),
        ({"grantControls": BLOCK}, 53003),
        ({"grantControls": {"operator": "AND", "builtInControls": ["compliantDevice"]}}, 53000),
        ({"state": "disabled"}, 0),
        ({"state": "enabledForReportingButNotEnforced"}, 0),
        ({"conditions": {"applications": {"includeApplications": [EXCHANGE]}}}, 50076),
        ({"conditions": {"applications": {"includeApplications": ["Office365"]}}}, 50076),
        ({"conditions": {"applications": {"includeApplications": ["797f4846-ba00-4fd7-ba43-dac1f8f63013"]}}}, 0),
        ({"conditions": {"applications": {"includeApplications": ["All"], "excludeApplications": [EXCHANGE]}}}, 0),
        ({"conditions": {"clientAppTypes": ["browser"]}}, 0),
        ({"conditions": {"locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]}}}, 50076),
        ({"conditions": {"locations": {"includeLocations": ["AllTrusted"]}}}, 0),
        ({"conditions": {"users": {"includeUsers": ["None"], "includeRoles": ["nobody"]}}}, 0),
    ],
)
def test_conditional_access(tenant: Any, ours: Product, changes: dict[str, Any], code: int) -> None:
    tenant.manage("POST", "/plant", collection="conditionalAccessPolicies", document=policy(**changes))
    answer = ours.sign_in()
    assert (answer.status_code == 200) is (code == 0)
    if code:
        assert refusal(answer) == (400, code)


def test_conditional_access_spares_whom_it_excludes(tenant: Any, ours: Product) -> None:
    people = {"includeUsers": ["All"], "excludeUsers": [user_id(tenant, PERSON)]}
    document = policy(conditions={"users": people}, grantControls=BLOCK)
    tenant.manage("POST", "/plant", collection="conditionalAccessPolicies", document=document)
    assert claims(ours.sign_in())["upn"] == PERSON
    assert refusal(ours.sign_in(OTHER)) == (400, 53003)


def test_conditional_access_is_read(tenant: Any) -> None:
    path = "/identity/conditionalAccess/policies"
    assert tenant.get(path)["value"] == []
    tenant.manage("POST", "/plant", collection="conditionalAccessPolicies", document=policy())
    (listed,) = tenant.get(path)["value"]
    assert (listed["state"], listed["grantControls"]["builtInControls"]) == ("enabled", ["mfa"])
    single = tenant.get(f"{path}/{listed['id']}?$select=displayName,conditions")
    assert single["conditions"]["users"]["includeUsers"] == ["All"]
    assert "state" not in single
    assert tenant.refusal("GET", f"{path}/unknown")[0] == 404
    assert tenant.get(path, caller="global-reader")["value"] == [listed]
    assert tenant.refusal("GET", path, caller="plain-user")[0] == 403


def test_assignment_is_required_where_it_is(tenant: Any, ours: Product) -> None:
    path = f"/servicePrincipals/{ours.object_id}"
    assert tenant.graph("PATCH", path, {"appRoleAssignmentRequired": True}).status_code == 204
    assert refusal(ours.sign_in()) == (400, 50105)
    body = {"principalId": user_id(tenant, PERSON), "resourceId": ours.object_id}
    made = tenant.post(f"{path}/appRoleAssignedTo", {**body, "appRoleId": "00000000-0000-0000-0000-000000000000"})
    assert made["principalType"] == "User"
    assert claims(ours.sign_in())["upn"] == PERSON
    assert refusal(ours.sign_in(OTHER)) == (400, 50105)
    assert tenant.graph("DELETE", f"{path}/appRoleAssignedTo/{made['id']}").status_code == 204
    assert refusal(ours.sign_in()) == (400, 50105)
    for_itself = {"principalId": ours.object_id, "resourceId": ours.object_id}
    refused = tenant.refusal(
        "POST", f"{path}/appRoleAssignedTo", {**for_itself, "appRoleId": "00000000-0000-0000-0000-000000000000"}
    )
    assert refused[0] == 400


def test_code_and_secret(tenant: Any, ours: Product) -> None:
    code = ours.code()
    assert refusal(ours.redeem(code, client_secret="")) == (401, 7000218)
    assert refusal(ours.redeem(code, client_secret="wrong")) == (401, 7000215)
    assert refusal(ours.redeem(code, redirect="https://product.example/other")) == (400, 50011)
    answer = ours.redeem(code)
    assert claims(answer)["upn"] == PERSON
    assert refusal(ours.redeem(code)) == (400, 54005)
    token = answer.json()["refresh_token"]
    assert refusal(ours.refresh(token, client_secret="")) == (401, 7000218)
    assert claims(ours.refresh(token))["scp"].split() == ["IMAP.AccessAsUser.All", "SMTP.Send"]


def test_the_redirects_platform_decides_whether_a_secret_is_due(tenant: Any) -> None:
    native, page = "https://login.microsoftonline.com/common/oauth2/nativeclient", "https://cryptshare.example/owa"
    mixed = Product(
        tenant,
        isFallbackPublicClient=True,
        web={"redirectUris": [REDIRECT]},
        publicClient={"redirectUris": [native]},
        spa={"redirectUris": [page]},
    )
    mixed.grant()
    assert refusal(mixed.redeem(mixed.code(), client_secret="")) == (401, 7000218)
    assert claims(mixed.redeem(mixed.code()))["upn"] == PERSON
    assert refusal(mixed.redeem(mixed.code(redirect=native), redirect=native)) == (401, 700025)
    assert claims(mixed.redeem(mixed.code(redirect=native), redirect=native, client_secret=""))["upn"] == PERSON
    assert refusal(mixed.redeem(mixed.code(redirect=page), redirect=page, client_secret="")) == (400, 9002325)
    challenge = {"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256"}
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    code = mixed.code(redirect=page, **challenge)
    assert claims(mixed.redeem(code, redirect=page, client_secret="", code_verifier=verifier))["upn"] == PERSON


def test_a_refresh_token_dies_with_the_password(tenant: Any, ours: Product) -> None:
    token = ours.sign_in(scope=f"{IMAP} offline_access").json()["refresh_token"]
    assert ours.refresh(token).status_code == 200
    old = password(tenant, PERSON)
    tenant.manage("POST", "/clock/advance", seconds=5)
    tenant.manage("POST", "/password", password="another Passwört", **{"as": "cryptshare"})
    assert refusal(ours.refresh(token)) == (400, 50173)
    assert refusal(ours.sign_in(word=old)) == (400, 50126)
    fresh = ours.sign_in(word="another Passwört", scope=f"{IMAP} offline_access").json()["refresh_token"]
    assert ours.refresh(fresh).status_code == 200
    assert tenant.plane.post("/password", json={"as": "nobody", "password": "x"}).status_code == 400


def test_a_refresh_token_dies_of_rest_and_of_sign_in_frequency(tenant: Any, ours: Product) -> None:
    token = ours.sign_in(scope=f"{IMAP} offline_access").json()["refresh_token"]
    frequency = {"signInFrequency": {"isEnabled": True, "type": "hours", "value": 4}}
    document = policy(grantControls=None, sessionControls=frequency)
    tenant.manage("POST", "/plant", collection="conditionalAccessPolicies", document=document)
    tenant.manage("POST", "/clock/advance", seconds=3 * 3600)
    token = ours.refresh(token).json()["refresh_token"]
    tenant.manage("POST", "/clock/advance", seconds=2 * 3600)
    assert refusal(ours.refresh(token)) == (400, 70043), "refreshing is no signing in"
    tenant.manage("POST", "/plant", collection="conditionalAccessPolicies", id=document["id"], document=None)
    assert ours.refresh(token).status_code == 200
    tenant.manage("POST", "/clock/advance", seconds=90 * 86400)
    assert refusal(ours.refresh(token)) == (400, 700082)


class _OnItsPort(requests.adapters.HTTPAdapter):
    """msal forgets the authority's port when it asks for the person's realm."""

    def __init__(self, host: str) -> None:
        super().__init__()
        self._host = host

    def send(self, request: Any, *arguments: Any, **options: Any) -> Any:
        request.url = request.url.replace("https://localhost/", f"{self._host}/")
        return super().send(request, *arguments, **options)


def test_a_sign_in_library_does_it(tenant: Any, ours: Product) -> None:
    with requests.Session() as session:
        session.mount("https://localhost/", _OnItsPort(tenant.login))
        session.trust_env = False
        session.verify = tenant.ca_file
        application = msal.ConfidentialClientApplication(
            ours.app_id,
            client_credential=ours.secret,
            authority=f"{tenant.login}/{tenant.id}",
            instance_discovery=False,
            http_client=session,
        )
        got = application.acquire_token_by_username_password(PERSON, password(tenant, PERSON), [IMAP])
        assert "access_token" in got, got
        refused = application.acquire_token_by_username_password(PERSON, "wrong", [IMAP])
        assert refused["error_codes"] == [50126]


def test_the_token_opens_the_mailbox(tenant: Any, ours: Product) -> None:
    import imaplib

    token = ours.sign_in().json()["access_token"]
    where = tenant.endpoints["imap"]
    trust = ssl.create_default_context(cafile=tenant.ca_file)
    with imaplib.IMAP4_SSL(where["host"], where["port"], ssl_context=trust, timeout=10) as client:
        client.authenticate("XOAUTH2", lambda challenge: f"user={PERSON}\x01auth=Bearer {token}\x01\x01".encode())
        assert client.select("INBOX")[0] == "OK"
