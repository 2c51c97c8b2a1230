"""The list of applications that may use EWS: asked for with its switch, added to right after a look, never begun."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import powershell_tree as tree
import pytest
from exchange_doubles import Answer, Error, Said
from test_exchange_script import command, root, script, step

from provisioner.errors import ProvisionerError, ServiceFault
from provisioner.exchange import ews_gates
from provisioner.exchange.as_script import AsScript, Recorder
from provisioner.exchange.host_kit import kit
from provisioner.model.evidence import ScriptRead, ScriptResult
from provisioner.model.identifiers import AppId, TenantId
from provisioner.model.observed import EwsGates

OURS = AppId("aaaaaaaa-0000-4000-8000-00000000000a")
ONE, TWO = AppId("11111111-1111-4111-8111-111111111111"), AppId("22222222-2222-4222-8222-222222222222")
READ = ("Get-OrganizationConfig", {"RetrieveEwsOperationAccessPolicy": True})


def organization(**more: Any) -> dict[str, Any]:
    blank = {"EwsApplicationAccessPolicy": None, "EwsAllowList": None, "EwsBlockList": None}
    return {"IsDehydrated": False, "EwsEnabled": True, "EwsAllowedAppIDs": f"{ONE},{TWO}", **blank, **more}


def answering(*records: Mapping[str, Any]) -> Answer:
    """One record for each look, the last one ever after."""
    left = list(records)

    def answer(cmdlet: str, parameters: dict[str, Any]) -> Said:
        if cmdlet == "Get-OrganizationConfig":
            return Said(output=(left.pop(0) if len(left) > 1 else left[0],))
        return Said()

    return answer


@pytest.mark.parametrize(
    ("shown", "allowed"),
    [
        (f"{ONE},{TWO}", (ONE, TWO)),
        (f" {ONE} , {TWO} ,", (ONE, TWO)),
        (ONE.upper(), (ONE.upper(),)),
        ("", ()),
        (None, ()),
    ],
)
def test_the_list_is_asked_for_with_its_switch(either: Any, shown: str | None, allowed: tuple[str, ...]) -> None:
    rig = either(answering(organization(EwsAllowedAppIDs=shown)))
    found = rig.run(ews_gates.get)
    assert found.allowed == allowed
    assert rig.calls() == [READ]


@pytest.mark.parametrize(("shown", "enabled"), [(True, True), ("False", False), (None, None)])
def test_the_switch_has_three_states(either: Any, shown: Any, enabled: bool | None) -> None:
    found = either(answering(organization(EwsEnabled=shown))).run(ews_gates.get)
    assert found.enabled is enabled


def test_user_agents_are_read(either: Any) -> None:
    shown = organization(EwsApplicationAccessPolicy="EnforceAllowList", EwsAllowList=["Outlook*", "Monitor/*"])
    found = either(answering(shown)).run(ews_gates.get)
    assert found == EwsGates(True, (ONE, TWO), "EnforceAllowList", ("Outlook*", "Monitor/*"), ())


def test_no_answer_is_no_empty_list(rest_rig: Any) -> None:
    assert rest_rig(lambda cmdlet, parameters: Said()).run(ews_gates.get) is None


def test_letting_in_reads_and_writes_the_whole_list_once(either: Any) -> None:
    rig = either(answering(organization()))
    rig.run(lambda exchange: ews_gates.let_in(exchange, OURS, expected=(ONE, TWO)))
    assert rig.calls() == [READ, ("Set-OrganizationConfig", {"EwsAllowedAppIDs": f"{ONE},{TWO},{OURS}"})]


def test_who_is_listed_already_in_whatever_case_causes_no_write(either: Any) -> None:
    rig = either(answering(organization(EwsAllowedAppIDs=f"{ONE},{OURS.upper()}")))
    rig.run(lambda exchange: ews_gates.let_in(exchange, OURS, expected=(ONE, TWO)))
    assert rig.calls() == [READ]


@pytest.mark.parametrize(
    ("shown", "expected", "why"),
    [
        (None, (ONE,), "is empty"),
        ("", (ONE,), "is empty"),
        ("", (), "is empty"),
        (" , ", (ONE,), "is empty"),
        (ONE, (ONE, TWO), "has changed"),
        (f"{TWO},{ONE}", (ONE, TWO), "has changed"),
        (ONE, None, "could not be read"),
    ],
)
def test_an_empty_or_another_list_is_left_alone(
    either: Any, shown: str | None, expected: tuple[AppId, ...] | None, why: str
) -> None:
    rig = either(answering(organization(EwsAllowedAppIDs=shown)))
    with pytest.raises(ProvisionerError, match=why):
        rig.run(lambda exchange: ews_gates.let_in(exchange, OURS, expected=expected, switch_on=True))
    assert rig.calls() == [READ]


def test_the_switch_goes_on_in_the_same_write_or_alone(rest_rig: Any) -> None:
    rig = rest_rig(answering(organization(EwsEnabled=False)))
    rig.run(lambda exchange: ews_gates.let_in(exchange, OURS, expected=(ONE, TWO), switch_on=True))
    both = {"EwsAllowedAppIDs": f"{ONE},{TWO},{OURS}", "EwsEnabled": True}
    assert rig.calls()[1:] == [("Set-OrganizationConfig", both)]

    rig = rest_rig(answering(organization(EwsEnabled=False, EwsAllowedAppIDs=OURS)))
    rig.run(lambda exchange: ews_gates.let_in(exchange, OURS, expected=(OURS,), switch_on=True))
    assert rig.calls()[1:] == [("Set-OrganizationConfig", {"EwsEnabled": True})]


@pytest.mark.parametrize("status", [429, 503, 504])
def test_a_write_is_sent_once_because_the_list_may_be_another_by_then(rest_rig: Any, status: int) -> None:
    def answer(cmdlet: str, parameters: dict[str, Any]) -> Said:
        if cmdlet == "Get-OrganizationConfig":
            return Said(output=(organization(),))
        return Said(error=Error("System.Exception", "busy", status))

    rig = rest_rig(answer)
    with pytest.raises(ServiceFault):
        rig.run(lambda exchange: ews_gates.let_in(exchange, OURS, expected=(ONE, TWO)))
    assert [cmdlet for cmdlet, _ in rig.calls()] == ["Get-OrganizationConfig", "Set-OrganizationConfig"]


# --- by script


def result_with(**more: Any) -> AsScript:
    read = ScriptRead(READ[0], READ[1], (organization(**more),), absent=False, refused=None)
    now = datetime(2026, 11, 22, tzinfo=UTC)
    return AsScript(ScriptResult(TenantId("t"), "s", "d", now, "frida", None, (read,)))


async def recorded(recorder: Recorder, expected: tuple[AppId, ...] | None) -> list[tuple[str, dict[str, Any]]]:
    await ews_gates.let_in(recorder, OURS, expected=expected)
    return [(each.cmdlet, dict(each.parameters)) for each in recorder.commands]


def test_a_script_that_nobody_has_run_is_given_our_id_alone() -> None:
    recorder = Recorder(AsScript())
    commands = asyncio.run(recorded(recorder, None))
    assert commands == [("Set-OrganizationConfig", {"EwsAllowedAppIDs": OURS})]
    assert [each.cmdlet for each in recorder.questions] == ["Get-OrganizationConfig"]


def test_after_a_result_the_list_in_it_counts() -> None:
    commands = asyncio.run(recorded(Recorder(result_with()), (ONE, TWO)))
    assert commands == [("Set-OrganizationConfig", {"EwsAllowedAppIDs": f"{ONE},{TWO},{OURS}"})]
    with pytest.raises(ProvisionerError, match="is empty"):
        asyncio.run(recorded(Recorder(result_with(EwsAllowedAppIDs="")), (ONE,)))


def test_the_script_adds_to_the_list_that_it_finds_and_begins_none() -> None:
    source = root(script(step(command("Set-OrganizationConfig", EwsAllowedAppIDs=OURS))))
    lines = [line.strip() for line in tree.text(source).splitlines()]
    block = lines[lines.index("$gates = Get-OrganizationConfig -RetrieveEwsOperationAccessPolicy -ErrorAction Stop") :]
    condition = block.index("if ($listed.Count -gt 0 -and $missing.Count -gt 0) {")
    assert "$whole = @($listed + $missing) -join ','" in block[:condition]
    empty = block.index("elseif ($missing.Count -gt 0) {")
    change = [line for line in block[condition + 1 : empty] if line not in ("{", "}")]
    assert "Set-OrganizationConfig -EwsAllowedAppIDs $whole -ErrorAction Stop" in " ".join(change)
    assert "left to a person" in block[empty + 1]
    assert not any("Set-OrganizationConfig -" in line for line in block[empty:])
    writes = [each for each in tree.commands(source) if each == "Set-OrganizationConfig"]
    assert len(writes) == 1


def test_the_switch_is_part_of_the_scripts_write_only_where_it_is_asked_for() -> None:
    made = script(step(command("Set-OrganizationConfig", EwsAllowedAppIDs=OURS, EwsEnabled=True)))
    assert "Set-OrganizationConfig -EwsAllowedAppIDs $whole -EwsEnabled $true" in made.text
    assert "$gates.EwsEnabled -ne $true" in made.text
    without = script(step(command("Set-OrganizationConfig", EwsAllowedAppIDs=OURS)))
    assert "-EwsEnabled" not in without.text


def test_the_management_host_takes_no_empty_list() -> None:
    files = kit("1.0", "Operators", ())
    module = next(data for path, data in files.items() if path.suffix == ".psm1").decode("utf-8-sig")
    begin = module.index("function Set-ProvisionerOrganizationConfig")
    declared = module[begin : module.index("}", module.index("Invoke-ForOrganization", begin))]
    assert "[ValidateNotNullOrEmpty()] [string] $EwsAllowedAppIDs" in declared
    assert module.count("[ValidateNotNullOrEmpty()]") == 1
