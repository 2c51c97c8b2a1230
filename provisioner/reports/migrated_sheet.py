"""A migration as a sheet: its steps, done, next and waiting, and what this run did."""

from __future__ import annotations

from provisioner.model.change import Gate
from provisioner.model.outcome import ChangeState
from provisioner.model.results import Applied, Migrated, Stage, StageState
from provisioner.reports import wording
from provisioner.reports.applied_sheet import closing, parts
from provisioner.reports.sheet import Detail, Item, Mark, Next, Sheet, Tone
from provisioner.reports.wording import Commands

REMOVING = "--allow-remove-grants"

SIGNS = {
    StageState.DONE: (Mark.TICK, Tone.GOOD),
    StageState.NEXT: (Mark.UPDATE, Tone.CHANGE),
    StageState.WAITING: (Mark.CLOCK, Tone.WAIT),
    StageState.LATER: (Mark.CLOCK, Tone.QUIET),
    StageState.BLOCKED: (Mark.STOP, Tone.ALARM),
    StageState.MANUAL: (Mark.HAND, Tone.WAIT),
}


def migrated_sheet(result: Migrated, commands: Commands) -> Sheet:
    """How far a migration has come."""
    plan = result.plan
    applied = Applied(plan, result.outcomes, declined=result.declined, manual=result.manual)
    finished = all(each.state is StageState.DONE for each in result.stages)
    return Sheet(
        title=f"{'Migrated' if finished else 'Migrating'} to {plan.variant}: {plan.title}",
        sandbox=plan.sandbox,
        facts=wording.facts(plan),
        parts=(*wording.section("Steps", (_item(each) for each in result.stages)), *parts(applied, commands)),
        closing=(*closing(applied), *(f"Receipt: {each}" for each in result.receipts)),
        next=_next(result, commands, finished=finished),
    )


def _item(stage: Stage) -> Item:
    mark, tone = SIGNS[stage.state]
    return Item(
        mark,
        stage.title,
        tone,
        word=stage.state.value,
        details=(
            *((Detail("why", stage.detail),) if stage.detail else ()),
            *((Detail("not before", wording.instant(stage.until), Tone.WAIT),) if stage.until else ()),
        ),
    )


def _next(result: Migrated, commands: Commands, *, finished: bool) -> tuple[Next, ...]:
    if result.declined:
        return ()
    if finished:
        return (Next("to prove that it works", commands("verify")),)
    return (Next(_when(result), commands("migrate", "--to", result.plan.variant, *_flags(result))),)


def _when(result: Migrated) -> str:
    """When the same command gets further."""
    current = next(each for each in result.stages if each.state is not StageState.DONE)
    if current.state is StageState.BLOCKED and REMOVING in (current.detail or ""):
        return "to take the old rights away, too"
    if current.state is StageState.BLOCKED or any(each.state is ChangeState.FAILED for each in result.outcomes):
        return "when that is settled, the same again"
    if current.state is StageState.MANUAL:
        return "when the product uses the new ones"
    return f"not before {wording.instant(current.until)}, the same again" if current.until else "later, the same again"


def _flags(result: Migrated) -> tuple[str, ...]:
    """What the rest of it needs: taking rights away is a step of every migration, and held by its own gate."""
    taking = any(each.change.gate is Gate.REMOVE_GRANTS for each in result.plan.pending)
    in_use = any(each.name == "product" and each.state is StageState.MANUAL for each in result.stages)
    return (*((REMOVING,) if taking else ()), *(("--in-use",) if in_use else ()))
