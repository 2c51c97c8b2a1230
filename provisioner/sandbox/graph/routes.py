"""Which handler answers which path of Graph: the one list of what this sandbox plays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from provisioner.sandbox.graph import (
    app_role_assignments,
    applications,
    calendar,
    conditional_access,
    credentials,
    delegated_grants,
    directory,
    federated_credentials,
    groups,
    licences,
    mail,
    owners,
    recycle_bin,
    role_management,
    send_mail,
    service_principals,
)
from provisioner.sandbox.graph.call import Call, Reply
from provisioner.sandbox.graph.errors import GraphError
from provisioner.sandbox.graph.paths import Key, matches
from provisioner.sandbox.ledger import mark

Handler = Callable[..., Reply]


@dataclass(frozen=True, slots=True)
class Route:
    """Method, pattern (``{}`` for a key) and the handler, called with the Call and the keys."""

    method: str
    pattern: str
    handler: Handler


def _credential_routes(collection: str, kind: str) -> list[Route]:
    def bound(handler: Callable[[Call, str, Key], Reply]) -> Handler:
        return lambda call, key: handler(call, kind, key)

    def linked(handler: Callable[..., Reply]) -> Handler:
        return lambda call, *keys: handler(call, collection, *keys)

    return [
        Route("POST", f"{collection}/{{}}/addPassword", bound(credentials.add_password)),
        Route("POST", f"{collection}/{{}}/removePassword", bound(credentials.remove_password)),
        Route("GET", f"{collection}/{{}}/owners", linked(owners.list_owners)),
        Route("POST", f"{collection}/{{}}/owners/$ref", linked(owners.add_owner_reference)),
        Route("DELETE", f"{collection}/{{}}/owners/{{}}/$ref", linked(owners.remove_owner_reference)),
    ]


def _assignment_routes(side: str) -> list[Route]:
    def on_side(handler: Callable[..., Reply]) -> Handler:
        return lambda call, *keys: handler(call, side, *keys)

    path = f"servicePrincipals/{{}}/{side}"
    return [
        Route("GET", path, on_side(app_role_assignments.list_assignments)),
        Route("POST", path, on_side(app_role_assignments.create_assignment)),
        Route("GET", f"{path}/{{}}", on_side(app_role_assignments.get_assignment)),
        Route("DELETE", f"{path}/{{}}", on_side(app_role_assignments.delete_assignment)),
    ]


def _policy(name: str, type_name: str) -> Route:
    return Route("GET", f"policies/{name}", partial(directory.get_policy, name=name, type_name=type_name))


ROUTES: tuple[Route, ...] = (
    Route("GET", "applications", applications.list_applications),
    Route("POST", "applications", applications.create_application),
    Route("GET", "applications/{}", applications.get_application),
    Route("PATCH", "applications/{}", applications.update_application),
    Route("DELETE", "applications/{}", applications.delete_application),
    *_credential_routes("applications", "application"),
    Route("GET", "applications/{}/federatedIdentityCredentials", federated_credentials.list_credentials),
    Route("POST", "applications/{}/federatedIdentityCredentials", federated_credentials.create_credential),
    Route("GET", "applications/{}/federatedIdentityCredentials/{}", federated_credentials.get_credential),
    Route("DELETE", "applications/{}/federatedIdentityCredentials/{}", federated_credentials.delete_credential),
    Route("GET", "servicePrincipals", service_principals.list_service_principals),
    Route("POST", "servicePrincipals", service_principals.create_service_principal),
    Route("GET", "servicePrincipals/{}", service_principals.get_service_principal),
    Route("PATCH", "servicePrincipals/{}", service_principals.update_service_principal),
    Route("DELETE", "servicePrincipals/{}", service_principals.delete_service_principal),
    *_credential_routes("servicePrincipals", "servicePrincipal"),
    *_assignment_routes("appRoleAssignments"),
    *_assignment_routes("appRoleAssignedTo"),
    Route("GET", "servicePrincipals/{}/oauth2PermissionGrants", delegated_grants.list_grants_of),
    Route("GET", "servicePrincipals/{}/memberOf", directory.list_service_principal_memberships),
    Route("GET", "servicePrincipals/{}/memberOf/directoryRole", directory.list_service_principal_memberships),
    Route("GET", "oauth2PermissionGrants", delegated_grants.list_grants),
    Route("POST", "oauth2PermissionGrants", delegated_grants.create_grant),
    Route("GET", "oauth2PermissionGrants/{}", delegated_grants.get_grant),
    Route("PATCH", "oauth2PermissionGrants/{}", delegated_grants.update_grant),
    Route("DELETE", "oauth2PermissionGrants/{}", delegated_grants.delete_grant),
    Route("GET", "directory/deletedItems/{}", recycle_bin.list_deleted),
    Route("GET", "directory/deletedItems/{}/{}", recycle_bin.get_deleted_of_kind),
    Route("POST", "directory/deletedItems/{}/restore", recycle_bin.restore),
    Route("DELETE", "directory/deletedItems/{}", recycle_bin.purge),
    Route("GET", "organization", directory.list_organization),
    Route("GET", "organization/{}", directory.get_organization),
    Route("GET", "users", directory.list_users),
    Route("GET", "users/{}", directory.get_user),
    Route("GET", "users/{}/memberOf", directory.list_user_memberships),
    Route("GET", "users/{}/memberOf/directoryRole", directory.list_user_memberships),
    Route("GET", "users/{}/licenseDetails", licences.list_details),
    Route("GET", "users/{}/appRoleAssignments", app_role_assignments.list_assignments_of_user),
    Route("GET", "groups", groups.list_groups),
    Route("GET", "groups/{}", groups.get_group),
    Route("GET", "groups/{}/members", groups.list_members),
    Route("GET", "groups/{}/members/user", groups.list_members),
    Route("GET", "groups/{}/transitiveMembers", groups.list_transitive_members),
    Route("GET", "groups/{}/transitiveMembers/user", groups.list_transitive_members),
    Route("GET", "groups/{}/appRoleAssignments", app_role_assignments.list_assignments_of_group),
    Route("GET", "users/{}/messages", mail.list_messages),
    Route("GET", "users/{}/mailFolders/{}/messages", mail.list_folder_messages),
    Route("POST", "users/{}/sendMail", send_mail.send_mail),
    Route("GET", "users/{}/events", calendar.list_events),
    Route("GET", "users/{}/calendar/events", calendar.list_events),
    Route("GET", "me", directory.get_me),
    Route("GET", "me/licenseDetails", licences.list_my_details),
    Route("GET", "me/memberOf", directory.list_my_memberships),
    Route("GET", "me/memberOf/directoryRole", directory.list_my_memberships),
    Route("GET", "me/messages", mail.list_my_messages),
    Route("GET", "me/mailFolders/{}/messages", mail.list_my_folder_messages),
    Route("POST", "me/sendMail", send_mail.send_my_mail),
    Route("GET", "me/events", calendar.list_my_events),
    Route("GET", "me/calendar/events", calendar.list_my_events),
    Route("GET", "directoryRoles", directory.list_directory_roles),
    Route("GET", "roleManagement/directory/roleDefinitions", role_management.list_definitions),
    Route("GET", "roleManagement/directory/roleDefinitions/{}", role_management.get_definition),
    Route("GET", "roleManagement/directory/roleAssignments", role_management.list_assignments),
    Route("POST", "roleManagement/directory/roleAssignments", role_management.create_assignment),
    Route("GET", "roleManagement/directory/roleAssignments/{}", role_management.get_assignment),
    Route("DELETE", "roleManagement/directory/roleAssignments/{}", role_management.delete_assignment),
    Route("GET", "roleManagement/directory/roleEligibilityScheduleInstances", role_management.list_eligible),
    Route("GET", "roleManagement/directory/roleAssignmentScheduleInstances", role_management.list_active),
    Route("GET", "subscribedSkus", licences.list_subscriptions),
    Route("GET", "identity/conditionalAccess/policies", conditional_access.list_policies),
    Route("GET", "identity/conditionalAccess/policies/{}", conditional_access.get_policy),
    _policy("identitySecurityDefaultsEnforcementPolicy", "identitySecurityDefaultsEnforcementPolicy"),
    _policy("defaultAppManagementPolicy", "tenantAppManagementPolicy"),
)

mark(
    "Names in a path match in any case; action names work bare and with microsoft.graph. before",
    source="recorded-graph.md 3 [GRANT, CRED, PSH]",
    if_wrong="a client's own spelling is refused",
)
mark(
    "An unknown segment is 400 BadRequest 'Resource not found for the segment'; a wrong method 405",
    source="unverified texts",
    if_wrong="only the text of an error differs",
)


def answer(call: Call) -> Reply:
    """Find the handler and let it answer. GraphError when the path is none of ours."""
    tokens = call.target.tokens
    method_known = False
    for route in ROUTES:
        keys = matches(route.pattern, tokens)
        if keys is None:
            continue
        if route.method == call.method:
            return route.handler(call, *keys)
        method_known = True
    if method_known:
        raise GraphError(405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")
    named: Any = next((token for token in reversed(tokens) if isinstance(token, str)), "")
    raise GraphError(400, "BadRequest", f"Resource not found for the segment '{named}'.")
