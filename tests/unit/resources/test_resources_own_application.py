"""Certificates and directory roles of an application: when they are as wanted, and what taking them away leaves."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from resource_examples import APP_ID, APPLICATION, NOW, OBJECT_ID, PRINCIPAL, a_guid

from provisioner.errors import SignInRefused
from provisioner.graph.key_credentials import thumbprint_of
from provisioner.model import observed
from provisioner.model.change import Action, Blocked, Ready
from provisioner.model.declared import DirectoryRoleAssignment, KeyCredential
from provisioner.model.faults import Fault
from provisioner.model.identifiers import Address, KeyId
from provisioner.model.observed import ApplicationObject, Caller, NotSeen, RoleAssignment
from provisioner.resources import kind_of
from provisioner.resources.entra_sight import seen
from provisioner.resources.key_credential import Observed
from provisioner.signin.certificates import Certificate

CERTIFICATE = KeyCredential(
    Address("key_credential.main.signin"), APPLICATION.address, PRINCIPAL.address, "signin", "Ours", timedelta(days=365)
)
ROLE = DirectoryRoleAssignment(Address("directory_role.main.x"), PRINCIPAL.address, "Exchange Administrator")
ROLE_ID = "29232cdf-9323-42fd-ade2-1d097af3e4de"
HERE = Certificate(b"ours", NOW, NOW + timedelta(days=365))
ADMINISTRATOR = Caller(
    "user",
    "anna",
    None,
    scopes=frozenset({"Application.ReadWrite.All", "RoleManagement.ReadWrite.Directory"}),
    directory_roles=frozenset({"62e90394-69f5-4237-9190-012177145e10"}),
)


def uploaded(der: bytes, title: str = "Ours") -> observed.KeyCredential:
    return observed.KeyCredential(KeyId(a_guid(1)), title, thumbprint_of(der), NOW, NOW + timedelta(days=365))


def application(*certificates: observed.KeyCredential) -> ApplicationObject:
    return ApplicationObject(OBJECT_ID, APP_ID, "x", None, "AzureADMyOrg", (), (), (), certificates=certificates)


def compared(here: Certificate | None, *there: observed.KeyCredential) -> Action:
    return kind_of(CERTIFICATE).compare(CERTIFICATE, Observed(application(*there), here, NOW)).action


def test_a_certificate_is_kept_only_where_both_halves_are_there_and_last() -> None:
    ending = replace(HERE, end=NOW + timedelta(days=29))
    assert compared(HERE, uploaded(b"ours")) is Action.KEEP
    assert compared(HERE, uploaded(b"theirs")) is Action.CREATE
    assert compared(HERE) is Action.CREATE
    assert compared(None, uploaded(b"ours")) is Action.CREATE
    assert compared(ending, uploaded(b"ours")) is Action.CREATE


def test_a_certificate_made_elsewhere_is_mentioned_and_a_strangers_is_not() -> None:
    there = application(uploaded(b"elsewhere"), uploaded(b"strange", "a vendor's"))
    change = kind_of(CERTIFICATE).compare(CERTIFICATE, Observed(there, None, NOW))
    (note,) = change.notes
    assert thumbprint_of(b"elsewhere") in note
    assert "it stays" in note


def test_a_certificate_is_taken_away_only_by_who_holds_its_key() -> None:
    kind = kind_of(CERTIFICATE)
    there = application(uploaded(b"ours"))
    assert kind.compare_removal(CERTIFICATE, Observed(there, None, NOW)).action is Action.KEEP
    assert kind.compare_removal(CERTIFICATE, Observed(there, HERE, NOW)).action is Action.REMOVE


def held(role_id: str, *, whole_tenant: bool = True) -> RoleAssignment:
    return RoleAssignment("x", role_id, whole_tenant)


@pytest.mark.parametrize(
    ("roles", "action"),
    [
        ((), Action.CREATE),
        ((held(ROLE_ID),), Action.KEEP),
        ((held(ROLE_ID, whole_tenant=False),), Action.CREATE),
        ((held(a_guid(7)),), Action.CREATE),
        (NotSeen("roles", "refused"), Action.CREATE),
    ],
)
def test_a_role_counts_for_the_whole_tenant_only(roles: tuple[RoleAssignment, ...] | NotSeen, action: Action) -> None:
    assert kind_of(ROLE).compare(ROLE, roles).action is action


@pytest.mark.parametrize(
    ("roles", "action"),
    [((), Action.KEEP), ((held(ROLE_ID),), Action.REMOVE), (NotSeen("roles", "refused"), Action.REMOVE)],
)
def test_taking_a_role_away(roles: tuple[RoleAssignment, ...] | NotSeen, action: Action) -> None:
    assert kind_of(ROLE).compare_removal(ROLE, roles).action is action


def test_who_may_assign_a_role() -> None:
    kind = kind_of(ROLE)
    assert kind.standing(ROLE, (), ADMINISTRATOR) == Ready()
    lesser = replace(ADMINISTRATOR, directory_roles=frozenset({"158c047a-c907-4556-b7ef-446551a6b5f7"}))
    tool = Caller("application", "tool", None, roles=frozenset({"Application.ReadWrite.All"}))
    for caller in (lesser, tool, replace(ADMINISTRATOR, scopes=frozenset())):
        standing = kind.standing(ROLE, (), caller)
        assert isinstance(standing, Blocked)
        assert "Privileged Role Administrator" in standing.who_can
    unseen = kind.standing(ROLE, NotSeen("roles", "refused", ("Global Reader",)), ADMINISTRATOR)
    assert isinstance(unseen, Blocked)
    assert "not seen" in unseen.reason


def test_an_api_that_gives_this_sign_in_no_token_is_not_seen() -> None:
    async def refused() -> None:
        fault = Fault("signin", "sign in", 401, "AADSTS65002", "AADSTS65002: no preauthorisation")
        raise SignInRefused(fault, advice="sign in with an application of your own")

    found = asyncio.run(seen("mailbox permissions", refused()))
    assert isinstance(found, NotSeen)
    assert "AADSTS65002" in found.reason
    assert "application of your own" in found.reason
