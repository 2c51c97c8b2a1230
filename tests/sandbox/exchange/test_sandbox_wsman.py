"""The management host through unmodified pypsrp."""

from __future__ import annotations

import ssl
import threading
import time
import uuid
from typing import Any

import exchange_listeners as listeners
import httpx
import pytest
import requests
from exchange_listeners import APP_ID, MAILBOX, OBJECT_ID, ManagementHost, application_token, call, user_token
from pypsrp.client import Client
from pypsrp.exceptions import AuthenticationError, WinRMTransportError, WSManFaultError
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.serializer import TaggedValue
from starlette.applications import Starlette

from provisioner.sandbox import roles
from provisioner.sandbox.exchange import directory
from provisioner.sandbox.exchange.management import management_routes
from provisioner.sandbox.faults import Rule
from provisioner.sandbox.wsman import host as hosts

PLAIN = "Microsoft.PowerShell"
JEA = "ProvisionerExchange"
COMPLETED, FAILED, STOPPED = 4, 5, 3
ORGANIZATION = "contoso-sandbox.onmicrosoft.com"
POINTER = {"AppId": APP_ID, "ObjectId": OBJECT_ID, "DisplayName": "Gerät 🙂 \u202e <b>$(x)</b>"}


def test_opening_a_pool_negotiates_protocol_and_envelope_size(host: ManagementHost) -> None:
    with host.wsman() as wsman, RunspacePool(wsman, configuration_name=PLAIN) as pool:
        assert pool.state == 2
        assert pool.protocol_version == "2.3"
        assert wsman.max_envelope_size == 512000
        assert pool.application_private_data.data["PSVersionTable"]["PSEdition"] == "Desktop"
        assert pool.is_alive(timeout=3)
        assert pool.get_available_runspaces() == 1
    assert pool.state == 3


def test_the_whole_chain_on_the_plain_host(host: ManagementHost) -> None:
    with host.connected() as pool:
        made = call(pool, "New-ServicePrincipal", **POINTER)
        assert made.state == COMPLETED
        assert made.objects[0]["DisplayName"] == POINTER["DisplayName"]
        assert made.objects[0]["ObjectId"] == OBJECT_ID
        assert isinstance(made.objects[0]["Guid"], uuid.UUID)
        identity = made.objects[0]["Identity"]
        grant: dict[str, Any] = {"Identity": MAILBOX, "User": identity, "AccessRights": ["FullAccess"]}
        granted = call(pool, "Add-MailboxPermission", **grant, AutoMapping=False)
        assert granted.objects[0]["AccessRights"] == ["FullAccess"]
        switched = call(pool, "Set-CASMailbox", Identity=MAILBOX, SmtpClientAuthenticationDisabled=False)
        assert (switched.state, switched.objects, switched.errors) == (COMPLETED, [], [])
        assert call(pool, "Get-CASMailbox", Identity=MAILBOX).objects[0]["SmtpClientAuthenticationDisabled"] is False
        assert call(pool, "Get-TransportConfig").objects[0]["SmtpClientAuthenticationDisabled"] is True


def test_objects_of_the_module_are_adapted_and_those_of_wrappers_extended(host: ManagementHost) -> None:
    with host.connected() as pool, PowerShell(pool) as shell:
        shell.add_cmdlet("Get-TransportConfig")
        (plain,) = shell.invoke()
    with host.pool(JEA) as pool, PowerShell(pool) as shell:
        shell.add_cmdlet("Get-ProvisionerTransportConfig").add_parameter("Organization", "contoso.example")
        (wrapped,) = shell.invoke()
    assert plain.adapted_properties and not plain.extended_properties
    assert wrapped.extended_properties == plain.adapted_properties and not wrapped.adapted_properties
    assert plain.types[0].endswith("TransportConfigContainer")
    assert wrapped.types[0] == "System.Management.Automation.PSCustomObject"


def test_a_repeated_grant_is_a_warning_and_a_second_pointer_a_non_terminating_error(host: ManagementHost) -> None:
    with host.connected() as pool:
        call(pool, "New-ServicePrincipal", **POINTER)
        again = call(pool, "New-ServicePrincipal", **POINTER)
        (record,) = again.streams.error
        assert (again.state, again.had_errors, again.objects) == (COMPLETED, False, [])
        assert "already exist" in str(record)
        assert str(record).count("|") == 2
        assert record.fq_error.endswith(",Write-ErrorMessage")
        assert (record.category, record.reason) == (0, "ManagementObjectAlreadyExistsException")
        grant: dict[str, Any] = {"Identity": MAILBOX, "User": OBJECT_ID, "AccessRights": "FullAccess"}
        call(pool, "Add-MailboxPermission", **grant)
        repeated = call(pool, "Add-MailboxPermission", **grant)
        assert (repeated.state, repeated.objects, repeated.errors) == (COMPLETED, [], [])
        assert "appropriate access control entry is already present" in repeated.warnings[0]
        silent = call(pool, "Add-MailboxPermission", **grant, WarningAction="SilentlyContinue")
        assert silent.warnings == []


def test_error_action_decides_what_becomes_of_a_missing_mailbox(host: ManagementHost) -> None:
    with host.connected() as pool:
        plain = call(pool, "Get-Mailbox", Identity="nobody@contoso.example")
        assert (plain.state, plain.had_errors, len(plain.errors)) == (COMPLETED, False, 1)
        assert plain.errors[0].startswith("Ex6F9304|Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFound")
        stopped = call(pool, "Get-Mailbox", Identity="nobody@contoso.example", ErrorAction="Stop")
        assert (stopped.state, stopped.had_errors, stopped.errors) == (FAILED, True, plain.errors)
        silent = call(pool, "Get-Mailbox", Identity="nobody@contoso.example", ErrorAction="SilentlyContinue")
        assert (silent.state, silent.errors) == (COMPLETED, [])


@pytest.mark.parametrize(
    ("cmdlet", "parameters", "error_id"),
    [
        ("Get-CASMailbox", {"Bogus": 1}, "NamedParameterNotFound,Get-CASMailbox"),
        ("Get-MailboxPermission", {}, "MissingMandatoryParameter,Get-MailboxPermission"),
        (
            "Set-CASMailbox",
            {"Identity": MAILBOX, "ImapEnabled": "true"},
            "ParameterArgumentTransformationError,Set-CASMailbox",
        ),
        (
            "Add-MailboxPermission",
            {"Identity": MAILBOX, "User": OBJECT_ID, "AccessRights": "Everything"},
            "ParameterArgumentTransformationError,Add-MailboxPermission",
        ),
        ("Remove-ServicePrincipal", {"Identity": OBJECT_ID}, "HostFunctionNotImplemented"),
    ],
)
def test_what_powershell_itself_refuses_ends_the_pipeline(
    host: ManagementHost, cmdlet: str, parameters: dict[str, Any], error_id: str
) -> None:
    with host.connected() as pool:
        before = host.sandbox.store.sequence()
        said = call(pool, cmdlet, **parameters)
        assert (said.state, said.had_errors) == (FAILED, True)
        assert said.streams.error[0].fq_error == error_id
        assert host.sandbox.store.sequence() == before


def test_before_connecting_there_are_no_exchange_cmdlets(host: ManagementHost) -> None:
    with host.pool(PLAIN) as pool:
        said = call(pool, "Get-ServicePrincipal")
        assert said.state == FAILED
        assert said.streams.error[0].fq_error == "CommandNotFoundException"
        names = {each["Name"] for each in call(pool, "Get-Command").objects}
        assert names == {"Connect-ExchangeOnline", "Disconnect-ExchangeOnline", "Get-ConnectionInformation"}


def test_connecting_shows_the_banner_and_imports_only_what_was_asked(host: ManagementHost) -> None:
    with host.pool(PLAIN) as pool:
        said = call(
            pool,
            "Connect-ExchangeOnline",
            AppId=hosts.APP_ID,
            CertificateThumbprint=hosts.CERTIFICATE_THUMBPRINT,
            Organization=ORGANIZATION,
            CommandName=["Get-*"],
            SkipLoadingFormatData=None,
        )
        assert said.state == COMPLETED
        assert len(said.streams.information) == 3
        assert call(pool, "Get-Mailbox").objects
        assert call(pool, "New-ServicePrincipal", **POINTER).state == FAILED
        (shown,) = call(pool, "Get-ConnectionInformation").objects
        assert (shown["State"], shown["CertificateAuthentication"]) == ("Connected", True)
        assert call(pool, "Disconnect-ExchangeOnline").state == FAILED
        assert call(pool, "Disconnect-ExchangeOnline", Confirm=False).state == COMPLETED
        assert call(pool, "Get-Mailbox").state == FAILED


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"ManagedIdentity": None}, "Organization is required"),
        ({"ManagedIdentity": None, "Organization": "fabrikam.onmicrosoft.com"}, "AADSTS90002"),
        ({"AppId": hosts.APP_ID, "CertificateThumbprint": "0" * 40, "Organization": ORGANIZATION}, "was not found"),
        (
            {"AppId": APP_ID, "CertificateThumbprint": hosts.CERTIFICATE_THUMBPRINT, "Organization": ORGANIZATION},
            "AADSTS700016",
        ),
        ({"AccessToken": "no token", "Organization": ORGANIZATION}, "UnAuthorized"),
        ({"Credential": "x"}, "parameter name 'Credential'"),
        ({}, "window handle"),
    ],
)
def test_a_connection_that_cannot_be_made(host: ManagementHost, parameters: dict[str, Any], words: str) -> None:
    with host.pool(PLAIN) as pool:
        said = call(pool, "Connect-ExchangeOnline", **parameters)
        assert said.state == FAILED
        assert words in said.errors[0]
        assert call(pool, "Get-ConnectionInformation").objects == []


def test_a_token_connects_with_its_own_roles_until_it_expires(host: ManagementHost) -> None:
    token = user_token(host.sandbox, "reader@contoso.example", "Exchange.Manage", wids=(roles.GLOBAL_READER,))
    with host.pool(PLAIN) as pool:
        said = call(pool, "Connect-ExchangeOnline", AccessToken=token, Organization=ORGANIZATION)
        assert said.state == COMPLETED
        assert call(pool, "Get-ServicePrincipal").state == COMPLETED
        assert call(pool, "New-ServicePrincipal", **POINTER).streams.error[0].fq_error == "CommandNotFoundException"
        host.sandbox.advance(3601)
        late = call(pool, "Get-ServicePrincipal")
        assert (late.state, late.errors) == (FAILED, ["UnAuthorized"])
        assert call(pool, "Get-ConnectionInformation").objects[0]["TokenStatus"] == "Expired"


def test_an_application_without_a_directory_role_is_told_so(host: ManagementHost) -> None:
    token = application_token(host.sandbox, "Exchange.ManageAsApp")
    with host.pool(PLAIN) as pool:
        said = call(pool, "Connect-ExchangeOnline", AccessToken=token, Organization=ORGANIZATION)
        assert f"The role assigned to application {APP_ID} isn't supported" in said.errors[0]


def test_settings_of_the_host_take_effect(host: ManagementHost) -> None:
    hosts.change(host.sandbox, {"moduleInstalled": False})
    with host.pool(PLAIN) as pool:
        assert "Connect-ExchangeOnline" in call(pool, "Connect-ExchangeOnline").errors[0]
    hosts.change(host.sandbox, {"moduleInstalled": None, "hiddenCmdlets": ["New-ServicePrincipal"]})
    with host.connected() as pool:
        assert call(pool, "New-ServicePrincipal", **POINTER).state == FAILED
    hosts.change(host.sandbox, {"hiddenCmdlets": None, "hostRoles": ["Exchange Recipient Administrator"]})
    with host.connected() as pool:
        assert call(pool, "New-ServicePrincipal", **POINTER).state == FAILED
        assert call(pool, "Get-ServicePrincipal").state == COMPLETED
    with pytest.raises(ValueError, match="colour"):
        hosts.change(host.sandbox, {"colour": "blue"})


def test_a_changed_password_is_the_only_one_and_may_have_any_letter(host: ManagementHost) -> None:
    old = host.password_file.read_text(encoding="utf-8")
    hosts.change(host.sandbox, {"password": "Käse-пароль"})
    with pytest.raises(AuthenticationError), host.wsman(password=old) as wsman:
        RunspacePool(wsman, configuration_name=PLAIN).open()
    headers = {"Content-Type": "application/soap+xml;charset=UTF-8"}
    for raw in ("Käse".encode("latin-1"), "Käse".encode()):
        hosts.change(host.sandbox, {"password": "Käse"})
        reply = requests.post(
            f"https://localhost:{host.port}/wsman",
            data=b"<x/>",
            headers=headers,
            auth=(host.username.encode(), raw),
            verify=str(host.ca_file),
            timeout=10,
        )
        assert reply.status_code == 500  # signed in; the envelope is what is wrong


def test_jea_has_wrapper_functions_only_and_no_language(host: ManagementHost) -> None:
    with host.pool(JEA) as pool:
        for name in ("Get-ServicePrincipal", "Connect-ExchangeOnline", "Get-Date"):
            refused = call(pool, name)
            assert (refused.state, refused.streams.error[0].fq_error) == (FAILED, "CommandNotFoundException")
        with PowerShell(pool) as shell:
            shell.add_script("Get-ProvisionerMailbox")
            shell.invoke()
            assert (shell.state, shell.streams.error[0].fq_error) == (FAILED, "ScriptsNotAllowed")
        unnamed = call(pool, "Get-ProvisionerServicePrincipal")
        assert "Organization" in unnamed.errors[0]
        for organization in (host.sandbox.tenant_id, "contoso.example", ORGANIZATION):
            said = call(pool, "Get-ProvisionerServicePrincipal", Organization=organization)
            assert [each["DisplayName"] for each in said.objects] == ["Scan to Mail", "Ticket System"]
        other = call(pool, "Get-ProvisionerServicePrincipal", Organization="fabrikam.example")
        assert "AADSTS90002" in other.errors[0]


def test_jea_wrappers_do_the_work_of_their_cmdlets(host: ManagementHost) -> None:
    tenant = {"Organization": "contoso.example"}
    with host.pool(JEA) as pool:
        assert call(pool, "New-ProvisionerServicePrincipal", **tenant, **POINTER).objects[0]["AppId"] == APP_ID
        grant = {"Identity": MAILBOX, "User": OBJECT_ID, "AccessRights": ["FullAccess"]}
        assert call(pool, "Add-ProvisionerMailboxPermission", **tenant, **grant).objects
        assert call(pool, "Remove-ProvisionerMailboxPermission", **tenant, **grant).state == FAILED
        assert call(pool, "Remove-ProvisionerMailboxPermission", **tenant, **grant, Confirm=False).state == COMPLETED
        assert (
            call(pool, "Remove-ProvisionerServicePrincipal", **tenant, Identity=OBJECT_ID, Confirm=False).objects == []
        )
        left = call(pool, "Get-ProvisionerServicePrincipal", **tenant).objects
        assert OBJECT_ID not in {each["ObjectId"] for each in left}


def test_a_script_on_the_plain_host_is_refused_as_the_sandbox_limit_it_is(host: ManagementHost) -> None:
    with host.pool(PLAIN) as pool, PowerShell(pool) as shell:
        shell.add_script("1 + 1")
        shell.invoke()
        assert shell.state == FAILED
        assert "sandbox" in str(shell.streams.error[0])
        assert [each.activity for each in shell.streams.progress] == ["Preparing modules for first use."]


def test_execute_ps_meets_the_same_walls(host: ManagementHost) -> None:
    client = Client(
        "localhost",
        port=host.port,
        username=host.username,
        password=host.password_file.read_text(encoding="utf-8"),
        auth="basic",
        cert_validation=str(host.ca_file),
    )
    with client:
        _, streams, had_errors = client.execute_ps("Get-Mailbox", configuration_name=JEA)
        assert had_errors
        assert "Invoke-Expression" in str(streams.error[0])


def test_statements_run_in_turn_until_one_ends_the_pipeline(host: ManagementHost) -> None:
    with host.connected() as pool, PowerShell(pool) as shell:
        shell.add_cmdlet("Get-TransportConfig").add_statement()
        shell.add_cmdlet("Get-Nonsense").add_statement()
        shell.add_cmdlet("Get-Mailbox")
        output = shell.invoke()
        assert shell.state == FAILED
        assert len(output) == 1


def test_verbose_is_heard_on_its_own_stream(host: ManagementHost) -> None:
    with host.connected() as pool:
        said = call(pool, "Get-Mailbox", Verbose=None)
        assert [str(each) for each in said.streams.verbose] == ['Performing the operation "Get-Mailbox".']


def test_a_long_cmdlet_outlives_operation_timeout(host: ManagementHost) -> None:
    with host.connected(operation_timeout=1, read_timeout=5) as pool:
        hosts.change(host.sandbox, {"delays": {"Get-TransportConfig": 2.5}})
        started = time.monotonic()
        said = call(pool, "Get-TransportConfig")
        assert said.objects
        assert time.monotonic() - started > 2.4


def test_a_running_pipeline_can_be_stopped(host: ManagementHost) -> None:
    hosts.change(host.sandbox, {"delays": {"New-ServicePrincipal": 60}})
    with host.connected() as pool:
        shell = PowerShell(pool)
        shell.add_cmdlet("New-ServicePrincipal").add_parameters(POINTER)
        shell.begin_invoke()
        shell.stop()
        assert shell.state == STOPPED
        shell.close()
        assert call(pool, "Get-ServicePrincipal", Identity=OBJECT_ID).objects[0]["DisplayName"] == "Scan to Mail"


def test_a_pool_of_one_runs_one_pipeline_after_the_other(host: ManagementHost) -> None:
    hosts.change(host.sandbox, {"delays": {"Get-Mailbox": 0.5}})
    with host.connected() as pool:
        first, second = PowerShell(pool), PowerShell(pool)
        first.add_cmdlet("Get-Mailbox")
        second.add_cmdlet("Get-TransportConfig")
        first.begin_invoke()
        second.begin_invoke()
        assert pool.get_available_runspaces() == 0
        assert len(second.end_invoke()) == 1
        assert len(first.end_invoke()) == 5
        assert first.state == COMPLETED


def test_large_values_travel_both_ways_in_fragments(host: ManagementHost) -> None:
    name = "é" * 600_000
    with host.connected() as pool:
        made = call(pool, "New-ServicePrincipal", **{**POINTER, "DisplayName": name})
        assert made.objects[0]["DisplayName"] == name
        assert call(pool, "Get-ServicePrincipal", Identity=OBJECT_ID).objects[0]["DisplayName"] == name


def test_a_secure_string_arrives_as_its_text(host: ManagementHost) -> None:
    with host.connected() as pool:
        pool.exchange_keys()
        made = call(pool, "New-ServicePrincipal", **{**POINTER, "DisplayName": TaggedValue("SS", "s3crët")})
        assert made.objects[0]["DisplayName"] == "s3crët"


def test_input_to_a_pipeline_is_taken_to_its_end(host: ManagementHost) -> None:
    with host.connected() as pool, PowerShell(pool) as shell:
        shell.add_cmdlet("Get-TransportConfig")
        assert len(shell.invoke(input=["one", "two"])) == 1
        assert shell.state == COMPLETED


def test_a_disconnected_pool_comes_back(host: ManagementHost) -> None:
    with host.connected() as pool:
        pool.disconnect()
        pool.connect()
        assert pool.is_alive(timeout=3)
        assert call(pool, "Get-Mailbox").objects


def test_wrong_password_configuration_and_path(host: ManagementHost) -> None:
    with pytest.raises(AuthenticationError), host.wsman(password="wrong") as wsman:
        RunspacePool(wsman, configuration_name=PLAIN).open()
    with pytest.raises(WSManFaultError) as unknown, host.wsman() as wsman:
        RunspacePool(wsman, configuration_name="Nope").open()
    assert unknown.value.code == 2150858811
    assert "Cannot find the Nope session configuration" in str(unknown.value)
    with pytest.raises(WinRMTransportError) as page, host.wsman(path="powershell") as wsman:
        RunspacePool(wsman, configuration_name=PLAIN).open()
    assert page.value.code == 404
    assert "<h2>Not Found</h2>" in page.value.response_text


def test_a_shell_that_is_gone_is_not_found(host: ManagementHost) -> None:
    with host.wsman() as wsman:
        pool = RunspacePool(wsman, configuration_name=PLAIN)
        pool.open()
        pool.close()
        pool.state = 2  # what a client believes that has not heard of the end
        with pytest.raises(WSManFaultError) as gone:
            PowerShell(pool).add_cmdlet("Get-Command").invoke()
        assert gone.value.code == 2150858843
        assert "was not found on the server" in str(gone.value)


@pytest.mark.parametrize("after", [False, True])
def test_a_connection_cut_at_a_cmdlet_leaves_the_work_undone_or_done(host: ManagementHost, after: bool) -> None:
    host.sandbox.faults.add(
        Rule.parse({"protocol": "wsman", "match": "New-Serv", "effect": {"drop": True, "after": after}, "times": 1})
    )
    with host.wsman() as wsman:
        pool = RunspacePool(wsman, configuration_name=PLAIN)
        pool.open()
        call(pool, "Connect-ExchangeOnline", ManagedIdentity=None, Organization=ORGANIZATION)
        with pytest.raises(requests.ConnectionError):
            call(pool, "New-ServicePrincipal", **POINTER)
        with host.sandbox.store.transaction() as tx:
            assert bool(directory.pointers(tx, OBJECT_ID)) is after
        with pytest.raises(WSManFaultError):
            call(pool, "Get-ServicePrincipal")


def test_a_reply_withheld_after_the_work_was_done(host: ManagementHost) -> None:
    host.sandbox.faults.add(
        Rule.parse({"protocol": "wsman", "match": "^New-Serv", "effect": {"hold": True, "after": True}, "nth": 1})
    )
    with host.connected() as pool:
        said: list[Any] = []
        waiting = threading.Thread(target=lambda: said.append(call(pool, "New-ServicePrincipal", **POINTER)))
        waiting.start()
        while not host.sandbox.faults.held():
            time.sleep(0.01)
        with host.sandbox.store.transaction() as tx:
            assert directory.pointers(tx, OBJECT_ID)
        assert not said
        host.sandbox.faults.release()
        waiting.join(10)
        assert said[0].objects[0]["ObjectId"] == OBJECT_ID


def test_the_connection_can_be_cut_at_a_receive(host: ManagementHost) -> None:
    with host.wsman() as wsman:
        pool = RunspacePool(wsman, configuration_name=PLAIN)
        pool.open()
        hosts.change(host.sandbox, {"dropAfter": 1})
        with pytest.raises(requests.ConnectionError):
            call(pool, "Connect-ExchangeOnline", ManagedIdentity=None, Organization=ORGANIZATION)
        assert call(pool, "Get-TransportConfig").objects
        pool.close()


def test_a_throttled_cmdlet_is_an_error_record_and_a_missing_module_the_end(host: ManagementHost) -> None:
    host.sandbox.faults.add(Rule.parse({"protocol": "wsman", "match": "Get-Mailbox$", "effect": {"status": 429}}))
    host.sandbox.faults.add(Rule.parse({"match": "Get-Trans", "effect": {"error": "moduleMissing"}}))
    with host.connected() as pool:
        throttled = call(pool, "Get-Mailbox")
        assert (throttled.state, "(429)" in throttled.errors[0]) == (COMPLETED, True)
        assert call(pool, "Get-TransportConfig").streams.error[0].fq_error == "CommandNotFoundException"


def test_history_names_cmdlets_callers_and_writes_but_no_values(host: ManagementHost) -> None:
    with host.connected() as pool:
        call(pool, "New-ServicePrincipal", **POINTER)
        call(pool, "Get-Mailbox", Identity="nobody@contoso.example")
    lines = {each["operation"]: each for each in host.sandbox.history.since()}
    assert lines["New-ServicePrincipal"]["write"] is True
    assert lines["Get-Mailbox"]["write"] is False
    assert lines["Get-Mailbox"]["status"] == "ManagementObjectNotFoundException"
    assert lines["POST /wsman Create"]["caller"] == "MGMT01\\svc-provisioner"
    assert OBJECT_ID not in str(lines)


def test_a_receive_can_be_held_while_the_client_is_killed(host: ManagementHost) -> None:
    host.sandbox.faults.add(
        Rule.parse({"match": "POST /wsman Command", "effect": {"hold": True, "after": True}, "nth": 2})
    )
    with host.connected() as pool:
        waiting = threading.Thread(target=lambda: call(pool, "New-ServicePrincipal", **POINTER))
        waiting.start()
        while not host.sandbox.faults.held():
            time.sleep(0.01)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            with host.sandbox.store.transaction() as tx:
                if directory.pointers(tx, OBJECT_ID):
                    break
            time.sleep(0.01)
        with host.sandbox.store.transaction() as tx:
            assert directory.pointers(tx, OBJECT_ID)
        host.sandbox.faults.release()
        waiting.join(10)


def test_management_sets_the_host_up(
    host: ManagementHost, certificate: listeners.Certificate, trust: ssl.SSLContext
) -> None:
    app = Starlette(routes=list(management_routes(host.sandbox)))
    with (
        listeners.served(app, certificate) as port,
        httpx.Client(base_url=f"https://localhost:{port}", verify=trust, trust_env=False) as client,
    ):
        _set_up(host, client)


def _set_up(host: ManagementHost, client: httpx.Client) -> None:
    assert client.get("/host").json() == {}
    assert client.post("/host", json={"hiddenCmdlets": ["Get-Mailbox"]}).json() == {"hiddenCmdlets": ["Get-Mailbox"]}
    assert client.post("/host", json={"password": "other"}).json() == {"hiddenCmdlets": ["Get-Mailbox"]}
    assert host.password_file.read_text(encoding="utf-8") == "other"
    for wrong in ({"dropAfter": "soon"}, {"colour": 1}, [1], "x"):
        assert client.post("/host", json=wrong).status_code == 400
    assert client.post("/host", json={"hiddenCmdlets": None}).json() == {}
    with host.connected() as pool:
        assert call(pool, "Get-Mailbox").state == COMPLETED
