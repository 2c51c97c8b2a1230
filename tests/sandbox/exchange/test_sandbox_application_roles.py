"""RBAC for Applications: groups, scopes, role assignments, and what they come to."""

from __future__ import annotations

from typing import Any

import pytest
from exchange_listeners import APP_ID, MAILBOX, NEIGHBOUR, OBJECT_ID

from provisioner.sandbox import roles
from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.exchange import opath, service
from provisioner.sandbox.exchange.access import Caller
from provisioner.sandbox.exchange.cmdlet import Outcome
from provisioner.sandbox.exchange.faults import CmdletFailed, Failure

ADMINISTRATOR = Caller("admin", frozenset({roles.EXCHANGE_ADMINISTRATOR}), app_only=False)
MEMBER = {"BypassSecurityGroupManagerCheck": True}


def run(sandbox: Sandbox, name: str, **given: Any) -> Outcome:
    cmdlet = service.visible(ADMINISTRATOR, name)
    assert cmdlet is not None
    return service.run(sandbox, cmdlet, list(given.items()))


def ok(sandbox: Sandbox, name: str, **given: Any) -> list[dict[str, Any]]:
    outcome = run(sandbox, name, **given)
    assert outcome.failure is None and outcome.unanswered is None, outcome
    return [dict(record.properties) for record in outcome.objects]


def refused(sandbox: Sandbox, name: str, **given: Any) -> Failure:
    failure = run(sandbox, name, **given).failure
    assert failure is not None
    return failure


def group(sandbox: Sandbox, name: str = "Senders", *members: str) -> dict[str, Any]:
    return ok(sandbox, "New-DistributionGroup", Name=name, Type="Security", Members=list(members))[0]


def scope(sandbox: Sandbox, dn: str, name: str = "Senders only") -> dict[str, Any]:
    restriction = "MemberOfGroup -eq '" + dn.replace("'", "''") + "'"
    return ok(sandbox, "New-ManagementScope", Name=name, RecipientRestrictionFilter=restriction)[0]


@pytest.fixture
def customized(sandbox: Sandbox) -> Sandbox:
    ok(sandbox, "Enable-OrganizationCustomization")
    ok(sandbox, "New-ServicePrincipal", AppId=APP_ID, ObjectId=OBJECT_ID, DisplayName="Ours")
    return sandbox


def verdicts(sandbox: Sandbox, resource: str | None = MAILBOX) -> list[str]:
    given = {} if resource is None else {"Resource": resource}
    return [each["InScope"] for each in ok(sandbox, "Test-ServicePrincipalAuthorization", Identity=OBJECT_ID, **given)]


def test_the_way_of_the_scope(customized: Sandbox) -> None:
    made = group(customized, "Senders", MAILBOX)
    scope(customized, made["DistinguishedName"])
    (assigned,) = ok(
        customized,
        "New-ManagementRoleAssignment",
        App=OBJECT_ID,
        Role="application smtp.sendasapp",
        CustomResourceScope="Senders only",
    )
    assert assigned["Role"] == "Application SMTP.SendAsApp"
    assert (assigned["CustomResourceScope"], assigned["RecipientWriteScope"]) == (
        "Senders only",
        "CustomRecipientScope",
    )
    (pointer,) = ok(customized, "Get-ServicePrincipal", Identity=APP_ID)
    assert assigned["RoleAssignee"] == pointer["Identity"]
    tested = ok(customized, "Test-ServicePrincipalAuthorization", Identity=APP_ID, Resource=MAILBOX)
    assert tested == [
        {
            "RoleName": "Application SMTP.SendAsApp",
            "GrantedPermissions": "SMTP.SendAsApp",
            "AllowedResourceScope": "Senders only",
            "ScopeType": "CustomRecipientScope",
            "InScope": "True",
        }
    ]
    assert verdicts(customized, NEIGHBOUR) == ["False"]
    assert verdicts(customized, None) == ["Not Run"]


def test_everything_can_be_taken_away_again_in_the_right_order(customized: Sandbox) -> None:
    before = customized.store.state_hash()
    made = group(customized)
    scope(customized, made["DistinguishedName"])
    (assigned,) = ok(
        customized,
        "New-ManagementRoleAssignment",
        App=APP_ID,
        Role="Application Mail.Send",
        CustomResourceScope="Senders only",
    )
    in_use = refused(customized, "Remove-ManagementScope", Identity="Senders only", Confirm=False)
    assert (in_use.status, "used by" in in_use.text) == (400, True)
    for name, identity in (
        ("ManagementRoleAssignment", assigned["Name"]),
        ("ManagementScope", "senders ONLY"),
        ("DistributionGroup", made["Guid"]),
    ):
        more = MEMBER if name == "DistributionGroup" else {}
        assert run(customized, f"Remove-{name}", Identity=str(identity), **more).unanswered is not None
        ok(customized, f"Remove-{name}", Identity=str(identity), Confirm=False, **more)
        assert refused(customized, f"Remove-{name}", Identity=str(identity), Confirm=False, **more).status == 404
    assert customized.store.state_hash() == before


def test_only_direct_members_count(customized: Sandbox) -> None:
    group(customized, "Inner", MAILBOX)
    outer = group(customized, "Outer", "Inner", NEIGHBOUR)
    scope(customized, outer["DistinguishedName"])
    for more in ({"CustomResourceScope": "Senders only"}, {"RecipientGroupScope": "Outer"}):
        ok(customized, "New-ManagementRoleAssignment", App=APP_ID, Role="Application Mail.Read", **more)
    assert verdicts(customized, MAILBOX) == ["False", "False"]
    assert verdicts(customized, NEIGHBOUR) == ["True", "True"]
    listed = ok(customized, "Get-DistributionGroupMember", Identity="Outer")
    assert [(each["Name"], each["RecipientType"]) for each in listed] == [
        ("Inner", "MailUniversalSecurityGroup"),
        ("neighbour", "UserMailbox"),
    ]


@pytest.mark.parametrize("name", ["Senders", "O'Brien, Sons + Co"])
def test_another_name_of_the_group_empties_the_scope(customized: Sandbox, name: str) -> None:
    made = group(customized, name, MAILBOX)
    scope(customized, made["DistinguishedName"])
    ok(
        customized,
        "New-ManagementRoleAssignment",
        App=APP_ID,
        Role="Application Mail.Read",
        CustomResourceScope="Senders only",
    )
    assert verdicts(customized) == ["True"]
    ok(customized, "Set-DistributionGroup", Identity=made["DistinguishedName"], DisplayName="Shown otherwise", **MEMBER)
    assert verdicts(customized) == ["True"]
    ok(customized, "Set-DistributionGroup", Identity=name, Name="Renamed", **MEMBER)
    assert verdicts(customized) == ["False"]
    ok(customized, "Set-DistributionGroup", Identity="Renamed", Name=name, **MEMBER)
    assert verdicts(customized) == ["True"]
    ok(customized, "Remove-DistributionGroupMember", Identity=name, Member=MAILBOX, Confirm=False, **MEMBER)
    assert verdicts(customized) == ["False"]


def test_without_a_scope_the_role_is_the_organisations(customized: Sandbox) -> None:
    (made,) = ok(customized, "New-ManagementRoleAssignment", App=APP_ID, Role="Application Exchange Full Access")
    (tested,) = ok(customized, "Test-ServicePrincipalAuthorization", Identity=APP_ID, Resource=NEIGHBOUR)
    assert (tested["AllowedResourceScope"], tested["ScopeType"], tested["InScope"]) == (
        "Organization",
        "Organization",
        "True",
    )
    assert made["CustomResourceScope"] is None
    assert "Calendars.ReadWrite" in tested["GrantedPermissions"].split(", ")


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ({"App": APP_ID, "Role": "Application IMAP.AccessAsApp"}, 404, "Application IMAP.AccessAsApp"),
        ({"App": "5a1f2b3c-0000-4f60-8a7b-9c0d1e2f3a4b", "Role": "Application Mail.Send"}, 404, "couldn't be found"),
        ({"App": APP_ID, "Role": "Application Mail.Send", "CustomResourceScope": "none"}, 404, "'none'"),
        ({"App": APP_ID, "Role": "Application Mail.Send", "RecipientGroupScope": "none"}, 404, "'none'"),
        (
            {"App": APP_ID, "Role": "Application Mail.Send", "CustomResourceScope": "a", "RecipientGroupScope": "b"},
            400,
            "Parameter set",
        ),
        ({"App": APP_ID, "Role": "Application Mail.Send", "Name": "x" * 65}, 400, "maximum length is 64"),
        ({"Role": "Application Mail.Send"}, 400, "missing mandatory parameters: App"),
    ],
)
def test_assignments_that_are_refused(customized: Sandbox, given: dict[str, Any], status: int, words: str) -> None:
    before = customized.store.sequence()
    failure = refused(customized, "New-ManagementRoleAssignment", **given)
    assert failure.status == status
    assert words in failure.text
    assert customized.store.sequence() == before


def test_names_of_assignments(customized: Sandbox) -> None:
    given = {"App": APP_ID, "Role": "Application MailboxConfigItem.ReadWrite"}
    names = [ok(customized, "New-ManagementRoleAssignment", **given)[0]["Name"] for _ in range(3)]
    assert len({*names}) == 3
    assert {len(name) for name in names} == {64}
    ok(customized, "New-ManagementRoleAssignment", Name="n" * 64, **given)
    assert "already exists" in refused(customized, "New-ManagementRoleAssignment", Name="N" * 64, **given).text


def test_assignments_are_listed_by_assignee_and_role(customized: Sandbox) -> None:
    for role in ("Application Mail.Send", "Application Mail.Read"):
        ok(customized, "New-ManagementRoleAssignment", App=APP_ID, Role=role)
    (foreign,) = [each for each in ok(customized, "Get-ServicePrincipal") if each["DisplayName"] == "Scan to Mail"]
    ok(customized, "New-ManagementRoleAssignment", App=foreign["ObjectId"], Role="Application Mail.Send")
    ours = ok(customized, "Get-ManagementRoleAssignment", RoleAssignee=OBJECT_ID)
    assert [each["Role"] for each in ours] == ["Application Mail.Send", "Application Mail.Read"]
    assert len(ok(customized, "Get-ManagementRoleAssignment", Role="Application Mail.Send")) == 2
    (found,) = ok(customized, "Get-ManagementRoleAssignment", Identity=ours[1]["Name"].upper())
    assert found["Guid"] == ours[1]["Guid"]
    everything = ok(customized, "Get-ManagementRoleAssignment")
    assert {each["RoleAssigneeType"] for each in everything} == {"ServicePrincipal", "RoleGroup"}
    assert refused(customized, "Get-ManagementRoleAssignment", RoleAssignee="nobody").status == 404
    assert "parameter name 'App'" in refused(customized, "Get-ManagementRoleAssignment", App=APP_ID).text


def test_a_removed_pointer_leaves_its_assignments_for_nobody(customized: Sandbox) -> None:
    ok(customized, "New-ManagementRoleAssignment", App=APP_ID, Role="Application Mail.Send")
    ok(customized, "Remove-ServicePrincipal", Identity=APP_ID, Confirm=False)
    left = ok(customized, "Get-ManagementRoleAssignment", Role="Application Mail.Send")
    assert len(left) == 1
    ok(customized, "New-ServicePrincipal", AppId=APP_ID, ObjectId=OBJECT_ID)
    assert verdicts(customized) == []


def test_an_organisation_that_was_never_customised_refuses(sandbox: Sandbox) -> None:
    ok(sandbox, "New-ServicePrincipal", AppId=APP_ID, ObjectId=OBJECT_ID)
    assert ok(sandbox, "Get-OrganizationConfig")[0]["IsDehydrated"] is True
    restriction = "Alias -eq 'cryptshare'"
    for name, given in (
        ("New-ManagementScope", {"Name": "s", "RecipientRestrictionFilter": restriction}),
        ("New-ManagementRoleAssignment", {"App": APP_ID, "Role": "Application Mail.Send"}),
    ):
        failure = refused(sandbox, name, **given)
        assert (failure.status, failure.reason) == (400, "InvalidOperationInDehydratedContextException")
        assert "Enable-OrganizationCustomization" in failure.text
    group(sandbox)  # groups need no customisation
    assert ok(sandbox, "Enable-OrganizationCustomization") == []
    assert ok(sandbox, "Get-OrganizationConfig")[0]["IsDehydrated"] is False
    assert "already enabled for customization" in refused(sandbox, "Enable-OrganizationCustomization").text
    ok(sandbox, "New-ManagementScope", Name="s", RecipientRestrictionFilter=restriction)
    ok(sandbox, "New-ManagementRoleAssignment", App=APP_ID, Role="Application Mail.Send", CustomResourceScope="s")


def test_customising_takes_its_time(late_sandbox: Sandbox) -> None:
    ok(late_sandbox, "New-ServicePrincipal", AppId=APP_ID, ObjectId=OBJECT_ID)
    ok(late_sandbox, "Enable-OrganizationCustomization")
    late_sandbox.advance(30)
    assert ok(late_sandbox, "Get-OrganizationConfig")[0]["IsDehydrated"] is False
    seen: list[str] = []
    waited = 0
    while not seen or seen[-1] != "done":
        failure = run(late_sandbox, "New-ManagementRoleAssignment", App=APP_ID, Role="Application Mail.Send").failure
        stage = "done" if failure is None else failure.reason
        if not seen or seen[-1] != stage:
            seen.append(stage)
        late_sandbox.advance(120)
        waited += 120
    assert seen == ["InvalidOperationInDehydratedContextException", "TaskException", "done"]
    assert 2700 <= waited <= 5700


def test_a_fresh_pointer_is_not_found_by_every_server(late_sandbox: Sandbox) -> None:
    ok(late_sandbox, "Enable-OrganizationCustomization")
    late_sandbox.advance(7200)
    ok(late_sandbox, "New-ServicePrincipal", AppId=APP_ID, ObjectId=OBJECT_ID)
    given = {"App": OBJECT_ID, "Role": "Application Mail.Send"}
    early = [run(late_sandbox, "New-ManagementRoleAssignment", **given).failure for _ in range(20)]
    assert {failure.status for failure in early if failure} == {404}
    assert None in early


def test_a_security_group_is_closed_and_hidden_when_told(sandbox: Sandbox) -> None:
    (plain,) = ok(sandbox, "New-DistributionGroup", Name="Plain")
    assert (plain["RecipientTypeDetails"], plain["MemberJoinRestriction"]) == ("MailUniversalDistributionGroup", "Open")
    (made,) = ok(
        sandbox,
        "New-DistributionGroup",
        Name="Scope 1",
        Type="security",
        MemberJoinRestriction="Closed",
        MemberDepartRestriction="Closed",
        PrimarySmtpAddress="scope-1@contoso.example",
        ManagedBy=[NEIGHBOUR],
        Members=[MAILBOX, MAILBOX],
    )
    assert (made["MemberJoinRestriction"], made["MemberDepartRestriction"]) == ("Closed", "Closed")
    assert (made["ManagedBy"], made["GroupType"]) == (("neighbour",), "Universal, SecurityEnabled")
    assert made["HiddenFromAddressListsEnabled"] is False
    ok(
        sandbox,
        "Set-DistributionGroup",
        Identity="scope-1@contoso.example",
        HiddenFromAddressListsEnabled=True,
        **MEMBER,
    )
    (shown,) = ok(sandbox, "Get-DistributionGroup", Identity="SCOPE 1")
    assert shown["HiddenFromAddressListsEnabled"] is True
    assert len(ok(sandbox, "Get-DistributionGroup")) == 2
    assert len(ok(sandbox, "Get-DistributionGroupMember", Identity="Scope 1")) == 1
    again = run(sandbox, "Set-DistributionGroup", Identity="Scope 1", HiddenFromAddressListsEnabled=True, **MEMBER)
    assert "no settings" in again.warnings[0]


def test_names_without_a_latin_letter_get_addresses_of_their_own(sandbox: Sandbox) -> None:
    addresses = {group(sandbox, name)["PrimarySmtpAddress"] for name in ("Ελληνικά", "日本", "🙂")}
    assert len(addresses) == 3
    assert all(each.isascii() for each in addresses)


def test_a_group_is_changed_by_its_managers_unless_passed_over(sandbox: Sandbox) -> None:
    group(sandbox, "Senders", MAILBOX)
    written = sandbox.store.sequence()
    for name, given in (
        ("Set-DistributionGroup", {"Name": "x"}),
        ("Remove-DistributionGroup", {"Confirm": False}),
        ("Add-DistributionGroupMember", {"Member": NEIGHBOUR}),
        ("Remove-DistributionGroupMember", {"Member": MAILBOX, "Confirm": False}),
    ):
        failure = refused(sandbox, name, Identity="Senders", **given)
        assert "only be performed by a manager" in failure.text
    assert sandbox.store.sequence() == written


def test_members_come_and_go_once(sandbox: Sandbox) -> None:
    group(sandbox)
    given = {"Identity": "Senders", "Member": NEIGHBOUR, **MEMBER}
    ok(sandbox, "Add-DistributionGroupMember", **given)
    assert "already a member" in refused(sandbox, "Add-DistributionGroupMember", **given).text
    ok(sandbox, "Remove-DistributionGroupMember", **given, Confirm=False)
    assert "isn't a member" in refused(sandbox, "Remove-DistributionGroupMember", **given, Confirm=False).text
    unknown = {**given, "Member": "nobody@contoso.example"}
    assert refused(sandbox, "Add-DistributionGroupMember", **unknown).status == 404


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"Name": "senders"}, "already exists"),
        ({"Name": "cryptshare"}, "already exists"),
        ({"Name": "Other", "PrimarySmtpAddress": MAILBOX}, "proxy address"),
        ({"Name": "x" * 65}, "maximum length is 64"),
        ({"Name": "Other", "Type": "Shared"}, "enumeration"),
        ({"Name": "Other", "Members": ["nobody@contoso.example"]}, "couldn't be found"),
    ],
)
def test_groups_that_are_refused(sandbox: Sandbox, given: dict[str, Any], words: str) -> None:
    group(sandbox)
    assert words in refused(sandbox, "New-DistributionGroup", **given).text


@pytest.mark.parametrize(
    ("restriction", "chosen"),
    [
        ("PrimarySmtpAddress -eq 'CRYPTSHARE@contoso.example'", {"cryptshare"}),
        ("Alias -eq 'sales' -or alias -EQ \"accounting\"", {"sales", "accounting"}),
        ("RecipientTypeDetails -eq 'SharedMailbox' -and Alias -ne 'sales'", {"accounting"}),
        ("Alias -like 's*' -or (Alias -eq 'neighbour' -and Alias -eq 'cryptshare')", {"sales"}),
        ("MemberOfGroup -eq 'CN=Nobody,OU=contoso'", set()),
        ("CustomAttribute1 -eq 'scoped'", set()),
    ],
)
def test_filters(sandbox: Sandbox, restriction: str, chosen: set[str]) -> None:
    selects = opath.parse(restriction)
    with sandbox.store.transaction() as tx:
        assert {each["alias"] for each in tx.all("mailboxes") if selects(tx, each, None)} == chosen


@pytest.mark.parametrize(
    "restriction",
    [
        "",
        "MemberOfGroup -eq",
        "MemberOfGroup -like 'CN=*'",
        "MemberOfGroup -eq CN=Nobody",
        "MemberOfGroup -eq 'a",
        "Alias -eq 'a' -or",
        "Alias -eq 'a' Alias -eq 'b'",
        "(Alias -eq 'a'",
        "Alias -gt 'a'",
        "Password -eq 'a'",
        "-not (Alias -eq 'a')",
        "(" * 3000 + "Alias -eq 'a'" + ")" * 3000,
    ],
)
def test_filters_that_are_not_played_are_refused(customized: Sandbox, restriction: str) -> None:
    with pytest.raises(CmdletFailed) as problem:
        opath.parse(restriction)
    assert problem.value.failure.status == 400
    if restriction:
        failure = refused(customized, "New-ManagementScope", Name="s", RecipientRestrictionFilter=restriction)
        assert "Invalid filter syntax" in failure.text


@pytest.mark.parametrize("name", ["New-ManagementRoleAssignment", "New-ManagementScope", "Remove-ManagementScope"])
def test_roles_are_the_administrators_business(name: str) -> None:
    recipients = Caller("someone", frozenset({roles.EXCHANGE_RECIPIENT_ADMINISTRATOR}), app_only=False)
    reader = Caller("someone", frozenset({roles.GLOBAL_READER}), app_only=False)
    assert service.visible(recipients, name) is None
    assert service.visible(recipients, "New-DistributionGroup") is not None
    assert service.visible(reader, "New-DistributionGroup") is None
    assert service.visible(reader, "Test-ServicePrincipalAuthorization") is not None
