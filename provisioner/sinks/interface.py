"""What a place for secrets must be able to do, and what a terminal must lend it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from provisioner.model.identifiers import KeyId
from provisioner.model.secret import Secret
from provisioner.model.slot import SlotName, SlotRecord, Stored


class Sink(Protocol):
    """A place for secrets and the records of their slots. Every method raises SinkFault where the place fails."""

    @property
    def reference(self) -> str:
        """How the sink is named on the command line: `age`, `age:DIR`, `terminal`."""

    @property
    def readable(self) -> bool:
        """Whether a stored value can be had back here and now."""

    async def probe(self) -> None:
        """Write a canary, read it back where that is possible, delete it. Must be cheap: it runs before each mint."""

    async def load(self, slot: SlotName) -> Stored:
        """The record and the key ids of what is held. An unknown slot is empty, not a fault."""

    async def save(self, slot: SlotName, record: SlotRecord, values: Mapping[KeyId, Secret]) -> None:
        """Store record and values in one indivisible step, then read back and compare.

        Key ids of the record without a value given here must keep the value stored for them; key ids that the record
        no longer names must be dropped. Must refuse when somebody else changed the slot since this sink loaded it.
        """

    async def fetch(self, slot: SlotName, key_id: KeyId) -> Secret:
        """The value of one key; SinkFault where it is not held or cannot be read here."""

    async def discard(self, slot: SlotName) -> None:
        """Forget the slot, record and values. An unknown slot is fine."""

    def reference_of(self, slot: SlotName) -> str:
        """Where a person finds the secret. No I/O, no secret."""


class TerminalPort(Protocol):
    """A person at a terminal, lent by cli/."""

    @property
    def interactive(self) -> bool:
        """Whether somebody is there to read it: input and output are a terminal."""

    async def show_once(self, title: str, secret: Secret) -> None:
        """Show the secret where no scroll-back keeps it, and return when the person says that it is noted.

        Must raise (Declined, KeyboardInterrupt) where the person did not say so.
        """
