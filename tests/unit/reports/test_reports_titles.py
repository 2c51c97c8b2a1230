"""No screen and no page shows an address; what stands there is what a person calls the thing."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from report_examples import (
    CHANGES,
    CONSENT,
    FULL_ACCESS,
    POINTER,
    adopted,
    all_proven,
    applied,
    evidence_against,
    half_applied,
    handed_over,
    migrating,
    mixed_plan,
    plan_of,
    planned,
    verified,
)

from provisioner.errors import ProvisionerError
from provisioner.model.change import Action, Blocked, Change, FieldChange, Gate, Part, PlannedChange, Ready
from provisioner.model.identifiers import Address, earlier
from provisioner.model.outcome import ProofOutcome, ProofState
from provisioner.model.plan import Plan, approve
from provisioner.model.results import Migrated, Planned, Stage, StageState, Verified
from provisioner.reports import Form, Report, open_report
from provisioner.reports.sheet import Detail, Sheet
from provisioner.reports.titles import NOUNS, Titles, in_words
from provisioner.resources import KINDS

ADDRESSES = re.compile(rf"\b({'|'.join(NOUNS)})\.(main|sender|old|other)")

GROUP = Change(
    Address("scope_group.senders"),
    "scope_group",
    Action.CREATE,
    Part.EXCHANGE,
    'Make the security group "Those it may use" of the mailboxes that the application may use',
)


def waiting() -> Plan:
    """Each thing that needs another is blocked by it."""
    return plan_of(
        PlannedChange(GROUP, Blocked("not seen: refused", ("Exchange Administrator",))),
        *(PlannedChange(each, Blocked(f"waits for {GROUP.address}, which is blocked")) for each in CHANGES),
    )


SHOWN: dict[str, Callable[[Report], None]] = {
    "plan": lambda report: report.plan(planned()),
    "mixed plan": lambda report: report.plan(Planned(mixed_plan(), approve("", mixed_plan()))),
    "waiting": lambda report: report.plan(Planned(waiting(), approve("", waiting()))),
    "applied": lambda report: report.applied(applied()),
    "half applied": lambda report: report.applied(half_applied()),
    "verified": lambda report: report.verified(verified()),
    "evidence against": lambda report: report.handed_over(evidence_against()),
    "onboarded": lambda report: report.onboarded(applied(), all_proven(), handed_over(), mixed_plan()),
    "adopted": lambda report: report.adopted(adopted()),
    "migrating": lambda report: report.migrated(migrating()),
    "error": lambda report: report.error(ProvisionerError("application.main: boom", advice="see client_secret.main.x")),
}


def drawn(show: Callable[[Report], None], form: Form) -> str:
    stream = io.StringIO()
    show(open_report(form, stream, arguments="cryptshare/server --tenant sandbox", width=100))
    return stream.getvalue()


@pytest.mark.parametrize("form", [Form.TERMINAL, Form.MARKDOWN, Form.HTML])
@pytest.mark.parametrize("name", SHOWN)
def test_no_form_for_people_shows_an_address(name: str, form: Form) -> None:
    assert not ADDRESSES.search(drawn(SHOWN[name], form))


def test_json_keeps_the_addresses() -> None:
    document = json.loads(drawn(SHOWN["waiting"], Form.JSON))

    assert document["changes"][0]["address"] == "scope_group.senders"
    assert document["changes"][1]["reason"] == "waits for scope_group.senders, which is blocked"
    assert {"name": "object id", "before": None, "after": "of service_principal.main"} in document["changes"][6][
        "fields"
    ]


def test_every_kind_of_thing_has_a_noun() -> None:
    kinds = {each.name for each in KINDS.values()} - {"directory_role_assignment"} | {"directory_role"}

    assert kinds == set(NOUNS), "directory_role is what the addresses of assigned directory roles begin with"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "waits for scope_group.senders, which is blocked",
            'waits for the security group "Those it may use", which is',
        ),
        ("for exchange_pointer.main", "for Exchange's record of the service principal"),
        ("with application.main at its end", 'with the application "Cryptshare Server" at its end'),
        ("application.main: not yet (404)", 'the application "Cryptshare Server": not yet (404)'),
        ("for management_scope.senders: gone", "for the management scope: gone"),
        ("app_role_grant.main.SMTP.SendAsApp.", "the consent to SendAsApp."),
        ("680f65b0-bc78-5de5-8684-80ad4ea9e4a6/a_b_default/main/mail ended", "the client secret ended"),
    ],
)
def test_a_sentence_is_put_into_words(text: str, said: str) -> None:
    plan = replace(waiting(), changes=(PlannedChange(GROUP, Ready()), *planned().plan.changes))

    assert Titles(plan)(text).startswith(said)


@pytest.mark.parametrize(
    "text",
    [
        "application.main@contoso.example",
        "https://application.main/cb",
        "my.application.main",
        "application.main.example",
    ],
)
def test_a_mailbox_or_a_host_of_such_a_name_stays(text: str) -> None:
    titles = Titles(planned().plan)

    assert titles(f"of {text}, too") == f"of {text}, too"
    assert titles.put_into(titles.put_into(_sheet(text))) == _sheet(text)


def _sheet(text: str) -> Sheet:
    return Sheet(text, sandbox=False, facts=(Detail("with", "application.main"),), parts=(), closing=(), next=())


def test_two_of_a_kind_are_told_apart() -> None:
    other = replace(FULL_ACCESS, address=Address("mailbox_permission.other"), summary="Give the application FullAccess")
    titles = Titles(plan_of(PlannedChange(FULL_ACCESS, Ready()), PlannedChange(other, Ready())))

    assert titles("mailbox_permission.main") != titles("mailbox_permission.other") == f'"{other.summary}"'


def test_what_an_earlier_run_left_is_named_as_well() -> None:
    left = replace(POINTER, address=earlier(POINTER.address, 1))
    titles = Titles(plan_of(PlannedChange(left, Ready())))

    assert titles(f"waits for {left.address}: for {POINTER.address}") == (
        "waits for Exchange's record of the service principal: for Exchange's record of the service principal"
    )


def test_without_a_plan_the_kind_is_named() -> None:
    assert (
        in_words("client_secret.main.mail: stored, but not accepted") == "the client secret: stored, but not accepted"
    )


def test_a_code_is_a_phrase_with_the_code_behind_it() -> None:
    field = FieldChange("SMTP.SendAsApp", "granted for the whole tenant", None)
    reason = "scope_too_wide: Exchange adds Entra's grants to its own roles"
    wide = replace(CONSENT, action=Action.UPDATE, fields=(field,), reason=reason)
    plan = plan_of(PlannedChange(wide, Ready()))
    text = drawn(lambda report: report.plan(Planned(plan, approve("", plan))), Form.TERMINAL)

    assert "the scope is too wide: Exchange adds Entra's grants to its own roles (scope_too_wide)" in " ".join(
        text.split()
    )


def test_a_page_for_the_customer_has_the_phrases_alone() -> None:
    page, markdown = (drawn(SHOWN["evidence against"], form) for form in (Form.HTML, Form.MARKDOWN))

    assert "the permission is requested but not granted" in page
    assert "requested_not_granted" not in page
    assert "`requested_not_granted`" in markdown


def test_an_unproven_refusal_says_what_may_be_behind_it() -> None:
    proof = ProofOutcome(
        "refused",
        "Refused",
        ProofState.NOT_PROVEN,
        "refused",
        ("mailbox_missing",),
        reasons=("there is no such mailbox",),
    )
    text = drawn(lambda report: report.verified(Verified(plan_of(), (proof,))), Form.TERMINAL)
    document = json.loads(drawn(lambda report: report.verified(Verified(plan_of(), (proof,))), Form.JSON))

    assert (
        "proves nothing as long as this is possible: possible there is no such mailbox (mailbox_missing)"
        in " ".join(text.split())
    )
    (said,) = document["proofs"]
    assert said["detail"] == "refused; that proves nothing as long as this is possible: there is no such mailbox"


def test_a_migration_goes_on_when_and_as_it_was_begun() -> None:
    taking = replace(CONSENT, action=Action.REMOVE, gate=Gate.REMOVE_GRANTS)
    later = PlannedChange(taking, Blocked("comes later, after the steps before it"))
    going = replace(migrating(), plan=plan_of(later))
    lines = [each.strip() for each in drawn(lambda report: report.migrated(going), Form.TERMINAL).splitlines()]

    assert "Next, not before 2026-07-18T09:31:00Z, the same again:" in lines
    assert lines[-1].endswith("--to guide --allow-remove-grants")


def test_a_migration_that_its_gate_holds_says_what_opens_it() -> None:
    held = Stage("claims", "Take it away", StageState.BLOCKED, "needs --allow-remove-grants: it takes rights away")
    taking = replace(CONSENT, action=Action.REMOVE, gate=Gate.REMOVE_GRANTS)
    plan = plan_of(PlannedChange(taking, Blocked("needs --allow-remove-grants: so", flag="--allow-remove-grants")))
    lines = drawn(lambda report: report.migrated(Migrated(plan, (held,))), Form.TERMINAL).splitlines()

    assert "Next, to take the old rights away, too:" in lines
    assert lines[-1].endswith("--to guide --allow-remove-grants")
