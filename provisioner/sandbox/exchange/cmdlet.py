"""What a cmdlet is: a name, typed parameters, the roles that have it, and a function over Exchange's directory."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.exchange.access import READERS
from provisioner.sandbox.exchange.faults import Failure
from provisioner.sandbox.exchange.parameters import COMMON, SHOULD_PROCESS, Arguments, Parameter
from provisioner.sandbox.store import Transaction

Property = str | bool | int | None | uuid.UUID | datetime | Sequence[str]


@dataclass(frozen=True)
class Record:
    """One object a cmdlet puts out: its .NET type and its properties in their order."""

    type: str
    properties: Mapping[str, Property]


@dataclass
class Run:
    """One run of a cmdlet: what it may look at, and what it has said so far.

    `as_of` is what the directory server that runs it knows; writes go to the present of the same transaction.
    """

    sandbox: Sandbox
    tx: Transaction
    as_of: float
    arguments: Arguments
    objects: list[Record] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def show(self, record: Record) -> None:
        """Put one object out."""
        self.objects.append(record)

    def warn(self, text: str) -> None:
        """Write a warning."""
        self.warnings.append(text)


@dataclass(frozen=True)
class Cmdlet:
    """`confirms`: asks before it acts unless -Confirm:$false. `target` names the parameter a question is about."""

    name: str
    run: Callable[[Run], None]
    own: tuple[Parameter, ...] = ()
    roles: frozenset[str] = READERS
    writes: bool = False
    confirms: bool = False
    target: str = "Identity"

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """All parameters, PowerShell's common ones included."""
        return (*self.own, *(SHOULD_PROCESS if self.writes else ()), *COMMON)

    def asks(self, arguments: Arguments) -> bool:
        """True when this run would stop for an answer."""
        return arguments.flag("Confirm", self.confirms)


@dataclass(frozen=True)
class Outcome:
    """What a run came to. `unanswered` is the question it would have asked, when nothing was done for that reason."""

    objects: tuple[Record, ...] = ()
    warnings: tuple[str, ...] = ()
    failure: Failure | None = None
    unanswered: Failure | None = None
    arguments: Arguments = field(default_factory=lambda: Arguments({}))

    def __iter__(self) -> Iterator[Record]:
        return iter(self.objects)
