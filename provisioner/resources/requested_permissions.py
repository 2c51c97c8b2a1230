"""`requiredResourceAccess`: what the portal's consent button would ask for. It grants nothing.

Kept true all the same, because an administrator who presses that button later may otherwise *revoke* what is not
listed (entra-docs, "grant admin consent"). Foreign entries are folded in: a PATCH replaces the whole list.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import ClassVar

from provisioner.catalogue import short_name
from provisioner.graph import applications
from provisioner.model.change import Action, Blocked, Change, FieldChange, Part, Standing
from provisioner.model.declared import Permission, RequestedPermissions
from provisioner.model.identifiers import Address, AppId
from provisioner.model.observed import ApplicationObject, Caller, NotSeen, RequestedAccess, ResourcePrincipal
from provisioner.resources.abilities import may_manage_applications
from provisioner.resources.hands import Bindings, Hands
from provisioner.resources.kind import Kind
from provisioner.resources.sharing import Sharer, others_want
from provisioner.resources.sight import Sight
from provisioner.resources.unscoped_grants import voided_scope


@dataclass(frozen=True)
class Observed:
    """The application and the APIs whose permissions are wanted."""

    application: ApplicationObject | NotSeen | None
    resources: tuple[tuple[AppId, ResourcePrincipal | NotSeen | None], ...]
    sharers: tuple[Sharer, ...] | NotSeen = ()
    """The other onboardings on the application."""
    made_by_us: bool = True
    """Whether the application goes with us."""

    def ids_of(self, permission: Permission) -> tuple[str, ...]:
        """The permission's ids in this tenant; empty where the API or the permission is missing."""
        for app_id, resource in self.resources:
            if app_id == permission.resource_app_id and isinstance(resource, ResourcePrincipal):
                return resource.ids_of(permission)
        return ()


class RequestedPermissionsKind(Kind[RequestedPermissions, Observed]):
    """The wish list of one application."""

    name: ClassVar[str] = "requested_permissions"
    part: ClassVar[Part] = Part.ENTRA
    by_item: ClassVar[bool] = True

    def needs(self, declared: RequestedPermissions) -> tuple[Address, ...]:
        """Its application."""
        return (declared.application,)

    async def read(self, declared: RequestedPermissions, sight: Sight) -> Observed:
        """The application (shared read) and each API's service principal."""
        app_ids = tuple(dict.fromkeys(each.resource_app_id for each in declared.permissions))
        application, sharers, made_by_us, resources = await asyncio.gather(
            sight.application(declared.application),
            sight.sharers(declared.application),
            sight.made_by_us(declared.application),
            asyncio.gather(*(sight.resource(each) for each in app_ids)),
        )
        return Observed(application, tuple(zip(app_ids, resources, strict=True)), sharers, made_by_us)

    def bind(self, declared: RequestedPermissions, observed: Observed, bindings: Bindings) -> None:
        """The APIs' object ids."""
        for app_id, resource in observed.resources:
            if isinstance(resource, ResourcePrincipal):
                bindings.resources[app_id] = resource

    def compare(self, declared: RequestedPermissions, observed: Observed) -> Change:
        """List what is missing; foreign wishes stay."""
        missing = tuple(each for each in declared.permissions if not self._listed(each, observed))
        names = ", ".join(each.value for each in declared.permissions)
        if not missing:
            return Change(
                declared.address,
                self.name,
                Action.KEEP,
                self.part,
                f"Requested permissions: {names}",
                reason="listed",
                guide_steps=declared.guide_steps,
            )
        listed = isinstance(observed.application, ApplicationObject) and observed.application.requested
        return Change(
            declared.address,
            self.name,
            Action.UPDATE if listed else Action.CREATE,
            self.part,
            f"List the permissions it asks for: {', '.join(each.value for each in missing)}",
            fields=tuple(FieldChange(each.value, None, "requested") for each in missing),
            reason="a wish list; consent comes next",
            guide_steps=declared.guide_steps,
        )

    def _listed(self, permission: Permission, observed: Observed) -> bool:
        if not isinstance(observed.application, ApplicationObject):
            return False
        ids = observed.ids_of(permission)
        return any(
            each.resource_app_id == permission.resource_app_id
            and each.kind == permission.kind.value
            and each.permission_id in ids
            for each in observed.application.requested
        )

    def standing(self, declared: RequestedPermissions, observed: Observed, caller: Caller) -> Standing:
        """Blocked where an API or permission does not exist here."""
        if isinstance(observed.application, NotSeen):
            return Blocked(f"not seen: {observed.application.reason}", observed.application.who_can)
        for app_id, resource in observed.resources:
            if resource is None:
                return Blocked(f"the API {app_id} has no service principal in this tenant")
            if isinstance(resource, NotSeen):
                return Blocked(f"not seen: {resource.reason}", resource.who_can)
        for permission in declared.permissions:
            if (voided := voided_scope(observed.sharers, permission)) is not None:
                return voided
            if not observed.ids_of(permission):
                return Blocked(f"this tenant's API offers no {permission.value} ({permission.kind.value})")
        return may_manage_applications(caller)

    async def carry_out(self, declared: RequestedPermissions, change: Change, hands: Hands) -> None:
        """PATCH the whole list, foreign entries included."""
        application = await hands.application_now(declared.application)
        ours = tuple(
            RequestedAccess(
                each.resource_app_id,
                hands.bindings.resources[each.resource_app_id].ids_of(each)[0],
                each.kind.value,
            )
            for each in declared.permissions
        )
        wanted = tuple(dict.fromkeys((*application.requested, *ours)))
        await hands.settled(
            declared.address, lambda: applications.update(hands.graph, application.object_id, requested=wanted)
        )
        self._note(declared, hands, wanted)

    def compare_removal(self, declared: RequestedPermissions, observed: Observed) -> Change:
        """Goes with its application; where that stays, what only we asked for is taken off the list."""
        if observed.made_by_us and not declared.superseded:
            return Change(
                declared.address,
                self.name,
                Action.KEEP,
                self.part,
                "Requested permissions",
                reason="go with their application",
            )
        listed = tuple(each for each in declared.permissions if self._listed(each, observed))
        staying = {each: why for each in listed if (why := others_want(observed.sharers, each)) is not None}
        notes = tuple(f"{each.value} stays: {why}" for each, why in staying.items())
        going = tuple(each for each in listed if each not in staying)
        return Change(
            declared.address,
            self.name,
            Action.REMOVE if going else Action.KEEP,
            self.part,
            "Take permissions off the list of requests" if going else "Requested permissions",
            fields=tuple(FieldChange(_in_full(each), "requested", None) for each in going),
            reason="the application stays" if going else "nothing of them is ours to take away",
            notes=notes,
        )

    def removal_standing(self, declared: RequestedPermissions, observed: Observed, caller: Caller) -> Standing:
        """Blocked where the list was not seen."""
        for seen in (observed.application, *(resource for _, resource in observed.resources)):
            if isinstance(seen, NotSeen):
                return Blocked(f"not seen: {seen.reason}", seen.who_can)
        return may_manage_applications(caller)

    async def remove(self, declared: RequestedPermissions, change: Change, hands: Hands) -> None:
        """PATCH the list without exactly these."""
        application = await hands.application_now(declared.application)
        names = {each.name for each in change.fields}
        going = {
            (each.resource_app_id, access)
            for each in declared.permissions
            if _in_full(each) in names
            for access in hands.bindings.resources[each.resource_app_id].ids_of(each)
        }
        left = tuple(each for each in application.requested if (each.resource_app_id, each.permission_id) not in going)
        await applications.update(hands.graph, application.object_id, requested=left)
        self._note(declared, hands, left)

    def _note(self, declared: RequestedPermissions, hands: Hands, requested: tuple[RequestedAccess, ...]) -> None:
        """Whoever writes the list next must not go back to what it was."""
        known = hands.bindings.applications[declared.application]
        hands.bindings.applications[declared.application] = replace(known, requested=requested)


def _in_full(permission: Permission) -> str:
    """A permission's name with its API: two APIs may have one of the same name."""
    return f"{permission.value} ({short_name(permission.resource_app_id)})"
