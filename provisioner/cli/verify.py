"""`provisioner verify`: prove that the product can do its work, and nothing else."""

from __future__ import annotations

from provisioner.cli import options


def verify(
    playbook: options.Playbook,
    tenant: options.TenantName,
    settings: options.Settings = None,
    parameters: options.ParametersFile = None,
    wait: options.Wait = "0",
    send: options.Send = False,
    instance: options.Instance = "default",
    variant: options.Variant = None,
    sink: options.SinkName = None,
    output: options.Output = options.OutputForm.TERMINAL,
) -> None:
    """Sign in as the product would, and try what it must be able to do and what it must not.

    Ends with 0 when what was tried is proven, 1 when something fails, 3 when nothing could be proven at all, 6 when
    something is not possible yet. Without --send, sending stays unproven.

    Example: provisioner verify cryptshare/server --tenant contoso --send --wait 2h
    """
    from provisioner.cli.asking import asking
    from provisioner.cli.connections import Connections
    from provisioner.cli.requesting import build_request, what_follows
    from provisioner.cli.running import finish, home, progress, run
    from provisioner.cli.verdicts import of_verified
    from provisioner.model.results import Verified
    from provisioner.workflows.verify import verify as prove

    arguments = what_follows(
        playbook, tenant, instance, settings=settings, parameters_file=parameters, sink=sink, variant=variant
    )

    async def work() -> Verified:
        request = build_request(
            home(),
            playbook=playbook,
            tenant=tenant,
            settings=settings,
            parameters_file=parameters,
            instance=instance,
            variant=variant,
            sink=sink,
            send=send,
            wait=wait,
            existing=True,
            proving=True,
        )
        with progress(output) as shown:
            async with Connections(home(), shown) as connections:
                return await prove(
                    request, connections.ports(asking(output, yes=False, question="", pause=shown.paused))
                )

    verified = run(work, output)
    finish(output, lambda report: report.verified(verified), of_verified(verified), arguments)
