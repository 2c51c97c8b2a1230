"""Ways in that this machine already has: the Azure CLI, an identity of Azure's own, environment variables.

azure.identity knows how to find each of them; here they are pinned to one tenant, and what they lack is said in our
words. Which of them is meant is always said by the inventory: nothing is tried in turn.
"""

from __future__ import annotations

import os
from pathlib import Path

from provisioner.errors import FaultyPlace, InputFault
from provisioner.model.identifiers import AppId
from provisioner.model.tenant import Tenant
from provisioner.signin.credentials import RECONNECTS, WayIn, options
from provisioner.signin.transport import line_to

AZURE_CLI_SECONDS = 30
"""How long `az` may take: it is a program of its own, which first reads its cache and may have to renew a token."""

TOKEN_FILE = "AZURE_FEDERATED_TOKEN_FILE"  # noqa: S105 the name of a variable
CLIENT_ID = "AZURE_CLIENT_ID"
TENANT_ID = "AZURE_TENANT_ID"


def with_azure_cli(tenant: Tenant) -> WayIn:
    """Whoever is signed in to the Azure CLI: with Microsoft's own client id, and so with its fixed permissions."""
    from azure.identity import AzureCliCredential

    credential = AzureCliCredential(tenant_id=tenant.tenant_id, process_timeout=AZURE_CLI_SECONDS)
    return WayIn(tenant, f"sign in to {tenant.name} with the Azure CLI", line_to(tenant), credential)


def with_managed_identity(tenant: Tenant, client_id: AppId | None) -> WayIn:
    """The identity of the Azure machine or service that this runs on; `client_id` names one of several.

    Azure keeps such tokens for about a day, so that a role given to the identity may be a day late in them. Source:
    entra-docs, managed identity best practice recommendations.
    """
    from azure.identity import ManagedIdentityCredential

    line = line_to(tenant)
    try:
        credential = ManagedIdentityCredential(client_id=client_id, transport=line.transport, retry_total=RECONNECTS)
    except ValueError:
        raise _lacking(tenant, CLIENT_ID, "must name the identity: the environment has a workload identity") from None
    return WayIn(tenant, f"sign in to {tenant.name} with the managed identity", line, credential)


def with_workload_identity(tenant: Tenant, client_id: AppId | None, token_file: str | None) -> WayIn:
    """An application that trusts the issuer of the token in a file. What is not given comes from the environment.

    Raises `InputFault` where neither says which application, or where the file is not there.
    """
    from azure.identity import WorkloadIdentityCredential

    path = token_file or os.environ.get(TOKEN_FILE)
    application = client_id or os.environ.get(CLIENT_ID)
    if not path:
        raise _lacking(tenant, TOKEN_FILE, "must name the file with the token, or `tokenFile` of the tenant")
    if not Path(path).is_file():
        raise _lacking(tenant, path, "no such file: nobody has put the token there")
    if not application:
        raise _lacking(tenant, CLIENT_ID, "must name the application, or `clientId` of the tenant")
    line = line_to(tenant)
    credential = WorkloadIdentityCredential(
        tenant_id=tenant.tenant_id, client_id=application, token_file_path=path, **options(tenant, line)
    )
    return WayIn(tenant, f"sign in to {tenant.name} with a workload identity", line, credential)


def with_environment(tenant: Tenant) -> WayIn:
    """An application named by environment variables, with its secret or certificate.

    Raises `InputFault` where they name another tenant, or a certificate that cannot be used.
    """
    from azure.identity import EnvironmentCredential

    named = os.environ.get(TENANT_ID)
    if named is not None and named.lower() != tenant.tenant_id:
        raise _lacking(tenant, TENANT_ID, f"is another tenant's: {tenant.name} has {tenant.tenant_id}")
    line = line_to(tenant)
    try:
        credential = EnvironmentCredential(**options(tenant, line))
    except (OSError, ValueError, TypeError):
        variable = "AZURE_CLIENT_CERTIFICATE_PATH"
        raise _lacking(tenant, variable, "is no PEM or PFX file with a private key and its certificate") from None
    return WayIn(tenant, f"sign in to {tenant.name} as the environment says", line, credential)


def _lacking(tenant: Tenant, what: str, reason: str) -> InputFault:
    place = FaultyPlace(what, 0, 0, reason)
    message = f"tenant {tenant.name}: sign-in with {tenant.sign_in.method} is not complete"
    return InputFault(message, (place,), advice="set it where this runs, or choose another sign-in method")
