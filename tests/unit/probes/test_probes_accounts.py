"""Products that sign in as an account: decisions as tables, and the probes over doubles of what they ask."""

from __future__ import annotations

import base64
import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from smtp_double import certificate
from test_probes_run import APP, OLD, RIGHT, TENANT, YOUNG, World, proof_of, prove, refused

from provisioner.mail import InboxResult, Step, Trouble
from provisioner.model.declaration import Proof, ProofKind
from provisioner.model.declared import Protocol
from provisioner.model.faults import Fault
from provisioner.model.identifiers import AppId, ObjectId
from provisioner.model.outcome import ProofState
from provisioner.model.secret import Secret
from provisioner.probes import Facts, NoPassword, Pointer, Worked
from provisioner.probes import judge_inbox as inbox_judge
from provisioner.probes.judge import sign_in_refused
from provisioner.probes.replies import IMAP_REFUSED
from provisioner.probes.weighing import Judgement
from provisioner.signin import Claims, Token

FAILED, NOT_YET, NOT_PROVEN, PASSED = ProofState.FAILED, ProofState.NOT_YET, ProofState.NOT_PROVEN, ProofState.PASSED
ACCOUNT, SHARED = "magma@contoso.example", "support@contoso.example"
IMAP, SMTP, OFFLINE, READ = "IMAP.AccessAsUser.All", "SMTP.Send", "offline_access", "User.Read"
AS_ACCOUNT = Facts(
    consent=True,
    consent_age=OLD,
    secret_age=OLD,
    pointer=Pointer.MISSING,
    mailbox_exists=True,
    mailbox_right=True,
    smtp_auth=True,
    as_account=True,
    account_federated=False,
    assigned=True,
    assigned_age=OLD,
    protocol_on=True,
    protocol_age=OLD,
)
AS_ITSELF = replace(RIGHT, protocol_on=True, protocol_age=OLD)
UNREACHABLE = InboxResult(Step.CONNECT, "", "x", Trouble.UNREACHABLE)
REFUSED = InboxResult(Step.AUTH, "NO", "AUTHENTICATE failed.")
DROPPED = InboxResult(Step.AUTH, "", "x", Trouble.DROPPED)
UNTRUSTED = InboxResult(Step.CONNECT, "", "x", Trouble.CERTIFICATE)
NOT_CONNECTED = InboxResult(Step.INBOX, "BAD", "User is authenticated but not connected.")


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("pem"))


def of_account(*scopes: str, app_id: AppId = APP, opaque: bool = False) -> Token:
    claims = Claims(TENANT, ObjectId("o"), app_id, frozenset(), frozenset(scopes), frozenset(), ACCOUNT, "user")
    application = World().tokens[0]
    assert isinstance(application, Token)
    return replace(application, secret=Secret("eyJplanted.product-token"), claims=None if opaque else claims)


def as_account(kind: ProofKind, *scopes: str, mailbox: str | None = None) -> Proof:
    return replace(proof_of(kind, mailbox), account=ACCOUNT, password="mailbox_password", scopes=scopes)


# --- the sign-in


@pytest.mark.parametrize(
    ("code", "facts", "expected"),
    [
        ("AADSTS50126", AS_ACCOUNT, Judgement(FAILED, ("wrong_password",))),
        ("AADSTS50126", replace(AS_ACCOUNT, account_federated=True), Judgement(FAILED, ("account_federated",))),
        (
            "AADSTS50126",
            replace(AS_ACCOUNT, account_federated=None),
            Judgement(FAILED, ("wrong_password", "account_federated")),
        ),
        ("AADSTS50053", AS_ACCOUNT, Judgement(FAILED, ("account_locked",))),
        ("AADSTS50034", AS_ACCOUNT, Judgement(FAILED, ("account_missing",))),
        ("AADSTS50055", AS_ACCOUNT, Judgement(FAILED, ("password_expired",))),
        ("AADSTS50057", AS_ACCOUNT, Judgement(FAILED, ("account_disabled",))),
        ("AADSTS50076", AS_ACCOUNT, Judgement(FAILED, ("mfa_or_conditional_access",))),
        ("AADSTS50079", AS_ACCOUNT, Judgement(FAILED, ("mfa_or_conditional_access",))),
        ("AADSTS53003", AS_ACCOUNT, Judgement(FAILED, ("mfa_or_conditional_access",))),
        ("AADSTS53003", replace(AS_ACCOUNT, as_account=False), Judgement(NOT_YET, ("mfa_or_conditional_access",))),
        ("AADSTS530035", AS_ACCOUNT, Judgement(FAILED, ("mfa_or_conditional_access",))),
        ("AADSTS50105", replace(AS_ACCOUNT, assigned=False), Judgement(FAILED, ("assignment_missing",))),
        ("AADSTS50105", AS_ACCOUNT, Judgement(FAILED, ("assignment_missing",))),
        ("AADSTS50105", replace(AS_ACCOUNT, assigned_age=YOUNG), Judgement(NOT_YET, ("assignment_missing",))),
        (
            "AADSTS50105",
            replace(AS_ACCOUNT, assigned=False, assigned_age=YOUNG),
            Judgement(FAILED, ("assignment_missing",)),
        ),
        ("AADSTS65001", replace(AS_ACCOUNT, consent=False), Judgement(FAILED, ("requested_not_granted",))),
        ("AADSTS65001", replace(AS_ACCOUNT, consent_age=YOUNG), Judgement(NOT_YET, ("requested_not_granted",))),
        ("AADSTS7000218", AS_ACCOUNT, Judgement(FAILED, ("client_secret_not_sent",))),
        ("AADSTS7000215", replace(AS_ACCOUNT, secret_age=YOUNG), Judgement(NOT_YET, ("secret_id_or_fresh_secret",))),
        ("AADSTS7000222", AS_ACCOUNT, Judgement(FAILED, ("secret_expired",))),
        ("AADSTS70043", AS_ACCOUNT, Judgement(FAILED, ("refresh_token_dead",))),
        ("AADSTS4711", AS_ACCOUNT, Judgement(FAILED)),
    ],
)
def test_a_refused_sign_in(code: str, facts: Facts, expected: Judgement) -> None:
    assert sign_in_refused(Fault("signin", "POST /token", 400, code, "words"), facts) == expected


def test_signing_in_with_a_password(pem: tuple[Path, Path]) -> None:
    world = World(tokens=[of_account(IMAP, SMTP, OFFLINE), of_account(READ, OFFLINE)], facts=[AS_ACCOUNT])
    outcome = prove(pem, as_account(ProofKind.PASSWORD_SIGN_IN, SMTP, IMAP, OFFLINE, READ), world)
    assert (outcome.state, outcome.causes) == (PASSED, ())
    assert ACCOUNT in outcome.detail
    assert world.scopes == [(SMTP, IMAP, OFFLINE), (READ, OFFLINE)]
    assert world.audiences == [], "the application itself does not sign in"


@pytest.mark.parametrize(
    ("token", "state", "causes"),
    [
        (of_account(IMAP), FAILED, ("requested_not_granted",)),
        (of_account(IMAP, SMTP, app_id=AppId("other")), FAILED, ("token_of_another_application",)),
        (of_account(opaque=True), NOT_PROVEN, ()),
    ],
)
def test_the_claims_count(pem: tuple[Path, Path], token: Token, state: ProofState, causes: tuple[str, ...]) -> None:
    world = World(tokens=[token], facts=[replace(AS_ACCOUNT, consent=False)])
    outcome = prove(pem, as_account(ProofKind.PASSWORD_SIGN_IN, IMAP, SMTP), world)
    assert (outcome.state, outcome.causes) == (state, causes)


KINDS = [ProofKind.PASSWORD_SIGN_IN, ProofKind.IMAP_INBOX, ProofKind.POP_INBOX, ProofKind.SMTP_SUBMISSION]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("code", ["AADSTS50126", "AADSTS7000215", "AADSTS50105"])
def test_a_refused_account_is_not_tried_again(pem: tuple[Path, Path], kind: ProofKind, code: str) -> None:
    """Not even where it is only not yet, and somebody is willing to wait."""
    facts = replace(AS_ACCOUNT, secret_age=YOUNG, assigned_age=YOUNG)
    world = World(tokens=[refused(code, 400)], facts=[facts], wait_seconds=7200)
    outcome = prove(pem, as_account(kind, IMAP, SMTP, mailbox=ACCOUNT), world)
    assert outcome.state is (FAILED if code == "AADSTS50126" else NOT_YET)
    assert "Entra's own words" in outcome.detail
    assert len(world.scopes) == 1
    assert world.clock.slept == []
    assert world.lines == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_password_that_is_not_given_proves_nothing(pem: tuple[Path, Path], kind: ProofKind) -> None:
    world = World(tokens=[NoPassword("env:X: there is no environment variable of that name")])
    outcome = prove(pem, as_account(kind, IMAP, SMTP, mailbox=ACCOUNT), world)
    assert (outcome.state, outcome.causes) == (NOT_PROVEN, ())
    assert "was not given" in outcome.detail
    assert outcome.advice


def test_an_account_sends_as_another_mailbox_under_its_own_name(pem: tuple[Path, Path]) -> None:
    """Under the other's name SMTP answers 535 5.7.3 (nextcloud/mail issue 13668)."""
    world = World(tokens=[of_account(SMTP)], facts=[AS_ACCOUNT])
    outcome = prove(pem, as_account(ProofKind.SMTP_SUBMISSION, SMTP, mailbox=SHARED), world)
    assert outcome.state is PASSED
    assert any(base64.b64encode(f"user={ACCOUNT}\x01".encode()).decode()[:20] in each for each in world.lines)
    assert f"MAIL FROM:<{SHARED}>" in world.lines


# --- the inbox


@pytest.mark.parametrize(
    ("result", "facts", "carries", "expected"),
    [
        (NOT_CONNECTED, replace(AS_ACCOUNT, protocol_on=False), True, Judgement(FAILED, ("imap_off",))),
        (NOT_CONNECTED, replace(AS_ACCOUNT, protocol_age=YOUNG), True, Judgement(NOT_YET, ("protocol_settling",))),
        (NOT_CONNECTED, replace(AS_ACCOUNT, protocol_age=None), True, Judgement(NOT_YET, ("protocol_settling",))),
        (NOT_CONNECTED, replace(AS_ACCOUNT, mailbox_exists=False), True, Judgement(FAILED, ("mailbox_missing",))),
        (NOT_CONNECTED, replace(AS_ACCOUNT, mailbox_right=None), True, Judgement(FAILED, ("mailbox_right_missing",))),
        (NOT_CONNECTED, replace(AS_ACCOUNT, consent=False), False, Judgement(FAILED, ("requested_not_granted",))),
        (NOT_CONNECTED, replace(AS_ACCOUNT, consent=False), True, Judgement(FAILED)),
        (NOT_CONNECTED, AS_ACCOUNT, True, Judgement(FAILED)),
        (
            NOT_CONNECTED,
            replace(AS_ACCOUNT, protocol_on=None, mailbox_exists=None),
            True,
            Judgement(FAILED, ("imap_off", "protocol_settling")),
        ),
        (REFUSED, replace(AS_ITSELF, mailbox_right=False), True, Judgement(FAILED, ("mailbox_right_missing",))),
        (
            REFUSED,
            replace(AS_ITSELF, pointer=Pointer.WRONG_OBJECT_ID),
            True,
            Judgement(FAILED, ("pointer_has_registration_object_id",)),
        ),
        (UNREACHABLE, AS_ACCOUNT, True, Judgement(NOT_PROVEN, ("imap_unreachable",))),
        (DROPPED, AS_ACCOUNT, True, Judgement(NOT_YET, ("imap_unreachable",))),
        (UNTRUSTED, AS_ACCOUNT, True, Judgement(NOT_PROVEN, ("certificate_untrusted",))),
    ],
)
def test_a_refused_inbox(result: InboxResult, facts: Facts, carries: bool, expected: Judgement) -> None:
    judged = inbox_judge.refused(result, facts, carries, causes=IMAP_REFUSED, unreachable="imap_unreachable")
    assert judged == expected


SOMEBODY_ELSES = replace(AS_ACCOUNT, mailbox_right=None, protocol_on=True, works_elsewhere=Worked.ACCEPTED)
CLOSED = InboxResult(Step.INBOX, "BAD", "User is authenticated but not connected.")
CLOSED_AT_ONCE = InboxResult(Step.AUTH, "NO", "AUTHENTICATE failed.")


@pytest.mark.parametrize(
    ("result", "facts", "expected"),
    [
        (CLOSED, SOMEBODY_ELSES, Judgement(PASSED)),
        (CLOSED_AT_ONCE, SOMEBODY_ELSES, Judgement(PASSED)),
        (CLOSED, replace(SOMEBODY_ELSES, works_elsewhere=Worked.SIGNED_IN), Judgement(NOT_PROVEN)),
        (CLOSED_AT_ONCE, replace(SOMEBODY_ELSES, works_elsewhere=None), Judgement(NOT_PROVEN)),
        (CLOSED, replace(SOMEBODY_ELSES, protocol_on=False), Judgement(NOT_PROVEN, ("imap_off",))),
        (CLOSED, replace(SOMEBODY_ELSES, protocol_on=None), Judgement(NOT_PROVEN, ("imap_off",))),
        (CLOSED, replace(SOMEBODY_ELSES, mailbox_exists=False), Judgement(NOT_PROVEN, ("mailbox_missing",))),
        (CLOSED, replace(SOMEBODY_ELSES, mailbox_exists=None), Judgement(NOT_PROVEN, ("mailbox_missing",))),
        (InboxResult(Step.OPENED, "", "", messages=0), SOMEBODY_ELSES, Judgement(FAILED, ("scope_too_wide",))),
        (
            InboxResult(Step.CONNECT, "", "x", Trouble.UNREACHABLE),
            SOMEBODY_ELSES,
            Judgement(NOT_PROVEN, ("imap_unreachable",)),
        ),
        (InboxResult(Step.AUTH, "", "x", Trouble.TIMEOUT), SOMEBODY_ELSES, Judgement(NOT_YET, ("imap_unreachable",))),
    ],
)
def test_an_inbox_that_must_stay_closed(result: InboxResult, facts: Facts, expected: Judgement) -> None:
    assert inbox_judge.denied(result, facts, closed="imap_off", unreachable="imap_unreachable") == expected


@pytest.mark.parametrize("code", ["AADSTS50126", "AADSTS50105"])
def test_without_a_sign_in_no_other_inbox_was_refused(pem: tuple[Path, Path], code: str) -> None:
    """One attempt, as everywhere; that it failed is another proof's to say."""
    facts = replace(AS_ACCOUNT, assigned_age=YOUNG)
    world = World(tokens=[refused(code, 400)], facts=[facts], wait_seconds=7200)
    outcome = prove(pem, as_account(ProofKind.IMAP_REFUSED, IMAP, mailbox=SHARED), world)
    assert outcome.state is (NOT_PROVEN if code == "AADSTS50126" else NOT_YET)
    assert len(world.scopes) == 1
    assert world.clock.slept == []


def test_an_inbox_that_cannot_be_reached(pem: tuple[Path, Path]) -> None:
    """Nobody listens at the double's other ports; what is not there proves nothing."""
    for kind in (ProofKind.IMAP_INBOX, ProofKind.POP_INBOX):
        world = World(tokens=[of_account(IMAP)], facts=[AS_ACCOUNT])
        outcome = prove(pem, as_account(kind, IMAP, mailbox=ACCOUNT), world)
        assert outcome.state is NOT_PROVEN
        assert outcome.causes == (f"{kind.value.partition('_')[0]}_unreachable",)


# --- a person signs in


LINK = as_account(ProofKind.SIGN_IN_LINK, IMAP, SMTP, OFFLINE)
READY = replace(
    AS_ACCOUNT,
    redirects=("https://app.example/cb?x=1", "spa"),
    secret_there=True,
    secret_ended=False,
    account_exists=True,
    account_enabled=True,
    switches={Protocol.IMAP: True, Protocol.SMTP_AUTH: True},
)


def test_the_link(pem: tuple[Path, Path]) -> None:
    world = World(tokens=[], facts=[READY])
    outcome = prove(pem, replace(LINK, secret=None), world)
    assert (outcome.state, outcome.causes) == (NOT_PROVEN, ())
    assert outcome.advice is not None
    assert outcome.link is not None
    link = urlsplit(outcome.link)
    assert link.path == f"/{TENANT}/oauth2/v2.0/authorize"
    assert parse_qs(link.query) == {
        "client_id": [APP],
        "response_type": ["code"],
        "redirect_uri": ["https://app.example/cb?x=1"],
        "response_mode": ["query"],
        "scope": [f"https://outlook.office.com/{IMAP} https://outlook.office.com/{SMTP} {OFFLINE}"],
        "login_hint": [ACCOUNT],
    }
    assert "makes its own link" in outcome.advice
    assert world.scopes == world.audiences == [], "nobody signs in"
    assert "in place: redirect, account, consent, assignment, IMAP, SMTP AUTH;" in outcome.detail, "no secret: none"
    assert "only the sign-in itself shows a lock, a wrong password, a second factor" in outcome.detail


@pytest.mark.parametrize("size", [1, 2])
def test_what_is_missing_is_named(pem: tuple[Path, Path], size: int) -> None:
    wrong: dict[str, dict[str, Any]] = {
        "account_missing": {"account_exists": False},
        "account_disabled": {"account_enabled": False},
        "mailbox_missing": {"mailbox_exists": False},
        "redirect_missing": {"redirects": ()},
        "requested_not_granted": {"consent": False},
        "assignment_missing": {"assigned": False},
        "secret_expired": {"secret_ended": True},
        "secret_missing": {"secret_there": False},
        "imap_off": {"switches": {Protocol.IMAP: False, Protocol.SMTP_AUTH: None}},
    }
    for causes in itertools.combinations(wrong, size):
        changes = {name: value for cause in causes for name, value in wrong[cause].items()}
        outcome = prove(pem, LINK, World(tokens=[], facts=[replace(READY, **changes)]))
        assert (outcome.state, outcome.causes, outcome.link) == (FAILED, causes, None)
        assert outcome.advice is not None
        assert "https://" not in outcome.advice


def test_what_was_not_seen_is_said(pem: tuple[Path, Path]) -> None:
    unseen = replace(READY, consent=None, assigned=None, account_enabled=None, switches={Protocol.SMTP_AUTH: None})
    outcome = prove(pem, LINK, World(tokens=[], facts=[unseen]))
    assert "not seen: account, consent, assignment, SMTP AUTH;" in outcome.detail


def test_the_switch_of_each_protocol_is_named(pem: tuple[Path, Path]) -> None:
    off = replace(READY, switches=dict.fromkeys((Protocol.IMAP, Protocol.POP, Protocol.SMTP_AUTH), False))
    assert prove(pem, LINK, World(tokens=[], facts=[off])).causes == ("imap_off", "pop_off", "smtp_auth_off")


def test_another_identity_provider_is_no_hindrance_in_a_browser(pem: tuple[Path, Path]) -> None:
    outcome = prove(pem, LINK, World(tokens=[], facts=[replace(READY, account_federated=True)]))
    assert (outcome.state, outcome.causes) == (NOT_PROVEN, ())
    assert outcome.link is not None
    assert "another identity provider" in outcome.detail
    blind = prove(pem, LINK, World(tokens=[], facts=[Facts()]))
    assert (blind.state, blind.advice, blind.link) == (NOT_PROVEN, None, None)


# --- reading over Graph


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (ProofKind.GRAPH_MAIL, f"/v1.0/users/{SHARED}/messages"),
        (ProofKind.GRAPH_CALENDAR, f"/v1.0/users/{SHARED}/calendar/events"),
    ],
)
def test_reading_over_graph(pem: tuple[Path, Path], kind: ProofKind, path: str) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"value": []})

    outcome = prove(pem, proof_of(kind, SHARED), World(graph=answer))
    assert outcome.state is PASSED
    (request,) = asked
    assert (request.method, request.url.path) == ("GET", path)
    assert dict(request.url.params) == {"$top": "1", "$select": "id"}


@pytest.mark.parametrize(
    ("message", "facts", "cause"),
    [
        ("Access is denied.", replace(RIGHT, consent=False), "requested_not_granted"),
        (
            "Access to OData is disabled: [RAOP] : Blocked by tenant configured AppOnly AccessPolicy settings.",
            RIGHT,
            "application_access_policy",
        ),
    ],
)
def test_a_refused_read(pem: tuple[Path, Path], message: str, facts: Facts, cause: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(403, json={"error": {"code": "ErrorAccessDenied", "message": message}})

    outcome = prove(pem, proof_of(ProofKind.GRAPH_CALENDAR, SHARED), World(graph=answer, facts=[facts]))
    assert (outcome.state, outcome.causes) == (FAILED, (cause,))


@pytest.mark.parametrize(
    ("roles", "paths"),
    [
        (("Application Calendars.ReadWrite", "Application EWS.AccessAsApp"), ["calendar/events"]),
        (("Application Mail.Send",), ["messages"]),
        (("Application Mail.ReadWrite", "Application Calendars.Read"), ["messages", "calendar/events"]),
    ],
)
def test_a_refusal_is_looked_for_where_the_roles_are(
    pem: tuple[Path, Path], roles: tuple[str, ...], paths: list[str]
) -> None:
    """A calendar product is refused all mail everywhere, which says nothing about its scope."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path.partition(f"/users/{SHARED}/")[2])
        return httpx.Response(403, json={"error": {"code": "ErrorAccessDenied", "message": "no"}})

    facts = replace(RIGHT, scoped=True, role_assigned=True, scope_age=OLD, in_scope=False, unscoped=())
    facts = replace(facts, mailbox_right=False)
    proof = replace(proof_of(ProofKind.GRAPH_MAILBOX_REFUSED, SHARED), scoped_roles=roles)
    outcome = prove(pem, proof, World(graph=answer, facts=[facts], send=False))
    assert outcome.state is PASSED
    assert asked == paths
