"""What real Windows hosts answered to pypsrp, read by our eyes: records, error records, fault codes."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provisioner.errors import Refused, ServiceFault
from provisioner.exchange.psrp_faults import OPERATION_TIMED_OUT, SHELL_GONE, Command, from_record
from provisioner.exchange.psrp_objects import record
from provisioner.model.tenant import ManagementHost

RECORDINGS = Path(__file__).parents[2] / "data" / "psrp-recordings"
COMMAND = Command("Get-X", "Get-X", "host")
HOST = ManagementHost("host")


def messages(name: str) -> Iterator[Any]:
    """All PSRP messages that a host sent in one recording."""
    from pypsrp.powershell import Fragmenter
    from pypsrp.serializer import Serializer

    fragmenter = Fragmenter(100_000, Serializer())
    text = (RECORDINGS / f"{name}.yml").read_text(encoding="utf-8")
    for response in re.findall(r"<rsp:ReceiveResponse.*?</rsp:ReceiveResponse>", text, re.DOTALL):
        streams = re.findall(r'<rsp:Stream[^>]*Name="stdout"[^>]*>([^<]*)</rsp:Stream>', response)
        yield from fragmenter.defragment(b"".join(base64.b64decode(each) for each in streams))


def output(name: str) -> list[Any]:
    from pypsrp.messages import MessageType

    return [record(each.data.data) for each in messages(name) if each.message_type == MessageType.PIPELINE_OUTPUT]


def errors(name: str) -> list[ServiceFault]:
    from pypsrp.messages import MessageType

    found = []
    for each in messages(name):
        wanted = (
            each.data if each.message_type == MessageType.ERROR_RECORD else getattr(each.data, "error_record", None)
        )
        if wanted is not None:
            found.append(from_record(wanted, COMMAND, HOST, ()))
    return found


def test_a_cmdlet_that_is_not_there() -> None:
    (error,) = errors("test_client_execute_ps_failure")
    assert isinstance(error, Refused)
    assert error.fault.message.startswith("The term 'Get-ServiceTypo' is not recognized as the name of a cmdlet")


def test_an_error_in_the_stream() -> None:
    (error,) = errors("test_psrp_stream_output_invocation")
    assert type(error) is ServiceFault
    assert error.fault.message == "error stream"
    assert error.fault.detail_codes == ("Microsoft.PowerShell.Commands.WriteErrorException",)


def test_what_a_jea_endpoint_refuses() -> None:
    found = [(each.fault.code, each.fault.detail_codes) for each in errors("test_psrp_with_jea_configuration")]
    assert ("ParseException", ("ScriptsNotAllowed",)) in found


def test_output() -> None:
    found = output("test_psrp_multiple_commands")
    assert {"Value": "こんにちは - actual_x000A_string\nnewline: 𐐷"} in found
    assert {"Value": 123} in found
    (service,) = (each for each in found if "DisplayName" in each)
    assert service["DisplayName"] == "Windows Remote Management (WS-Management)"
    assert service["CanStop"] is True
    assert output("test_psrp_run_protocol_version_2.3")[-1] == {"Value": ("3", 3)}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("test_psrp_long_running_cmdlet", OPERATION_TIMED_OUT),
        ("test_psrp_is_alive_invalid_selectors", SHELL_GONE),
        ("test_psrp_receive_failure", SHELL_GONE),
    ],
)
def test_fault_codes(name: str, code: int) -> None:
    text = (RECORDINGS / f"{name}.yml").read_text(encoding="utf-8")
    assert {int(each) for each in re.findall(r'<f:WSManFault[^>]*Code="(\d+)"', text)} == {code}
