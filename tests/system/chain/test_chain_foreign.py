"""What is not ours survives: twelve foreign things beside ours, eight on ours, and whatever `remove` must leave."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.golden.match import plan_faults, said_faults
from tests.system.chain.steps import against_golden, onboarded, result, run, texts
from tests.system.support import PLAYBOOK, Sandbox, forked
from tests.system.tenant import (
    EXCHANGE,
    FOREIGN,
    GOLDEN,
    Administrator,
    Answer,
    Planter,
    our_application,
    stored_secrets,
)

BESIDE, ON_OURS = FOREIGN["beforeOnboarding"], FOREIGN["onOurObjects"]


def test_foreign_things_survive_everything(sandbox: Sandbox, home: Path) -> None:
    assert len(BESIDE) == 12
    planter = Planter(sandbox)
    planter.plant(BESIDE)
    assert planter.faults(BESIDE) == []
    before = sandbox.state()

    onboarded(home, "--allow-twin")
    applied = against_golden("applied", before, sandbox.state(), sandbox)
    assert applied.faults == ()
    assert planter.faults(BESIDE) == []

    own = Planter(sandbox, {**planter.bindings, **applied.bindings})
    own.plant(ON_OURS)
    mark = sandbox.mark()
    again = onboarded(home)
    assert plan_faults(GOLDEN["secondPlan"], again["changes"]) == []
    assert [each for each in sandbox.writes(mark) if not each.startswith("smtp")] == []
    assert own.faults(ON_OURS) == []
    assert planter.faults(BESIDE) == []

    removed = result("remove", "--yes", "--purge", home=home)
    assert planter.faults(BESIDE) == []
    named = [each["id"] for each in ON_OURS if "names it first" in each["afterRemove"]]
    assert named == ["own-foreign-secret", "own-foreign-consent", "own-foreign-delegated-grant"]
    notes = "\n".join(removed["notes"])
    for word in ("added by hand for a test", "IMAP.AccessAsApp", "User.Read"):
        assert word in notes, f"{word} goes along and is not named:\n{notes}"


def test_the_removal_names_what_goes_along_before_anybody_agrees(sandbox: Sandbox, home: Path) -> None:
    before = sandbox.state()
    onboarded(home)
    applied = against_golden("applied", before, sandbox.state(), sandbox)
    own = Planter(sandbox, applied.bindings)
    own.plant(ON_OURS)
    mark = sandbox.mark()
    asked = forked("remove", PLAYBOOK, "--tenant", "sandbox", home=home)
    assert asked.returncode == 4
    shown = asked.stdout + asked.stderr
    assert "added by hand for a test" in shown
    assert "IMAP.AccessAsApp" in shown
    assert sandbox.writes(mark) == []


def test_remove_leaves_the_tenant_as_it_was(sandbox: Sandbox, home: Path) -> None:
    before = sandbox.state()
    onboarded(home)
    applied = against_golden("applied", before, sandbox.state(), sandbox)
    held = stored_secrets(home)

    removed = result("remove", "--yes", home=home)
    compared = against_golden("removed", before, sandbox.state(), sandbox, applied.bindings)
    assert compared.faults == ()
    assert said_faults(GOLDEN["removed"]["manual"], texts(removed["manual"])) == []
    assert stored_secrets(home) == {}
    ours = our_bin_entry(sandbox)
    for secret in held.values():
        try:
            Administrator(sandbox).token(ours["appId"], secret, EXCHANGE)
        except Answer as refused:
            assert "AADSTS" in str(refused)
        else:
            raise AssertionError("the removed secret still signs in")

    mark = sandbox.mark()
    again = result("remove", "--yes", home=home)
    assert sandbox.writes(mark) == []
    assert {each["action"] for each in again["changes"]} == {"keep"}


def our_bin_entry(sandbox: Sandbox) -> dict[str, Any]:
    """Our application in the recycle bin."""
    entries = [each["entity"] for each in _bin(sandbox) if each["kind"] == "application"]
    (ours,) = [each for each in entries if each["uniqueName"] == "provisioner-cryptshare-server-default-main"]
    return ours


def test_onboarding_after_a_removal_restores_only_when_told_to(sandbox: Sandbox, home: Path) -> None:
    before = sandbox.state()
    first = onboarded(home)
    result("remove", "--yes", home=home)

    gone = sandbox.state()
    held_back = result("onboard", "--yes", home=home, code=3)
    assert "application.main" in held_back["blocked"]
    assert "--allow-restore" in "".join(texts(held_back))
    assert [each for each in sandbox.state()["applications"] if each not in gone["applications"]] == []

    second = onboarded(home, "--allow-restore")
    assert second["applications"][0]["appId"] == first["applications"][0]["appId"]
    compared = against_golden("applied", before, _without_bin(sandbox.state()), sandbox)
    already_on = [each for each in compared.faults if not each.startswith("casMailboxes")]
    assert already_on == [], "the state after a restore differs"


def _without_bin(state: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    return {**state, "deletedItems": []}


def test_a_purge_frees_the_name_and_takes_only_ours(sandbox: Sandbox, home: Path) -> None:
    planter = Planter(sandbox)
    planter.plant([each for each in BESIDE if each["id"] == "deleted-application"])
    before = sandbox.state()
    first = onboarded(home)
    result("remove", "--yes", "--purge", home=home)
    assert _bin(sandbox) == before["deletedItems"], "the recycle bin holds something of ours"

    second = onboarded(home)
    assert second["applications"][0]["appId"] != first["applications"][0]["appId"]
    assert our_application(sandbox.state())["appId"] == second["applications"][0]["appId"]


def test_a_purge_of_what_was_removed_before(sandbox: Sandbox, home: Path) -> None:
    onboarded(home)
    result("remove", "--yes", home=home)
    assert run("remove", "--purge", home=home).returncode == 4, "a purge must be asked about"
    assert _bin(sandbox) != []
    result("remove", "--purge", "--yes", home=home)
    assert _bin(sandbox) == []


def _bin(sandbox: Sandbox) -> list[dict[str, Any]]:
    return sandbox.state().get("deletedItems", [])
