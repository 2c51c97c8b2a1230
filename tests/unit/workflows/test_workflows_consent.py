"""Consent by another: the portal's page and the link are offered exactly where they do what the plan would do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from graph_doubles import TENANT

from provisioner.model.change import Action, Blocked, Change, Gate, Part, PlannedChange, Ready, Standing
from provisioner.model.clouds import CLOUDS, Cloud
from provisioner.model.declared import (
    Application,
    AppRoleGrant,
    Declared,
    DelegatedGrant,
    Permission,
    PermissionKind,
    RequestedPermissions,
    ServicePrincipal,
)
from provisioner.model.identifiers import GRAPH_APP_ID, Address, AppId, ObjectId
from provisioner.model.observed import ApplicationObject
from provisioner.model.plan import ConsentByAnother
from provisioner.resources.hands import Bindings
from provisioner.workflows.consent import BUTTON, FOR_ONE_ACCOUNT, NOT_ASKED_FOR, consent_by_another

APP, SP, WISH, GRANT = (Address(f"{each}.main") for each in ("application", "principal", "wish", "grant"))
APP_ID = AppId("5b1e8c3a-7d94-4e02-8f61-c9a2d4b7e650")
WHO = ("Privileged Role Administrator", "Global Administrator")
WAITS = Blocked("no active role", WHO)
SEND = Permission(GRAPH_APP_ID, PermissionKind.ROLE, "Mail.Send")
READ = Permission(GRAPH_APP_ID, PermissionKind.SCOPE, "Mail.Read")
PAGE = "/#view/Microsoft_AAD_RegisteredApps/ApplicationMenuBlade/~/CallAnAPI/appId/"


def found(
    grant: AppRoleGrant | DelegatedGrant,
    standing: Standing = WAITS,
    *,
    wish: Action = Action.KEEP,
    live: bool = True,
    web: tuple[str, ...] = (),
    cloud: Cloud | None = Cloud.WORLDWIDE,
    action: Action = Action.CREATE,
    gate: Gate | None = None,
) -> tuple[ConsentByAnother, ...]:
    resources: tuple[Declared, ...] = (
        Application(APP, "main", "Product", "product", "tag"),
        ServicePrincipal(SP, APP),
        RequestedPermissions(WISH, APP, grant_permissions(grant)),
        grant,
    )
    changes = (
        PlannedChange(Change(WISH, "requested_permissions", wish, Part.ENTRA, "wish"), Ready()),
        PlannedChange(Change(GRANT, "grant", action, Part.CONSENT, "grant", gate=gate), standing),
    )
    bindings = Bindings()
    if live:
        bindings.applications[APP] = ApplicationObject(
            ObjectId("o"), APP_ID, "Product (live)", None, "AzureADMyOrg", (), (), (), web_redirects=web
        )
    endpoints = CLOUDS[cloud] if cloud is not None else TENANT.endpoints
    return consent_by_another(resources, changes, bindings, replace(TENANT, endpoints=endpoints))


def grant_permissions(grant: AppRoleGrant | DelegatedGrant) -> tuple[Permission, ...]:
    return (grant.permission,) if isinstance(grant, AppRoleGrant) else grant.permissions


ROLE = AppRoleGrant(GRANT, SP, SEND)


def test_the_portals_page_for_the_application_and_no_link_without_a_redirect() -> None:
    assert found(ROLE) == (
        ConsentByAnother("Product (live)", WHO, (), f"https://entra.microsoft.com{PAGE}{APP_ID}", None, BUTTON),
    )


def test_with_a_web_redirect_the_link_too() -> None:
    (one,) = found(DelegatedGrant(GRANT, SP, (READ,)), web=("https://product.example/back",))
    assert one.link == f"https://login.microsoftonline.com/{TENANT.tenant_id}/adminconsent?client_id={APP_ID}"


@pytest.mark.parametrize(
    ("cloud", "host"),
    [
        (Cloud.US_GOV_GCC_HIGH, "https://entra.microsoft.us"),
        (Cloud.US_GOV_DOD, "https://entra.microsoft.us"),
        (Cloud.CHINA, "https://entra.microsoftonline.cn"),
    ],
)
def test_each_cloud_has_its_own_portal(cloud: Cloud, host: str) -> None:
    (one,) = found(ROLE, cloud=cloud)
    assert one.portal == f"{host}{PAGE}{APP_ID}"


def test_where_there_is_no_portal_none_is_named() -> None:
    assert found(ROLE, cloud=None) == (ConsentByAnother("Product (live)", WHO),)


def test_whoever_consents_opens_the_gate_himself() -> None:
    (one,) = found(ROLE, gate=Gate.TENANT_WIDE)
    assert one.flags == ("--allow-tenant-wide",)


def test_consent_for_one_account_is_never_sent_to_a_button_for_everybody() -> None:
    one_account = DelegatedGrant(GRANT, SP, (READ,), account="a@contoso.example")
    (one,) = found(one_account, web=("https://product.example/back",))
    assert (one.portal, one.link, one.note) == (None, None, FOR_ONE_ACCOUNT)


@pytest.mark.parametrize(("wish", "live"), [(Action.CREATE, True), (Action.UPDATE, True), (Action.CREATE, False)])
def test_the_button_is_not_offered_before_the_wish_list_is_right(wish: Action, live: bool) -> None:
    (one,) = found(ROLE, wish=wish, live=live)
    assert (one.portal, one.link, one.note) == (None, None, NOT_ASKED_FOR)


@pytest.mark.parametrize(
    ("standing", "action"),
    [(Ready(), Action.CREATE), (Blocked("gate", flag="--allow-tenant-wide"), Action.CREATE), (WAITS, Action.KEEP)],
)
def test_nobody_else_is_needed(standing: Standing, action: Action) -> None:
    assert found(ROLE, standing, action=action) == ()
