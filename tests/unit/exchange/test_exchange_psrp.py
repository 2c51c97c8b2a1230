"""The PowerShell driver before a management host: connecting, running, and everything that can go wrong there."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from exchange_doubles import (
    PASSWORD,
    TENANT_ID,
    TOKEN_TEXT,
    USERNAME,
    Certificates,
    Cut,
    Error,
    FakeClock,
    FakeTokens,
    Host,
    Plain,
    Said,
    WsmanFault,
    a_tenant,
    not_recognized,
)

from provisioner.errors import (
    Absent,
    AlreadyThere,
    InputFault,
    NotYet,
    ProvisionerError,
    Refused,
    ServiceFault,
    SignInRefused,
    UnknownOutcome,
    Unreachable,
    WrongTenant,
)
from provisioner.exchange import Exchange, over_psrp, psrp_session, service_principals
from provisioner.exchange.interface import CMDLETS
from provisioner.model.clouds import CLOUDS, Cloud
from provisioner.model.events import silent
from provisioner.model.identifiers import AppId, ObjectId
from provisioner.model.secret import Secret
from provisioner.model.tenant import HostIdentity, ManagementHost

APP_ID = AppId("aaaaaaaa-0000-4000-8000-00000000000a")
OBJECT_ID = ObjectId("bbbbbbbb-0000-4000-8000-00000000000b")
RECORD = {"AppId": APP_ID, "ObjectId": OBJECT_ID, "Identity": "i", "DisplayName": "n", "Sid": "S-1-5-21-1"}


def fine(cmdlet: str, parameters: dict[str, Any]) -> Said:
    return Said(output=(RECORD,))


async def read(exchange: Exchange) -> Any:
    return await exchange.run("Get-ServicePrincipal", {"Identity": APP_ID})


async def write(exchange: Exchange) -> Any:
    return await exchange.run("Add-MailboxPermission", {"Identity": "m", "User": "u"})


def caught(rig: Any, work: Callable[[Exchange], Any], kind: type[ProvisionerError]) -> Any:
    with pytest.raises(ProvisionerError) as info:
        rig.run(work)
    assert type(info.value) is kind, info.value
    shown = "".join(traceback.format_exception(info.value)) + repr(vars(info.value))
    assert PASSWORD not in shown
    assert TOKEN_TEXT not in shown
    return info.value


# --- connecting


def test_nothing_is_opened_before_the_first_cmdlet_and_everything_is_closed(host_rig: Any) -> None:
    rig, host = host_rig(fine)
    assert host.actions == []

    async def two(exchange: Exchange) -> None:
        await asyncio.gather(read(exchange), read(exchange))

    rig.run(two)
    names = [name for name, _ in host.ran]
    assert names == [
        "Connect-ExchangeOnline",
        "Get-ConnectionInformation",
        "Get-ServicePrincipal",
        "Get-ServicePrincipal",
        "Disconnect-ExchangeOnline",
    ]
    assert host.actions.count("Create") == 1
    assert host.actions[-1] == "Delete"
    assert host.shells == {}
    assert host.scripts == 0


def test_close_without_a_cmdlet_reaches_nobody(host_rig: Any) -> None:
    rig, host = host_rig(fine)

    async def nothing(exchange: Exchange) -> None:
        assert exchange.undocumented is False

    rig.run(nothing)
    assert host.actions == []


def test_connect_uses_the_hosts_own_certificate(host_rig: Any) -> None:
    rig, host = host_rig(fine, tokens=FakeTokens())
    rig.run(read)
    assert host.ran[0] == (
        "Connect-ExchangeOnline",
        {
            "Organization": "contoso.onmicrosoft.com",
            "CommandName": list(CMDLETS),
            "SkipLoadingFormatData": True,
            "ShowBanner": False,
            "AppId": "44444444-aaaa-4bbb-8ccc-222222222222",
            "CertificateThumbprint": "A1B2C3",
        },
    )


def test_a_host_that_connects_to_another_tenant_is_left_before_any_cmdlet(host_rig: Any) -> None:
    rig, host = host_rig(fine)
    host.connected_to = "99999999-aaaa-4bbb-8ccc-999999999999"
    error = caught(rig, read, WrongTenant)
    assert error.exit_code == 5
    for words in ("a.onmicrosoft.com", host.connected_to, "contoso", TENANT_ID):
        assert words in error.message
    assert "--organization" in error.advice
    assert rig.calls() == []
    assert [name for name, _ in host.ran][-1] == "Disconnect-ExchangeOnline"
    assert host.shells == {}


@pytest.mark.parametrize("told", [TENANT_ID.upper(), "", None])
def test_the_same_tenant_in_capitals_or_none_told_is_no_other(host_rig: Any, told: str | None) -> None:
    rig, host = host_rig(fine)
    host.connected_to = told
    rig.run(read)
    assert [name for name, _ in rig.calls()] == ["Get-ServicePrincipal"]


def test_which_tenant_it_is_comes_with_the_connection_and_costs_no_trip(host_rig: Any) -> None:
    rig, host = host_rig(fine)
    rig.run(read)
    # a pipeline each for the connection, the read and the farewell
    assert host.actions.count("Command") == 3


def test_an_endpoint_that_does_not_tell_its_tenant_is_refused(host_rig: Any) -> None:
    rig, host = host_rig(fine)
    say = host.say
    host.say = lambda shell, name, given: (
        not_recognized(name) if name == "Get-ConnectionInformation" else say(shell, name, given)
    )
    error = caught(rig, read, Refused)
    assert "does not offer us Get-ConnectionInformation" in error.message
    assert rig.calls() == []


def test_connect_names_the_cloud_where_it_is_not_the_worldwide_one(host_rig: Any) -> None:
    rig, host = host_rig(fine, endpoints=CLOUDS[Cloud.US_GOV_DOD])
    rig.run(read)
    assert host.ran[0][1]["ExchangeEnvironmentName"] == "O365USGovDoD"


def test_connect_with_a_managed_identity(host_rig: Any) -> None:
    rig, host = host_rig(fine, identity=HostIdentity.MANAGED_IDENTITY, app_id=None, certificate_thumbprint=None)
    rig.run(read)
    sent = host.ran[0][1]
    assert sent["ManagedIdentity"] is True
    assert not {"AppId", "CertificateThumbprint", "AccessToken"} & set(sent)


def test_our_token_goes_there_only_when_the_inventory_says_so(host_rig: Any) -> None:
    rig, host = host_rig(fine, identity=HostIdentity.ACCESS_TOKEN, tokens=FakeTokens())
    rig.run(read)
    assert host.ran[0][1]["AccessToken"] == TOKEN_TEXT
    assert "AppId" not in host.ran[0][1]


def test_a_connection_made_with_a_token_is_made_anew_before_the_token_ends(host_rig: Any) -> None:
    tokens = FakeTokens()
    rig, host = host_rig(fine, identity=HostIdentity.ACCESS_TOKEN, tokens=tokens)

    async def across_an_hour(exchange: Exchange) -> None:
        await read(exchange)
        rig.clock.time += timedelta(minutes=50)
        await read(exchange)
        assert [name for name, _ in host.ran].count("Connect-ExchangeOnline") == 1
        rig.clock.time += timedelta(minutes=6)
        await read(exchange)

    rig.run(across_an_hour)
    assert [name for name, _ in host.ran].count("Connect-ExchangeOnline") == 2


@pytest.mark.parametrize(("organization", "sent"), [("contoso.onmicrosoft.com",) * 2, (None, TENANT_ID)])
def test_a_jea_endpoint_has_functions_of_ours_and_connects_by_itself(
    host_rig: Any, organization: str | None, sent: str
) -> None:
    rig, host = host_rig(fine, jea=True, configuration="ProvisionerExchange", organization=organization, app_id=None)
    rig.run(read)
    assert host.ran == [("Get-ProvisionerServicePrincipal", {"Identity": APP_ID, "Organization": sent})]


@pytest.mark.parametrize(
    ("settings", "password", "words"),
    [
        ({"organization": None}, PASSWORD, ("--organization",)),
        ({"app_id": None}, PASSWORD, ("--host-app-id",)),
        ({"certificate_thumbprint": None, "app_id": None}, PASSWORD, ("--host-app-id", "--thumbprint")),
        ({"identity": HostIdentity.ACCESS_TOKEN}, PASSWORD, ("access-token",)),
        ({"auth": "basic"}, None, ("--password",)),
        ({"auth": "ntlm", "username": None}, PASSWORD, ("--username",)),
        ({"auth": "digest"}, PASSWORD, ("--auth", "negotiate")),
    ],
)
def test_an_inventory_that_says_too_little(
    settings: dict[str, Any], password: str | None, words: tuple[str, ...]
) -> None:
    host = ManagementHost("h", username="u", app_id=APP_ID, certificate_thumbprint="t", organization="o")
    with pytest.raises(InputFault) as info:
        over_psrp.connect(
            a_tenant(),
            replace(host, **settings),
            password=Secret(password) if password else None,
            token=None,
            clock=FakeClock(),
            events=silent,
        )
    assert all(word in str(info.value) for word in words)


def test_kerberos_needs_no_password() -> None:
    host = ManagementHost("h", auth="kerberos", app_id=APP_ID, certificate_thumbprint="t", organization="o")
    over_psrp.connect(a_tenant(), host, password=None, token=None, clock=FakeClock(), events=silent)


# --- the host cannot be used: all of these are said at once, without a wait


def test_wrong_password(host_rig: Any) -> None:
    rig, host = host_rig(fine, password="wrong")
    error = caught(rig, write, Refused)
    assert error.fault.status == 401
    assert USERNAME in str(error)
    assert "--password" in error.advice
    assert host.ran == []


def test_nobody_listens(host_rig: Any) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    rig, _ = host_rig(fine, port=port)
    error = caught(rig, write, Unreachable)
    assert "refuses the connection" in str(error)
    assert "--port" in error.advice
    assert error.fault.sent is False
    assert rig.clock.slept == []


def test_no_such_name(host_rig: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    rig, _ = host_rig(fine)
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = caught(rig, write, Unreachable)
    assert "no host of the name localhost" in str(error)
    assert "--host" in error.advice


@pytest.fixture
def odd_port() -> Any:
    """A port whose connections are given to a function."""
    listener = socket.create_server(("127.0.0.1", 0))
    sockets: list[socket.socket] = []

    def serve(handle: Callable[[socket.socket], None]) -> int:
        def loop() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                sockets.append(connection)
                try:
                    handle(connection)
                except OSError:
                    continue

        threading.Thread(target=loop, daemon=True).start()
        return int(listener.getsockname()[1])

    yield serve
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    for each in sockets:
        each.close()


def test_a_port_without_tls(host_rig: Any, odd_port: Any) -> None:
    def http(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    rig, _ = host_rig(fine, port=odd_port(http))
    error = caught(rig, write, Unreachable)
    assert "does not speak TLS" in str(error)
    assert "5986" in error.advice


def test_a_port_that_says_nothing(host_rig: Any, odd_port: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psrp_session, "CONNECTION_SECONDS", 0.3)
    rig, _ = host_rig(fine, port=odd_port(lambda _: None))
    error = caught(rig, write, Unreachable)
    assert "--port" in error.advice
    assert error.fault.sent is False


def test_an_untrusted_certificate(host_rig: Any) -> None:
    rig, _ = host_rig(fine, ca_file=None)
    error = caught(rig, write, Unreachable)
    assert "not trusted" in str(error)
    assert "--ca-file" in error.advice


def test_a_certificate_for_another_name(host_rig: Any, certificates: Certificates) -> None:
    rig, _ = host_rig(fine, certificate=certificates.elsewhere)
    error = caught(rig, write, Unreachable)
    assert "another name" in str(error)
    assert "--host" in error.advice


def test_a_ca_file_that_is_not_there(host_rig: Any) -> None:
    rig, _ = host_rig(fine, ca_file="/nowhere/ca.pem")
    assert "--ca-file" in str(caught(rig, write, InputFault))


def test_wrong_path(host_rig: Any) -> None:
    rig, _ = host_rig(fine, path="PowerShell")
    error = caught(rig, write, Unreachable)
    assert "404" in str(error)
    assert "path in the inventory" in error.advice
    assert rig.clock.slept == []


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (2150858752, "The resource URI was not found in the WS-Management catalog."),
        (2150858811, "cannot process the request"),
        (2150858992, "Cannot find the Nope session configuration"),
    ],
)
def test_unknown_configuration(host_rig: Any, code: int, text: str) -> None:
    rig, host = host_rig(fine, configuration="Nope")
    if code != 2150858752:
        host.before = lambda action: fault_on(action, "Create", code, text)
    error = caught(rig, write, ServiceFault)
    assert "'Nope'" in error.advice
    assert "--configuration" in error.advice


def test_no_access_to_the_endpoint(host_rig: Any) -> None:
    rig, host = host_rig(fine)
    host.before = lambda action: fault_on(action, "Create", 5, "Access is denied.")
    error = caught(rig, write, Refused)
    assert USERNAME in error.advice
    assert error.who_can == ("administrator of the management host",)


def test_another_fault_while_opening(host_rig: Any) -> None:
    rig, host = host_rig(fine)
    host.before = lambda action: fault_on(action, "Create", 2150859173, "The quota for shells was exceeded.")
    error = caught(rig, write, ServiceFault)
    assert "The quota for shells was exceeded." in str(error)
    assert error.fault.code == "2150859173"


def fault_on(action: str, wanted: str, code: int, text: str) -> Plain | None:
    if action == wanted:
        raise WsmanFault(code, text)
    return None


def test_a_host_that_does_not_come_to_an_end_while_opening(host_rig: Any) -> None:
    rig, host = host_rig(fine)
    host.before = lambda action: fault_on(action, "Create", 2150858793, "OperationTimeout")
    error = caught(rig, write, Unreachable)
    assert "in the time" in str(error)


def test_something_that_is_no_winrm_answers(host_rig: Any) -> None:
    rig, host = host_rig(fine)
    host.before = lambda _: Plain(200, b"<html><p>Welcome</html>")
    error = caught(rig, write, Unreachable)
    assert "makes no sense" in str(error)


def test_a_busy_host_is_waited_for(host_rig: Any) -> None:
    rig, host = host_rig(fine)
    answers = [Plain(503), Plain(503)]
    host.before = lambda _: answers.pop() if answers else None
    rig.run(write)
    assert len(rig.clock.slept) == 2
    assert [name for name, _ in rig.calls()] == ["Add-MailboxPermission"]


def test_a_host_that_stays_busy_is_not_yet(host_rig: Any) -> None:
    rig, host = host_rig(fine)
    host.before = lambda _: Plain(503)
    caught(rig, write, NotYet)
    assert 30 < sum(rig.clock.slept) <= 90


# --- the module, its identity, its cmdlets


def test_module_missing(host_rig: Any) -> None:
    rig, host = host_rig(fine)
    host.module = False
    error = caught(rig, write, ServiceFault)
    assert "no module ExchangeOnlineManagement" in str(error)
    assert "Install-Module" in error.advice
    assert rig.calls() == []


def test_module_missing_behind_jea(host_rig: Any) -> None:
    rig, _ = host_rig(
        lambda *_: not_recognized("Connect-ExchangeOnline"), jea=True, configuration="ProvisionerExchange"
    )
    assert "no module ExchangeOnlineManagement" in str(caught(rig, write, ServiceFault))


def test_a_jea_endpoint_that_the_inventory_takes_for_a_plain_one(host_rig: Any) -> None:
    rig, host = host_rig(fine, configuration="ProvisionerExchange")
    host.jea = True
    error = caught(rig, write, Refused)
    assert "does not offer us Connect-ExchangeOnline" in str(error)
    assert "--jea" in error.advice


def test_cmdlet_not_visible_to_the_hosts_identity(host_rig: Any) -> None:
    rig, _ = host_rig(lambda cmdlet, _: not_recognized(cmdlet))
    error = caught(rig, write, Refused)
    assert error.who_can == ("Exchange Administrator",)
    assert error.fault.status == 403
    assert "Exchange.ManageAsApp" in error.advice


def test_function_not_visible_on_the_endpoint(host_rig: Any) -> None:
    rig, host = host_rig(fine, jea=True, configuration="ProvisionerExchange")
    host.say = lambda shell, name, parameters: not_recognized(name)
    error = caught(rig, write, Refused)
    assert error.who_can == ("administrator of the management host",)
    assert "Add-ProvisionerMailboxPermission" in str(error)
    assert "--configuration" in error.advice


def test_a_parameter_that_the_host_does_not_know(host_rig: Any) -> None:
    text = "A parameter cannot be found that matches parameter name 'AutoMapping'."
    said = Said(
        error=Error("ParameterBindingException", text),
        terminating=True,
        record={"message": text, "reason": "ParameterBindingException", "fq_error": "NamedParameterNotFound,Add-X"},
    )
    rig, _ = host_rig(lambda *_: said)
    error = caught(rig, write, ServiceFault)
    assert text in str(error)
    assert "update" in error.advice


@pytest.mark.parametrize(
    ("text", "kind", "code", "advice"),
    [
        (
            "AADSTS700027: The certificate with identifier used to sign the client assertion is not registered. "
            "Trace ID: 6f9619ff-8b86-d011-b42d-00c04fc964ff Correlation ID: x Timestamp: y",
            SignInRefused,
            "AADSTS700027",
            "--thumbprint",
        ),
        ("AADSTS90002: Tenant 'x' not found.", SignInRefused, "AADSTS90002", "--organization"),
        ("UnAuthorized", Refused, "Exception", "Exchange.ManageAsApp"),
        (
            "The role assigned to application a isn't supported in this scenario.",
            Refused,
            "Exception",
            "directory role",
        ),
        ("Cannot find the certificate by thumbprint A1B2C3.", ServiceFault, "Exception", "--thumbprint"),
        ("Something else.", ServiceFault, "Exception", "--organization"),
    ],
)
@pytest.mark.parametrize("terminating", [True, False])
def test_the_host_cannot_connect(
    host_rig: Any, text: str, kind: type[ServiceFault], code: str, advice: str, terminating: bool
) -> None:
    rig, host = host_rig(fine)
    host.connect_error = Said(error=Error("", text), terminating=terminating, record={"message": text})
    error = caught(rig, write, kind)
    assert error.fault.code == code
    assert advice in error.advice
    assert text.partition(" Trace ID")[0] in str(error)
    assert "Trace ID" not in str(error)
    assert "localhost" in str(error)
    assert rig.calls() == []


def test_a_complaint_that_quotes_our_token(host_rig: Any) -> None:
    text = f'Cannot convert value "{TOKEN_TEXT}" to type System.DateTime.'
    rig, host = host_rig(fine, identity=HostIdentity.ACCESS_TOKEN, tokens=FakeTokens())
    host.connect_error = Said(error=Error("", text), terminating=True, record={"message": text})
    assert "Cannot convert value" in str(caught(rig, write, ServiceFault))


def test_a_failed_connect_is_tried_again_by_the_next_cmdlet(host_rig: Any) -> None:
    rig, host = host_rig(fine)
    host.connect_error = Said(error=Error("", "later"), record={"message": "later"})

    async def twice(exchange: Exchange) -> None:
        with pytest.raises(ServiceFault):
            await read(exchange)
        host.connect_error = None
        await read(exchange)

    rig.run(twice)
    assert [name for name, _ in rig.calls()] == ["Get-ServicePrincipal"]
    assert host.actions.count("Create") == 1


# --- errors of cmdlets


def test_errors_are_read_from_the_stream_though_the_pipeline_completed(host_rig: Any) -> None:
    said = Said(output=(RECORD,), error=Error("X.ManagementObjectNotFoundException", "couldn't be found", 404))
    rig, _ = host_rig(lambda *_: said)
    caught(rig, write, Absent)


def test_exchanges_own_error_ids_are_read(host_rig: Any) -> None:
    record = {
        "message": "There is such a thing.",
        "reason": "CmdletInvocationException",
        "fq_error": "[Server=A,RequestId=6f9619ff-8b86-d011-b42d-00c04fc964ff,TimeStamp=1] "
        "[FailureCategory=Cmdlet-ADObjectAlreadyExistsException] AB12,Microsoft.Exchange.X",
    }
    rig, _ = host_rig(lambda *_: Said(error=Error("", ""), record=record))
    error = caught(rig, write, AlreadyThere)
    assert error.fault.request_id == "6f9619ff-8b86-d011-b42d-00c04fc964ff"
    assert error.fault.code == "ADObjectAlreadyExistsException"
    assert error.fault.detail_codes == ("AB12",)


def test_throttled_cmdlets_are_waited_for(host_rig: Any) -> None:
    answers = [Said(error=Error("", "Too Many Requests", 429), record={"message": "Too Many Requests"}), Said()]
    rig, _ = host_rig(lambda *_: answers.pop(0))
    rig.run(lambda exchange: exchange.run("New-ServicePrincipal", {"AppId": "a"}))
    assert len(rig.clock.slept) == 1
    assert len(rig.calls()) == 2
    assert "waiting" in {event.kind.value for event in rig.events}


# --- the connection is cut


def cut_on(host: Host, moment: str, action: str, effect: Exception | Plain) -> None:
    """Once, at the action of the cmdlet itself: not while the pool is opened, nor of Connect-ExchangeOnline."""
    left, connecting = [effect], ("Connect-ExchangeOnline", "Get-ConnectionInformation")

    def hook(name: str) -> Plain | None:
        ours = name == action and host.ran and host.ran[-1][0] not in connecting
        sending = moment == "before" and action == "Command" and name == action and host.ran
        if left and (ours or sending):
            wanted = left.pop()
            if isinstance(wanted, Exception):
                raise wanted
            return wanted
        return None

    setattr(host, moment, hook)


CUTS = [
    ("before", "Command", 0),
    ("after", "Command", 1),
    ("before", "Receive", 1),
    ("after", "Receive", 1),
]


@pytest.mark.parametrize(("moment", "action", "ran"), CUTS)
@pytest.mark.parametrize("effect", [Cut(), Plain(500), Plain(200, b"garbage")], ids=["cut", "500", "garbage"])
def test_a_write_that_was_cut_is_unknown_and_never_repeated(
    host_rig: Any, moment: str, action: str, ran: int, effect: Exception | Plain
) -> None:
    rig, host = host_rig(fine)
    cut_on(host, moment, action, effect)
    error = caught(rig, write, UnknownOutcome)
    assert error.fault.sent is True
    assert error.fault.operation == "Add-MailboxPermission"
    assert len(rig.calls()) == ran
    assert rig.clock.slept == []


@pytest.mark.parametrize(("moment", "action", "ran"), CUTS)
def test_a_read_that_was_cut_is_repeated(host_rig: Any, moment: str, action: str, ran: int) -> None:
    rig, host = host_rig(fine)
    cut_on(host, moment, action, Cut())
    assert rig.run(read).output == (RECORD,)
    assert len(rig.calls()) == ran + 1
    assert host.actions.count("Create") == 2


def test_a_cut_after_the_outcome_is_known_costs_nothing(host_rig: Any) -> None:
    rig, host = host_rig(fine)
    cut_on(host, "before", "Signal", Cut())
    assert rig.run(write).output == (RECORD,)
    assert len(rig.calls()) == 1


@pytest.mark.parametrize("action", ["Create", "Receive"])
def test_a_cut_while_opening_leaves_the_cmdlet_unsent(host_rig: Any, action: str) -> None:
    rig, host = host_rig(fine)

    def hook(name: str) -> None:
        if name == action:
            raise Cut

    host.before = hook
    error = caught(rig, write, Unreachable)
    assert error.fault.sent is False
    assert host.ran == []


def test_a_cut_during_connect_leaves_the_cmdlet_unsent(host_rig: Any) -> None:
    rig, host = host_rig(fine)

    def hook(name: str) -> None:
        if name == "Command":
            raise Cut

    host.after = hook
    assert caught(rig, write, Unreachable).fault.sent is False
    assert rig.calls() == []


def test_a_cut_at_the_end_of_connect_leaves_the_cmdlet_unsent(host_rig: Any) -> None:
    rig, host = host_rig(fine)

    def hook(name: str) -> None:
        if name == "Signal":
            raise Cut

    host.before = hook
    assert caught(rig, write, Unreachable).fault.sent is False
    assert rig.calls() == []


def test_a_shell_that_never_came_up_is_not_left_behind(host_rig: Any) -> None:
    rig, host = host_rig(fine)
    host.before = lambda action: fault_on(action, "Receive", 995, "The I/O operation has been aborted.")
    caught(rig, write, ServiceFault)
    assert host.actions == ["Create", "Receive", "Delete"]
    assert host.shells == {}


def test_create_looks_after_an_unknown_outcome(host_rig: Any) -> None:
    directory: list[dict[str, Any]] = []

    def exchange_says(cmdlet: str, parameters: dict[str, Any]) -> Said:
        if cmdlet == "New-ServicePrincipal":
            directory.append({**parameters, "Identity": "i"})
        return Said(output=tuple(directory))

    rig, host = host_rig(exchange_says)
    cut_on(host, "after", "Command", Cut())
    made = rig.run(
        lambda exchange: service_principals.create(exchange, app_id=APP_ID, object_id=OBJECT_ID, display_name="n")
    )
    assert made.object_id == OBJECT_ID
    assert [name for name, _ in rig.calls()] == ["New-ServicePrincipal", "Get-ServicePrincipal"]


def test_create_tries_again_where_nothing_came_of_it(host_rig: Any) -> None:
    rig, host = host_rig(lambda cmdlet, _: Said(output=(RECORD,) if cmdlet.startswith("New") else ()))
    cut_on(host, "before", "Command", Cut())
    rig.run(lambda exchange: service_principals.create(exchange, app_id=APP_ID, object_id=OBJECT_ID, display_name="n"))
    assert [name for name, _ in rig.calls()] == ["Get-ServicePrincipal", "New-ServicePrincipal"]


def test_create_does_not_take_anothers_record_for_its_own(host_rig: Any) -> None:
    rig, host = host_rig(lambda *_: Said(output=({**RECORD, "ObjectId": "another"},)))
    cut_on(host, "before", "Command", Cut())
    with pytest.raises(AlreadyThere):
        rig.run(
            lambda exchange: service_principals.create(exchange, app_id=APP_ID, object_id=OBJECT_ID, display_name="n")
        )
    assert [name for name, _ in rig.calls()] == ["Get-ServicePrincipal"]


def test_a_shell_that_the_host_dropped_is_opened_again(host_rig: Any) -> None:
    rig, host = host_rig(fine)

    async def across_the_idle_time_out(exchange: Exchange) -> None:
        await read(exchange)
        host.shells.clear()
        await write(exchange)

    rig.run(across_the_idle_time_out)
    assert [name for name, _ in rig.calls()] == ["Get-ServicePrincipal", "Add-MailboxPermission"]
    assert host.actions.count("Create") == 2
    assert [name for name, _ in host.ran].count("Connect-ExchangeOnline") == 2


def test_a_shell_that_is_dropped_at_once_every_time(host_rig: Any) -> None:
    rig, host = host_rig(fine, jea=True, configuration="ProvisionerExchange")

    def hook(name: str) -> None:
        if name == "Command":
            host.shells.clear()

    host.before = hook
    error = caught(rig, write, Unreachable)
    assert error.fault.sent is False
    assert host.actions.count("Create") == 2


def test_a_password_that_ends_in_mid_pipeline(host_rig: Any) -> None:
    rig, host = host_rig(fine)
    cut_on(host, "before", "Receive", Plain(401))
    caught(rig, write, UnknownOutcome)


# --- slow cmdlets, and giving up


def test_a_slow_cmdlet_is_waited_for(host_rig: Any) -> None:
    rig, host = host_rig(fine)
    host.hold.clear()
    threading.Timer(0.7, host.hold.set).start()
    assert rig.run(write).output == (RECORD,)
    assert len(rig.calls()) == 1


def test_a_cmdlet_that_never_ends_is_stopped(host_rig: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rig, host = host_rig(fine, jea=True, configuration="ProvisionerExchange")
    monkeypatch.setattr(psrp_session, "CMDLET_SECONDS", 0.1)
    host.hold.clear()
    caught(rig, write, UnknownOutcome)
    assert "Signal" in host.actions


def test_a_time_out_when_the_cmdlet_is_sent_is_unknown(host_rig: Any) -> None:
    rig, host = host_rig(fine)
    cut_on(host, "after", "Command", WsmanFault(2150858793, "OperationTimeout"))
    error = caught(rig, write, UnknownOutcome)
    assert "in the time" in str(error)


def test_ctrl_c_stops_the_cmdlet_and_closes_the_pool(host_rig: Any) -> None:
    rig, host = host_rig(fine)

    async def interrupted(exchange: Exchange) -> None:
        await read(exchange)
        host.hold.clear()
        task = asyncio.ensure_future(write(exchange))
        await asyncio.to_thread(host.held.wait, 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    before = set(threading.enumerate())
    started = time.monotonic()
    rig.run(interrupted)
    assert time.monotonic() - started < 5
    assert "Signal" in host.actions
    assert host.shells == {}
    assert not [each for each in set(threading.enumerate()) - before if each.name.startswith("asyncio_")]


def test_ctrl_c_while_the_pool_is_opened_sends_no_cmdlet(host_rig: Any) -> None:
    rig, host = host_rig(fine)
    opening, go_on = threading.Event(), threading.Event()

    def hook(name: str) -> None:
        if name == "Create":
            opening.set()
            go_on.wait(5)

    host.before = hook

    async def interrupted(exchange: Exchange) -> None:
        task = asyncio.ensure_future(write(exchange))
        await asyncio.to_thread(opening.wait, 5)
        task.cancel()
        threading.Timer(0.1, go_on.set).start()
        with pytest.raises(asyncio.CancelledError):
            await task

    rig.run(interrupted)
    assert host.ran == []
    assert host.shells == {}


def test_a_driver_that_was_interrupted_works_on(host_rig: Any) -> None:
    rig, host = host_rig(fine)

    async def interrupted(exchange: Exchange) -> Any:
        host.hold.clear()
        task = asyncio.ensure_future(read(exchange))
        await asyncio.to_thread(host.held.wait, 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await read(exchange)

    assert rig.run(interrupted).output == (RECORD,)


def test_close_never_raises(host_rig: Any) -> None:
    rig, host = host_rig(fine)

    async def then_the_host_dies(exchange: Exchange) -> None:
        await read(exchange)

        def hook(_: str) -> None:
            raise Cut

        host.before = hook

    rig.run(then_the_host_dies)


# --- what is written where


def test_nothing_of_it_is_logged_even_when_asked_for(host_rig: Any, caplog: pytest.LogCaptureFixture) -> None:
    import pypsrp.wsman  # noqa: F401 its loggers must exist before they are told to talk

    planted = "planted-value-in-a-parameter"
    for name in ("", "pypsrp", "pypsrp.wsman", "pypsrp.powershell"):
        caplog.set_level(logging.DEBUG, logger=name or None)
    rig, _ = host_rig(fine, identity=HostIdentity.ACCESS_TOKEN, tokens=FakeTokens())
    rig.run(lambda exchange: exchange.run("Add-MailboxPermission", {"Identity": planted}))
    assert rig.calls() == [("Add-MailboxPermission", {"Identity": planted})]
    ours = [each for each in caplog.records if not each.name.startswith("psrpcore")]  # the host's own log
    assert not [each for each in ours if each.name.startswith("pypsrp")]
    texts = " ".join(each.getMessage() for each in ours)
    assert all(each not in texts for each in (planted, TOKEN_TEXT, PASSWORD, "Envelope"))


def test_times_are_the_tenants(host_rig: Any) -> None:
    """The token's end is this machine's time, and the clock's now is the tenant's."""
    rig, host = host_rig(fine, identity=HostIdentity.ACCESS_TOKEN, tokens=FakeTokens())
    rig.clock.skew = timedelta(hours=5)
    rig.clock.time = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)

    async def twice(exchange: Exchange) -> None:
        await read(exchange)
        await read(exchange)

    rig.run(twice)
    assert [name for name, _ in host.ran].count("Connect-ExchangeOnline") == 1
