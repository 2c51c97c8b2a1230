"""`check_tenant`: sign in, and see who we are. Reads only; what may not be read is "not seen", never "fine"."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.errors import ProvisionerError, Refused, WrongTenant
from provisioner.exchange import transport
from provisioner.graph import organization
from provisioner.model.identifiers import AZURE_CLI_APP_ID, TenantId
from provisioner.model.observed import Caller, NotSeen, Organization
from provisioner.model.tenant import Tenant
from provisioner.workflows.another_organization import refuse_another_organization
from provisioner.workflows.ports import Ports, Session

AZURE_CLI = (
    "the Azure CLI signs in as Microsoft's own client: it gets no token for Exchange (AADSTS65002), and Graph answers "
    "403 to some reads even where a Global Administrator asks (security defaults, roles that can be activated). Sign "
    "in with an application of your own: `provisioner tenants bootstrap`"
)
"""Source: field-notes.md 2, azure-cli issues 23906, 26471 and 33778."""

INACTIVE = "activate the role you need (Privileged Identity Management), then sign in again"


@dataclass(frozen=True)
class Checked:
    """What a look at the tenant showed."""

    tenant_id: TenantId
    display_name: str | NotSeen
    sandbox: bool
    caller: Caller
    exchange: str
    notes: tuple[str, ...] = ()
    """What to know, and to do about it."""


async def check_tenant(tenant: Tenant, ports: Ports) -> Checked:
    """Sign in to Entra, and run one harmless Exchange cmdlet.

    Exchange's fault is told, not raised, but for one: raises WrongTenant where its host works in another tenant.
    """
    async with ports.connect(tenant) as session:
        found = await _organization(session)
        refuse_another_organization(tenant, found)
        return Checked(
            tenant.tenant_id,
            found.display_name if isinstance(found, Organization) else found,
            tenant.sandbox,
            session.caller,
            await _exchange(session),
            _notes(session.caller),
        )


async def _organization(session: Session) -> Organization | NotSeen:
    try:
        return await organization.organization(session.graph)
    except Refused as error:
        return NotSeen("organization", error.message, error.who_can)


async def _exchange(session: Session) -> str:
    if session.exchange is None:
        return "no driver in the inventory"
    name = session.exchange.name.value
    try:
        await transport.get(session.exchange)
    except WrongTenant:
        raise
    except ProvisionerError as error:
        return f"{name}: {error.message}" + (f" - {error.advice}" if error.advice else "")
    return f"{name}: answers" + (
        " (a web service that Microsoft does not document)" if session.exchange.undocumented else ""
    )


def _notes(caller: Caller) -> tuple[str, ...]:
    notes = []
    if caller.client_id == AZURE_CLI_APP_ID:
        notes.append(AZURE_CLI)
    if caller.eligible_roles:
        notes.append(INACTIVE)
    return tuple(notes)
