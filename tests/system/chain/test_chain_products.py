"""The products that sign in as an account, in both variants: set up, as wanted, taken away, nothing foreign lost."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.system.chain.steps import document, proofs, texts
from tests.system.support import NEIGHBOUR, SENDER, Sandbox, forked
from tests.system.tenant import FOREIGN, SALES, Administrator, Answer, Planter, only, stored_secrets

GROUP = "Mail Users"
REDIRECT = "https://product.contoso.example/oauth2/back"
SWITCHES = (
    "SmtpClientAuthenticationDisabled",
    "ImapEnabled",
    "PopEnabled",
    "OWAEnabled",
    "MAPIEnabled",
    "ActiveSyncEnabled",
    "EwsEnabled",
)
UNTOUCHED = (None, True, True, True, True, True, True)
SMTP_AND_IMAP = (False, True, True, True, True, True, True)

MAGMA = {"IMAP.AccessAsUser.All", "SMTP.Send", "offline_access"}
WANTED: Mapping[tuple[str, str], tuple[set[str], bool, tuple[bool | None, ...]]] = {
    # delegated permissions granted, whether assignments are asked for, the mailbox's switches
    ("centron/vma", "guide"): ({"IMAP.AccessAsUser.All", "offline_access"}, False, UNTOUCHED),
    ("centron/vma", "scoped"): (
        {"IMAP.AccessAsUser.All", "offline_access"},
        True,
        (True, True, False, False, False, False, False),
    ),
    ("cindercone/magma", "guide"): ({*MAGMA, "POP.AccessAsUser.All", "User.Read"}, False, SMTP_AND_IMAP),
    ("cindercone/magma", "scoped"): (MAGMA, True, (False, True, False, False, False, False, False)),
    ("xcally/motion", "guide"): (MAGMA, False, SMTP_AND_IMAP),
    ("xcally/motion", "scoped"): (MAGMA, True, SMTP_AND_IMAP),
    ("cryptshare/owa", "guide"): ({"User.Read", "Mail.ReadWrite"}, False, UNTOUCHED),
    ("cryptshare/owa", "scoped"): ({"User.Read", "Mail.ReadWrite"}, True, UNTOUCHED),
}
PASSED = "passed"
PROVEN = {
    "centron/vma": {
        "password_sign_in": PASSED,
        "imap_inbox": PASSED,
        "imap_refused": PASSED,
        "nothing_by_itself": PASSED,
    },
    "cindercone/magma": {
        "password_sign_in": PASSED,
        "imap_inbox": PASSED,
        "imap_refused": PASSED,
        "smtp_submission": PASSED,
        "nothing_by_itself": PASSED,
    },
    "xcally/motion": {"sign_in_link": "not-proven", "nothing_by_itself": PASSED},
    "cryptshare/owa": {"sign_in_link": "not-proven"},
}
"""What only a person can prove stays open."""


def given(playbook: str, sandbox: Sandbox) -> tuple[str, ...]:
    """The parameters of a playbook."""
    password = f"mailbox_password=file:{sandbox.directory / 'cryptshare.password'}"
    denied = f"denied_mailbox={NEIGHBOUR}"
    settings = {
        "centron/vma": (f"mailbox={SENDER}", password, denied),
        "cindercone/magma": (f"from_account={SENDER}", f"user={SENDER}", password, denied),
        "xcally/motion": (f"mailbox={SENDER}", f"redirect_uri={REDIRECT}"),
        "cryptshare/owa": (f"redirect_uri={REDIRECT}", f"user_group={GROUP}", f"account={SENDER}"),
    }
    return tuple(word for each in settings[playbook] for word in ("--set", each))


def onboarded(playbook: str, variant: str, sandbox: Sandbox, home: Path) -> dict[str, Any]:
    """An onboarding; by hand and incomplete parts remain, so it ends with 3."""
    arguments = ("--tenant", "sandbox", "--variant", variant, *given(playbook, sandbox), "--yes", "--send")
    return document(forked("onboard", playbook, *arguments, "--allow-twin", "-o", "json", home=home), 3)


@pytest.mark.parametrize(("playbook", "variant"), WANTED)
def test_set_up_proven_as_wanted_and_taken_away(playbook: str, variant: str, sandbox: Sandbox, home: Path) -> None:
    planter = Planter(sandbox)
    planter.plant(FOREIGN["beforeOnboarding"])
    before = sandbox.state()

    answer = onboarded(playbook, variant, sandbox, home)
    assert {each["outcome"]["state"] for each in answer["changes"] if each["outcome"]} <= {"done", "kept"}
    assert proofs(answer) == PROVEN[playbook]
    _holds(sandbox, before, playbook, variant)

    mark, state = sandbox.mark(), sandbox.state_hash()
    for command in (("plan", "--exit-code"), ("apply", "--yes")):
        again = forked(command[0], playbook, "--tenant", "sandbox", *command[1:], "--allow-twin", home=home)
        assert again.returncode == (0 if command[0] == "plan" else 3), again.stdout + again.stderr
    assert sandbox.writes(mark) == []
    assert sandbox.state_hash() == state

    removed = document(forked("remove", playbook, "--tenant", "sandbox", "--yes", "-o", "json", home=home))
    after = sandbox.state()
    changed = {name for name in {*before, *after} if before.get(name, []) != after.get(name, [])}
    assert changed <= {"deletedItems", "casMailboxes", "messages", "audit"}, changed
    assert planter.faults(FOREIGN["beforeOnboarding"]) == []
    assert list((home / "secrets").glob("*/*.json")) == [] or stored_secrets(home) == {}
    told = [each["title"] for each in removed["manual"]]
    assert len(told) == (0 if WANTED[playbook, variant][2] == UNTOUCHED else 1)
    assert all(SENDER in each for each in told), "the switches that stay are named"


def _holds(sandbox: Sandbox, before: dict[str, Any], playbook: str, variant: str) -> None:
    """The tenant is as the variant wants it."""
    scopes, required, switches = WANTED[playbook, variant]
    state = sandbox.state()
    name = f"provisioner-{playbook.replace('/', '-')}-default-main"
    application = only([each for each in state["applications"] if each["uniqueName"] == name])
    principal = only([each for each in state["servicePrincipals"] if each["appId"] == application["appId"]])
    grant = only([each for each in state["oauth2PermissionGrants"] if each["clientId"] == principal["id"]])
    assert set(grant["scope"].split()) == scopes
    assert principal["appRoleAssignmentRequired"] is required
    assigned = [each for each in state["appRoleAssignments"] if each["resourceId"] == principal["id"]]
    one = required and playbook != "cryptshare/owa"
    assert grant["consentType"] == ("Principal" if one else "AllPrincipals")
    people = {each["id"]: each["userPrincipalName"] for each in state["users"]}
    groups = {each["id"]: each["displayName"] for each in state["groups"]}
    names = [people.get(each["principalId"]) or groups[each["principalId"]] for each in assigned]
    assert names == ([] if not required else [SENDER] if one else [GROUP])
    assert people.get(grant["principalId"]) == (SENDER if one else None)
    (found,) = Administrator(sandbox).cmdlet("Get-CASMailbox", Identity=SENDER)
    assert tuple(found[each] for each in SWITCHES) == switches
    uris = {platform: application[platform]["redirectUris"] for platform in ("web", "spa", "publicClient")}
    place = {"xcally/motion": "web", "cryptshare/owa": "spa"}.get(playbook)
    assert uris == {each: [REDIRECT] if each == place else [] for each in uris}
    switched = [each["id"] for each in state["casMailboxes"] if each not in before["casMailboxes"]]
    assert len(switched) == (0 if switches == UNTOUCHED else 1), "another mailbox was touched"


@pytest.mark.parametrize("tenant", ["sandbox:jea", "sandbox:rest"])
def test_every_driver_sets_the_same_switches_in_one_go(tenant: str, sandbox: Sandbox, home: Path) -> None:
    mark = sandbox.mark()
    arguments = ("--variant", "scoped", *given("cindercone/magma", sandbox), "--yes")
    applied = forked("apply", "cindercone/magma", "--tenant", tenant, *arguments, home=home)
    assert applied.returncode == 3, applied.stdout + applied.stderr
    (found,) = Administrator(sandbox).cmdlet("Get-CASMailbox", Identity=SENDER)
    assert tuple(found[each] for each in SWITCHES) == WANTED["cindercone/magma", "scoped"][2]
    assert len([each for each in sandbox.writes(mark) if "CASMailbox" in each]) == 1
    again = forked("plan", "cindercone/magma", "--tenant", tenant, "--exit-code", home=home)
    assert again.returncode == 0, again.stdout


@pytest.mark.parametrize(("variant", "let_in"), [("guide", True), ("scoped", False)])
def test_the_secret_and_another_password(variant: str, let_in: bool, sandbox: Sandbox, home: Path) -> None:
    answer = onboarded("centron/vma", variant, sandbox, home)
    (secret,) = stored_secrets(home).values()
    password = (sandbox.directory / "neighbour.password").read_text()
    app_id = answer["applications"][0]["appId"]
    scope = "https://outlook.office.com/IMAP.AccessAsUser.All"
    try:
        Administrator(sandbox).token_of(app_id, secret, NEIGHBOUR, password, scope)
        signed_in = True
    except Answer as refused:
        assert "AADSTS50105" in str(refused)
        signed_in = False
    assert signed_in is let_in


def test_who_was_assigned_by_others_stays_and_is_named(sandbox: Sandbox, home: Path) -> None:
    onboarded("centron/vma", "scoped", sandbox, home)
    hand = Administrator(sandbox)
    state = sandbox.state()
    ours = only([each for each in state["servicePrincipals"] if each["displayName"] == "c-entron VMA"])
    sales = only([each for each in state["users"] if each["userPrincipalName"] == SALES])
    body = {"principalId": sales["id"], "resourceId": ours["id"], "appRoleId": "00000000-0000-0000-0000-000000000000"}
    hand.graph("POST", f"/servicePrincipals/{ours['id']}/appRoleAssignedTo", body)
    hand.graph("PATCH", f"/servicePrincipals/{ours['id']}", {"appRoleAssignmentRequired": False})

    planned = document(forked("plan", "centron/vma", "--tenant", "sandbox", "-o", "json", home=home))
    change = only([each for each in planned["changes"] if each["address"] == "user_assignment.main"])
    assert [each["name"] for each in change["fields"]] == ["assignment required"]
    assert sales["displayName"] in " ".join(texts(change["notes"]))

    applied = forked("apply", "centron/vma", "--tenant", "sandbox", "--yes", home=home)
    assert applied.returncode == 3, applied.stdout + applied.stderr
    state = sandbox.state()
    assigned = {each["principalId"] for each in state["appRoleAssignments"] if each["resourceId"] == ours["id"]}
    assert sales["id"] in assigned
    principal = only([each for each in state["servicePrincipals"] if each["id"] == ours["id"]])
    assert principal["appRoleAssignmentRequired"] is True


@pytest.mark.parametrize(
    ("playbook", "setting", "told"),
    [
        ("centron/vma", "mailbox=nobody@contoso.example", "there is no account nobody@contoso.example"),
        ("cryptshare/owa", "user_group=Nobody at all", "there is no group Nobody at all"),
    ],
)
def test_nobody_of_that_name(playbook: str, setting: str, told: str, sandbox: Sandbox, home: Path) -> None:
    arguments = ("--tenant", "sandbox", "--variant", "scoped", *given(playbook, sandbox), "--set", setting)
    planned = document(forked("plan", playbook, *arguments, "-o", "json", home=home))
    change = only([each for each in planned["changes"] if each["address"] == "user_assignment.main"])
    assert change["standing"] == "blocked"
    assert told in change["reason"] or told in " ".join(texts(change))


def test_a_group_must_be_named_before_the_door_is_closed(sandbox: Sandbox, home: Path) -> None:
    arguments = ("--tenant", "sandbox", "--variant", "scoped", "--set", f"redirect_uri={REDIRECT}")
    refused = forked("plan", "cryptshare/owa", *arguments, home=home)
    assert refused.returncode == 4
    assert "user_group" in refused.stderr
