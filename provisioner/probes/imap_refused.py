"""Proof that the product's account cannot open a mailbox that is not its own, over IMAP.

An account may have rights on other mailboxes, and its token then opens those too (exchange.md 5.2: the user named is
the shared address, the token the member's). It signs in once for this and for its own inbox: no password goes twice.
"""

from __future__ import annotations

from provisioner.mail import Server, imap
from provisioner.model.declaration import Proof
from provisioner.model.outcome import ProofOutcome
from provisioner.probes import token, words
from provisioner.probes.judge_inbox import denied
from provisioner.probes.mailbox_refused import not_tried
from provisioner.probes.patience import patiently
from provisioner.probes.smtp_submission import mailbox_of
from provisioner.probes.tools import ProofTools


async def run(proof: Proof, tools: ProofTools) -> ProofOutcome:
    """Ask for the other mailbox's inbox with the account's token."""
    mailbox = mailbox_of(proof)
    ends = tools.tenant.endpoints
    server = Server(ends.imap_host, ends.imap_port, tools.tls)
    if (no_token := await token.account_refused(proof, tools)) is not None:
        return not_tried(proof, no_token)

    async def attempt() -> ProofOutcome:
        product = await token.product_token(proof, tools)
        if isinstance(product, ProofOutcome):
            return not_tried(proof, product)
        result = await imap.open_inbox(server, mailbox=mailbox, token=product.secret)
        judgement = denied(result, await tools.facts(), closed="imap_off", unreachable="imap_unreachable")
        what = f"opened the inbox of {mailbox} over IMAP" if result.opened else words.not_opened(result)
        return words.outcome(proof, judgement, words.about_nothing(what, judgement))

    return await patiently(attempt, token.waits_for, tools, proof.title)
