"""One change of a plan, as data: it can be shown, saved, compared and digested, and the engine looks up the code."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from provisioner.model.identifiers import Address


class Action(StrEnum):
    """What happens to the thing. Keep is a change too: it says why nothing happens."""

    CREATE = "create"
    UPDATE = "update"
    REMOVE = "remove"
    KEEP = "keep"
    RESTORE = "restore"


class Part(StrEnum):
    """Who usually does it: `--only` takes one."""

    ENTRA = "entra"
    CONSENT = "consent"
    EXCHANGE = "exchange"


class Gate(StrEnum):
    """What needs a flag of its own, never implied by `--yes`."""

    TENANT_WIDE = "tenant-wide"
    REMOVE_GRANTS = "remove-grants"
    RESTORE = "restore"
    PURGE = "purge"
    ORGANISATION_WIDE = "organisation-wide"
    TWIN = "twin"
    FOREIGN_KEYS = "foreign-keys"


@dataclass(frozen=True)
class FieldChange:
    """One property, before and after. Texts for people: addresses and durations, never dates, ids or secrets."""

    name: str
    before: str | None
    after: str | None


def item(address: Address, field: FieldChange) -> Address:
    """One property of a thing that has several, each of which may be somebody else's: its name and its value now."""
    return Address(f"{address}: {field.name} {field.before}")


@dataclass(frozen=True)
class Change:
    """What happens to one declared thing."""

    address: Address
    kind: str
    action: Action
    part: Part
    summary: str
    fields: tuple[FieldChange, ...] = ()
    reason: str | None = None
    """Why nothing is done (Keep), or why this is done (the others)."""
    reach: str | None = None
    """What a permission opens, in a sentence."""
    undo: str | None = None
    """What `remove` will not take back."""
    gate: Gate | None = None
    guide_steps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ready:
    """The caller can do it now."""


@dataclass(frozen=True)
class Blocked:
    """The caller cannot do it now."""

    reason: str
    who_can: tuple[str, ...] = ()
    flag: str | None = None
    """The flag that opens it, where it is only a closed gate."""


@dataclass(frozen=True)
class Manual:
    """A person has to do it."""

    instruction: str
    role: str | None = None
    proof: str | None = None


Standing: TypeAlias = Ready | Blocked | Manual


@dataclass(frozen=True)
class PlannedChange:
    """A change and whether it can be carried out by this caller, now."""

    change: Change
    standing: Standing
