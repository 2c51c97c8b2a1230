"""`check_tenant`: sign in, and see who we are. Reads only."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.errors import ProvisionerError
from provisioner.exchange import transport
from provisioner.graph import organization
from provisioner.model.identifiers import TenantId
from provisioner.model.observed import Caller
from provisioner.model.tenant import Tenant
from provisioner.workflows.ports import Ports


@dataclass(frozen=True)
class Checked:
    """What a look at the tenant showed."""

    tenant_id: TenantId
    display_name: str
    sandbox: bool
    caller: Caller
    exchange: str


async def check_tenant(tenant: Tenant, ports: Ports) -> Checked:
    """Sign in to Entra, and run one harmless Exchange cmdlet. Exchange's fault is told, not raised."""
    async with ports.connect(tenant) as session:
        found = await organization.organization(session.graph)
        if session.exchange is None:
            exchange = "no driver in the inventory"
        else:
            note = " (a web service that Microsoft does not document)" if session.exchange.undocumented else ""
            try:
                await transport.get(session.exchange)
                exchange = f"{session.exchange.name.value}: answers{note}"
            except ProvisionerError as error:
                exchange = f"{session.exchange.name.value}: {error.message}" + (
                    f" - {error.advice}" if error.advice else ""
                )
        return Checked(found.tenant_id, found.display_name, tenant.sandbox, session.caller, exchange)
