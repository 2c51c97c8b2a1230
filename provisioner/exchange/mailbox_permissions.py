"""Rights on one mailbox. They can only be read mailbox by mailbox, never by who holds them (field-notes.md 3)."""

from __future__ import annotations

from collections.abc import Mapping

from provisioner.errors import Absent, AlreadyThere
from provisioner.exchange.faults import ENTRY_MISSING
from provisioner.exchange.interface import Exchange, Parameter
from provisioner.exchange.properties import flag, is_guid, optional_text, text, texts
from provisioner.model.observed import ExchangePrincipal, MailboxRight

ENTRY_PRESENT = "already present"
"""In the warning of `Add-MailboxPermission` for a right that is there (exchange.md 4.2)."""


async def rights(exchange: Exchange, mailbox: str) -> tuple[MailboxRight, ...]:
    """All entries of a mailbox. Raises `Absent` where there is no such mailbox."""
    reply = await exchange.run("Get-MailboxPermission", {"Identity": mailbox})
    return tuple(_right(each) for each in reply.output)


async def grant(exchange: Exchange, *, mailbox: str, user: str, right: str) -> bool:
    """Give a right; False where it was there.

    `user` is the identity of Exchange's record of the service principal. Without auto-mapping: an application has no
    Outlook in which the mailbox should appear. Raises `Absent` where the mailbox or the user is not there, which may
    only mean that this replica has not heard of the record yet.
    """
    parameters: dict[str, Parameter] = {
        "Identity": mailbox,
        "User": user,
        "AccessRights": (right,),
        "InheritanceType": "All",
        "AutoMapping": False,
    }
    try:
        reply = await exchange.run("Add-MailboxPermission", parameters)
    except AlreadyThere:
        return False
    return not any(ENTRY_PRESENT in each.lower() for each in reply.warnings)


async def revoke(exchange: Exchange, *, mailbox: str, user: str, right: str) -> None:
    """Take a right away; one that is not there is fine. Raises `Absent` for a mailbox or user that is not there."""
    parameters: dict[str, Parameter] = {
        "Identity": mailbox,
        "User": user,
        "AccessRights": (right,),
        "InheritanceType": "All",
        "Confirm": False,
    }
    try:
        await exchange.run("Remove-MailboxPermission", parameters)
    except Absent as absent:
        if ENTRY_MISSING not in absent.fault.message:
            raise


def holds(rights: tuple[MailboxRight, ...], principal: ExchangePrincipal, right: str) -> bool:
    """Whether the entries give `right` to `principal`, and none denies it.

    What `User` shows for a service principal is not documented (exchange.md 8), so its SID, its object id and
    the GUID of Exchange's record are all taken; never its display name, which strangers choose.
    """
    names = {principal.object_id.lower()} | {each.lower() for each in (principal.sid,) if each}
    if is_guid(principal.identity):
        names.add(principal.identity.lower())
    ours = [
        each
        for each in rights
        if right.lower() in (name.lower() for name in each.rights)
        and names & {each.user.lower(), (each.user_sid or "").lower()}
    ]
    return bool(ours) and not any(each.deny for each in ours)


def _right(record: Mapping[str, object]) -> MailboxRight:
    return MailboxRight(
        mailbox=text(record, "Identity"),
        user=text(record, "User"),
        user_sid=optional_text(record, "UserSid"),
        rights=texts(record, "AccessRights"),
        inherited=flag(record, "IsInherited") is True,
        deny=flag(record, "Deny") is True,
    )
