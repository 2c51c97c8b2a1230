"""Python's own mail clients, for comparison: the same token at the same server must end the same way."""

from __future__ import annotations

import contextlib
import imaplib
import smtplib
import ssl
from collections.abc import Callable

LET_IN = "let in"


def xoauth2(mailbox: str, token: str) -> str:
    """The one response of XOAUTH2."""
    return f"user={mailbox}\x01auth=Bearer {token}\x01\x01"


def oauthbearer(mailbox: str, token: str) -> str:
    """The one response of OAUTHBEARER (RFC 7628 section 3.1)."""
    return f"n,a={mailbox},\x01auth=Bearer {token}\x01\x01"


def smtp(port: int, trust: ssl.SSLContext, mailbox: str, token: str, *, one_line: bool = False) -> str:
    """How signing in ends: `let in`, or the refusal as `535 text`. `one_line` sends the token in the command."""
    said = [xoauth2(mailbox, token)]

    def answer(challenge: bytes | None = None) -> str:
        del challenge
        return said.pop() if said else ""

    with contextlib.closing(smtplib.SMTP("127.0.0.1", port, timeout=20)) as client:
        client.ehlo()
        client.starttls(context=trust)
        client.ehlo()
        try:
            client.auth("XOAUTH2", answer, initial_response_ok=one_line)
        except smtplib.SMTPAuthenticationError as refusal:
            return f"{refusal.smtp_code} {refusal.smtp_error!r}"
    return LET_IN


def imap(
    port: int,
    trust: ssl.SSLContext,
    mailbox: str,
    token: str,
    response: Callable[[str, str], str] = xoauth2,
) -> str:
    """How signing in and opening the inbox end: `let in`, or the refusal."""
    said = [response(mailbox, token)]

    def answer(challenge: bytes) -> bytes:
        del challenge
        return said.pop().encode() if said else b""

    client = imaplib.IMAP4_SSL("127.0.0.1", port, ssl_context=trust, timeout=20)
    try:
        client.authenticate(response.__name__.upper(), answer)
        client.select("INBOX")
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error as refusal:
        return str(refusal)
    finally:
        client.shutdown()
    return LET_IN


def mail(port: int, trust: ssl.SSLContext, mailbox: str, token: str, message_id: str) -> bytes | None:
    """The mail of this Message-ID in the inbox, as it was stored; None where there is none."""
    with imaplib.IMAP4_SSL("127.0.0.1", port, ssl_context=trust, timeout=20) as client:
        client.authenticate("XOAUTH2", lambda challenge: xoauth2(mailbox, token).encode())
        client.select("INBOX", readonly=True)
        numbers = client.uid("SEARCH", "HEADER", "Message-ID", f'"{message_id}"')[1][0].split()
        if not numbers:
            return None
        (part, *_) = client.uid("FETCH", numbers[0].decode(), "(BODY.PEEK[])")[1]
        assert isinstance(part, tuple)
        return bytes(part[1])
