"""The cmdlets of scoped roles, over every driver: groups, management scopes, role assignments, the organisation."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from exchange_doubles import Answer, Error, Said

from provisioner.errors import Absent, AlreadyThere, ServiceFault, UnknownOutcome
from provisioner.exchange import groups, management_scopes, organization, role_assignments
from provisioner.exchange.creating import create_once
from provisioner.exchange.interface import CmdletReply
from provisioner.model.faults import Fault
from provisioner.model.identifiers import AppId, ObjectId
from provisioner.model.observed import (
    ExchangePrincipal,
    ManagementScopeRecord,
    OrganizationSettings,
    RoleAssignmentRecord,
    RoleAuthorization,
)

ALIAS = "provisioner-cryptshare-server-default-sender"
GUID = "aaaaaaaa-0000-4000-8000-00000000000a"
DN = "CN=provisioner-cryptshare-server-default-sender,OU=contoso,DC=PROD,DC=OUTLOOK,DC=COM"
GROUP = {
    "Name": ALIAS,
    "Alias": ALIAS,
    "DistinguishedName": DN,
    "Guid": GUID,
    "GroupType": "Universal, SecurityEnabled",
    "RecipientTypeDetails": "MailUniversalSecurityGroup",
    "MemberJoinRestriction": "Closed",
    "MemberDepartRestriction": "Closed",
    "HiddenFromAddressListsEnabled": True,
    "ManagedBy": ["Organization Management"],
    "Description": ["Mailboxes. provisioner:cryptshare/server:default"],
}
PRINCIPAL = ExchangePrincipal(
    "bbbbbbbb-0000-4000-8000-00000000000b",
    AppId("cccccccc-0000-4000-8000-00000000000c"),
    ObjectId("dddddddd-0000-4000-8000-00000000000d"),
    None,
    "Cryptshare",
)
NOT_FOUND = Error(
    "Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException",
    "The operation couldn't be performed because object 'x' couldn't be found on 'DC1.example'.",
    404,
)


def says(*output: Any) -> Answer:
    return lambda cmdlet, parameters: Said(output=output)


def refuses(error: Error) -> Answer:
    return lambda cmdlet, parameters: Said(error=error)


# --- groups


def test_a_group_is_read_with_what_makes_it_safe(either: Any) -> None:
    rig = either(says(GROUP))
    found = rig.run(lambda exchange: groups.get(exchange, ALIAS.upper()))
    assert found is not None
    assert (found.identity, found.distinguished_name, found.alias) == (GUID, DN, ALIAS)
    assert (found.security, found.closed, found.hidden) == (True, True, True)
    assert found.owners == ("Organization Management",)
    assert "provisioner:cryptshare/server:default" in found.notes.split()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"RecipientTypeDetails": "MailUniversalDistributionGroup", "GroupType": "Universal"}, "security"),
        ({"MemberJoinRestriction": "Open"}, "closed"),
        ({"MemberDepartRestriction": "Open"}, "closed"),
        ({"MemberJoinRestriction": None}, "closed"),
        ({"HiddenFromAddressListsEnabled": False}, "hidden"),
    ],
)
def test_what_is_not_said_to_be_safe_is_not(rest_rig: Any, change: dict[str, Any], field: str) -> None:
    found = rest_rig(says({**GROUP, **change})).run(lambda exchange: groups.get(exchange, ALIAS))
    assert getattr(found, field) is False


def test_a_group_of_another_alias_is_not_ours(rest_rig: Any) -> None:
    """`-Identity` also takes names and addresses."""
    rig = rest_rig(says({**GROUP, "Alias": "somebody-elses"}))
    assert rig.run(lambda exchange: groups.get(exchange, ALIAS)) is None
    assert rest_rig(refuses(NOT_FOUND)).run(lambda exchange: groups.get(exchange, ALIAS)) is None


def test_a_group_is_made_closed_with_its_members(either: Any) -> None:
    rig = either(says(GROUP))
    rig.run(
        lambda exchange: groups.create(
            exchange, name=ALIAS, display_name="It's a name", members=("a@x.example", "b@x.example"), notes="n"
        )
    )
    assert rig.calls() == [
        (
            "New-DistributionGroup",
            {
                "Name": ALIAS,
                "Alias": ALIAS,
                "DisplayName": "It's a name",
                "Type": "Security",
                "MemberJoinRestriction": "Closed",
                "MemberDepartRestriction": "Closed",
                "Members": ["a@x.example", "b@x.example"],
                "Notes": "n",
            },
        )
    ]


def test_members_are_known_by_every_address(either: Any) -> None:
    member = {
        "Name": "Anna",
        "PrimarySmtpAddress": "Anna@x.example",
        "EmailAddresses": ["SMTP:Anna@x.example", "smtp:old@x.example", "X500:/o=x"],
        "RecipientTypeDetails": "SharedMailbox",
    }
    nested = {"Name": "team", "PrimarySmtpAddress": "team@x.example", "RecipientType": "MailUniversalSecurityGroup"}
    rig = either(says(member, nested))
    anna, team = rig.run(lambda exchange: groups.members(exchange, GUID))
    assert (anna.address, anna.mailbox) == ("anna@x.example", True)
    assert anna.addresses == {"anna@x.example", "old@x.example"}
    assert team.mailbox is False
    assert rig.calls() == [("Get-DistributionGroupMember", {"Identity": GUID, "ResultSize": "Unlimited"})]


@pytest.mark.parametrize(
    "error",
    [
        Error("Microsoft.Exchange.Management.Tasks.MemberAlreadyExistsException", "…", 400),
        Error("X", 'The recipient "a" is already a member of the group "b".', 400),
    ],
)
def test_adding_a_member_that_is_one_is_fine(either: Any, error: Error) -> None:
    rig = either(refuses(error))
    rig.run(lambda exchange: groups.add(exchange, GUID, member="a@x.example"))
    ((_, parameters),) = rig.calls()
    assert parameters == {"Identity": GUID, "Member": "a@x.example", "BypassSecurityGroupManagerCheck": True}


def test_removing_a_group_that_is_gone_is_fine(either: Any) -> None:
    rig = either(refuses(NOT_FOUND))
    rig.run(lambda exchange: groups.remove(exchange, GUID))
    ((_, parameters),) = rig.calls()
    assert parameters["Confirm"] is False


# --- management scopes


@pytest.mark.parametrize(
    ("written", "same"),
    [
        (f"MemberOfGroup -eq '{DN}'", True),
        (f"memberofgroup  -EQ '{DN.lower()}'", True),
        (f"{{ MemberOfGroup -eq '{DN}' }}", True),
        (f'((MemberOfGroup -eq "{DN}"))', True),
        (f"MemberOfGroup -eq '{DN}' -or Name -like '*'", False),
        (f"MemberOfGroup -ne '{DN}'", False),
        (f"MemberOfGroup -eq '{DN},DC=evil'", False),
        ("", False),
    ],
)
def test_a_filter_is_ours_however_it_is_written_down(written: str, same: bool) -> None:
    assert management_scopes.reaches_members_of(written, DN) is same


def test_quotes_in_a_name_stay_inside_the_filter() -> None:
    hostile = "CN=it's' -or Name -like '*,DC=x"
    written = management_scopes.members_of(hostile)
    assert written.count("'") == 2 + 2 * hostile.count("'")
    assert management_scopes.reaches_members_of(written, hostile)
    assert not management_scopes.reaches_members_of(f"MemberOfGroup -eq '{hostile}'", hostile)


def test_a_scope_by_its_name_among_all(either: Any) -> None:
    """What is asked for by a name that does not exist may be answered with everything."""
    scope = {"Name": ALIAS, "RecipientFilter": "f", "RecipientRoot": ""}
    rig = either(says({**scope, "Name": "other"}, scope))
    assert rig.run(lambda exchange: management_scopes.get(exchange, ALIAS)) == ManagementScopeRecord(ALIAS, "f")


def test_a_scope_that_is_not_there(rest_rig: Any) -> None:
    for answer in (refuses(NOT_FOUND), says(), says({"Name": "other", "RecipientFilter": "f"})):
        assert rest_rig(answer).run(lambda exchange: management_scopes.get(exchange, ALIAS)) is None


def test_a_scope_is_made_and_corrected_by_filter(either: Any) -> None:
    rig = either(says({"Name": ALIAS, "RecipientFilter": "f"}))

    async def work(exchange: Any) -> None:
        await management_scopes.create(exchange, name=ALIAS, recipient_filter="f")
        await management_scopes.set_filter(exchange, name=ALIAS, recipient_filter="g")
        await management_scopes.remove(exchange, ALIAS)

    rig.run(work)
    assert rig.calls() == [
        ("New-ManagementScope", {"Name": ALIAS, "RecipientRestrictionFilter": "f"}),
        ("Set-ManagementScope", {"Identity": ALIAS, "RecipientRestrictionFilter": "g"}),
        ("Remove-ManagementScope", {"Identity": ALIAS, "Confirm": False}),
    ]


# --- role assignments


def test_an_assignment_is_for_the_service_principals_object_id(either: Any) -> None:
    record = {"Name": "n", "Role": "Application Mail.Send", "CustomResourceScope": ALIAS}
    rig = either(says(record))
    made = rig.run(
        lambda exchange: role_assignments.create(
            exchange, name="n", role="Application Mail.Send", principal=PRINCIPAL.object_id, scope=ALIAS
        )
    )
    assert made == RoleAssignmentRecord("n", "Application Mail.Send", ALIAS)
    ((cmdlet, parameters),) = rig.calls()
    assert cmdlet == "New-ManagementRoleAssignment"
    assert parameters == {
        "Name": "n",
        "Role": "Application Mail.Send",
        "App": PRINCIPAL.object_id,
        "CustomResourceScope": ALIAS,
    }


def test_an_assignment_among_all(rest_rig: Any) -> None:
    rows = [{"Name": f"n{number}", "Role": "r"} for number in range(3)]
    found = rest_rig(says(*rows)).run(lambda exchange: role_assignments.get(exchange, "N1"))
    assert found == RoleAssignmentRecord("n1", "r", None)
    assert rest_rig(says(*rows)).run(lambda exchange: role_assignments.get(exchange, "n9")) is None


def test_what_exchange_says_of_a_mailbox(either: Any) -> None:
    rig = either(
        says(
            {
                "RoleName": "Application Mail.Send",
                "GrantedPermissions": "Mail.Send",
                "AllowedResourceScope": ALIAS,
                "ScopeType": "CustomRecipientScope",
                "InScope": True,
            },
            {"RoleName": "Application Mail.Read", "ScopeType": "Organization", "InScope": "False"},
            {"RoleName": "Application Mail.Read", "ScopeType": "AdministrativeUnit", "InScope": "Not Run"},
        )
    )
    found = rig.run(lambda exchange: role_assignments.authorization(exchange, PRINCIPAL, "a@x.example"))
    assert found == (
        RoleAuthorization("Application Mail.Send", ALIAS, organization_wide=False, in_scope=True),
        RoleAuthorization("Application Mail.Read", "", organization_wide=True, in_scope=False),
        RoleAuthorization("Application Mail.Read", "", organization_wide=False, in_scope=None),
    )
    ((cmdlet, parameters),) = rig.calls()
    assert (cmdlet, parameters) == (
        "Test-ServicePrincipalAuthorization",
        {"Identity": PRINCIPAL.object_id, "Resource": "a@x.example"},
    )


# --- the organisation


@pytest.mark.parametrize(("shown", "expected"), [(True, True), (False, False), ("True", True), (None, None)])
def test_whether_the_organisation_is_dehydrated(rest_rig: Any, shown: object, expected: bool | None) -> None:
    found = rest_rig(says({"Name": "x", "IsDehydrated": shown})).run(organization.get)
    assert found == OrganizationSettings(expected)


def test_permitting_customisation_twice_is_fine_and_another_fault_is_none(rest_rig: Any) -> None:
    text = "This operation is not required. Organization is already enabled for customization."
    rest_rig(refuses(Error("InvalidOperationException", text))).run(organization.enable_customization)
    with pytest.raises(ServiceFault):
        rest_rig(refuses(Error("X", "no"))).run(organization.enable_customization)


# --- making a thing whose name is unique


class Lost:
    """A driver whose first answers are lost; what was asked for may have been done."""

    name = undocumented = None

    def __init__(self, *outcomes: Exception | CmdletReply) -> None:
        self.outcomes = list(outcomes)
        self.tries = 0

    async def run(self, cmdlet: str, parameters: object) -> CmdletReply:
        self.tries += 1
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def close(self) -> None: ...


@pytest.mark.parametrize(
    ("done", "tries", "ends"), [(True, 1, "found"), (False, 2, "made")], ids=["it was done", "it was not done"]
)
def test_a_lost_answer_is_looked_into_before_anything_is_repeated(done: bool, tries: int, ends: str) -> None:
    driver = Lost(UnknownOutcome(Fault("exchange", "New-X", 0, "Cut", "cut")), CmdletReply(({"Name": "made"},), ()))

    async def find() -> str | None:
        return "found" if done else None

    assert asyncio.run(create_once(driver, "New-X", {}, lambda record: str(record["Name"]), find)) == ends  # type: ignore[arg-type]
    assert driver.tries == tries


def test_a_name_that_is_taken_is_told_and_what_is_not_visible_is_absent() -> None:
    async def nothing() -> str | None:
        return None

    taken = Lost(AlreadyThere(Fault("exchange", "New-X", 400, "Y", "already exists")))
    with pytest.raises(AlreadyThere):
        asyncio.run(create_once(taken, "New-X", {}, str, nothing))  # type: ignore[arg-type]
    with pytest.raises(Absent):
        asyncio.run(create_once(Lost(CmdletReply((), ())), "New-X", {}, str, nothing))  # type: ignore[arg-type]
