"""Proof that the product can read a calendar over Graph: the id of one event, or that there is none."""

from __future__ import annotations

from provisioner.graph import calendars
from provisioner.model.declaration import Proof
from provisioner.model.outcome import ProofOutcome
from provisioner.probes.graph_reading import prove
from provisioner.probes.tools import ProofTools


async def run(proof: Proof, tools: ProofTools) -> ProofOutcome:
    """Read one event's id."""
    return await prove(proof, tools, calendars.look_in, "read the calendar of")
