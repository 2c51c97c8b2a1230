"""What became of a plan, as a sheet: each outcome, where the secrets are, what is left and for whom."""

from __future__ import annotations

from provisioner.model.change import Blocked, PlannedChange
from provisioner.model.outcome import ChangeOutcome, ChangeState
from provisioner.model.results import Applied
from provisioner.reports import wording
from provisioner.reports.plan_sheet import PART_TITLES, held_back
from provisioner.reports.sheet import Detail, Item, Kind, Mark, Next, Section, Sheet, Tone
from provisioner.reports.wording import Commands

STATES = {
    ChangeState.DONE: (Mark.TICK, Tone.GOOD, "done"),
    ChangeState.NOT_YET: (Mark.CLOCK, Tone.WAIT, "not yet"),
    ChangeState.FAILED: (Mark.CROSS, Tone.ALARM, "failed"),
    ChangeState.BLOCKED: (Mark.STOP, Tone.ALARM, "blocked"),
    ChangeState.MANUAL: (Mark.STOP, Tone.WAIT, "by hand"),
    ChangeState.SKIPPED: (Mark.QUESTION, Tone.WAIT, "skipped"),
    ChangeState.KEPT: (Mark.KEEP, Tone.QUIET, "as wanted"),
}
"""How each state is shown, in the order of the sum."""

LATER = (Mark.CLOCK, Tone.WAIT, "later")
"""How a change is shown that nothing blocks but the order of things."""

OPEN = (ChangeState.NOT_YET, ChangeState.FAILED, ChangeState.SKIPPED)
"""What the same command may still finish."""


def applied_sheet(result: Applied, commands: Commands) -> Sheet:
    """The outcome of `apply` or `remove`."""
    plan = result.plan
    removal = result.plan.removing
    return Sheet(
        title=f"{_removed(result) if removal else 'Applied'}: {plan.title}",
        sandbox=plan.sandbox,
        facts=wording.facts(plan),
        parts=parts(result, commands),
        closing=(*closing(result), *left(result)),
        next=_next(result, commands, removal=removal),
    )


def _removed(result: Applied) -> str:
    """How far a removal has come."""
    if not result.plan.pending:
        return "Nothing to remove"
    if not result.in_state(ChangeState.DONE):
        return "Not removed"
    return "Removed in part" if result.in_state(ChangeState.BLOCKED, *OPEN) else "Removed"


def parts(result: Applied, commands: Commands) -> tuple[Section, ...]:
    """Everything between head and sum."""
    return (
        *(() if result.plan.removing else wording.applications(result.plan)),
        *_outcomes(result),
        *wording.secrets(() if result.declined else result.secrets, result.plan, commands),
        *wording.section(
            "Not visible everywhere yet", (Item(Mark.CLOCK, each, Tone.WAIT) for each in result.unsettled)
        ),
        *(() if result.plan.removing else wording.preflight(result.plan.preflight)),
        *wording.consent(result.plan, commands),
        *wording.by_hand(result.manual),
        *wording.incomplete(result.plan),
        *wording.noticed(result.plan),
    )


def closing(result: Applied) -> tuple[str, ...]:
    """The sum, and where the evidence is."""
    if result.declined:
        return ("Nothing was done: the answer was no.",)
    steps = {ChangeState.MANUAL: len(result.manual)}
    said = wording.counted(
        (len(result.in_state(state)) + steps.get(state, 0), _word(result, state)) for state in STATES
    )
    receipt = (f"Receipt: {result.receipt}",) if result.receipt else ()
    script = (f"Script for an Exchange Administrator: {result.script}",) if result.script else ()
    return (f"{said}." if said else "Nothing was to be done.", *script, *receipt)


def left(result: Applied) -> tuple[str, ...]:
    """What is left for somebody, in one line, after everything else; a removal leaves some things on purpose."""
    if result.declined:
        return ()
    counts = (
        (len(result.in_state(ChangeState.BLOCKED)), "blocked"),
        (len(result.in_state(ChangeState.SKIPPED)), "waiting for it"),
        (len(result.in_state(ChangeState.MANUAL)) + len(result.manual), "by hand"),
        (len(result.plan.incomplete), "to be found out, since the guide does not say it"),
    )
    said = wording.counted(counts)
    if result.plan.removing and not result.in_state(ChangeState.BLOCKED, ChangeState.MANUAL, *OPEN):
        return (f"Left on purpose, and listed above: {said}.",) if said else ()
    return (f"Left, and listed above: {said}.",) if said else ()


def after_script(verb: str, commands: Commands) -> tuple[Next, ...]:
    """What to type when an Exchange administrator has run the script."""
    return (Next("when the script was run, with the file that it saved", commands(verb, "--script-result", "FILE")),)


def remembering(result: Applied, commands: Commands) -> Commands:
    """Commands that say the parameters again where nothing was carried out, so that no file remembers them."""
    return commands if result.receipt is not None else commands.with_parameters(result.plan)


def unblocking(result: Applied, verb: str, commands: Commands) -> tuple[Next, ...]:
    """What to type where something is blocked, and where no flag and nobody's role opens it, the same again."""
    told = remembering(result, commands)
    again = Next("when what blocks it is mended, the same again", told(verb))
    return held_back(result.plan, verb, told) or (again,)


def _outcomes(result: Applied) -> tuple[Section, ...]:
    planned = {each.change.address: each for each in result.plan.changes}
    return tuple(
        each
        for part, title in PART_TITLES.items()
        for each in wording.section(
            title,
            (
                _item(outcome, planned[outcome.address], _word(result, outcome.state))
                for outcome in result.outcomes
                if planned[outcome.address].change.part is part
            ),
        )
    )


def _word(result: Applied, state: ChangeState) -> str:
    if state is not ChangeState.KEPT:
        return STATES[state][2]
    return "kept" if result.plan.removing else wording.kept_word(result.plan)


def _item(outcome: ChangeOutcome, planned: PlannedChange, word: str) -> Item:
    mark, tone, _ = STATES[outcome.state]
    change = planned.change
    if outcome.state is ChangeState.BLOCKED and wording.comes_after(outcome.message or ""):
        mark, tone, word = LATER
    if outcome.state is ChangeState.KEPT:
        title = f"{change.summary}: {outcome.message}" if outcome.message else change.summary
        return Item(mark, title, tone, word)
    return Item(mark, change.summary, tone, word, details=_details(outcome, planned))


def _details(outcome: ChangeOutcome, planned: PlannedChange) -> tuple[Detail, ...]:
    details = []
    if outcome.message and outcome.message != planned.change.summary:
        details.append(Detail("why", outcome.message))
    if outcome.advice:
        details.append(Detail("advice", outcome.advice, Tone.WAIT))
    if outcome.state is ChangeState.BLOCKED and isinstance(planned.standing, Blocked):
        if planned.standing.who_can and not outcome.advice:
            details.append(Detail("who can", wording.either(planned.standing.who_can), Tone.WAIT))
        if planned.standing.flag and planned.standing.flag not in planned.standing.reason:
            details.append(Detail("flag", planned.standing.flag, Tone.WAIT, Kind.COPY))
    if outcome.request_id:
        details.append(Detail("request id", outcome.request_id, Tone.QUIET, Kind.COPY))
    return tuple(details)


def _next(result: Applied, commands: Commands, *, removal: bool) -> tuple[Next, ...]:
    if result.declined:
        return ()
    if result.script is not None:
        return after_script("remove" if removal else "apply", commands)
    if result.in_state(*OPEN):
        return (Next("to finish the rest, the same again", commands("remove" if removal else "apply")),)
    if removal and result.in_state(ChangeState.BLOCKED):
        again = Next("when what blocks it is mended, the same again", commands("remove"))
        return held_back(result.plan, "remove", commands) or (again,)
    if removal:
        return _after_removal(result, commands)
    if result.belongs_to is not None:
        return (Next("to rotate it where it belongs", commands("rotate")),)
    if result.in_state(ChangeState.BLOCKED):
        return unblocking(result, "apply", commands)
    return (Next("to prove that it works", commands("verify")), Next("for the values to enter", commands("handover")))


def _after_removal(result: Applied, commands: Commands) -> tuple[Next, ...]:
    """The same again where somebody has to do his part first; else the recycle bin, where what is gone lies for now."""
    if result.in_state(ChangeState.MANUAL):
        return (Next("when that is done, the same again", remembering(result, commands)("remove")),)
    if not result.in_recycle_bin:
        return ()
    emptied = commands.with_parameters(result.plan)("remove", "--purge")
    return (Next("to empty the recycle bin of it, too, for good", emptied),)
