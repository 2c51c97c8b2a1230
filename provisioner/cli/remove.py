"""`provisioner remove`: take away what is ours alone."""

from __future__ import annotations

from typing import Annotated

import typer

from provisioner.cli import options


def remove(
    playbook: options.Playbook,
    tenant: options.TenantName,
    settings: options.Settings = None,
    parameters: options.ParametersFile = None,
    yes: options.Yes = False,
    purge: Annotated[
        bool, typer.Option("--purge", help="Empty the recycle bin of our application too. Cannot be undone.")
    ] = False,
    instance: options.Instance = "default",
    variant: options.Variant = None,
    sink: options.SinkName = None,
    ticket: options.Ticket = None,
    script: options.ScriptFile = None,
    script_result: options.ScriptResultFile = None,
    output: options.Output = options.OutputForm.TERMINAL,
) -> None:
    """Take an onboarding back: rights, grants and keys first, then the application, into the recycle bin.

    Shared settings stay, and are listed with what they were before.

    Example: provisioner remove cryptshare/server --tenant sandbox
    """
    from provisioner.cli.asking import asking
    from provisioner.cli.connections import Connections
    from provisioner.cli.requesting import build_request, what_follows
    from provisioner.cli.running import finish, home, progress, run
    from provisioner.cli.verdicts import of_removed
    from provisioner.model.results import Applied
    from provisioner.workflows.remove import remove as take_away

    arguments = what_follows(playbook, tenant, instance)

    async def work() -> Applied:
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
            purge=purge,
            script=script,
            script_result=script_result,
            existing=True,
        )
        with progress(output) as shown:
            async with Connections(home(), shown) as connections:
                question = "Remove all this for good?" if purge else "Remove all this?"
                return await take_away(
                    request,
                    connections.ports(
                        asking(output, yes=yes, question=question, arguments=arguments, pause=shown.paused)
                    ),
                )

    removed = run(work, output)
    finish(output, lambda report: report.applied(removed), of_removed(removed), arguments)
