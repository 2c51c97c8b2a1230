"""c-entron.NET and Service Board as their guide describes them, and with every reduction that Microsoft offers."""

from __future__ import annotations

import pytest

from provisioner.model import declared
from provisioner.model.declaration import Declaration, ProofKind
from provisioner.model.declared import Permission, PermissionKind
from provisioner.model.identifiers import GRAPH_APP_ID, GRAPH_AUDIENCE
from provisioner.playbook import declare, find, load, parameters

SENDER, ANNA, PAYROLL = "office@contoso.example", "anna@contoso.example", "payroll@contoso.example"
BOTH = ["centron/net", "centron/service-board"]


def declaration(name: str, variant: str, **given: str) -> Declaration:
    book = load(*find(name))
    values = parameters(book, {"default_sender": SENDER, **given})
    return declare(book, variant=variant, parameters=values, instance="default")


def of_kind(kind: type, found: Declaration) -> list[object]:
    return [each for each in found.resources if isinstance(each, kind)]


def graph(*names: str) -> set[Permission]:
    return {Permission(GRAPH_APP_ID, PermissionKind.ROLE, each) for each in names}


@pytest.mark.parametrize("name", BOTH)
def test_the_guides_three_permissions_as_application_permissions_with_consent(name: str) -> None:
    found = declaration(name, "guide")
    (wishes,) = of_kind(declared.RequestedPermissions, found)
    assert set(wishes.permissions) == graph("Mail.ReadWrite", "Mail.Send", "User.Read.All")  # type: ignore[attr-defined]
    granted = {each.permission for each in of_kind(declared.AppRoleGrant, found)}  # type: ignore[attr-defined]
    assert granted == set(wishes.permissions)  # type: ignore[attr-defined]
    (application,) = of_kind(declared.Application, found)
    assert application.sign_in_audience == "AzureADMyOrg"  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", BOTH)
def test_the_guide_needs_nothing_of_exchange(name: str) -> None:
    kinds = {type(each) for each in declaration(name, "guide").resources}
    assert kinds == {
        declared.Application,
        declared.ServicePrincipal,
        declared.RequestedPermissions,
        declared.AppRoleGrant,
        declared.ClientSecret,
    }


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("variant", ["guide", "scoped"])
def test_consent_to_graph_roles_takes_a_privileged_role_administrator(name: str, variant: str) -> None:
    roles = load(*find(name)).variants[variant].roles_needed.consent  # type: ignore[index]
    assert "Privileged Role Administrator" in roles
    assert "Cloud Application Administrator" not in roles


@pytest.mark.parametrize("name", BOTH)
def test_scoped_keeps_the_look_up_of_users_alone(name: str) -> None:
    found = declaration(name, "scoped", employees=ANNA)
    (wishes,) = of_kind(declared.RequestedPermissions, found)
    assert set(wishes.permissions) == graph("User.Read.All")  # type: ignore[attr-defined]
    (guard,) = of_kind(declared.UnscopedGrants, found)
    assert set(guard.twins) == graph("Mail.Send", "Mail.ReadWrite")  # type: ignore[attr-defined]
    assert set(guard.wanted) == graph("User.Read.All")  # type: ignore[attr-defined]
    assert wishes.address in guard.after  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", BOTH)
def test_scoped_reaches_the_employees_and_the_fallback(name: str) -> None:
    (group,) = of_kind(declared.ScopeGroup, declaration(name, "scoped", employees=f"{ANNA},{SENDER}"))
    assert group.members == (SENDER, ANNA)  # type: ignore[attr-defined]
    (alone,) = of_kind(declared.ScopeGroup, declaration(name, "scoped"))
    assert alone.members == (SENDER,)  # type: ignore[attr-defined]
    roles = {each.role for each in of_kind(declared.ManagementRoleAssignment, declaration(name, "scoped"))}  # type: ignore[attr-defined]
    assert roles == {"Application Mail.Send", "Application Mail.ReadWrite"}


@pytest.mark.parametrize("name", BOTH)
def test_proofs_are_of_graph_and_both_ways_where_there_is_a_scope(name: str) -> None:
    guide = declaration(name, "guide", denied_mailbox=PAYROLL).proofs
    assert [each.kind for each in guide] == [ProofKind.TOKEN, ProofKind.GRAPH_MAIL, ProofKind.GRAPH_SEND]
    assert set(guide[0].roles) == {"Mail.ReadWrite", "Mail.Send", "User.Read.All"}

    scoped = {each.name: each for each in declaration(name, "scoped", denied_mailbox=PAYROLL).proofs}
    assert {each.audience for each in scoped.values()} == {GRAPH_AUDIENCE}
    assert scoped["token"].absent_roles == ("Mail.ReadWrite", "Mail.Send")
    assert scoped["graph_mailbox_refused"].mailbox == scoped["outside_scope"].mailbox == PAYROLL
    undenied = declaration(name, "scoped")
    assert "graph_mailbox_refused" not in {each.name for each in undenied.proofs}
    assert [(each.name, each.parameter) for each in undenied.untried] == [
        ("outside_scope", "denied_mailbox"),
        ("graph_mailbox_refused", "denied_mailbox"),
    ]
    order = list(scoped)
    assert order.index("graph_mail") < order.index("graph_mailbox_refused"), "evidence comes before what it is for"


def test_net_hands_over_its_four_values_in_order() -> None:
    (screen,) = declaration("centron/net", "guide").handover
    assert [each.title for each in screen.fields] == [
        "Application ID",
        "Directory ID",
        "Secret client key",
        "Default sender email address",
    ]
    application, tenant, secret, sender = screen.fields
    assert (application.property, tenant.tenant_id, sender.value) == ("app_id", True, SENDER)
    assert secret.secret == "client_secret.main.mail"


def test_service_boards_client_id_is_the_tenants_and_to_be_confirmed() -> None:
    found = declaration("centron/service-board", "guide")
    (screen,) = found.handover
    by_title = {each.title: each for each in screen.fields}
    assert by_title["Application ID"].property == "app_id"
    assert by_title["Client ID"].tenant_id
    assert "confirmed" in (by_title["Client ID"].note or "")
    assert any("'client ID'" in each for each in found.questions)


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("variant", ["guide", "scoped"])
def test_harmful_advice_and_the_calendars_rights_are_left_out(name: str, variant: str) -> None:
    found = declaration(name, variant)
    named = {each.value for each in found.resources for each in getattr(each, "permissions", ())}
    assert not named & {"full_access_as_app", "Calendars.ReadWrite"}
    assert any("leave them on" in each.text for each in found.warnings)
    assert any("full_access_as_app" in each.text for each in found.warnings)


@pytest.mark.parametrize("name", BOTH)
def test_the_guides_misspellings_are_known(name: str) -> None:
    aliases = load(*find(name)).aliases
    assert aliases["Calenders.ReadWrite"] == "Calendars.ReadWrite"
    assert "When creating the attachment" in aliases


@pytest.mark.parametrize("name", BOTH)
def test_aliases_state_nothing_that_is_to_be_confirmed(name: str) -> None:
    assert "client ID" not in load(*find(name)).aliases


@pytest.mark.parametrize("variant", ["guide", "scoped"])
def test_what_outlook_sends_and_who_logs_in_are_told_as_the_guide_does(variant: str) -> None:
    found = declaration("centron/net", variant)
    (action,) = found.handover[0].actions
    assert "(except for integrated services)" in action
    assert any("USER LOGIN/SSO VIA AZURE AD IS NOT INTEGRATED HERE" in each.text for each in found.warnings)


def test_both_follow_one_guide() -> None:
    guides = {load(*find(name)).guide for name in BOTH}
    assert len(guides) == 1
