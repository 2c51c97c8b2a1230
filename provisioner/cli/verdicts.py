"""From results to exit codes. A failure outweighs "not yet", which outweighs what is left for somebody else."""

from __future__ import annotations

from provisioner.cli.running import Exit
from provisioner.model.outcome import ChangeState, ProofState
from provisioner.model.results import Applied, Verified

WEIGHT = (Exit.FAILED, Exit.REFUSED, Exit.NOT_YET, Exit.LEFT, Exit.PENDING, Exit.DONE)


def worst(*codes: Exit) -> Exit:
    """The one that matters most."""
    return min(codes, key=WEIGHT.index)


def of_applied(applied: Applied) -> Exit:
    """How an apply ended."""
    if applied.declined:
        return Exit.LEFT
    codes = [_of_changes(applied)]
    if applied.unsettled:
        codes.append(Exit.NOT_YET)
    if applied.plan.manual or applied.plan.incomplete:
        codes.append(Exit.LEFT)
    return worst(*codes)


def of_removed(removed: Applied) -> Exit:
    """How a removal ended. What was left on purpose is listed, and is no failure."""
    return Exit.LEFT if removed.declined else _of_changes(removed)


def of_verified(verified: Verified) -> Exit:
    """How the proofs ended."""
    states = {each.state for each in verified.proofs}
    if ProofState.FAILED in states:
        return Exit.FAILED
    return Exit.NOT_YET if ProofState.NOT_YET in states else Exit.DONE


def _of_changes(applied: Applied) -> Exit:
    states = {each.state for each in applied.outcomes}
    if ChangeState.FAILED in states:
        return Exit.FAILED
    if ChangeState.NOT_YET in states:
        return Exit.NOT_YET
    return Exit.LEFT if states & {ChangeState.BLOCKED, ChangeState.MANUAL, ChangeState.SKIPPED} else Exit.DONE
