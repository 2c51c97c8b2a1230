"""A running sandbox, and a client that shares nothing with ours: httpx and the JSON Microsoft documents."""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from provisioner.sandbox.server import serve

GRAPH_DEFAULT = "https://graph.microsoft.com/.default"
EXCHANGE_DEFAULT = "https://outlook.office365.com/.default"


class Tenant:
    """One running sandbox as a client sees it."""

    def __init__(self, endpoints: dict[str, Any]) -> None:
        self.endpoints = endpoints
        self.id: str = endpoints["tenantId"]
        self.login: str = endpoints["login"]
        self.ca_file: str = endpoints["caFile"]
        self.http = httpx.Client(verify=ssl.create_default_context(cafile=self.ca_file), timeout=30)
        self.plane = httpx.Client(base_url=endpoints["management"], timeout=30)
        self._tokens: dict[tuple[str, str], str] = {}

    def close(self) -> None:
        self.http.close()
        self.plane.close()

    def forget_tokens(self) -> None:
        self._tokens.clear()

    def manage(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        answer = self.plane.request(method, path, json=body or None)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def token_request(self, *, tenant: str | None = None, **form: str) -> httpx.Response:
        return self.http.post(f"{self.login}/{tenant or self.id}/oauth2/v2.0/token", data=form)

    def operator_secret(self) -> str:
        return Path(self.endpoints["callers"]["operator-secret"]["secretFile"]).read_text()

    def token(self, caller: str = "operator", scope: str = GRAPH_DEFAULT) -> str:
        """An access token of an application caller or of a person (by device code)."""
        if (caller, scope) not in self._tokens:
            known = self.endpoints["callers"][caller]
            if known["kind"] == "application":
                answer = self.token_request(
                    client_id=known["clientId"],
                    client_secret=self.operator_secret(),
                    grant_type="client_credentials",
                    scope=scope,
                )
            else:
                answer = self.sign_in_person(caller, f"{scope} openid offline_access")
            assert answer.status_code == 200, answer.text
            self._tokens[caller, scope] = answer.json()["access_token"]
        return self._tokens[caller, scope]

    def sign_in_person(self, caller: str, scope: str) -> httpx.Response:
        client_id = self.endpoints["callers"][caller]["clientId"]
        started = self.http.post(
            f"{self.login}/{self.id}/oauth2/v2.0/devicecode", data={"client_id": client_id, "scope": scope}
        ).json()
        self.manage("POST", "/device/approve", userCode=started["user_code"], **{"as": caller})
        return self.token_request(
            client_id=client_id,
            grant_type="urn:ietf:params:oauth:grant-type:device_code",
            device_code=started["device_code"],
            client_info="1",
        )

    def graph(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        caller: str = "operator",
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        url = path if path.startswith("https:") else self.endpoints["graph"] + path
        sent = {"authorization": f"Bearer {self.token(caller)}", **(headers or {})}
        return self.http.request(method, url, json=body, headers=sent)

    def get(self, path: str, **more: Any) -> Any:
        answer = self.graph("GET", path, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Any = None, *, status: int = 201, **more: Any) -> Any:
        answer = self.graph("POST", path, body, **more)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def application(self, name: str = "Example", **more: Any) -> dict[str, Any]:
        return self.post("/applications", {"displayName": name, **more})

    def service_principal(self, app_id: str) -> dict[str, Any]:
        return self.post("/servicePrincipals", {"appId": app_id})

    def resource(self, app_id: str) -> dict[str, Any]:
        return self.get(f"/servicePrincipals(appId='{app_id}')?$select=id,appId,displayName")

    def refusal(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, str, str]:
        """Status, code and message of a request that must fail."""
        answer = self.graph(method, path, body, **more)
        assert answer.status_code >= 400, answer.text
        error = answer.json()["error"]
        return answer.status_code, error["code"], error["message"]


Start = Callable[..., contextlib.AbstractContextManager[Tenant]]


@contextlib.contextmanager
def running(directory: Path, **options: Any) -> Iterator[Tenant]:
    """Serve a sandbox in a thread of its own."""
    stop, ready = threading.Event(), threading.Event()
    found: dict[str, Any] = {}
    failed: list[BaseException] = []

    def note(endpoints: dict[str, Any]) -> None:
        found.update(endpoints)
        ready.set()

    def run() -> None:
        try:
            serve(directory, ready=note, until=stop, **{"seed": 1, **options})
        except BaseException as problem:
            failed.append(problem)
            ready.set()

    thread = threading.Thread(target=run, name="sandbox")
    thread.start()
    assert ready.wait(30), "the sandbox did not start"
    try:
        if failed:
            raise failed[0]
        tenant = Tenant(found)
        try:
            yield tenant
        finally:
            tenant.close()
    finally:
        stop.set()
        thread.join(30)
    assert not failed, failed


@pytest.fixture(scope="session")
def start() -> Start:
    """Start a sandbox of one's own: ``with start(directory, profile=...) as tenant``."""
    return running


@pytest.fixture(scope="session")
def shared_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenant]:
    with running(tmp_path_factory.mktemp("sandbox")) as tenant:
        yield tenant


@pytest.fixture
def tenant(shared_sandbox: Tenant) -> Tenant:
    """A calm tenant, fresh for each test."""
    shared_sandbox.manage("POST", "/reset")
    shared_sandbox.forget_tokens()
    return shared_sandbox
