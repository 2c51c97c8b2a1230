"""`rotate` and `remove` of a client secret go by what is there now, not by what was there before the question."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tenant_double import Answer, TenantDouble, a_request, refused

from provisioner.errors import PlanRefused
from provisioner.home import Home
from provisioner.model.plan import Plan
from provisioner.model.results import Applied
from provisioner.workflows.apply import apply
from provisioner.workflows.remove import remove
from provisioner.workflows.rotate import Rotation, rotate

ROTATION = Rotation(timedelta(days=30), timedelta(days=7))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def tenant(home: Home) -> TenantDouble:
    """Onboarded, 160 days ago."""
    made = TenantDouble()
    asyncio.run(apply(a_request(), made.ports(home)))
    made.clock.time += timedelta(days=160)
    return made


def turn(
    tenant: TenantDouble, home: Home, agree: Callable[[Plan], bool] = lambda _: True, rotation: Rotation = ROTATION
) -> Applied:
    return asyncio.run(rotate(a_request(), rotation, tenant.ports(home, agree)))


def slowly(
    tenant: TenantDouble, then: Callable[[], object] = lambda: None, *, seconds: float = 3600
) -> Callable[[Plan], bool]:
    """A person who thinks for a while, in which something happens."""

    def agree(_: Plan) -> bool:
        tenant.clock.time += timedelta(seconds=seconds)
        then()
        return True

    return agree


def keys(tenant: TenantDouble) -> list[str]:
    """The application's keys, oldest first."""
    return [each["keyId"] for each in tenant.application["passwordCredentials"]]


def without(tenant: TenantDouble, key_id: str) -> list[Any]:
    return [each for each in tenant.application["passwordCredentials"] if each["keyId"] != key_id]


def lose(tenant: TenantDouble, key_id: str) -> Callable[[], None]:
    """Somebody deletes a key in the portal."""
    return lambda: tenant.application.update(passwordCredentials=without(tenant, key_id))


def stored(home: Home) -> Any:
    (file,) = (home.root / "secrets").glob("*/*.json")
    return json.loads(file.read_text())


def state(applied: Applied) -> str:
    (outcome,) = applied.outcomes
    return outcome.state.value


# --- rotate


def in_overlap(tenant: TenantDouble, home: Home, days: float) -> tuple[str, str]:
    """Rotated so many days ago: the old key and the new one."""
    turn(tenant, home)
    tenant.clock.time += timedelta(days=days)
    old, new = keys(tenant)
    return old, new


def test_a_slow_answer_over_an_unchanged_tenant_goes_on(tenant: TenantDouble, home: Home) -> None:
    assert state(turn(tenant, home, slowly(tenant))) == "done"
    assert len(keys(tenant)) == 2
    tenant.clock.time += timedelta(days=8)
    assert state(turn(tenant, home, slowly(tenant))) == "done"
    assert len(keys(tenant)) == 1


def test_a_slow_answer_does_not_replace_the_last_working_key_when_removing_was_shown(
    tenant: TenantDouble, home: Home
) -> None:
    old, new = in_overlap(tenant, home, 8)
    tenant.writes.clear()
    with pytest.raises(PlanRefused, match="Mint a successor"):
        turn(tenant, home, slowly(tenant, lose(tenant, new)))
    assert keys(tenant) == [old]
    assert tenant.writes == []


@pytest.mark.parametrize("in_use", [False, True])
def test_a_quick_answer_does_not_remove_the_last_working_key_either(
    tenant: TenantDouble, home: Home, in_use: bool
) -> None:
    old, new = in_overlap(tenant, home, 8)
    tenant.writes.clear()
    applied = turn(tenant, home, slowly(tenant, lose(tenant, new), seconds=1), replace(ROTATION, in_use=in_use))
    assert state(applied) == "not-yet"
    assert keys(tenant) == [old]
    assert tenant.writes == []


def test_a_slow_answer_to_a_mint_does_not_remove(tenant: TenantDouble, home: Home) -> None:
    """The look before the question came from a replica that had long forgotten; the key is there."""
    in_overlap(tenant, home, 160)
    before = keys(tenant)
    tenant.faults.append(("GET /applications", lambda: (200, forgetful(tenant, before[0]))))
    tenant.writes.clear()
    with pytest.raises(PlanRefused, match="Remove the replaced key"):
        turn(tenant, home, slowly(tenant))
    assert tenant.writes == []
    assert keys(tenant) == before


def test_what_was_shown_as_a_removal_mints_nothing(tenant: TenantDouble, home: Home) -> None:
    _, new = in_overlap(tenant, home, 160)
    applied = turn(tenant, home)
    assert applied.plan.changes[0].change.summary.startswith("Remove the replaced key")
    assert state(applied) == "done"
    assert keys(tenant) == [new]
    turn(tenant, home)
    assert len(keys(tenant)) == 2


def test_a_replaced_key_that_is_not_seen_is_not_told_as_removed(tenant: TenantDouble, home: Home) -> None:
    old, new = in_overlap(tenant, home, 8)

    def agree(_: Plan) -> bool:
        tenant.faults.append(("GET /applications/", lambda: (200, forgetful(tenant, old))))
        return True

    assert state(turn(tenant, home, agree)) == "not-yet"
    assert keys(tenant) == [old, new]
    assert state(turn(tenant, home)) == "done"
    assert keys(tenant) == [new]


def test_an_undated_overlap_is_begun_when_it_is_first_seen(tenant: TenantDouble, home: Home) -> None:
    old, new = in_overlap(tenant, home, 30)
    (file,) = (home.root / "secrets").glob("*/*.json")
    document = json.loads(file.read_text())
    assert document["record"]["current"].pop("promoted")
    file.write_text(json.dumps(document))

    applied = turn(tenant, home)
    assert "begins now" in applied.plan.changes[0].change.summary
    assert state(applied) == "done"
    assert keys(tenant) == [old, new]
    tenant.clock.time += timedelta(days=6)
    assert state(turn(tenant, home)) == "kept"
    tenant.clock.time += timedelta(days=1)
    assert state(turn(tenant, home)) == "done"
    assert keys(tenant) == [new]


# --- remove


def forgetful(tenant: TenantDouble, key_id: str) -> Any:
    """The application as a replica shows it that lacks one key."""
    return {**tenant.application, "passwordCredentials": without(tenant, key_id)}


def left(tenant: TenantDouble) -> list[Any]:
    """The keys that the application took along into the recycle bin."""
    (application,) = (each for each in tenant.deleted.values() if "uniqueName" in each)
    found: list[Any] = application["passwordCredentials"]
    return found


def test_a_key_that_no_replica_shows_yet_is_removed(tenant: TenantDouble, home: Home) -> None:
    (key,) = keys(tenant)

    def lagging() -> Answer:
        return 200, forgetful(tenant, key)

    tenant.faults += [("GET /applications", lagging)] * 2
    asyncio.run(remove(a_request(), tenant.ports(home)))
    assert left(tenant) == []


def test_a_key_of_an_interrupted_mint_that_shows_up_after_the_question_is_removed(
    tenant: TenantDouble, home: Home
) -> None:
    (ours,) = tenant.application["passwordCredentials"]
    orphan = {**ours, "keyId": "00000bad-0000-4000-8000-000000000bad"}

    def agree(_: Plan) -> bool:
        tenant.application["passwordCredentials"].append(orphan)
        return True

    asyncio.run(remove(a_request(), tenant.ports(home, agree)))
    assert left(tenant) == []


def test_an_interrupted_mint_is_given_time_to_show_its_key(home: Home) -> None:
    tenant = TenantDouble()

    def killed() -> None:
        raise KeyboardInterrupt

    tenant.hooks.append(("POST /applications/", killed))
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(apply(a_request(), tenant.ports(home)))
    assert stored(home)["record"]["pending"]["keyId"] is None
    (intent,) = stored(home)["record"]["intents"]
    minted = {
        "keyId": "00000bad-0000-4000-8000-000000000bad",
        "displayName": f"provisioner/cryptshare_server_default/main.mail/{intent}",
        "hint": "abc",
        "startDateTime": tenant._now(),
        "endDateTime": "2030-01-01T00:00:00Z",
    }
    shown_from = tenant.clock.now() + timedelta(seconds=15)
    tenant.application["passwordCredentials"].append(minted)

    def lagging() -> Answer:
        late = tenant.clock.now() >= shown_from
        return 200, tenant.application if late else forgetful(tenant, minted["keyId"])

    tenant.faults += [("GET /applications", lagging)] * 2
    asyncio.run(remove(a_request(), tenant.ports(home)))
    assert left(tenant) == []


def test_a_removal_that_did_not_reach_the_key_keeps_the_record(tenant: TenantDouble, home: Home) -> None:
    (key,) = keys(tenant)
    before = stored(home)
    tenant.faults.append(("POST /applications/", refused))
    applied = asyncio.run(remove(a_request(), tenant.ports(home)))
    (secret,) = (each for each in applied.outcomes if each.address == "client_secret.main.mail")
    assert secret.state.value == "blocked"
    assert (stored(home), keys(tenant)) == (before, [key])
    asyncio.run(remove(a_request(), tenant.ports(home)))
    assert left(tenant) == []
    assert list((home.root / "secrets").glob("*/*.json")) == []
