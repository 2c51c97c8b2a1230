"""ApplicationAccessPolicy: its cmdlets, and what it takes from applications over Graph and EWS, and leaves."""

from __future__ import annotations

import datetime as dt
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from full_tenant import EXCHANGE, EXCHANGE_DEFAULT, GRAPH, Product, cmdlet, product

from provisioner.sandbox.store import Store

INSIDE = "cryptshare@contoso.example"
OUTSIDE = "neighbour@contoso.example"
NESTED = "accounting@contoso.example"
AUTUMN = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"
MESSAGES = "http://schemas.microsoft.com/exchange/services/2006/messages"


@pytest.fixture
def ours(tenant: Any) -> Product:
    made = product(tenant)
    made.consent(GRAPH, "Mail.Read")
    return made


def group(tenant: Any, name: str, *members: str, **more: Any) -> dict[str, Any]:
    kind = {"Type": "Security", **more}
    (made,) = cmdlet(tenant, "New-DistributionGroup", Name=name, Members=list(members), **kind)
    return dict(made)


def policy(ours: Product, scope: str, right: str = "RestrictAccess") -> dict[str, Any]:
    (made,) = cmdlet(
        ours.tenant,
        "New-ApplicationAccessPolicy",
        AppId=ours.app_id,
        PolicyScopeGroupId=scope,
        AccessRight=right,
        Description="ours",
    )
    return dict(made)


def opens(ours: Product, mailbox: str) -> bool:
    """Over Graph; a refusal must be the policy's."""
    answer = ours.graph("GET", f"/users/{mailbox}/messages")
    if answer.status_code == 200:
        return True
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (403, "ErrorAccessDenied")
    assert "[RAOP]" in error["message"]
    return False


def granted(ours: Product, mailbox: str) -> str:
    (result,) = cmdlet(ours.tenant, "Test-ApplicationAccessPolicy", Identity=mailbox, AppId=ours.app_id)
    return str(result["AccessCheckResult"])


def test_restrict_leaves_only_the_groups_members(tenant: Any, ours: Product) -> None:
    inner = group(tenant, "Inner", NESTED)
    scope = group(tenant, "Outer", INSIDE, inner["Name"])
    assert [opens(ours, each) for each in (INSIDE, OUTSIDE, NESTED)] == [True, True, True]
    made = policy(ours, scope["Name"])
    assert [opens(ours, each) for each in (INSIDE, OUTSIDE, NESTED)] == [True, False, True]
    assert [granted(ours, each) for each in (INSIDE, OUTSIDE, NESTED)] == ["Granted", "Denied", "Granted"]
    cmdlet(tenant, "Remove-ApplicationAccessPolicy", Identity=made["Identity"], Confirm=False)
    assert opens(ours, OUTSIDE)
    assert cmdlet(tenant, "Get-ApplicationAccessPolicy") == []


def test_several_restrictions_add_up_and_deny_wins(tenant: Any, ours: Product) -> None:
    policy(ours, group(tenant, "One", INSIDE)["Name"])
    policy(ours, group(tenant, "Two", OUTSIDE)["Name"])
    assert [opens(ours, each) for each in (INSIDE, OUTSIDE, NESTED)] == [True, True, False]
    policy(ours, OUTSIDE, "DenyAccess")
    assert [opens(ours, each) for each in (INSIDE, OUTSIDE)] == [True, False]


def test_a_policy_is_for_its_application(tenant: Any, ours: Product) -> None:
    policy(ours, INSIDE)
    other = product(tenant)
    other.consent(GRAPH, "Mail.Read")
    assert opens(other, OUTSIDE)
    assert not opens(ours, OUTSIDE)


def test_calendars_and_sending_too(tenant: Any, ours: Product) -> None:
    ours.consent(GRAPH, "Calendars.Read")
    ours.consent(GRAPH, "Mail.Send")
    policy(ours, INSIDE)
    letter = {"message": {"subject": "x", "toRecipients": [{"emailAddress": {"address": INSIDE}}]}}
    for mailbox, statuses in ((INSIDE, (200, 202)), (OUTSIDE, (403, 403))):
        read = ours.graph("GET", f"/users/{mailbox}/events")
        sent = ours.graph("POST", f"/users/{mailbox}/sendMail", letter)
        assert (read.status_code, sent.status_code) == statuses, mailbox
    state = tenant.manage("GET", "/state")
    assert len([each for each in state["messages"] if each["folder"] == "inbox"]) == 1


def test_an_application_role_is_left_alone(tenant: Any, ours: Product) -> None:
    ours.scope("Mail.Read", OUTSIDE)
    policy(ours, INSIDE)
    assert [opens(ours, each) for each in (INSIDE, OUTSIDE, NESTED)] == [True, True, False]


def test_ews(start: Any, tmp_path: Path) -> None:
    store = Store(tmp_path / "state.sqlite", AUTUMN.timestamp)
    with store.transaction(established=True) as tx:
        tx.put("clock", "clock", {"id": "clock", "now": AUTUMN.timestamp()})  # before the end of EWS
    store.close()
    with start(tmp_path, virtual_clock=True) as tenant:
        ours = product(tenant)
        ours.consent(EXCHANGE, "full_access_as_app")
        cmdlet(tenant, "Set-OrganizationConfig", EwsEnabled=True, EwsAllowedAppIDs=ours.app_id)
        policy(ours, INSIDE)
        assert ews(ours, INSIDE)[:2] == (200, "NoError")
        status, code, text = ews(ours, OUTSIDE)
        assert (status, code) == (403, "ErrorAccessDenied")
        assert "[RAOP]" in text


def ews(ours: Product, mailbox: str) -> tuple[int, str, str]:
    envelope = (
        f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:t="{TYPES}" xmlns:m="{MESSAGES}">'
        "<s:Header><t:ExchangeImpersonation><t:ConnectingSID>"
        f"<t:PrimarySmtpAddress>{mailbox}</t:PrimarySmtpAddress></t:ConnectingSID></t:ExchangeImpersonation></s:Header>"
        "<s:Body><m:GetFolder><m:FolderShape><t:BaseShape>Default</t:BaseShape></m:FolderShape><m:FolderIds>"
        '<t:DistinguishedFolderId Id="inbox"/></m:FolderIds></m:GetFolder></s:Body></s:Envelope>'
    )
    answer = ours.tenant.http.post(
        f"{ours.tenant.endpoints['exchange']}/EWS/Exchange.asmx",
        content=envelope,
        headers={"authorization": f"Bearer {ours.token(EXCHANGE_DEFAULT)}", "content-type": "text/xml"},
    )
    found = ET.fromstring(answer.text).iter()
    return answer.status_code, str(next(each.text for each in found if each.tag.endswith("ResponseCode"))), answer.text


def test_what_a_policy_shows(tenant: Any, ours: Product) -> None:
    scope = group(tenant, "Scope", INSIDE)
    made = policy(ours, scope["PrimarySmtpAddress"], "DenyAccess")
    shown = {name: made[name] for name in ("AppId", "AccessRight", "Description", "ScopeName", "ShardType")}
    assert shown == {
        "AppId": ours.app_id,
        "AccessRight": "DenyAccess",
        "Description": "ours",
        "ScopeName": "Scope",
        "ShardType": "All",
    }
    assert made["Identity"].startswith(f"{tenant.id}\\{ours.app_id}:S-1-5-21-")
    (again,) = cmdlet(tenant, "Get-ApplicationAccessPolicy", Identity=made["Identity"])
    assert again["Identity"] == made["Identity"]
    cmdlet(tenant, "Get-ApplicationAccessPolicy", Identity="unknown", status=404)
    cmdlet(tenant, "Remove-ApplicationAccessPolicy", Identity="unknown", Confirm=False, status=404)


@pytest.mark.parametrize("scope", ["sales@contoso.example", "Plain"])
def test_the_scope_must_be_a_security_principal(tenant: Any, ours: Product, scope: str) -> None:
    group(tenant, "Plain", INSIDE, Type="Distribution")
    given = {"AppId": ours.app_id, "PolicyScopeGroupId": scope, "AccessRight": "RestrictAccess"}
    cmdlet(tenant, "New-ApplicationAccessPolicy", status=400, **given)
    assert cmdlet(tenant, "Get-ApplicationAccessPolicy") == []


@pytest.mark.parametrize(
    "wrong",
    [{"AppId": "no-guid"}, {"AccessRight": "Allow"}, {"PolicyScopeGroupId": None}, {"Unknown": 1}],
)
def test_wrong_parameters(tenant: Any, ours: Product, wrong: dict[str, Any]) -> None:
    given = {"AppId": ours.app_id, "PolicyScopeGroupId": INSIDE, "AccessRight": "RestrictAccess"}
    cmdlet(tenant, "New-ApplicationAccessPolicy", status=400, **{**given, **wrong})


def test_the_test_is_ahead_of_the_effect(start: Any, tmp_path: Any) -> None:
    with start(tmp_path, profile="realistic", seed=5, virtual_clock=True) as tenant:
        ours = product(tenant, pause=600)
        ours.consent(GRAPH, "Mail.Read")
        tenant.manage("POST", "/clock/advance", seconds=600)
        policy(ours, INSIDE)
        tenant.manage("POST", "/clock/advance", seconds=60)
        assert granted(ours, OUTSIDE) == "Denied"
        assert opens(ours, OUTSIDE)
        tenant.manage("POST", "/clock/advance", seconds=7200)
        tenant.forget_tokens()
        assert not opens(ours, OUTSIDE)


def test_recipients_of_every_kind(tenant: Any) -> None:
    made = group(tenant, "Scope", "onpremises@contoso.example")
    found = {each["Name"]: each for each in cmdlet(tenant, "Get-Recipient")}
    kinds = {name: (each["RecipientType"], each["RecipientTypeDetails"]) for name, each in found.items()}
    assert kinds["sales"] == ("UserMailbox", "SharedMailbox")
    assert kinds["unlicensed"] == ("UserMailbox", "UserMailbox")
    assert kinds["onpremises"] == ("MailUser", "MailUser")
    assert kinds["Scope"] == ("MailUniversalSecurityGroup", "MailUniversalSecurityGroup")
    assert (found["cryptshare"]["SKUAssigned"], found["unlicensed"]["SKUAssigned"]) == (True, False)
    (elsewhere,) = cmdlet(tenant, "Get-Recipient", Identity="onpremises@contoso.example")
    assert (elsewhere["IsDirSynced"], elsewhere["ExternalEmailAddress"]) == (
        True,
        "SMTP:onpremises@mail.contoso.example",
    )
    cmdlet(tenant, "Get-Mailbox", Identity="onpremises@contoso.example", status=404)
    cmdlet(tenant, "Get-Recipient", Identity="nobody@contoso.example", status=404)
    (mailbox,) = cmdlet(tenant, "Get-Mailbox", Identity="unlicensed@contoso.example")
    assert (mailbox["RecipientTypeDetails"], mailbox["SKUAssigned"]) == ("UserMailbox", False)
    (member,) = cmdlet(tenant, "Get-DistributionGroupMember", Identity="Scope")
    assert member["RecipientType"] == "MailUser"
    graph = tenant.get(f"/groups/{made['ExternalDirectoryObjectId']}")
    assert (graph["displayName"], graph["mailEnabled"], graph["securityEnabled"]) == ("Scope", True, True)


def test_a_mailbox_on_premises_is_none_for_graph(tenant: Any, ours: Product) -> None:
    answer = ours.graph("GET", "/users/onpremises@contoso.example/messages")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "MailboxNotEnabledForRESTAPI")


def test_a_scope_is_changed(tenant: Any, ours: Product) -> None:
    for withdrawn in tenant.get(f"/servicePrincipals/{ours.object_id}/appRoleAssignments")["value"]:
        ours.withdraw(withdrawn["id"])
    ours.scope("Mail.Read", INSIDE)
    reads = {each: ours.graph("GET", f"/users/{each}/messages").status_code for each in (INSIDE, OUTSIDE)}
    assert reads == {INSIDE: 200, OUTSIDE: 403}
    other = group(tenant, "Other", OUTSIDE)
    restriction = f"MemberOfGroup -eq '{other['DistinguishedName']}'"
    assert cmdlet(tenant, "Set-ManagementScope", Identity="Scoped", RecipientRestrictionFilter=restriction) == []
    reads = {each: ours.graph("GET", f"/users/{each}/messages").status_code for each in (INSIDE, OUTSIDE)}
    assert reads == {INSIDE: 403, OUTSIDE: 200}
    cmdlet(tenant, "Set-ManagementScope", Identity="Scoped", Name="Renamed")
    (scope,) = cmdlet(tenant, "Get-ManagementScope")
    assert (scope["Name"], scope["RecipientFilter"]) == ("Renamed", restriction)
    (assignment,) = cmdlet(tenant, "Get-ManagementRoleAssignment", RoleAssignee=ours.object_id)
    assert assignment["CustomResourceScope"] == "Renamed"
    cmdlet(tenant, "Set-ManagementScope", Identity="Scoped", Name="x", status=404)
    cmdlet(tenant, "Set-ManagementScope", Identity="Renamed", RecipientRestrictionFilter="nonsense", status=400)
    cmdlet(tenant, "Set-ManagementScope", Identity="Renamed", Name="x" * 65, status=400)
