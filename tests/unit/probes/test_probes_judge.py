"""The decisions, by hand-written rows and by rules that must hold over every combination of facts."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from provisioner.mail import Reply, SmtpResult, Stage, Trouble
from provisioner.model.faults import Fault
from provisioner.model.outcome import ProofState
from provisioner.probes.causes import CAUSES
from provisioner.probes.judge import denied, roles_missing, sign_in_refused, submission
from provisioner.probes.replies import EWS_GATES, EWS_REFUSED, IMAP_REFUSED, POP_REFUSED, REPLIES, SIGN_IN, rule_for
from provisioner.probes.tools import Facts, Pointer, Worked
from provisioner.probes.weighing import Judgement, weigh

FAILED, NOT_YET, NOT_PROVEN, PASSED = (
    ProofState.FAILED,
    ProofState.NOT_YET,
    ProofState.NOT_PROVEN,
    ProofState.PASSED,
)
YOUNG, OLD = timedelta(minutes=2), timedelta(days=3)
AGES = (None, YOUNG, OLD)
RIGHT = Facts(
    consent=True,
    pointer=Pointer.RIGHT,
    mailbox_exists=True,
    mailbox_right=True,
    smtp_auth=True,
    consent_age=OLD,
    pointer_age=OLD,
    right_age=OLD,
    smtp_auth_age=OLD,
    secret_age=OLD,
)
SIGNED_IN = Reply(Stage.AUTH, 235, "2.7.0", "Authentication successful")


def at_auth(enhanced: str, text: str = "Authentication unsuccessful", code: int = 535) -> SmtpResult:
    return SmtpResult(Stage.AUTH, code, enhanced, text)


def at_data(code: int, enhanced: str, text: str = "") -> SmtpResult:
    return SmtpResult(Stage.DATA, code, enhanced, text, "<1@x>", replies=(SIGNED_IN,))


REFUSED = at_auth("5.7.3")
SMTP_AUTH_OFF = at_auth("5.7.139", "Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.")
POLICY = at_auth("5.7.139", "Authentication unsuccessful, the request did not meet the criteria to be authenticated")
LOGON_FAILED = at_data(430, "4.2.0", "STOREDRV; mailbox logon failure; MapiExceptionLogonFailed")
NOT_AS_THIS_SENDER = at_data(550, "5.7.60", "SMTP; Client does not have permissions to send as this sender")
SEND_AS_DENIED = at_data(554, "5.2.0", "STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied")
CONNECTIONS = at_auth("4.3.2", "Concurrent connections limit exceeded", 432)
SUSPENDED = at_data(550, "5.2.252", "SendAsDenied; mailbox suspended")
OTHER_TEMPORARY = at_data(451, "4.7.500", "Server busy")
OTHER_FINAL = at_data(554, "5.6.0", "content")
ONLY_SIGNED_IN = SmtpResult(Stage.AUTH, 235, "2.7.0", "ok", replies=(SIGNED_IN,))
ACCEPTED = SmtpResult(Stage.ACCEPTED, 250, "2.0.0", "ok", "<1@x>", replies=(SIGNED_IN,))

ABOUT_MAILBOX = (REFUSED, LOGON_FAILED, NOT_AS_THIS_SENDER, SEND_AS_DENIED)
ANSWERS = (*ABOUT_MAILBOX, SMTP_AUTH_OFF, POLICY, CONNECTIONS, SUSPENDED, OTHER_TEMPORARY, OTHER_FINAL)


@pytest.mark.parametrize(
    ("result", "facts", "expected"),
    [
        # one 535 5.7.3, and the reads decide
        (REFUSED, replace(RIGHT, consent=False), Judgement(FAILED, ("requested_not_granted",))),
        (REFUSED, replace(RIGHT, pointer=Pointer.MISSING), Judgement(FAILED, ("pointer_missing",))),
        (
            REFUSED,
            replace(RIGHT, pointer=Pointer.WRONG_OBJECT_ID),
            Judgement(FAILED, ("pointer_has_registration_object_id",)),
        ),
        (REFUSED, replace(RIGHT, mailbox_right=False), Judgement(FAILED, ("mailbox_right_missing",))),
        (REFUSED, replace(RIGHT, mailbox_exists=False), Judgement(FAILED, ("mailbox_missing",))),
        (
            REFUSED,
            replace(RIGHT, consent=False, pointer=Pointer.MISSING),
            Judgement(FAILED, ("requested_not_granted", "pointer_missing")),
        ),
        (REFUSED, replace(RIGHT, pointer_age=YOUNG), Judgement(NOT_YET, ("exchange_settling",))),
        (REFUSED, replace(RIGHT, right_age=YOUNG), Judgement(NOT_YET, ("exchange_settling",))),
        (REFUSED, replace(RIGHT, consent_age=YOUNG), Judgement(NOT_YET, ("token_older_than_grant",))),
        (REFUSED, replace(RIGHT, pointer_age=None), Judgement(NOT_YET, ("exchange_settling",))),
        (REFUSED, RIGHT, Judgement(FAILED)),
        (
            REFUSED,
            Facts(),
            Judgement(
                FAILED,
                (
                    "requested_not_granted",
                    "token_older_than_grant",
                    "pointer_missing",
                    "pointer_has_registration_object_id",
                    "mailbox_missing",
                    "mailbox_right_missing",
                    "exchange_settling",
                ),
            ),
        ),
        (
            REFUSED,
            replace(RIGHT, consent=None, pointer_age=YOUNG),
            Judgement(NOT_YET, ("requested_not_granted", "token_older_than_grant", "exchange_settling")),
        ),
        # the switch that guides forget
        (SMTP_AUTH_OFF, replace(RIGHT, smtp_auth=False), Judgement(FAILED, ("smtp_auth_off",))),
        (SMTP_AUTH_OFF, Facts(), Judgement(FAILED, ("smtp_auth_off",))),
        (SMTP_AUTH_OFF, RIGHT, Judgement(FAILED, ("smtp_auth_off",))),
        (SMTP_AUTH_OFF, replace(RIGHT, smtp_auth_age=YOUNG), Judgement(NOT_YET, ("smtp_auth_settling",))),
        (SMTP_AUTH_OFF, replace(RIGHT, smtp_auth_age=None), Judgement(NOT_YET, ("smtp_auth_settling",))),
        (SMTP_AUTH_OFF, replace(RIGHT, right_age=YOUNG), Judgement(FAILED, ("smtp_auth_off",))),
        (POLICY, RIGHT, Judgement(NOT_YET, ("mfa_or_conditional_access",))),
        (
            at_auth("5.7.139", "basic authentication is disabled"),
            replace(RIGHT, smtp_auth=False),
            Judgement(FAILED, ("smtp_auth_off",)),
        ),
        # a right that is missing or late shows only when the mail is there
        (LOGON_FAILED, replace(RIGHT, mailbox_right=False), Judgement(FAILED, ("mailbox_right_missing",))),
        (LOGON_FAILED, replace(RIGHT, right_age=YOUNG), Judgement(NOT_YET, ("exchange_settling",))),
        (
            LOGON_FAILED,
            replace(RIGHT, right_age=timedelta(hours=1, minutes=59)),
            Judgement(NOT_YET, ("exchange_settling",)),
        ),
        (LOGON_FAILED, RIGHT, Judgement(NOT_YET)),
        (
            LOGON_FAILED,
            replace(RIGHT, mailbox_right=None),
            Judgement(NOT_YET, ("mailbox_right_missing", "exchange_settling")),
        ),
        (NOT_AS_THIS_SENDER, RIGHT, Judgement(FAILED, ("send_as_denied",))),
        (SEND_AS_DENIED, RIGHT, Judgement(FAILED, ("send_as_denied",))),
        (SEND_AS_DENIED, replace(RIGHT, mailbox_right=False), Judgement(FAILED, ("mailbox_right_missing",))),
        (SEND_AS_DENIED, replace(RIGHT, right_age=YOUNG), Judgement(NOT_YET, ("send_as_denied", "exchange_settling"))),
        # the rest
        (CONNECTIONS, RIGHT, Judgement(NOT_YET, ("connection_limit",))),
        (SUSPENDED, RIGHT, Judgement(FAILED, ("sending_suspended",))),
        (OTHER_TEMPORARY, Facts(), Judgement(NOT_YET)),
        (OTHER_FINAL, Facts(), Judgement(FAILED)),
    ],
)
def test_a_submission_that_was_refused(result: SmtpResult, facts: Facts, expected: Judgement) -> None:
    assert submission(result, facts, None) == expected


def test_a_token_with_its_roles_rules_the_consent_out() -> None:
    unseen = replace(RIGHT, consent=None, consent_age=None)
    assert submission(REFUSED, unseen, True) == Judgement(FAILED)
    assert submission(REFUSED, replace(RIGHT, consent_age=YOUNG), True) == Judgement(FAILED)
    assert submission(REFUSED, replace(RIGHT, consent=False), True) == Judgement(FAILED, ("requested_not_granted",))


@pytest.mark.parametrize(
    ("stage", "trouble", "expected"),
    [
        (Stage.CONNECT, Trouble.UNREACHABLE, Judgement(NOT_PROVEN, ("smtp_unreachable",))),
        (Stage.CONNECT, Trouble.TIMEOUT, Judgement(NOT_PROVEN, ("smtp_unreachable",))),
        (Stage.AUTH, Trouble.TIMEOUT, Judgement(NOT_YET, ("smtp_unreachable",))),
        (Stage.MAIL, Trouble.DROPPED, Judgement(NOT_YET, ("smtp_unreachable",))),
        (Stage.TLS, Trouble.CERTIFICATE, Judgement(NOT_PROVEN, ("certificate_untrusted",))),
        (Stage.TLS, Trouble.PROTOCOL, Judgement(NOT_PROVEN, ("smtp_unreachable",))),
    ],
)
def test_no_reply_says_nothing_about_the_tenant(stage: Stage, trouble: Trouble, expected: Judgement) -> None:
    result = SmtpResult(stage, 0, "", "x", trouble=trouble)
    for facts in (Facts(), RIGHT, replace(RIGHT, consent=False)):
        assert submission(result, facts, None) == expected
        assert denied(result, replace(facts, mailbox_right=False), None) == expected


@pytest.mark.parametrize(
    ("code", "status", "age", "expected"),
    [
        ("AADSTS7000215", 401, timedelta(seconds=10), Judgement(NOT_YET, ("secret_id_or_fresh_secret",))),
        ("AADSTS7000215", 401, timedelta(minutes=14), Judgement(NOT_YET, ("secret_id_or_fresh_secret",))),
        ("AADSTS7000215", 401, timedelta(minutes=15), Judgement(FAILED, ("secret_id_or_fresh_secret",))),
        ("AADSTS7000215", 401, None, Judgement(NOT_YET, ("secret_id_or_fresh_secret",))),
        ("AADSTS7000222", 401, timedelta(0), Judgement(FAILED, ("secret_expired",))),
        ("AADSTS700016", 400, timedelta(0), Judgement(NOT_YET, ("application_not_found",))),
        ("AADSTS700016", 400, OLD, Judgement(FAILED, ("application_not_found",))),
        ("AADSTS7000229", 400, timedelta(0), Judgement(NOT_YET, ("service_principal_missing",))),
        ("AADSTS700027", 401, OLD, Judgement(FAILED, ("certificate_unknown",))),
        ("AADSTS53003", 400, OLD, Judgement(NOT_YET, ("mfa_or_conditional_access",))),
        ("AADSTS50076", 400, OLD, Judgement(NOT_YET, ("mfa_or_conditional_access",))),
        ("AADSTS50079", 400, OLD, Judgement(NOT_YET, ("mfa_or_conditional_access",))),
        ("AADSTS530035", 400, OLD, Judgement(NOT_YET, ("mfa_or_conditional_access",))),
        ("AADSTS50053", 400, timedelta(0), Judgement(FAILED, ("account_locked",))),
        ("AADSTS50173", 400, OLD, Judgement(FAILED, ("refresh_token_dead",))),
        ("AADSTS90002", 400, timedelta(0), Judgement(FAILED, ("wrong_tenant",))),
        ("AADSTS500011", 400, timedelta(0), Judgement(FAILED, ("resource_not_in_tenant",))),
        ("AADSTS1234567", 400, timedelta(0), Judgement(FAILED)),
        ("", 503, OLD, Judgement(NOT_YET)),
        ("", 429, OLD, Judgement(NOT_YET)),
        ("", 0, OLD, Judgement(NOT_PROVEN, ("signin_unreachable",))),
    ],
)
def test_a_refused_sign_in(code: str, status: int, age: timedelta | None, expected: Judgement) -> None:
    fault = Fault("signin", "POST /token", status, code, "text")
    assert sign_in_refused(fault, Facts(secret_age=age)) == expected


@pytest.mark.parametrize(
    ("consent", "age", "expected"),
    [
        (False, None, Judgement(FAILED, ("requested_not_granted",))),
        (False, YOUNG, Judgement(FAILED, ("requested_not_granted",))),
        (True, YOUNG, Judgement(NOT_YET, ("token_older_than_grant",))),
        (True, None, Judgement(NOT_YET, ("token_older_than_grant",))),
        (True, timedelta(hours=1), Judgement(FAILED)),
        (None, None, Judgement(FAILED, ("requested_not_granted", "token_older_than_grant"))),
    ],
)
def test_a_token_without_its_roles(consent: bool | None, age: timedelta | None, expected: Judgement) -> None:
    assert roles_missing(Facts(consent=consent, consent_age=age)) == expected


def every_fact() -> Iterator[Facts]:
    for consent, pointer, exists, right, smtp_auth, pointer_age, right_age in itertools.product(
        (None, True, False), (None, *Pointer), (None, True, False), (None, True, False), (None, True, False), AGES, AGES
    ):
        yield Facts(
            consent=consent,
            pointer=pointer,
            mailbox_exists=exists,
            mailbox_right=right,
            smtp_auth=smtp_auth,
            consent_age=OLD,
            pointer_age=pointer_age,
            right_age=right_age,
            smtp_auth_age=OLD,
        )


def shown_wrong(facts: Facts) -> set[str]:
    """What anyone can read off the facts as wrong."""
    wrong = set()
    if facts.consent is False:
        wrong.add("requested_not_granted")
    if facts.pointer is Pointer.MISSING:
        wrong.add("pointer_missing")
    if facts.pointer is Pointer.WRONG_OBJECT_ID:
        wrong.add("pointer_has_registration_object_id")
    if facts.mailbox_exists is False:
        wrong.add("mailbox_missing")
    if facts.mailbox_right is False:
        wrong.add("mailbox_right_missing")
    if facts.smtp_auth is False:
        wrong.add("smtp_auth_off")
    return wrong


def test_over_every_combination_a_submission_is_judged_by_what_is_shown() -> None:
    seen_states = set()
    for facts, result in itertools.product(every_fact(), ANSWERS):
        rule = rule_for(result.code, result.enhanced, result.text)
        possible = set(rule.causes) if rule else set()
        judgement = submission(result, facts, None)
        context = (result.code, result.enhanced, facts, judgement)
        seen_states.add(judgement.state)
        assert judgement.state in (FAILED, NOT_YET), context
        assert set(judgement.causes) <= possible, context
        wrong = shown_wrong(facts) & possible
        if wrong:
            assert judgement.state is FAILED, context
            assert set(judgement.causes) == wrong or (rule and rule.sure), context
            continue
        if result.temporary:
            assert judgement.state is NOT_YET, context
        young = YOUNG in (
            facts.pointer_age if facts.pointer else None,
            facts.right_age if facts.mailbox_right is not None else None,
        )
        if young and "exchange_settling" in possible:
            assert judgement.state is NOT_YET, context
            assert "exchange_settling" in judgement.causes, context
        if facts.consent is None and "requested_not_granted" in possible:
            assert "requested_not_granted" in judgement.causes, context
        if facts.pointer is None and "pointer_missing" in possible:
            assert {"pointer_missing", "pointer_has_registration_object_id"} <= set(judgement.causes), context
    assert seen_states == {FAILED, NOT_YET}


def test_over_every_combination_a_denied_mailbox_passes_only_for_the_right_reason() -> None:
    """The conditions are written out here once more, from the words of the proof, not from the code."""
    results = (*ABOUT_MAILBOX, SMTP_AUTH_OFF, POLICY, CONNECTIONS, OTHER_FINAL, ONLY_SIGNED_IN, ACCEPTED)
    passes = fails = 0
    for facts, result, worked, roles in itertools.product(every_fact(), results, (None, *Worked), (None, True, False)):
        if facts.right_age is not None:
            continue  # there is no right whose age could count
        facts = replace(facts, works_elsewhere=worked)
        judgement = denied(result, facts, roles)
        context = (result.code, result.enhanced, facts, roles, judgement)
        if result.accepted or facts.mailbox_right:
            fails += 1
            assert judgement == Judgement(FAILED, ("scope_too_wide",)), context
            continue
        assert judgement.state is not FAILED, context
        refused_for_a_right = result in ABOUT_MAILBOX
        exists = facts.mailbox_exists or (facts.mailbox_exists is None and facts.mailbox_right is False)
        switched_on = result.signed_in or facts.smtp_auth is not False
        proven_elsewhere = worked is Worked.ACCEPTED or (worked is Worked.SIGNED_IN and not result.signed_in)
        consented = facts.consent is True or (facts.consent is None and roles is True) or result.signed_in
        live = facts.pointer is Pointer.RIGHT and facts.pointer_age is not YOUNG
        itself_fine = consented and live and roles is not False
        right_reason = refused_for_a_right and exists and switched_on and (proven_elsewhere or itself_fine)
        passes += bool(right_reason)
        assert (judgement.state is PASSED) == bool(right_reason), context
    assert passes > 100
    assert fails > 100


@pytest.mark.parametrize(
    ("result", "facts", "expected"),
    [
        (ONLY_SIGNED_IN, replace(RIGHT, mailbox_right=False), Judgement(NOT_PROVEN)),
        (
            SMTP_AUTH_OFF,
            replace(RIGHT, mailbox_right=False, smtp_auth=False),
            Judgement(NOT_PROVEN, ("smtp_auth_off",)),
        ),
        (REFUSED, replace(RIGHT, mailbox_right=False, smtp_auth=False), Judgement(NOT_PROVEN, ("smtp_auth_off",))),
        (REFUSED, replace(RIGHT, mailbox_right=False), Judgement(PASSED)),
        (
            REFUSED,
            replace(RIGHT, mailbox_right=False, consent=False),
            Judgement(NOT_PROVEN, ("requested_not_granted",)),
        ),
        (
            REFUSED,
            replace(RIGHT, mailbox_right=False, consent=False, pointer_age=YOUNG),
            Judgement(NOT_PROVEN, ("requested_not_granted",)),
        ),
        (REFUSED, replace(RIGHT, mailbox_right=False, pointer_age=YOUNG), Judgement(NOT_YET, ("exchange_settling",))),
        (
            REFUSED,
            replace(RIGHT, mailbox_right=False, pointer_age=YOUNG, works_elsewhere=Worked.SIGNED_IN),
            Judgement(PASSED),
        ),
        (
            LOGON_FAILED,
            replace(RIGHT, mailbox_right=False, pointer_age=YOUNG, works_elsewhere=Worked.SIGNED_IN),
            Judgement(NOT_YET, ("exchange_settling",)),
        ),
        (
            LOGON_FAILED,
            replace(RIGHT, mailbox_right=False, pointer_age=YOUNG, works_elsewhere=Worked.ACCEPTED),
            Judgement(PASSED),
        ),
        (REFUSED, replace(RIGHT, mailbox_right=None, mailbox_exists=None), Judgement(NOT_PROVEN, ("mailbox_missing",))),
        (
            REFUSED,
            replace(RIGHT, mailbox_right=None, mailbox_exists=False),
            Judgement(NOT_PROVEN, ("mailbox_missing",)),
        ),
        (CONNECTIONS, replace(RIGHT, mailbox_right=False), Judgement(NOT_YET, ("connection_limit",))),
        (OTHER_FINAL, replace(RIGHT, mailbox_right=False), Judgement(NOT_PROVEN)),
        (ACCEPTED, replace(RIGHT, mailbox_right=False), Judgement(FAILED, ("scope_too_wide",))),
        (LOGON_FAILED, RIGHT, Judgement(FAILED, ("scope_too_wide",))),
    ],
)
def test_a_mailbox_that_must_be_refused(result: SmtpResult, facts: Facts, expected: Judgement) -> None:
    assert denied(result, facts, None) == expected


def test_weighing_nothing() -> None:
    assert weigh((), RIGHT) == Judgement(FAILED)
    assert weigh((), RIGHT, temporary=True) == Judgement(NOT_YET)


def test_every_cause_is_explained_and_every_explanation_used() -> None:
    named = {cause for rules in (REPLIES, SIGN_IN.values()) for rule in rules for cause in rule.causes}
    named |= {*IMAP_REFUSED, *POP_REFUSED, *EWS_GATES, *EWS_REFUSED}
    by_code = {
        "imap_unreachable",
        "pop_unreachable",
        "ews_unreachable",
        "application_access_policy",
        "redirect_missing",
        "secret_missing",
        "signin_unreachable",
        "smtp_unreachable",
        "certificate_untrusted",
        "scope_too_wide",
        "token_of_another_application",
        "role_not_assigned",
        "graph_unreachable",
    }
    assert set(CAUSES) == named | by_code
    for each in CAUSES.values():
        assert each.text
        assert each.advice
        assert each.source
