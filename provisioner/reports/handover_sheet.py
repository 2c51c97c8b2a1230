"""The vendor's own form as a sheet: its titles, in its order, with what goes in. A secret is only pointed to.

With evidence there follow the proofs and what has been set up, each with the guide's step, who did it and when: what
the guides want screenshots for.
"""

from __future__ import annotations

from provisioner.model.change import Action, Manual, Part, PlannedChange
from provisioner.model.results import Deed, FilledField, FilledScreen, HandedOver, Verified
from provisioner.reports import verified_sheet, wording
from provisioner.reports.plan_sheet import standing
from provisioner.reports.sheet import Detail, Field, Item, Kind, Mark, Next, Screen, Sheet, Tone
from provisioner.reports.sheet import Part as SheetPart
from provisioner.reports.wording import Commands

NOT_THERE_YET = "(not there yet)"
NOT_GIVEN = "(yours to enter)"

EVIDENCE_TITLES = {
    Part.CONSENT: "Permissions granted",
    Part.ENTRA: "Set up in Entra",
    Part.EXCHANGE: "Set up in Exchange",
}
"""In the order of what a vendor's support asks for."""


def handover_sheet(result: HandedOver, commands: Commands) -> Sheet:
    """The form, filled in, and the evidence that came with it."""
    seen = (Detail("seen at", wording.instant(result.seen_at)),) if result.plan.changes else ()
    return Sheet(
        title=f"Hand over: {result.plan.title}",
        sandbox=result.plan.sandbox,
        facts=(*wording.facts(result.plan), *seen),
        parts=(*parts(result, commands), *_evidence(result, commands), *wording.noticed(result.plan)),
        closing=(*closing(result), *_sum(result)),
        next=next_steps(result, commands),
    )


def parts(result: HandedOver, commands: Commands) -> tuple[Screen, ...]:
    """The screens."""
    return tuple(_screen(each, commands) for each in result.screens)


def closing(result: HandedOver) -> tuple[str, ...]:
    """Whether the form is complete."""
    fields = [each for screen in result.screens for each in screen.fields]
    empty = sum(_is_empty(each) for each in fields)
    if not fields:
        return ("The playbook names nothing to enter.",)
    are = "field is" if len(fields) == 1 else "fields are"
    return (f"{len(fields) - empty} of {len(fields)} {are} filled in.",)


def next_steps(result: HandedOver, commands: Commands) -> tuple[Next, ...]:
    """Apply first, where something is missing; then prove."""
    missing = any(_is_missing(each) for screen in result.screens for each in screen.fields)
    if missing or not all(wording.is_by_hand(each) for each in result.plan.pending):
        return (Next("to have the rest", commands("apply")),)
    if result.plan.pending:
        return (Next("when it is done by hand, to see that nothing is left", commands("plan")),)
    proven = _verified(result)
    return verified_sheet.next_steps(proven, commands) if verified_sheet.unproven(proven) else ()


def _verified(result: HandedOver) -> Verified:
    return Verified(result.plan, result.proofs, result.secrets)


def _evidence(result: HandedOver, commands: Commands) -> tuple[SheetPart, ...]:
    if not result.plan.changes:
        return ()
    plan = result.plan
    deeds = {each.address: each for each in result.deeds}
    done = (
        each
        for part, title in EVIDENCE_TITLES.items()
        for each in wording.section(
            title,
            (_done(one, deeds.get(one.change.address)) for one in plan.changes if one.change.part is part),
        )
    )
    return (
        *verified_sheet.parts(_verified(result)),
        *wording.applications(plan),
        *done,
        *wording.secrets(result.secrets, plan, commands),
        *wording.by_hand(plan.manual),
        *wording.cautions(plan.warnings),
        *wording.incomplete(plan),
    )


def _sum(result: HandedOver) -> tuple[str, ...]:
    if not result.plan.changes:
        return ()
    number = len(result.plan.changes)
    settings = (f"{number - len(result.plan.pending)} of {number} settings are in the tenant as wanted.",)
    return (*settings, *verified_sheet.closing(_verified(result)))


def _done(planned: PlannedChange, deed: Deed | None) -> Item:
    change = planned.change
    aside = wording.guide(change.guide_steps)
    notes = tuple(Detail("note", each) for each in change.notes)
    if change.action is not Action.KEEP:
        by_hand = isinstance(planned.standing, Manual)
        mark, tone, word = (Mark.HAND, Tone.WAIT, "by hand") if by_hand else (Mark.CROSS, Tone.ALARM, "missing")
        return Item(mark, change.summary, tone, word, aside, (*standing(planned), *notes))
    title = f"{change.summary}: {change.reason}" if change.reason else change.summary
    reach = (Detail("reaches", change.reach),) if change.reach else ()
    return Item(Mark.TICK, title, Tone.GOOD, "done", aside, (*reach, *notes, *(_deed(deed) if deed else ())))


def _deed(deed: Deed) -> tuple[Detail, ...]:
    return (
        Detail("by", f"{deed.who}, {wording.instant(deed.when)}", kind=Kind.NAME),
        *((Detail("ticket", deed.ticket, kind=Kind.NAME),) if deed.ticket else ()),
        *((Detail("request id", deed.request_id, Tone.QUIET, Kind.COPY),) if deed.request_id else ()),
    )


def _screen(screen: FilledScreen, commands: Commands) -> Screen:
    return Screen(
        screen.title,
        tuple(_field(each, commands) for each in screen.fields),
        screen.actions,
        wording.guide(screen.guide_steps),
    )


def _field(field: FilledField, commands: Commands) -> Field:
    note = (Detail("note", field.note),) if field.note else ()
    if field.parameter is not None:
        reference = field.parameter.reference
        if reference is None:
            return Field(field.title, NOT_GIVEN, copied=False, details=note)
        where = Detail("where", reference, kind=Kind.COPY, to_others="with whoever set it up")
        return Field(field.title, "(secret)", copied=False, details=(where, *note))
    if _is_missing(field):
        return Field(field.title, NOT_THERE_YET, copied=False, details=note if field.note != "not there yet" else ())
    if field.secret is not None:
        place = wording.secret_place(field.secret, commands)
        expires = (Detail("expires", wording.day(field.secret.end)),) if field.secret.end else ()
        return Field(field.title, "(secret)", copied=False, details=(*place, *expires, *note))
    return Field(field.title, field.value or "", details=note)


def _is_empty(field: FilledField) -> bool:
    if field.parameter is not None:
        return field.parameter.reference is None
    return _is_missing(field)


def _is_missing(field: FilledField) -> bool:
    """Whether it is `apply` that brings it."""
    secret = field.secret is None or field.secret.state == "missing"
    return field.value is None and field.parameter is None and secret
