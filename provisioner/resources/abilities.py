"""Who may do what, judged beforehand from the caller's own token, so that the plan can say it before anything starts.

Sources: Microsoft's permissions reference (least privilege for each call) and "grant admin consent" in entra-docs:
everything but Microsoft Graph application permissions may be consented to by a Cloud Application Administrator.
A caller we cannot read (opaque token) is not judged: the service's own refusal is then reported.
"""

from __future__ import annotations

from provisioner.model.change import Blocked, Ready
from provisioner.model.declared import Permission, PermissionKind
from provisioner.model.identifiers import AZURE_CLI_APP_ID, GRAPH_APP_ID
from provisioner.model.observed import Caller

GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10"
PRIVILEGED_ROLE_ADMINISTRATOR = "e8611ab8-c189-46e8-94e1-60213ab1f814"
CLOUD_APPLICATION_ADMINISTRATOR = "158c047a-c907-4556-b7ef-446551a6b5f7"
APPLICATION_ADMINISTRATOR = "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3"

ROLE_NAMES = {
    GLOBAL_ADMINISTRATOR: "Global Administrator",
    PRIVILEGED_ROLE_ADMINISTRATOR: "Privileged Role Administrator",
    CLOUD_APPLICATION_ADMINISTRATOR: "Cloud Application Administrator",
    APPLICATION_ADMINISTRATOR: "Application Administrator",
}
"""Role template ids, the same in every tenant. Source: entra-docs, permissions-reference."""

WRITES_APPLICATIONS = frozenset({"Application.ReadWrite.All", "Application.ReadWrite.OwnedBy"})
GRANTS_APP_ROLES = frozenset({"AppRoleAssignment.ReadWrite.All"})

GRANTS_DELEGATED = frozenset({"DelegatedPermissionGrant.ReadWrite.All"})

ASSIGNS_DIRECTORY_ROLES = frozenset({"RoleManagement.ReadWrite.Directory"})

OWN_APPLICATION = (
    "the Azure CLI's permissions are fixed: sign in with an application of your own (`provisioner tenants bootstrap`)"
)

MANAGE_APPLICATIONS = (CLOUD_APPLICATION_ADMINISTRATOR, APPLICATION_ADMINISTRATOR, GLOBAL_ADMINISTRATOR)
CONSENT_TO_GRAPH_ROLES = (PRIVILEGED_ROLE_ADMINISTRATOR, GLOBAL_ADMINISTRATOR)


def may_manage_applications(caller: Caller) -> Ready | Blocked:
    """Create, change and delete applications, their secrets and service principals."""
    return _judge(caller, WRITES_APPLICATIONS, MANAGE_APPLICATIONS, "change applications")


def may_consent(caller: Caller, permission: Permission) -> Ready | Blocked:
    """Grant one application permission for the whole tenant."""
    graph_role = permission.resource_app_id == GRAPH_APP_ID and permission.kind is PermissionKind.ROLE
    roles = CONSENT_TO_GRAPH_ROLES if graph_role else MANAGE_APPLICATIONS
    return _judge(caller, GRANTS_APP_ROLES, roles, f"consent to {permission.value}")


def may_consent_delegated(caller: Caller, permissions: tuple[Permission, ...]) -> Ready | Blocked:
    """Grant delegated permissions, for everybody or for one account."""
    names = ", ".join(each.value for each in permissions)
    return _judge(caller, GRANTS_DELEGATED, MANAGE_APPLICATIONS, f"consent to {names}")


def may_assign_people(caller: Caller) -> Ready | Blocked:
    """Let accounts and groups sign in to an application."""
    return _judge(caller, GRANTS_APP_ROLES, MANAGE_APPLICATIONS, "assign accounts to an application")


def may_assign_directory_roles(caller: Caller, role: str) -> Ready | Blocked:
    """Give a directory role to an application."""
    return _judge(caller, ASSIGNS_DIRECTORY_ROLES, CONSENT_TO_GRAPH_ROLES, f"assign the role {role}")


def _judge(caller: Caller, permissions: frozenset[str], roles: tuple[str, ...], deed: str) -> Ready | Blocked:
    if not caller.known:
        return Ready()
    who = tuple(ROLE_NAMES[role] for role in roles)
    if caller.kind == "application":
        if caller.roles & permissions:
            return Ready()
        wanted = " or ".join(sorted(permissions))
        return Blocked(f"{caller.name} lacks the application permission {wanted} to {deed}", who)
    if not caller.scopes & permissions:
        wanted = " or ".join(sorted(permissions))
        reason = f"the app {caller.name} signed in with lacks the delegated permission {wanted} to {deed}"
        return Blocked(f"{reason}; {OWN_APPLICATION}" if caller.client_id == AZURE_CLI_APP_ID else reason, who)
    if not caller.directory_roles & set(roles):
        return Blocked(f"{caller.name} has no active role that may {deed}", who)
    return Ready()
