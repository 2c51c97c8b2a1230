"""`provisioner migrate`: move an onboarding to another variant while the product goes on working."""

from __future__ import annotations

from typing import Annotated

import typer

from provisioner.cli import options


def migrate(
    playbook: options.Playbook,
    tenant: options.TenantName,
    to: Annotated[str, typer.Option("--to", metavar="VARIANT", help="The variant to move to: scoped.")],
    settings: options.Settings = None,
    parameters: options.ParametersFile = None,
    yes: options.Yes = False,
    wait: options.Wait = "0",
    in_use: Annotated[
        bool,
        typer.Option("--in-use", help="The product uses the new values, where the new application is another one."),
    ] = False,
    instance: options.Instance = "default",
    sink: options.SinkName = None,
    ticket: options.Ticket = None,
    allow_remove_grants: options.AllowRemoveGrants = False,
    allow_organisation_wide: options.AllowOrganisationWide = False,
    allow_tenant_wide: options.AllowTenantWide = False,
    allow_twin: options.AllowTwin = False,
    allow_foreign_keys: options.AllowForeignKeys = False,
    output: options.Output = options.OutputForm.TERMINAL,
) -> None:
    """Move from the vendor's own way to roles that Exchange limits to some mailboxes, without stopping the product.

    In this order: roles within a scope, tested within and outside; two hours until all of Exchange knows them; the
    consent and its request away; a fresh token without it; FullAccess away, when no older token lives any more.

    Each run goes as far as it can. Ends with 6 where only time is missing: run it again then, from any home, or let it
    wait with --wait 4h. What it takes away needs --allow-remove-grants.

    Example: provisioner migrate cryptshare/server --tenant contoso --to scoped --allow-remove-grants
    """
    from provisioner.cli.asking import asking
    from provisioner.cli.connections import Connections
    from provisioner.cli.requesting import build_request, open_gates, what_follows
    from provisioner.cli.running import finish, home, progress, run
    from provisioner.cli.verdicts import of_migrated
    from provisioner.model.results import Migrated
    from provisioner.workflows.migrate import migrate as move

    arguments = what_follows(playbook, tenant, instance)

    async def work() -> Migrated:
        request = build_request(
            home(),
            playbook=playbook,
            tenant=tenant,
            settings=settings,
            parameters_file=parameters,
            instance=instance,
            variant=to,
            sink=sink,
            gates=open_gates(
                remove_grants=allow_remove_grants,
                organisation_wide=allow_organisation_wide,
                tenant_wide=allow_tenant_wide,
                twin=allow_twin,
                foreign_keys=allow_foreign_keys,
            ),
            ticket=ticket,
            wait=wait,
        )
        with progress(output) as shown:
            async with Connections(home(), shown) as connections:
                ports = connections.ports(
                    asking(output, yes=yes, question="Migrate?", arguments=arguments, pause=shown.paused)
                )
                return await move(request, ports, in_use=in_use)

    migrated = run(work, output)
    finish(output, lambda report: report.migrated(migrated), of_migrated(migrated), arguments)
