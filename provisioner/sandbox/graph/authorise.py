"""Who may do what in Graph: application permissions, delegated scopes, and the directory roles behind a person.

App-only calls need a permission in the token's ``roles``. Delegated calls need the scope *and* the person's right.
"""

from __future__ import annotations

from collections.abc import Iterable

from provisioner.sandbox.graph.call import Call
from provisioner.sandbox.graph.errors import denied
from provisioner.sandbox.ledger import behaviour, mark
from provisioner.sandbox.roles import (
    APPLICATION_ADMINISTRATOR,
    APPLICATION_DEVELOPER,
    CLOUD_APPLICATION_ADMINISTRATOR,
    GLOBAL_ADMINISTRATOR,
    GLOBAL_READER,
    PRIVILEGED_ROLE_ADMINISTRATOR,
    SECURITY_ADMINISTRATOR,
    SECURITY_READER,
)
from provisioner.sandbox.store import Document

APPLICATION_ADMINISTRATORS = frozenset(
    (GLOBAL_ADMINISTRATOR, APPLICATION_ADMINISTRATOR, CLOUD_APPLICATION_ADMINISTRATOR)
)
POLICY_READERS = frozenset((GLOBAL_ADMINISTRATOR, GLOBAL_READER, SECURITY_ADMINISTRATOR, SECURITY_READER))

MICROSOFT_GRAPH = "00000003-0000-0000-c000-000000000000"

READ_DIRECTORY = ("Directory.Read.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All")
READ_APPLICATIONS = (
    "Application.Read.All",
    "Application.ReadWrite.All",
    "Application.ReadWrite.OwnedBy",
    "Application.ReadUpdate.All",
    *READ_DIRECTORY,
)
READ_GRANTS = (
    "DelegatedPermissionGrant.Read.All",
    "DelegatedPermissionGrant.ReadWrite.All",
    *READ_DIRECTORY,
)
READ_ROLES = ("RoleManagement.Read.Directory", "RoleManagement.ReadWrite.Directory", *READ_DIRECTORY)
READ_USERS = ("User.ReadBasic.All", "User.Read.All", "User.ReadWrite.All", *READ_DIRECTORY)
READ_GROUPS = ("GroupMember.Read.All", "Group.Read.All", "Group.ReadWrite.All", *READ_DIRECTORY)
READ_ASSIGNMENTS = ("AppRoleAssignment.ReadWrite.All", *READ_DIRECTORY)
READ_ORGANIZATION = ("Organization.Read.All", "Organization.ReadWrite.All", *READ_DIRECTORY)
READ_POLICIES = ("Policy.Read.All",)

mark(
    "App-only callers need the least-privilege application permission of each call, or a wider one",
    source="graph.md 2.9 V: DX permissions.json",
    if_wrong="a preflight promises what the tenant refuses",
)
mark(
    "Application.ReadWrite.OwnedBy reads every application but changes only what its service principal owns",
    source="graph.md 2.4, 2.9 V: DX; reading everything unverified",
    if_wrong="a narrower operator permission works here but not in the tenant, or the other way round",
)
mark(
    "This tenant has switched off that every member may register applications (setting "
    "usersCanRegisterApplications switches it on)",
    source="graph.md 5.1 V: GD; the switch is the tenant's choice",
    if_wrong="a role is asked for that some tenants do not demand",
)


def holds(call: Call, permissions: Iterable[str]) -> bool:
    """True when the token carries one of these permissions, as roles or as scopes."""
    carried = call.claims.roles if call.claims.app_only else call.claims.scp
    return not set(permissions).isdisjoint(carried)


def require(call: Call, permissions: Iterable[str], *, roles: Iterable[str] | None = None) -> None:
    """403 unless the token carries one of the permissions and the person, if any, one of the roles (if given)."""
    if not holds(call, permissions):
        raise denied()
    if roles is not None and not call.claims.app_only and not has_role(call, roles):
        raise denied()


def has_role(call: Call, roles: Iterable[str]) -> bool:
    """True when the token's directory roles, frozen at sign-in, contain one of these."""
    return not set(roles).isdisjoint(call.claims.wids)


def owns(call: Call, object_id: str) -> bool:
    """True when the caller is an owner of the object."""
    return call.tx.get("owners", f"{object_id}:{call.claims.oid}") is not None


@behaviour(
    "Registering needs Application Developer, Application or Cloud Application Administrator or Global Administrator",
    source="graph.md 5.1 V: GD serviceprincipal-upsert.md",
    if_wrong="the wrong role is named to the person who is missing one",
)
def may_create_application(call: Call) -> None:
    """403 unless the caller may register applications."""
    if call.claims.app_only:
        require(call, ("Application.ReadWrite.All", "Application.ReadWrite.OwnedBy"))
        return
    require(call, ("Application.ReadWrite.All", "Directory.AccessAsUser.All"))
    if call.sandbox.settings.get("usersCanRegisterApplications", False):
        return
    if not has_role(call, APPLICATION_ADMINISTRATORS | {APPLICATION_DEVELOPER}):
        raise denied()


def may_change_application(call: Call, object_ids: Iterable[str]) -> None:
    """403 unless the caller may change the application or service principal with one of these object ids."""
    owner = any(owns(call, each) for each in object_ids)
    if call.claims.app_only:
        if holds(call, ("Application.ReadWrite.All",)):
            return
        if owner and holds(call, ("Application.ReadWrite.OwnedBy",)):
            return
        raise denied()
    require(call, ("Application.ReadWrite.All", "Directory.AccessAsUser.All"))
    if not owner and not has_role(call, APPLICATION_ADMINISTRATORS):
        raise denied()


def may_create_service_principal(call: Call, application: Document | None) -> None:
    """403 unless the caller may create the service principal of this (None: another tenant's) application."""
    owner = application is not None and owns(call, application["id"])
    if call.claims.app_only:
        may_change_application(call, [application["id"]] if application else [])
        return
    require(call, ("Application.ReadWrite.All", "Directory.AccessAsUser.All"))
    if has_role(call, APPLICATION_ADMINISTRATORS):
        return
    developer = has_role(call, (APPLICATION_DEVELOPER,)) or call.sandbox.settings.get(
        "usersCanRegisterApplications", False
    )
    if not (owner and developer):
        raise denied()


@behaviour(
    "Application permissions of Microsoft Graph: Privileged Role or Global Administrator; of any other API also "
    "Application and Cloud Application Administrator",
    source="graph.md 5.1 V: ED grant-admin-consent.md",
    if_wrong="the plan sends the admin to the wrong colleague",
)
def may_assign_roles_of(call: Call, resource: Document) -> None:
    """403 unless the caller may grant application permissions of this resource (a service principal)."""
    require(call, ("AppRoleAssignment.ReadWrite.All",))
    if call.claims.app_only:
        return
    allowed = {PRIVILEGED_ROLE_ADMINISTRATOR, GLOBAL_ADMINISTRATOR}
    if resource["appId"] != MICROSOFT_GRAPH:
        allowed |= APPLICATION_ADMINISTRATORS
    if not has_role(call, allowed):
        raise denied()


def may_change_delegated_grants(call: Call) -> None:
    """403 unless the caller may consent for the tenant."""
    require(
        call,
        ("DelegatedPermissionGrant.ReadWrite.All", "Directory.ReadWrite.All", "Directory.AccessAsUser.All"),
        roles=APPLICATION_ADMINISTRATORS | {PRIVILEGED_ROLE_ADMINISTRATOR},
    )
