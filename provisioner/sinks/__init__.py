"""Where secrets go, one file per place, and where they come from (`references`).

A sink keeps the record of a slot together with its value, in one indivisible step; custody/ decides what is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from provisioner.errors import InputFault
from provisioner.sinks.age_file import AgeFileSink
from provisioner.sinks.interface import Sink, TerminalPort
from provisioner.sinks.letters import check_recipients, sealed
from provisioner.sinks.references import Ask, check_reference, read_reference
from provisioner.sinks.terminal import TerminalSink

__all__ = [
    "SINKS",
    "Ask",
    "Sink",
    "TerminalPort",
    "check_recipients",
    "check_reference",
    "open_sink",
    "read_reference",
    "sealed",
]

Opener: TypeAlias = Callable[[str, Path, TerminalPort | None], Sink]
"""From what follows the colon, our home, and the terminal where there is one."""


def _age(rest: str, home: Path, terminal: TerminalPort | None) -> Sink:
    keys = home / "age"
    if not rest:
        return AgeFileSink(home / "secrets", keys)
    folder = Path(rest).expanduser()
    return AgeFileSink(folder, keys, reference=f"age:{rest}", create=False)


def _terminal(rest: str, home: Path, terminal: TerminalPort | None) -> Sink:
    if rest:
        raise InputFault("the sink `terminal` takes nothing after a colon")
    if terminal is None:
        raise InputFault("there is no terminal to show a secret on", advice="choose a sink that keeps secrets: age")
    return TerminalSink(home / "shown", terminal)


SINKS: Mapping[str, Opener] = {
    "age": _age,
    "terminal": _terminal,
}
"""Every sink there is."""


def open_sink(reference: str, home: Path, terminal: TerminalPort | None = None) -> Sink:
    """The sink that a reference names: `age`, `age:DIR`, `terminal`. Touches nothing yet. Raises InputFault."""
    scheme, _, rest = reference.partition(":")
    opener = SINKS.get(scheme)
    if opener is None:
        raise InputFault(f"there is no sink {scheme!r}", advice=f"sinks: {', '.join(sorted(SINKS))}, or age:DIR")
    return opener(rest, home, terminal)
