"""The plan as a sheet: what changes, what it opens, who can do it, where the guide says so, what stays for good."""

from __future__ import annotations

from provisioner.model.change import Action, Blocked, Change, FieldChange, Gate, Manual, Part, PlannedChange, Ready
from provisioner.model.plan import Plan
from provisioner.reports import wording
from provisioner.reports.sheet import Detail, Item, Kind, Mark, Next, Section, Sheet, Tone
from provisioner.reports.titles import is_address
from provisioner.reports.wording import Commands

PART_TITLES = {Part.ENTRA: "Entra", Part.CONSENT: "Consent", Part.EXCHANGE: "Exchange"}
"""In the order of the work."""

SIGNS = {
    Action.CREATE: (Mark.CREATE, Tone.ADD),
    Action.RESTORE: (Mark.CREATE, Tone.ADD),
    Action.UPDATE: (Mark.UPDATE, Tone.CHANGE),
    Action.REMOVE: (Mark.REMOVE, Tone.TAKE),
    Action.KEEP: (Mark.KEEP, Tone.QUIET),
}


def plan_sheet(plan: Plan, commands: Commands, *, asking: bool = False) -> Sheet:
    """A plan to read. `asking`: a question follows, so nothing is said about what to type."""
    return Sheet(
        title=f"{'Removal' if plan.removing else 'Plan'}: {plan.title}",
        sandbox=plan.sandbox,
        facts=wording.facts(plan),
        parts=(
            *wording.applications(plan),
            *_changes(plan),
            *wording.preflight(plan.preflight),
            *wording.consent(plan, commands),
            *wording.by_hand(plan.manual),
            *(wording.cautions(plan.warnings) if plan.pending else ()),
            *wording.incomplete(plan),
            *wording.noticed(plan),
        ),
        closing=(_sum(plan),),
        next=() if asking else _next(plan, commands),
    )


def _changes(plan: Plan) -> tuple[Section, ...]:
    return tuple(
        each
        for part, title in PART_TITLES.items()
        for each in wording.section(title, (_item(one) for one in plan.changes if one.change.part is part))
    )


def _item(planned: PlannedChange) -> Item:
    change = planned.change
    mark, tone = SIGNS[change.action]
    if change.action is Action.KEEP:
        title = f"{change.summary}: {change.reason}" if change.reason else change.summary
        return Item(mark, title, tone, details=_notes(change))
    return Item(
        mark,
        change.summary,
        tone,
        aside=wording.guide(change.guide_steps),
        details=(*standing(planned), *_fields(change), *_meaning(planned), *_gate(planned), *_notes(change)),
    )


def standing(planned: PlannedChange) -> tuple[Detail, ...]:
    """Why the caller cannot do it, who can, and the flag that opens it. Nothing where it is ready."""
    match planned.standing:
        case Ready():
            return ()
        case Blocked(reason, who_can, flag):
            after = wording.comes_after(reason)
            return (
                Detail("BLOCKED", reason, Tone.ALARM) if after is None else Detail("later", after, Tone.WAIT),
                *((Detail("who can", wording.either(who_can), Tone.WAIT),) if who_can else ()),
                *((Detail("flag", flag, Tone.WAIT, Kind.COPY),) if flag and flag not in reason else ()),
            )
        case Manual(instruction, role, proof):
            return (
                Detail("BY HAND", instruction, Tone.WAIT),
                *((Detail("who can", role, Tone.WAIT),) if role else ()),
                *((Detail("proof", proof),) if proof else ()),
            )


def _fields(change: Change) -> tuple[Detail, ...]:
    return tuple(
        Detail("removes" if each.after is None else "sets", _field(each), kind=Kind.NAME)
        for each in change.fields
        if not _is_said(each, change)
    )


def _is_said(field: FieldChange, change: Change) -> bool:
    """A value that comes or goes and that the summary names already, or that only names another declared thing."""
    if field.before is not None and field.after is not None:
        return False
    only = field.before if field.after is None else field.after
    return only is None or only in change.summary or is_address(only.rpartition(" ")[2])


def _field(field: FieldChange) -> str:
    if field.before is not None and field.after is not None:
        return f"{field.name}: {field.before or 'empty'} -> {field.after or 'empty'}"
    return f"{field.name}: {field.before if field.after is None else field.after}"


def _meaning(planned: PlannedChange) -> tuple[Detail, ...]:
    """What it opens and why; a closed gate has said the first already."""
    change = planned.change
    gated = isinstance(planned.standing, Blocked) and (change.reach or "")[1:].rstrip(".") in planned.standing.reason
    said = (("reaches", None if gated else change.reach), ("why", change.reason), ("undo", change.undo))
    return tuple(Detail(label, text) for label, text in said if text)


def _gate(planned: PlannedChange) -> tuple[Detail, ...]:
    if planned.change.gate is None or isinstance(planned.standing, Blocked):
        return ()
    return (Detail("gate", f"{planned.change.gate.value}: opened by its own flag", Tone.WAIT),)


def _notes(change: Change) -> tuple[Detail, ...]:
    return tuple(Detail("note", each) for each in change.notes)


def _sum(plan: Plan) -> str:
    kept = sum(each.change.action is Action.KEEP for each in plan.changes)
    by_hand = sum(wording.is_by_hand(each) for each in plan.changes) + len(plan.manual)
    said = wording.counted(
        (
            (sum(wording.is_ready(each) for each in plan.changes), "to do"),
            (sum(wording.is_blocked(each) and not wording.is_later(each) for each in plan.changes), "blocked"),
            (sum(wording.is_later(each) for each in plan.changes), "later"),
            (by_hand, "by hand"),
            (kept, wording.kept_word(plan)),
        )
    )
    if plan.pending:
        return f"{said}."
    return f"Nothing to change: {said}." if said else "Nothing to change."


def _next(plan: Plan, commands: Commands) -> tuple[Next, ...]:
    verb = "remove" if plan.removing else "apply"
    if not plan.pending:
        return (
            Next("to prove that it works", commands("verify")),
            Next("for the values to enter", commands("handover")),
        )
    if all(wording.is_by_hand(each) for each in plan.pending):
        return _by_hand(plan, verb, commands)
    ready = any(wording.is_ready(each) for each in plan.changes)
    steps = (*((Next("to carry it out", commands(verb)),) if ready else ()), *held_back(plan, verb, commands))
    return steps or (Next("when what blocks it is mended, to see what is left", commands(_looking(verb))),)


def _by_hand(plan: Plan, verb: str, commands: Commands) -> tuple[Next, ...]:
    """What to type where only a person can do what is left; a script for him is written by the command itself."""
    proofs = (each.standing.proof or "" for each in plan.pending if isinstance(each.standing, Manual))
    if any("--script-result" in each for each in proofs):
        return (Next("to have the script written", commands(verb)),)
    done = Next("when it is done by hand, to see that nothing is left", commands(_looking(verb)))
    return (done,) if verb == "remove" else (done, Next("then, to prove that it works", commands("verify")))


def _looking(verb: str) -> str:
    """The command that shows what is left: that of a removal asks before it does anything."""
    return "remove" if verb == "remove" else "plan"


def held_back(plan: Plan, verb: str, commands: Commands) -> tuple[Next, ...]:
    """What to type, and who, for the changes that are blocked. `verb`: the command that the flags are for."""
    steps: list[Next] = []
    blocked = [each for each in plan.changes if wording.is_blocked(each)]
    if _is_stuck(plan, blocked):
        return ()
    for part in PART_TITLES:
        roles = dict.fromkeys(
            role for each in blocked if each.change.part is part for role in getattr(each.standing, "who_can", ())
        )
        if part is Part.CONSENT and plan.consent:
            steps += wording.handing_over(plan, commands)
        elif roles and verb != "remove":
            told = commands.elsewhere(plan, "apply", "--only", part.value)
            steps.append(Next(f"as {wording.either(tuple(roles))}", told))
    if any(each.change.gate is Gate.TWIN for each in blocked):
        steps.append(Next("to take over the application that is there", commands("adopt")))
    flags = dict.fromkeys(getattr(each.standing, "flag", None) or "" for each in blocked)
    steps += [
        Next("for the part that was left out", commands("apply", each)) for each in flags if each.startswith("--only ")
    ]
    if opening := [each for each in flags if each.startswith("--allow-")]:
        steps.append(Next("to do what is held back, too", commands(verb, *opening)))
    return tuple(steps)


def _is_stuck(plan: Plan, blocked: list[PlannedChange]) -> bool:
    """Whether nothing can be done before something that no flag and nobody's role brings, such as another product."""
    return not any(wording.is_ready(each) for each in plan.changes) and any(
        isinstance(each.standing, Blocked)
        and not (each.standing.flag or each.standing.who_can)
        and not each.standing.reason.startswith("waits for ")
        and wording.comes_after(each.standing.reason) is None
        for each in blocked
    )
