"""Cryptshare Server as its guide describes it, step by step, and what the guide leaves out."""

from __future__ import annotations

from datetime import timedelta

import pytest

from provisioner.errors import InputFault
from provisioner.model import declared
from provisioner.model.declaration import Declaration, ProofKind
from provisioner.model.identifiers import EXCHANGE_APP_ID
from provisioner.playbook import declare, find, load, parameters

SENDER = "cryptshare@contoso.example"


def declaration(**given: str) -> Declaration:
    playbook = load(*find("cryptshare/server"))
    values = parameters(playbook, {"sender_mailbox": SENDER, **given})
    return declare(playbook, variant="guide", parameters=values, instance="default")


def only(kind: type) -> object:
    (found,) = [each for each in declaration().resources if isinstance(each, kind)]
    return found


def test_step_5_one_application_for_this_directory_only_without_redirect():
    assert only(declared.Application).sign_in_audience == "AzureADMyOrg"
    assert only(declared.Application).display_name == "Cryptshare Server"


def test_steps_8_to_10_one_application_permission_of_exchange_with_admin_consent():
    permission = declared.Permission(EXCHANGE_APP_ID, declared.PermissionKind.ROLE, "SMTP.SendAsApp")

    assert only(declared.RequestedPermissions).permissions == (permission,)
    assert only(declared.AppRoleGrant).permission == permission
    assert only(declared.AppRoleGrant).guide_steps == ("10",)


def test_step_7_a_secret_of_180_days_at_most_two_years():
    assert only(declared.ClientSecret).lifetime == timedelta(days=180)
    assert only(declared.ClientSecret).guide_steps[0] == "7"
    with pytest.raises(InputFault):
        declaration(secret_lifetime_days="731")


def test_step_11_the_object_id_is_that_of_the_enterprise_application():
    assert only(declared.ServicePrincipal).guide_steps == ("11",)
    assert only(declared.ExchangePointer).service_principal == only(declared.ServicePrincipal).address


def test_powershell_full_access_on_the_sender_alone():
    assert only(declared.MailboxPermission).mailbox == SENDER
    assert only(declared.MailboxPermission).right == "FullAccess"


def test_the_switch_that_the_guide_forgets():
    switch = only(declared.ClientAccess)

    assert (switch.mailbox, switch.switches, switch.guide_steps) == (SENDER, ((declared.Protocol.SMTP_AUTH, True),), ())


def test_the_form_in_the_vendors_titles_and_order():
    settings, policy = declaration().handover

    assert settings.title == "System Settings > Mail Server"
    assert [field.title for field in settings.fields] == [
        "SMTP server type",
        "Sender email address",
        "Allow use of individual sender addresses.",
        "Directory (tenant) ID",
        "Application (client) ID",
        "Client Secret",
    ]
    assert settings.fields[0].value == "Microsoft Exchange Online with OAuth2 authentication"
    assert (settings.fields[1].value, settings.fields[2].value) == (SENDER, "off")
    assert settings.fields[3].tenant_id
    assert (settings.fields[4].application, settings.fields[4].property) == ("application.main", "app_id")
    assert settings.fields[5].secret == only(declared.ClientSecret).address
    assert "Save changes" in settings.actions[0]
    assert "Test with email address" in settings.actions[1]
    assert "Send test message" in settings.actions[1]
    assert [field.title for field in policy.fields] == [
        "Sender Email Address",
        "Allow use of individual sender addresses",
    ]
    assert [field.value for field in policy.fields] == [SENDER, "off"]


def test_proofs():
    kinds = ProofKind

    assert [each.kind for each in declaration().proofs] == [kinds.TOKEN, kinds.SMTP_SUBMISSION]
    token, submission, refused = declaration(denied_mailbox="other@contoso.example").proofs
    assert token.roles == ("SMTP.SendAsApp",)
    assert {each.audience for each in (token, submission, refused)} == {"https://outlook.office365.com"}
    assert (submission.mailbox, refused.mailbox) == (SENDER, "other@contoso.example")
    assert refused.kind is kinds.MAILBOX_REFUSED


def test_nothing_is_left_for_a_person_in_the_tenant():
    assert declaration().manual == ()
    assert declaration().incomplete == ()


@pytest.mark.parametrize("word", ["FullAccess", "Set-ExecutionPolicy", "-Organization", "Rotate", "SMTP AUTH", "OWA"])
def test_what_the_reader_is_warned_of(word):
    assert any(word in caution.text for caution in declaration().warnings)


@pytest.mark.parametrize("variant", ["guide", "scoped"])
def test_the_execution_policy_is_told_with_the_safer_way_in_one_sentence(variant):
    warnings = load(*find("cryptshare/server")).variants[variant].warnings
    (told,) = [" ".join(each.text.split()) for each in warnings if "Set-ExecutionPolicy" in each.text]

    assert "RemoteSigned" in told
    assert ". " not in told


def test_who_can_do_what():
    roles = load(*find("cryptshare/server")).variants["guide"].roles_needed

    assert roles.consent[0] == "Cloud Application Administrator"
    assert roles.exchange == ("Exchange Administrator",)
    assert "Privileged Role Administrator" not in roles.consent
