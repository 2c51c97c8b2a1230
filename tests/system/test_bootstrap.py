"""Our own applications: registered from one administrator's sign-in, finished after every kill, and enough to work."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shlex
import stat
import sys
from pathlib import Path
from typing import Any

from tests.system.kill.killing import Killed, at_file_operation, at_request
from tests.system.support import PARAMETERS, PLAYBOOK, Sandbox, forked, fresh_home

ADMINISTRATOR = "sandbox:global-administrator"
GATES = ("--allow-tenant-wide", "--allow-twin")
"""The seeded tenant has an operator application of its own, which looks like a twin of ours."""

GLOBAL_READER = "f2ef992c-3afb-46b9-b7cf-a126ee74c451"
EXCHANGE_ADMINISTRATOR = "29232cdf-9323-42fd-ade2-1d097af3e4de"


def command(*options: str, administrator: str = ADMINISTRATOR) -> tuple[str, ...]:
    return ("tenants", "bootstrap", administrator, *GATES, "--yes", "-o", "json", *options)


def ours(sandbox: Sandbox, product: str = "operator") -> dict[str, Any]:
    """The one application of ours."""
    found = [
        each
        for each in sandbox.state()["applications"]
        if each["uniqueName"] == f"provisioner-provisioner-{product}-default-main"
    ]
    (application,) = found
    return application


def key_file(home: Path) -> Path:
    (file,) = (home / "keys").rglob("*.pem")
    return file


def thumbprint(pem: str) -> str:
    (body,) = re.findall(r"-----BEGIN CERTIFICATE-----(.*?)-----END", pem, re.DOTALL)
    return hashlib.sha1(base64.b64decode(body), usedforsecurity=False).hexdigest().upper()


def roles_of(sandbox: Sandbox, application: dict[str, Any]) -> list[str]:
    state = sandbox.state()
    (principal,) = [each for each in state["servicePrincipals"] if each["appId"] == application["appId"]]
    return [each["roleDefinitionId"] for each in state["roleAssignments"] if each["principalId"] == principal["id"]]


def as_ours(home: Path, place: Path, sandbox: Sandbox, application: dict[str, Any]) -> Path:
    """A home in which the sandbox's caller `operator` is our own application."""
    folder = place / "sandbox"
    folder.mkdir(parents=True)
    endpoints = json.loads((sandbox.directory / "endpoints.json").read_text())
    endpoints["callers"]["operator"] |= {"clientId": application["appId"], "certificateFile": str(key_file(home))}
    (folder / "endpoints.json").write_text(json.dumps(endpoints))
    return place


def test_one_sign_in_makes_an_operator_that_can_do_its_work(sandbox: Sandbox, home: Path, tmp_path: Path) -> None:
    ended = forked(*command(), home=home)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (proof,) = json.loads(ended.stdout)["proofs"]
    assert proof["state"] == "passed"
    application = ours(sandbox)
    (certificate,) = application["keyCredentials"]
    assert application["passwordCredentials"] == []
    assert certificate["customKeyIdentifier"].upper() == thumbprint(key_file(home).read_text())
    assert roles_of(sandbox, application) == [EXCHANGE_ADMINISTRATOR]

    working = as_ours(home, tmp_path / "working", sandbox, application)
    onboarded = forked("onboard", PLAYBOOK, "--tenant", "sandbox:rest", *PARAMETERS, "--yes", home=working)
    assert onboarded.returncode == 0, onboarded.stdout + onboarded.stderr
    removed = forked("remove", PLAYBOOK, "--tenant", "sandbox:rest", "--yes", home=working)
    assert removed.returncode == 0, removed.stdout + removed.stderr


def test_the_private_key_stays_in_its_file(sandbox: Sandbox, home: Path) -> None:
    ended = forked(*command(), home=home)
    file = key_file(home)
    if sys.platform != "win32":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    (private,) = re.findall(r"-----BEGIN PRIVATE KEY-----(.*?)-----END", file.read_text(), re.DOTALL)
    lines = private.split()
    others = [each.read_text("utf-8", "replace") for each in home.rglob("*") if each.is_file() and each != file]
    others = [each for each in others if not each.startswith("SQLite")]
    tenant = json.dumps(sandbox.state()) + json.dumps(sandbox.history())
    for text in (ended.stdout, ended.stderr, tenant):
        assert "PRIVATE KEY" not in text
    for text in (ended.stdout, ended.stderr, tenant, *others):  # of which the sandbox's own have keys of their own
        assert not any(line in text for line in lines[1:])


def test_a_closed_gate_ends_with_the_command_that_opens_it(sandbox: Sandbox, home: Path) -> None:
    told = [each for each in command() if each not in GATES and each not in ("-o", "json")]
    held = forked(*told, home=home)
    assert held.returncode == 3, held.stdout + held.stderr
    line = shlex.split(held.stdout.splitlines()[-1])
    assert line[:3] == ["provisioner", "tenants", "bootstrap"]
    assert set(GATES) <= set(line)
    ended = forked(*line[1:], "--yes", home=home)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "provisioner" not in ended.stdout.splitlines()[-1], "nothing is left to type"


def test_a_second_run_writes_nothing(sandbox: Sandbox, home: Path) -> None:
    forked(*command(), home=home)
    mark, before = sandbox.mark(), key_file(home).read_bytes()
    ended = forked(*command(), home=home)
    assert ended.returncode == 0, ended.stdout
    assert sandbox.writes(mark) == []
    assert key_file(home).read_bytes() == before


def test_the_certificate_is_renewed_in_its_last_days_and_the_old_one_stays(sandbox: Sandbox, home: Path) -> None:
    forked(*command(), home=home)
    first = thumbprint(key_file(home).read_text())
    sandbox.advance(340 * 86_400.0)
    ended = forked(*command(), home=home)
    assert ended.returncode == 0, ended.stdout
    second = thumbprint(key_file(home).read_text())
    there = {each["customKeyIdentifier"].upper() for each in ours(sandbox)["keyCredentials"]}
    assert second != first
    assert there == {first, second}


def test_another_home_adds_a_certificate_and_leaves_the_first(sandbox: Sandbox, home: Path, tmp_path: Path) -> None:
    forked(*command(), home=home)
    elsewhere = fresh_home(tmp_path / "elsewhere", sandbox)
    ended = forked(*command(), home=elsewhere)
    assert ended.returncode == 0, ended.stdout
    there = {each["customKeyIdentifier"].upper() for each in ours(sandbox)["keyCredentials"]}
    assert there == {thumbprint(key_file(each).read_text()) for each in (home, elsewhere)}
    assert "its key is not here" in ended.stdout


def test_killed_after_each_write_the_same_command_finishes_it(sandbox: Sandbox, tmp_path: Path) -> None:
    points = 0
    for number in range(1, 100):
        sandbox.reset()
        home = fresh_home(tmp_path / str(number), sandbox)
        killed = at_request(
            sandbox, command(), home, number, after=True, protocol="graph", match="^(POST|PATCH) (?!.*batch)"
        )
        if killed is None:
            break
        points += 1
        _finished(sandbox, home, killed)
    assert points >= 6


def test_killed_at_each_operation_on_the_key_the_same_command_finishes_it(sandbox: Sandbox, tmp_path: Path) -> None:
    points = 0
    for number in range(1, 100):
        sandbox.reset()
        home = fresh_home(tmp_path / str(number), sandbox)
        killed = at_file_operation(command(), home, number, under=("keys",))
        if killed is None:
            break
        points += 1
        _finished(sandbox, home, killed)
    assert points >= 4


def _finished(sandbox: Sandbox, home: Path, killed: Killed) -> None:
    ended = forked(*command(), home=home)
    assert ended.returncode == 0, f"{killed}: {ended.stdout}{ended.stderr}"
    application = ours(sandbox)
    assert [each["customKeyIdentifier"].upper() for each in application["keyCredentials"]] == [
        thumbprint(key_file(home).read_text())
    ], killed
    assert roles_of(sandbox, application) == [EXCHANGE_ADMINISTRATOR], killed
    assert not [each for each in (home / "keys").rglob("*") if each.name.endswith(".tmp")], killed


def test_the_auditor_sees_all_and_changes_nothing(sandbox: Sandbox, home: Path, tmp_path: Path) -> None:
    ended = forked(*command("--auditor"), home=home)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    application = ours(sandbox, "auditor")
    assert roles_of(sandbox, application) == [GLOBAL_READER]

    looking = as_ours(home, tmp_path / "looking", sandbox, application)
    mark = sandbox.mark()
    planned = forked("plan", PLAYBOOK, "--tenant", "sandbox:rest", *PARAMETERS, "-o", "json", home=looking)
    assert planned.returncode == 0, planned.stderr
    assert "not seen" not in planned.stdout
    applied = forked("apply", PLAYBOOK, "--tenant", "sandbox:rest", *PARAMETERS, "--yes", home=looking)
    assert applied.returncode == 3, applied.stdout
    assert sandbox.writes(mark) == []


def test_who_may_not_consent_registers_the_rest_and_says_who_can(sandbox: Sandbox, home: Path) -> None:
    ended = forked(*command(administrator="sandbox:cloud-application-administrator"), home=home)
    assert ended.returncode == 3, ended.stdout + ended.stderr
    assert "Privileged Role Administrator" in ended.stdout
    assert ours(sandbox)["keyCredentials"]
    assert roles_of(sandbox, ours(sandbox)) == []
    ended = forked(*command(), home=home)
    assert ended.returncode == 0, ended.stdout
    assert roles_of(sandbox, ours(sandbox)) == [EXCHANGE_ADMINISTRATOR]


def test_a_role_that_waits_for_activation_is_named(sandbox: Sandbox, home: Path) -> None:
    checked = forked("tenants", "check", "sandbox:eligible-only", "-o", "json", home=home)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    found = json.loads(checked.stdout)
    assert found["could be activated"] not in ("none", "not seen")
    assert "sign in again" in found["to do"]
    planned = forked("plan", PLAYBOOK, "--tenant", "sandbox:eligible-only", *PARAMETERS, "-o", "json", home=home)
    assert "you could activate" in planned.stdout


def test_what_may_not_be_read_is_not_seen(sandbox: Sandbox, home: Path) -> None:
    sandbox.fault({"status": 403}, protocol="graph", match="/organization")
    sandbox.fault({"status": 403}, protocol="graph", match="roleEligibilityScheduleInstances")
    checked = forked("tenants", "check", ADMINISTRATOR, "-o", "json", home=home)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    found = json.loads(checked.stdout)
    assert "not seen" in found["tenant"]
    assert found["could be activated"] == "not seen"


def test_remove_takes_the_application_and_its_key_away(sandbox: Sandbox, home: Path) -> None:
    forked(*command(), home=home)
    before = ours(sandbox)
    ended = forked("remove", "provisioner/operator", "--tenant", ADMINISTRATOR, "--yes", home=home)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    state = sandbox.state()
    assert before["id"] not in [each["id"] for each in state["applications"]]
    assert [each["entity"]["keyCredentials"] for each in state["deletedItems"] if each["id"] == before["id"]] == [[]]
    assert list((home / "keys").rglob("*.pem")) == []
