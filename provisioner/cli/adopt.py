"""`provisioner adopt`: an application that was made by hand becomes an instance."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from provisioner.cli import options

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from provisioner.cli.asking import Pause
    from provisioner.model.identifiers import AppId
    from provisioner.model.results import Adopted


def adopt(
    playbook: options.Playbook,
    tenant: options.TenantName,
    app_id: Annotated[
        Optional[str],  # noqa: UP045 typer reads it at run time
        typer.Option("--app-id", metavar="GUID", help="The application (client) id; without it, candidates are shown."),
    ] = None,
    settings: options.Settings = None,
    parameters: options.ParametersFile = None,
    yes: options.Yes = False,
    instance: options.Instance = "default",
    variant: options.Variant = None,
    sink: options.SinkName = None,
    ticket: options.Ticket = None,
    output: options.Output = options.OutputForm.TERMINAL,
) -> None:
    """Take over an application that somebody set up by hand, instead of making a second one.

    Shows which applications look like the product, why, and what else hangs on each. Only our tag is added: name,
    secrets, redirects, permissions and grants stay, and `remove` leaves them. `plan` then shows what is missing.

    Ends with 3 where none was chosen.

    Example: provisioner adopt cryptshare/server --tenant contoso --set sender_mailbox=noreply@contoso.com
    """
    from provisioner.cli.asking import asking
    from provisioner.cli.connections import Connections
    from provisioner.cli.requesting import application_id, build_request, what_follows
    from provisioner.cli.running import finish, home, progress, run
    from provisioner.cli.verdicts import of_adopted
    from provisioner.workflows.adopt import adopt as take_over

    arguments = what_follows(
        playbook, tenant, instance, settings=settings, parameters_file=parameters, sink=sink, variant=variant
    )

    async def work() -> Adopted:
        request = build_request(
            home(),
            playbook=playbook,
            tenant=tenant,
            settings=settings,
            parameters_file=parameters,
            instance=instance,
            variant=variant,
            sink=sink,
            ticket=ticket,
        )
        chosen = application_id(app_id)
        with progress(output) as shown:
            async with Connections(home(), shown) as connections:
                ports = connections.ports(
                    asking(output, yes=yes, question="Adopt it?", arguments=arguments, pause=shown.paused)
                )
                choose = choosing(output, arguments, shown.paused)
                return await take_over(request, ports, app_id=chosen, choose=choose)

    adopted = run(work, output)
    finish(output, lambda report: report.adopted(adopted), of_adopted(adopted), arguments)


def choosing(form: options.OutputForm, arguments: str, pause: Pause) -> Callable[[Adopted], Awaitable[AppId | None]]:
    """Shows the candidates and asks for one. Where nobody is there to choose, nobody does."""

    async def choose(offered: Adopted) -> AppId | None:
        from provisioner.cli.asking import interruptible
        from provisioner.cli.running import show_candidates

        if not sys.stdin.isatty() or form is options.OutputForm.JSON:
            return None
        most = len(offered.candidates)
        with pause():
            show_candidates(offered, arguments)
            number = -1
            while not 0 <= number <= most:
                question = f"Which one, 1 to {most} (0: none of them)" if most > 1 else "This one, 1 (0: no)"
                with interruptible():
                    number = typer.prompt(question, default=0, type=int, err=True)
        return offered.candidates[number - 1].app_id if number else None

    return choose
