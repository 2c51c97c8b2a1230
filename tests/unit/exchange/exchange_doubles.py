"""Doubles of what the drivers talk to: a management host (WSMan and PSRP on psrpcore) and the InvokeCommand service.

Both are given the same `Answer`: a function from a cmdlet and its parameters to what Exchange would say, so that a test
can hold the two drivers to the same words.
"""

from __future__ import annotations

import base64
import hmac
import socket
import ssl
import threading
import uuid
import xml.etree.ElementTree as ET
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psrpcore
from psrpcore.types import (
    ErrorCategory,
    ErrorCategoryInfo,
    ErrorRecord,
    NETException,
    PSCustomObject,
    PSInvocationState,
)

from provisioner.model.identifiers import AppId, ObjectId, TenantId
from provisioner.model.secret import Secret
from provisioner.model.tenant import (
    Endpoints,
    ExchangeDriver,
    SignIn,
    SignInMethod,
    Tenant,
)
from provisioner.signin import Claims, Token

T = TypeVar("T")

TENANT_ID = "11111111-aaaa-4bbb-8ccc-222222222222"
USERNAME = "svc-provisioner"
PASSWORD = "pässw0rd-Ünïque"
TOKEN_TEXT = "header.payload.very-secret-signature"


@dataclass(frozen=True)
class Error:
    """What Exchange says when it will not: `status` is the web service's."""

    type: str
    text: str
    status: int = 400
    id: str = "Ex6F9304"

    @property
    def piped(self) -> str:
        return f"{self.id}|{self.type}|{self.text}"


@dataclass(frozen=True)
class Said:
    """One cmdlet's outcome."""

    output: tuple[Any, ...] = ()
    warnings: tuple[str, ...] = ()
    error: Error | None = None
    terminating: bool = False
    record: Mapping[str, Any] = field(default_factory=dict)
    """How the error record looks beyond that (`reason`, `fq_error`, `message`, `target`)."""


Answer = Callable[[str, dict[str, Any]], Said]


class FakeClock:
    """Time that moves by sleeping only."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
        self.skew = timedelta()
        self.slept: list[float] = []
        self.heard_times: list[datetime] = []

    def now(self) -> datetime:
        return self.time

    def heard(self, tenant_time: datetime) -> None:
        self.heard_times.append(tenant_time)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)


class FakeTokens:
    """A token source that counts."""

    def __init__(self, claims: Claims | None = None) -> None:
        self.claims = claims
        self.asked: list[tuple[str, bool]] = []

    async def token(self, audience: str, *, fresh: bool = False) -> Token:
        self.asked.append((audience, fresh))
        return Token(Secret(TOKEN_TEXT), datetime(2026, 11, 22, 13, 0, tzinfo=UTC), self.claims)

    def azure_credential(self) -> object:
        raise AssertionError("nobody here needs it")


def a_tenant(*, ca_file: str | None = None) -> Tenant:
    return Tenant(
        name="contoso",
        tenant_id=TenantId(TENANT_ID),
        endpoints=Endpoints("https://login", "https://graph/v1.0", "https://exchange.invalid", "smtp", 587, ca_file),
        sign_in=SignIn(SignInMethod.CLIENT_SECRET, AppId("33333333-aaaa-4bbb-8ccc-222222222222")),
        exchange=ExchangeDriver.PSRP,
    )


def claims(kind: str, name: str) -> Claims:
    nothing: frozenset[str] = frozenset()
    return Claims(TenantId(TENANT_ID), ObjectId("o"), AppId("a"), nothing, nothing, nothing, name, kind)


# --- the management host ------------------------------------------------------------------------------------------

NS = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "w": "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
    "rsp": "http://schemas.microsoft.com/wbem/wsman/1/windows/shell",
    "x": "http://schemas.xmlsoap.org/ws/2004/09/transfer",
    "f": "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault",
    "pwsh": "http://schemas.microsoft.com/powershell",
}
DONE = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/CommandState/Done"
RUNNING = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/CommandState/Running"


class WsmanFault(Exception):
    def __init__(self, code: int, text: str) -> None:
        self.code, self.text = code, text


class Cut(Exception):
    """Close the connection instead of answering."""


@dataclass
class Plain:
    """Answer with something that is no SOAP."""

    status: int
    body: bytes = b"<html>no</html>"


def tag(prefix: str, name: str) -> str:
    return f"{{{NS[prefix]}}}{name}"


class Shell:
    """One runspace pool and its pipelines."""

    def __init__(self) -> None:
        self.pool = psrpcore.ServerRunspacePool()
        self.condition = threading.Condition(threading.RLock())
        self.out: dict[uuid.UUID | None, deque[bytes]] = {}
        self.pipelines: dict[uuid.UUID, Any] = {}
        self.done: set[uuid.UUID] = set()
        self.connected = False

    def flush(self) -> None:
        while (payload := self.pool.data_to_send(60_000)) is not None:
            self.out.setdefault(payload.pipeline_id, deque()).append(payload.data)
        self.condition.notify_all()


class Host:
    """A Windows host with WinRM, as much of it as the driver meets.

    `before` is asked with each WSMan action's name and may raise `WsmanFault` or `Cut`, or return `Plain`; `after` the
    same, when the action has been carried out.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.configurations = {"Microsoft.PowerShell"}
        self.jea = False
        self.module = True
        self.hold = threading.Event()
        self.hold.set()
        self.held = threading.Event()
        self.ran: list[tuple[str, dict[str, Any]]] = []
        self.scripts = 0
        self.actions: list[str] = []
        self.before: Callable[[str], Plain | None] = lambda _: None
        self.after: Callable[[str], Plain | None] = lambda _: None
        self.connect_error: Said | None = None
        self.connected_to = TENANT_ID
        self.as_dotnet = False
        self.shells: dict[str, Shell] = {}
        self.threads: list[threading.Thread] = []

    # one request
    def handle(self, raw: bytes) -> tuple[int, bytes]:
        envelope = ET.fromstring(raw)
        header, body = envelope.find("s:Header", NS), envelope.find("s:Body", NS)
        assert header is not None and body is not None
        action = header.findtext("a:Action", "", NS)
        relates = header.findtext("a:MessageID", "", NS)
        name = action.rsplit("/", 1)[1]
        self.actions.append(name)
        try:
            early = self.before(name)
            if early is not None:
                return early.status, early.body
            reply = getattr(self, f"do_{name.lower()}")(header, body)
            late = self.after(name)
            if late is not None:
                return late.status, late.body
            return 200, self.envelope(action + "Response", relates, reply)
        except WsmanFault as fault:
            return 500, self.envelope("http://schemas.dmtf.org/wbem/wsman/1/wsman/fault", relates, self.fault(fault))

    def envelope(self, action: str, relates: str, content: ET.Element | None) -> bytes:
        envelope = ET.Element(tag("s", "Envelope"))
        header = ET.SubElement(envelope, tag("s", "Header"))
        ET.SubElement(header, tag("a", "Action")).text = action
        ET.SubElement(header, tag("a", "MessageID")).text = f"uuid:{uuid.uuid4()}"
        ET.SubElement(header, tag("a", "RelatesTo")).text = relates
        body = ET.SubElement(envelope, tag("s", "Body"))
        if content is not None:
            body.extend(list(content))
        return ET.tostring(envelope, encoding="utf-8")

    def fault(self, fault: WsmanFault) -> ET.Element:
        content = ET.Element("content")
        element = ET.SubElement(content, tag("s", "Fault"))
        code = ET.SubElement(element, tag("s", "Code"))
        ET.SubElement(code, tag("s", "Value")).text = "s:Receiver"
        reason = ET.SubElement(element, tag("s", "Reason"))
        ET.SubElement(reason, tag("s", "Text")).text = fault.text
        detail = ET.SubElement(element, tag("s", "Detail"))
        wsman = ET.SubElement(detail, tag("f", "WSManFault"), Code=str(fault.code), Machine="host")
        ET.SubElement(wsman, tag("f", "Message")).text = fault.text
        return content

    def shell_of(self, header: ET.Element) -> Shell:
        for selector in header.findall("w:SelectorSet/w:Selector", NS):
            shell = self.shells.get((selector.text or "").upper())
            if shell is not None:
                return shell
        raise WsmanFault(2150858843, "the shell was not found on the server")

    # WSMan actions
    def do_create(self, header: ET.Element, body: ET.Element) -> ET.Element:
        configuration = header.findtext("w:ResourceURI", "", NS).rsplit("/", 1)[1]
        if configuration not in self.configurations:
            raise WsmanFault(2150858752, f"The resource URI (.../{configuration}) was not found in the catalog")
        element = body.find("rsp:Shell", NS)
        assert element is not None
        shell_id = element.attrib["ShellId"].upper()
        shell = self.shells[shell_id] = Shell()
        self.feed(shell, base64.b64decode(element.findtext("pwsh:creationXml", "", NS)))
        content = ET.Element("content")
        created = ET.SubElement(content, tag("x", "ResourceCreated"))
        parameters = ET.SubElement(created, tag("a", "ReferenceParameters"))
        selectors = ET.SubElement(parameters, tag("w", "SelectorSet"))
        ET.SubElement(selectors, tag("w", "Selector"), Name="ShellId").text = shell_id
        return content

    def do_command(self, header: ET.Element, body: ET.Element) -> ET.Element:
        shell, element = self.shell_of(header), body.find("rsp:CommandLine", NS)
        assert element is not None
        command_id = uuid.UUID(element.attrib["CommandId"])
        with shell.condition:
            shell.pipelines[command_id] = psrpcore.ServerPipeline(shell.pool, command_id)
        self.feed(shell, base64.b64decode(element.findtext("rsp:Arguments", "", NS)), command_id)
        content = ET.Element("content")
        response = ET.SubElement(content, tag("rsp", "CommandResponse"))
        ET.SubElement(response, tag("rsp", "CommandId")).text = str(command_id).upper()
        return content

    def do_receive(self, header: ET.Element, body: ET.Element) -> ET.Element:
        shell = self.shell_of(header)
        desired = body.find("rsp:Receive/rsp:DesiredStream", NS)
        assert desired is not None
        told = desired.attrib.get("CommandId")
        command_id = uuid.UUID(told) if told else None
        with shell.condition:
            shell.condition.wait_for(lambda: shell.out.get(command_id) or command_id in shell.done, timeout=0.2)
            chunks = shell.out.pop(command_id, deque())
            finished = command_id in shell.done
        if not chunks and not finished:
            raise WsmanFault(2150858793, "not finished in OperationTimeout")
        content = ET.Element("content")
        response = ET.SubElement(content, tag("rsp", "ReceiveResponse"))
        for chunk in chunks:
            ET.SubElement(response, tag("rsp", "Stream"), Name="stdout").text = base64.b64encode(chunk).decode()
        if told:
            state = {"CommandId": told, "State": DONE if finished else RUNNING}
            ET.SubElement(response, tag("rsp", "CommandState"), state)
        return content

    def do_signal(self, header: ET.Element, body: ET.Element) -> ET.Element:
        element = body.find("rsp:Signal", NS)
        assert element is not None
        if element.findtext("rsp:Code", "", NS).lower().endswith("ctrl_c"):
            self.hold.set()
        content = ET.Element("content")
        ET.SubElement(content, tag("rsp", "SignalResponse"))
        return content

    def do_delete(self, header: ET.Element, body: ET.Element) -> None:
        shell = self.shell_of(header)
        self.shells = {name: each for name, each in self.shells.items() if each is not shell}

    # PSRP
    def feed(self, shell: Shell, data: bytes, command_id: uuid.UUID | None = None) -> None:
        with shell.condition:
            shell.pool.receive_data(psrpcore.PSRPPayload(data, psrpcore.StreamType.default, command_id))
            while (event := shell.pool.next_event()) is not None:
                if isinstance(event, psrpcore.CreatePipelineEvent):
                    pipeline = shell.pipelines[event.pipeline_id]
                    thread = threading.Thread(target=self.execute, args=(shell, pipeline, event.pipeline), daemon=True)
                    self.threads.append(thread)
                    thread.start()
            shell.flush()

    def execute(self, shell: Shell, pipeline: Any, wanted: Any) -> None:
        ended = False
        for place, command in enumerate(wanted.commands):
            ended = ended or self.statement(shell, pipeline, command, first=place == 0)
        with shell.condition:
            if not ended:
                pipeline.complete()
            shell.done.add(pipeline.pipeline_id)
            shell.flush()

    def statement(self, shell: Shell, pipeline: Any, command: Any, *, first: bool) -> bool:
        """Run one of a pipeline's statements; whether it ended the pipeline."""
        self.scripts += command.is_script or not command.end_of_statement
        parameters = {name: plain(value) for name, value in command.parameters}
        name = command.command_text
        self.ran.append((name, parameters))
        if not self.hold.is_set():
            self.held.set()
        self.hold.wait(10)
        said = self.say(shell, name, dict(parameters))
        with shell.condition:
            if first:
                pipeline.start()
            for warning in said.warnings:
                pipeline.write_warning(warning)
            for each in said.output:
                pipeline.write_output(self.object_of(each))
            if said.error is not None and not said.terminating:
                record = self.record(said, name)
                pipeline.write_error(
                    record.Exception,
                    category_info=record.CategoryInfo,
                    fully_qualified_error_id=record.FullyQualifiedErrorId,
                )
            if said.error is not None and said.terminating:
                pipeline._change_state(PSInvocationState.Failed, error=self.record(said, name))
                return True
        return False

    def say(self, shell: Shell, name: str, parameters: dict[str, Any]) -> Said:
        if self.jea:
            verb, _, noun = name.partition("-")
            if not noun.startswith("Provisioner"):
                return not_recognized(name)
            assert parameters.pop("Organization")
            return self.answer(f"{verb}-{noun.removeprefix('Provisioner')}", parameters)
        if name == "Connect-ExchangeOnline":
            if not self.module:
                return not_recognized(name)
            shell.connected = self.connect_error is None
            return self.connect_error or Said()
        if name == "Get-ConnectionInformation":
            told = {"Organization": "a.onmicrosoft.com", "TenantID": self.connected_to}
            return Said(output=(told,)) if shell.connected else Said()
        if name == "Disconnect-ExchangeOnline":
            return Said()
        return self.answer(name, parameters) if shell.connected else not_recognized(name)

    def object_of(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        if not self.as_dotnet:
            return PSCustomObject(**value)
        made = psrpcore.types.PSObject()
        for name, each in value.items():
            made.PSObject.adapted_properties.append(psrpcore.types.PSNoteProperty(name, value=each))
        made.PSObject.type_names = ["Deserialized.Microsoft.Exchange.Something", "System.Object"]
        return made

    def record(self, said: Said, name: str) -> ErrorRecord:
        assert said.error is not None
        extra = said.record
        info = ErrorCategoryInfo(
            Category=ErrorCategory.NotSpecified,
            Reason=extra.get("reason", "Exception"),
            TargetName=extra.get("target", name),
        )
        return ErrorRecord(
            Exception=NETException(Message=extra.get("message", said.error.piped), HResult=-2146233088),
            CategoryInfo=info,
            FullyQualifiedErrorId=extra.get("fq_error", "[Server=X],Write-ErrorMessage"),
        )


def not_recognized(name: str, *, target: str | None = None) -> Said:
    text = f"The term '{name}' is not recognized as the name of a cmdlet, function, script file, or operable program."
    extra = {
        "message": text,
        "reason": "CommandNotFoundException",
        "fq_error": "CommandNotFoundException",
        "target": target or name,
    }
    return Said(error=Error("CommandNotFoundException", text), terminating=True, record=extra)


def plain(value: Any) -> Any:
    """What psrpcore made of a parameter, with types one can compare."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    for kind in (bool, int, str):
        if isinstance(value, kind):
            return kind(value)
    return value


class HostServer:
    """A `Host` behind HTTPS on loopback."""

    def __init__(self, host: Host, certificate: Path) -> None:
        want = {base64.b64encode(f"{USERNAME}:{PASSWORD}".encode(each)).decode() for each in ("latin-1", "utf-8")}

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 1 << 16  # one write for a reply, or the acknowledgements take their time

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                given = self.headers.get("Authorization", "").removeprefix("Basic ")
                try:
                    if not any(hmac.compare_digest(given, each) for each in want):
                        return self.reply(401, b"")
                    if self.path != "/wsman":
                        return self.reply(404, b"<html>Not Found</html>")
                    self.reply(*host.handle(raw))
                except Cut:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)

            def reply(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/soap+xml;charset=UTF-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def get_request(self) -> tuple[socket.socket, Any]:
                # the handshake happens in the handler's thread, or one silent client would block all
                plain_socket, address = self.socket.accept()
                wrapped = context.wrap_socket(plain_socket, server_side=True, do_handshake_on_connect=False)
                return wrapped, address

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # a client that does not trust us hangs up

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.host = host
        self.server = Server(("127.0.0.1", 0), Handler)
        self.port: int = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.host.hold.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)
        for thread in self.host.threads:
            thread.join(5)


# --- InvokeCommand ----------------------------------------------------------------------------------------------


def rest_reply(said: Said) -> httpx.Response:
    """An InvokeCommand answer as captured replies show it (exchange.md 1.3)."""
    head = {
        "adminapi.warnings@odata.type": "#Collection(String)",
        "@adminapi.warnings": list(said.warnings),
    }
    if said.error is None:
        value = [typed(each) for each in said.output]
        context = "https://exchange.invalid/adminapi/beta/x/$metadata#Collection(Exchange.GenericHashTable)"
        return httpx.Response(200, json={"@odata.context": context, **head, "value": value})
    details = [{"code": "Client", "target": "", "message": said.error.piped}]
    inner = {"message": "Error executing cmdlet", "type": "Microsoft.Exchange.Admin.OData.Core.ODataServiceException"}
    error = {"code": "BadRequest", "message": "Error executing cmdlet", "details": details, "innererror": inner}
    return httpx.Response(said.error.status, json={"error": error, **head})


def typed(record: Any) -> Any:
    if not isinstance(record, dict):
        return record
    siblings = {f"{name}@odata.type": "#Collection(String)" for name, each in record.items() if isinstance(each, list)}
    return {"@odata.type": "#Exchange.GenericHashTable", **siblings, **record}


def streamed(response: httpx.Response) -> httpx.Response:
    """The same as it comes from a network: not yet read."""
    if not response.is_stream_consumed:
        return response
    return httpx.Response(response.status_code, headers=response.headers, stream=httpx.ByteStream(response.content))


@dataclass(frozen=True)
class Certificates:
    """A CA, a certificate of it for localhost, and one for another name."""

    ca_file: Path
    localhost: Path
    elsewhere: Path
