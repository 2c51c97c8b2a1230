"""Consent and Exchange are different people's work: each does their part, from one plan that both have seen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.system.chain.steps import against_golden, outcomes, proofs, result, run, standings, texts
from tests.system.support import PARAMETERS, PLAYBOOK, SENDER, Sandbox, forked, fresh_home
from tests.system.tenant import Administrator, our_application, stored_secrets

CLOUD = "sandbox:cloud-application-administrator"
EXCHANGE_ADMIN = "sandbox:exchange-administrator,rest"


def test_two_people_with_split_roles_finish_together(sandbox: Sandbox, home: Path) -> None:
    before = sandbox.state()
    first = result("apply", "--yes", home=home, tenant=f"{CLOUD},rest", code=3)
    done = {address for address, state in outcomes(first).items() if state == "done"}
    assert done == {
        "application.main",
        "service_principal.main",
        "requested_permissions.main",
        "app_role_grant.main.exchange.SMTP.SendAsApp",
        "client_secret.main.mail",
    }
    left = [each for each in first["changes"] if each["address"] in first["blocked"]]
    assert {each["part"] for each in left} == {"exchange"}
    assert any("Exchange Administrator" in each for each in texts(left)), left

    second = result("apply", "--yes", "--only", "exchange", home=home, tenant=EXCHANGE_ADMIN)
    assert {each["address"] for each in second["changes"] if each["outcome"]["state"] == "done"} == {
        "exchange_pointer.main",
        "mailbox_permission.main.FullAccess",
        "client_access.sender",
    }
    owner_made_by_the_person = {"owners"}
    faults = against_golden("applied", before, sandbox.state(), sandbox).faults
    assert [each for each in faults if each.partition(":")[0] not in owner_made_by_the_person] == []
    assert proofs(result("verify", "--send", home=home)) == {
        "token": "passed",
        "smtp_submission": "passed",
        "mailbox_refused": "passed",
    }


def test_the_exchange_administrator_alone_is_told_who_must_go_first(sandbox: Sandbox, home: Path) -> None:
    plan = result("plan", home=home, tenant=EXCHANGE_ADMIN)
    stands = standings(plan)
    assert stands["application.main"] == "blocked"
    assert stands["client_access.sender"] == "ready"
    (application,) = [each for each in plan["changes"] if each["address"] == "application.main"]
    assert "Cloud Application Administrator" in application["whoCan"]
    assert sandbox.writes() == []

    applied = result("apply", "--yes", home=home, tenant=EXCHANGE_ADMIN, code=3)
    assert outcomes(applied)["client_access.sender"] == "done"
    assert sandbox.state()["applications"] == [
        each for each in sandbox.state()["applications"] if not each["displayName"].startswith("Cryptshare")
    ]


@pytest.mark.parametrize("caller", ["global-reader", "plain-user"])
def test_a_caller_without_a_role_changes_nothing_and_is_told_who_can(caller: str, sandbox: Sandbox, home: Path) -> None:
    before = sandbox.state_hash()
    answer = result("apply", "--yes", home=home, tenant=f"sandbox:{caller},rest", code=3)
    assert set(outcomes(answer).values()) <= {"blocked", "skipped"}
    assert "Cloud Application Administrator" in "\n".join(texts(answer))
    assert "Exchange Administrator" in "\n".join(texts(answer))
    assert sandbox.state_hash() == before


def test_a_caller_without_a_role_removes_nothing_and_forgets_nothing(sandbox: Sandbox, home: Path) -> None:
    result("apply", "--yes", home=home)
    before = sandbox.state_hash()
    kept = sorted(each.read_bytes() for each in (home / "tenants").rglob("*") if each.is_file())
    answer = result("remove", "--yes", home=home, tenant="sandbox:plain-user,rest", code=3)
    assert "Cloud Application Administrator" in "\n".join(texts(answer))
    assert sandbox.state_hash() == before
    assert sorted(each.read_bytes() for each in (home / "tenants").rglob("*") if each.is_file()) == kept
    assert len(stored_secrets(home)) == 1


def test_only_carries_out_one_part(sandbox: Sandbox, home: Path) -> None:
    parts = {"entra": 4, "consent": 1, "exchange": 3}
    for part, number in parts.items():
        last = part == "exchange"
        answer = result("apply", "--yes", "--only", part, home=home, code=0 if last else 3)
        done = [each for each in answer["changes"] if each["outcome"]["state"] == "done"]
        assert {each["part"] for each in done} == {part}
        assert len(done) == number
    assert result("plan", home=home)["blocked"] == []


def test_a_plan_made_by_one_is_carried_out_by_another(sandbox: Sandbox, home: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    result("plan", "--out", str(plan), home=home, tenant=f"{CLOUD},rest")
    result("apply", "--yes", "--only", "entra", home=home, tenant=f"{CLOUD},rest", code=3)

    other = fresh_home(tmp_path / "other", sandbox)
    consented = result(
        "apply",
        "--yes",
        "--plan",
        str(plan),
        "--only",
        "consent",
        home=other,
        tenant="sandbox:global-administrator,rest",
        code=3,
    )
    done = [address for address, state in outcomes(consented).items() if state == "done"]
    assert done == ["app_role_grant.main.exchange.SMTP.SendAsApp"]
    application = our_application(sandbox.state())
    assert len(application["passwordCredentials"]) == 1, "the second home minted another secret"

    exchange = result(
        "apply", "--yes", "--plan", str(plan), "--only", "exchange", home=other, tenant=EXCHANGE_ADMIN, code=3
    )
    assert len([each for each in outcomes(exchange).values() if each == "done"]) == 3
    assert proofs(result("verify", home=home))["token"] == "passed"


def _planned(home: Path, tmp_path: Path) -> str:
    plan = tmp_path / "plan.json"
    result("plan", "--out", str(plan), home=home)
    return str(plan)


def test_a_plan_file_holds_only_approvals_and_what_they_are_about(sandbox: Sandbox, home: Path, tmp_path: Path) -> None:
    plan = json.loads(Path(_planned(home, tmp_path)).read_text())
    assert plan["sandbox"] is True
    assert set(plan) == {
        "schemaVersion", "sandbox", "tenantId", "playbook", "playbookSha256", "variant", "instance", "parameters",
        "scope", "changes", "summaries",
    }  # fmt: skip
    assert len(plan["changes"]) == 8


def test_the_same_plan_is_the_same_file(sandbox: Sandbox, home: Path, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, other = Path(_planned(home, tmp_path / "a")), Path(_planned(home, tmp_path / "b"))
    assert one.read_bytes() == other.read_bytes()


def test_a_plan_is_refused_when_the_tenant_asks_for_more(sandbox: Sandbox, home: Path, tmp_path: Path) -> None:
    result("apply", "--yes", home=home)
    plan = _planned(home, tmp_path)
    application = our_application(sandbox.state())
    hand = Administrator(sandbox)
    hand.graph("PATCH", f"/applications/{application['id']}", {"displayName": "Renamed meanwhile"})
    mark = sandbox.mark()
    refused = run("apply", "--yes", "--plan", plan, home=home)
    assert refused.returncode == 3
    assert "changed since the plan was made" in refused.stderr
    assert 'Correct the application "Cryptshare Server"' in refused.stderr
    assert sandbox.writes(mark) == []


def test_a_plan_is_refused_for_other_parameters(sandbox: Sandbox, home: Path, tmp_path: Path) -> None:
    plan = _planned(home, tmp_path)
    other = ("--set", "sender_mailbox=sales@contoso.example", "--set", "denied_mailbox=neighbour@contoso.example")
    refused = forked("apply", PLAYBOOK, "--tenant", "sandbox", *other, "--yes", "--plan", plan, home=home)
    assert refused.returncode == 4
    assert f"parameter sender_mailbox: '{SENDER}' in the plan, 'sales@contoso.example' here" in refused.stderr
    instance = forked(
        "apply", PLAYBOOK, "--tenant", "sandbox", *PARAMETERS, "--instance", "two", "--yes", "--plan", plan, home=home
    )
    assert instance.returncode == 4
    assert sandbox.writes() == []


def test_a_plan_file_gives_way_to_what_was_done_since(sandbox: Sandbox, home: Path, tmp_path: Path) -> None:
    plan = _planned(home, tmp_path)
    result("apply", "--yes", "--plan", plan, home=home)
    again = result("apply", "--yes", "--plan", plan, home=home)
    assert set(outcomes(again).values()) == {"kept"}
