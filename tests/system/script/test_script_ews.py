"""The EWS list where a person runs the script: it adds to what is there then, and its result shows what came of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import powershell_tree as tree

from tests.system.script import person
from tests.system.support import SENDER, Sandbox, forked

OTHERS = "11111111-1111-4111-8111-111111111111,22222222-2222-4222-8222-222222222222"
GIVEN = ("--tenant", "sandbox:script", "--set", f"sender_mailbox={SENDER}", "--set", f"incoming_mailbox={SENDER}")
ADDRESS = "ews_access.main"


def applied(home: Path, *more: str) -> dict[str, Any]:
    """What `apply` says; Monitor's guide leaves something open, so it always ends with 3."""
    flags = ("--yes", "--allow-tenant-wide", "--allow-organisation-wide", "-o", "json")
    ended = forked("apply", "monitor/erp", *GIVEN, *flags, *more, home=home)
    assert ended.returncode == 3, ended.stdout + ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def gate(found: dict[str, Any]) -> dict[str, Any]:
    (change,) = [each for each in found["changes"] if each["address"] == ADDRESS]
    return dict(change)


def listed(sandbox: Sandbox, ids: str) -> None:
    (organization,) = sandbox.state()["organizationConfig"]
    sandbox.plant("organizationConfig", {**organization, "ewsAllowedAppIds": ids, "ewsEnabled": True})


def looked(script: str, sandbox: Sandbox, place: Path) -> str:
    """The file with what a person sees who runs the script."""
    return str(person.save(person.run(Path(script), sandbox), place))


def test_the_script_knows_our_id_only_and_the_result_shows_the_list(
    home: Path, sandbox: Sandbox, tmp_path: Path
) -> None:
    listed(sandbox, OTHERS)
    first = applied(home)
    ours = first["applications"][0]["appId"]
    assert gate(first)["standing"] == "manual"
    script = tree.parsed(Path(first["script"]).read_bytes().removeprefix(b"\xef\xbb\xbf"))
    assert {"EwsAllowedAppIDs": ours} in [tree.value(each) for each in tree.assigned(script, "wanted")]
    assert "Set-OrganizationConfig -EwsAllowedAppIDs $whole" in tree.text(script)

    second = applied(home, "--script-result", looked(first["script"], sandbox, tmp_path / "first.json"))
    (shown,) = gate(second)["fields"]
    assert (shown["name"], shown["before"]) == ("EwsAllowedAppIDs", OTHERS)

    listed(sandbox, f"{OTHERS},{ours}")
    third = applied(home, "--script-result", looked(second["script"], sandbox, tmp_path / "second.json"))
    assert gate(third)["action"] == "keep"


def test_an_empty_list_in_the_result_is_a_persons(home: Path, sandbox: Sandbox, tmp_path: Path) -> None:
    listed(sandbox, "")
    first = applied(home)
    second = applied(home, "--script-result", looked(first["script"], sandbox, tmp_path / "first.json"))
    found = gate(second)
    assert found["standing"] == "manual"
    assert "EwsAllowedAppIDs is empty" in found["outcome"]["message"]
    assert second["script"] is None or "Set-OrganizationConfig" not in Path(second["script"]).read_text("utf-8-sig")
    (organization,) = sandbox.state()["organizationConfig"]
    assert organization["ewsAllowedAppIds"] == ""
