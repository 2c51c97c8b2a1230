"""GetFolder over EWS: token, gates, mailbox and right, each refused in its own way."""

from __future__ import annotations

import datetime as dt
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import exchange_listeners as listeners
import httpx
import pytest
from exchange_listeners import APP_ID, MAILBOX, NEIGHBOUR, OBJECT_ID, application_token, sandbox_at, user_token
from starlette.applications import Starlette

from provisioner.sandbox import roles
from provisioner.sandbox.asgi import Abortable
from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.ews import ews_routes
from provisioner.sandbox.exchange import service
from provisioner.sandbox.exchange.access import Caller
from provisioner.sandbox.exchange.cmdlet import Outcome
from provisioner.sandbox.faults import Rule

ADMINISTRATOR = Caller("admin", frozenset({roles.GLOBAL_ADMINISTRATOR}), app_only=False)
AUTUMN = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
SUMMER = dt.datetime(2026, 9, 30, 23, 59, tzinfo=dt.UTC)
END = dt.datetime(2027, 4, 1, tzinfo=dt.UTC)
DISABLED = "EWS is disabled for this user or tenant"
BLOCKED = "EWS is blocked by policy for this user or tenant"
OTHER = "11111111-2222-4333-8444-555555555555"

TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"
MESSAGES = "http://schemas.microsoft.com/exchange/services/2006/messages"


class Tenant:
    def __init__(self, sandbox: Sandbox, port: int, ca_file: Path) -> None:
        self.sandbox = sandbox
        self.http = httpx.Client(verify=listeners.ssl.create_default_context(cafile=str(ca_file)), timeout=20)
        self.url = f"https://localhost:{port}/EWS/Exchange.asmx"

    def run(self, name: str, **given: Any) -> Outcome:
        cmdlet = service.visible(ADMINISTRATOR, name)
        assert cmdlet is not None
        return service.run(self.sandbox, cmdlet, list(given.items()))

    def set(self, name: str, **given: Any) -> None:
        outcome = self.run(name, **given)
        assert outcome.failure is None, outcome.failure

    def open_gates(self) -> None:
        self.set("Set-OrganizationConfig", EwsEnabled=True, EwsAllowedAppIDs=f"{OTHER},{APP_ID}")

    def token(self, *granted: str, **claims: Any) -> str:
        return application_token(self.sandbox, *granted, **claims)

    def post(self, token: str, text: str, agent: str = "Product/1.0") -> httpx.Response:
        headers = {"authorization": f"Bearer {token}", "content-type": "text/xml", "user-agent": agent}
        return self.http.post(self.url, content=text.encode(), headers=headers)

    def get_folder(
        self, mailbox: str | None = MAILBOX, *, token: str | None = None, agent: str = "Product/1.0", **what: str
    ) -> tuple[int, str]:
        """Status, and the response code, policy reason or diagnostics."""
        answer = self.post(self.token("full_access_as_app") if token is None else token, ask(mailbox, **what), agent)
        for header in ("x-ews-policy-reason", "x-ms-diagnostics"):
            if header in answer.headers:
                assert answer.content == b""
                return answer.status_code, answer.headers[header]
        codes = [each.text for each in ET.fromstring(answer.text).iter() if each.tag.endswith("}ResponseCode")]
        return answer.status_code, str(codes[0])


def ask(mailbox: str | None, *, sid: str = "PrimarySmtpAddress", folder: str = "inbox", other: str = "") -> str:
    header = ""
    if mailbox is not None:
        header = (
            f"<t:ExchangeImpersonation><t:ConnectingSID><t:{sid}>{mailbox}</t:{sid}></t:ConnectingSID>"
            "</t:ExchangeImpersonation>"
        )
    named = f"<t:Mailbox><t:EmailAddress>{other}</t:EmailAddress></t:Mailbox>" if other else ""
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        f'<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:t="{TYPES}" xmlns:m="{MESSAGES}">'
        f'<soap:Header><t:RequestServerVersion Version="Exchange2016"/>{header}</soap:Header><soap:Body><m:GetFolder>'
        "<m:FolderShape><t:BaseShape>Default</t:BaseShape></m:FolderShape><m:FolderIds>"
        f'<t:DistinguishedFolderId Id="{folder}">{named}</t:DistinguishedFolderId></m:FolderIds></m:GetFolder>'
        "</soap:Body></soap:Envelope>"
    )


@pytest.fixture
def tenant(tmp_path: Path, certificate: listeners.Certificate) -> Iterator[Tenant]:
    yield from _serve(sandbox_at(tmp_path / "tenant", AUTUMN), certificate)


@pytest.fixture
def early_tenant(tmp_path: Path, certificate: listeners.Certificate) -> Iterator[Tenant]:
    yield from _serve(sandbox_at(tmp_path / "tenant", SUMMER), certificate)


@pytest.fixture
def late_tenant(tmp_path: Path, certificate: listeners.Certificate) -> Iterator[Tenant]:
    yield from _serve(sandbox_at(tmp_path / "tenant", AUTUMN, "realistic"), certificate)


def _serve(sandbox: Sandbox, certificate: listeners.Certificate) -> Iterator[Tenant]:
    with listeners.served(Abortable(Starlette(routes=ews_routes(sandbox))), certificate) as port:
        made = Tenant(sandbox, port, certificate.ca_file)
        yield made
        made.http.close()
    sandbox.close()


def test_a_folder_is_read_as_somebody(tenant: Tenant) -> None:
    tenant.open_gates()
    answer = tenant.post(tenant.token("full_access_as_app"), ask(NEIGHBOUR))
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/xml")
    root = ET.fromstring(answer.text)
    (message,) = root.iter(f"{{{MESSAGES}}}GetFolderResponseMessage")
    assert message.get("ResponseClass") == "Success"
    assert [each.text for each in root.iter(f"{{{TYPES}}}DisplayName")] == ["Inbox"]
    for sid in ("SmtpAddress", "PrincipalName"):
        assert tenant.get_folder(sid=sid) == (200, "NoError")
    assert tenant.get_folder(folder="calendar") == (200, "NoError")
    assert tenant.get_folder(folder="attic") == (200, "ErrorFolderNotFound")


@pytest.mark.parametrize(
    ("token", "diagnostics"),
    [
        ({}, "2000008"),
        ({"granted": ("SMTP.SendAsApp",)}, "2000008"),
        ({"granted": ("full_access_as_app",), "aud": "https://graph.microsoft.com"}, "2000003"),
        ({"granted": ("full_access_as_app",), "seconds": -5}, "2000003"),
        ({"granted": ("full_access_as_app",), "tid": OTHER}, "2000003"),
    ],
)
def test_tokens_that_do_not_count(tenant: Tenant, token: dict[str, Any], diagnostics: str) -> None:
    tenant.open_gates()
    claims = {key: value for key, value in token.items() if key != "granted"}
    status, said = tenant.get_folder(token=tenant.token(*token.get("granted", ()), **claims))
    assert (status, said.partition(";")[0]) == (401, diagnostics)


def test_an_application_must_impersonate_a_mailbox_that_is_there(tenant: Tenant) -> None:
    tenant.open_gates()
    assert tenant.get_folder(None) == (500, "ErrorInvalidExchangeImpersonationHeaderData")
    assert tenant.get_folder("nobody@contoso.example") == (500, "ErrorNonExistentMailbox")


def test_the_role_opens_its_scope_only_and_the_claim_everything(tenant: Tenant) -> None:
    tenant.open_gates()
    bare = tenant.token()
    tenant.set("New-ServicePrincipal", AppId=APP_ID, ObjectId=OBJECT_ID)
    assert tenant.get_folder(token=bare)[0] == 401
    tenant.set("Enable-OrganizationCustomization")
    tenant.set("New-DistributionGroup", Name="Scoped", Type="Security", Members=[MAILBOX])
    assignment = {"App": APP_ID, "Role": "Application EWS.AccessAsApp", "RecipientGroupScope": "Scoped"}
    tenant.set("New-ManagementRoleAssignment", **assignment)
    assert tenant.get_folder(MAILBOX, token=bare) == (200, "NoError")
    assert tenant.get_folder(NEIGHBOUR, token=bare) == (403, "ErrorAccessDenied")
    assert tenant.get_folder(NEIGHBOUR) == (200, "NoError")


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"EwsEnabled": False, "EwsAllowedAppIDs": APP_ID}, DISABLED),
        ({"EwsEnabled": None, "EwsAllowedAppIDs": APP_ID}, DISABLED),
        ({"EwsEnabled": True}, BLOCKED),
        ({"EwsEnabled": True, "EwsAllowedAppIDs": OTHER}, BLOCKED),
        ({"EwsEnabled": True, "EwsAllowedAppIDs": f"{OTHER}, {APP_ID.upper()}"}, None),
    ],
)
def test_the_organisations_gates_since_october(tenant: Tenant, settings: dict[str, Any], reason: str | None) -> None:
    tenant.set("Set-OrganizationConfig", **settings)
    assert tenant.get_folder() == ((200, "NoError") if reason is None else (403, reason))


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"EwsEnabled": False, "EwsAllowedAppIDs": APP_ID}, DISABLED),
        ({"EwsEnabled": None, "EwsAllowedAppIDs": OTHER}, None),
        ({"EwsEnabled": True}, None),
        ({"EwsEnabled": True, "EwsAllowedAppIDs": OTHER}, BLOCKED),
    ],
)
def test_the_organisations_gates_before_october(
    early_tenant: Tenant, settings: dict[str, Any], reason: str | None
) -> None:
    early_tenant.set("Set-OrganizationConfig", **settings)
    assert early_tenant.get_folder() == ((200, "NoError") if reason is None else (403, reason))


def test_a_fresh_tenant_is_open_until_october_and_closed_from_then_on(early_tenant: Tenant) -> None:
    assert early_tenant.get_folder() == (200, "NoError")
    early_tenant.sandbox.advance(60)
    assert early_tenant.get_folder() == (403, DISABLED)


def test_ews_ends_on_the_first_of_april(tenant: Tenant) -> None:
    tenant.open_gates()
    tenant.sandbox.advance((END - AUTUMN).total_seconds() - 1)
    assert tenant.get_folder() == (200, "NoError")
    tenant.sandbox.advance(1)
    assert tenant.get_folder() == (403, DISABLED)


@pytest.mark.parametrize(
    ("policy", "listed", "passes"),
    [
        ("EnforceAllowList", {"EwsAllowList": ["product/*"]}, True),
        ("EnforceAllowList", {"EwsAllowList": ["OWA/*", "Teams*"]}, False),
        ("EnforceAllowList", {}, False),
        ("EnforceBlockList", {"EwsBlockList": ["Product/*"]}, False),
        ("EnforceBlockList", {"EwsBlockList": ["OWA/*"]}, True),
        ("EnforceBlockList", {}, True),
    ],
)
def test_user_agents_are_a_gate_of_their_own(
    tenant: Tenant, policy: str, listed: dict[str, list[str]], passes: bool
) -> None:
    tenant.open_gates()
    tenant.set("Set-OrganizationConfig", EwsApplicationAccessPolicy=policy, **listed)
    assert tenant.get_folder() == ((200, "NoError") if passes else (403, BLOCKED))


def test_the_mailbox_has_a_gate_too(tenant: Tenant) -> None:
    tenant.open_gates()
    tenant.set("Set-CASMailbox", Identity=MAILBOX, EwsEnabled=False)
    assert tenant.get_folder(MAILBOX) == (403, DISABLED)
    assert tenant.get_folder(NEIGHBOUR) == (200, "NoError")
    tenant.set("Set-OrganizationConfig", EwsEnabled=False)
    tenant.set("Set-CASMailbox", Identity=MAILBOX, EwsEnabled=True)
    assert tenant.get_folder(MAILBOX) == (403, DISABLED)


def test_the_list_is_written_whole_and_read_only_when_asked(tenant: Tenant) -> None:
    def listed(**asked: bool) -> object:
        (record,) = tenant.run("Get-OrganizationConfig", **asked).objects
        return record.properties["EwsAllowedAppIDs"]

    tenant.set("Set-OrganizationConfig", EwsAllowedAppIDs=OTHER)
    tenant.set("Set-OrganizationConfig", EwsAllowedAppIDs=APP_ID)
    assert listed() == ""
    assert listed(RetrieveEwsOperationAccessPolicy=True) == APP_ID
    again = tenant.run("Set-OrganizationConfig", EwsAllowedAppIDs=APP_ID)
    assert "have been modified" in again.warnings[0]
    for empty in ("", None):
        tenant.set("Set-OrganizationConfig", EwsAllowedAppIDs=APP_ID)
        tenant.set("Set-OrganizationConfig", EwsAllowedAppIDs=empty)
        assert listed(RetrieveEwsOperationAccessPolicy=True) == ""


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"EwsAllowList": ["a"]}, "EwsApplicationAccessPolicy must be specified"),
        ({"EwsBlockList": ["a"]}, "EwsApplicationAccessPolicy must be specified"),
        ({"EwsApplicationAccessPolicy": "AllowAll"}, "enumeration"),
        ({"EwsAllowedAppIDs": f"{APP_ID};{OTHER}"}, "isn't valid"),
        ({"EwsEnabled": "true"}, "System.Boolean"),
    ],
)
def test_writes_that_are_refused(tenant: Tenant, given: dict[str, Any], words: str) -> None:
    before = tenant.sandbox.store.sequence()
    failure = tenant.run("Set-OrganizationConfig", **given).failure
    assert failure is not None and words in failure.text
    assert tenant.sandbox.store.sequence() == before


def test_a_person_reads_the_own_mailbox_and_those_shared_with_it(tenant: Tenant) -> None:
    tenant.open_gates()
    token = user_token(tenant.sandbox, MAILBOX, "EWS.AccessAsUser.All")
    assert tenant.get_folder(None, token=token) == (200, "NoError")
    assert tenant.get_folder(None, token=token, other=NEIGHBOUR) == (200, "ErrorFolderNotFound")
    tenant.set("Add-MailboxPermission", Identity=NEIGHBOUR, User=MAILBOX, AccessRights="FullAccess")
    assert tenant.get_folder(None, token=token, other=NEIGHBOUR) == (200, "NoError")
    assert tenant.get_folder(NEIGHBOUR, token=token) == (500, "ErrorInvalidExchangeImpersonationHeaderData")
    assert tenant.get_folder(None, token=user_token(tenant.sandbox, MAILBOX, "SMTP.Send"))[0] == 401


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("<not xml", 400),
        ("<a/>", 500),
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', 400),
        (ask(MAILBOX).replace("GetFolder>", "FindItem>"), 500),
        (ask(MAILBOX).replace("DistinguishedFolderId", "FolderId"), 500),
    ],
)
def test_what_is_no_get_folder(tenant: Tenant, text: str, status: int) -> None:
    tenant.open_gates()
    assert tenant.post(tenant.token("full_access_as_app"), text).status_code == status


def test_the_organisations_gate_opens_within_a_day(late_tenant: Tenant) -> None:
    late_tenant.open_gates()
    waited = 0
    while late_tenant.get_folder()[0] == 403:
        late_tenant.sandbox.advance(1800)
        waited += 1800
    assert 3600 <= waited <= 88200


def test_faults_and_history(tenant: Tenant) -> None:
    tenant.open_gates()
    rule = {"protocol": "ews", "match": "GetFolder", "effect": {"status": 503, "retryAfter": 3}, "nth": 1}
    tenant.sandbox.faults.add(Rule.parse(rule))
    token = tenant.token("full_access_as_app")
    answer = tenant.post(token, ask(MAILBOX))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "3")
    assert tenant.get_folder(token=token) == (200, "NoError")
    lines = [(each["protocol"], each["operation"], each["status"]) for each in tenant.sandbox.history.since()]
    assert lines == [("ews", "GetFolder", 503), ("ews", "GetFolder", 200)]
