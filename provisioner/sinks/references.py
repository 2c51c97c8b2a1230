"""Secrets that come in: by reference (`env:NAME`, `file:PATH`, `prompt:`, `stdin:`), never as an argument.

An argument would be seen in the process list, in the shell's history and in the inventory file.
"""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from provisioner.errors import InputFault
from provisioner.model.secret import Secret

Ask: TypeAlias = Callable[[str], str]
"""Asks a person without echo, under a title (as getpass does). Raises InputFault where nobody is there."""

MOST_BYTES = 64 * 1024

_FORMS = "a reference is env:NAME, file:PATH, prompt: (or prompt:TITLE) or stdin:"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""What Windows PowerShell's `>` and Notepad write in front."""


def read_reference(reference: str, ask: Ask) -> Secret:
    """The secret that a reference names, without the one line end that editors and `echo` add.

    Blocks (a person, a pipe). Raises InputFault; its text never holds the reference's unknown part, since people
    put the secret itself there.
    """
    scheme, colon, rest = reference.partition(":")
    match scheme if colon else "":
        case "env":
            return _from_environment(rest)
        case "file":
            return _from_file(rest)
        case "prompt":
            return _filled(ask(rest or "Secret"), "what was typed")
        case "stdin" if not rest:
            return _decoded(sys.stdin.buffer.read(MOST_BYTES + 1), "standard input")
        case _:
            raise InputFault("that is not a reference to a secret", advice=_FORMS)


def check_reference(reference: str, *, asked: bool) -> None:
    """Raise InputFault where a reference leads nowhere. `asked`: somebody is there to be asked.

    Nothing is used up: what can be read only once (a pipe) is not looked at, nor is what is no reference.
    """
    scheme, _, rest = reference.partition(":")
    if scheme == "env":
        _from_environment(rest)
    elif scheme == "prompt" and not asked:
        raise InputFault("prompt: no terminal to ask on")
    elif scheme == "file":
        place = Path(rest).expanduser()
        if place.is_file() or not place.exists():
            _from_file(rest)


def _from_environment(name: str) -> Secret:
    value = os.environ.get(name)
    if value is None:
        raise InputFault(f"env:{name}: there is no environment variable of that name", advice=_FORMS)
    return _filled(value, f"env:{name}")


def _from_file(name: str) -> Secret:
    source = f"file:{name}"
    try:
        with Path(name).expanduser().open("rb") as file:
            return _decoded(file.read(MOST_BYTES + 1), source)
    except (OSError, RuntimeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it cannot be read"
        raise InputFault(f"{source}: {reason}") from None


def _decoded(data: bytes, source: str) -> Secret:
    if len(data) > MOST_BYTES:
        raise InputFault(f"{source}: more than {MOST_BYTES} bytes are no secret")
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        raise InputFault(f"{source}: it is neither UTF-8 nor UTF-16 text") from None
    return _filled(text.removesuffix("\n").removesuffix("\r"), source)


def _filled(text: str, source: str) -> Secret:
    if not text.strip():
        raise InputFault(f"{source}: it is empty")
    if "\n" in text or "\r" in text or "\0" in text:
        raise InputFault(f"{source}: a secret is one line")
    return Secret(text)
