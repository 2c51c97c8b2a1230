"""Connect-ExchangeOnline and its companions: the module's own functions on the host."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.entra.principals import roles_unknown_to_exchange
from provisioner.sandbox.exchange import seed
from provisioner.sandbox.exchange.access import Caller, caller_of
from provisioner.sandbox.exchange.cmdlet import Record
from provisioner.sandbox.exchange.faults import CmdletFailed, Failure
from provisioner.sandbox.exchange.parameters import COMMON, Arguments, Parameter, boolean, string, strings, switch
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.tokens import EXCHANGE, TokenRefused
from provisioner.sandbox.wsman import host as hosts

CONNECT: Final = (
    Parameter("ManagedIdentity", switch, switch=True),
    Parameter("ManagedIdentityAccountId", string),
    Parameter("AppId", string),
    Parameter("CertificateThumbprint", string),
    Parameter("Organization", string),
    Parameter("DelegatedOrganization", string),
    Parameter("AccessToken", string),
    Parameter("UserPrincipalName", string),
    Parameter("CommandName", strings),
    Parameter("SkipLoadingFormatData", switch, switch=True),
    Parameter("SkipLoadingCmdletHelp", switch, switch=True),
    Parameter("ShowBanner", boolean),
    Parameter("ShowProgress", boolean),
    Parameter("PageSize", string),
    Parameter("TrackPerformance", boolean),
    Parameter("UseMultithreading", boolean),
    Parameter("ExchangeEnvironmentName", string),
    *COMMON,
)
DISCONNECT: Final = (
    Parameter("Confirm", switch, switch=True),
    Parameter("ConnectionId", strings),
    Parameter("WhatIf", switch, switch=True),
    *COMMON,
)
INFORMATION: Final = (Parameter("ConnectionId", strings), *COMMON)

BANNER: Final = (
    "----------------------------------------------------------------------------------------",
    "This V3 EXO PowerShell module contains new REST API backed Exchange Online cmdlets which doesn't require WinRM "
    "for Client-Server communication.",
    "----------------------------------------------------------------------------------------",
)


@dataclass(frozen=True)
class Connection:
    """One session with Exchange Online. `expires` is epoch seconds; `commands` are wildcards, empty for all."""

    id: str
    caller: Caller
    organization: str
    app_id: str
    user: str
    by_certificate: bool
    expires: float | None
    commands: tuple[str, ...]

    def imports(self, cmdlet: str) -> bool:
        """True when -CommandName lets this cmdlet in."""
        return not self.commands or any(fnmatchcase(cmdlet.casefold(), each.casefold()) for each in self.commands)


def connect(sandbox: Sandbox, host: hosts.Host, arguments: Arguments) -> Connection:
    """Sign in as the host, by certificate or managed identity, or with a token that was handed over.

    Raises CmdletFailed, which ends the pipeline.
    """
    if arguments.text("AccessToken") is not None:
        return _by_token(sandbox, arguments)
    organization = arguments.text("Organization")
    if arguments.flag("ManagedIdentity"):
        if organization is None:
            raise _thrown("Organization is required when ManagedIdentity is used.", "System.ArgumentException")
        return _as_host(sandbox, host, arguments, organization, by_certificate=False)
    if arguments.text("AppId") is not None:
        return _by_certificate(sandbox, host, arguments)
    raise _thrown(
        "A window handle must be configured. See https://aka.ms/msal-net-wam#parent-window-handles",
        "Microsoft.Identity.Client.MsalClientException",
    )


def as_host(sandbox: Sandbox, host: hosts.Host, organization: str) -> Connection:
    """What a wrapper function of the host does by itself: the tenant may also be named by its id or any domain."""
    if organization.casefold() not in {sandbox.tenant_id.casefold(), *seed.ACCEPTED_DOMAINS}:
        raise _unknown_organization(organization)
    return _as_host(sandbox, host, Arguments({}), seed.INITIAL_DOMAIN, by_certificate=True)


def unauthorized() -> CmdletFailed:
    """The token is no longer good, or never was."""
    return _thrown("UnAuthorized", "System.Management.Automation.RuntimeException")


def information(sandbox: Sandbox, connection: Connection) -> Record:
    """Get-ConnectionInformation's object."""
    expired = connection.expires is not None and sandbox.clock.now() >= connection.expires
    return Record(
        "Microsoft.Exchange.Management.ExoPowershellSnapin.ConnectionInformation",
        {
            "ConnectionId": connection.id,
            "State": "Connected",
            "Id": 1,
            "Name": "ExchangeOnline_1",
            "UserPrincipalName": connection.user,
            "ConnectionUri": EXCHANGE,
            "AzureAdAuthorizationEndpointUri": "https://login.microsoftonline.com/" + connection.organization,
            "CertificateAuthentication": connection.by_certificate,
            "ModuleName": "tmpEXO_sandbox",
            "ModulePrefix": "",
            "Organization": connection.organization,
            "DelegatedOrganization": "",
            "AppId": connection.app_id,
            "TokenStatus": "Expired" if expired else "Active",
            "ConnectionUsedForInbuiltCmdlets": True,
            "IsEopSession": False,
            "TenantID": sandbox.tenant_id,
        },
    )


@behaviour(
    "-AccessToken needs -Organization, -DelegatedOrganization or -UserPrincipalName beside it, and ends with its "
    "own expiry",
    source="exchange.md 1.2 S1; texts unverified",
    if_wrong="a token from another tenant or a stale one is taken for a missing role",
)
def _by_token(sandbox: Sandbox, arguments: Arguments) -> Connection:
    beside = [arguments.text(name) for name in ("Organization", "DelegatedOrganization", "UserPrincipalName")]
    if not any(beside):
        raise _thrown(
            "AccessToken must be used with one of Organization, DelegatedOrganization or UserPrincipalName.",
            "System.ArgumentException",
        )
    try:
        claims = sandbox.tokens.verify(arguments.text("AccessToken") or "", EXCHANGE)
    except TokenRefused:
        raise unauthorized() from None
    organization = arguments.text("Organization") or sandbox.tenant_id
    if claims.tid != sandbox.tenant_id:
        raise unauthorized()
    if organization.casefold() not in {sandbox.tenant_id.casefold(), *seed.ACCEPTED_DOMAINS}:
        raise _unknown_organization(organization)
    with sandbox.store.transaction() as tx:
        unheard_of = roles_unknown_to_exchange(sandbox, tx, claims.oid)
    caller = caller_of(claims, unheard_of)
    if not caller.roles:
        raise _role_not_supported(claims.appid) if claims.app_only else unauthorized()
    return Connection(
        id=sandbox.new_id(),
        caller=caller,
        organization=organization,
        app_id=claims.appid,
        user=claims.upn or "",
        by_certificate=False,
        expires=claims.exp,
        commands=arguments.strings("CommandName"),
    )


@behaviour(
    "-AppId needs -CertificateThumbprint of a certificate in the host's store, and -Organization",
    source="exchange.md 1.2 S1; texts unverified",
    if_wrong="a typing error in the thumbprint is not understood",
)
def _by_certificate(sandbox: Sandbox, host: hosts.Host, arguments: Arguments) -> Connection:
    thumbprint = arguments.text("CertificateThumbprint")
    organization = arguments.text("Organization")
    if thumbprint is None or organization is None:
        raise _thrown(
            "CertificateThumbprint and Organization are required when AppId is used.", "System.ArgumentException"
        )
    if thumbprint.replace(" ", "").upper() != hosts.CERTIFICATE_THUMBPRINT:
        raise _thrown(
            f"Specified CertificateThumbprint {thumbprint} was not found in the certificate store of this host.",
            "System.Exception",
        )
    app_id = arguments.text("AppId") or ""
    if app_id.casefold() != hosts.APP_ID:
        raise _thrown(
            f"AADSTS700016: Application with identifier '{app_id}' was not found in the directory "
            f"'{organization}'. This can happen if the application has not been installed by the administrator of the "
            "tenant or consented to by any user in the tenant.",
            "Microsoft.Identity.Client.MsalServiceException",
        )
    return _as_host(sandbox, host, arguments, organization, by_certificate=True)


@behaviour(
    "-Organization with a certificate or managed identity is the initial .onmicrosoft.com domain, nothing else",
    source="exchange.md 1.2 S1; that a tenant id or custom domain is refused: unverified",
    if_wrong="the inventory holds a name that the module refuses",
)
def _as_host(
    sandbox: Sandbox, host: hosts.Host, arguments: Arguments, organization: str, *, by_certificate: bool
) -> Connection:
    if organization.casefold() != seed.INITIAL_DOMAIN:
        raise _unknown_organization(organization)
    caller = host.identity()
    if not caller.roles:
        raise _role_not_supported(hosts.APP_ID)
    return Connection(
        id=sandbox.new_id(),
        caller=caller,
        organization=organization,
        app_id=hosts.APP_ID,
        user="",
        by_certificate=by_certificate,
        expires=None,
        commands=arguments.strings("CommandName"),
    )


@behaviour(
    "Without a directory role the connection is refused: The role assigned to application ... isn't supported in "
    "this scenario",
    source="unverified (exchange.md 4.7: exact code; the sentence from reports of app-only sign-in)",
    if_wrong="the missing role is not named",
)
def _role_not_supported(app_id: str) -> CmdletFailed:
    return _thrown(
        f"The role assigned to application {app_id} isn't supported in this scenario. Please check online "
        "documentation "
        "for assigning correct Directory Roles to Azure AD Application for EXO App-Only Authentication.",
        "System.Management.Automation.RuntimeException",
    )


def _unknown_organization(organization: str) -> CmdletFailed:
    return _thrown(
        f"AADSTS90002: Tenant '{organization}' not found. Check to make sure you have the correct tenant ID and are "
        "signing into the correct cloud. Check with your subscription administrator, this may happen if there are no "
        "active subscriptions for the tenant.",
        "Microsoft.Identity.Client.MsalServiceException",
    )


def _thrown(text: str, type_: str) -> CmdletFailed:
    # What a function throws: the text is the error's id too, and the pipeline ends.
    return CmdletFailed(Failure(text=text, type=type_, category="OperationStopped", binding=text, terminating=True))
