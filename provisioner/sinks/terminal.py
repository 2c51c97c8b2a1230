"""A secret shown once to a person at a terminal, who takes it from there. Only the record is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from provisioner.errors import SinkFault
from provisioner.model.identifiers import KeyId
from provisioner.model.secret import Secret
from provisioner.model.slot import SlotName, SlotRecord, Stored
from provisioner.sinks.interface import TerminalPort
from provisioner.sinks.store import SlotStore

_SHOWN = "shown"
"""Stands in the record's file where other sinks keep a ciphertext."""


class TerminalSink:
    """The Sink over a person. What was shown and noted counts as held: nobody may remove that key as lost."""

    def __init__(self, folder: Path, terminal: TerminalPort, *, reference: str = "terminal") -> None:
        self._reference = reference
        self._terminal = terminal
        self._store = SlotStore(reference, folder, create=True)

    @property
    def reference(self) -> str:
        """`terminal`."""
        return self._reference

    @property
    def readable(self) -> bool:
        """Never."""
        return False

    async def probe(self) -> None:
        """Somebody is there, and the record's folder can be written."""
        self._somebody()
        await asyncio.to_thread(self._store.probe, b"canary\n")

    async def load(self, slot: SlotName) -> Stored:
        """The record, and which keys were shown."""
        file = await asyncio.to_thread(self._store.load, slot)
        return Stored() if file is None else Stored(file.record, frozenset(file.values))

    async def save(self, slot: SlotName, record: SlotRecord, values: Mapping[KeyId, Secret]) -> None:
        """Show each value that has not been shown; the record is written when the person has noted it.

        In that order: whoever is interrupted while reading leaves a key that counts as lost, and it is made anew.
        """
        file = await asyncio.to_thread(self._store.load, slot)
        shown = frozenset() if file is None else frozenset(file.values)
        for key_id, value in values.items():
            if key_id not in shown:
                self._somebody()
                await self._terminal.show_once(f"{slot} (key {key_id})", value)
        await asyncio.to_thread(self._store.save, slot, record, dict.fromkeys(values, _SHOWN))

    async def fetch(self, slot: SlotName, key_id: KeyId) -> Secret:
        """Always a SinkFault."""
        raise SinkFault(
            self._reference,
            f"{slot}: the secret of key {key_id} was shown once and is kept nowhere",
            advice="ask whoever noted it, or rotate the secret",
        )

    async def discard(self, slot: SlotName) -> None:
        """Forget the record."""
        await asyncio.to_thread(self._store.discard, slot)

    def reference_of(self, slot: SlotName) -> str:
        """There is no place to point to."""
        return "shown once on the terminal"

    def _somebody(self) -> None:
        if not self._terminal.interactive:
            raise SinkFault(
                self._reference,
                "there is nobody to show the secret to",
                advice="run it in a terminal, or choose a sink that keeps secrets: --sink age",
            )
