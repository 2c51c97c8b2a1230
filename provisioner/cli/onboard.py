"""`provisioner onboard`: plan, ask, apply, verify, hand over, and look once more."""

from __future__ import annotations

from provisioner.cli import options
from provisioner.cli.running import Exit


def onboard(
    playbook: options.Playbook,
    tenant: options.TenantName,
    settings: options.Settings = None,
    parameters: options.ParametersFile = None,
    yes: options.Yes = False,
    send: options.Send = False,
    wait: options.Wait = "0",
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
    """Set a product up in a tenant: plan, ask, apply, prove it by signing in, and fill in the vendor's form.

    Safe to run again after any interruption: it finishes what is missing and changes nothing else.

    Example: provisioner onboard cryptshare/server --tenant sandbox --set sender_mailbox=cryptshare@contoso.example
    """
    from provisioner.cli.asking import asking
    from provisioner.cli.connections import Connections
    from provisioner.cli.requesting import build_request, open_gates, what_follows
    from provisioner.cli.running import finish, home, progress, run
    from provisioner.cli.verdicts import can_be_proven, of_applied, of_onboarded
    from provisioner.model.plan import Plan
    from provisioner.model.results import Applied, HandedOver, Verified
    from provisioner.workflows.apply import apply
    from provisioner.workflows.handover import handover
    from provisioner.workflows.plan import plan as make_plan
    from provisioner.workflows.verify import verify

    arguments = what_follows(playbook, tenant, instance)

    async def work() -> tuple[Applied, Verified | None, HandedOver | None, Plan | None, Exit]:
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
            ticket=ticket,
            send=send,
            wait=wait,
            script=script,
            script_result=script_result,
            proving=True,
        )
        with progress(output) as shown:
            async with Connections(home(), shown) as connections:
                ports = connections.ports(
                    asking(output, yes=yes, question="Apply this plan?", arguments=arguments, pause=shown.paused)
                )
                applied = await apply(request, ports)
                if not can_be_proven(applied):
                    return applied, None, None, None, of_applied(applied)
                verified = await verify(request, ports)
                handed_over = await handover(request, ports)
                again = (await make_plan(request, ports)).plan
                return applied, verified, handed_over, again, of_onboarded(applied, verified, again)

    applied, verified, handed_over, again, code = run(work, output)
    finish(output, lambda report: report.onboarded(applied, verified, handed_over, again), code, arguments)
