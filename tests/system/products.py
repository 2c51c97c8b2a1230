"""Products at work, as their vendors made them: a sign-in with the secret that was handed over, then mail.

Nothing here uses the client. A product keeps its token until it ends, as real ones do: `Product.old_token`.
"""

from __future__ import annotations

import base64
import smtplib
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.system.support import Sandbox
from tests.system.tenant import EXCHANGE, GRAPH, Administrator, stored_secrets

Use = Callable[[Sandbox, str, str], str | None]
"""(sandbox, token, mailbox) -> None where it worked, else the refusal."""


def submits(sandbox: Sandbox, token: str, mailbox: str) -> str | None:
    """A mail over SMTP as the mailbox."""
    where = sandbox.endpoints["smtp"]
    context = ssl.create_default_context(cafile=sandbox.endpoints["caFile"])
    text = base64.b64encode(f"user={mailbox}\x01auth=Bearer {token}\x01\x01".encode()).decode()
    with smtplib.SMTP(where["host"], where["port"], timeout=30) as client:
        client.starttls(context=context)
        client.ehlo()
        code, answer = client.docmd("AUTH", f"XOAUTH2 {text}")
        if code == 334:
            code, answer = client.docmd("")
        if code != 235:
            return f"{code} {answer.decode()}"
        try:
            client.sendmail(mailbox, [mailbox], f"From: {mailbox}\r\nTo: {mailbox}\r\nSubject: at work\r\n\r\nx\r\n")
        except smtplib.SMTPResponseException as refused:
            return f"{refused.smtp_code} {refused.smtp_error!r}"
    return None


def sends_over_graph(sandbox: Sandbox, token: str, mailbox: str) -> str | None:
    """A mail over Graph as the mailbox."""
    body = (
        b'{"message": {"subject": "at work", "body": {"contentType": "Text", "content": "x"}, "toRecipients": '
        b'[{"emailAddress": {"address": "' + mailbox.encode() + b'"}}]}}'
    )
    address = f"{sandbox.endpoints['graph']}/users/{mailbox}/sendMail"
    return _posted(sandbox, address, body, {"Authorization": f"Bearer {token}", "Content-Type": "application/json"})


def opens_over_ews(sandbox: Sandbox, token: str, mailbox: str) -> str | None:
    """The inbox's folder over EWS, as the mailbox."""
    types = "http://schemas.microsoft.com/exchange/services/2006/types"
    text = (
        f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:t="{types}" '
        f'xmlns:m="{types.replace("types", "messages")}"><s:Header><t:RequestServerVersion Version="Exchange2016"/>'
        "<t:ExchangeImpersonation><t:ConnectingSID>"
        f"<t:PrimarySmtpAddress>{mailbox}</t:PrimarySmtpAddress></t:ConnectingSID></t:ExchangeImpersonation></s:Header>"
        "<s:Body><m:GetFolder><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape></m:FolderShape><m:FolderIds>"
        '<t:DistinguishedFolderId Id="inbox"/></m:FolderIds></m:GetFolder></s:Body></s:Envelope>'
    )
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "text/xml", "User-Agent": "Product/1.0"}
    return _posted(sandbox, f"{sandbox.endpoints['exchange']}/EWS/Exchange.asmx", text.encode(), headers, b"NoError")


def _posted(sandbox: Sandbox, address: str, body: bytes, headers: dict[str, str], wanted: bytes = b"") -> str | None:
    context = ssl.create_default_context(cafile=sandbox.endpoints["caFile"])
    try:
        with urllib.request.urlopen(
            urllib.request.Request(address, body, headers), context=context, timeout=30
        ) as reply:
            text = reply.read()
    except urllib.error.HTTPError as refused:
        with refused:
            return f"{refused.code} {refused.read().decode()}"
    return None if wanted in text else text.decode()


@dataclass(frozen=True)
class Product:
    """One product: its playbook with parameters, the mailbox that it uses, and how."""

    playbook: str
    parameters: tuple[str, ...]
    mailbox: str
    other: str
    """A mailbox that it must not reach once it is scoped."""
    audience: str
    use: Use
    flags: tuple[str, ...] = ()
    """What onboarding it in its guide's way must be allowed."""

    def token(self, sandbox: Sandbox, home: Path, app_id: str) -> str:
        """A fresh token with the application's secret that lies in the home."""
        stored = stored_secrets(home)
        keys = [key for each in sandbox.state()["applications"] if each["appId"] == app_id for key in _keys(each)]
        (secret,) = (stored[each] for each in keys if each in stored)
        return str(Administrator(sandbox).token(app_id, secret, self.audience)["access_token"])

    def works(self, sandbox: Sandbox, token: str) -> str | None:
        """None where it works; else the refusal."""
        return self.use(sandbox, token, self.mailbox)

    def reaches_other(self, sandbox: Sandbox, token: str) -> bool:
        """Whether it gets into the mailbox that is none of its business."""
        return self.use(sandbox, token, self.other) is None


def _keys(application: dict[str, Any]) -> list[str]:
    return [each["keyId"] for each in application["passwordCredentials"]]


def cryptshare(sender: str, other: str) -> Product:
    """Cryptshare Server: SMTP submission as one sender."""
    parameters = ("--set", f"sender_mailbox={sender}", "--set", f"denied_mailbox={other}")
    return Product("cryptshare/server", parameters, sender, other, EXCHANGE, submits)


def centron(sender: str, other: str) -> Product:
    """c-entron.NET: mail over Graph."""
    parameters = ("--set", f"default_sender={sender}", "--set", f"denied_mailbox={other}")
    return Product("centron/net", parameters, sender, other, GRAPH, sends_over_graph, ("--allow-tenant-wide",))


def monitor(sender: str, incoming: str, other: str) -> Product:
    """Monitor ERP: mailboxes over EWS."""
    parameters = (
        "--set",
        f"sender_mailbox={sender}",
        "--set",
        f"incoming_mailbox={incoming}",
        "--set",
        f"denied_mailbox={other}",
    )
    return Product("monitor/erp", parameters, sender, other, EXCHANGE, opens_over_ews, ("--allow-tenant-wide",))
