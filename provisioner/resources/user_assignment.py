"""Who may sign in to an application: the switch that asks for an assignment, and the accounts and groups assigned.

The enterprise application is ours, so the switch is; people whom others assigned are not, so they stay and are named:
each widens what a leaked secret opens. Only direct members of a group count. Both go with the enterprise application.
Source: microsoft-graph-docs, resource types servicePrincipal (appRoleAssignmentRequired) and appRoleAssignment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, TypeAlias

from provisioner.errors import AlreadyThere
from provisioner.graph import app_role_assignments, service_principals
from provisioner.model.change import Action, Blocked, Change, FieldChange, Part, Ready, Standing
from provisioner.model.declared import UserAssignment
from provisioner.model.identifiers import Address, ObjectId
from provisioner.model.observed import Assigned, Caller, DirectoryGroup, NotSeen, ServicePrincipalObject
from provisioner.resources.abilities import may_assign_people, may_manage_applications
from provisioner.resources.hands import Bindings, Hands
from provisioner.resources.kind import Kind
from provisioner.resources.sight import Sight

Groups: TypeAlias = tuple[DirectoryGroup, ...] | NotSeen

SWITCH = "assignment required"


@dataclass(frozen=True)
class Observed:
    """The enterprise application, whoever is assigned to it, and what stands behind the names in the playbook."""

    principal: ServicePrincipalObject | NotSeen | None
    assigned: tuple[Assigned, ...] | NotSeen
    accounts: tuple[tuple[str, ObjectId | NotSeen | None], ...]
    """None: no account of that name."""
    groups: tuple[tuple[str, Groups], ...]
    """Several of one display name are possible."""
    made_by_us: bool = True
    """Whether the application, and so its enterprise application, goes with us."""
    staying: frozenset[ObjectId] = frozenset()
    """Those who are wanted now, where this is superseded."""

    @property
    def wanted(self) -> dict[str, ObjectId]:
        """Those of the names that one account or group stands behind."""
        accounts = {name: found for name, found in self.accounts if isinstance(found, str)}
        groups = {name: one.object_id for name, found in self.groups if (one := _only(found)) is not None}
        return {**accounts, **groups}


class UserAssignmentKind(Kind[UserAssignment, Observed]):
    """`appRoleAssignmentRequired` and assignments to people and groups."""

    name: ClassVar[str] = "user_assignment"
    part: ClassVar[Part] = Part.ENTRA
    by_item: ClassVar[bool] = True

    def needs(self, declared: UserAssignment) -> tuple[Address, ...]:
        """The enterprise application."""
        return (declared.service_principal,)

    async def read(self, declared: UserAssignment, sight: Sight) -> Observed:
        """All at once."""
        principal, made_by_us, assigned, accounts, groups = await asyncio.gather(
            sight.principal_behind(declared.service_principal),
            sight.made_by_us_behind(declared.service_principal),
            sight.assigned(declared.service_principal),
            asyncio.gather(*(sight.account(each) for each in declared.accounts)),
            asyncio.gather(*(sight.directory_groups(each) for each in declared.groups)),
        )
        return Observed(
            principal,
            assigned,
            tuple(zip(declared.accounts, accounts, strict=True)),
            tuple(zip(declared.groups, groups, strict=True)),
            made_by_us,
            await self._staying(declared.superseded_by, sight),
        )

    async def _staying(self, declared: UserAssignment | None, sight: Sight) -> frozenset[ObjectId]:
        if declared is None:
            return frozenset()
        return frozenset((await self.read(declared, sight)).wanted.values())

    def bind(self, declared: UserAssignment, observed: Observed, bindings: Bindings) -> None:
        """The object ids behind the names."""
        wanted = observed.wanted
        bindings.accounts |= {name: wanted[name] for name, _ in observed.accounts if name in wanted}
        bindings.directory_groups |= {name: wanted[name] for name, _ in observed.groups if name in wanted}

    def compare(self, declared: UserAssignment, observed: Observed) -> Change:
        """Assign who is missing, then close the door to everybody else."""
        fields = tuple(_differences(declared, observed))
        notes = tuple(_foreign(observed))
        names = ", ".join((*declared.accounts, *declared.groups))
        if not fields:
            return Change(
                declared.address,
                self.name,
                Action.KEEP,
                self.part,
                f"Only those assigned may sign in to it: {names}",
                reason="assigned, and nobody else is let in without an assignment",
                guide_steps=declared.guide_steps,
                notes=notes,
            )
        return Change(
            declared.address,
            self.name,
            Action.UPDATE,
            self.part,
            f"Let only {names} sign in to it",
            fields=fields,
            reason="an assignment is asked of everybody: nobody else can sign in through this application",
            guide_steps=declared.guide_steps,
            notes=notes,
        )

    def standing(self, declared: UserAssignment, observed: Observed, caller: Caller) -> Standing:
        """Blocked where something was not seen, or where a name stands for none or for several."""
        for seen in (observed.principal, observed.assigned, *_named(observed)):
            if isinstance(seen, NotSeen):
                return Blocked(f"not seen: {seen.reason}", seen.who_can)
        for name, account in observed.accounts:
            if account is None:
                return Blocked(
                    f"there is no account {name} in this tenant: a User Administrator can make it, or give another one"
                )
        for name, found in observed.groups:
            if not found:
                return Blocked(
                    f"there is no group {name} in this tenant: a Groups Administrator can make it, or give another one"
                )
            if _only(found) is None:
                return Blocked(f"several groups are called {name}: give the object id of the one that is meant")
        assigning = any(each.name != SWITCH for each in _differences(declared, observed))
        judged = may_assign_people(caller) if assigning else Ready()
        return judged if isinstance(judged, Blocked) else may_manage_applications(caller)

    async def carry_out(self, declared: UserAssignment, change: Change, hands: Hands) -> None:
        """People first, so that whoever works with it already is not locked out in between."""
        principal = hands.bindings.service_principals[declared.service_principal]
        accounts, groups = hands.bindings.accounts, hands.bindings.directory_groups
        wanted = (*(accounts[each] for each in declared.accounts), *(groups[each] for each in declared.groups))

        async def let_in(principal_id: ObjectId) -> None:
            assigned = await app_role_assignments.assigned_to(hands.graph, principal.object_id)
            if principal_id in {each.principal_id for each in assigned}:
                return
            try:
                await app_role_assignments.assign(
                    hands.graph, principal_id=principal_id, service_principal_id=principal.object_id
                )
            except AlreadyThere:
                return

        for each in wanted:
            await hands.settled(declared.address, partial(let_in, each))
        await hands.settled(
            declared.address, lambda: service_principals.require_assignment(hands.graph, principal.object_id)
        )

    def compare_removal(self, declared: UserAssignment, observed: Observed) -> Change:
        """Goes with its enterprise application; where that stays, exactly ours. The switch stays: it shuts a door."""
        if observed.made_by_us and declared.superseded_by is None:
            return Change(
                declared.address,
                self.name,
                Action.KEEP,
                self.part,
                "Assignments of accounts and groups",
                reason="go with their enterprise application",
            )
        assigned = observed.assigned if isinstance(observed.assigned, tuple) else ()
        there = {each.principal_id for each in assigned} - observed.staying
        fields = tuple(FieldChange(name, "assigned", None) for name, found in observed.wanted.items() if found in there)
        return Change(
            declared.address,
            self.name,
            Action.REMOVE if fields else Action.KEEP,
            self.part,
            "Take assignments of accounts and groups away" if fields else "Assignments of accounts and groups",
            fields=fields,
            reason="the application stays" if fields else "none of them is ours to take away",
        )

    def removal_standing(self, declared: UserAssignment, observed: Observed, caller: Caller) -> Standing:
        """A name that stands for nobody is no hindrance; assignments that were not seen are."""
        for seen in (observed.principal, observed.assigned, *_named(observed)):
            if isinstance(seen, NotSeen):
                return Blocked(f"not seen: {seen.reason}", seen.who_can)
        return may_assign_people(caller)

    async def remove(self, declared: UserAssignment, change: Change, hands: Hands) -> None:
        """Take exactly these back."""
        principal = hands.bindings.service_principals[declared.service_principal]
        accounts, groups = hands.bindings.accounts, hands.bindings.directory_groups
        going = {accounts.get(each.name) or groups.get(each.name) for each in change.fields}
        for each in await app_role_assignments.assigned_to(hands.graph, principal.object_id):
            if each.principal_id in going:
                await app_role_assignments.let_go(
                    hands.graph, each.assignment_id, service_principal_id=principal.object_id
                )


def _differences(declared: UserAssignment, observed: Observed) -> Iterator[FieldChange]:
    assigned = observed.assigned if isinstance(observed.assigned, tuple) else ()
    there = {each.principal_id for each in assigned}
    wanted = observed.wanted
    for name in (*declared.accounts, *declared.groups):
        if wanted.get(name) not in there:
            yield FieldChange(name, None, "assigned")
    if not (isinstance(observed.principal, ServicePrincipalObject) and observed.principal.assignment_required):
        yield FieldChange(SWITCH, "no", "yes")


def _foreign(observed: Observed) -> Iterator[str]:
    """Those whom others assigned."""
    ours = set(observed.wanted.values())
    assigned = observed.assigned if isinstance(observed.assigned, tuple) else ()
    for each in assigned:
        if each.principal_id not in ours:
            kind = "the group" if each.principal_type == "Group" else "the account"
            yield f'also assigned, and so able to sign in to it: {kind} "{each.principal_name}"; it stays'


def _named(observed: Observed) -> Iterator[ObjectId | Groups | None]:
    yield from (found for _, found in observed.accounts)
    yield from (found for _, found in observed.groups)


def _only(found: Groups) -> DirectoryGroup | None:
    return found[0] if isinstance(found, tuple) and len(found) == 1 else None
