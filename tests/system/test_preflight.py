"""Preflight on the sandbox: what is planted is found and named, what is not there is not, and what is hidden is said.

Where the sandbox itself enforces a policy, the finding is held against the product's own sign-in.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.system.chain.steps import document, outcomes
from tests.system.support import NEIGHBOUR, SENDER, Sandbox, forked, fresh_home
from tests.system.tenant import Administrator

SALES, UNLICENSED, ON_PREMISES = (f"{each}@contoso.example" for each in ("sales", "unlicensed", "onpremises"))
CLOUD = "sandbox:cloud-application-administrator,rest"
PRIVILEGED = "sandbox:privileged-role-administrator,rest"
GLOBAL = "sandbox:global-administrator,rest"
DEFAULTS = "identitySecurityDefaultsEnforcementPolicy"

Finding = tuple[str, str, str]
"""Name, severity, what it is about."""


def settings(**values: str) -> tuple[str, ...]:
    return tuple(word for name, value in values.items() for word in ("--set", f"{name}={value}"))


def server(sender: str) -> tuple[str, ...]:
    return ("cryptshare/server", *settings(sender_mailbox=sender, denied_mailbox=NEIGHBOUR))


def vma(sandbox: Sandbox, account: str = SENDER) -> tuple[str, ...]:
    password = f"file:{sandbox.directory / 'cryptshare.password'}"
    return ("centron/vma", *settings(mailbox=account, mailbox_password=password))


def motion() -> tuple[str, ...]:
    return ("xcally/motion", *settings(mailbox=SENDER, redirect_uri="https://product.contoso.example/back"))


NET = ("centron/net", *settings(default_sender=SENDER, denied_mailbox=NEIGHBOUR))


def plan(home: Path, *arguments: str, tenant: str = "sandbox") -> dict[str, Any]:
    return document(forked("plan", *arguments, "--tenant", tenant, "-o", "json", home=home))


def found(answer: Mapping[str, Any]) -> list[Finding]:
    return [(each["name"], each["severity"], each["about"]) for each in answer["preflight"]]


def person(sandbox: Sandbox, address: str) -> dict[str, Any]:
    return next(dict(each) for each in sandbox.state()["users"] if each["userPrincipalName"] == address)


def conditional(sandbox: Sandbox, name: str = "MFA for everybody", state: str = "enabled", **parts: Any) -> None:
    """A policy that asks everybody everywhere for a second factor, but for what `parts` says."""
    conditions = {
        "users": {"includeUsers": ["All"]},
        "applications": {"includeApplications": ["All"]},
        "clientAppTypes": ["all"],
        **parts.pop("conditions", {}),
    }
    grant = {"operator": "OR", "builtInControls": ["mfa"]}
    whole = {
        "id": f"aaaaaaaa-0000-4000-8000-{abs(hash(name)) % 10**12:012d}",
        "displayName": name,
        "state": state,
        "conditions": conditions,
        "grantControls": grant,
        "sessionControls": None,
        **parts,
    }
    sandbox.plant("conditionalAccessPolicies", whole)


def test_where_nothing_is_wrong_nothing_is_found(sandbox: Sandbox, home: Path) -> None:
    for arguments in (server(SENDER), vma(sandbox), NET, motion()):
        for variant in ("guide", "scoped"):
            assert plan(home, *arguments, "--variant", variant)["preflight"] == [], (arguments, variant)


@pytest.mark.parametrize(
    ("sender", "expected", "blocked"),
    [
        (UNLICENSED, ("mailbox_unlicensed", "warns", UNLICENSED), False),
        (ON_PREMISES, ("mailbox_on_premises", "stops", ON_PREMISES), True),
        ("nobody@contoso.example", ("mailbox_missing", "stops", "nobody@contoso.example"), True),
        ("Mail Users", None, True),
        (SALES, None, False),
    ],
)
def test_the_mailbox_is_looked_at(
    sender: str, expected: Finding | None, blocked: bool, sandbox: Sandbox, home: Path
) -> None:
    if "@" not in sender:
        hand = Administrator(sandbox)
        hand.cmdlet("New-DistributionGroup", Name="desk", Type="Security", Members=[SENDER])
        sender = "desk@contoso.example"
        expected = ("not_a_mailbox", "stops", sender)
    mark = sandbox.mark()
    answer = plan(home, *server(sender))
    assert found(answer) == ([expected] if expected else [])
    dependent = ("mailbox_permission.main.FullAccess", "client_access.sender")
    assert all(each in answer["blocked"] for each in dependent) is blocked
    assert sandbox.writes(mark) == []


def test_a_sender_of_microsofts_own_domain(sandbox: Sandbox, home: Path) -> None:
    mailbox = next(dict(each) for each in sandbox.state()["mailboxes"] if each["primarySmtpAddress"] == SENDER)
    own = "cryptshare@contoso-sandbox.onmicrosoft.com"
    sandbox.plant("mailboxes", {**mailbox, "primarySmtpAddress": own})
    (finding,) = plan(home, *server(SENDER))["preflight"]
    assert (finding["name"], finding["severity"]) == ("sender_onmicrosoft", "warns")
    assert own in finding["what"]
    assert "100 external recipients" in finding["why"]


@pytest.mark.parametrize(
    ("account", "changes", "expected"),
    [
        (SENDER, {"accountEnabled": False}, [("account_disabled", "stops", SENDER)]),
        (SENDER, {"onPremisesSyncEnabled": True}, [("account_synchronised", "warns", SENDER)]),
        (SALES, {}, [("account_disabled", "stops", SALES)]),
        (
            "nobody@contoso.example",
            {},
            [
                ("mailbox_missing", "stops", "nobody@contoso.example"),
                ("account_missing", "stops", "nobody@contoso.example"),
            ],
        ),
    ],
)
def test_the_account_is_looked_at(
    account: str, changes: Mapping[str, Any], expected: list[Finding], sandbox: Sandbox, home: Path
) -> None:
    if changes:
        sandbox.plant("users", {**person(sandbox, account), **changes})
    assert found(plan(home, *vma(sandbox, account))) == expected


def test_a_federated_account(sandbox: Sandbox, home: Path) -> None:
    (organization,) = sandbox.state()["organization"]
    domains = [
        {**each, "type": "Federated" if each["isDefault"] else "Managed"} for each in organization["verifiedDomains"]
    ]
    sandbox.plant("organization", {**organization, "verifiedDomains": domains})
    assert found(plan(home, *vma(sandbox))) == [("account_federated", "stops", SENDER)]
    assert found(plan(home, *motion())) == [], "a person at a browser may come from elsewhere"


def _in_group(sandbox: Sandbox) -> str:
    return str(next(each["id"] for each in sandbox.state()["groups"] if each["displayName"] == "Mail Users"))


POLICIES: Mapping[str, tuple[Callable[[Sandbox], dict[str, Any]], str | None]] = {
    # what the policy is, and how much it matters to a product that sends a password
    "everybody": (lambda _: {}, "stops"),
    "blocked": (lambda _: {"grantControls": {"operator": "OR", "builtInControls": ["block"]}}, "stops"),
    "reported": (lambda _: {"state": "enabledForReportingButNotEnforced"}, "warns"),
    "off": (lambda _: {"state": "disabled"}, None),
    "left out": (
        lambda box: {"conditions": {"users": {"includeUsers": ["All"], "excludeUsers": [person(box, SENDER)["id"]]}}},
        None,
    ),
    "left out by group": (
        lambda box: {"conditions": {"users": {"includeUsers": ["All"], "excludeGroups": [_in_group(box)]}}},
        None,
    ),
    "meant by group": (lambda box: {"conditions": {"users": {"includeGroups": [_in_group(box)]}}}, "stops"),
    "administrators": (
        lambda _: {"conditions": {"users": {"includeRoles": ["62e90394-69f5-4237-9190-012177145e10"]}}},
        None,
    ),
    "another application": (
        lambda _: {"conditions": {"applications": {"includeApplications": ["797f4846-ba00-4fd7-ba43-dac1f8f63013"]}}},
        None,
    ),
    "Office 365": (lambda _: {"conditions": {"applications": {"includeApplications": ["Office365"]}}}, "stops"),
    "browsers": (lambda _: {"conditions": {"clientAppTypes": ["browser"]}}, None),
    "elsewhere": (
        lambda _: {"conditions": {"locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]}}},
        "warns",
    ),
    "risky": (lambda _: {"conditions": {"signInRiskLevels": ["high"]}}, "warns"),
    "device codes": (
        lambda _: {"conditions": {"authenticationFlows": {"transferMethods": "deviceCodeFlow"}}},
        None,
    ),
}


@pytest.mark.parametrize("case", POLICIES)
def test_conditional_access_for_a_product_that_sends_a_password(case: str, sandbox: Sandbox, home: Path) -> None:
    make, severity = POLICIES[case]
    conditional(sandbox, **make(sandbox))
    answer = plan(home, *vma(sandbox))
    assert found(answer) == ([("conditional_access", severity, SENDER)] if severity else [])
    assert all('"MFA for everybody"' in each["what"] for each in answer["preflight"])
    if severity:
        assert "Conditional Access Administrator" in answer["preflight"][0]["whoCan"]


@pytest.mark.parametrize("case", ["everybody", "blocked", "left out", "browsers", "defaults"])
def test_what_stops_is_what_really_stops_the_product(case: str, sandbox: Sandbox, home: Path) -> None:
    if case == "defaults":
        defaults(sandbox, on=True)
        stops = True
    else:
        conditional(sandbox, **POLICIES[case][0](sandbox))
        stops = POLICIES[case][1] == "stops"
    arguments = (*vma(sandbox), "--tenant", "sandbox")
    applied = document(forked("apply", *arguments, "--yes", "-o", "json", home=home), 3)
    assert bool(applied["preflight"]) is stops
    verified = forked("verify", *arguments, "-o", "json", home=home)
    (proof,) = (
        each for each in document(verified, verified.returncode)["proofs"] if each["name"] == "password_sign_in"
    )
    assert (proof["state"] == "passed") is not stops, proof


def defaults(sandbox: Sandbox, *, on: bool) -> None:
    policy = next(each for each in sandbox.state()["policies"] if each["displayName"] == "Security Defaults")
    sandbox.call("POST", "/plant", {"collection": "policies", "id": DEFAULTS, "document": {**policy, "isEnabled": on}})


def test_security_defaults(sandbox: Sandbox, home: Path) -> None:
    defaults(sandbox, on=True)
    (finding,) = plan(home, *vma(sandbox))["preflight"]
    assert (finding["name"], finding["severity"], finding["about"]) == ("security_defaults", "stops", SENDER)
    assert "conditional access" in finding["why"]
    for others in (server(SENDER), motion()):
        assert found(plan(home, *others)) == []


def test_conditional_access_for_a_product_that_a_person_signs_in_for(sandbox: Sandbox, home: Path) -> None:
    conditional(sandbox)
    assert found(plan(home, *motion())) == [], "the person does it"
    frequency = {"isEnabled": True, "type": "hours", "value": 4, "frequencyInterval": "timeBased"}
    conditional(sandbox, "Short sessions", grantControls=None, sessionControls={"signInFrequency": frequency})
    answer = plan(home, *motion())
    assert found(answer) == [("sign_in_frequency", "warns", SENDER)]
    assert "4 hours" in answer["preflight"][0]["what"]
    assert found(plan(home, *vma(sandbox))) == [("conditional_access", "stops", SENDER)]


def test_a_policy_for_workload_identities(sandbox: Sandbox, home: Path) -> None:
    """A person looks: the operator application would be blocked itself."""
    block = {"operator": "OR", "builtInControls": ["block"]}
    nobody = {"users": {"includeUsers": ["None"]}}

    def against(*principals: str) -> None:
        workloads = {"clientApplications": {"includeServicePrincipals": list(principals)}}
        conditional(sandbox, "No robots", conditions={**nobody, **workloads}, grantControls=block)

    against("ServicePrincipalsInMyTenant")
    answer = plan(home, *server(SENDER), tenant=GLOBAL)
    assert found(answer) == [("conditional_access", "stops", "Cryptshare Server")]
    assert '"No robots" blocks' in answer["preflight"][0]["what"]

    against("bbbbbbbb-0000-4000-8000-000000000001")
    assert found(plan(home, *server(SENDER), tenant=GLOBAL)) == []


def test_the_licence_that_a_step_by_hand_needs(sandbox: Sandbox, home: Path) -> None:
    for each in sandbox.state()["subscribedSkus"]:
        kept = [plan for plan in each["servicePlans"] if not plan["servicePlanName"].startswith("AAD_PREMIUM")]
        sandbox.plant("subscribedSkus", {**each, "servicePlans": kept})
    answer = plan(home, *vma(sandbox))
    assert found(answer) == [("licence_missing", "warns", "the tenant")]
    assert "MFA" in answer["preflight"][0]["why"]
    assert found(plan(home, *server(SENDER))) == []


def test_what_may_not_be_read_is_said_and_never_fine(sandbox: Sandbox, home: Path) -> None:
    conditional(sandbox)
    answer = plan(home, *vma(sandbox), tenant=CLOUD)
    assert {each["severity"] for each in answer["preflight"]} == {"not-seen"}
    said = {each["what"]: each for each in answer["preflight"]}
    assert set(said) >= {"conditional access was not seen", "whether security defaults are on was not seen"}
    assert "Security Reader" in said["conditional access was not seen"]["whoCan"]
    assert any("mailbox" in each for each in said), "Exchange is closed to this caller, too"


@pytest.mark.parametrize("match", ["conditionalAccess", "securityDefaults", "Get-Recipient", "GET /v1.0/users/"])
def test_a_look_aside_that_fails_is_not_in_the_way_of_the_plan(match: str, sandbox: Sandbox, home: Path) -> None:
    sandbox.fault({"status": 400}, match=match)
    answer = plan(home, *vma(sandbox))
    assert {each["severity"] for each in answer["preflight"]} == {"not-seen"}
    assert answer["blocked"] == []


@pytest.mark.parametrize(
    ("right", "scope", "shut"),
    [
        ("RestrictAccess", NEIGHBOUR, True),
        ("RestrictAccess", SENDER, False),
        ("DenyAccess", NEIGHBOUR, False),
        ("DenyAccess", SENDER, True),
    ],
)
def test_application_access_policies_are_explained(
    right: str, scope: str, shut: bool, sandbox: Sandbox, home: Path
) -> None:
    open_all = (*NET, "--tenant", "sandbox", "--yes", "--allow-tenant-wide", "--allow-twin", "-o", "json")
    document(forked("apply", *open_all, home=home), 3)
    app_id = plan(home, *NET)["applications"][0]["appId"]
    Administrator(sandbox).cmdlet(
        "New-ApplicationAccessPolicy", AppId=app_id, PolicyScopeGroupId=scope, AccessRight=right
    )
    answer = plan(home, *NET)
    closed = [("application_access_policy", "stops", SENDER)] if shut else []
    assert found(answer) == [*closed, ("application_access_policy", "warns", "c-entron.NET")]
    explained = answer["preflight"][-1]
    assert right in explained["what"]
    assert ("never turn it into one" in explained["why"]) is (right == "DenyAccess")


def test_somebody_else_consents_with_the_commands_that_the_first_was_told(
    sandbox: Sandbox, home: Path, tmp_path: Path
) -> None:
    saved = str(tmp_path / "plan.json")
    arguments = (*NET, "--tenant", CLOUD, "--allow-tenant-wide")
    told = forked("plan", *arguments, home=home)
    assert told.returncode == 0, told.stderr
    save, consent = (_command(told.stdout, each) for each in ("plan", "apply"))
    assert forked(*_with(save, saved), home=home).returncode == 0
    first = document(forked("apply", *arguments, "--yes", "-o", "json", home=home), 3)
    (waiting,) = first["consent"]
    assert (waiting["application"], waiting["portal"], waiting["flags"]) == (
        "c-entron.NET",
        None,
        ["--allow-tenant-wide"],
    )
    assert "Privileged Role Administrator" in waiting["whoCan"]
    assert "app_role_grant.main.graph.Mail.Send" in first["blocked"]

    other = fresh_home(tmp_path / "other", sandbox)
    theirs = [PRIVILEGED if each == CLOUD else each for each in _with(consent, saved)]
    second = document(forked(*theirs, "--yes", "-o", "json", home=other), 3)
    done = {address for address, state in outcomes(second).items() if state == "done"}
    assert done == {f"app_role_grant.main.graph.{each}" for each in ("Mail.ReadWrite", "Mail.Send", "User.Read.All")}
    assert second["consent"] == []
    assert plan(home, *NET, "--allow-tenant-wide")["blocked"] == []


def _command(text: str, verb: str) -> list[str]:
    """The arguments of the first command of that verb with FILE in it."""
    line = next(
        each.strip()
        for each in text.splitlines()
        if re.match(rf"\s*(with the plan\s+)?provisioner {verb} .*FILE", each)
    )
    return shlex.split(line.partition("provisioner ")[2])


def _with(command: list[str], file: str) -> list[str]:
    return [file if each == "FILE" else each for each in command]
