"""What came of it: outcomes of changes and proofs. "Not yet" is an outcome of its own, and can be resumed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from provisioner.model.identifiers import Address, KeyId


class ChangeState(StrEnum):
    """How one change ended."""

    DONE = "done"
    KEPT = "kept"
    NOT_YET = "not-yet"
    BLOCKED = "blocked"
    MANUAL = "manual"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class ChangeOutcome:
    """How one change ended, and what one should know of it."""

    address: Address
    state: ChangeState
    message: str | None = None
    advice: str | None = None
    request_id: str | None = None
    before: tuple[tuple[str, str | None], ...] = ()
    """Values that were there before, for the receipt; never a secret."""


class ProofState(StrEnum):
    """How one proof ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_YET = "not-yet"
    NOT_PROVEN = "not-proven"


@dataclass(frozen=True)
class ProofOutcome:
    """How one proof ended. `causes` are stable identifiers (field-notes.md 5); more than one means "one of"."""

    name: str
    title: str
    state: ProofState
    detail: str
    causes: tuple[str, ...] = ()
    advice: str | None = None
    link: str | None = None
    """What a person opens in a browser to try it."""
    reasons: tuple[str, ...] = ()
    """The causes in words, one each."""
    signed_in: bool = False
    """The product was let in, whatever came of the rest: evidence for later proofs where the state alone is not."""

    @property
    def told(self) -> str:
        """What was seen and why, in one sentence."""
        if not self.reasons:
            return self.detail
        if self.state is ProofState.NOT_PROVEN:
            return f"{self.detail}; that proves nothing as long as this is possible: {' / '.join(self.reasons)}"
        return f"{self.detail} ({'one of: ' if len(self.reasons) > 1 else ''}{' / '.join(self.reasons)})"


@dataclass(frozen=True)
class SecretReceipt:
    """Where a secret is, never what it is."""

    application: str
    slot: str
    key_id: KeyId | None
    end: datetime | None
    sink: str
    reference: str
    state: str
    """`current`, `pending`, `missing`."""
    readable: bool = True
    """Whether the sink gives the secret back; False where a person was shown it once."""

    @property
    def held_as(self) -> tuple[str, str]:
        """What tells it from the other secrets of a form: application and slot."""
        return self.application, self.slot


@dataclass(frozen=True)
class SecretParameter:
    """A secret that the customer keeps and the vendor's form asks for, such as a mailbox's password."""

    name: str
    reference: str | None
    """`env:NAME`, `file:PATH` or `prompt:`; None where none was given."""

    @property
    def held_as(self) -> tuple[str, str]:
        """What tells it from the other secrets of a form; no application has an empty key."""
        return "", self.name
