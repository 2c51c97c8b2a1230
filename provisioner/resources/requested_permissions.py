"""`requiredResourceAccess`: what the portal's consent button would ask for. It grants nothing.

Kept true all the same, because an administrator who presses that button later may otherwise *revoke* what is not
listed (entra-docs, "grant admin consent"). Foreign entries are folded in: a PATCH replaces the whole list.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import ClassVar

from provisioner.graph import applications
from provisioner.model.change import Action, Blocked, Change, FieldChange, Part, Standing
from provisioner.model.declared import Permission, RequestedPermissions
from provisioner.model.identifiers import Address, AppId
from provisioner.model.observed import ApplicationObject, Caller, NotSeen, RequestedAccess, ResourcePrincipal
from provisioner.resources.abilities import may_manage_applications
from provisioner.resources.hands import Bindings, Hands
from provisioner.resources.kind import Kind
from provisioner.resources.sight import Sight


@dataclass(frozen=True)
class Observed:
    """The application and the APIs whose permissions are wanted."""

    application: ApplicationObject | NotSeen | None
    resources: tuple[tuple[AppId, ResourcePrincipal | NotSeen | None], ...]

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

    def needs(self, declared: RequestedPermissions) -> tuple[Address, ...]:
        """Its application."""
        return (declared.application,)

    async def read(self, declared: RequestedPermissions, sight: Sight) -> Observed:
        """The application (shared read) and each API's service principal."""
        app_ids = tuple(dict.fromkeys(each.resource_app_id for each in declared.permissions))
        application, *resources = await asyncio.gather(
            sight.application(declared.application), *(sight.resource(each) for each in app_ids)
        )
        assert application is None or isinstance(application, (ApplicationObject, NotSeen))
        found = tuple(each for each in resources if not isinstance(each, ApplicationObject))
        return Observed(application, tuple(zip(app_ids, found, strict=True)))

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
        return Change(
            declared.address,
            self.name,
            Action.CREATE,
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
            if not observed.ids_of(permission):
                return Blocked(f"this tenant's API offers no {permission.value} ({permission.kind.value})")
        return may_manage_applications(caller)

    async def carry_out(self, declared: RequestedPermissions, change: Change, hands: Hands) -> None:
        """PATCH the whole list, foreign entries included."""
        application = hands.bindings.applications[declared.application]
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
        # whoever writes the list next must not go back to what it was
        hands.bindings.applications[declared.application] = replace(application, requested=wanted)

    def compare_removal(self, declared: RequestedPermissions, observed: Observed) -> Change:
        """Goes with its application."""
        return Change(
            declared.address,
            self.name,
            Action.KEEP,
            self.part,
            "Requested permissions",
            reason="go with their application",
        )

    async def remove(self, declared: RequestedPermissions, change: Change, hands: Hands) -> None:
        """Nothing of its own to take away."""
        raise AssertionError("requested permissions are removed with their application")
