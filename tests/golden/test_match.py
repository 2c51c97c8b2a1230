"""The matcher must see every difference, and the golden files must fit a tenant that was set up as the guide says."""

from __future__ import annotations

import copy
import json
import re
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .match import Comparison, compare, handover_faults, plan_faults, said_faults, sheet_of
from .patterns import MISSING, faults, fill, property_of, row_faults, show

HERE = Path(__file__).parent
GOLDEN = json.loads((HERE / "cryptshare-server.guide.json").read_text(encoding="utf-8"))
HANDOVER = json.loads((HERE / "cryptshare-server.handover.json").read_text(encoding="utf-8"))
FOREIGN_THINGS = json.loads((HERE.parent / "data" / "foreign.json").read_text(encoding="utf-8"))
HOSTILE = json.loads((HERE.parent / "data" / "hostile_names.json").read_text(encoding="utf-8"))

TENANT = "11111111-1111-4111-8111-111111111111"
EXCHANGE = "22222222-2222-4222-8222-222222222222"
EXCHANGE_APP = "00000002-0000-0ff1-ce00-000000000000"
SEND_AS_APP = "7146a1f0-8703-45b3-9eae-527a64c00995"
APP_ID = "aaaaaaaa-0000-4000-8000-000000000001"
APPLICATION = "aaaaaaaa-0000-4000-8000-000000000002"
PRINCIPAL = "aaaaaaaa-0000-4000-8000-000000000003"
KEY = "aaaaaaaa-0000-4000-8000-000000000004"
FOREIGN = "bbbbbbbb-0000-4000-8000-000000000001"
SID = "S-1-5-21-1-2-3-4"
SENDER = "cryptshare@contoso.example"
GIVEN = {"given": {"sender": SENDER, "tenantId": TENANT}}

Tenant = dict[str, list[dict[str, Any]]]


def untouched() -> Tenant:
    """A tenant before onboarding, with one foreign thing in each collection."""
    return {
        "applications": [{"id": FOREIGN, "displayName": "Printer", "tags": ["b", "a"], "deletedDateTime": None}],
        "servicePrincipals": [{"id": EXCHANGE, "appId": EXCHANGE_APP, "displayName": "Office 365 Exchange Online"}],
        "appRoleAssignments": [{"id": "f", "principalId": FOREIGN, "resourceId": EXCHANGE, "appRoleId": SEND_AS_APP}],
        "oauth2PermissionGrants": [{"id": "g", "clientId": FOREIGN, "scope": "openid User.Read"}],
        "exchangeServicePrincipals": [{"AppId": FOREIGN, "ObjectId": FOREIGN, "Sid": "S-1-5-21-9", "Identity": "x"}],
        "mailboxes": [
            {"Identity": "cryptshare", "PrimarySmtpAddress": SENDER, "Guid": None},
            {"Identity": "neighbour", "PrimarySmtpAddress": "neighbour@contoso.example", "Guid": None},
        ],
        "mailboxPermissions": [
            {
                "Identity": "cryptshare",
                "User": "NT AUTHORITY\\SELF",
                "AccessRights": ["FullAccess", "ReadPermission"],
                "IsInherited": False,
                "Deny": False,
            }
        ],
        "casMailboxes": [
            {"Identity": "cryptshare", "ImapEnabled": True, "SmtpClientAuthenticationDisabled": None},
            {"Identity": "neighbour", "ImapEnabled": True, "SmtpClientAuthenticationDisabled": True},
        ],
        "transportConfig": [{"Identity": "Transport Settings", "SmtpClientAuthenticationDisabled": True}],
    }


def onboarded() -> Tenant:
    """The same tenant after a person has followed the guide, and switched SMTP AUTH on, with our names on it."""
    state = untouched()
    state["applications"].append(
        {
            "id": APPLICATION,
            "appId": APP_ID,
            "deletedDateTime": None,
            "createdDateTime": "2026-11-22T08:00:00Z",
            "displayName": "Cryptshare Server",
            "signInAudience": "AzureADMyOrg",
            "uniqueName": "provisioner-x",
            "tags": ["made-by:provisioner"],
            "isFallbackPublicClient": None,
            "keyCredentials": [],
            "web": {
                "redirectUris": [],
                "implicitGrantSettings": {"enableAccessTokenIssuance": False, "enableIdTokenIssuance": False},
            },
            "spa": {"redirectUris": []},
            "publicClient": {"redirectUris": []},
            "requiredResourceAccess": [
                {"resourceAppId": EXCHANGE_APP, "resourceAccess": [{"id": SEND_AS_APP, "type": "Role"}]}
            ],
            "passwordCredentials": [
                {
                    "keyId": KEY,
                    "displayName": "provisioner/default/mail/01",
                    "startDateTime": "2026-11-22T08:00:01.1234567Z",
                    "endDateTime": "2027-05-21T08:00:00Z",
                    "hint": "Abc",
                    "secretText": None,
                    "customKeyIdentifier": None,
                }
            ],
        }
    )
    state["servicePrincipals"].append(
        {
            "id": PRINCIPAL,
            "appId": APP_ID,
            "deletedDateTime": None,
            "displayName": "Cryptshare Server",
            "accountEnabled": True,
            "servicePrincipalType": "Application",
            "appOwnerOrganizationId": TENANT,
            "signInAudience": "AzureADMyOrg",
            "appRoleAssignmentRequired": False,
            "servicePrincipalNames": [APP_ID],
            "replyUrls": [],
            "tags": ["WindowsAzureActiveDirectoryIntegratedApp"],
        }
    )
    state["appRoleAssignments"].append(
        {
            "id": "ours",
            "principalId": PRINCIPAL,
            "resourceId": EXCHANGE,
            "appRoleId": SEND_AS_APP,
            "principalType": "ServicePrincipal",
            "createdDateTime": "2026-11-22T08:00:02Z",
        }
    )
    state["exchangeServicePrincipals"].append(
        {"AppId": APP_ID.upper(), "ObjectId": PRINCIPAL, "Sid": SID, "Identity": "cs", "DisplayName": None}
    )
    state["mailboxPermissions"].append(
        {"Identity": "cryptshare", "User": SID, "AccessRights": ["FullAccess"], "IsInherited": False, "Deny": False}
    )
    state["casMailboxes"][0]["SmtpClientAuthenticationDisabled"] = False
    return state


def removed() -> Tenant:
    """The tenant after remove: as before, but for the recycle bin and the shared switch."""
    state = untouched()
    was = onboarded()
    bin_of = [
        {**was["applications"][1], "passwordCredentials": [], "deletedDateTime": "2026-11-23T08:00:00Z"},
        {**was["servicePrincipals"][1], "deletedDateTime": "2026-11-23T08:00:00Z"},
    ]
    state["applications"].append(bin_of[0])
    state["deletedItems"] = [bin_of[1]]
    state["casMailboxes"][0]["SmtpClientAuthenticationDisabled"] = False
    return state


def applied(after: Tenant) -> Comparison:
    return compare(GOLDEN["applied"], untouched(), after, GIVEN)


def test_the_guide_carried_out_is_the_golden_end_state() -> None:
    assert applied(onboarded()).faults == ()


def test_the_bindings_are_the_documents_found() -> None:
    found = applied(onboarded()).bindings
    assert found["application"]["id"] == APPLICATION
    assert found["servicePrincipal"]["id"] == PRINCIPAL
    assert found["mailbox"]["PrimarySmtpAddress"] == SENDER


def test_collections_may_be_given_by_id_and_in_any_order() -> None:
    after: dict[str, Any] = {
        name: {str(place): each for place, each in enumerate(documents)} for name, documents in onboarded().items()
    }
    after["applications"]["0"]["tags"].reverse()
    assert compare(GOLDEN["applied"], untouched(), after, GIVEN).faults == ()


def edited(collection: str, place: int, **properties: object) -> Callable[[Tenant], object]:
    return lambda state: state[collection][place].update(properties)


def added(collection: str, **properties: object) -> Callable[[Tenant], object]:
    return lambda state: state[collection].append(dict(properties))


def dropped(collection: str, place: int) -> Callable[[Tenant], object]:
    return lambda state: state[collection].__delitem__(place)


def with_password(**properties: object) -> Callable[[Tenant], object]:
    return lambda state: state["applications"][1]["passwordCredentials"][0].update(properties)


GRAPH_USER_READ = {
    "resourceAppId": "00000003-0000-0000-c000-000000000000",
    "resourceAccess": [{"id": "e1fe6dd8-ba31-4d61-89e7-88639da4683d", "type": "Scope"}],
}

WRONG: dict[str, tuple[Callable[[Tenant], object], str]] = {
    "nothing done at all": (lambda state: state.update(untouched()), "expected a new document"),
    "multi-tenant": (edited("applications", 1, signInAudience="AzureADMultipleOrgs"), "guide step 5"),
    "a redirect URI": (edited("applications", 1, publicClient={"redirectUris": ["https://x"]}), "redirect URI"),
    "public client": (edited("applications", 1, isFallbackPublicClient=True), "isFallbackPublicClient"),
    "permission not asked for": (edited("applications", 1, requiredResourceAccess=[]), "guide step 9"),
    "User.Read asked for too": (
        lambda state: state["applications"][1]["requiredResourceAccess"].append(GRAPH_USER_READ),
        "not expected",
    ),
    "the delegated twin asked for": (
        edited(
            "applications",
            1,
            requiredResourceAccess=[
                {"resourceAppId": EXCHANGE_APP, "resourceAccess": [{"id": SEND_AS_APP, "type": "Scope"}]}
            ],
        ),
        "guide step 9",
    ),
    "no secret": (edited("applications", 1, passwordCredentials=[]), "guide step 7"),
    "two secrets": (
        lambda state: state["applications"][1]["passwordCredentials"].append(
            {**state["applications"][1]["passwordCredentials"][0], "keyId": FOREIGN}
        ),
        "passwordCredentials: not expected",
    ),
    "secret for two years": (with_password(endDateTime="2028-11-21T08:00:00Z"), "180.1 days"),
    "secret of an unknown maker": (with_password(displayName="mail"), "provisioner/"),
    "secret without intent": (with_password(displayName="provisioner/default/mail"), "provisioner/"),
    "secret kept readable": (with_password(secretText="Abc8Q~"), "secretText"),
    "a certificate": (edited("applications", 1, keyCredentials=[{"keyId": KEY}]), "keyCredentials"),
    "underscore in the unique name": (edited("applications", 1, uniqueName="our_app"), "uniqueName"),
    "no unique name": (edited("applications", 1, uniqueName=None), "uniqueName"),
    "no tag of ours": (edited("applications", 1, tags=["finance"]), "tags"),
    "a tag with a blank": (edited("applications", 1, tags=["made by provisioner"]), "tags[0]"),
    "a name over the limit": (edited("applications", 1, displayName="x" * 121), "displayName"),
    "no service principal": (dropped("servicePrincipals", 1), "the enterprise application: expected a new document"),
    "service principal disabled": (edited("servicePrincipals", 1, accountEnabled=False), "accountEnabled"),
    "service principal hidden in the portal": (edited("servicePrincipals", 1, tags=[]), "IntegratedApp"),
    "secret on the service principal": (
        edited("servicePrincipals", 1, passwordCredentials=[{"keyId": KEY}]),
        "passwordCredentials",
    ),
    "no consent": (dropped("appRoleAssignments", 1), "admin consent to SMTP.SendAsApp: expected a new document"),
    "consent to full access": (
        edited("appRoleAssignments", 1, appRoleId="dc890d15-9560-4a4c-9b7f-a736ec74ec40"),
        "appRoleId",
    ),
    "consent on another API": (edited("appRoleAssignments", 1, resourceId=FOREIGN), "resourceId"),
    "consent given to the registration": (edited("appRoleAssignments", 1, principalId=APPLICATION), "principalId"),
    "one consent more": (
        added("appRoleAssignments", id="z", principalId=PRINCIPAL, resourceId=EXCHANGE, appRoleId=FOREIGN),
        "appRoleAssignments: not expected",
    ),
    "a delegated grant": (
        added("oauth2PermissionGrants", id="z", clientId=PRINCIPAL, scope="User.Read"),
        "oauth2PermissionGrants: not expected",
    ),
    "no pointer": (dropped("exchangeServicePrincipals", 1), "Exchange's record"),
    "pointer to the registration": (edited("exchangeServicePrincipals", 1, ObjectId=APPLICATION), "ObjectId"),
    "two pointers": (
        added("exchangeServicePrincipals", AppId=APP_ID, ObjectId=APPLICATION, Sid="S-1-5-21-7", Identity="cs2"),
        "exchangeServicePrincipals: not expected",
    ),
    "no mailbox right": (dropped("mailboxPermissions", 1), "FullAccess of the service principal"),
    "right on the neighbour's mailbox": (edited("mailboxPermissions", 1, Identity="neighbour"), "Identity"),
    "right of somebody else": (edited("mailboxPermissions", 1, User="S-1-5-21-9"), "User"),
    "right that denies": (edited("mailboxPermissions", 1, Deny=True), "Deny"),
    "a right too many": (
        edited("mailboxPermissions", 1, AccessRights=["FullAccess", "ChangePermission"]),
        "AccessRights",
    ),
    "automapping": (edited("mailboxPermissions", 1, AutoMapping=True), "AutoMapping"),
    "SMTP AUTH forgotten": (
        edited("casMailboxes", 0, SmtpClientAuthenticationDisabled=None),
        "SMTP AUTH on for the sender mailbox only: expected one changed document, it is as before",
    ),
    "SMTP AUTH off": (
        edited("casMailboxes", 0, SmtpClientAuthenticationDisabled=True),
        "SmtpClientAuthenticationDisabled: expected false, found true",
    ),
    "IMAP switched as well": (edited("casMailboxes", 0, ImapEnabled=False), "also changed: ImapEnabled true -> false"),
    "SMTP AUTH on at the neighbour": (
        edited("casMailboxes", 1, SmtpClientAuthenticationDisabled=False),
        'casMailboxes: changed, although not expected: "neighbour"',
    ),
    "SMTP AUTH on for the organisation": (
        edited("transportConfig", 0, SmtpClientAuthenticationDisabled=False),
        "transportConfig: changed, although not expected",
    ),
    "a foreign application gone": (dropped("applications", 0), "applications: gone, although not ours"),
    "a foreign application renamed": (
        edited("applications", 0, displayName="Plotter"),
        'displayName "Printer" -> "Plotter"',
    ),
    "a foreign application in the recycle bin": (
        edited("applications", 0, deletedDateTime="2026-11-22T08:00:00Z"),
        "deletedItems: not expected",
    ),
    "a foreign mailbox right gone": (dropped("mailboxPermissions", 0), "mailboxPermissions: gone"),
    "a new collection": (lambda state: state.update(groups=[{"id": "new"}]), "groups: not expected"),
    "a collection not shown": (
        lambda state: state.pop("oauth2PermissionGrants"),
        "the state has no collection oauth2PermissionGrants",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_every_way_to_miss_the_guide_is_seen(case: str) -> None:
    spoil, expected = WRONG[case]
    after = onboarded()
    spoil(after)
    assert any(expected in fault for fault in applied(after).faults), applied(after).faults


def test_one_difference_is_one_fault() -> None:
    after = onboarded()
    after["exchangeServicePrincipals"][1]["ObjectId"] = APPLICATION
    assert len(applied(after).faults) == 1


def test_a_missing_document_does_not_make_the_matcher_stumble() -> None:
    after = onboarded()
    del after["applications"][1]
    lines = applied(after).faults
    assert any("the app registration: expected a new document" in line for line in lines)
    assert any("$application.appId is not there to compare with" in line for line in lines)


def test_an_equal_second_document_is_one_too_many() -> None:
    after = onboarded()
    after["mailboxPermissions"].append(dict(after["mailboxPermissions"][0]))
    assert any("mailboxPermissions: not expected" in line for line in applied(after).faults)


def test_what_a_changed_property_was_is_compared_too() -> None:
    before, after = untouched(), onboarded()
    before["casMailboxes"][0]["SmtpClientAuthenticationDisabled"] = False
    after["casMailboxes"][0]["ImapEnabled"] = False
    lines = compare(GOLDEN["applied"], before, after, GIVEN).faults
    assert any("before: SmtpClientAuthenticationDisabled: expected one of" in line for line in lines)


def test_mails_are_not_compared() -> None:
    after = onboarded()
    after["messages"] = [{"id": "m"}]
    assert applied(after).faults == ()


def test_a_null_of_both_sides_is_no_identity() -> None:
    after = onboarded()
    after["mailboxPermissions"][1]["Identity"] = None
    assert any("Identity" in fault for fault in applied(after).faults)


def test_remove_leaves_the_recycle_bin_and_the_shared_switch() -> None:
    found = applied(onboarded()).bindings
    assert compare(GOLDEN["removed"], untouched(), removed(), found).faults == ()


def test_the_deleted_service_principal_need_not_show() -> None:
    state = removed()
    state["deletedItems"] = []
    assert compare(GOLDEN["removed"], untouched(), state, applied(onboarded()).bindings).faults == ()


LEFT: dict[str, tuple[Callable[[Tenant], object], str]] = {
    "the application not deleted": (edited("applications", 1, deletedDateTime=None), "applications: not expected"),
    "a credential in the recycle bin": (
        edited("applications", 1, passwordCredentials=[{"keyId": KEY}]),
        "passwordCredentials",
    ),
    "the grant left": (added("appRoleAssignments", id="ours", principalId=PRINCIPAL), "appRoleAssignments"),
    "the pointer left": (added("exchangeServicePrincipals", AppId=APP_ID, ObjectId=PRINCIPAL), "exchangeServicePri"),
    "the mailbox right left": (
        added("mailboxPermissions", Identity="cryptshare", User=SID, AccessRights=["FullAccess"]),
        "mailboxPermissions: not expected",
    ),
    "the shared switch reverted silently": (
        edited("casMailboxes", 0, SmtpClientAuthenticationDisabled=None),
        "it is as before",
    ),
    "the foreign grant taken along": (dropped("appRoleAssignments", 0), "appRoleAssignments: gone"),
    "a foreign thing in the bin": (added("deletedItems", id=FOREIGN, deletedDateTime="2026-11-22T08:00:00Z"), FOREIGN),
}


@pytest.mark.parametrize("case", LEFT)
def test_every_way_to_remove_wrongly_is_seen(case: str) -> None:
    spoil, expected = LEFT[case]
    state = removed()
    spoil(state)
    lines = compare(GOLDEN["removed"], untouched(), state, applied(onboarded()).bindings).faults
    assert any(expected in line for line in lines), lines


# --- single patterns -----------------------------------------------------------------------------------------------

FITS: list[tuple[Any, Any]] = [
    ("<any>", None),
    ("<absent>", MISSING),
    ("<empty>", MISSING),
    ("<empty>", {"a": None, "b": {"c": []}}),
    ("<text>", "x"),
    ("<guid>", APP_ID.upper()),
    ("<instant>", "2026-11-22T08:00:00.1234567Z"),
    ("<secret>", "Abc8Q~xyz"),
    ("$a.id", APP_ID.upper()),
    ([1, 2], [2, 1]),
    ([{"<one of>": [1, 2]}, 1], [1, 2]),
    ({"a": 1}, {"a": 1, "b": 2}),
    ({"<contains>": ["a"]}, ["b", "a"]),
    ({"<each>": {"<matches>": "^a"}}, ["a", "ab"]),
    ({"<one of>": [None, "<absent>"]}, MISSING),
    ({"<all of>": ["<text>", {"<matches>": "^a"}]}, "abc"),
    ({"AppId": 1}, {"appId": 1}),
    ({"<words>": ["openid", "User.Read"]}, "User.Read  openid"),
    ({"<filled>": "^/apps/$a.id$"}, f"/apps/{APP_ID.upper()}"),
    ({"<filled>": "(^|,)$a.id(,|$)"}, f"x,{APP_ID}"),
]

FAILS: list[tuple[Any, Any]] = [
    ("<any>", MISSING),
    ("<absent>", None),
    ("<empty>", {"a": 0}),
    ("<empty>", False),
    ("<text>", "  "),
    ("<guid>", APP_ID + "0"),
    ("<instant>", "2026-11-22T08:00:00+01:00"),
    ("<secret>", APP_ID),
    ("<secret>", None),
    ("$a.id", FOREIGN),
    ("$a.nothing", None),
    ("$a.nothing", MISSING),
    (True, 1),
    (0, False),
    (None, MISSING),
    ("a", "A"),
    ([], None),
    ([1], [1, 1]),
    ([1, 1], [1]),
    ([1, 1], [1, 2]),
    ({"a": 1}, {"b": 1}),
    ({"a": 1}, [1]),
    ({"appId": 1}, {"AppId": 1}),
    ({"<contains>": ["a"]}, ["b"]),
    ({"<contains>": ["a"]}, "a"),
    ({"<each>": "<text>"}, ["a", ""]),
    ({"<one of>": [1, 2]}, 3),
    ({"<all of>": ["<text>", {"<matches>": "^a"}]}, "b"),
    ({"<matches>": "a"}, None),
    ({"<words>": ["openid", "User.Read"]}, "User.Read"),
    ({"<words>": ["openid"]}, "openid openid"),
    ({"<words>": ["openid"]}, "OpenID"),
    ({"<words>": []}, None),
    ({"<filled>": "^/apps/$a.id$"}, f"/apps/{APP_ID}/"),
    ({"<filled>": "^/apps/$a.id$"}, None),
    ({"<filled>": "^$a.nothing"}, ""),
]


@pytest.mark.parametrize(("pattern", "value"), FITS)
def test_fits(pattern: Any, value: Any) -> None:
    assert faults(pattern, value, {"a": {"id": APP_ID}}) == []


@pytest.mark.parametrize(("pattern", "value"), FAILS)
def test_does_not_fit(pattern: Any, value: Any) -> None:
    assert faults(pattern, value, {"a": {"id": APP_ID}}, "here")[0].startswith("here")


def test_a_value_filled_in_is_no_expression() -> None:
    bound = {"a": {"name": "Sales (.*)"}}
    assert faults({"<filled>": "^CN=$a.name,"}, "CN=Sales (.*),OU=x", bound) == []
    assert faults({"<filled>": "^CN=$a.name,"}, "CN=Sales everybody,OU=x", bound) != []


@pytest.mark.parametrize("pattern", ["<guide>", {"<one off>": []}, "$nobody.id", {"<filled>": "x$nobody.id"}])
def test_a_misspelled_pattern_is_no_difference_but_an_error(pattern: Any) -> None:
    with pytest.raises(ValueError, match=r"no such|nothing is bound"):
        faults(pattern, "x", {})


@pytest.mark.parametrize(
    ("start", "end", "fit"),
    [
        ("2026-01-01T00:00:00Z", "2026-01-11T00:00:00Z", True),
        ("2026-01-01T00:00:00Z", "2026-01-11T12:00:00.5Z", False),
        ("2026-01-01T00:00:00Z", "2025-12-22T00:00:00Z", False),
        (None, "2026-01-11T00:00:00Z", False),
        ("2026-01-01T00:00:00Z", None, False),
    ],
)
def test_days_after(start: str | None, end: str | None, fit: bool) -> None:
    pattern = {"end": {"<days after>": {"property": "start", "least": 9, "most": 10}}}
    assert (faults(pattern, {"start": start, "end": end}, {}) == []) is fit


def test_a_row_may_name_several_properties() -> None:
    row = {"property": ["User", "UserSid"], "is": SID, "source": "somewhere"}
    assert row_faults([row], {"User": "Cryptshare Server", "UserSid": SID}, {}) == []
    assert row_faults([row], {"User": "Cryptshare Server"}, {})[0].endswith("[somewhere]")


def test_paths_do_not_fall_through_what_is_no_object() -> None:
    assert property_of({"web": None}, "web.redirectUris") is MISSING


def test_hostile_values_stay_ascii_in_messages() -> None:
    text = show({"displayName": "\x1b[31m\u202e[bold]\U0001f4a3"})
    assert text.isascii()
    assert "\x1b" not in text
    assert len(show("x" * 10_000)) == 160


def test_fill_replaces_embedded_references_and_splices_lists() -> None:
    bindings = {"application": {"id": APPLICATION, "tags": ["ours"]}}
    template = {"path": "/applications/$application.id?$select=id", "tags": ["$application.tags", "theirs"]}
    assert fill(template, bindings) == {
        "path": f"/applications/{APPLICATION}?$select=id",
        "tags": ["ours", "theirs"],
    }
    with pytest.raises(ValueError, match="is not there"):
        fill("$application.nothing", bindings)


# --- plan, words, handover -----------------------------------------------------------------------------------------

FIRST = [
    {"kind": "application", "action": "create"},
    {"kind": "service_principal", "action": "create"},
    {"kind": "RequestedPermissions", "action": "create"},
    {"kind": "app_role_grant", "action": "create"},
    {"kind": "client_secret", "action": "create"},
    {"kind": "exchange_pointer", "action": "create"},
    {"kind": "mailbox_permission", "action": "create"},
    {"kind": "client_access", "action": "update"},
]


def test_the_first_plan() -> None:
    assert plan_faults(GOLDEN["firstPlan"], FIRST) == []
    assert GOLDEN["firstPlan"]["total"] == len(FIRST) == sum(each["count"] for each in GOLDEN["firstPlan"]["changes"])


def test_a_second_plan_that_changes_something_is_seen() -> None:
    kept = [{**each, "action": "keep"} for each in FIRST]
    assert plan_faults(GOLDEN["secondPlan"], kept) == []
    lines = plan_faults(GOLDEN["secondPlan"], [{"kind": "client_secret", "action": "create"}, *kept[:4], *kept[5:]])
    assert len(lines) == 2
    assert "expected client secret" in lines[0]
    assert "not expected: client_secret: create" in lines[1]


@pytest.mark.parametrize("place", range(len(FIRST)))
def test_a_change_missing_or_doubled_in_the_plan_is_seen(place: int) -> None:
    assert len(plan_faults(GOLDEN["firstPlan"], FIRST[:place] + FIRST[place + 1 :])) == 1
    assert len(plan_faults(GOLDEN["firstPlan"], [*FIRST, FIRST[place]])) == 1


def planned(kind: str, **more: object) -> dict[str, Any]:
    return {"kind": kind, "action": "create", "standing": "ready", "gate": None, **more}


def wanted(kind: str, **more: object) -> dict[str, Any]:
    return {**planned(kind), "count": 1, "source": "guide", **more}


def test_gate_and_standing_of_a_change_are_compared_and_may_differ_between_changes_of_one_kind() -> None:
    rows = {
        "changes": [
            wanted("app_role_grant", gate="tenant-wide"),
            wanted("app_role_grant"),
            wanted("ews_access", standing="manual"),
        ]
    }
    good = [
        planned("app_role_grant"),
        planned("app_role_grant", gate="tenant-wide"),
        planned("ews_access", standing="manual"),
    ]
    assert plan_faults(rows, good) == []
    for wrong in (
        [good[0], good[0], good[2]],
        [*good[:2], planned("ews_access")],
        [good[0], {**good[1], "standing": "blocked"}, good[2]],
    ):
        assert len(plan_faults(rows, wrong)) == 2
    assert 'ews_access: create standing "manual"' in plan_faults(rows, good[:2])[0]


def test_with_closed_gates_what_has_a_gate_is_blocked_and_what_is_behind_it_may_be() -> None:
    rows = {
        "changes": [
            wanted("organization_customization", gate="organisation-wide"),
            wanted("management_scope", behindGate=True),
            wanted("application"),
        ]
    }
    gated = planned("organization_customization", gate="organisation-wide")
    blocked, behind, other = {**gated, "standing": "blocked"}, planned("management_scope"), planned("application")
    for each in (behind, {**behind, "standing": "blocked"}):
        assert plan_faults(rows, [blocked, each, other], gates_open=False) == []
    assert plan_faults(rows, [gated, behind, other], gates_open=False) != []
    assert plan_faults(rows, [blocked, behind, {**other, "standing": "blocked"}], gates_open=False) != []
    assert plan_faults(rows, [blocked, behind, other]) != []


def test_an_optional_change_may_be_missing_but_not_be_another_and_never_takes_a_sure_ones_place() -> None:
    rows = {
        "changes": [
            wanted("delegated_grant", action={"<one of>": ["keep", "create"]}, optional=True),
            wanted("delegated_grant"),
        ]
    }
    assert plan_faults(rows, [planned("delegated_grant")]) == []
    assert (
        plan_faults(rows, [planned("delegated_grant"), planned("delegated_grant", action="keep", standing=None)]) == []
    )
    assert plan_faults(rows, [planned("delegated_grant", action="keep")]) != []
    assert plan_faults(rows, [planned("delegated_grant"), planned("delegated_grant", action="update")]) != []


def test_an_optional_change_of_the_tenant_may_be_missing_but_not_be_another() -> None:
    before = {"casMailboxes": [{"Identity": "sales", "PopEnabled": True}]}
    switch = {
        "collection": "casMailboxes",
        "what": "POP off",
        "optional": True,
        "where": [{"property": "Identity", "is": "sales"}],
        "properties": [{"property": "PopEnabled", "was": True, "is": False}],
    }
    expected = {"collections": ["casMailboxes"], "changed": [switch]}
    off = {"casMailboxes": [{"Identity": "sales", "PopEnabled": False}]}
    other = {"casMailboxes": [{"Identity": "sales", "PopEnabled": None}]}
    assert compare(expected, before, before, {}).faults == ()
    assert compare(expected, before, off, {}).faults == ()
    assert compare(expected, before, other, {}).faults != ()
    assert compare({**expected, "changed": [{**switch, "optional": False}]}, before, before, {}).faults != ()


def test_what_must_be_said_must_be_said_in_one_place() -> None:
    expected = [{"what": "expiry", "mentions": ["(?i)secret", "expir"], "source": "guide step 7"}]
    assert said_faults(expected, ["The Secret expires."]) == []
    assert said_faults(expected, ["a secret", "it expires"]) == ["nowhere said: expiry  [guide step 7]"]


def sheet() -> list[dict[str, Any]]:
    return [
        {
            "title": "System Settings > Mail Server",
            "fields": [
                {"title": "SMTP server type", "value": "Microsoft Exchange Online with OAuth2 authentication"},
                {"title": "Sender email address", "value": SENDER},
                {"title": "Allow use of individual sender addresses.", "value": "off"},
                {"title": "Directory (tenant) ID", "value": TENANT},
                {"title": "Application (client) ID", "value": APP_ID},
                {"title": "Client Secret", "value": "Abc8Q~xyz"},
            ],
            "actions": ["Save changes", 'Fill in "Test with email address", then "Send test message"'],
        },
        {
            "title": "Policy rules",
            "fields": [
                {"title": "Sender Email Address", "value": SENDER},
                {"title": "Allow use of individual sender addresses", "value": "not ticked"},
            ],
            "actions": [],
        },
    ]


def handed_over(screens: list[dict[str, Any]]) -> list[str]:
    return handover_faults(HANDOVER, screens, applied(onboarded()).bindings)


def test_the_guides_form_filled_in_is_the_golden_sheet() -> None:
    assert handed_over(sheet()) == []


def swap(screens: list[dict[str, Any]]) -> None:
    fields = screens[0]["fields"]
    fields[3], fields[4] = fields[4], fields[3]


def value(screen: int, field: int, text: str | None) -> Callable[[list[dict[str, Any]]], object]:
    return lambda screens: screens[screen]["fields"][field].update(value=text)


MISFILLED: dict[str, tuple[Callable[[list[dict[str, Any]]], object], str]] = {
    "two fields swapped": (swap, "expected the fields"),
    "a field missing": (lambda screens: screens[0]["fields"].pop(2), "expected the fields"),
    "a title of our own": (lambda screens: screens[0]["fields"][4].update(title="Client ID"), "expected the fields"),
    "the object id as client id": (value(0, 4, APPLICATION), "$application.appId"),
    "the tenant id as client id": (value(0, 4, TENANT), "$application.appId"),
    "the Secret ID as secret": (value(0, 5, KEY), "the Value column"),
    "no secret": (value(0, 5, None), "<secret>"),
    "another sender": (value(1, 0, "sales@contoso.example"), "$given.sender"),
    "the box ticked": (value(0, 2, "on"), "individual sender addresses"),
    "the box of the policy rules ticked": (value(1, 1, "ticked"), "screen 2"),
    "the policy rules forgotten": (lambda screens: screens.pop(), "expected 2 screens"),
    "not saved": (lambda screens: screens[0]["actions"].pop(0), "Save changes"),
    "tested before saving": (lambda screens: screens[0]["actions"].reverse(), "at the wrong place"),
}


@pytest.mark.parametrize("case", MISFILLED)
def test_every_way_to_misfill_the_form_is_seen(case: str) -> None:
    spoil, expected = MISFILLED[case]
    screens = copy.deepcopy(sheet())
    spoil(screens)
    assert any(expected in line for line in handed_over(screens)), handed_over(screens)


DESCRIBED = {
    "screens": [
        {
            "position": 1,
            "title": {"<matches>": "Settings"},
            "fields": [
                {"title": {"<matches>": "(?i)option"}, "value": "2", "optional": True, "source": "guide"},
                {"title": {"<matches>": "(?i)^application"}, "value": "$application.appId", "source": "guide"},
                {"title": "Client secret", "value": "<secret>", "source": "guide"},
            ],
            "actions": [
                {"matches": "(?i)permission", "source": "guide"},
                {"mentions": "Test", "optional": True, "source": "guide"},
            ],
        }
    ]
}


@pytest.mark.parametrize(
    ("titles", "action", "expected"),
    [
        (["application ID", "Client secret"], "Send the Permissions", None),
        (["Option", "Application", "Client secret"], "permission report, then Test", None),
        (["Client secret", "application ID"], "permission", "expected the fields"),
        (["Client ID", "Client secret"], "permission", "expected the fields"),
        (["application ID", "Option", "Client secret"], "permission", "expected the fields"),
        (["application ID", "Client secret", "Port"], "permission", "expected the fields"),
        (["application ID", "Client secret"], "Test", "is nowhere"),
    ],
)
def test_a_field_that_is_only_described_is_known_by_a_pattern(
    titles: list[str], action: str, expected: str | None
) -> None:
    values = {"o": "2", "a": APP_ID, "c": "Abc8Q~xyz", "p": "25"}
    fields = [{"title": title, "value": values[title[0].lower()]} for title in titles]
    lines = handover_faults(
        DESCRIBED, [{"title": "Settings", "fields": fields, "actions": [action]}], {"application": {"appId": APP_ID}}
    )
    assert lines == [] if expected is None else any(expected in line for line in lines)


def test_a_described_fields_value_is_compared() -> None:
    fields = [{"title": "Application", "value": FOREIGN}, {"title": "Client secret", "value": KEY}]
    screens = [{"title": "Settings", "fields": fields, "actions": ["permission"]}]
    lines = handover_faults(DESCRIBED, screens, {"application": {"appId": APP_ID}})
    assert ["$application.appId" in lines[0], "<secret>" in lines[1], len(lines)] == [True, True, 2]


def test_a_variant_may_have_a_sheet_of_its_own() -> None:
    document = {"screens": [1], "only": {"scoped": {"screens": [1, 2]}}}
    assert sheet_of(document, "guide")["screens"] == [1]
    assert sheet_of(document, "scoped")["screens"] == [1, 2]


# --- the golden files themselves -----------------------------------------------------------------------------------


def test_every_row_has_a_source() -> None:
    def rows(part: Any) -> list[dict[str, Any]]:
        if isinstance(part, dict):
            own = [part] if "property" in part and "is" in part and "least" not in part else []
            return own + [row for name, each in part.items() if name != "where" for row in rows(each)]
        return [row for each in part for row in rows(each)] if isinstance(part, list) else []

    found = rows(GOLDEN)
    assert len(found) > 50
    assert [row["property"] for row in found if not row.get("source")] == []


def test_the_permission_is_the_catalogues() -> None:
    data = Path(__file__).parents[2] / "provisioner" / "catalogue" / "data" / "permissions.json"
    text = json.dumps(json.loads(data.read_text(encoding="utf-8")))
    assert f'{{"id": "{SEND_AS_APP}", "value": "SMTP.SendAsApp", "kind": "Role"' in text
    application = GOLDEN["applied"]["added"][0]["properties"]
    asked = next(row["is"] for row in application if row["property"] == "requiredResourceAccess")
    assert asked[0]["resourceAccess"] == [{"id": SEND_AS_APP, "type": "Role"}]


def test_screens_and_fields_are_numbered_in_order() -> None:
    assert [screen["position"] for screen in HANDOVER["screens"]] == [1, 2]
    for screen in HANDOVER["screens"]:
        assert [field["position"] for field in screen["fields"]] == list(range(1, len(screen["fields"]) + 1))


# --- planted things and hostile names ------------------------------------------------------------------------------

KINDS = {"<any>", "<absent>", "<empty>", "<text>", "<guid>", "<instant>", "<secret>"}
OPERATORS = {"<one of>", "<all of>", "<contains>", "<each>", "<matches>", "<days after>"}


def texts(part: Any) -> Iterator[str]:
    """Every string of a pattern or template, names of properties included."""
    if isinstance(part, dict):
        for name, each in part.items():
            yield name
            if name != "<matches>":
                yield from texts(each)
    elif isinstance(part, list):
        for each in part:
            yield from texts(each)
    elif isinstance(part, str):
        yield part


def bound_names(part: Any) -> set[str]:
    return {name for text in texts(part) for name in re.findall(r"\$([a-zA-Z][A-Za-z0-9]*)\.[A-Za-z]", text)}


def planted(moment: str) -> list[dict[str, Any]]:
    things: list[dict[str, Any]] = FOREIGN_THINGS[moment]
    return things


def test_twelve_things_are_planted_before() -> None:
    ids = [thing["id"] for moment in ("beforeOnboarding", "onOurObjects") for thing in planted(moment)]
    assert len(planted("beforeOnboarding")) == 12
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("moment", ["beforeOnboarding", "onOurObjects"])
def test_requests_refer_only_to_what_is_bound_by_then(moment: str) -> None:
    bound = {"given"} | ({"application", "servicePrincipal"} if moment == "onOurObjects" else set())
    for thing in planted(moment):
        for request in thing["plant"]:
            assert bound_names(request) <= bound, (thing["id"], request)
            bound |= {request["capture"]} if "capture" in request else set()
        assert bound_names(thing["still"]) <= bound, thing["id"]


def test_what_must_still_hold_is_read_and_never_written() -> None:
    for moment in ("beforeOnboarding", "onOurObjects"):
        for thing in planted(moment):
            assert thing["still"], thing["id"]
            for read in thing["still"]:
                assert read["protocol"] in ("graph", "exchange")
                assert read.get("method") == "GET" or read.get("cmdlet", "").startswith("Get-"), thing["id"]


@pytest.mark.parametrize("part", [GOLDEN["applied"], GOLDEN["removed"], HANDOVER["screens"], FOREIGN_THINGS])
def test_patterns_are_spelled_right(part: Any) -> None:
    angled = {text for text in texts(part) if text.startswith("<")}
    assert angled <= KINDS | OPERATORS


def test_an_exchange_reply_fits_and_misfits_what_must_still_hold() -> None:
    thing = next(each for each in planted("beforeOnboarding") if each["id"] == "twin-mailbox-right")
    bound = {"twinPointer": {"Sid": SID, "ObjectId": FOREIGN}}
    entry = {"User": "Cryptshare Server", "UserSid": SID, "AccessRights": ["FullAccess"], "Deny": False}
    pattern = thing["still"][0]["is"]
    assert faults(pattern, [entry], bound) == []
    assert faults(pattern, [{**entry, "UserSid": "S-1-5-21-9"}], bound)
    assert faults(pattern, [], bound)


HAZARDS: dict[str, Callable[[str], bool]] = {
    "outside the basic plane": lambda text: any(ord(each) > 0xFFFF for each in text),
    "bidi": lambda text: any(unicodedata.bidirectional(each) in ("RLO", "RLI") for each in text),
    "right to left": lambda text: any(unicodedata.bidirectional(each) in ("R", "AL") for each in text),
    "C0": lambda text: "\0" in text,
    "C1": lambda text: "\x9b" in text,
    "ANSI": lambda text: "\x1b[" in text,
    "carriage return": lambda text: "\r" in text and "\n" not in text,
    "newline": lambda text: "\n" in text,
    "markup": lambda text: "[bold" in text,
    "closing markup": lambda text: "[/]" in text,
    "both quotes": lambda text: "'" in text and '"' in text,
    "subexpression": lambda text: "$(" in text,
    "backtick": lambda text: "`" in text,
    "formula": lambda text: text[0] == "=",
    "formula by at": lambda text: text[0] == "@",
    "HTML": lambda text: "<script" in text,
    "long": lambda text: len(text) > 1000,
    "zero width": lambda text: "\u200b" in text,
    "half a pair": lambda text: any(0xD800 <= ord(each) < 0xE000 for each in text),
}


@pytest.mark.parametrize("hazard", HAZARDS)
def test_the_hostile_names_hold_every_hazard(hazard: str) -> None:
    assert any(HAZARDS[hazard](each["text"]) for each in HOSTILE["displayNames"])


def test_composed_and_decomposed_names_are_a_pair() -> None:
    text = {each["id"]: each["text"] for each in HOSTILE["displayNames"]}
    assert text["nfc"] != text["nfd"]
    assert unicodedata.normalize("NFC", text["nfd"]) == text["nfc"]


def test_hostile_files_are_ascii_and_each_text_is_there_once() -> None:
    for name in ("hostile_names.json", "foreign.json"):
        assert (HERE.parent / "data" / name).read_bytes().isascii()
    every = HOSTILE["displayNames"] + HOSTILE["mailboxes"]
    assert len({each["id"] for each in every}) == len({each["text"] for each in every}) == len(every)
    assert all(each["reason"] for each in every)
