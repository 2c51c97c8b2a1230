"""Ways in that a machine already has: each gets a token, is pinned to the tenant, and is explained when it fails."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from entra_double import CLIENT, PLANTED, TENANT_ID, Answer, Entra, EntraServer, granted, jwt, refused

from provisioner.errors import InputFault, SignInRefused, WrongTenant
from provisioner.model.clouds import CLOUDS, Cloud
from provisioner.model.identifiers import AppId
from provisioner.model.secret import Secret
from provisioner.model.tenant import SignIn, SignInMethod, Tenant
from provisioner.signin import Token, operator

GRAPH = "https://graph.microsoft.com"
OTHER_TENANT = "9f9f9f9f-0000-4000-8000-000000000009"
METADATA = "/metadata/identity/oauth2/token"


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        *("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH"),
        *("AZURE_FEDERATED_TOKEN_FILE", "AZURE_USERNAME", "AZURE_PASSWORD", "AZURE_POD_IDENTITY_AUTHORITY_HOST"),
        *("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IMDS_ENDPOINT", "MSI_ENDPOINT", "MSI_SECRET"),
    ):
        monkeypatch.delenv(name, raising=False)


def tenant_of(
    entra: Entra, method: SignInMethod, client_id: AppId | None = None, token_file: str | None = None
) -> Tenant:
    plain = entra.tenant()
    sign_in = SignIn(method, client_id, token_file=token_file)
    return Tenant(plain.name, plain.tenant_id, plain.endpoints, sign_in, sandbox=True)


def token(tenant: Tenant) -> Token:
    def nobody(*_: object) -> None:
        raise AssertionError("nobody should be asked")

    return asyncio.run(operator(tenant, secret=None, prompt=nobody).token(GRAPH))


# --- the Azure CLI: a program on the path


@pytest.fixture
def az(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An `az` that notes its arguments and says what a file beside it says."""
    if sys.platform == "win32":
        pytest.skip("the double of az is a shell script")
    program = tmp_path / "az"
    program.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\ncat {tmp_path}/says\ncat {tmp_path}/error >&2\n'
        f"exit $(cat {tmp_path}/code)\n"
    )
    program.chmod(0o755)
    (tmp_path / "error").write_text("")
    (tmp_path / "code").write_text("0")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def test_the_azure_cli_is_asked_for_this_tenant(entra: Entra, az: Path) -> None:
    text = jwt(
        scp="Application.ReadWrite.All", upn="anna@contoso.example", appid="04b07795-8ddb-461a-bbee-02f9e1bf7b46"
    )
    (az / "says").write_text(f'{{"accessToken": "{text}", "expires_on": 4000000000}}')
    found = token(tenant_of(entra, SignInMethod.AZURE_CLI))
    assert found.claims is not None
    assert found.claims.name == "anna@contoso.example"
    asked = (az / "asked").read_text()
    assert f"--resource {GRAPH}" in asked
    assert f"--tenant {TENANT_ID}" in asked
    assert entra.paths == []


@pytest.mark.parametrize(
    ("error", "code", "advice"),
    [
        ("ERROR: Please run 'az login' to setup account.", "azure_cli_signed_out", "az login --tenant"),
        ("ERROR: AADSTS65002: Consent between first party application", "AADSTS65002", "application of your own"),
        ("ERROR: AADSTS50076: multi-factor needed. Run: az login", "AADSTS50076", "multi-factor"),
        ("", "azure_cli_silent", "by hand"),
    ],
)
def test_the_azure_clis_failures_are_explained(entra: Entra, az: Path, error: str, code: str, advice: str) -> None:
    (az / "says").write_text("")
    (az / "error").write_text(error)
    (az / "code").write_text("1")
    with pytest.raises(SignInRefused) as caught:
        token(tenant_of(entra, SignInMethod.AZURE_CLI))
    assert caught.value.fault.code == code
    assert advice in (caught.value.advice or "")


def test_without_the_azure_cli_that_is_said(entra: Entra, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SignInRefused) as caught:
        token(tenant_of(entra, SignInMethod.AZURE_CLI))
    assert caught.value.fault.code == "azure_cli_missing"


def test_a_token_of_another_tenant_is_refused_by_us(entra: Entra, az: Path) -> None:
    (az / "says").write_text(f'{{"accessToken": "{jwt(tid=OTHER_TENANT)}", "expires_on": 4000000000}}')
    with pytest.raises(WrongTenant) as caught:
        token(tenant_of(entra, SignInMethod.AZURE_CLI))
    assert OTHER_TENANT in caught.value.message


# --- a managed identity: an endpoint of the machine


class Machine(Entra):
    """Azure's own endpoint, on the port of the sign-in service."""

    identity: Answer = (200, {})

    def answer(self, method: str, path: str, form: dict[str, str]) -> Answer:
        if "/msi/" in path or METADATA in path:
            self.paths.append(f"{method} {path}")
            return self.identity
        return super().answer(method, path, form)


@pytest.fixture
def machine(entra_server: EntraServer) -> Machine:
    plain = entra_server.fresh()
    found = Machine(url=plain.url, ca_file=plain.ca_file)
    entra_server.entra = found
    return found


@pytest.mark.parametrize("client_id", [None, CLIENT])
def test_a_managed_identity(machine: Machine, monkeypatch: pytest.MonkeyPatch, client_id: AppId | None) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{machine.url}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "planted-header")
    machine.identity = (
        200,
        {
            "access_token": jwt(roles=["Mail.Send"]),
            "expires_on": "4000000000",
            "resource": GRAPH,
            "token_type": "Bearer",
        },
    )
    found = token(tenant_of(machine, SignInMethod.MANAGED_IDENTITY, client_id))
    assert found.claims is not None
    assert found.claims.roles == {"Mail.Send"}
    (path,) = machine.paths
    assert (CLIENT in path) is (client_id is not None)


def test_a_machine_without_an_identity_is_explained(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", machine.url)
    machine.identity = (400, {"error": "invalid_request", "error_description": "Identity not found"})
    with pytest.raises(SignInRefused) as caught:
        token(tenant_of(machine, SignInMethod.MANAGED_IDENTITY))
    assert caught.value.fault.code == "no_managed_identity"
    assert "clientId" in (caught.value.advice or "")
    assert all(METADATA in each for each in machine.paths)


def test_a_managed_identity_of_another_tenant_is_refused_by_us(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{machine.url}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "planted-header")
    machine.identity = (200, {"access_token": jwt(tid=OTHER_TENANT), "expires_on": "4000000000"})
    with pytest.raises(WrongTenant):
        token(tenant_of(machine, SignInMethod.MANAGED_IDENTITY))


# --- a workload identity: another issuer's token in a file


def test_a_workload_identity_shows_the_files_token(
    entra: Entra, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("planted-assertion")
    token(tenant_of(entra, SignInMethod.WORKLOAD_IDENTITY, CLIENT, str(file)))
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(file))
    monkeypatch.setenv("AZURE_CLIENT_ID", CLIENT)
    monkeypatch.setenv("AZURE_TENANT_ID", OTHER_TENANT)  # the inventory's tenant counts
    token(tenant_of(entra, SignInMethod.WORKLOAD_IDENTITY))
    for form in entra.forms:
        assert (form["client_assertion"], form["client_id"]) == ("planted-assertion", CLIENT)
    assert entra.paths == [f"POST /{TENANT_ID}/oauth2/v2.0/token"] * 2


def test_an_untrusted_workload_identity_is_explained(entra: Entra, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("planted-assertion")
    entra.tokens = [refused(700213, "No matching federated identity record found for presented assertion subject.")]
    with pytest.raises(SignInRefused) as caught:
        token(tenant_of(entra, SignInMethod.WORKLOAD_IDENTITY, CLIENT, str(file)))
    assert "subject is another" in (caught.value.advice or "")
    assert "planted-assertion" not in str(caught.value)


@pytest.mark.parametrize(
    ("client_id", "file", "missing"),
    [(CLIENT, None, "AZURE_FEDERATED_TOKEN_FILE"), (CLIENT, "gone", "gone"), (None, "there", "AZURE_CLIENT_ID")],
)
def test_an_incomplete_workload_identity_is_told_before_anything_is_sent(
    entra: Entra, tmp_path: Path, client_id: AppId | None, file: str | None, missing: str
) -> None:
    (tmp_path / "there").write_text("planted-assertion")
    path = str(tmp_path / file) if file else None
    with pytest.raises(InputFault) as caught:
        token(tenant_of(entra, SignInMethod.WORKLOAD_IDENTITY, client_id, path))
    assert missing in str(caught.value.places[0])
    assert entra.paths == []


# --- environment variables


def test_the_environment_names_an_application(
    entra: Entra, entra_server: EntraServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_TENANT_ID", TENANT_ID.upper())
    monkeypatch.setenv("AZURE_CLIENT_ID", CLIENT)
    monkeypatch.setenv("AZURE_CLIENT_SECRET", PLANTED)
    token(tenant_of(entra, SignInMethod.ENVIRONMENT))
    monkeypatch.delenv("AZURE_CLIENT_SECRET")
    monkeypatch.setenv("AZURE_CLIENT_CERTIFICATE_PATH", str(entra_server.client_certificate))
    token(tenant_of(entra, SignInMethod.ENVIRONMENT))
    assert entra.forms[0]["client_secret"] == PLANTED
    assert "client_assertion" in entra.forms[1]


def test_an_empty_environment_is_explained(entra: Entra) -> None:
    with pytest.raises(SignInRefused) as caught:
        token(tenant_of(entra, SignInMethod.ENVIRONMENT))
    assert caught.value.fault.code == "environment_incomplete"
    assert "AZURE_CLIENT_SECRET" in (caught.value.advice or "")


@pytest.mark.parametrize(
    ("variable", "value"), [("AZURE_TENANT_ID", OTHER_TENANT), ("AZURE_CLIENT_CERTIFICATE_PATH", "gone.pem")]
)
def test_an_environment_that_cannot_be_meant_is_told_before_anything_is_sent(
    entra: Entra, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv("AZURE_TENANT_ID", TENANT_ID)
    monkeypatch.setenv("AZURE_CLIENT_ID", CLIENT)
    monkeypatch.setenv(variable, value)
    with pytest.raises(InputFault) as caught:
        token(tenant_of(entra, SignInMethod.ENVIRONMENT))
    assert variable in str(caught.value.places[0])
    assert entra.paths == []


# --- what each cloud calls an API


def test_a_token_is_asked_for_by_the_name_that_the_cloud_uses(entra: Entra) -> None:
    plain = entra.tenant()
    audiences = CLOUDS[Cloud.US_GOV_GCC_HIGH].audiences
    tenant = replace(plain, endpoints=replace(plain.endpoints, audiences=audiences))
    entra.tokens = [granted(jwt())]
    source = operator(tenant, secret=Secret(PLANTED), prompt=lambda *_: None)

    async def both() -> None:
        await source.token(GRAPH)
        await source.token("https://outlook.office365.com")

    asyncio.run(both())
    assert [each["scope"] for each in entra.forms] == [
        "https://graph.microsoft.us/.default",
        "https://outlook.office365.us/.default",
    ]
