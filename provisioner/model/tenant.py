"""One tenant as the inventory knows it: where it is, how we sign in there, who runs Exchange cmdlets. No secret."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from provisioner.model.declaration import SignInEndpoint
from provisioner.model.identifiers import AppId, TenantId


@dataclass(frozen=True)
class Endpoints:
    """Where a cloud answers. URLs without a trailing slash."""

    login: str
    graph: str
    """Including the version: `https://graph.microsoft.com/v1.0`."""
    exchange: str
    """The host that serves `/adminapi`."""
    smtp_host: str
    smtp_port: int
    ca_file: str | None = None
    """A PEM file to trust instead of the system's certificates; the sandbox's own CA."""
    imap_host: str = "outlook.office365.com"
    imap_port: int = 993
    pop_host: str = "outlook.office365.com"
    pop_port: int = 995
    audiences: tuple[tuple[str, str], ...] = ()
    """What tokens are for here: an API's name in the worldwide cloud, which is its name in this code, and here."""
    exchange_environment: str | None = None
    """What `Connect-ExchangeOnline -ExchangeEnvironmentName` calls this cloud; None is the worldwide one."""
    portal: str | None = None
    """The Microsoft Entra admin center; None where there is none, as in the sandbox."""

    def audience(self, worldwide: str) -> str:
        """What tokens for an API are asked for here. Where the table says nothing, as in the worldwide cloud."""
        return dict(self.audiences).get(worldwide, worldwide)


WORLDWIDE = Endpoints(
    login="https://login.microsoftonline.com",
    graph="https://graph.microsoft.com/v1.0",
    exchange="https://outlook.office365.com",
    smtp_host="smtp.office365.com",
    smtp_port=587,
    portal="https://entra.microsoft.com",
)
"""The worldwide cloud, GCC included. Source: graph.md 6.4, exchange.md 5.1. The others: `model/clouds.py`."""


class SignInMethod(StrEnum):
    """How we, the operator, get a token."""

    CLIENT_SECRET = "client-secret"  # noqa: S105 a method's name
    CERTIFICATE = "certificate"
    DEVICE_CODE = "device-code"
    BROWSER = "browser"
    AZURE_CLI = "azure-cli"
    """Whoever is signed in to the Azure CLI on this machine."""
    MANAGED_IDENTITY = "managed-identity"
    """The identity of the Azure machine or service that this runs on."""
    WORKLOAD_IDENTITY = "workload-identity"
    """An application that trusts another issuer's token, which lies in a file."""
    ENVIRONMENT = "environment"
    """An application named by AZURE_CLIENT_ID and its kin."""


BRING_THEIR_OWN = frozenset(
    {SignInMethod.AZURE_CLI, SignInMethod.MANAGED_IDENTITY, SignInMethod.WORKLOAD_IDENTITY, SignInMethod.ENVIRONMENT}
)
"""Methods that know a client id of their own; the inventory may be silent about it."""

FIXED = frozenset({SignInMethod.AZURE_CLI, SignInMethod.ENVIRONMENT})
"""Those of them whose client id cannot be chosen: the inventory must be silent about it."""


@dataclass(frozen=True)
class SignIn:
    """The operator's way in. `secret` is a reference (`env:NAME`, `file:PATH`, `prompt:`), never a value."""

    method: SignInMethod
    client_id: AppId | None
    """None where the method brings its own."""
    secret: str | None = None
    certificate_file: str | None = None
    """PEM with private key and certificate, or PFX."""
    login_hint: str | None = None
    token_file: str | None = None
    """The other issuer's token (workload identity); None is the file that AZURE_FEDERATED_TOKEN_FILE names."""
    permissions: tuple[str, ...] = ()
    """Delegated permissions of Graph to ask a person for by name; empty asks for what was consented to before."""


class ExchangeDriver(StrEnum):
    """Who runs the Exchange cmdlets for us."""

    PSRP = "psrp"
    REST = "rest"
    SCRIPT = "script"
    """Nobody of ours: a person with the role runs a script that we write."""


class HostIdentity(StrEnum):
    """As whom the management host connects to Exchange Online."""

    CERTIFICATE = "certificate"
    MANAGED_IDENTITY = "managed-identity"
    ACCESS_TOKEN = "access-token"  # noqa: S105 a method's name


@dataclass(frozen=True)
class ManagementHost:
    """A Windows host with ExchangeOnlineManagement, reached over WinRM.

    `jea` says that `configuration` is a JEA endpoint which offers `<Verb>-Provisioner<Noun>` functions only, and
    connects to Exchange Online by itself.
    """

    host: str
    port: int = 5986
    path: str = "wsman"
    configuration: str = "Microsoft.PowerShell"
    jea: bool = False
    auth: str = "negotiate"
    username: str | None = None
    password: str | None = None
    """A reference (`env:NAME`, `file:PATH`, `prompt:`), never a value."""
    ca_file: str | None = None
    identity: HostIdentity = HostIdentity.CERTIFICATE
    app_id: AppId | None = None
    certificate_thumbprint: str | None = None
    organization: str | None = None
    """The primary `.onmicrosoft.com` domain, which `Connect-ExchangeOnline -Organization` wants."""


@dataclass(frozen=True)
class Tenant:
    """One customer's directory. `exchange` is None where nobody said who runs cmdlets there."""

    name: str
    tenant_id: TenantId
    endpoints: Endpoints
    sign_in: SignIn
    exchange: ExchangeDriver | None = None
    host: ManagementHost | None = None
    sandbox: bool = False

    def sign_in_address(self, endpoint: SignInEndpoint) -> str:
        """Where products of this tenant send people, or ask for tokens."""
        last = {SignInEndpoint.AUTHORIZATION: "authorize", SignInEndpoint.TOKEN: "token"}[endpoint]
        return f"{self.endpoints.login}/{self.tenant_id}/oauth2/v2.0/{last}"
