"""Policies and licences as Graph shows them, parsed into what a judgement needs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from graph_doubles import FakeGraph, problem

from provisioner.errors import Refused
from provisioner.graph import Graph, directory_groups, directory_roles, licences, policies, users
from provisioner.model.identifiers import ObjectId
from provisioner.model.observed import Person
from provisioner.model.policies import Choice, ConditionalAccessPolicy

PATH = "/identity/conditionalAccess/policies"
DEFAULTS = "/policies/identitySecurityDefaultsEnforcementPolicy"
USER = ObjectId("dddddddd-0000-4000-8000-000000000003")
GROUP = "eeeeeeee-0000-4000-8000-000000000004"
STANDARD, FOUNDATION, OTHER = (
    "9aaf7827-d63c-4b61-89c3-182f06f82e5c",
    "113feb6c-3fe4-4440-bddc-54d774bf0318",
    "aaaaaaaa-0000-4000-8000-000000000001",
)


def run(graph: FakeGraph, work: Callable[[Graph], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        async with graph.connect() as connection:
            return await work(connection)

    return asyncio.run(main())


def test_a_policy_in_full() -> None:
    shown = {
        "id": "p",
        "displayName": "Much",
        "state": "enabled",
        "conditions": {
            "users": {
                "includeUsers": ["All"],
                "excludeUsers": [USER.upper()],
                "includeGroups": [],
                "excludeGroups": [GROUP],
                "includeRoles": None,
            },
            "applications": {"includeApplications": ["Office365"], "includeUserActions": []},
            "clientApplications": {
                "includeServicePrincipals": ["ServicePrincipalsInMyTenant"],
                "servicePrincipalFilter": {"mode": "include", "rule": "x"},
            },
            "clientAppTypes": ["browser", "mobileAppsAndDesktopClients"],
            "locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]},
            "platforms": {"includePlatforms": ["iOS"]},
            "signInRiskLevels": ["high"],
            "userRiskLevels": [],
            "insiderRiskLevels": None,
            "devices": {"deviceFilter": {"mode": "exclude", "rule": "y"}},
            "authenticationFlows": {"transferMethods": "deviceCodeFlow,authenticationTransfer"},
        },
        "grantControls": {
            "operator": "OR",
            "builtInControls": ["mfa"],
            "authenticationStrength": {"id": "s"},
            "termsOfUse": ["t"],
        },
        "sessionControls": {
            "signInFrequency": {"isEnabled": True, "value": 4, "type": "hours", "frequencyInterval": "timeBased"}
        },
    }
    (found,) = run(FakeGraph().on("GET", PATH, {"value": [shown]}), policies.conditional_access)
    assert found == ConditionalAccessPolicy(
        policy_id="p",
        name="Much",
        state="enabled",
        users=Choice(frozenset({"All"}), frozenset({USER})),
        groups=Choice(frozenset(), frozenset({GROUP})),
        workloads=Choice(frozenset({"ServicePrincipalsInMyTenant"})),
        workloads_filtered=True,
        applications=Choice(frozenset({"Office365"})),
        client_kinds=frozenset({"browser", "mobileAppsAndDesktopClients"}),
        places=Choice(frozenset({"All"}), frozenset({"AllTrusted"})),
        circumstances=(
            "the risk that Microsoft sees in the sign-in",
            "the platform that the sign-in comes from",
            "the device that the sign-in comes from",
        ),
        flows=frozenset({"deviceCodeFlow", "authenticationTransfer"}),
        controls=("mfa", "authenticationStrength", "termsOfUse"),
        frequency="4 hours",
    )


def test_a_policy_of_which_little_is_shown() -> None:
    shown = {
        "id": "p",
        "displayName": None,
        "state": "disabled",
        "conditions": {"users": {"includeUsers": ["None"]}, "applications": {"includeUserActions": ["urn:user:x"]}},
        "grantControls": None,
        "sessionControls": {"signInFrequency": {"isEnabled": False, "value": 4, "type": "hours"}},
    }
    (found,) = run(FakeGraph().on("GET", PATH, {"value": [shown]}), policies.conditional_access)
    assert found == ConditionalAccessPolicy("p", "", "disabled", actions=True)


@pytest.mark.parametrize("on", [True, False])
def test_security_defaults(on: bool) -> None:
    assert run(FakeGraph().on("GET", DEFAULTS, {"isEnabled": on}), policies.security_defaults) is on


@pytest.mark.parametrize(
    ("path", "read"), [(PATH, policies.conditional_access), (DEFAULTS, policies.security_defaults)]
)
def test_whoever_may_not_read_policies_is_told_who_may(path: str, read: Callable[[Graph], Awaitable[Any]]) -> None:
    graph = FakeGraph().on("GET", path, problem(403, "Authorization_RequestDenied", "Insufficient privileges"))
    with pytest.raises(Refused) as refused:
        run(graph, read)
    assert "Global Reader" in refused.value.who_can


@pytest.mark.parametrize(
    ("plans", "expected"),
    [
        ([(STANDARD, "Enabled")], True),
        ([(STANDARD.upper(), "Warning")], True),
        ([(STANDARD, "Deleted"), (FOUNDATION, "Enabled")], False),
        ([], False),
        ([(OTHER, "Enabled")], None),
        (None, None),
    ],
)
def test_whether_a_licence_gives_a_mailbox(plans: list[tuple[str, str]] | None, expected: bool | None) -> None:
    assigned = plans and [
        {"servicePlanId": plan, "capabilityStatus": status, "service": "exchange"} for plan, status in plans
    ]
    shown = {"id": USER, "accountEnabled": False, "onPremisesSyncEnabled": True, "assignedPlans": assigned}
    graph = FakeGraph().on("GET", "/users/a@contoso.example", shown)
    found = run(graph, lambda connection: users.find(connection, "a@contoso.example"))
    assert found == Person(USER, enabled=False, synchronised=True, exchange_plan=expected)


def test_plans_of_subscriptions_that_are_in_use() -> None:
    def sku(status: str, plan: str) -> dict[str, Any]:
        return {"capabilityStatus": status, "servicePlans": [{"servicePlanName": plan}]}

    value = [sku("Enabled", "AAD_PREMIUM"), sku("Warning", "EXCHANGE_S_STANDARD"), sku("Suspended", "AAD_PREMIUM_P2")]
    found = run(FakeGraph().on("GET", "/subscribedSkus", {"value": value}), licences.service_plans)
    assert found == {"AAD_PREMIUM", "EXCHANGE_S_STANDARD"}


def test_members_of_a_group_and_roles_of_an_account() -> None:
    graph = FakeGraph().on("GET", f"/groups/{GROUP}/transitiveMembers", {"value": [{"id": USER.upper()}]})
    assert run(graph, lambda connection: directory_groups.members(connection, GROUP)) == {USER}
    role = "62e90394-69f5-4237-9190-012177145e10"
    path = "/users/a@contoso.example/memberOf/graph.directoryRole"
    graph = FakeGraph().on("GET", path, {"value": [{"id": "x", "roleTemplateId": role.upper()}]})
    assert run(graph, lambda connection: directory_roles.of_person(connection, "a@contoso.example")) == {role}
