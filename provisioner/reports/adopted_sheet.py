"""What `adopt` found or did, as a sheet: the candidates with what speaks for each, and what stays on it."""

from __future__ import annotations

from provisioner.model.outcome import ChangeState
from provisioner.model.results import Adopted, Candidate
from provisioner.reports import wording
from provisioner.reports.applied_sheet import STATES
from provisioner.reports.sheet import Detail, Item, Kind, Mark, Next, Section, Sheet, Tone
from provisioner.reports.wording import Commands


def adopted_sheet(result: Adopted, commands: Commands, *, asking: bool = False) -> Sheet:
    """The candidates, or what became of the one that was chosen. `asking`: a question by number follows."""
    plan = result.plan
    return Sheet(
        title=f"{'Adopted' if _taken(result) else 'Adopt'}: {plan.title}",
        sandbox=plan.sandbox,
        facts=wording.facts(plan),
        parts=(
            *wording.section(
                "Applications that look like it" if result.chosen is None else "Application",
                (_item(each, f"{number}: " if asking else "") for number, each in enumerate(result.candidates, 1)),
            ),
            *_outcomes(result),
        ),
        closing=() if asking else (_sum(result), *((f"Receipt: {result.receipt}",) if result.receipt else ())),
        next=() if asking else _next(result, commands),
    )


def _item(candidate: Candidate, number: str) -> Item:
    """One candidate: its points with their reasons, and all that hangs on it beside."""
    tone = Tone.WAIT if candidate.likely else Tone.QUIET
    return Item(
        Mark.QUESTION if candidate.likely else Mark.NONE,
        f"{number}{candidate.display_name}",
        tone,
        word=f"{candidate.score} points",
        details=(
            Detail("application (client) id", candidate.app_id, kind=Kind.COPY),
            *(Detail("like it", each) for each in candidate.reasons),
            *(Detail("stays", each, kind=Kind.NAME) for each in candidate.beyond),
        ),
    )


def _outcomes(result: Adopted) -> tuple[Section, ...]:
    planned = {each.change.address: each.change for each in result.plan.changes}
    items = []
    for each in result.outcomes:
        mark, tone, word = STATES[each.state]
        said = (each.message,) if each.message and each.message != planned[each.address].summary else ()
        details = tuple(Detail("why", text) for text in said)
        advice = (Detail("advice", each.advice, Tone.WAIT),) if each.advice else ()
        items.append(Item(mark, planned[each.address].summary, tone, word, details=(*details, *advice)))
    return wording.section("Entra", items)


def _taken(result: Adopted) -> bool:
    return bool(result.outcomes) and all(each.state in (ChangeState.DONE, ChangeState.KEPT) for each in result.outcomes)


def _sum(result: Adopted) -> str:
    if result.declined:
        return "Nothing was done: the answer was no."
    if result.chosen is None:
        return "Nothing was adopted." if result.candidates else "No application here looks like it."
    return "It is an instance now; nothing of it was changed." if _taken(result) else "It is not adopted yet."


def _next(result: Adopted, commands: Commands) -> tuple[Next, ...]:
    if result.declined:
        return ()
    if result.chosen is not None:
        again = Next("to see what is missing", commands("plan"))
        return (
            (again,)
            if _taken(result)
            else (Next("to finish, the same again", commands("adopt", "--app-id", result.chosen)),)
        )
    if not result.candidates:
        return (Next("to set it up anew", commands("onboard")),)
    return (Next("to take one over", commands("adopt", "--app-id", "GUID")),)
