"""The typed cmdlets, over every driver: same parameters out, same records back, same errors."""

from __future__ import annotations

from typing import Any

import pytest
from exchange_doubles import Answer, Error, Said

from provisioner.errors import Absent, AlreadyThere, InputFault, Refused, ServiceFault
from provisioner.exchange import client_access, mailbox_permissions, service_principals, transport
from provisioner.model.declared import Protocol
from provisioner.model.identifiers import AppId, ObjectId
from provisioner.model.observed import ClientAccessSettings, ExchangePrincipal, MailboxRight, TransportSettings

APP_ID = AppId("aaaaaaaa-0000-4000-8000-00000000000a")
OBJECT_ID = ObjectId("bbbbbbbb-0000-4000-8000-00000000000b")
IDENTITY = "cccccccc-0000-4000-8000-00000000000c"
SID = "S-1-5-21-1-2-3-4567"

RECORD = {
    "DisplayName": "Cryptshare Server",
    "AppId": APP_ID.upper(),
    "ObjectId": OBJECT_ID,
    "Identity": IDENTITY,
    "Sid": SID,
    "Tags": ["a", "b"],
}
PRINCIPAL = ExchangePrincipal(IDENTITY, APP_ID, OBJECT_ID, SID, "Cryptshare Server")
OTHER = {**RECORD, "AppId": "dddddddd-0000-4000-8000-00000000000d", "DisplayName": "somebody else's"}

HOSTILE = (
    'it\'s "quoted"',
    "$(Remove-Item -Recurse C:\\) `whoami`; exit",
    "two\nlines\r\n\ttab",
    "📬 emoji \U0001f469\u200d\U0001f4bb",
    "\u202egnirts desrever",
    "_x0041_ _X000A_ not an escape",
    "<Obj>&amp;]]>",
    "null\x01control\x1b[31m",
    "-Confirm:$true",
    "|pipe|Microsoft.Exchange.Fake|text",
)


def says(*output: Any, warnings: tuple[str, ...] = ()) -> Answer:
    return lambda cmdlet, parameters: Said(output=output, warnings=warnings)


def refuses(error: Error) -> Answer:
    return lambda cmdlet, parameters: Said(error=error)


NOT_FOUND = Error(
    "Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException",
    "The operation couldn't be performed because object 'x' couldn't be found on 'DC1.example'.",
    404,
)


# --- service principals


def test_get_asks_by_application_id_and_reads_the_record(either: Any) -> None:
    rig = either(says(RECORD))
    assert rig.run(lambda exchange: service_principals.get(exchange, APP_ID)) == PRINCIPAL
    assert rig.calls() == [("Get-ServicePrincipal", {"Identity": APP_ID})]


def test_get_of_an_unknown_application_returns_all_and_means_none(either: Any) -> None:
    rig = either(says(OTHER, {**OTHER, "AppId": "eeeeeeee-0000-4000-8000-00000000000e"}))
    assert rig.run(lambda exchange: service_principals.get(exchange, APP_ID)) is None


def test_get_finds_ours_among_all(either: Any) -> None:
    rig = either(says(OTHER, RECORD))
    assert rig.run(lambda exchange: service_principals.get(exchange, APP_ID)) == PRINCIPAL


def test_get_of_nothing_and_of_not_found(either: Any) -> None:
    assert either(says()).run(lambda exchange: service_principals.get(exchange, APP_ID)) is None
    assert either(refuses(NOT_FOUND)).run(lambda exchange: service_principals.get(exchange, APP_ID)) is None


@pytest.mark.parametrize(
    ("shown", "identity"),
    [
        ({"Identity": "Cryptshare Server", "Guid": IDENTITY}, IDENTITY),
        ({"Identity": "Cryptshare Server", "Guid": None}, OBJECT_ID),
        ({"Identity": "CN=Cryptshare Server,OU=x", "Name": "n"}, OBJECT_ID),
        ({"Identity": None}, OBJECT_ID),
    ],
)
def test_a_name_is_no_identity(either: Any, shown: dict[str, Any], identity: str) -> None:
    found = either(says({**RECORD, **shown})).run(lambda exchange: service_principals.get(exchange, APP_ID))
    assert found is not None
    assert found.identity == identity


def test_create_sends_ids_and_name_and_reads_the_record(either: Any) -> None:
    rig = either(says(RECORD, warnings=("replication takes a while",)))
    made = rig.run(
        lambda exchange: service_principals.create(
            exchange, app_id=APP_ID, object_id=OBJECT_ID, display_name="Cryptshare Server"
        )
    )
    assert made == PRINCIPAL
    sent = {"AppId": APP_ID, "ObjectId": OBJECT_ID, "DisplayName": "Cryptshare Server"}
    assert rig.calls() == [("New-ServicePrincipal", sent)]


def test_create_that_prints_nothing_looks_for_what_it_made(either: Any) -> None:
    rig = either(lambda cmdlet, _: Said(output=(RECORD,)) if cmdlet.startswith("Get-") else Said())
    made = rig.run(
        lambda exchange: service_principals.create(exchange, app_id=APP_ID, object_id=OBJECT_ID, display_name="n")
    )
    assert made == PRINCIPAL
    assert [cmdlet for cmdlet, _ in rig.calls()] == ["New-ServicePrincipal", "Get-ServicePrincipal"]


@pytest.mark.parametrize(
    "type_",
    [
        "Microsoft.Exchange.Data.Directory.ADObjectAlreadyExistsException",
        "Microsoft.Exchange.Management.ManagementObjectAlreadyExistsException",
        "Microsoft.Exchange.Something.UnknownException",
    ],
)
def test_create_of_what_is_there(either: Any, type_: str) -> None:
    rig = either(refuses(Error(type_, f"The service principal with AppId {APP_ID} already exists.")))
    with pytest.raises(AlreadyThere) as caught:
        rig.run(
            lambda exchange: service_principals.create(exchange, app_id=APP_ID, object_id=OBJECT_ID, display_name="n")
        )
    assert caught.value.fault.service == "exchange"
    assert caught.value.fault.operation == "New-ServicePrincipal"
    assert caught.value.fault.code == type_.rpartition(".")[2]
    assert caught.value.fault.message == f"The service principal with AppId {APP_ID} already exists."
    assert len(rig.calls()) == 1


def test_remove_confirms_beforehand_and_is_content_with_nothing(either: Any) -> None:
    rig = either(says())
    rig.run(lambda exchange: service_principals.remove(exchange, IDENTITY))
    assert rig.calls() == [("Remove-ServicePrincipal", {"Identity": IDENTITY, "Confirm": False})]
    assert rig.calls()[0][1]["Confirm"] is False
    either(refuses(NOT_FOUND)).run(lambda exchange: service_principals.remove(exchange, IDENTITY))


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_values_travel_as_values(either: Any, value: str) -> None:
    rig = either(says({**RECORD, "DisplayName": value}))
    made = rig.run(
        lambda exchange: service_principals.create(exchange, app_id=APP_ID, object_id=OBJECT_ID, display_name=value)
    )
    assert made.display_name == value
    assert rig.calls()[0][1]["DisplayName"] == value


def test_hostile_names_in_an_error_do_not_change_its_meaning(either: Any) -> None:
    text = "The operation couldn't be performed because object 'already exist|Too many requests' couldn't be found."
    rig = either(refuses(Error(NOT_FOUND.type, text, 404)))
    with pytest.raises(Absent) as caught:
        rig.run(lambda exchange: mailbox_permissions.rights(exchange, "already exist|Too many requests"))
    assert caught.value.fault.message == text


def test_half_a_character_is_refused_before_anything_is_sent(either: Any) -> None:
    rig = either(says(RECORD))
    with pytest.raises(InputFault, match="DisplayName"):
        rig.run(
            lambda exchange: service_principals.create(
                exchange, app_id=APP_ID, object_id=OBJECT_ID, display_name="half \ud83d of it"
            )
        )
    assert rig.calls() == []


# --- mailbox permissions

SELF = {
    "Identity": "sender",
    "User": "NT AUTHORITY\\SELF",
    "UserSid": "S-1-5-10",
    "AccessRights": ["FullAccess", "ReadPermission"],
    "IsInherited": False,
    "Deny": False,
}


def test_rights(either: Any) -> None:
    ours = {
        "Identity": "sender",
        "User": SID,
        "UserSid": None,
        "AccessRights": ["FullAccess"],
        "IsInherited": True,
        "Deny": True,
    }
    rig = either(says(SELF, ours))
    assert rig.run(lambda exchange: mailbox_permissions.rights(exchange, "sales@contoso.example")) == (
        MailboxRight("sender", "NT AUTHORITY\\SELF", "S-1-5-10", ("FullAccess", "ReadPermission"), False, False),
        MailboxRight("sender", SID, None, ("FullAccess",), True, True),
    )
    assert rig.calls() == [("Get-MailboxPermission", {"Identity": "sales@contoso.example"})]


def test_rights_of_no_mailbox(either: Any) -> None:
    with pytest.raises(Absent):
        either(refuses(NOT_FOUND)).run(lambda exchange: mailbox_permissions.rights(exchange, "nobody@contoso.example"))


def test_grant_without_automapping(either: Any) -> None:
    rig = either(says({**SELF, "User": SID}))
    given = rig.run(
        lambda exchange: mailbox_permissions.grant(exchange, mailbox="sales@c.example", user=SID, right="FullAccess")
    )
    assert given is True
    ((cmdlet, sent),) = rig.calls()
    assert cmdlet == "Add-MailboxPermission"
    assert sent == {
        "Identity": "sales@c.example",
        "User": SID,
        "AccessRights": ["FullAccess"],
        "InheritanceType": "All",
        "AutoMapping": False,
    }
    assert sent["AutoMapping"] is False


def test_grant_of_what_is_there_is_a_warning(either: Any) -> None:
    warning = 'The appropriate access control entry is already present on the object "sales" for account "x".'
    rig = either(says({**SELF, "User": SID}, warnings=(warning,)))
    given = rig.run(
        lambda exchange: mailbox_permissions.grant(exchange, mailbox="sales@c.example", user=SID, right="FullAccess")
    )
    assert given is False


def test_grant_with_another_warning_was_given(either: Any) -> None:
    rig = either(says(warnings=("something else is worth knowing",)))
    assert rig.run(
        lambda exchange: mailbox_permissions.grant(exchange, mailbox="sales@c.example", user=SID, right="FullAccess")
    )


def test_grant_to_a_record_that_this_replica_has_not_heard_of(either: Any) -> None:
    rig = either(refuses(NOT_FOUND))
    with pytest.raises(Absent):
        rig.run(lambda exchange: mailbox_permissions.grant(exchange, mailbox="m", user=SID, right="FullAccess"))
    assert len(rig.calls()) == 1


def test_revoke(either: Any) -> None:
    rig = either(says())
    rig.run(lambda exchange: mailbox_permissions.revoke(exchange, mailbox="m", user=SID, right="FullAccess"))
    ((cmdlet, sent),) = rig.calls()
    assert cmdlet == "Remove-MailboxPermission"
    assert sent["AccessRights"] == ["FullAccess"]
    assert sent["Confirm"] is False


def test_revoke_of_a_right_that_nobody_has_is_fine_but_of_no_mailbox_is_not(either: Any) -> None:
    text = (
        f'Can\'t remove the access control entry on the object "m" for account "{SID}" because the ACE isn\'t present.'
    )
    missing = Error("Microsoft.Exchange.Management.RecipientTasks.ACEException", text)
    either(refuses(missing)).run(
        lambda exchange: mailbox_permissions.revoke(exchange, mailbox="m", user=SID, right="FullAccess")
    )
    with pytest.raises(Absent):
        either(refuses(NOT_FOUND)).run(
            lambda exchange: mailbox_permissions.revoke(exchange, mailbox="m", user=SID, right="FullAccess")
        )


# --- switches


@pytest.mark.parametrize("value", [True, False, None])
def test_client_access_has_three_states(either: Any, value: bool | None) -> None:
    rig = either(says({"Identity": "sales", "SmtpClientAuthenticationDisabled": value}))
    found = rig.run(lambda exchange: client_access.get(exchange, "sales@contoso.example"))
    assert found == ClientAccessSettings("sales@contoso.example", value)


def test_client_access_shows_the_other_switches_as_far_as_they_are_shown(either: Any) -> None:
    rig = either(says({"ImapEnabled": True, "PopEnabled": False, "OWAEnabled": True, "MAPIEnabled": None}))
    found = rig.run(lambda exchange: client_access.get(exchange, "sales@contoso.example"))
    assert found.on == {Protocol.IMAP: True, Protocol.POP: False, Protocol.OWA: True}


@pytest.mark.parametrize("on", [True, False])
def test_smtp_auth_is_switched_by_its_opposite(either: Any, on: bool) -> None:
    rig = either(says())
    rig.run(lambda exchange: client_access.switch(exchange, "sales@contoso.example", {Protocol.SMTP_AUTH: on}))
    ((cmdlet, sent),) = rig.calls()
    assert cmdlet == "Set-CASMailbox"
    assert sent == {"Identity": "sales@contoso.example", "SmtpClientAuthenticationDisabled": not on}
    assert sent["SmtpClientAuthenticationDisabled"] is not on


def test_several_switches_are_set_at_once_and_no_others(either: Any) -> None:
    rig = either(says())
    wanted = {Protocol.ACTIVE_SYNC: False, Protocol.EWS: False, Protocol.MAPI: True, Protocol.SMTP_AUTH: True}
    rig.run(lambda exchange: client_access.switch(exchange, "sales@contoso.example", wanted))
    ((_, sent),) = rig.calls()
    assert sent == {
        "Identity": "sales@contoso.example",
        "ActiveSyncEnabled": False,
        "EwsEnabled": False,
        "MAPIEnabled": True,
        "SmtpClientAuthenticationDisabled": False,
    }


def test_client_access_that_says_nothing_is_absent(either: Any) -> None:
    with pytest.raises(Absent):
        either(says()).run(lambda exchange: client_access.get(exchange, "sales@contoso.example"))


@pytest.mark.parametrize(
    ("output", "disabled"),
    [
        (({"SmtpClientAuthenticationDisabled": True},), True),
        (({"SmtpClientAuthenticationDisabled": False},), False),
        (({"SmtpClientAuthenticationDisabled": None},), True),
        ((), True),
    ],
)
def test_transport(either: Any, output: tuple[Any, ...], disabled: bool) -> None:
    assert either(says(*output)).run(transport.get) == TransportSettings(disabled)


# --- refusals


@pytest.mark.parametrize(
    "error",
    [
        Error("System.UnauthorizedAccessException", "no", 403),
        Error("X.SomethingException", "Set-CASMailbox is not present in the role definition of the current user.", 403),
        Error("X.SomethingException", "'sales' isn't within your current write scopes. Can't perform save operation."),
    ],
)
def test_refused_names_who_can(either: Any, error: Error) -> None:
    with pytest.raises(Refused) as caught:
        either(refuses(error)).run(lambda exchange: client_access.switch(exchange, "m", {Protocol.SMTP_AUTH: True}))
    assert caught.value.who_can == ("Exchange Administrator",)
    assert "Exchange.ManageAsApp" in (caught.value.advice or "")


def test_another_error_is_a_service_fault_with_its_text(either: Any) -> None:
    error = Error("Microsoft.Exchange.InvalidOperationInDehydratedContextException", "The command is not\n allowed.")
    with pytest.raises(ServiceFault) as caught:
        either(refuses(error)).run(lambda exchange: client_access.switch(exchange, "m", {Protocol.SMTP_AUTH: True}))
    assert type(caught.value) is ServiceFault
    assert caught.value.fault.code == "InvalidOperationInDehydratedContextException"
    assert caught.value.fault.detail_codes[0] == "Ex6F9304"
    assert caught.value.fault.message == "The command is not allowed."
