"""From results to exit codes. A failure outweighs "not yet", which outweighs what is left for somebody else."""

from __future__ import annotations

from provisioner.cli.running import Exit
from provisioner.model.outcome import ChangeOutcome, ChangeState, ProofState
from provisioner.model.results import Adopted, Applied, HandedOver, Migrated, StageState, Verified

WEIGHT = (Exit.FAILED, Exit.REFUSED, Exit.NOT_YET, Exit.LEFT, Exit.PENDING, Exit.DONE)


def worst(*codes: Exit) -> Exit:
    """The one that matters most."""
    return min(codes, key=WEIGHT.index)


def of_applied(applied: Applied) -> Exit:
    """How an apply ended."""
    left = applied.plan.manual or applied.plan.incomplete
    return worst(of_carried_out(applied), Exit.LEFT if left else Exit.DONE)


def of_carried_out(applied: Applied) -> Exit:
    """How the changes ended, whatever is left for a person: what can be proven already is proven."""
    if applied.declined:
        return Exit.LEFT
    codes = [_of_outcomes(applied.outcomes)]
    if applied.unsettled:
        codes.append(Exit.NOT_YET)
    return worst(*codes)


def of_removed(removed: Applied) -> Exit:
    """How a removal ended. What was left on purpose is listed, and is no failure."""
    return Exit.LEFT if removed.declined else _of_outcomes(removed.outcomes)


def of_verified(verified: Verified) -> Exit:
    """How the proofs ended. One that was not allowed (no `--send`) is no fault; nothing proven at all is no proof."""
    states = {each.state for each in verified.proofs}
    if ProofState.FAILED in states:
        return Exit.FAILED
    if ProofState.NOT_YET in states:
        return Exit.NOT_YET
    return Exit.LEFT if states == {ProofState.NOT_PROVEN} else Exit.DONE


def of_handed_over(handed_over: HandedOver) -> Exit:
    """How a handover with evidence ended: what is missing or not proven is no handover yet."""
    proven = of_verified(Verified(handed_over.plan, handed_over.proofs))
    return worst(proven, Exit.LEFT if handed_over.plan.pending else Exit.DONE)


def of_adopted(adopted: Adopted) -> Exit:
    """How an adoption ended; where nobody chose, one is left to be chosen."""
    if adopted.declined or adopted.chosen is None:
        return Exit.LEFT
    return _of_outcomes(adopted.outcomes)


def of_migrated(migrated: Migrated) -> Exit:
    """How far a migration came: what waits for time alone is "not yet"."""
    if migrated.declined:
        return Exit.LEFT
    states = {each.state for each in migrated.stages}
    waiting = Exit.NOT_YET if StageState.WAITING in states else Exit.DONE
    left = Exit.LEFT if states & {StageState.BLOCKED, StageState.MANUAL} else Exit.DONE
    return worst(_of_outcomes(migrated.outcomes), waiting, left)


def _of_outcomes(outcomes: tuple[ChangeOutcome, ...]) -> Exit:
    states = {each.state for each in outcomes}
    if ChangeState.FAILED in states:
        return Exit.FAILED
    if ChangeState.NOT_YET in states:
        return Exit.NOT_YET
    return Exit.LEFT if states & {ChangeState.BLOCKED, ChangeState.MANUAL, ChangeState.SKIPPED} else Exit.DONE
