"""`provisioner apply`: carry out a plan."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from provisioner.cli import options


def apply(
    playbook: options.Playbook,
    tenant: options.TenantName,
    settings: options.Settings = None,
    parameters: options.ParametersFile = None,
    yes: options.Yes = False,
    plan_file: Annotated[
        Optional[Path],  # noqa: UP045 typer reads it at run time
        typer.Option(
            "--plan", metavar="FILE", help="Carry out nothing that is not in this saved plan; it has the parameters."
        ),
    ] = None,
    only: options.Only = None,
    instance: options.Instance = "default",
    variant: options.Variant = None,
    sink: options.SinkName = None,
    ticket: options.Ticket = None,
    allow_tenant_wide: options.AllowTenantWide = False,
    allow_restore: options.AllowRestore = False,
    allow_twin: options.AllowTwin = False,
    allow_foreign_keys: options.AllowForeignKeys = False,
    allow_organisation_wide: options.AllowOrganisationWide = False,
    allow_remove_grants: options.AllowRemoveGrants = False,
    script: options.ScriptFile = None,
    script_result: options.ScriptResultFile = None,
    output: options.Output = options.OutputForm.TERMINAL,
) -> None:
    """Carry out what is missing. Run it again after any failure; it finishes the rest and nothing twice.

    Example: provisioner apply cryptshare/server --tenant contoso --plan plan.json --only consent --yes
    """
    from provisioner.cli import plan_files
    from provisioner.cli.asking import asking
    from provisioner.cli.connections import Connections
    from provisioner.cli.requesting import build_request, open_gates, what_follows
    from provisioner.cli.running import finish, home, progress, run
    from provisioner.cli.verdicts import of_applied
    from provisioner.model.results import Applied
    from provisioner.workflows.apply import apply as carry_out

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
            gates=open_gates(
                tenant_wide=allow_tenant_wide,
                restore=allow_restore,
                twin=allow_twin,
                foreign_keys=allow_foreign_keys,
                organisation_wide=allow_organisation_wide,
                remove_grants=allow_remove_grants,
            ),
            only=only,
            saved=plan_files.load(plan_file) if plan_file is not None else None,
            ticket=ticket,
            script=script,
            script_result=script_result,
        )
        with progress(output) as shown:
            async with Connections(home(), shown) as connections:
                return await carry_out(
                    request,
                    connections.ports(
                        asking(output, yes=yes, question="Apply this plan?", arguments=arguments, pause=shown.paused)
                    ),
                )

    applied = run(work, output)
    finish(output, lambda report: report.applied(applied), of_applied(applied), arguments)
