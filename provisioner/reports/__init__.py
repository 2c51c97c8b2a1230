"""What a person or a program reads: one result, one file per form, the same interface. Used by cli/ alone.

Results go to the stream that cli/ gives (stdout), talk to the other one (stderr). Every text that reaches a report may
come from a stranger (display names do), so no form ever interprets one: see `legible`.
Members are imported when they are asked for, because rich must not be paid for by `--help`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, TextIO, assert_never

from provisioner.model.plan import Plan
from provisioner.reports.interface import Report

if TYPE_CHECKING:
    from provisioner.reports.progress import Progress

__all__ = ["Form", "Report", "open_report", "progress", "propose", "svg"]


class Form(StrEnum):
    """The forms there are. A new one is one file and one line in `open_report`."""

    TERMINAL = "terminal"
    JSON = "json"
    MARKDOWN = "markdown"


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
        case _:
            assert_never(form)


def propose(plan: Plan, stream: TextIO, *, arguments: str | None = None, width: int | None = None) -> None:
    """Show a plan to the person who is about to be asked. Always for the eyes, whatever form the result will have."""
    from provisioner.reports.terminal import TerminalReport, console_on

    TerminalReport(console_on(stream, width), arguments=arguments).proposed(plan)


def progress(stream: TextIO, *, quiet: bool = False) -> Progress:
    """A listener for events, as a context manager: a live display on a terminal, else one plain line per event."""
    from provisioner.reports.progress import Progress

    return Progress(stream, quiet=quiet)


def svg(plan: Plan, *, arguments: str | None = None) -> str:
    """The picture of a plan, as a terminal of 100 columns shows it. The same plan gives the same picture."""
    from provisioner.reports.terminal import picture

    return picture(plan, arguments=arguments)
