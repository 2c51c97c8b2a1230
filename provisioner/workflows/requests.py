"""What can be asked of a workflow, as data: JSON round-trippable, with no secret in it."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.model.change import Gate, Part
from provisioner.model.evidence import ScriptResult
from provisioner.model.plan import Approval
from provisioner.model.tenant import Tenant


@dataclass(frozen=True)
class Request:
    """One onboarding: which tenant, which playbook, with which parameters."""

    tenant: Tenant
    playbook_text: str
    playbook_file: str
    variant: str
    instance: str
    parameters: tuple[tuple[str, str], ...]
    sink: str
    gates: tuple[Gate, ...] = ()
    """Gates that were opened by their own flags."""
    only: Part | None = None
    approval: Approval | None = None
    """The saved plan; nothing outside it is carried out."""
    ticket: str | None = None
    send: bool = False
    """Whether proofs may send mail (to the sender itself)."""
    wait_seconds: float = 0.0
    """How long proofs that are not yet possible are tried again."""
    purge: bool = False
    script_file: str | None = None
    """Where to write the script for an Exchange administrator; None for its usual place."""
    script_result: ScriptResult | None = None
    """What such a script found, where it was run."""
