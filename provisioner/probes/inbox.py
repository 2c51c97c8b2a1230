"""What the proofs over IMAP and POP share: a token, one look at the inbox, and what the refusal was."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

from provisioner.mail import InboxResult, Server
from provisioner.model.declaration import Proof
from provisioner.model.outcome import ProofOutcome
from provisioner.model.secret import Secret
from provisioner.probes import token, words
from provisioner.probes.judge_inbox import refused
from provisioner.probes.patience import patiently
from provisioner.probes.smtp_submission import mailbox_of
from provisioner.probes.tools import ProofTools


class Look(Protocol):
    """`open_inbox` of a protocol."""

    def __call__(self, server: Server, *, mailbox: str, token: Secret) -> Awaitable[InboxResult]:
        """Sign in and look into the inbox."""


async def prove(
    proof: Proof, tools: ProofTools, look: Look, *, host: str, port: int, name: str, causes: tuple[str, ...]
) -> ProofOutcome:
    """Look into the proof's mailbox. The token is the account's where the proof names one."""
    mailbox = mailbox_of(proof)
    server = Server(host, port, tools.tls)
    if (no_token := await token.account_refused(proof, tools)) is not None:
        return no_token

    async def attempt() -> ProofOutcome:
        product = await token.product_token(proof, tools)
        if isinstance(product, ProofOutcome):
            return product
        result = await look(server, mailbox=mailbox, token=product.secret)
        if result.opened:
            return words.passed(proof, f"opened the inbox of {mailbox} over {name}")
        carries = token.carries_roles(proof, product.claims)
        unreachable = f"{name.lower()}_unreachable"
        judgement = refused(result, await tools.facts(), carries, causes=causes, unreachable=unreachable)
        return words.outcome(proof, judgement, words.not_opened(result))

    return await patiently(attempt, token.waits_for, tools, proof.title)
