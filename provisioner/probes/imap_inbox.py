"""Proof that the product can read a mailbox over IMAP: its inbox is opened, for reading only.

Signing in alone proves too little: Exchange may say afterwards that the user is not connected (exchange.md 5.2).
"""

from __future__ import annotations

from provisioner.mail import imap
from provisioner.model.declaration import Proof
from provisioner.model.outcome import ProofOutcome
from provisioner.probes.inbox import prove
from provisioner.probes.replies import IMAP_REFUSED
from provisioner.probes.tools import ProofTools


async def run(proof: Proof, tools: ProofTools) -> ProofOutcome:
    """Open the inbox."""
    ends = tools.tenant.endpoints
    return await prove(
        proof, tools, imap.open_inbox, host=ends.imap_host, port=ends.imap_port, name="IMAP", causes=IMAP_REFUSED
    )
