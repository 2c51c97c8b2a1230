"""What a person or a program reads: one result, one file per form, the same interface. Used by cli/ alone.

Results go to the stream that cli/ gives (stdout), talk to the other one (stderr). Every text that reaches a report may
come from a stranger (display names do), so no form ever interprets one: see `legible`.
Members are imported when they are asked for, because rich must not be paid for by `--help`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TextIO, TypeAlias, assert_never

from provisioner.model.outcome import SecretParameter, SecretReceipt
from provisioner.model.plan import Plan
from provisioner.model.results import Adopted, HandedOver
from provisioner.model.secret import Letter, Secret
from provisioner.reports.interface import Progress, Report
from provisioner.reports.sheet import Sheet
from provisioner.reports.silence import Silence

__all__ = [
    "Form",
    "Progress",
    "Report",
    "draw",
    "env_file",
    "field_title",
    "letter",
    "offer",
    "open_report",
    "progress",
    "propose",
    "reminders",
    "svg",
]

Values: TypeAlias = Mapping[tuple[str, str], Secret]
"""Secrets by application and slot, on their way into a letter that is going to be sealed. Nothing here looks at one."""


class Form(StrEnum):
    """The forms there are. A new one is one file and one line in `open_report`."""

    TERMINAL = "terminal"
    JSON = "json"
    MARKDOWN = "markdown"
    HTML = "html"


def open_report(form: Form, stream: TextIO, *, arguments: str | None = None, width: int | None = None) -> Report:
    """The report of one form that writes to `stream`.

    `arguments` is what follows a command's name as the person typed it (`cryptshare/server --tenant contoso`), quoted
    for their shell: the report says what to type next. `width` in columns; None asks the terminal.
    """
    match form:
        case Form.TERMINAL:
            from provisioner.reports.terminal import TerminalReport, console_on

            return TerminalReport(console_on(stream, width), arguments=arguments)
        case Form.JSON:
            from provisioner.reports.json_text import JsonReport

            return JsonReport(stream)
        case Form.MARKDOWN:
            from provisioner.reports.markdown import MarkdownReport

            return MarkdownReport(stream, arguments=arguments)
        case Form.HTML:
            from provisioner.reports.html_page import HtmlReport

            return HtmlReport(stream, arguments=arguments)
        case _:
            assert_never(form)


def draw(sheet: Sheet, form: Form, stream: TextIO, *, width: int | None = None) -> None:
    """Draw a sheet that is no workflow's result, for people: as Markdown, or else for a terminal."""
    from provisioner.reports.markdown import MarkdownReport
    from provisioner.reports.terminal import TerminalReport, console_on

    if form is Form.MARKDOWN:
        MarkdownReport(stream).draw(sheet)
    else:
        TerminalReport(console_on(stream, width)).draw(sheet)


def propose(plan: Plan, stream: TextIO, *, arguments: str | None = None, width: int | None = None) -> None:
    """Show a plan to the person who is about to be asked. Always for the eyes, whatever form the result will have."""
    from provisioner.reports.terminal import TerminalReport, console_on

    TerminalReport(console_on(stream, width), arguments=arguments).proposed(plan)


def offer(result: Adopted, stream: TextIO, *, arguments: str | None = None, width: int | None = None) -> None:
    """Show numbered candidates to the person who is about to be asked for one."""
    from provisioner.reports.terminal import TerminalReport, console_on

    TerminalReport(console_on(stream, width), arguments=arguments).offered(result)


def progress(stream: TextIO, *, quiet: bool = False) -> Progress:
    """A listener for events, as a context manager: a live display on a terminal, else one plain line per event.

    With `quiet`, none of it.
    """
    if quiet:
        return Silence()
    from provisioner.reports.display import Display

    return Display(stream)


def svg(plan: Plan, *, arguments: str | None = None) -> str:
    """The picture of a plan, as a terminal of 100 columns shows it. The same plan gives the same picture."""
    from provisioner.reports.terminal import picture

    return picture(plan, arguments=arguments)


def env_file(result: HandedOver, values: Values | None = None) -> Letter:
    """The vendor's form as an env file. Without `values` it holds no secret, and all of the letter is plain text."""
    from provisioner.reports.env_text import env_file as written

    return written(result, values)


def letter(result: HandedOver, values: Values) -> Letter:
    """The vendor's form with its secrets, for a person, to be sealed."""
    from provisioner.reports.letter_text import letter as written

    return written(result, values)


def field_title(result: HandedOver, held: SecretReceipt | SecretParameter) -> str:
    """What the vendor's form calls one of its secrets."""
    from provisioner.reports.wording import field_title as written

    return written(result, held)


def reminders(result: HandedOver, *, arguments: str | None = None) -> str | None:
    """When each secret ends, as a calendar file; None where none does."""
    from provisioner.reports.calendar_text import reminders as written

    return written(result, arguments)
