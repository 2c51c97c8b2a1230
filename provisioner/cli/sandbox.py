"""`provisioner sandbox`: the simulated tenant. The only command that imports the simulator."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from provisioner.cli import options
from provisioner.cli.running import fail, home, show
from provisioner.errors import InputFault, ProvisionerError

if TYPE_CHECKING:
    from threading import Event
    from types import ModuleType

app = typer.Typer(help="A simulated tenant on this machine: nothing you do there is real.", no_args_is_help=True)

LAST_PORT = 2**16 - 6
"""The highest first one: five more follow it."""

BANNER = "SANDBOX: a simulated tenant on loopback. Nothing here is real; never enter a real secret."


class Profile(StrEnum):
    """How the simulated services behave."""

    CALM = "calm"
    REALISTIC = "realistic"
    HOSTILE = "hostile"


Directory = Annotated[
    Optional[Path],  # noqa: UP045 typer reads it at run time
    typer.Option("--directory", metavar="DIR", help="Where its state lies.  [default: PROVISIONER_HOME/sandbox]"),
]


@app.command("serve")
def serve(
    port: Annotated[
        int,
        typer.Option(
            "--port", metavar="N", min=0, max=LAST_PORT, help="First of its six ports; 0: as last time, else free ones."
        ),
    ] = 0,
    profile: Annotated[Profile, typer.Option("--profile", help="How the services behave.")] = Profile.CALM,
    seed: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option("--seed", metavar="N", help="Repeats a run's faults."),
    ] = None,
    virtual_clock: Annotated[
        bool, typer.Option("--virtual-clock", help="Time moves only when somebody waits.")
    ] = False,
    directory: Directory = None,
    until_stdin_closes: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Run the sandbox until it is interrupted. Other commands with `--tenant sandbox` then use it.

    Example: provisioner sandbox serve --profile realistic --seed 7
    """
    server = _simulator()
    import threading

    from provisioner.cli import sandbox_process

    place = _directory(directory)
    try:
        sandbox_process.prepare(place)
        if sandbox_process.running(place) is not None:
            raise InputFault(
                f"a sandbox is already running in {place}",
                advice="use it: --tenant sandbox; or look at it: `provisioner sandbox show`; a second: --directory DIR",
            )
    except ProvisionerError as error:
        fail(error, options.OutputForm.TERMINAL)

    stop = threading.Event()
    if until_stdin_closes:
        threading.Thread(target=_watch_stdin, args=(stop,), daemon=True).start()

    def ready(published: dict[str, Any]) -> None:
        typer.echo(BANNER, err=True)
        typer.echo(
            f"profile {published['profile']}, seed {published['seed']}, "
            f"management {published['management']}, stop with Ctrl-C",
            err=True,
        )

    try:
        server.serve(
            place,
            port=port,
            profile=profile.value,
            seed=seed,
            virtual_clock=virtual_clock,
            until=stop,
            ready=ready,
        )
    except OSError as error:
        fail(_not_served(error, port), options.OutputForm.TERMINAL)


@app.command("show")
def show_state(directory: Directory = None, output: options.Output = options.OutputForm.TERMINAL) -> None:
    """Show what the simulated tenant holds: mailboxes, their mail, applications."""
    from provisioner.cli import sandbox_process

    try:
        found = sandbox_process.ensure(_directory(directory))
        mailboxes = sandbox_process.call(found.management, "GET", "/mailboxes")["mailboxes"]
        state = sandbox_process.call(found.management, "GET", "/state")
    except ProvisionerError as error:
        fail(error, output)
    for each in mailboxes:
        each["messages"] = [
            {name: message.get(name) for name in ("subject", "from", "receivedDateTime")}
            for message in state.get("messages", [])
            if message["mailbox"] == each["primarySmtpAddress"].lower() and message["folder"] == "inbox"
        ]
    applications = [
        {
            "displayName": each["displayName"],
            "appId": each["appId"],
            "secrets": len(each.get("passwordCredentials", [])),
        }
        for each in state.get("applications", [])
        if not each.get("deletedDateTime")
    ]
    if output is options.OutputForm.JSON:
        content = {"schemaVersion": 1, "sandbox": True, "mailboxes": mailboxes, "applications": applications}
        typer.echo(json.dumps(content, indent=2))
        return
    typer.echo(BANNER, err=True)
    show(
        output,
        "Mailboxes",
        ("mailbox", "kind", "mails in the inbox", "the newest"),
        [
            (
                each["primarySmtpAddress"],
                each["recipientTypeDetails"],
                str(len(each["messages"])),
                str(each["messages"][-1]["subject"]) if each["messages"] else "",
            )
            for each in mailboxes
        ],
    )
    show(
        output,
        "Applications",
        ("application", "application id", "secrets"),
        [(each["displayName"], each["appId"], str(each["secrets"])) for each in applications],
    )


@app.command("reset")
def reset(directory: Directory = None) -> None:
    """Forget everything: the next start makes a fresh tenant."""
    from provisioner.cli import sandbox_process

    place = _directory(directory)
    found = sandbox_process.running(place)
    if found is not None:
        sandbox_process.call(found.management, "POST", "/reset")
        typer.echo("the running sandbox was reset", err=True)
        return
    _simulator().reset(place)
    typer.echo("the sandbox's state was removed", err=True)


def _not_served(error: OSError, port: int) -> ProvisionerError:
    """Why it does not run: a port that was asked for is the caller's to change, all else the machine's."""
    said = error.strerror or str(error)
    if port and error.filename is None:
        return InputFault(
            f"the sandbox cannot have the ports {port} to {port + 5}: {said}",
            advice="name others with --port, or leave it out",
        )
    return ProvisionerError(f"the sandbox does not run: {said}", advice="see that its directory can be written to")


def _directory(given: Path | None) -> Path:
    return given if given is not None else home().root / "sandbox"


def _simulator() -> ModuleType:
    try:
        from provisioner.sandbox import server
    except ImportError:
        fail(
            InputFault("the sandbox is not installed here", advice="pip install 'provisioner[sandbox]'"),
            options.OutputForm.TERMINAL,
        )
    return server


def _watch_stdin(stop: Event) -> None:
    """Standard input closes when our starter ends, however it ends."""
    while sys.stdin.buffer.read(1024):
        pass
    stop.set()
