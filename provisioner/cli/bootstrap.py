"""`provisioner tenants bootstrap`: an application of your own in a tenant, from one administrator's sign-in."""

from __future__ import annotations

import shlex
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from provisioner.cli import options
from provisioner.cli.running import Exit, finish, home, progress, run
from provisioner.errors import FaultyPlace, InputFault
from provisioner.model.clouds import CLOUDS, Cloud
from provisioner.model.identifiers import AppId, TenantId
from provisioner.model.tenant import ExchangeDriver, SignIn, SignInMethod, Tenant

if TYPE_CHECKING:
    from provisioner.workflows.bootstrap import Bootstrapped

Text = Optional[str]  # noqa: UP045 typer reads it at run time


class Person(StrEnum):
    """How the administrator signs in."""

    DEVICE_CODE = "device-code"
    BROWSER = "browser"


class Driver(StrEnum):
    """Who runs Exchange cmdlets, where nothing more need be told."""

    REST = "rest"
    SCRIPT = "script"


def bootstrap(
    name: Annotated[str, typer.Argument(help="The tenant's name in the inventory, or sandbox.")],
    tenant_id: Annotated[
        Text, typer.Option("--tenant-id", metavar="GUID", help="The directory (tenant) id, if it is not listed yet.")
    ] = None,
    auditor: Annotated[
        bool, typer.Option("--auditor", help="The application that only reads; it is listed as NAME-auditor.")
    ] = False,
    person: Annotated[
        Person, typer.Option("--sign-in", help="How the administrator signs in, this once.")
    ] = Person.DEVICE_CODE,
    client_id: Annotated[
        Text,
        typer.Option(
            "--client-id", metavar="GUID", help="An application of yours to sign in with; else one of Microsoft's."
        ),
    ] = None,
    login_hint: Annotated[
        Text, typer.Option("--login-hint", metavar="ACCOUNT", help="The administrator's account (browser).")
    ] = None,
    cloud: Annotated[Cloud, typer.Option("--cloud", help="The cloud that the tenant lives in.")] = Cloud.WORLDWIDE,
    exchange: Annotated[
        Optional[Driver],  # noqa: UP045 typer reads it at run time
        typer.Option("--exchange", help="Who runs Exchange cmdlets, for a tenant that is not listed yet."),
    ] = None,
    ticket: options.Ticket = None,
    yes: options.Yes = False,
    allow_tenant_wide: options.AllowTenantWide = False,
    allow_restore: options.AllowRestore = False,
    allow_twin: options.AllowTwin = False,
    allow_foreign_keys: options.AllowForeignKeys = False,
    output: options.Output = options.OutputForm.TERMINAL,
) -> None:
    """Register an application of your own with a certificate, and sign in with it from then on.

    It gets exactly the permissions and the directory role that the tool uses; its key is made here, in a file that only
    you can read, and never leaves. Safe to run again: it finishes what is missing, and renews the certificate in its
    last 30 days.

    Example: provisioner tenants bootstrap contoso --tenant-id 6c0f... --exchange rest --allow-tenant-wide
    """
    from provisioner.cli.asking import asking
    from provisioner.cli.connections import Connections
    from provisioner.cli.requesting import open_gates
    from provisioner.cli.verdicts import of_applied, of_verified, worst
    from provisioner.workflows.bootstrap import bootstrap as carry_out
    from provisioner.workflows.bootstrap import bootstrap_request

    given = {
        "--tenant-id": tenant_id,
        "--sign-in": person.value if person is not Person.DEVICE_CODE else None,
        "--client-id": client_id,
        "--login-hint": login_hint,
        "--cloud": cloud.value if cloud is not Cloud.WORLDWIDE else None,
        "--exchange": exchange.value if exchange is not None else None,
    }
    words = [name, *(["--auditor"] if auditor else [])]
    words += [word for flag, value in given.items() if value is not None for word in (flag, value)]
    again = f"provisioner tenants bootstrap {shlex.join(words)}"

    async def work() -> Bootstrapped:
        sign_in = _administrator(person, client_id, login_hint)
        signed_in, entry = _tenants(name, tenant_id, cloud, exchange, sign_in, auditor=auditor)
        gates = open_gates(
            tenant_wide=allow_tenant_wide, restore=allow_restore, twin=allow_twin, foreign_keys=allow_foreign_keys
        )
        request = bootstrap_request(signed_in, auditor=auditor, gates=gates, ticket=ticket)
        with progress(output) as shown:
            async with Connections(home(), shown) as connections:
                ask = asking(output, yes=yes, question="Apply this plan?", pause=shown.paused)
                return await carry_out(request, entry, connections.ports(ask))

    done = run(work, output)
    if done.entry is not None:
        typer.echo(f"{done.entry.name} is in {home().inventory.path}, with the certificate", err=True)
    proven = of_verified(done.verified) if done.verified is not None else Exit.DONE
    finish(
        output,
        lambda report: report.onboarded(done.applied, done.verified, None, command=again),
        worst(of_applied(done.applied), proven),
    )


def _administrator(person: Person, client_id: str | None, login_hint: str | None) -> SignIn:
    from provisioner.workflows.bootstrap import ASKED_FOR, GRAPH_COMMAND_LINE_TOOLS

    method = SignInMethod(person.value)
    if client_id is not None:
        return SignIn(method, AppId(client_id.lower()), login_hint=login_hint)
    return SignIn(method, GRAPH_COMMAND_LINE_TOOLS, login_hint=login_hint, permissions=ASKED_FOR)


def _tenants(
    name: str, tenant_id: str | None, cloud: Cloud, exchange: Driver | None, sign_in: SignIn, *, auditor: bool
) -> tuple[Tenant, Tenant]:
    """The tenant as the administrator signs in to it, and the entry that the application is to have.

    Raises InputFault, before anything is asked of anybody, where the entry could not be written in the end.
    """
    from provisioner.cli.tenant_names import SANDBOX, find_tenant
    from provisioner.cli.tenants import GUID
    from provisioner.home.inventory import refuse_another
    from provisioner.workflows.bootstrap import entry_name

    if name.partition(":")[0] == SANDBOX:
        played = find_tenant(name, home())
        return played, played
    known = home().inventory.find(name)
    faults = []
    if sign_in.client_id is not None and not GUID.fullmatch(sign_in.client_id):
        faults.append(FaultyPlace("--client-id", 0, 0, f"{sign_in.client_id!r} is no GUID"))
    if tenant_id is not None and not GUID.fullmatch(tenant_id.lower()):
        faults.append(FaultyPlace("--tenant-id", 0, 0, f"{tenant_id!r} is no GUID"))
    if known is None and tenant_id is None:
        faults.append(FaultyPlace("--tenant-id", 0, 0, f"{name} is not in the inventory: which tenant is it?"))
    if known is not None and tenant_id is not None and tenant_id.lower() != known.tenant_id:
        faults.append(FaultyPlace("--tenant-id", 0, 0, f"in the inventory {name} is {known.tenant_id}"))
    entry = entry_name(name, auditor=auditor)
    if entry is None:
        faults.append(FaultyPlace("NAME", 0, 0, f"{name!r} is no tenant name: lower-case letters, digits, dashes"))
    if faults or entry is None:
        raise InputFault("faulty options", tuple(faults))
    driver = ExchangeDriver(exchange.value) if exchange is not None else None
    plain = known or Tenant(name, TenantId((tenant_id or "").lower()), CLOUDS[cloud], sign_in, driver)
    # a management host has an identity of its own, which may write: the auditor has the web service, or nobody
    reads = plain.exchange if plain.exchange is ExchangeDriver.REST else None
    there = home().inventory.find(entry)
    if there is not None:
        refuse_another(there, plain.tenant_id)
    ours = replace(plain, name=entry, exchange=reads, host=None) if auditor else plain
    return replace(plain, sign_in=sign_in, exchange=None, host=None), ours
