"""What workflows give back, as data: results of each, which reports/ shows in every form."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from provisioner.model.declaration import ManualStep
from provisioner.model.identifiers import Address, AppId
from provisioner.model.outcome import ChangeOutcome, ChangeState, ProofOutcome, SecretParameter, SecretReceipt
from provisioner.model.plan import Approval, Plan


@dataclass(frozen=True)
class Planned:
    """A plan, and the approval that `--out` saves."""

    plan: Plan
    approval: Approval


@dataclass(frozen=True)
class Applied:
    """What became of a plan."""

    plan: Plan
    outcomes: tuple[ChangeOutcome, ...]
    secrets: tuple[SecretReceipt, ...] = ()
    unsettled: tuple[str, ...] = ()
    """What the closing read did not show yet."""
    declined: bool = False
    receipt: str | None = None
    manual: tuple[ManualStep, ...] = ()
    script: str | None = None
    """The script that was written for an Exchange administrator."""
    in_recycle_bin: bool = False
    """An application that this run has deleted can be restored, and `remove --purge` can empty the bin of it."""
    belongs_to: tuple[str, str] | None = None
    """Playbook and instance whose secrets these are, where they are another onboarding's to rotate."""

    def in_state(self, *states: ChangeState) -> tuple[ChangeOutcome, ...]:
        """The outcomes in one of these states."""
        return tuple(each for each in self.outcomes if each.state in states)


@dataclass(frozen=True)
class Candidate:
    """An application that may have been made by hand for the same product."""

    app_id: AppId
    display_name: str
    score: int
    reasons: tuple[str, ...]
    """What speaks for it; each ends with its points."""
    beyond: tuple[str, ...]
    """What hangs on it beside what the playbook asks for; all of it stays."""
    likely: bool


@dataclass(frozen=True)
class Adopted:
    """An application that somebody else made has become an instance, or those that could."""

    plan: Plan
    candidates: tuple[Candidate, ...]
    """The likeliest first; where one was named, that one alone."""
    chosen: AppId | None
    """None where nobody chose one."""
    outcomes: tuple[ChangeOutcome, ...] = ()
    declined: bool = False
    receipt: str | None = None


class StageState(StrEnum):
    """How far a step of a migration has come."""

    DONE = "done"
    NEXT = "next"
    WAITING = "waiting"
    LATER = "later"
    BLOCKED = "blocked"
    MANUAL = "manual"


@dataclass(frozen=True)
class Stage:
    """One step of a migration, as the tenant shows it."""

    name: str
    """A stable identifier: `roles`, `authorized`, `roles_everywhere`, `claims`, `token`, `tokens_everywhere`, ..."""
    title: str
    state: StageState
    detail: str | None = None
    until: datetime | None = None
    """When a waiting step can go on."""


@dataclass(frozen=True)
class Migrated:
    """How far a migration has come."""

    plan: Plan
    """Its variant is the one that it moves to; its changes are those that this run found to do."""
    stages: tuple[Stage, ...]
    outcomes: tuple[ChangeOutcome, ...] = ()
    declined: bool = False
    receipts: tuple[str, ...] = ()
    manual: tuple[ManualStep, ...] = ()


@dataclass(frozen=True)
class Verified:
    """The proofs and how they went."""

    plan: Plan
    proofs: tuple[ProofOutcome, ...]
    secrets: tuple[SecretReceipt, ...] = ()
    sent: bool = False
    """Whether a mail was to be sent: the same again needs to be told so, too."""


@dataclass(frozen=True)
class FilledField:
    """One field of the vendor's form with what goes in; a secret only by reference."""

    title: str
    value: str | None
    secret: SecretReceipt | None = None
    note: str | None = None
    parameter: SecretParameter | None = None


@dataclass(frozen=True)
class FilledScreen:
    """One screen of the vendor's product, filled in."""

    title: str
    fields: tuple[FilledField, ...]
    actions: tuple[str, ...] = ()
    guide_steps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Deed:
    """Who did a change and when, as the receipt of that run says."""

    address: Address
    when: datetime
    who: str
    request_id: str | None = None
    ticket: str | None = None


@dataclass(frozen=True)
class HandedOver:
    """The vendor's form, filled in. With evidence, `plan` has its changes: what is as wanted has been seen so."""

    plan: Plan
    screens: tuple[FilledScreen, ...]
    secrets: tuple[SecretReceipt, ...]
    seen_at: datetime
    """When the tenant was looked at."""
    proofs: tuple[ProofOutcome, ...] = ()
    deeds: tuple[Deed, ...] = ()
    """Of the changes that our own runs did; somebody else's leave none."""
