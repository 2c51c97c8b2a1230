"""The management host on a bad day, and Exchange's REST service: each fault names the setting to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.system.bad_days.days import changed_home, ends_well, told
from tests.system.chain.steps import outcomes, result, run
from tests.system.support import Sandbox

HOSTS: list[tuple[str, str, dict[str, Any], int, tuple[str, ...]]] = [
    ("no module", "psrp", {"moduleInstalled": False}, 1, ("ExchangeOnlineManagement", "Install-Module")),
    (
        "no Exchange.ManageAsApp",
        "psrp",
        {"manageAsApp": False},
        5,
        ("isn't supported in this scenario", "directory role"),
    ),
]


@pytest.mark.parametrize(("name", "driver", "settings", "code", "words"), HOSTS, ids=[each[0] for each in HOSTS])
def test_a_host_that_cannot_connect(
    name: str, driver: str, settings: dict[str, Any], code: int, words: tuple[str, ...], sandbox: Sandbox, home: Path
) -> None:
    before = sandbox.state()
    sandbox.host(**settings)
    finished = run("apply", "--yes", home=home, tenant=f"sandbox:{driver}")
    shown = finished.stdout + finished.stderr
    assert finished.returncode in (code, 3), shown
    told(finished, finished.returncode, *words, advice=finished.returncode != 3)
    sandbox.host(**dict.fromkeys(settings))
    ends_well(sandbox, home, before, tenant=f"sandbox:{driver}")


@pytest.mark.parametrize(
    ("cmdlet", "driver"),
    [
        ("Get-MailboxPermission", "psrp"),
        ("New-ServicePrincipal", "psrp"),
        ("Set-CASMailbox", "psrp"),
        ("New-ProvisionerServicePrincipal", "jea"),
        ("Get-ProvisionerMailboxPermission", "jea"),
    ],
)
def test_a_cmdlet_that_is_not_visible(cmdlet: str, driver: str, sandbox: Sandbox, home: Path) -> None:
    before = sandbox.state()
    sandbox.host(hiddenCmdlets=[cmdlet])
    answer = result("apply", "--yes", home=home, tenant=f"sandbox:{driver}", code=3)
    ended = outcomes(answer)
    assert ended["application.main"] == ended["client_secret.main.mail"] == "done"
    blocked = [each["outcome"] for each in answer["changes"] if each["outcome"]["state"] == "blocked"]
    said = " ".join(f"{each['message']} {each['advice']}" for each in blocked)
    words = (
        ("Exchange Administrator",) if driver == "psrp" else ("administrator of the management", "role capabilities")
    )
    assert any(each in said for each in words), said
    sandbox.host(hiddenCmdlets=None)
    ends_well(sandbox, home, before, tenant=f"sandbox:{driver}")


def test_a_host_without_a_role_in_the_tenant(sandbox: Sandbox, home: Path) -> None:
    before = sandbox.state()
    sandbox.host(hostRoles=["Global Reader"])
    answer = result("apply", "--yes", home=home, code=3)
    assert outcomes(answer)["app_role_grant.main.exchange.SMTP.SendAsApp"] == "done"
    assert "Exchange Administrator" in str(answer)
    sandbox.host(hostRoles=None)
    ends_well(sandbox, home, before)


def test_a_wrong_password(sandbox: Sandbox, tmp_path: Path) -> None:
    before = sandbox.state()
    (tmp_path / "password").write_text("not-it")
    home = changed_home(tmp_path / "home", sandbox, {"wsman.passwordFile": str(tmp_path / "password")})
    finished = run("apply", "--yes", home=home)
    told(finished, finished.returncode, "--password", advice=False)
    assert finished.returncode in (3, 5)
    assert "not-it" not in finished.stdout + finished.stderr
    (tmp_path / "password").write_text(Path(sandbox.endpoints["wsman"]["passwordFile"]).read_text())
    ends_well(sandbox, home, before)


def test_an_unknown_user_of_the_host(sandbox: Sandbox, tmp_path: Path) -> None:
    home = changed_home(tmp_path / "home", sandbox, {"wsman.username": "somebody"})
    finished = run("plan", home=home)
    assert finished.returncode in (0, 5), finished.stderr
    assert "somebody" in finished.stdout + finished.stderr
    assert sandbox.writes() == []


@pytest.mark.parametrize("cmdlet", ["Connect-ExchangeOnline", "New-ServicePrincipal", "Add-MailboxPermission"])
def test_a_connection_that_is_cut_in_mid_pipeline(cmdlet: str, sandbox: Sandbox, home: Path) -> None:
    """The cmdlet was sent, the host works on it, and its answer never comes."""
    before = sandbox.state()
    sandbox.host(delays={cmdlet: 0.3}, dropAfter=None)
    sandbox.fault({"drop": True, "after": True}, protocol="wsman", match="Receive", nth=6)
    finished = run("apply", "--yes", home=home)
    assert "Traceback" not in finished.stderr
    opened = [each for each in sandbox.history() if each["operation"].endswith("wsman Create")]
    assert len(opened) > 1, "the cut did not happen"
    ends_well(sandbox, home, before)


def test_exchange_that_answers_nonsense(sandbox: Sandbox, home: Path) -> None:
    before = sandbox.state()
    sandbox.fault({"status": 500}, protocol="adminapi", match="Get-CASMailbox", times=1)
    finished = run("apply", "--yes", home=home, tenant="sandbox:rest")
    assert "Traceback" not in finished.stderr
    ends_well(sandbox, home, before, tenant="sandbox:rest")


def test_no_exchange_driver_at_all(sandbox: Sandbox, home: Path) -> None:
    """A caller who may do nothing in Exchange still does the rest."""
    answer = result("apply", "--yes", home=home, tenant="sandbox:cloud-application-administrator,rest", code=3)
    assert outcomes(answer)["client_secret.main.mail"] == "done"
    assert {outcomes(answer)[each] for each in ("exchange_pointer.main", "client_access.sender")} == {"blocked"}
