"""The SMTP conversation: every stage, both shapes of a refused token, every trouble; never the token."""

from __future__ import annotations

import asyncio
import base64
import email
import email.policy
import logging
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from smtp_double import DROP, HANG, Double, certificate, server_context, smtp_double

from provisioner.errors import InputFault
from provisioner.mail import Message, Server, SmtpResult, Stage, Trouble, proof_message, sign_in, submit
from provisioner.model.secret import Secret

MAILBOX = "cryptshare@contoso.example"
TOKEN = "eyJplanted.token-that-must-not.show"
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
MESSAGE = proof_message(MAILBOX, title="Sends as the mailbox", now=NOW)


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("pem"))


def converse(
    pem: tuple[Path, Path],
    replies: Mapping[str, str] | None = None,
    *,
    message: Message | None = None,
    timeout: float = 5.0,
    trust: Path | None = None,
    host: str = "127.0.0.1",
) -> tuple[SmtpResult, Double]:
    async def run() -> tuple[SmtpResult, Double]:
        async with smtp_double(server_context(*pem), replies) as double:
            tls = ssl.create_default_context(cafile=trust or pem[0])
            server = Server(host, double.port, tls, timeout)
            if message is None:
                result = await sign_in(server, mailbox=MAILBOX, token=Secret(TOKEN))
            else:
                result = await submit(server, mailbox=MAILBOX, token=Secret(TOKEN), message=message)
            return result, double

    return asyncio.run(run())


def test_sign_in_only(pem: tuple[Path, Path]) -> None:
    result, double = converse(pem)
    assert (result.stage, result.code, result.enhanced, result.text) == (
        Stage.AUTH,
        235,
        "2.7.0",
        "Authentication successful",
    )
    assert result.signed_in
    assert not result.accepted
    assert result.trouble is None
    assert result.message_id is None
    verbs = [line.split(" ")[0] for line in double.lines]
    assert verbs[:4] == ["EHLO", "STARTTLS", "EHLO", "AUTH"]
    assert double.lines[0] == "EHLO [127.0.0.1]", "our machine's name is nobody's business"
    assert double.lines[3] == "AUTH XOAUTH2", "with the token it would be longer than a command may be"
    assert base64.b64decode(double.lines[4]) == f"user={MAILBOX}\x01auth=Bearer {TOKEN}\x01\x01".encode()
    assert double.mails == []


def test_a_mail_from_the_mailbox_to_itself(pem: tuple[Path, Path]) -> None:
    result, double = converse(pem, message=MESSAGE)
    assert (result.stage, result.code, result.enhanced, result.message_id) == (
        Stage.ACCEPTED,
        250,
        "2.0.0",
        MESSAGE.message_id,
    )
    assert result.accepted
    assert [each.stage for each in result.replies] == [
        Stage.CONNECT, Stage.CONNECT, Stage.TLS, Stage.TLS, Stage.AUTH, Stage.AUTH,
        Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.DATA,
    ]  # fmt: skip
    assert f"MAIL FROM:<{MAILBOX}>" in double.lines
    assert f"RCPT TO:<{MAILBOX}>" in double.lines
    (content,) = double.mails
    mail = email.message_from_bytes(content.removesuffix(b".\r\n"), policy=email.policy.SMTP)
    assert mail["Message-ID"] == MESSAGE.message_id
    assert mail["From"] == mail["To"] == MAILBOX
    assert mail["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize("data", [b".hidden\r\n..x\r\n.\r\nend\r\n", b"no line end"])
def test_dots_do_not_end_a_mail_early(pem: tuple[Path, Path], data: bytes) -> None:
    result, double = converse(pem, message=Message(MAILBOX, "<1@x>", data))
    assert result.accepted
    (content,) = double.mails
    lines = content.removesuffix(b"\r\n.\r\n").split(b"\r\n")
    assert b"\r\n".join(line.removeprefix(b".") for line in lines) == data.removesuffix(b"\r\n")


def test_an_immediate_refusal(pem: tuple[Path, Path]) -> None:
    result, _ = converse(pem, {"AUTH": "535 5.7.3 Authentication unsuccessful [AB1.prod]"}, message=MESSAGE)
    assert (result.stage, result.code, result.enhanced) == (Stage.AUTH, 535, "5.7.3")
    assert str(result) == "535 5.7.3 Authentication unsuccessful [AB1.prod]"
    assert not result.signed_in


def test_the_token_waits_until_it_is_asked_for(pem: tuple[Path, Path]) -> None:
    result, double = converse(pem, {"AUTH command": "454 4.7.0 Temporary authentication failure"})
    assert (result.stage, result.code, result.temporary) == (Stage.AUTH, 454, True)
    assert double.lines[3:] in (["AUTH XOAUTH2"], ["AUTH XOAUTH2", "QUIT"])


def test_a_challenge_is_answered_with_an_empty_line(pem: tuple[Path, Path]) -> None:
    challenge = base64.b64encode(b'{"status":"401","schemes":"bearer","scope":"mail"}').decode()
    result, double = converse(pem, {"AUTH": f"334 {challenge}"})
    assert (result.stage, result.code, result.enhanced) == (Stage.AUTH, 535, "5.7.3")
    assert double.lines[-1] in ("", "QUIT")
    assert "" in double.lines
    assert '"status":"401"' in result.replies[-2].text
    assert result.replies[-2].code == 334


def test_a_challenge_may_still_end_well(pem: tuple[Path, Path]) -> None:
    result, _ = converse(pem, {"AUTH": "334 not base64!", "": "235 2.7.0 fine"})
    assert result.signed_in


@pytest.mark.parametrize(
    ("stage", "verb", "reply", "code", "enhanced"),
    [
        (Stage.CONNECT, "CONNECT", "421 4.3.2 Service not available", 421, "4.3.2"),
        (Stage.CONNECT, "EHLO", "502 5.5.1 no", 502, "5.5.1"),
        (Stage.TLS, "STARTTLS", "454 4.7.0 TLS not available", 454, "4.7.0"),
        (Stage.TLS, "EHLO over TLS", "421 closing", 421, ""),
        (Stage.AUTH, "AUTH command", "504 5.7.4 Unrecognized authentication type", 504, "5.7.4"),
        (Stage.AUTH, "AUTH", "432 4.3.2 Concurrent connections limit exceeded", 432, "4.3.2"),
        (Stage.MAIL, "MAIL", "550 5.7.60 SMTP; Client does not have permissions", 550, "5.7.60"),
        (Stage.RCPT, "RCPT", "550 5.1.10 unknown", 550, "5.1.10"),
        (Stage.DATA, "DATA", "554 5.5.1 no", 554, "5.5.1"),
        (Stage.DATA, "content", "430 4.2.0 STOREDRV; mailbox logon failure; MapiExceptionLogonFailed", 430, "4.2.0"),
        (Stage.DATA, "content", "554-5.2.0 STOREDRV\r\n554 5.2.0 SendAsDenied", 554, "5.2.0"),
    ],
)
def test_a_refusal_at_each_stage(
    pem: tuple[Path, Path], stage: Stage, verb: str, reply: str, code: int, enhanced: str
) -> None:
    result, _ = converse(pem, {verb: reply}, message=MESSAGE)
    assert (result.stage, result.code, result.enhanced, result.trouble) == (stage, code, enhanced, None)
    assert result.temporary == (400 <= code < 500)
    assert not result.accepted
    assert result.signed_in == (stage in (Stage.MAIL, Stage.RCPT, Stage.DATA))
    assert reply.split(" ")[-1] in result.text


@pytest.mark.parametrize(
    ("verb", "stage"),
    [
        ("CONNECT", Stage.CONNECT),
        ("EHLO", Stage.CONNECT),
        ("STARTTLS", Stage.TLS),
        ("AUTH command", Stage.AUTH),
        ("AUTH", Stage.AUTH),
        ("MAIL", Stage.MAIL),
        ("RCPT", Stage.RCPT),
        ("DATA", Stage.DATA),
        ("content", Stage.DATA),
    ],
)
def test_a_connection_that_breaks_or_hangs(pem: tuple[Path, Path], verb: str, stage: Stage) -> None:
    dropped, _ = converse(pem, {verb: DROP}, message=MESSAGE)
    first = Trouble.UNREACHABLE if verb == "CONNECT" else Trouble.DROPPED
    assert (dropped.stage, dropped.code, dropped.trouble) == (stage, 0, first)
    hung, _ = converse(pem, {verb: HANG}, message=MESSAGE, timeout=0.2)
    assert (hung.stage, hung.code, hung.trouble) == (stage, 0, Trouble.TIMEOUT)
    assert dropped.maybe_accepted == hung.maybe_accepted == (stage is Stage.DATA)
    assert dropped.message_id == MESSAGE.message_id


@pytest.mark.parametrize(
    ("replies", "stage", "words"),
    [
        ({"EHLO": "250-x\r\n250 SIZE"}, Stage.TLS, "STARTTLS"),
        ({"EHLO": "250 STARTTLS"}, Stage.TLS, "STARTTLS"),
        ({"EHLO over TLS": "250-x\r\n250 AUTH LOGIN PLAIN"}, Stage.AUTH, "XOAUTH2"),
        ({"CONNECT": "HTTP/1.1 400 Bad Request"}, Stage.CONNECT, "SMTP"),
        ({"CONNECT": "\r\n".join(["220-x"] * 300)}, Stage.CONNECT, "SMTP"),
        ({"AUTH": "x" * 300_000}, Stage.AUTH, "SMTP"),
    ],
)
def test_a_server_that_is_none(pem: tuple[Path, Path], replies: dict[str, str], stage: Stage, words: str) -> None:
    result, double = converse(pem, replies)
    assert (result.stage, result.trouble) == (stage, Trouble.PROTOCOL)
    assert words in result.text
    assert stage is Stage.AUTH or not any(line.startswith("AUTH") for line in double.lines)


def test_nothing_said_in_clear_counts_inside_tls(pem: tuple[Path, Path]) -> None:
    slipped_in = "220 ready\r\n250-evil\r\n250 AUTH XOAUTH2\r\n235 2.7.0 fine"
    result, _ = converse(pem, {"STARTTLS": slipped_in, "AUTH": "535 5.7.3 no"})
    assert (result.code, result.signed_in) == (535, False)


def test_certificates_are_named(pem: tuple[Path, Path], tmp_path: Path) -> None:
    other, _ = certificate(tmp_path)
    unknown, double = converse(pem, trust=other)
    assert (unknown.stage, unknown.trouble) == (Stage.TLS, Trouble.CERTIFICATE)
    assert "self-signed certificate" in unknown.text
    assert not any(line.startswith("AUTH") for line in double.lines)

    expired, _ = converse(certificate(tmp_path, expired=True))
    assert (expired.trouble, "expired" in expired.text) == (Trouble.CERTIFICATE, True)

    wrong_name, _ = converse(certificate(tmp_path, host="mail.example"))
    assert (wrong_name.trouble, "127.0.0.1" in wrong_name.text) == (Trouble.CERTIFICATE, True)


def test_nobody_there(pem: tuple[Path, Path]) -> None:
    async def run(host: str, port: int) -> SmtpResult:
        server = Server(host, port, ssl.create_default_context(cafile=pem[0]), 5.0)
        return await sign_in(server, mailbox=MAILBOX, token=Secret(TOKEN))

    for host, port in (("127.0.0.1", 1), ("no..name", 587), ("x" * 70, 587)):
        result = asyncio.run(run(host, port))
        assert (result.stage, result.code, result.trouble) == (Stage.CONNECT, 0, Trouble.UNREACHABLE), result
        assert result.text


def test_the_token_is_nowhere_but_on_the_wire(pem: tuple[Path, Path], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    initial = base64.b64encode(f"user={MAILBOX}\x01auth=Bearer {TOKEN}\x01\x01".encode()).decode()
    echo = f"535 5.7.3 you said {initial} and {TOKEN}"
    challenge = base64.b64encode(f'{{"token": "{TOKEN}"}}'.encode()).decode()
    for replies in ({"AUTH": echo}, {"AUTH": f"334 {challenge}", "": echo}, {"AUTH": "235 ok", "MAIL": echo}):
        result, double = converse(pem, replies, message=MESSAGE)
        assert any(initial in line for line in double.lines)
        assert TOKEN not in repr(result) + str(result) + caplog.text
        assert initial not in repr(result) + str(result) + caplog.text
        assert "you said … and …" in result.text


def test_a_reply_cannot_drive_a_terminal(pem: tuple[Path, Path]) -> None:
    result, _ = converse(pem, {"AUTH": "535 5.7.3 \x1b[31mred\x07\u202e \udcff"})
    assert result.text == " [31mred   \ufffd"


@pytest.mark.parametrize(
    "mailbox",
    [
        "", "x", "@contoso.example", "a@", "a@b", "a b@contoso.example", "a@contoso.example>\r\nRSET",
        "a@contoso.example\r\nDATA", "a\x01auth=@contoso.example", "<a@contoso.example>", "ä@contoso.example",
        "a,b@contoso.example", "a@" + "x" * 70 + ".example", "a@con toso.example", "a@contoso.example\0",
    ],
)  # fmt: skip
def test_hostile_addresses_are_refused_before_anything_is_opened(mailbox: str) -> None:
    with pytest.raises(InputFault):
        proof_message(mailbox, title="x", now=NOW)

    async def run() -> SmtpResult:
        server = Server("127.0.0.1", 1, ssl.create_default_context(), 1.0)
        return await sign_in(server, mailbox=mailbox, token=Secret(TOKEN))

    with pytest.raises(InputFault):
        asyncio.run(run())


def test_the_proof_message() -> None:
    one = proof_message("o'neil+x@bücher.example", title="hostile\r\nBcc: all@x.example\x1b", now=NOW)
    two = proof_message("o'neil+x@bücher.example", title="x", now=NOW)
    assert one.message_id != two.message_id
    mail = email.message_from_bytes(one.data, policy=email.policy.SMTP)
    assert mail["From"] == mail["To"] == "o'neil+x@xn--bcher-kva.example"
    assert mail["Bcc"] is None
    assert f"\r\nMessage-ID: {one.message_id}\r\n".encode() in one.data, "in one line"
    assert mail["Date"].datetime == NOW
    assert b"\n" not in one.data.replace(b"\r\n", b"")
    assert one.data.isascii()
