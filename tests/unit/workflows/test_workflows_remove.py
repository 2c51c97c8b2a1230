"""`remove` over a tenant in memory: everything of ours, nothing else, and "not seen" is never "not there"."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tenant_double import SENDER, TenantDouble, a_request, forbidden, refused

from provisioner.errors import PlanRefused
from provisioner.home import Home
from provisioner.model.change import Gate
from provisioner.model.outcome import ChangeState
from provisioner.model.plan import Plan
from provisioner.model.results import Applied
from provisioner.workflows.apply import apply
from provisioner.workflows.plan import plan
from provisioner.workflows.remove import remove
from provisioner.workflows.rotate import Rotation, rotate

ROTATION = Rotation(timedelta(days=30), timedelta(days=7))
FOREIGN_POINTER = {
    "AppId": "f",
    "ObjectId": "f",
    "Identity": "f",
    "Sid": "S-1-5-21-999",
    "DisplayName": "Cryptshare Server",
}
FOREIGN_RIGHT = {"User": "S-1-5-21-999", "UserSid": "S-1-5-21-999", "AccessRights": ("FullAccess",)}


@pytest.fixture
def tenant() -> TenantDouble:
    made = TenantDouble()
    made.pointers.append(dict(FOREIGN_POINTER))
    made.rights[SENDER].append(dict(FOREIGN_RIGHT))
    return made


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def onboard(tenant: TenantDouble, home: Home, **request: Any) -> Applied:
    return asyncio.run(apply(a_request(**request), tenant.ports(home)))


def take(
    tenant: TenantDouble,
    home: Home,
    agree: Callable[[Plan], bool] = lambda _: True,
    *,
    exchange: bool = True,
    **request: Any,
) -> Applied:
    return asyncio.run(remove(a_request(**request), tenant.ports(home, agree, exchange=exchange)))


def instance(home: Home) -> Any:
    return home.instances.load("contoso", "cryptshare/server", "default")


def states(applied: Applied) -> dict[str, str]:
    return {each.address: each.state.value for each in applied.outcomes}


def test_a_slow_answer_does_not_take_away_what_was_not_shown(tenant: TenantDouble, home: Home) -> None:
    onboard(tenant, home)
    granted = dict(tenant.grants)
    tenant.grants.clear()
    tenant.writes.clear()

    def agree(_: Plan) -> bool:
        tenant.clock.time += timedelta(minutes=10)
        tenant.grants.update(granted)
        return True

    with pytest.raises(PlanRefused, match="Revoke admin consent"):
        take(tenant, home, agree)
    assert tenant.writes == []


def test_everything_of_ours_goes_and_nothing_else(tenant: TenantDouble, home: Home) -> None:
    before = tenant.state()
    onboard(tenant, home)
    assert tenant.state() != before
    applied = take(tenant, home)
    assert set(states(applied).values()) == {"done", "kept"}
    tenant.smtp_auth_disabled[SENDER] = None  # shared, and left: see below
    assert tenant.state() == before
    assert len(tenant.deleted) == 2
    assert instance(home) is None


def test_rights_grants_and_keys_go_before_the_application(tenant: TenantDouble, home: Home) -> None:
    onboard(tenant, home)
    tenant.writes.clear()
    take(tenant, home)
    words = [
        each.partition(" ")[0] + " " + each.split("/")[-2 if "appRoleAssignments" in each else -1]
        for each in tenant.writes
    ]
    assert len(words) == 6
    assert tenant.writes[0].startswith("Remove-MailboxPermission")
    assert tenant.writes[-1].startswith("DELETE /applications/")
    assert tenant.writes[-2].startswith("DELETE /servicePrincipals/")
    (application,) = (each for each in tenant.deleted.values() if "uniqueName" in each)
    assert application["passwordCredentials"] == [], "a restore revives no key"


def test_a_shared_switch_stays_and_is_told_with_what_it_was(tenant: TenantDouble, home: Home) -> None:
    onboard(tenant, home)
    applied = take(tenant, home)
    assert tenant.smtp_auth_disabled[SENDER] is False
    (step,) = applied.manual
    assert SENDER in step.title
    assert "as the organisation: off" in step.instruction


def test_a_switch_that_we_never_touched_is_not_mentioned(tenant: TenantDouble, home: Home) -> None:
    tenant.smtp_auth_disabled[SENDER] = False
    onboard(tenant, home)
    assert take(tenant, home).manual == ()


def test_no_is_no(tenant: TenantDouble, home: Home) -> None:
    onboard(tenant, home)
    before = tenant.state()
    assert take(tenant, home, lambda _: False).declined
    assert tenant.state() == before
    assert instance(home) is not None


def test_nothing_there_is_done_without_a_question(tenant: TenantDouble, home: Home) -> None:
    def nobody(_: Plan) -> bool:
        raise AssertionError("there is nothing to ask")

    applied = take(tenant, home, nobody)
    assert tenant.writes == []
    assert set(states(applied).values()) <= {"kept"}


def test_removed_and_onboarded_again_by_restoring(tenant: TenantDouble, home: Home) -> None:
    onboard(tenant, home)
    app_id = tenant.application["appId"]
    take(tenant, home)
    assert states(onboard(tenant, home))["application.main"] == "blocked"
    applied = onboard(tenant, home, gates=(Gate.RESTORE,))
    assert set(states(applied).values()) == {"done", "kept"}
    assert tenant.application["appId"] == app_id
    assert len(tenant.application["passwordCredentials"]) == 1


def test_a_bin_that_was_emptied_after_the_plan_is_an_error_of_ours(tenant: TenantDouble, home: Home) -> None:
    onboard(tenant, home)
    take(tenant, home)

    def emptied(_: Plan) -> bool:
        tenant.deleted.clear()
        return True

    applied = asyncio.run(apply(a_request(gates=(Gate.RESTORE,)), tenant.ports(home, emptied)))
    (application,) = (each for each in applied.outcomes if each.address == "application.main")
    assert application.state is ChangeState.FAILED
    assert "recycle bin" in (application.message or "")
    assert set(states(onboard(tenant, home)).values()) == {"done", "kept"}


def test_purged_and_the_name_is_free(tenant: TenantDouble, home: Home) -> None:
    onboard(tenant, home)
    take(tenant, home, purge=True)
    assert tenant.deleted == {}
    (application,) = (
        each.change
        for each in asyncio.run(plan(a_request(), tenant.ports(home))).plan.changes
        if each.change.kind == "application"
    )
    assert application.action.value == "create"


def test_a_purge_is_never_shown_as_if_the_recycle_bin_kept_it(tenant: TenantDouble, home: Home) -> None:
    shown: list[Plan] = []

    def no(asked: Plan) -> bool:
        shown.append(asked)
        return False

    onboard(tenant, home)
    take(tenant, home, no)
    take(tenant, home, no, purge=True)
    take(tenant, home)
    take(tenant, home, no, purge=True)
    kept, purged = (
        next(each.change for each in asked.changes if each.change.address == "application.main") for asked in shown[:2]
    )
    (emptied,) = (each.change for each in shown[2].pending)
    assert "30 days" in (kept.reason or "")
    assert kept.undo is None
    assert "30 days" not in (purged.reason or "")
    assert "for good" in (purged.undo or "")
    assert emptied.kind == "recycle_bin"
    assert "for good" in emptied.summary


def test_a_removal_that_fails_half_way_is_finished_by_the_next(tenant: TenantDouble, home: Home) -> None:
    onboard(tenant, home)
    error = {"error": {"code": "Request_BadRequest", "message": "no"}}
    tenant.faults.append(("DELETE /servicePrincipals/", lambda: (400, error)))
    applied = take(tenant, home)
    assert "failed" in states(applied).values()
    assert states(applied)["application.main"] == "skipped"
    assert instance(home) is not None
    assert set(states(take(tenant, home)).values()) <= {"done", "kept"}
    assert instance(home) is None


# --- not seen is not removed


def test_what_may_not_be_read_is_not_taken_for_gone(tenant: TenantDouble, home: Home) -> None:
    onboard(tenant, home)
    before = tenant.state()
    tenant.writes.clear()
    tenant.faults += [("GET /applications(", refused)]
    applied = take(tenant, home)
    assert states(applied)["application.main"] == "blocked"
    assert instance(home) is not None, "it names what is still to be removed"
    assert (tenant.state(), tenant.writes) == (before, [])


def test_who_may_not_look_into_exchange_removes_the_rest_and_another_finishes(tenant: TenantDouble, home: Home) -> None:
    onboard(tenant, home)
    tenant.faults += [("Get-ServicePrincipal", forbidden()), ("Get-MailboxPermission", forbidden())]
    applied = take(tenant, home)
    assert (
        states(applied)["exchange_pointer.main"] == states(applied)["mailbox_permission.main.FullAccess"] == "blocked"
    )
    assert tenant.applications == {}, "keys and application do not wait for an Exchange administrator"
    assert len(tenant.pointers) == 2
    assert instance(home) is not None
    again = take(tenant, home)
    assert states(again)["exchange_pointer.main"] == "done"
    assert tenant.pointers == [FOREIGN_POINTER]
    assert FOREIGN_RIGHT in tenant.rights[SENDER]
    assert len(tenant.rights[SENDER]) == 2
    assert instance(home) is None


def test_without_a_driver_exchange_is_left_and_told(tenant: TenantDouble, home: Home) -> None:
    onboard(tenant, home)
    applied = take(tenant, home, exchange=False)
    (pointer,) = (each for each in applied.outcomes if each.address == "exchange_pointer.main")
    assert pointer.state is ChangeState.BLOCKED
    assert "no Exchange driver" in (pointer.message or "")
    assert instance(home) is not None


def test_keys_of_another_home_and_of_people_are_named_before_they_go_with_the_application(
    tenant: TenantDouble, home: Home, tmp_path: Path
) -> None:
    onboard(tenant, home)
    tenant.clock.time += timedelta(hours=1)
    onboard(tenant, Home(tmp_path / "other"))
    first = tenant.application["passwordCredentials"][0]
    notes: list[str] = []
    take(tenant, Home(tmp_path / "other"), lambda made: bool(notes.extend(made.notes)))
    (told,) = (note for note in notes if note.startswith("goes with"))
    assert f'"{first["displayName"]}", until {first["endDateTime"][:10]}' in told
    assert first["keyId"] not in told, "a key is found by its name and its end, as the portal shows them"


def test_keys_of_another_home_stay_as_long_as_the_application_does(
    tenant: TenantDouble, home: Home, tmp_path: Path
) -> None:
    onboard(tenant, home)
    tenant.clock.time += timedelta(hours=1)
    other = Home(tmp_path / "other")
    onboard(tenant, other)
    first, _ = tenant.application["passwordCredentials"]
    error = {"error": {"code": "Request_BadRequest", "message": "no"}}
    tenant.faults.append(("DELETE /servicePrincipals/", lambda: (400, error)))
    assert states(take(tenant, other))["application.main"] == "skipped"
    assert tenant.application["passwordCredentials"] == [first]


# --- rotate


def turn(tenant: TenantDouble, home: Home, rotation: Rotation = ROTATION) -> Applied:
    return asyncio.run(rotate(a_request(), rotation, tenant.ports(home)))


def test_rotation_end_to_end(tenant: TenantDouble, home: Home) -> None:
    onboard(tenant, home)
    assert set(states(turn(tenant, home)).values()) == {"kept"}
    (old,) = tenant.application["passwordCredentials"]
    tenant.clock.time += timedelta(days=160)
    turn(tenant, home)
    assert len(tenant.application["passwordCredentials"]) == 2
    tenant.clock.time += timedelta(days=8)
    turn(tenant, home)
    (new,) = tenant.application["passwordCredentials"]
    assert new["keyId"] != old["keyId"]


def test_rotating_what_is_gone_or_not_seen_is_blocked(tenant: TenantDouble, home: Home) -> None:
    onboard(tenant, home)
    tenant.clock.time += timedelta(days=160)
    tenant.faults.append(("GET /applications(", refused))
    assert set(states(turn(tenant, home)).values()) == {"blocked"}
    tenant._delete_application(tenant.application["id"])
    assert set(states(turn(tenant, home)).values()) == {"blocked"}
    assert len(tenant.secrets) == 1
