"""From a text or a file to a checked playbook. All faults at once: structure and meaning are judged independently."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from pathlib import Path

from provisioner.errors import FaultyPlace, InputFault
from provisioner.playbook import checks
from provisioner.playbook.hidden import shown
from provisioner.playbook.written import Playbook, PlaybookFile
from provisioner.playbook.yaml_text import PLAYBOOK_LIMITS, parse, raise_faults


@functools.lru_cache(maxsize=16)  # every workflow of a command reads it anew, at a twentieth of a second each
def load(text: str, file_name: str) -> Playbook:
    """The playbook in a YAML text. Raises `InputFault` with every fault as file, line and column, and nothing else.

    After a fault of YAML itself the rest cannot be judged; otherwise one round finds all there is.
    """
    from provisioner.playbook import schema

    document, faults = parse(text, file_name, PLAYBOOK_LIMITS)
    if document is None:
        raise_faults(file_name, faults)
    if not isinstance(document.data, dict):
        raise_faults(
            file_name, [*faults, document.fault((), "a playbook is a mapping of keys, starting with 'format'")]
        )
    written, structure = schema.check(document)
    faults += structure
    faults += checks.check(document)
    if written is None or faults:
        raise_faults(file_name, faults)
    return _playbook(written, file_name, text)


def _playbook(written: PlaybookFile, file_name: str, text: str) -> Playbook:
    keys = {each.name: getattr(written, each.name) for each in dataclasses.fields(written)}
    unified = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    return Playbook(**keys, file=file_name, sha256=hashlib.sha256(unified.encode()).hexdigest())


def read_file(path: Path) -> str:
    """The text of a file, never more of it than a playbook may be. Raises `InputFault`."""
    name = str(path)
    try:
        if not path.is_file():
            kind = "is a folder" if path.is_dir() else "is not there"
            raise InputFault(f"{shown(name, 200)} {kind}", (FaultyPlace(name, 0, 0, kind),))
        with path.open("rb") as stream:
            content = stream.read(PLAYBOOK_LIMITS.size + 1)
        return content[: PLAYBOOK_LIMITS.size + 1].decode("utf-8")
    except UnicodeDecodeError as error:
        if len(content) > PLAYBOOK_LIMITS.size:
            return content.decode("utf-8", "replace")  # too large anyway: load says so
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise InputFault(
            f"{shown(name, 200)} is not UTF-8 text",
            (FaultyPlace(name, line, column, f"byte 0x{content[error.start]:02x} is not UTF-8"),),
            advice="Save the file as UTF-8.",
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "cannot be read"
        raise InputFault(f"{shown(name, 200)}: {reason}", (FaultyPlace(name, 0, 0, str(reason)),)) from error
