"""What workflows give back, as data: results of each, which reports/ shows in every form."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from provisioner.model.declared import ManualStep
from provisioner.model.identifiers import Address
from provisioner.model.outcome import ChangeOutcome, ChangeState, ProofOutcome, SecretReceipt
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

    def in_state(self, *states: ChangeState) -> tuple[ChangeOutcome, ...]:
        """The outcomes in one of these states."""
        return tuple(each for each in self.outcomes if each.state in states)


@dataclass(frozen=True)
class Verified:
    """The proofs and how they went."""

    plan: Plan
    proofs: tuple[ProofOutcome, ...]
    secrets: tuple[SecretReceipt, ...] = ()


@dataclass(frozen=True)
class FilledField:
    """One field of the vendor's form with what goes in; a secret only by reference."""

    title: str
    value: str | None
    secret: SecretReceipt | None = None
    note: str | None = None


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
