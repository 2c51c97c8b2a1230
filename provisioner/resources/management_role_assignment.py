"""A role that Exchange itself gives the application, within our scope. It takes no consent, and adds up with one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import ClassVar

from provisioner.catalogue import EXCHANGE_NAME, entra_twin, retirement
from provisioner.errors import AlreadyThere, NotYet, ServiceFault
from provisioner.exchange import role_assignments
from provisioner.model.change import Action, Blocked, Change, FieldChange, Part, Ready, Standing
from provisioner.model.declared import ManagementRoleAssignment
from provisioner.model.identifiers import Address
from provisioner.model.observed import Caller, ExchangePrincipal, NotSeen, RoleAssignmentRecord, RoleAuthorization
from provisioner.resources.hands import Bindings, Hands, shown
from provisioner.resources.kind import Ending, Kind, ending
from provisioner.resources.sight import Sight

CACHE_NOTE = "Exchange's cache may answer as before for up to two hours; leave the product alone meanwhile"
"""Source: exchange.md 4.4 (30 minutes to two hours; repeated attempts kept a stale refusal alive)."""


NO_DELEGATION = "delegating role assignment"
"""In the refusal of `New-ManagementRoleAssignment`: for 40 to 60 minutes after an organisation's customisation was
permitted to everybody (exchange.md 4.4), otherwise to those who may not assign roles."""


@dataclass(frozen=True)
class Observed:
    """The assignment of our name, whom it would be for, and what Exchange says that application has."""

    assignment: RoleAssignmentRecord | NotSeen | None
    pointer: ExchangePrincipal | NotSeen | None
    authorization: tuple[RoleAuthorization, ...] | NotSeen | None
    pointer_stays: bool = True
    """Exchange's record names our service principal; one that is replaced takes its roles along."""


class ManagementRoleAssignmentKind(Kind[ManagementRoleAssignment, Observed]):
    """`New-ManagementRoleAssignment -App`."""

    name: ClassVar[str] = "management_role_assignment"
    part: ClassVar[Part] = Part.EXCHANGE
    opens: ClassVar[bool] = True

    def needs(self, declared: ManagementRoleAssignment) -> tuple[Address, ...]:
        """Exchange's record of the application, and the scope."""
        return (declared.pointer, declared.scope)

    async def read(self, declared: ManagementRoleAssignment, sight: Sight) -> Observed:
        """By name, and what the application has all in all."""
        assignment, pointer, authorization, stays = await asyncio.gather(
            sight.role_assignment(declared.name),
            sight.pointer_behind(declared.pointer),
            sight.authorization(declared.pointer),
            sight.pointer_stays(declared.pointer),
        )
        return Observed(assignment, pointer, authorization, stays)

    def bind(self, declared: ManagementRoleAssignment, observed: Observed, bindings: Bindings) -> None:
        """Nothing: it is named, not numbered."""

    def compare(self, declared: ManagementRoleAssignment, observed: Observed) -> Change:
        """Give the role, give it anew where it is another one or otherwise scoped, or keep it."""
        reach = f"{declared.role}, for the members of the group alone"
        if not isinstance(observed.assignment, RoleAssignmentRecord):
            return Change(
                declared.address,
                self.name,
                Action.CREATE,
                self.part,
                f"Let the application use the role {declared.role} within the scope",
                fields=(FieldChange(declared.role, None, f"within {declared.scope}"),),
                reach=reach,
                guide_steps=declared.guide_steps,
                notes=(CACHE_NOTE,),
            )
        if _as_wanted(declared, observed):
            return Change(
                declared.address,
                self.name,
                Action.KEEP,
                self.part,
                f"Role {declared.role}",
                reason="assigned within the scope",
                reach=reach,
                guide_steps=declared.guide_steps,
            )
        return Change(
            declared.address,
            self.name,
            Action.UPDATE,
            self.part,
            f"Assign the role {declared.role} anew, within the scope",
            fields=(FieldChange(declared.role, "assigned otherwise", f"within {declared.scope}"),),
            reason="an assignment of our name is for another role, application or scope; it can only be made anew",
            reach=reach,
            guide_steps=declared.guide_steps,
            notes=(CACHE_NOTE,),
        )

    def standing(self, declared: ManagementRoleAssignment, observed: Observed, caller: Caller) -> Standing:
        """Exchange judges its own callers; a refused read blocks."""
        if isinstance(observed.assignment, NotSeen):
            return Blocked(f"not seen: {observed.assignment.reason}", observed.assignment.who_can)
        return Ready()

    def ends(self, declared: ManagementRoleAssignment) -> Ending | None:
        """When the permission behind the role stops working."""
        return ending(declared.role, retirement(entra_twin(declared.role.removeprefix(EXCHANGE_NAME))))

    async def carry_out(self, declared: ManagementRoleAssignment, change: Change, hands: Hands) -> None:
        """Assign; an assignment of our name that is not as wanted goes first."""
        driver = hands.driver()
        principal = hands.bindings.pointers[declared.pointer].object_id
        if change.action is Action.UPDATE:
            await role_assignments.remove(driver, declared.name)

        async def assign() -> None:
            try:
                await role_assignments.create(
                    driver, name=declared.name, role=declared.role, principal=principal, scope=declared.scope_name
                )
            except AlreadyThere:
                found = shown(await role_assignments.get(driver, declared.name), "the role assignment")
                if _is_for(declared, found):
                    return
                raise
            except ServiceFault as error:
                if NO_DELEGATION not in error.fault.message:
                    raise
                raise NotYet(
                    error.fault,
                    advice="up to an hour after the organisation's customisation was permitted this is usual: run the "
                    "same command again later; after that it takes a member of Organization Management",
                ) from None

        await hands.settled(declared.address, assign)

    def compare_removal(self, declared: ManagementRoleAssignment, observed: Observed) -> Change:
        """Take it away."""
        if observed.assignment is None:
            return Change(
                declared.address, self.name, Action.KEEP, self.part, f"Role {declared.role}", reason="not assigned"
            )
        return Change(
            declared.address,
            self.name,
            Action.REMOVE,
            self.part,
            f"Take the role {declared.role} away from the application",
            fields=(FieldChange(declared.role, f"within {declared.scope}", None),),
        )

    async def remove(self, declared: ManagementRoleAssignment, change: Change, hands: Hands) -> None:
        """Remove; gone already is fine."""
        await role_assignments.remove(hands.driver(), declared.name)


def _as_wanted(declared: ManagementRoleAssignment, observed: Observed) -> bool:
    """Role and scope by the assignment; whose it is by what Exchange says our application has."""
    if not isinstance(observed.assignment, RoleAssignmentRecord) or not _is_for(declared, observed.assignment):
        return False
    if not observed.pointer_stays:
        return False
    if isinstance(observed.authorization, NotSeen):
        return True
    return any(each.role.casefold() == declared.role.casefold() for each in observed.authorization or ())


def _is_for(declared: ManagementRoleAssignment, found: RoleAssignmentRecord) -> bool:
    return found.role.casefold() == declared.role.casefold() and _same(found.scope or "", declared.scope_name)


def _same(shown: str, name: str) -> bool:
    """Scopes are shown by name or by a path or distinguished name that ends or begins with it."""
    plain = shown.casefold().removeprefix("cn=").partition(",")[0].rpartition("/")[2].rpartition("\\")[2]
    return plain == name.casefold()
