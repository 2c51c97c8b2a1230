"""Cmdlets over PowerShell remoting into a management host (exchange.md 2.1).

Two kinds of host. On a plain one we run `Connect-ExchangeOnline` ourselves, once in a runspace pool, and the host uses
its own certificate or managed identity: a token of ours as a parameter would land in its transcripts and logs, so
that is done only when the inventory says so (field-notes.md 2). The module says which tenant it has connected to, and
another one than the inventory's is left at once: one host may serve many customers. On a JEA endpoint only functions
of ours exist, `New-ProvisionerServicePrincipal` for `New-ServicePrincipal`, with the cmdlet's parameters and the
organization; they connect by themselves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from provisioner.errors import InputFault
from provisioner.exchange.interface import CMDLETS, CmdletReply, Exchange, Parameter, refuse_half_characters
from provisioner.exchange.patience import patiently
from provisioner.exchange.psrp_session import PsrpSession
from provisioner.model.events import Events
from provisioner.model.secret import Secret
from provisioner.model.tenant import ExchangeDriver, HostIdentity, ManagementHost, Tenant
from provisioner.pace import Clock

if TYPE_CHECKING:
    from provisioner.signin import Token

T = TypeVar("T")

AUTHS = ("negotiate", "kerberos", "ntlm", "credssp", "basic")
"""What pypsrp can do with a name and a password."""

TOKEN_MARGIN = timedelta(minutes=5)


def connect(
    tenant: Tenant,
    host: ManagementHost,
    *,
    password: Secret | None,
    token: Callable[[], Awaitable[Token]] | None,
    clock: Clock,
    events: Events,
) -> Exchange:
    """A driver for one tenant; the host is reached by the first cmdlet.

    `token` gives our own Exchange token, and is needed only where the host's identity is `access-token`. Raises
    `InputFault` where the inventory does not say enough.
    """
    missing = _missing(host, password, token)
    if missing:
        advice = "complete the management host: `tenants add`"
        raise InputFault(f"tenant {tenant.name}: {'; '.join(missing)}", advice=advice)
    return OverPsrp(tenant, host, password=password, token=token, clock=clock, events=events)


class OverPsrp:
    """The driver. All of pypsrp blocks, so it works in a thread, one cmdlet at a time."""

    name = ExchangeDriver.PSRP
    undocumented = False

    def __init__(
        self,
        tenant: Tenant,
        host: ManagementHost,
        *,
        password: Secret | None,
        token: Callable[[], Awaitable[Token]] | None,
        clock: Clock,
        events: Events,
    ) -> None:
        self._tenant = tenant
        self._host = host
        self._token = token
        self._clock = clock
        self._events = events
        self._session = PsrpSession(tenant, host, password)
        self._lock = asyncio.Lock()
        self._connected_until = clock.now()

    async def run(self, cmdlet: str, parameters: Mapping[str, Parameter]) -> CmdletReply:
        """See `Exchange.run`."""
        refuse_half_characters(cmdlet, parameters)

        async def attempt() -> CmdletReply:
            async with self._lock:
                connect_parameters = None if self._host.jea else await self._connect_parameters()
                name, sent = self._on_host(cmdlet, parameters)
                return await self._in_thread(lambda: self._session.run(cmdlet, name, sent, connect_parameters))

        return await patiently(attempt, cmdlet=cmdlet, clock=self._clock, events=self._events)

    async def close(self) -> None:
        """See `Exchange.close`."""
        async with self._lock:
            await self._in_thread(self._session.close)

    def _on_host(self, cmdlet: str, parameters: Mapping[str, Parameter]) -> tuple[str, Mapping[str, Parameter]]:
        if not self._host.jea:
            return cmdlet, parameters
        verb, _, noun = cmdlet.partition("-")
        organization = self._host.organization or self._tenant.tenant_id
        return f"{verb}-Provisioner{noun}", {**parameters, "Organization": organization}

    async def _connect_parameters(self) -> Mapping[str, Parameter]:
        parameters: dict[str, Parameter] = {
            "Organization": self._host.organization,
            "CommandName": CMDLETS,
            "SkipLoadingFormatData": True,
            "ShowBanner": False,
        }
        if self._tenant.endpoints.exchange_environment is not None:
            parameters["ExchangeEnvironmentName"] = self._tenant.endpoints.exchange_environment
        match self._host.identity:
            case HostIdentity.CERTIFICATE:
                parameters |= {"AppId": self._host.app_id, "CertificateThumbprint": self._host.certificate_thumbprint}
            case HostIdentity.MANAGED_IDENTITY:
                parameters["ManagedIdentity"] = True
            case HostIdentity.ACCESS_TOKEN:
                parameters["AccessToken"] = await self._access_token()
        return parameters

    async def _access_token(self) -> str:
        """Our own token. A connection made with one dies with it, so the session starts anew shortly before."""
        assert self._token is not None
        token = await self._token()
        machine_time = self._clock.now() - self._clock.skew
        if self._session.connected and machine_time > self._connected_until - TOKEN_MARGIN:
            await self._in_thread(self._session.close)
        if not self._session.connected:
            self._connected_until = token.expires
        return token.secret.reveal()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Do `work` in a thread.

        A thread cannot be cancelled: it is asked to stop, and waited for, because whoever comes next (`close`, mostly)
        uses the same pool.
        """
        self._session.abandoned.clear()
        task = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self._session.abandoned.set()
            await asyncio.wait([task])
            if not task.cancelled():
                task.exception()  # taken note of, or asyncio complains of it later
            raise


def _missing(
    host: ManagementHost, password: Secret | None, token: Callable[[], Awaitable[Token]] | None
) -> tuple[str, ...]:
    """What the inventory does not say, all of it at once."""
    needs_name = host.auth in ("basic", "ntlm", "credssp")
    plain, identity = not host.jea, host.identity
    certificate = plain and identity is HostIdentity.CERTIFICATE
    checks = (
        (host.auth not in AUTHS, f"--auth {host.auth} is not one of {', '.join(AUTHS)}"),
        (needs_name and not host.username, f"--username is needed for {host.auth}"),
        (needs_name and password is None, f"--password is needed for {host.auth}"),
        (plain and not host.organization, "--organization is needed: the tenant's first .onmicrosoft.com domain"),
        (certificate and not host.app_id, "--host-app-id is needed for --identity certificate"),
        (certificate and not host.certificate_thumbprint, "--thumbprint is needed for it"),
        (
            plain and identity is HostIdentity.ACCESS_TOKEN and token is None,
            "--identity access-token needs a sign-in",
        ),
    )
    return tuple(text for wrong, text in checks if wrong)
