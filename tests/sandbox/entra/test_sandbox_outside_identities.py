"""Identities that are no registration's secret: Microsoft's own client, a machine's, a workload's elsewhere."""

from __future__ import annotations

import base64
import datetime as dt
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import (
    CertificateCredential,
    DeviceCodeCredential,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

AZURE_CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
GRAPH = "https://graph.microsoft.com/.default"
EXCHANGE = "https://outlook.office365.com/.default"
ISSUER = "https://token.actions.example/"
SUBJECT = "repo:contoso/operations:ref:refs/heads/main"


def said(token: str) -> dict[str, Any]:
    return dict(jwt.decode(token, options={"verify_signature": False}))


@pytest.fixture
def common(tenant: Any) -> dict[str, Any]:
    return {
        "authority": tenant.login,
        "connection_verify": tenant.ca_file,
        "disable_instance_discovery": True,
        "retry_total": 0,
    }


def signed_in(tenant: Any, common: dict[str, Any], person: str) -> DeviceCodeCredential:
    """azure-identity's default client is the Azure CLI's."""

    def approve(uri: str, code: str, expires: object) -> None:
        tenant.manage("POST", "/device/approve", userCode=code, **{"as": person})

    return DeviceCodeCredential(tenant_id=tenant.id, prompt_callback=approve, **common)


def test_the_azure_clis_scopes_are_fixed(tenant: Any, common: dict[str, Any]) -> None:
    with signed_in(tenant, common, "global-administrator") as credential:
        token = credential.get_token(GRAPH).token
    claims = said(token)
    assert (claims["appid"], claims["upn"]) == (AZURE_CLI, "global-administrator@contoso.example")
    assert "Directory.AccessAsUser.All" in claims["scp"].split()
    assert "Policy.Read.All" not in claims["scp"].split()
    headers = {"authorization": f"Bearer {token}"}

    def status(path: str) -> int:
        return int(tenant.http.get(tenant.endpoints["graph"] + path, headers=headers).status_code)

    assert status("/organization") == 200
    assert status("/policies/identitySecurityDefaultsEnforcementPolicy") == 403
    assert status("/roleManagement/directory/roleEligibilityScheduleInstances") == 403


@pytest.mark.parametrize("scope", [EXCHANGE, "https://graph.microsoft.com/Mail.Read"])
def test_beyond_them_nobody_can_consent(tenant: Any, common: dict[str, Any], scope: str) -> None:
    with (
        signed_in(tenant, common, "global-administrator") as credential,
        pytest.raises(ClientAuthenticationError, match="AADSTS65002"),
    ):
        credential.get_token(scope)
    path = "/servicePrincipals?$filter=displayName eq 'Microsoft Azure CLI'"
    assert tenant.get(path)["value"] == [], "it is no object of the tenant"


def test_a_persons_role_still_counts(tenant: Any, common: dict[str, Any]) -> None:
    statuses = {}
    for person in ("plain-user", "cloud-application-administrator"):
        with signed_in(tenant, common, person) as credential:
            headers = {"authorization": f"Bearer {credential.get_token(GRAPH).token}"}
        answer = tenant.http.post(
            f"{tenant.endpoints['graph']}/applications", json={"displayName": person}, headers=headers
        )
        statuses[person] = answer.status_code
    assert statuses == {"plain-user": 403, "cloud-application-administrator": 201}


def test_an_application_with_its_own_certificate(tenant: Any, common: dict[str, Any], tmp_path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ours")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(now).not_valid_after(now + dt.timedelta(days=180))
    certificate = builder.sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = tmp_path / "ours.pem"
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))

    application = tenant.application("Ours")
    tenant.service_principal(application["appId"])
    with (
        CertificateCredential(tenant.id, application["appId"], str(file), **common) as credential,
        pytest.raises(ClientAuthenticationError, match="AADSTS700027"),
    ):
        credential.get_token(GRAPH)
    der = base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()
    upload = {"type": "AsymmetricX509Cert", "usage": "Verify", "key": der, "displayName": "ours"}
    path = f"/applications/{application['id']}"
    assert tenant.graph("PATCH", path, {"keyCredentials": [upload]}).status_code == 204
    (shown,) = tenant.get(path)["keyCredentials"]
    assert (shown["displayName"], shown["key"], shown["usage"]) == ("ours", None, "Verify")
    assert shown["customKeyIdentifier"] == certificate.fingerprint(hashes.SHA1()).hex().upper()
    for chain in (False, True):
        with CertificateCredential(
            tenant.id, application["appId"], str(file), send_certificate_chain=chain, **common
        ) as credential:
            assert said(credential.get_token(GRAPH).token)["appidacr"] == "2"
    assert tenant.graph("PATCH", path, {"keyCredentials": []}).status_code == 204
    with (
        CertificateCredential(tenant.id, application["appId"], str(file), **common) as credential,
        pytest.raises(ClientAuthenticationError, match="AADSTS700027"),
    ):
        credential.get_token(GRAPH)


@pytest.fixture
def machine(tenant: Any) -> dict[str, str]:
    return dict(tenant.endpoints["managedIdentity"])


@pytest.mark.parametrize("form", ["imds", "appService"])
def test_a_machines_identity(tenant: Any, machine: dict[str, str], monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "AZURE_POD_IDENTITY_AUTHORITY_HOST"):
        monkeypatch.delenv(name, raising=False)
    if form == "imds":
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", machine["imds"])
    else:
        monkeypatch.setenv("IDENTITY_ENDPOINT", machine["identityEndpoint"])
        monkeypatch.setenv("IDENTITY_HEADER", Path(machine["identityHeaderFile"]).read_text())
    with ManagedIdentityCredential(retry_total=0) as credential:
        for_graph = said(credential.get_token(GRAPH).token)
        for_exchange = said(credential.get_token(EXCHANGE).token)
    assert for_graph["appid"] == for_exchange["appid"] == machine["clientId"]
    assert "Application.ReadWrite.All" in for_graph["roles"]
    assert for_exchange["roles"] == ["Exchange.ManageAsApp"]
    principal = tenant.get(f"/servicePrincipals(appId='{machine['clientId']}')")
    assert (principal["servicePrincipalType"], principal["id"]) == ("ManagedIdentity", for_graph["oid"])
    assert tenant.get(f"/applications?$filter=appId eq '{machine['clientId']}'")["value"] == []


def test_a_machines_refusals(tenant: Any, machine: dict[str, str]) -> None:
    query = {"api-version": "2018-02-01", "resource": "https://graph.microsoft.com"}
    metadata = machine["imds"] + "/metadata/identity/oauth2/token"

    def status(url: str, headers: dict[str, str] | None = None, **changes: str) -> int:
        return httpx.get(url, params={**query, **changes}, headers=headers or {}).status_code

    assert status(metadata) == 400
    marked = {"Metadata": "true"}
    assert status(metadata, marked) == 200
    assert status(metadata, marked, resource="") == 400
    assert status(metadata, marked, client_id=machine["clientId"]) == 200
    assert status(metadata, marked, client_id=tenant.id) == 400
    assert status(metadata, marked, resource="https://nowhere.example") == 400
    assert status(machine["identityEndpoint"], {"X-IDENTITY-HEADER": "wrong"}) == 401


class Workload:
    """An application without credentials, and a platform elsewhere that vouches for it."""

    def __init__(self, tenant: Any, common: dict[str, Any], file: Path) -> None:
        self.tenant = tenant
        self.common = common
        self.file = file
        self.application = tenant.application("Workload")
        tenant.service_principal(self.application["appId"])
        self.path = f"/applications/{self.application['id']}/federatedIdentityCredentials"

    def trust(self, **changes: Any) -> Any:
        body = {"name": "main", "issuer": ISSUER, "subject": SUBJECT, "audiences": ["api://AzureADTokenExchange"]}
        return self.tenant.post(self.path, {**body, **changes})

    def token(self, **outside: Any) -> str:
        given = {"issuer": ISSUER, "subject": SUBJECT, **outside}
        self.file.write_text(self.tenant.manage("POST", "/federation/token", **given)["token"])
        return self.exchange()

    def exchange(self) -> str:
        with WorkloadIdentityCredential(
            tenant_id=self.tenant.id,
            client_id=self.application["appId"],
            token_file_path=str(self.file),
            **self.common,
        ) as credential:
            return str(credential.get_token(GRAPH).token)


@pytest.fixture
def workload(tenant: Any, common: dict[str, Any], tmp_path: Path) -> Workload:
    return Workload(tenant, common, tmp_path / "token")


def test_a_workload_elsewhere(workload: Workload) -> None:
    workload.trust()
    claims = said(workload.token())
    assert (claims["appid"], claims["appidacr"]) == (workload.application["appId"], "2")


@pytest.mark.parametrize(
    ("outside", "code"),
    [
        ({"issuer": "https://other.example/"}, "AADSTS700211"),
        ({"subject": SUBJECT.upper()}, "AADSTS700213"),
        ({"audience": "api://Other"}, "AADSTS700212"),
        ({"seconds": -3600}, "AADSTS700024"),
    ],
)
def test_a_workload_that_does_not_match(workload: Workload, outside: dict[str, Any], code: str) -> None:
    workload.trust()
    with pytest.raises(ClientAuthenticationError, match=code):
        workload.token(**outside)


def test_a_workload_nobody_vouched_for(workload: Workload) -> None:
    with pytest.raises(ClientAuthenticationError, match="AADSTS70021:"):
        workload.token()
    workload.trust()
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    now = int(dt.datetime.now(dt.UTC).timestamp())
    payload = {"iss": ISSUER, "sub": SUBJECT, "aud": "api://AzureADTokenExchange", "nbf": now, "exp": now + 600}
    workload.file.write_text(jwt.encode(payload, stranger, algorithm="RS256"))
    with pytest.raises(ClientAuthenticationError, match="AADSTS700027"):
        workload.exchange()


def test_federated_credentials_over_graph(tenant: Any, workload: Workload) -> None:
    made = workload.trust(description="ours")
    assert [name for name in made if not name.startswith("@")] == [
        "id",
        "name",
        "issuer",
        "subject",
        "description",
        "audiences",
    ]
    assert [each["id"] for each in tenant.get(workload.path)["value"]] == [made["id"]]
    assert tenant.get(f"{workload.path}/main")["id"] == tenant.get(f"{workload.path}/{made['id']}")["id"]
    body = {"name": "second", "issuer": ISSUER, "subject": "x", "audiences": ["api://AzureADTokenExchange"]}
    faulty: tuple[dict[str, Any], ...] = (
        {"subject": SUBJECT},
        {"name": "no"},
        {"name": "with blank"},
        {"audiences": []},
        {"audiences": ["a", "b"]},
        {"issuer": ""},
        {"unknown": 1},
    )
    for wrong in faulty:
        assert tenant.refusal("POST", workload.path, {**body, **wrong})[0] == 400, wrong
    assert tenant.refusal("POST", workload.path, {**body, "name": "main"})[0] == 409
    assert tenant.refusal("POST", workload.path, body, caller="global-reader")[0] == 403
    assert tenant.graph("DELETE", f"{workload.path}/main").status_code == 204
    assert tenant.refusal("DELETE", f"{workload.path}/main")[0] == 404
    with pytest.raises(ClientAuthenticationError, match="AADSTS70021:"):
        workload.token()


def test_twenty_credentials_and_a_purge(tenant: Any, workload: Workload) -> None:
    for number in range(20):
        workload.trust(name=f"number-{number}", subject=f"subject-{number}")
    assert tenant.refusal("POST", workload.path, {**workload_body("one-more")})[0] == 400
    path = f"/applications/{workload.application['id']}"
    assert tenant.graph("DELETE", path).status_code == 204
    assert tenant.graph("DELETE", f"/directory/deletedItems/{workload.application['id']}").status_code == 204
    assert "federatedIdentityCredentials" not in tenant.manage("GET", "/state")


def workload_body(name: str) -> dict[str, Any]:
    return {"name": name, "issuer": ISSUER, "subject": name, "audiences": ["api://AzureADTokenExchange"]}


def test_conditional_access_for_workloads(tenant: Any) -> None:
    principal = tenant.get(f"/servicePrincipals(appId='{tenant.endpoints['callers']['operator']['clientId']}')")

    def plant(**conditions: Any) -> None:
        document = {
            "id": "11111111-2222-4333-8444-555555555555",
            "displayName": "Workloads",
            "state": "enabled",
            "conditions": {"applications": {"includeApplications": ["All"]}, **conditions},
            "grantControls": {"operator": "OR", "builtInControls": ["block"]},
        }
        tenant.manage("POST", "/plant", collection="conditionalAccessPolicies", document=document)

    def refused() -> int:
        answer = tenant.token_request(
            client_id=tenant.endpoints["callers"]["operator"]["clientId"],
            client_secret=tenant.operator_secret(),
            grant_type="client_credentials",
            scope=GRAPH,
        )
        return int(answer.json().get("error_codes", [0])[0])

    plant(users={"includeUsers": ["All"]})
    assert refused() == 0, "people's policies are not for applications"
    plant(clientApplications={"includeServicePrincipals": ["ServicePrincipalsInMyTenant"]})
    assert refused() == 53003
    plant(
        clientApplications={
            "includeServicePrincipals": ["ServicePrincipalsInMyTenant"],
            "excludeServicePrincipals": [principal["id"]],
        }
    )
    assert refused() == 0
    plant(clientApplications={"includeServicePrincipals": [principal["id"]]})
    assert refused() == 53003
