"""The enterprise application: the application's body in this tenant. Registering does not create it over Graph."""

from __future__ import annotations

from typing import ClassVar, TypeAlias

from provisioner.errors import AlreadyThere
from provisioner.graph import service_principals
from provisioner.model.change import Action, Blocked, Change, FieldChange, Part, Standing
from provisioner.model.declared import ServicePrincipal
from provisioner.model.identifiers import Address
from provisioner.model.observed import Caller, NotSeen, ServicePrincipalObject
from provisioner.resources.abilities import may_manage_applications
from provisioner.resources.hands import Bindings, Hands, shown
from provisioner.resources.kind import Kind
from provisioner.resources.sight import Sight

Observed: TypeAlias = ServicePrincipalObject | NotSeen | None

VISIBLE_IN_PORTAL = "WindowsAzureActiveDirectoryIntegratedApp"
"""The tag without which the portal's list of enterprise applications hides it. Source: graph.md 2.5."""


class ServicePrincipalKind(Kind[ServicePrincipal, Observed]):
    """Enterprise applications of ours."""

    name: ClassVar[str] = "service_principal"
    part: ClassVar[Part] = Part.ENTRA
    owner: ClassVar[bool] = True

    def needs(self, declared: ServicePrincipal) -> tuple[Address, ...]:
        """Its application."""
        return (declared.application,)

    async def read(self, declared: ServicePrincipal, sight: Sight) -> Observed:
        """By application id, once that is known."""
        return await sight.service_principal(declared.application)

    def bind(self, declared: ServicePrincipal, observed: Observed, bindings: Bindings) -> None:
        """The object id that Exchange wants."""
        if isinstance(observed, ServicePrincipalObject):
            bindings.service_principals[declared.address] = observed

    def compare(self, declared: ServicePrincipal, observed: Observed) -> Change:
        """Create or keep. A disabled one is left disabled: somebody meant it."""
        if isinstance(observed, ServicePrincipalObject):
            notes = (
                () if observed.enabled else ("it is disabled (accountEnabled is false): nobody can sign in with it",)
            )
            return Change(
                declared.address,
                self.name,
                Action.KEEP,
                self.part,
                "Enterprise application (service principal)",
                reason="there, and its application's own" if declared.attached else "there",
                guide_steps=declared.guide_steps,
                notes=notes,
            )
        return Change(
            declared.address,
            self.name,
            Action.CREATE,
            self.part,
            "Create its enterprise application (service principal)",
            fields=(FieldChange("of", None, declared.application),),
            guide_steps=declared.guide_steps,
        )

    def standing(self, declared: ServicePrincipal, observed: Observed, caller: Caller) -> Standing:
        """As for the application."""
        if isinstance(observed, NotSeen):
            return Blocked(f"not seen: {observed.reason}", observed.who_can)
        if declared.attached and observed is None:
            return Blocked("the playbook that makes its application makes it too: apply that first")
        return may_manage_applications(caller)

    async def carry_out(self, declared: ServicePrincipal, change: Change, hands: Hands) -> None:
        """Create; an existing one (an earlier run, a stale read) is taken as it is."""
        app_id = hands.bindings.applications[declared.application].app_id

        async def create() -> ServicePrincipalObject:
            try:
                return await service_principals.create(hands.graph, app_id, tags=(VISIBLE_IN_PORTAL,))
            except AlreadyThere:
                return shown(await service_principals.by_app_id(hands.graph, app_id), "the service principal")

        hands.bindings.service_principals[declared.address] = await hands.settled(declared.address, create)

    def compare_removal(self, declared: ServicePrincipal, observed: Observed) -> Change:
        """Delete it, unless it belongs to another playbook's application."""
        if observed is None or declared.attached:
            reason = "not there" if observed is None else "it belongs to its application's own playbook"
            return Change(declared.address, self.name, Action.KEEP, self.part, "Enterprise application", reason=reason)
        return Change(
            declared.address,
            self.name,
            Action.REMOVE,
            self.part,
            "Delete its enterprise application (service principal)",
            fields=(FieldChange("of", declared.application, None),),
        )

    async def remove(self, declared: ServicePrincipal, change: Change, hands: Hands) -> None:
        """Delete; gone already is fine."""
        await service_principals.delete(hands.graph, hands.bindings.service_principals[declared.address].object_id)
