"""`drive`: carry out `next_step` until the slot is as wanted, or someone or something has to wait."""

from __future__ import annotations

import secrets as entropy
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from provisioner.custody.next_step import (
    EMPTY,
    Await,
    BeginOverlap,
    Discard,
    Done,
    Goal,
    Mint,
    Promote,
    Prove,
    Retire,
    Situation,
    Step,
    Stuck,
    next_step,
)
from provisioner.errors import ProvisionerError, UnknownOutcome
from provisioner.model.events import Event, EventKind, Events
from provisioner.model.identifiers import KeyId
from provisioner.model.observed import PasswordCredential
from provisioner.model.secret import Secret
from provisioner.model.slot import Entry, SlotName, SlotRecord
from provisioner.pace import Clock, Deadline
from provisioner.sinks import Sink

MOST_STEPS = 40
"""More steps than any honest path takes; beyond it something feeds us contradictions."""


class MintedKey(Protocol):
    """What the directory gives back once: the value, and how to name it afterwards."""

    @property
    def key_id(self) -> KeyId:
        """The new key's id."""

    @property
    def secret(self) -> Secret:
        """Its value, once."""

    @property
    def hint(self) -> str | None:
        """The value's first characters, as the directory will show them."""

    @property
    def start(self) -> datetime | None:
        """When it was minted, by the directory's clock."""

    @property
    def end(self) -> datetime:
        """When it expires."""


class Custodian(Protocol):
    """The application's credentials, as drive needs them."""

    async def read(self) -> tuple[PasswordCredential, ...]:
        """The application's password credentials now, perhaps from a stale replica."""

    async def mint(self, display_name: str, end: datetime) -> MintedKey:
        """Mint once. Must never repeat by itself; raises UnknownOutcome where it may have happened."""

    async def remove(self, key_id: KeyId) -> None:
        """Remove one key; a key that is gone already is fine."""

    async def prove(self, secret: Secret) -> str | None:
        """None when a token could be had with it, else why not (so far)."""


@dataclass(frozen=True)
class Terms:
    """What is wanted of one slot."""

    slot: SlotName
    tag_prefix: str
    lifetime: timedelta
    application_created: datetime | None
    goal: Goal = Goal.HOLD
    renew_before: timedelta = timedelta()
    overlap: timedelta = timedelta()
    replacement_in_use: bool = False
    retiring: frozenset[KeyId] = frozenset()
    """The replaced keys that this run may remove. A run that has any mints nothing; another one retires nothing."""
    latest_end: datetime | None = None
    """A secret must not outlive what it opens (a retirement date)."""


@dataclass(frozen=True)
class DriveResult:
    """Where the slot stands. `not_yet` says what it waits for, `stuck` what a person has to decide."""

    record: SlotRecord
    not_yet: str | None = None
    stuck: str | None = None
    minted: bool = False


class _Drive:
    """One run over one slot; keeps in memory what a write-only sink cannot give back."""

    def __init__(
        self, terms: Terms, sink: Sink, custodian: Custodian, clock: Clock, events: Events, deadline: Deadline
    ) -> None:
        self._terms = terms
        self._sink = sink
        self._custodian = custodian
        self._clock = clock
        self._events = events
        self._deadline = deadline
        self._in_hand: dict[KeyId, Secret] = {}
        self._removed: set[KeyId] = set()
        """A stale replica goes on showing what we removed; once removed is removed."""
        self._minted = False
        self._promoted = False

    async def run(self, known: tuple[PasswordCredential, ...] | None) -> DriveResult:
        """Step until done. `known` saves the first read where the caller has just read the application.

        A key is only ever removed by what was read right before: since an older read, the key that is to stay may
        have been removed by somebody else. A mint whose outcome is unknown is looked for in the same way.
        """
        for _ in range(MOST_STEPS):
            credentials = known if known is not None else await self._custodian.read()
            situation = await self._situation(credentials)
            record = situation.record or EMPTY
            step = next_step(situation)
            if isinstance(step, (Discard, Retire)) and known is not None:
                known = None
                continue
            ended = await self._carry_out(step, record)
            if ended is not None:
                return ended
            keeps = isinstance(step, (Prove, Promote, BeginOverlap)) or (isinstance(step, Mint) and self._minted)
            known = credentials if keeps else None
        raise ProvisionerError(f"{self._terms.slot} does not come to rest", advice="look at the sink's record")

    async def _situation(self, credentials: tuple[PasswordCredential, ...]) -> Situation:
        stored = await self._sink.load(self._terms.slot)
        return Situation(
            record=stored.record,
            held=stored.held,
            readable=self._sink.readable,
            in_hand=frozenset(self._in_hand),
            credentials=tuple(each for each in credentials if each.key_id not in self._removed),
            tag_prefix=self._terms.tag_prefix,
            now=self._clock.now(),
            application_created=self._terms.application_created,
            goal=self._terms.goal,
            renew_before=self._terms.renew_before,
            overlap=self._terms.overlap,
            replacement_in_use=self._terms.replacement_in_use,
            latest_end=self._terms.latest_end,
        )

    async def _carry_out(self, step: Step, record: SlotRecord) -> DriveResult | None:
        match step:
            case Done():
                return DriveResult(record, minted=self._minted)
            case Stuck() if self._promoted and record.previous:
                return self._left_for_the_next_run(record)  # this read may not show the new key yet
            case Retire(key_ids) if not self._terms.retiring.issuperset(key_ids):
                # Also after a promotion: nobody can have entered the new value yet, whatever was said.
                return self._left_for_the_next_run(record)
            case Stuck(why):
                return DriveResult(record, stuck=why, minted=self._minted)
            case Await(until, why):
                return await self._wait(record, until, why)
            case Mint() if self._terms.retiring:
                why = "the current secret is gone or ends soon, and this run was only to remove; the next run mints"
                return DriveResult(record, not_yet=why)
            case Mint() if self._minted:
                # A lifetime shorter than what counts as due would otherwise mint for ever.
                return DriveResult(record, stuck="the new secret would be replaced at once", minted=True)
            case Mint():
                return await self._mint(record)
            case Prove(key_id):
                return await self._prove(record, key_id)
            case Promote():
                await self._save(_promoted(record, self._clock.now()), {})
                self._promoted = True
            case BeginOverlap():
                await self._save(_dated(record, self._clock.now()), {})
            case Discard(key_ids):
                await self._remove(record, key_ids)
            case Retire(key_ids):
                return DriveResult(await self._remove(record, key_ids))
        return None

    def _left_for_the_next_run(self, record: SlotRecord) -> DriveResult:
        why = "the replaced key is still there; the next run removes it"
        return DriveResult(record, not_yet=why, minted=self._minted)

    async def _remove(self, record: SlotRecord, key_ids: tuple[KeyId, ...]) -> SlotRecord:
        for key_id in key_ids:
            await self._custodian.remove(key_id)
        self._removed.update(key_ids)
        left = _without(record, frozenset(key_ids))
        await self._save(left, {})
        return left

    async def _wait(self, record: SlotRecord, until: datetime, why: str) -> DriveResult | None:
        seconds = max(0.0, (until - self._clock.now()).total_seconds())
        if seconds > self._deadline.seconds_left:
            return DriveResult(record, not_yet=f"{why}; until {until:%Y-%m-%d %H:%M} UTC", minted=self._minted)
        self._events(Event(EventKind.WAITING, str(self._terms.slot), why, seconds))
        await self._clock.sleep(seconds + 0.1)
        return None

    async def _mint(self, record: SlotRecord) -> DriveResult | None:
        """Intent first, then the value into the sink, before anything else may fail."""
        await self._sink.probe()
        intent = entropy.token_hex(8)
        now = self._clock.now()
        pending = Entry(intent=intent, created=now)
        intended = replace(record, pending=pending, intents=(*record.intents, intent))
        await self._save(intended, {})
        end = now + self._terms.lifetime
        if self._terms.latest_end is not None:
            end = min(end, self._terms.latest_end)
        try:
            minted = await self._custodian.mint(self._terms.tag_prefix + intent, end.replace(microsecond=0))
        except UnknownOutcome:
            self._events(Event(EventKind.NOTE, str(self._terms.slot), "a mint's outcome is unknown: looking"))
            return None
        except ProvisionerError:
            # Certainly not minted: the intent is withdrawn, so that a later run need not wait for its key.
            await self._save(replace(record, intents=intended.intents), {})
            raise
        self._in_hand[minted.key_id] = minted.secret
        # By the directory's clock, because it will be compared with the application's creation; ours may be behind.
        stored = replace(pending, created=minted.start or now, key_id=minted.key_id, hint=minted.hint, end=minted.end)
        await self._save(replace(intended, pending=stored), {minted.key_id: minted.secret})
        self._minted = True
        return None

    async def _prove(self, record: SlotRecord, key_id: KeyId) -> DriveResult | None:
        secret = self._in_hand.get(key_id)
        if secret is None:
            secret = await self._sink.fetch(self._terms.slot, key_id)
        refused = await self._custodian.prove(secret)
        if refused is not None:
            return DriveResult(record, not_yet=refused, minted=self._minted)
        if record.pending is not None:
            await self._save(replace(record, pending=replace(record.pending, proven=True)), {})
        return None

    async def _save(self, record: SlotRecord, values: dict[KeyId, Secret]) -> None:
        await self._sink.save(self._terms.slot, record, values)


def _promoted(record: SlotRecord, now: datetime) -> SlotRecord:
    previous = (*record.previous, record.current) if record.current is not None else record.previous
    return _dated(replace(record, pending=None, current=record.pending, previous=previous), now)


def _dated(record: SlotRecord, now: datetime) -> SlotRecord:
    return replace(record, current=replace(record.current, promoted=now) if record.current is not None else None)


def _without(record: SlotRecord, key_ids: frozenset[KeyId]) -> SlotRecord:
    def kept(entry: Entry | None) -> Entry | None:
        return None if entry is not None and entry.key_id in key_ids else entry

    return replace(
        record,
        pending=kept(record.pending),
        current=kept(record.current),
        previous=tuple(entry for entry in record.previous if entry.key_id not in key_ids),
    )


async def drive(
    terms: Terms,
    sink: Sink,
    custodian: Custodian,
    *,
    clock: Clock,
    events: Events,
    deadline: Deadline,
    known: tuple[PasswordCredential, ...] | None = None,
) -> DriveResult:
    """Bring one slot as far as `terms.goal` says, within the deadline.

    Raises SinkFault where the sink fails (before a mint: nothing has happened) and what the custodian raises.
    """
    return await _Drive(terms, sink, custodian, clock, events, deadline).run(known)
