"""A folder of slot files: one file per slot, replaced as a whole, by one writer at a time, read back each time."""

from __future__ import annotations

import hashlib
import secrets
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from provisioner.disk import files, locks
from provisioner.errors import SinkFault
from provisioner.model.identifiers import KeyId
from provisioner.model.slot import SlotName, SlotRecord
from provisioner.sinks import slot_file
from provisioner.sinks.slot_file import DamagedSlotFile, SlotFile

_CANARY = ".canary."
_CANARY_IS_OLD_AFTER_SECONDS = 3600.0


class SlotStore:
    """The slot files below `root`. `create` makes the root on first use; else a missing one is a fault.

    A share that is not mounted must not look like a sink that holds nothing: everything would be minted anew.
    """

    def __init__(self, reference: str, root: Path, *, create: bool) -> None:
        self.reference = reference
        self.root = root
        self.create = create
        self._loaded: dict[SlotName, str] = {}
        """Digest of each slot's file as this store last saw it, to notice another writer in between."""

    def path(self, slot: SlotName) -> Path:
        """Where one slot's file is."""
        folder, stem = slot.path
        return self.root / folder / f"{stem}.json"

    def check(self) -> None:
        """Raise SinkFault where the root is missing though it should be there, or is open to everybody."""
        if self.root.is_dir():
            files.check_private(self.reference, self.root, stat.S_IWOTH)
        elif not self.create or self.root.exists():
            raise SinkFault(
                self.reference,
                f"{self.root}: there is no such directory",
                advice="create it, mount it, or name another one: --sink age:DIR",
            )

    def holds_values(self) -> bool:
        """Whether any slot keeps a value; a damaged file counts as one that does. Reads every file."""
        with files.named_faults(self.reference, self.root):
            self.check()
            return any(slot_file.may_hold_values(each.read_bytes()) for each in self.root.glob("*/*.json"))

    def load(self, slot: SlotName) -> SlotFile | None:
        """The slot as stored; None where nothing is."""
        path = self.path(slot)
        with files.named_faults(self.reference, path):
            self.check()
            text = files.read(path)
            if text is not None:
                files.check_private(self.reference, path, files.OTHERS_CAN_READ | files.OTHERS_CAN_WRITE)
        self._loaded[slot] = _digest(text)
        return None if text is None else self._decoded(path, text, slot)

    def save(self, slot: SlotName, record: SlotRecord, values: Mapping[KeyId, str]) -> None:
        """Replace the slot's file, keeping the values of key ids that the record still names."""
        path = self.path(slot)
        if not values.keys() <= record.key_ids:
            raise SinkFault(self.reference, f"{slot}: a value was given for a key that the record does not name")
        with files.named_faults(self.reference, path):
            self.check()
            files.make_directory(path.parent)
            with locks.held(self.reference, path.with_suffix(".lock")):
                old = self._unchanged(path, slot)
                self._check_intents(slot, old, record)
                kept = {} if old is None else old.values
                merged = {key_id: text for key_id, text in {**kept, **values}.items() if key_id in record.key_ids}
                files.clear_leftovers(path)
                self._write(path, slot, slot_file.encode(SlotFile(slot, record, merged)))

    def discard(self, slot: SlotName) -> None:
        """Remove the slot's file, and its folder where that was the last one."""
        path = self.path(slot)
        with files.named_faults(self.reference, path):
            self.check()
            if not path.parent.is_dir():
                return
            with locks.held(self.reference, path.with_suffix(".lock")):
                files.clear_leftovers(path)
                files.remove(path)
            self._loaded[slot] = _digest(None)
            with suppress(OSError):
                path.parent.rmdir()  # only where it is empty

    def probe(self, canary: bytes) -> None:
        """Write the canary as a slot would be written, read it back, remove it."""
        path = self.root / f"{_CANARY}{secrets.token_hex(8)}"
        with files.named_faults(self.reference, self.root):
            self.check()
            if self.create:
                files.make_directory(self.root)
            files.replace(path, canary)
            try:
                if files.read(path) != canary:
                    raise SinkFault(self.reference, f"{self.root}: what was written reads back differently")
                self._clear_old_canaries(path)
            finally:
                files.remove(path)

    def _write(self, path: Path, slot: SlotName, text: bytes) -> None:
        files.replace(path, text)
        if files.read(path) != text:
            raise SinkFault(
                self.reference, f"{path}: what was written reads back differently", advice="look at the disk"
            )
        self._loaded[slot] = _digest(text)

    def _unchanged(self, path: Path, slot: SlotName) -> SlotFile | None:
        """The stored slot, which must be the one that this store has loaded (if it has)."""
        text = files.read(path)
        if self._loaded.get(slot, _digest(text)) != _digest(text):
            raise SinkFault(
                self.reference,
                f"{slot}: another process changed the slot meanwhile",
                advice="run the same command again: it goes on from what is stored now",
            )
        return None if text is None else self._decoded(path, text, slot)

    def _check_intents(self, slot: SlotName, old: SlotFile | None, record: SlotRecord) -> None:
        """An intent that was ever recorded is what an orphaned key is recognised by: none may be forgotten."""
        if old is not None and not set(old.record.intents) <= set(record.intents):
            raise SinkFault(self.reference, f"{slot}: the new record would forget an intent")

    def _decoded(self, path: Path, text: bytes, slot: SlotName) -> SlotFile:
        try:
            return slot_file.decode(text, slot)
        except DamagedSlotFile as error:
            raise SinkFault(
                self.reference,
                f"{path}: {error}",
                advice="restore the file from a backup; without it, keys minted here count as held elsewhere",
            ) from None

    def _clear_old_canaries(self, own: Path) -> None:
        """Remove what probes left that were killed; a younger one may belong to a probe under way."""
        now = own.stat().st_mtime
        for each in self.root.glob(f"*{_CANARY}*"):
            with suppress(FileNotFoundError):
                if now - each.stat().st_mtime > _CANARY_IS_OLD_AFTER_SECONDS:
                    each.unlink()


def _digest(text: bytes | None) -> str:
    return "" if text is None else hashlib.sha256(text).hexdigest()
