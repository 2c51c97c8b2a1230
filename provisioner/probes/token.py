"""Proof that the product gets a token, and that it carries the granted roles.

Entra refuses nobody for a missing consent here: it issues a token without roles, and the API refuses that one
(field-notes.md 1.5). So the claims are part of the proof.
"""

from __future__ import annotations

from provisioner.errors import ServiceFault, SinkFault
from provisioner.model.declared import Proof
from provisioner.model.outcome import ProofOutcome, ProofState
from provisioner.probes import words
from provisioner.probes.judge import Judgement, roles_missing, sign_in_refused, unwanted_roles
from provisioner.probes.patience import patiently
from provisioner.probes.tools import ProofTools
from provisioner.signin import Claims, Token


async def run(proof: Proof, tools: ProofTools) -> ProofOutcome:
    """Sign in as the product and read the claims."""

    async def attempt() -> ProofOutcome:
        token = await product_token(proof, tools)
        if isinstance(token, ProofOutcome):
            return token
        wrong = _another_application(token.claims, tools)
        if wrong is not None:
            return words.outcome(proof, wrong, f"a token for {proof.audience}, but not this application's")
        unwanted = tuple(each for each in proof.absent_roles if token.claims and each in token.claims.roles)
        if unwanted:
            what = f"a token for {proof.audience} with {', '.join(unwanted)}, granted for the whole tenant"
            return words.outcome(proof, unwanted_roles(await tools.facts()), what)
        if not proof.roles:
            without = f", without {', '.join(proof.absent_roles)}" if proof.absent_roles and token.claims else ""
            return words.passed(proof, f"a token for {proof.audience}{without}")
        roles = ", ".join(proof.roles)
        match carries_roles(proof, token.claims):
            case True:
                return words.passed(proof, f"a token for {proof.audience} with {roles}")
            case False:
                what = f"a token for {proof.audience} without {roles}"
                return words.outcome(proof, roles_missing(await tools.facts()), what)
            case None:
                what = f"a token for {proof.audience} that cannot be read; whether it carries {roles} is not seen"
                return words.outcome(proof, Judgement(ProofState.NOT_PROVEN), what)

    return await patiently(attempt, waits_for, tools, proof.title)


async def product_token(proof: Proof, tools: ProofTools) -> Token | ProofOutcome:
    """The product's token, or the outcome of a proof that got none. Entra's own words are kept.

    A sink that cannot give the secret back (it was shown once, the identity is elsewhere) proves nothing either way.
    """
    try:
        return await tools.token(proof.audience)
    except SinkFault as error:
        judgement = Judgement(ProofState.NOT_PROVEN)
        return words.outcome(proof, judgement, f"no secret to sign in with: {error.message}", advice=error.advice)
    except ServiceFault as error:
        judgement = sign_in_refused(error.fault, await tools.facts())
        code = error.fault.code
        named = f"{code}: " if code and code not in error.message else ""
        known = None if judgement.causes else error.advice
        return words.outcome(proof, judgement, f"no token: {named}{error.message}", advice=known)


def carries_roles(proof: Proof, claims: Claims | None) -> bool | None:
    """Whether a token carries the proof's roles; None where it is opaque or none are expected."""
    if claims is None or not proof.roles:
        return None
    return claims.roles.issuperset(proof.roles)


def waits_for(outcome: ProofOutcome) -> str | None:
    """What a proof that is not yet decided waits for."""
    return outcome.detail if outcome.state is ProofState.NOT_YET else None


def _another_application(claims: Claims | None, tools: ProofTools) -> Judgement | None:
    if claims is None:
        return None
    if claims.tenant_id != tools.tenant.tenant_id:
        return Judgement(ProofState.FAILED, ("wrong_tenant",))
    if claims.app_id != tools.app_id:
        return Judgement(ProofState.FAILED, ("token_of_another_application",))
    return None
