"""The part of a declaration that is set up in Exchange Online."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner import catalogue
from provisioner.model import declared
from provisioner.model.identifiers import Address
from provisioner.playbook import naming, written
from provisioner.playbook.filling import Filling, permission
from provisioner.playbook.values import mailboxes_in

_CUSTOMIZATION = Address("organization_customization")


def declared_in_exchange(filling: Filling) -> Iterator[declared.Declared]:
    """Everything under `exchange`."""
    exchange = filling.variant.exchange
    for key, pointer in exchange.pointers.items():
        yield declared.ExchangePointer(
            address=naming.pointer(key),
            application=naming.application(key),
            service_principal=naming.service_principal(key),
            display_name=filling.text(filling.variant.applications[key].display_name),
            guide_steps=pointer.guide_steps,
        )
    for right in exchange.mailbox_permissions:
        yield declared.MailboxPermission(
            address=Address(f"mailbox_permission.{right.application}.{right.name or right.right}"),
            pointer=naming.pointer(right.application),
            mailbox=filling.text(right.mailbox),
            right=right.right,
            guide_steps=right.guide_steps,
        )
    yield from _client_access(filling)
    for key, ews in exchange.ews_access.items():
        yield declared.EwsAccess(Address(f"ews_access.{key}"), naming.application(key), ews.guide_steps)
    yield from _scopes(filling)
    yield from _role_assignments(filling)


def _client_access(filling: Filling) -> Iterator[declared.ClientAccess]:
    """One per mailbox, although two parameters may name the same: what one of them needs is on."""
    together: dict[str, list[tuple[str, written.ClientAccess]]] = {}
    for key, access in filling.variant.exchange.client_access.items():
        together.setdefault(filling.text(access.mailbox).casefold(), []).append((key, access))
    for entries in together.values():
        key, first = entries[0]
        switches = {
            protocol: True in wanted
            for protocol in declared.Protocol
            if (wanted := {getattr(each, protocol.value) for _, each in entries} - {None})
        }
        steps = dict.fromkeys(step for _, each in entries for step in each.guide_steps)
        yield declared.ClientAccess(
            Address(f"client_access.{key}"), filling.text(first.mailbox), tuple(switches.items()), tuple(steps)
        )


def _scopes(filling: Filling) -> Iterator[declared.Declared]:
    scopes = filling.variant.exchange.scopes
    if scopes:
        yield declared.OrganizationCustomization(_CUSTOMIZATION)
    for key, scope in scopes.items():
        members = (each for line in filling.given(scope.members) for each in mailboxes_in(line))
        name = naming.exchange_name(filling.playbook.id, filling.instance, key)
        yield declared.ScopeGroup(
            address=Address(f"scope_group.{key}"),
            name=name,
            display_name=filling.text(scope.title),
            tag=naming.tag(filling.playbook.id, filling.instance),
            members=tuple({each.casefold(): each for each in members}.values()),
            guide_steps=scope.guide_steps,
        )
        yield declared.ManagementScope(
            _management_scope(key), name, Address(f"scope_group.{key}"), (_CUSTOMIZATION,), scope.guide_steps
        )


def _role_assignments(filling: Filling) -> Iterator[declared.Declared]:
    assigned = filling.variant.exchange.role_assignments
    for each in assigned:
        yield declared.ManagementRoleAssignment(
            address=_role_assignment(each),
            name=naming.exchange_name(filling.playbook.id, filling.instance, each.application, each.role),
            role=catalogue.EXCHANGE_NAME + each.role,
            pointer=naming.pointer(each.application),
            scope=_management_scope(each.scope),
            scope_name=naming.exchange_name(filling.playbook.id, filling.instance, each.scope),
            guide_steps=each.guide_steps,
        )
    for key in dict.fromkeys(each.application for each in assigned):
        permissions = filling.variant.applications[key].permissions
        wishes = (Address(f"requested_permissions.{key}"),) if permissions else ()
        yield declared.UnscopedGrants(
            address=Address(f"unscoped_grants.{key}"),
            application=naming.application(key),
            service_principal=naming.service_principal(key),
            pointer=naming.pointer(key),
            twins=tuple(catalogue.entra_twin(each.role) for each in assigned if each.application == key),
            wanted=tuple(permission(each) for each in permissions),
            after=(*wishes, *(_role_assignment(each) for each in assigned if each.application == key)),
        )


def _management_scope(key: str) -> Address:
    return Address(f"management_scope.{key}")


def _role_assignment(assignment: written.RoleAssignment) -> Address:
    return Address(f"management_role_assignment.{assignment.application}.{assignment.role}")
