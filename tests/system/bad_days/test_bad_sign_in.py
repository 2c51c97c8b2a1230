"""Refused and expired sign-ins, ours and the host's: Entra's own words, and who can do something about it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.system.bad_days.days import changed_home, ends_well, told
from tests.system.chain.steps import run
from tests.system.support import PARAMETERS, PLAYBOOK, Sandbox, start_forked
from tests.system.tenant import only

HOUR = 3600


def _operator(sandbox: Sandbox) -> dict[str, object]:
    client = sandbox.endpoints["callers"]["operator"]["clientId"]
    return only([each for each in sandbox.state()["applications"] if each["appId"] == client])


def test_a_wrong_secret(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("not-the-secret")
    home = changed_home(tmp_path / "home", sandbox, {"callers.operator-secret.secretFile": str(tmp_path / "wrong")})
    told(run("plan", home=home, tenant="sandbox:operator-secret"), 5, "AADSTS7000215")
    assert sandbox.writes() == []


def test_a_missing_secret_file(sandbox: Sandbox, tmp_path: Path) -> None:
    home = changed_home(tmp_path / "home", sandbox, {"callers.operator-secret.secretFile": str(tmp_path / "none")})
    told(run("plan", home=home, tenant="sandbox:operator-secret"), 4, "none", advice=False)


@pytest.mark.parametrize(
    "content", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_broken_certificate_file(content: str, sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "operator.pem").write_text(content)
    home = changed_home(
        tmp_path / "home", sandbox, {"callers.operator.certificateFile": str(tmp_path / "operator.pem")}
    )
    told(run("plan", home=home), 4, "operator.pem", advice=False)


def test_an_expired_secret(sandbox: Sandbox, home: Path) -> None:
    operator = _operator(sandbox)
    expired = [{**each, "endDateTime": "2020-01-01T00:00:00Z"} for each in operator["passwordCredentials"]]  # type: ignore[attr-defined]
    sandbox.plant("applications", {**operator, "passwordCredentials": expired})
    told(run("plan", home=home, tenant="sandbox:operator-secret"), 5, "AADSTS7000222")


def test_an_unknown_certificate(sandbox: Sandbox, home: Path) -> None:
    sandbox.plant("applications", {**_operator(sandbox), "keyCredentials": []})
    told(run("plan", home=home), 5, "AADSTS700027")


def test_our_application_is_unknown_there(sandbox: Sandbox, tmp_path: Path) -> None:
    stranger = {"callers.operator.clientId": "0badc0de-0000-4000-8000-00000000000f"}
    told(run("plan", home=changed_home(tmp_path / "home", sandbox, stranger)), 5, "AADSTS700016")


def test_mfa_is_demanded(sandbox: Sandbox, home: Path) -> None:
    sandbox.settings(mfaRequired=True)
    finished = run("plan", home=home, tenant="sandbox:cloud-application-administrator")
    told(finished, 5, "AADSTS50076")
    assert sandbox.writes() == []


def test_conditional_access_refuses(sandbox: Sandbox, home: Path) -> None:
    sandbox.settings(conditionalAccessBlocks=True)
    told(run("plan", home=home), 5, "AADSTS53003")


def test_a_token_that_ends_in_the_middle(sandbox: Sandbox, home: Path) -> None:
    """An answer that took a person two hours, say; and the tenant's time is what counts."""
    before = sandbox.state()
    sandbox.fault({"hold": True}, protocol="graph", match="^PATCH ", nth=1)
    child = start_forked("apply", PLAYBOOK, "--tenant", "sandbox", *PARAMETERS, "--yes", home=home)
    while not sandbox.held():
        assert child.poll() is None
        time.sleep(0.01)
    sandbox.advance(2 * HOUR)
    sandbox.release()
    finished = child.wait()
    shown = finished.stdout + finished.stderr
    assert "Traceback" not in shown
    assert finished.returncode in (0, 1, 3, 5, 6), shown
    ends_well(sandbox, home, before)


def test_the_products_sign_in_is_refused_by_a_policy(sandbox: Sandbox, home: Path) -> None:
    """A policy against our address says nothing about the product's: the secret stays, nothing is minted again."""
    before = sandbox.state()
    sandbox.fault({"hold": True, "after": True}, protocol="graph", match="addPassword", nth=1)
    child = start_forked("apply", PLAYBOOK, "--tenant", "sandbox", *PARAMETERS, "--yes", home=home)
    while not sandbox.held():
        assert child.poll() is None
        time.sleep(0.01)
    ours = only([each for each in sandbox.state()["applications"] if each["displayName"] == "Cryptshare Server"])
    sandbox.settings(conditionalAccessBlocks=[ours["appId"]])
    sandbox.release()
    finished = child.wait()
    assert finished.returncode == 6, finished.stdout + finished.stderr
    assert "AADSTS53003" in finished.stdout + finished.stderr
    keys = [each["keyId"] for each in only(_named(sandbox))["passwordCredentials"]]
    assert len(keys) == 1
    again = run("apply", "--yes", home=home)
    assert again.returncode == 6
    assert [each["keyId"] for each in only(_named(sandbox))["passwordCredentials"]] == keys
    sandbox.settings(conditionalAccessBlocks=None)
    ends_well(sandbox, home, before)
    assert [each["keyId"] for each in only(_named(sandbox))["passwordCredentials"]] == keys


def _named(sandbox: Sandbox) -> list[dict[str, object]]:
    return [each for each in sandbox.state()["applications"] if each["displayName"] == "Cryptshare Server"]
