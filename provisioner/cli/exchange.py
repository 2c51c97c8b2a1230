"""`provisioner exchange`: what a host needs that runs Exchange cmdlets for us."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from provisioner.cli import options
from provisioner.cli.running import fail, home
from provisioner.errors import InputFault, ProvisionerError

if TYPE_CHECKING:
    from provisioner.exchange.host_kit import Organization

app = typer.Typer(help="Exchange Online on a host of yours.", no_args_is_help=True)


@app.callback()
def exchange() -> None:
    """Exchange Online on a host of yours."""


@app.command("kit")
def kit(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where to write it.")],
    operators: Annotated[
        Optional[str],  # noqa: UP045 typer reads it at run time
        typer.Option("--operators", metavar="GROUP", help="The Windows group that may call the endpoint."),
    ] = None,
    tenants: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(
            "--tenant",
            metavar="TENANT",
            help="A tenant of the inventory to put into the host's settings; may be repeated.",
        ),
    ] = None,
) -> None:
    """Write the kit for a management host: a JEA endpoint, its module, and how to install it (README.txt).

    Settings that are there already stay as they are.

    Example: provisioner exchange kit --out kit --tenant contoso
    """
    from importlib.metadata import version

    from provisioner.disk import files
    from provisioner.exchange import host_kit

    try:
        organizations = [_organization(each) for each in tenants or []]
        made = host_kit.kit(version("provisioner"), operators or host_kit.EXAMPLE_OPERATORS, organizations)
        for path, data in made.items():
            place = out / path
            with files.named_faults("kit", place):
                if path.name == host_kit.SETTINGS and place.exists():
                    typer.echo(f"{place} stays as it is", err=True)
                    continue
                files.make_directory(place.parent)
                files.replace(place, data)
    except ProvisionerError as error:
        fail(error, options.OutputForm.TERMINAL)
    typer.echo(f"the kit is in {out}; begin with its README.txt", err=True)


def _organization(name: str) -> Organization:
    from provisioner.cli.tenant_names import find_tenant
    from provisioner.exchange.host_kit import Organization
    from provisioner.model.tenant import HostIdentity

    tenant = find_tenant(name, home())
    if tenant.host is None or not tenant.host.jea:
        raise InputFault(
            f"tenant {name} has no JEA endpoint in the inventory",
            advice="name it: `provisioner tenants add ... --exchange psrp --host HOST --jea`",
        )
    organization, environment = tenant.host.organization or tenant.tenant_id, tenant.endpoints.exchange_environment
    if tenant.host.identity is HostIdentity.MANAGED_IDENTITY:
        return Organization(organization, environment=environment)
    thumbprint = tenant.host.certificate_thumbprint
    return Organization(organization, tenant.host.app_id or "", thumbprint, environment)
