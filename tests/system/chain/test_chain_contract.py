"""What programs rely on: the JSON of every command, byte for byte where nothing has changed, and the exit codes."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.system.chain.steps import onboarded, result, run
from tests.system.support import PARAMETERS, PLAYBOOK, SENDER, Sandbox, cli, forked
from tests.system.tenant import FOREIGN, Administrator, Planter, our_application

SCHEMA = json.loads(resources.files("provisioner.reports").joinpath("schema.json").read_text("utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def checked(document: dict[str, Any]) -> dict[str, Any]:
    """The document, which must be as the published schema says."""
    faults = [f"{'/'.join(map(str, each.path))}: {each.message}" for each in VALIDATOR.iter_errors(document)]
    assert faults == []
    assert document["schemaVersion"] == 1
    return document


def test_the_json_of_every_command_is_as_the_schema_says(sandbox: Sandbox, home: Path) -> None:
    refused = checked(result("onboard", home=home, code=4))
    assert refused["error"]["kind"] == "InputFault"
    assert refused["sandbox"] is None
    plan = checked(result("plan", home=home))
    assert plan["sandbox"] is True
    assert len(plan["changes"]) == 8
    onboard = checked(onboarded(home))
    assert onboard["proofs"] != []
    assert onboard["handover"] != []
    assert checked(result("apply", "--yes", home=home))["changes"] != []
    assert checked(result("verify", "--send", home=home))["proofs"] != []
    assert checked(result("handover", home=home))["handover"] == onboard["handover"]
    assert checked(result("remove", "--yes", home=home))["changes"] != []


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [
        (("playbooks", "list"), "playbooks"),
        (("playbooks", "show", PLAYBOOK), "parameters"),
        (("playbooks", "check", PLAYBOOK), "checked"),
        (("tenants", "list"), "tenants"),
        (("tenants", "check", "sandbox"), "tenant"),
        (("sandbox", "show"), "mailboxes"),
    ],
)
def test_lists_are_json_too(arguments: tuple[str, ...], needed: str, sandbox: Sandbox, home: Path) -> None:
    finished = forked(*arguments, "-o", "json", home=home)
    assert finished.returncode == 0, finished.stderr
    document = json.loads(finished.stdout)
    assert document["schemaVersion"] == 1
    assert document["sandbox"] in (True, None)
    assert document[needed] or needed == "tenants"


def test_what_playbooks_show_tells(sandbox: Sandbox, home: Path) -> None:
    shown = json.loads(forked("playbooks", "show", PLAYBOOK, "-o", "json", home=home).stdout)
    assert set(shown["parameters"][0]) >= {
        "name",
        "type",
        "title",
        "required",
        "default",
        "example",
        "choices",
        "secret",
    }
    assert [each["name"] for each in shown["parameters"] if each["required"]] == ["sender_mailbox"]
    mailboxes = json.loads(forked("sandbox", "show", "-o", "json", home=home).stdout)["mailboxes"]
    assert SENDER in [each["primarySmtpAddress"] for each in mailboxes]


def test_json_is_the_same_bytes_for_the_same_tenant(sandbox: Sandbox, home: Path) -> None:
    assert run("plan", "-o", "json", home=home).stdout == run("plan", "-o", "json", home=home).stdout
    onboarded(home)
    for command in ("plan", "apply", "handover", "verify"):
        more = ("--yes",) if command == "apply" else ()
        first, second = (run(command, *more, "-o", "json", home=home) for _ in range(2))
        assert first.returncode == second.returncode == 0
        assert first.stdout == second.stdout, command
    process = run("plan", "-o", "json", home=home, by=cli)
    assert process.stdout == run("plan", "-o", "json", home=home).stdout
    assert process.stdout.isascii()


def test_json_alone_is_on_standard_output(sandbox: Sandbox, home: Path) -> None:
    finished = run("onboard", "--yes", "-o", "json", home=home, by=cli)
    json.loads(finished.stdout)
    assert finished.stderr == ""


@pytest.mark.parametrize("form", ["terminal", "markdown"])
def test_without_a_terminal_there_is_plain_text(form: str, sandbox: Sandbox, home: Path) -> None:
    finished = run("onboard", "--yes", "--send", "-o", form, home=home, by=cli)
    assert finished.returncode == 0, finished.stderr
    assert "\x1b" not in finished.stdout + finished.stderr
    for told in ("Cryptshare Server", "SMTP.SendAsApp", "Directory (tenant) ID", "sandbox"):
        assert told.casefold() in finished.stdout.casefold()
    assert 'Register the application "Cryptshare Server": done' in finished.stderr
    assert "application.main" not in finished.stdout + finished.stderr


# Exit codes


def test_code_0_and_2_of_a_plan(sandbox: Sandbox, home: Path) -> None:
    assert run("plan", home=home).returncode == 0
    assert run("plan", "--exit-code", home=home).returncode == 2
    run("apply", "--yes", home=home)
    assert run("plan", "--exit-code", home=home).returncode == 0


def test_code_1_of_a_proof_that_fails(sandbox: Sandbox, home: Path) -> None:
    onboarded(home)
    sandbox.advance(181 * 86400)
    failed = run("verify", home=home)
    assert failed.returncode == 1, failed.stdout
    assert "secret has expired" in failed.stdout


def test_code_3_of_what_is_left(sandbox: Sandbox, home: Path) -> None:
    assert run("apply", "--yes", "--only", "entra", home=home).returncode == 3


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan",),
        ("nonsense",),
        ("plan", PLAYBOOK),
        ("plan", PLAYBOOK, "--tenant", "sandbox", "--nope"),
        ("apply", PLAYBOOK, "--tenant", "sandbox", *PARAMETERS, "--only", "half"),
        ("plan", PLAYBOOK, "--tenant", "sandbox"),
        ("plan", PLAYBOOK, "--tenant", "sandbox", "--set", "sender_mailbox"),
        ("plan", PLAYBOOK, "--tenant", "sandbox", *PARAMETERS, "--instance", "Not A Name"),
        ("verify", PLAYBOOK, "--tenant", "sandbox", *PARAMETERS, "--wait", "soon"),
        ("plan", "no/such", "--tenant", "sandbox"),
        ("plan", PLAYBOOK, "--tenant", "elsewhere"),
        ("plan", PLAYBOOK, "--tenant", "sandbox:nobody", *PARAMETERS),
        ("plan", PLAYBOOK, "--tenant", "sandbox", *PARAMETERS, "--variant", "none"),
        ("plan", PLAYBOOK, "--tenant", "sandbox", *PARAMETERS, "--sink", "cupboard"),
        ("apply", PLAYBOOK, "--tenant", "sandbox", *PARAMETERS, "--plan", "no-such-file.json"),
        ("handover", PLAYBOOK, "--tenant", "sandbox", *PARAMETERS, "--reveal"),
        ("onboard", PLAYBOOK, "--tenant", "sandbox", *PARAMETERS),
    ],
    ids=lambda arguments: " ".join(arguments)[:60],
)
def test_code_4_of_faulty_usage(arguments: tuple[str, ...], sandbox: Sandbox, home: Path) -> None:
    finished = forked(*arguments, home=home)
    assert finished.returncode == 4, finished.stdout + finished.stderr
    assert finished.stderr.strip() != ""
    assert "Traceback" not in finished.stderr
    assert sandbox.writes() == []


def test_code_5_of_a_sign_in_that_is_refused(sandbox: Sandbox, home: Path) -> None:
    sandbox.settings(conditionalAccessBlocks=True)
    refused = run("plan", home=home)
    assert refused.returncode == 5, refused.stderr
    assert "AADSTS53003" in refused.stderr


def test_code_6_of_what_is_not_yet(sandbox: Sandbox, home: Path) -> None:
    onboarded(home)
    sandbox.settings(conditionalAccessBlocks=[our_application(sandbox.state())["appId"]])
    late = run("verify", home=home)
    assert late.returncode == 6, late.stdout + late.stderr


# Gates


def test_the_twin_question_is_answered_by_its_own_flag_only(sandbox: Sandbox, home: Path) -> None:
    for thing in (each for each in FOREIGN["beforeOnboarding"] if each.get("asks") == "twin"):
        sandbox.reset()
        Planter(sandbox).plant([thing])
        before = sandbox.state()["applications"]
        held = result("apply", "--yes", home=home, code=3)
        (application,) = [each for each in held["changes"] if each["address"] == "application.main"]
        assert (application["gate"], application["flag"]) == ("twin", "--allow-twin"), thing["id"]
        assert any("twin" in each for each in application["notes"])
        assert sandbox.state()["applications"] == before
        result("apply", "--yes", "--allow-twin", home=home)
        assert our_application(sandbox.state())["displayName"] == "Cryptshare Server"
        result("remove", "--yes", "--purge", home=home)


def test_a_name_that_only_begins_alike_is_no_twin(sandbox: Sandbox, home: Path) -> None:
    Administrator(sandbox).graph("POST", "/applications", {"displayName": "Cryptshare Server Monitoring"})
    assert [each["gate"] for each in result("plan", home=home)["changes"] if each["gate"]] == []
