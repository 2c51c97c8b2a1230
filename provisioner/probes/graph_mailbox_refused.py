"""Proof that the product cannot use a mailbox outside its scope, over Graph.

Reading is tried always: mail, or the calendar where the product's roles are about that. Sending is tried with `--send`
only, since a scope that is too wide would let the mail go: to that mailbox itself, and to nobody else.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from provisioner.errors import ServiceFault
from provisioner.graph import Graph, calendars, messages
from provisioner.model.declaration import Proof, ProofKind
from provisioner.model.faults import Fault
from provisioner.model.outcome import ProofOutcome, ProofState
from provisioner.probes import token, words
from provisioner.probes.judge_graph import denied
from provisioner.probes.mailbox_refused import not_tried
from provisioner.probes.patience import patiently
from provisioner.probes.smtp_submission import mailbox_of
from provisioner.probes.tools import ProofTools

Look: TypeAlias = Callable[[Graph, str], Awaitable[None]]

READS: Mapping[str, tuple[ProofKind, Look]] = {
    "Mail.Read": (ProofKind.GRAPH_MAIL, messages.look_in),
    "Calendars.Read": (ProofKind.GRAPH_CALENDAR, calendars.look_in),
}
"""How a role that reads is tried, and which proof uses the same right; by how its name goes on from `Application `."""

WORST_FIRST = (ProofState.FAILED, ProofState.NOT_YET, ProofState.NOT_PROVEN, ProofState.PASSED)
"""Each right must be shown to be closed, so the least that is shown of any counts."""


async def run(proof: Proof, tools: ProofTools) -> ProofOutcome:
    """Try to read, and where allowed to send, as a mailbox that must be closed."""
    mailbox = mailbox_of(proof)

    async def attempt() -> ProofOutcome:
        product = await token.product_token(proof, tools)
        if isinstance(product, ProofOutcome):
            return not_tried(proof, product)
        async with tools.graph(product) as graph:
            tried = await _try(graph, mailbox, proof, send=tools.send)
        facts = await tools.facts()
        judged = [(denied(fault, facts, used_elsewhere=kind in facts.proven), fault) for kind, fault in tried]
        judgement, fault = min(judged, key=lambda each: WORST_FIRST.index(each[0].state))
        open_to = "sent from" if tried[-1][0] is ProofKind.GRAPH_SEND else "read"
        what = f"{mailbox} could be {open_to}" if fault is None else words.answered(fault)
        return words.outcome(proof, judgement, words.about_nothing(what, judgement))

    return await patiently(attempt, token.waits_for, tools, proof.title)


async def _try(graph: Graph, mailbox: str, proof: Proof, *, send: bool) -> list[tuple[ProofKind, Fault | None]]:
    """What the product's roles would let it do, tried in turn up to the first that is answered (None)."""
    roles = " ".join((*proof.scoped_roles, *proof.roles))
    reads = [each for word, each in READS.items() if word in roles] or [READS["Mail.Read"]]
    tried: list[tuple[ProofKind, Fault | None]] = []
    for kind, look in reads:
        tried.append((kind, await _refusal(look(graph, mailbox))))
        if tried[-1][1] is None:
            return tried
    sends = "Mail.Send" in roles or not roles
    if send and sends and all(fault is not None and fault.status == 403 for _, fault in tried):
        subject = f"Proof of a refusal ({uuid.uuid4().hex})"
        tried.append((ProofKind.GRAPH_SEND, await _refusal(messages.send(graph, mailbox, subject=subject, text=_TEXT))))
    return tried


async def _refusal(attempt: Awaitable[None]) -> Fault | None:
    try:
        await attempt
    except ServiceFault as error:
        return error.fault
    return None


_TEXT = "An application could send this mail as this mailbox, which it should not be able to do.\n"
