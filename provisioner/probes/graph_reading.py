"""What the proofs that read over Graph share: a token, one read, and what the refusal was."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from provisioner.errors import ServiceFault
from provisioner.graph import Graph
from provisioner.model.declaration import Proof
from provisioner.model.outcome import ProofOutcome
from provisioner.probes import token, words
from provisioner.probes.judge_graph import refused
from provisioner.probes.patience import patiently
from provisioner.probes.smtp_submission import mailbox_of
from provisioner.probes.tools import ProofTools


async def prove(
    proof: Proof, tools: ProofTools, look: Callable[[Graph, str], Awaitable[None]], what: str
) -> ProofOutcome:
    """Read in the proof's mailbox with the product's own token. `what` says it: `read the mail of`."""
    mailbox = mailbox_of(proof)

    async def attempt() -> ProofOutcome:
        product = await token.product_token(proof, tools)
        if isinstance(product, ProofOutcome):
            return product
        try:
            async with tools.graph(product) as graph:
                await look(graph, mailbox)
        except ServiceFault as error:
            judgement = refused(error.fault, await tools.facts(), token.carries_roles(proof, product.claims))
            return words.outcome(proof, judgement, words.answered(error.fault))
        return words.passed(proof, f"{what} {mailbox} over Graph")

    return await patiently(attempt, token.waits_for, tools, proof.title)
