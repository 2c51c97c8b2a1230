"""A whole onboarding as one sheet: what was done, what was proven, what to enter."""

from __future__ import annotations

from provisioner.model.change import Blocked
from provisioner.model.outcome import ChangeState
from provisioner.model.plan import Plan
from provisioner.model.results import Applied, HandedOver, Verified
from provisioner.reports import applied_sheet, handover_sheet, verified_sheet, wording
from provisioner.reports.sheet import Next, Part, Sheet
from provisioner.reports.wording import Commands


def onboarded_sheet(
    applied: Applied,
    verified: Verified | None,
    handed_over: HandedOver | None,
    again: Plan | None,
    commands: Commands,
) -> Sheet:
    """One head, one sum; None for what it did not come to."""
    plan = applied.plan
    parts: list[Part] = [*applied_sheet.parts(applied, commands)]
    closing = [*applied_sheet.closing(applied)]
    if verified is not None:
        parts += verified_sheet.parts(verified)
        closing += verified_sheet.closing(verified)
    if handed_over is not None:
        parts += handover_sheet.parts(handed_over, commands)
        closing += handover_sheet.closing(handed_over)
    if again is not None:
        closing.append(_second_look(again))
    closing += applied_sheet.left(applied)
    return Sheet(
        title=f"Onboarding: {plan.title}",
        sandbox=plan.sandbox,
        facts=wording.facts(plan),
        parts=tuple(parts),
        closing=tuple(closing),
        next=_next(applied, verified, handed_over, commands),
    )


def going_on(applied: Applied, verified: Verified | None, command: str) -> tuple[Next, ...]:
    """The same command again, with the flags that it lacked; nothing where all is done and proven, or was declined."""
    done = all(each.state in (ChangeState.DONE, ChangeState.KEPT) for each in applied.outcomes)
    if applied.declined or (done and verified is not None and not verified_sheet.unproven(verified)):
        return ()
    standings = (each.standing for each in applied.plan.changes)
    flags = dict.fromkeys(each.flag for each in standings if isinstance(each, Blocked) and each.flag is not None)
    return (Next("to finish it, the same again", " ".join((command, *flags))),)


def _second_look(again: Plan) -> str:
    """What a plan made after everything says; it should be empty."""
    pending = "; ".join(each.change.summary for each in again.pending if not wording.is_by_hand(each))
    if not pending and again.pending:
        return (
            f"A second plan has nothing but what is left by hand: {len(again.changes) - len(again.pending)} as wanted."
        )
    if pending:
        return f"A second plan is not empty yet: {pending}."
    return f"A second plan is empty: nothing to change, {len(again.changes)} as wanted."


def _next(
    applied: Applied, verified: Verified | None, handed_over: HandedOver | None, commands: Commands
) -> tuple[Next, ...]:
    if applied.declined:
        return ()
    if applied.script is not None:
        return applied_sheet.after_script("onboard", commands)
    if applied.in_state(*applied_sheet.OPEN):
        return (Next("to finish the rest, the same again", commands("onboard")),)
    if applied.in_state(ChangeState.BLOCKED):
        return applied_sheet.unblocking(applied, "onboard", commands)
    if applied.in_state(ChangeState.MANUAL):
        told = applied_sheet.remembering(applied, commands)
        return (
            Next("when it is done by hand, the same again", told("onboard")),
            Next("for the values to enter", told("handover")),
        )
    if verified is not None and (verified_sheet.unproven(verified) or handed_over is None):
        return verified_sheet.next_steps(verified, commands)
    return verified_sheet.to_send(verified, commands) if verified is not None else ()
