"""The other products killed and resumed, at each request of the kinds that Cryptshare Server's guide does not need.

Every product and variant is killed somewhere. What one of them was killed at throughout is only sampled in the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.system.examined import CASES, FLAGS, Case, golden
from tests.system.kill.killing import Killed, at_request
from tests.system.kill.scenario import Scenario, Subject, assert_same
from tests.system.support import Sandbox, forked

from . import state

WISHES = r"^PATCH /v1\.0/applications/"
"""Requested permissions, redirect URIs, and the tag on another's application."""
GRANT = r"^POST /v1\.0/oauth2PermissionGrants"
ROLE = r"^POST /v1\.0/servicePrincipals/[^/]+/appRoleAssignedTo"
ASSIGNMENT = rf"{ROLE}|^PATCH /v1\.0/servicePrincipals"
SWITCHES = "^Set-CASMailbox"
EWS = "^Set-OrganizationConfig"
SCOPE = "^(Enable|New|Set|Add)-(OrganizationCustomization|DistributionGroup|Management)"


@dataclass(frozen=True)
class Killing:
    """The requests at which a product is killed, and how many they are."""

    case: str
    match: str
    requests: int
    before: bool = True
    """Whether it is killed before each of them as well as after."""


KILLINGS = [
    Killing("centron-net.scoped", SCOPE, 6),
    Killing("centron-calendar-sync.guide", f"{WISHES}|{ROLE}|{EWS}", 5),
    Killing("centron-vma.scoped", f"{GRANT}|{ASSIGNMENT}|{SWITCHES}", 4),
    Killing("monitor-erp.guide", f"{WISHES}|{GRANT}|{EWS}", 4),
    Killing("cryptshare-owa.scoped", f"{WISHES}|{GRANT}|{ASSIGNMENT}", 5),
    Killing("cryptshare-server.scoped", "^New-ManagementRoleAssignment", 1, before=False),
    Killing("centron-net.guide", ROLE, 3, before=False),
    Killing("centron-service-board.guide", WISHES, 1, before=False),
    Killing("centron-service-board.scoped", "^Set-DistributionGroup", 1, before=False),
    Killing("centron-calendar-sync.scoped", EWS, 1, before=False),
    Killing("centron-vma.guide", GRANT, 1, before=False),
    Killing("monitor-erp.scoped", "^New-ManagementScope", 1, before=False),
    Killing("cindercone-magma.guide", SWITCHES, 1, before=False),
    Killing("cindercone-magma.scoped", GRANT, 1, before=False),
    Killing("xcally-motion.guide", WISHES, 2, before=False),
    Killing("xcally-motion.scoped", ASSIGNMENT, 2, before=False),
    Killing("cryptshare-owa.guide", GRANT, 1, before=False),
]
REMOVALS = {
    "centron-net.scoped": ("^Remove-", 5),
    "centron-calendar-sync.guide": (r"^(DELETE|PATCH) ", 4),
    "centron-vma.scoped": (r"^DELETE /v1\.0/(oauth2PermissionGrants|servicePrincipals)", 2),
}
"""What is taken away by requests of its own, and how many they are."""


def test_every_product_is_killed_somewhere() -> None:
    wanted = {str(each) for each in CASES} - {"cryptshare-server.guide"}
    assert {each.case for each in KILLINGS} == wanted


def scenario_of(name: str, sandbox: Sandbox, place: Path, *, with_removal: bool = False) -> Scenario:
    """Over `rest`; with a filled list of applications where EWS is used, so that nothing is left to a person."""
    product, variant = name.rsplit(".", 1)
    fresh = next(each for each in CASES if str(each) == name)
    case = Case(fresh.product, variant, "ews-list-filled" if "otherTenants" in golden(name) else "fresh")
    subject = Subject(
        case.told(sandbox),
        holder=(case.host or case).product.playbook,
        keyless=product == "cryptshare-owa",
        flags=FLAGS,
        ends_with=0 if product == "cryptshare-server" else 3,
        prepare=partial(case.make_ready, sandbox),
    )
    return Scenario(sandbox, place, "sandbox:rest", subject=subject, with_removal=with_removal)


@pytest.mark.parametrize("killing", KILLINGS, ids=lambda each: each.case)
def test_at_each_request_of_its_own(
    killing: Killing, sandbox: Sandbox, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    scenario = scenario_of(killing.case, sandbox, tmp_path)

    def resumed(killed: Killed, home: Path) -> None:
        """State and home are those of an undisturbed run, so no more is left to do than after that."""
        del killed
        ended = forked(*scenario.apply, home=home)
        assert ended.returncode == scenario.subject.ends_with, f"{ended.returncode}:\n{ended.stdout}\n{ended.stderr}"
        found = sandbox.state()
        assert_same(scenario.normalised(found), scenario.reference)
        scenario.held_as_in(home, found)
        assert_same(state.kept(home), scenario.reference_home)

    def killed(home: Path, number: int, *, after: bool) -> Killed | None:
        arguments, ends_with = scenario.apply, (scenario.subject.ends_with,)
        return at_request(sandbox, arguments, home, number, after=after, match=killing.match, ends_with=ends_with)

    told = []
    for after in (False, True) if killing.before else (True,):
        tried = scenario.everywhere(partial(killed, after=after), resumed, numbers=range(1, killing.requests + 2))
        assert tried.points == killing.requests
        told.append(f"{'after' if after else 'before'}: {tried}")
    record_property("killed", "; ".join(told))
    if killing.before:
        scenario.nothing_to_do(scenario.onboarded())


@pytest.mark.parametrize("name", REMOVALS)
def test_removal_at_each_request_of_its_own(
    name: str, sandbox: Sandbox, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    scenario = scenario_of(name, sandbox, tmp_path, with_removal=True)
    match, requests = REMOVALS[name]
    tried = scenario.everywhere(
        lambda home, number: at_request(sandbox, scenario.remove, home, number, after=True, match=match),
        scenario.resumed_removal,
        start=scenario.onboarded,
    )
    assert tried.points == requests
    record_property("killed", str(tried))
