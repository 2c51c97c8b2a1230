"""`next_step`: what to do next about one slot. Pure: no network, no clock, no random; tested over every state.

The rules, and what each protects against:

- *Only what this sink intended and does not hold is removed automatically.* A key that another home, a colleague's
  laptop or a CI job minted looks just like an orphan, and removing it would cut off a live product (field notes 1.1).
- *A read may be stale.* A key we minted a moment ago may be missing from the list, so its absence counts only after a
  while; and a mint whose outcome is unknown is looked for before it is repeated.
- *A refusal may be early.* A fresh secret is refused for 4 to 18 seconds, sometimes minutes; so "refused" is never a
  reason to remove.
- *The product gets the new secret from a person.* Nobody can be given it before it is current, so the overlap counts
  from then: a secret that was minted and refused for a week has not been anywhere yet.

There is no separate "adopt" step: a sink saves the record and the value in one atomic write, so a stored value always
has its key id beside it, and going on with a pending key *is* its adoption.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

from provisioner.model.identifiers import KeyId
from provisioner.model.observed import PasswordCredential
from provisioner.model.slot import Entry, SlotRecord

LOOK_AGAIN_AFTER = timedelta(seconds=20)
"""How long a key of an interrupted mint may stay invisible to a reading replica. Replicas alternate for seconds
(field report: nais/azurerator#448, hashicorp/vault-plugin-secrets-azure#57); a later sighting is still swept up,
because the record keeps every intent."""

ABSENCE_COUNTS_AFTER = timedelta(minutes=15)
"""How old a key must be before its absence from the list means that somebody removed it."""


class Goal(StrEnum):
    """How far to go: apply stops at the promoted secret, rotation goes on to replace and retire."""

    HOLD = "hold"
    ROTATE = "rotate"


@dataclass(frozen=True)
class Situation:
    """Everything the decision rests on."""

    record: SlotRecord | None
    held: frozenset[KeyId]
    """Key ids whose value the sink keeps."""
    readable: bool
    """Whether the sink can give a value back."""
    in_hand: frozenset[KeyId]
    """Key ids whose value this very process still has in memory."""
    credentials: tuple[PasswordCredential, ...]
    """What the directory shows on the application, perhaps from a stale replica."""
    tag_prefix: str
    """`provisioner/<instance>/<slot>/`: what our display names begin with; the intent follows."""
    now: datetime
    application_created: datetime | None = None
    goal: Goal = Goal.HOLD
    renew_before: timedelta = timedelta()
    overlap: timedelta = timedelta()
    replacement_in_use: bool = False
    """A person's or a probe's word that the product uses the new secret."""
    latest_end: datetime | None = None
    """A successor would not last longer than this, so a secret that does is never due."""


@dataclass(frozen=True)
class Mint:
    """Write an intent, mint, store."""


@dataclass(frozen=True)
class Discard:
    """Remove keys that this sink intended and does not hold: nobody can ever use them."""

    key_ids: tuple[KeyId, ...]


@dataclass(frozen=True)
class Prove:
    """Get a token with the pending secret."""

    key_id: KeyId


@dataclass(frozen=True)
class Promote:
    """Make the pending secret the current one."""

    key_id: KeyId


@dataclass(frozen=True)
class Await:
    """Wait, then read again."""

    until: datetime
    why: str


@dataclass(frozen=True)
class BeginOverlap:
    """Note that the current secret can be had since now; an earlier version did not say since when."""


@dataclass(frozen=True)
class Retire:
    """Remove exactly these old keys; the current one is known to be valid."""

    key_ids: tuple[KeyId, ...]


@dataclass(frozen=True)
class Done:
    """Nothing to do."""


@dataclass(frozen=True)
class Stuck:
    """A person has to decide."""

    why: str


Step: TypeAlias = Mint | Discard | Prove | Promote | Await | BeginOverlap | Retire | Done | Stuck

EMPTY = SlotRecord(pending=None, current=None, previous=(), intents=())


def intent_of(credential: PasswordCredential, tag_prefix: str) -> str | None:
    """The intent in a key's display name; None where the key is not of this slot."""
    name = credential.display_name or ""
    return name.removeprefix(tag_prefix) if name.startswith(tag_prefix) else None


def held_elsewhere(situation: Situation) -> tuple[PasswordCredential, ...]:
    """Keys tagged for this slot that this sink never intended: another sink's, or lost there. They stay."""
    intents = (situation.record or EMPTY).intents
    return tuple(
        each
        for each in situation.credentials
        if (intent := intent_of(each, situation.tag_prefix)) is not None and intent not in intents
    )


def next_step(situation: Situation) -> Step:
    """The next thing to do about this slot."""
    record = situation.record or EMPTY
    orphans = _orphans(situation, record)
    if orphans:
        return Discard(orphans)
    if record.pending is not None:
        return _about_pending(situation, record.pending)
    if record.current is None:
        return Mint()
    return _about_current(situation, record, record.current)


def _orphans(situation: Situation, record: SlotRecord) -> tuple[KeyId, ...]:
    known = {entry.key_id for entry in (record.pending, record.current, *record.previous) if entry is not None}
    return tuple(
        each.key_id
        for each in situation.credentials
        if intent_of(each, situation.tag_prefix) in record.intents
        and each.key_id not in known
        and each.key_id not in situation.held
        and each.key_id not in situation.in_hand
    )


def _about_pending(situation: Situation, pending: Entry) -> Step:
    if pending.key_id is None:
        look_again = pending.created + LOOK_AGAIN_AFTER
        if situation.now < look_again:
            return Await(look_again, "an interrupted mint may show up yet")
        return Mint()
    if _gone(situation, pending):
        return Mint()
    if pending.proven:
        return Promote(pending.key_id)
    if pending.key_id in situation.in_hand or (situation.readable and pending.key_id in situation.held):
        return Prove(pending.key_id)
    if situation.readable:
        return Stuck(f"the record names key {pending.key_id}, but the sink holds no value for it")
    if pending.key_id in situation.held:
        return Promote(pending.key_id)
    return Discard((pending.key_id,))


def _about_current(situation: Situation, record: SlotRecord, current: Entry) -> Step:
    if current.key_id is None or _gone(situation, current):
        return Mint()
    if situation.readable and current.key_id not in situation.held:
        return Stuck(f"the record names key {current.key_id}, but the sink holds no value for it")
    if situation.goal is Goal.HOLD:
        return Done()
    shown = {each.key_id for each in situation.credentials}
    old = tuple(entry.key_id for entry in record.previous if entry.key_id is not None and entry.key_id in shown)
    if old:
        return _about_previous(situation, current, old)
    lasts = situation.latest_end is not None and current.end is not None and current.end >= situation.latest_end
    due = current.end is not None and current.end - situation.now <= situation.renew_before and not lasts
    return Mint() if due else Done()


def _about_previous(situation: Situation, current: Entry, old: tuple[KeyId, ...]) -> Step:
    """The replaced key comes first: as long as it is there, no further one is minted, however short the lifetimes."""
    overlap_ends = (current.promoted or situation.now) + situation.overlap
    if not situation.replacement_in_use and situation.now < overlap_ends:
        if current.promoted is None:
            return BeginOverlap()
        return Await(overlap_ends, "the product may still use the old secret")
    if current.key_id not in {each.key_id for each in situation.credentials}:
        return Stuck("the current key is not on the application, so the old one may be the last valid one")
    return Retire(old)


def _gone(situation: Situation, entry: Entry) -> bool:
    """Whether a recorded key is certainly not usable any more: expired, removed, or of an earlier application.

    One that this very process minted is too young for its absence to mean anything, whatever the clocks say.
    """
    shown = {each.key_id: each for each in situation.credentials}
    credential = shown.get(entry.key_id) if entry.key_id is not None else None
    if credential is not None:
        return credential.end <= situation.now
    if entry.key_id in situation.in_hand:
        return False
    if situation.application_created is not None and entry.created < situation.application_created:
        return True
    return situation.now - entry.created >= ABSENCE_COUNTS_AFTER
