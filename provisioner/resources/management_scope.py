"""The management scope: members of our group. Its filter holds the group's distinguished name, so that is compared."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import ClassVar

from provisioner.errors import AlreadyThere
from provisioner.exchange import management_scopes
from provisioner.model.change import Action, Blocked, Change, FieldChange, Part, Ready, Standing
from provisioner.model.declared import ManagementScope
from provisioner.model.identifiers import Address
from provisioner.model.observed import Caller, ExchangeGroup, ManagementScopeRecord, NotSeen
from provisioner.resources.hands import Bindings, Hands
from provisioner.resources.kind import Kind
from provisioner.resources.sight import Sight


@dataclass(frozen=True)
class Observed:
    """The scope, and the group as it is called now."""

    scope: ManagementScopeRecord | NotSeen | None
    group: ExchangeGroup | NotSeen | None


class ManagementScopeKind(Kind[ManagementScope, Observed]):
    """`New-ManagementScope`."""

    name: ClassVar[str] = "management_scope"
    part: ClassVar[Part] = Part.EXCHANGE

    def needs(self, declared: ManagementScope) -> tuple[Address, ...]:
        """The group, and an organisation that takes scopes."""
        return (declared.group, *declared.needs)

    async def read(self, declared: ManagementScope, sight: Sight) -> Observed:
        """Scope and group."""
        scope, group = await asyncio.gather(sight.management_scope(declared.name), sight.group_behind(declared.group))
        return Observed(scope, group)

    def bind(self, declared: ManagementScope, observed: Observed, bindings: Bindings) -> None:
        """Nothing: it is named, not numbered."""

    def compare(self, declared: ManagementScope, observed: Observed) -> Change:
        """Make it, point it at the group again, or keep it."""
        summary = f"Management scope {declared.name}"
        if not isinstance(observed.scope, ManagementScopeRecord):
            return Change(
                declared.address,
                self.name,
                Action.CREATE,
                self.part,
                "Make a management scope over the members of the group",
                fields=(FieldChange("mailboxes", None, f"members of {declared.group}"),),
                guide_steps=declared.guide_steps,
            )
        if _reaches(observed.scope, observed.group):
            return Change(
                declared.address,
                self.name,
                Action.KEEP,
                self.part,
                summary,
                reason="over the members of the group",
                guide_steps=declared.guide_steps,
            )
        return Change(
            declared.address,
            self.name,
            Action.UPDATE,
            self.part,
            "Point the management scope at the members of the group again",
            fields=(FieldChange("mailboxes", "by another filter", f"members of {declared.group}"),),
            reason="the filter names the group otherwise than it is called now: renamed, made anew, or changed by hand",
            guide_steps=declared.guide_steps,
            notes=(f"its filter now: {observed.scope.recipient_filter}",),
        )

    def standing(self, declared: ManagementScope, observed: Observed, caller: Caller) -> Standing:
        """Exchange judges its own callers; a refused read blocks."""
        for seen in (observed.scope, observed.group):
            if isinstance(seen, NotSeen):
                return Blocked(f"not seen: {seen.reason}", seen.who_can)
        return Ready()

    async def carry_out(self, declared: ManagementScope, change: Change, hands: Hands) -> None:
        """Make it, or give it its filter."""
        driver = hands.driver()
        wanted = management_scopes.members_of(hands.bindings.groups[declared.group].distinguished_name)

        async def make() -> None:
            try:
                await management_scopes.create(driver, name=declared.name, recipient_filter=wanted)
            except AlreadyThere:
                found = await management_scopes.get(driver, declared.name)
                if found is None or found.recipient_filter != wanted:
                    await correct()

        async def correct() -> None:
            await management_scopes.set_filter(driver, name=declared.name, recipient_filter=wanted)

        await hands.settled(declared.address, correct if change.action is Action.UPDATE else make)

    def compare_removal(self, declared: ManagementScope, observed: Observed) -> Change:
        """Remove it."""
        if observed.scope is None:
            return Change(declared.address, self.name, Action.KEEP, self.part, "Management scope", reason="not there")
        return Change(
            declared.address,
            self.name,
            Action.REMOVE,
            self.part,
            "Remove the management scope",
            fields=(FieldChange("mailboxes", f"members of {declared.group}", None),),
        )

    def removal_standing(self, declared: ManagementScope, observed: Observed, caller: Caller) -> Standing:
        """Blocked where the scope was not seen."""
        if isinstance(observed.scope, NotSeen):
            return Blocked(f"not seen: {observed.scope.reason}", observed.scope.who_can)
        return Ready()

    async def remove(self, declared: ManagementScope, change: Change, hands: Hands) -> None:
        """Remove; gone already is fine."""
        await management_scopes.remove(hands.driver(), declared.name)


def _reaches(scope: ManagementScopeRecord, group: ExchangeGroup | NotSeen | None) -> bool:
    return isinstance(group, ExchangeGroup) and management_scopes.reaches_members_of(
        scope.recipient_filter, group.distinguished_name
    )
