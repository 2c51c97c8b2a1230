"""Ways in that this machine already has: the Azure CLI, an identity of Azure's own, environment variables.

azure.identity knows how to find each of them; here they are pinned to one tenant, and what they lack is said in our
words. Which of them is meant is always said by the inventory: nothing is tried in turn.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from provisioner.errors import FaultyPlace, InputFault
from provisioner.model.identifiers import AppId
from provisioner.model.secret import Secret
from provisioner.model.tenant import Tenant
from provisioner.signin.credentials import RECONNECTS, Credential, WayIn, options
from provisioner.signin.transport import Line, line_to

AZURE_CLI_SECONDS = 30
"""How long `az` may take: it is a program of its own, which first reads its cache and may have to renew a token."""

TOKEN_FILE = "AZURE_FEDERATED_TOKEN_FILE"  # noqa: S105 the name of a variable
CLIENT_ID = "AZURE_CLIENT_ID"
TENANT_ID = "AZURE_TENANT_ID"
AUTHORITY = "AZURE_AUTHORITY_HOST"

ENDPOINTS = ("IDENTITY_ENDPOINT", "MSI_ENDPOINT")
"""Variables that name the machine's own endpoint for tokens; without one it is that of a virtual machine."""

VIRTUAL_MACHINE = ("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://169.254.169.254")
"""The variable that moves a virtual machine's endpoint, and where it is otherwise. Source: azure-identity 1.27."""

THEIR_WORDS = "Token request error: "
"""What the library puts before the endpoint's own words."""


def with_azure_cli(tenant: Tenant) -> WayIn:
    """Whoever is signed in to the Azure CLI: with Microsoft's own client id, and so with its fixed permissions."""
    from azure.identity import AzureCliCredential

    credential = AzureCliCredential(tenant_id=tenant.tenant_id, process_timeout=AZURE_CLI_SECONDS)
    return WayIn(tenant, f"sign in to {tenant.name} with the Azure CLI", line_to(tenant), credential)


def with_managed_identity(tenant: Tenant, client_id: AppId | None) -> WayIn:
    """The identity of the Azure machine or service that this runs on; `client_id` names one of several.

    Azure keeps such tokens for about a day, so that a role given to the identity may be a day late in them. Source:
    entra-docs, managed identity best practice recommendations. In a Kubernetes pod the identity is a workload
    identity; the library would sign it in to the tenant and the cloud that the environment names, not to ours.
    """
    from azure.identity import ManagedIdentityCredential

    if all(map(os.environ.get, (AUTHORITY, TENANT_ID, TOKEN_FILE))) and not any(map(os.environ.get, ENDPOINTS)):
        return with_workload_identity(tenant, client_id, None)
    line = line_to(tenant, on_this_machine=True)
    credential = ManagedIdentityCredential(
        client_id=client_id, transport=line.transport, retry_total=RECONNECTS, retry_status=0
    )
    operation = f"sign in to {tenant.name} with the managed identity"
    return WayIn(tenant, operation, line, OfThisMachine(credential, line))


def with_workload_identity(tenant: Tenant, client_id: AppId | None, token_file: str | None) -> WayIn:
    """An application that trusts the issuer of the token in a file. What is not given comes from the environment.

    Raises `InputFault` where neither says which application, or where the file has nothing to show.
    """
    from azure.identity import ClientAssertionCredential

    path = token_file or os.environ.get(TOKEN_FILE)
    application = client_id or os.environ.get(CLIENT_ID)
    if not path:
        raise _lacking(tenant, TOKEN_FILE, "must name the file with the token, or `tokenFile` of the tenant")
    assertion = _assertion(tenant, path)
    if not application:
        raise _lacking(tenant, CLIENT_ID, "must name the application, or `clientId` of the tenant")
    line = line_to(tenant)
    credential = ClientAssertionCredential(tenant.tenant_id, application, assertion.reveal, **options(tenant, line))
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


class OfThisMachine:
    """A managed identity's credential that says where it asked, and leaves "later" to who decides about waiting.

    The library calls every failure a missing identity: an endpoint that is busy or not there is told apart here.
    """

    def __init__(self, credential: Credential, line: Line) -> None:
        self._credential = credential
        self._line = line

    def get_token(self, *scopes: str, claims: str | None = None) -> Any:
        """An access token, blocking."""
        from azure.core.exceptions import AzureError

        try:
            return self._credential.get_token(*scopes, claims=claims)
        except Exception as error:
            status = self._line.status
            if status == 429 or status >= 500:
                raise AzureError("busy") from None
            place = next(filter(None, map(os.environ.get, ENDPOINTS)), os.environ.get(*VIRTUAL_MACHINE))
            told = f"answered {status}: {str(error).partition(THEIR_WORDS)[2]}" if status else "gives no answer"
            raise AzureError(f"the managed identity endpoint {place} {told}".rstrip(": ")) from None


def _assertion(tenant: Tenant, path: str) -> Secret:
    """The token in the file, without the line end that shells add. Whether it is a good one is for Entra to say."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig").strip()
    except FileNotFoundError:
        raise _lacking(tenant, path, "no such file: nobody has put the token there") from None
    except OSError as error:
        raise _lacking(tenant, path, f"the token in it cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _lacking(tenant, path, "is no UTF-8 text: it must hold one token of the other issuer") from None
    if not text:
        raise _lacking(tenant, path, "is empty: nobody has put the token there")
    return Secret(text)


def _lacking(tenant: Tenant, what: str, reason: str) -> InputFault:
    place = FaultyPlace(what, 0, 0, reason)
    message = f"tenant {tenant.name}: sign-in with {tenant.sign_in.method} is not complete"
    return InputFault(message, (place,), advice="set it where this runs, or choose another sign-in method")
