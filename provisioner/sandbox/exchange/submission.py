"""What mail submission asks of Exchange: who may sign in as whom, who may send, and where a mail goes.

The protocols see Exchange's directory later than its cmdlets do, and claims only as they were frozen in the token.
Sign-in and sending are judged apart: a sign-in proves nothing about mailbox rights.
"""

from __future__ import annotations

import email
import email.policy
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import getaddresses

from provisioner.sandbox.clock import format_time
from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.exchange import directory
from provisioner.sandbox.exchange.client_access import smtp_auth_off
from provisioner.sandbox.exchange.faults import CmdletFailed
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.store import Document, Transaction
from provisioner.sandbox.tokens import EXCHANGE, Claims, TokenRefused

MESSAGES = "messages"
_PREVIEW_CHARACTERS = 255


@dataclass(frozen=True)
class Sender:
    """Who signed in: the mailbox it speaks for, and the security identifier its rights hang on."""

    mailbox: str
    address: str
    sid: str
    caller: str
    owner: bool


class SignInRefused(Exception):
    """`switched_off` is "Tenant" or "Mailbox" when the protocol is off, else None: no further reason is given."""

    def __init__(self, switched_off: str | None = None) -> None:
        super().__init__(switched_off or "refused")
        self.switched_off = switched_off


@behaviour(
    "Sign-in to SMTP asks for the claim, a pointer whose AppId and ObjectId are the token's, and the SMTP AUTH switch; "
    "mailbox rights are not asked for. All but the switch fail alike",
    source="field-notes.md 3 S: email-oauth2-proxy#271; exchange.md 4.1 S16, 5.2, 5.3",
    if_wrong="a wrong object id, a missing claim and a missing right are told apart wrongly",
)
def sign_in(sandbox: Sandbox, user: str, token: str) -> Sender:
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
        sid = _application_sid(sandbox, tx, claims) if claims.app_only else _user_sid(claims, mailbox)
        seen = sandbox.protocols_as_of("switch", mailbox["id"])
        organization = sandbox.protocols_as_of("switch", directory.SINGLETON)
        switched_off = smtp_auth_off(tx, mailbox["id"], seen, organization)
    if switched_off is not None:
        raise SignInRefused(switched_off)
    return Sender(
        mailbox=mailbox["id"],
        address=mailbox["primarySmtpAddress"].lower(),
        sid=sid,
        caller=claims.caller,
        owner=not claims.app_only,
    )


@behaviour(
    "An application that may not open the mailbox fails when the message is submitted, not before",
    source="field-notes.md 3 S: email-oauth2-proxy#271",
    if_wrong="a successful sign-in is taken for proof that sending works",
)
def may_open(sandbox: Sandbox, tx: Transaction, sender: Sender) -> bool:
    """True when the sender may open the mailbox it speaks for."""
    if sender.owner:
        return True
    seen = sandbox.protocols_as_of("right", f"{sender.mailbox}:{sender.sid}")
    return "FullAccess" in directory.rights(tx, sender.mailbox, sender.sid, seen)


@behaviour(
    "Sending as another address takes SendAs of the signed-in mailbox; SendAs of the service principal does not help",
    source="field-notes.md 3 S: Notifuse#250",
    if_wrong="the wrong trustee is granted SendAs",
)
def may_send_as(sandbox: Sandbox, tx: Transaction, sender: Sender, address: str) -> bool:
    """True when mail of this sender may say that it is from `address`. CmdletFailed when no mailbox has it."""
    other = directory.mailbox(tx, address)
    if other["id"] == sender.mailbox:
        return True
    own = tx.get(directory.MAILBOXES, sender.mailbox)
    seen = sandbox.protocols_as_of("right", f"{other['id']}:{sender.mailbox}")
    return own is not None and directory.may_send_as(tx, other["id"], own["sid"], seen)


@behaviour(
    "An accepted mail is in the inbox of each local recipient and in the sender's Sent Items at once",
    source="unverified (delivery takes seconds to minutes in the service)",
    if_wrong="a client that looks once, at once, passes here and fails there",
)
def deliver(
    sandbox: Sandbox, tx: Transaction, sender: Sender, recipients: Sequence[str], message: EmailMessage
) -> None:
    """Put a mail into every local mailbox it is for; recipients elsewhere appear in Sent Items only."""
    shown_from = from_address(message) or sender.address
    common: Document = {
        "subject": str(message["subject"] or ""),
        "from": shown_from,
        "to": [address for _, address in getaddresses([str(each) for each in message.get_all("to", [])])],
        "internetMessageId": str(message["message-id"]),
        "receivedDateTime": format_time(sandbox.clock.now()),
        "bodyPreview": _preview(message),
    }
    wanted = {recipient.casefold() for recipient in recipients}
    inboxes = [
        mailbox["primarySmtpAddress"].lower()
        for mailbox in tx.all(directory.MAILBOXES)
        if wanted.intersection(address.casefold() for address in directory.addresses(mailbox))
    ]
    places = [*((address, "inbox") for address in inboxes), (sender.address, "sentitems")]
    for address, folder in places:
        identity = sandbox.new_id()
        tx.put(MESSAGES, identity, {"id": identity, "mailbox": address, "folder": folder, **common})


def read_message(sandbox: Sandbox, content: bytes) -> EmailMessage:
    """A submitted message, given a Message-ID if it has none."""
    parsed = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    if parsed["message-id"] is None:
        parsed["Message-ID"] = f"<{sandbox.new_id()}@SBXPR01MB0001.SBXPR01A001.PROD.OUTLOOK.COM>"
    return parsed


def from_address(message: EmailMessage) -> str:
    """The address in the From header, lower case; empty when there is none."""
    addresses = getaddresses([str(message["from"] or "")])
    return addresses[0][1].lower() if addresses else ""


def _application_sid(sandbox: Sandbox, tx: Transaction, claims: Claims) -> str:
    if "SMTP.SendAsApp" not in claims.roles:
        raise SignInRefused
    seen = sandbox.protocols_as_of("right", claims.appid)
    for pointer in tx.all(directory.SERVICE_PRINCIPALS, as_of=seen):
        if pointer["appId"] == claims.appid and pointer["objectId"] == claims.oid:
            return str(pointer["sid"])
    raise SignInRefused


@behaviour(
    "Delegated, a user signs in to the own mailbox only; a shared mailbox as user is refused with 535 5.7.3",
    source="field-notes.md 3 S: nextcloud/mail#13668",
    if_wrong="a shared mailbox is promised to work over SMTP",
)
def _user_sid(claims: Claims, mailbox: Document) -> str:
    own = (claims.upn or "").casefold() == mailbox["userPrincipalName"].casefold()
    if "SMTP.Send" not in claims.scp or not own:
        raise SignInRefused
    return str(mailbox["sid"])


def _preview(message: EmailMessage) -> str:
    body = message.get_body(("plain", "html"))
    return "" if body is None else str(body.get_content())[:_PREVIEW_CHARACTERS].strip()
