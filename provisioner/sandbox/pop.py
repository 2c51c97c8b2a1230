"""POP as Exchange Online speaks it: signing in with a token, and how many messages there are."""

from __future__ import annotations

from typing import Final

from provisioner.sandbox import sasl
from provisioner.sandbox.exchange import mailbox_protocols
from provisioner.sandbox.exchange.mailbox_protocols import SignedIn, SignInRefused
from provisioner.sandbox.ledger import mark
from provisioner.sandbox.line_server import BANNER, Conversation, LineListener
from provisioner.sandbox.store import Document

_REFUSED: Final = "-ERR Authentication failure: unknown user name or bad password."
_CAPABILITIES: Final = ("+OK", "TOP", "UIDL", "SASL PLAIN XOAUTH2", "USER", ".")

mark(
    "AUTH XOAUTH2 takes two steps; in one line it is a protocol error",
    source="exchange.md 5.2 S16 (two-step); the refusal of one line: unverified",
    if_wrong="a client that sends one line works in the service and not here",
)
mark(
    "Every refusal is the same sentence, a missing mailbox right and a protocol switched off too",
    source="exchange.md 5.2 S16 (text); the last two unverified",
    if_wrong="a cause is named that the service does not tell",
)


def pop_listener() -> LineListener:
    """The POP port."""
    return LineListener("pop", lambda conversation: _Session(conversation).run())


class _Session:
    def __init__(self, conversation: Conversation) -> None:
        self._talk = conversation
        self._signed_in: SignedIn | None = None

    async def run(self) -> None:
        await self._talk.say(f"+OK The Microsoft Exchange POP3 service is ready. [{BANNER}]")
        going = True
        while going:
            verb, _, arguments = (await self._talk.line()).partition(" ")
            going = await self._command(verb.upper(), arguments.strip())

    async def _command(self, verb: str, arguments: str) -> bool:
        if verb == "QUIT":
            await self._talk.say("+OK Microsoft Exchange Server POP3 server signing off.")
            return False
        if verb == "CAPA":
            await self._talk.say(*_CAPABILITIES)
        elif verb == "AUTH" and self._signed_in is None:
            await self._authenticate(arguments)
        elif verb == "USER" and self._signed_in is None:
            await self._talk.say("+OK")
        elif verb == "PASS" and self._signed_in is None:
            await self._talk.say("-ERR Logon failure: unknown user name or bad password.")
        elif verb in ("STAT", "LIST", "UIDL", "NOOP") and self._signed_in is not None:
            await self._talk.say(*self._read(verb, self._signed_in))
        else:
            await self._talk.say("-ERR Protocol error. 18")
        return True

    async def _authenticate(self, arguments: str) -> None:
        mechanism, _, initial = arguments.partition(" ")
        if mechanism.upper() not in ("XOAUTH2", "PLAIN") or initial:
            await self._talk.say("-ERR Protocol error. 18")
            return
        await self._talk.say("+ ")
        response = await self._talk.line()
        if await self._talk.strikes("AUTH") is not None:
            await self._talk.say("-ERR Server Unavailable. 21")
            return
        user, token = sasl.parse_xoauth2(sasl.decode(response)) if mechanism.upper() == "XOAUTH2" else ("", "")
        try:
            who = mailbox_protocols.sign_in(self._talk.sandbox, "POP", user, token)
        except SignInRefused:
            who = None
        if who is None or not who.opens:
            self._talk.log("AUTH", user, "-ERR")
            await self._talk.say(_REFUSED)
            return
        self._signed_in = who
        self._talk.log("AUTH", who.caller, "+OK")
        await self._talk.strikes("AUTH", after=True)
        await self._talk.say("+OK User successfully authenticated.")

    def _read(self, verb: str, who: SignedIn) -> list[str]:
        if verb == "NOOP":
            return ["+OK"]
        sizes = [_size(each) for each in mailbox_protocols.folder(self._talk.sandbox, who.address, "inbox")]
        if verb == "STAT":
            return [f"+OK {len(sizes)} {sum(sizes)}"]
        ids = range(1, len(sizes) + 1)
        values = (str(size) for size in sizes) if verb == "LIST" else (f"{number:08X}" for number in ids)
        return ["+OK", *(f"{number} {value}" for number, value in zip(ids, values, strict=True)), "."]


def _size(message: Document) -> int:
    return len(str(message["subject"]).encode()) + len(str(message["bodyPreview"]).encode())
