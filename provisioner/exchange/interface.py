"""What a driver is, and which cmdlets may be repeated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from provisioner.errors import InputFault
from provisioner.exchange.cmdlets import CMDLETS
from provisioner.model.tenant import ExchangeDriver

__all__ = ["CMDLETS", "CmdletReply", "Exchange", "Parameter", "is_harmless", "is_read", "refuse_half_characters"]

Parameter: TypeAlias = str | bool | int | tuple[str, ...] | None
"""One parameter's value, always typed and never pasted into text: a tuple is a multi-valued parameter, None is
PowerShell's `$null` (which for some settings means "as the organisation")."""


@dataclass(frozen=True)
class CmdletReply:
    """What a cmdlet gave: its objects as plain mappings from property to value, and its warnings.

    Values are str, bool, int, float, None, tuples and mappings of those. No object is no fault: most cmdlets that
    write print nothing (exchange.md 1.3).
    """

    output: tuple[Mapping[str, object], ...]
    warnings: tuple[str, ...]


class Exchange(Protocol):
    """One tenant's Exchange, over one driver."""

    @property
    def name(self) -> ExchangeDriver:
        """Which driver this is."""

    @property
    def undocumented(self) -> bool:
        """Whether Microsoft does not document the way it goes; the plan says so."""

    async def run(self, cmdlet: str, parameters: Mapping[str, Parameter]) -> CmdletReply:
        """Run one cmdlet.

        Raises `AlreadyThere`, `Absent`, `Refused`, `SignInRefused`, `Unreachable`, `UnknownOutcome` (a write whose fate
        is unknown), `NotYet` (throttled for longer than we wait) or plain `ServiceFault`.
        """

    async def close(self) -> None:
        """Let go of the connection. Never raises."""


def refuse_half_characters(cmdlet: str, parameters: Mapping[str, Parameter]) -> None:
    """Raise `InputFault` for a lone surrogate: what a host makes of it is anybody's guess."""
    for name, value in parameters.items():
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, str) and any("\ud800" <= character <= "\udfff" for character in each):
                raise InputFault(f"{cmdlet}: the value for {name} holds half of a character")


def is_read(cmdlet: str) -> bool:
    """Whether the cmdlet changes nothing."""
    return cmdlet.partition("-")[0] in ("Get", "Test")


def is_harmless(cmdlet: str) -> bool:
    """Whether running it twice leaves what running it once leaves.

    An `Add-` that finds its entry there says so in a warning (exchange.md 4.2). `New-` makes things, and a `Remove-`
    that is repeated may meet what somebody made in between.
    """
    return is_read(cmdlet) or cmdlet.partition("-")[0] in ("Set", "Add")
