"""That the organisation takes management scopes of its own. A switch for everybody, and for good.

Small organisations are "dehydrated": they share Microsoft's built-in objects until this is permitted once (exchange.md
4.4). Nothing else of theirs changes by it, but it cannot be taken back, so it has a gate of its own.
"""

from __future__ import annotations

from typing import ClassVar, TypeAlias

from provisioner.exchange import organization
from provisioner.model.change import Action, Blocked, Change, FieldChange, Gate, Part, Ready, Standing
from provisioner.model.declared import OrganizationCustomization
from provisioner.model.identifiers import Address
from provisioner.model.observed import Caller, NotSeen, OrganizationSettings
from provisioner.resources.hands import Bindings, Hands
from provisioner.resources.kind import Kind
from provisioner.resources.sight import Sight

Observed: TypeAlias = OrganizationSettings | NotSeen

_SUMMARY = "Customisation of the Exchange organisation"


class OrganizationCustomizationKind(Kind[OrganizationCustomization, Observed]):
    """`Enable-OrganizationCustomization`."""

    name: ClassVar[str] = "organization_customization"
    part: ClassVar[Part] = Part.EXCHANGE
    shared: ClassVar[bool] = True

    def needs(self, declared: OrganizationCustomization) -> tuple[Address, ...]:
        """Nothing."""
        return ()

    async def read(self, declared: OrganizationCustomization, sight: Sight) -> Observed:
        """Whether the organisation is dehydrated."""
        return await sight.customization()

    def bind(self, declared: OrganizationCustomization, observed: Observed, bindings: Bindings) -> None:
        """Nothing to bind."""

    def compare(self, declared: OrganizationCustomization, observed: Observed) -> Change:
        """Permit it, or keep what is permitted; an organisation that does not say is left alone."""
        if not isinstance(observed, OrganizationSettings) or not observed.dehydrated:
            return Change(
                declared.address, self.name, Action.KEEP, self.part, _SUMMARY, reason="permitted: scopes can be made"
            )
        return Change(
            declared.address,
            self.name,
            Action.UPDATE,
            self.part,
            "Permit customisation of the Exchange organisation (Enable-OrganizationCustomization)",
            fields=(FieldChange("customisation", "not permitted", "permitted"),),
            reason="without it Exchange makes no management scope; nothing else changes",
            undo="for good: Microsoft offers no way back",
            gate=Gate.ORGANISATION_WIDE,
            notes=("it returns at once, but up to half an hour can pass before scopes can be made",),
        )

    def standing(self, declared: OrganizationCustomization, observed: Observed, caller: Caller) -> Standing:
        """Exchange judges its own callers; a refused read blocks."""
        if isinstance(observed, NotSeen):
            return Blocked(f"not seen: {observed.reason}", observed.who_can)
        return Ready()

    async def carry_out(self, declared: OrganizationCustomization, change: Change, hands: Hands) -> None:
        """Permit it; permitted already is as good."""
        await organization.enable_customization(hands.driver())

    def compare_removal(self, declared: OrganizationCustomization, observed: Observed) -> Change:
        """It stays."""
        return Change(
            declared.address, self.name, Action.KEEP, self.part, _SUMMARY, reason="it is everybody's, and stays"
        )

    async def remove(self, declared: OrganizationCustomization, change: Change, hands: Hands) -> None:
        """Nothing is taken away."""
        raise AssertionError("an organisation's setting is never removed")
