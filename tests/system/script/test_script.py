"""A tenant in which nobody of ours may run cmdlets: Entra's part, a script for a person, and its result as evidence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import powershell_tree as tree
import pytest

from tests.system.script import person
from tests.system.support import PARAMETERS, PLAYBOOK, SENDER, Sandbox, forked

TENANT = ("--tenant", "sandbox:script")


def told(*arguments: str, home: Path, code: int = 0) -> dict[str, Any]:
    """What a command says as JSON."""
    ended = forked(*arguments, "-o", "json", home=home)
    assert ended.returncode == code, ended.stdout + ended.stderr
    found = json.loads(ended.stdout)
    assert isinstance(found, dict)
    return found


def counted(sandbox: Sandbox) -> dict[str, int]:
    """How many of each thing the tenant has."""
    return {name: len(found) for name, found in sandbox.state().items() if found}


def exchange_part(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["address"]: each for each in found["changes"] if each["part"] == "exchange"}


def applied(home: Path, *more: str, variant: str = "guide") -> dict[str, Any]:
    return told("apply", PLAYBOOK, *TENANT, "--variant", variant, *PARAMETERS, "--yes", *more, home=home, code=3)


def test_the_plan_says_that_it_cannot_see_and_who_does_it(home: Path) -> None:
    found = told("plan", PLAYBOOK, *TENANT, *PARAMETERS, home=home)
    part = exchange_part(found)
    assert len(part) == 3
    for each in part.values():
        assert each["standing"] == "manual"
        assert each["whoCan"] == ["Exchange Administrator"]
        assert "script" in each["reason"]
    assert {each["standing"] for each in found["changes"] if each["part"] != "exchange"} == {"ready"}


def test_without_entras_part_there_is_no_script(home: Path) -> None:
    """The service principal's object id is in it."""
    found = applied(home, "--only", "consent")
    assert found["script"] is None
    assert not (home / "scripts").exists()


def test_apply_writes_it_runs_no_cmdlet_and_writes_it_again(home: Path, sandbox: Sandbox) -> None:
    found = applied(home)
    script = Path(found["script"])
    assert script.parent == home / "scripts" / "sandbox"
    assert {each["outcome"]["state"] for each in exchange_part(found).values()} == {"manual"}
    assert {each["protocol"] for each in sandbox.history()} <= {"login", "graph"}
    first = tree.parsed(script.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    principal = found["applications"][0]["servicePrincipalId"]
    values = [tree.value(each) for each in tree.assigned(first, "wanted")]
    assert {"AppId": found["applications"][0]["appId"], "ObjectId": principal} in [
        {name: each.get(name) for name in ("AppId", "ObjectId")} for each in values
    ]
    script.unlink()
    again = applied(home)
    assert again["script"] == str(script)
    second = tree.parsed(script.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    digests = [tree.value(tree.assigned(each, "About")[0])["Digest"] for each in (first, second)]
    assert digests[0] == digests[1]


def test_it_is_written_where_one_wants_it(home: Path, tmp_path: Path) -> None:
    place = tmp_path / "for frida.ps1"
    assert applied(home, "--script", str(place))["script"] == str(place)
    assert place.read_bytes().startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize("variant", ["guide", "scoped"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_what_the_script_does_and_finds_makes_the_plan_empty(
    variant: str, encoding: str, home: Path, tmp_path: Path, sandbox: Sandbox
) -> None:
    script = Path(applied(home, variant=variant)["script"])
    result = person.save(person.run(script, sandbox), tmp_path / "result.json", encoding=encoding)
    evidence = ("--script-result", str(result))
    found = told("apply", PLAYBOOK, *TENANT, *evidence, "--yes", home=home, code=0)
    assert {each["action"] for each in found["changes"]} == {"keep"}
    assert any(person.WHO in each for each in found["notes"])
    receipt = [json.loads(line) for line in Path(found["receipt"]).read_text().splitlines()]
    assert {"script result", "finished"} <= {each["event"] for each in receipt}
    assert next(each["who"] for each in receipt if each["event"] == "script result") == person.WHO
    assert found["preflight"] == []
    # and the other driver, which looks itself, agrees
    seen = told("plan", PLAYBOOK, "--tenant", "sandbox", home=home)
    assert {each["action"] for each in seen["changes"]} == {"keep"}


def test_what_the_preflight_asks_of_exchange_comes_back_with_the_result(
    home: Path, tmp_path: Path, sandbox: Sandbox
) -> None:
    first = applied(home)
    assert [(each["name"], each["about"]) for each in first["preflight"]] == [("not_seen", SENDER)]
    mailbox = next(dict(each) for each in sandbox.state()["mailboxes"] if each["primarySmtpAddress"] == SENDER)
    sandbox.plant("mailboxes", {**mailbox, "licensed": False})
    result = person.save(person.run(Path(first["script"]), sandbox), tmp_path / "result.json")
    found = told("plan", PLAYBOOK, *TENANT, "--script-result", str(result), home=home)
    assert [(each["name"], each["about"]) for each in found["preflight"]] == [("mailbox_unlicensed", SENDER)]


def test_proofs_and_the_last_word_of_onboard_work_with_it(home: Path, tmp_path: Path, sandbox: Sandbox) -> None:
    script = Path(applied(home)["script"])
    result = person.save(person.run(script, sandbox), tmp_path / "result.json")
    sandbox.advance(7200)
    found = told("verify", PLAYBOOK, *TENANT, "--send", home=home)
    states = {each["name"]: each["state"] for each in found["proofs"]}
    # whether the neighbour's mailbox is there at all cannot be seen, so that its refusal proves nothing is said
    assert set(states.values()) == {"passed", "not-proven"} and states["token"] == "passed"
    whole = told("onboard", PLAYBOOK, *TENANT, "--send", "--yes", "--script-result", str(result), home=home)
    assert whole["unsettled"] == [] and whole["handover"]


def test_without_its_result_nothing_is_believed(home: Path, sandbox: Sandbox) -> None:
    script = Path(applied(home)["script"])
    person.run(script, sandbox)
    found = told("plan", PLAYBOOK, *TENANT, home=home)
    assert {each["standing"] for each in exchange_part(found).values()} == {"manual"}


def test_a_result_of_nothing_done_leaves_everything_by_hand_and_the_script_again(
    home: Path, tmp_path: Path, sandbox: Sandbox
) -> None:
    script = Path(applied(home)["script"])
    result = person.save(person.run(script, sandbox, only_look=True), tmp_path / "result.json")
    found = applied(home, "--script-result", str(result))
    assert {each["standing"] for each in exchange_part(found).values()} == {"manual"}
    assert found["script"] == str(script) and script.exists()


def test_a_read_that_was_refused_is_not_not_there(home: Path, tmp_path: Path, sandbox: Sandbox) -> None:
    script = Path(applied(home)["script"])
    result = person.run(script, sandbox)
    for each in result["reads"]:
        if each["cmdlet"] == "Get-MailboxPermission":
            each |= {"output": [], "refused": "Access is denied."}
    evidence = person.save(result, tmp_path / "result.json")
    found = told("plan", PLAYBOOK, *TENANT, "--script-result", str(evidence), home=home)
    part = exchange_part(found)
    assert {name for name, each in part.items() if each["action"] != "keep"} == {"mailbox_permission.main.FullAccess"}
    assert part["mailbox_permission.main.FullAccess"]["standing"] == "manual"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tenantId": "00000000-0000-0000-0000-000000000000"}, "another tenant"),
        ({"scope": "0" * 64}, "another playbook"),
        ({"whatIf": True}, "-WhatIf"),
        ({"kind": "something"}, "provisioner-script-result"),
        ({"reads": None}, "reads"),
    ],
)
def test_another_results_are_refused(change: dict[str, Any], said: str, home: Path, tmp_path: Path) -> None:
    script = Path(applied(home)["script"])
    about = tree.value(tree.assigned(tree.parsed(script.read_bytes()[3:]), "About")[0])
    result = {
        "schemaVersion": 1,
        "kind": "provisioner-script-result",
        "tenantId": about["TenantId"],
        "scope": about["Scope"],
        "script": about["Digest"],
        "finished": "2026-11-22T10:00:00Z",
        "who": "x",
        "whatIf": False,
        "reads": [],
    }
    good = person.save(result, tmp_path / "good.json")
    told("plan", PLAYBOOK, *TENANT, "--script-result", str(good), home=home)
    bad = person.save({**result, **change}, tmp_path / "bad.json")
    ended = forked("plan", PLAYBOOK, *TENANT, "--script-result", str(bad), home=home)
    assert ended.returncode == 4
    assert said in ended.stdout + ended.stderr


def test_a_script_where_another_driver_is_named_is_a_fault_of_usage(home: Path, tmp_path: Path) -> None:
    ended = forked(
        "apply", PLAYBOOK, "--tenant", "sandbox", *PARAMETERS, "--yes", "--script", str(tmp_path / "x.ps1"), home=home
    )
    assert ended.returncode == 4
    assert not (tmp_path / "x.ps1").exists()


def test_people_are_told_where_it_is_and_what_comes_next(home: Path) -> None:
    ended = forked("apply", PLAYBOOK, *TENANT, *PARAMETERS, "--yes", home=home)
    assert ended.returncode == 3
    assert str(home / "scripts" / "sandbox" / "cryptshare_server_default.ps1") in ended.stdout
    assert "--script-result FILE" in ended.stdout


@pytest.mark.parametrize("variant", ["guide", "scoped"])
def test_remove_writes_a_script_too_and_its_result_is_the_end(
    variant: str, home: Path, tmp_path: Path, sandbox: Sandbox
) -> None:
    before = counted(sandbox)
    made = applied(home, variant=variant)
    principal = made["applications"][0]["servicePrincipalId"]
    person.run(Path(made["script"]), sandbox)
    grown = {name for name, count in counted(sandbox).items() if count > before.get(name, 0)}
    assert {"guide": "mailboxPermissions", "scoped": "managementScopes"}[variant] in grown
    removed = told("remove", PLAYBOOK, *TENANT, "--yes", home=home, code=3)
    assert {each["outcome"]["state"] for each in exchange_part(removed).values()} <= {"manual", "kept"}
    script = Path(removed["script"])
    assert script.name == "cryptshare_server_default.remove.ps1"
    assert principal in script.read_text(encoding="utf-8-sig")
    result = person.save(person.run(script, sandbox), tmp_path / "removed.json")
    again = told("remove", PLAYBOOK, *TENANT, "--yes", "--script-result", str(result), home=home)
    assert {each["action"] for each in exchange_part(again).values()} == {"keep"}
    assert not list((home / "tenants").rglob("*.yaml"))
    left = {name: count for name, count in counted(sandbox).items() if count != before.get(name, 0)}
    assert {each for each in left if not each.startswith("deleted")} <= {"casMailboxes"}  # shared, and stays


def test_a_second_remove_keeps_the_first_ones_script(home: Path) -> None:
    applied(home)
    script = Path(told("remove", PLAYBOOK, *TENANT, "--yes", home=home, code=3)["script"])
    written = script.read_bytes()
    again = told("remove", PLAYBOOK, *TENANT, "--yes", home=home, code=3)
    assert script.read_bytes() == written
    assert {each["outcome"]["state"] for each in exchange_part(again).values()} <= {"manual", "kept"}
