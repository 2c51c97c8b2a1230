"""Runs the sandbox: binds every listener on loopback and says in endpoints.json where they are.

Sign-in, Graph and InvokeCommand share one TLS port; remoting, mail and management have their own. The ports of the last
run are taken again where they are free: addresses of a tenant do not change, and what was handed over names them.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import random
import socket
import ssl
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from provisioner.sandbox import certificates
from provisioner.sandbox.adminapi import admin_routes
from provisioner.sandbox.asgi import Abortable
from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.entra.managed_identity import machine_endpoints
from provisioner.sandbox.entra.passwords import HOLDERS, password_file
from provisioner.sandbox.entra.service import SignInService
from provisioner.sandbox.ews import ews_routes
from provisioner.sandbox.files import write_private
from provisioner.sandbox.graph.service import GraphService
from provisioner.sandbox.imap import imap_listener
from provisioner.sandbox.management import management_app
from provisioner.sandbox.operator import OPERATOR
from provisioner.sandbox.people import CALLERS
from provisioner.sandbox.pop import pop_listener
from provisioner.sandbox.seed import DOMAIN, OPERATOR_DELEGATED, application_id, seed
from provisioner.sandbox.smtp import SmtpListener
from provisioner.sandbox.wsman.endpoint import wsman_app
from provisioner.sandbox.wsman.host import JEA, PLAIN, host_credentials, host_identity

ENDPOINTS_FILE = "endpoints.json"
PORTS_FILE = "ports.json"
LOOPBACK = "127.0.0.1"
_OFFSETS = {"front": 0, "remoting": 1, "smtp": 2, "management": 3, "imap": 4, "pop": 5}
_POLL = 0.05  # seconds between looks at the stop signal
_ANSWER_SECONDS = 10
_STATE_FILES = ("state.sqlite", "history.sqlite")


T = TypeVar("T")


class StopSignal(Protocol):
    """What ``threading.Event`` offers."""

    def is_set(self) -> bool:
        """True when the sandbox shall stop."""


class MailListener(Protocol):
    """A server of a mail protocol, on a thread of its own."""

    def start(self, sandbox: Sandbox, host: str, port: int, ssl_context: ssl.SSLContext) -> int:
        """Listen; 0 takes a free port. Returns the port. OSError when it is taken."""

    def stop(self) -> None:
        """Close the port and every conversation."""


def serve(
    directory: Path,
    *,
    port: int = 0,
    profile: str = "calm",
    seed: int | None = None,
    virtual_clock: bool = False,
    until: StopSignal | None = None,
    ready: Callable[[dict[str, Any]], None] | None = None,
) -> None:
    """Serve one simulated tenant until ``until`` is set (None: until interrupted). Blocks.

    ``port`` N takes N to N+5 (front, remoting, SMTP, management, IMAP, POP), 0 those of the last run here, and for each
    that is not free any other. ``seed`` None draws one; it is in the endpoints, which ``ready`` is called with once
    every listener answers. Raises OSError for a port or directory in use and KeyError for a profile nobody knows. State
    lives in ``directory`` and outlives the run.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if _running(directory) is not None:
        raise OSError(errno.EADDRINUSE, f"a sandbox is already running in {directory}")
    chosen = random.SystemRandom().randrange(2**31) if seed is None else seed
    sandbox = Sandbox(directory, profile=profile, seed=chosen, virtual_clock=virtual_clock)
    try:
        asyncio.run(_run(sandbox, port, until, ready))
    finally:
        sandbox.close()


def reset(directory: Path) -> None:
    """Back to a fresh tenant, running or not; keys, certificates and the operator's credentials stay."""
    management = _running(directory)
    if management is not None:
        _ask(f"{management}/reset", "POST")
        return
    for name in _STATE_FILES:
        for suffix in ("", "-wal", "-shm"):
            (directory / (name + suffix)).unlink(missing_ok=True)


async def _run(
    sandbox: Sandbox, port: int, until: StopSignal | None, ready: Callable[[dict[str, Any]], None] | None
) -> None:
    seed(sandbox)
    context = certificates.server_context(sandbox.directory)
    mail = (("smtp", SmtpListener()), ("imap", imap_listener()), ("pop", pop_listener()))
    choice = _Choice(port, {} if port else _last_ports(sandbox.directory))
    with contextlib.ExitStack() as unwind:
        front, remoting, management = [
            unwind.enter_context(await choice.listening(name, partial(_bound, name)))
            for name in ("front", "remoting", "management")
        ]
        mail_ports = {}
        for name, listener in mail:
            mail_ports[name] = await choice.listening(name, partial(_started, listener, sandbox, context))
            unwind.callback(listener.stop)
        unwind.pop_all()
    _note_ports(sandbox.directory, {"front": front, "remoting": remoting, "management": management}, mail_ports)
    sandbox.endpoints = _endpoints(sandbox, front, remoting, mail_ports, management)
    servers = [
        (_server(_front_app(sandbox), context), front),
        (_server(Abortable(wsman_app(sandbox)), context), remoting),
        (_server(Abortable(management_app(sandbox)), None), management),
    ]
    tasks = [asyncio.create_task(server.serve(sockets=[listener])) for server, listener in servers]
    file = sandbox.directory / ENDPOINTS_FILE
    try:
        while not all(server.started for server, _ in servers):
            _raise_failed(tasks)
            await asyncio.sleep(0.005)
        write_private(file, json.dumps(sandbox.endpoints, indent=2).encode())
        if ready is not None:
            ready(sandbox.endpoints)
        while until is None or not until.is_set():
            _raise_failed(tasks)
            await asyncio.sleep(_POLL)
    finally:
        file.unlink(missing_ok=True)
        sandbox.faults.clear()
        for server, _ in servers:
            server.should_exit = True
            server.force_exit = True  # nobody waits for a simulated tenant
        await asyncio.gather(*tasks, return_exceptions=True)
        for _, listener in mail:
            await asyncio.to_thread(listener.stop)


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: stopping is the caller's business."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _server(app: ASGIApp, context: ssl.SSLContext | None) -> _Server:
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=65,
        ssl_context_factory=None if context is None else lambda config, default: context,
        h11_max_incomplete_event_size=64 * 1024,
    )
    return _Server(config)


def _front_app(sandbox: Sandbox) -> ASGIApp:
    graph = GraphService(sandbox)
    methods = ["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE"]
    routes = [
        Route("/v1.0/{path:path}", graph.endpoint, methods=methods),
        *admin_routes(sandbox),
        *ews_routes(sandbox),
        *SignInService(sandbox).routes(),
        Route("/{version}/{path:path}", _unknown_version, methods=methods),
    ]
    return Abortable(Starlette(routes=routes))


async def _unknown_version(request: Request) -> Response:
    version = request.path_params["version"]
    return JSONResponse({"error": {"code": "BadRequest", "message": f"Invalid version: {version}"}}, 400)


class _Choice:
    """Which ports to listen on: those that were asked for or none, else those of the last run or free ones."""

    def __init__(self, first: int, last: dict[str, int]) -> None:
        self._first = first
        self._last = last

    async def listening(self, name: str, listen: Callable[[int], Awaitable[T]]) -> T:
        """What ``listen`` makes of the port."""
        if self._first:
            return await listen(self._first + _OFFSETS[name])
        with contextlib.suppress(OSError):
            return await listen(self._last.get(name, 0))
        return await listen(0)


def _last_ports(directory: Path) -> dict[str, int]:
    try:
        noted = json.loads((directory / PORTS_FILE).read_bytes())
        return {name: int(noted[name]) for name in _OFFSETS if 0 < int(noted[name]) < 2**16}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _note_ports(directory: Path, sockets: dict[str, socket.socket], mail: dict[str, int]) -> None:
    ports = {**{name: listener.getsockname()[1] for name, listener in sockets.items()}, **mail}
    write_private(directory / PORTS_FILE, json.dumps(ports).encode())


async def _started(listener: MailListener, sandbox: Sandbox, context: ssl.SSLContext, port: int) -> int:
    # In a thread: the listener makes an event loop of its own, which this thread already has.
    return await asyncio.to_thread(listener.start, sandbox, LOOPBACK, port, context)


async def _bound(name: str, port: int) -> socket.socket:
    return _bind(port, name)


def _bind(port: int, name: str) -> socket.socket:
    # With the protocol named, asyncio switches Nagle's delay off on accepted connections; without, a reply takes 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name == "posix":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
    except OSError as problem:
        listener.close()
        raise OSError(problem.errno, f"port {port} for the sandbox's {name}: {problem.strerror}") from problem
    return listener


def _endpoints(
    sandbox: Sandbox, front: socket.socket, remoting: socket.socket, mail: dict[str, int], management: socket.socket
) -> dict[str, Any]:
    host = f"https://localhost:{front.getsockname()[1]}"
    plane = f"http://{LOOPBACK}:{management.getsockname()[1]}"
    directory = sandbox.directory.resolve()
    credentials = host_credentials(sandbox)
    callers: dict[str, dict[str, str]] = {
        "operator": {
            "kind": "application",
            "clientId": application_id(OPERATOR),
            "certificateFile": str(directory / "operator.pem"),
        },
        "operator-secret": {
            "kind": "application",
            "clientId": application_id(OPERATOR),
            "secretFile": str(directory / "operator.secret"),
        },
    }
    for alias in (*CALLERS, *HOLDERS):
        client_id = application_id(OPERATOR_DELEGATED)
        callers[alias] = {"kind": "user", "upn": f"{alias}@{DOMAIN}", "clientId": client_id}
    for alias in HOLDERS:
        callers[alias]["passwordFile"] = str(password_file(directory, alias))
    return {
        "sandbox": True,
        "pid": os.getpid(),
        "profile": sandbox.profile.name,
        "seed": sandbox.seed,
        "clock": "virtual" if sandbox.clock.virtual else "real",
        "tenantId": sandbox.tenant_id,
        "domain": DOMAIN,
        "login": host,
        "graph": f"{host}/v1.0",
        "exchange": host,
        "wsman": {
            "host": "localhost",
            "port": remoting.getsockname()[1],
            "path": "wsman",
            "username": credentials.username,
            "passwordFile": str(credentials.password_file.resolve()),
            "configurations": {"plain": PLAIN, "jea": JEA},
            "hostIdentity": host_identity(sandbox),
        },
        **{protocol: {"host": "localhost", "port": port} for protocol, port in mail.items()},
        "management": plane,
        "managedIdentity": machine_endpoints(directory, plane),
        "caFile": str(certificates.authority_file(directory)),
        "callers": callers,
    }


def _running(directory: Path) -> str | None:
    """The management address of the sandbox that serves this directory just now."""
    try:
        endpoints = json.loads((directory / ENDPOINTS_FILE).read_bytes())
        banner = _ask(endpoints["management"], "GET")
    except (OSError, ValueError, KeyError):
        return None  # no file, or left behind by a sandbox that was killed
    return str(endpoints["management"]) if banner.get("sandbox") is True else None


def _ask(url: str, method: str) -> dict[str, Any]:
    """One request to a sandbox's management. OSError when nobody answers, ValueError for an answer that is not JSON."""
    request = urllib.request.Request(url, method=method)  # noqa: S310 - our own http address
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback goes through no proxy
    with opener.open(request, timeout=_ANSWER_SECONDS) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def _raise_failed(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        if task.done():
            task.result()
            raise RuntimeError("a listener of the sandbox stopped by itself")
