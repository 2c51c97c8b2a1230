"""One command, and the tenant is as the vendor's guide wants it: held against the golden end state, on every driver."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.golden.match import handover_faults, plan_faults, said_faults
from tests.golden.patterns import row_faults
from tests.system.chain.steps import against_golden, document, onboarded, outcomes, proofs, result, run, texts
from tests.system.support import NEIGHBOUR, SENDER, Sandbox, cli
from tests.system.tenant import (
    EXCHANGE,
    GOLDEN,
    GOLDEN_HANDOVER,
    Administrator,
    normalised,
    only,
    our_application,
    stored_secrets,
)

DRIVERS = ("sandbox", "sandbox:jea", "sandbox:rest")


@pytest.mark.parametrize("tenant", DRIVERS)
def test_onboard_ends_in_the_golden_state(tenant: str, sandbox: Sandbox, home: Path) -> None:
    before = sandbox.state()
    answer = document(run("onboard", "--yes", "--send", "-o", "json", home=home, tenant=tenant, by=cli))

    compared = against_golden("applied", before, sandbox.state(), sandbox)
    assert compared.faults == ()
    assert plan_faults(GOLDEN["firstPlan"], answer["changes"]) == []
    assert said_faults(GOLDEN["said"], texts(answer)) == []
    assert set(outcomes(answer).values()) == {"done"}
    assert answer["unsettled"] == answer["blocked"] == answer["manual"] == []

    application, secret = only(answer["applications"]), only(answer["secrets"])
    assert row_faults(GOLDEN["output"]["applications"], application, compared.bindings) == []
    assert row_faults(GOLDEN["output"]["secrets"], secret, compared.bindings) == []
    assert secret["keyId"] == only(compared.bindings["application"]["passwordCredentials"])["keyId"]

    held = stored_secrets(home)
    assert set(held) == {secret["keyId"]}
    signed_in = Administrator(sandbox).token(application["appId"], held[secret["keyId"]], EXCHANGE)
    assert signed_in["token_type"] == "Bearer"
    assert held[secret["keyId"]] not in str(answer)

    screens = [_as_typed(screen, held) for screen in answer["handover"]]
    assert handover_faults(GOLDEN_HANDOVER, screens, compared.bindings) == []


def _as_typed(screen: dict[str, Any], held: dict[str, str]) -> dict[str, Any]:
    """A screen as a person types it in, who follows the references of secrets."""
    fields = [
        {"title": each["title"], "value": held[each["secret"]["keyId"]] if each["secret"] else each["value"]}
        for each in screen["fields"]
    ]
    return {**screen, "fields": fields}


def test_the_parts_of_the_first_plan_are_those_of_the_golden_file(sandbox: Sandbox, home: Path) -> None:
    plan = result("plan", home=home)
    wanted = {each["kind"].replace(" ", "_"): each["part"] for each in GOLDEN["firstPlan"]["changes"]}
    assert {each["kind"]: each["part"] for each in plan["changes"]} == wanted
    assert [each["address"] for each in plan["changes"] if each["gate"]] == GOLDEN["firstPlan"]["gates"]
    assert len(plan["changes"]) == GOLDEN["firstPlan"]["total"]
    assert sandbox.writes() == []
    assert [each for each in home.iterdir() if each.name not in ("sandbox", "locks")] == [], "a plan writes nothing"


def test_the_mail_was_delivered_and_the_neighbour_refused_for_want_of_a_right(sandbox: Sandbox, home: Path) -> None:
    answer = onboarded(home)
    assert proofs(answer) == {"token": "passed", "smtp_submission": "passed", "mailbox_refused": "passed"}
    token, submission, refused = (each["detail"] for each in answer["proofs"])
    assert "SMTP.SendAsApp" in token
    assert "read back" in submission
    assert "430 4.2.0" in refused or "535 5.7.3" in refused

    inbox = [each for each in sandbox.state()["messages"] if each["folder"] == "inbox"]
    assert [(each["mailbox"], each["from"], each["to"]) for each in inbox] == [(SENDER, SENDER, [SENDER])]
    attempts = [(each["operation"], each["status"]) for each in sandbox.history() if each["protocol"] == "smtp"]
    assert ("DATA", 250) in attempts
    assert attempts[-1][1] in (430, 535), f"the neighbour {NEIGHBOUR} was not refused: {attempts}"


def test_without_send_no_mail_goes_and_sending_is_called_not_proven(sandbox: Sandbox, home: Path) -> None:
    answer = result("onboard", "--yes", home=home)
    assert proofs(answer)["smtp_submission"] == "not-proven"
    assert sandbox.state().get("messages", []) == []


@pytest.mark.parametrize("tenant", DRIVERS)
def test_a_second_run_writes_nothing(tenant: str, sandbox: Sandbox, home: Path) -> None:
    onboarded(home, tenant=tenant)
    state, mark = sandbox.state_hash("messages"), sandbox.mark()

    again = onboarded(home, tenant=tenant)
    assert plan_faults(GOLDEN["secondPlan"], again["changes"]) == []
    assert again["receipt"] is None
    assert proofs(again) == {"token": "passed", "smtp_submission": "passed", "mailbox_refused": "passed"}
    assert [each for each in sandbox.writes(mark) if not each.startswith("smtp")] == []
    assert sandbox.state_hash("messages") == state

    whole, mark = sandbox.state_hash(), sandbox.mark()
    result("apply", "--yes", home=home, tenant=tenant)
    assert result("plan", "--exit-code", home=home, tenant=tenant)["blocked"] == []
    assert sandbox.writes(mark) == []
    assert sandbox.state_hash() == whole


def test_all_drivers_end_in_the_same_state(calm_sandbox: Sandbox, sandbox: Sandbox, tmp_path: Path) -> None:
    from tests.system.support import fresh_home

    ends = {}
    for tenant in DRIVERS:
        calm_sandbox.reset()
        before = calm_sandbox.state()
        home = fresh_home(tmp_path / tenant.replace(":", "-"), calm_sandbox)
        onboarded(home, tenant=tenant)
        ends[tenant] = normalised(before, calm_sandbox.state())
    assert "passwordCredentials" in ends["sandbox"]
    assert ends["sandbox:jea"] == ends["sandbox"]
    assert ends["sandbox:rest"] == ends["sandbox"]


def test_a_driver_may_finish_what_another_began(sandbox: Sandbox, home: Path) -> None:
    before = sandbox.state()
    result("apply", "--yes", "--only", "entra", home=home, tenant="sandbox:rest", code=3)
    result("apply", "--yes", home=home, tenant="sandbox:jea")
    again = onboarded(home, tenant="sandbox")
    assert plan_faults(GOLDEN["secondPlan"], again["changes"]) == []
    assert against_golden("applied", before, sandbox.state(), sandbox).faults == ()
    assert our_application(sandbox.state())["passwordCredentials"][0]["keyId"] in stored_secrets(home)
