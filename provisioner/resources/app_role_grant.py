"""Admin consent to one application permission: an app role assignment. Only this grants; the wish list does not."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import ClassVar

from provisioner.catalogue import reach, retirement, who_can_consent
from provisioner.errors import AlreadyThere
from provisioner.graph import app_role_assignments
from provisioner.model.change import Action, Blocked, Change, FieldChange, Gate, Part, Standing
from provisioner.model.declared import AppRoleGrant
from provisioner.model.identifiers import Address
from provisioner.model.observed import AppRoleAssignment, Caller, NotSeen, ResourcePrincipal
from provisioner.resources.abilities import may_consent
from provisioner.resources.hands import Bindings, Hands
from provisioner.resources.kind import Ending, Kind, ending
from provisioner.resources.sharing import Sharer, is_attached, others_want
from provisioner.resources.sight import Sight
from provisioner.resources.unscoped_grants import voided_scope


@dataclass(frozen=True)
class Observed:
    """The API here, everything granted to our service principal, and who else is on its application."""

    resource: ResourcePrincipal | NotSeen | None
    grants: tuple[AppRoleAssignment, ...] | NotSeen
    sharers: tuple[Sharer, ...] | NotSeen = ()


class AppRoleGrantKind(Kind[AppRoleGrant, Observed]):
    """Granted application permissions."""

    name: ClassVar[str] = "app_role_grant"
    part: ClassVar[Part] = Part.CONSENT
    opens: ClassVar[bool] = True

    def needs(self, declared: AppRoleGrant) -> tuple[Address, ...]:
        """The service principal that receives it."""
        return (declared.service_principal,)

    async def read(self, declared: AppRoleGrant, sight: Sight) -> Observed:
        """The API's roles and our grants."""
        resource, grants, sharers = await asyncio.gather(
            sight.resource(declared.permission.resource_app_id),
            sight.grants(declared.service_principal),
            sight.sharers_behind(declared.service_principal),
        )
        return Observed(resource, grants, sharers)

    def bind(self, declared: AppRoleGrant, observed: Observed, bindings: Bindings) -> None:
        """The API's object id."""
        if isinstance(observed.resource, ResourcePrincipal):
            bindings.resources[declared.permission.resource_app_id] = observed.resource

    def compare(self, declared: AppRoleGrant, observed: Observed) -> Change:
        """Grant or keep."""
        value = declared.permission.value
        opened = reach(declared.permission)
        ends = retirement(declared.permission)
        notes = (f"Microsoft retires it on {ends.isoformat()}",) if ends else ()
        api = observed.resource.display_name if isinstance(observed.resource, ResourcePrincipal) else "the API"
        if _granted(declared, observed) is not None:
            return Change(
                declared.address,
                self.name,
                Action.KEEP,
                self.part,
                f"Consent to {value} on {api}",
                reason="granted",
                reach=opened.text,
                guide_steps=declared.guide_steps,
                notes=notes,
            )
        return Change(
            declared.address,
            self.name,
            Action.CREATE,
            self.part,
            f"Grant admin consent to {value} on {api}",
            fields=(FieldChange(value, None, "granted for the whole tenant"),),
            reach=opened.text,
            gate=Gate.TENANT_WIDE if opened.tenant_wide_mailboxes else None,
            guide_steps=declared.guide_steps,
            notes=(f"can be granted by: {' or '.join(who_can_consent(declared.permission))}", *notes),
        )

    def standing(self, declared: AppRoleGrant, observed: Observed, caller: Caller) -> Standing:
        """Blocked where unseen, where the API has no such role, or where another role must consent."""
        if isinstance(observed.resource, NotSeen):
            return Blocked(f"not seen: {observed.resource.reason}", observed.resource.who_can)
        if observed.resource is None:
            return Blocked(f"the API {declared.permission.resource_app_id} has no service principal in this tenant")
        if not observed.resource.ids_of(declared.permission):
            return Blocked(f"{observed.resource.display_name} offers no {declared.permission.value} here")
        if isinstance(observed.grants, NotSeen):
            return Blocked(f"not seen: {observed.grants.reason}", observed.grants.who_can)
        if (voided := voided_scope(observed.sharers, declared.permission)) is not None:
            return voided
        return may_consent(caller, declared.permission)

    def ends(self, declared: AppRoleGrant) -> Ending | None:
        """When the permission stops working."""
        return ending(declared.permission.value, retirement(declared.permission))

    async def carry_out(self, declared: AppRoleGrant, change: Change, hands: Hands) -> None:
        """Assign; a duplicate is as good."""
        principal = hands.bindings.service_principals[declared.service_principal]
        resource = hands.bindings.resources[declared.permission.resource_app_id]

        async def grant() -> None:
            try:
                await app_role_assignments.grant(
                    hands.graph,
                    principal_id=principal.object_id,
                    resource_id=resource.object_id,
                    app_role_id=resource.ids_of(declared.permission)[0],
                    resource_app_id=resource.app_id,
                )
            except AlreadyThere:
                return

        await hands.settled(declared.address, grant)

    def compare_removal(self, declared: AppRoleGrant, observed: Observed) -> Change:
        """Revoke it."""
        value = declared.permission.value
        unseen = bool(observed.grants) and NotSeen in (type(observed.grants), type(observed.resource))
        if _granted(declared, observed) is None and not unseen:
            return Change(
                declared.address, self.name, Action.KEEP, self.part, f"Consent to {value}", reason="not granted"
            )
        staying = others_want(observed.sharers, declared.permission) if is_attached(observed.sharers) else None
        if staying is not None:
            return Change(
                declared.address,
                self.name,
                Action.KEEP,
                self.part,
                f"Consent to {value}",
                reason=f"it stays: {staying}",
            )
        return Change(
            declared.address,
            self.name,
            Action.REMOVE,
            self.part,
            f"Revoke admin consent to {value}",
            fields=(FieldChange(value, "granted for the whole tenant", None),),
        )

    def removal_standing(self, declared: AppRoleGrant, observed: Observed, caller: Caller) -> Standing:
        """Blocked where unseen, or where another role must take it back."""
        for seen in (observed.resource, observed.grants, observed.sharers):
            if isinstance(seen, NotSeen):
                return Blocked(f"not seen: {seen.reason}", seen.who_can)
        return may_consent(caller, declared.permission)

    async def remove(self, declared: AppRoleGrant, change: Change, hands: Hands) -> None:
        """Revoke exactly this one."""
        principal = hands.bindings.service_principals[declared.service_principal]
        resource = hands.bindings.resources[declared.permission.resource_app_id]
        ids = resource.ids_of(declared.permission)
        for each in await app_role_assignments.held_by(hands.graph, principal.object_id):
            if each.resource_id == resource.object_id and each.app_role_id in ids:
                await app_role_assignments.revoke(hands.graph, principal.object_id, each.assignment_id)


def _granted(declared: AppRoleGrant, observed: Observed) -> AppRoleAssignment | None:
    if isinstance(observed.grants, NotSeen) or not isinstance(observed.resource, ResourcePrincipal):
        return None
    ids = observed.resource.ids_of(declared.permission)
    for each in observed.grants:
        if each.resource_id == observed.resource.object_id and each.app_role_id in ids:
            return each
    return None
