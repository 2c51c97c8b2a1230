"""`provisioner tenants`: the inventory. How to sign in where, and who runs Exchange cmdlets there; no secret."""

from __future__ import annotations

import json
import re
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from provisioner.cli import options
from provisioner.cli.bootstrap import bootstrap
from provisioner.cli.running import Exit, fail, home, progress, run, show
from provisioner.errors import FaultyPlace, InputFault, ProvisionerError
from provisioner.model.clouds import CLOUDS, Cloud, cloud_of
from provisioner.model.identifiers import AppId, TenantId
from provisioner.model.tenant import (
    BRING_THEIR_OWN,
    FIXED,
    ExchangeDriver,
    HostIdentity,
    ManagementHost,
    SignIn,
    SignInMethod,
    Tenant,
)

if TYPE_CHECKING:
    from provisioner.model.observed import Caller, NotSeen

app = typer.Typer(help="The tenants you work in.", no_args_is_help=True)
app.command("bootstrap")(bootstrap)

GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Driver(StrEnum):
    """Who runs Exchange cmdlets."""

    PSRP = "psrp"
    REST = "rest"
    SCRIPT = "script"
    NONE = "none"


Text = Optional[str]  # noqa: UP045 typer reads it at run time


@app.command("list")
def list_tenants(output: options.Output = options.OutputForm.TERMINAL) -> None:
    """List the tenants of the inventory, and the sandbox."""
    try:
        tenants = home().inventory.tenants()
    except ProvisionerError as error:
        fail(error, output)
    rows = [
        {
            "name": each.name,
            "tenantId": each.tenant_id,
            "signIn": each.sign_in.method.value,
            "exchange": each.exchange.value if each.exchange else None,
            "cloud": cloud_of(each.endpoints).value,
        }
        for each in tenants
    ]
    if output is options.OutputForm.JSON:
        typer.echo(json.dumps({"schemaVersion": 1, "sandbox": None, "tenants": rows}, indent=2))
        return
    shown = [tuple(str(value or "-") for value in each.values()) for each in rows]
    show(
        output,
        "Tenants",
        ("tenant", "tenant id", "sign-in", "Exchange", "cloud"),
        [*shown, ("sandbox", "simulated, on this machine", "certificate", "psrp", "-")],
    )


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="A short name of yours: lower-case letters, digits, dashes.")],
    tenant_id: Annotated[str, typer.Option("--tenant-id", metavar="GUID", help="The directory (tenant) id.")],
    client_id: Annotated[
        Text,
        typer.Option(
            "--client-id",
            metavar="GUID",
            help="The application id of your operator app there; optional where the method knows one of its own.",
        ),
    ] = None,
    method: Annotated[SignInMethod, typer.Option("--sign-in", help="How to sign in.")] = SignInMethod.DEVICE_CODE,
    secret: Annotated[
        Text, typer.Option("--secret", metavar="REFERENCE", help="env:NAME, file:PATH or prompt: - never a value.")
    ] = None,
    certificate: Annotated[
        Text, typer.Option("--certificate", metavar="FILE", help="PEM with key and certificate, or PFX.")
    ] = None,
    token_file: Annotated[
        Text,
        typer.Option("--token-file", metavar="FILE", help="The other issuer's token (workload-identity)."),
    ] = None,
    cloud: Annotated[Cloud, typer.Option("--cloud", help="The cloud that the tenant lives in.")] = Cloud.WORLDWIDE,
    exchange: Annotated[Driver, typer.Option("--exchange", help="Who runs Exchange cmdlets.")] = Driver.NONE,
    host: Annotated[Text, typer.Option("--host", metavar="NAME", help="The management host (psrp).")] = None,
    port: Annotated[int, typer.Option("--port", help="Its WinRM port.")] = 5986,
    configuration: Annotated[
        str, typer.Option("--configuration", help="Its session configuration.")
    ] = "Microsoft.PowerShell",
    jea: Annotated[bool, typer.Option("--jea", help="The configuration is a JEA endpoint made for this tool.")] = False,
    auth: Annotated[str, typer.Option("--auth", help="How to authenticate to the host.")] = "negotiate",
    username: Annotated[Text, typer.Option("--username", help="The account on the host.")] = None,
    password: Annotated[
        Text, typer.Option("--password", metavar="REFERENCE", help="env:NAME, file:PATH or prompt: - never a value.")
    ] = None,
    ca_file: Annotated[Text, typer.Option("--ca-file", metavar="FILE", help="A CA to trust for the host.")] = None,
    identity: Annotated[
        HostIdentity, typer.Option("--identity", help="As whom the host connects to Exchange Online.")
    ] = HostIdentity.CERTIFICATE,
    host_app_id: Annotated[Text, typer.Option("--host-app-id", metavar="GUID", help="The host's own app.")] = None,
    thumbprint: Annotated[Text, typer.Option("--thumbprint", help="The host's own certificate.")] = None,
    organization: Annotated[
        Text, typer.Option("--organization", metavar="DOMAIN", help="The tenant's primary .onmicrosoft.com domain.")
    ] = None,
) -> None:
    """Add a tenant to the inventory, or replace how to sign in to it. A name stays with its tenant until it is removed.

    Example: provisioner tenants add contoso --tenant-id 6c0f... --client-id 11aa... --sign-in certificate
    --certificate operator.pem --exchange rest
    """
    faults = []
    for option, value in (("--tenant-id", tenant_id), ("--client-id", client_id)):
        if value is not None and not GUID.fullmatch(value.lower()):
            faults.append(FaultyPlace(option, 0, 0, f"{value!r} is no GUID"))
    if client_id is None and method not in BRING_THEIR_OWN:
        faults.append(FaultyPlace("--client-id", 0, 0, f"{method} needs it"))
    if client_id is not None and method in FIXED:
        faults.append(FaultyPlace("--client-id", 0, 0, f"{method} has a client id of its own"))
    for option, reference in (("--secret", secret), ("--password", password)):
        if reference is not None and not reference.startswith(("env:", "file:", "prompt:")):
            faults.append(FaultyPlace(option, 0, 0, "give a reference (env:NAME, file:PATH, prompt:), never the value"))
    if method is SignInMethod.CLIENT_SECRET and secret is None:
        faults.append(FaultyPlace("--secret", 0, 0, "client-secret needs it"))
    if method is SignInMethod.CERTIFICATE and certificate is None:
        faults.append(FaultyPlace("--certificate", 0, 0, "certificate needs it"))
    if exchange is Driver.PSRP and host is None:
        faults.append(FaultyPlace("--host", 0, 0, "psrp needs a management host"))
    if faults:
        fail(InputFault("faulty options", tuple(faults)), options.OutputForm.TERMINAL)
    managed = (
        ManagementHost(
            host=host,
            port=port,
            configuration=configuration,
            jea=jea,
            auth=auth,
            username=username,
            password=password,
            ca_file=ca_file,
            identity=identity,
            app_id=AppId(host_app_id) if host_app_id else None,
            certificate_thumbprint=thumbprint,
            organization=organization,
        )
        if host is not None and exchange is Driver.PSRP
        else None
    )
    tenant = Tenant(
        name=name,
        tenant_id=TenantId(tenant_id.lower()),
        endpoints=CLOUDS[cloud],
        sign_in=SignIn(
            method,
            AppId(client_id.lower()) if client_id is not None else None,
            secret=secret,
            certificate_file=certificate,
            token_file=token_file,
        ),
        exchange=None if exchange is Driver.NONE else ExchangeDriver(exchange.value),
        host=managed,
    )
    try:
        changed = home().inventory.add(tenant)
    except ProvisionerError as error:
        fail(error, options.OutputForm.TERMINAL)
    if changed:
        typer.echo(f"{name} was there already; changed: {'; '.join(changed)}", err=True)
    typer.echo(f"{name} is in {home().inventory.path}; try it: provisioner tenants check {name}", err=True)


@app.command("check")
def check(
    name: Annotated[str, typer.Argument(help="A tenant of the inventory, or sandbox.")],
    output: options.Output = options.OutputForm.TERMINAL,
) -> None:
    """Sign in, and say who we are there and which roles we hold. Changes nothing."""
    from provisioner.cli.asking import asking
    from provisioner.cli.connections import Connections
    from provisioner.cli.tenant_names import find_tenant
    from provisioner.workflows.check import Checked, check_tenant

    async def work() -> Checked:
        with progress(output) as shown:
            async with Connections(home(), shown) as connections:
                ports = connections.ports(asking(output, yes=False, question="", pause=shown.paused))
                return await check_tenant(find_tenant(name, home()), ports)

    checked = run(work, output)
    name_there = checked.display_name
    shown_name = name_there if isinstance(name_there, str) else f"not seen: {_who_could(name_there)}"
    rows = [("tenant", f"{shown_name} ({checked.tenant_id})"), *_caller_rows(checked.caller)]
    rows.append(("Exchange", checked.exchange))
    if checked.notes:
        rows.append(("to do", "; ".join(checked.notes)))
    if output is options.OutputForm.JSON:
        typer.echo(json.dumps({"schemaVersion": 1, "sandbox": checked.sandbox, **dict(rows)}, indent=2))
        return
    show(output, name, ("", ""), rows)


def _who_could(missing: NotSeen) -> str:
    return f"{missing.reason} (can be read by: {' or '.join(missing.who_can)})" if missing.who_can else missing.reason


EVERYBODYS = frozenset({"b79fbf4d-3ef9-4689-8143-76b194e85509", "0997a1d0-0d1d-4acb-b408-d5ca73121e90"})
"""Ids among a token's roles that every member's (the first) or every application's (the second) token has: nobody
assigned them. Source: tokens shown in public; unverified."""


def _caller_rows(caller: Caller) -> list[tuple[str, str]]:
    from provisioner.catalogue import role_name

    rights = sorted(caller.roles | caller.scopes)
    roles = sorted(role_name(each) for each in caller.directory_roles - EVERYBODYS)
    if caller.eligible_roles is None:
        inactive = "not seen"
    else:
        inactive = ", ".join(sorted(role_name(each) for each in caller.eligible_roles)) or "none"
    return [
        ("signed in as", f"{caller.name} ({caller.kind})"),
        ("permissions", ", ".join(rights) or "none"),
        ("directory roles", ", ".join(roles) or "none"),
        *([("could be activated", inactive)] if caller.kind == "user" else []),
    ]


@app.command("remove")
def remove(name: Annotated[str, typer.Argument(help="A tenant of the inventory.")]) -> None:
    """Take a tenant out of the inventory. Instance files and receipts stay."""
    try:
        found = home().inventory.remove(name)
    except ProvisionerError as error:
        fail(error, options.OutputForm.TERMINAL)
    if not found:
        typer.echo(f"there is no tenant {name!r} in {home().inventory.path}", err=True)
        raise typer.Exit(Exit.INPUT)
    typer.echo(f"{name} is no longer in the inventory", err=True)
