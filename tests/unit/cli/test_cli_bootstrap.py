"""`tenants bootstrap`: what cannot end well is told before anybody is asked to sign in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from provisioner.cli import bootstrap
from provisioner.cli.bootstrap import Driver, Person
from provisioner.cli.main import app
from provisioner.errors import InputFault
from provisioner.home import Home
from provisioner.model.clouds import CLOUDS, Cloud
from provisioner.model.identifiers import AppId, TenantId
from provisioner.model.tenant import ExchangeDriver, ManagementHost, SignIn, SignInMethod, Tenant
from provisioner.workflows.bootstrap import ASKED_FOR, GRAPH_COMMAND_LINE_TOOLS

GUID = "7a3c0c8e-5a0b-4d7e-9a64-2f0c7f5f5b11"
OTHER = "9f9f9f9f-0000-4000-8000-000000000009"
OLD = SignIn(SignInMethod.CLIENT_SECRET, AppId(OTHER), secret="env:OLD")
LISTED = Tenant(
    "contoso", TenantId(GUID), CLOUDS[Cloud.CHINA], OLD, ExchangeDriver.PSRP, ManagementHost(host="exo.contoso.example")
)
PERSON = SignIn(SignInMethod.BROWSER, AppId(OTHER))
Run = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("PROVISIONER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    found = Home(tmp_path / "home")
    found.inventory.add(LISTED)
    return found


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fabrikam"], "which tenant is it?"),
        (["fabrikam", "--tenant-id", "fabrikam.example"], "is no GUID"),
        (["fabrikam", "--tenant-id", GUID, "--client-id", "me"], "--client-id"),
        (["contoso", "--tenant-id", OTHER], f"contoso is {GUID}"),
        (["Contoso Ltd", "--tenant-id", GUID], "is no tenant name"),
        (["c" * 60, "--tenant-id", GUID, "--auditor"], "is no tenant name"),
    ],
)
def test_faults_are_told_before_anything_is_sent(home: Home, arguments: list[str], words: str) -> None:
    ended = CliRunner().invoke(app, ["tenants", "bootstrap", *arguments])
    assert ended.exit_code == 4, ended.output
    assert words in ended.stderr
    assert home.inventory.tenants() == (LISTED,)


def test_who_has_no_application_yet_signs_in_with_microsofts_and_names_what_is_needed() -> None:
    found = bootstrap._administrator(Person.DEVICE_CODE, None, None)
    assert (found.method, found.client_id) == (SignInMethod.DEVICE_CODE, GRAPH_COMMAND_LINE_TOOLS)
    assert found.permissions == ASKED_FOR
    own = bootstrap._administrator(Person.BROWSER, OTHER.upper(), "anna@contoso.example")
    assert (own.method, own.client_id, own.login_hint) == (SignInMethod.BROWSER, OTHER, "anna@contoso.example")
    assert own.permissions == ()


def test_a_listed_tenant_keeps_its_cloud_and_its_host(home: Home) -> None:
    signed_in, entry = bootstrap._tenants("contoso", GUID.upper(), Cloud.WORLDWIDE, None, PERSON, auditor=False)
    assert entry == LISTED
    assert (signed_in.endpoints, signed_in.sign_in, signed_in.exchange) == (LISTED.endpoints, PERSON, None)


def test_the_auditor_is_listed_beside_it_and_runs_nothing_on_the_host(home: Home) -> None:
    signed_in, entry = bootstrap._tenants("contoso", None, Cloud.WORLDWIDE, None, PERSON, auditor=True)
    assert (entry.name, entry.exchange, entry.host) == ("contoso-auditor", None, None)
    assert signed_in.name == "contoso"
    _, fresh = bootstrap._tenants("new", GUID, Cloud.US_GOV_DOD, Driver.REST, PERSON, auditor=True)
    assert (fresh.name, fresh.exchange, fresh.endpoints) == (
        "new-auditor",
        ExchangeDriver.REST,
        CLOUDS[Cloud.US_GOV_DOD],
    )


def test_an_unlisted_tenant_without_an_id_is_nobodys(home: Home) -> None:
    with pytest.raises(InputFault):
        bootstrap._tenants("fabrikam", None, Cloud.WORLDWIDE, None, PERSON, auditor=False)


@pytest.mark.parametrize("auditor", [True, False])
def test_an_entry_of_another_tenant_is_not_written_over(home: Home, auditor: bool) -> None:
    taken = replace(LISTED, name="new-auditor" if auditor else "new", tenant_id=TenantId(OTHER))
    home.inventory.add(taken)
    flag = ["--auditor"] if auditor else []
    ended = CliRunner().invoke(app, ["tenants", "bootstrap", "new", "--tenant-id", GUID, *flag])
    assert ended.exit_code == 4, ended.output
    for words in (taken.name, OTHER):
        assert words in ended.stderr
    assert home.inventory.find(taken.name) == taken
    if auditor:
        assert "provisioner tenants remove new-auditor" in ended.stderr


def test_an_auditor_of_the_same_tenant_is_renewed(home: Home) -> None:
    home.inventory.add(replace(LISTED, name="contoso-auditor"))
    _, entry = bootstrap._tenants("contoso", None, Cloud.WORLDWIDE, None, PERSON, auditor=True)
    assert (entry.name, entry.tenant_id) == ("contoso-auditor", GUID)
