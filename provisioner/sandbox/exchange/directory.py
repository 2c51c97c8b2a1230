"""Exchange's own directory: which documents answer to an identity.

Reads go to one directory server of several (`as_of`), writes to the present; what one cmdlet created, the next may
not find yet.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from provisioner.sandbox.exchange.faults import ambiguous, not_found, trustee_not_found
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.store import Document, Transaction

SERVICE_PRINCIPALS: Final = "exchangeServicePrincipals"
MAILBOXES: Final = "mailboxes"
MAILBOX_PERMISSIONS: Final = "mailboxPermissions"
RECIPIENT_PERMISSIONS: Final = "recipientPermissions"
CLIENT_ACCESS: Final = "casMailboxes"
TRANSPORT: Final = "transportConfig"
ORGANIZATION: Final = "organizationConfig"
GROUPS: Final = "distributionGroups"
SCOPES: Final = "managementScopes"
ROLE_ASSIGNMENTS: Final = "managementRoleAssignments"
ACCESS_POLICIES: Final = "applicationAccessPolicies"
MAIL_USERS: Final = "mailUsers"
RECIPIENTS: Final = (MAILBOXES, MAIL_USERS, GROUPS)
SINGLETON: Final = "organization"
"""Id of the one document in `transportConfig` and in `organizationConfig`."""

SELF_SID: Final = "S-1-5-10"
_SPECIAL_IN_DN: Final = re.compile(r'([,+"\\<>;=#])')


@dataclass(frozen=True)
class Trustee:
    """Whom a right is for. `shown` is what the User column says."""

    sid: str
    shown: str


def mailbox(tx: Transaction, identity: str, as_of: float | None = None) -> Document:
    """The one mailbox of an identity: GUID, object id, sign-in name, any address, alias or name.

    Raises:
        CmdletFailed: none, or several.

    """
    return _one(identity, [m for m in tx.all(MAILBOXES, as_of=as_of) if _same(identity, _mailbox_names(m))])


def group(tx: Transaction, identity: str, as_of: float | None = None) -> Document:
    """The one distribution group of an identity: GUID, object id, address, alias, any name or DN; else CmdletFailed."""
    return _one(identity, [g for g in tx.all(GROUPS, as_of=as_of) if _same(identity, _group_names(g))])


def recipient(tx: Transaction, identity: str, as_of: float | None = None) -> Document:
    """The one mailbox, mail user or group of an identity; CmdletFailed when there is none, or several."""
    people = (*tx.all(MAILBOXES, as_of=as_of), *tx.all(MAIL_USERS, as_of=as_of))
    found = [m for m in people if _same(identity, _mailbox_names(m))]
    found += [g for g in tx.all(GROUPS, as_of=as_of) if _same(identity, _group_names(g))]
    return _one(identity, found)


def recipient_type(document: Document) -> str:
    """RecipientType, which tells no kinds of mailboxes apart."""
    details = recipient_type_details(document)
    return "UserMailbox" if details.endswith("Mailbox") else details


def recipient_type_details(document: Document) -> str:
    """RecipientTypeDetails of a mailbox, mail user or group."""
    if "recipientTypeDetails" in document:
        return str(document["recipientTypeDetails"])
    return "MailUniversalSecurityGroup" if document["security"] else "MailUniversalDistributionGroup"


@behaviour(
    "A service principal pointer answers to Name, GUID, AppId, ObjectId and Sid, not to its display name",
    source="exchange.md 4.1 S1 (Name, DN, GUID, AppId, ObjectId); Sid and that Name is the GUID: unverified",
    if_wrong="the client looks the pointer up by something the service does not accept",
)
def pointers(tx: Transaction, identity: str, as_of: float | None = None) -> list[Document]:
    """Service principal pointers that answer to an identity."""
    names = ("id", "appId", "objectId", "sid")
    found = tx.all(SERVICE_PRINCIPALS, as_of=as_of)
    return [p for p in found if _same(identity, (p[name] for name in names))]


def pointer(tx: Transaction, identity: str, as_of: float | None = None) -> Document:
    """The one pointer of an identity; CmdletFailed when there is none, or several."""
    return _one(identity, pointers(tx, identity, as_of))


@behaviour(
    "-User takes a pointer's Identity, ObjectId or Sid; its AppId and display name are no security principal",
    source="exchange.md 4.1 S16 (.Identity, ObjectId, SID in guides); AppId refused: unverified",
    if_wrong="a grant by AppId works in the tenant and fails here",
)
def trustee(tx: Transaction, identity: str, as_of: float | None = None) -> Trustee:
    """Whom a right is granted to, a service principal or the user of a mailbox; CmdletFailed when unknown."""
    found = [
        Trustee(p["sid"], p["sid"])
        for p in tx.all(SERVICE_PRINCIPALS, as_of=as_of)
        if _same(identity, (p["id"], p["objectId"], p["sid"]))
    ]
    found += [
        Trustee(m["sid"], m["userPrincipalName"])
        for m in tx.all(MAILBOXES, as_of=as_of)
        if _same(identity, (*_mailbox_names(m), m["sid"]))
    ]
    if not found:
        raise trustee_not_found(identity)
    if len(found) > 1:
        raise ambiguous(identity)
    return found[0]


def addresses(mailbox: Document) -> tuple[str, ...]:
    """All addresses of a mailbox, without the `SMTP:` that Exchange keeps before them."""
    return tuple(each.partition(":")[2] for each in mailbox["emailAddresses"])


def clean_address(text: str) -> str:
    """An address without blanks, line ends and what else would end a header."""
    return "".join(each for each in text if each.isprintable() and each not in " ,;<>")


def distinguished_name(document: Document) -> str:
    """The DN: made of the name, so that another name is another DN."""
    name = _SPECIAL_IN_DN.sub(r"\\\1", document.get("name") or document["displayName"])
    return f"CN={name},OU=contoso,OU=Microsoft Exchange Hosted Organizations,DC=SBXPR01A001,DC=PROD,DC=OUTLOOK,DC=COM"


def permission_id(mailbox_id: str, sid: str, *, deny: bool) -> str:
    """The key of one access control entry in `mailboxPermissions`; rights are a set in it."""
    return f"{mailbox_id}:{sid}:{'deny' if deny else 'allow'}"


def rights(tx: Transaction, mailbox_id: str, sid: str, as_of: float | None = None) -> frozenset[str]:
    """What one trustee may do with a mailbox, denials taken off."""

    def entries(deny: bool) -> set[Any]:
        entry = tx.get(MAILBOX_PERMISSIONS, permission_id(mailbox_id, sid, deny=deny), as_of=as_of)
        return set(entry["accessRights"]) if entry else set()

    return frozenset(entries(deny=False) - entries(deny=True))


def may_send_as(tx: Transaction, mailbox_id: str, sid: str, as_of: float | None = None) -> bool:
    """True when the trustee holds SendAs on the mailbox."""
    entry = tx.get(RECIPIENT_PERMISSIONS, permission_id(mailbox_id, sid, deny=False), as_of=as_of)
    return entry is not None and "SendAs" in entry["accessRights"]


def _mailbox_names(document: Document) -> Iterable[str]:
    single = (
        "id",
        "externalDirectoryObjectId",
        "userPrincipalName",
        "primarySmtpAddress",
        "alias",
        "name",
        "displayName",
    )
    return (*(document[name] for name in single if document.get(name)), *addresses(document))


def _group_names(document: Document) -> Iterable[str]:
    single = ("id", "externalDirectoryObjectId", "alias", "name", "displayName")
    return (*(document[name] for name in single), *addresses(document), distinguished_name(document))


def _same(identity: str, names: Iterable[str]) -> bool:
    wanted = identity.casefold()
    return any(name.casefold() == wanted for name in names)


def _one(identity: str, found: list[Document]) -> Document:
    if not found:
        raise not_found(identity)
    if len(found) > 1:
        raise ambiguous(identity)
    return found[0]
