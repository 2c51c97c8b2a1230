"""A directory role of an application itself: what Exchange asks of it beside the consent, for one.

Source: exchange.md 4.7: app-only PowerShell needs `Exchange.ManageAsApp` and a directory role on the service principal.
"""

from __future__ import annotations

from typing import ClassVar, TypeAlias

from provisioner.catalogue import role_id
from provisioner.errors import AlreadyThere
from provisioner.graph import directory_roles
from provisioner.model.change import Action, Blocked, Change, FieldChange, Part, Standing
from provisioner.model.declared import DirectoryRoleAssignment
from provisioner.model.identifiers import Address
from provisioner.model.observed import Caller, NotSeen, RoleAssignment
from provisioner.resources.abilities import may_assign_directory_roles
from provisioner.resources.hands import Bindings, Hands
from provisioner.resources.kind import Kind
from provisioner.resources.sight import Sight

Observed: TypeAlias = tuple[RoleAssignment, ...] | NotSeen


class DirectoryRoleAssignmentKind(Kind[DirectoryRoleAssignment, Observed]):
    """Directory roles of service principals, for the whole tenant."""

    name: ClassVar[str] = "directory_role_assignment"
    part: ClassVar[Part] = Part.CONSENT
    opens: ClassVar[bool] = True

    def needs(self, declared: DirectoryRoleAssignment) -> tuple[Address, ...]:
        """The service principal that receives it."""
        return (declared.service_principal,)

    async def read(self, declared: DirectoryRoleAssignment, sight: Sight) -> Observed:
        """The roles that it holds."""
        return await sight.directory_roles(declared.service_principal)

    def bind(self, declared: DirectoryRoleAssignment, observed: Observed, bindings: Bindings) -> None:
        """Nothing: roles are the same in every tenant."""

    def compare(self, declared: DirectoryRoleAssignment, observed: Observed) -> Change:
        """Assign or keep."""
        if _held(declared, observed) is not None:
            return Change(
                declared.address,
                self.name,
                Action.KEEP,
                self.part,
                f"Directory role {declared.role}",
                reason="assigned",
                guide_steps=declared.guide_steps,
            )
        return Change(
            declared.address,
            self.name,
            Action.CREATE,
            self.part,
            f"Assign the directory role {declared.role} to the application itself",
            fields=(FieldChange(declared.role, None, "assigned for the whole tenant"),),
            guide_steps=declared.guide_steps,
            notes=("can be assigned by: Privileged Role Administrator or Global Administrator",),
        )

    def standing(self, declared: DirectoryRoleAssignment, observed: Observed, caller: Caller) -> Standing:
        """Blocked where unseen, or where another role must assign it."""
        if isinstance(observed, NotSeen):
            return Blocked(f"not seen: {observed.reason}", observed.who_can)
        return may_assign_directory_roles(caller, declared.role)

    async def carry_out(self, declared: DirectoryRoleAssignment, change: Change, hands: Hands) -> None:
        """Assign; a duplicate is as good."""
        principal = hands.bindings.service_principals[declared.service_principal]

        async def assign() -> None:
            try:
                await directory_roles.assign(hands.graph, principal.object_id, role_id(declared.role))
            except AlreadyThere:
                return

        await hands.settled(declared.address, assign)

    def compare_removal(self, declared: DirectoryRoleAssignment, observed: Observed) -> Change:
        """Take it away."""
        if not isinstance(observed, NotSeen) and _held(declared, observed) is None:
            return Change(
                declared.address,
                self.name,
                Action.KEEP,
                self.part,
                f"Directory role {declared.role}",
                reason="not assigned",
            )
        return Change(
            declared.address,
            self.name,
            Action.REMOVE,
            self.part,
            f"Take the directory role {declared.role} away from the application",
            fields=(FieldChange(declared.role, "assigned for the whole tenant", None),),
        )

    async def remove(self, declared: DirectoryRoleAssignment, change: Change, hands: Hands) -> None:
        """Take exactly this one away."""
        principal = hands.bindings.service_principals[declared.service_principal]
        held = _held(declared, await directory_roles.held_by(hands.graph, principal.object_id))
        if held is not None:
            await directory_roles.revoke(hands.graph, held.assignment_id)


def _held(declared: DirectoryRoleAssignment, observed: Observed) -> RoleAssignment | None:
    if isinstance(observed, NotSeen):
        return None
    wanted = role_id(declared.role)
    return next((each for each in observed if each.role_id == wanted and each.whole_tenant), None)
