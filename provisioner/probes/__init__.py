"""Proofs by really signing in, one file per kind. A new kind is one file and one line in PROBES.

An outcome is passed, failed with named causes, not yet, or not proven; which of them is decided by pure functions
(judge.py) over what a service answered and what the tenant shows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from provisioner.model.declared import Proof, ProofKind
from provisioner.model.outcome import ProofOutcome
from provisioner.probes import (
    graph_mailbox_refused,
    graph_send,
    mailbox_refused,
    scope_authorization,
    smtp_submission,
    token,
)
from provisioner.probes.causes import CAUSES, Cause
from provisioner.probes.tools import Facts, Pointer, ProofTools, Worked

__all__ = ["CAUSES", "PROBES", "Cause", "Facts", "Pointer", "Probe", "ProofTools", "Worked", "run"]

Probe: TypeAlias = Callable[[Proof, ProofTools], Awaitable[ProofOutcome]]

PROBES: Mapping[ProofKind, Probe] = {
    ProofKind.TOKEN: token.run,
    ProofKind.SMTP_SUBMISSION: smtp_submission.run,
    ProofKind.MAILBOX_REFUSED: mailbox_refused.run,
    ProofKind.SCOPE_AUTHORIZATION: scope_authorization.run,
    ProofKind.GRAPH_SEND: graph_send.run,
    ProofKind.GRAPH_MAILBOX_REFUSED: graph_mailbox_refused.run,
}
"""Every probe there is."""


async def run(proof: Proof, tools: ProofTools) -> ProofOutcome:
    """Carry out one proof. What a service answers becomes the outcome; only faulty input and our own bugs raise."""
    return await PROBES[proof.kind](proof, tools)
