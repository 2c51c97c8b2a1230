"""A secret is replaced before it ends, with an overlap, and exactly the replaced key goes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.system.support import PARAMETERS, PLAYBOOK, Sandbox, forked
from tests.system.tenant import our_application, stored_secrets

DAY = 86_400.0


def rotated(home: Path, *options: str) -> tuple[int, dict[str, Any]]:
    ended = forked("rotate", PLAYBOOK, "--tenant", "sandbox", "--yes", "-o", "json", *options, home=home)
    return ended.returncode, json.loads(ended.stdout)


def keys(sandbox: Sandbox) -> set[str]:
    return {each["keyId"] for each in our_application(sandbox.state())["passwordCredentials"]}


def test_from_due_to_retired(sandbox: Sandbox, home: Path) -> None:
    forked("onboard", PLAYBOOK, "--tenant", "sandbox", *PARAMETERS, "--yes", home=home)
    (first,) = keys(sandbox)

    mark = sandbox.mark()
    code, answer = rotated(home)
    assert (code, answer["changes"][0]["action"], keys(sandbox)) == (0, "keep", {first})
    assert sandbox.writes(mark) == []

    sandbox.advance(155 * DAY)
    code, answer = rotated(home)
    assert code == 0, answer
    (second,) = keys(sandbox) - {first}
    assert keys(sandbox) == {first, second}, "the old key must stay during the overlap"
    assert answer["secrets"][0]["keyId"] == second
    assert set(stored_secrets(home)) == {first, second}

    mark = sandbox.mark()
    code, answer = rotated(home)
    assert (code, answer["changes"][0]["action"], sandbox.writes(mark)) == (0, "keep", [])

    sandbox.advance(8 * DAY)
    code, _ = rotated(home)
    assert (code, keys(sandbox), set(stored_secrets(home))) == (0, {second}, {second})
    proven = forked("verify", PLAYBOOK, "--tenant", "sandbox", "-o", "json", home=home)
    assert json.loads(proven.stdout)["proofs"][0]["state"] == "passed"


def test_a_persons_word_ends_the_overlap(sandbox: Sandbox, home: Path) -> None:
    forked("onboard", PLAYBOOK, "--tenant", "sandbox", *PARAMETERS, "--yes", home=home)
    (first,) = keys(sandbox)
    sandbox.advance(155 * DAY)
    rotated(home)
    code, _ = rotated(home, "--in-use")
    assert code == 0
    assert first not in keys(sandbox)
    assert len(keys(sandbox)) == 1


def test_the_overlap_counts_from_when_the_new_secret_could_be_handed_over(sandbox: Sandbox, home: Path) -> None:
    """A policy keeps the new secret from being proven for eight days, in which nobody is shown it."""
    forked("onboard", PLAYBOOK, "--tenant", "sandbox", *PARAMETERS, "--yes", home=home)
    (first,) = keys(sandbox)
    sandbox.advance(155 * DAY)
    sandbox.settings(conditionalAccessBlocks=[our_application(sandbox.state())["appId"]])
    code, answer = rotated(home)
    assert (code, answer["secrets"][0]["keyId"]) == (6, first)

    sandbox.advance(8 * DAY)
    sandbox.settings(conditionalAccessBlocks=None)
    code, answer = rotated(home)
    (second,) = keys(sandbox) - {first}
    assert (code, answer["secrets"][0]["keyId"]) == (0, second)
    mark = sandbox.mark()
    for passed in (600.0, 6 * DAY):
        sandbox.advance(passed)
        code, answer = rotated(home)
        assert (code, answer["changes"][0]["action"], sandbox.writes(mark)) == (0, "keep", [])
    sandbox.advance(DAY)
    assert rotated(home)[0] == 0
    assert keys(sandbox) == {second}


def test_a_run_that_removes_the_replaced_key_mints_nothing(sandbox: Sandbox, home: Path) -> None:
    """Left alone for half a year after a rotation, both is due: one run does what its plan says, the next the rest."""
    forked("onboard", PLAYBOOK, "--tenant", "sandbox", *PARAMETERS, "--yes", home=home)
    (first,) = keys(sandbox)
    sandbox.advance(155 * DAY)
    rotated(home)
    (second,) = keys(sandbox) - {first}
    sandbox.advance(155 * DAY)
    code, answer = rotated(home)
    assert answer["changes"][0]["summary"].startswith("Remove the replaced key")
    assert (code, keys(sandbox)) == (0, {second})
    assert rotated(home)[0] == 0
    assert len(keys(sandbox)) == 2
    assert second in keys(sandbox)


def test_what_would_be_due_at_once_is_refused(sandbox: Sandbox, home: Path) -> None:
    forked("onboard", PLAYBOOK, "--tenant", "sandbox", *PARAMETERS, "--yes", home=home)
    before = keys(sandbox)
    code, answer = rotated(home, "--due", "180d")
    assert code == 4
    assert "due" in answer["error"]["message"]
    assert keys(sandbox) == before
