"""A playbook as a person reads it before they use it: what to have at hand, which variant, what to know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.cli.requesting import DEFAULT_INSTANCE, DEFAULT_VARIANT, what_follows
from provisioner.reports import wording
from provisioner.reports.sheet import Detail, Item, Kind, Mark, Next, Section, Sheet, Tone

if TYPE_CHECKING:
    from provisioner.playbook import Parameter, Playbook, Variant

BY_REFERENCE = "a secret: say where it lies, as env:NAME, file:PATH or prompt:, never the secret itself"
TENANT = "TENANT"
"""Stands in the commands for the tenant's name."""


def playbook_sheet(book: Playbook, called: str) -> Sheet:
    """Everything to know before the first plan. `called` is the name or path that was typed."""
    given = [f"{name}={_text(each.example)}" for name, each in book.parameters.items() if each.required]
    arguments = what_follows(called, TENANT, DEFAULT_INSTANCE, settings=given)
    return Sheet(
        title=f"{book.title} ({book.id})",
        sandbox=False,
        facts=(
            Detail("what", book.summary),
            Detail("guide", f"{book.guide.title}, read on {book.guide.read_on}"),
            Detail("at", book.guide.url, kind=Kind.COPY),
        ),
        parts=(
            *wording.section("Parameters", (_parameter(name, each) for name, each in book.parameters.items())),
            *wording.section("Variants", (_variant(name, each) for name, each in book.variants.items())),
            *_warnings(book),
        ),
        closing=(),
        next=(Next("with the customer's own values", f"provisioner plan {arguments}"),),
    )


def _parameter(name: str, parameter: Parameter) -> Item:
    said = [Detail("type", parameter.type)]
    if parameter.help:
        said.append(Detail("help", parameter.help))
    if parameter.secret and "env:" not in (parameter.help or ""):
        said.append(Detail("give", BY_REFERENCE))
    for label, value in (("default", parameter.default), ("example", parameter.example)):
        if value is not None:
            said.append(Detail(label, _text(value), kind=Kind.COPY))
    if parameter.choices:
        said.append(Detail("one of", wording.either(parameter.choices)))
    asked = parameter.required
    return Item(
        Mark.NONE,
        f"{name}: {parameter.title}",
        word="required" if asked else "optional",
        tone=Tone.WAIT if asked else Tone.QUIET,
        details=tuple(said),
    )


def _variant(name: str, variant: Variant) -> Item:
    roles = (
        ("registers", variant.roles_needed.entra),
        ("consents", variant.roles_needed.consent),
        ("exchange", variant.roles_needed.exchange),
    )
    return Item(
        Mark.NONE,
        f"{name}{' (unless you say --variant)' if name == DEFAULT_VARIANT else ''}: {variant.summary}",
        details=tuple(Detail(label, wording.either(who)) for label, who in roles if who),
    )


def _warnings(book: Playbook) -> tuple[Section, ...]:
    """Those of all variants first, then what only one of them has. A parameter shows as its title, without a value."""
    from provisioner.playbook.templates import expand

    titles = {name: f"<{each.title}>" for name, each in book.parameters.items()}
    texts = {name: [expand(each.text, titles) for each in variant.warnings] for name, variant in book.variants.items()}
    shared = [each for each in next(iter(texts.values())) if all(each in others for others in texts.values())]
    sections = [("Good to know", shared)]
    sections += [
        (f"Good to know for {name}", [each for each in own if each not in shared]) for name, own in texts.items()
    ]
    return tuple(
        each
        for title, told in sections
        for each in wording.section(title, (Item(Mark.STOP, text, Tone.WAIT) for text in told))
    )


def _text(value: object) -> str:
    return "" if value is None else str(value)
