"""Cmdlets over the web service that Microsoft's own module uses. Undocumented; measured by others (exchange.md 1.3).

One POST runs one cmdlet: `{"CmdletInput": {"CmdletName", "Parameters"}}`. It may change without notice, which is why
the inventory has to name it and the plan says so.
"""

from __future__ import annotations

import json
import ssl
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from provisioner.errors import InputFault, ServiceFault, UnknownOutcome, Unreachable
from provisioner.exchange.interface import CmdletReply, Exchange, Parameter, is_read, refuse_half_characters
from provisioner.exchange.patience import patiently
from provisioner.exchange.rest_reply import RestReply, error_for, fault_of, read_page
from provisioner.model.events import Events
from provisioner.model.faults import Fault
from provisioner.model.identifiers import EXCHANGE_AUDIENCE
from provisioner.model.tenant import ExchangeDriver, Tenant
from provisioner.pace import Clock

if TYPE_CHECKING:
    import httpx

    from provisioner.signin import Token, TokenSource

SYSTEM_MAILBOX = "SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}"
"""The mailbox that every organisation has; app-only requests are routed by it (exchange.md 1.3)."""

PAGE_SIZE = 1000
READ_SECONDS = 100.0
CONNECT_SECONDS = 10.0


def connect(
    tenant: Tenant,
    tokens: TokenSource,
    *,
    clock: Clock,
    events: Events,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Exchange:
    """A driver for one tenant; the service is reached by the first cmdlet. `transport` replaces the network."""
    return OverRest(tenant, tokens, clock=clock, events=events, transport=transport)


class OverRest:
    """The driver."""

    name = ExchangeDriver.REST
    undocumented = True

    def __init__(
        self,
        tenant: Tenant,
        tokens: TokenSource,
        *,
        clock: Clock,
        events: Events,
        transport: httpx.AsyncBaseTransport | None,
    ) -> None:
        self._tenant = tenant
        self._tokens = tokens
        self._clock = clock
        self._events = events
        self._transport = transport
        self._client: httpx.AsyncClient | None = None

    async def run(self, cmdlet: str, parameters: Mapping[str, Parameter]) -> CmdletReply:
        """See `Exchange.run`."""
        refuse_half_characters(cmdlet, parameters)
        body = json.dumps({"CmdletInput": {"CmdletName": cmdlet, "Parameters": dict(parameters)}}).encode()

        async def attempt() -> CmdletReply:
            return await self._pages(cmdlet, body)

        return await patiently(attempt, cmdlet=cmdlet, clock=self._clock, events=self._events)

    async def close(self) -> None:
        """See `Exchange.close`."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _pages(self, cmdlet: str, body: bytes) -> CmdletReply:
        """All pages.

        The next one is asked for with the same body, so only a read may have one: a write would be done again.
        """
        output: list[Mapping[str, object]] = []
        warnings: list[str] = []
        path: str | None = f"/adminapi/beta/{self._tenant.tenant_id}/InvokeCommand"
        seen: set[str] = set()
        while path is not None and path not in seen:
            seen.add(path)
            page = read_page(await self._post(cmdlet, path, body), cmdlet)
            output += page.output
            warnings += page.warnings
            path = _local(page.next_link) if page.next_link and is_read(cmdlet) else None
        return CmdletReply(tuple(output), tuple(warnings))

    async def _post(self, cmdlet: str, path: str, body: bytes) -> RestReply:
        """One request that was answered well. A token that is refused is renewed once: its roles may be old."""
        token = await self._tokens.token(EXCHANGE_AUDIENCE)
        reply = await self._send(cmdlet, path, body, token)
        if reply.status == 401:
            token = await self._tokens.token(EXCHANGE_AUDIENCE, fresh=True)
            reply = await self._send(cmdlet, path, body, token)
        if reply.date is not None:
            self._clock.heard(reply.date)
        if reply.status == 200:
            return reply
        fault = fault_of(reply, cmdlet, self._clock.now())
        lost = fault.status in (408, 500, 502) and not reply.spoken
        if lost and not is_read(cmdlet):
            raise UnknownOutcome(fault, advice="look at what is there before trying again")
        raise error_for(fault, reply)

    async def _send(self, cmdlet: str, path: str, body: bytes, token: Token) -> RestReply:
        import httpx

        request_id = str(uuid.uuid4())
        try:
            async with self._open().stream(
                "POST", path, content=body, headers=self._headers(cmdlet, token, request_id)
            ) as response:
                # raw, because a refusal comes as NUL bytes that are declared to be gzip and are not
                raw = b"".join([chunk async for chunk in response.aiter_raw()])
                return RestReply.of(response.status_code, response.headers, raw, request_id)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol) as error:
            raise self._unreachable(cmdlet, error) from error
        except httpx.TransportError as error:
            raise self._cut(cmdlet, error, request_id) from error

    def _headers(self, cmdlet: str, token: Token, request_id: str) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {token.secret.reveal()}",
            "Content-Type": "application/json; charset=utf-8",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Prefer": f"odata.maxpagesize={PAGE_SIZE}",
            "X-AnchorMailbox": self._anchor(token),
            "X-CmdletName": cmdlet,
            "X-ResponseFormat": "json",
            "client-request-id": request_id,
        }

    def _anchor(self, token: Token) -> str:
        claims = token.claims
        if claims is not None and claims.kind == "user" and "@" in claims.name:
            return f"UPN:{claims.name}"
        return f"APP:{SYSTEM_MAILBOX}@{self._tenant.tenant_id}"

    def _open(self) -> httpx.AsyncClient:
        if self._client is None:
            import httpx

            self._client = httpx.AsyncClient(
                base_url=self._tenant.endpoints.exchange,
                verify=_trust(self._tenant),
                timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
                transport=self._transport,
            )
        return self._client

    def _unreachable(self, cmdlet: str, error: Any) -> Unreachable:
        host = urlsplit(self._tenant.endpoints.exchange).netloc
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            why, advice = (
                f"{host}: its certificate is not trusted",
                "look at the tenant's caFile, or at a proxy between",
            )
        else:
            why, advice = (
                f"{host} cannot be reached",
                "look at the network, the proxy and the tenant's exchange endpoint",
            )
        return Unreachable(Fault("exchange", cmdlet, 0, "Unreachable", why, sent=False), advice=advice)

    def _cut(self, cmdlet: str, error: Exception, request_id: str) -> ServiceFault:
        message = f"the connection was cut before the answer came ({type(error).__name__})"
        fault = Fault("exchange", cmdlet, 0, "ConnectionCut", message, request_id=request_id)
        if is_read(cmdlet):
            return Unreachable(fault, advice="look at the network and the proxy")
        return UnknownOutcome(fault, advice="look at what is there before trying again")


def _trust(tenant: Tenant) -> ssl.SSLContext:
    ca_file = tenant.endpoints.ca_file
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise InputFault(f"tenant {tenant.name}: {ca_file} cannot be used as caFile: {error}") from error


def _local(link: str) -> str:
    """Path and query of a next link: our token goes to the host of the inventory and nowhere else."""
    parts = urlsplit(link)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
