"""The vendor's own form as a sheet: its titles, in its order, with what goes in. A secret is only pointed to."""

from __future__ import annotations

from provisioner.model.results import FilledField, FilledScreen, HandedOver
from provisioner.reports import wording
from provisioner.reports.sheet import Detail, Field, Next, Screen, Sheet
from provisioner.reports.wording import Commands

NOT_THERE_YET = "(not there yet)"


def handover_sheet(result: HandedOver, commands: Commands) -> Sheet:
    """The form, filled in."""
    return Sheet(
        title=f"Hand over: {result.plan.title}",
        sandbox=result.plan.sandbox,
        facts=wording.facts(result.plan),
        parts=(*parts(result, commands), *wording.noticed(result.plan)),
        closing=closing(result),
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
    return (f"{len(fields) - empty} of {len(fields)} fields are filled in.",)


def next_steps(result: HandedOver, commands: Commands) -> tuple[Next, ...]:
    """Apply first, where something is missing."""
    if any(_is_empty(each) for screen in result.screens for each in screen.fields):
        return (Next("to have the rest", commands("apply")),)
    return ()


def _screen(screen: FilledScreen, commands: Commands) -> Screen:
    return Screen(
        screen.title,
        tuple(_field(each, commands) for each in screen.fields),
        screen.actions,
        wording.guide(screen.guide_steps),
    )


def _field(field: FilledField, commands: Commands) -> Field:
    note = (Detail("note", field.note),) if field.note else ()
    if _is_empty(field):
        return Field(field.title, NOT_THERE_YET, copied=False, details=note if field.note != "not there yet" else ())
    if field.secret is not None:
        place = wording.secret_place(field.secret, commands)
        expires = (Detail("expires", wording.day(field.secret.end)),) if field.secret.end else ()
        return Field(field.title, "(secret)", copied=False, details=(*place, *expires, *note))
    return Field(field.title, field.value or "", details=note)


def _is_empty(field: FilledField) -> bool:
    return field.value is None and (field.secret is None or field.secret.state == "missing")
