"""`migrate` over a tenant in memory: in the order that stops nothing, each step only once the one before it stands."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from graph_doubles import TENANT
from tenant_double import NEIGHBOUR, SENDER, Json, TenantDouble, a_request

from provisioner.home import Home
from provisioner.model.change import Gate
from provisioner.model.identifiers import GRAPH_APP_ID, AppId, ObjectId
from provisioner.model.plan import Plan
from provisioner.model.results import Migrated, StageState
from provisioner.model.secret import Secret
from provisioner.model.tenant import Tenant as Named
from provisioner.signin import Claims, Token
from provisioner.workflows.apply import apply
from provisioner.workflows.migrate import migrate

PARAMETERS = (("sender_mailbox", SENDER), ("denied_mailbox", NEIGHBOUR))
GATES = (Gate.REMOVE_GRANTS,)
REVOKED, RIGHT_GONE = "DELETE /servicePrincipals/", "Remove-MailboxPermission "


@dataclass
class Tenant(TenantDouble):
    """With Exchange's own roles. `reach` is what it says that they reach; Entra's tokens carry what is granted."""

    groups: list[Json] = field(default_factory=list)
    members: list[str] = field(default_factory=list)
    scopes: list[Json] = field(default_factory=list)
    assignments: list[Json] = field(default_factory=list)
    reach: tuple[str, ...] = (SENDER,)
    tokens_remember: bool = False
    """Whether new tokens still carry a role that was taken back."""

    def __post_init__(self) -> None:
        super().__post_init__()
        graph = {"appId": GRAPH_APP_ID, "displayName": "Microsoft Graph", "appRoles": [], "oauth2PermissionScopes": []}
        self._put(self.principals, graph, visible=True)

    def _get_organizationconfig(self, _: Mapping[str, Any]) -> list[Json]:
        return [{"IsDehydrated": False}]

    def _get_distributiongroup(self, _: Mapping[str, Any]) -> list[Json]:
        return self.groups

    def _get_distributiongroupmember(self, _: Mapping[str, Any]) -> list[Json]:
        return [{"PrimarySmtpAddress": each, "RecipientTypeDetails": "UserMailbox"} for each in self.members]

    def _new_distributiongroup(self, given: Mapping[str, Any]) -> list[Json]:
        name = f"CN={given['Name']},OU=contoso"
        shown = {"Guid": self._id(), "DistinguishedName": name, "RecipientTypeDetails": "MailUniversalSecurityGroup"}
        self.members = list(given["Members"])
        self.groups.append({**given, **shown})
        return self.groups[-1:]

    def _set_distributiongroup(self, given: Mapping[str, Any]) -> None:
        self.groups[0].update(given)

    def _get_managementscope(self, _: Mapping[str, Any]) -> list[Json]:
        return self.scopes

    def _new_managementscope(self, given: Mapping[str, Any]) -> list[Json]:
        self.scopes.append({"Name": given["Name"], "RecipientFilter": given["RecipientRestrictionFilter"]})
        return self.scopes[-1:]

    def _get_managementroleassignment(self, _: Mapping[str, Any]) -> list[Json]:
        return self.assignments

    def _new_managementroleassignment(self, given: Mapping[str, Any]) -> list[Json]:
        self.assignments.append({**given, "WhenCreatedUTC": self._now()})
        return self.assignments[-1:]

    def _test_serviceprincipalauthorization(self, given: Mapping[str, Any]) -> list[Json]:
        inside = given.get("Resource") in self.reach
        return [{"RoleName": each["Role"], "ScopeType": "Custom", "InScope": inside} for each in self.assignments]

    async def product_sign_in(self, tenant: Named, app_id: AppId, secret: Secret, audience: str) -> Token:
        token = await super().product_sign_in(tenant, app_id, secret, audience)
        roles = frozenset({"SMTP.SendAsApp"} if self.grants or self.tokens_remember else ())
        claims = Claims(TENANT.tenant_id, ObjectId("o"), app_id, roles, frozenset(), frozenset(), "", "application")
        return replace(token, claims=claims)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def tenant(home: Home) -> Tenant:
    """Set up in its guide's way."""
    found = Tenant()
    asyncio.run(apply(a_request(parameters=PARAMETERS), found.ports(home)))
    assert found.grants and rights(found)
    found.writes.clear()
    return found


def run(tenant: Tenant, home: Home, *, gates: tuple[Gate, ...] = GATES, hours: float = 0.0) -> dict[str, StageState]:
    """One run, some hours after the one before it; the state of each step."""
    tenant.clock.time += timedelta(hours=hours)
    return states(asyncio.run(migrate(a_request(variant="scoped", gates=gates), tenant.ports(home))))


def states(migrated: Migrated) -> dict[str, StageState]:
    return {each.name: each.state for each in migrated.stages}


def rights(tenant: Tenant) -> list[Json]:
    return [each for each in tenant.rights[SENDER] if "SELF" not in each["User"]]


def position(tenant: Tenant, beginning: str) -> int:
    (found,) = (number for number, each in enumerate(tenant.writes) if each.startswith(beginning))
    return found


def test_roles_then_the_consent_then_the_right_with_time_between_them(tenant: Tenant, home: Home) -> None:
    first = run(tenant, home)
    assert (first["roles"], first["authorized"]) == (StageState.DONE, StageState.DONE)
    assert (first["roles_everywhere"], first["claims"]) == (StageState.WAITING, StageState.LATER)
    assert run(tenant, home, hours=1.9)["roles_everywhere"] is StageState.WAITING
    assert tenant.grants and rights(tenant), "not all of Exchange knows the roles yet"
    second = run(tenant, home, hours=0.2)
    assert (second["claims"], second["token"]) == (StageState.DONE, StageState.DONE)
    assert (second["tokens_everywhere"], second["rights"]) == (StageState.WAITING, StageState.LATER)
    assert not tenant.grants
    assert run(tenant, home, hours=1.4)["tokens_everywhere"] is StageState.WAITING
    assert rights(tenant), "an older token still needs it"
    last = run(tenant, home, hours=0.2)
    assert set(last.values()) == {StageState.DONE}
    assert not rights(tenant)
    assert position(tenant, "New-ManagementRoleAssignment ") < position(tenant, REVOKED) < position(tenant, RIGHT_GONE)
    instance = home.instances.load(TENANT.name, "cryptshare/server", "default")
    assert instance is not None
    assert (instance.variant, instance.moving_to) == ("scoped", None)


@pytest.mark.parametrize("reach", [(), (SENDER, NEIGHBOUR)], ids=["too narrow", "too wide"])
def test_nothing_goes_before_exchange_says_that_the_roles_are_right(
    tenant: Tenant, home: Home, reach: tuple[str, ...]
) -> None:
    tenant.reach = reach
    assert run(tenant, home)["authorized"] is StageState.BLOCKED
    assert run(tenant, home, hours=5)["authorized"] is StageState.BLOCKED
    assert tenant.grants and rights(tenant)
    tenant.reach = (SENDER,)
    assert run(tenant, home)["claims"] is StageState.DONE


def test_the_right_stays_as_long_as_new_tokens_carry_the_role(tenant: Tenant, home: Home) -> None:
    run(tenant, home)
    tenant.tokens_remember = True
    for hours in (3.0, 3.0):
        assert run(tenant, home, hours=hours)["token"] is StageState.WAITING
    assert rights(tenant)


def test_nothing_is_taken_away_without_its_flag(tenant: Tenant, home: Home) -> None:
    run(tenant, home, gates=())
    assert run(tenant, home, gates=(), hours=5)["claims"] is StageState.BLOCKED
    assert tenant.grants
    run(tenant, home)
    assert run(tenant, home, gates=(), hours=5)["rights"] is StageState.BLOCKED
    assert rights(tenant)


def test_that_it_is_under_way_is_noted_before_the_first_write(tenant: Tenant, home: Home) -> None:
    """Or a removal after a crash would leave one of the two ways behind."""
    noted: list[str | None] = []

    def look() -> None:
        instance = home.instances.load(TENANT.name, "cryptshare/server", "default")
        noted.append(instance.moving_to if instance is not None else None)

    tenant.hooks.append(("New-", look))
    run(tenant, home)
    assert noted == ["scoped"]


def test_no_is_no(tenant: Tenant, home: Home) -> None:
    asked: list[Plan] = []

    def refuse(plan: Plan) -> bool:
        asked.append(plan)
        return False

    migrated = asyncio.run(migrate(a_request(variant="scoped", gates=GATES), tenant.ports(home, refuse)))
    assert migrated.declined
    assert tenant.writes == []
    (shown,) = asked
    kinds = {each.change.kind for each in shown.changes}
    assert {"management_role_assignment", "unscoped_grants", "mailbox_permission"} <= kinds, "all of it is shown"


def test_once_it_is_done_nothing_is_written(tenant: Tenant, home: Home) -> None:
    for hours in (0.0, 3.0, 3.0):
        run(tenant, home, hours=hours)
    tenant.writes.clear()
    assert set(run(tenant, home).values()) == {StageState.DONE}
    assert tenant.writes == []
