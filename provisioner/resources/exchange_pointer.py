"""Exchange's own record of the service principal. Exchange does not look into Entra for it: it must be told.

The commonest failure of all: the *registration's* object id given instead of the enterprise application's. Exchange
accepts it silently and every sign-in fails later, so the pointer's object id is compared, not just its presence.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import ClassVar

from provisioner.errors import AlreadyThere
from provisioner.exchange import service_principals
from provisioner.model.change import Action, Blocked, Change, FieldChange, Part, Ready, Standing
from provisioner.model.declared import ExchangePointer
from provisioner.model.identifiers import Address
from provisioner.model.observed import Caller, ExchangePrincipal, NotSeen, ServicePrincipalObject
from provisioner.resources.hands import Bindings, Hands, shown
from provisioner.resources.kind import Kind
from provisioner.resources.sight import Sight


@dataclass(frozen=True)
class Observed:
    """Exchange's record and Entra's truth."""

    pointer: ExchangePrincipal | NotSeen | None
    service_principal: ServicePrincipalObject | NotSeen | None


class ExchangePointerKind(Kind[ExchangePointer, Observed]):
    """`New-ServicePrincipal` in Exchange."""

    name: ClassVar[str] = "exchange_pointer"
    part: ClassVar[Part] = Part.EXCHANGE

    def needs(self, declared: ExchangePointer) -> tuple[Address, ...]:
        """The service principal whose object id it holds."""
        return (declared.application, declared.service_principal)

    async def read(self, declared: ExchangePointer, sight: Sight) -> Observed:
        """Both sides."""
        pointer, principal = await asyncio.gather(
            sight.pointer(declared.application), sight.service_principal(declared.application)
        )
        return Observed(pointer, principal)

    def bind(self, declared: ExchangePointer, observed: Observed, bindings: Bindings) -> None:
        """Exchange's own identity of it, which grants on mailboxes name."""
        if isinstance(observed.pointer, ExchangePrincipal):
            bindings.pointers[declared.address] = observed.pointer

    def compare(self, declared: ExchangePointer, observed: Observed) -> Change:
        """Create, replace a wrong one, or keep."""
        if not isinstance(observed.pointer, ExchangePrincipal):
            return Change(
                declared.address,
                self.name,
                Action.CREATE,
                self.part,
                "Tell Exchange Online about the service principal (New-ServicePrincipal)",
                fields=(FieldChange("object id", None, f"of {declared.service_principal}"),),
                guide_steps=declared.guide_steps,
            )
        if _points_right(observed):
            return Change(
                declared.address,
                self.name,
                Action.KEEP,
                self.part,
                "Exchange Online knows the service principal",
                reason="with the right object id",
                guide_steps=declared.guide_steps,
            )
        return Change(
            declared.address,
            self.name,
            Action.UPDATE,
            self.part,
            "Replace Exchange's record of the service principal: it names another object id",
            fields=(FieldChange("object id", "another object's", f"of {declared.service_principal}"),),
            reason="a wrong object id is accepted at creation and fails every sign-in; it can only be recreated",
            guide_steps=declared.guide_steps,
        )

    def standing(self, declared: ExchangePointer, observed: Observed, caller: Caller) -> Standing:
        """Exchange judges its own callers; a refused read blocks."""
        if isinstance(observed.pointer, NotSeen):
            return Blocked(f"not seen: {observed.pointer.reason}", observed.pointer.who_can)
        return Ready()

    async def carry_out(self, declared: ExchangePointer, change: Change, hands: Hands) -> None:
        """Create; a wrong one is removed first, an existing right one is taken."""
        app_id = hands.bindings.applications[declared.application].app_id
        object_id = hands.bindings.service_principals[declared.service_principal].object_id
        driver = hands.driver()

        async def create() -> ExchangePrincipal:
            found = hands.bindings.pointers.get(declared.address)
            if found is not None and found.object_id != object_id:
                await service_principals.remove(driver, found.identity)
                del hands.bindings.pointers[declared.address]
            try:
                return await service_principals.create(
                    driver, app_id=app_id, object_id=object_id, display_name=declared.display_name
                )
            except AlreadyThere:
                found = await service_principals.get(driver, app_id)
                existing = shown(found, "Exchange's record of the service principal")
                if existing.object_id != object_id:
                    hands.bindings.pointers[declared.address] = existing
                    return await create()
                return existing

        hands.bindings.pointers[declared.address] = await hands.settled(declared.address, create)

    def compare_removal(self, declared: ExchangePointer, observed: Observed) -> Change:
        """Remove it."""
        if observed.pointer is None:
            return Change(declared.address, self.name, Action.KEEP, self.part, "Exchange's record", reason="not there")
        return Change(
            declared.address,
            self.name,
            Action.REMOVE,
            self.part,
            "Remove Exchange's record of the service principal",
            fields=(FieldChange("object id", f"of {declared.service_principal}", None),),
        )

    async def remove(self, declared: ExchangePointer, change: Change, hands: Hands) -> None:
        """Remove by its own identity, never by name."""
        await service_principals.remove(hands.driver(), hands.bindings.pointers[declared.address].identity)


def _points_right(observed: Observed) -> bool:
    return (
        isinstance(observed.pointer, ExchangePrincipal)
        and isinstance(observed.service_principal, ServicePrincipalObject)
        and observed.pointer.object_id == observed.service_principal.object_id
    )
