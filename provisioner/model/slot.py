"""The record of one slot for a secret: what was intended, what is pending, current and previous. Never a value.

It lives beside the secret in its sink, so that whoever can reach the sink knows what this sink ever intended, which is
the only ground on which a key may be removed automatically.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime

from provisioner.model.identifiers import KeyId, TenantId

_PLAIN = re.compile(r"[a-z0-9][a-z0-9_-]{0,47}")
_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{name}{n}" for name in ("com", "lpt") for n in range(10))})
"""Names that Windows keeps for devices, with any extension."""


@dataclass(frozen=True)
class Entry:
    """One secret of a slot. Without a key id it is an intent: a mint that was begun and whose end nobody recorded."""

    intent: str
    created: datetime
    key_id: KeyId | None = None
    hint: str | None = None
    """The first characters, as Entra shows them."""
    end: datetime | None = None
    proven: bool = False
    """A token was had with it."""
    promoted: datetime | None = None
    """When it became current: the first moment at which anybody could be given it. Unknown where an earlier version
    of this program wrote the record."""


@dataclass(frozen=True)
class SlotRecord:
    """Where one slot stands."""

    pending: Entry | None = None
    current: Entry | None = None
    previous: tuple[Entry, ...] = ()
    intents: tuple[str, ...] = ()
    """Every intent that this sink ever recorded for the slot, oldest first."""

    @property
    def key_ids(self) -> frozenset[KeyId]:
        """The key ids that the record names."""
        entries = (self.pending, self.current, *self.previous)
        return frozenset(each.key_id for each in entries if each is not None and each.key_id is not None)


@dataclass(frozen=True)
class SlotName:
    """Which slot: one secret of one application of one onboarding in one tenant."""

    tenant_id: TenantId
    instance: str
    application: str
    """The application's key in the playbook."""
    slot: str

    def __str__(self) -> str:
        return f"{self.tenant_id}/{self.instance}/{self.application}/{self.slot}"

    @property
    def path(self) -> tuple[str, str]:
        """A folder's and a file's name (without extension) that are safe on every file system.

        Different slots never share one, also where upper and lower case are the same.
        """
        parts = (self.instance, self.application, self.slot)
        return _safe(self.tenant_id), ".".join(_safe(part) for part in parts)


@dataclass(frozen=True)
class Stored:
    """What a sink keeps of one slot."""

    record: SlotRecord | None = None
    held: frozenset[KeyId] = frozenset()
    """Key ids whose value the sink keeps, or has handed to a person."""


def _safe(part: str) -> str:
    """The text itself where it is plain; else what is plain of it and a digest. `~` occurs in no plain text."""
    if _PLAIN.fullmatch(part) and part not in _DEVICES:
        return part
    legible = re.sub(r"[^a-z0-9_-]+", "-", part.lower())[:32].strip("-") or "x"
    return f"{legible}~{hashlib.sha256(part.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"
