"""The driver that runs nothing: what a result tells, what it does not, and what the script's notes hold."""

from __future__ import annotations

import asyncio
import codecs
import json
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest

from provisioner.errors import Absent, InputFault, ProvisionerError, Refused
from provisioner.exchange import groups, mailbox_permissions, management_scopes, service_principals
from provisioner.exchange.as_script import ROLE, AsScript, Recorder
from provisioner.exchange.powershell import Blank
from provisioner.exchange.script_result import parse
from provisioner.model.evidence import ScriptRead, ScriptResult
from provisioner.model.identifiers import AppId, ObjectId, TenantId
from provisioner.model.tenant import ExchangeDriver

T = TypeVar("T")
GROUP_GUID = "7f2c9f0e-0000-4000-8000-000000000001"


def done(work: Awaitable[T]) -> T:
    async def run() -> T:
        return await work

    return asyncio.run(run())


def result(*reads: ScriptRead) -> ScriptResult:
    return ScriptResult(TenantId("t"), "scope", "digest", datetime(2026, 11, 22, tzinfo=UTC), "frida", None, reads)


def recorder(*reads: ScriptRead) -> Recorder:
    return Recorder(AsScript(result(*reads)))


def test_without_a_result_everything_is_not_seen() -> None:
    with pytest.raises(Refused) as raised:
        done(AsScript().run("Get-MailboxPermission", {"Identity": "a@b"}))
    assert raised.value.who_can == (ROLE,)


def test_it_never_writes() -> None:
    with pytest.raises(ProvisionerError):
        done(AsScript().run("Add-MailboxPermission", {"Identity": "a@b"}))


def test_a_result_answers_exactly_what_was_read() -> None:
    read = ScriptRead("Get-CASMailbox", {"Identity": "A@b"}, ({"SmtpClientAuthenticationDisabled": False},))
    driver = AsScript(result(read))
    assert done(driver.run("Get-CASMailbox", {"Identity": "a@B"})).output == read.output
    for cmdlet, parameters in (
        ("Get-CASMailbox", {"Identity": "other@b"}),
        ("Get-CASMailbox", {}),
        ("Get-MailboxPermission", {"Identity": "A@b"}),
    ):
        with pytest.raises(Refused):
            done(driver.run(cmdlet, parameters))


def test_absent_and_refused_are_two_things() -> None:
    driver = AsScript(
        result(
            ScriptRead("Get-CASMailbox", {"Identity": "gone"}, absent=True),
            ScriptRead("Get-CASMailbox", {"Identity": "shut"}, refused="Access is denied."),
        )
    )
    with pytest.raises(Absent):
        done(driver.run("Get-CASMailbox", {"Identity": "gone"}))
    with pytest.raises(Refused, match=r"Access is denied\."):
        done(driver.run("Get-CASMailbox", {"Identity": "shut"}))


def test_a_thing_may_be_asked_for_by_another_of_its_names() -> None:
    """The script knows a new group by its distinguished name, we ask by its GUID."""
    driver = AsScript(
        result(
            ScriptRead(
                "Get-DistributionGroup",
                {"Identity": "grp"},
                ({"Alias": "grp", "Name": "grp", "Guid": GROUP_GUID, "DistinguishedName": "CN=grp"},),
            ),
            ScriptRead("Get-DistributionGroupMember", {"Identity": "CN=grp", "ResultSize": "Unlimited"}),
        )
    )
    found = done(groups.get(driver, "grp"))
    assert found is not None and found.identity == GROUP_GUID
    assert done(groups.members(driver, found.identity)) == ()
    with pytest.raises(Refused):
        done(groups.members(driver, "CN=other"))


def test_notes_hold_the_commands_that_the_typed_cmdlets_send() -> None:
    notes = recorder()
    app_id, object_id = AppId("11111111-1111-4111-8111-111111111111"), ObjectId("22222222-2222-4222-8222-222222222222")
    made = done(service_principals.create(notes, app_id=app_id, object_id=object_id, display_name="O'Neil"))
    assert made.identity == object_id
    done(mailbox_permissions.grant(notes, mailbox="a@b", user=made.identity, right="FullAccess"))
    assert [(each.cmdlet, dict(each.parameters)) for each in notes.commands] == [
        ("New-ServicePrincipal", {"AppId": app_id, "ObjectId": object_id, "DisplayName": "O'Neil"}),
        (
            "Add-MailboxPermission",
            {
                "Identity": "a@b",
                "User": object_id,
                "AccessRights": ("FullAccess",),
                "InheritanceType": "All",
                "AutoMapping": False,
            },
        ),
    ]
    assert done(service_principals.get(notes, app_id)) == made


def test_what_exchange_names_itself_is_a_blank() -> None:
    notes = recorder()
    group = done(groups.create(notes, name="grp", display_name="G", members=("a@b",), notes="n"))
    blank = Blank("made1", "DistinguishedName")
    assert notes.blanks == {blank} and notes.commands[0].made == "made1"
    assert group.distinguished_name == blank.mark
    done(management_scopes.create(notes, name="s", recipient_filter=management_scopes.members_of(blank.mark)))
    assert dict(notes.commands[1].parameters)["RecipientRestrictionFilter"] == f"MemberOfGroup -eq '{blank.mark}'"
    assert notes.commands[1].made is None


def test_notes_hold_each_question_once() -> None:
    notes = recorder()
    for _ in range(2):
        done(mailbox_permissions.rights(notes, "a@b"))
    assert [(each.cmdlet, each.parameters) for each in notes.questions] == [
        ("Get-MailboxPermission", (("Identity", "a@b"),))
    ]
    assert notes.name is ExchangeDriver.SCRIPT


def test_notes_know_what_an_earlier_result_told() -> None:
    notes = recorder(ScriptRead("Get-DistributionGroup", {"Identity": "grp"}, ({"Alias": "grp", "Guid": GROUP_GUID},)))
    found = done(groups.get(notes, "grp"))
    assert found is not None and found.identity == GROUP_GUID


GOOD: dict[str, Any] = {
    "schemaVersion": 1,
    "kind": "provisioner-script-result",
    "tenantId": "T",
    "scope": "s",
    "script": "d",
    "finished": "2026-11-22T10:00:00Z",
    "who": "frida@contoso.example",
    "whatIf": False,
    "failure": None,
    "reads": [
        {"cmdlet": "Get-X", "parameters": {"Identity": "a"}, "absent": False, "output": [{"A": ["x", "y"], "B": True}]},
        {"cmdlet": "Get-X", "parameters": {}, "absent": True, "refused": None, "output": None},
        {"cmdlet": "Get-X", "parameters": {}, "refused": "no", "output": {"A": None}},
    ],
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_result_is_read_in_every_encoding_that_powershell_writes(encoding: str) -> None:
    found = parse(json.dumps(GOOD).encode(encoding), "r.json")
    assert found.tenant_id == "t" and found.who == "frida@contoso.example"
    assert found.finished == datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert found.reads == (
        ScriptRead("Get-X", {"Identity": "a"}, ({"A": ("x", "y"), "B": True},)),
        ScriptRead("Get-X", {}, absent=True),
        ScriptRead("Get-X", {}, ({"A": None},), refused="no"),
    )


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "other"},
        {"schemaVersion": 2},
        {"whatIf": True},
        {"whatIf": None},
        {"finished": "yesterday"},
        {"finished": "2026-11-22T10:00:00"},
        {"finished": 5},
        {"who": ""},
        {"scope": ["x"]},
        {"reads": {}},
        {"reads": ["x"]},
        {"reads": [{"cmdlet": "Get-X", "parameters": []}]},
        {"reads": [{"cmdlet": 1, "parameters": {}}]},
        {"reads": [{"cmdlet": "Get-X", "parameters": {}, "output": ["x"]}]},
        {"reads": [{"cmdlet": "Get-X", "parameters": {}, "output": [{"A": {"deep": 1}}]}]},
        {"reads": [{"cmdlet": "Get-X", "parameters": {}, "refused": 7}]},
    ],
    ids=str,
)
def test_another_form_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InputFault) as raised:
        parse(json.dumps({**GOOD, **change}).encode(), "r.json")
    (place,) = raised.value.places
    assert place.file == "r.json" and place.message


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"null", b"\xff\xff\xff", codecs.BOM_UTF16_LE + b"x", b"[" * 100_000, b'"' + b"a" * 20_000_000],
    ids=["empty", "cut", "list", "null", "binary", "odd", "deep", "large"],
)
def test_what_is_no_json_of_ours_is_refused(data: bytes) -> None:
    with pytest.raises(InputFault):
        parse(data, "r.json")
