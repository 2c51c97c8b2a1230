"""What a run of the program sends and is told, overheard inside the process, so that the test knows its secrets.

Everything goes out by an unnamed file that only the test can read. On request one reply is replaced by a failure
whose body repeats the request, its headers and the real reply: the worst a service could answer.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

SECRET_KEYS = (
    "access_token",
    "refresh_token",
    "id_token",
    "secretText",
    "client_secret",
    "client_assertion",
    "device_code",
    "password",
)
_PROCESSES = {"subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "os.startfile"}
SHORTEST = 16


@dataclass(frozen=True)
class Strike:
    """The n-th reply is replaced by a failure of that status which echoes everything."""

    number: int
    status: int


@dataclass
class Overheard:
    """What a run let the test know."""

    secrets: dict[str, str] = field(default_factory=dict)
    kinds: set[str] = field(default_factory=set)
    processes: list[str] = field(default_factory=list)
    """Arguments and environment of every process that was started."""
    requests: int = 0
    struck: str | None = None
    """The request whose reply was replaced."""


class Channel:
    """An unnamed file, inherited by the child."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 close() ends it
        self.descriptor = self._file.fileno()

    def tell(self, kind: str, value: str) -> None:
        """In the child: one line."""
        os.write(self.descriptor, json.dumps([kind, value]).encode() + b"\n")

    def overheard(self) -> Overheard:
        """In the parent, when the child has ended."""
        result = Overheard()
        self._file.seek(0)
        for line in self._file.read().splitlines():
            kind, value = json.loads(line)
            if kind == "process":
                result.processes.append(value)
            elif kind == "request":
                result.requests += 1
            elif kind == "struck":
                result.struck = value
            elif len(value) >= SHORTEST:
                result.kinds.add(kind)
                if value in result.secrets.values():
                    continue
                result.secrets[f"{kind} {len(result.secrets) + 1}"] = value
        return result

    def close(self) -> None:
        """Let go."""
        self._file.close()


@contextmanager
def channel() -> Iterator[Channel]:
    """A channel for one run."""
    opened = Channel()
    try:
        yield opened
    finally:
        opened.close()


def overhear(into: Channel, strike: Strike | None = None) -> Callable[[], None]:
    """What to do in the child before the program runs."""

    def install() -> None:
        sys.addaudithook(lambda event, arguments: _process(into, event, arguments))
        listener = _Listener(into, strike)
        _tap_requests(listener)
        _tap_httpx(listener)
        _tap_secrets(into)

    return install


class _Listener:
    def __init__(self, into: Channel, strike: Strike | None) -> None:
        self._into = into
        self._strike = strike
        self._count = itertools.count(1)

    def exchange(self, request: str, headers: Mapping[str, str], body: bytes, reply: bytes) -> tuple[int, bytes] | None:
        """Note one request and its reply; status and body to answer instead, if any."""
        number = next(self._count)  # several threads come here
        self._into.tell("request", request)
        for found in (*_in_headers(headers), *_in_body(body), *_in_body(reply)):
            self._into.tell(*found)
        if self._strike is None or number != self._strike.number:
            return None
        self._into.tell("struck", request)
        echo = f"{request} {dict(headers)} {body.decode('utf-8', 'replace')} {reply.decode('utf-8', 'replace')}"
        return self._strike.status, _failure(echo, soap="/wsman" in request)


def _failure(echo: str, *, soap: bool) -> bytes:
    if soap:
        from xml.sax.saxutils import escape

        return (
            '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><s:Fault><s:Code>'
            "<s:Value>s:Receiver</s:Value></s:Code><s:Reason><s:Text>"
            f"{escape(echo)}</s:Text></s:Reason></s:Fault></s:Body></s:Envelope>"
        ).encode()
    graph = {"code": "InternalServerError", "message": echo, "innerError": {"message": echo}}
    return json.dumps({"error": graph, "error_description": echo, "raw": echo}).encode()


def _in_headers(headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        yield "access token", value
    elif scheme.lower() == "basic":
        yield "host credentials", value
        yield "host password", base64.b64decode(value).decode().partition(":")[2]


def _in_body(body: bytes) -> Iterator[tuple[str, str]]:
    text = body.decode("utf-8", "replace")
    for name in SECRET_KEYS:
        for found in re.findall(rf'"{name}"\s*:\s*("(?:[^"\\]|\\.)*")', text):
            yield name, json.loads(found)
    if "grant_type=" in text:
        for name, values in parse_qs(text).items():
            if name in SECRET_KEYS:
                yield name, values[0]


def _process(into: Channel, event: str, arguments: tuple[Any, ...]) -> None:
    if event in _PROCESSES:
        into.tell("process", f"{event} {arguments!r}")


def _tap_secrets(into: Channel) -> None:
    """Everything that the program itself takes for a secret."""
    from provisioner.model.secret import Secret

    real = Secret.__init__

    def told(self: Secret, text: str) -> None:
        into.tell("secret", text)
        real(self, text)

    Secret.__init__ = told  # type: ignore[method-assign]


def _tap_requests(listener: _Listener) -> None:
    """Sign-in and PowerShell remoting."""
    import requests.adapters
    from requests import PreparedRequest, Response

    real = requests.adapters.HTTPAdapter.send

    def send(self: Any, request: PreparedRequest, *arguments: Any, **named: Any) -> Response:
        response = real(self, request, *arguments, **named)
        sent = request.body or b""
        assert isinstance(sent, str | bytes)
        body = sent.encode() if isinstance(sent, str) else sent
        headers = {name.lower(): str(value) for name, value in request.headers.items()}
        content = response.content
        instead = listener.exchange(f"{request.method} {request.url}", headers, body, content)
        if instead is not None:
            response.status_code, response._content = instead
            response.headers.pop("Content-Encoding", None)
        return response

    requests.adapters.HTTPAdapter.send = send  # type: ignore[method-assign]


def _tap_httpx(listener: _Listener) -> None:
    """Graph and InvokeCommand."""
    import httpx

    real = httpx.AsyncHTTPTransport.handle_async_request

    class Told(httpx.AsyncByteStream):
        def __init__(self, content: bytes) -> None:
            self._content = content

        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield self._content

    async def handle(self: Any, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        response = await real(self, request)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        content = b"".join([each async for each in response.stream])  # as it came: the sandbox compresses nothing
        await response.aclose()
        headers = {name.lower(): value for name, value in request.headers.items()}
        status, sent = listener.exchange(f"{request.method} {request.url}", headers, body, content) or (
            response.status_code,
            content,
        )
        kept = [(name, value) for name, value in response.headers.multi_items() if name.lower() != "transfer-encoding"]
        return httpx.Response(status, headers=kept, stream=Told(sent), request=request)

    httpx.AsyncHTTPTransport.handle_async_request = handle  # type: ignore[method-assign]
