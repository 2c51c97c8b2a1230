"""Submission with smtplib: each refusal at its stage."""

from __future__ import annotations

import base64
import email.policy
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any

import exchange_listeners as listeners
import pytest
from exchange_listeners import APP_ID, MAILBOX, NEIGHBOUR, OBJECT_ID, application_token, user_token

from provisioner.sandbox import roles
from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.exchange import directory, service
from provisioner.sandbox.exchange.access import Caller
from provisioner.sandbox.faults import Rule
from provisioner.sandbox.smtp import SmtpListener

ADMINISTRATOR = Caller("admin", frozenset({roles.GLOBAL_ADMINISTRATOR}), app_only=False)


class Tenant:
    """A sandbox with its submission port."""

    def __init__(self, sandbox: Sandbox, port: int, trust: ssl.SSLContext) -> None:
        self.sandbox = sandbox
        self.port = port
        self.trust = trust

    def set(self, name: str, **given: Any) -> None:
        cmdlet = service.visible(ADMINISTRATOR, name)
        assert cmdlet is not None
        outcome = service.run(self.sandbox, cmdlet, list(given.items()))
        assert outcome.failure is None, outcome.failure

    def point(self, object_id: str = OBJECT_ID) -> None:
        self.set("New-ServicePrincipal", AppId=APP_ID, ObjectId=object_id)

    def grant(self, mailbox: str = MAILBOX, right: str = "FullAccess") -> None:
        self.set("Add-MailboxPermission", Identity=mailbox, User=OBJECT_ID, AccessRights=right)

    def switch_on(self, mailbox: str = MAILBOX) -> None:
        self.set("Set-CASMailbox", Identity=mailbox, SmtpClientAuthenticationDisabled=False)

    def ready(self) -> None:
        self.point()
        self.grant()
        self.switch_on()

    def token(self, *granted: str, **claims: Any) -> str:
        return application_token(self.sandbox, *(granted or ("SMTP.SendAsApp",)), **claims)

    @contextmanager
    def connection(self, *, tls: bool = True) -> Iterator[smtplib.SMTP]:
        client = smtplib.SMTP("localhost", self.port, timeout=10)
        try:
            client.ehlo("client.example")
            if tls:
                client.starttls(context=self.trust)
                client.ehlo("client.example")
            yield client
        finally:
            client.close()

    def authenticate(self, token: str, user: str = MAILBOX) -> tuple[int, str]:
        with self.connection() as client:
            return auth(client, token, user)


def auth(client: smtplib.SMTP, token: str, user: str = MAILBOX) -> tuple[int, str]:
    code, reply = client.docmd("AUTH", "XOAUTH2 " + base64.b64encode(xoauth2(user, token)).decode())
    return code, reply.decode()


def xoauth2(user: str, token: str) -> bytes:
    return f"user={user}\x01auth=Bearer {token}\x01\x01".encode()


def mail(sender: str = MAILBOX, to: str = MAILBOX, subject: str = "Prüfung 🙂") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, subject
    message.set_content("Hallo.\n.\nEnde")
    return message


def submit(
    client: smtplib.SMTP, message: EmailMessage, *, mail_from: str = MAILBOX, to: str = MAILBOX
) -> tuple[int, str]:
    assert client.mail(mail_from)[0] == 250
    assert client.rcpt(to)[0] == 250
    code, reply = client.data(message.as_bytes(policy=email.policy.SMTP))
    return code, reply.decode()


@pytest.fixture
def tenant(sandbox: Sandbox, certificate: listeners.Certificate, trust: ssl.SSLContext) -> Iterator[Tenant]:
    yield from _serve(sandbox, certificate, trust)


@pytest.fixture
def late_tenant(late_sandbox: Sandbox, certificate: listeners.Certificate, trust: ssl.SSLContext) -> Iterator[Tenant]:
    yield from _serve(late_sandbox, certificate, trust)


def _serve(sandbox: Sandbox, certificate: listeners.Certificate, trust: ssl.SSLContext) -> Iterator[Tenant]:
    listener = SmtpListener()
    port = listener.start(sandbox, "127.0.0.1", 0, listeners.server_context(certificate))
    yield Tenant(sandbox, port, trust)
    listener.stop()


def test_capabilities_before_and_after_tls(tenant: Tenant) -> None:
    with tenant.connection(tls=False) as client:
        assert client.has_extn("starttls") and not client.has_extn("auth")
        assert client.docmd("AUTH", "XOAUTH2 x") == (504, b"5.7.4 Unrecognized authentication type")
        code, reply = client.docmd("MAIL", f"FROM:<{MAILBOX}>")
        assert (code, reply[:5]) == (451, b"5.7.3")
        assert client.starttls(context=tenant.trust) == (220, b"2.0.0 SMTP server ready")
        client.ehlo()
        assert client.esmtp_features["auth"].split() == ["LOGIN", "XOAUTH2"]
        assert {"size", "pipelining", "dsn", "8bitmime", "smtputf8"} <= set(client.esmtp_features)
        assert not client.has_extn("starttls")
        assert client.quit() == (221, b"2.0.0 Service closing transmission channel")


def test_mail_goes_out_and_is_found_in_both_folders(tenant: Tenant) -> None:
    tenant.ready()
    with tenant.connection() as client:
        assert auth(client, tenant.token()) == (235, "2.7.0 Authentication successful")
        code, reply = submit(client, mail())
    assert code == 250
    assert reply.startswith("2.0.0 OK <")
    with tenant.sandbox.store.transaction() as tx:
        inbox, sent = sorted(tx.all("messages"), key=lambda each: each["folder"])
    assert (inbox["folder"], sent["folder"]) == ("inbox", "sentitems")
    assert inbox["mailbox"] == sent["mailbox"] == MAILBOX
    assert (inbox["subject"], inbox["from"], inbox["to"]) == ("Prüfung 🙂", MAILBOX, [MAILBOX])
    assert inbox["bodyPreview"] == "Hallo.\r\n.\r\nEnde"
    assert inbox["internetMessageId"] in reply
    assert inbox["receivedDateTime"].endswith("Z")


def test_the_answer_may_follow_an_empty_challenge(tenant: Tenant) -> None:
    tenant.ready()
    with tenant.connection() as client:
        assert client.docmd("AUTH", "XOAUTH2") == (334, b"")
        assert client.docmd(base64.b64encode(xoauth2(MAILBOX, tenant.token())).decode())[0] == 235
        assert client.docmd("AUTH", "XOAUTH2")[0] == 503
    with tenant.connection() as client:
        client.user, client.password = MAILBOX, "unused"
        token = tenant.token()
        reply = client.auth(
            "XOAUTH2", lambda challenge=None: xoauth2(MAILBOX, token).decode(), initial_response_ok=True
        )
        assert reply[0] == 235


def test_external_recipients_show_in_sent_items_only(tenant: Tenant) -> None:
    tenant.ready()
    with tenant.connection() as client:
        auth(client, tenant.token())
        assert submit(client, mail(to="someone@fabrikam.example"), to="someone@fabrikam.example")[0] == 250
    with tenant.sandbox.store.transaction() as tx:
        (sent,) = tx.all("messages")
    assert (sent["folder"], sent["to"]) == ("sentitems", ["someone@fabrikam.example"])


@pytest.mark.parametrize(
    "lack",
    ["claim", "pointer", "object id", "mailbox", "signature", "audience", "expiry", "tenant", "token"],
)
def test_every_lack_but_the_switch_is_one_and_the_same_535(tenant: Tenant, lack: str) -> None:
    tenant.switch_on()
    if lack != "pointer":
        tenant.point("77777777-7777-4777-8777-777777777777" if lack == "object id" else OBJECT_ID)
    token = {
        "claim": tenant.token("Mail.Send"),
        "signature": tenant.token()[:-8] + "AAAAAAAA",
        "audience": tenant.token(aud="https://graph.microsoft.com"),
        "expiry": tenant.token(seconds=-5),
        "tenant": tenant.token(tid="00000000-0000-4000-8000-000000000000"),
        "token": "",
    }.get(lack, tenant.token())
    code, reply = tenant.authenticate(token, "nobody@contoso.example" if lack == "mailbox" else MAILBOX)
    assert code == 535
    assert reply.startswith("5.7.3 Authentication unsuccessful [")


@pytest.mark.parametrize(
    ("organization", "mailbox", "off"),
    [
        (True, None, "Tenant"),
        (True, False, None),
        (True, True, "Mailbox"),
        (False, None, None),
        (False, True, "Mailbox"),
        (False, False, None),
    ],
)
def test_the_switch_of_the_mailbox_wins_over_the_organisation(
    tenant: Tenant, organization: bool, mailbox: bool | None, off: str | None
) -> None:
    tenant.point()
    with tenant.sandbox.store.transaction() as tx:
        setting = {"id": directory.SINGLETON, "smtpClientAuthenticationDisabled": organization}
        tx.put(directory.TRANSPORT, directory.SINGLETON, setting)
    tenant.set("Set-CASMailbox", Identity=MAILBOX, SmtpClientAuthenticationDisabled=mailbox)
    code, reply = tenant.authenticate(tenant.token())
    if off is None:
        assert code == 235
    else:
        assert code == 535
        assert f"5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the {off}." in reply


def test_without_mailbox_rights_sign_in_succeeds_and_submission_fails(tenant: Tenant) -> None:
    tenant.point()
    tenant.switch_on()
    with tenant.connection() as client:
        assert auth(client, tenant.token())[0] == 235
        code, reply = submit(client, mail())
        assert code == 430
        assert reply.startswith("4.2.0 STOREDRV; mailbox logon failure")
        assert "MapiExceptionLogonFailed" in reply
        tenant.grant(right="ReadPermission")
        assert submit(client, mail())[0] == 430
        tenant.grant()
        assert submit(client, mail())[0] == 250
    with tenant.sandbox.store.transaction() as tx:
        assert len(tx.all("messages")) == 2


def test_another_sender_is_denied_until_the_mailbox_may_send_as_it(tenant: Tenant) -> None:
    tenant.ready()
    with tenant.connection() as client:
        auth(client, tenant.token())
        code, reply = submit(client, mail(sender=NEIGHBOUR), mail_from=NEIGHBOUR)
        assert (code, "SendAsDenied" in reply) == (554, True)
        assert submit(client, mail(sender=NEIGHBOUR))[0] == 554
        code, reply = submit(client, mail(), mail_from="stranger@fabrikam.example")
        assert (code, reply) == (550, "5.7.60 SMTP; Client does not have permissions to send as this sender")
        with tenant.sandbox.store.transaction() as tx:
            own, other = directory.mailbox(tx, MAILBOX), directory.mailbox(tx, NEIGHBOUR)
            key = directory.permission_id(other["id"], own["sid"], deny=False)
            tx.put(directory.RECIPIENT_PERMISSIONS, key, {"id": key, "accessRights": ["SendAs"]})
        assert submit(client, mail(sender=NEIGHBOUR), mail_from=NEIGHBOUR)[0] == 250


def scoped(tenant: Tenant, *members: str) -> None:
    """The role Application SMTP.SendAsApp over a group, and nothing else."""
    tenant.point()
    tenant.set("Enable-OrganizationCustomization")
    tenant.set("New-DistributionGroup", Name="Senders", Type="Security", Members=list(members))
    tenant.set(
        "New-ManagementScope", Name="Only", RecipientRestrictionFilter=f"MemberOfGroup -eq '{_dn(tenant, 'Senders')}'"
    )
    tenant.set(
        "New-ManagementRoleAssignment", App=OBJECT_ID, Role="Application SMTP.SendAsApp", CustomResourceScope="Only"
    )
    for mailbox in (MAILBOX, NEIGHBOUR):
        tenant.switch_on(mailbox)


def _dn(tenant: Tenant, name: str) -> str:
    with tenant.sandbox.store.transaction() as tx:
        return directory.distinguished_name(directory.group(tx, name))


def test_the_role_lets_in_where_its_scope_reaches_and_needs_no_right(tenant: Tenant) -> None:
    scoped(tenant, MAILBOX)
    token = tenant.token("Mail.Send")
    code, reply = tenant.authenticate(token, NEIGHBOUR)
    assert (code, reply[:30]) == (535, "5.7.3 Authentication unsuccess")
    with tenant.connection() as client:
        assert auth(client, token)[0] == 235
        assert submit(client, mail())[0] == 250
        code, reply = submit(client, mail(sender=NEIGHBOUR), mail_from=NEIGHBOUR)
        assert (code, "SendAsDenied" in reply) == (554, True)
        alias = "cryptshare@contoso-sandbox.onmicrosoft.com"
        assert submit(client, mail(sender=alias), mail_from=alias)[0] == 554
        assert submit(client, mail(), mail_from="stranger@fabrikam.example")[0] == 550


def test_the_role_is_nobodys_with_a_wrong_object_id(tenant: Tenant) -> None:
    scoped(tenant, MAILBOX)
    token = tenant.token("Mail.Send", object_id="77777777-7777-4777-8777-777777777777")
    assert tenant.authenticate(token)[0] == 535


def test_a_surviving_claim_cancels_the_scope_and_asks_for_the_right_again(tenant: Tenant) -> None:
    scoped(tenant, MAILBOX)
    with tenant.connection() as client:
        assert auth(client, tenant.token("SMTP.SendAsApp"), NEIGHBOUR)[0] == 235
        assert submit(client, mail(sender=NEIGHBOUR), mail_from=NEIGHBOUR)[0] == 430
    with tenant.connection() as client:
        assert auth(client, tenant.token("SMTP.SendAsApp"))[0] == 235
        assert submit(client, mail())[0] == 430


def test_roles_and_scopes_arrive_after_half_an_hour_to_two(late_tenant: Tenant) -> None:
    sandbox = late_tenant.sandbox
    late_tenant.set("Enable-OrganizationCustomization")
    late_tenant.point()
    sandbox.advance(7200)
    late_tenant.set("New-DistributionGroup", Name="Senders", Type="Security", Members=[MAILBOX])
    sandbox.advance(10)  # until every directory server of Exchange's own knows the group
    late_tenant.set(
        "New-ManagementRoleAssignment", App=OBJECT_ID, Role="Application SMTP.SendAsApp", RecipientGroupScope="Senders"
    )
    late_tenant.switch_on()
    token = late_tenant.token("Mail.Send", seconds=36000)
    waited = 0
    while late_tenant.authenticate(token)[0] != 235:
        sandbox.advance(60)
        waited += 60
    assert 1800 <= waited <= 7260


def test_nobody_sends_without_signing_in(tenant: Tenant) -> None:
    with tenant.connection() as client:
        code, reply = client.mail(MAILBOX)
        assert (code, reply[:41]) == (530, b"5.7.57 Client not authenticated to send m")


def test_basic_authentication_is_off(tenant: Tenant) -> None:
    with tenant.connection() as client, pytest.raises(smtplib.SMTPAuthenticationError) as refused:
        client.login(MAILBOX, "password")
    assert refused.value.smtp_code == 535
    assert b"5.7.139" in refused.value.smtp_error and b"basic authentication is disabled" in refused.value.smtp_error


def test_a_user_signs_in_to_the_own_mailbox_only(tenant: Tenant) -> None:
    tenant.switch_on()
    tenant.switch_on(NEIGHBOUR)
    token = user_token(tenant.sandbox, MAILBOX, "SMTP.Send")
    assert tenant.authenticate(token, NEIGHBOUR)[0] == 535
    assert tenant.authenticate(user_token(tenant.sandbox, MAILBOX, "Mail.Send"))[0] == 535
    with tenant.connection() as client:
        assert auth(client, token)[0] == 235
        assert submit(client, mail())[0] == 250


def test_the_fourth_connection_of_a_mailbox_is_too_many(tenant: Tenant) -> None:
    tenant.ready()
    token = tenant.token()
    with tenant.connection() as one, tenant.connection() as two, tenant.connection() as three:
        for client in (one, two, three):
            assert auth(client, token)[0] == 235
            assert client.mail(MAILBOX)[0] == 250
        with tenant.connection() as four:
            assert auth(four, token)[0] == 235
            code, reply = four.mail(MAILBOX)
            assert (code, reply[:33]) == (432, b"4.3.2 Concurrent connections limi")
        three.quit()
        with tenant.connection() as again:
            auth(again, token)
            assert again.mail(MAILBOX)[0] == 250


def test_thirty_messages_a_minute(tenant: Tenant) -> None:
    tenant.ready()
    with tenant.connection() as client:
        auth(client, tenant.token())
        codes = [submit(client, mail())[0] for _ in range(31)]
        assert codes == [250] * 30 + [432]
        tenant.sandbox.advance(61)
        assert submit(client, mail())[0] == 250


def test_protocols_learn_late_of_pointer_switch_and_right(late_tenant: Tenant) -> None:
    sandbox = late_tenant.sandbox
    late_tenant.point()
    sandbox.advance(10)  # until every directory server of Exchange's own knows the pointer
    late_tenant.grant()
    late_tenant.switch_on()
    token = late_tenant.token(seconds=36000)
    seen = set()
    for _ in range(80):
        with late_tenant.connection() as client:
            code, reply = auth(client, token)
            stage = reply[:7] if code != 235 else f"data {submit(client, mail())[0]}"
        seen.add(stage)
        if stage == "data 250":
            break
        sandbox.advance(15)
    assert "5.7.3 A" in seen
    assert "data 250" in seen
    assert seen <= {"5.7.3 A", "5.7.139", "data 430", "data 250"}


@pytest.mark.parametrize(("verb", "after"), [("AUTH", False), ("MAIL", False), ("DATA", False), ("DATA", True)])
def test_the_connection_can_be_cut_at_each_verb(tenant: Tenant, verb: str, after: bool) -> None:
    tenant.ready()
    tenant.sandbox.faults.add(
        Rule.parse({"protocol": "smtp", "match": verb, "effect": {"drop": True, "after": after}, "times": 1})
    )
    with tenant.connection() as client, pytest.raises(smtplib.SMTPServerDisconnected):
        auth(client, tenant.token())
        submit(client, mail())
    with tenant.sandbox.store.transaction() as tx:
        assert bool(tx.all("messages")) is after


def test_history_and_store_hold_no_token(tenant: Tenant) -> None:
    tenant.ready()
    token = tenant.token()
    with tenant.connection() as client:
        auth(client, token)
        submit(client, mail())
    lines = [(each["operation"], each["status"], each["write"]) for each in tenant.sandbox.history.since()]
    assert lines == [("AUTH", 235, False), ("DATA", 250, True)]
    secret = token.split(".")[2].encode()
    for path in tenant.sandbox.directory.iterdir():
        assert secret not in path.read_bytes()
