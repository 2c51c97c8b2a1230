"""RBAC for Applications: which roles there are, what they permit, and on which mailboxes an application holds them.

These grants live in Exchange alone and add up with what Entra consented: a permission in the token counts for every
mailbox, whatever scopes there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.exchange import directory, opath
from provisioner.sandbox.ledger import behaviour, mark
from provisioner.sandbox.store import Document, Transaction
from provisioner.sandbox.tokens import Claims

PREFIX: Final = "Application "
_SINGLE: Final = (
    "Calendars.Read",
    "Calendars.ReadWrite",
    "Contacts.Read",
    "Contacts.ReadWrite",
    "EWS.AccessAsApp",
    "Mail.Read",
    "Mail.ReadBasic",
    "Mail.ReadWrite",
    "Mail.Send",
    "MailTips.ReadBasic.All",
    "MailboxConfigItem.Read",
    "MailboxConfigItem.ReadWrite",
    "MailboxFolder.Read",
    "MailboxFolder.ReadWrite",
    "MailboxItem.Export",
    "MailboxItem.ImportExport",
    "MailboxItem.Read",
    "MailboxSettings.Read",
    "MailboxSettings.ReadWrite",
    "SMTP.SendAsApp",
)
_MAIL: Final = ("Mail.ReadWrite", "Mail.Send")
ROLES: Final[dict[str, tuple[str, ...]]] = {
    **{PREFIX + name: (name,) for name in _SINGLE},
    PREFIX + "Mail Full Access": _MAIL,
    PREFIX + "Exchange Full Access": (
        *_MAIL,
        "Calendars.ReadWrite",
        "Contacts.ReadWrite",
        "MailboxSettings.ReadWrite",
    ),
}
"""Role names and the permissions each grants."""

ORGANIZATION: Final = "Organization"
CUSTOM: Final = "CustomRecipientScope"
GROUP: Final = "Group"

mark(
    "There are application roles for Graph's mail, calendar, contacts and settings, for EWS and for SMTP; none for "
    "IMAP or POP",
    source="exchange.md 4.4 S19, S17; members of the two composite roles unverified",
    if_wrong="a scope is promised that Exchange does not offer",
)


@dataclass(frozen=True)
class Assignment:
    """One role of an application: `scope_type` is ORGANIZATION, CUSTOM or GROUP, `scope` the name as shown."""

    document: Document
    role: str
    scope_type: str
    scope: str

    @property
    def permissions(self) -> tuple[str, ...]:
        """What the role grants."""
        return ROLES[self.role]


def assignments(tx: Transaction, pointer_id: str, as_of: float | None = None) -> list[Assignment]:
    """The role assignments of a service principal pointer."""
    found = tx.all(directory.ROLE_ASSIGNMENTS, as_of=as_of)
    return [described(tx, each, as_of) for each in found if each["app"] == pointer_id]


def described(tx: Transaction, document: Document, as_of: float | None = None) -> Assignment:
    """An assignment with its scope's present name; the stored id where the scope is gone."""
    kind, scope = document["scopeType"], document["scope"]
    if kind == ORGANIZATION:
        return Assignment(document, document["role"], kind, ORGANIZATION)
    collection = directory.SCOPES if kind == CUSTOM else directory.GROUPS
    known = tx.get(collection, scope, as_of=as_of)
    return Assignment(document, document["role"], kind, known["name"] if known else scope)


@behaviour(
    "A scope by group counts direct members only",
    source="exchange.md 4.4 S1, S18",
    if_wrong="a nested group is taken for its members",
)
def in_scope(tx: Transaction, assignment: Document, mailbox: Document, as_of: float | None = None) -> bool:
    """True when an assignment covers a mailbox."""
    if assignment["scopeType"] == ORGANIZATION:
        return True
    if assignment["scopeType"] == GROUP:
        group = tx.get(directory.GROUPS, assignment["scope"], as_of=as_of)
        return group is not None and mailbox["id"] in group["members"]
    scope = tx.get(directory.SCOPES, assignment["scope"], as_of=as_of)
    return scope is not None and opath.parse(scope["recipientFilter"])(tx, mailbox, as_of)


def pointer_of(tx: Transaction, claims: Claims, as_of: float | None = None) -> Document | None:
    """The pointer whose AppId and ObjectId are those of an application's token."""
    for pointer in tx.all(directory.SERVICE_PRINCIPALS, as_of=as_of):
        if pointer["appId"] == claims.appid and pointer["objectId"] == claims.oid:
            return pointer
    return None


@behaviour(
    "Protocols see roles, scopes and members of scope groups through a cache of up to two hours",
    source="exchange.md 4.4 S28",
    if_wrong="a scope is tested before it is in force",
)
def permitted(sandbox: Sandbox, tx: Transaction, claims: Claims, permissions: Iterable[str], mailbox: Document) -> bool:
    """True when an application role lets the token's application use one of these permissions on a mailbox."""
    if not claims.app_only:
        return False
    seen = sandbox.protocols_as_of("role", claims.appid)
    pointer = pointer_of(tx, claims, seen)
    if pointer is None:
        return False
    wanted = set(permissions)
    return any(
        not wanted.isdisjoint(each.permissions) and in_scope(tx, each.document, mailbox, seen)
        for each in assignments(tx, pointer["id"], seen)
    )
