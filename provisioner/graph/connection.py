"""`Graph`: one tenant's connection, over which the collections read and write.

What repeats and what does not is decided here, once: reads and harmless writes wait for a throttled or ill service up
to a deadline; `write_once` sends exactly one request, whatever happens to it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from provisioner.errors import Absent, ServiceFault, UnknownOutcome
from provisioner.graph.batching import Batcher, Part, Request
from provisioner.graph.faults import SERVICE, UNREADABLE, error_of, fault_of_item, fault_of_sdk, unreadable
from provisioner.graph.http_pool import pool
from provisioner.graph.reading import Json
from provisioner.graph.rights import Right
from provisioner.graph.sdk import Info, Sdk, request
from provisioner.graph.wire import Listener
from provisioner.model.events import Events
from provisioner.model.identifiers import GRAPH_AUDIENCE
from provisioner.model.tenant import Tenant
from provisioner.pace import Clock, Verdict, classify
from provisioner.pace.settle import settle
from provisioner.signin.tokens import TokenSource
from provisioner.signin.wire import Trace

if TYPE_CHECKING:
    import httpx

PATIENCE_SECONDS = 120.0
"""How long a throttled or ill service is waited for, per request."""

CONNECT_TRIES = 3

MOST_PAGES = 10_000


def connect(
    tenant: Tenant,
    tokens: TokenSource,
    *,
    clock: Clock,
    events: Events,
    trace: Trace | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Graph:
    """A connection to a tenant's Graph, as an async context manager. Nothing is sent yet.

    `transport` takes the place of the connection's own pool; it is closed with it. Raises `InputFault` where the
    tenant's `ca_file` is not there.
    """
    return Graph(tenant, tokens, clock, events, trace, transport)


class Graph:
    """One tenant's connection. Collections build requests with `client` and send them with `read` or `write`."""

    def __init__(
        self,
        tenant: Tenant,
        tokens: TokenSource,
        clock: Clock,
        events: Events,
        trace: Trace | None,
        transport: httpx.AsyncBaseTransport | None,
    ) -> None:
        self._tokens = tokens
        self._clock = clock
        self._events = events
        self._base = tenant.endpoints.graph.rstrip("/")
        self._listener = Listener(clock, events, trace)
        http = pool(tenant, self._listener, transport)
        host = urlsplit(self._base).hostname or ""
        self._sdk = Sdk(http, tokens, base_url=self._base, host=host, audience=GRAPH_AUDIENCE)
        self._batcher = Batcher(self._alone, self._together)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._batcher.close()
        await self._sdk.close()

    @property
    def client(self) -> Any:
        """Microsoft's client: its request builders make the requests."""
        return self._sdk.client

    async def read(self, info: Info, right: Right) -> Json:
        """The object that a GET answers. What is asked in one loop turn travels together, reads and writes.

        Raises `Absent`, `Refused`, `Unreachable`, or another `ServiceFault`; `NotYet` after `PATIENCE_SECONDS` of
        throttling.
        """
        return await self._read(self._path(self._sdk.address(info)), right)

    async def pages(self, info: Info, right: Right) -> tuple[Json, ...]:
        """All objects of a collection, over all its pages."""
        path = self._path(self._sdk.address(info))
        found: list[Json] = []
        seen: set[str] = set()
        while path not in seen and len(seen) < MOST_PAGES:
            seen.add(path)
            page = await self._read(path, right)
            values = page.get("value")
            if not isinstance(values, list) or not all(isinstance(each, dict) for each in values):
                raise unreadable(f"GET {_without_query(path)}", "`value` is no list of objects")
            found += values
            following = page.get("@odata.nextLink")
            if following is None:
                return tuple(found)
            if not isinstance(following, str) or not following.startswith(f"{self._base}/"):
                raise unreadable(f"GET {_without_query(path)}", "the next page is said to be at another host")
            path = self._path(following)
        raise unreadable(f"GET {_without_query(path)}", "its pages have no end")

    async def write(self, info: Info, right: Right) -> Json | None:
        """The reply's object, if any, of a write that is harmless to repeat; it is repeated as reads are."""
        headers = {name: ", ".join(values) for name, values in info.headers.get_all().items()}
        path = self._path(self._sdk.address(info))
        return await self._ask(
            Request(info.http_method.value, path, self._operation(info), headers, info.content or None), right
        )

    async def write_once(self, info: Info, right: Right) -> Json | None:
        """The reply's object, if any, of a write that is sent exactly once.

        Raises `UnknownOutcome` where it may have been carried out; any other error means that it was not.
        """
        operation = self._operation(info)
        try:
            return await self._transmit(info, operation)
        except ServiceFault as error:
            told = _worded(error, operation, right)
            if told.fault.code == UNREADABLE or (told.fault.sent and classify(told.fault) is Verdict.UNKNOWN):
                raise UnknownOutcome(told.fault, advice="look at what is there before trying again") from None
            raise told from None

    async def delete(self, info: Info, right: Right) -> None:
        """Send a DELETE. What is gone already is fine, since an earlier try of ours may have removed it."""
        try:
            await self.write(info, right)
        except Absent:
            return

    async def _read(self, path: str, right: Right) -> Json:
        operation = f"GET {_without_query(path)}"
        found = await self._ask(Request("GET", path, operation), right)
        if found is None:
            raise unreadable(operation, "it is empty")
        return found

    async def _ask(self, asked: Request, right: Right) -> Json | None:
        async def attempt() -> Json | None:
            try:
                part = await self._batcher.send(asked)
            except ServiceFault as error:
                raise _worded(error, asked.operation, right) from None
            if part.status >= 400:
                fault = fault_of_item(part.status, part.headers, part.body, asked.operation, self._clock)
                raise error_of(fault, right)
            if part.body is not None and not isinstance(part.body, dict):
                raise unreadable(asked.operation, "it is no object")
            return part.body

        return await settle(
            attempt,
            clock=self._clock,
            events=self._events,
            subject=asked.operation,
            seconds=PATIENCE_SECONDS,
            just_wrote=False,
            harmless=True,
            connect_tries=CONNECT_TRIES,
        )

    async def _alone(self, asked: Request) -> Part:
        info = request(asked.method, self._base + asked.path, asked.content, asked.headers)
        return Part(200, {}, await self._transmit(info, asked.operation))

    async def _together(self, body: bytes) -> Mapping[str, Part]:
        operation = "POST /$batch"
        reply = await self._transmit(request("POST", f"{self._base}/$batch", body), operation)
        parts = reply.get("responses") if reply else None
        if not isinstance(parts, list):
            raise unreadable(operation, "`responses` is no list")
        return {
            str(part.get("id")): Part(_status(part.get("status")), part.get("headers"), part.get("body"))
            for part in parts
            if isinstance(part, dict)
        }

    async def _transmit(self, info: Info, operation: str) -> Json | None:
        """Send once; once more with a fresh token where the token was not accepted (nothing was carried out then)."""
        try:
            return await self._send(info, operation)
        except ServiceFault as error:
            if error.fault.service != SERVICE or error.fault.status != 401:
                raise
        await self._tokens.token(GRAPH_AUDIENCE, fresh=True)
        return await self._send(info, operation)

    async def _send(self, info: Info, operation: str) -> Json | None:
        try:
            content = await self._sdk.send(info)
        except ServiceFault:
            raise  # from the token source, which kiota asks
        except Exception as error:
            fault = fault_of_sdk(error, operation, self._clock)
            if fault is None:
                raise
            if fault.status == 0:
                self._listener.failed(operation, "", fault.code)
            raise ServiceFault(fault) from None
        if content is None:
            return None
        try:
            reply = json.loads(content)
        except ValueError:
            raise unreadable(operation, "it is no JSON") from None
        if not isinstance(reply, dict):
            raise unreadable(operation, "it is no object")
        return reply

    def _path(self, address: str) -> str:
        """The address below the version, with `$` in the names of query options, as Graph's pages write it."""
        return re.sub(r"([?&])%24", r"\1$", address.removeprefix(self._base))

    def _operation(self, info: Info) -> str:
        method = getattr(info.http_method, "value", "")
        return f"{method} {_without_query(self._path(self._sdk.address(info)))}"


def _worded(error: ServiceFault, operation: str, right: Right) -> ServiceFault:
    """The right leaf for a fault of Graph's; errors of the sign-in and unreadable replies stay as they are."""
    if error.fault.service != SERVICE or error.fault.code == UNREADABLE:
        return error
    return error_of(replace(error.fault, operation=operation), right)


def _without_query(path: str) -> str:
    return path.split("?", 1)[0]


def _status(value: object) -> int:
    """A batch item's status, which Graph gives as a number and others as text."""
    return int(value) if isinstance(value, int | str) and str(value).isdigit() else 504
