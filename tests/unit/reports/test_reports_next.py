"""What to type next: a command that helps, with what it needs, and none that cannot help."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from report_examples import CHANGES, CONSENT, POINTER, RECEIPT, SEEN_AT, all_proven, applied, handed_over, plan_of

from provisioner.model.change import Action, Blocked, Manual, PlannedChange, Ready, Standing
from provisioner.model.outcome import ChangeOutcome, ChangeState, ProofOutcome, ProofState, SecretParameter
from provisioner.model.plan import Plan, approve
from provisioner.model.results import Applied, FilledField, FilledScreen, Planned, Verified
from provisioner.reports import Form, Report, field_title, open_report, reminders

ARGUMENTS = "cryptshare/server --tenant sandbox"


def drawn(show: Callable[[Report], None]) -> list[str]:
    stream = io.StringIO()
    show(open_report(Form.TERMINAL, stream, arguments=ARGUMENTS, width=100))
    return stream.getvalue().splitlines()


def typed(show: Callable[[Report], None]) -> list[str]:
    """The commands, without what all of them have in common."""
    lines = [each.strip() for each in drawn(show) if each.startswith("  provisioner ")]
    return [each.removeprefix("provisioner ").replace(f" {ARGUMENTS}", "") for each in lines]


def standing(*standings: Standing) -> Plan:
    """A plan whose changes stand so."""
    return plan_of(*(PlannedChange(each, standing) for each, standing in zip(CHANGES, standings, strict=False)))


def next_of(plan: Plan) -> list[str]:
    return typed(lambda report: report.plan(Planned(plan, approve("", plan))))


def proof(state: ProofState, *causes: str, advice: str | None = None) -> ProofOutcome:
    return ProofOutcome("p", "It works", state, "tried", causes, advice, reasons=causes)


UNSENT = proof(ProofState.NOT_PROVEN, advice="`verify --send` sends one mail")
GATED = Blocked("needs --allow-tenant-wide: mail", flag="--allow-tenant-wide")


@pytest.mark.parametrize(
    ("proofs", "sent", "expected"),
    [
        ((proof(ProofState.PASSED),), True, ["handover"]),
        ((proof(ProofState.PASSED), UNSENT), False, ["verify --send", "handover"]),
        ((proof(ProofState.FAILED, "smtp_auth_off"), UNSENT), False, ["verify"]),
        ((proof(ProofState.FAILED, "smtp_auth_off"),), True, ["verify --send"]),
        ((proof(ProofState.NOT_YET, "token_older_than_grant"),), False, ["verify --wait 2h"]),
        ((proof(ProofState.NOT_YET, "token_older_than_grant"),), True, ["verify --send --wait 2h"]),
        ((proof(ProofState.NOT_YET, "exchange_settling"),), True, ["verify --send"]),
        ((proof(ProofState.NOT_YET, "account_locked"),), False, ["verify"]),
    ],
)
def test_after_the_proofs(proofs: tuple[ProofOutcome, ...], sent: bool, expected: list[str]) -> None:
    assert typed(lambda report: report.verified(Verified(plan_of(), proofs, sent=sent))) == expected


def test_an_onboarding_offers_to_prove_sending() -> None:
    proven = replace(all_proven(), proofs=(*all_proven().proofs, UNSENT))

    assert typed(lambda report: report.onboarded(applied(), proven, handed_over()))[-1] == "verify --send"
    assert "--send" not in "".join(
        drawn(lambda report: report.onboarded(applied(), replace(proven, sent=True), handed_over()))[-3:]
    )


@pytest.mark.parametrize(
    ("standings", "expected"),
    [
        ((Ready(), GATED), ["apply", "apply --allow-tenant-wide"]),
        ((Blocked("waits for x"), GATED), ["apply --allow-tenant-wide"]),
        ((Blocked("`provisioner apply a/b` comes first: it makes this application"), GATED), ["plan"]),
        ((Manual("write it", "Exchange Administrator"),), ["plan", "verify"]),
        ((Manual("by script", proof="the file that it saves: --script-result FILE"),), ["apply"]),
    ],
)
def test_after_a_plan(standings: tuple[Standing, ...], expected: list[str]) -> None:
    assert next_of(standing(*standings)) == expected


def test_what_only_waits_for_its_turn_is_not_called_blocked() -> None:
    later = Blocked("comes later, after the steps before it")
    plan = plan_of(PlannedChange(CONSENT, later))
    ended = Applied(plan, (ChangeOutcome(CONSENT.address, ChangeState.BLOCKED, later.reason),))

    shown = drawn(lambda report: report.plan(Planned(plan, approve("", plan))))
    assert "    later    after the steps before it" in shown
    assert "1 later, 1 by hand." in shown
    assert "BLOCKED" not in "".join(shown)
    assert any(line.startswith("◷ later  Grant") for line in drawn(lambda report: report.applied(ended)))


def test_a_gate_that_names_the_reach_is_not_followed_by_it() -> None:
    wide = replace(CONSENT, reach="Send mail as every mailbox of the tenant.")
    reason = "needs --allow-tenant-wide: send mail as every mailbox of the tenant"
    plan = plan_of(PlannedChange(wide, Blocked(reason, flag="--allow-tenant-wide")))
    lines = drawn(lambda report: report.plan(Planned(plan, approve("", plan))))

    assert sum("every mailbox of the tenant" in line for line in lines) == 1


@pytest.mark.parametrize(
    ("states", "title"),
    [
        ((ChangeState.DONE, ChangeState.DONE), "Removed"),
        ((ChangeState.DONE, ChangeState.BLOCKED), "Removed in part"),
        ((ChangeState.BLOCKED, ChangeState.BLOCKED), "Not removed"),
    ],
)
def test_a_removal_is_called_what_it_was(states: tuple[ChangeState, ...], title: str) -> None:
    changes = [replace(each, action=Action.REMOVE) for each in (CONSENT, POINTER)]
    plan = replace(plan_of(*(PlannedChange(each, Ready()) for each in changes)), removing=True)
    outcomes = tuple(ChangeOutcome(each.address, state, "so") for each, state in zip(changes, states, strict=True))
    ended = Applied(plan, outcomes)

    assert drawn(lambda report: report.applied(ended))[0] == f"{title}: Cryptshare Server"
    again = typed(lambda report: report.applied(ended))
    assert again == ["remove"] if ChangeState.BLOCKED in states else "remove" not in again


@pytest.mark.parametrize(("days", "due"), [(180, "31d"), (32, "31d"), (30, "15d")])
def test_the_reminders_command_acts_on_the_morning_of_the_reminder(days: int, due: str) -> None:
    ending = replace(RECEIPT, end=SEEN_AT + timedelta(days=days))
    calendar = reminders(replace(handed_over(), secrets=(ending,)), arguments=ARGUMENTS) or ""

    assert f"rotate {ARGUMENTS} --due {due}\\n" in calendar.replace("\r\n ", "")
    end = SEEN_AT + timedelta(days=days)
    first = datetime(end.year, end.month, end.day, tzinfo=UTC) - timedelta(days=30 if days > 31 else 14)
    assert end - first < timedelta(days=int(due[:-1])), "`rotate` would say that nothing is due"


def test_a_secret_is_called_what_the_form_calls_it() -> None:
    password = SecretParameter("mailbox_password", "env:PW")
    result = handed_over()
    with_password = replace(
        result,
        screens=(FilledScreen("Mail", (FilledField("Password", None, parameter=password),)),),
        secrets=(RECEIPT,),
    )

    assert field_title(result, RECEIPT) == "Client Secret"
    assert field_title(with_password, password) == "Password"
    assert field_title(with_password, RECEIPT) == 'Client secret of "Cryptshare Server"'
    assert field_title(replace(result, screens=()), password) == "mailbox_password"
