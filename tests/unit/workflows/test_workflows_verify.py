"""What one proof of a run is evidence for: another's refusal is judged by it, so it must not say too much."""

from __future__ import annotations

import pytest

from provisioner.model.declaration import Proof, ProofKind
from provisioner.model.identifiers import GRAPH_AUDIENCE, Address
from provisioner.model.outcome import ProofOutcome, ProofState
from provisioner.probes import Worked
from provisioner.workflows.verify import proven_before, worked_before

MAIN, OTHER = Address("application.main"), Address("application.other")


def ended(kind: ProofKind, state: ProofState, *, application: Address = MAIN, signed_in: bool = False) -> Ended:
    proof = Proof(kind.value, kind.value, kind, application, None, GRAPH_AUDIENCE)
    return proof, ProofOutcome(kind.value, kind.value, state, "", signed_in=signed_in)


Ended = tuple[Proof, ProofOutcome]
GRAPH, _ = ended(ProofKind.GRAPH_MAILBOX_REFUSED, ProofState.PASSED)
SMTP, _ = ended(ProofKind.MAILBOX_REFUSED, ProofState.PASSED)
IMAP, _ = ended(ProofKind.IMAP_REFUSED, ProofState.PASSED)
EWS, _ = ended(ProofKind.EWS_REFUSED, ProofState.PASSED)


@pytest.mark.parametrize(
    ("before", "kinds"),
    [
        (ended(ProofKind.GRAPH_MAIL, ProofState.PASSED), {ProofKind.GRAPH_MAIL}),
        (ended(ProofKind.GRAPH_SEND, ProofState.PASSED), {ProofKind.GRAPH_SEND}),
        (ended(ProofKind.GRAPH_SEND, ProofState.NOT_PROVEN, signed_in=True), {ProofKind.GRAPH_MAIL}),
        (ended(ProofKind.GRAPH_SEND, ProofState.NOT_PROVEN), set()),
        (ended(ProofKind.GRAPH_MAIL, ProofState.FAILED), set()),
        (ended(ProofKind.GRAPH_MAIL, ProofState.NOT_YET), set()),
        (ended(ProofKind.GRAPH_MAIL, ProofState.PASSED, application=OTHER), set()),
    ],
)
def test_over_graph_a_right_that_was_used_is_evidence_for_itself(before: Ended, kinds: set[ProofKind]) -> None:
    assert proven_before([before], GRAPH) == kinds


@pytest.mark.parametrize(
    ("before", "proof", "worked"),
    [
        (ended(ProofKind.SMTP_SUBMISSION, ProofState.PASSED), SMTP, Worked.ACCEPTED),
        (ended(ProofKind.SMTP_SUBMISSION, ProofState.NOT_PROVEN, signed_in=True), SMTP, Worked.SIGNED_IN),
        (ended(ProofKind.SMTP_SUBMISSION, ProofState.FAILED), SMTP, None),
        (ended(ProofKind.SMTP_SUBMISSION, ProofState.PASSED, application=OTHER), SMTP, None),
        (ended(ProofKind.EWS_FOLDER, ProofState.PASSED), EWS, Worked.ACCEPTED),
        (ended(ProofKind.EWS_FOLDER, ProofState.PASSED), SMTP, None),
        (ended(ProofKind.IMAP_INBOX, ProofState.PASSED), IMAP, Worked.ACCEPTED),
        (ended(ProofKind.IMAP_INBOX, ProofState.FAILED), IMAP, None),
        (ended(ProofKind.GRAPH_SEND, ProofState.PASSED), EWS, None),
        (ended(ProofKind.GRAPH_SEND, ProofState.PASSED), GRAPH, None),
    ],
)
def test_elsewhere_a_protocol_that_worked_is(before: Ended, proof: Proof, worked: Worked | None) -> None:
    assert worked_before([before], proof) is worked
