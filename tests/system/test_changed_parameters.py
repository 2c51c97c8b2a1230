"""A corrected parameter leaves nothing behind: what earlier runs gave is named, and goes on request, after the new."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.system.kill.killing import at_request
from tests.system.support import NEIGHBOUR, SENDER, Sandbox, forked, fresh_home
from tests.system.tenant import SALES, only

LEFT = 3
GATE = "--allow-remove-grants"
WRITES = r"^(Add|Remove)-MailboxPermission"


def ran(home: Path, command: str, playbook: str, *arguments: str, code: int | None = 0) -> dict[str, Any]:
    yes = () if command == "plan" else ("--yes",)
    ended = forked(command, playbook, "--tenant", "sandbox:rest", *arguments, *yes, "-o", "json", home=home)
    assert code is None or ended.returncode == code, f"{ended.returncode}\n{ended.stdout}\n{ended.stderr}"
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer


def sender(mailbox: str) -> tuple[str, str]:
    return ("--set", f"sender_mailbox={mailbox}")


def removals(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["address"]: each for each in answer["changes"] if each["action"] == "remove"}


def holders(sandbox: Sandbox, answer: dict[str, Any]) -> set[str]:
    """The mailboxes that the application has a right on."""
    state, app_id = sandbox.state(), answer["applications"][0]["appId"]
    ours = {each["sid"] for each in state["exchangeServicePrincipals"] if each["appId"] == app_id}
    names = {each["id"]: each["primarySmtpAddress"] for each in state["mailboxes"]}
    return {names[each["mailbox"]] for each in state["mailboxPermissions"] if each["sid"] in ours}


def test_the_right_on_the_mailbox_named_first(sandbox: Sandbox, home: Path) -> None:
    product = "cryptshare/server"
    ran(home, "apply", product, *sender(NEIGHBOUR))
    corrected = ran(home, "apply", product, *sender(SENDER), code=LEFT)
    (left,) = removals(corrected).values()
    assert (left["standing"], left["flag"]) == ("blocked", GATE)
    assert NEIGHBOUR in left["summary"]
    assert holders(sandbox, corrected) == {SENDER, NEIGHBOUR}, "nothing is taken away unasked"

    assert set(removals(ran(home, "plan", product))) == {left["address"]}, "nor forgotten"
    taken = ran(home, "apply", product, GATE)
    assert holders(sandbox, taken) == {SENDER}
    before, mark = sandbox.state_hash("messages"), sandbox.mark()
    again = ran(home, "onboard", product)
    assert (removals(again), sandbox.writes(mark), sandbox.state_hash("messages")) == ({}, [], before)
    assert "earlier" not in only([*(home / "tenants").glob("*/*.yaml")]).read_text()  # type: ignore[list-item]


@pytest.mark.parametrize("corrected", [False, True])
def test_removal_takes_both(sandbox: Sandbox, home: Path, corrected: bool) -> None:
    before = sandbox.state()
    ran(home, "apply", "cryptshare/server", *sender(SENDER))
    if corrected:
        ran(home, "apply", "cryptshare/server", *sender(NEIGHBOUR), code=LEFT)
    removed = ran(home, "remove", "cryptshare/server", *(() if corrected else sender(NEIGHBOUR)))
    assert sandbox.state()["mailboxPermissions"] == before["mailboxPermissions"]
    assert [each["title"] for each in removed["manual"]] == [f"Decide about SMTP AUTH of {SENDER}"], "its switch stays"


def test_another_address_of_the_same_mailbox_is_no_other_mailbox(sandbox: Sandbox, home: Path) -> None:
    mailbox = only([each for each in sandbox.state()["mailboxes"] if each["primarySmtpAddress"] == SENDER])
    alias = only([each for each in mailbox["emailAddresses"] if each.startswith("smtp:")]).partition(":")[2]  # type: ignore[attr-defined]
    ran(home, "apply", "cryptshare/server", *sender(alias))
    corrected = ran(home, "apply", "cryptshare/server", *sender(SENDER), GATE, code=None)
    assert removals(corrected) == {}
    assert holders(sandbox, corrected) == {SENDER}
    ran(home, "plan", "cryptshare/server", "--exit-code")


def test_who_left_is_taken_out_of_the_scope(sandbox: Sandbox, home: Path) -> None:
    given = ("--variant", "scoped", "--set", f"default_sender={SENDER}", "--allow-organisation-wide")
    ran(home, "apply", "centron/net", *given, "--set", f"employees={NEIGHBOUR},{SALES}", code=None)
    fewer = ran(home, "apply", "centron/net", *given, "--set", f"employees={SALES}", GATE, code=None)
    (left,) = removals(fewer).values()
    assert left["kind"] == "scope_group"
    assert left["outcome"]["state"] == "done", left
    group = only([each for each in sandbox.state()["distributionGroups"] if "c-entron" in each["displayName"]])
    names = {each["id"]: each["primarySmtpAddress"] for each in sandbox.state()["mailboxes"]}
    assert {names[each] for each in group["members"]} == {SENDER, SALES}


def test_a_redirect_and_an_account_named_first(sandbox: Sandbox, home: Path) -> None:
    old = ("--set", "redirect_uri=https://old.example/callback", "--set", f"mailbox={NEIGHBOUR}")
    new = ("--set", "redirect_uri=https://new.example/callback", "--set", f"mailbox={SENDER}")
    ran(home, "apply", "xcally/motion", "--variant", "scoped", *old, code=None)
    changed = ran(home, "apply", "xcally/motion", "--variant", "scoped", *new, GATE, code=None)
    assert {each["outcome"]["state"] for each in removals(changed).values()} == {"done"}
    fresh = ran(
        home, "apply", "xcally/motion", "--variant", "scoped", "--instance", "new", "--allow-twin", *new, code=None
    )
    state = sandbox.state()
    one, other = ({**in_entra(state, each["applications"][0]["appId"])} for each in (changed, fresh))
    assert one == other


def in_entra(state: dict[str, Any], app_id: str) -> dict[str, Any]:
    application = only([each for each in state["applications"] if each["appId"] == app_id])
    principal = only([each for each in state["servicePrincipals"] if each["appId"] == app_id])["id"]
    return {
        "redirects": application["web"]["redirectUris"],
        "assigned": [each["principalId"] for each in state["appRoleAssignments"] if each["resourceId"] == principal],
        "scopes": [
            (each["principalId"], each["scope"])
            for each in state["oauth2PermissionGrants"]
            if each["clientId"] == principal
        ],
    }


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_each_write_and_run_again(sandbox: Sandbox, home: Path, tmp_path: Path, after: bool) -> None:
    ran(home, "apply", "cryptshare/server", *sender(NEIGHBOUR))
    start = sandbox.snapshot()
    command = ("apply", "cryptshare/server", "--tenant", "sandbox:rest", *sender(SENDER), GATE, "--yes")
    for number in itertools.count(1):
        sandbox.restore(start)
        other = Path(shutil.copytree(home, tmp_path / str(number), symlinks=True))
        if at_request(sandbox, command, other, number, after=after, match=WRITES) is None:
            break
        ended = ran(other, "apply", "cryptshare/server", GATE, *sender(SENDER))
        assert holders(sandbox, ended) == {SENDER}, number
    assert number > 2, "the right is given, and the other one taken away"


def test_another_home_is_not_asked_to_know(sandbox: Sandbox, home: Path, tmp_path: Path) -> None:
    """What only the first home noted cannot be told by another; it says nothing false."""
    ran(home, "apply", "cryptshare/server", *sender(NEIGHBOUR))
    elsewhere = fresh_home(tmp_path / "elsewhere", sandbox)
    assert removals(ran(elsewhere, "plan", "cryptshare/server", *sender(SENDER))) == {}
