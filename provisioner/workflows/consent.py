"""How somebody else goes on where this caller may not consent: by a plan file, or at the portal's own button.

The button, and the admin consent link, grant whatever the application's wish list has in it, for everybody. So they are
offered only where that is what the plan would do: never where consent is for one account. The link needs a web redirect
to come back to (AADSTS500113 without one; field-notes.md 1.4), and may revoke what was granted before and is on the
wish list no more (entra-docs, grant-admin-consent).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from provisioner.engine.planning import GATE_FLAGS
from provisioner.model.change import Action, Blocked, Change, Part, PlannedChange
from provisioner.model.declared import (
    Application,
    AppRoleGrant,
    Declared,
    DelegatedGrant,
    RequestedPermissions,
    ServicePrincipal,
)
from provisioner.model.identifiers import Address
from provisioner.model.observed import ApplicationObject
from provisioner.model.plan import ConsentByAnother
from provisioner.model.tenant import Tenant
from provisioner.resources.hands import Bindings

PERMISSIONS_PAGE = "/#view/Microsoft_AAD_RegisteredApps/ApplicationMenuBlade/~/CallAnAPI/appId/"
"""API permissions of an application, by its application id. Source: links in several public projects."""

FOR_ONE_ACCOUNT = "not at the portal: its button would consent for everybody, and the plan is about one account"
NOT_ASKED_FOR = "not at the portal yet: its button grants what the application asks for, which is not all there yet"
BUTTON = (
    "it grants all that the application asks for, for everybody, and may take back what was granted before and is "
    "asked for no more"
)


def consent_by_another(
    resources: Sequence[Declared], changes: Sequence[PlannedChange], bindings: Bindings, tenant: Tenant
) -> tuple[ConsentByAnother, ...]:
    """One entry for each application whose consent waits for somebody with another role."""
    found = []
    for application in (each for each in resources if isinstance(each, Application)):
        waiting = _waiting(application, resources, changes)
        if not waiting:
            continue
        live = bindings.applications.get(application.address)
        bare = ConsentByAnother(
            live.display_name if live is not None else application.display_name,
            tuple(dict.fromkeys(role for _, _, standing in waiting for role in standing.who_can)),
            tuple(dict.fromkeys(GATE_FLAGS[change.gate][0] for _, change, _ in waiting if change.gate is not None)),
        )
        if any(isinstance(each, DelegatedGrant) and each.account is not None for each, _, _ in waiting):
            found.append(replace(bare, note=FOR_ONE_ACCOUNT))
        elif live is None or not _asked_for(application, resources, changes):
            found.append(replace(bare, note=NOT_ASKED_FOR))
        elif tenant.endpoints.portal is None:
            found.append(bare)
        else:
            portal = f"{tenant.endpoints.portal}{PERMISSIONS_PAGE}{live.app_id}"
            found.append(replace(bare, portal=portal, link=_link(live, tenant), note=BUTTON))
    return tuple(found)


def _waiting(
    application: Application, resources: Sequence[Declared], changes: Sequence[PlannedChange]
) -> list[tuple[AppRoleGrant | DelegatedGrant, Change, Blocked]]:
    """Grants to it that are blocked for want of a role."""
    principals = {
        each.address
        for each in resources
        if isinstance(each, ServicePrincipal) and each.application == application.address
    }
    planned = {each.change.address: each for each in changes}
    found = []
    for each in resources:
        if not isinstance(each, AppRoleGrant | DelegatedGrant) or each.service_principal not in principals:
            continue
        change, standing = planned[each.address].change, planned[each.address].standing
        waits = change.part is Part.CONSENT and change.action is not Action.KEEP
        if waits and isinstance(standing, Blocked) and standing.who_can:
            found.append((each, change, standing))
    return found


def _asked_for(application: Application, resources: Sequence[Declared], changes: Sequence[PlannedChange]) -> bool:
    """Whether the wish list, which the button reads, is as the plan wants it."""
    lists: set[Address] = {
        each.address
        for each in resources
        if isinstance(each, RequestedPermissions) and each.application == application.address
    }
    return all(each.change.action is Action.KEEP for each in changes if each.change.address in lists)


def _link(live: ApplicationObject, tenant: Tenant) -> str | None:
    if not live.web_redirects:
        return None
    return f"{tenant.endpoints.login}/{tenant.tenant_id}/adminconsent?client_id={live.app_id}"
