"""Graph over HTTP: one request or a ``$batch``, with tokens, faults, history and the headers of the real thing."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from provisioner.sandbox.asgi import abort_of
from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.graph import routes
from provisioner.sandbox.graph.call import Call, Reply
from provisioner.sandbox.graph.errors import GraphError, faulty
from provisioner.sandbox.graph.paths import parse_target
from provisioner.sandbox.ledger import behaviour, mark
from provisioner.sandbox.tokens import GRAPH, Claims, TokenRefused

CONTENT_TYPE = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
LARGEST_BODY = 4 * 1024 * 1024

mark(
    "Replies carry request-id, client-request-id (echoed, else the request-id), x-ms-ags-diagnostic, "
    "x-ms-resource-unit and Date; errors have a bare content type and no odata-version; 204 has neither",
    source="recorded-graph.md 1",
    if_wrong="a client reads its diagnosis from a header that is not there",
)
mark(
    "JSON is compact, non-ASCII escaped in lower-case hex, nulls written out",
    source="recorded-graph.md 1",
    if_wrong="nothing a JSON reader would notice",
)


class Dropped(Exception):
    """A fault that closes the connection instead of answering."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request below the version. ``path`` and ``query`` raw; header names lower-case; ``body`` raw bytes."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    base: str

    @property
    def operation(self) -> str:
        """How faults and the history name it."""
        path = "/".join(part for part in self.path.split("/") if part)
        return f"{self.method} /v1.0/{path}" + (f"?{self.query}" if self.query else "")


@dataclass(frozen=True, slots=True)
class Trace:
    """The ids of one request, as headers and errors repeat them."""

    request_id: str
    client_request_id: str


class GraphService:
    """Answers Graph for one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def endpoint(self, http: HttpRequest) -> Response:
        """The Starlette endpoint under ``/v1.0``."""
        headers = {name.lower(): value for name, value in http.headers.items()}
        request_id = str(uuid.uuid4())
        trace = Trace(request_id, headers.get("client-request-id") or request_id)
        request = Request(
            http.method,
            _raw_path(http).removeprefix("/v1.0"),
            http.scope["query_string"].decode("latin-1"),
            headers,
            await http.body(),
            f"https://{headers.get('host', 'localhost')}/v1.0",
        )
        try:
            reply = await self._serve(request, trace)
        except Dropped:
            abort_of(http.scope)()
            return Response()
        return self._response(reply, request, trace)

    async def _serve(self, request: Request, trace: Trace) -> Reply:
        try:
            claims = self._claims(request)
        except GraphError as refusal:
            self._record(request, trace, "", refusal.status)
            return self._refusal(refusal, trace)
        if request.path.strip("/").lower() == "$batch":
            return await self._faulted(request, trace, claims, batch=True)
        return await self._faulted(request, trace, claims)

    async def _faulted(self, request: Request, trace: Trace, claims: Claims, *, batch: bool = False) -> Reply:
        """Answer between the faults before and after; every outcome goes into the history."""
        faults = self._sandbox.faults
        effect = await faults.before("graph", request.operation)
        if effect is None:
            reply = await self._batch(request, trace, claims) if batch else self._answer(request, trace, claims)
            done = reply.status
            effect = await faults.after("graph", request.operation)
        else:
            reply, done = None, None
        if effect is not None and effect.drop:
            self._record(request, trace, claims.caller, "dropped", done=done, batch=batch)
            raise Dropped
        if effect is not None:
            reply = self._refusal(faulty(effect.status or 500, effect.retry_after), trace)
        assert reply is not None
        self._record(
            request, trace, claims.caller, reply.status, done=done if effect is not None else None, batch=batch
        )
        return reply

    def _answer(self, request: Request, trace: Trace, claims: Claims) -> Reply:
        sandbox = self._sandbox
        try:
            if len(request.body) > LARGEST_BODY:
                raise GraphError(413, "RequestEntityTooLarge", "The request is too large.")
            with sandbox.store.transaction() as tx:
                call = Call(
                    sandbox,
                    tx,
                    claims,
                    request.method,
                    parse_target(request.path, request.query),
                    request.headers,
                    _parsed(request.body),
                    request.base,
                    sandbox.entra_as_of(request.path),
                )
                return routes.answer(call)
        except GraphError as refusal:
            return self._refusal(refusal, trace)

    @behaviour(
        "$batch: at most 20 items, unique ids, relative or absolute URLs; each item has its own status; an item "
        "whose dependency failed is 424; a 429 may sit inside a 200",
        source="graph.md 2.1 V: GD json-batching.md; texts of the refusals unverified",
        if_wrong="a throttled item is taken for done",
    )
    async def _batch(self, request: Request, trace: Trace, claims: Claims) -> Reply:
        try:
            items = _batch_items(request)
        except GraphError as refusal:
            return self._refusal(refusal, trace)
        statuses: dict[str, int] = {}
        responses = []
        for item in items:
            identifier = str(item["id"])
            needs = [str(each) for each in item.get("dependsOn") or ()]
            if any(statuses[each.lower()] >= 400 for each in needs):
                reply = self._refusal(
                    GraphError(424, "FailedDependency", "A request this one depends on failed."), trace
                )
            else:
                reply = await self._item(item, request, trace, claims)
            statuses[identifier.lower()] = reply.status
            responses.append(_batch_response(identifier, reply))
        if self._sandbox.profile.shuffled_arrays:
            responses = self._sandbox.random.sample(responses, len(responses))
        return Reply(200, {"responses": responses})

    async def _item(self, item: Mapping[str, Any], outer: Request, trace: Trace, claims: Claims) -> Reply:
        url = str(item["url"])
        for prefix in (outer.base, "https://graph.microsoft.com/v1.0", "/v1.0"):
            url = url.removeprefix(prefix)
        path, _, query = url.partition("?")
        headers = {name.lower(): str(value) for name, value in (item.get("headers") or {}).items()}
        body = json.dumps(item["body"]).encode() if item.get("body") is not None else b""
        request = Request(str(item["method"]).upper(), path, query, headers, body, outer.base)
        try:
            return await self._faulted(request, trace, claims)
        except Dropped:
            return self._refusal(faulty(503, None), trace)

    @behaviour(
        "401 InvalidAuthenticationToken: empty, not well formed, wrong audience, expired",
        source="recorded-graph.md 13 TEXT; the texts for malformed and expired unverified",
        if_wrong="only the text of an error differs",
    )
    def _claims(self, request: Request) -> Claims:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        try:
            return self._sandbox.tokens.verify(token.strip() if scheme.lower() == "bearer" else "", GRAPH)
        except TokenRefused as refused:
            text = {
                "empty": "Access token is empty.",
                "malformed": "IDX14100: JWT is not well formed, there are no dots (.).",
                "signature": "Access token validation failure. Invalid signature.",
                "audience": "Access token validation failure. Invalid audience.",
                "expired": "Access token has expired or is not yet valid.",
            }[refused.reason]
            challenge = 'Bearer realm="", client_id="00000003-0000-0000-c000-000000000000"'
            raise GraphError(
                401, "InvalidAuthenticationToken", text, headers={"www-authenticate": challenge}
            ) from refused

    def _refusal(self, refusal: GraphError, trace: Trace) -> Reply:
        error: dict[str, Any] = {"code": refusal.code, "message": refusal.message}
        if refusal.details is not None:
            error["details"] = refusal.details
        moment = datetime.fromtimestamp(self._sandbox.clock.now(), UTC)
        error["innerError"] = {
            "date": moment.strftime("%Y-%m-%dT%H:%M:%S"),
            "request-id": trace.request_id,
            "client-request-id": trace.client_request_id,
        }
        return Reply(refusal.status, {"error": error}, refusal.headers)

    def _response(self, reply: Reply, request: Request, trace: Trace) -> Response:
        headers = {
            "cache-control": "no-cache",
            "strict-transport-security": "max-age=31536000",
            "request-id": trace.request_id,
            "client-request-id": trace.client_request_id,
            "x-ms-ags-diagnostic": _diagnostic(trace),
            "x-ms-resource-unit": str(reply.resource_units),
            "date": http_date(self._sandbox),
            **reply.headers,
        }
        if reply.body is None:
            return _Bare(b"", reply.status, headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["vary"] = "Accept-Encoding"
        if reply.status < 400:
            headers |= {"odata-version": "4.0", "content-type": CONTENT_TYPE}
        else:
            headers["content-type"] = "application/json"
        return _Bare(json.dumps(reply.body, separators=(",", ":")).encode(), reply.status, headers)

    def _record(
        self,
        request: Request,
        trace: Trace,
        caller: str,
        status: int | str,
        *,
        done: int | None = None,
        batch: bool = False,
    ) -> None:
        self._sandbox.history.append(
            "graph",
            request.operation,
            caller=caller,
            status=status,
            write=request.method not in ("GET", "HEAD") and not batch,
            request_id=trace.request_id,
            detail={} if done is None else {"doneBeforeFault": done},
        )


class _Bare(Response):
    """A response with exactly our headers; without Content-Length, so that the body goes out chunked."""

    def __init__(self, content: bytes, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(content, status)
        self.raw_headers = [(n.encode("latin-1"), v.encode("latin-1")) for n, v in headers.items()]


def http_date(sandbox: Sandbox) -> str:
    """Date header by the tenant's clock; a hostile tenant's front ends disagree by a second."""
    skew = sandbox.profile.clock_skew
    if skew and sandbox.random.random() < 0.5:
        skew = 0.0
    return format_datetime(datetime.fromtimestamp(int(sandbox.clock.now() + skew), UTC), usegmt=True)


def _raw_path(http: HttpRequest) -> str:
    raw: bytes = http.scope.get("raw_path") or http.scope["path"].encode()
    return raw.partition(b"?")[0].decode("latin-1")


def _parsed(body: bytes) -> object:
    if not body.strip():
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as problem:
        raise GraphError(
            400,
            "BadRequest",
            "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid"
            " JSON format.",
        ) from problem


def _batch_items(request: Request) -> list[dict[str, Any]]:
    body = _parsed(request.body)
    items = body.get("requests") if isinstance(body, dict) else None
    if request.method != "POST" or not isinstance(items, list) or not items:
        raise GraphError(400, "BadRequest", "Invalid batch payload format.")
    if len(items) > 20:
        raise GraphError(400, "BadRequest", "Number of batch request steps exceeds the maximum value of 20.")
    seen: set[str] = set()
    for item in items:
        if not isinstance(item, dict) or not all(item.get(name) for name in ("id", "method", "url")):
            raise GraphError(400, "BadRequest", "Invalid batch payload format.")
        identifier = str(item["id"]).lower()
        if identifier in seen:
            raise GraphError(400, "BadRequest", f"Request Id values should be unique. '{item['id']}' is not.")
        if any(str(each).lower() not in seen for each in item.get("dependsOn") or ()):
            raise GraphError(
                400, "BadRequest", f"Request '{item['id']}' depends on a request that does not precede it."
            )
        seen.add(identifier)
        names = {str(name).lower() for name in item.get("headers") or {}}
        if item.get("body") is not None and "content-type" not in names:
            raise GraphError(
                400,
                "BadRequest",
                f"Write request id : {item['id']} does not contain Content-Type header or body.",
            )
    return items


def _batch_response(identifier: str, reply: Reply) -> dict[str, Any]:
    headers = {"Cache-Control": "no-cache", "x-ms-resource-unit": str(reply.resource_units)}
    headers |= {name.title(): value for name, value in reply.headers.items()}
    response: dict[str, Any] = {"id": identifier, "status": reply.status, "headers": headers}
    if reply.body is not None:
        if reply.status < 400:
            headers["OData-Version"] = "4.0"
        headers["Content-Type"] = CONTENT_TYPE if reply.status < 400 else "application/json"
        response["body"] = reply.body
    return response


def _diagnostic(trace: Trace) -> str:
    server = {
        "DataCenter": "Loopback",
        "Slice": "E",
        "Ring": "5",
        "ScaleUnit": "000",
        "RoleInstance": f"SB1PEPF{trace.request_id[:8].upper()}",
    }
    return json.dumps({"ServerInfo": server}, separators=(",", ":"))
