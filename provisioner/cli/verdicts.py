"""From results to exit codes. A failure outweighs "not yet", which outweighs what is left for somebody else."""

from __future__ import annotations

from collections.abc import Collection

from provisioner.cli.running import Exit
from provisioner.model.change import Manual
from provisioner.model.outcome import ChangeOutcome, ChangeState, ProofOutcome, ProofState
from provisioner.model.plan import Plan
from provisioner.model.results import Adopted, Applied, HandedOver, Migrated, StageState, Verified

SHUT_UNTIL_DONE = {"ews_access": frozenset({"ews_closed_organisation", "ews_closed_list"})}
"""Why a proof fails, by the kind of change that is left for a person: as long as it is, the failure says no more."""

WEIGHT = (Exit.FAILED, Exit.REFUSED, Exit.NOT_YET, Exit.LEFT, Exit.PENDING, Exit.DONE)


def worst(*codes: Exit) -> Exit:
    """The one that matters most."""
    return min(codes, key=WEIGHT.index)


def of_applied(applied: Applied) -> Exit:
    """How an apply ended. What the vendor should confirm leaves nothing to do."""
    if applied.declined:
        return Exit.LEFT
    unsettled = Exit.NOT_YET if applied.unsettled else Exit.DONE
    left = Exit.LEFT if applied.plan.manual or applied.plan.incomplete else Exit.DONE
    return worst(_of_outcomes(applied.outcomes), unsettled, left)


def can_be_proven(applied: Applied) -> bool:
    """Whether proofs can tell anything: all is there but, at most, what a person does by hand, without a script."""
    reached = {ChangeState.DONE, ChangeState.KEPT, ChangeState.MANUAL}
    ended = {each.state for each in applied.outcomes} <= reached and not applied.unsettled
    return ended and not applied.declined and applied.script is None


def of_onboarded(applied: Applied, verified: Verified, again: Plan) -> Exit:
    """How a whole onboarding ended; `again` is the plan of the second look, of which a person's part may be left."""
    unsettled = any(not isinstance(each.standing, Manual) for each in again.pending)
    proven = of_verified(verified, _left_by_hand(applied.plan))
    return worst(of_applied(applied), proven, Exit.NOT_YET if unsettled else Exit.DONE)


def _left_by_hand(plan: Plan) -> frozenset[str]:
    """Causes that what is left for a person explains."""
    kinds = {each.change.kind for each in plan.pending if isinstance(each.standing, Manual)}
    return frozenset().union(*(SHUT_UNTIL_DONE.get(each, frozenset()) for each in kinds))


def of_removed(removed: Applied) -> Exit:
    """How a removal ended. What was left on purpose is listed, and is no failure."""
    return Exit.LEFT if removed.declined else _of_outcomes(removed.outcomes)


def of_verified(verified: Verified, by_hand: Collection[str] = ()) -> Exit:
    """How the proofs ended. One that was not allowed (no `--send`) is no fault; nothing proven at all is no proof.

    A proof that failed only for causes `by_hand`, which a person has still to do something about, is left to him.
    """
    states = {each.state for each in verified.proofs}
    failed = [each for each in verified.proofs if each.state is ProofState.FAILED]
    if not all(_is_left(each, by_hand) for each in failed):
        return Exit.FAILED
    if ProofState.NOT_YET in states:
        return Exit.NOT_YET
    return Exit.LEFT if failed or states == {ProofState.NOT_PROVEN} else Exit.DONE


def _is_left(proof: ProofOutcome, by_hand: Collection[str]) -> bool:
    return bool(proof.causes) and set(proof.causes) <= set(by_hand)


def of_handed_over(handed_over: HandedOver) -> Exit:
    """How a handover with evidence ended: what is missing or not proven is no handover yet."""
    proven = of_verified(Verified(handed_over.plan, handed_over.proofs), _left_by_hand(handed_over.plan))
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
