"""`provisioner rotate`: replace secrets before they end."""

from __future__ import annotations

from typing import Annotated

import typer

from provisioner.cli import options


def rotate(
    playbook: options.Playbook,
    tenant: options.TenantName,
    due: Annotated[
        str, typer.Option("--due", metavar="TIME", help="Replace what ends sooner than this: 30d, 12h.")
    ] = "30d",
    overlap: Annotated[
        str, typer.Option("--overlap", metavar="TIME", help="How long the old secret stays beside the new one.")
    ] = "7d",
    in_use: Annotated[
        bool, typer.Option("--in-use", help="The product uses the new secret already: remove the old one now.")
    ] = False,
    yes: options.Yes = False,
    instance: options.Instance = "default",
    variant: options.Variant = None,
    sink: options.SinkName = None,
    ticket: options.Ticket = None,
    output: options.Output = options.OutputForm.TERMINAL,
) -> None:
    """Replace secrets that end soon. Run it once to mint, and again after the overlap to remove the old key.

    One run never does both, also with --in-use or an overlap of 0s: the product must get the new value in between.

    Only the key that was replaced is removed, and never the last valid one.

    Example: provisioner rotate cryptshare/server --tenant contoso --due 30d --overlap 7d
    """
    from datetime import timedelta

    from provisioner.cli.asking import asking
    from provisioner.cli.connections import Connections
    from provisioner.cli.requesting import build_request, seconds, what_follows
    from provisioner.cli.running import finish, home, progress, run
    from provisioner.cli.verdicts import of_applied
    from provisioner.model.results import Applied
    from provisioner.workflows.rotate import Rotation
    from provisioner.workflows.rotate import rotate as replace_secrets

    arguments = what_follows(playbook, tenant, instance)

    async def work() -> Applied:
        rotation = Rotation(
            timedelta(seconds=seconds(due, "--due")), timedelta(seconds=seconds(overlap, "--overlap")), in_use
        )
        request = build_request(
            home(),
            playbook=playbook,
            tenant=tenant,
            settings=None,
            parameters_file=None,
            instance=instance,
            variant=variant,
            sink=sink,
            ticket=ticket,
            existing=True,
        )
        with progress(output) as shown:
            async with Connections(home(), shown) as connections:
                ports = connections.ports(
                    asking(output, yes=yes, question="Rotate?", arguments=arguments, pause=shown.paused)
                )
                return await replace_secrets(request, rotation, ports)

    rotated = run(work, output)
    if rotated.belongs_to is not None:
        host, same = rotated.belongs_to
        arguments = what_follows(host, tenant, same)
    finish(output, lambda report: report.applied(rotated), of_applied(rotated), arguments)
