"""The app registration. Recognised by its unique name (or, adopted, by its id), never by its display name.

`uniqueName` is a one-way key: immutable, and held by a deleted application for 30 days, so a deleted one is restored
(which brings its old application id back) instead of fought with.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import ClassVar

from provisioner.errors import AlreadyThere, ProvisionerError, ServiceFault
from provisioner.graph import applications, deleted_items
from provisioner.model.change import Action, Blocked, Change, FieldChange, Gate, Part, Standing
from provisioner.model.declared import Application
from provisioner.model.identifiers import Address
from provisioner.model.observed import ApplicationObject, Caller, NotSeen
from provisioner.resources.abilities import may_manage_applications
from provisioner.resources.hands import Bindings, Hands, shown
from provisioner.resources.kind import Kind
from provisioner.resources.sight import Sight

AUDIENCE_IN_WORDS = {"AzureADMyOrg": "this tenant only", "AzureADMultipleOrgs": "any Entra tenant"}


@dataclass(frozen=True)
class Observed:
    """The live application, those in the recycle bin that hold our name, and likely twins."""

    live: ApplicationObject | NotSeen | None
    deleted: tuple[ApplicationObject, ...] | NotSeen
    namesakes: tuple[ApplicationObject, ...] | NotSeen


class ApplicationKind(Kind[Application, Observed]):
    """App registrations that are ours alone."""

    name: ClassVar[str] = "application"
    part: ClassVar[Part] = Part.ENTRA

    def needs(self, declared: Application) -> tuple[Address, ...]:
        """Nothing: it comes first."""
        return ()

    async def read(self, declared: Application, sight: Sight) -> Observed:
        """Three questions of one moment: live, deleted, namesakes."""
        live, deleted, namesakes = await asyncio.gather(
            sight.application(declared.address),
            sight.deleted_applications(declared.address),
            sight.namesakes(declared.address),
        )
        return Observed(live, deleted, namesakes)

    def bind(self, declared: Application, observed: Observed, bindings: Bindings) -> None:
        """The live application's ids."""
        if isinstance(observed.live, ApplicationObject):
            bindings.applications[declared.address] = observed.live

    def compare(self, declared: Application, observed: Observed) -> Change:
        """Create, restore, correct or keep."""
        if isinstance(observed.live, ApplicationObject):
            return self._compare_live(declared, observed.live)
        audience = AUDIENCE_IN_WORDS.get(declared.sign_in_audience, declared.sign_in_audience)
        wanted = (
            FieldChange("display name", None, declared.display_name),
            FieldChange("accounts", None, audience),
        )
        if _deleted(observed):
            return Change(
                declared.address,
                self.name,
                Action.RESTORE,
                self.part,
                f'Restore the deleted application "{declared.display_name}"',
                fields=(FieldChange("display name", None, declared.display_name),),
                reason="it is in the recycle bin and holds our unique name for 30 days",
                gate=Gate.RESTORE,
                guide_steps=declared.guide_steps,
            )
        twins = _twins(declared, observed)
        return Change(
            declared.address,
            self.name,
            Action.CREATE,
            self.part,
            f'Register the application "{declared.display_name}"',
            fields=wanted,
            gate=Gate.TWIN if twins else None,
            guide_steps=declared.guide_steps,
            notes=tuple(f'perhaps a twin, and not ours: "{twin.display_name}" ({twin.app_id})' for twin in twins),
        )

    def _compare_live(self, declared: Application, live: ApplicationObject) -> Change:
        fields: list[FieldChange] = []
        if live.display_name != declared.display_name:
            fields.append(FieldChange("display name", live.display_name, declared.display_name))
        if declared.tag not in live.tags:
            fields.append(FieldChange("our tag", None, declared.tag))
        if live.sign_in_audience != declared.sign_in_audience:
            fields.append(FieldChange("accounts", live.sign_in_audience, declared.sign_in_audience))
        if not fields:
            return Change(
                declared.address,
                self.name,
                Action.KEEP,
                self.part,
                f'Application "{declared.display_name}"',
                reason="registered as wanted",
                guide_steps=declared.guide_steps,
            )
        return Change(
            declared.address,
            self.name,
            Action.UPDATE,
            self.part,
            f'Correct the application "{declared.display_name}"',
            fields=tuple(fields),
            guide_steps=declared.guide_steps,
        )

    def standing(self, declared: Application, observed: Observed, caller: Caller) -> Standing:
        """Refused reads block; otherwise the caller's roles decide."""
        for seen in (observed.live, observed.deleted):
            if isinstance(seen, NotSeen):
                return Blocked(f"not seen: {seen.reason}", seen.who_can)
        return may_manage_applications(caller)

    async def carry_out(self, declared: Application, change: Change, hands: Hands) -> None:
        """Create by unique name (a repeat finds the same one), restore, or correct."""
        if change.action is Action.UPDATE:
            live = hands.bindings.applications[declared.address]
            tags = live.tags if declared.tag in live.tags else (*live.tags, declared.tag)
            await applications.update(
                hands.graph,
                live.object_id,
                display_name=declared.display_name,
                tags=tags,
                sign_in_audience=declared.sign_in_audience,
            )
            return
        if change.action is Action.RESTORE:
            created = await self._restore(declared, hands)
        else:
            created = await hands.settled(declared.address, lambda: self._create(declared, hands))
        hands.bindings.applications[declared.address] = created
        hands.on_bound(declared.address, created.app_id)

    async def _create(self, declared: Application, hands: Hands) -> ApplicationObject:
        """The new application, or the one that an interrupted run made and that the plan's replica did not show."""
        try:
            return await applications.create(
                hands.graph,
                declared.unique_name,
                display_name=declared.display_name,
                sign_in_audience=declared.sign_in_audience,
                tags=(declared.tag,),
            )
        except AlreadyThere as taken:
            if await deleted_items.applications(hands.graph, unique_name=declared.unique_name):
                raise ServiceFault(
                    taken.fault,
                    message=f"a deleted application holds the name {declared.unique_name}",
                    advice="run the same command again: it finds that one in the recycle bin",
                ) from taken
        live = await applications.by_unique_name(hands.graph, declared.unique_name)
        return shown(live, f"the application that holds the name {declared.unique_name}")

    async def _restore(self, declared: Application, hands: Hands) -> ApplicationObject:
        deleted = await deleted_items.applications(hands.graph, unique_name=declared.unique_name)
        if not deleted:
            raise ProvisionerError(
                "the deleted application is no longer in the recycle bin", advice="run the same command again"
            )
        object_id = deleted[0].object_id
        await deleted_items.restore(hands.graph, object_id)

        async def restored() -> ApplicationObject:
            return shown(await applications.by_object_id(hands.graph, object_id), "the restored application")

        return await hands.settled(declared.address, restored)

    def compare_removal(self, declared: Application, observed: Observed) -> Change:
        """Delete it (into the recycle bin)."""
        if observed.live is None:
            return Change(
                declared.address,
                self.name,
                Action.KEEP,
                self.part,
                f'Application "{declared.display_name}"',
                reason="not there",
            )
        name = declared.display_name if isinstance(observed.live, NotSeen) else observed.live.display_name
        return Change(
            declared.address,
            self.name,
            Action.REMOVE,
            self.part,
            f'Delete the application "{name}"',
            fields=(FieldChange("display name", name, None),),
            reason="it is ours alone; the recycle bin keeps it for 30 days",
        )

    async def remove(self, declared: Application, change: Change, hands: Hands) -> None:
        """Delete; gone already is fine."""
        await applications.delete(hands.graph, hands.bindings.applications[declared.address].object_id)


def _deleted(observed: Observed) -> tuple[ApplicationObject, ...]:
    return () if isinstance(observed.deleted, NotSeen) else observed.deleted


def _twins(declared: Application, observed: Observed) -> tuple[ApplicationObject, ...]:
    if isinstance(observed.namesakes, NotSeen):
        return ()
    return tuple(each for each in observed.namesakes if each.unique_name != declared.unique_name)
