"""POP with XOAUTH2, as far as STAT: how many messages there are. Nothing is fetched, nothing is deleted.

Sources: RFC 1939, 5034; exchange.md 5.2 (the token comes in a line of its own).
"""

from __future__ import annotations

from provisioner.mail.inbox import Conversation, Ended, InboxResult, Step, converse
from provisioner.mail.server import Server, Trouble
from provisioner.mail.xoauth2 import decoded
from provisioner.model.secret import Secret

_MOST_CHALLENGES = 3


async def open_inbox(server: Server, *, mailbox: str, token: Secret) -> InboxResult:
    """Sign in as a mailbox, count its messages and leave."""
    return await converse(server, mailbox, token, _speak, goodbye=b"QUIT")


async def _speak(conversation: Conversation) -> int:
    _ok(await conversation.line())
    conversation.step = Step.AUTH
    conversation.send(b"AUTH XOAUTH2")
    line, challenge = await conversation.line(), ""
    for told in range(_MOST_CHALLENGES):
        if not line.startswith("+ ") and line != "+":
            break
        challenge = decoded(line[1:].strip()) if told else ""
        conversation.send(b"" if told else conversation.response)
        line = await conversation.line()
    _ok(f"{line} {challenge}".strip())
    conversation.step = Step.INBOX
    conversation.send(b"STAT")
    count = (_ok(await conversation.line())).split(" ")[0]
    return int(count) if count.isdigit() else 0


def _ok(line: str) -> str:
    status, _, text = line.partition(" ")
    if status.upper() == "+OK":
        return text
    if status.upper() == "-ERR":
        raise Ended("-ERR", text)
    raise Ended("", "the server does not speak POP", Trouble.PROTOCOL)
