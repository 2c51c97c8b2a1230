"""SMTP submission with XOAUTH2, one stage at a time, keeping what was answered at each.

For a proof the stage at which a server refuses, and its exact words, are the finding; so nothing here is an exception
but a faulty address. The token goes out in one line and into nothing else.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from provisioner.mail.message import Message, wire_address
from provisioner.mail.server import Server, Trouble, trouble_of
from provisioner.mail.wire import Wire, connect
from provisioner.mail.xoauth2 import decoded, legible, response
from provisioner.model.secret import Secret

_MOST_LINES = 100
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
    """Everything that was answered, in order; for AUTH also the question for the token, and a decoded challenge."""

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
    except (OSError, UnicodeError) as error:
        text, trouble = trouble_of(error, server, answered=bool(conversation.replies))
        ended = _Ended(text, trouble=trouble)
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
        """The token goes in a line of its own: in the command it would exceed what a command may measure.

        RFC 4954 section 4 forbids that, Dovecot and Postfix refuse it, and Microsoft's sample for SMTP waits for the
        334, too. A server may answer a bad token at once, or with a challenge that wants an empty line: Microsoft's
        samples show no challenge, Google and Dovecot send one. Source: exchange.md 5.2 S16.
        """
        line, self._scrub = response(mailbox, token)
        await self._ask(b"AUTH XOAUTH2", 334)
        reply = await self._ask(line, 235, 334)
        if reply.code == 334:
            self.replies[-1] = Reply(reply.stage, reply.code, "", self._scrub(decoded(reply.text)))
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
                return Reply(self.stage, int(parts[1]), enhanced, legible("\n".join(texts)))
        raise _Ended("the server does not speak SMTP", trouble=Trouble.PROTOCOL)


def _keywords(reply: Reply) -> tuple[str, ...]:
    """What an EHLO reply offers, one keyword with its parameters per line, after the greeting line."""
    return tuple(line.upper().strip() for line in reply.text.split("\n")[1:])
