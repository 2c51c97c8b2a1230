"""Proof that the product gets a token, and that it carries the granted roles.

Entra refuses nobody for a missing consent here: it issues a token without roles, and the API refuses that one
(field-notes.md 1.5). So the claims are part of the proof.
"""

from __future__ import annotations

from provisioner.errors import ServiceFault, SinkFault
from provisioner.model.declaration import Proof
from provisioner.model.outcome import ProofOutcome, ProofState
from provisioner.probes import words
from provisioner.probes.judge import roles_missing, sign_in_refused, unwanted_roles
from provisioner.probes.patience import patiently
from provisioner.probes.tools import NoPassword, ProofTools
from provisioner.probes.weighing import Judgement
from provisioner.signin import MAIL_SCOPES, Claims, Token, by_api


async def run(proof: Proof, tools: ProofTools) -> ProofOutcome:
    """Sign in as the product and read the claims."""

    async def attempt() -> ProofOutcome:
        token = await product_token(proof, tools)
        if isinstance(token, ProofOutcome):
            return token
        wrong = another_application(token.claims, tools)
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


async def product_token(proof: Proof, tools: ProofTools, scopes: tuple[str, ...] | None = None) -> Token | ProofOutcome:
    """The product's token, or the outcome of a proof that got none. Entra's own words are kept.

    As the account, where the proof names one: for `scopes`, else for those of the mail protocols. A secret or password
    that is not to be had here (it was shown once, nobody is there to be asked) proves nothing either way.
    """
    try:
        if proof.account is None:
            return await tools.token(proof.audience)
        return await tools.account_token(scopes if scopes is not None else by_api(proof.scopes)[0])
    except NoPassword as error:
        judgement = Judgement(ProofState.NOT_PROVEN)
        what = f"the password of {proof.account} was not given: {error}"
        return words.outcome(
            proof, judgement, what, advice=f"give it with --set {proof.password}=prompt:, or as env:NAME or file:PATH"
        )
    except SinkFault as error:
        judgement = Judgement(ProofState.NOT_PROVEN)
        return words.outcome(proof, judgement, f"no secret to sign in with: {error.message}", advice=error.advice)
    except ServiceFault as error:
        judgement = sign_in_refused(error.fault, await tools.facts())
        code = error.fault.code
        named = f"{code}: " if code and code not in error.message else ""
        known = None if judgement.causes else error.advice
        return words.outcome(proof, judgement, f"no token: {named}{error.message}", advice=known)


async def account_refused(proof: Proof, tools: ProofTools) -> ProofOutcome | None:
    """The outcome of a proof whose account gets no token. Asked first: waiting would be for nothing.

    The account signs in once; what is tried again later is tried with the same token.
    """
    if proof.account is None:
        return None
    token = await product_token(proof, tools)
    return token if isinstance(token, ProofOutcome) else None


def carries_roles(proof: Proof, claims: Claims | None) -> bool | None:
    """Whether a token carries the proof's roles, or the account's scopes for mail.

    None where it is opaque or none are expected.
    """
    if claims is None:
        return None
    if proof.account is not None:
        wanted = MAIL_SCOPES.intersection(proof.scopes)
        return claims.scopes.issuperset(wanted) if wanted else None
    return claims.roles.issuperset(proof.roles) if proof.roles else None


def waits_for(outcome: ProofOutcome) -> str | None:
    """What a proof that is not yet decided waits for."""
    return outcome.detail if outcome.state is ProofState.NOT_YET else None


def another_application(claims: Claims | None, tools: ProofTools) -> Judgement | None:
    """What is wrong with a token that is not this application's, in this tenant."""
    if claims is None:
        return None
    if claims.tenant_id != tools.tenant.tenant_id:
        return Judgement(ProofState.FAILED, ("wrong_tenant",))
    if claims.app_id != tools.app_id:
        return Judgement(ProofState.FAILED, ("token_of_another_application",))
    return None
