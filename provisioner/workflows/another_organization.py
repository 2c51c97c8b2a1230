"""Whether the management host is told to work in the tenant at hand: one host may serve many customers.

An entry of the inventory is quickly copied, and organisation-wide settings need no mailbox to be there: nothing else
would stop them in another customer's organisation. What a plain host says of its own connection, the driver compares;
a JEA endpoint connects to what we name, so the name is compared here. It costs no request: the tenant's domains are
read with everything else. The REST driver has the tenant's id in each address, and a script compares for itself.
"""

from __future__ import annotations

from provisioner.errors import WrongTenant
from provisioner.model.faults import Fault
from provisioner.model.observed import NotSeen, Organization
from provisioner.model.tenant import ExchangeDriver, Tenant


def refuse_another_organization(tenant: Tenant, found: Organization | NotSeen) -> None:
    """Raise WrongTenant where `host.organization` is neither the tenant's id nor one of its verified domains.

    A verified domain belongs to one tenant only (Microsoft Learn, "Add your custom domain name to your tenant").
    """
    if tenant.exchange is not ExchangeDriver.PSRP or tenant.host is None or isinstance(found, NotSeen):
        return
    named = tenant.host.organization
    if named is None or not found.domains or named.casefold() in {tenant.tenant_id.casefold(), *found.domains}:
        return
    message = (
        f"{tenant.host.host} is told to work in the organisation {named}, which is no domain of {tenant.name}: that is "
        f"{found.display_name} ({found.initial_domain}, tenant {tenant.tenant_id})"
    )
    raise WrongTenant(
        Fault("exchange", "host.organization", 403, "AnotherOrganization", message, sent=False),
        advice=f"correct --organization of `tenants add` for {tenant.name}; nothing was changed",
    )
