"""Secrets as age-encrypted files, one per slot: the default sink, since it needs no service and no other program.

The record stays in clear beside the ciphertext, so that what this sink intended can be known without the key. The
plain value is never in a file, not even for a moment.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from pathlib import Path

from provisioner.errors import SinkFault
from provisioner.model.identifiers import KeyId
from provisioner.model.secret import Secret
from provisioner.model.slot import SlotName, SlotRecord, Stored
from provisioner.sinks.age_keys import AgeKeys
from provisioner.sinks.store import SlotStore

_CANARY_BYTES = 4096
"""Larger than any slot's growth by one secret, so that a nearly full disk is noticed before anything is minted."""


class AgeFileSink:
    """The Sink over a folder.

    `keys_folder` holds the identity and the recipients. With `create` the folder is made on first use. `recipients`
    are further age recipients (a break-glass key, the customer's); each can read every secret stored from then on.
    """

    def __init__(
        self,
        folder: Path,
        keys_folder: Path,
        *,
        reference: str = "age",
        create: bool = True,
        recipients: tuple[str, ...] = (),
    ) -> None:
        self._reference = reference
        self._store = SlotStore(reference, folder, create=create)
        self._keys = AgeKeys(reference, keys_folder, recipients)

    @property
    def reference(self) -> str:
        """`age` or `age:DIR`."""
        return self._reference

    @property
    def readable(self) -> bool:
        """Whether the identity is here."""
        return self._keys.readable

    async def probe(self) -> None:
        """Make the key pair on first use; seal a canary, write it, read it back, open it."""
        await asyncio.to_thread(self._probe)

    async def load(self, slot: SlotName) -> Stored:
        """The record, and for which keys a ciphertext is there (whether or not it can be opened here)."""
        file = await asyncio.to_thread(self._store.load, slot)
        return Stored() if file is None else Stored(file.record, frozenset(file.values))

    async def save(self, slot: SlotName, record: SlotRecord, values: Mapping[KeyId, Secret]) -> None:
        """Encrypt, try to open what was encrypted where the identity is here, then replace the file."""
        await asyncio.to_thread(self._save, slot, record, dict(values))

    async def fetch(self, slot: SlotName, key_id: KeyId) -> Secret:
        """Decrypt one value."""
        return await asyncio.to_thread(self._fetch, slot, key_id)

    async def discard(self, slot: SlotName) -> None:
        """Remove the slot's file."""
        await asyncio.to_thread(self._store.discard, slot)

    def reference_of(self, slot: SlotName) -> str:
        """The file's path."""
        return str(self._store.path(slot))

    def _probe(self) -> None:
        self._store.check()
        self._keys.ensure(values_stored=self._store.holds_values)
        self._store.probe(self._sealed(Secret(secrets.token_hex(_CANARY_BYTES // 2))).encode())

    def _save(self, slot: SlotName, record: SlotRecord, values: Mapping[KeyId, Secret]) -> None:
        if values:
            self._keys.ensure(values_stored=self._store.holds_values)
        self._store.save(slot, record, {key_id: self._sealed(value) for key_id, value in values.items()})

    def _sealed(self, value: Secret) -> str:
        sealed = self._keys.seal(value)
        if self._keys.readable and not self._keys.open(sealed).same_as(value):
            raise SinkFault(self._reference, "what was encrypted does not decrypt to the same value")
        return sealed

    def _fetch(self, slot: SlotName, key_id: KeyId) -> Secret:
        file = self._store.load(slot)
        if file is None or key_id not in file.values:
            raise SinkFault(self._reference, f"{slot}: no value is held for key {key_id}")
        return self._keys.open(file.values[key_id])
