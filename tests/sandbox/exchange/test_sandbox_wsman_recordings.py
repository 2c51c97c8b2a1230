"""Replies held against what real Windows hosts replied to the same requests.

The requests are replayed as recorded, but for the host's name and the configuration's. Compared are HTTP status,
namespace declarations, elements, attributes and their order, every text that is not an id, a time or a host's own,
and in place of the streams' bytes the sequence of remoting messages in them.
"""

from __future__ import annotations

import base64
import random
import re
import struct
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from exchange_listeners import MAILBOX, OBJECT_ID, ManagementHost
from pypsrp.powershell import PowerShell
from ruamel.yaml import YAML

RECORDINGS = Path(__file__).parents[2] / "data" / "psrp-recordings"
DATA_NAMES = {0x00010002: "SESSION_CAPABILITY", 0x00010006: "ENCRYPTED_SESSION_KEY"} | {
    0x00021005: "RUNSPACEPOOL_STATE",
    0x00021009: "APPLICATION_PRIVATE_DATA",
    0x0002100B: "RUNSPACEPOOL_INIT_DATA",
    0x00041004: "PIPELINE_OUTPUT",
    0x00041005: "ERROR_RECORD",
    0x00041006: "PIPELINE_STATE",
    0x00041009: "WARNING_RECORD",
    0x00041010: "PROGRESS_RECORD",
}
# Texts that say how a reply is to be understood; all others are ids, times or one host's own.
MEANING = {
    "Action",
    "To",
    "Value",
    "FaultDetail",
    "Message",
    "Text",
    "State",
    "InputStreams",
    "OutputStreams",
    "MaxIdleTimeOut",
    "CompressionMode",
    "ProfileLoaded",
    "Encoding",
    "BufferMode",
    "ExitCode",
    "MaxEnvelopeSizekb",
}
PREFIXES = re.compile(r"xmlns:(\w+)=")


@dataclass(frozen=True)
class Shape:
    tag: str
    attributes: tuple[str, ...]
    text: str
    messages: tuple[str, ...] = ()
    children: tuple[Shape, ...] = ()


@dataclass
class Messages:
    """Remoting messages put together from fragments: (type, CLIXML)."""

    parts: dict[int, bytes] = field(default_factory=dict)

    def read(self, text: str) -> Iterator[tuple[int, bytes]]:
        data = base64.b64decode(text)
        while data:
            number, _, flags, length = struct.unpack_from(">QQBI", data)
            body, data = data[21 : 21 + length], data[21 + length :]
            whole = self.parts.pop(number, b"") + body
            if flags & 2:
                yield struct.unpack_from("<I", whole, 4)[0], whole[40:].removeprefix(b"\xef\xbb\xbf")
            else:
                self.parts[number] = whole


def recorded(name: str) -> list[dict[str, Any]]:
    path = RECORDINGS / f"{name}.yml"
    messages: list[dict[str, Any]] = YAML(typ="safe").load(path.read_text(encoding="utf-8"))["messages"]
    return messages


def shape_of(envelope: str, *, with_activity: bool) -> Shape:
    return _shape(ET.fromstring(envelope), Messages(), with_activity)


def _shape(element: ET.Element, messages: Messages, with_activity: bool) -> Shape:
    tag = element.tag.rsplit("}", 1)[-1]
    children = [each for each in element if with_activity or not each.tag.endswith("}ActivityId")]
    text = (element.text or "").strip() if tag in MEANING and not len(element) else ""
    kinds = ()
    if tag in ("Stream", "connectResponseXml"):
        kinds = tuple(DATA_NAMES.get(kind, hex(kind)) for kind, _ in messages.read(element.text or ""))
    attributes = tuple(
        f"{name}={value}" if name in ("Name", "State", "Code", "provider", "path") else name
        for name, value in element.attrib.items()
    )
    return Shape(
        element.tag, attributes, text, kinds, tuple(_shape(child, messages, with_activity) for child in children)
    )


def flat(shape: Shape, depth: int = 0) -> list[str]:
    """A readable form, so that a difference shows as one line."""
    line = f"{'  ' * depth}{shape.tag.rsplit('}', 1)[-1]} {shape.attributes} {shape.text!r} {shape.messages}"
    return [line, *(each for child in shape.children for each in flat(child, depth + 1))]


_COMMAND = re.compile(r'(CommandId="([^"]+)"><rsp:Command /><rsp:Arguments>)([^<]+)')


def _with_windows_byte_order(match: re.Match[str]) -> str:
    """Old clients wrote a pipeline's id big-endian in the message; Windows went by the envelope's, psrpcore cannot."""
    data = bytearray(base64.b64decode(match[3]))
    data[45:61] = uuid.UUID(match[2]).bytes_le
    return match[1] + base64.b64encode(data).decode()


class Replay:
    """Sends recorded requests over one signed-in connection."""

    def __init__(self, host: ManagementHost, configuration: str = "Microsoft.PowerShell") -> None:
        self.configuration = configuration
        self.url = f"https://localhost:{host.port}/wsman"
        self.session = requests.Session()
        self.session.auth = (host.username, host.password_file.read_text(encoding="utf-8"))
        self.session.verify = str(host.ca_file)
        self.session.trust_env = False  # or a bundle named in the environment would win

    def send(self, request: str) -> requests.Response:
        body = request.replace("powershell/JEARole<", f"powershell/{self.configuration}<")
        body = _COMMAND.sub(_with_windows_byte_order, body)
        return self.post(body.encode())

    def post(self, body: bytes) -> requests.Response:
        return self.session.post(
            self.url,
            data=body,
            headers={"Content-Type": "application/soap+xml;charset=UTF-8"},
            timeout=30,
        )

    def same(self, message: dict[str, Any]) -> None:
        """Replay one request and hold the reply against the recorded one."""
        want, got = message["response"], self.send(message["request"])
        expected_status = message.get("transport_error", {}).get("code", 500 if ":Fault>" in want else 200)
        assert got.status_code == expected_status, got.text
        assert got.headers["Content-Type"] == "application/soap+xml;charset=UTF-8"
        with_activity = "ActivityId" in want
        assert flat(shape_of(got.text, with_activity=with_activity)) == flat(
            shape_of(want, with_activity=with_activity)
        )
        assert PREFIXES.findall(got.text.split(">")[0]) == PREFIXES.findall(want.split(">")[0])

    def close(self) -> None:
        self.session.close()


@pytest.fixture
def replay(host: ManagementHost) -> Iterator[Callable[..., Replay]]:
    made: list[Replay] = []

    def start(configuration: str = "Microsoft.PowerShell") -> Replay:
        made.append(Replay(host, configuration))
        return made[-1]

    yield start
    for each in made:
        each.close()


@pytest.mark.parametrize(
    ("name", "count", "configuration"),
    [
        ("test_psrp_open_runspace", 4, "Microsoft.PowerShell"),
        ("test_psrp_receive_failure", 5, "Microsoft.PowerShell"),
        ("test_psrp_is_alive_invalid_selectors", 4, "Microsoft.PowerShell"),
        ("test_client_execute_ps_failure", 6, "Microsoft.PowerShell"),
        ("test_wsman_update_envelope_size_500", 1, "Microsoft.PowerShell"),
        ("test_psrp_multiple_commands", 5, "Microsoft.PowerShell"),
    ],
)
def test_whole_conversations_have_the_recorded_shape(
    replay: Callable[..., Replay], name: str, count: int, configuration: str
) -> None:
    conversation = replay(configuration)
    for message in recorded(name)[:count]:
        conversation.same(message)


def test_get_on_a_shell_that_was_never_there(replay: Callable[..., Replay]) -> None:
    replay().same(recorded("test_psrp_is_alive_invalid_selectors")[-1])


def test_a_jea_configuration_opens_and_closes_alike(replay: Callable[..., Replay]) -> None:
    conversation = replay("ProvisionerExchange")
    messages = recorded("test_psrp_with_jea_configuration")
    conversation.same(messages[0])
    opening = [kind for _ in range(2) for kind in _kinds(conversation.send(messages[1]["request"]).text)]
    assert opening == [kind for message in messages[1:4] for kind in _kinds(message["response"])]
    conversation.same(messages[4])  # Command
    conversation.same(messages[8])  # Delete


def test_nothing_to_receive_is_the_recorded_timeout(replay: Callable[..., Replay]) -> None:
    conversation = replay()
    opening = recorded("test_psrp_long_running_cmdlet")
    for message in opening[:3]:
        conversation.same(message)
    waiting = opening[1]["request"].replace("PT5S", "PT0.3S")
    got = conversation.send(waiting)
    assert got.status_code == 500
    want = next(each["response"] for each in opening if "TimedOut" in (each["response"] or ""))
    assert flat(shape_of(got.text, with_activity=True)) == flat(shape_of(want, with_activity=True))


def test_disconnecting_and_coming_back(replay: Callable[..., Replay]) -> None:
    conversation = replay()
    messages = recorded("test_psrp_disconnect_runspaces")
    conversation.same(messages[0])
    for _ in range(2):
        conversation.send(messages[1]["request"])
    for message in messages[4:7]:
        conversation.same(message)
    alive = recorded("test_psrp_is_alive_state_disconnected")
    shell = re.search(r"ShellId=\"([^\"]+)\"", messages[0]["request"])
    other = re.search(r"Name=\"ShellId\">([^<]+)<", alive[-1]["request"])
    assert shell is not None and other is not None
    asked = alive[-1] | {"request": alive[-1]["request"].replace(other[1], shell[1])}
    conversation.same(asked)


def test_a_script_in_a_no_language_session_is_refused_in_the_recorded_record(host: ManagementHost) -> None:
    want = next(
        body for kind, body in _all("test_psrp_with_jea_configuration") if kind == 0x00041006 and b"NotAllowed" in body
    )
    with host.pool("ProvisionerExchange") as pool, PowerShell(pool) as shell:
        shell.add_script("Get-Date")
        shell.invoke()
        (record,) = shell.streams.error
    expected = ET.fromstring(want)
    assert str(record) == expected.findtext("MS/Obj/ToString")
    assert record.fq_error == _extended(expected, "FullyQualifiedErrorId")
    assert str(record.category) == _extended(expected, "ErrorCategory_Category")
    assert record.reason == _extended(expected, "ErrorCategory_Reason")
    assert record.target_type == _extended(expected, "ErrorCategory_TargetType")
    assert record.activity == (_extended(expected, "ErrorCategory_Activity") or "")


def test_records_carry_the_recorded_properties(replay: Callable[..., Replay], host: ManagementHost) -> None:
    """Errors and warnings, but for what psrpcore cannot tell about a command."""
    taken: dict[int, bytes] = {}
    with host.connected() as pool:
        _tap(pool, taken)
        for name, parameters in (
            ("Get-Mailbox", {"Identity": "nobody"}),
            ("Set-CASMailbox", {"Identity": MAILBOX, "ImapEnabled": True}),
        ):
            with PowerShell(pool) as shell:
                shell.add_cmdlet(name).add_parameters(parameters)
                shell.invoke()
    for kind, recording, missing in (
        (0x00041005, "test_psrp_with_jea_configuration", {"writeErrorStream", "PSMessageDetails"}),
        (0x00041009, "test_psrp_stream_output_invocation", {"writeWarningStream"}),
    ):
        want = [body for found, body in _all(recording) if found == kind]
        if not want:
            want = [body for found, body in _all("test_psrp_run_protocol_version_2.3") if found == kind]
        names = {name for name in _names(want[0]) if not name.startswith("CommandInfo_")} - missing
        assert _names(taken[kind]) >= names
        assert ET.fromstring(taken[kind]).findtext("ToString")


def _tap(pool: Any, taken: dict[int, bytes]) -> None:
    receive = pool.connection.invoke
    messages = Messages()

    def invoke(*given: Any, **named: Any) -> ET.Element:
        body: ET.Element = receive(*given, **named)
        for stream in body.iter("{http://schemas.microsoft.com/wbem/wsman/1/windows/shell}Stream"):
            taken.update(messages.read(stream.text or ""))
        return body

    pool.connection.invoke = invoke


def _all(name: str) -> Iterator[tuple[int, bytes]]:
    messages = Messages()
    for each in recorded(name):
        for text in re.findall(r"<rsp:Stream[^>]*>([^<]+)<", each["response"] or ""):
            yield from messages.read(text)


def _kinds(envelope: str) -> list[str]:
    def walk(shape: Shape) -> Iterator[str]:
        yield from shape.messages
        for child in shape.children:
            yield from walk(child)

    return list(walk(shape_of(envelope, with_activity=True)))


def _names(clixml: bytes) -> set[str]:
    return {child.get("N", "") for child in ET.fromstring(clixml).iterfind("MS/*")}


def _extended(element: ET.Element, name: str) -> str | None:
    found = element.find(f"MS/Obj/MS/*[@N='{name}']")
    return None if found is None else found.text


def test_the_oracle_sees_a_missing_element() -> None:
    message = recorded("test_psrp_open_runspace")[0]["response"]
    broken = message.replace("<rsp:BufferMode>Block</rsp:BufferMode>", "")
    assert flat(shape_of(broken, with_activity=True)) != flat(shape_of(message, with_activity=True))
    assert OBJECT_ID not in message


def test_damaged_requests_get_faults_and_never_anything_else(replay: Callable[..., Replay]) -> None:
    chance = random.Random(20261122)
    conversation = replay()
    requests_ = [each["request"].replace("PT20S", "PT0.05S") for each in recorded("test_psrp_multiple_commands")]
    requests_.append('<!DOCTYPE x [<!ENTITY a "b">]><s:Envelope/>')
    statuses = set()
    for _ in range(150):
        body = bytearray(chance.choice(requests_).encode())
        for _ in range(chance.choice((0, 0, 1, 7))):
            body[chance.randrange(len(body))] = chance.randrange(256)
        got = conversation.post(bytes(body[: chance.randrange(1, len(body) * 3)]))
        assert got.headers["Content-Type"] == "application/soap+xml;charset=UTF-8"
        ET.fromstring(got.content)
        statuses.add(got.status_code)
    assert statuses == {200, 500}


def test_a_request_beyond_the_envelope_size_is_refused(replay: Callable[..., Replay]) -> None:
    got = replay().post(b" " * 512_001)
    assert got.status_code == 500
    assert 'Code="2150858824"' in got.text
