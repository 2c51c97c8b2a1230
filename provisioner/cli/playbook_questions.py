"""The questions of `playbooks new`: a person with a vendor's guide in hand answers them in a few minutes.

Answers may be piped, one per line. What is asked wrongly is asked again, with what it may have meant.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from provisioner.errors import InputFault

if TYPE_CHECKING:
    from provisioner.model.declared import Permission
    from provisioner.playbook.drafting import Answers, FormField, SignsIn, Source

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*/[a-z0-9]+(-[a-z0-9]+)*")
_URL = re.compile(r"https://\S+")

T = TypeVar("T", bound=str)


def answers(playbook_id: str, guide: Path, today: date) -> Answers:
    """Everything that a draft needs. Raises `InputFault` for a wrong id and a guide that cannot be read."""
    from provisioner.playbook import drafting

    if not _ID.fullmatch(playbook_id) or len(playbook_id) > 48:
        raise InputFault(
            f"{playbook_id!r} cannot name a playbook",
            advice="write vendor/product in lower-case letters, digits and dashes, such as acme/mailer",
        )
    try:
        digest = hashlib.sha256(guide.read_bytes()).hexdigest()
    except OSError as error:
        raise InputFault(f"{guide}: {error.strerror}", advice="--guide takes the guide as a saved file") from error
    vendor = _asked("The vendor's name")
    product = _asked("The product's name")
    title = _asked("The guide's title")
    url = _asked("Where the guide is published (https://...)", _URL.fullmatch, "an address that starts with https://")
    signs_in = _chosen("How does the product sign in?", tuple(drafting.SignsIn))
    permissions = tuple(_permissions(signs_in))
    redirect = None
    if signs_in is drafting.SignsIn.WITH_BROWSER:
        redirect = _asked(
            "The redirect URI that the guide names", _URL.fullmatch, "an address that starts with https://"
        )
    screen = _asked("Where the product asks for the values (the way to the screen, in the vendor's words)")
    return drafting.Answers(
        id=playbook_id,
        vendor=vendor,
        product=product,
        guide_title=title,
        guide_url=url,
        guide_sha256=digest,
        read_on=today,
        signs_in=signs_in,
        permissions=permissions,
        redirect=redirect,
        screen=screen,
        fields=tuple(_fields(signs_in)),
    )


def _permissions(signs_in: SignsIn) -> Iterator[Permission]:
    """The guide's permissions, one per line; at least one."""
    from provisioner import catalogue
    from provisioner.playbook import drafting

    typer.echo("The permissions that the guide lists, one per line. An empty line ends the list.", err=True)
    seen: set[Permission] = set()
    while True:
        name = _line("Permission" if seen else "First permission")
        if not name and seen:
            return
        found = drafting.candidates(name, signs_in) if name else ()
        if not found:
            hints = "; ".join(drafting.near(name, signs_in)) if name else "at least one is needed"
            typer.echo(f"  There is no such permission. {hints}".rstrip(), err=True)
            continue
        chosen = found[0]
        if len(found) > 1:
            names = {_api_name(catalogue.resource(each.resource_app_id)): each for each in found}
            chosen = names[_chosen(f"Which {name}?", tuple(names))]
        if chosen not in seen:
            seen.add(chosen)
            yield chosen


def _api_name(found: tuple[str, str] | None) -> str:
    assert found is not None, "candidates come from the catalogue"
    return found[1]


def _fields(signs_in: SignsIn) -> Iterator[FormField]:
    """The fields of the vendor's form, in its order; at least one."""
    from provisioner.playbook.drafting import FormField, SignsIn, Source

    typer.echo("The fields of that screen, in order and letter by letter. An empty line ends the list.", err=True)
    has_password = signs_in is SignsIn.WITH_PASSWORD
    sources: tuple[Source, ...] = tuple(each for each in Source if each is not Source.PASSWORD or has_password)
    first = True
    while True:
        title = _line("First field's title" if first else "Field's title")
        if not title:
            if not first:
                return
            continue
        first = False
        source = _chosen("What goes in?", sources)
        text = _asked("The text") if source is Source.TEXT else ""
        yield FormField(title[:250], source, text[:250])


def _asked(question: str, good: Callable[[str], object] = bool, must_be: str = "something") -> str:
    """An answer that is good."""
    while True:
        given = _line(question)
        if good(given):
            return given[:250]
        typer.echo(f"  It must be {must_be}.", err=True)


def _chosen(question: str, choices: tuple[T, ...]) -> T:
    """One of several, by its number."""
    typer.echo(question, err=True)
    for number, each in enumerate(choices, 1):
        typer.echo(f"  {number}  {each}", err=True)
    while True:
        given = _line("Number")
        if given.isascii() and given.isdigit() and 1 <= int(given) <= len(choices):
            return choices[int(given) - 1]
        typer.echo(f"  A number from 1 to {len(choices)}.", err=True)


def _line(question: str) -> str:
    """One line of answer, perhaps empty. The end of a pipe ends the command."""
    given = typer.prompt(question, default="", show_default=False, err=True)
    return str(given).strip()
