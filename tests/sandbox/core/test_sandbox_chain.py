"""The whole chain by hand, without our client: register, consent, secret, mailbox right, mail, read back."""

from __future__ import annotations

import base64
import smtplib
import ssl
from email.message import EmailMessage
from typing import Any

import pytest

EXCHANGE = "00000002-0000-0ff1-ce00-000000000000"
SMTP_SEND_AS_APP = "7146a1f0-8703-45b3-9eae-527a64c00995"
EXCHANGE_DEFAULT = "https://outlook.office365.com/.default"
SENDER = "cryptshare@contoso.example"
NEIGHBOUR = "neighbour@contoso.example"


def cmdlet(tenant: Any, name: str, **parameters: Any) -> Any:
    answer = tenant.http.post(
        f"{tenant.endpoints['exchange']}/adminapi/beta/{tenant.id}/InvokeCommand",
        json={"CmdletInput": {"CmdletName": name, "Parameters": parameters}},
        headers={
            "authorization": f"Bearer {tenant.token(scope=EXCHANGE_DEFAULT)}",
            "X-AnchorMailbox": f"APP:SystemMailbox{{bb558c35-97f1-4cb9-8ff7-d53741dc928c}}@{tenant.id}",
        },
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def submit(tenant: Any, token: str, user: str) -> None:
    message = EmailMessage()
    message["From"] = message["To"] = user
    message["Subject"] = "Proof"
    message["Message-ID"] = "<proof@contoso.example>"
    message.set_content("Hello")
    where = tenant.endpoints["smtp"]
    with smtplib.SMTP(where["host"], where["port"], timeout=20) as smtp:
        smtp.starttls(context=ssl.create_default_context(cafile=tenant.ca_file))
        smtp.ehlo()
        response = base64.b64encode(f"user={user}\x01auth=Bearer {token}\x01\x01".encode()).decode()
        code, text = smtp.docmd("AUTH", f"XOAUTH2 {response}")
        if code != 235:
            raise smtplib.SMTPAuthenticationError(code, text)
        smtp.send_message(message)


def test_a_mail_is_really_submitted_and_read_back(tenant: Any) -> None:
    application = tenant.application("Cryptshare Server")
    principal = tenant.service_principal(application["appId"])
    exchange = tenant.resource(EXCHANGE)
    body = {"principalId": principal["id"], "resourceId": exchange["id"], "appRoleId": SMTP_SEND_AS_APP}
    tenant.post(f"/servicePrincipals/{principal['id']}/appRoleAssignments", body)
    secret = tenant.post(f"/applications/{application['id']}/addPassword", {}, status=200)["secretText"]
    cmdlet(tenant, "New-ServicePrincipal", AppId=application["appId"], ObjectId=principal["id"], DisplayName="Cs")
    cmdlet(
        tenant,
        "Add-MailboxPermission",
        Identity=SENDER,
        User=principal["id"],
        AccessRights="FullAccess",
        AutoMapping=False,
    )
    answer = tenant.token_request(
        client_id=application["appId"],
        client_secret=secret,
        grant_type="client_credentials",
        scope=EXCHANGE_DEFAULT,
    )
    token = answer.json()["access_token"]
    with pytest.raises(smtplib.SMTPAuthenticationError, match=r"5\.7\.139"):
        submit(tenant, token, SENDER)
    cmdlet(tenant, "Set-CASMailbox", Identity=SENDER, SmtpClientAuthenticationDisabled=False)
    cmdlet(tenant, "Set-CASMailbox", Identity=NEIGHBOUR, SmtpClientAuthenticationDisabled=False)
    submit(tenant, token, SENDER)
    found = tenant.get(f"/users/{SENDER}/mailFolders/inbox/messages")["value"]
    assert [(each["subject"], each["internetMessageId"]) for each in found] == [("Proof", "<proof@contoso.example>")]
    with pytest.raises(smtplib.SMTPResponseException) as refused:
        submit(tenant, token, NEIGHBOUR)
    assert refused.value.smtp_code == 430
    operations = [
        (line["protocol"], line["operation"]) for line in tenant.manage("GET", "/history")["history"] if line["write"]
    ]
    assert ("graph", "POST /v1.0/applications") in operations
    assert any("Set-CASMailbox" in operation for _, operation in operations)


def test_the_operator_reaches_the_management_host(tenant: Any) -> None:
    from pathlib import Path

    from pypsrp.powershell import PowerShell, RunspacePool
    from pypsrp.wsman import WSMan

    where = tenant.endpoints["wsman"]
    host = WSMan(
        where["host"],
        port=where["port"],
        path=where["path"],
        ssl=True,
        auth="basic",
        username=where["username"],
        password=Path(where["passwordFile"]).read_text(),
        cert_validation=tenant.ca_file,
    )
    with host, RunspacePool(host, configuration_name=where["configurations"]["jea"]) as pool:
        shell = PowerShell(pool)
        shell.add_cmdlet("Get-ProvisionerCASMailbox").add_parameters({"Identity": SENDER, "Organization": tenant.id})
        (mailbox,) = shell.invoke()
        assert not shell.had_errors
    assert mailbox.adapted_properties or mailbox.extended_properties
