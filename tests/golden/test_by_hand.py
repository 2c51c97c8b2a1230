"""Each product set up by an administrator's hand, as its guide says and with none of our tools: its golden end state.

So the golden files say nothing that a tenant cannot hold, and they see a scope that is missing, too wide or cancelled.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.golden.match import Comparison, compare, elsewhere
from tests.golden.words import scopes_in_golden_words
from tests.system.support import Sandbox, running_sandbox
from tests.system.tenant import Administrator, in_golden_words

HERE = Path(__file__).parent
GRAPH = "00000003-0000-0000-c000-000000000000"
EXCHANGE = "00000002-0000-0ff1-ce00-000000000000"
SALES = "sales@contoso.example"
CRYPTSHARE = "cryptshare@contoso.example"
ACCOUNTING = "accounting@contoso.example"
NEIGHBOUR = "neighbour@contoso.example"
REDIRECT = "https://product.contoso.example/signed-in"
NATIVE = "https://login.microsoftonline.com/common/oauth2/nativeclient"
GROUP = "cccccccc-0000-4000-8000-000000000001"
HOURS = 3600.0


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


def golden(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))
    return document


class Hand:
    """An administrator with a portal and a PowerShell window."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.given: dict[str, Any] = {
            "tenantId": sandbox.endpoints["tenantId"],
            "sender": SALES,
            "employee": CRYPTSHARE,
            "colleague": ACCOUNTING,
            "incoming": CRYPTSHARE,
            "further": ACCOUNTING,
            "account": SALES,
            "sendingAddress": CRYPTSHARE,
            "denied": NEIGHBOUR,
            "redirect": REDIRECT,
            "group": GROUP,
        }
        self.administrator = Administrator(sandbox)
        self.application: dict[str, Any] = {}
        self.principal: dict[str, Any] = {}
        self.before = self.state()

    def state(self) -> dict[str, Any]:
        state = self.sandbox.state()
        return {**in_golden_words(state), **scopes_in_golden_words(state)}

    def held_against(self, name: str) -> Comparison:
        return compare(golden(name)["applied"], self.before, self.state(), {"given": self.given})

    def take_back(self) -> None:
        """Rights, grants and keys first, then the enterprise application and the registration."""
        state, ours = self.sandbox.state(), self.principal["id"]
        cmdlet, graph = self.administrator.cmdlet, self.administrator.graph
        for name in ("ManagementRoleAssignment", "ManagementScope", "DistributionGroup"):
            for each in state.get(f"{name[0].lower()}{name[1:]}s", []):
                more = {"BypassSecurityGroupManagerCheck": True} if name == "DistributionGroup" else {}
                cmdlet(f"Remove-{name}", Identity=each["name"], Confirm=False, **more)
        for each in state["exchangeServicePrincipals"]:
            if each["objectId"] == ours:
                cmdlet("Remove-ServicePrincipal", Identity=each["id"], Confirm=False)
        for each in state["appRoleAssignments"]:
            if ours in (each["principalId"], each["resourceId"]):
                graph("DELETE", f"/servicePrincipals/{each['resourceId']}/appRoleAssignedTo/{each['id']}")
        for each in state["oauth2PermissionGrants"]:
            if each["clientId"] == ours:
                graph("DELETE", f"/oauth2PermissionGrants/{each['id']}")
        application = graph("GET", f"/applications/{self.application['id']}")
        for each in application["passwordCredentials"]:
            graph("POST", f"/applications/{application['id']}/removePassword", {"keyId": each["keyId"]})
        graph("DELETE", f"/servicePrincipals/{ours}")
        graph("DELETE", f"/applications/{application['id']}")

    def resource(self, app_id: str) -> dict[str, Any]:
        return next(each for each in self.sandbox.state()["servicePrincipals"] if each["appId"] == app_id)

    def permission(self, app_id: str, value: str, kind: str) -> str:
        offered = self.resource(app_id)["appRoles" if kind == "Role" else "oauth2PermissionScopes"]
        return next(str(each["id"]) for each in offered if each["value"] == value)

    def register(self, *, days: int | str | None = 180, **properties: Any) -> None:
        """The registration, its enterprise application and a client secret."""
        body = {"displayName": "By hand", "tags": ["made-by:provisioner"], "signInAudience": "AzureADMyOrg"}
        path = "/applications(uniqueName='by-hand')"
        self.administrator.graph("PATCH", path, {**body, **properties}, {"Prefer": "create-if-missing"})
        self.application = self.administrator.graph("GET", path)
        self.principal = self.administrator.graph(
            "POST",
            "/servicePrincipals",
            {"appId": self.application["appId"], "tags": ["WindowsAzureActiveDirectoryIntegratedApp"]},
        )
        if days is not None:
            self.secret(days)

    def secret(self, ends: int | str) -> None:
        """A client secret for some days, or until a day."""
        start = datetime.fromtimestamp(int(self.sandbox.now()), UTC)
        end = f"{start + timedelta(days=ends):%Y-%m-%dT%H:%M:%SZ}" if isinstance(ends, int) else f"{ends}T00:00:00Z"
        credential = {
            "displayName": "provisioner/by/hand/1",
            "startDateTime": f"{start:%Y-%m-%dT%H:%M:%SZ}",
            "endDateTime": end,
        }
        path = f"/applications/{self.application['id']}/addPassword"
        self.administrator.graph("POST", path, {"passwordCredential": credential})

    def wish(self, *permissions: tuple[str, str, str]) -> None:
        """`requiredResourceAccess`, of (API, Role or Scope, name)."""
        apis: dict[str, list[dict[str, str]]] = {}
        for app_id, kind, value in permissions:
            apis.setdefault(app_id, []).append({"id": self.permission(app_id, value, kind), "type": kind})
        wishes = [{"resourceAppId": app_id, "resourceAccess": entries} for app_id, entries in apis.items()]
        self.administrator.graph("PATCH", f"/applications/{self.application['id']}", {"requiredResourceAccess": wishes})

    def tag(self, *more: str) -> None:
        """Who is at work here: the first, and whoever is attached."""
        tags = {"tags": ["made-by:provisioner", *more]}
        self.administrator.graph("PATCH", f"/applications/{self.application['id']}", tags)

    def consent(self, app_id: str, value: str) -> None:
        self.assign(self.principal["id"], self.resource(app_id)["id"], self.permission(app_id, value, "Role"))

    def assign(self, principal: str, resource: str, role: str) -> None:
        body = {"principalId": principal, "resourceId": resource, "appRoleId": role}
        self.administrator.graph("POST", f"/servicePrincipals/{resource}/appRoleAssignedTo", body)

    def consent_delegated(self, *scopes: str, account: bool = False) -> None:
        self.administrator.graph(
            "POST",
            "/oauth2PermissionGrants",
            {
                "clientId": self.principal["id"],
                "consentType": "Principal" if account else "AllPrincipals",
                "principalId": self.person()["id"] if account else None,
                "resourceId": self.resource(GRAPH)["id"],
                "scope": " ".join(scopes),
            },
        )

    def person(self) -> dict[str, Any]:
        return next(each for each in self.sandbox.state()["users"] if each["userPrincipalName"] == SALES)

    def only_the_account(self) -> None:
        self.administrator.graph(
            "PATCH", f"/servicePrincipals/{self.principal['id']}", {"appRoleAssignmentRequired": True}
        )
        self.assign(self.person()["id"], self.principal["id"], "00000000-0000-0000-0000-000000000000")

    def scope(self, *roles: str, members: Sequence[str] = (SALES,)) -> None:
        cmdlet = self.administrator.cmdlet
        cmdlet("Enable-OrganizationCustomization")
        self.sandbox.advance(2 * HOURS)
        cmdlet = self.administrator_again().cmdlet
        cmdlet(
            "New-ServicePrincipal",
            AppId=self.application["appId"],
            ObjectId=self.principal["id"],
            DisplayName="By hand",
        )
        group = cmdlet(
            "New-DistributionGroup",
            Name="By hand",
            Type="Security",
            MemberJoinRestriction="Closed",
            MemberDepartRestriction="Closed",
            Members=list(members),
        )[0]
        cmdlet(
            "Set-DistributionGroup",
            Identity="By hand",
            HiddenFromAddressListsEnabled=True,
            BypassSecurityGroupManagerCheck=True,
        )
        name = str(group["DistinguishedName"])
        cmdlet("New-ManagementScope", Name="By hand", RecipientRestrictionFilter=f"MemberOfGroup -eq '{name}'")
        for role in roles:
            cmdlet(
                "New-ManagementRoleAssignment",
                Name=f"By hand {role}",
                App=self.principal["id"],
                Role=f"Application {role}",
                CustomResourceScope="By hand",
            )

    def administrator_again(self) -> Administrator:
        """Signed in afresh: tokens do not live for hours."""
        self.administrator = Administrator(self.sandbox)
        return self.administrator

    def switch(self, **switches: bool) -> None:
        self.administrator.cmdlet("Set-CASMailbox", Identity=SALES, **switches)


LOCKED = {
    "PopEnabled": False,
    "OWAEnabled": False,
    "MAPIEnabled": False,
    "ActiveSyncEnabled": False,
    "EwsEnabled": False,
}
NET = ("Mail.ReadWrite", "Mail.Send", "User.Read.All")
CAPPED = "2027-04-01"
ALL = (SALES, CRYPTSHARE, ACCOUNTING)
"""Whoever a scope is for, in the products that are told of several mailboxes."""


def cryptshare_scoped(hand: Hand) -> None:
    hand.register()
    hand.scope("SMTP.SendAsApp")
    hand.switch(SmtpClientAuthenticationDisabled=False)


def net_guide(hand: Hand) -> None:
    hand.register()
    hand.wish(*((GRAPH, "Role", each) for each in NET))
    for each in NET:
        hand.consent(GRAPH, each)


def net_scoped(hand: Hand) -> None:
    hand.register()
    hand.wish((GRAPH, "Role", "User.Read.All"))
    hand.consent(GRAPH, "User.Read.All")
    hand.scope("Mail.Send", "Mail.ReadWrite", members=ALL)


def monitor_guide(hand: Hand) -> None:
    hand.register(days=CAPPED, publicClient={"redirectUris": [NATIVE]}, isFallbackPublicClient=False)
    hand.wish((EXCHANGE, "Role", "full_access_as_app"), (GRAPH, "Scope", "User.Read"))
    hand.consent(EXCHANGE, "full_access_as_app")
    hand.consent_delegated("User.Read")


def monitor_scoped(hand: Hand) -> None:
    hand.register(days=CAPPED)
    hand.scope("EWS.AccessAsApp", members=ALL)


def calendar_guide(hand: Hand) -> None:
    net_guide(hand)
    hand.before = hand.state()
    hand.given["attachedAppId"] = hand.application["appId"]
    more = [(GRAPH, "Role", "Calendars.ReadWrite"), (EXCHANGE, "Role", "full_access_as_app")]
    hand.wish(*((GRAPH, "Role", each) for each in NET), *more)
    for app_id, _, value in more:
        hand.consent(app_id, value)
    hand.tag("made-by:provisioner/calendar-sync")


def calendar_scoped(hand: Hand) -> None:
    hand.register(days=CAPPED)
    hand.scope("Calendars.ReadWrite", "EWS.AccessAsApp", members=ALL)


def with_account(
    scopes: Sequence[str], *, one: bool, switches: dict[str, bool], **properties: Any
) -> Callable[[Hand], None]:
    def set_up(hand: Hand) -> None:
        hand.register(**properties)
        hand.wish(*((GRAPH, "Scope", each) for each in scopes))
        hand.consent_delegated(*reversed(scopes), account=one)
        if one:
            hand.only_the_account()
        if switches:
            hand.switch(**switches)

    return set_up


def owa(hand: Hand) -> None:
    hand.register(days=None, spa={"redirectUris": [REDIRECT]})
    hand.wish((GRAPH, "Scope", "User.Read"), (GRAPH, "Scope", "Mail.ReadWrite"))


def owa_scoped(hand: Hand) -> None:
    owa(hand)
    hand.consent_delegated("User.Read", "Mail.ReadWrite")
    hand.administrator.graph("PATCH", f"/servicePrincipals/{hand.principal['id']}", {"appRoleAssignmentRequired": True})
    # The seed has no group; whoever is assigned, the golden row asks for that id and for a group.
    hand.sandbox.plant("appRoleAssignments", assignment_of_group(hand.principal["id"]))


def assignment_of_group(principal: str) -> dict[str, Any]:
    return {
        "id": "by-hand",
        "deletedDateTime": None,
        "appRoleId": "00000000-0000-0000-0000-000000000000",
        "createdDateTime": "2026-11-22T08:00:00Z",
        "principalDisplayName": "People",
        "principalId": GROUP,
        "principalType": "Group",
        "resourceDisplayName": "By hand",
        "resourceId": principal,
    }


IMAP = ("IMAP.AccessAsUser.All", "offline_access")
MAIL = ("SMTP.Send", *IMAP)
SMTP_ON = {"SmtpClientAuthenticationDisabled": False}
SET_UP: dict[str, Callable[[Hand], None]] = {
    "cryptshare-server.scoped": cryptshare_scoped,
    "centron-net.guide": net_guide,
    "centron-net.scoped": net_scoped,
    "centron-service-board.guide": net_guide,
    "centron-service-board.scoped": net_scoped,
    "monitor-erp.guide": monitor_guide,
    "monitor-erp.scoped": monitor_scoped,
    "centron-calendar-sync.guide": calendar_guide,
    "centron-calendar-sync.scoped": calendar_scoped,
    "centron-vma.guide": with_account(IMAP, one=False, switches={}),
    "centron-vma.scoped": with_account(IMAP, one=True, switches={**LOCKED, "SmtpClientAuthenticationDisabled": True}),
    "cindercone-magma.guide": with_account((*MAIL, "POP.AccessAsUser.All", "User.Read"), one=False, switches=SMTP_ON),
    "cindercone-magma.scoped": with_account(MAIL, one=True, switches={**LOCKED, **SMTP_ON}),
    "xcally-motion.guide": with_account(MAIL, one=False, switches=SMTP_ON, web={"redirectUris": [REDIRECT]}),
    "xcally-motion.scoped": with_account(MAIL, one=True, switches=SMTP_ON, web={"redirectUris": [REDIRECT]}),
    "cryptshare-owa.guide": owa,
    "cryptshare-owa.scoped": owa_scoped,
}


ATTACHED = ("centron-calendar-sync.guide",)
"""What has no application of its own to take back."""


@pytest.fixture
def hand(tenant: Sandbox) -> Hand:
    tenant.reset()
    return Hand(tenant)


@pytest.mark.parametrize("name", SET_UP)
def test_set_up_and_taken_back_by_hand_is_the_golden_end_state_and_what_remove_leaves(name: str, hand: Hand) -> None:
    SET_UP[name](hand)
    found = hand.held_against(name)
    assert found.faults == ()
    if name not in ATTACHED:
        hand.take_back()
        assert compare(golden(name)["removed"], hand.before, hand.state(), found.bindings).faults == ()


def test_calendar_sync_taken_back_by_hand_leaves_the_application_it_was_attached_to(hand: Hand) -> None:
    calendar_guide(hand)
    found = hand.held_against("centron-calendar-sync.guide")
    hand.wish(*((GRAPH, "Role", each) for each in NET))
    hand.tag()
    for grant in ("grantCalendarsReadWrite", "grantFullAccessAsApp"):
        entry = found.bindings[grant]
        hand.administrator.graph("DELETE", f"/servicePrincipals/{entry['resourceId']}/appRoleAssignedTo/{entry['id']}")
    removed = golden("centron-calendar-sync.guide")["removed"]
    assert compare(removed, hand.before, hand.state(), found.bindings).faults == ()


EWS = [
    ("monitor-erp.guide", "ews-list-filled", True),
    ("monitor-erp.scoped", "ews-switched-off", False),
    ("centron-calendar-sync.guide", "ews-switched-off", False),
    ("centron-calendar-sync.scoped", "ews-list-filled", True),
]
OTHER = "dddddddd-0000-4000-8000-000000000001"


@pytest.mark.parametrize(("name", "other", "enabled"), EWS)
def test_where_the_allow_list_holds_others_ours_is_added_by_hand(
    name: str, other: str, enabled: bool, tenant: Sandbox
) -> None:
    tenant.reset()
    Administrator(tenant).cmdlet("Set-OrganizationConfig", EwsAllowedAppIDs=OTHER, EwsEnabled=enabled)
    hand = Hand(tenant)
    hand.given["otherAppId"] = OTHER
    SET_UP[name](hand)
    expected = elsewhere(golden(name), other)
    before_the_list = compare(expected["applied"], hand.before, hand.state(), {"given": hand.given})
    assert any("organizationConfig" in line for line in before_the_list.faults)
    allowed = f"{OTHER},{hand.application['appId']}"
    hand.administrator.cmdlet("Set-OrganizationConfig", EwsAllowedAppIDs=allowed, EwsEnabled=True)
    compared = compare(expected["applied"], hand.before, hand.state(), {"given": hand.given})
    assert compared.faults == ()
    if name not in ATTACHED:
        hand.take_back()
        assert compare(expected["removed"], hand.before, hand.state(), compared.bindings).faults == ()


def full_access(hand: Hand) -> None:
    hand.administrator.cmdlet(
        "Add-MailboxPermission", Identity=SALES, User=hand.principal["id"], AccessRights=["FullAccess"]
    )


def too_many(hand: Hand) -> None:
    hand.administrator.cmdlet(
        "Add-DistributionGroupMember", Identity="By hand", Member=NEIGHBOUR, BypassSecurityGroupManagerCheck=True
    )


def too_few(hand: Hand) -> None:
    for each in (CRYPTSHARE, ACCOUNTING):
        hand.administrator.cmdlet(
            "Remove-DistributionGroupMember",
            Identity="By hand",
            Member=each,
            BypassSecurityGroupManagerCheck=True,
            Confirm=False,
        )


def unscoped(hand: Hand) -> None:
    hand.administrator.cmdlet(
        "New-ManagementRoleAssignment", Name="Wide", App=hand.principal["id"], Role="Application Mail.Send"
    )


def allow(hand: Hand) -> None:
    hand.administrator.cmdlet("Set-OrganizationConfig", EwsAllowedAppIDs=hand.application["appId"])


SPOILED: dict[str, tuple[str, Callable[[Hand], object], str]] = {
    "FullAccess beside the role": ("cryptshare-server.scoped", full_access, "mailboxPermissions: not expected"),
    "a grant that cancels the scope": (
        "centron-net.scoped",
        lambda hand: hand.consent(GRAPH, "Mail.Send"),
        "appRoleAssignments: not expected",
    ),
    "a wish that the portal would grant": (
        "monitor-erp.scoped",
        lambda hand: hand.wish((EXCHANGE, "Role", "full_access_as_app")),
        "requiredResourceAccess",
    ),
    "the neighbour in the group": ("centron-net.scoped", too_many, "Members"),
    "only the default sender in the group": ("centron-net.scoped", too_few, "Members"),
    "a role without a scope": ("centron-net.scoped", unscoped, "managementRoleAssignments: not expected"),
    "a secret that outlives EWS": ("monitor-erp.guide", lambda hand: hand.secret(180), "passwordCredentials"),
    "an empty allow-list written": ("monitor-erp.guide", allow, "EwsAllowedAppIDs"),
    "a grant for everybody": (
        "centron-vma.scoped",
        lambda hand: hand.consent_delegated(*IMAP),
        "oauth2PermissionGrants: not expected",
    ),
    "the guide's permissions in scoped": (
        "cindercone-magma.scoped",
        lambda hand: hand.consent_delegated("POP.AccessAsUser.All"),
        "oauth2PermissionGrants: not expected",
    ),
    "IMAP off": ("centron-vma.scoped", lambda hand: hand.switch(ImapEnabled=False), "also changed"),
    "anybody may use it": (
        "centron-vma.scoped",
        lambda hand: hand.administrator.graph(
            "PATCH", f"/servicePrincipals/{hand.principal['id']}", {"appRoleAssignmentRequired": False}
        ),
        "appRoleAssignmentRequired",
    ),
}


@pytest.mark.parametrize("case", SPOILED)
def test_what_the_guide_does_not_ask_for_is_seen(case: str, hand: Hand) -> None:
    name, spoil, expected = SPOILED[case]
    SET_UP[name](hand)
    spoil(hand)
    faults = hand.held_against(name).faults
    assert any(expected in line for line in faults), faults
