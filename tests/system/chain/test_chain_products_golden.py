"""Every product and variant, led through its life and held against what its examiner wrote from the vendor's guide.

Each life is lived once (`examine`), and what was seen is looked at from several sides. `cryptshare/server` in its
variant `guide` has more tests of its own, on every driver: test_chain_golden.py.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.golden.match import compare, handover_faults, plan_faults, said_faults
from tests.golden.patterns import faults, row_faults
from tests.system.chain.steps import texts
from tests.system.examined import BESIDE, CASES, ELSEWHERE, FLAGS, Case, Seen, Told, examine, in_words
from tests.system.support import Sandbox, Snapshot, forked, fresh_home, running_sandbox
from tests.system.tenant import Planter, State, stored_secrets

OTHERS = [each for each in ELSEWHERE if (each.tenant == "ews-switched-off") is (each.variant == "guide")]
"""Each kind of other tenant once a product; with a filled list all are set up in tenants that lag, see below."""

REALISTIC = [
    Case(each.product, each.variant, "ews-list-filled" if "otherTenants" in each.expected else "fresh")
    for each in CASES
]
"""In tenants where nothing is left to a person that the golden file expects of us."""
SEEDS = {"guide": 5, "scoped": 6}
SETTLED_SECONDS = 3600.0
PLAYBOOKS = Path(__file__).parents[3] / "playbooks"

LESSER = {"Privileged Role Administrator": ("Cloud Application Administrator", "Application Administrator")}
"""Roles that are not enough where one of these is the least (graph.md 5.1)."""

DELETION = r"^DELETE .*/(applications|servicePrincipals)/[^/]+$"


@dataclass(frozen=True)
class Others:
    """A tenant full of other people's things."""

    snapshot: Snapshot
    planter: Planter


@pytest.fixture(scope="module")
def among_others(calm_sandbox: Sandbox) -> Others:
    """A fresh tenant with everything in it that is not ours and must stay; each comparison of states sees it."""
    calm_sandbox.reset()
    (organization,) = calm_sandbox.state()["organizationConfig"]
    planter = Planter(calm_sandbox)
    planter.plant(BESIDE)
    # Others' scopes needed it, and ours must need it too: no tenant is like this, but nothing is left untested.
    calm_sandbox.plant("organizationConfig", organization)
    return Others(calm_sandbox.snapshot(), planter)


@pytest.fixture(scope="module", params=CASES + OTHERS, ids=str)
def seen(
    request: pytest.FixtureRequest,
    calm_sandbox: Sandbox,
    among_others: Others,
    tmp_path_factory: pytest.TempPathFactory,
) -> Seen:
    """One life, lived once for all tests here."""
    case: Case = request.param
    calm_sandbox.restore(among_others.snapshot)
    calm_sandbox.advance(61)
    home = fresh_home(tmp_path_factory.mktemp("life") / "home", calm_sandbox)
    return examine(case, calm_sandbox, home, among_others.planter)


def kind_of(row: dict[str, Any]) -> str:
    """A kind, as changes and rows of golden files spell it."""
    return str(row["kind"]).replace(" ", "_")


def counted(told: Told, expected: dict[str, Any]) -> Counter[str]:
    """Ready, Manual, Blocked and kept changes, without those that golden files leave open."""
    optional = {kind_of(each) for each in expected["changes"] if each.get("optional")}
    changes = [each for each in told.answer["changes"] if each["kind"] not in optional]
    return Counter("keep" if each["action"] == "keep" else str(each["standing"]) for each in changes)


def answered(case: Case, told: Told) -> list[dict[str, Any]]:
    """The changes of a plan, without the gate that a namesake of somebody else makes: its flag answered that."""
    changes: list[dict[str, Any]] = told.answer["changes"]
    creates = [each for each in changes if each["kind"] == "application" and each["action"] == "create"]
    assert [each["gate"] for each in creates if each["gate"]] == ["twin" for _ in creates if case.product.flags]
    return [{**each, "gate": None} if each["gate"] == "twin" else each for each in changes]


def test_the_plan_with_open_gates(seen: Seen) -> None:
    expected = seen.case.expected["firstPlan"]
    for told in [seen.onboarded] if seen.opened is None else [seen.opened, seen.onboarded]:
        assert plan_faults(expected, answered(seen.case, told)) == []
        for change in told.answer["changes"]:
            parts = [each["part"] for each in expected["changes"] if kind_of(each) == change["kind"]]
            assert any(not faults(each, change["part"], {}) for each in parts), change["address"]
    if seen.opened is not None:
        assert counted(seen.opened, expected) == Counter(expected["counts"]["gatesOpen"]) + Counter()
        assert seen.opened.code == 0
    assert seen.written_by_plans == []


def test_the_plan_with_closed_gates(seen: Seen) -> None:
    expected = seen.case.expected["firstPlan"]
    assert plan_faults(expected, answered(seen.case, seen.closed), gates_open=False) == []
    blocked = [each for each in seen.closed.answer["changes"] if each["standing"] == "blocked"]
    if seen.case.tenant == "fresh":
        bounds = expected["counts"]["gatesClosed"]
        assert bounds["blockedAtLeast"] <= len(blocked) <= bounds["blockedAtMost"]
    for each in blocked:
        assert each["flag"] in FLAGS or each["gate"] is None, each
        assert each["reason"], each


def test_who_can_do_which_part(seen: Seen) -> None:
    """Somebody without any role is told the least role for each part, and no lesser one."""
    if seen.powerless is None:
        return
    rows = seen.case.expected["firstPlan"]["whoCan"]
    pending = [each for each in seen.powerless.answer["changes"] if each["action"] != "keep"]
    assert {each["part"] for each in pending} == {each["part"] for each in rows}
    assert all(each["whoCan"] or str(each["reason"]).startswith("waits for") for each in pending)
    for row in rows:
        told = [set(each["whoCan"]) for each in pending if each["part"] == row["part"] and each["whoCan"]]
        if "of" in row:
            told = [set(each["whoCan"]) for each in pending if each["address"].endswith(row["of"])]
        assert told, row
        assert all(row["least"] in each for each in told), (row, told)
        assert not any(set(LESSER.get(row["least"], ())) & each for each in told), (row, told)


def test_the_example_of_the_golden_file_is_what_is_given(seen: Seen) -> None:
    for name, value in seen.case.expected["example"].items():
        assert seen.case.product.given[name] == value


def test_the_end_state(seen: Seen) -> None:
    assert seen.compared.faults == ()
    states = {each["outcome"]["state"] for each in seen.onboarded.answer["changes"] if each["outcome"]}
    assert states <= {"done", "kept", "manual"}
    assert seen.onboarded.answer["blocked"] == []
    assert set(seen.onboarded.answer["unsettled"]) <= {each["address"] for each in waiting(seen.onboarded.answer)}
    assert seen.onboarded.code == (3 if left_to_people(seen.onboarded.answer) else 0)


def left_to_people(answer: dict[str, Any]) -> bool:
    """Whether anything is left that a person has to do, to find out, or to prove."""
    unproven = {each["state"] for each in answer["proofs"]} == {"not-proven"}
    cut_off = set(answer["incomplete"]) - set(answer["questions"])
    return bool(answer["manual"] or cut_off or waiting(answer) or unproven)


def waiting(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Changes that a person carries out."""
    return [each for each in answer["changes"] if each["standing"] == "manual"]


def test_everything_is_proven_that_can_be(seen: Seen) -> None:
    proofs = seen.onboarded.answer["proofs"]
    if waiting(seen.onboarded.answer):
        for each in [each for each in proofs if each["state"] != "passed"]:
            assert each["causes"], each
            assert all(cause.startswith("ews_closed") for cause in each["causes"]), "it waits for a person, and says so"
        return
    rows = seen.case.expected["proven"]
    for state in ("passed", "not-proven"):
        told = [" ".join(texts(each)) for each in proofs if each["state"] == state]
        assert said_faults([each for each in rows if each["state"] == state], told) == [], state
    for each in proofs:
        open_ones = [
            row for row in rows if row["state"] == "not-proven" and said_faults([row], [" ".join(texts(each))]) == []
        ]
        not_asked = "--set" in each["advice"] if each["advice"] else False
        assert each["state"] == "passed" or (each["state"] == "not-proven" and (open_ones or not_asked)), each


def test_what_must_be_said(seen: Seen) -> None:
    expected = seen.case.expected
    assert said_faults(expected["said"], texts([seen.onboarded.answer, seen.handover])) == []


def test_the_manual_steps_are_those_of_the_golden_file_and_no_more(seen: Seen) -> None:
    wanted = seen.case.expected["firstPlan"]["manualSteps"]
    answer = seen.onboarded.answer
    steps = [" ".join(texts(each)) for each in (*answer["manual"], *waiting(answer))]
    assert said_faults(wanted, steps) == []
    assert len(steps) == len(wanted), steps
    assert all(each["role"] and each["proof"] for each in answer["manual"]), "who does it, and how it shows"


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
    assert seen.again.code == (3 if left_to_people(seen.again.answer) else 0)


def test_what_is_not_ours_is_still_there(seen: Seen) -> None:
    assert seen.lost == []
    if seen.met is None:
        return
    assert {each["action"] for each in seen.met.answer["changes"] if each["standing"] != "manual"} == {"keep"}
    assert seen.met.code == seen.again.code
    going = "\n".join(texts([seen.removed.answer["notes"], seen.removed.answer["changes"]]))
    assert [each for each in seen.planted if each not in going] == [], "it goes along and is not named"
    if "group" in seen.compared.bindings:
        assert "unlicensed@contoso.example" in "\n".join(texts(seen.met.answer["changes"])), "who may be reached too"


def test_remove_takes_away_in_order(seen: Seen) -> None:
    """Rights, grants and keys first: what is restored from the recycle bin must come back with nothing."""
    deletion = [place for place, each in enumerate(seen.taken_away) if re.search(DELETION, each)]
    for row in seen.case.expected["removed"]["nothingLeftOf"]:
        if "held" in row:
            assert len(seen.held_then) == row["held"], row["what"]
            continue
        places = [place for place, each in enumerate(seen.taken_away) if re.search(row["writes"], each)]
        assert len(places) >= row.get("times", 1), row["what"]
        if seen.case.host is None:
            assert max(places) < min(deletion), f"{row['what']}: {seen.taken_away}"
        if before := row.get("before"):
            later = [place for place, each in enumerate(seen.taken_away) if re.search(before, each)]
            assert max(places) < min(later), f"{row['what']}: {seen.taken_away}"


def test_remove_leaves_what_it_must(seen: Seen) -> None:
    removed = seen.case.expected["removed"]
    left = without(seen.planted, seen.left, seen.compared.bindings["application"]["id"])
    compared = compare(removed, in_words(seen.before), in_words(left), seen.compared.bindings)
    assert compared.faults == ()
    assert said_faults(removed["manual"], texts(seen.removed.answer["manual"])) == []
    assert len(seen.removed.answer["manual"]) == len(removed["manual"])
    assert seen.held_then == (seen.held if seen.case.host else {})
    assert seen.removed.code == 0


def without(planted: Mapping[str, str], state: State, ours: str) -> State:
    """A state without what others had put on our application and what went to the recycle bin with it."""
    if not planted:
        return state
    bin_, owners = [], [each for each in state.get("owners", []) if ours not in str(each)]
    assert len(owners) == len(state["owners"]) - 1
    for each in state["deletedItems"]:
        keys = [key for key in each["entity"].get("passwordCredentials", []) if key["keyId"] not in planted.values()]
        entity = each["entity"] | ({"passwordCredentials": keys} if "passwordCredentials" in each["entity"] else {})
        bin_.append({**each, "entity": entity})
    return {**state, "deletedItems": bin_, "owners": owners}


def test_what_something_is_attached_to_stays(seen: Seen) -> None:
    assert (seen.host_held is None) is ("blocked" not in seen.case.expected["removed"])
    if seen.host_held is not None:
        assert seen.host_held.code == 3
        assert seen.host_held.answer["blocked"]
        assert said_faults(seen.case.expected["removed"]["blocked"], texts(seen.host_held.answer["changes"])) == []


@pytest.fixture(scope="module")
def spoken(calm_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """All that each product says: its plan, and every word of its playbook for the variant."""
    homes, found = tmp_path_factory.mktemp("speaking"), {}
    for case in CASES:
        calm_sandbox.reset()
        home = fresh_home(homes / str(case), calm_sandbox)
        case.make_ready(calm_sandbox, home)
        ended = forked("plan", *case.arguments(calm_sandbox), *FLAGS, "-o", "json", home=home)
        assert ended.stdout, ended.stderr
        playbook = YAML(typ="safe").load(PLAYBOOKS / f"{case.product.playbook}.yaml")
        of_the_variant = {**playbook, "variants": playbook["variants"][case.variant]}
        plan = json.loads(ended.stdout)
        steps = [" ".join(texts(each)) for each in (*plan["manual"], *waiting(plan))]
        found[str(case)] = [*texts(plan), *texts(of_the_variant), *steps]
    return found


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_must_be_said_is_said_by_no_other_vendors_product_by_chance(
    case: Case, spoken: dict[str, list[str]]
) -> None:
    """A row that another vendor's product meets, whose guide nobody asks it of, would be met by anything."""
    met = []
    for other in [each for each in CASES if vendor(each) != vendor(case)]:
        asked = [row["mentions"] for each in CASES if vendor(each) == vendor(other) for row in rows_of(each)]
        rows = [each for each in rows_of(case) if each["mentions"] not in asked]
        met += [f"{other}: {each['what']}" for each in rows if said_faults([each], spoken[str(other)]) == []]
    assert met == []
    assert said_faults(case.expected["said"], spoken[str(case)]) == []


def vendor(case: Case) -> str:
    """Whose product it is."""
    return case.product.playbook.partition("/")[0]


def rows_of(case: Case) -> list[dict[str, Any]]:
    """What a product must say in words."""
    return [*case.expected["said"], *case.expected["firstPlan"]["manualSteps"]]


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
def test_patience_ends_in_the_same_states(case: Case, late_sandboxes: dict[str, Sandbox], tmp_path: Path) -> None:
    """Set up, looked at again, taken away: where the tenant lags, and every run may meet what it does not know yet."""
    sandbox, seed = late_sandboxes[case.variant], f"seed {SEEDS[case.variant]}"
    sandbox.reset()
    home = fresh_home(tmp_path / "home", sandbox)
    case.make_ready(sandbox, home)
    sandbox.advance(SETTLED_SECONDS)
    before = sandbox.state()
    case.apply(sandbox, home)
    sandbox.advance(SETTLED_SECONDS)
    compared = case.compared("applied", before, sandbox.state(), sandbox)
    assert compared.faults == (), seed

    mark, whole = sandbox.mark(), sandbox.state_hash()
    case.apply(sandbox, home)
    assert sandbox.writes(mark) == [], seed
    assert sandbox.state_hash() == whole, seed

    case.remove(sandbox, home)
    left = case.compared("removed", before, sandbox.state(), sandbox, compared.bindings)
    assert left.faults == (), seed
    assert bool(list((home / "secrets").glob("*/*.json")) and stored_secrets(home)) is (case.host is not None), seed
