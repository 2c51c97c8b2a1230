"""Grants of Entra that cancel a scope.

Exchange adds Entra's grants and its own roles up, so a scope beside a grant of the same permission, or of everything,
is no scope (field-notes.md 1.6; exchange.md 4.4).

The application is judged, not the playbook: whatever was granted to it that opens mailboxes of the whole tenant and
that this variant does not ask for. It is taken away only on request, and only once what takes its place stands. The
wish in `requiredResourceAccess` goes as well: the next click on the portal's consent button would grant it again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import ClassVar

from provisioner.catalogue import reach
from provisioner.graph import app_role_assignments, applications
from provisioner.model.change import Action, Blocked, Change, FieldChange, Gate, Part, Ready, Standing
from provisioner.model.declared import Permission, PermissionKind, UnscopedGrants
from provisioner.model.identifiers import EXCHANGE_APP_ID, GRAPH_APP_ID, Address, AppId
from provisioner.model.observed import (
    ApplicationObject,
    AppRoleAssignment,
    Caller,
    NotSeen,
    RequestedAccess,
    ResourcePrincipal,
    RoleAuthorization,
)
from provisioner.resources.abilities import may_consent, may_manage_applications
from provisioner.resources.hands import Bindings, Hands
from provisioner.resources.kind import Kind
from provisioner.resources.sharing import Sharer, others_want
from provisioner.resources.sight import Sight

FINDING = "scope_too_wide"
"""The stable identifier of what this finds (field-notes.md 5)."""

APIS: tuple[AppId, ...] = (EXCHANGE_APP_ID, GRAPH_APP_ID)
"""The APIs whose permissions open mailboxes."""


@dataclass(frozen=True)
class Observed:
    """What was granted and wished, the APIs that give the ids their names, and Exchange's own roles."""

    application: ApplicationObject | NotSeen | None
    grants: tuple[AppRoleAssignment, ...] | NotSeen
    resources: tuple[ResourcePrincipal | NotSeen, ...]
    authorization: tuple[RoleAuthorization, ...] | NotSeen | None
    sharers: tuple[Sharer, ...] | NotSeen = ()
    """The other onboardings on the application."""


class UnscopedGrantsKind(Kind[UnscopedGrants, Observed]):
    """Grants and wishes beside scoped roles that open mailboxes of the whole tenant."""

    name: ClassVar[str] = "unscoped_grants"
    part: ClassVar[Part] = Part.CONSENT

    def needs(self, declared: UnscopedGrants) -> tuple[Address, ...]:
        """The application, and all that takes the grants' place."""
        return (declared.application, declared.service_principal, *declared.after)

    async def read(self, declared: UnscopedGrants, sight: Sight) -> Observed:
        """Grants and wishes first: without any, no API's long list of permissions is needed."""
        application, grants, authorization, sharers = await asyncio.gather(
            sight.application(declared.application),
            sight.grants(declared.service_principal),
            sight.authorization(declared.pointer),
            sight.sharers(declared.application),
        )
        wishes = application.requested if isinstance(application, ApplicationObject) else ()
        if not grants and not wishes:
            return Observed(application, grants, (), authorization, sharers)
        resources = await asyncio.gather(*(sight.resource(each) for each in APIS))
        there = tuple(each for each in resources if each is not None)
        return Observed(application, grants, there, authorization, sharers)

    def bind(self, declared: UnscopedGrants, observed: Observed, bindings: Bindings) -> None:
        """The APIs' object ids."""
        for each in observed.resources:
            if isinstance(each, ResourcePrincipal):
                bindings.resources[each.app_id] = each

    def compare(self, declared: UnscopedGrants, observed: Observed) -> Change:
        """Take away what cancels the scope, or say that nothing does."""
        granted = unscoped_grants(declared, observed)
        wished = tuple(permission for permission, _ in _wishes(declared, observed))
        notes = _wide_roles(observed)
        if not granted and not wished:
            return Change(
                declared.address,
                self.name,
                Action.KEEP,
                self.part,
                "Entra grants nothing beside the scoped roles",
                reason="so the scope holds" if not notes else "but Exchange's own roles reach further",
                notes=notes,
            )
        fields = (
            *(FieldChange(each.value, "granted for the whole tenant", None) for each in granted),
            *(FieldChange(f"{each.value} in the list of requests", "requested", None) for each in wished),
        )
        names = ", ".join(dict.fromkeys(each.value for each in (*granted, *wished)))
        return Change(
            declared.address,
            self.name,
            Action.UPDATE,
            self.part,
            f"Take {names} away in Entra, which {'cancels' if granted else 'would cancel'} the scope",
            fields=fields,
            reason=(
                f"{FINDING}: Exchange adds Entra's grants to its own roles, {_beyond(granted)}"
                if granted
                else "the portal's consent button would grant it, and then no scope would hold"
            ),
            gate=Gate.REMOVE_GRANTS if granted else None,
            notes=(*_reaches(granted), *notes),
        )

    def standing(self, declared: UnscopedGrants, observed: Observed, caller: Caller) -> Standing:
        """Unseen grants are not "no grants"."""
        for seen in (observed.application, observed.grants, *observed.resources):
            if isinstance(seen, NotSeen):
                return Blocked(f"not seen: {seen.reason}", seen.who_can)
        for each in dict.fromkeys(
            (*unscoped_grants(declared, observed), *(one for one, _ in _wishes(declared, observed)))
        ):
            needed = others_want(observed.sharers, each)
            if needed is not None:
                return Blocked(f"{each.value} cancels the scope, but {needed}: remove that first")
        for each in unscoped_grants(declared, observed):
            judged = may_consent(caller, each)
            if isinstance(judged, Blocked):
                return Blocked(judged.reason.replace("consent to", "take back consent to"), judged.who_can)
        return may_manage_applications(caller) if _wishes(declared, observed) else Ready()

    async def carry_out(self, declared: UnscopedGrants, change: Change, hands: Hands) -> None:
        """Revoke exactly these, then take them off the list of requests."""
        principal = hands.bindings.service_principals[declared.service_principal]
        application = await hands.application_now(declared.application)
        observed = Observed(
            application,
            await app_role_assignments.held_by(hands.graph, principal.object_id),
            tuple(hands.bindings.resources[each] for each in APIS if each in hands.bindings.resources),
            None,
        )
        for assignment, _ in _granted(declared, observed):
            await app_role_assignments.revoke(hands.graph, principal.object_id, assignment.assignment_id)
        wishes = {access for _, access in _wishes(declared, observed)}
        if wishes:
            left = tuple(each for each in application.requested if each not in wishes)
            await hands.settled(
                declared.address, lambda: applications.update(hands.graph, application.object_id, requested=left)
            )
            known = hands.bindings.applications[declared.application]
            hands.bindings.applications[declared.application] = replace(known, requested=left)

    def compare_removal(self, declared: UnscopedGrants, observed: Observed) -> Change:
        """There is nothing of it to take away."""
        return Change(
            declared.address,
            self.name,
            Action.KEEP,
            self.part,
            "Grants beside the scoped roles",
            reason="go with the application",
        )

    async def remove(self, declared: UnscopedGrants, change: Change, hands: Hands) -> None:
        """Nothing is taken away."""
        raise AssertionError("grants beside the scoped roles are removed with their application")


def unscoped_grants(declared: UnscopedGrants, observed: Observed) -> tuple[Permission, ...]:
    """The granted permissions that cancel the scope."""
    return tuple(dict.fromkeys(permission for _, permission in _granted(declared, observed)))


def voided_scope(sharers: tuple[Sharer, ...] | NotSeen, permission: Permission) -> Blocked | None:
    """Blocked where somebody else's scope on the same application would hold no longer with a permission."""
    for each in () if isinstance(sharers, NotSeen) else sharers:
        guards = (one for one in each.resources or () if isinstance(one, UnscopedGrants))
        if any(_cancels(one, permission) for one in guards):
            return Blocked(
                f"{each.title} is limited to some mailboxes on this application, and {permission.value} would cancel "
                "that; use a variant with an application of its own"
            )
    return None


def _granted(declared: UnscopedGrants, observed: Observed) -> tuple[tuple[AppRoleAssignment, Permission], ...]:
    if isinstance(observed.grants, NotSeen):
        return ()
    by_object_id = {api.object_id: api for api in _apis(observed)}
    named = ((each, _named(by_object_id.get(each.resource_id), each.app_role_id)) for each in observed.grants)
    return tuple((each, found) for each, found in named if found is not None and _cancels(declared, found))


def _wishes(declared: UnscopedGrants, observed: Observed) -> tuple[tuple[Permission, RequestedAccess], ...]:
    if not isinstance(observed.application, ApplicationObject):
        return ()
    by_app_id = {api.app_id: api for api in _apis(observed)}
    roles = (each for each in observed.application.requested if each.kind == PermissionKind.ROLE.value)
    named = ((_named(by_app_id.get(each.resource_app_id), each.permission_id), each) for each in roles)
    return tuple((found, each) for found, each in named if found is not None and _cancels(declared, found))


def _apis(observed: Observed) -> tuple[ResourcePrincipal, ...]:
    return tuple(each for each in observed.resources if isinstance(each, ResourcePrincipal))


def _named(api: ResourcePrincipal | None, permission_id: str) -> Permission | None:
    """The application permission behind an id, by the tenant's own list."""
    if api is None:
        return None
    for (kind, value), ids in api.ids.items():
        if kind == PermissionKind.ROLE.value and permission_id in ids:
            return Permission(api.app_id, PermissionKind.ROLE, value)
    return None


def _cancels(declared: UnscopedGrants, permission: Permission) -> bool:
    if permission in declared.wanted:
        return False
    return permission in declared.twins or reach(permission).tenant_wide_mailboxes


def _reaches(granted: tuple[Permission, ...]) -> tuple[str, ...]:
    return tuple(f"{each.value}: {reach(each).text}" for each in granted)


def _beyond(granted: tuple[Permission, ...]) -> str:
    """What the application reaches beside the scope. SMTP.SendAsApp and its like open nothing by themselves."""
    if any(reach(each).tenant_wide_mailboxes for each in granted):
        return "so the application reaches every mailbox"
    return "so any right that it has on a mailbox, within the scope or not, opens that mailbox as well"


def _wide_roles(observed: Observed) -> tuple[str, ...]:
    """Roles of Exchange's own that somebody assigned without a scope. They are shown, never taken away."""
    if not isinstance(observed.authorization, tuple):
        return ()
    return tuple(
        f"{FINDING}: {each.role} is also assigned for the whole organisation; look for it with "
        "Get-ManagementRoleAssignment"
        for each in observed.authorization
        if each.organization_wide
    )
