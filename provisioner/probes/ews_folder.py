"""Proof that the product can use a mailbox over Exchange Web Services: its inbox is asked for in its owner's stead."""

from __future__ import annotations

from provisioner.mail import ews
from provisioner.model.declaration import Proof
from provisioner.model.outcome import ProofOutcome
from provisioner.probes import token, words
from provisioner.probes.judge_ews import refused
from provisioner.probes.patience import patiently
from provisioner.probes.smtp_submission import mailbox_of
from provisioner.probes.tools import ProofTools


async def run(proof: Proof, tools: ProofTools) -> ProofOutcome:
    """Ask for the inbox."""
    mailbox = mailbox_of(proof)

    async def attempt() -> ProofOutcome:
        product = await token.product_token(proof, tools)
        if isinstance(product, ProofOutcome):
            return product
        result = await ews.open_inbox(
            tools.tenant.endpoints.exchange, mailbox=mailbox, token=product.secret, tls=tools.tls
        )
        if result.opened:
            return words.passed(proof, f"opened the inbox of {mailbox} over EWS")
        judgement = refused(result, await tools.facts(), token.carries_roles(proof, product.claims))
        return words.outcome(proof, judgement, words.not_opened(result))

    return await patiently(attempt, token.waits_for, tools, proof.title)
