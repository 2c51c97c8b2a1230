"""The key pair behind the age sink: made on first use, and the public half is enough to write.

The identity can be moved to a safer place afterwards: then secrets are still stored, and read where it is. Both files
have the formats of age's own tools (`age -d -i identity`, `age -R recipients`). The door to pyrage.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provisioner.disk import files, locks
from provisioner.errors import SinkFault
from provisioner.model.secret import Secret

_LOST = (
    "bring back the identity (or recipients) file from a backup; if it is lost for good, move the folder of secrets "
    "away: their keys then count as held elsewhere and new ones are made"
)


@dataclass(frozen=True)
class AgeKeys:
    """The identity and the recipients in one folder; `more` are further recipients (`age1…`, `ssh-ed25519 …`)."""

    reference: str
    folder: Path
    more: tuple[str, ...] = ()

    @property
    def identity_file(self) -> Path:
        """The private half, mode 0600."""
        return self.folder / "identity"

    @property
    def recipients_file(self) -> Path:
        """The public half, one recipient a line; more may be added by hand."""
        return self.folder / "recipients"

    def ensure(self, *, values_stored: Callable[[], bool]) -> None:
        """Make the key pair where there is none. Stored values mean that there once was one: never a second."""
        if self.recipients():
            return
        with files.named_faults(self.reference, self.folder):
            files.make_directory(self.folder)
            with locks.held(self.reference, self.folder / "lock"):
                if self.recipients():
                    return
                files.clear_leftovers(self.identity_file)
                files.clear_leftovers(self.recipients_file)
                identity = self._identity()
                if identity is None:
                    if values_stored():
                        raise SinkFault(self.reference, f"{self.folder}: the key pair is gone", advice=_LOST)
                    identity = self._new_identity()
                files.replace(self.recipients_file, f"{identity.to_public()}\n".encode())

    def recipients(self) -> tuple[str, ...]:
        """Everyone whom a new secret is encrypted to; empty before the first use."""
        with files.named_faults(self.reference, self.recipients_file):
            text = files.read(self.recipients_file)
            if text is not None:
                files.check_private(self.reference, self.recipients_file, files.OTHERS_CAN_WRITE)
        lines = (text or b"").decode("utf-8", "replace").splitlines()
        listed = (line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#"))
        return tuple(dict.fromkeys((*listed, *self.more)))

    @property
    def readable(self) -> bool:
        """Whether what is stored now can be read here: the identity is here and among the recipients."""
        recipients = self.recipients()
        if not recipients:
            return True  # the pair is made with the first secret
        identity = self._identity()
        return identity is not None and str(identity.to_public()) in recipients

    def seal(self, secret: Secret) -> str:
        """The armored ciphertext, for every recipient."""
        import pyrage

        recipients = [self._recipient(each) for each in self.recipients()]
        sealed: bytes = pyrage.encrypt(secret.reveal().encode(), recipients, armored=True)
        return sealed.decode("ascii")

    def open(self, sealed: str) -> Secret:
        """Raises SinkFault where the identity is missing or another one, or the ciphertext is damaged."""
        import pyrage

        identity = self._identity()
        if identity is None:
            raise SinkFault(
                self.reference,
                "secrets can be stored but not read here: the identity is not here",
                advice=f"put it at {self.identity_file} (mode 0600), or read the file where it is: age -d -i IDENTITY",
            )
        try:
            return Secret(pyrage.decrypt(sealed.encode(), [identity]).decode())
        except pyrage.DecryptError as error:
            if "No matching keys" in str(error):
                raise SinkFault(
                    self.reference,
                    "the secret was encrypted to another identity than the one here",
                    advice=f"use the identity it was stored with, at {self.identity_file}",
                ) from None
            raise SinkFault(
                self.reference, "the stored ciphertext is damaged", advice="restore it from a backup"
            ) from None
        except UnicodeDecodeError:
            raise SinkFault(self.reference, "the stored value is not a text") from None

    def _identity(self) -> Any | None:
        """The private key as pyrage's object, or None where there is no file."""
        import pyrage

        path = self.identity_file
        with files.named_faults(self.reference, path):
            text = files.read(path)
            if text is None:
                return None
            files.check_private(self.reference, path, files.OTHERS_CAN_READ | files.OTHERS_CAN_WRITE)
        lines = [line.strip() for line in text.decode("utf-8", "replace").splitlines()]
        keys = [line for line in lines if line.startswith("AGE-SECRET-KEY-")]
        try:
            if len(keys) != 1:
                raise ValueError
            return pyrage.x25519.Identity.from_str(keys[0])
        except (pyrage.IdentityError, ValueError):
            raise SinkFault(
                self.reference,
                f"{path}: it is not an age identity with exactly one key",
                advice="restore it from a backup",
            ) from None

    def _new_identity(self) -> Any:
        import pyrage

        identity = pyrage.x25519.Identity.generate()
        text = f"# public key: {identity.to_public()}\n{identity}\n"
        files.replace(self.identity_file, text.encode())
        return identity

    def _recipient(self, text: str) -> Any:
        try:
            return read_recipient(text)
        except ValueError as error:
            raise SinkFault(
                self.reference,
                str(error),
                advice=f"a recipient begins with age1 or ssh-ed25519; look at {self.recipients_file}",
            ) from None


def read_recipient(text: str) -> Any:
    """A public key as pyrage's object. Raises ValueError, whose text shows no private key pasted by mistake."""
    import pyrage

    kind = pyrage.ssh.Recipient if text.startswith("ssh-") else pyrage.x25519.Recipient
    try:
        return kind.from_str(text)
    except pyrage.RecipientError:
        raise ValueError(f"{_shortened(text)} is not an age recipient") from None


def _shortened(text: str) -> str:
    """Enough to find the line; an identity pasted by mistake must not be shown."""
    return repr(text[:12] + "…") if len(text) > 12 else repr(text)
