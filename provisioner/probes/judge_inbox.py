"""What IMAP's and POP's answers mean, given what the tenant shows. Pure; the rule behind it is weighing.py's."""

from __future__ import annotations

from provisioner.mail import InboxResult, Step
from provisioner.model.outcome import ProofState
from provisioner.probes.judge import no_reply
from provisioner.probes.tools import Facts, Worked
from provisioner.probes.weighing import Judgement, Weight, weigh, weight_of


def refused(
    result: InboxResult, facts: Facts, carries_roles: bool | None, *, causes: tuple[str, ...], unreachable: str
) -> Judgement:
    """An inbox that was not opened. `causes` is what a refusal can mean, `unreachable` what silence means."""
    if result.trouble is not None:
        return no_reply(result.trouble, unreachable, connected=result.step is not Step.CONNECT)
    return weigh(causes, facts, carries_roles)


def denied(result: InboxResult, facts: Facts, *, closed: str, unreachable: str) -> Judgement:
    """An inbox that must not be opened: passed where the same was opened elsewhere, and nothing else is in the way.

    `closed` is the cause that the mailbox's own switch would be: behind one that is off, nobody is asked for rights.
    """
    if result.opened:
        return Judgement(ProofState.FAILED, ("scope_too_wide",))
    if result.trouble is not None:
        return no_reply(result.trouble, unreachable, connected=result.step is not Step.CONNECT)
    for cause in ("mailbox_missing", closed):
        if weight_of(cause, facts, None) is not Weight.RULED_OUT:
            return Judgement(ProofState.NOT_PROVEN, (cause,))
    return Judgement(ProofState.PASSED if facts.works_elsewhere is Worked.ACCEPTED else ProofState.NOT_PROVEN)
