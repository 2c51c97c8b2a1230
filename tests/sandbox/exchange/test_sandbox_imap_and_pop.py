"""IMAP and POP with imaplib and poplib: what is refused at sign-in, and what only afterwards."""

from __future__ import annotations

import base64
import contextlib
import imaplib
import poplib
import ssl
from collections.abc import Iterator
from typing import Any

import exchange_listeners as listeners
import pytest
from exchange_listeners import APP_ID, MAILBOX, NEIGHBOUR, OBJECT_ID, application_token, user_token
from full_tenant import EXCHANGE, EXCHANGE_DEFAULT, cmdlet, product

from provisioner.sandbox import roles
from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.exchange import service
from provisioner.sandbox.exchange.access import Caller
from provisioner.sandbox.faults import Rule
from provisioner.sandbox.imap import imap_listener
from provisioner.sandbox.pop import pop_listener

ADMINISTRATOR = Caller("admin", frozenset({roles.GLOBAL_ADMINISTRATOR}), app_only=False)
NOT_CONNECTED = "User is authenticated but not connected."
NOT_OPENED = "-ERR Authentication failure: unknown user name or bad password."


def xoauth2(user: str, token: str) -> bytes:
    return f"user={user}\x01auth=Bearer {token}\x01\x01".encode()


class Tenant:
    """A sandbox with its IMAP and POP ports."""

    def __init__(self, sandbox: Sandbox | None, imap: int, pop: int, trust: ssl.SSLContext) -> None:
        self._sandbox = sandbox
        self.ports = {"imap": imap, "pop": pop}
        self.trust = trust

    @property
    def sandbox(self) -> Sandbox:
        assert self._sandbox is not None, "only the ports of a tenant are known"
        return self._sandbox

    def set(self, name: str, **given: Any) -> None:
        cmdlet = service.visible(ADMINISTRATOR, name)
        assert cmdlet is not None
        outcome = service.run(self.sandbox, cmdlet, list(given.items()))
        assert outcome.failure is None, outcome.failure

    def point(self, object_id: str = OBJECT_ID) -> None:
        self.set("New-ServicePrincipal", AppId=APP_ID, ObjectId=object_id)

    def grant(self, mailbox: str = MAILBOX, user: str = OBJECT_ID) -> None:
        self.set("Add-MailboxPermission", Identity=mailbox, User=user, AccessRights="FullAccess")

    def token(self, *granted: str, **claims: Any) -> str:
        return application_token(self.sandbox, *(granted or ("IMAP.AccessAsApp", "POP.AccessAsApp")), **claims)

    @contextlib.contextmanager
    def imap(self) -> Iterator[imaplib.IMAP4_SSL]:
        client = imaplib.IMAP4_SSL("localhost", self.ports["imap"], ssl_context=self.trust, timeout=10)
        try:
            yield client
        finally:
            with contextlib.suppress(OSError, imaplib.IMAP4.error):
                client.shutdown()

    def imap_stage(self, token: str, user: str = MAILBOX) -> str:
        """How far a client gets: the refusal, or "selected"."""
        with self.imap() as client:
            try:
                client.authenticate("XOAUTH2", lambda challenge: xoauth2(user, token))
                client.noop()
                client.select("INBOX")
            except imaplib.IMAP4.error as problem:
                return str(problem)
            return "selected"

    @contextlib.contextmanager
    def pop(self) -> Iterator[poplib.POP3_SSL]:
        client = poplib.POP3_SSL("localhost", self.ports["pop"], context=self.trust, timeout=10)
        try:
            yield client
        finally:
            client.close()

    def pop_stage(self, token: str, user: str = MAILBOX) -> str:
        with self.pop() as client:
            assert client._shortcmd("AUTH XOAUTH2") == b"+ "
            try:
                said = client._shortcmd(base64.b64encode(xoauth2(user, token)).decode())
            except poplib.error_proto as problem:
                return str(problem.args[0].decode())
            assert client.stat()[0] >= 0
            return said.decode()


@pytest.fixture
def tenant_with_mail(sandbox: Sandbox, certificate: listeners.Certificate, trust: ssl.SSLContext) -> Iterator[Tenant]:
    yield from _serve(sandbox, certificate, trust)


@pytest.fixture
def late_tenant(late_sandbox: Sandbox, certificate: listeners.Certificate, trust: ssl.SSLContext) -> Iterator[Tenant]:
    yield from _serve(late_sandbox, certificate, trust)


def _serve(sandbox: Sandbox, certificate: listeners.Certificate, trust: ssl.SSLContext) -> Iterator[Tenant]:
    imap, pop = imap_listener(), pop_listener()
    context = listeners.server_context(certificate)
    ports = [each.start(sandbox, "127.0.0.1", 0, context) for each in (imap, pop)]
    yield Tenant(sandbox, ports[0], ports[1], trust)
    imap.stop()
    pop.stop()


def message(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"m{number}",
        "mailbox": MAILBOX,
        "folder": "inbox",
        "subject": "Test",
        "bodyPreview": "Hello",
        **changes,
    }


def test_an_application_opens_the_mailbox(tenant_with_mail: Tenant) -> None:
    tenant = tenant_with_mail
    tenant.point()
    tenant.grant()
    with tenant.sandbox.store.transaction() as tx:
        for number, changes in enumerate(({}, {}, {"folder": "sentitems"}, {"mailbox": NEIGHBOUR})):
            tx.put("messages", f"m{number}", message(number, **changes))
    with tenant.imap() as client:
        assert b"Microsoft Exchange IMAP4 service is ready. [" in client.welcome
        assert {"AUTH=XOAUTH2", "SASL-IR", "IMAP4REV1", "IDLE", "UIDPLUS"} <= set(client.capabilities)
        token = tenant.token()
        assert client.authenticate("XOAUTH2", lambda challenge: xoauth2(MAILBOX, token)) == (
            "OK",
            [b"AUTHENTICATE completed."],
        )
        assert client.select("INBOX") == ("OK", [b"2"])
        assert client.select('"Sent Items"', readonly=True) == ("OK", [b"1"])
        assert client.status("attic", "(MESSAGES)") == ("NO", [b"attic doesn't exist."])
        assert client.status("inbox", "(MESSAGES UNSEEN)") == ("OK", [b"INBOX (MESSAGES 2 UNSEEN 2)"])
        assert len(client.list()[1]) == 2
        assert client.logout()[0] == "BYE"
    with tenant.pop() as other:
        assert b"Microsoft Exchange POP3 service is ready. [" in other.welcome
        assert other.capa()["SASL"] == ["PLAIN", "XOAUTH2"]
    assert tenant.pop_stage(tenant.token()) == "+OK User successfully authenticated."


def test_the_response_may_come_with_the_command(tenant_with_mail: Tenant) -> None:
    tenant = tenant_with_mail
    tenant.point()
    tenant.grant()
    response = base64.b64encode(xoauth2(MAILBOX, tenant.token())).decode()
    with tenant.imap() as client:
        client.send(f"a1 AUTHENTICATE XOAUTH2 {response}\r\na2 SELECT INBOX\r\n".encode())
        assert client.readline() == b"a1 OK AUTHENTICATE completed.\r\n"
        assert client.readline() == b"* 0 EXISTS\r\n"
    with tenant.pop() as other, pytest.raises(poplib.error_proto, match="Protocol error"):
        other._shortcmd(f"AUTH XOAUTH2 {response}")


@pytest.mark.parametrize(
    "lack", ["claim", "pointer", "object id", "mailbox", "signature", "audience", "expiry", "tenant", "token"]
)
def test_what_is_refused_at_sign_in_is_refused_alike(tenant_with_mail: Tenant, lack: str) -> None:
    tenant = tenant_with_mail
    if lack != "pointer":
        wrong = "77777777-7777-4777-8777-777777777777"
        tenant.point(wrong if lack == "object id" else OBJECT_ID)
        tenant.grant(user=wrong if lack == "object id" else OBJECT_ID)
    token = {
        "claim": tenant.token("SMTP.SendAsApp"),
        "signature": tenant.token()[:-8] + "AAAAAAAA",
        "audience": tenant.token(aud="https://graph.microsoft.com"),
        "expiry": tenant.token(seconds=-5),
        "tenant": tenant.token(tid="00000000-0000-4000-8000-000000000000"),
        "token": "",
    }.get(lack, tenant.token())
    user = "nobody@contoso.example" if lack == "mailbox" else MAILBOX
    assert tenant.imap_stage(token, user) == "AUTHENTICATE failed."
    assert tenant.pop_stage(token, user) == NOT_OPENED


def test_without_full_access_the_login_succeeds_and_the_mailbox_stays_closed(tenant_with_mail: Tenant) -> None:
    tenant = tenant_with_mail
    tenant.point()
    assert NOT_CONNECTED in tenant.imap_stage(tenant.token())
    assert tenant.pop_stage(tenant.token()) == NOT_OPENED
    tenant.grant()
    assert tenant.imap_stage(tenant.token()) == "selected"
    assert NOT_CONNECTED in tenant.imap_stage(tenant.token(), NEIGHBOUR)


@pytest.mark.parametrize(("switch", "closed"), [("ImapEnabled", "imap"), ("PopEnabled", "pop")])
def test_each_protocol_has_its_switch(tenant_with_mail: Tenant, switch: str, closed: str) -> None:
    tenant = tenant_with_mail
    tenant.point()
    tenant.grant()
    tenant.set("Set-CASMailbox", Identity=MAILBOX, **{switch: False})
    assert (NOT_CONNECTED in tenant.imap_stage(tenant.token())) is (closed == "imap")
    assert (tenant.pop_stage(tenant.token()) == NOT_OPENED) is (closed == "pop")
    tenant.set("Set-CASMailbox", Identity=MAILBOX, **{switch: True})
    assert tenant.imap_stage(tenant.token()) == "selected"


@pytest.mark.parametrize("protocol", ["IMAP", "POP"])
def test_a_person_opens_the_own_mailbox_and_those_shared_with_it(tenant_with_mail: Tenant, protocol: str) -> None:
    tenant = tenant_with_mail
    stage = tenant.imap_stage if protocol == "IMAP" else tenant.pop_stage
    opened = "selected" if protocol == "IMAP" else "+OK User successfully authenticated."
    token = user_token(tenant.sandbox, MAILBOX, f"{protocol}.AccessAsUser.All")
    assert stage(token) == opened
    assert stage(token, NEIGHBOUR) != opened
    tenant.grant(NEIGHBOUR, MAILBOX)
    assert stage(token, NEIGHBOUR) == opened
    assert stage(user_token(tenant.sandbox, MAILBOX, "SMTP.Send")) != opened
    stranger = user_token(tenant.sandbox, "plain-user@contoso.example", f"{protocol}.AccessAsUser.All")
    assert stage(stranger) != opened


def test_passwords_are_refused(tenant_with_mail: Tenant) -> None:
    with tenant_with_mail.imap() as client:
        with pytest.raises(imaplib.IMAP4.error, match="LOGIN failed"):
            client.login(MAILBOX, "password")
        with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATE failed"):
            client.authenticate("PLAIN", lambda challenge: b"\0user\0password")
    with tenant_with_mail.pop() as other:
        other.user(MAILBOX)
        with pytest.raises(poplib.error_proto, match="Logon failure"):
            other.pass_("password")


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"a1 SELECT INBOX", b"a1 BAD Command received in Invalid state."),
        (b"a1 FETCH 1 BODY[]", b"a1 BAD Command Error. 12"),
        (b"", b"* BAD Command Error. 12"),
        (b"a1", b"a1 BAD Command Error. 12"),
        (b"a1 AUTHENTICATE XOAUTH2 not-base64!", b"a1 NO AUTHENTICATE failed."),
        (b"a1 AUTHENTICATE GSSAPI x", b"a1 NO AUTHENTICATE failed."),
        (b"a1 LOGIN {4+}\r\nuser {1+}\r\np", b"a1 NO LOGIN failed."),
        (b"a1 CAPABILITY \xff\xfe", b"* CAPABILITY IMAP4"),
    ],
)
def test_lines_of_any_kind_are_answered(tenant_with_mail: Tenant, sent: bytes, answer: bytes) -> None:
    with tenant_with_mail.imap() as client:
        client.send(sent + b"\r\n")
        assert client.readline().startswith(answer)


def test_a_cancelled_sign_in(tenant_with_mail: Tenant) -> None:
    with tenant_with_mail.imap() as client:
        client.send(b"a1 AUTHENTICATE XOAUTH2\r\n")
        assert client.readline() == b"+\r\n"
        client.send(b"*\r\n")
        assert client.readline().startswith(b"a1 BAD")


def test_protocols_learn_late_of_pointer_right_and_switch(late_tenant: Tenant) -> None:
    sandbox = late_tenant.sandbox
    late_tenant.point()
    sandbox.advance(10)  # until every directory server of Exchange's own knows the pointer
    late_tenant.grant()
    token = late_tenant.token(seconds=36000)
    seen = []
    for _ in range(60):
        seen.append(late_tenant.imap_stage(token))
        if seen[-1] == "selected":
            break
        sandbox.advance(15)
    assert seen[0] == "AUTHENTICATE failed."
    assert seen[-1] == "selected"
    late_tenant.set("Set-CASMailbox", Identity=MAILBOX, ImapEnabled=False)
    assert late_tenant.imap_stage(token) == "selected"
    sandbox.advance(300)
    assert NOT_CONNECTED in late_tenant.imap_stage(token)


@pytest.mark.parametrize(
    ("verb", "effect", "stage"),
    [
        ("AUTHENTICATE", {"drop": True}, "socket error: EOF"),
        ("AUTHENTICATE", {"drop": True, "after": True}, "socket error: EOF"),
        ("SELECT", {"drop": True}, "socket error: EOF"),
        ("AUTHENTICATE", {"status": 503}, "Server Unavailable. 15"),
    ],
)
def test_faults(tenant_with_mail: Tenant, verb: str, effect: dict[str, Any], stage: str) -> None:
    tenant = tenant_with_mail
    tenant.point()
    tenant.grant()
    tenant.sandbox.faults.add(Rule.parse({"protocol": "imap", "match": verb, "effect": effect, "times": 1}))
    try:
        assert stage in tenant.imap_stage(tenant.token())
    except OSError as cut:
        assert effect.get("drop") and isinstance(cut, (ConnectionError, ssl.SSLError))
    assert tenant.imap_stage(tenant.token()) == "selected"


def test_history_holds_no_token(tenant_with_mail: Tenant) -> None:
    tenant = tenant_with_mail
    tenant.point()
    tenant.grant()
    token = tenant.token()
    tenant.imap_stage(token)
    tenant.pop_stage(token)
    lines = [(each["protocol"], each["operation"], each["status"]) for each in tenant.sandbox.history.since()]
    assert lines == [("imap", "AUTHENTICATE", "OK"), ("imap", "SELECT", "OK"), ("pop", "AUTH", "+OK")]
    secret = token.split(".")[2].encode()
    for path in tenant.sandbox.directory.iterdir():
        assert secret not in path.read_bytes()


def test_the_whole_tenant_publishes_the_ports_and_lets_a_product_in(tenant: Any) -> None:
    ours = product(tenant)
    ours.consent(EXCHANGE, "IMAP.AccessAsApp")
    ours.point()
    where = tenant.endpoints
    trust = ssl.create_default_context(cafile=tenant.ca_file)
    outside = Tenant(None, where["imap"]["port"], where["pop"]["port"], trust)
    assert NOT_CONNECTED in outside.imap_stage(ours.token(EXCHANGE_DEFAULT))
    cmdlet(tenant, "Add-MailboxPermission", Identity=MAILBOX, User=ours.object_id, AccessRights="FullAccess")
    assert outside.imap_stage(ours.token(EXCHANGE_DEFAULT)) == "selected"
    assert outside.pop_stage(ours.token(EXCHANGE_DEFAULT)) == NOT_OPENED
    answer = tenant.http.post(f"{where['exchange']}/EWS/Exchange.asmx", content=b"")
    assert answer.status_code == 401
