"""What IMAP and POP ask of Exchange: who may sign in to which mailbox, and whether it opens then.

There is no application role for either: an application needs the claim, a pointer and FullAccess.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.exchange import directory
from provisioner.sandbox.exchange.application_roles import pointer_of
from provisioner.sandbox.exchange.client_access import settings
from provisioner.sandbox.exchange.faults import CmdletFailed
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.store import Document, Transaction
from provisioner.sandbox.tokens import EXCHANGE, Claims, TokenRefused

Protocol = Literal["IMAP", "POP"]
_SWITCH: dict[Protocol, str] = {"IMAP": "imapEnabled", "POP": "popEnabled"}


@dataclass(frozen=True)
class SignedIn:
    """A token was accepted for a mailbox, which `opens` or does not."""

    caller: str
    address: str
    opens: bool


class SignInRefused(Exception):
    """No reason is ever given."""


@behaviour(
    "Refused at sign-in, all alike: a bad token, a missing claim or scope, a pointer whose AppId or ObjectId is not "
    "the token's, an unknown mailbox",
    source="exchange.md 5.1, 5.2 S16, S27; field-notes.md 5",
    if_wrong="a wrong object id and a missing consent are told apart wrongly",
)
@behaviour(
    "Signed in, but the mailbox does not open: FullAccess missing (of the application, or of a person on a shared "
    "mailbox), or the protocol switched off",
    source="field-notes.md 5; exchange.md 5.2 (switched off, wrong mailbox); sources disagree whether "
    "FullAccess is missed here or at sign-in",
    if_wrong="a successful login is taken for proof",
)
def sign_in(sandbox: Sandbox, protocol: Protocol, user: str, token: str) -> SignedIn:
    """Check a token for a mailbox; SignInRefused otherwise."""
    try:
        claims = sandbox.tokens.verify(token, EXCHANGE)
    except TokenRefused:
        raise SignInRefused from None
    if claims.tid != sandbox.tenant_id:
        raise SignInRefused
    with sandbox.store.transaction() as tx:
        try:
            mailbox = directory.mailbox(tx, user)
        except CmdletFailed:
            raise SignInRefused from None
        sid = _application_sid(sandbox, tx, protocol, claims) if claims.app_only else _user_sid(tx, protocol, claims)
        opens = _may_open(sandbox, tx, mailbox, sid)
        seen = sandbox.protocols_as_of("switch", mailbox["id"])
        enabled = bool(settings(tx, mailbox["id"], seen)[_SWITCH[protocol]])
    return SignedIn(claims.caller, mailbox["primarySmtpAddress"].lower(), opens and enabled)


def folder(sandbox: Sandbox, address: str, name: str) -> list[Document]:
    """Messages of a mailbox's folder ("inbox" or "sentitems"), oldest first."""
    with sandbox.store.transaction() as tx:
        return [each for each in tx.view("messages") if (each["mailbox"], each["folder"]) == (address, name)]


def _application_sid(sandbox: Sandbox, tx: Transaction, protocol: Protocol, claims: Claims) -> str:
    pointer = pointer_of(tx, claims, sandbox.protocols_as_of("right", claims.appid))
    if pointer is None or f"{protocol}.AccessAsApp" not in claims.roles:
        raise SignInRefused
    return str(pointer["sid"])


@behaviour(
    "A person signs in with IMAP.AccessAsUser.All (POP likewise), to the own mailbox or one with FullAccess on it",
    source="exchange.md 5.2 S16 (user = shared address, token = the member's); field-notes.md 3",
    if_wrong="a shared mailbox is promised or denied",
)
def _user_sid(tx: Transaction, protocol: Protocol, claims: Claims) -> str:
    if f"{protocol}.AccessAsUser.All" not in claims.scp:
        raise SignInRefused
    try:
        return str(directory.mailbox(tx, claims.upn or "")["sid"])
    except CmdletFailed:
        return ""  # a person without mailbox has no right to any


def _may_open(sandbox: Sandbox, tx: Transaction, mailbox: Document, sid: str) -> bool:
    if sid == mailbox["sid"]:
        return True
    seen = sandbox.protocols_as_of("right", f"{mailbox['id']}:{sid}")
    return "FullAccess" in directory.rights(tx, mailbox["id"], sid, seen)
