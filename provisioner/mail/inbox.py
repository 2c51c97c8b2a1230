"""What IMAP and POP have in common: TLS from the first byte, one sign-in with XOAUTH2, one look at the inbox.

Signing in proves little there: Exchange may take the token and then say that the user is "authenticated but not
connected" (exchange.md 5.2). So the inbox is asked for; nothing in it is changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from provisioner.mail.message import wire_address
from provisioner.mail.server import Server, Trouble, trouble_of
from provisioner.mail.wire import Wire, connect
from provisioner.mail.xoauth2 import legible, response
from provisioner.model.secret import Secret


class Step(StrEnum):
    """How far a conversation came; the last step it entered."""

    CONNECT = "connect"
    AUTH = "auth"
    INBOX = "inbox"
    OPENED = "opened"


@dataclass(frozen=True)
class InboxResult:
    """How a conversation ended."""

    step: Step
    status: str
    """The protocol's own word (`NO`, `BAD`, `-ERR`); empty where `trouble` says that no reply came."""
    text: str
    trouble: Trouble | None = None
    messages: int | None = None
    """How many there are, where the inbox was opened."""

    @property
    def signed_in(self) -> bool:
        """The server took the token."""
        return self.step in (Step.INBOX, Step.OPENED)

    @property
    def opened(self) -> bool:
        """The server showed the inbox."""
        return self.step is Step.OPENED

    def __str__(self) -> str:
        return f"{self.status} {self.text}".strip()


class Ended(Exception):
    """The conversation is over: with a reply, or without one."""

    def __init__(self, status: str, text: str, trouble: Trouble | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.trouble = trouble


class Conversation:
    """One connection. What a protocol says on it is the protocol's own file."""

    def __init__(self, server: Server, mailbox: str, token: Secret) -> None:
        self._server = server
        self._wire: Wire | None = None
        self.response, self._scrub = response(mailbox, token)
        """The token as XOAUTH2 puts it."""
        self.step = Step.CONNECT
        self.answered = False

    async def open(self) -> None:
        """Connect."""
        async with asyncio.timeout(self._server.timeout_seconds):
            self._wire = await connect(self._server.host, self._server.port, self._server.tls)

    def send(self, line: bytes) -> None:
        """One line, without its end."""
        assert self._wire is not None
        self._wire.send(line + b"\r\n")

    async def line(self) -> str:
        """The next line, without the token should the server echo it."""
        assert self._wire is not None
        async with asyncio.timeout(self._server.timeout_seconds):
            line = await self._wire.line()
        self.answered = True
        return legible(self._scrub(line.decode("utf-8", "replace")))

    async def leave(self, goodbye: bytes) -> None:
        """Say goodbye, if there is anybody."""
        if self._wire is not None:
            with suppress(OSError):
                self.send(goodbye)
            await self._wire.close()


async def converse(
    server: Server, mailbox: str, token: Secret, speak: Callable[[Conversation], Awaitable[int]], *, goodbye: bytes
) -> InboxResult:
    """Hold a conversation. `speak` gives the number of messages, or raises Ended. Raises InputFault for no address."""
    wire_address(mailbox)  # raises before anything is opened
    conversation = Conversation(server, mailbox, token)
    messages = None
    try:
        await conversation.open()
        messages = await speak(conversation)
        conversation.step = Step.OPENED
        ended = Ended("", "")
    except Ended as error:
        ended = error
    except (OSError, UnicodeError) as error:
        text, trouble = trouble_of(error, server, answered=conversation.answered)
        ended = Ended("", text, trouble)
    finally:
        await conversation.leave(goodbye)
    return InboxResult(conversation.step, ended.status, ended.text, ended.trouble, messages)
