"""c-entron's calendar synchronisation: on c-entron.NET's application as the guide says, or with one of its own."""

from __future__ import annotations

from datetime import date

import pytest
from small_playbook import faults_of

from provisioner.model import declared
from provisioner.model.declaration import Declaration, ProofKind
from provisioner.model.declared import Permission, PermissionKind, Protocol
from provisioner.model.identifiers import EXCHANGE_APP_ID, EXCHANGE_AUDIENCE, GRAPH_APP_ID, GRAPH_AUDIENCE
from provisioner.playbook import declare, find, load, parameters
from provisioner.resources import kind_of

ANNA, BEN, PAYROLL = "anna@contoso.example", "ben@contoso.example", "payroll@contoso.example"
CALENDARS = Permission(GRAPH_APP_ID, PermissionKind.ROLE, "Calendars.ReadWrite")
FULL_ACCESS = Permission(EXCHANGE_APP_ID, PermissionKind.ROLE, "full_access_as_app")
EWS_ENDS = date(2027, 4, 1)
BOTH = ["guide", "scoped"]


def declaration(variant: str, **given: str) -> Declaration:
    book = load(*find("centron/calendar-sync"))
    values = parameters(book, {"calendar_mailbox": ANNA, "denied_mailbox": PAYROLL, **given})
    return declare(book, variant=variant, parameters=values, instance="default")


def of_kind(kind: type, found: Declaration) -> list[object]:
    return [each for each in found.resources if isinstance(each, kind)]


def test_the_guides_application_is_that_of_net_of_the_same_instance() -> None:
    net = load(*find("centron/net"))
    host = declare(net, variant="guide", parameters=parameters(net, {"default_sender": ANNA}), instance="default")
    (theirs,) = of_kind(declared.Application, host)
    (ours,) = of_kind(declared.Application, declaration("guide"))
    assert isinstance(ours, declared.Application)
    assert isinstance(theirs, declared.Application)
    assert (ours.unique_name, ours.key, ours.attached_to) == (theirs.unique_name, theirs.key, "centron/net")
    assert ours.tag != theirs.tag
    (secret,) = of_kind(declared.ClientSecret, declaration("guide"))
    (held,) = of_kind(declared.ClientSecret, host)
    assert isinstance(secret, declared.ClientSecret)
    assert isinstance(held, declared.ClientSecret)
    assert (secret.slot, secret.held_by) == (held.slot, host.onboarding)


def test_the_guides_two_rights_with_consent() -> None:
    found = declaration("guide")
    (wishes,) = of_kind(declared.RequestedPermissions, found)
    assert set(wishes.permissions) == {CALENDARS, FULL_ACCESS}  # type: ignore[attr-defined]
    granted = {each.permission for each in of_kind(declared.AppRoleGrant, found)}  # type: ignore[attr-defined]
    assert granted == {CALENDARS, FULL_ACCESS}


def test_scoped_has_its_own_application_with_no_permission() -> None:
    found = declaration("scoped", employees=f"{BEN},{ANNA}")
    (application,) = of_kind(declared.Application, found)
    assert application.attached_to is None  # type: ignore[attr-defined]
    assert not of_kind(declared.RequestedPermissions, found) + of_kind(declared.AppRoleGrant, found)
    (secret,) = of_kind(declared.ClientSecret, found)
    assert secret.held_by is None  # type: ignore[attr-defined]
    roles = {each.role for each in of_kind(declared.ManagementRoleAssignment, found)}  # type: ignore[attr-defined]
    assert roles == {"Application Calendars.ReadWrite", "Application EWS.AccessAsApp"}
    (guard,) = of_kind(declared.UnscopedGrants, found)
    assert set(guard.twins) == {CALENDARS, FULL_ACCESS}  # type: ignore[attr-defined]
    (group,) = of_kind(declared.ScopeGroup, found)
    assert group.members == (ANNA, BEN)  # type: ignore[attr-defined]


@pytest.mark.parametrize("variant", BOTH)
def test_the_ews_gates(variant: str) -> None:
    found = declaration(variant)
    assert len(of_kind(declared.EwsAccess, found)) == 1
    (access,) = of_kind(declared.ClientAccess, found)
    assert (access.mailbox, access.switches) == (ANNA, ((Protocol.EWS, True),))  # type: ignore[attr-defined]


@pytest.mark.parametrize("variant", BOTH)
def test_proofs_ask_each_service_and_both_ways_where_there_is_a_scope(variant: str) -> None:
    kinds = {(each.kind, each.audience, each.mailbox) for each in declaration(variant).proofs}
    assert {
        (ProofKind.TOKEN, GRAPH_AUDIENCE, None),
        (ProofKind.TOKEN, EXCHANGE_AUDIENCE, None),
        (ProofKind.GRAPH_CALENDAR, GRAPH_AUDIENCE, ANNA),
        (ProofKind.EWS_FOLDER, EXCHANGE_AUDIENCE, ANNA),
    } <= kinds
    refused = {
        (ProofKind.GRAPH_MAILBOX_REFUSED, GRAPH_AUDIENCE, PAYROLL),
        (ProofKind.EWS_REFUSED, EXCHANGE_AUDIENCE, PAYROLL),
    }
    assert (kinds & refused) == (refused if variant == "scoped" else set())


@pytest.mark.parametrize("variant", BOTH)
def test_the_end_of_ews_is_told_and_blocks(variant: str) -> None:
    found = declaration(variant)
    (told,) = [each for each in found.warnings if each.retires_on]
    assert told.retires_on == EWS_ENDS
    assert "ask the vendor" in told.text
    ends = [end for each in found.resources if (end := kind_of(each).ends(each)) is not None]
    assert EWS_ENDS in [each.when for each in ends]
    (secret,) = of_kind(declared.ClientSecret, found)
    assert secret.latest_end == EWS_ENDS  # type: ignore[attr-defined]


@pytest.mark.parametrize("variant", BOTH)
def test_the_tick_of_the_guide_is_handed_over(variant: str) -> None:
    (screen,) = declaration(variant).handover
    assert screen.fields[0].title == "OAuth 2.0"
    own = [each.title for each in screen.fields[1:]]
    assert own == ([] if variant == "guide" else ["Application ID", "Directory ID", "Secret client key"])


def test_harm_and_misspellings_are_named() -> None:
    book = load(*find("centron/calendar-sync"))
    assert book.aliases["Calenders.ReadWrite"] == "Calendars.ReadWrite"
    texts = " ".join(each.text for each in declaration("guide").warnings)
    assert "every mailbox" in texts
    assert "leave them on" in texts


def test_a_proof_may_ask_another_service_than_its_secret_names_and_must_say_so() -> None:
    text, place = find("centron/calendar-sync")[0], "        mailbox: ${calendar_mailbox}\n"
    said = f"        used_at: exchange\n{place}"
    assert text.count(said) == 2
    assert any("needs a secret used at exchange" in each for each in faults_of(text.replace(said, place)))
