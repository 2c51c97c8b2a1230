"""The HTTPS listener of a management host: signs the caller in, reads the WSMan action, answers as Windows does."""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from provisioner.sandbox.asgi import abort_of
from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.ledger import mark
from provisioner.sandbox.wsman import bodies, envelope, refusals
from provisioner.sandbox.wsman import host as hosts
from provisioner.sandbox.wsman.envelope import NAMESPACES, Request

if TYPE_CHECKING:
    from provisioner.sandbox.wsman.shell import Shell

MAX_ENVELOPE_BYTES: Final = 512_000
_CONFIGURATIONS: Final = NAMESPACES["pwsh"] + "/"
_HEADERS: Final = {"Server": "Microsoft-HTTPAPI/2.0"}

mark(
    "Replies, faults, headers and message sequences of WSMan and PowerShell remoting as recorded from Windows hosts",
    source="tests/data/psrp-recordings (jborean93/pypsrp 42a34edd)",
    if_wrong="a client that works here fails on a real host",
)
mark(
    "Messages carry no byte order mark before their XML; recorded hosts put one",
    source="psrpcore 0.3.1, against the recordings",
    if_wrong="a client that cannot skip it is not found out",
)
mark(
    "A wrong path answers 404 with HTTP.sys's page; a wrong password 401; both without a SOAP envelope",
    source="exchange.md 2.1 S12; the page's words from memory",
    if_wrong="the advice names the wrong cause",
)


class HungUp(Exception):
    """The connection is cut instead of a reply."""


class Endpoint:
    """The shells of one host and the actions upon them."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._shells: dict[str, Shell] = {}
        self._actions: Mapping[str, Callable[[Request, str], Awaitable[str]]] = {
            envelope.TRANSFER + "/Create": self._create,
            envelope.TRANSFER + "/Delete": self._delete,
            envelope.TRANSFER + "/Get": self._get,
            envelope.SHELL + "/Command": self._command,
            envelope.SHELL + "/Send": self._send,
            envelope.SHELL + "/Receive": self._receive,
            envelope.SHELL + "/Signal": self._signal,
            envelope.SHELL + "/Disconnect": self._disconnect,
            envelope.SHELL + "/Reconnect": self._reconnect,
        }

    async def answer(self, http: HttpRequest) -> Response:
        """One HTTP request."""
        owner = self._owner(http.headers.get("authorization", ""))
        if owner is None:
            return _unauthorized()
        raw = await http.body()
        try:
            request = self._parse(raw)
        except refusals.Refused as refused:
            return _fault("", refused)
        operation = f"POST /wsman {request.verb}"
        try:
            body = await self._act(request, owner, operation)
        except refusals.Refused as refused:
            status, reply = 500, _fault(request.message_id, refused)
        except HungUp:
            self._log(operation, owner, "dropped")
            abort_of(http.scope)()
            return Response(status_code=500)
        else:
            status, reply = 200, _soap(envelope.reply(request, body), 200)
        self._log(operation, owner, status)
        effect = await self._sandbox.faults.after("wsman", operation)
        if effect is not None and effect.drop:
            abort_of(http.scope)()
        elif effect is not None and effect.status:
            return Response(status_code=effect.status, headers=_HEADERS)
        return reply

    async def _act(self, request: Request, owner: str, operation: str) -> str:
        action = self._actions.get(request.action)
        if action is None:
            raise refusals.unsupported_action(request.action)
        if request.verb == "Create":
            # Random faults strike where a client can start over: at the opening, and at each cmdlet (in the pipeline).
            effect = await self._sandbox.faults.before("wsman", operation)
            if effect is not None:
                raise HungUp
        return await action(request, owner)

    async def _create(self, request: Request, owner: str) -> str:
        # Here, not above: psrpcore costs a tenth of a second that the sandbox's start can do without.
        from provisioner.sandbox.wsman.runspace import open_runspace
        from provisioner.sandbox.wsman.shell import Shell

        if not request.resource_uri.startswith(_CONFIGURATIONS):
            raise refusals.unknown_resource(request.resource_uri)
        configuration = request.resource_uri.removeprefix(_CONFIGURATIONS)
        runspace = open_runspace(self._sandbox, configuration)
        if runspace is None:
            raise refusals.unknown_configuration(configuration, hosts.NAME)
        asked = request.body.find("rsp:Shell", NAMESPACES)
        if asked is None:
            raise refusals.malformed("no shell to create")
        shell_id = (asked.get("ShellId") or envelope.identifier()).upper()
        idle = asked.findtext("rsp:IdleTimeOut", None, NAMESPACES) or "PT7200.000S"
        shell = Shell(self._sandbox, shell_id, owner, request.resource_uri, idle, runspace)
        shell.feed(_bytes(asked.findtext("pwsh:creationXml", "", NAMESPACES)))
        self._shells[shell_id] = shell
        return bodies.created(shell, request.to)

    async def _delete(self, request: Request, owner: str) -> str:
        shell = self._shell(request, owner)
        del self._shells[shell.id]
        shell.close()
        return ""

    async def _get(self, request: Request, owner: str) -> str:
        if request.resource_uri == NAMESPACES["cfg"]:
            return bodies.configuration()
        shell = self._shells.get(request.shell_id())
        if shell is None or shell.owner != owner:
            raise refusals.shell_not_found(request.shell_id(), for_get=True)
        return bodies.shell(shell, self._sandbox.clock.now(), running=True)

    async def _command(self, request: Request, owner: str) -> str:
        shell = self._shell(request, owner)
        asked = request.body.find("rsp:CommandLine", NAMESPACES)
        if asked is None:
            raise refusals.malformed("no command line")
        command = _command_id(asked.get("CommandId") or envelope.identifier())
        assert command is not None
        shell.begin(command, _bytes(asked.findtext("rsp:Arguments", "", NAMESPACES)))
        return bodies.command(command)

    async def _send(self, request: Request, owner: str) -> str:
        shell = self._shell(request, owner)
        for stream in request.body.iterfind("rsp:Send/rsp:Stream", NAMESPACES):
            shell.feed(_bytes(stream.text or ""), _command_id(stream.get("CommandId")))
        return "<rsp:SendResponse/>"

    async def _receive(self, request: Request, owner: str) -> str:
        from provisioner.sandbox.wsman.pipeline import ConnectionLost

        shell = self._shell(request, owner)
        asked = request.body.find("rsp:Receive/rsp:DesiredStream", NAMESPACES)
        if asked is None:
            raise refusals.malformed("no stream desired")
        command = _command_id(asked.get("CommandId"))
        # Base64 makes four bytes of three; the rest of the envelope needs some room too.
        limit = max(request.max_envelope_size * 3 // 4 - 8192, 1)
        place = shell.receives(command)
        try:
            received = await shell.receive(command, request.operation_timeout, limit)
        except ConnectionLost:
            self._shells.pop(shell.id, None)
            shell.close()
            raise HungUp from None
        if place and place == hosts.read(self._sandbox).drop_after:
            hosts.spend_drop(self._sandbox)
            raise HungUp
        return bodies.received(command, received)

    async def _signal(self, request: Request, owner: str) -> str:
        shell = self._shell(request, owner)
        asked = request.body.find("rsp:Signal", NAMESPACES)
        command = None if asked is None else _command_id(asked.get("CommandId"))
        if asked is None or command is None:
            raise refusals.malformed("no command to signal")
        code = asked.findtext("rsp:Code", "", NAMESPACES).rsplit("/", 1)[-1].casefold()
        if code == "ctrl_c":
            await shell.stop(command)
        elif code == "terminate":
            await shell.forget(command)
        return "<rsp:SignalResponse/>"

    async def _disconnect(self, request: Request, owner: str) -> str:
        self._shell(request, owner).disconnect()
        return ""

    async def _reconnect(self, request: Request, owner: str) -> str:
        self._shell(request, owner).reconnect()
        return ""

    def _shell(self, request: Request, owner: str) -> Shell:
        shell = self._shells.get(request.shell_id())
        if shell is None or shell.owner != owner:
            raise refusals.shell_not_found(request.shell_id())
        return shell

    def _owner(self, header: str) -> str | None:
        scheme, _, encoded = header.partition(" ")
        if scheme.casefold() != "basic":
            return None
        try:
            account, _, password = base64.b64decode(encoded, validate=True).partition(b":")
        except binascii.Error:
            return None
        username = account.decode("utf-8", "replace")
        return f"{hosts.NAME}\\{hosts.USERNAME}" if hosts.signs_in(self._sandbox, username, password) else None

    def _parse(self, raw: bytes) -> Request:
        if len(raw) > MAX_ENVELOPE_BYTES:
            raise refusals.too_large(MAX_ENVELOPE_BYTES)
        try:
            return envelope.parse(raw)
        except envelope.MalformedEnvelope as problem:
            raise refusals.malformed(str(problem)) from None

    def _log(self, operation: str, owner: str, status: int | str) -> None:
        self._sandbox.history.append("wsman", operation, caller=owner, status=status)


def wsman_app(sandbox: Sandbox) -> Starlette:
    """The listener's application; serve it over TLS, wrapped in `asgi.Abortable`."""
    endpoint = Endpoint(sandbox)
    return Starlette(
        routes=[Route("/wsman", endpoint.answer, methods=["POST"])],
        exception_handlers={404: _no_such_path, 405: _no_such_method},
    )


async def _no_such_path(http: HttpRequest, problem: Exception) -> Response:
    del http, problem
    return _page(404, "Not Found", "The requested resource is not found.")


async def _no_such_method(http: HttpRequest, problem: Exception) -> Response:
    del http, problem
    return _page(405, "Method Not Allowed", "The HTTP verb used is not allowed.")


def _page(status: int, title: str, words: str) -> Response:
    page = (
        '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN""http://www.w3.org/TR/html4/strict.dtd">\r\n'
        f"<HTML><HEAD><TITLE>{title}</TITLE>\r\n"
        '<META HTTP-EQUIV="Content-Type" Content="text/html; charset=us-ascii"></HEAD>\r\n'
        f"<BODY><h2>{title}</h2>\r\n<hr><p>HTTP Error {status}. {words}</p>\r\n</BODY></HTML>\r\n"
    )
    return Response(page, status_code=status, media_type="text/html", headers=_HEADERS)


def _unauthorized() -> Response:
    reply = Response(status_code=401, headers=_HEADERS)
    reply.headers.append("WWW-Authenticate", "Negotiate")
    reply.headers.append("WWW-Authenticate", 'Basic realm="WSMAN"')
    return reply


def _soap(content: bytes, status: int) -> Response:
    return Response(content, status_code=status, media_type="application/soap+xml;charset=UTF-8", headers=_HEADERS)


def _fault(message_id: str, refused: refusals.Refused) -> Response:
    return _soap(envelope.fault(message_id, refusals.render(refused.refusal)), 500)


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise refusals.malformed("a stream that is not base64") from None


def _command_id(text: str | None) -> uuid.UUID | None:
    if text is None:
        return None
    try:
        return uuid.UUID(text)
    except ValueError:
        raise refusals.command_not_found() from None
