"""Proof that the product gets a token as an account, with its password: one attempt, which is never repeated.

Each refusal counts towards the lock of a mailbox in use (field-notes.md 1.10). Permissions of two APIs take two
requests; the second is made only where the first went well.
"""

from __future__ import annotations

from provisioner.model.declaration import Proof
from provisioner.model.outcome import ProofOutcome, ProofState
from provisioner.probes import token, words
from provisioner.probes.judge import roles_missing
from provisioner.probes.tools import ProofTools
from provisioner.probes.weighing import Judgement
from provisioner.signin import Claims, by_api


async def run(proof: Proof, tools: ProofTools) -> ProofOutcome:
    """Sign in and read the claims."""
    unread = False
    for scopes in by_api(proof.scopes):
        product = await token.product_token(proof, tools, scopes)
        if isinstance(product, ProofOutcome):
            return product
        wrong = token.another_application(product.claims, tools)
        if wrong is not None:
            return words.outcome(proof, wrong, f"a token for {proof.account}, but not this application's")
        missing = _missing(scopes, product.claims)
        if missing:
            what = f"a token for {proof.account} without {', '.join(missing)}"
            return words.outcome(proof, roles_missing(await tools.facts()), what)
        unread = unread or product.claims is None
    if unread:
        what = f"signed in as {proof.account} with a token that cannot be read; what it carries is not seen"
        return words.outcome(proof, Judgement(ProofState.NOT_PROVEN), what)
    return words.passed(proof, f"signed in as {proof.account} with its password, for {', '.join(proof.scopes)}")


def _missing(scopes: tuple[str, ...], claims: Claims | None) -> tuple[str, ...]:
    return tuple(each for each in scopes if claims is not None and each not in claims.scopes)
