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
from provisioner.sandbox.exchange import application_roles, directory
from provisioner.sandbox.exchange.client_access import smtp_auth_off
from provisioner.sandbox.exchange.faults import CmdletFailed
from provisioner.sandbox.exchange.seed import ACCEPTED_DOMAINS
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.store import Document, Transaction
from provisioner.sandbox.tokens import EXCHANGE, Claims, TokenRefused

MESSAGES = "messages"
_PREVIEW_CHARACTERS = 255


@dataclass(frozen=True)
class Sender:
    """Who signed in: the mailbox it speaks for, and the security identifier its rights hang on.

    `owner`: the mailbox's own user. `only_as`: let in by an application role, which sends as this very address alone.
    """

    mailbox: str
    address: str
    sid: str
    caller: str
    owner: bool
    only_as: str | None = None


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
        if claims.app_only:
            sid, scoped = _application(sandbox, tx, claims, mailbox)
        else:
            sid, scoped = _user_sid(claims, mailbox), False
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
        only_as=user.casefold() if scoped else None,
    )


@behaviour(
    "An application that may not open the mailbox fails when the message is submitted, not before",
    source="field-notes.md 3 S: email-oauth2-proxy#271",
    if_wrong="a successful sign-in is taken for proof that sending works",
)
def may_open(sandbox: Sandbox, tx: Transaction, sender: Sender) -> bool:
    """True when the sender may open the mailbox it speaks for."""
    if sender.owner or sender.only_as is not None:
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
    if sender.only_as is not None:
        return address.casefold() == sender.only_as
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
@behaviour(
    "An address of the tenant that nobody has is accepted too; a report comes back to the sender's inbox",
    source="field-notes.md 3 (accepted is not delivered); the report's shape unverified",
    if_wrong="accepted is taken for delivered",
)
def deliver(
    sandbox: Sandbox,
    tx: Transaction,
    sender: Sender,
    recipients: Sequence[str],
    message: EmailMessage,
    *,
    keep_copy: bool = True,
) -> None:
    """Put a mail into every local mailbox it is for, and a copy into Sent Items; recipients elsewhere get nothing."""
    shown_from = from_address(message) or sender.address
    common: Document = {
        "subject": str(message["subject"] or ""),
        "from": shown_from,
        "to": [address for _, address in getaddresses([str(each) for each in message.get_all("to", [])])],
        "internetMessageId": str(message["message-id"]),
        "receivedDateTime": format_time(sandbox.clock.now()),
        "bodyPreview": _preview(message),
    }
    inboxes, unknown = _inboxes(tx, recipients)
    for address in inboxes:
        _put(sandbox, tx, address, "inbox", common)
    if keep_copy:
        _put(sandbox, tx, sender.address, "sentitems", common)
    for address in unknown:
        report = {
            "subject": f"Undeliverable: {common['subject']}",
            "from": f"postmaster@{address.partition('@')[2]}",
            "to": [sender.address],
            "internetMessageId": f"<{sandbox.new_id()}@SBXPR01MB0001.SBXPR01A001.PROD.OUTLOOK.COM>",
            "bodyPreview": f"Your message to {address} couldn't be delivered: 550 5.1.10 RecipientNotFound",
        }
        _put(sandbox, tx, sender.address, "inbox", {**common, **report})


def _inboxes(tx: Transaction, recipients: Sequence[str]) -> tuple[list[str], list[str]]:
    """Primary addresses of the mailboxes a mail reaches, and addresses of the tenant's that nobody has."""
    mailboxes = {each["id"]: each for each in tx.all(directory.MAILBOXES)}
    groups = tx.all(directory.GROUPS)
    reached: list[str] = []
    unknown: list[str] = []
    for recipient in recipients:
        wanted = recipient.casefold()
        found = [box for box in mailboxes.values() if _has(box, wanted)]
        listed = [group for group in groups if _has(group, wanted)]
        found += [mailboxes[each] for group in listed for each in group["members"] if each in mailboxes]
        reached += [box["primarySmtpAddress"].lower() for box in found]
        if not found and not listed and wanted.partition("@")[2] in ACCEPTED_DOMAINS:
            unknown.append(recipient)
    return list(dict.fromkeys(reached)), unknown


def _has(recipient: Document, address: str) -> bool:
    return address in (each.casefold() for each in directory.addresses(recipient))


def _put(sandbox: Sandbox, tx: Transaction, address: str, folder: str, message: Document) -> None:
    identity = sandbox.new_id()
    tx.put(MESSAGES, identity, {"id": identity, "mailbox": address, "folder": folder, **message})


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


@behaviour(
    "Without the claim, the role Application SMTP.SendAsApp lets in for mailboxes in its scope, and no mailbox right "
    "is asked for later; outside the scope sign-in fails with 535 5.7.3. With the claim the mailbox right counts again",
    source="exchange.md 0.5, 5.4 S20 (measured 2026-08-22)",
    if_wrong="the scoped route is said to need FullAccess, or a surviving claim goes unnoticed",
)
def _application(sandbox: Sandbox, tx: Transaction, claims: Claims, mailbox: Document) -> tuple[str, bool]:
    """The application's security identifier, and whether a role let it in."""
    pointer = application_roles.pointer_of(tx, claims, sandbox.protocols_as_of("right", claims.appid))
    if pointer is None:
        raise SignInRefused
    if "SMTP.SendAsApp" in claims.roles:
        return str(pointer["sid"]), False
    if application_roles.permitted(sandbox, tx, claims, ("SMTP.SendAsApp",), mailbox):
        return str(pointer["sid"]), True
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
