"""What Microsoft ends: told with its day, refused from that day, and never outlived by a secret."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from resource_examples import APPLICATION, GRANT, NOW, OPERATOR, PRINCIPAL, SECRET, a_key

from provisioner.catalogue import first_end
from provisioner.custody import Goal, Situation, next_step
from provisioner.custody.next_step import Done, Mint
from provisioner.engine import Observation, planned
from provisioner.model.change import Action, Blocked, Ready
from provisioner.model.declared import Declared, EwsAccess, ManagementRoleAssignment, Permission, PermissionKind
from provisioner.model.identifiers import EXCHANGE_APP_ID, GRAPH_APP_ID, Address
from provisioner.model.observed import Organization
from provisioner.model.slot import Entry, SlotRecord, Stored
from provisioner.resources import app_role_grant, application, client_secret, kind_of
from provisioner.resources.client_secret import latest_end
from provisioner.resources.hands import Bindings
from provisioner.resources.kind import Ending

EWS_ENDS = date(2027, 4, 1)
EWS = Permission(EXCHANGE_APP_ID, PermissionKind.ROLE, "full_access_as_app")
SMTP = Permission(EXCHANGE_APP_ID, PermissionKind.ROLE, "SMTP.SendAsApp")
CALENDARS = Permission(GRAPH_APP_ID, PermissionKind.ROLE, "Calendars.ReadWrite")
USER_READ = Permission(GRAPH_APP_ID, PermissionKind.SCOPE, "User.Read")
USERS = Permission(GRAPH_APP_ID, PermissionKind.ROLE, "User.Read.All")

EWS_GRANT = replace(GRANT, address=Address("app_role_grant.main.exchange.full_access_as_app"), permission=EWS)
EWS_ROLE = ManagementRoleAssignment(
    Address("management_role_assignment.main.EWS.AccessAsApp"),
    "n",
    "Application EWS.AccessAsApp",
    Address("exchange_pointer.main"),
    Address("management_scope.all"),
    "s",
)
EWS_ACCESS = EwsAccess(Address("ews_access.main"), APPLICATION.address)
CAPPED = replace(SECRET, latest_end=EWS_ENDS)


@pytest.mark.parametrize(
    ("permissions", "end"),
    [
        ((EWS,), EWS_ENDS),
        ((EWS, USER_READ), EWS_ENDS),
        ((CALENDARS, EWS), EWS_ENDS),
        ((EWS, USERS), EWS_ENDS),
        ((CALENDARS, USERS), None),
        ((SMTP,), None),
        ((USER_READ,), None),
        ((), None),
    ],
)
def test_when_the_first_use_of_an_application_ends(permissions: tuple[Permission, ...], end: date | None) -> None:
    assert first_end(permissions) == end


@pytest.mark.parametrize(
    ("declared", "end"),
    [
        (EWS_GRANT, Ending("full_access_as_app", EWS_ENDS)),
        (GRANT, None),
        (EWS_ROLE, Ending("Application EWS.AccessAsApp", EWS_ENDS)),
        (EWS_ACCESS, Ending("Exchange Web Services (EWS)", EWS_ENDS)),
        (CAPPED, None),
        (APPLICATION, None),
    ],
)
def test_what_ends(declared: Declared, end: Ending | None) -> None:
    assert kind_of(declared).ends(declared) == end


@pytest.mark.parametrize(
    ("today", "blocked"),
    [(date(2027, 3, 31), False), (EWS_ENDS, True), (date(2028, 1, 1), True), (None, False)],
)
def test_from_its_last_day_nothing_is_set_up(today: date | None, blocked: bool) -> None:
    seen = {
        APPLICATION.address: application.Observed(None, (), ()),
        PRINCIPAL.address: None,
        EWS_GRANT.address: app_role_grant.Observed(None, ()),
    }
    observation = Observation(seen, Bindings(), Organization("t", "", "", ""))  # type: ignore[arg-type]
    plan = planned((APPLICATION, PRINCIPAL, EWS_GRANT), observation, OPERATOR, open_gates=frozenset(), today=today)
    first = plan[0]
    assert first.change.action is Action.CREATE
    if blocked:
        assert all(isinstance(each.standing, Blocked) and "2027-04-01" in each.standing.reason for each in plan)
    else:
        assert first.standing == Ready()


def test_a_plan_says_until_when_a_secret_can_be_valid() -> None:
    observed = client_secret.Observed(None, Stored(), True, NOW, "provisioner/x/main.mail/")
    (field,) = kind_of(CAPPED).compare(CAPPED, observed).fields
    assert field.after == "180 days, at most until 2027-04-01"
    assert latest_end(CAPPED) == datetime(2027, 4, 1, tzinfo=UTC)
    assert latest_end(SECRET) is None


@pytest.mark.parametrize(
    ("latest", "expected"), [(None, Mint()), (NOW + timedelta(days=10), Done()), (NOW + timedelta(days=11), Mint())]
)
def test_a_secret_that_lasts_as_long_as_it_can_is_never_due(latest: datetime | None, expected: object) -> None:
    end = NOW + timedelta(days=10)
    held = a_key("k", "provisioner/x/main.mail/i", end=end)
    entry = Entry("i", NOW - timedelta(days=1), held.key_id, "h", end, proven=True)
    situation = Situation(
        record=SlotRecord(None, entry, (), ("i",)),
        held=frozenset({held.key_id}),
        readable=True,
        in_hand=frozenset(),
        credentials=(held,),
        tag_prefix="provisioner/x/main.mail/",
        now=NOW,
        goal=Goal.ROTATE,
        renew_before=timedelta(days=30),
        latest_end=latest,
    )
    assert next_step(situation) == expected
