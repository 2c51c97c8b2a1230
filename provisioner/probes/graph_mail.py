"""Proof that the product can read a mailbox over Graph: the id of one message, or that there is none."""

from __future__ import annotations

from provisioner.graph import messages
from provisioner.model.declaration import Proof
from provisioner.model.outcome import ProofOutcome
from provisioner.probes.graph_reading import prove
from provisioner.probes.tools import ProofTools


async def run(proof: Proof, tools: ProofTools) -> ProofOutcome:
    """Read one message's id."""
    return await prove(proof, tools, messages.look_in, "read the mail of")
