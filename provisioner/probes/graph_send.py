"""Proof that the product can send over Graph: as itself, one mail from a mailbox to itself, read back.

`sendMail` answers 202, which is "accepted", not "delivered" (exchange.md 5.5). So the mail is looked for; without
`--send` the mailbox is only looked into, and the proof says just that.
"""

from __future__ import annotations

import uuid
from dataclasses import replace

from provisioner.errors import Refused, ServiceFault, UnknownOutcome
from provisioner.graph import Graph, messages
from provisioner.model.declaration import Proof
from provisioner.model.outcome import ProofOutcome, ProofState
from provisioner.pace import Deadline, Verdict, classify
from provisioner.probes import token, words
from provisioner.probes.judge_graph import refused
from provisioner.probes.patience import patiently
from provisioner.probes.smtp_submission import READ_BACK_SECONDS, mailbox_of
from provisioner.probes.tools import ProofTools
from provisioner.probes.weighing import Judgement
from provisioner.signin import Token


async def run(proof: Proof, tools: ProofTools) -> ProofOutcome:
    """Send and read back where `tools.send` allows it; else look into the mailbox."""
    mailbox = mailbox_of(proof)
    subject = f"Proof that an application can send as this mailbox ({uuid.uuid4().hex})"

    async def attempt() -> tuple[ProofOutcome, Token | None]:
        product = await token.product_token(proof, tools)
        if isinstance(product, ProofOutcome):
            return product, None
        async with tools.graph(product) as graph:
            fault = await _try(graph, mailbox, subject if tools.send else None)
        if fault is None:
            outcome = words.passed(proof, "accepted") if tools.send else _looked_only(proof, mailbox)
            return outcome, product if tools.send else None
        judgement = refused(fault.fault, await tools.facts(), token.carries_roles(proof, product.claims))
        return words.outcome(proof, judgement, words.answered(fault.fault)), None

    outcome, sent_with = await patiently(attempt, lambda pair: token.waits_for(pair[0]), tools, proof.title)
    return outcome if sent_with is None else await _read_back(proof, tools, mailbox, subject, sent_with)


async def _try(graph: Graph, mailbox: str, subject: str | None) -> ServiceFault | None:
    """None where it was accepted, or may have been: whether it was shows in the mailbox."""
    try:
        if subject is None:
            await messages.look_in(graph, mailbox)
        else:
            await messages.send(graph, mailbox, subject=subject, text=_TEXT)
    except UnknownOutcome:
        return None
    except ServiceFault as error:
        return error
    return None


async def _read_back(proof: Proof, tools: ProofTools, mailbox: str, subject: str, sent_with: Token) -> ProofOutcome:
    """Look for the mail, as the product itself. It is never sent a second time: it may only be slow."""

    async def look() -> bool | None:
        try:
            return await messages.arrived(graph, mailbox, subject=subject)
        except Refused:
            return None
        except ServiceFault as error:
            return False if classify(error.fault) in (Verdict.THROTTLED, Verdict.UNKNOWN) else None

    async with tools.graph(sent_with) as graph:
        seen = await patiently(
            look,
            lambda found: "the mail is not in the mailbox yet" if found is False else None,
            tools,
            proof.title,
            deadline=Deadline.after(tools.clock, max(READ_BACK_SECONDS, tools.deadline.seconds_left)),
            first_wait_seconds=0.5,
            longest_wait_seconds=15.0,
        )
    if seen:
        return words.passed(proof, f"sent as {mailbox}, delivered and read back")
    if seen is None:
        return words.passed(proof, f"sent as {mailbox}: accepted, delivery not read")
    return words.outcome(
        proof,
        Judgement(ProofState.NOT_YET),
        f"accepted, not in the mailbox so far (subject: {subject})",
        advice="look in the mailbox, also in Junk, or trace the message; delivery can be held up for a while",
    )


def _looked_only(proof: Proof, mailbox: str) -> ProofOutcome:
    outcome = words.outcome(
        proof,
        Judgement(ProofState.NOT_PROVEN),
        f"opened {mailbox} over Graph, sending not proven",
        advice="`verify --send` sends one mail from the mailbox to itself",
    )
    return replace(outcome, signed_in=True)


_TEXT = (
    "An application was set up to send mail as this mailbox, and this mail shows that it can.\n"
    "It went from the mailbox to itself, to nobody else. It can be deleted.\n"
)
