"""What the sandbox says of our sign-in to mail, Dovecot and Postfix say too: who comes in, and who does not."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from provisioner.mail import (
    InboxResult,
    Message,
    Server,
    SmtpResult,
    Stage,
    Step,
    imap,
    pop,
    proof_message,
    sign_in,
    submit,
)
from provisioner.model.secret import Secret
from tests.second_opinion import controls
from tests.second_opinion.conftest import Judges
from tests.second_opinion.controls import LET_IN
from tests.second_opinion.tokens import OTHER_TENANT, foreign_key
from tests.system.support import NEIGHBOUR, SENDER

T = TypeVar("T")

SUBMISSION = ("postfix", "dovecot", "sandbox")
INBOXES = ("dovecot imap", "dovecot pop", "sandbox imap", "sandbox pop")
DEBIANS = ("postfix", "dovecot", "dovecot imap", "dovecot pop")
WHY = {
    "expired": "ExpiredSignatureError",
    "of another tenant": "InvalidIssuerError",
    "for Graph": "InvalidAudienceError",
    "for Graph, with these roles": "InvalidAudienceError",
    "signed by somebody else": "InvalidSignatureError",
    "altered": "InvalidSignatureError",
    "unsigned": "InvalidAlgorithmError",
    "no token": "DecodeError",
    "of a product without the right": "NoMailbox",
}
"""Token -> why Dovecot was told that it is none."""

DELIVERY_SECONDS = 15.0


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def server(judges: Judges, name: str) -> Server:
    """A server, and the authority that vouches for it."""
    whose, _, protocol = name.partition(" ")
    if whose == "sandbox":
        trust = ssl.create_default_context(cafile=judges.sandbox.endpoints["caFile"])
        return Server("127.0.0.1", judges.sandbox.endpoints[protocol or "smtp"]["port"], trust)
    theirs = judges.servers
    ports = {"postfix": theirs.postfix, "dovecot": theirs.submission, "dovecot imap": theirs.imap}
    return Server("127.0.0.1", ports.get(name, theirs.pop), theirs.trust)


async def open_inbox(judges: Judges, name: str, mailbox: str, token: str) -> InboxResult:
    """Our client of the protocol that the name ends in."""
    look = imap.open_inbox if name.endswith("imap") else pop.open_inbox
    return await look(server(judges, name), mailbox=mailbox, token=Secret(token))


@pytest.mark.parametrize("name", SUBMISSION)
def test_smtp_lets_the_product_in(judges: Judges, name: str) -> None:
    judge = server(judges, name)
    result = run(sign_in(judge, mailbox=SENDER, token=Secret(judges.genuine)))
    assert (result.stage, result.code, result.enhanced, result.trouble) == (Stage.AUTH, 235, "2.7.0", None), result
    assert result.signed_in
    assert controls.smtp(judge.port, judge.tls, SENDER, judges.genuine) == LET_IN


@pytest.mark.parametrize("name", INBOXES)
def test_the_inbox_opens(judges: Judges, name: str) -> None:
    result = run(open_inbox(judges, name, SENDER, judges.genuine))
    assert (result.step, result.status, result.trouble) == (Step.OPENED, "", None), result
    assert result.messages is not None
    if name.endswith("imap"):
        judge = server(judges, name)
        assert controls.imap(judge.port, judge.tls, SENDER, judges.genuine) == LET_IN


def test_the_table_of_reasons_is_complete(judges: Judges) -> None:
    assert set(WHY) == set(judges.refused)


@pytest.mark.parametrize("wrong", WHY)
def test_a_token_that_is_none_is_refused_by_all(judges: Judges, wrong: str) -> None:
    token = judges.refused[wrong]
    before = len(judges.introspection.refusals)
    ours, inboxes, theirs = run(_all(judges, SENDER, token))
    for name, result in ours.items():
        assert (result.stage, result.code, result.trouble) == (Stage.AUTH, 535, None), (name, result)
        assert not result.signed_in
        assert not result.temporary
        assert token not in repr(result)
    for name, opened in inboxes.items():
        status = "NO" if name.endswith("imap") else "-ERR"
        assert (opened.step, opened.status, opened.trouble) == (Step.AUTH, status, None), (name, opened)
        assert token not in repr(opened)
    assert LET_IN not in theirs.values(), theirs
    asked = [name for name in (*ours, *inboxes, *theirs) if name in DEBIANS]
    assert judges.introspection.refusals[before:] == [WHY[wrong]] * len(asked), "each is refused for this very reason"


def test_the_challenge_of_a_refusal_is_answered_and_kept(judges: Judges) -> None:
    ours, inboxes, _ = run(_all(judges, SENDER, judges.refused["expired"]))
    for name in ("postfix", "dovecot"):
        result = ours[name]
        asked, challenged, refused = [each for each in result.replies if each.stage is Stage.AUTH]
        assert (asked.code, challenged.code, refused.code) == (334, 334, 535)
        assert '"status":"401"' in challenged.text
        assert "uthentication failed" in result.text
    for name in ("dovecot imap", "dovecot pop"):
        assert "Authentication failed" in inboxes[name].text
        assert '"status":"401"' in inboxes[name].text


def test_a_token_opens_its_own_mailbox_only(judges: Judges) -> None:
    """The sandbox is not asked: in Exchange the mailbox's rights come later than the sign-in."""
    ours, inboxes, theirs = run(_all(judges, NEIGHBOUR, judges.genuine))
    for name in ("postfix", "dovecot"):
        assert (ours[name].stage, ours[name].code) == (Stage.AUTH, 535)
    for name in ("dovecot imap", "dovecot pop"):
        assert (inboxes[name].step, inboxes[name].trouble) == (Step.AUTH, None)
    assert LET_IN not in [theirs[name] for name in DEBIANS if name in theirs]


@pytest.mark.parametrize("name", (*SUBMISSION, *INBOXES))
def test_a_long_token_is_let_in(judges: Judges, name: str) -> None:
    """Entra's tokens grow with what is in them. Dovecot ends at 8 KiB of response, Postfix at 12."""
    token = judges.forger.changed(xms_padding="x" * 3500)
    assert 5000 < len(token) < 6000
    if name in SUBMISSION:
        assert run(sign_in(server(judges, name), mailbox=SENDER, token=Secret(token))).signed_in
    else:
        assert run(open_inbox(judges, name, SENDER, token)).opened


@pytest.mark.parametrize(("name", "said"), [("dovecot", "500"), ("postfix", "535")])
def test_in_the_command_the_token_would_be_too_long(judges: Judges, name: str, said: str) -> None:
    """Why ours goes in a line of its own. Postfix even says that the sign-in failed."""
    judge = server(judges, name)
    token = judges.forger.changed(xms_padding="x" * 1000)
    assert controls.smtp(judge.port, judge.tls, SENDER, token) == LET_IN
    assert controls.smtp(judge.port, judge.tls, SENDER, token, one_line=True).startswith(said)


def test_a_mail_arrives_as_it_was_sent(judges: Judges) -> None:
    there = _counts(judges)
    proof = proof_message(SENDER, title="Sends as the mailbox", now=judges.now())
    dotted = Message(proof.address, proof.message_id, proof.data + b".one dot\r\n..two\r\n.\r\nlast\r\n")
    result = run(submit(server(judges, "postfix"), mailbox=SENDER, token=Secret(judges.genuine), message=dotted))
    assert result.accepted, result
    assert result.message_id == proof.message_id
    stored = _arrived(judges, proof.message_id)
    assert stored.endswith(dotted.data), stored
    assert _counts(judges) == [each + 1 for each in there]


def test_another_sender_is_refused(judges: Judges) -> None:
    message = proof_message(NEIGHBOUR, title="Sends as somebody else", now=judges.now())
    result = run(submit(server(judges, "postfix"), mailbox=SENDER, token=Secret(judges.genuine), message=message))
    assert result.signed_in
    assert (result.stage, result.code, result.enhanced) == (Stage.RCPT, 553, "5.7.1"), result
    assert not result.maybe_accepted


def test_dovecot_verifies_with_the_published_keys(judges: Judges) -> None:
    """Its own verification, in C with OpenSSL: of tokens without lists, see servers.py."""
    forger = judges.forger
    assert _verified(judges, forger.flat(upn=SENDER)) == LET_IN
    now = int(time.time())
    wrong = (
        {"upn": NEIGHBOUR},
        {"upn": SENDER, "exp": now - 60, "iat": now - 120, "nbf": now - 120},
        {"upn": SENDER, "nbf": now + 600},
        {"upn": SENDER, "iss": f"https://sts.windows.net/{OTHER_TENANT}/"},
        {"upn": SENDER, "aud": "https://graph.microsoft.com"},
        {"upn": SENDER, "key": foreign_key()},
    )

    async def all_at_once() -> list[str]:
        tokens = [forger.flat(**changes) for changes in wrong]
        return await asyncio.gather(*(asyncio.to_thread(_verified, judges, token) for token in tokens))

    for changes, said in zip(wrong, run(all_at_once()), strict=True):
        assert "AUTHENTICATIONFAILED" in said, changes


def _verified(judges: Judges, token: str) -> str:
    return controls.imap(judges.servers.imap, judges.servers.trust, SENDER, token, controls.oauthbearer)


async def _all(
    judges: Judges, mailbox: str, token: str
) -> tuple[dict[str, SmtpResult], dict[str, InboxResult], dict[str, str]]:
    """Our clients, and Python's for SMTP and IMAP, at every server; at once, as a refusal may take half a second."""
    compared = [name for name in (*SUBMISSION, *INBOXES) if not name.endswith("pop")]
    sent = asyncio.gather(*(sign_in(server(judges, name), mailbox=mailbox, token=Secret(token)) for name in SUBMISSION))
    opened = asyncio.gather(*(open_inbox(judges, name, mailbox, token) for name in INBOXES))
    said = asyncio.gather(*(asyncio.to_thread(_control, judges, name, mailbox, token) for name in compared))
    results, inboxes, texts = await sent, await opened, await said
    return (
        dict(zip(SUBMISSION, results, strict=True)),
        dict(zip(INBOXES, inboxes, strict=True)),
        dict(zip(compared, texts, strict=True)),
    )


def _control(judges: Judges, name: str, mailbox: str, token: str) -> str:
    judge = server(judges, name)
    client = controls.imap if name.endswith("imap") else controls.smtp
    return client(judge.port, judge.tls, mailbox, token)


def _counts(judges: Judges) -> list[int]:
    """How many mails our clients see in Dovecot's inbox."""
    counts = []
    for name in ("dovecot imap", "dovecot pop"):
        opened = run(open_inbox(judges, name, SENDER, judges.genuine))
        assert opened.messages is not None, opened
        counts.append(opened.messages)
    return counts


def _arrived(judges: Judges, message_id: str) -> bytes:
    until = time.monotonic() + DELIVERY_SECONDS
    while time.monotonic() < until:
        found = controls.mail(judges.servers.imap, judges.servers.trust, SENDER, judges.genuine, message_id)
        if found is not None:
            return found
        time.sleep(0.05)
    raise AssertionError(f"the mail did not arrive\n{judges.servers.log()}")
