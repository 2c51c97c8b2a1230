"""Letters: values on their way to somebody else, encrypted to age recipients of theirs. Nobody here can open them.

The text and its secrets come together in this file only, in the very call that encrypts them. The result is armored
(ASCII), so that it survives mail, and has the format of age's own tools: `age -d -i KEY FILE`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from provisioner.errors import FaultyPlace, InputFault
from provisioner.model.secret import Inset, Letter
from provisioner.sinks.age_keys import read_recipient


def check_recipients(recipients: Sequence[str]) -> None:
    """Raise InputFault with every text that is no age recipient (`age1…`, `ssh-ed25519 …`, `ssh-rsa …`)."""
    _read(recipients)


def sealed(letter: Letter, recipients: Sequence[str]) -> bytes:
    """The letter as an age file that any one of the recipients can open."""
    import pyrage

    keys = _read(recipients)
    text = "".join(each.written(each.secret.reveal()) if isinstance(each, Inset) else each for each in letter)
    armored: bytes = pyrage.encrypt(text.encode(), keys, armored=True)
    return armored


def _read(recipients: Sequence[str]) -> list[Any]:
    keys, faults = [], []
    for each in recipients:
        try:
            keys.append(read_recipient(each.strip()))
        except ValueError as error:
            faults.append(FaultyPlace("--encrypt-to", 0, 0, str(error)))
    if faults or not keys:
        raise InputFault(
            "a letter needs a recipient" if not faults else "faulty options",
            tuple(faults),
            advice="a recipient begins with age1, ssh-ed25519 or ssh-rsa: the public half of a key pair",
        )
    return keys
