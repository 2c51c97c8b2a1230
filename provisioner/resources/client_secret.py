"""A client secret in its slot. What happens to it is custody's decision; here are the tools for it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import ClassVar

from provisioner.custody import DriveResult, Situation, Terms, drive, next_step
from provisioner.custody.next_step import LOOK_AGAIN_AFTER, Done, Stuck, held_elsewhere, intent_of
from provisioner.errors import NotYet, ProvisionerError
from provisioner.graph import Graph, applications, passwords
from provisioner.model.change import Action, Blocked, Change, FieldChange, Part, Ready, Standing
from provisioner.model.declaration import onboarding_title
from provisioner.model.declared import ClientSecret
from provisioner.model.faults import Fault
from provisioner.model.identifiers import Address, AppId, KeyId, TenantId
from provisioner.model.observed import ApplicationObject, Caller, NotSeen, PasswordCredential
from provisioner.model.secret import Secret
from provisioner.model.slot import SlotName, SlotRecord, Stored
from provisioner.pace import Deadline
from provisioner.resources.abilities import may_manage_applications
from provisioner.resources.hands import Bindings, Hands, Prover, shown
from provisioner.resources.kind import Kind
from provisioner.resources.sight import Sight

SETTLE_SECONDS = 240.0
"""How long apply waits for a fresh secret to be accepted: 4 to 18 s measured, up to minutes reported (graph.md 3.1)."""

_STILL_TO_COME = datetime.max.replace(tzinfo=UTC)
"""When an application that is not there was created: any key in the sink is of an earlier one."""


@dataclass(frozen=True)
class Observed:
    """The application's keys, what the sink holds, and the time of looking."""

    application: ApplicationObject | NotSeen | None
    stored: Stored
    readable: bool
    now: datetime
    prefix: str


class ClientSecretKind(Kind[ClientSecret, Observed]):
    """Client secrets, one per slot."""

    name: ClassVar[str] = "client_secret"
    part: ClassVar[Part] = Part.ENTRA

    def needs(self, declared: ClientSecret) -> tuple[Address, ...]:
        """The service principal, without which no token can prove the secret."""
        return (declared.application, declared.service_principal)

    async def read(self, declared: ClientSecret, sight: Sight) -> Observed:
        """The application's keys (shared read) and the sink's record."""
        slot = slot_of(declared, sight.tenant_id, sight.instance)
        application, stored = await asyncio.gather(sight.application(declared.application), sight.stored(slot))
        return Observed(application, stored, sight.sink_readable, sight.clock.now(), tag_prefix(slot))

    def bind(self, declared: ClientSecret, observed: Observed, bindings: Bindings) -> None:
        """Nothing: keys are named by the slot's record."""

    def compare(self, declared: ClientSecret, observed: Observed) -> Change:
        """One change whatever state an interrupted run left: what is wanted is a secret in the sink."""
        situation = situation_of(observed)
        elsewhere = tuple(
            f"key {each.key_id} is ours by name, but not of this sink: held elsewhere or lost; it stays"
            for each in held_elsewhere(situation)
        )
        days = declared.lifetime.days
        until = f", at most until {declared.latest_end.isoformat()}" if declared.latest_end else ""
        if declared.held_by is not None:
            return self._compare_held(declared, onboarding_title(declared.held_by), situation)
        if isinstance(next_step(situation), Done):
            return Change(
                declared.address,
                self.name,
                Action.KEEP,
                self.part,
                f'Client secret "{declared.title}"',
                reason="valid, and in the sink",
                guide_steps=declared.guide_steps,
                notes=elsewhere,
            )
        summary = f'Mint the client secret "{declared.title}" for {days} days and store it'
        if observed.stored.record is not None and observed.stored.record.pending is not None:
            summary = f'Finish the interrupted client secret "{declared.title}" ({days} days)'
        return Change(
            declared.address,
            self.name,
            Action.CREATE,
            self.part,
            summary,
            fields=(FieldChange("valid for", None, f"{days} days{until}"),),
            undo="a secret that has been handed over cannot be unseen; `remove` deletes the key itself",
            guide_steps=declared.guide_steps,
            notes=elsewhere,
        )

    def _compare_held(self, declared: ClientSecret, holder: str, situation: Situation) -> Change:
        """Another onboarding's secret is used as it is."""
        there = isinstance(next_step(situation), Done)
        end = declared.latest_end.isoformat() if declared.latest_end else None
        return Change(
            declared.address,
            self.name,
            Action.KEEP if there else Action.CREATE,
            self.part,
            f'Client secret "{declared.title}" of {holder}'
            if there
            else f'Use the client secret "{declared.title}" of {holder}',
            reason="valid, and in the sink" if there else "there is none to use so far",
            guide_steps=declared.guide_steps,
            notes=(f"what is added here ends on {end}; this secret goes on for what it was made for",) if end else (),
        )

    def standing(self, declared: ClientSecret, observed: Observed, caller: Caller) -> Standing:
        """Blocked where the keys were not seen or the sink contradicts itself."""
        if isinstance(observed.application, NotSeen):
            return Blocked(f"not seen: {observed.application.reason}", observed.application.who_can)
        step = next_step(situation_of(observed))
        if declared.held_by is not None:
            holder = onboarding_title(declared.held_by)
            lacking = Blocked(f"{holder} has no valid secret in this sink: apply that first, with the same --sink")
            return Ready() if isinstance(step, Done) else lacking
        if isinstance(step, Stuck):
            return Blocked(step.why)
        return may_manage_applications(caller)

    async def carry_out(self, declared: ClientSecret, change: Change, hands: Hands) -> None:
        """Drive the slot to a promoted secret."""
        application = hands.bindings.applications[declared.application]
        slot = slot_of(declared, hands.tenant_id, hands.instance)
        result = await drive(
            Terms(
                slot=slot,
                tag_prefix=tag_prefix(slot),
                lifetime=declared.lifetime,
                application_created=application.created,
                latest_end=latest_end(declared),
            ),
            hands.sink,
            ApplicationKeys(hands, application, declared.audience, hands.prove),
            clock=hands.clock,
            events=hands.events,
            deadline=Deadline.after(hands.clock, SETTLE_SECONDS),
            known=application.passwords,
        )
        _raise_unfinished(declared, result)

    def compare_removal(self, declared: ClientSecret, observed: Observed) -> Change:
        """Remove the keys this sink knows, then its record; another onboarding's are not touched."""
        if observed.stored.record is None or declared.held_by is not None:
            holder = onboarding_title(declared.held_by) if declared.held_by is not None else None
            held = f"it belongs to {holder}" if holder is not None else "this sink holds none"
            return Change(
                declared.address, self.name, Action.KEEP, self.part, f'Client secret "{declared.title}"', reason=held
            )
        return Change(
            declared.address,
            self.name,
            Action.REMOVE,
            self.part,
            f'Delete the client secret "{declared.title}" in Entra, then in the sink',
            fields=(FieldChange("secret", "in the sink", None),),
        )

    def removal_standing(self, declared: ClientSecret, observed: Observed, caller: Caller) -> Standing:
        """A sink that contradicts itself is a reason to remove, not against it."""
        if isinstance(observed.application, NotSeen):
            return Blocked(f"not seen: {observed.application.reason}", observed.application.who_can)
        return may_manage_applications(caller)

    async def remove(self, declared: ClientSecret, change: Change, hands: Hands) -> None:
        """Keys first: a holder without a key is a surprise, and a key without a record is known to nobody.

        Every recorded key is removed, whether or not a replica shows it, and what the recorded intents left is looked
        for now: the plan's look may be an hour old. A fault on the way keeps the record for the next run.
        """
        slot = slot_of(declared, hands.tenant_id, hands.instance)
        record = (await hands.sink.load(slot)).record
        application = hands.bindings.applications.get(declared.application)
        if application is not None and record is not None:
            if record.pending is not None and record.pending.key_id is None:
                left = record.pending.created + LOOK_AGAIN_AFTER - hands.clock.now()  # an interrupted mint shows up yet
                await hands.clock.sleep(max(timedelta(), min(left, LOOK_AGAIN_AFTER)).total_seconds())
            keys = ApplicationKeys(hands, application, declared.audience, hands.prove)
            live = keys_of(record, await keys.read(), tag_prefix(slot))
            for each in dict.fromkeys((*live, *sorted(record.key_ids))):
                await keys.remove(each)
        await hands.sink.discard(slot)


class ApplicationKeys:
    """One application's credentials, as custody wants them."""

    def __init__(self, hands: Hands, application: ApplicationObject, audience: str, prove: Prover) -> None:
        self._hands = hands
        self._graph: Graph = hands.graph
        self._application = application
        self._audience = audience
        self._prove = prove

    async def read(self) -> tuple[PasswordCredential, ...]:
        """A fresh read of the application's keys."""

        async def look() -> ApplicationObject:
            return shown(await applications.by_object_id(self._graph, self._application.object_id), "the application")

        return (await self._hands.settled("client secret", look)).passwords

    async def mint(self, display_name: str, end: datetime) -> passwords.Minted:
        """`addPassword`. Never repeated where the outcome is unknown.

        A replica that does not know the application yet (404) is waited for. Should one of those have minted after
        all, the intent in its name gives the orphan away.
        """
        return await self._hands.settled(
            "client secret",
            lambda: passwords.add(self._graph, self._application.object_id, display_name=display_name, end=end),
            harmless=False,
        )

    async def remove(self, key_id: KeyId) -> None:
        """`removePassword`. A replica that does not know the application yet is waited for."""
        await self._hands.settled(
            "client secret", lambda: passwords.remove(self._graph, self._application.object_id, key_id)
        )

    async def prove(self, secret: Secret) -> str | None:
        """Sign in as the product."""
        return await self._prove(AppId(self._application.app_id), secret, self._audience)


def slot_of(declared: ClientSecret, tenant_id: TenantId, instance: str) -> SlotName:
    """The name of a declared secret's slot: of this onboarding, or of the one that holds it."""
    return SlotName(tenant_id, declared.held_by or instance, declared.application.partition(".")[2], declared.slot)


def latest_end(declared: ClientSecret) -> datetime | None:
    """The moment that a secret must not outlive."""
    return datetime.combine(declared.latest_end, time.min, UTC) if declared.latest_end is not None else None


def tag_prefix(slot: SlotName) -> str:
    """What the display name of each key of a slot begins with; the intent follows."""
    return f"provisioner/{slot.instance}/{slot.application}.{slot.slot}/"


def situation_of(observed: Observed) -> Situation:
    """Custody's view of what was read."""
    live = observed.application if isinstance(observed.application, ApplicationObject) else None
    return Situation(
        record=observed.stored.record,
        held=observed.stored.held,
        readable=observed.readable,
        in_hand=frozenset(),
        credentials=live.passwords if live is not None else (),
        tag_prefix=observed.prefix,
        now=observed.now,
        application_created=live.created if live is not None else _STILL_TO_COME,
    )


def keys_of(record: SlotRecord, shown: tuple[PasswordCredential, ...], prefix: str) -> tuple[KeyId, ...]:
    """Those of the shown keys that this sink recorded or intended."""
    return tuple(
        each.key_id for each in shown if each.key_id in record.key_ids or intent_of(each, prefix) in record.intents
    )


def _raise_unfinished(declared: ClientSecret, result: DriveResult) -> None:
    if result.stuck is not None:
        raise ProvisionerError(f"{declared.address}: {result.stuck}", advice="decide by hand; nothing was removed")
    if result.not_yet is not None:
        raise NotYet(
            Fault("signin", "product sign-in", 401, "NotYet", result.not_yet),
            message=f"{declared.address}: stored, but not accepted so far: {result.not_yet}",
            advice="the secret is safe in the sink; run the same command again in a few minutes",
        )
