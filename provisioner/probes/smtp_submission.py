"""Proof that the product can send: sign in to SMTP as the mailbox and, if allowed, send it a mail from itself.

Signing in proves nothing about sending: on the way that vendors' guides take, Exchange looks at the mailbox's rights
only when the mail is there (field-notes.md 3). So without `--send` the proof says just that.
"""

from __future__ import annotations

from dataclasses import replace

from provisioner.errors import ServiceFault
from provisioner.mail import Message, Server, SmtpResult, proof_message, sign_in, submit
from provisioner.model.declaration import Proof
from provisioner.model.outcome import ProofOutcome, ProofState
from provisioner.pace import Deadline, Verdict, classify
from provisioner.probes import token, words
from provisioner.probes.judge import submission
from provisioner.probes.patience import patiently
from provisioner.probes.tools import ProofTools
from provisioner.probes.weighing import Judgement

READ_BACK_SECONDS = 90.0
"""How long an accepted mail is looked for at least. Delivery within one mailbox takes seconds; FE, unverified."""


async def run(proof: Proof, tools: ProofTools) -> ProofOutcome:
    """Sign in; send and read back where `tools.send` allows it."""
    mailbox = mailbox_of(proof)
    if (no_token := await token.account_refused(proof, tools)) is not None:
        return no_token

    async def attempt() -> tuple[ProofOutcome, SmtpResult | None]:
        message = proof_message(mailbox, title=proof.title, now=tools.clock.now()) if tools.send else None
        answer = await converse(proof, tools, mailbox, message)
        if isinstance(answer, ProofOutcome):
            return answer, None
        result, carries_roles = answer
        if result.accepted or result.maybe_accepted:
            return words.passed(proof, "accepted"), result
        if result.signed_in and message is None:
            return _signed_in_only(proof, mailbox), None
        judgement = submission(result, await tools.facts(), carries_roles)
        return words.outcome(proof, judgement, words.refusal(result)), None

    outcome, sent = await patiently(attempt, lambda pair: token.waits_for(pair[0]), tools, proof.title)
    return outcome if sent is None else await _read_back(proof, tools, mailbox, sent)


def mailbox_of(proof: Proof) -> str:
    """The proof's mailbox, which every proof about mail has."""
    if proof.mailbox is None:
        raise ValueError(f"proof {proof.name} names no mailbox")
    return proof.mailbox


async def converse(
    proof: Proof, tools: ProofTools, mailbox: str, message: Message | None
) -> tuple[SmtpResult, bool | None] | ProofOutcome:
    """One conversation with the product's token, and whether that carries what the proof expects; or no token.

    An account signs in under its own name also where it sends as another mailbox: under that one's, SMTP would refuse
    it. Source: field-notes.md 3 (nextcloud/mail issue 13668).
    """
    product = await token.product_token(proof, tools)
    if isinstance(product, ProofOutcome):
        return product
    ends = tools.tenant.endpoints
    server = Server(ends.smtp_host, ends.smtp_port, tools.tls)
    user = proof.account or mailbox
    if message is None:
        result = await sign_in(server, mailbox=user, token=product.secret)
    else:
        result = await submit(server, mailbox=user, token=product.secret, message=message)
    return result, token.carries_roles(proof, product.claims)


async def _read_back(proof: Proof, tools: ProofTools, mailbox: str, sent: SmtpResult) -> ProofOutcome:
    """Look for the mail. It is never sent a second time: it may only be slow."""
    message_id = sent.message_id or ""

    async def look() -> bool | None:
        try:
            return await tools.read_back(mailbox, message_id)
        except ServiceFault as error:
            return False if classify(error.fault) in (Verdict.THROTTLED, Verdict.UNKNOWN) else None

    seen = await patiently(
        look,
        lambda found: "the mail is not in the mailbox yet" if found is False else None,
        tools,
        proof.title,
        deadline=Deadline.after(tools.clock, max(READ_BACK_SECONDS, tools.deadline.seconds_left)),
        first_wait_seconds=0.5,
        longest_wait_seconds=15.0,
    )
    return delivered(proof, mailbox, sent, seen)


def delivered(proof: Proof, mailbox: str, sent: SmtpResult, seen: bool | None) -> ProofOutcome:
    """The outcome of a mail that was accepted (or may have been), by whether it was seen. Pure."""
    if seen:
        return words.passed(proof, f"sent as {mailbox}, delivered and read back")
    message = f"Message-ID {sent.message_id}"
    if seen is None and sent.accepted:
        return words.passed(proof, f"sent as {mailbox}: accepted, delivery not read ({message})")
    taken = "accepted" if sent.accepted else f"perhaps accepted ({words.refusal(sent)})"
    found = "delivery not read" if seen is None else "not in the mailbox so far"
    return words.outcome(
        proof,
        Judgement(ProofState.NOT_YET),
        f"{taken}; {found} ({message})",
        advice="look in the mailbox, also in Junk, or trace the message; delivery can be held up for a while",
    )


def _signed_in_only(proof: Proof, mailbox: str) -> ProofOutcome:
    outcome = words.outcome(
        proof,
        Judgement(ProofState.NOT_PROVEN),
        f"signed in as {mailbox}, sending not proven",
        advice="`verify --send` sends one mail from the mailbox to itself",
    )
    return replace(outcome, signed_in=True)
