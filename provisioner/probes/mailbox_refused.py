"""Proof that the product cannot use a mailbox that is none of its business.

A refusal proves it only where nothing else explains the refusal: a switched-off protocol, a mistyped address or a
product that cannot sign in anywhere would be refused just so.
"""

from __future__ import annotations

from provisioner.mail import SmtpResult, proof_message
from provisioner.model.declaration import Proof
from provisioner.model.outcome import ProofOutcome, ProofState
from provisioner.probes import token, words
from provisioner.probes.judge import denied, too_wide
from provisioner.probes.patience import patiently
from provisioner.probes.smtp_submission import converse, mailbox_of
from provisioner.probes.tools import Facts, ProofTools
from provisioner.probes.weighing import Judgement


async def run(proof: Proof, tools: ProofTools) -> ProofOutcome:
    """Try to sign in as the mailbox and, where `tools.send` allows it, to send it a mail from itself."""
    mailbox = mailbox_of(proof)

    async def attempt() -> ProofOutcome:
        message = proof_message(mailbox, title=proof.title, now=tools.clock.now()) if tools.send else None
        answer = await converse(proof, tools, mailbox, message)
        if isinstance(answer, ProofOutcome):
            return not_tried(proof, answer)
        result, carries_roles = answer
        facts = await tools.facts()
        judgement = denied(result, facts, carries_roles)
        what = _what(judgement, result, mailbox, facts)
        return words.outcome(proof, judgement, what, advice=_advice(judgement, result))

    return await patiently(attempt, token.waits_for, tools, proof.title)


def not_tried(proof: Proof, outcome: ProofOutcome) -> ProofOutcome:
    """Without a token nothing was refused by the mailbox, so nothing failed here either."""
    if outcome.state is not ProofState.FAILED:
        return outcome
    return words.outcome(proof, Judgement(ProofState.NOT_PROVEN, outcome.causes), outcome.detail)


def _what(judgement: Judgement, result: SmtpResult, mailbox: str, facts: Facts) -> str:
    if result.accepted:
        return f"a mail as {mailbox} was accepted"
    if judgement.causes == ("scope_too_wide",):
        if not too_wide(facts):
            return f"signed in as {mailbox}"
        return f"the tenant shows {'a right on' if facts.mailbox_right else 'a way to'} {mailbox}"
    if result.signed_in and result.trouble is None and result.code < 400:
        return f"signed in as {mailbox}, which needs no right there; only sending shows whether it is refused"
    return words.refusal(result)


def _advice(judgement: Judgement, result: SmtpResult) -> str | None:
    if judgement.state is ProofState.NOT_PROVEN and result.signed_in and result.code < 400:
        return "`verify --send` tries to send that mailbox one mail from itself"
    return None
