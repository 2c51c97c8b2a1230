"""Mail and calendar over Graph: who may open which mailbox, by consent or by an application role in scope."""

from __future__ import annotations

from typing import Any

import pytest
from full_tenant import GRAPH, Product, cmdlet, product

INSIDE = "cryptshare@contoso.example"
OUTSIDE = "neighbour@contoso.example"
DENIED = (403, "ErrorAccessDenied")


def letter(*to: str, subject: str = "Prüfung", **more: Any) -> dict[str, Any]:
    recipients = [{"emailAddress": {"address": each}} for each in to]
    body = {"contentType": "Text", "content": "Hallo"}
    return {"message": {"subject": subject, "body": body, "toRecipients": recipients, **more}}


def outcome(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"] if answer.content else ""


def messages(tenant: Any, mailbox: str, folder: str) -> list[dict[str, Any]]:
    state = tenant.manage("GET", "/state")
    return [each for each in state.get("messages", []) if (each["mailbox"], each["folder"]) == (mailbox, folder)]


@pytest.fixture
def ours(tenant: Any) -> Product:
    return product(tenant)


def test_without_anything_every_mailbox_is_closed(ours: Product) -> None:
    for mailbox in (INSIDE, OUTSIDE, "nobody@contoso.example"):
        assert outcome(ours.graph("POST", f"/users/{mailbox}/sendMail", letter(INSIDE))) == DENIED
        assert outcome(ours.graph("GET", f"/users/{mailbox}/messages")) == DENIED
        assert outcome(ours.graph("GET", f"/users/{mailbox}/events")) == DENIED


def test_a_role_opens_the_mailboxes_of_its_scope(tenant: Any, ours: Product) -> None:
    ours.scope("Mail.Send", INSIDE)
    assert outcome(ours.graph("POST", f"/users/{INSIDE}/sendMail", letter(OUTSIDE))) == (202, "")
    assert outcome(ours.graph("POST", f"/users/{OUTSIDE}/sendMail", letter(INSIDE))) == DENIED
    assert outcome(ours.graph("GET", f"/users/{INSIDE}/messages")) == DENIED, "sending is not reading"
    (sent,) = messages(tenant, INSIDE, "sentitems")
    (got,) = messages(tenant, OUTSIDE, "inbox")
    assert (got["subject"], got["from"], got["to"]) == ("Prüfung", INSIDE, [OUTSIDE])
    assert sent["internetMessageId"] == got["internetMessageId"]


def test_a_surviving_consent_cancels_the_scope_until_it_is_gone(ours: Product) -> None:
    ours.scope("Mail.Send", INSIDE)
    consent = ours.consent(GRAPH, "Mail.Send")
    old = ours.token()
    assert outcome(ours.graph("POST", f"/users/{OUTSIDE}/sendMail", letter(INSIDE))) == (202, "")
    ours.withdraw(consent)
    assert outcome(ours.graph("POST", f"/users/{OUTSIDE}/sendMail", letter(INSIDE), token=old)) == (202, "")
    assert outcome(ours.graph("POST", f"/users/{OUTSIDE}/sendMail", letter(INSIDE))) == DENIED
    assert outcome(ours.graph("POST", f"/users/{INSIDE}/sendMail", letter(OUTSIDE))) == (202, "")


@pytest.mark.parametrize(
    ("role", "mail", "body", "calendar"),
    [
        ("Mail.ReadBasic", True, False, False),
        ("Mail.Read", True, True, False),
        ("Mail.ReadWrite", True, True, False),
        ("Mail Full Access", True, True, False),
        ("Calendars.ReadWrite", False, False, True),
        ("Exchange Full Access", True, True, True),
        ("SMTP.SendAsApp", False, False, False),
    ],
)
def test_each_role_opens_its_part(
    tenant: Any, ours: Product, role: str, mail: bool, body: bool, calendar: bool
) -> None:
    ours.scope(role, INSIDE)
    other = product(tenant)
    other.consent(GRAPH, "Mail.Send")
    assert outcome(other.graph("POST", f"/users/{OUTSIDE}/sendMail", letter(INSIDE)))[0] == 202
    read = ours.graph("GET", f"/users/{INSIDE}/mailFolders/inbox/messages")
    assert (read.status_code == 200) is mail
    if mail:
        assert ("bodyPreview" in read.json()["value"][0]) is body
    assert (ours.graph("GET", f"/users/{INSIDE}/calendar/events").status_code == 200) is calendar
    assert outcome(ours.graph("GET", f"/users/{OUTSIDE}/messages")) == DENIED
    assert outcome(ours.graph("GET", f"/users/{OUTSIDE}/events")) == DENIED


def test_events_are_read(tenant: Any, ours: Product) -> None:
    ours.consent(GRAPH, "Calendars.Read")
    for number, mailbox in enumerate((INSIDE, OUTSIDE, INSIDE)):
        document = {"id": f"e{number}", "mailbox": mailbox, "subject": f"Event {number}"}
        document |= {"start": f"2026-11-2{number}T09:00:00", "end": f"2026-11-2{number}T10:00:00"}
        tenant.manage("POST", "/plant", collection="events", document=document)
    found = ours.graph("GET", f"/users/{INSIDE}/events").json()["value"]
    assert [each["subject"] for each in found] == ["Event 2", "Event 0"]
    assert found[1]["start"] == {"dateTime": "2026-11-20T09:00:00", "timeZone": "UTC"}
    chosen = ours.graph("GET", f"/users/{INSIDE}/calendar/events?$select=subject&$top=1").json()["value"]
    assert [each["subject"] for each in chosen] == ["Event 2"]
    assert "start" not in chosen[0]


def test_sent_mail_is_kept_unless_told_otherwise(tenant: Any, ours: Product) -> None:
    ours.consent(GRAPH, "Mail.Send")
    sent = {**letter(OUTSIDE), "SaveToSentItems": False}
    assert ours.graph("POST", f"/users/{INSIDE}/microsoft.graph.sendMail", sent).status_code == 202
    assert messages(tenant, INSIDE, "sentitems") == []
    assert len(messages(tenant, OUTSIDE, "inbox")) == 1


def test_accepted_is_not_delivered(tenant: Any, ours: Product) -> None:
    ours.consent(GRAPH, "Mail.Send")
    to = ("someone@fabrikam.example", "nobody@contoso.example", "sales@contoso-sandbox.onmicrosoft.com")
    answer = ours.graph("POST", f"/users/{INSIDE}/sendMail", letter(*to))
    assert (answer.status_code, answer.content) == (202, b"")
    (report,) = messages(tenant, INSIDE, "inbox")
    assert report["subject"] == "Undeliverable: Prüfung"
    assert "nobody@contoso.example" in report["bodyPreview"]
    assert len(messages(tenant, "sales@contoso.example", "inbox")) == 1
    assert messages(tenant, INSIDE, "sentitems")[0]["to"] == list(to)


def test_mail_to_a_group_reaches_its_members(tenant: Any, ours: Product) -> None:
    ours.consent(GRAPH, "Mail.Send")
    (group,) = cmdlet(tenant, "New-DistributionGroup", Name="All", Members=[INSIDE, OUTSIDE])
    letter_to_all = letter(group["PrimarySmtpAddress"])
    assert ours.graph("POST", f"/users/{INSIDE}/sendMail", letter_to_all).status_code == 202
    assert [len(messages(tenant, each, "inbox")) for each in (INSIDE, OUTSIDE)] == [1, 1]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (letter(), (400, "ErrorInvalidRecipients")),
        ({}, (400, "ErrorInvalidParameter")),
        ({"message": {"subjekt": "x"}}, (400, "Request_BadRequest")),
        ({**letter(INSIDE), "extra": 1}, (400, "BadRequest")),
        (letter(INSIDE, **{"from": {"emailAddress": {"address": OUTSIDE}}}), (403, "ErrorSendAsDenied")),
        (letter(INSIDE, **{"from": {"emailAddress": {"address": "x@fabrikam.example"}}}), (403, "ErrorSendAsDenied")),
    ],
)
def test_mail_that_is_not_taken(tenant: Any, ours: Product, body: dict[str, Any], expected: tuple[int, str]) -> None:
    ours.consent(GRAPH, "Mail.Send")
    assert outcome(ours.graph("POST", f"/users/{INSIDE}/sendMail", body)) == expected
    assert "messages" not in tenant.manage("GET", "/state")


@pytest.mark.parametrize("subject", ["Zeile 1\r\nBcc: evil@fabrikam.example", "x" * 3000, "", "=?utf-8?q?x?="])
def test_a_subject_stays_a_subject(tenant: Any, ours: Product, subject: str) -> None:
    ours.consent(GRAPH, "Mail.Send")
    strange = ("ü,x@contoso.example\r\nBcc: evil@fabrikam.example", INSIDE)
    assert ours.graph("POST", f"/users/{INSIDE}/sendMail", letter(*strange, subject=subject)).status_code == 202
    (sent,) = messages(tenant, INSIDE, "sentitems")
    assert "\n" not in sent["subject"]
    assert len(sent["to"]) == 2


def test_a_wrong_object_id_in_the_pointer_gives_no_role(tenant: Any, ours: Product) -> None:
    cmdlet(tenant, "New-ServicePrincipal", AppId=ours.app_id, ObjectId=ours.registration_id)
    cmdlet(tenant, "Enable-OrganizationCustomization")
    cmdlet(tenant, "New-ManagementRoleAssignment", App=ours.app_id, Role="Application Mail.Send")
    (tested,) = cmdlet(tenant, "Test-ServicePrincipalAuthorization", Identity=ours.app_id, Resource=INSIDE)
    assert tested["InScope"] == "True"
    assert outcome(ours.graph("POST", f"/users/{INSIDE}/sendMail", letter(INSIDE))) == DENIED


def test_a_person_sends_from_the_own_mailbox_only(tenant: Any) -> None:
    resource = tenant.resource(GRAPH)
    client_id = tenant.endpoints["callers"]["plain-user"]["clientId"]
    client = tenant.get(f"/servicePrincipals(appId='{client_id}')?$select=id")
    state = tenant.manage("GET", "/state")
    user = next(each for each in state["users"] if each["userPrincipalName"] == INSIDE)
    grant = {"clientId": client["id"], "consentType": "Principal", "principalId": user["id"]}
    tenant.post("/oauth2PermissionGrants", {**grant, "resourceId": resource["id"], "scope": "Mail.Send"})
    answer = _sign_in(tenant, client_id, INSIDE, "https://graph.microsoft.com/Mail.Send")
    headers = {"authorization": f"Bearer {answer['access_token']}"}

    def send(path: str) -> Any:
        return tenant.http.post(tenant.endpoints["graph"] + path, json=letter(OUTSIDE), headers=headers)

    assert outcome(send("/me/sendMail")) == (202, "")
    assert outcome(send(f"/users/{INSIDE}/sendMail")) == (202, "")
    assert outcome(send(f"/users/{OUTSIDE}/sendMail")) == DENIED
    assert tenant.refusal("POST", "/me/sendMail", letter(OUTSIDE))[0] == 400


def _sign_in(tenant: Any, client_id: str, upn: str, scope: str) -> dict[str, Any]:
    started = tenant.http.post(
        f"{tenant.login}/{tenant.id}/oauth2/v2.0/devicecode", data={"client_id": client_id, "scope": scope}
    ).json()
    tenant.manage("POST", "/device/approve", userCode=started["user_code"], **{"as": upn})
    answer = tenant.token_request(
        client_id=client_id,
        grant_type="urn:ietf:params:oauth:grant-type:device_code",
        device_code=started["device_code"],
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_roles_reach_graph_late_and_the_test_cmdlet_at_once(start: Any, tmp_path: Any) -> None:
    with start(tmp_path, profile="realistic", virtual_clock=True) as tenant:
        ours = product(tenant, pause=60)
        ours.point()
        cmdlet(tenant, "Enable-OrganizationCustomization")
        tenant.manage("POST", "/clock/advance", seconds=7200)
        tenant.forget_tokens()
        (pointer,) = [each for each in cmdlet(tenant, "Get-ServicePrincipal") if each["AppId"] == ours.app_id]
        cmdlet(tenant, "New-ManagementRoleAssignment", App=pointer["Identity"], Role="Application Mail.Send")
        tenant.manage("POST", "/clock/advance", seconds=10)
        (tested,) = cmdlet(tenant, "Test-ServicePrincipalAuthorization", Identity=ours.app_id, Resource=INSIDE)
        assert tested["InScope"] == "True"
        waited = 10
        token = ours.token()
        while outcome(ours.graph("POST", f"/users/{INSIDE}/sendMail", letter(INSIDE), token=token)) == DENIED:
            tenant.manage("POST", "/clock/advance", seconds=600)
            waited += 600
            token = ours.token()
        assert 1800 <= waited <= 7810
