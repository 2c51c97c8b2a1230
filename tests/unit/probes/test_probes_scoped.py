"""Scoped roles and Graph: decisions as tables, and the probes over doubles of what they ask."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from smtp_double import certificate
from test_probes_run import OTHER, RIGHT, SENDER, World, proof_of, prove, token

from provisioner.mail import Reply, SmtpResult, Stage
from provisioner.model.declaration import ProofKind
from provisioner.model.faults import Fault
from provisioner.model.identifiers import GRAPH_AUDIENCE
from provisioner.model.observed import NotSeen, RoleAuthorization
from provisioner.model.outcome import ProofState
from provisioner.probes import Facts, Worked
from provisioner.probes import judge_graph as graph_judge
from provisioner.probes.judge import authorized, denied, submission
from provisioner.probes.tools import Pointer

FAILED, NOT_YET, NOT_PROVEN, PASSED = ProofState.FAILED, ProofState.NOT_YET, ProofState.NOT_PROVEN, ProofState.PASSED
YOUNG, OLD = timedelta(minutes=5), timedelta(days=3)
SEND, READ = "Application Mail.Send", "Application Mail.ReadWrite"
SCOPED = Facts(
    consent=True,
    pointer=Pointer.RIGHT,
    mailbox_exists=True,
    mailbox_right=False,
    smtp_auth=True,
    pointer_age=OLD,
    smtp_auth_age=OLD,
    secret_age=OLD,
    scoped=True,
    role_assigned=True,
    in_scope=True,
    scope_age=OLD,
    unscoped=(),
)
OUTSIDE = replace(SCOPED, in_scope=False)
REFUSED_AT_AUTH = SmtpResult(Stage.AUTH, 535, "5.7.3", "Authentication unsuccessful")
REFUSED_AT_DATA = SmtpResult(Stage.DATA, 430, "4.2.0", "STOREDRV; mailbox logon failure")
SIGNED_IN = SmtpResult(Stage.AUTH, 235, "2.7.0", "ok", replies=(Reply(Stage.AUTH, 235, "2.7.0", "ok"),))


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("pem"))


def row(role: str, in_scope: bool | None, *, wide: bool = False) -> RoleAuthorization:
    return RoleAuthorization(role, "scope", organization_wide=wide, in_scope=in_scope)


# --- what Exchange itself says


@pytest.mark.parametrize(
    ("found", "within", "facts", "state", "causes"),
    [
        ((row(SEND, True), row(READ, True)), True, SCOPED, PASSED, ()),
        ((row(SEND, False), row(READ, False)), False, OUTSIDE, PASSED, ()),
        ((row(SEND.upper(), True), row(READ, True), row("Application Other", False)), True, SCOPED, PASSED, ()),
        ((row(SEND, True), row(READ, False)), True, SCOPED, FAILED, ("scope_too_narrow",)),
        ((row(SEND, True), row(READ, False)), False, SCOPED, FAILED, ("scope_too_wide",)),
        ((row(SEND, True),), True, SCOPED, FAILED, ("role_not_assigned",)),
        ((row(SEND, True),), True, replace(SCOPED, scope_age=YOUNG), NOT_YET, ("role_not_assigned",)),
        ((), False, OUTSIDE, FAILED, ("role_not_assigned",)),
        ((row(SEND, None), row(READ, None)), True, SCOPED, NOT_PROVEN, ()),
        ((row(SEND, True), row(READ, True), row(SEND, True, wide=True)), True, SCOPED, FAILED, ("scope_too_wide",)),
        (
            (row(SEND, False), row(READ, False)),
            False,
            replace(OUTSIDE, unscoped=("Mail.Send",)),
            FAILED,
            ("scope_too_wide",),
        ),
        (
            (row(SEND, True), row(READ, True)),
            True,
            replace(SCOPED, unscoped=("full_access_as_app",), scope_age=YOUNG),
            FAILED,
            ("scope_too_wide",),
        ),
    ],
)
def test_what_exchange_says_of_a_mailbox(
    found: tuple[RoleAuthorization, ...], within: bool, facts: Facts, state: ProofState, causes: tuple[str, ...]
) -> None:
    judgement = authorized(found, (SEND, READ), within=within, facts=facts)
    assert (judgement.state, judgement.causes) == (state, causes)


WITHIN = replace(proof_of(ProofKind.SCOPE_AUTHORIZATION, SENDER), scoped_roles=(SEND,), within=True)


@pytest.mark.parametrize(
    ("answer", "facts", "state", "causes", "words"),
    [
        ((row(SEND, True),), SCOPED, PASSED, (), "within the scope"),
        ((row(SEND, False),), OUTSIDE, FAILED, ("scope_too_narrow",), "outside the scope"),
        (NotSeen("roles", "403 no", ("Exchange Administrator",)), SCOPED, NOT_PROVEN, (), "not seen: 403 no"),
        (None, replace(SCOPED, pointer=Pointer.MISSING), FAILED, ("pointer_missing",), "does not know"),
        (None, replace(SCOPED, mailbox_exists=False), FAILED, ("mailbox_missing",), "does not know"),
        ((row(SEND, True),), replace(SCOPED, unscoped=("Mail.Send",)), FAILED, ("scope_too_wide",), "granted in Entra"),
    ],
)
def test_scope_authorization(
    pem: tuple[Path, Path],
    answer: Any,
    facts: Facts,
    state: ProofState,
    causes: tuple[str, ...],
    words: str,
) -> None:
    world = World(authorization=[answer], facts=[facts])
    outcome = prove(pem, WITHIN, world)
    assert (outcome.state, outcome.causes) == (state, causes), outcome
    assert words in outcome.detail
    assert world.asked_about == [SENDER]
    assert world.audiences == [], "it takes no sign-in of the product"


def test_a_role_that_exchange_has_not_heard_of_is_waited_for(pem: tuple[Path, Path]) -> None:
    world = World(authorization=[(), (row(SEND, True),)], facts=[replace(SCOPED, scope_age=YOUNG)], wait_seconds=60)
    assert prove(pem, WITHIN, world).state is PASSED
    assert world.asked_about == [SENDER, SENDER]


# --- over SMTP


@pytest.mark.parametrize(
    ("result", "facts", "state", "causes"),
    [
        (REFUSED_AT_AUTH, OUTSIDE, FAILED, ("scope_too_narrow",)),
        (REFUSED_AT_AUTH, replace(SCOPED, scope_age=YOUNG), NOT_YET, ("exchange_settling",)),
        (
            REFUSED_AT_AUTH,
            replace(SCOPED, pointer=Pointer.WRONG_OBJECT_ID),
            FAILED,
            ("pointer_has_registration_object_id",),
        ),
        (REFUSED_AT_AUTH, replace(SCOPED, consent=False, mailbox_right=False), FAILED, ()),
        (REFUSED_AT_DATA, replace(SCOPED, unscoped=("SMTP.SendAsApp",)), FAILED, ("scope_too_wide",)),
        (REFUSED_AT_DATA, replace(SCOPED, unscoped=None), NOT_YET, ("scope_too_wide",)),
        (REFUSED_AT_DATA, SCOPED, NOT_YET, ()),
    ],
)
def test_a_scoped_product_is_refused_for_its_scope_never_for_consent_or_rights(
    result: SmtpResult, facts: Facts, state: ProofState, causes: tuple[str, ...]
) -> None:
    judgement = submission(result, facts, None)
    assert (judgement.state, judgement.causes) == (state, causes)


@pytest.mark.parametrize(
    ("result", "facts", "state", "causes"),
    [
        (REFUSED_AT_AUTH, OUTSIDE, PASSED, ()),
        (REFUSED_AT_AUTH, replace(OUTSIDE, role_assigned=False), NOT_PROVEN, ("role_not_assigned",)),
        (REFUSED_AT_AUTH, replace(OUTSIDE, scope_age=YOUNG), NOT_YET, ("exchange_settling",)),
        (REFUSED_AT_AUTH, replace(OUTSIDE, scope_age=YOUNG, works_elsewhere=Worked.SIGNED_IN), PASSED, ()),
        (REFUSED_AT_AUTH, replace(OUTSIDE, unscoped=("SMTP.SendAsApp",)), FAILED, ("scope_too_wide",)),
        (REFUSED_AT_AUTH, SCOPED, FAILED, ("scope_too_wide",)),
        (SIGNED_IN, OUTSIDE, FAILED, ("scope_too_wide",)),
        (SIGNED_IN, replace(OUTSIDE, scope_age=YOUNG), NOT_YET, ("scope_too_wide",)),
        (SIGNED_IN, replace(RIGHT, mailbox_right=False), NOT_PROVEN, ()),
    ],
)
def test_a_mailbox_outside_the_scope(
    result: SmtpResult, facts: Facts, state: ProofState, causes: tuple[str, ...]
) -> None:
    judgement = denied(result, facts, None)
    assert (judgement.state, judgement.causes) == (state, causes)


# --- tokens

BARE = replace(proof_of(ProofKind.TOKEN), absent_roles=("SMTP.SendAsApp",))


@pytest.mark.parametrize(
    ("roles", "facts", "state", "causes"),
    [
        ((), SCOPED, PASSED, ()),
        (("User.Read.All",), SCOPED, PASSED, ()),
        (("SMTP.SendAsApp",), replace(SCOPED, unscoped=("SMTP.SendAsApp",)), FAILED, ("scope_too_wide",)),
        (("SMTP.SendAsApp",), replace(SCOPED, unscoped=None), FAILED, ("scope_too_wide",)),
        (("SMTP.SendAsApp",), SCOPED, NOT_YET, ("scope_too_wide",)),
    ],
)
def test_missing_roles_are_right_and_a_surviving_one_is_named(
    pem: tuple[Path, Path], roles: tuple[str, ...], facts: Facts, state: ProofState, causes: tuple[str, ...]
) -> None:
    outcome = prove(pem, BARE, World(tokens=[token(*roles)], facts=[facts]))
    assert (outcome.state, outcome.causes) == (state, causes)
    assert "SMTP.SendAsApp" in outcome.detail


# --- Graph

GRAPH_SEND = replace(proof_of(ProofKind.GRAPH_SEND, SENDER, "Mail.Send"), audience=GRAPH_AUDIENCE)
GRAPH_DENIED = replace(proof_of(ProofKind.GRAPH_MAILBOX_REFUSED, OTHER), audience=GRAPH_AUDIENCE)
ACCESS_DENIED = Fault("graph", "GET /x", 403, "ErrorAccessDenied", "Access is denied.")


class Mailboxes:
    """Graph's mailboxes: which may be used, and what was sent there."""

    def __init__(self, *open_ones: str, delivers_after: int = 0, reads: bool = True, status: int = 403) -> None:
        self.open = {each.lower() for each in open_ones}
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.delivers_after = delivers_after
        self.reads = reads
        self.status = status
        self.looked = 0
        self.tokens: set[str] = set()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.tokens.add(request.headers["Authorization"])
        mailbox = httpx.URL(str(request.url)).path.split("/users/")[1].split("/")[0].replace("%40", "@").lower()
        if mailbox not in self.open or (request.method == "GET" and not self.reads):
            code = "ErrorInvalidUser" if self.status == 404 else "ErrorAccessDenied"
            return httpx.Response(self.status, json={"error": {"code": code, "message": "Access is denied."}})
        if request.method == "POST":
            body = {key[0].lower() + key[1:]: value for key, value in json.loads(request.content).items()}
            self.sent.append((mailbox, body))  # the names of an action's parameters are taken in either case
            return httpx.Response(202)
        self.looked += 1
        wanted = request.url.params.get("$filter", "")
        found = [
            {"id": "1", "subject": body["message"]["subject"]}
            for box, body in self.sent
            if box == mailbox and self.looked > self.delivers_after and body["message"]["subject"] in wanted
        ]
        return httpx.Response(200, json={"value": found})


def over(mailboxes: Mailboxes, **more: Any) -> World:
    return World(tokens=[token("Mail.Send")], facts=[more.pop("facts", RIGHT)], graph=mailboxes, **more)


def test_a_mail_goes_to_its_own_mailbox_once_and_is_read_back(pem: tuple[Path, Path]) -> None:
    mailboxes = Mailboxes(SENDER, delivers_after=2)
    outcome = prove(pem, GRAPH_SEND, over(mailboxes))
    assert outcome.state is PASSED
    assert "delivered and read back" in outcome.detail
    ((mailbox, body),) = mailboxes.sent
    assert mailbox == SENDER
    assert [each["emailAddress"]["address"] for each in body["message"]["toRecipients"]] == [SENDER]
    assert body["saveToSentItems"] is False, "or the copy among the sent ones would be taken for the delivered one"
    assert mailboxes.looked == 3


def test_accepted_is_not_delivered(pem: tuple[Path, Path]) -> None:
    mailboxes = Mailboxes(SENDER, delivers_after=10_000)
    outcome = prove(pem, GRAPH_SEND, over(mailboxes))
    assert outcome.state is NOT_YET
    assert "not in the mailbox so far" in outcome.detail
    assert len(mailboxes.sent) == 1, "never a second mail"


def test_a_mail_whose_answer_was_lost_is_looked_for_and_not_sent_again(pem: tuple[Path, Path]) -> None:
    mailboxes = Mailboxes(SENDER)

    def cut(request: httpx.Request) -> httpx.Response:
        answer = mailboxes(request)
        if request.method == "POST":
            raise httpx.ReadError("the connection was lost", request=request)
        return answer

    world = World(tokens=[token("Mail.Send")], facts=[RIGHT], graph=cut, wait_seconds=7200)
    outcome = prove(pem, GRAPH_SEND, world)
    assert outcome.state is PASSED
    assert len(mailboxes.sent) == 1


def test_a_product_that_may_not_read_has_sent_all_the_same(pem: tuple[Path, Path]) -> None:
    outcome = prove(pem, GRAPH_SEND, over(Mailboxes(SENDER, reads=False)))
    assert (outcome.state, outcome.causes) == (PASSED, ())
    assert "delivery not read" in outcome.detail


def test_without_send_nothing_is_sent_and_nothing_claimed(pem: tuple[Path, Path]) -> None:
    mailboxes = Mailboxes(SENDER)
    outcome = prove(pem, GRAPH_SEND, over(mailboxes, send=False))
    assert (outcome.state, outcome.signed_in) == (NOT_PROVEN, True)
    assert "sending not proven" in outcome.detail
    assert mailboxes.sent == []


@pytest.mark.parametrize("send", [True, False])
def test_a_refusal_is_judged_by_what_the_tenant_shows(pem: tuple[Path, Path], send: bool) -> None:
    facts = replace(RIGHT, consent=False)
    world = World(tokens=[token()], facts=[facts], graph=Mailboxes(), send=send)
    outcome = prove(pem, GRAPH_SEND, world)
    assert (outcome.state, outcome.causes) == (FAILED, ("requested_not_granted",))
    assert "403 ErrorAccessDenied" in outcome.detail


@pytest.mark.parametrize(
    ("fault", "facts", "roles", "state", "causes"),
    [
        (ACCESS_DENIED, OUTSIDE, None, FAILED, ("scope_too_narrow",)),
        (ACCESS_DENIED, replace(SCOPED, scope_age=YOUNG), None, NOT_YET, ("exchange_settling",)),
        (ACCESS_DENIED, replace(RIGHT, consent_age=YOUNG), False, NOT_YET, ("token_older_than_grant",)),
        (ACCESS_DENIED, RIGHT, True, FAILED, ()),
        (replace(ACCESS_DENIED, status=404), replace(RIGHT, mailbox_exists=False), True, FAILED, ("mailbox_missing",)),
        (replace(ACCESS_DENIED, status=0, sent=False), RIGHT, True, NOT_PROVEN, ("graph_unreachable",)),
        (replace(ACCESS_DENIED, status=503), RIGHT, True, NOT_YET, ()),
        (replace(ACCESS_DENIED, status=400), RIGHT, True, FAILED, ()),
    ],
)
def test_why_an_open_mailbox_is_closed(
    fault: Fault, facts: Facts, roles: bool | None, state: ProofState, causes: tuple[str, ...]
) -> None:
    judgement = graph_judge.refused(fault, facts, roles)
    assert (judgement.state, judgement.causes) == (state, causes)


@pytest.mark.parametrize(
    ("fault", "facts", "works", "state", "causes"),
    [
        (None, OUTSIDE, False, FAILED, ("scope_too_wide",)),
        (ACCESS_DENIED, OUTSIDE, False, PASSED, ()),
        (ACCESS_DENIED, replace(OUTSIDE, in_scope=None), True, PASSED, ()),
        (ACCESS_DENIED, replace(OUTSIDE, in_scope=None), False, NOT_PROVEN, ()),
        (ACCESS_DENIED, replace(OUTSIDE, role_assigned=False), False, NOT_PROVEN, ("role_not_assigned",)),
        (ACCESS_DENIED, replace(OUTSIDE, role_assigned=None), False, NOT_PROVEN, ("role_not_assigned",)),
        (ACCESS_DENIED, replace(OUTSIDE, scope_age=YOUNG), False, NOT_YET, ("exchange_settling",)),
        (ACCESS_DENIED, replace(OUTSIDE, unscoped=("Mail.Send",)), True, FAILED, ("scope_too_wide",)),
        (ACCESS_DENIED, SCOPED, False, FAILED, ("scope_too_wide",)),
        (
            ACCESS_DENIED,
            replace(SCOPED, in_scope=None, pointer=Pointer.MISSING),
            False,
            NOT_PROVEN,
            ("pointer_missing",),
        ),
        (ACCESS_DENIED, replace(OUTSIDE, mailbox_exists=False), True, NOT_PROVEN, ("mailbox_missing",)),
        (replace(ACCESS_DENIED, status=404), OUTSIDE, True, NOT_PROVEN, ("mailbox_missing",)),
        (replace(ACCESS_DENIED, status=0, sent=False), OUTSIDE, True, NOT_PROVEN, ("graph_unreachable",)),
        (replace(ACCESS_DENIED, status=429), OUTSIDE, True, NOT_YET, ()),
    ],
)
def test_why_a_closed_mailbox_is_closed(
    fault: Fault | None, facts: Facts, works: bool, state: ProofState, causes: tuple[str, ...]
) -> None:
    judgement = graph_judge.denied(fault, facts, used_elsewhere=works)
    assert (judgement.state, judgement.causes) == (state, causes)


@pytest.mark.parametrize("send", [True, False])
def test_a_mailbox_out_of_reach(pem: tuple[Path, Path], send: bool) -> None:
    mailboxes = Mailboxes(SENDER)
    outcome = prove(pem, GRAPH_DENIED, over(mailboxes, facts=OUTSIDE, send=send))
    assert (outcome.state, outcome.causes) == (PASSED, ())
    assert mailboxes.sent == []


def test_a_mailbox_that_can_be_read_is_too_much(pem: tuple[Path, Path]) -> None:
    mailboxes = Mailboxes(SENDER, OTHER)
    outcome = prove(pem, GRAPH_DENIED, over(mailboxes, facts=OUTSIDE, send=True))
    assert (outcome.state, outcome.causes) == (FAILED, ("scope_too_wide",))
    assert "could be read" in outcome.detail
    assert mailboxes.sent == [], "what can be read is proof enough"


@pytest.mark.parametrize(("send", "state"), [(True, FAILED), (False, PASSED)])
def test_a_mailbox_that_can_only_be_sent_from_shows_with_send(
    pem: tuple[Path, Path], send: bool, state: ProofState
) -> None:
    mailboxes = Mailboxes(OTHER, reads=False)
    outcome = prove(pem, GRAPH_DENIED, over(mailboxes, facts=OUTSIDE, send=send))
    assert outcome.state is state
    assert [mailbox for mailbox, _ in mailboxes.sent] == ([OTHER] if send else [])


ROLES = (READ, SEND)


@pytest.mark.parametrize(
    ("proven", "send", "state"),
    [
        ((ProofKind.GRAPH_MAIL, ProofKind.GRAPH_SEND), True, PASSED),
        ((ProofKind.GRAPH_MAIL,), False, PASSED),
        ((ProofKind.GRAPH_SEND,), False, NOT_PROVEN),
        ((ProofKind.GRAPH_SEND, ProofKind.GRAPH_CALENDAR), True, NOT_PROVEN),
        ((ProofKind.GRAPH_MAIL,), True, NOT_PROVEN),
    ],
)
def test_only_the_use_of_the_same_right_shows_what_a_refusal_is_about(
    pem: tuple[Path, Path], proven: tuple[ProofKind, ...], send: bool, state: ProofState
) -> None:
    facts = replace(OUTSIDE, role_assigned=False, proven=frozenset(proven), works_elsewhere=Worked.ACCEPTED)
    outcome = prove(pem, replace(GRAPH_DENIED, scoped_roles=ROLES), over(Mailboxes(SENDER), facts=facts, send=send))
    assert (outcome.state, outcome.causes) == (state, () if state is PASSED else ("role_not_assigned",))


def test_a_refusal_without_any_evidence_is_said_to_prove_nothing(pem: tuple[Path, Path]) -> None:
    outcome = prove(pem, GRAPH_DENIED, over(Mailboxes(SENDER), facts=replace(OUTSIDE, in_scope=None), send=False))
    assert (outcome.state, outcome.causes) == (NOT_PROVEN, ())
    assert "nothing shows that another mailbox would not be refused alike" in outcome.detail


def test_a_mail_that_went_out_decides_whatever_reading_showed(pem: tuple[Path, Path]) -> None:
    facts = replace(OUTSIDE, role_assigned=False)
    proof = replace(GRAPH_DENIED, scoped_roles=ROLES)
    outcome = prove(pem, proof, over(Mailboxes(OTHER, reads=False), facts=facts, send=True))
    assert (outcome.state, outcome.causes) == (FAILED, ("scope_too_wide",))
    assert "could be sent from" in outcome.detail


def test_who_may_not_send_is_not_tried_for_sending(pem: tuple[Path, Path]) -> None:
    mailboxes = Mailboxes(OTHER, reads=False)
    proof = replace(GRAPH_DENIED, scoped_roles=(READ,))
    assert prove(pem, proof, over(mailboxes, facts=OUTSIDE, send=True)).state is PASSED
    assert mailboxes.sent == []


CONSENTED_BESIDE = replace(proof_of(ProofKind.TOKEN, None, "User.Read.All"), scoped_roles=ROLES)


@pytest.mark.parametrize(
    ("facts", "state", "causes"),
    [
        (replace(SCOPED, consent=False), FAILED, ("requested_not_granted",)),
        (replace(SCOPED, consent=True, consent_age=YOUNG), NOT_YET, ("token_older_than_grant",)),
        (replace(SCOPED, consent=None), FAILED, ("requested_not_granted", "token_older_than_grant")),
    ],
)
def test_a_scoped_product_that_keeps_a_permission_of_entra_depends_on_its_consent(
    pem: tuple[Path, Path], facts: Facts, state: ProofState, causes: tuple[str, ...]
) -> None:
    outcome = prove(pem, CONSENTED_BESIDE, World(tokens=[token()], facts=[facts]))
    assert (outcome.state, outcome.causes) == (state, causes)


def test_a_mailbox_that_does_not_exist_proves_nothing(pem: tuple[Path, Path]) -> None:
    outcome = prove(pem, GRAPH_DENIED, over(Mailboxes(status=404), facts=OUTSIDE))
    assert (outcome.state, outcome.causes) == (NOT_PROVEN, ("mailbox_missing",))
