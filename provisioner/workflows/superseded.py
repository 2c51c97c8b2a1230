"""What earlier runs set up and what is wanted now no longer asks for: another mailbox, a permission less.

A corrected parameter must not leave a right behind that nobody remembers. So the instance file keeps the parameters of
earlier runs until nothing of theirs is left, and a plan names what is, to be taken away behind the gate for grants.
Shared settings are no part of it: they stay, and `remove` tells about them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from provisioner.model.declared import (
    AppRoleGrant,
    Declared,
    DelegatedGrant,
    MailboxPermission,
    RedirectUris,
    RequestedPermissions,
    ScopeGroup,
    UserAssignment,
)
from provisioner.model.identifiers import Address, earlier

SUPERSEDABLE = (
    AppRoleGrant,
    DelegatedGrant,
    MailboxPermission,
    RedirectUris,
    RequestedPermissions,
    ScopeGroup,
    UserAssignment,
)
"""Kinds whose things open something, and depend on parameters."""


def superseded(old: Sequence[Declared], new: Sequence[Declared], number: int) -> tuple[Declared, ...]:
    """What only the old declaration has, of the kinds that open something."""
    now = {each.address: each for each in new}
    return tuple(
        left
        for each in old
        if isinstance(each, SUPERSEDABLE)
        for left in left_over(each, now.get(each.address), earlier(each.address, number))
    )


def left_over(old: Declared, new: Declared | None, address: Address) -> Iterator[Declared]:
    """What of one thing the new one no longer has, under an address of its own; all of it where there is no new one."""
    match old, new:
        case RequestedPermissions(), RequestedPermissions() | None:
            yield from _requests(old, new, address)
        case RedirectUris(), RedirectUris() | None:
            yield from _redirects(old, new, address)
        case ScopeGroup(), ScopeGroup():
            members = _without(old.members, new.members)
            if members:
                yield replace(old, address=address, members=members, superseded_by=new.members)
        case UserAssignment(), UserAssignment() | None:
            accounts = _without(old.accounts, new.accounts if new is not None else ())
            groups = _without(old.groups, new.groups if new is not None else ())
            if accounts or groups:
                now = new or UserAssignment(old.address, old.service_principal)
                yield replace(old, address=address, accounts=accounts, groups=groups, superseded_by=now)
        case DelegatedGrant(), DelegatedGrant() if old.account == new.account:
            permissions = tuple(each for each in old.permissions if each not in new.permissions)
            if permissions:
                yield replace(old, address=address, permissions=permissions)
        case MailboxPermission(), MailboxPermission():
            if old.mailbox.casefold() != new.mailbox.casefold():
                yield replace(old, address=address, superseded_by=new.mailbox)
        case AppRoleGrant() | DelegatedGrant(), _:
            if not isinstance(new, AppRoleGrant):
                yield replace(old, address=address)
        case _ if new is None:
            yield replace(old, address=address)


def _requests(
    old: RequestedPermissions, new: RequestedPermissions | None, address: Address
) -> Iterator[RequestedPermissions]:
    permissions = tuple(each for each in old.permissions if new is None or each not in new.permissions)
    if permissions:
        yield replace(old, address=address, permissions=permissions, superseded=True)


def _redirects(old: RedirectUris, new: RedirectUris | None, address: Address) -> Iterator[RedirectUris]:
    now = new or RedirectUris(old.address, old.application)
    web, spa, native = _without(old.web, now.web), _without(old.spa, now.spa), _without(old.native, now.native)
    public_client = old.public_client and not now.public_client
    if web or spa or native or public_client:
        yield replace(
            old, address=address, web=web, spa=spa, native=native, public_client=public_client, superseded=True
        )


def _without(before: Sequence[str], after: Sequence[str]) -> tuple[str, ...]:
    kept = {each.casefold() for each in after}
    return tuple(each for each in before if each.casefold() not in kept)
