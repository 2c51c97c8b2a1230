"""Management scopes over the members of a group.

The filter names the group by its distinguished name. A group that is renamed gets another one, and the scope is then
silently empty (FE, unverified: field-notes.md 1.11), so the name inside the filter is compared, not its presence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from provisioner.errors import Absent
from provisioner.exchange.creating import create_once
from provisioner.exchange.interface import Exchange
from provisioner.exchange.properties import text
from provisioner.model.observed import ManagementScopeRecord

_MEMBERS_OF = re.compile(
    r"[({\s]*MemberOfGroup\s+-eq\s+(?:'(?P<single>(?:[^']|'')*)'|\"(?P<double>[^\"]*)\")[)}\s]*", re.I
)


def members_of(distinguished_name: str) -> str:
    """The filter for the members of a group, quotes doubled. Source: office-docs-powershell, New-ManagementScope."""
    quoted = distinguished_name.replace("'", "''")
    return f"MemberOfGroup -eq '{quoted}'"


def reaches_members_of(recipient_filter: str, distinguished_name: str) -> bool:
    """Whether a filter is the one for the members of that group, however Exchange writes it down."""
    found = _MEMBERS_OF.fullmatch(recipient_filter)
    if found is None:
        return False
    named = found["double"] if found["single"] is None else found["single"].replace("''", "'")
    return named.casefold() == distinguished_name.casefold()


async def get(exchange: Exchange, name: str) -> ManagementScopeRecord | None:
    """The scope of exactly this name, None where there is none."""
    try:
        reply = await exchange.run("Get-ManagementScope", {"Identity": name})
    except Absent:
        return None
    return next((each for each in map(_scope, reply.output) if each.name.lower() == name.lower()), None)


async def create(exchange: Exchange, *, name: str, recipient_filter: str) -> ManagementScopeRecord:
    """Make a scope. Raises `AlreadyThere` where the name is taken."""
    parameters = {"Name": name, "RecipientRestrictionFilter": recipient_filter}
    return await create_once(exchange, "New-ManagementScope", parameters, _scope, lambda: get(exchange, name))


async def set_filter(exchange: Exchange, *, name: str, recipient_filter: str) -> None:
    """Give a scope another filter."""
    await exchange.run("Set-ManagementScope", {"Identity": name, "RecipientRestrictionFilter": recipient_filter})


async def remove(exchange: Exchange, name: str) -> None:
    """Remove a scope that no assignment uses; one that is not there is fine."""
    try:
        await exchange.run("Remove-ManagementScope", {"Identity": name, "Confirm": False})
    except Absent:
        return


def _scope(record: Mapping[str, object]) -> ManagementScopeRecord:
    # the property is called otherwise than the parameter
    return ManagementScopeRecord(text(record, "Name"), text(record, "RecipientFilter", "RecipientRestrictionFilter"))
