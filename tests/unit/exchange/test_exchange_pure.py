"""The parts that need no driver: meanings of errors, properties, who holds a right, what pypsrp deserialises."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from provisioner.exchange.faults import leaf, meaning, read_error, request_id_in
from provisioner.exchange.interface import CMDLETS, is_harmless, is_read
from provisioner.exchange.mailbox_permissions import holds
from provisioner.exchange.properties import flag, text, texts
from provisioner.exchange.psrp_objects import plain, record
from provisioner.model.faults import Fault
from provisioner.model.identifiers import AppId, ObjectId
from provisioner.model.observed import ExchangePrincipal, MailboxRight
from provisioner.pace import Verdict, classify

OBJECT_ID = ObjectId("bbbbbbbb-0000-4000-8000-00000000000b")
GUID = "cccccccc-0000-4000-8000-00000000000c"
SID = "S-1-5-21-1-2-3-4567"
PRINCIPAL = ExchangePrincipal(GUID, AppId("aaaaaaaa-0000-4000-8000-00000000000a"), OBJECT_ID, SID, "Cryptshare Server")


def test_a_command_line_that_asks_for_help_does_not_pay_for_the_drivers() -> None:
    heavy = "{'httpx', 'pypsrp', 'requests', 'msgraph', 'azure.identity', 'pydantic'}"
    rooms = "client_access, mailbox_permissions, over_psrp, over_rest, service_principals, transport"
    code = f"import sys; from provisioner.exchange import {rooms}; print(sorted({heavy} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def right(user: str = "x", sid: str | None = None, *rights: str, deny: bool = False) -> MailboxRight:
    return MailboxRight("sender", user, sid, rights or ("FullAccess",), False, deny)


@pytest.mark.parametrize(
    ("entries", "held"),
    [
        ((), False),
        ((right(SID),), True),
        ((right(SID.lower()),), True),
        ((right(OBJECT_ID.upper()),), True),
        ((right(GUID),), True),
        ((right("whatever it shows", SID),), True),
        ((right("Cryptshare Server"),), False),
        ((right("NT AUTHORITY\\SELF", "S-1-5-10"),), False),
        ((right(SID, None, "ReadPermission"),), False),
        ((right(SID, None, "ReadPermission", "fullaccess"),), True),
        ((right(SID, deny=True),), False),
        ((right(SID), right(SID, deny=True)), False),
        ((right(SID), right("somebody", "S-1-5-21-9", deny=True)), True),
        ((right("", ""),), False),
    ],
)
def test_holds(entries: tuple[MailboxRight, ...], held: bool) -> None:
    assert holds(entries, PRINCIPAL, "FullAccess") is held


def test_an_identity_that_is_a_name_is_not_believed() -> None:
    named = ExchangePrincipal("Cryptshare Server", PRINCIPAL.app_id, OBJECT_ID, None, "Cryptshare Server")
    assert not holds((right("Cryptshare Server"),), named, "FullAccess")
    assert not holds((right("other", None),), named, "FullAccess")
    assert holds((right(OBJECT_ID),), named, "FullAccess")


@pytest.mark.parametrize(
    ("message", "type_hint", "error_id", "expected"),
    [
        (
            "Ex6F9304|Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException|It couldn't be found.",
            "",
            "",
            ("Ex6F9304", "ManagementObjectNotFoundException", "It couldn't be found."),
        ),
        ("|System.ArgumentException|bad", "", "", ("", "ArgumentException", "bad")),
        ("Ex1|A.B|name with | a pipe", "", "", ("Ex1", "B", "name with | a pipe")),
        ("just text", "", "", ("", "", "just text")),
        ("just text", "System.Exception", "", ("", "Exception", "just text")),
        (
            "text",
            "CmdletInvocationException",
            "[Server=A,RequestId=6f9619ff-8b86-d011-b42d-00c04fc964ff,TimeStamp=1] "
            "[FailureCategory=Cmdlet-ManagementObjectNotFoundException] AB12,Microsoft.Exchange.X",
            ("", "ManagementObjectNotFoundException", "text"),
        ),
    ],
)
def test_errors_are_taken_apart(message: str, type_hint: str, error_id: str, expected: tuple[str, str, str]) -> None:
    error = read_error(message, type_hint=type_hint, error_id=error_id)
    assert (error.error_id, error.type, error.text) == expected


def test_request_id() -> None:
    text_ = "[Server=A,RequestId=6f9619ff-8b86-d011-b42d-00c04fc964ff,TimeStamp=1] X"
    assert request_id_in(text_) == "6f9619ff-8b86-d011-b42d-00c04fc964ff"
    assert request_id_in("CommandNotFoundException") is None


@pytest.mark.parametrize(
    ("type_", "sentence", "expected"),
    [
        ("ManagementObjectNotFoundException", "already exists", "absent"),
        ("ADObjectAlreadyExistsException", "", "already"),
        ("", "the object already exists", "already"),
        ("", "the object 'already exists' is odd", "other"),
        ("", "Couldn't say: the object 'O'Brien already exists' isn't odd", "other"),
        ("", 'the object "already exists" is odd', "other"),
        ("", "You have reached the maximum number of concurrent requests per tenant. Please wait", "throttled"),
        ("", "Too Many Requests", "throttled"),
        ("", "because the ACE isn't present.", "absent"),
        ("", "object 'x' couldn't be found on 'y'", "absent"),
        ("", "matches multiple entries", "other"),
    ],
)
def test_meaning(type_: str, sentence: str, expected: str) -> None:
    assert meaning(type_, sentence) == expected


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_by_status_is_one_whatever_it_says(status: int) -> None:
    fault = Fault("exchange", "Get-X", status, "Y", "already exists")
    assert type(leaf(fault)).__name__ == "Refused"


def test_which_cmdlets_may_be_repeated() -> None:
    tests = {"Test-ApplicationAccessPolicy", "Test-ServicePrincipalAuthorization"}
    reads = {each for each in CMDLETS if each.startswith("Get-")} | tests
    assert {each for each in CMDLETS if is_read(each)} == reads
    assert {each for each in CMDLETS if not is_harmless(each)} == {
        "Enable-OrganizationCustomization",
        "New-DistributionGroup",
        "New-ManagementRoleAssignment",
        "New-ManagementScope",
        "New-ServicePrincipal",
        "Remove-DistributionGroup",
        "Remove-DistributionGroupMember",
        "Remove-MailboxPermission",
        "Remove-ManagementRoleAssignment",
        "Remove-ManagementScope",
        "Remove-ServicePrincipal",
    }


def test_a_host_that_cannot_be_reached_is_no_unknown_outcome() -> None:
    assert classify(Fault("exchange", "New-X", 0, "Unreachable", "m", sent=False)) is not Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True),
        (False, False),
        ("True", True),
        ("false", False),
        (None, None),
        ("", None),
        ("maybe", None),
        (1, None),
    ],
)
def test_flag(value: object, expected: bool | None) -> None:
    assert flag({"X": value}, "X") is expected
    assert flag({}, "X") is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (("FullAccess",), ("FullAccess",)),
        ("FullAccess, ReadPermission", ("FullAccess", "ReadPermission")),
        ("{FullAccess}", ("FullAccess",)),
        ("", ()),
        (None, ()),
    ],
)
def test_texts(value: object, expected: tuple[str, ...]) -> None:
    assert texts({"X": value}, "X") == expected


def test_text_takes_the_first_that_says_something() -> None:
    assert text({"A": None, "B": "", "C": "c", "D": "d"}, "A", "B", "C", "D") == "c"
    assert text({}, "A") == ""


def deserialized(xml: str) -> Any:
    from pypsrp.serializer import Serializer

    return Serializer().deserialize(xml)


EXCHANGE_OBJECT = """<Obj RefId="0"><TN RefId="0"><T>Deserialized.Microsoft.Exchange.Management.RecipientTasks.\
MailboxAcePresentationObject</T><T>System.Object</T></TN><ToString>shown</ToString>
<Props>
  <Obj N="AccessRights" RefId="1"><TN RefId="1"><T>Deserialized.Microsoft.Exchange.Data.MultiValuedProperty`1[[X]]</T>\
<T>Deserialized.System.Object</T></TN><LST>
    <Obj RefId="2"><TN RefId="2"><T>Deserialized.X.MailboxRights</T><T>Deserialized.System.Object</T></TN>\
<ToString>FullAccess</ToString><I32>1</I32></Obj>
    <S>ReadPermission</S></LST></Obj>
  <Obj N="User" RefId="3"><TN RefId="3"><T>X.SecurityPrincipalIdParameter</T><T>Deserialized.System.Object</T></TN>\
<ToString>S-1-5-21-1</ToString><Props><S N="RawIdentity">raw</S></Props></Obj>
  <B N="Deny">false</B><G N="Guid">cccccccc-0000-4000-8000-00000000000c</G><Nil N="Nothing" />
  <Obj N="Plain" RefId="5"><TN RefId="5"><T>Deserialized.System.Collections.ArrayList</T></TN><LST><S>a</S></LST></Obj>
  <Obj N="Kind" RefId="6"><TN RefId="6"><T>X.Kind</T><T>Deserialized.System.Object</T></TN><I32>3</I32></Obj>
  <S N="Both">adapted</S>
</Props>
<MS><S N="RunspaceId">r</S><S N="Both">extended</S></MS></Obj>"""


def test_a_dotnet_object_becomes_plain_data() -> None:
    assert record(deserialized(EXCHANGE_OBJECT)) == {
        "AccessRights": ("FullAccess", "ReadPermission"),
        "User": "S-1-5-21-1",
        "Deny": False,
        "Guid": "cccccccc-0000-4000-8000-00000000000c",
        "Nothing": None,
        "Plain": ("a",),
        "Kind": 3,
        "RunspaceId": "r",
        "Both": "extended",
    }


def test_bare_values_and_tables() -> None:
    assert record("text") == {"Value": "text"}
    assert record({"a": [1, None]}) == {"a": (1, None)}
    nested = '<Obj RefId="0"><MS><Obj N="In" RefId="1"><MS><S N="x">y</S></MS></Obj></MS></Obj>'
    assert record(deserialized(nested)) == {"In": {"x": "y"}}
    assert plain(deserialized('<Obj RefId="0"><TN RefId="0"><T>System.Object</T></TN></Obj>')) == ""
