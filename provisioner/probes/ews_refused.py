"""Proof that the product cannot use a mailbox outside its scope over Exchange Web Services.

A closed door of the organisation refuses every mailbox alike, and so proves nothing about this one.
"""

from __future__ import annotations

from provisioner.mail import EwsResult, ews
from provisioner.model.declaration import Proof
from provisioner.model.outcome import ProofOutcome
from provisioner.probes import token, words
from provisioner.probes.judge_ews import denied
from provisioner.probes.mailbox_refused import not_tried
from provisioner.probes.patience import patiently
from provisioner.probes.smtp_submission import mailbox_of
from provisioner.probes.tools import ProofTools


async def run(proof: Proof, tools: ProofTools) -> ProofOutcome:
    """Ask for the inbox of a mailbox that must be closed."""
    mailbox = mailbox_of(proof)

    async def attempt() -> ProofOutcome:
        product = await token.product_token(proof, tools)
        if isinstance(product, ProofOutcome):
            return not_tried(proof, product)
        result = await ews.open_inbox(
            tools.tenant.endpoints.exchange, mailbox=mailbox, token=product.secret, tls=tools.tls
        )
        judgement = denied(result, await tools.facts())
        return words.outcome(proof, judgement, words.about_nothing(_what(result, mailbox), judgement))

    return await patiently(attempt, token.waits_for, tools, proof.title)


def _what(result: EwsResult, mailbox: str) -> str:
    return f"opened the inbox of {mailbox} over EWS" if result.opened else words.not_opened(result)
