"""From playbook to declaration: addresses, names, texts filled in, conditions."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_playbook import SMALL, loaded, small

from provisioner.errors import InputFault
from provisioner.model import declared
from provisioner.model.declaration import Caution, Declaration, ProofKind
from provisioner.model.identifiers import EXCHANGE_APP_ID, GRAPH_APP_ID
from provisioner.playbook import declare, parameters
from provisioner.playbook.templates import expand

GIVEN = {"sender": "mail@acme.example"}


def declaration(text=None, given=GIVEN, instance="default", variant="guide") -> Declaration:
    playbook = loaded(text or small())
    return declare(playbook, variant=variant, parameters=parameters(playbook, given), instance=instance)


def by_address(found: Declaration) -> dict[str, declared.Declared]:
    return {each.address: each for each in found.resources}


def test_addresses_are_those_that_everything_else_counts_on():
    assert list(by_address(declaration())) == [
        "application.main",
        "service_principal.main",
        "requested_permissions.main",
        "app_role_grant.main.exchange.SMTP.SendAsApp",
        "client_secret.main.mail",
        "exchange_pointer.main",
        "mailbox_permission.main.FullAccess",
        "client_access.sender",
    ]


def test_things_point_at_things_that_are_there():
    found = declaration(given={**GIVEN, "denied": "no@acme.example"})
    known = by_address(found)

    pointed = [each.application for each in found.proofs] + [each.secret for each in found.proofs]
    for each in found.resources:
        pointed += [
            getattr(each, name) for name in ("application", "service_principal", "pointer") if hasattr(each, name)
        ]
    for screen in found.handover:
        pointed += [address for field in screen.fields for address in (field.application, field.secret) if address]

    assert len(pointed) > 10
    assert set(pointed) <= set(known)


def test_names_in_the_tenant():
    application = by_address(declaration(instance="branch-2"))["application.main"]

    assert application.unique_name == "provisioner-acme-mailer-branch-2-main"
    assert application.tag == "provisioner:acme/mailer:branch-2"
    assert application.display_name == "Acme fast"
    assert application.sign_in_audience == "AzureADMyOrg"


def test_permissions_and_secrets():
    known = by_address(declaration(given={**GIVEN, "days": "30"}))
    permission = declared.Permission(EXCHANGE_APP_ID, declared.PermissionKind.ROLE, "SMTP.SendAsApp")

    assert known["requested_permissions.main"].permissions == (permission,)
    assert known["app_role_grant.main.exchange.SMTP.SendAsApp"].permission == permission
    assert known["client_secret.main.mail"].lifetime == timedelta(days=30)
    assert known["client_secret.main.mail"].audience == "https://outlook.office365.com"
    assert declaration().parameters == (("days", "90"), ("mode", "fast"), ("sender", "mail@acme.example"))


def test_without_consent_nothing_is_granted():
    without = small('        consent:\n          by: admin\n          guide_steps: ["3"]\n', "")

    assert not any(isinstance(each, declared.AppRoleGrant) for each in declaration(without).resources)


def test_a_proof_with_a_condition_needs_its_parameter():
    without = declaration()
    assert [each.name for each in without.proofs] == ["token"]
    (untried,) = without.untried
    assert (untried.title, untried.parameter) == ("Refused for <denied>", "denied")
    assert untried.wanted, "what is to be given, in words"

    given = declaration(given={**GIVEN, "denied": "no@acme.example"})
    token, refused = given.proofs
    assert given.untried == ()

    assert token.roles == ("SMTP.SendAsApp",)
    assert refused.kind is ProofKind.MAILBOX_REFUSED
    assert (refused.mailbox, refused.title) == ("no@acme.example", "Refused for no@acme.example")


def test_one_mailbox_cannot_be_opened_and_refused():
    with pytest.raises(InputFault, match="cannot be refused to it as well"):
        declaration(given={**GIVEN, "denied": "MAIL@acme.example"})


def test_handover_says_where_each_value_comes_from():
    (screen,) = declaration().handover

    assert [(field.title, field.value, field.tenant_id, field.property, field.secret) for field in screen.fields] == [
        ("Tenant", None, True, None, None),
        ("Client", None, False, "app_id", None),
        ("Secret", None, False, None, "client_secret.main.mail"),
        ("Sender", "mail@acme.example", False, None, None),
    ]


def test_texts_are_filled_in_and_what_is_open_stays_listed():
    found = declaration()

    assert found.manual[0].title == "Tell mail@acme.example"
    assert found.warnings == (Caution("Mind mail@acme.example.", date(2030, 1, 1), "a friend"),)
    assert found.incomplete == ("The guide stops here.",)
    assert found.questions == ("Confirm with the vendor: Is it blue?",)


def test_values_are_not_expanded_a_second_time():
    text = small("    type: choice\n    default: fast\n    choices: [fast, slow]", "    type: text\n    default: x")
    found = declaration(text, {**GIVEN, "mode": "${sender} ${nothing} $(id)"})

    assert by_address(found)["application.main"].display_name == "Acme ${sender} ${nothing} $(id)"


def test_a_value_that_is_not_there_is_never_an_empty_text():
    with pytest.raises(KeyError):
        expand("Acme ${mode}", {})


def test_a_permission_that_ends_is_said_so():
    text = small("            name: SMTP.SendAsApp", "            name: full_access_as_app").replace(
        "roles: [SMTP.SendAsApp]", "roles: [full_access_as_app]"
    )

    assert date(2027, 4, 1) in [each.retires_on for each in declaration(text).warnings]


def test_an_end_that_the_playbook_tells_itself_is_told_once():
    text = small("            name: SMTP.SendAsApp", "            name: full_access_as_app").replace(
        "roles: [SMTP.SendAsApp]", "roles: [full_access_as_app]"
    )
    own = declaration(text.replace("retires_on: 2030-01-01", "retires_on: 2027-04-01")).warnings

    assert own == (Caution("Mind mail@acme.example.", date(2027, 4, 1), "a friend"),)


def test_consent_to_delegated_permissions_is_one_grant_per_api():
    text = small(
        "        permissions:\n",
        "        permissions:\n          - {api: graph, kind: delegated, name: Mail.Send, why: x}\n",
    )
    found = declaration(text)

    assert declared.Permission(GRAPH_APP_ID, declared.PermissionKind.SCOPE, "Mail.Send") in (
        by_address(found)["requested_permissions.main"].permissions
    )
    grant = by_address(found)["delegated_grant.main.graph"]
    assert [each.value for each in grant.permissions] == ["Mail.Send"]
    assert (grant.account, grant.guide_steps) == (None, ("3",))
    assert [each.title for each in found.manual] == ["Tell mail@acme.example"]


def test_consent_for_one_account_and_redirects_by_platform():
    text = small(
        "        permissions:\n",
        "        redirects:\n          native: ['https://login.example/${mode}']\n          guide_steps: ['6']\n"
        "        permissions:\n          - {api: graph, kind: delegated, name: Mail.Send, why: x}\n",
    ).replace("          by: admin\n", "          by: admin\n          account: ${sender}\n")
    found = by_address(declaration(text))

    assert found["delegated_grant.main.graph"].account == "mail@acme.example"
    redirects = found["redirect_uris.main"]
    assert (redirects.web, redirects.spa, redirects.native) == ((), (), ("https://login.example/fast",))
    assert redirects.public_client is False


def test_two_rights_with_names_have_two_addresses():
    second = "        - {application: main, mailbox: b@acme.example, right: FullAccess, why: x, name: second}\n"
    text = small("      client_access:", second + "      client_access:")

    assert {"mailbox_permission.main.FullAccess", "mailbox_permission.main.second"} <= set(
        by_address(declaration(text))
    )


@pytest.mark.parametrize(("other", "entries"), [("Mail@ACME.example", 1), ("b@acme.example", 2)])
def test_two_parameters_that_name_one_mailbox_have_its_switches_in_one_place(other, entries):
    second = "        reader: {mailbox: '${inbox}', smtp_auth: false, imap: true, why: It reads, guide_steps: ['9']}\n"
    inbox = "  inbox: {title: Inbox, type: mailbox, required: true, example: b@acme.example}\n"
    text = small("    proofs:\n", second + "    proofs:\n").replace("  denied:\n", inbox + "  denied:\n", 1)
    found = by_address(declaration(text, {**GIVEN, "inbox": other}))
    access = [each for each in found.values() if isinstance(each, declared.ClientAccess)]

    assert len(access) == entries
    if entries == 1:
        assert access[0].address == "client_access.sender"
        assert access[0].mailbox == GIVEN["sender"]
        assert dict(access[0].switches) == {declared.Protocol.SMTP_AUTH: True, declared.Protocol.IMAP: True}
        assert access[0].guide_steps == ("9",)


@pytest.mark.parametrize("instance", ["", "Default", "a_b", "-a", "a--b", "a/b", "a b", "ä", "x" * 100, "a\n", "../x"])
def test_an_instance_name_that_no_unique_name_can_carry(instance):
    with pytest.raises(InputFault):
        declaration(instance=instance)


@settings(max_examples=50, deadline=None)
@given(st.from_regex(r"[a-z0-9]{1,8}(-[a-z0-9]{1,8}){0,8}", fullmatch=True))
def test_unique_names_are_letters_digits_and_dashes(instance):
    name = by_address(declaration(instance=instance))["application.main"].unique_name

    assert re.fullmatch(r"[a-z0-9-]{1,120}", name)


def test_an_unknown_variant_has_a_near_name():
    with pytest.raises(InputFault, match="no variant 'giude'") as caught:
        declaration(variant="giude")

    assert caught.value.advice == "did you mean 'guide'?"


def test_the_same_input_gives_the_same_declaration():
    assert declaration() == declaration()
    assert declaration() != declaration(instance="other")


WHOLE = (
    SMALL.replace(
        "        audience: single-tenant\n",
        "        audience: single-tenant\n"
        "        assignment: {accounts: ['${sender}'], groups: [Staff]}\n"
        "        enterprise_application: {directory_roles: [Exchange Administrator]}\n"
        "        certificates: {ours: {title: Ours, lifetime_days: 30}}\n",
    )
    .replace("          smtp_auth: true\n", "          pop: false\n          smtp_auth: true\n          imap: true\n")
    .replace("      client_access:\n", "      ews_access: {main: {why: It reads.}}\n      client_access:\n")
)


def test_who_may_sign_in_roles_certificates_and_gates():
    book = loaded(WHOLE)
    found = declare(book, variant="guide", parameters=parameters(book, {"sender": "a@b.example"}), instance="default")
    by_kind = {type(each): each for each in found.resources}

    assert by_kind[declared.UserAssignment].accounts == ("a@b.example",)
    assert by_kind[declared.UserAssignment].groups == ("Staff",)
    assert by_kind[declared.DirectoryRoleAssignment].role == "Exchange Administrator"
    assert by_kind[declared.KeyCredential].lifetime == timedelta(days=30)
    assert by_kind[declared.EwsAccess].application == "application.main"
    assert dict(by_kind[declared.ClientAccess].switches) == {
        declared.Protocol.SMTP_AUTH: True,
        declared.Protocol.IMAP: True,
        declared.Protocol.POP: False,
    }
    assert len({each.address for each in found.resources}) == len(found.resources)


def test_what_is_attached_is_the_hosts_application_with_a_tag_of_ours():
    book = loaded(small("        audience:", "        attach_to: acme/host\n        audience:"))
    found = declare(book, variant="guide", parameters=parameters(book, {"sender": "a@b.example"}), instance="two")
    by_kind = {type(each): each for each in found.resources}

    application = by_kind[declared.Application]
    assert (application.unique_name, application.tag) == (
        "provisioner-acme-host-two-main",
        "provisioner:acme/mailer:two",
    )
    assert application.attached_to == "acme/host"
    assert by_kind[declared.ServicePrincipal].attached
    assert by_kind[declared.ClientSecret].held_by == "acme_host_two"
