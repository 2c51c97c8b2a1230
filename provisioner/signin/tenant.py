"""`check_tenant`: whether a tenant exists in its cloud.

The credentials' library hides the answer: a wrong tenant surfaces as "unable to get authority configuration", with
Entra's text lost (source: graph.md 6.2). So the discovery document is read here, by ourselves.
"""

from __future__ import annotations

from urllib.parse import quote

from provisioner.errors import ServiceFault, WrongTenant
from provisioner.model.faults import Fault
from provisioner.model.tenant import Tenant
from provisioner.signin.off_loop import off_loop
from provisioner.signin.refusals import ADVICE, refusal
from provisioner.signin.transport import SERVICE, line_to, network_error


async def check_tenant(tenant: Tenant) -> None:
    """Return where the tenant exists.

    Raises `WrongTenant` where Entra says that it does not, `Unreachable` where nobody answers (one try), and
    `ServiceFault` where the answer is no discovery document.
    """
    await off_loop(lambda: look_up(tenant))


def look_up(tenant: Tenant) -> None:
    """`check_tenant`, blocking."""
    from azure.core.exceptions import AzureError
    from azure.core.rest import HttpRequest

    operation = f"look up tenant {tenant.tenant_id}"
    url = f"{tenant.endpoints.login}/{quote(tenant.tenant_id, safe='')}/v2.0/.well-known/openid-configuration"
    line = line_to(tenant)
    try:
        response = line.transport.send(HttpRequest("GET", url))
        document = _document(response.text())
        status = response.status_code
    except AzureError as error:
        failure = network_error(error, tenant, operation)
        raise failure or _no_document(tenant, operation, 0) from None
    finally:
        line.hang_up()
    if status == 200 and isinstance(document.get("token_endpoint"), str):
        return
    told = document.get("error_description")
    refused = refusal(told, operation, status=status) if isinstance(told, str) else None
    if refused is not None:
        raise refused
    if document.get("error") == "invalid_tenant":
        fault = Fault(SERVICE, operation, status, "invalid_tenant", "there is no such tenant")
        raise WrongTenant(fault, advice=ADVICE["AADSTS90002"])
    raise _no_document(tenant, operation, status)


def _document(text: str) -> dict[str, object]:
    import json

    try:
        document = json.loads(text)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _no_document(tenant: Tenant, operation: str, status: int) -> ServiceFault:
    message = f"{tenant.endpoints.login} answered, but not with a discovery document"
    advice = "check the login host in the inventory; a sign-in page of the network here may be in the way"
    return ServiceFault(Fault(SERVICE, operation, status, "NoDiscoveryDocument", message), advice=advice)
