from __future__ import annotations

import io
import itertools
import re
from collections.abc import Callable
from dataclasses import replace
from typing import TextIO

import pytest
from hostile_examples import TEXTS, everywhere
from report_examples import (
    APP_ID,
    ARGUMENTS,
    CHANGES,
    CONSENT,
    IDS,
    KEY_ID,
    PORTAL,
    RECEIPT,
    REQUEST_ID,
    SEEN_AT,
    SENDER,
    adopted,
    all_proven,
    applied,
    evidence_against,
    first_plan,
    half_applied,
    handed_over,
    migrating,
    mixed_plan,
    offered,
    plan_of,
    planned,
    verified,
)
from rich.cells import cell_len
from rich.console import Console

from provisioner.errors import FaultyPlace, InputFault, Refused
from provisioner.model.change import Action, Blocked, Gate, Manual, PlannedChange, Ready, Standing
from provisioner.model.faults import Fault
from provisioner.model.outcome import ChangeOutcome, ChangeState, ProofOutcome, ProofState, SecretParameter
from provisioner.model.plan import Plan, approve
from provisioner.model.results import Applied, FilledField, FilledScreen, HandedOver, Planned, Verified
from provisioner.reports import Form, Report, open_report, propose
from provisioner.reports.legible import legible, prose
from provisioner.reports.terminal import TerminalReport

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")

SHOWN: dict[str, Callable[[Report], None]] = {
    "plan": lambda report: report.plan(planned()),
    "mixed plan": lambda report: report.plan(Planned(mixed_plan(), approve("", mixed_plan()))),
    "applied": lambda report: report.applied(applied()),
    "half applied": lambda report: report.applied(half_applied()),
    "verified": lambda report: report.verified(verified()),
    "handed over": lambda report: report.handed_over(handed_over()),
    "evidence against": lambda report: report.handed_over(evidence_against()),
    "onboarded": lambda report: report.onboarded(applied(), all_proven(), handed_over()),
    "offered": lambda report: report.adopted(offered()),
    "adopted": lambda report: report.adopted(adopted()),
    "migrating": lambda report: report.migrated(migrating()),
}


def shown(show: Callable[[Report], None], width: int = 80) -> str:
    stream = io.StringIO()
    show(open_report(Form.TERMINAL, stream, arguments=ARGUMENTS, width=width))
    return stream.getvalue()


def shown_plan(plan: Plan, width: int = 120) -> str:
    return shown(lambda report: report.plan(Planned(plan, approve("", plan))), width)


@pytest.mark.parametrize("name", SHOWN)
@pytest.mark.parametrize("width", [80, 120])
def test_fits_the_width_but_for_what_is_copied(name: str, width: int) -> None:
    copied = (RECEIPT.reference, "provisioner ", PORTAL, "/adminconsent", "Microsoft Exchange Online with OAuth2")

    for line in shown(SHOWN[name], width).splitlines():
        assert cell_len(line) <= width or any(each in line for each in copied), line


@pytest.mark.parametrize("name", SHOWN)
@pytest.mark.parametrize("width", [20, 40])
def test_a_narrow_window_loses_no_word(name: str, width: int) -> None:
    narrow = "".join(shown(SHOWN[name], width).split())

    assert [word for word in shown(SHOWN[name], 120).split() if word not in narrow] == []


@pytest.mark.parametrize("name", ["applied", "half applied", "verified", "onboarded"])
@pytest.mark.parametrize("width", [80, 120])
def test_ids_are_whole(name: str, width: int) -> None:
    for each in IDS:
        assert each in shown(SHOWN[name], width)


@pytest.mark.parametrize("name", SHOWN)
def test_a_pipe_gets_plain_text(name: str) -> None:
    text = shown(SHOWN[name])

    assert "\x1b" not in text
    assert not re.search(r" $", text, re.MULTILINE)
    assert text.endswith("\n")
    assert not set(text) & set("─│┌└━┃╭╰")


@pytest.mark.parametrize("name", SHOWN)
def test_colours_say_nothing_that_the_text_does_not(name: str) -> None:
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=80,
        force_terminal=True,
        color_system="standard",
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
        _environ={},
    )
    SHOWN[name](TerminalReport(console, arguments=ARGUMENTS))

    coloured = stream.getvalue()

    assert "\x1b[" in coloured
    assert shown(SHOWN[name]) == re.sub(r" +$", "", ESCAPE.sub("", coloured), flags=re.MULTILINE)


@pytest.mark.parametrize("name", SHOWN)
def test_the_sandbox_is_never_mistaken(name: str) -> None:
    assert shown(SHOWN[name]).splitlines()[1][:7] == "SANDBOX"


def test_a_real_tenant_has_no_banner() -> None:
    assert "SANDBOX" not in shown_plan(replace(first_plan(), sandbox=False))


def test_a_plan_says_what_it_opens_who_can_and_where_the_guide_says_so() -> None:
    text = shown(SHOWN["plan"], 120)
    lines = text.splitlines()

    assert [each for each in lines if each in ("Entra", "Consent", "Exchange")] == ["Entra", "Consent", "Exchange"]
    assert re.search(r'^\+ Register the application "Cryptshare Server" +guide, steps 4 to 6$', text, re.MULTILINE)
    assert re.search(r"^\+ Grant admin consent to SMTP.SendAsApp on .+ +guide, step 10$", text, re.MULTILINE)
    assert "    reaches  Send as any mailbox that Exchange gives this service principal FullAccess" in text
    assert "can be granted by: Cloud Application Administrator or Application Administrator" in text
    assert f"    sets     SMTP AUTH of {SENDER}: as the organisation: off -> on" in text
    assert "    undo     `remove` leaves it: the mailbox is not ours alone" in text
    assert "    retires  2027-04-01" in text
    assert f"  with       sender_mailbox = {SENDER}" in text
    assert ["8 to do, 1 by hand.", "Next, to carry it out:", f"  provisioner apply {ARGUMENTS}"] == lines[-3:]


def test_what_cannot_be_done_says_why_who_can_and_the_flag() -> None:
    text = shown_plan(mixed_plan())
    lines = text.splitlines()

    assert "    BLOCKED  provisioner-operator lacks the application permission AppRoleAssignment.ReadWrite.All" in text
    assert "    who can  Cloud Application Administrator, Application Administrator or Global Administrator" in lines
    assert "    BLOCKED  needs --allow-remove-grants: it takes granted permissions away" in lines
    assert "    flag     --only exchange" in lines
    assert "    BY HAND  Run the script on a host of yours" in lines
    assert "    proof    Get-ServicePrincipal shows it" in lines
    assert "    removes  Mail.Send: granted for the whole tenant" in lines
    assert "    gate     restore: opened by its own flag" in lines
    assert "    sets     display name: Cryptshare -> Cryptshare Server" in lines
    assert "? Whether the secret may be longer than 64 characters." in lines
    assert "2 to do, 3 blocked, 2 by hand, 1 as wanted." in lines
    known = f"{ARGUMENTS} --set sender_mailbox={SENDER} --variant guide"
    assert f"  provisioner plan {known} --out FILE" in lines
    assert f"  provisioner apply {known} --plan FILE --only consent --allow-tenant-wide" in lines
    assert f"  provisioner apply {ARGUMENTS} --allow-remove-grants" == lines[-1]


def test_what_is_not_ours_says_how_much_it_matters_and_what_was_not_seen() -> None:
    lines = shown_plan(mixed_plan()).splitlines()
    start = lines.index("Preflight")
    assert lines[start + 1 : start + 4] == [
        f"✗ fails     {SENDER}: no such mailbox",
        "              why      make it first",
        "              who can  Exchange Administrator",
    ]
    assert "? not seen  the tenant: conditional access was not seen" in lines


def test_whoever_consents_instead_gets_the_command_the_page_and_the_link() -> None:
    text = shown_plan(mixed_plan())
    assert "--plan FILE --only consent" in text.partition("Consent by somebody else")[2]
    assert f"at the portal  {PORTAL}" in [each.strip() for each in text.splitlines()]


def test_parameters_that_were_typed_are_not_said_twice() -> None:
    stream = io.StringIO()
    typed = f"{ARGUMENTS} --set sender_mailbox={SENDER}"
    open_report(Form.TERMINAL, stream, arguments=typed).plan(Planned(mixed_plan(), approve("", mixed_plan())))
    assert f"provisioner apply {typed} --plan FILE --only consent" in stream.getvalue()


def test_signs_tell_the_actions_apart() -> None:
    signs = {line[0] for line in shown_plan(mixed_plan()).splitlines() if line[1:2] == " " and line[0] in "+~-="}

    assert set("+~-=") == signs


def test_what_is_kept_takes_one_line() -> None:
    kept = tuple(
        PlannedChange(replace(each, action=Action.KEEP, fields=(), reason="there", notes=()), Ready())
        for each in CHANGES
    )
    lines = shown_plan(plan_of(*kept, manual=(), warnings=(), incomplete=(), notes=())).splitlines()

    assert sum(line.startswith("= ") for line in lines) == 8
    assert not any(line.startswith("    ") for line in lines)
    assert "Nothing to change: 8 as wanted." in lines
    assert f"  provisioner verify {ARGUMENTS}" in lines


def test_nothing_to_type_is_offered_where_nothing_can_be_done() -> None:
    blocked = tuple(PlannedChange(each, Blocked("no role")) for each in CHANGES)
    lines = shown_plan(plan_of(*blocked)).splitlines()

    assert "8 blocked, 1 by hand." in lines
    assert [line for line in lines if line.startswith("  provisioner ")] == [f"  provisioner plan {ARGUMENTS}"]


def test_cautions_are_for_whoever_is_about_to_say_yes() -> None:
    kept = tuple(PlannedChange(replace(each, action=Action.KEEP), Ready()) for each in CHANGES)

    assert "Good to know" in shown_plan(first_plan())
    assert "Good to know" not in shown_plan(plan_of(*kept))


def test_what_the_summary_names_is_not_said_twice() -> None:
    text = shown_plan(first_plan())

    assert "display name" not in text
    assert "valid for" not in text
    assert "service_principal.main" not in text
    assert "    sets     accounts: this tenant only" in text


def test_a_removal_is_called_one() -> None:
    gone = PlannedChange(replace(CHANGES[0], action=Action.REMOVE), Ready())
    lines = shown_plan(replace(plan_of(gone), removing=True)).splitlines()

    assert lines[0] == "Removal: Cryptshare Server"
    assert f"  provisioner remove {ARGUMENTS}" == lines[-1]


@pytest.mark.parametrize("is_open", [True, False])
def test_a_plan_that_only_takes_something_away_is_no_removal(is_open: bool) -> None:
    """What earlier parameters asked for goes with apply; nobody must be told to remove the whole for it."""
    change = replace(CHANGES[0], action=Action.REMOVE, gate=Gate.REMOVE_GRANTS)
    flag = "--allow-remove-grants"
    lines = shown_plan(plan_of(PlannedChange(change, Ready() if is_open else Blocked("gate", flag=flag)))).splitlines()

    assert lines[0] == "Plan: Cryptshare Server"
    assert lines[-1] == f"  provisioner apply {ARGUMENTS}{'' if is_open else f' {flag}'}"


def test_what_was_removed_is_told_with_what_stays() -> None:
    gone = replace(CHANGES[0], action=Action.REMOVE, summary='Delete the application "Cryptshare Server"')
    kept = replace(CHANGES[7], action=Action.KEEP, summary="SMTP AUTH")
    outcomes = (
        ChangeOutcome(gone.address, ChangeState.DONE, gone.summary),
        ChangeOutcome(kept.address, ChangeState.KEPT, "shared"),
    )
    plan = plan_of(PlannedChange(gone, Ready()), PlannedChange(kept, Ready()), notes=(), incomplete=(), removing=True)
    lines = shown(lambda report: report.applied(Applied(plan, outcomes, manual=plan.manual))).splitlines()

    assert lines[0] == "Removed: Cryptshare Server"
    assert '✓ done  Delete the application "Cryptshare Server"' in lines
    assert "= kept  SMTP AUTH: shared" in lines
    assert "[ ] Leave the execution policy as it is                        guide, Exchange 2" in lines
    assert lines[-2:] == ["1 done, 1 by hand, 1 kept.", "Left on purpose, and listed above: 1 by hand."]


def test_before_the_question_nothing_is_said_about_typing() -> None:
    stream = io.StringIO()
    propose(first_plan(), stream, arguments=ARGUMENTS, width=80)

    assert "Next" not in stream.getvalue()
    assert stream.getvalue().splitlines(keepends=True)[-1] == "8 to do, 1 by hand.\n"


def test_an_apply_tells_where_the_secret_and_the_receipt_are() -> None:
    lines = shown(SHOWN["applied"]).splitlines()

    assert sum(line.startswith("✓ done  ") for line in lines) == 8
    assert '✓ current  Client secret of "Cryptshare Server", expires 2027-01-14' in lines
    assert f"             where    {RECEIPT.reference}" in lines
    assert f"             show it  provisioner handover {ARGUMENTS} --reveal" in lines
    assert f"             key id   {KEY_ID}" in lines
    assert "Receipt: /home/ada/.provisioner/tenants/sandbox/receipts/2026-07-18T093012Z.json" in lines


def test_a_secret_that_was_shown_once_is_not_offered_again() -> None:
    receipt = replace(RECEIPT, sink="terminal", reference="shown once on the terminal", readable=False)
    text = shown(lambda report: report.applied(replace(applied(), secrets=(receipt,))))

    assert "where    shown once on the terminal" in text
    assert "--reveal" not in text


def test_every_outcome_is_told_with_its_way_out() -> None:
    text = shown(SHOWN["half applied"], 120)
    lines, outcomes = text.splitlines(), text.partition("\nPreflight\n")[0].splitlines()
    words = {
        re.split(r"  +", line)[0] for line in outcomes if line[0:1] in ("=", "✓", "◷", "!", "✗", "?") and "  " in line
    }

    assert {"= as wanted", "✓ done", "◷ not yet", "! blocked", "✗ failed", "! by hand", "? skipped"} == words
    assert '◷ "Correct the application "Cryptshare Server""' in lines
    assert any(line.endswith(f"request id  {REQUEST_ID}") for line in lines)
    assert any("who can  Cloud Application Administrator, Application" in line for line in lines)
    assert "1 done, 1 not yet, 1 failed, 1 blocked, 2 by hand, 1 skipped, 1 as wanted." in lines
    assert f"  provisioner apply {ARGUMENTS}" == lines[-1]


def test_a_no_is_a_no() -> None:
    none = replace(RECEIPT, state="missing", key_id=None, end=None)
    text = shown(lambda report: report.applied(Applied(first_plan(), (), (none,), declined=True)))

    assert text.endswith("Nothing was done: the answer was no.\n")
    assert "missing" not in text, "a secret that nobody wanted is not missed"


def test_each_proof_has_its_sign_its_causes_and_advice() -> None:
    lines = shown(SHOWN["verified"], 120).splitlines()

    assert "✓ proven      A token with SMTP.SendAsApp" in lines
    assert f"✗ failed      Mail can be sent as {SENDER}" in lines
    assert "◷ not yet     Another mailbox is refused" in lines
    assert "? not proven  The mail arrives" in lines
    assert any(line.endswith("the permission is requested but not granted (requested_not_granted)") for line in lines)
    assert sum(line.startswith(" " * 16 + "one of  ") for line in lines) == 3
    assert "Of 4 proofs: 1 proven, 1 failed, 1 not yet, 1 not proven." in lines


def test_the_form_is_the_vendors_own() -> None:
    lines = [line.rstrip() for line in shown(SHOWN["handed over"]).splitlines()]
    start = next(place for place, line in enumerate(lines) if line.startswith("System Settings > Mail Server"))

    assert [
        "  1. SMTP server type",
        "     Microsoft Exchange Online with OAuth2 authentication",
        "  2. Sender email address",
        f"     {SENDER}",
        "  3. Allow use of individual sender addresses.",
        "     off",
    ] == lines[start + 1 : start + 7]
    assert f"     {APP_ID}" in lines
    assert f"       where    {RECEIPT.reference}" in lines
    assert '  7. Click "Save changes"' in lines
    assert "8 of 8 fields are filled in." in lines


def test_side_by_side_where_there_is_room() -> None:
    lines = shown(SHOWN["handed over"], 120).splitlines()

    assert (
        "  1. SMTP server type                           Microsoft Exchange Online with OAuth2 authentication" in lines
    )


def test_an_empty_field_sends_to_apply() -> None:
    missing = replace(RECEIPT, state="missing", key_id=None, end=None)
    screens = (
        FilledScreen("Form", (FilledField("Id", None, note="not there yet"), FilledField("Secret", None, missing))),
    )
    lines = shown(lambda report: report.handed_over(HandedOver(plan_of(), screens, (missing,), SEEN_AT))).splitlines()

    assert sum("(not there yet)" in line for line in lines) == 2
    assert "0 of 2 fields are filled in." in lines
    assert f"  provisioner apply {ARGUMENTS}" == lines[-1]


def test_a_secret_that_the_customer_keeps_needs_no_apply() -> None:
    given = SecretParameter("mailbox_password", "env:MAILBOX_PASSWORD")
    fields = (
        FilledField("Password", None, parameter=given),
        FilledField("PIN", None, parameter=SecretParameter("pin", None)),
    )
    screens = (FilledScreen("Form", fields),)
    text = shown(lambda report: report.handed_over(HandedOver(plan_of(changes=()), screens, (), SEEN_AT)))

    assert "env:MAILBOX_PASSWORD" in text
    assert "(yours to enter)" in text
    assert "1 of 2 fields are filled in." in text
    assert "provisioner apply" not in text


def test_an_onboarding_is_one_report() -> None:
    text = shown(SHOWN["onboarded"])

    assert text.count("SANDBOX") == 1
    for each in (
        "✓ done ",
        "✓ proven ",
        "System Settings > Mail Server",
        "8 done, 1 by hand.",
        "Of 3 proofs: 3 proven.",
    ):
        assert each in text
    assert "Next" not in text


def held_back(standing: Standing, receipt: str | None = "r.jsonl") -> Applied:
    """An onboarding of which one change was held back."""
    state = ChangeState.MANUAL if isinstance(standing, Manual) else ChangeState.BLOCKED
    outcome = ChangeOutcome(CONSENT.address, state, "held back")
    return Applied(plan_of(PlannedChange(CONSENT, standing)), (outcome,), receipt=receipt)


AGAIN = f"{ARGUMENTS} --set sender_mailbox={SENDER} --variant guide"


@pytest.mark.parametrize(
    ("held", "onboarding", "applying"),
    [
        (
            held_back(Blocked("needs --allow-tenant-wide: it opens all", flag="--allow-tenant-wide")),
            [f"onboard {ARGUMENTS} --allow-tenant-wide"],
            [f"apply {ARGUMENTS} --allow-tenant-wide"],
        ),
        (
            held_back(Blocked("no role", ("Exchange Administrator",))),
            [f"apply {AGAIN} --only consent"],
            [f"apply {AGAIN} --only consent"],
        ),
        (
            held_back(Blocked("left out by --only entra", flag="--only consent")),
            [f"apply {ARGUMENTS} --only consent"],
            [f"apply {ARGUMENTS} --only consent"],
        ),
        (held_back(Blocked("there is no such mailbox"), receipt=None), [f"onboard {AGAIN}"], [f"apply {AGAIN}"]),
        (
            held_back(Manual("begin the list")),
            [f"onboard {ARGUMENTS}", f"handover {ARGUMENTS}"],
            [f"verify {ARGUMENTS}", f"handover {ARGUMENTS}"],
        ),
    ],
    ids=["gate", "role", "left out", "nothing opens it", "by hand"],
)
def test_what_is_held_back_ends_with_what_to_type(held: Applied, onboarding: list[str], applying: list[str]) -> None:
    shows: list[tuple[Callable[[Report], None], list[str]]] = [
        (lambda report: report.onboarded(held, None, None), onboarding),
        (lambda report: report.applied(held), applying),
    ]
    for show, expected in shows:
        lines = shown(show).splitlines()
        told = [line.strip() for before, line in itertools.pairwise(lines) if before.startswith("Next, ")]
        assert told == [f"provisioner {each}" for each in expected]


def test_a_link_is_never_broken() -> None:
    link = "https://login.example/" + "x" * 200
    proof = ProofOutcome("link", "Ada can sign in", ProofState.NOT_PROVEN, "nobody did", advice="open it", link=link)
    lines = shown(lambda report: report.verified(Verified(plan_of(), (proof,)))).splitlines()

    assert any(line.endswith(f"  {link}") for line in lines)


def test_an_onboarding_that_stopped_early_says_how_to_go_on() -> None:
    text = shown(lambda report: report.onboarded(half_applied(), None, None))

    assert text.endswith(f"  provisioner onboard {ARGUMENTS}\n")


def test_an_error_names_every_place() -> None:
    places = tuple(FaultyPlace("server.yaml", line, 3, "unknown key", "did you mean `slot`?") for line in range(1, 41))
    lines = shown(
        lambda report: report.error(InputFault("40 faults", places, advice="correct them and try again"))
    ).splitlines()

    assert lines[0] == "error: 40 faults"
    assert [str(each) for each in places] == lines[1:41]
    assert lines[41] == "  advice  correct them and try again"


def test_an_error_names_the_role_and_the_request() -> None:
    fault = Fault("graph", "POST /applications", 403, "Authorization_RequestDenied", "no", request_id=REQUEST_ID)
    text = shown(lambda report: report.error(Refused(fault, who_can=("Global Administrator",), advice="ask")))

    assert "error: POST /applications: no" in text
    assert "who can     Global Administrator" in text
    assert f"request id  {REQUEST_ID}" in text


@pytest.mark.parametrize("name", TEXTS)
def test_strangers_texts_are_shown_and_never_obeyed(name: str) -> None:
    result = everywhere(planned(), TEXTS[name])

    drawn = shown(lambda report: report.plan(result), 200)

    squeezed = "".join(drawn.split())
    assert [each for each in drawn if not each.isprintable() and each not in "\n\u200d\xa0"] == []
    assert f"Plan:{''.join(legible(TEXTS[name]).split())}" in squeezed
    assert f"+{''.join(prose(TEXTS[name]).split())}" in squeezed


@pytest.mark.parametrize("name", TEXTS)
def test_every_report_survives_every_text(name: str) -> None:
    for width in (30, 80):
        for show in (
            lambda report: report.plan(everywhere(planned(), TEXTS[name])),
            lambda report: report.applied(everywhere(half_applied(), TEXTS[name])),
            lambda report: report.verified(everywhere(verified(), TEXTS[name])),
            lambda report: report.handed_over(everywhere(handed_over(), TEXTS[name])),
            lambda report: report.error(InputFault(TEXTS[name], (FaultyPlace(TEXTS[name], 1, 1, TEXTS[name]),))),
        ):
            drawn = shown(show, width)
            assert "\x1b" not in drawn
            assert "\x9b" not in drawn
            assert "\u202e" not in drawn


def test_a_forged_line_stays_within_its_own() -> None:
    result = everywhere(planned(), "Cryptshare\n+ application.main  create  Ready")

    assert not any(
        line.startswith("+ application.main") for line in shown(lambda report: report.plan(result), 200).splitlines()
    )


def test_markup_is_text() -> None:
    text = "[bold red]x[/bold red] [/] [link=https://example.invalid]y[/link] :bomb:"
    drawn = shown(lambda report: report.plan(everywhere(planned(), text)), 200)

    assert text in drawn


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437"])
def test_an_old_code_page_can_carry_it(encoding: str) -> None:
    raw = io.BytesIO()
    stream: TextIO = io.TextIOWrapper(raw, encoding=encoding, newline="\n")
    report = open_report(Form.TERMINAL, stream, arguments=ARGUMENTS, width=80)
    report.onboarded(everywhere(applied(), TEXTS["emoji"]), verified(), handed_over())
    stream.flush()

    text = raw.getvalue().decode(encoding)

    assert "done" in text
    assert "<U+1F4E7> Post" in text
    assert "not yet" in text


def test_candidates_are_explained_and_nothing_on_them_is_left_out() -> None:
    text = shown(SHOWN["offered"], width=120)
    for each in (
        "7 points",
        "asks for the same permissions (+4)",
        "until 2027-02-01",
        "owner Erika Mustermann",
        APP_ID,
    ):
        assert each in text
    assert "adopt cryptshare/server --tenant sandbox --app-id GUID" in text


def test_a_waiting_migration_says_until_when() -> None:
    text = shown(SHOWN["migrating"], width=120)
    assert "2026-07-18T09:31:00Z" in text
    assert "migrate cryptshare/server --tenant sandbox --to" in text


def test_a_likely_twin_can_be_taken_over() -> None:
    held = replace(CHANGES[0], gate=Gate.TWIN)
    plan = plan_of(PlannedChange(held, Blocked("needs --allow-twin", flag="--allow-twin")))
    text = shown(lambda report: report.plan(Planned(plan, approve("", plan))), width=120)
    assert "provisioner adopt cryptshare/server --tenant sandbox\n" in text
    assert "--allow-twin" in text
