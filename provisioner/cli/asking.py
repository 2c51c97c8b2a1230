"""Showing a plan and asking. A question that nobody can answer is a refusal, never a yes."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, TypeAlias

import typer

from provisioner.cli.options import OutputForm
from provisioner.cli.running import show_plan
from provisioner.errors import InputFault

if TYPE_CHECKING:
    from provisioner.model.plan import Plan

Pause: TypeAlias = Callable[[], AbstractContextManager[None]]
"""Stops the live display while a person reads or answers."""


def asking(
    form: OutputForm, *, yes: bool, question: str, arguments: str = "", pause: Pause = nullcontext
) -> Callable[[Plan], Awaitable[bool]]:
    """The `agree` of a command: shows the plan (terminal and markdown), and asks unless `--yes` was given."""

    async def agree(plan: Plan) -> bool:
        with pause():
            if form is not OutputForm.JSON:
                show_plan(plan, arguments)
            if yes:
                return True
            if not sys.stdin.isatty():
                raise InputFault("nobody is there to say yes", advice="look at the plan, then give --yes")
            with interruptible():
                return typer.confirm(question, default=False, err=True)

    return agree


@contextmanager
def interruptible() -> Iterator[None]:
    """While a person is asked on the main thread, Ctrl-C ends the question.

    asyncio's own handler only cancels a task, and the terminal would go on waiting for a line, perhaps without an
    echo. Nothing else of ours is under way meanwhile, so the loop may stand still. Ctrl-D is meant the same.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except (typer.Abort, EOFError):
        raise KeyboardInterrupt from None
    finally:
        signal.signal(signal.SIGINT, before)
