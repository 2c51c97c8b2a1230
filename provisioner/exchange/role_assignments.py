"""Roles that Exchange itself gives an application (RBAC for Applications), and what it says they reach.

Source: office-docs-powershell, New-ManagementRoleAssignment and Test-ServicePrincipalAuthorization; exchange.md 4.4.
"""

from __future__ import annotations

from collections.abc import Mapping

from provisioner.errors import Absent
from provisioner.exchange.creating import create_once
from provisioner.exchange.interface import Exchange, Parameter
from provisioner.exchange.properties import flag, moment, optional_text, text
from provisioner.model.identifiers import ObjectId
from provisioner.model.observed import ExchangePrincipal, RoleAssignmentRecord, RoleAuthorization

ORGANIZATION = "organization"
"""The scope that is none."""


async def get(exchange: Exchange, name: str) -> RoleAssignmentRecord | None:
    """The assignment of exactly this name, None where there is none.

    Asked for one that does not exist, `Get-ManagementRoleAssignment -Identity` returns all (its documentation warns of
    it), so what comes is looked through.
    """
    try:
        reply = await exchange.run("Get-ManagementRoleAssignment", {"Identity": name})
    except Absent:
        return None
    return next((each for each in map(_assignment, reply.output) if each.name.lower() == name.lower()), None)


async def create(exchange: Exchange, *, name: str, role: str, principal: ObjectId, scope: str) -> RoleAssignmentRecord:
    """Give the role within the scope. `principal` is the object id that Exchange's record holds.

    Raises `AlreadyThere` where the name is taken, and `Absent` for a record or scope that is not there, which may only
    mean that this replica has not heard of it yet.
    """
    parameters: dict[str, Parameter] = {"Name": name, "Role": role, "App": principal, "CustomResourceScope": scope}
    return await create_once(
        exchange, "New-ManagementRoleAssignment", parameters, _assignment, lambda: get(exchange, name)
    )


async def remove(exchange: Exchange, name: str) -> None:
    """Take the role away; an assignment that is not there is fine."""
    try:
        await exchange.run("Remove-ManagementRoleAssignment", {"Identity": name, "Confirm": False})
    except Absent:
        return


async def authorization(
    exchange: Exchange, principal: ExchangePrincipal, mailbox: str | None = None
) -> tuple[RoleAuthorization, ...]:
    """What Exchange's roles let the application do, asked past the cache that sign-ins go through.

    Grants of Entra are not part of it. Raises `Absent` for a record or mailbox that is not there.
    """
    parameters: dict[str, Parameter] = {"Identity": principal.object_id}
    if mailbox is not None:
        parameters["Resource"] = mailbox
    reply = await exchange.run("Test-ServicePrincipalAuthorization", parameters)
    return tuple(_authorization(each) for each in reply.output)


def _assignment(record: Mapping[str, object]) -> RoleAssignmentRecord:
    scope = optional_text(record, "CustomResourceScope") or optional_text(record, "CustomRecipientWriteScope")
    changed = moment(record, "WhenChangedUTC", "WhenCreatedUTC")
    return RoleAssignmentRecord(text(record, "Name"), text(record, "Role"), scope, changed)


def _authorization(record: Mapping[str, object]) -> RoleAuthorization:
    return RoleAuthorization(
        role=text(record, "RoleName"),
        scope=text(record, "AllowedResourceScope"),
        organization_wide=text(record, "ScopeType").lower().startswith(ORGANIZATION),
        in_scope=flag(record, "InScope"),
    )
