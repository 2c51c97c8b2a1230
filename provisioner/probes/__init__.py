"""Proofs by really signing in, one file per kind. A new kind is one file and one line in PROBES.

An outcome is passed, failed with named causes, not yet, or not proven; which of them is decided by pure functions
(judge.py) over what a service answered and what the tenant shows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from provisioner.model.declaration import Proof, ProofKind
from provisioner.model.outcome import ProofOutcome
from provisioner.probes import (
    ews_folder,
    ews_refused,
    graph_calendar,
    graph_mail,
    graph_mailbox_refused,
    graph_send,
    imap_inbox,
    imap_refused,
    mailbox_refused,
    password_sign_in,
    pop_inbox,
    scope_authorization,
    sign_in_link,
    smtp_submission,
    token,
)
from provisioner.probes.causes import CAUSES, Cause
from provisioner.probes.tools import Facts, NoPassword, Pointer, ProofTools, Worked

__all__ = ["CAUSES", "PROBES", "Cause", "Facts", "NoPassword", "Pointer", "Probe", "ProofTools", "Worked", "run"]

Probe: TypeAlias = Callable[[Proof, ProofTools], Awaitable[ProofOutcome]]

PROBES: Mapping[ProofKind, Probe] = {
    ProofKind.TOKEN: token.run,
    ProofKind.SMTP_SUBMISSION: smtp_submission.run,
    ProofKind.MAILBOX_REFUSED: mailbox_refused.run,
    ProofKind.SCOPE_AUTHORIZATION: scope_authorization.run,
    ProofKind.GRAPH_SEND: graph_send.run,
    ProofKind.GRAPH_MAIL: graph_mail.run,
    ProofKind.GRAPH_CALENDAR: graph_calendar.run,
    ProofKind.GRAPH_MAILBOX_REFUSED: graph_mailbox_refused.run,
    ProofKind.EWS_FOLDER: ews_folder.run,
    ProofKind.EWS_REFUSED: ews_refused.run,
    ProofKind.PASSWORD_SIGN_IN: password_sign_in.run,
    ProofKind.IMAP_INBOX: imap_inbox.run,
    ProofKind.IMAP_REFUSED: imap_refused.run,
    ProofKind.POP_INBOX: pop_inbox.run,
    ProofKind.SIGN_IN_LINK: sign_in_link.run,
}
"""Every probe there is."""


async def run(proof: Proof, tools: ProofTools) -> ProofOutcome:
    """Carry out one proof. What a service answers becomes the outcome; only faulty input and our own bugs raise."""
    return await PROBES[proof.kind](proof, tools)
