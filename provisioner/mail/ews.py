"""Exchange Web Services, as far as one question: the inbox of a mailbox, asked for in its owner's stead.

An application has to impersonate, and should say in a header whose mailbox it means, by which Exchange routes. One
envelope is all of SOAP that is needed, so there is no SOAP library. Sources: exchange.md 5.5; Microsoft's pages on EWS
with OAuth, and on control of access to EWS (the header that says why a door stays closed).
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from provisioner.mail.message import wire_address
from provisioner.mail.server import TIMEOUT_SECONDS, Trouble
from provisioner.mail.xoauth2 import legible
from provisioner.model.secret import Secret

if TYPE_CHECKING:
    import httpx

PATH = "/EWS/Exchange.asmx"
USER_AGENT = "provisioner"
"""What the organisation's lists of user agents see of us; the product has one of its own."""

NO_ERROR = "NoError"
_MOST_BYTES = 1024 * 1024
_NAMESPACES = "http://schemas.microsoft.com/exchange/services/2006"


@dataclass(frozen=True)
class EwsResult:
    """What was answered."""

    status: int
    """HTTP's; 0 where `trouble` says that no reply came."""
    code: str
    """EWS's own word (`NoError`, `ErrorImpersonateUserDenied`); empty where it gave none."""
    text: str
    door: str = ""
    """What the organisation's doors before EWS say where they stay closed (`X-EWS-Policy-Reason`)."""
    trouble: Trouble | None = None

    @property
    def opened(self) -> bool:
        """The inbox was shown."""
        return self.code == NO_ERROR

    def __str__(self) -> str:
        numbers = str(self.status) if self.status else ""
        return " ".join(part for part in (numbers, self.code, self.door or self.text) if part)


async def open_inbox(
    exchange: str,
    *,
    mailbox: str,
    token: Secret,
    tls: ssl.SSLContext,
    transport: httpx.AsyncBaseTransport | None = None,
) -> EwsResult:
    """Ask for the id of a mailbox's inbox, once. `exchange` is the service's base URL. Raises InputFault."""
    import httpx

    address = wire_address(mailbox)
    body = _ENVELOPE.format(namespaces=_NAMESPACES, address=escape(address)).encode()
    headers = {
        "Authorization": f"Bearer {token.reveal()}",
        "Content-Type": "text/xml; charset=utf-8",
        "Accept": "text/xml",
        "User-Agent": USER_AGENT,
        "X-AnchorMailbox": address,
    }
    try:
        async with httpx.AsyncClient(verify=tls, timeout=TIMEOUT_SECONDS, transport=transport) as client:
            reply = await client.post(f"{exchange}{PATH}", content=body, headers=headers)
    except httpx.TransportError as error:
        return _silence(error)
    return _read(reply)


def _silence(error: httpx.TransportError) -> EwsResult:
    """No reply; the exception holds the request, and with it the token, so only its kind is told."""
    import httpx

    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return EwsResult(0, "", "its certificate is not trusted", trouble=Trouble.CERTIFICATE)
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError):
        return EwsResult(0, "", "nobody answers", trouble=Trouble.UNREACHABLE)
    if isinstance(error, httpx.TimeoutException):
        return EwsResult(0, "", f"no answer within {TIMEOUT_SECONDS:g} seconds", trouble=Trouble.TIMEOUT)
    return EwsResult(0, "", "the connection was lost before the answer came", trouble=Trouble.DROPPED)


def _read(reply: httpx.Response) -> EwsResult:
    """The code and text of a reply. A refusal at a door, or of a token, is HTTP alone; a header has the reason."""
    status, content = reply.status_code, reply.content
    found: dict[str, str] = {}
    if len(content) <= _MOST_BYTES and b"<!" not in content:  # no document type, so no entities either
        try:
            for element in ET.fromstring(content).iter():  # noqa: S314
                name = element.tag.rpartition("}")[2]
                found.setdefault(name, " ".join((element.text or "").split()))
        except ET.ParseError:
            pass
    code = found.get("ResponseCode", "")
    text = found.get("MessageText") or found.get("faultstring") or reply.headers.get("x-ms-diagnostics", "")
    if status == 200 and not code:
        return EwsResult(0, "", "the answer is not one of Exchange Web Services", trouble=Trouble.PROTOCOL)
    return EwsResult(status, code, legible(text), legible(reply.headers.get("x-ews-policy-reason", "")))


_ENVELOPE = """<?xml version="1.0" encoding="utf-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:t="{namespaces}/types" \
xmlns:m="{namespaces}/messages">
<soap:Header>
<t:RequestServerVersion Version="Exchange2013_SP1"/>
<t:ExchangeImpersonation><t:ConnectingSID><t:PrimarySmtpAddress>{address}</t:PrimarySmtpAddress></t:ConnectingSID>\
</t:ExchangeImpersonation>
</soap:Header>
<soap:Body>
<m:GetFolder>
<m:FolderShape><t:BaseShape>IdOnly</t:BaseShape></m:FolderShape>
<m:FolderIds><t:DistinguishedFolderId Id="inbox"/></m:FolderIds>
</m:GetFolder>
</soap:Body>
</soap:Envelope>
"""
