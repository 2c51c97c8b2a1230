"""The group whose direct members scoped roles reach.

Whoever may edit the group may widen what the application reaches, so nobody joins or leaves it by himself and address
lists leave it out (field-notes.md 1.11). Nested groups and Microsoft 365 groups give their members nothing there.
"""

from __future__ import annotations

from collections.abc import Mapping

from provisioner.errors import Absent, AlreadyThere
from provisioner.exchange.creating import create_once
from provisioner.exchange.interface import Exchange, Parameter
from provisioner.exchange.properties import flag, is_guid, text, texts
from provisioner.model.observed import ExchangeGroup, ExchangeGroupMember


async def get(exchange: Exchange, alias: str) -> ExchangeGroup | None:
    """The group with exactly this alias, None where there is none.

    `-Identity` also takes names and addresses, so what comes is looked through.
    """
    try:
        reply = await exchange.run("Get-DistributionGroup", {"Identity": alias})
    except Absent:
        return None
    return next((each for each in map(_group, reply.output) if each.alias.lower() == alias.lower()), None)


async def members(exchange: Exchange, identity: str) -> tuple[ExchangeGroupMember, ...]:
    """All direct members. Raises `Absent` where there is no such group."""
    reply = await exchange.run("Get-DistributionGroupMember", {"Identity": identity, "ResultSize": "Unlimited"})
    return tuple(_member(each) for each in reply.output)


async def create(
    exchange: Exchange, *, name: str, display_name: str, members: tuple[str, ...], notes: str
) -> ExchangeGroup:
    """Make the group with its first members; name and alias are the same.

    Raises `AlreadyThere` where the name is taken. Where the answer was lost we look first: names are unique, so trying
    once more cannot make a second one. Source: office-docs-powershell, New-DistributionGroup.
    """
    parameters: dict[str, Parameter] = {
        "Name": name,
        "Alias": name,
        "DisplayName": display_name,
        "Type": "Security",
        "MemberJoinRestriction": "Closed",
        "MemberDepartRestriction": "Closed",
        "Members": members,
        "Notes": notes,
    }
    return await create_once(exchange, "New-DistributionGroup", parameters, _group, lambda: get(exchange, name))


async def secure(exchange: Exchange, identity: str) -> None:
    """Close and hide a group. Harmless to repeat."""
    await exchange.run(
        "Set-DistributionGroup",
        {
            "Identity": identity,
            "HiddenFromAddressListsEnabled": True,
            "MemberJoinRestriction": "Closed",
            "MemberDepartRestriction": "Closed",
            "BypassSecurityGroupManagerCheck": True,
        },
    )


async def add(exchange: Exchange, identity: str, *, member: str) -> None:
    """Take a mailbox in; one that is a member is fine. Raises `Absent` where group or mailbox is not there."""
    try:
        await exchange.run(
            "Add-DistributionGroupMember",
            {"Identity": identity, "Member": member, "BypassSecurityGroupManagerCheck": True},
        )
    except AlreadyThere:
        return


async def take_out(exchange: Exchange, identity: str, *, member: str) -> None:
    """Take a mailbox out; one that is no member is fine. Source: office-docs-powershell."""
    try:
        await exchange.run(
            "Remove-DistributionGroupMember",
            {"Identity": identity, "Member": member, "BypassSecurityGroupManagerCheck": True, "Confirm": False},
        )
    except Absent:
        return


async def remove(exchange: Exchange, identity: str) -> None:
    """Remove the group; one that is not there is fine."""
    try:
        await exchange.run(
            "Remove-DistributionGroup",
            {"Identity": identity, "BypassSecurityGroupManagerCheck": True, "Confirm": False},
        )
    except Absent:
        return


def _group(record: Mapping[str, object]) -> ExchangeGroup:
    kind = f"{text(record, 'RecipientTypeDetails', 'RecipientType')} {text(record, 'GroupType')}"
    identities = (text(record, name) for name in ("Guid", "ExternalDirectoryObjectId", "Identity"))
    name = text(record, "Name")
    return ExchangeGroup(
        identity=next((each for each in identities if is_guid(each)), text(record, "DistinguishedName") or name),
        name=name,
        alias=text(record, "Alias"),
        distinguished_name=text(record, "DistinguishedName"),
        security="security" in kind.lower(),
        closed=all(
            text(record, name).lower() == "closed" for name in ("MemberJoinRestriction", "MemberDepartRestriction")
        ),
        hidden=flag(record, "HiddenFromAddressListsEnabled") is True,
        owners=texts(record, "ManagedBy"),
        notes=" ".join((*texts(record, "Description"), *texts(record, "Notes"))),
    )


def _member(record: Mapping[str, object]) -> ExchangeGroupMember:
    address = text(record, "PrimarySmtpAddress", "WindowsLiveID").lower()
    proxies = (each.partition(":") for each in texts(record, "EmailAddresses"))
    addresses = {rest.lower() for scheme, _, rest in proxies if scheme.lower() == "smtp"}
    return ExchangeGroupMember(
        name=text(record, "Name", "DisplayName"),
        address=address,
        addresses=frozenset({address, *addresses} - {""}),
        mailbox="mailbox" in text(record, "RecipientTypeDetails", "RecipientType").lower(),
    )
