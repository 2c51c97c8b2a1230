"""Proof that the product can read a mailbox over POP: its messages are counted, and none is fetched."""

from __future__ import annotations

from provisioner.mail import pop
from provisioner.model.declaration import Proof
from provisioner.model.outcome import ProofOutcome
from provisioner.probes.inbox import prove
from provisioner.probes.replies import POP_REFUSED
from provisioner.probes.tools import ProofTools


async def run(proof: Proof, tools: ProofTools) -> ProofOutcome:
    """Count the messages."""
    ends = tools.tenant.endpoints
    return await prove(
        proof, tools, pop.open_inbox, host=ends.pop_host, port=ends.pop_port, name="POP", causes=POP_REFUSED
    )
