"""`provisioner plan`: what would change, and who can do it. Changes nothing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from provisioner.cli import options
from provisioner.cli.running import Exit


def plan(
    playbook: options.Playbook,
    tenant: options.TenantName,
    settings: options.Settings = None,
    parameters: options.ParametersFile = None,
    instance: options.Instance = "default",
    variant: options.Variant = None,
    sink: options.SinkName = None,
    out: Annotated[
        Optional[Path],  # noqa: UP045 typer reads it at run time
        typer.Option("--out", metavar="FILE", help="Save the plan for `apply --plan`, also by somebody else."),
    ] = None,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="End with 2 where changes are pending.")] = False,
    allow_tenant_wide: options.AllowTenantWide = False,
    allow_restore: options.AllowRestore = False,
    allow_twin: options.AllowTwin = False,
    allow_foreign_keys: options.AllowForeignKeys = False,
    allow_organisation_wide: options.AllowOrganisationWide = False,
    allow_remove_grants: options.AllowRemoveGrants = False,
    script_result: options.ScriptResultFile = None,
    output: options.Output = options.OutputForm.TERMINAL,
) -> None:
    """Show what onboarding would change in a tenant, what each permission reaches, and who can do which part.

    Example: provisioner plan cryptshare/server --tenant contoso --set sender_mailbox=a@contoso.com --out p.json
    """
    from provisioner.cli import plan_files
    from provisioner.cli.asking import asking
    from provisioner.cli.connections import Connections
    from provisioner.cli.requesting import build_request, open_gates, what_follows
    from provisioner.cli.running import finish, home, progress, run
    from provisioner.model.results import Planned
    from provisioner.workflows.plan import plan as make_plan

    arguments = what_follows(
        playbook, tenant, instance, settings=settings, parameters_file=parameters, sink=sink, variant=variant
    )

    async def work() -> Planned:
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
            script_result=script_result,
        )
        with progress(output) as shown:
            async with Connections(home(), shown) as connections:
                planned = await make_plan(
                    request, connections.ports(asking(output, yes=False, question="", pause=shown.paused))
                )
        if out is not None:
            plan_files.save(out, planned)
            sys.stderr.write(f"wrote {out}\n")
        return planned

    planned = run(work, output)
    code = Exit.PENDING if exit_code and planned.plan.pending else Exit.DONE
    saved = str(out) if out is not None else None
    finish(output, lambda report: report.plan(planned, saved=saved), code, arguments)
