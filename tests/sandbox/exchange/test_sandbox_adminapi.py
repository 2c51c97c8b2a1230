"""InvokeCommand over HTTPS with httpx."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Any

import exchange_listeners as listeners
import httpx
import pytest
from exchange_listeners import APP_ID, MAILBOX, OBJECT_ID, administrator_token, application_token, user_token

from provisioner.sandbox import roles
from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.exchange import directory
from provisioner.sandbox.faults import Rule

ANCHOR = "APP:SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}"
POINTER = {"AppId": APP_ID, "ObjectId": OBJECT_ID, "DisplayName": "Ours"}


class Api:
    def __init__(self, sandbox: Sandbox, client: httpx.Client) -> None:
        self.sandbox = sandbox
        self.client = client
        self.token = administrator_token(sandbox)

    def post(
        self, cmdlet: str, parameters: dict[str, Any] | None = None, *, url: str | None = None, **headers: str | None
    ) -> httpx.Response:
        sent = {"Authorization": f"Bearer {self.token}", "X-AnchorMailbox": ANCHOR}
        sent |= {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
        for name in [name for name, value in headers.items() if value is None]:
            sent.pop(name.replace("_", "-"))
        return self.client.post(
            url or f"/adminapi/beta/{self.sandbox.tenant_id}/InvokeCommand",
            json={"CmdletInput": {"CmdletName": cmdlet, "Parameters": parameters or {}}},
            headers=sent,
        )

    def value(self, cmdlet: str, parameters: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        reply = self.post(cmdlet, parameters)
        assert reply.status_code == 200, reply.text
        value: list[dict[str, Any]] = reply.json()["value"]
        return value


@pytest.fixture
def api(sandbox: Sandbox, certificate: listeners.Certificate, trust: ssl.SSLContext) -> Iterator[Api]:
    with (
        listeners.admin_api(sandbox, certificate) as port,
        httpx.Client(base_url=f"https://localhost:{port}", verify=trust, trust_env=False) as client,
    ):
        yield Api(sandbox, client)


def test_success_has_the_shape_of_the_captured_reply(api: Api) -> None:
    reply = api.post("New-ServicePrincipal", POINTER)
    body = reply.json()
    assert reply.status_code == 200
    assert list(body) == ["@odata.context", "adminapi.warnings@odata.type", "@adminapi.warnings", "value"]
    assert body["@odata.context"].endswith("$metadata#Collection(Exchange.GenericHashTable)")
    assert body["@adminapi.warnings"] == []
    (made,) = body["value"]
    assert (made["AppId"], made["ObjectId"]) == (APP_ID, OBJECT_ID)
    assert made["ObjectClass@odata.type"] == "#Collection(String)"
    assert {"request-id", "rate-limit-remaining", "rate-limit-reset", "date"} <= set(reply.headers)


def test_a_cmdlet_without_output_succeeds_with_an_empty_value(api: Api) -> None:
    switch = {"Identity": MAILBOX, "SmtpClientAuthenticationDisabled": False}
    assert api.value("Set-CASMailbox", switch) == []
    assert api.value("Get-CASMailbox", {"Identity": MAILBOX})[0]["SmtpClientAuthenticationDisabled"] is False
    assert api.value("Set-CASMailbox", switch | {"SmtpClientAuthenticationDisabled": None}) == []
    assert api.value("Get-CASMailbox", {"Identity": MAILBOX})[0]["SmtpClientAuthenticationDisabled"] is None


def test_warnings_stand_in_the_body(api: Api) -> None:
    api.value("New-ServicePrincipal", POINTER)
    grant = {"Identity": MAILBOX, "User": OBJECT_ID, "AccessRights": ["FullAccess"], "AutoMapping": False}
    assert len(api.value("Add-MailboxPermission", grant)) == 1
    body = api.post("Add-MailboxPermission", grant).json()
    assert body["value"] == []
    assert "access control entry is already present" in body["@adminapi.warnings"][0]


@pytest.mark.parametrize(
    ("cmdlet", "parameters", "status", "code", "exception", "words"),
    [
        (
            "Get-Mailbox",
            {"Identity": "nobody@contoso.example"},
            404,
            "NotFound",
            "Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException",
            "couldn't be found on",
        ),
        (
            "Get-Mailbox",
            {"Bogus": 1},
            400,
            "BadRequest",
            "System.Management.Automation.ParameterBindingException",
            "'Bogus'",
        ),
        (
            "New-ServicePrincipal",
            {"ObjectId": OBJECT_ID},
            400,
            "BadRequest",
            "System.Management.Automation.ParameterBindingException",
            "AppId",
        ),
        (
            "Set-CASMailbox",
            {"Identity": MAILBOX, "ImapEnabled": "true"},
            400,
            "BadRequest",
            "System.Management.Automation.ParameterBindingArgumentTransformationException",
            "System.Boolean",
        ),
    ],
)
def test_failures_are_id_type_and_text(
    api: Api, cmdlet: str, parameters: dict[str, Any], status: int, code: str, exception: str, words: str
) -> None:
    reply = api.post(cmdlet, parameters)
    error = reply.json()["error"]
    assert (reply.status_code, error["code"], error["message"]) == (status, code, "Error executing cmdlet")
    (detail,) = error["details"]
    _, kind, text = detail["message"].split("|")
    assert kind == exception
    assert words in text
    assert error["innererror"]["internalexception"]["type"] == exception
    assert reply.json()["@adminapi.warnings"] == []


@pytest.mark.parametrize("cmdlet", ["Get-Nonsense", "Connect-ExchangeOnline", "New-ProvisionerServicePrincipal"])
def test_an_unknown_cmdlet_is_nul_bytes_falsely_declared_gzip(api: Api, cmdlet: str) -> None:
    with pytest.raises(httpx.DecodingError):
        api.post(cmdlet)
    request = api.client.build_request(
        "POST",
        f"/adminapi/beta/{api.sandbox.tenant_id}/InvokeCommand",
        json={"CmdletInput": {"CmdletName": cmdlet}},
        headers={"Authorization": f"Bearer {api.token}", "X-AnchorMailbox": ANCHOR},
    )
    reply = api.client.send(request, stream=True)
    assert reply.status_code == 403
    assert reply.headers["content-encoding"] == "gzip"
    assert set(b"".join(reply.iter_raw())) == {0}


@pytest.mark.parametrize(
    ("granted", "role"),
    [((), roles.EXCHANGE_ADMINISTRATOR), (("Exchange.ManageAsApp",), None)],
    ids=["no permission", "no role"],
)
def test_app_only_needs_the_permission_and_a_role(api: Api, granted: tuple[str, ...], role: str | None) -> None:
    api.token = application_token(api.sandbox, *granted, wids=(role,) if role else ())
    with pytest.raises(httpx.DecodingError):
        api.post("Get-Mailbox")


def test_a_user_acts_by_directory_role(api: Api) -> None:
    reader = user_token(api.sandbox, "reader@contoso.example", "Exchange.Manage", wids=(roles.GLOBAL_READER,))
    api.token = reader
    assert len(api.value("Get-Mailbox")) == 5
    with pytest.raises(httpx.DecodingError):
        api.post("New-ServicePrincipal", POINTER)
    api.token = user_token(api.sandbox, "reader@contoso.example", "Mail.Read", wids=(roles.GLOBAL_READER,))
    with pytest.raises(httpx.DecodingError):
        api.post("Get-Mailbox")


def test_what_is_no_token_for_exchange_is_401(api: Api) -> None:
    tokens = [
        "nonsense",
        application_token(api.sandbox, aud="https://graph.microsoft.com"),
        application_token(api.sandbox, "Exchange.ManageAsApp", seconds=-1),
    ]
    for token in tokens:
        reply = api.post("Get-Mailbox", Authorization=f"Bearer {token}")
        assert (reply.status_code, reply.content) == (401, b"")
        assert reply.headers["www-authenticate"].startswith("Bearer ")
    assert api.post("Get-Mailbox", Authorization=None).status_code == 401


def test_the_tenant_in_the_path_and_the_anchor_are_looked_at(api: Api) -> None:
    assert api.post("Get-Mailbox", url="/adminapi/beta/contoso.example/InvokeCommand").status_code == 400
    other = "/adminapi/beta/00000000-0000-4000-8000-000000000000/InvokeCommand"
    assert api.post("Get-Mailbox", url=other).status_code == 400
    assert api.post("Get-Mailbox", X_AnchorMailbox=None).status_code == 400
    assert api.post("Get-Mailbox", url=f"/adminapi/v1.0/{api.sandbox.tenant_id}/InvokeCommand").status_code == 405


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b'{"CmdletInput": {"CmdletName": 1}}', b"\xff"])
def test_a_body_that_asks_for_nothing_is_400(api: Api, body: bytes) -> None:
    reply = api.client.post(
        f"/adminapi/beta/{api.sandbox.tenant_id}/InvokeCommand",
        content=body,
        headers={"Authorization": f"Bearer {api.token}", "X-AnchorMailbox": ANCHOR},
    )
    assert reply.status_code == 400
    assert reply.json()["error"]["code"] == "BadRequest"


def test_pages_are_read_by_posting_the_same_body_again(api: Api) -> None:
    seen, url = [], None
    while True:
        reply = api.post("Get-Mailbox", {"ResultSize": "1"}, url=url, Prefer="odata.maxpagesize=3").json()
        seen += [each["Alias"] for each in reply["value"]]
        url = reply.get("@odata.nextLink")
        if url is None:
            break
    assert sorted(seen) == ["accounting", "cryptshare", "neighbour", "sales", "unlicensed"]
    link = api.post("Get-Mailbox", Prefer="odata.maxpagesize=3").json()["@odata.nextLink"]
    assert api.post("Get-CASMailbox", url=link).status_code == 400
    api.sandbox.advance(1801)
    late = api.post("Get-Mailbox", url=link, Authorization=f"Bearer {administrator_token(api.sandbox)}")
    assert "pagination" in late.json()["error"]["details"][0]["message"]


def test_select_leaves_only_what_was_asked(api: Api) -> None:
    url = f"/adminapi/beta/{api.sandbox.tenant_id}/InvokeCommand?$select=Alias,PrimarySmtpAddress"
    assert set(api.post("Get-Mailbox", url=url).json()["value"][0]) == {"Alias", "PrimarySmtpAddress"}


def test_a_removal_that_asks_is_not_carried_out(api: Api) -> None:
    api.value("New-ServicePrincipal", POINTER)
    reply = api.post("Remove-ServicePrincipal", {"Identity": OBJECT_ID})
    assert (reply.status_code, reply.json()["value"]) == (200, [])
    assert "@adminapi.confirmationmessage" in reply.json()
    assert api.value("Get-ServicePrincipal", {"Identity": OBJECT_ID})[0]["AppId"] == APP_ID
    assert api.value("Remove-ServicePrincipal", {"Identity": OBJECT_ID, "Confirm": False}) == []
    assert APP_ID not in {each["AppId"] for each in api.value("Get-ServicePrincipal")}


@pytest.mark.parametrize("after", [False, True])
def test_throttled_before_or_after_the_work(api: Api, after: bool) -> None:
    effect = {"status": 429, "retryAfter": 7, "after": after}
    api.sandbox.faults.add(Rule.parse({"protocol": "adminapi", "match": "New-", "effect": effect, "times": 1}))
    reply = api.post("New-ServicePrincipal", POINTER)
    assert (reply.status_code, reply.headers["retry-after"]) == (429, "7")
    with api.sandbox.store.transaction() as tx:
        assert bool(directory.pointers(tx, OBJECT_ID)) is after


def test_a_dropped_connection_leaves_no_reply(api: Api) -> None:
    api.sandbox.faults.add(Rule.parse({"match": "Get-Mailbox", "effect": {"drop": True}, "times": 1}))
    with pytest.raises(httpx.TransportError):
        api.post("Get-Mailbox")
    assert len(api.value("Get-Mailbox")) == 5


def test_history_tells_reads_from_writes(api: Api) -> None:
    api.value("Get-Mailbox")
    api.value("New-ServicePrincipal", POINTER)
    lines = [(each["operation"], each["status"], each["write"]) for each in api.sandbox.history.since()]
    assert lines == [("Get-Mailbox", 200, False), ("New-ServicePrincipal", 200, True)]
    assert api.token not in str(api.sandbox.history.since())
