"""The program: the list of commands, and nothing else."""

from __future__ import annotations

import gc
import os
import sys

import typer

from provisioner.cli import (
    adopt,
    apply,
    exchange,
    handover,
    migrate,
    onboard,
    plan,
    playbooks,
    remove,
    rotate,
    sandbox,
    tenants,
    verify,
)
from provisioner.cli.running import Exit

app = typer.Typer(
    name="provisioner",
    help="Set a vendor's product up in a Microsoft Entra tenant from a playbook, prove it, and hand over the values.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    onboard.onboard,
    plan.plan,
    apply.apply,
    verify.verify,
    handover.handover,
    rotate.rotate,
    remove.remove,
    adopt.adopt,
    migrate.migrate,
):
    app.command()(command)
app.add_typer(playbooks.app, name="playbooks")
app.add_typer(tenants.app, name="tenants")
app.add_typer(exchange.app, name="exchange")
app.add_typer(sandbox.app, name="sandbox")


@app.callback(invoke_without_command=True)
def version(
    show: bool = typer.Option(False, "--version", help="Show the version.", is_eager=True),
) -> None:
    """Set a vendor's product up in a Microsoft Entra tenant from a playbook, prove it, and hand over the values."""
    if show:
        from importlib.metadata import version as installed

        typer.echo(f"provisioner {installed('provisioner')}")
        raise typer.Exit


def main() -> None:
    """Entry point of the console script.

    What a command makes lives as long as the command. So cycles are searched for only where much was made, and not at
    the end, when Python would sweep every module several times over (a tenth of a second).
    """
    gc.set_threshold(10_000)
    _end_usage_faults_as_faulty_input()
    try:
        app()
    except BrokenPipeError:
        # Whoever read our output has gone (`| head`); the work itself is done.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    finally:
        gc.freeze()


def _end_usage_faults_as_faulty_input() -> None:
    """Typer ends a wrong option with 2, which is our code for pending changes. Its class has no public name."""
    for each in typer.BadParameter.__mro__:
        if each.__name__ == "UsageError":
            each.exit_code = int(Exit.INPUT)  # type: ignore[attr-defined]
