"""The day on which Microsoft ends EWS: what needs it is refused from then on, and every other product goes on.

The day is in the golden files of the products that use EWS (`endOfEws`). Time never goes back, so each tenant is
looked at on the last second before it first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.system.examined import CASES, FLAGS, Case
from tests.system.support import Sandbox, forked, fresh_home

DAY = "2027-04-01"
USES_EWS = [each for each in CASES if "endOfEws" in each.expected]
OTHERS = [each for each in CASES if "endOfEws" not in each.expected]


@dataclass(frozen=True)
class Plans:
    """The plan of each product, a second before the day and on it."""

    before: Mapping[str, dict[str, Any]]
    then: Mapping[str, dict[str, Any]]


@pytest.fixture(scope="module")
def plans(calm_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Plans:
    """Each in a fresh tenant, with what it is attached to set up beforehand."""
    homes = tmp_path_factory.mktemp("homes")

    def planned(cases: list[Case], when: str) -> dict[str, dict[str, Any]]:
        found = {}
        for case in cases:
            calm_sandbox.reset()
            home = fresh_home(homes / f"{case} {when}", calm_sandbox)
            case.make_ready(calm_sandbox, home)
            mark = calm_sandbox.mark()
            ended = forked("plan", *case.arguments(calm_sandbox), *FLAGS, "-o", "json", home=home)
            assert ended.stdout, ended.stderr
            found[str(case)] = json.loads(ended.stdout)
            assert calm_sandbox.writes(mark) == []
        return found

    ends = datetime.fromisoformat(f"{DAY}T00:00:00Z").timestamp()
    calm_sandbox.advance(ends - 60 - calm_sandbox.now())
    before = planned(USES_EWS, "before")
    assert calm_sandbox.now() < ends
    calm_sandbox.advance(ends - calm_sandbox.now())
    assert datetime.fromtimestamp(calm_sandbox.now(), UTC).date().isoformat() == DAY
    return Plans(before, planned(CASES, "then"))


def needing_ews(case: Case, plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The changes without which the product has no EWS; not what goes to Graph only."""
    kinds = case.expected["endOfEws"]["blocked"]
    found = [each for each in plan["changes"] if each["kind"] in kinds]
    return [each for each in found if "Calendars.ReadWrite" not in each["address"]]


@pytest.mark.parametrize("case", USES_EWS, ids=str)
def test_the_day_before_it_is_a_warning(case: Case, plans: Plans) -> None:
    plan = plans.before[str(case)]
    assert case.expected["endOfEws"]["date"] == DAY
    assert [each["retiresOn"] for each in plan["warnings"] if each["retiresOn"]] == [DAY], "said, and once"
    assert [each["address"] for each in plan["changes"] if each["standing"] == "blocked"] == []


@pytest.mark.parametrize("case", USES_EWS, ids=str)
def test_from_that_day_what_needs_ews_is_refused(case: Case, plans: Plans) -> None:
    needed = needing_ews(case, plans.then[str(case)])
    assert {each["kind"] for each in needed} == set(case.expected["endOfEws"]["blocked"])
    assert {each["standing"] for each in needed} == {"blocked"}
    for each in needed:
        assert re.search(r"\bEWS\b|Exchange Web Services|full_access_as_app", each["reason"]), each["reason"]
        assert DAY in each["reason"]
    assert all(each["flag"] is None for each in needed), "no flag brings it back"


@pytest.mark.parametrize("case", OTHERS, ids=str)
def test_from_that_day_the_other_products_go_on(case: Case, plans: Plans) -> None:
    plan = plans.then[str(case)]
    assert [each["address"] for each in plan["changes"] if each["standing"] == "blocked"] == []
    assert [each["address"] for each in plan["changes"] if each["action"] == "create"] != []


def test_apply_grants_nothing_of_ews_any_more(plans: Plans, calm_sandbox: Sandbox, tmp_path: Path) -> None:
    (case,) = [each for each in USES_EWS if str(each) == "monitor-erp.guide"]
    calm_sandbox.reset()
    before = calm_sandbox.state()
    ended = forked(
        "apply", *case.arguments(calm_sandbox), "--yes", *FLAGS, home=fresh_home(tmp_path / "home", calm_sandbox)
    )
    assert plans.then
    assert ended.returncode == 3, ended.stdout + ended.stderr
    after = calm_sandbox.state()
    for untouched in ("appRoleAssignments", "organizationConfig", "casMailboxes"):
        assert after[untouched] == before[untouched]
