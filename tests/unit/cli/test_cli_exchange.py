"""`provisioner exchange kit`: what lies where, and what is never written over."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from provisioner.cli.main import app
from provisioner.home import Home
from provisioner.model.identifiers import AppId, TenantId
from provisioner.model.tenant import (
    WORLDWIDE,
    ExchangeDriver,
    HostIdentity,
    ManagementHost,
    SignIn,
    SignInMethod,
    Tenant,
)

GUID = "11111111-1111-4111-8111-111111111111"
FILES = {
    "ProvisionerExchange/ProvisionerExchange.psm1",
    "ProvisionerExchange/ProvisionerExchange.psd1",
    "ProvisionerExchange/RoleCapabilities/ProvisionerExchange.psrc",
    "ProvisionerExchange.pssc",
    "settings.psd1",
    "README.txt",
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("PROVISIONER_HOME", str(tmp_path / "home"))
    return Home(tmp_path / "home")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["exchange", "kit", *arguments])


def add(home: Home, name: str, host: ManagementHost | None, driver: ExchangeDriver) -> None:
    sign_in = SignIn(SignInMethod.DEVICE_CODE, AppId(GUID))
    home.inventory.add(Tenant(name, TenantId(GUID), WORLDWIDE, sign_in, driver, host))


def test_the_whole_kit(home: Home, tmp_path: Path) -> None:
    out = tmp_path / "kit"
    assert run("--out", str(out), "--operators", "CONTOSO\\ops").exit_code == 0
    assert {each.relative_to(out).as_posix() for each in out.rglob("*") if each.is_file()} == FILES
    assert "'CONTOSO\\ops'" in (out / "ProvisionerExchange.pssc").read_text(encoding="utf-8-sig")


def test_what_an_administrator_filled_in_stays(home: Home, tmp_path: Path) -> None:
    out = tmp_path / "kit"
    assert run("--out", str(out)).exit_code == 0
    (out / "settings.psd1").write_text("@{ mine = 1 }")
    (out / "README.txt").write_text("old")
    assert run("--out", str(out)).exit_code == 0
    assert (out / "settings.psd1").read_text() == "@{ mine = 1 }"
    assert (out / "README.txt").read_text(encoding="utf-8-sig").startswith("PROVISIONER")


def test_tenants_of_the_inventory_come_into_the_settings(home: Home, tmp_path: Path) -> None:
    certificate = ManagementHost(
        "h", jea=True, organization="contoso.onmicrosoft.com", app_id=AppId(GUID), certificate_thumbprint="ABCD"
    )
    add(home, "contoso", certificate, ExchangeDriver.PSRP)
    add(home, "fabrikam", ManagementHost("h", jea=True, identity=HostIdentity.MANAGED_IDENTITY), ExchangeDriver.PSRP)
    assert run("--out", str(tmp_path), "--tenant", "contoso", "--tenant", "fabrikam").exit_code == 0
    settings = (tmp_path / "settings.psd1").read_text(encoding="utf-8-sig")
    assert "'contoso.onmicrosoft.com' = @{" in settings and "'ABCD'" in settings
    assert f"'{GUID}' = @{{ ManagedIdentity = $true }}" in settings


def test_a_tenant_without_an_endpoint_is_faulty_input(home: Home, tmp_path: Path) -> None:
    add(home, "contoso", None, ExchangeDriver.SCRIPT)
    ended = run("--out", str(tmp_path / "kit"), "--tenant", "contoso")
    assert ended.exit_code == 4
    assert not (tmp_path / "kit").exists()


def test_the_inventory_keeps_the_driver_script(home: Home) -> None:
    add(home, "contoso", None, ExchangeDriver.SCRIPT)
    found = home.inventory.find("contoso")
    assert found is not None and found.exchange is ExchangeDriver.SCRIPT and found.host is None
    listed = CliRunner().invoke(app, ["tenants", "list", "-o", "json"])
    assert '"exchange": "script"' in listed.stdout
