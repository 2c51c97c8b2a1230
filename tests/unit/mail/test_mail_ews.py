"""The one question over EWS: whose mailbox it is about, every kind of answer, and never the token."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from xml.etree import ElementTree as ET

import httpx
import pytest

from provisioner.errors import InputFault
from provisioner.mail import EwsResult, Trouble, ews
from provisioner.model.secret import Secret

EXCHANGE = "https://outlook.example"
TOKEN = "eyJplanted.token-that-must-not.show"
TYPES = "{http://schemas.microsoft.com/exchange/services/2006/types}"


def answer(code: str, text: str = "", kind: str = "Error") -> str:
    message = f"<m:MessageText>{text}</m:MessageText>" if text else ""
    return (
        '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        '<m:GetFolderResponse xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages">'
        f'<m:ResponseMessages><m:GetFolderResponseMessage ResponseClass="{kind}">{message}'
        f"<m:ResponseCode>{code}</m:ResponseCode></m:GetFolderResponseMessage></m:ResponseMessages>"
        "</m:GetFolderResponse></s:Body></s:Envelope>"
    )


FAULT = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>'
    "<faultcode>a:ErrorImpersonateUserDenied</faultcode><faultstring>May not impersonate.</faultstring><detail>"
    '<e:ResponseCode xmlns:e="http://schemas.microsoft.com/exchange/services/2006/errors">ErrorImpersonateUserDenied'
    "</e:ResponseCode></detail></s:Fault></s:Body></s:Envelope>"
)


def ask(reply: Callable[[httpx.Request], httpx.Response], mailbox: str = "sales@contoso.example") -> EwsResult:
    result = asyncio.run(
        ews.open_inbox(
            EXCHANGE,
            mailbox=mailbox,
            token=Secret(TOKEN),
            tls=ssl.create_default_context(),
            transport=httpx.MockTransport(reply),
        )
    )
    assert TOKEN not in repr(result)
    return result


def test_what_is_asked() -> None:
    asked: list[httpx.Request] = []

    def reply(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, text=answer("NoError", kind="Success"))

    assert ask(reply).opened
    (request,) = asked
    assert (request.method, str(request.url)) == ("POST", f"{EXCHANGE}/EWS/Exchange.asmx")
    assert request.headers["x-anchormailbox"] == "sales@contoso.example"
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    envelope = ET.fromstring(request.content)
    assert [each.text for each in envelope.iter(f"{TYPES}PrimarySmtpAddress")] == ["sales@contoso.example"]
    assert [each.get("Id") for each in envelope.iter(f"{TYPES}DistinguishedFolderId")] == ["inbox"]


def test_an_address_stays_an_address() -> None:
    seen: list[bytes] = []

    def reply(request: httpx.Request) -> httpx.Response:
        seen.append(request.content)
        return httpx.Response(200, text=answer("NoError"))

    ask(reply, "r&d@contoso.example")
    assert [each.text for each in ET.fromstring(seen[0]).iter(f"{TYPES}PrimarySmtpAddress")] == ["r&d@contoso.example"]
    with pytest.raises(InputFault):
        ask(reply, "</t:x>@contoso.example")


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (
            httpx.Response(200, text=answer("ErrorNonExistentMailbox", "No mailbox.")),
            EwsResult(200, "ErrorNonExistentMailbox", "No mailbox."),
        ),
        (httpx.Response(500, text=FAULT), EwsResult(500, "ErrorImpersonateUserDenied", "May not impersonate.")),
        (
            httpx.Response(403, headers={"X-EWS-Policy-Reason": "EWS is disabled for this user or tenant"}),
            EwsResult(403, "", "", "EWS is disabled for this user or tenant"),
        ),
        (
            httpx.Response(401, headers={"x-ms-diagnostics": '2000005;reason="no scope"'}),
            EwsResult(401, "", '2000005;reason="no scope"'),
        ),
        (httpx.Response(503), EwsResult(503, "", "")),
        (httpx.Response(502, text="<html><p>not xml"), EwsResult(502, "", "")),
        (
            httpx.Response(500, text='<!DOCTYPE x [<!ENTITY a "ha">]><x><ResponseCode>&a;</ResponseCode></x>'),
            EwsResult(500, "", ""),
        ),
    ],
)
def test_every_kind_of_answer(response: httpx.Response, expected: EwsResult) -> None:
    result = ask(lambda _: response)
    assert result == expected
    assert not result.opened


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (httpx.ConnectError("refused"), Trouble.UNREACHABLE),
        (httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed"), Trouble.CERTIFICATE),
        (httpx.ReadTimeout("late"), Trouble.TIMEOUT),
        (httpx.RemoteProtocolError("cut"), Trouble.DROPPED),
    ],
)
def test_no_answer(error: httpx.TransportError, trouble: Trouble) -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        raise error

    result = ask(reply)
    assert (result.status, result.code, result.trouble) == (0, "", trouble)
    assert result.text


def test_somebody_else_answers() -> None:
    result = ask(lambda _: httpx.Response(200, text="<html><body>Welcome to the hotel</body></html>"))
    assert (result.status, result.trouble) == (0, Trouble.PROTOCOL)
