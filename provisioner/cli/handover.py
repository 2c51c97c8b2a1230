"""`provisioner handover`: the vendor's form, filled in."""

from __future__ import annotations

from typing import Annotated

import typer

from provisioner.cli import options
from provisioner.cli.running import Exit


def handover(
    playbook: options.Playbook,
    tenant: options.TenantName,
    settings: options.Settings = None,
    parameters: options.ParametersFile = None,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show the secrets too. Only on a terminal.")] = False,
    instance: options.Instance = "default",
    variant: options.Variant = "guide",
    sink: options.SinkName = None,
    output: options.Output = options.OutputForm.TERMINAL,
) -> None:
    """Fill in the vendor's own form, in its own titles and order. Secrets are named by where they lie.

    Example: provisioner handover cryptshare/server --tenant contoso --reveal
    """
    from provisioner.cli.asking import asking
    from provisioner.cli.connections import Connections, PersonAtTerminal
    from provisioner.cli.requesting import build_request, what_follows
    from provisioner.cli.running import finish, home, progress, run
    from provisioner.errors import InputFault
    from provisioner.model.results import HandedOver
    from provisioner.workflows.handover import handover as fill
    from provisioner.workflows.handover import reveal as reveal_secrets

    arguments = what_follows(playbook, tenant, instance)

    async def work() -> HandedOver:
        person = PersonAtTerminal()
        if reveal and not person.interactive:
            raise InputFault(
                "--reveal shows secrets on a terminal only", advice="read the sink itself, or use a terminal"
            )
        request = build_request(
            home(),
            playbook=playbook,
            tenant=tenant,
            settings=settings,
            parameters_file=parameters,
            instance=instance,
            variant=variant,
            sink=sink,
        )
        with progress(output) as shown:
            async with Connections(home(), shown) as connections:
                ports = connections.ports(asking(output, yes=False, question="", pause=shown.paused))
                filled = await fill(request, ports)
                secrets = await reveal_secrets(request, ports) if reveal else ()
        for receipt, secret in secrets:
            await person.show_once(f"{receipt.application}, {receipt.slot}", secret)
        return filled

    filled = run(work, output)
    finish(output, lambda report: report.handed_over(filled), Exit.DONE, arguments)
