"""Proof that the product cannot use a mailbox outside its scope, over Graph.

Reading is tried always: mail, or the calendar where the product's roles are about that. Sending is tried with `--send`
only, since a scope that is too wide would let the mail go: to that mailbox itself, and to nobody else.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from provisioner.errors import ServiceFault
from provisioner.graph import Graph, calendars, messages
from provisioner.model.declared import Proof
from provisioner.model.faults import Fault
from provisioner.model.outcome import ProofOutcome
from provisioner.probes import token, words
from provisioner.probes.judge_graph import denied
from provisioner.probes.mailbox_refused import not_tried
from provisioner.probes.patience import patiently
from provisioner.probes.smtp_submission import mailbox_of
from provisioner.probes.tools import ProofTools

Look: TypeAlias = Callable[[Graph, str], Awaitable[None]]


async def run(proof: Proof, tools: ProofTools) -> ProofOutcome:
    """Try to read, and where allowed to send, as a mailbox that must be closed."""
    mailbox = mailbox_of(proof)

    async def attempt() -> ProofOutcome:
        product = await token.product_token(proof, tools)
        if isinstance(product, ProofOutcome):
            return not_tried(proof, product)
        async with tools.graph(product) as graph:
            open_to, fault = await _try(graph, mailbox, _looks(proof), send=tools.send)
        facts = await tools.facts()
        judgement = denied(fault, facts, works_elsewhere=facts.works_elsewhere is not None)
        what = f"{mailbox} could be {open_to}" if fault is None else words.answered(fault)
        return words.outcome(proof, judgement, what)

    return await patiently(attempt, token.waits_for, tools, proof.title)


def _looks(proof: Proof) -> tuple[Look, ...]:
    """What the product's roles would let it read; a role for something else would make any refusal look right."""
    roles = " ".join((*proof.scoped_roles, *proof.roles))
    found = tuple(
        look for word, look in (("Mail.", messages.look_in), ("Calendars.", calendars.look_in)) if word in roles
    )
    return found or (messages.look_in,)


async def _try(graph: Graph, mailbox: str, looks: tuple[Look, ...], *, send: bool) -> tuple[str, Fault | None]:
    """What the mailbox is open to, and no fault; or the last refusal."""
    for look in looks:
        try:
            await look(graph, mailbox)
        except ServiceFault as error:
            refusal = error.fault
        else:
            return "read", None
    if not send or refusal.status != 403 or messages.look_in not in looks:
        return "", refusal
    try:
        await messages.send(graph, mailbox, subject=f"Proof of a refusal ({uuid.uuid4().hex})", text=_TEXT)
    except ServiceFault as error:
        return "", error.fault
    return "sent from", None


_TEXT = "An application could send this mail as this mailbox, which it should not be able to do.\n"
