"""The tenant changes under our feet, between plan and apply or since the last run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.system.bad_days.days import ends_well, is_whole, told
from tests.system.chain.steps import against_golden, onboarded, outcomes, proofs, result, run, standings
from tests.system.support import NEIGHBOUR, PLAYBOOK, SENDER, Sandbox, forked
from tests.system.tenant import SALES, Administrator, only, our_application, stored_secrets


def _plan_file(home: Path, tmp_path: Path) -> str:
    path = tmp_path / "plan.json"
    result("plan", "--out", str(path), home=home)
    return str(path)


def test_the_application_was_deleted_between_plan_and_apply(sandbox: Sandbox, home: Path, tmp_path: Path) -> None:
    result("apply", "--yes", "--only", "entra", home=home, code=3)
    plan = _plan_file(home, tmp_path)
    Administrator(sandbox).graph("DELETE", f"/applications/{our_application(sandbox.state())['id']}")
    mark = sandbox.mark()
    refused = result("apply", "--yes", "--plan", plan, home=home, code=3)
    assert [each for each in sandbox.writes(mark) if each.startswith("graph")] == []
    assert "restore" in str(refused)


def test_a_deleted_application_comes_back_with_a_new_secret(sandbox: Sandbox, home: Path) -> None:
    before = sandbox.state()
    onboarded(home)
    first = our_application(sandbox.state())
    Administrator(sandbox).graph("DELETE", f"/applications/{first['id']}")
    held = run("apply", "--yes", home=home)
    told(held, 3, "--allow-restore", advice=False)
    result("apply", "--yes", "--allow-restore", home=home)
    again = our_application(sandbox.state())
    assert again["appId"] == first["appId"]
    assert only(again["passwordCredentials"])["keyId"] in stored_secrets(home)
    assert set(proofs(result("verify", "--send", home=home)).values()) == {"passed"}
    state = sandbox.state()
    known = {each["sid"] for each in (*state["exchangeServicePrincipals"], *state["mailboxes"])}
    # The right of the pointer that was replaced stays with a trustee that is nobody any more.
    rights = [each for each in state["mailboxPermissions"] if each["sid"] in known]
    after = {**state, "deletedItems": [], "mailboxPermissions": rights}
    assert against_golden("applied", before, after, sandbox).faults == ()


def test_a_purged_application_is_made_anew(sandbox: Sandbox, home: Path) -> None:
    """Exchange still points at the old one, which is no use to anybody: ours to replace, as the instance file knows."""
    onboarded(home)
    old = our_application(sandbox.state())
    hand = Administrator(sandbox)
    hand.graph("DELETE", f"/applications/{old['id']}")
    for item in sandbox.state()["deletedItems"]:
        hand.graph("DELETE", f"/directory/deletedItems/{item['id']}")
    sandbox.advance(60)
    result("apply", "--yes", home=home)
    new = our_application(sandbox.state())
    assert new["appId"] != old["appId"]
    assert only(new["passwordCredentials"])["keyId"] in stored_secrets(home)
    assert set(proofs(result("verify", "--send", home=home)).values()) == {"passed"}


def test_the_service_principal_was_deleted(sandbox: Sandbox, home: Path) -> None:
    onboarded(home)
    application = our_application(sandbox.state())
    principal = only([each for each in sandbox.state()["servicePrincipals"] if each["appId"] == application["appId"]])
    Administrator(sandbox).graph("DELETE", f"/servicePrincipals/{principal['id']}")
    result("apply", "--yes", home=home)
    assert set(proofs(result("verify", "--send", home=home)).values()) == {"passed"}
    assert result("plan", "--exit-code", home=home)["blocked"] == []


def test_drift_is_shown_and_put_right_and_strangers_changes_stay(sandbox: Sandbox, home: Path) -> None:
    before = sandbox.state()
    onboarded(home)
    application = our_application(sandbox.state())
    hand = Administrator(sandbox)
    hand.graph("PATCH", f"/applications/{application['id']}", {"displayName": "Somebody's name", "tags": []})
    hand.cmdlet("Set-CASMailbox", Identity=SENDER, SmtpClientAuthenticationDisabled=True)
    drift = standings(result("plan", "--exit-code", home=home, code=2))
    assert set(drift) == {"application.main", "client_access.sender"}
    ends_well(sandbox, home, before)


def test_the_key_was_removed_by_somebody(sandbox: Sandbox, home: Path) -> None:
    before = sandbox.state()
    onboarded(home)
    application = our_application(sandbox.state())
    (key,) = [each["keyId"] for each in application["passwordCredentials"]]
    Administrator(sandbox).graph("POST", f"/applications/{application['id']}/removePassword", {"keyId": key})
    sandbox.advance(3600)
    result("apply", "--yes", home=home)
    is_whole(sandbox, home, before, dead=frozenset({key}))


def test_the_consent_was_revoked(sandbox: Sandbox, home: Path) -> None:
    before = sandbox.state()
    onboarded(home)
    grant = only(
        [each for each in sandbox.state()["appRoleAssignments"] if each["principalDisplayName"] == "Cryptshare Server"]
    )
    path = f"/servicePrincipals/{grant['principalId']}/appRoleAssignments/{grant['id']}"
    Administrator(sandbox).graph("DELETE", path)
    assert set(standings(result("plan", home=home))) == {"app_role_grant.main.exchange.SMTP.SendAsApp"}
    ends_well(sandbox, home, before)


def test_a_pointer_with_the_registrations_object_id_is_replaced(sandbox: Sandbox, home: Path) -> None:
    before = sandbox.state()
    result("apply", "--yes", "--only", "entra", home=home, code=3)
    application = our_application(sandbox.state())
    hand = Administrator(sandbox)
    hand.cmdlet(
        "New-ServicePrincipal", AppId=application["appId"], ObjectId=application["id"], DisplayName="made by hand"
    )
    plan = result("plan", home=home)
    (pointer,) = [each for each in plan["changes"] if each["kind"] == "exchange_pointer"]
    assert (pointer["action"], pointer["standing"]) == ("update", "ready")
    assert "object id" in pointer["summary"]
    ends_well(sandbox, home, before)


@pytest.mark.parametrize("driver", ["psrp", "rest"])
def test_a_mailbox_that_is_missing(driver: str, sandbox: Sandbox, home: Path) -> None:
    given = ("--set", "sender_mailbox=nobody@contoso.example", "--set", f"denied_mailbox={NEIGHBOUR}")
    finished = forked("apply", PLAYBOOK, "--tenant", f"sandbox:{driver}", *given, "--yes", home=home)
    told(finished, 3, "there is no mailbox nobody@contoso.example", advice=False)
    assert outcomes(result("plan", home=home)) == {}
    state = sandbox.state()
    assert our_application(state)["displayName"] == "Cryptshare Server", "the rest is applied"
    # and with the right address the same onboarding goes on
    finished = run("apply", "--yes", home=home, tenant=f"sandbox:{driver}")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert set(proofs(result("verify", "--send", home=home)).values()) == {"passed"}


def test_the_mailbox_goes_while_we_work(sandbox: Sandbox, home: Path) -> None:
    onboarded(home)
    mailbox = only([each for each in sandbox.state()["mailboxes"] if each["primarySmtpAddress"] == SENDER])
    sandbox.unplant("mailboxes", mailbox["id"])
    told(run("apply", "--yes", home=home), 3, f"there is no mailbox {SENDER}", advice=False)
    failed = result("verify", "--send", home=home, code=1)
    (submission,) = [each for each in failed["proofs"] if each["name"] == "smtp_submission"]
    assert submission["causes"] == ["mailbox_missing"]


@pytest.mark.parametrize("organisation", [True, False])
def test_smtp_auth_of_the_organisation(organisation: bool, sandbox: Sandbox, home: Path) -> None:
    """Off for the organisation: one mailbox is switched on, never the organisation. On: nothing is left to switch."""
    transport = only(sandbox.state()["transportConfig"])
    sandbox.plant("transportConfig", {**transport, "smtpClientAuthenticationDisabled": organisation})
    answer = onboarded(home)
    assert outcomes(answer)["client_access.sender"] == ("done" if organisation else "kept")
    assert only(sandbox.state()["transportConfig"])["smtpClientAuthenticationDisabled"] is organisation
    others = [each for each in sandbox.state()["casMailboxes"] if each["id"] != _id_of(sandbox, SENDER)]
    assert others == [each for each in others if each["id"] == _id_of(sandbox, NEIGHBOUR)]
    assert set(proofs(answer).values()) == {"passed"}


def _id_of(sandbox: Sandbox, address: str) -> str:
    return str(only([each for each in sandbox.state()["mailboxes"] if each["primarySmtpAddress"] == address])["id"])


def test_the_sender_is_changed_later(sandbox: Sandbox, home: Path) -> None:
    """The new mailbox gets its right. The old one keeps its own until somebody says that it goes, and that is said."""
    onboarded(home)
    given = ("--set", f"sender_mailbox={SALES}")
    changed = forked("onboard", PLAYBOOK, "--tenant", "sandbox", *given, "--yes", "--send", home=home)
    assert changed.returncode == 3, changed.stdout + changed.stderr
    assert "--allow-remove-grants" in changed.stdout
    assert SENDER in changed.stdout
    shown = forked("handover", PLAYBOOK, "--tenant", "sandbox", home=home)
    assert SALES in shown.stdout
    assert SENDER not in shown.stdout
