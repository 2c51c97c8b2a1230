"""Monitor ERP as its guide describes it, with the day on which EWS ends, and limited to the mailboxes it uses."""

from __future__ import annotations

from datetime import date

import pytest

from provisioner.model import declared
from provisioner.model.declaration import Declaration, ProofKind
from provisioner.model.declared import Permission, PermissionKind, Protocol
from provisioner.model.identifiers import EXCHANGE_APP_ID, EXCHANGE_AUDIENCE, GRAPH_APP_ID
from provisioner.playbook import declare, find, load, parameters

SENDER, INCOMING, PAYROLL = "erp@contoso.example", "orders@contoso.example", "payroll@contoso.example"
EWS_ENDS = date(2027, 4, 1)
FULL_ACCESS = Permission(EXCHANGE_APP_ID, PermissionKind.ROLE, "full_access_as_app")
USER_READ = Permission(GRAPH_APP_ID, PermissionKind.SCOPE, "User.Read")


def declaration(variant: str, **given: str) -> Declaration:
    book = load(*find("monitor/erp"))
    values = parameters(book, {"sender_mailbox": SENDER, "incoming_mailbox": INCOMING, **given})
    return declare(book, variant=variant, parameters=values, instance="default")


def only(kind: type, found: Declaration) -> object:
    (one,) = [each for each in found.resources if isinstance(each, kind)]
    return one


def test_steps_6_18_and_19_the_native_redirect_and_no_public_client() -> None:
    redirects = only(declared.RedirectUris, declaration("guide"))
    assert isinstance(redirects, declared.RedirectUris)
    assert redirects.native == ("https://login.microsoftonline.com/common/oauth2/nativeclient",)
    assert (redirects.web, redirects.spa, redirects.public_client) == ((), (), False)


def test_steps_11_to_16_two_permissions_both_consented() -> None:
    found = declaration("guide")
    wishes = only(declared.RequestedPermissions, found)
    role = only(declared.AppRoleGrant, found)
    scope = only(declared.DelegatedGrant, found)
    assert isinstance(wishes, declared.RequestedPermissions)
    assert isinstance(role, declared.AppRoleGrant)
    assert isinstance(scope, declared.DelegatedGrant)
    assert set(wishes.permissions) == {FULL_ACCESS, USER_READ}
    assert role.permission == FULL_ACCESS
    assert (scope.permissions, scope.account) == ((USER_READ,), None)


@pytest.mark.parametrize("variant", ["guide", "scoped"])
def test_the_secret_ends_with_ews_and_the_plan_says_so(variant: str) -> None:
    found = declaration(variant)
    secret = only(declared.ClientSecret, found)
    assert isinstance(secret, declared.ClientSecret)
    assert secret.latest_end == EWS_ENDS
    assert [each.retires_on for each in found.warnings if each.retires_on] == [EWS_ENDS]


@pytest.mark.parametrize("variant", ["guide", "scoped"])
def test_the_ews_gates_that_the_guide_does_not_know_of(variant: str) -> None:
    found = declaration(variant)
    gate = only(declared.EwsAccess, found)
    assert isinstance(gate, declared.EwsAccess)
    assert gate.application == "application.main"
    switches = {each.mailbox: each.switches for each in found.resources if isinstance(each, declared.ClientAccess)}
    assert switches == dict.fromkeys((SENDER, INCOMING), ((Protocol.EWS, True),))
    (step,) = found.manual
    assert step.role == "Exchange Administrator"
    assert step.proof


@pytest.mark.parametrize("variant", ["guide", "scoped"])
def test_ews_itself_is_proven_both_ways(variant: str) -> None:
    proofs = declaration(variant, denied_mailbox=PAYROLL).proofs
    opened = {each.mailbox for each in proofs if each.kind is ProofKind.EWS_FOLDER}
    refused = {each.mailbox for each in proofs if each.kind is ProofKind.EWS_REFUSED}
    assert opened == {SENDER, INCOMING}
    assert refused == ({PAYROLL} if variant == "scoped" else set())
    assert {each.audience for each in proofs} == {EXCHANGE_AUDIENCE}


def test_scoped_has_no_permission_no_redirect_and_names_its_mailboxes() -> None:
    found = declaration("scoped", more_mailboxes="a@contoso.example,b@contoso.example", denied_mailbox=PAYROLL)
    kinds = {type(each) for each in found.resources}
    assert not kinds & {declared.RequestedPermissions, declared.AppRoleGrant, declared.DelegatedGrant}
    redirects = only(declared.RedirectUris, found)
    group = only(declared.ScopeGroup, found)
    role = only(declared.ManagementRoleAssignment, found)
    guard = only(declared.UnscopedGrants, found)
    assert isinstance(redirects, declared.RedirectUris)
    assert isinstance(group, declared.ScopeGroup)
    assert isinstance(role, declared.ManagementRoleAssignment)
    assert isinstance(guard, declared.UnscopedGrants)
    assert (redirects.web, redirects.spa, redirects.native) == ((), (), ())
    assert group.members == (SENDER, INCOMING, "a@contoso.example", "b@contoso.example")
    assert role.role == "Application EWS.AccessAsApp"
    assert guard.twins == (FULL_ACCESS,)
    assert {(each.mailbox, each.within) for each in found.proofs if each.within is not None} == {
        (SENDER, True),
        (INCOMING, True),
        (PAYROLL, False),
    }


@pytest.mark.parametrize("variant", ["guide", "scoped"])
def test_both_screens_in_the_vendors_titles_and_order(variant: str) -> None:
    overall, incoming = declaration(variant).handover
    assert [each.title for each in overall.fields] == [
        "E-mail method",
        "Server address",
        "Application (client) ID",
        "Directory (tenant) ID",
        "Authentication flow",
        "Client secret",
        "Port",
    ]
    assert [each.title for each in incoming.fields] == [
        "Service",
        "URL",
        "Polling interval",
        "Application (client) ID",
        "Directory (tenant) ID",
        "Authentication flow",
        "Client secret",
        "E-mail account",
        "Types",
        "Available",
    ]
    assert overall.fields[0].value == "Server based, via Microsoft Exchange Online"
    assert incoming.fields[7].value == INCOMING


@pytest.mark.parametrize("variant", ["guide", "scoped"])
def test_harmful_and_mistaken_advice_is_named(variant: str) -> None:
    found = declaration(variant)
    texts = " ".join(each.text for each in found.warnings)
    assert "Only one authentication method can be active at a time" in texts, "chapter Limitations"
    assert "B2C" in texts
    assert "manifest" in texts
    assert "password" in texts
    assert load(*find("monitor/erp")).aliases["pooling interval"] == "polling interval"


def test_step_15_contradicts_a_scope_and_is_asked_about() -> None:
    quoted = "requires full access to Exchange Web Services"
    assert any(quoted in each for each in declaration("scoped").questions)
    assert not any(quoted in each for each in declaration("guide").questions)
