"""Exchange's cmdlets by themselves: identities, confirmation, lag between its directory servers."""

from __future__ import annotations

from typing import Any

import pytest
from exchange_listeners import APP_ID, MAILBOX, NEIGHBOUR, OBJECT_ID

from provisioner.sandbox import roles
from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.exchange import service
from provisioner.sandbox.exchange.access import Caller
from provisioner.sandbox.exchange.cmdlet import Outcome

ADMINISTRATOR = Caller("admin", frozenset({roles.EXCHANGE_ADMINISTRATOR}), app_only=False)


def run(sandbox: Sandbox, name: str, **given: Any) -> Outcome:
    cmdlet = service.visible(ADMINISTRATOR, name)
    assert cmdlet is not None
    return service.run(sandbox, cmdlet, list(given.items()))


def ok(sandbox: Sandbox, name: str, **given: Any) -> list[dict[str, Any]]:
    outcome = run(sandbox, name, **given)
    assert outcome.failure is None and outcome.unanswered is None, outcome
    return [dict(record.properties) for record in outcome.objects]


def pointer(sandbox: Sandbox) -> dict[str, Any]:
    return ok(sandbox, "New-ServicePrincipal", AppId=APP_ID, ObjectId=OBJECT_ID, DisplayName="Ours")[0]


@pytest.mark.parametrize("name", ["Identity", "AppId", "ObjectId", "Sid", "Guid"])
def test_a_pointer_answers_to_each_of_its_names(sandbox: Sandbox, name: str) -> None:
    made = pointer(sandbox)
    (found,) = ok(sandbox, "Get-ServicePrincipal", Identity=str(made[name]).upper())
    assert found["ObjectId"] == OBJECT_ID


@pytest.mark.parametrize("identity", ["00000000-0000-4000-8000-000000000000", "Ours", None])
def test_an_unknown_identity_returns_every_pointer(sandbox: Sandbox, identity: str | None) -> None:
    pointer(sandbox)
    assert len(ok(sandbox, "Get-ServicePrincipal", Identity=identity)) == 3


def test_any_object_id_is_accepted_but_neither_id_twice(sandbox: Sandbox) -> None:
    wrong = "99999999-9999-4999-8999-999999999999"
    ok(sandbox, "New-ServicePrincipal", AppId=APP_ID, ObjectId=wrong)
    for app_id, object_id in ((APP_ID, OBJECT_ID), (OBJECT_ID, wrong)):
        failure = run(sandbox, "New-ServicePrincipal", AppId=app_id, ObjectId=object_id).failure
        assert failure is not None
        assert (failure.status, "already exist" in failure.text) == (400, True)
    malformed = run(sandbox, "New-ServicePrincipal", AppId="no guid", ObjectId=OBJECT_ID).failure
    assert malformed is not None and malformed.status == 400


@pytest.mark.parametrize(
    "identity", [MAILBOX, MAILBOX.upper(), "cryptshare", "Cryptshare", "cryptshare@contoso-sandbox.onmicrosoft.com"]
)
def test_a_mailbox_answers_to_addresses_and_names(sandbox: Sandbox, identity: str) -> None:
    assert ok(sandbox, "Get-Mailbox", Identity=identity)[0]["PrimarySmtpAddress"] == MAILBOX


def test_a_missing_mailbox_is_not_found_wherever_it_is_named(sandbox: Sandbox) -> None:
    for name, more in (
        ("Get-Mailbox", {}),
        ("Get-CASMailbox", {}),
        ("Set-CASMailbox", {"ImapEnabled": False}),
        ("Get-MailboxPermission", {}),
        ("Add-MailboxPermission", {"User": OBJECT_ID, "AccessRights": "FullAccess"}),
    ):
        failure = run(sandbox, name, Identity="nobody@contoso.example", **more).failure
        assert failure is not None
        assert (failure.status, failure.error_id, failure.reason) == (
            404,
            "Ex6F9304",
            "ManagementObjectNotFoundException",
        )


@pytest.mark.parametrize("name", ["Identity", "ObjectId", "Sid"])
def test_a_right_is_granted_to_a_pointer_by_its_names_as_principal(sandbox: Sandbox, name: str) -> None:
    made = pointer(sandbox)
    grant = {"Identity": MAILBOX, "User": made[name], "AccessRights": ["FullAccess"]}
    (granted,) = ok(sandbox, "Add-MailboxPermission", **grant, AutoMapping=False)
    assert granted["UserSid"] == made["Sid"]
    shown = ok(sandbox, "Get-MailboxPermission", Identity=MAILBOX)
    assert [each["User"] for each in shown] == ["NT AUTHORITY\\SELF", made["Sid"]]
    assert shown[0]["AccessRights"] == ("FullAccess", "ReadPermission")
    again = run(sandbox, "Add-MailboxPermission", **grant)
    assert again.failure is None and again.objects == ()
    assert "access control entry is already present" in again.warnings[0]


@pytest.mark.parametrize("user", [APP_ID, "Ours", "nobody@contoso.example"])
def test_what_is_no_security_principal_gets_no_right(sandbox: Sandbox, user: str) -> None:
    pointer(sandbox)
    failure = run(sandbox, "Add-MailboxPermission", Identity=MAILBOX, User=user, AccessRights="FullAccess").failure
    assert failure is not None
    assert (failure.status, failure.reason) == (404, "ManagementObjectNotFoundException")


def test_rights_come_and_go_one_by_one(sandbox: Sandbox) -> None:
    entry = {"Identity": MAILBOX, "User": NEIGHBOUR}
    ok(sandbox, "Add-MailboxPermission", **entry, AccessRights="FullAccess,DeleteItem")
    ok(sandbox, "Remove-MailboxPermission", **entry, AccessRights="DeleteItem", Confirm=False)
    (left,) = ok(sandbox, "Get-MailboxPermission", **entry)
    assert left["AccessRights"] == ("FullAccess",)
    before = sandbox.store.state_hash()
    absent = run(sandbox, "Remove-MailboxPermission", **entry, AccessRights="DeleteItem", Confirm=False)
    assert "because the ACE isn't present" in absent.warnings[0]
    assert sandbox.store.state_hash() == before
    ok(sandbox, "Remove-MailboxPermission", **entry, AccessRights="FullAccess", Confirm=False)
    assert ok(sandbox, "Get-MailboxPermission", **entry) == []


def test_creating_and_removing_leaves_the_state_as_it_was(sandbox: Sandbox) -> None:
    before = sandbox.store.state_hash()
    made = pointer(sandbox)
    grant = {"Identity": MAILBOX, "User": made["Sid"], "AccessRights": "FullAccess"}
    ok(sandbox, "Add-MailboxPermission", **grant)
    assert sandbox.store.state_hash() != before
    ok(sandbox, "Remove-MailboxPermission", **grant, Confirm=False)
    ok(sandbox, "Remove-ServicePrincipal", Identity=APP_ID, Confirm=False)
    assert sandbox.store.state_hash() == before


@pytest.mark.parametrize("confirm", [{}, {"Confirm": None}, {"Confirm": True}])
def test_a_removal_that_asks_does_nothing(sandbox: Sandbox, confirm: dict[str, Any]) -> None:
    pointer(sandbox)
    before = sandbox.store.sequence()
    outcome = run(sandbox, "Remove-ServicePrincipal", Identity=APP_ID, **confirm)
    assert outcome.unanswered is not None
    assert run(sandbox, "Set-CASMailbox", Identity=MAILBOX, ImapEnabled=False, Confirm=None).unanswered is not None
    assert ok(sandbox, "Set-CASMailbox", Identity=MAILBOX, ImapEnabled=False, WhatIf=True) == []
    assert sandbox.store.sequence() == before


def test_the_smtp_switch_has_three_positions(sandbox: Sandbox) -> None:
    name = "SmtpClientAuthenticationDisabled"
    seen = [ok(sandbox, "Get-CASMailbox", Identity=MAILBOX)[0][name]]
    for value in (False, True, None):
        ok(sandbox, "Set-CASMailbox", Identity=MAILBOX, **{name: value})
        seen.append(ok(sandbox, "Get-CASMailbox", Identity=MAILBOX)[0][name])
    assert seen == [None, False, True, None]
    unchanged = run(sandbox, "Set-CASMailbox", Identity=MAILBOX, **{name: None})
    assert "no settings" in unchanged.warnings[0]


def test_the_ews_list_is_blank_unless_asked_for(sandbox: Sandbox) -> None:
    with sandbox.store.transaction() as tx:
        document = tx.get("organizationConfig", "organization")
        assert document is not None
        tx.put("organizationConfig", "organization", {**document, "ewsAllowedAppIds": APP_ID})
    assert ok(sandbox, "Get-OrganizationConfig")[0]["EwsAllowedAppIDs"] == ""
    asked = ok(sandbox, "Get-OrganizationConfig", RetrieveEwsOperationAccessPolicy=True)
    assert asked[0]["EwsAllowedAppIDs"] == APP_ID


def test_parameters_bind_by_name_in_any_case_and_by_position(sandbox: Sandbox) -> None:
    cmdlet = service.visible(ADMINISTRATOR, "get-casmailbox")
    assert cmdlet is not None
    assert len(service.run(sandbox, cmdlet, [(None, MAILBOX)]).objects) == 1
    assert len(service.run(sandbox, cmdlet, [("identity", MAILBOX), ("erroraction", 1)]).objects) == 1
    for given, words in (
        ([(None, MAILBOX), (None, "more")], "positional parameter"),
        ([("Identity", MAILBOX), ("IDENTITY", MAILBOX)], "more than once"),
        ([("Identity", [MAILBOX])], "System.String"),
    ):
        failure = service.run(sandbox, cmdlet, given).failure
        assert failure is not None
        assert words in failure.text
        assert failure.terminating


@pytest.mark.parametrize(
    ("role", "may", "may_not"),
    [
        (roles.GLOBAL_ADMINISTRATOR, "New-ServicePrincipal", None),
        (roles.EXCHANGE_RECIPIENT_ADMINISTRATOR, "Add-MailboxPermission", "New-ServicePrincipal"),
        (roles.GLOBAL_READER, "Get-MailboxPermission", "Set-CASMailbox"),
        (roles.CLOUD_APPLICATION_ADMINISTRATOR, None, "Get-Mailbox"),
    ],
)
def test_each_role_sees_its_cmdlets(role: str, may: str | None, may_not: str | None) -> None:
    caller = Caller("someone", frozenset({role}), app_only=False)
    assert may is None or service.visible(caller, may) is not None
    assert may_not is None or service.visible(caller, may_not) is None


def test_directory_servers_disagree_for_some_seconds_and_then_agree(late_sandbox: Sandbox) -> None:
    pointer(late_sandbox)
    grant = {"Identity": MAILBOX, "User": OBJECT_ID, "AccessRights": "FullAccess"}
    early = [run(late_sandbox, "Add-MailboxPermission", **grant).failure for _ in range(20)]
    assert {failure.status for failure in early if failure} == {404}
    assert None in early
    late_sandbox.advance(10)
    assert {run(late_sandbox, "Add-MailboxPermission", **grant).failure for _ in range(20)} == {None}


def test_a_pointer_deleted_elsewhere_is_seen_by_an_old_server_but_not_deleted_twice(late_sandbox: Sandbox) -> None:
    pointer(late_sandbox)
    late_sandbox.advance(60)
    ok(late_sandbox, "Remove-ServicePrincipal", Identity=OBJECT_ID, Confirm=False)
    counts = {len(ok(late_sandbox, "Get-ServicePrincipal", Identity=OBJECT_ID)) for _ in range(20)}
    assert counts == {1, 2}  # an old server finds it; a new one returns all that is left
    written = late_sandbox.store.sequence()
    for _ in range(10):
        failure = run(late_sandbox, "Remove-ServicePrincipal", Identity=OBJECT_ID, Confirm=False).failure
        assert failure is not None and failure.status == 404
    assert late_sandbox.store.sequence() == written


def test_a_failed_cmdlet_has_written_nothing(sandbox: Sandbox) -> None:
    before = sandbox.store.sequence()
    assert run(sandbox, "Add-MailboxPermission", Identity=MAILBOX, User="x", AccessRights="FullAccess").failure
    assert sandbox.store.sequence() == before
