"""Private keys of certificates, under `PROVISIONER_HOME/keys`: one file per slot, for the owner alone.

The one place of the home directory that holds secrets. A key is made here, never leaves, and is never shown; what the
directory gets is the certificate. The file is a PEM with both, as sign-in with a certificate takes it.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from provisioner.disk import files
from provisioner.model.slot import SlotName
from provisioner.signin.certificates import Certificate, make_certificate, read_certificate

REFERENCE = "keys"


class Keys:
    """The folder of private keys."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, slot: SlotName) -> Path:
        """Where the key of a slot lies, if there is one."""
        return self._folder / slot.tenant_id / f"{slot.instance}.{slot.application}.{slot.slot}.pem"

    def load(self, slot: SlotName) -> Certificate | None:
        """The certificate of a slot; None where no key was made.

        Raises `SinkFault` where others can reach the file, and `InputFault` where it holds no certificate.
        """
        path = self.path(slot)
        with files.named_faults(REFERENCE, path):
            pem = files.read(path)
            if pem is None:
                return None
            files.check_private(REFERENCE, path, files.OTHERS_CAN_READ | files.OTHERS_CAN_WRITE)
        return read_certificate(pem, str(path))

    def make(self, slot: SlotName, name: str, start: datetime, end: datetime) -> Certificate:
        """Make a key and its certificate, in place of any earlier one. They are on disk when this returns."""
        path = self.path(slot)
        pem, certificate = make_certificate(name, start, end)
        with files.named_faults(REFERENCE, path):
            files.make_directory(path.parent)
            files.replace(path, pem.reveal().encode())
            files.clear_leftovers(path)
        return certificate

    def discard(self, slot: SlotName) -> None:
        """Remove the key of a slot; a missing one is fine."""
        path = self.path(slot)
        with files.named_faults(REFERENCE, path):
            if path.parent.is_dir():
                files.remove(path)
