"""What a script that a person ran has found in Exchange Online, as it told it at its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from provisioner.model.identifiers import TenantId


@dataclass(frozen=True)
class ScriptRead:
    """One read. At most one of output, `absent` and `refused` says something."""

    cmdlet: str
    parameters: Mapping[str, object]
    output: tuple[Mapping[str, object], ...] = ()
    absent: bool = False
    """There is no such thing."""
    refused: str | None = None
    """Why it could not be read, which says nothing about the thing."""


@dataclass(frozen=True)
class ScriptResult:
    """The result of one run."""

    tenant_id: TenantId
    scope: str
    """What the script was about; the digest that plans and receipts carry."""
    script: str
    """The script's own digest."""
    finished: datetime
    who: str
    failure: str | None
    reads: tuple[ScriptRead, ...]
