"""SMTP submission with XOAUTH2, one stage at a time, keeping what was answered at each.

For a proof the stage at which a server refuses, and its exact words, are the finding; so nothing here is an exception
but a faulty address. The token goes out in one line and into nothing else.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from provisioner.mail.message import Message, wire_address
from provisioner.mail.wire import Wire, connect
from provisioner.model.secret import Secret

TIMEOUT_SECONDS = 30.0
"""Per reply. RFC 5321 4.5.3.2 allows minutes; a submission server that people wait for answers in seconds."""

_MOST_LINES = 100
_MOST_TEXT = 4000
_REPLY = re.compile(rb"(\d{3})(?:([ -])(.*))?", re.DOTALL)
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s+|$)")


class Stage(StrEnum):
    """How far a conversation came; the last one it entered."""

    CONNECT = "connect"
    TLS = "tls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    ACCEPTED = "accepted"


class Trouble(StrEnum):
    """Why there was no reply to judge."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    DROPPED = "dropped"
    CERTIFICATE = "certificate"
    PROTOCOL = "protocol"


@dataclass(frozen=True)
class Reply:
    """One reply: `535`, `5.7.3` (empty where there is none), and the text without either."""

    stage: Stage
    code: int
    enhanced: str
    text: str


@dataclass(frozen=True)
class SmtpResult:
    """How a conversation ended. `code` is 0 where `trouble` says that no reply came."""

    stage: Stage
    code: int
    enhanced: str
    text: str
    message_id: str | None = None
    trouble: Trouble | None = None
    replies: tuple[Reply, ...] = ()
    """Everything that was answered, in order; for AUTH also a decoded challenge (code 334)."""

    @property
    def signed_in(self) -> bool:
        """The server took the token."""
        return any(each.stage is Stage.AUTH and each.code == 235 for each in self.replies)

    @property
    def accepted(self) -> bool:
        """The server took the mail."""
        return self.stage is Stage.ACCEPTED

    @property
    def maybe_accepted(self) -> bool:
        """The connection broke where the mail may already have been taken."""
        return self.stage is Stage.DATA and self.trouble is not None

    @property
    def temporary(self) -> bool:
        """The server says: not now (4xx)."""
        return 400 <= self.code < 500

    def __str__(self) -> str:
        numbers = " ".join(part for part in (str(self.code) if self.code else "", self.enhanced) if part)
        return f"{numbers} {self.text}".strip()


@dataclass(frozen=True)
class Server:
    """A submission server. `tls` must verify; the sandbox's brings its own CA."""

    host: str
    port: int
    tls: ssl.SSLContext
    timeout_seconds: float = TIMEOUT_SECONDS


async def sign_in(server: Server, *, mailbox: str, token: Secret) -> SmtpResult:
    """Sign in as a mailbox and leave. Ends at AUTH where all went well."""
    return await _converse(server, mailbox, token, None)


async def submit(server: Server, *, mailbox: str, token: Secret, message: Message) -> SmtpResult:
    """Sign in as a mailbox and send it the message, from itself. Ends at ACCEPTED where all went well."""
    return await _converse(server, mailbox, token, message)


class _Ended(Exception):
    """The conversation is over: with the reply that ended it, or with trouble."""

    def __init__(self, text: str, reply: Reply | None = None, trouble: Trouble | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.reply = reply
        self.trouble = trouble


async def _converse(server: Server, mailbox: str, token: Secret, message: Message | None) -> SmtpResult:
    wire_address(mailbox)  # raises before anything is opened
    conversation = _Conversation(server)
    try:
        reply = await conversation.run(mailbox, token, message)
        ended = _Ended(reply.text, reply)
    except _Ended as error:
        ended = error
    except TimeoutError:
        ended = _Ended(f"no answer within {server.timeout_seconds:g} seconds", trouble=Trouble.TIMEOUT)
    except ssl.SSLCertVerificationError as error:
        ended = _Ended(f"certificate of {server.host}: {error.verify_message}", trouble=Trouble.CERTIFICATE)
    except ssl.SSLError as error:
        ended = _Ended(f"TLS: {error.reason or type(error).__name__}", trouble=Trouble.PROTOCOL)
    except OSError as error:
        first = conversation.stage is Stage.CONNECT and not conversation.replies
        ended = _Ended(
            error.strerror or str(error) or type(error).__name__,
            trouble=Trouble.UNREACHABLE if first else Trouble.DROPPED,
        )
    except UnicodeError:
        ended = _Ended(f"{server.host!r} is no host name", trouble=Trouble.UNREACHABLE)
    finally:
        await conversation.leave()
    return SmtpResult(
        stage=conversation.stage,
        code=ended.reply.code if ended.reply else 0,
        enhanced=ended.reply.enhanced if ended.reply else "",
        text=ended.text,
        message_id=message.message_id if message else None,
        trouble=ended.trouble,
        replies=tuple(conversation.replies),
    )


class _Conversation:
    """One connection from greeting to goodbye."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._wire: Wire | None = None
        self._scrub: Callable[[str], str] = str
        self.stage = Stage.CONNECT
        self.replies: list[Reply] = []

    async def run(self, mailbox: str, token: Secret, message: Message | None) -> Reply:
        async with asyncio.timeout(self._server.timeout_seconds):
            self._wire = await connect(self._server.host, self._server.port)
        wire = self._wire
        await self._ask(None, 220)
        offered = await self._ask(f"EHLO {wire.own_address}".encode(), 250)
        self.stage = Stage.TLS
        if "STARTTLS" not in _keywords(offered):
            raise _Ended("the server does not offer STARTTLS", trouble=Trouble.PROTOCOL)
        await self._ask(b"STARTTLS", 220)
        async with asyncio.timeout(self._server.timeout_seconds):
            await wire.secure(self._server.tls, self._server.host)
        offered = await self._ask(f"EHLO {wire.own_address}".encode(), 250)
        self.stage = Stage.AUTH
        if not any(each.startswith("AUTH") and "XOAUTH2" in each.split() for each in _keywords(offered)):
            raise _Ended("the server does not offer XOAUTH2", trouble=Trouble.PROTOCOL)
        signed_in = await self._authenticate(mailbox, token)
        return signed_in if message is None else await self._submit(message)

    async def leave(self) -> None:
        if self._wire is not None:
            self._wire.send(b"QUIT\r\n")
            await self._wire.close()

    async def _authenticate(self, mailbox: str, token: Secret) -> Reply:
        """In one line; a server may answer a bad token at once, or with a challenge that wants an empty line.

        Microsoft's samples show no challenge, Google and Dovecot send one. Source: exchange.md 5.2.
        """
        line, self._scrub = _opening(mailbox, token)
        reply = await self._ask(b"AUTH XOAUTH2 " + line, 235, 334)
        if reply.code == 334:
            self.replies[-1] = Reply(reply.stage, reply.code, "", self._scrub(_decoded(reply.text)))
            reply = await self._ask(b"", 235)
        return reply

    async def _submit(self, message: Message) -> Reply:
        address = wire_address(message.address)
        self.stage = Stage.MAIL
        await self._ask(f"MAIL FROM:<{address}>".encode(), 250)
        self.stage = Stage.RCPT
        await self._ask(f"RCPT TO:<{address}>".encode(), 250, 251)
        self.stage = Stage.DATA
        await self._ask(b"DATA", 354)
        stuffed = re.sub(rb"(?m)^\.", b"..", message.data)
        reply = await self._ask(stuffed + (b"." if stuffed.endswith(b"\r\n") else b"\r\n."), 250)
        self.stage = Stage.ACCEPTED
        return reply

    async def _ask(self, line: bytes | None, *wanted: int) -> Reply:
        """Send a line (None: only listen) and take the reply; any other than the wanted codes ends it."""
        assert self._wire is not None
        if line is not None:
            self._wire.send(line + b"\r\n")
        async with asyncio.timeout(self._server.timeout_seconds):
            reply = await self._reply(self._wire)
        self.replies.append(reply)
        if reply.code not in wanted:
            raise _Ended(reply.text, reply)
        return reply

    async def _reply(self, wire: Wire) -> Reply:
        texts: list[str] = []
        enhanced = ""
        for _ in range(_MOST_LINES):
            parts = _REPLY.fullmatch(await wire.line())
            if parts is None:
                break
            text = (parts[3] or b"").decode("utf-8", "replace")
            if found := _ENHANCED.match(text):
                enhanced, text = found[1], text[found.end() :]
            texts.append(self._scrub(text))
            if parts[2] != b"-":
                return Reply(self.stage, int(parts[1]), enhanced, _legible("\n".join(texts)))
        raise _Ended("the server does not speak SMTP", trouble=Trouble.PROTOCOL)


def _opening(mailbox: str, token: Secret) -> tuple[bytes, Callable[[str], str]]:
    """The initial response, and a function that takes it and the token out of a text, should a server echo them.

    Source of the format: exchange.md 5.2.
    """
    bearer = token.reveal()
    initial = base64.b64encode(f"user={mailbox}\x01auth=Bearer {bearer}\x01\x01".encode()).decode()

    def scrub(text: str) -> str:
        return text.replace(initial, "…").replace(bearer, "…")

    return initial.encode(), scrub


def _keywords(reply: Reply) -> tuple[str, ...]:
    """What an EHLO reply offers, one keyword with its parameters per line, after the greeting line."""
    return tuple(line.upper().strip() for line in reply.text.split("\n")[1:])


def _decoded(challenge: str) -> str:
    with suppress(binascii.Error, ValueError):
        return _legible(base64.b64decode(challenge, validate=True).decode("utf-8", "replace"))
    return _legible(challenge)


def _legible(text: str) -> str:
    """Bounded, and without what a terminal would act on."""
    kept = "".join(each if each.isprintable() or each == "\n" else " " for each in text)
    return kept if len(kept) <= _MOST_TEXT else kept[:_MOST_TEXT] + "…"
