"""IMAP as Exchange Online speaks it: signing in with a token, and whether a mailbox opens. No messages are fetched."""

from __future__ import annotations

import re
from typing import Final

from provisioner.sandbox import sasl
from provisioner.sandbox.exchange import mailbox_protocols
from provisioner.sandbox.exchange.mailbox_protocols import SignedIn, SignInRefused
from provisioner.sandbox.ledger import mark
from provisioner.sandbox.line_server import BANNER, Conversation, LineListener

_CAPABILITIES: Final = (
    "IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE ID UNSELECT CHILDREN IDLE NAMESPACE LITERAL+"
)
_FLAGS: Final = r"\Seen \Answered \Flagged \Deleted \Draft $MDNSent"
_FOLDERS: Final = {"inbox": "inbox", "sent items": "sentitems"}
_LITERAL: Final = re.compile(r"\{(\d{1,6})(\+?)\}$")
_WORD: Final = re.compile(r'"((?:[^"\\]|\\.)*)"|([^\s"]+)')
_STATUS_ITEM: Final = re.compile(r"MESSAGES|RECENT|UIDNEXT|UIDVALIDITY|UNSEEN", re.IGNORECASE)

mark(
    "AUTHENTICATE XOAUTH2 in one line or after an empty challenge; refused with NO AUTHENTICATE failed. at once, "
    "without a JSON challenge",
    source="exchange.md 5.2 S16; live behaviour unverified",
    if_wrong="a client that waits for a challenge hangs in the service, or here",
)
mark(
    "A mailbox that does not open: AUTHENTICATE and NOOP succeed, what touches a folder is BAD User is authenticated "
    "but not connected.",
    source="exchange.md 5.2 (text in many public reports); that NOOP succeeds: unverified",
    if_wrong="a verifier that stops at the login, or at NOOP, is not found out",
)
mark(
    "Words of the greeting, of SELECT, of refusals in the wrong state; commands that fetch or search are refused",
    source="greeting and capabilities: email-oauth2-proxy#74 (log); the rest from memory, unverified",
    if_wrong="only texts differ",
)


def imap_listener() -> LineListener:
    """The IMAP port."""
    return LineListener("imap", lambda conversation: _Session(conversation).run())


class _Session:
    def __init__(self, conversation: Conversation) -> None:
        self._talk = conversation
        self._signed_in: SignedIn | None = None

    async def run(self) -> None:
        await self._talk.say(f"* OK The Microsoft Exchange IMAP4 service is ready. [{BANNER}]")
        going = True
        while going:
            tag, _, rest = (await self._line()).partition(" ")
            verb, _, arguments = rest.partition(" ")
            going = await self._command(tag, verb.upper(), arguments)

    async def _line(self) -> str:
        """A command with its literals in their places, quoted."""
        line = await self._talk.line()
        while (found := _LITERAL.search(line)) is not None:
            if not found[2]:
                await self._talk.say("+ Ready for additional command text.")
            text = (await self._talk.octets(int(found[1]))).replace("\\", "\\\\").replace('"', '\\"')
            line = f'{line[: found.start()]}"{text}"{await self._talk.line()}'
        return line

    async def _command(self, tag: str, verb: str, arguments: str) -> bool:
        say = self._talk.say
        if verb == "LOGOUT":
            await say("* BYE Microsoft Exchange Server IMAP4 server signing off.", f"{tag} OK LOGOUT completed.")
            return False
        if verb == "CAPABILITY":
            await say(f"* CAPABILITY {_CAPABILITIES}", f"{tag} OK CAPABILITY completed.")
        elif verb == "ID":
            await say(
                '* ID ("name" "Microsoft.Exchange.Imap4.Imap4Server" "version" "15.20")', f"{tag} OK ID completed"
            )
        elif verb == "NOOP":
            await say(f"{tag} OK NOOP completed.")
        elif verb in ("AUTHENTICATE", "LOGIN"):
            await self._authenticate(tag, verb, arguments)
        elif verb in _MAILBOX_COMMANDS:
            await self._in_mailbox(tag, verb, arguments)
        else:
            await say(f"{tag or '*'} BAD Command Error. 12")
        return True

    async def _authenticate(self, tag: str, verb: str, arguments: str) -> None:
        if self._signed_in is not None:
            await self._talk.say(f"{tag} BAD Command received in Invalid state.")
            return
        if verb == "LOGIN":
            await self._talk.say(f"{tag} NO LOGIN failed.")
            return
        mechanism, _, initial = arguments.partition(" ")
        if not initial:
            await self._talk.say("+")
            initial = await self._talk.line()
        if initial.strip() == "*":
            await self._talk.say(f"{tag} BAD The AUTHENTICATE command was cancelled.")
            return
        if await self._talk.strikes("AUTHENTICATE") is not None:
            await self._talk.say(f"{tag} NO Server Unavailable. 15")
            return
        user, token = sasl.parse_xoauth2(sasl.decode(initial)) if mechanism.upper() == "XOAUTH2" else ("", "")
        try:
            self._signed_in = mailbox_protocols.sign_in(self._talk.sandbox, "IMAP", user, token)
        except SignInRefused:
            self._talk.log("AUTHENTICATE", user, "NO")
            await self._talk.say(f"{tag} NO AUTHENTICATE failed.")
            return
        self._talk.log("AUTHENTICATE", self._signed_in.caller, "OK")
        await self._talk.strikes("AUTHENTICATE", after=True)
        await self._talk.say(f"{tag} OK AUTHENTICATE completed.")

    async def _in_mailbox(self, tag: str, verb: str, arguments: str) -> None:
        who = self._signed_in
        if who is None:
            await self._talk.say(f"{tag} BAD Command received in Invalid state.")
            return
        if not who.opens:
            self._talk.log(verb, who.caller, "BAD")
            await self._talk.say(f"{tag} BAD User is authenticated but not connected.")
            return
        if await self._talk.strikes(verb) is not None:
            await self._talk.say(f"{tag} NO Server Unavailable. 15")
            return
        self._talk.log(verb, who.caller, "OK")
        await self._talk.say(*_MAILBOX_COMMANDS[verb](self, tag, verb, arguments, who))

    def _select(self, tag: str, verb: str, arguments: str, who: SignedIn) -> list[str]:
        name = _folder_name(arguments)
        if name not in _FOLDERS:
            return [f"{tag} NO {name} doesn't exist."]
        count = len(mailbox_protocols.folder(self._talk.sandbox, who.address, _FOLDERS[name]))
        access = "READ-ONLY" if verb == "EXAMINE" else "READ-WRITE"
        return [
            f"* {count} EXISTS",
            "* 0 RECENT",
            f"* FLAGS ({_FLAGS})",
            f"* OK [PERMANENTFLAGS ({_FLAGS})] Permanent flags",
            "* OK [UIDVALIDITY 14] UIDVALIDITY value",
            f"* OK [UIDNEXT {count + 1}] The next unique identifier value",
            f"{tag} OK [{access}] {verb} completed.",
        ]

    def _list(self, tag: str, verb: str, arguments: str, who: SignedIn) -> list[str]:
        del arguments, who
        names = (r'(\HasNoChildren) "/" INBOX', r'(\HasNoChildren \Sent) "/" "Sent Items"')
        return [*(f"* {verb} {name}" for name in names), f"{tag} OK {verb} completed."]

    def _status(self, tag: str, verb: str, arguments: str, who: SignedIn) -> list[str]:
        del verb
        name = _folder_name(arguments)
        if name not in _FOLDERS:
            return [f"{tag} NO {name} doesn't exist."]
        count = len(mailbox_protocols.folder(self._talk.sandbox, who.address, _FOLDERS[name]))
        values = {"MESSAGES": count, "RECENT": 0, "UIDNEXT": count + 1, "UIDVALIDITY": 14, "UNSEEN": count}
        wanted = [each.upper() for each in _STATUS_ITEM.findall(arguments.partition("(")[2])]
        shown = " ".join(f"{each} {values[each]}" for each in wanted)
        spelled = "INBOX" if name == "inbox" else '"Sent Items"'
        return [f"* STATUS {spelled} ({shown})", f"{tag} OK STATUS completed."]

    def _close(self, tag: str, verb: str, arguments: str, who: SignedIn) -> list[str]:
        del arguments, who
        return [f"{tag} OK {verb} completed."]


_MAILBOX_COMMANDS: Final = {
    "SELECT": _Session._select,
    "EXAMINE": _Session._select,
    "LIST": _Session._list,
    "LSUB": _Session._list,
    "STATUS": _Session._status,
    "CLOSE": _Session._close,
    "UNSELECT": _Session._close,
}


def _folder_name(arguments: str) -> str:
    found = _WORD.match(arguments.strip())
    return "" if found is None else (found[1] or found[2] or "").lower()
