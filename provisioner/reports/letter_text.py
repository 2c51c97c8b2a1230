"""The vendor's form with its secrets, as a text that is only ever read after somebody has decrypted it.

For a person: every title, and the value on a line of its own, so that a triple click takes exactly the value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from provisioner.model.results import FilledField, HandedOver
from provisioner.model.secret import Inset, Letter, Secret
from provisioner.reports.legible import legible, prose
from provisioner.reports.wording import SANDBOX, instant


def letter(result: HandedOver, values: Mapping[tuple[str, str], Secret]) -> Letter:
    """The form in full. `values` by what holds them."""
    plan = result.plan
    lines: list[str | Inset] = [
        prose(plan.title),
        prose(f"for {plan.tenant_name}, seen at {instant(result.seen_at)}"),
        *((SANDBOX,) if plan.sandbox else ()),
    ]
    for screen in result.screens:
        lines += ["", f"== {prose(screen.title)} =="]
        for number, field in enumerate(screen.fields, 1):
            lines += ["", *_field(number, field, values)]
        lines += ["", *(f"{n}. {prose(each)}" for n, each in enumerate(screen.actions, len(screen.fields) + 1))]
    return tuple(part for line in lines for part in (line, "\n"))


def _field(number: int, field: FilledField, values: Mapping[tuple[str, str], Secret]) -> Iterator[str | Inset]:
    yield f"{number}. {prose(field.title)}"
    held = field.secret or field.parameter
    secret = values.get(held.held_as) if held is not None else None
    if secret is not None:
        yield Inset(secret)
    elif field.parameter is not None:
        yield "(yours to enter)"
    else:
        yield legible(field.value) if field.value is not None else "(not there yet)"
    if field.secret is not None and field.secret.end is not None:
        yield f"(expires {instant(field.secret.end)})"
    if field.note:
        yield f"({prose(field.note)})"
