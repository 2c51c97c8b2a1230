"""How a command runs: the only `asyncio.run`, the one place where errors are printed, and the exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import typer

from provisioner.cli.options import OutputForm
from provisioner.errors import ProvisionerError

if TYPE_CHECKING:
    from provisioner.home import Home
    from provisioner.model.plan import Plan
    from provisioner.model.results import Adopted
    from provisioner.reports import Progress, Report
    from provisioner.reports.sheet import Sheet

T = TypeVar("T")


class Exit(IntEnum):
    """Exit codes; stable API."""

    DONE = 0
    FAILED = 1
    PENDING = 2
    LEFT = 3
    INPUT = 4
    REFUSED = 5
    NOT_YET = 6
    INTERRUPTED = 130


def run(work: Callable[[], Coroutine[Any, Any, T]], form: OutputForm) -> T:
    """The result of `work`; every error of ours is shown once, here, and ends the process."""
    import asyncio

    def told_once(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Reads that failed beside the one whose error is told say nothing more; our own bugs still do."""
        if not isinstance(context.get("exception"), ProvisionerError):
            loop.default_exception_handler(context)

    async def worked() -> T:
        asyncio.get_running_loop().set_exception_handler(told_once)
        return await work()

    try:
        return asyncio.run(worked())
    except ProvisionerError as error:
        fail(error, form)
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.stderr.write("\ninterrupted; what was begun is noted. The same command again finishes it.\n")
        raise typer.Exit(Exit.INTERRUPTED) from None


def home() -> Home:
    """Our home directory: `PROVISIONER_HOME`, or the platform's usual place."""
    from provisioner.home import Home, default_root

    return Home(default_root())


def progress(form: OutputForm) -> Progress:
    """A listener for progress, on stderr: live on a terminal, a line an event elsewhere, silent for JSON."""
    from provisioner import reports

    return reports.progress(sys.stderr, quiet=form is OutputForm.JSON)


def show_plan(plan: Plan, arguments: str) -> None:
    """Show a plan that is about to be asked about: talk, not a result."""
    from provisioner.reports import propose

    propose(plan, sys.stderr, arguments=arguments, width=_width())


def show_candidates(offered: Adopted, arguments: str) -> None:
    """Show numbered candidates that are about to be asked about: talk, not a result."""
    from provisioner.reports import offer

    offer(offered, sys.stderr, arguments=arguments, width=_width())


def finish(form: OutputForm, shown: Callable[[Report], None], code: Exit, arguments: str | None = None) -> NoReturn:
    """Show a result and end. `arguments` is what to type after the next command's name."""
    shown(report_for(form, arguments))
    raise typer.Exit(code)


def show(form: OutputForm, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Show a plain list."""
    from provisioner.cli.lists import write_list

    write_list(form, title, columns, rows)


def show_sheet(form: OutputForm, sheet: Sheet) -> None:
    """Show for people what is no workflow's result."""
    from provisioner.reports import Form, draw

    draw(sheet, Form(form.value), sys.stdout, width=_width())


def fail(error: ProvisionerError, form: OutputForm) -> NoReturn:
    """Show an error and end with its exit code."""
    from provisioner.reports import Form, open_report

    # JSON is the result, whatever it says; for people an error is talk.
    stream = sys.stdout if form is OutputForm.JSON else sys.stderr
    open_report(Form(form.value), stream, width=_width()).error(error)
    raise typer.Exit(error.exit_code) from None


def report_for(form: OutputForm, arguments: str | None = None) -> Report:
    """The report that was asked for, on this process's own streams."""
    from provisioner.reports import Form, open_report

    return open_report(Form(form.value), sys.stdout, arguments=arguments, width=_width())


def _width() -> int | None:
    """A fixed width where the environment asks for one (COLUMNS), else the terminal's."""
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isdigit() else None
