"""Every product and variant, led through its life and held against what its examiner wrote from the vendor's guide.

Each life is lived once (`examine`), and what was seen is looked at from several sides. `cryptshare/server` in its
variant `guide` has tests of its own: test_chain_golden.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.golden.match import compare, handover_faults, plan_faults, said_faults
from tests.golden.patterns import faults, row_faults
from tests.system.chain.steps import texts
from tests.system.examined import CASES, ELSEWHERE, FLAGS, Case, Seen, Told, examine, in_words
from tests.system.support import Sandbox, Snapshot, fresh_home, running_sandbox
from tests.system.tenant import FOREIGN, Planter

EXAMINED = [each for each in CASES if str(each) != "cryptshare-server.guide"]
OTHERS = [each for each in ELSEWHERE if (each.tenant == "ews-switched-off") is (each.variant == "guide")]
"""Each kind of other tenant once a product; with a filled list all are set up in tenants that lag, see below."""

REALISTIC = [
    Case(each.product, each.variant, "ews-list-filled" if "otherTenants" in each.expected else "fresh")
    for each in CASES
]
"""In tenants where nothing is left to a person that the golden file expects of us."""
SEEDS = {"guide": 5, "scoped": 6}
SETTLED_SECONDS = 3600.0


@pytest.fixture(scope="module")
def among_others(calm_sandbox: Sandbox) -> Snapshot:
    """A fresh tenant with everything in it that is not ours and must stay; each comparison of states sees it."""
    calm_sandbox.reset()
    Planter(calm_sandbox).plant(FOREIGN["beforeOnboarding"])
    return calm_sandbox.snapshot()


@pytest.fixture(scope="module", params=EXAMINED + OTHERS, ids=str)
def seen(
    request: pytest.FixtureRequest,
    calm_sandbox: Sandbox,
    among_others: Snapshot,
    tmp_path_factory: pytest.TempPathFactory,
) -> Seen:
    """One life, lived once for all tests here."""
    case: Case = request.param
    if case.product.golden == "cryptshare-server":  # a namesake is among the others, and asks for a flag of its own
        calm_sandbox.reset()
    else:
        calm_sandbox.restore(among_others)
    calm_sandbox.advance(61)
    return examine(case, calm_sandbox, fresh_home(tmp_path_factory.mktemp("life") / "home", calm_sandbox))


def kind_of(row: dict[str, Any]) -> str:
    """A kind, as changes and rows of golden files spell it."""
    return str(row["kind"]).replace(" ", "_")


def counted(told: Told, expected: dict[str, Any]) -> Counter[str]:
    """Ready, Manual, Blocked and kept changes, without those that golden files leave open."""
    optional = {kind_of(each) for each in expected["changes"] if each.get("optional")}
    changes = [each for each in told.answer["changes"] if each["kind"] not in optional]
    return Counter("keep" if each["action"] == "keep" else str(each["standing"]) for each in changes)


def test_the_plan_with_open_gates(seen: Seen) -> None:
    expected = seen.case.expected["firstPlan"]
    for told in [seen.onboarded] if seen.opened is None else [seen.opened, seen.onboarded]:
        assert plan_faults(expected, told.answer["changes"]) == []
        for change in told.answer["changes"]:
            parts = [each["part"] for each in expected["changes"] if kind_of(each) == change["kind"]]
            assert any(not faults(each, change["part"], {}) for each in parts), change["address"]
    if seen.opened is not None:
        assert counted(seen.opened, expected) == Counter(expected["counts"]["gatesOpen"]) + Counter()
        assert seen.opened.code == 0
    assert seen.written_by_plans == []


def test_the_plan_with_closed_gates(seen: Seen) -> None:
    expected = seen.case.expected["firstPlan"]
    assert plan_faults(expected, seen.closed.answer["changes"], gates_open=False) == []
    blocked = [each for each in seen.closed.answer["changes"] if each["standing"] == "blocked"]
    if seen.case.tenant == "fresh":
        bounds = expected["counts"]["gatesClosed"]
        assert bounds["blockedAtLeast"] <= len(blocked) <= bounds["blockedAtMost"]
    for each in blocked:
        assert each["flag"] in FLAGS or each["gate"] is None, each
        assert each["reason"], each


def test_the_end_state(seen: Seen) -> None:
    assert seen.compared.faults == ()
    states = {each["outcome"]["state"] for each in seen.onboarded.answer["changes"] if each["outcome"]}
    assert states <= {"done", "kept", "manual"}
    assert seen.onboarded.answer["blocked"] == seen.onboarded.answer["unsettled"] == []
    assert seen.onboarded.code == (3 if left_to_people(seen.onboarded.answer) else 0)


def left_to_people(answer: dict[str, Any]) -> bool:
    """Whether anything is left that a person has to do, to find out, or to prove."""
    unproven = {each["state"] for each in answer["proofs"]} == {"not-proven"}
    manual = [each for each in answer["changes"] if each["standing"] == "manual"]
    return bool(answer["manual"] or answer["incomplete"] or manual or unproven)


def test_nothing_failed_that_could_be_proven(seen: Seen) -> None:
    states = {each["name"]: each["state"] for each in seen.onboarded.answer["proofs"]}
    assert set(states.values()) <= {"passed", "not-proven"}, states
    waiting = [each["address"] for each in seen.onboarded.answer["changes"] if each["standing"] == "manual"]
    if not waiting and seen.case.product.golden != "cryptshare-owa":
        assert "passed" in states.values()


def test_what_must_be_said(seen: Seen) -> None:
    expected = seen.case.expected
    assert said_faults(expected["said"], texts([seen.onboarded.answer, seen.handover])) == []
    answer = seen.onboarded.answer
    waiting = [each for each in answer["changes"] if each["standing"] == "manual"]
    steps = [" ".join(texts(each)) for each in (*answer["manual"], *waiting, *seen.handover)]
    assert said_faults(expected["firstPlan"].get("manualSteps", ()), steps) == []


def test_the_handover_sheet_and_the_ids_of_the_result(seen: Seen) -> None:
    bindings = seen.compared.bindings
    assert handover_faults(seen.case.sheet, seen.handover, bindings) == []
    rows = seen.case.expected["output"]
    for part in ("applications", "secrets"):
        for each in seen.onboarded.answer[part]:
            assert row_faults(rows[part], each, bindings) == []
    assert len(seen.onboarded.answer["applications"]) == 1
    keys = {each["keyId"] for each in bindings["application"].get("passwordCredentials", [])}
    assert {each["keyId"] for each in seen.onboarded.answer["secrets"]} == set(seen.held) == keys
    shown = str([seen.closed, seen.opened, seen.onboarded, seen.again, seen.removed])
    assert not any(value in shown for value in seen.held.values())


def test_a_second_run_writes_nothing(seen: Seen) -> None:
    assert plan_faults(seen.case.expected["secondPlan"], seen.again.answer["changes"]) == []
    assert seen.written_again == []
    assert seen.same_state
    assert seen.again.answer["receipt"] is None


def test_remove_leaves_what_it_must(seen: Seen) -> None:
    removed = seen.case.expected["removed"]
    compared = compare(removed, in_words(seen.before), in_words(seen.left), seen.compared.bindings)
    assert compared.faults == ()
    assert said_faults(removed["manual"], texts(seen.removed.answer["manual"])) == []
    assert seen.held_then == (seen.held if seen.case.host else {})


def test_what_something_is_attached_to_stays(seen: Seen) -> None:
    assert (seen.host_held is None) is ("blocked" not in seen.case.expected["removed"])
    if seen.host_held is not None:
        assert seen.host_held.code == 3
        assert seen.host_held.answer["blocked"]
        assert said_faults(seen.case.expected["removed"]["blocked"], texts(seen.host_held.answer["changes"])) == []


@pytest.fixture(scope="module")
def late_sandboxes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Sandbox]]:
    """Tenants that lag as real ones do, one for each variant."""
    place = tmp_path_factory.mktemp("late")
    with ExitStack() as stack:
        yield {
            each: stack.enter_context(running_sandbox(place / each, profile="realistic", seed=seed))
            for each, seed in SEEDS.items()
        }


@pytest.mark.parametrize("case", REALISTIC, ids=str)
def test_patience_ends_in_the_same_state(case: Case, late_sandboxes: dict[str, Sandbox], tmp_path: Path) -> None:
    sandbox = late_sandboxes[case.variant]
    sandbox.reset()
    home = fresh_home(tmp_path / "home", sandbox)
    case.make_ready(sandbox, home)
    sandbox.advance(SETTLED_SECONDS)
    before = sandbox.state()
    case.apply(sandbox, home)
    sandbox.advance(SETTLED_SECONDS)
    assert case.compared("applied", before, sandbox.state(), sandbox).faults == (), f"seed {SEEDS[case.variant]}"
