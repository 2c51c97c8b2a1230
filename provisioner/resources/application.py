"""The app registration. Recognised by its unique name (or, adopted, by its id), never by its display name.

`uniqueName` is a one-way key: immutable, and held by a deleted application for 30 days, so a deleted one is restored
(which brings its old application id back) instead of fought with.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import ClassVar

from provisioner.errors import AlreadyThere, ProvisionerError, ServiceFault
from provisioner.graph import applications, deleted_items
from provisioner.model.change import Action, Blocked, Change, FieldChange, Gate, Part, Standing
from provisioner.model.declared import Application
from provisioner.model.identifiers import Address
from provisioner.model.observed import ApplicationObject, Caller, NotSeen
from provisioner.resources import attached_application
from provisioner.resources.abilities import may_manage_applications
from provisioner.resources.hands import Bindings, Hands, shown
from provisioner.resources.kind import Kind
from provisioner.resources.sharing import Sharer, attached_first
from provisioner.resources.sight import Sight
from provisioner.resources.strangers import NOBODY, Strangers, strangers

AUDIENCE_IN_WORDS = {"AzureADMyOrg": "this tenant only", "AzureADMultipleOrgs": "any Entra tenant"}


@dataclass(frozen=True)
class Observed:
    """The live application, those in the recycle bin that hold our name, likely twins, and who else is on it."""

    live: ApplicationObject | NotSeen | None
    deleted: tuple[ApplicationObject, ...] | NotSeen
    twins: tuple[ApplicationObject, ...] | NotSeen
    sharers: tuple[Sharer, ...] | NotSeen = ()
    strangers: Strangers = NOBODY


class ApplicationKind(Kind[Application, Observed]):
    """App registrations that are ours alone."""

    name: ClassVar[str] = "application"
    part: ClassVar[Part] = Part.ENTRA
    owner: ClassVar[bool] = True

    def needs(self, declared: Application) -> tuple[Address, ...]:
        """Nothing: it comes first."""
        return ()

    async def read(self, declared: Application, sight: Sight) -> Observed:
        """Three questions of one moment: live, deleted, twins. What is attached asks for the live one only."""
        if declared.attached_to is not None:
            live, others = await asyncio.gather(sight.application(declared.address), strangers(declared, sight))
            return Observed(live, (), (), strangers=others)
        live, deleted, twins, sharers, others = await asyncio.gather(
            sight.application(declared.address),
            sight.deleted_applications(declared.address),
            sight.twins(declared.address),
            sight.sharers(declared.address),
            strangers(declared, sight),
        )
        return Observed(live, deleted, twins, sharers, others)

    def bind(self, declared: Application, observed: Observed, bindings: Bindings) -> None:
        """The live application's ids."""
        if isinstance(observed.live, ApplicationObject):
            bindings.applications[declared.address] = observed.live

    def compare(self, declared: Application, observed: Observed) -> Change:
        """Create, restore, correct or keep."""
        if declared.attached_to is not None:
            return attached_application.compare(declared, self.name, self.part, observed.live)
        if isinstance(observed.live, ApplicationObject):
            return self._compare_live(declared, observed.live, observed.strangers)
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
            notes=tuple(_twin(declared, each) for each in twins),
        )

    def _compare_live(self, declared: Application, live: ApplicationObject, others: Strangers) -> Change:
        if is_adopted(declared, live):
            return self._compare_adopted(declared, live)
        notes = tuple(f"not of this sink, and opens as much: {each}" for each in others.keys)
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
                notes=notes,
            )
        return Change(
            declared.address,
            self.name,
            Action.UPDATE,
            self.part,
            f'Correct the application "{declared.display_name}"',
            fields=tuple(fields),
            guide_steps=declared.guide_steps,
            notes=notes,
        )

    def _compare_adopted(self, declared: Application, live: ApplicationObject) -> Change:
        """Somebody made it: name, audience and all else stay as they are, and it carries our tag beside theirs."""
        audience = AUDIENCE_IN_WORDS.get(live.sign_in_audience, live.sign_in_audience)
        other = live.sign_in_audience != declared.sign_in_audience
        notes = (f"it is open to accounts of {audience}; that stays as it was made",) if other else ()
        tagged = declared.tag in live.tags
        return Change(
            declared.address,
            self.name,
            Action.KEEP if tagged else Action.UPDATE,
            self.part,
            f'Application "{live.display_name}"' if tagged else f'Adopt the application "{live.display_name}"',
            fields=() if tagged else (FieldChange("our tag", None, declared.tag),),
            reason="adopted: it was not made by us, and stays as it is" if tagged else None,
            guide_steps=declared.guide_steps,
            notes=notes,
        )

    def doubt(self, declared: Application, observed: Observed, caller: Caller) -> str | None:
        """Whoever holds a key that this home knows nothing of, where it has not made the application."""
        others = observed.strangers.in_words(caller)
        if observed.strangers.known or not others or not isinstance(observed.live, ApplicationObject):
            return None
        return (
            f'this home has not made "{observed.live.display_name}" ({observed.live.app_id}), and what is opened to it '
            f"is open to whoever holds {', '.join(others)}"
        )

    def standing(self, declared: Application, observed: Observed, caller: Caller) -> Standing:
        """Refused reads block; otherwise the caller's roles decide."""
        for seen in (observed.live, observed.deleted):
            if isinstance(seen, NotSeen):
                return Blocked(f"not seen: {seen.reason}", seen.who_can)
        if declared.attached_to is not None and (missing := attached_application.missing(declared, observed.live)):
            return missing
        return may_manage_applications(caller)

    async def carry_out(self, declared: Application, change: Change, hands: Hands) -> None:
        """Create by unique name (a repeat finds the same one), restore, or correct."""
        if change.action is Action.UPDATE:
            live = await hands.application_now(declared.address)
            tags = live.tags if declared.tag in live.tags else (*live.tags, declared.tag)
            theirs = declared.attached_to is not None or is_adopted(declared, live)
            await applications.update(
                hands.graph,
                live.object_id,
                display_name=None if theirs else declared.display_name,
                tags=tags,
                sign_in_audience=None if theirs else declared.sign_in_audience,
            )
            return
        if change.action is Action.RESTORE:
            created = await self._restore(declared, hands)
        else:
            created = await hands.settled(declared.address, lambda: self._create(declared, hands))
        hands.bindings.applications[declared.address] = created
        if change.action is Action.CREATE:
            hands.bindings.made.add(declared.address)
        hands.on_bound(declared.address, created.app_id)

    async def _create(self, declared: Application, hands: Hands) -> ApplicationObject:
        """The new application, or the one that an interrupted run made and that the plan's replica did not show.

        One that holds keys already is neither: then the next plan says whose they are.
        """
        made = await self._created(declared, hands)
        if made.passwords or made.certificates:
            raise ProvisionerError(
                f"an application holds the name {declared.unique_name}, and somebody has keys of it already",
                advice="run the same command again: its plan says who",
            )
        return made

    async def _created(self, declared: Application, hands: Hands) -> ApplicationObject:
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
        if declared.attached_to is not None:
            return attached_application.compare_removal(declared, self.name, self.part, observed.live)
        if observed.live is None:
            return Change(
                declared.address,
                self.name,
                Action.KEEP,
                self.part,
                f'Application "{declared.display_name}"',
                reason="not there",
            )
        if isinstance(observed.live, ApplicationObject) and is_adopted(declared, observed.live):
            return self._compare_release(declared, observed.live)
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

    def _compare_release(self, declared: Application, live: ApplicationObject) -> Change:
        """Take our tag off an adopted one; whoever made it decides about the rest."""
        marked, name = declared.tag in live.tags, f'the application "{live.display_name}"'
        return Change(
            declared.address,
            self.name,
            Action.REMOVE if marked else Action.KEEP,
            self.part,
            f"Take our tag off {name}" if marked else f"Our tag on {name}",
            fields=(FieldChange("our tag", declared.tag, None),) if marked else (),
            reason="it was adopted, not made by us: it stays",
        )

    def removal_standing(self, declared: Application, observed: Observed, caller: Caller) -> Standing:
        """As for changing it; what is attached does not need the host's application to be in order."""
        if isinstance(observed.live, NotSeen):
            return Blocked(f"not seen: {observed.live.reason}", observed.live.who_can)
        return may_manage_applications(caller)

    def holds_back_removal(self, declared: Application, observed: Observed) -> Blocked | None:
        """Blocked as long as another onboarding is attached to it."""
        if declared.attached_to is not None or observed.live is None or isinstance(observed.sharers, NotSeen):
            return None
        first = attached_first(observed.sharers)
        return Blocked(first) if first is not None else None

    async def remove(self, declared: Application, change: Change, hands: Hands) -> None:
        """Delete what we made, gone already is fine; of another's, only our tag goes."""
        live = hands.bindings.applications[declared.address]
        if declared.attached_to is not None or is_adopted(declared, live):
            live = await hands.application_now(declared.address)
            left = tuple(each for each in live.tags if each != declared.tag)
            await applications.update(hands.graph, live.object_id, tags=left)
        else:
            await applications.delete(hands.graph, live.object_id)


def registrations(declared: Application) -> tuple[Change, ...]:
    """The change that registers it where it is not there yet, without and beside a likely twin, as plans approve it."""
    bare = ApplicationKind().compare(declared, Observed(None, (), ()))
    return (bare, replace(bare, gate=Gate.TWIN))


def is_adopted(declared: Application, live: ApplicationObject) -> bool:
    """Whether somebody else made it: what we make carries our `uniqueName`, which nobody can change afterwards."""
    return live.unique_name != declared.unique_name


def _deleted(observed: Observed) -> tuple[ApplicationObject, ...]:
    return () if isinstance(observed.deleted, NotSeen) else observed.deleted


def _twins(declared: Application, observed: Observed) -> tuple[ApplicationObject, ...]:
    if isinstance(observed.twins, NotSeen):
        return ()
    return tuple(each for each in observed.twins if each.unique_name != declared.unique_name)


def _twin(declared: Application, twin: ApplicationObject) -> str:
    name = f'"{twin.display_name}" ({twin.app_id})'
    if declared.tag in twin.tags:
        return f"{name} carries our tag: it was adopted from another home; `provisioner adopt` takes it over here too"
    return f"perhaps a twin, and not ours: {name}; `provisioner adopt` takes it over as it is"
