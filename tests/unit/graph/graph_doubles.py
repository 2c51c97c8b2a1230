"""A tenant's Graph as far as a test needs it: routes by method and path, `$batch` over the same routes, a history."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import httpx

from provisioner.graph import Graph, connect
from provisioner.model.events import Event
from provisioner.model.identifiers import AppId, TenantId
from provisioner.model.secret import Secret
from provisioner.model.tenant import Endpoints, SignIn, SignInMethod, Tenant
from provisioner.signin.tokens import Token
from provisioner.signin.wire import Trace

BASE = "https://localhost:8443/v1.0"
TENANT = Tenant(
    name="contoso",
    tenant_id=TenantId("7a3c0c8e-5a0b-4d7e-9a64-2f0c7f5f5b11"),
    endpoints=Endpoints("https://localhost:8443", BASE, "https://localhost:8443", "localhost", 587),
    sign_in=SignIn(SignInMethod.CLIENT_SECRET, AppId("0d9c1f3e-7f0e-4a55-8c54-52e3c4a0e0aa"), "env:SECRET"),
)
BEARER = "planted-bearer-Zx8Q-0123456789"
Answer = httpx.Response | Exception
Handler = Callable[[str], Answer]


class VirtualClock:
    """A clock on which sleeping takes no time."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
        self.slept: list[float] = []
        self.told: list[datetime] = []

    @property
    def skew(self) -> timedelta:
        return self.told[-1] - self.time if self.told else timedelta()

    def now(self) -> datetime:
        return self.time

    def heard(self, tenant_time: datetime) -> None:
        self.told.append(tenant_time)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)


class Tokens:
    """A token source that counts."""

    def __init__(self) -> None:
        self.fresh = 0

    async def token(self, audience: str, *, fresh: bool = False) -> Token:
        self.fresh += fresh
        text = f"{BEARER}-{self.fresh}"
        return Token(Secret(text), datetime.now(UTC) + timedelta(hours=1), None)

    def azure_credential(self) -> object:
        return self

    async def get_token(self, *scopes: str, **_: object) -> object:
        from azure.core.credentials import AccessToken

        assert scopes == ("https://graph.microsoft.com/.default",)
        token = await self.token("https://graph.microsoft.com")
        return AccessToken(token.secret.reveal(), int(token.expires.timestamp()))


@dataclass
class FakeGraph:
    """Routes are tried in order: a method, the beginning of the decoded path with its query, and answers in turn.

    The last answer of a route repeats for ever.
    """

    routes: list[tuple[str, str, list[Answer]]] = field(default_factory=list)
    trips: list[str] = field(default_factory=list)
    """What came over the wire: `GET /applications?...`, `POST /$batch 3`."""
    asked: list[str] = field(default_factory=list)
    """The same with the items of batches."""
    bodies: list[Any] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)
    batch_answers: list[Answer | None] = field(default_factory=list)

    def on(self, method: str, path: str, *answers: Answer | dict[str, Any]) -> FakeGraph:
        ready = [reply(each) if isinstance(each, dict) else each for each in answers]
        self.routes.append((method, path, ready))
        return self

    def handle(self, request: httpx.Request) -> httpx.Response:
        target = unquote(str(request.url).removeprefix(BASE))
        self.requests.append(request)
        body = json.loads(request.content) if request.content else None
        if target == "/$batch":
            self.trips.append(f"POST /$batch {len(body['requests'])}")
            planned = self.batch_answers.pop(0) if self.batch_answers else None
            if planned is not None:
                return raised(planned)
            return reply({"responses": [self._item(each) for each in reversed(body["requests"])]})
        self.trips.append(f"{request.method} {target}")
        self.bodies.append(body)
        return raised(self._answer(request.method, target))

    def _item(self, item: dict[str, Any]) -> dict[str, Any]:
        assert item["url"].startswith("/"), "relative to the version"
        assert not item["url"].startswith("//")
        if item["method"] == "GET":
            assert set(item) == {"id", "method", "url"}
        else:
            assert set(item) <= {"id", "method", "url", "headers", "body"}
            assert "authorization" not in {name.lower() for name in item.get("headers", {})}
            assert "body" not in item or "application/json" in item["headers"]["content-type"]
            self.bodies.append(item.get("body"))
        answer = self._answer(item["method"], unquote(item["url"]))
        assert isinstance(answer, httpx.Response)
        return {
            "id": item["id"],
            "status": answer.status_code,
            "headers": dict(answer.headers),
            "body": answer.json() if answer.content else None,
        }

    def _answer(self, method: str, target: str) -> Answer:
        self.asked.append(f"{method} {target}")
        for wanted, path, answers in self.routes:
            if wanted == method and target.startswith(path):
                return answers.pop(0) if len(answers) > 1 else answers[0]
        return problem(
            404,
            "Request_ResourceNotFound",
            f"Resource '{target}' does not exist or one of its queried reference-property objects are not present.",
        )

    def connect(
        self, clock: VirtualClock | None = None, trace: Trace | None = None, tokens: Tokens | None = None
    ) -> Graph:
        return connect(
            TENANT,
            tokens or Tokens(),
            clock=clock or VirtualClock(),
            events=self.events.append,
            trace=trace,
            transport=httpx.MockTransport(self.handle),
        )

    events: list[Event] = field(default_factory=list)


def reply(body: dict[str, Any]) -> httpx.Response:
    """A reply as Graph writes it: what is not ASCII is escaped."""
    return httpx.Response(200, content=json.dumps(body).encode(), headers={"Content-Type": "application/json"})


def raised(answer: Answer) -> httpx.Response:
    if isinstance(answer, Exception):
        raise answer
    return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


def problem(
    status: int, code: str, message: str, *, retry_after: str | None = None, detail: str | None = None
) -> httpx.Response:
    """An error as Graph words it."""
    inner = {
        "date": "2026-11-22T12:00:00",
        "request-id": "11111111-2222-4333-8444-555555555555",
        "client-request-id": "x",
    }
    error: dict[str, Any] = {"code": code, "message": message, "innerError": inner}
    if detail:
        error["details"] = [{"code": detail, "message": message, "target": "appId"}]
    headers = {"Retry-After": retry_after} if retry_after else {}
    return httpx.Response(status, json={"error": error}, headers=headers)
