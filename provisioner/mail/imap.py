"""IMAP with XOAUTH2, as far as `EXAMINE INBOX`: it opens the inbox for reading only, so nothing is marked as seen.

Sources: RFC 9051; exchange.md 5.2.
"""

from __future__ import annotations

import re

from provisioner.mail.inbox import Conversation, Ended, InboxResult, Step, converse
from provisioner.mail.server import Server, Trouble
from provisioner.mail.xoauth2 import decoded
from provisioner.model.secret import Secret

_MOST_LINES = 500
_EXISTS = re.compile(r"\* (\d{1,10}) EXISTS", re.IGNORECASE)


async def open_inbox(server: Server, *, mailbox: str, token: Secret) -> InboxResult:
    """Sign in as a mailbox, look into its inbox and leave."""
    return await converse(server, mailbox, token, _speak, goodbye=b"p9 LOGOUT")


async def _speak(conversation: Conversation) -> int:
    greeting = await conversation.line()
    if not greeting.upper().startswith("* OK"):
        status, text = ("BYE", greeting[6:]) if greeting.upper().startswith("* BYE") else ("", greeting)
        raise Ended(status, text or "the server does not speak IMAP", None if status else Trouble.PROTOCOL)
    conversation.send(b"p1 CAPABILITY")
    offered = " ".join(await _answer(conversation, "p1")).upper().split()
    conversation.step = Step.AUTH
    if "AUTH=XOAUTH2" not in offered:
        raise Ended("", "the server does not offer XOAUTH2", Trouble.PROTOCOL)
    await _authenticate(conversation, in_one_line="SASL-IR" in offered)
    conversation.step = Step.INBOX
    conversation.send(b"p3 EXAMINE INBOX")
    counts = [int(found[1]) for each in await _answer(conversation, "p3") if (found := _EXISTS.match(each))]
    return counts[-1] if counts else 0


async def _authenticate(conversation: Conversation, *, in_one_line: bool) -> None:
    """The token in the command where the server takes that (SASL-IR), else when it asks.

    A bad token is refused at once (Microsoft's samples), or with a challenge that wants an empty line (Dovecot).
    """
    told = in_one_line
    conversation.send(b"p2 AUTHENTICATE XOAUTH2" + (b" " + conversation.response if in_one_line else b""))
    challenge = ""
    for _ in range(_MOST_LINES):
        line = await conversation.line()
        if line.startswith("+"):
            challenge = decoded(line[1:].strip()) if told else ""
            conversation.send(b"" if told else conversation.response)
            told = True
        elif line.startswith("p2 "):
            status, _, text = line[3:].partition(" ")
            if status.upper() == "OK":
                return
            raise Ended(status.upper(), f"{text} {challenge}".strip())
    raise _no_imap()


async def _answer(conversation: Conversation, tag: str) -> list[str]:
    """The untagged lines of a command that went well; Ended with what was said where it did not."""
    lines: list[str] = []
    for _ in range(_MOST_LINES):
        line = await conversation.line()
        if line.startswith(f"{tag} "):
            status, _, text = line[len(tag) + 1 :].partition(" ")
            if status.upper() == "OK":
                return lines
            raise Ended(status.upper(), text)
        if line.upper().startswith("* BYE"):
            raise Ended("BYE", line[6:])
        lines.append(line)
    raise _no_imap()


def _no_imap() -> Ended:
    return Ended("", "the server does not speak IMAP", Trouble.PROTOCOL)
