"""Whole commands as somebody types them: saved plans, exit codes, what a run ends with, a sandbox that cannot start."""

from __future__ import annotations

import itertools
import json
import shlex
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.system.support import (
    NEIGHBOUR,
    PARAMETERS,
    PLAYBOOK,
    SENDER,
    Sandbox,
    cli,
    forked,
    fresh_home,
    running_sandbox,
)
from tests.system.tenant import FOREIGN, SALES, Planter

HERE = ("--tenant", "sandbox:rest")
MAILBOX = ("--set", f"sender_mailbox={SENDER}")
ERP = ("--set", f"sender_mailbox={SENDER}", "--set", f"incoming_mailbox={SALES}", "--allow-tenant-wide")

Ended = subprocess.CompletedProcess[str]


def ran(home: Path, *arguments: str, code: int = 0) -> Ended:
    ended = forked(*arguments, home=home)
    assert ended.returncode == code, f"{ended.returncode}\n{ended.stdout}\n{ended.stderr}"
    return ended


def answer(ended: Ended) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def told(ended: Ended) -> list[list[str]]:
    """The commands that a screen ends with, split as a shell would."""
    pairs = itertools.pairwise(ended.stdout.splitlines())
    return [shlex.split(line)[1:] for before, line in pairs if before.startswith("Next, ")]


def instance_file(home: Path) -> str:
    (path,) = (home / "tenants").glob("*/cryptshare.server.*.yaml")
    return path.read_text()


# --- a saved plan


def test_a_saved_plan_is_carried_out_without_its_parameters(sandbox: Sandbox, home: Path, tmp_path: Path) -> None:
    file = str(tmp_path / "the plan.json")
    planned = ran(home, "plan", PLAYBOOK, *HERE, *MAILBOX, "--set", "secret_lifetime_days=90", "--out", file)
    (line,) = told(planned)
    assert (line[0], line[-2:]) == ("apply", ["--plan", file])
    assert f"wrote {file}" in planned.stderr
    ran(home, "apply", PLAYBOOK, *HERE, "--plan", file, "--yes")
    assert "90" in instance_file(home)
    ran(home, "plan", PLAYBOOK, *HERE, "--exit-code")


def test_the_lines_after_a_saved_plan_work_in_another_home(sandbox: Sandbox, home: Path, tmp_path: Path) -> None:
    file = str(tmp_path / "plan.json")
    caller = ("--tenant", "sandbox:cloud-application-administrator,rest")
    given = ("--set", f"default_sender={SENDER}", "--allow-tenant-wide")
    planned = ran(home, "plan", "centron/net", *caller, *given, "--out", file)
    consenting = next(line for line in told(planned) if "consent" in line)
    assert consenting[consenting.index("--plan") + 1] == file
    assert not any("FILE" in line for line in told(planned)), "it is saved already"
    ran(home, "apply", "centron/net", *caller, "--plan", file, "--only", "entra", "--yes", code=3)

    other = fresh_home(tmp_path / "other", sandbox)
    typed = ["sandbox:global-administrator,rest" if word == caller[1] else word for word in consenting]
    second = ran(other, *typed, "--yes", "-o", "json", code=3)
    done = {each["part"] for each in answer(second)["changes"] if each["outcome"]["state"] == "done"}
    assert done == {"consent"}, second.stdout


def test_a_plan_about_something_else_is_faulty_input_and_says_in_what(
    sandbox: Sandbox, home: Path, tmp_path: Path
) -> None:
    file = str(tmp_path / "plan.json")
    ran(home, "plan", PLAYBOOK, *HERE, *MAILBOX, "--out", file)
    given = ("--set", f"sender_mailbox={NEIGHBOUR}", "--variant", "scoped", "--instance", "two")
    refused = ran(home, "apply", PLAYBOOK, *HERE, *given, "--plan", file, "--yes", code=4)
    for words in ("variant guide, not scoped", "instance default, not two", f"sender_mailbox: '{SENDER}' in the plan"):
        assert words in refused.stderr
    assert "playbook" not in refused.stderr.split("advice")[0].replace("plan.json", "")
    other = ran(home, "apply", "cryptshare/owa", *HERE, "--plan", file, "--yes", "--set", "redirect_uri=https://x.y/",
                code=4)  # fmt: skip
    assert "playbook cryptshare/server, not cryptshare/owa" in other.stderr
    assert sandbox.writes() == []


# --- parameters that change nothing yet


def test_another_lifetime_is_noted_and_is_that_of_the_next_secret(sandbox: Sandbox, home: Path) -> None:
    ran(home, "apply", PLAYBOOK, *HERE, *MAILBOX, "--set", "secret_lifetime_days=40", "--yes")
    mark = sandbox.mark()
    ended = ran(home, "apply", PLAYBOOK, *HERE, "--set", "secret_lifetime_days=100")
    assert "secret_lifetime_days = 100" in ended.stdout.partition("Noticed")[2]
    assert sandbox.writes(mark) == []
    assert 'secret_lifetime_days: "100"' in instance_file(home)
    assert "earlier" not in instance_file(home)
    rotated = ran(home, "rotate", PLAYBOOK, *HERE, "--due", "60d", "--yes")
    assert "for 100 days" in rotated.stderr + rotated.stdout


def test_nothing_is_noted_while_something_is_held_back(sandbox: Sandbox, home: Path) -> None:
    ran(home, "apply", PLAYBOOK, *HERE, *MAILBOX, "--yes")
    before = instance_file(home)
    nobody = ("--tenant", "sandbox:plain-user,rest")
    ran(home, "apply", PLAYBOOK, *nobody, "--set", f"sender_mailbox={NEIGHBOUR}", "--yes", code=3)
    assert instance_file(home) == before


# --- taking away


def test_what_is_not_here_is_said_to_be_not_here(sandbox: Sandbox, home: Path) -> None:
    ran(home, "apply", PLAYBOOK, *HERE, *MAILBOX, "--instance", "two", "--yes")
    for command in ("verify", "rotate", "handover", "remove"):
        refused = ran(home, command, PLAYBOOK, *HERE, code=4)
        assert "there is no such onboarding here" in refused.stderr
        assert "cryptshare/server, instance two" in refused.stderr.partition("advice")[2], "what is here is named"


def test_the_second_removal_says_what_the_bin_holds_and_empties_it(sandbox: Sandbox, home: Path) -> None:
    ran(home, "apply", PLAYBOOK, *HERE, *MAILBOX, "--yes")
    removed = ran(home, "remove", PLAYBOOK, *HERE, "--yes")
    assert "1 by hand" in removed.stdout.splitlines()[-3], "what is left on purpose is the last thing said"
    (line,) = told(removed)
    assert line[0] == "remove"
    assert "--purge" in line
    assert "no such onboarding" in ran(home, "remove", PLAYBOOK, *HERE, code=4).stderr

    asked = ran(home, *line, code=4)
    assert 'Take "Cryptshare Server"' in asked.stderr
    assert "out of the recycle bin, for good" in asked.stderr
    assert len(sandbox.state().get("deletedItems", [])) > 0, "nobody has said yes"
    emptied = ran(home, *line, "--yes")
    assert "done  Take" in emptied.stdout
    assert emptied.stdout.startswith("Removed: ")
    assert told(emptied) == []
    assert sandbox.state().get("deletedItems", []) == []

    mark = sandbox.mark()
    third = ran(home, *line)
    assert third.stdout.startswith("Nothing to remove: ")
    assert told(third) == []
    assert "as wanted" not in third.stdout
    assert sandbox.writes(mark) == []


def test_a_purge_of_a_living_one_names_the_bin_before_and_after(sandbox: Sandbox, home: Path) -> None:
    ran(home, "apply", PLAYBOOK, *HERE, *MAILBOX, "--yes")
    purged = answer(ran(home, "remove", PLAYBOOK, *HERE, "--purge", "--yes", "-o", "json"))
    (bin_,) = [each for each in purged["changes"] if each["kind"] == "recycle_bin"]
    assert (bin_["outcome"]["state"], bin_["gate"]) == ("done", "purge")
    assert sandbox.state().get("deletedItems", []) == []
    assert not list((home / "tenants").glob("*/*.yaml"))


def test_the_bin_waits_for_the_rest(sandbox: Sandbox, home: Path) -> None:
    ran(home, "apply", PLAYBOOK, *HERE, *MAILBOX, "--yes")
    sandbox.fault({"status": 400}, match="^DELETE .*applications")
    ended = answer(ran(home, "remove", PLAYBOOK, *HERE, "--purge", "--yes", "-o", "json", code=1))
    (bin_,) = [each for each in ended["changes"] if each["kind"] == "recycle_bin"]
    assert bin_["outcome"]["state"] == "skipped"
    assert list((home / "tenants").glob("*/*.yaml")), "it is not forgotten before all of it is gone"
    sandbox.clear_faults()
    ran(home, "remove", PLAYBOOK, *HERE, "--purge", "--yes")
    assert sandbox.state().get("deletedItems", []) == []


def test_the_guest_of_another_application_has_nothing_in_the_bin(sandbox: Sandbox, home: Path) -> None:
    ran(
        home, "apply", "centron/net", *HERE, "--set", f"default_sender={SENDER}", "--allow-tenant-wide", "--yes", code=3
    )
    calendar = ("centron/calendar-sync", *HERE)
    ran(home, "apply", *calendar, "--set", f"calendar_mailbox={SALES}", "--allow-tenant-wide", "--yes", code=3)
    rotated = ran(home, "rotate", *calendar)
    assert told(rotated) == [["rotate", "centron/net", *HERE]]
    assert told(ran(home, "remove", *calendar, "--yes")) == []


def test_adopting_ends_each_time_with_the_line_that_goes_on(sandbox: Sandbox, home: Path) -> None:
    planter = Planter(sandbox)
    planter.plant([each for each in FOREIGN["beforeOnboarding"] if each["id"].startswith(("twin-", "delegated"))])
    app_id = planter.bindings["twin"]["appId"]
    adopt = ("adopt", PLAYBOOK, *HERE, *MAILBOX)
    (offered,) = told(ran(home, *adopt, code=3))
    assert (offered[0], offered[-2:]) == ("adopt", ["--app-id", "GUID"])
    reader = [word if word != HERE[1] else "sandbox:global-reader,rest" for word in adopt]
    (blocked,) = told(ran(home, *reader, "--app-id", app_id, "--yes", code=3))
    assert (blocked[0], blocked[-2:]) == ("adopt", ["--app-id", app_id])
    (missing,) = told(ran(home, *offered[:-1], app_id, "--yes"))
    assert missing[0] == "plan"
    ran(home, *missing)


# --- exit codes and what a run ends with


def test_where_only_a_persons_part_is_left_the_rest_is_proven_and_handed_over(sandbox: Sandbox, home: Path) -> None:
    ended = ran(home, "onboard", "monitor/erp", *HERE, *ERP, "--yes", code=3)
    assert [line[0] for line in told(ended)] == ["onboard", "handover"]
    left = next(line for line in ended.stdout.splitlines() if line.startswith("Left, "))
    assert "2 by hand" in left
    again = answer(ran(home, "onboard", "monitor/erp", *HERE, "-o", "json", code=3))
    states = {each["name"]: (each["state"], each["causes"]) for each in again["proofs"]}
    assert {state for state, _ in states.values()} == {"passed", "failed"}
    assert {tuple(causes) for state, causes in states.values() if state == "failed"} <= {
        ("ews_closed_organisation",),
        ("ews_closed_list",),
    }
    assert again["handover"]
    assert again["unsettled"] == [], "what nobody has done yet is not on its way"
    page = home / "page.html"
    handed = ran(home, "handover", "monitor/erp", *HERE, "-o", "html", "--out", str(page), code=3)
    assert "failed: Exchange Web Services open" in handed.stderr
    assert "left: Let the application through" in handed.stderr


def test_questions_to_the_vendor_alone_are_no_reason_to_end_with_3(sandbox: Sandbox, home: Path) -> None:
    password = f"mailbox_password=file:{sandbox.directory / 'cryptshare.password'}"
    given = ("--set", f"mailbox={SENDER}", "--set", password)
    ended = forked("onboard", "centron/vma", *HERE, *given, "--send", "--yes", "-o", "json", home=home)
    shown = answer(ended)
    assert shown["questions"], "they stay listed"
    left = bool(shown["manual"] or set(shown["incomplete"]) - set(shown["questions"]))
    assert ended.returncode == (3 if left else 0), ended.stdout


@pytest.mark.parametrize("reference", ["env:NOT_SET_ANYWHERE", "file:/nowhere/at/all", "prompt:"])
@pytest.mark.parametrize("command", ["verify", "onboard", "handover"])
def test_a_secret_that_was_given_and_cannot_be_read_is_faulty_input(
    command: str, reference: str, sandbox: Sandbox, home: Path
) -> None:
    given = ("--set", f"mailbox={SENDER}", "--set", f"mailbox_password={reference}")
    refused = ran(home, command, "centron/vma", *HERE, *given, code=4)
    assert "mailbox_password: " in refused.stderr
    assert "advice" in refused.stderr
    assert sandbox.history() == []


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (("rotate", PLAYBOOK), "--due"),
        (("rotate", PLAYBOOK), "--overlap"),
        (("verify", PLAYBOOK, *PARAMETERS), "--wait"),
    ],
)
def test_a_bare_number_is_no_length_of_time(
    command: tuple[str, ...], option: str, sandbox: Sandbox, home: Path
) -> None:
    refused = ran(home, *command, *HERE, option, "200", code=4)
    assert option in refused.stderr
    assert "30d" in refused.stderr
    assert sandbox.history() == []


# --- a sandbox that cannot start


@contextmanager
def taken_ports() -> Iterator[int]:
    """The first of six ports of which one is in use."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_port_in_use_is_one_line_with_advice(tmp_path: Path) -> None:
    with taken_ports() as port:
        ended = cli("sandbox", "serve", "--port", str(port), home=tmp_path / "home")
    assert ended.returncode == 4
    assert f"port {port}" in ended.stderr
    assert "--port" in ended.stderr.partition("advice")[2]
    assert "Traceback" not in ended.stderr


def test_an_impossible_port_is_wrong_usage(tmp_path: Path) -> None:
    ended = cli("sandbox", "serve", "--port", "65531", home=tmp_path / "home")
    assert ended.returncode == 4
    assert "65530" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("command", [("sandbox", "serve"), ("plan", PLAYBOOK, "--tenant", "sandbox", *MAILBOX)])
def test_a_home_that_cannot_be_used_is_named(command: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ended = cli(*command, home=tmp_path / "file")
    assert ended.returncode == 1
    assert str(tmp_path / "file") in ended.stderr
    assert "PROVISIONER_HOME" in ended.stderr.partition("advice")[2]
    assert "Traceback" not in ended.stderr


def test_a_second_sandbox_in_one_home_is_told_of_the_first(sandbox: Sandbox, home: Path) -> None:
    ended = cli("sandbox", "serve", home=home)
    assert ended.returncode == 4
    assert "already running" in ended.stderr
    assert "--tenant sandbox" in ended.stderr.partition("advice")[2]


def test_the_sandbox_keeps_its_ports_where_they_are_free(tmp_path: Path) -> None:
    def addresses() -> dict[str, Any]:
        with running_sandbox(tmp_path / "sandbox") as running:
            names = ("login", "wsman", "smtp", "imap", "pop", "management")
            return {name: running.endpoints[name] for name in names}

    first = addresses()
    # Another process may take a port that is free for a moment; not most of them.
    assert sum(now == first[name] for name, now in addresses().items()) >= 4
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", first["smtp"]["port"]))
        listener.listen()
        moved = addresses()
    assert moved["smtp"] != first["smtp"]
    assert sum(moved[name] == first[name] for name in first) >= 3
