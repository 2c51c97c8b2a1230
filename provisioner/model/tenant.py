"""One tenant as the inventory knows it: where it is, how we sign in there, who runs Exchange cmdlets. No secret."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

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


WORLDWIDE = Endpoints(
    login="https://login.microsoftonline.com",
    graph="https://graph.microsoft.com/v1.0",
    exchange="https://outlook.office365.com",
    smtp_host="smtp.office365.com",
    smtp_port=587,
)
"""The worldwide cloud. Source: graph.md 6.4, exchange.md 5.1."""


class SignInMethod(StrEnum):
    """How we, the operator, get a token."""

    CLIENT_SECRET = "client-secret"  # noqa: S105 a method's name
    CERTIFICATE = "certificate"
    DEVICE_CODE = "device-code"
    BROWSER = "browser"


@dataclass(frozen=True)
class SignIn:
    """The operator's way in. `secret` is a reference (`env:NAME`, `file:PATH`, `prompt:`), never a value."""

    method: SignInMethod
    client_id: AppId
    secret: str | None = None
    certificate_file: str | None = None
    """PEM with private key and certificate, or PFX."""
    login_hint: str | None = None


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
