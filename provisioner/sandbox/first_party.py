"""Microsoft's own applications as they appear in every tenant: service principals with all their permissions."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

from provisioner.sandbox.graph import shapes
from provisioner.sandbox.ledger import behaviour

MICROSOFT_GRAPH = "00000003-0000-0000-c000-000000000000"
EXCHANGE_ONLINE = "00000002-0000-0ff1-ce00-000000000000"
MICROSOFT_TENANT = "f8cdef31-a31e-4b4a-93e4-5f571e91255a"

_NAMES = {
    MICROSOFT_GRAPH: [
        "https://dod-graph.microsoft.us",
        "https://graph.microsoft.us",
        "https://graph.microsoft.com/",
        "https://graph.microsoft.com",
        "https://canary.graph.microsoft.com/",
        "https://canary.graph.microsoft.com",
        "https://ags.windows.net",
    ],
    EXCHANGE_ONLINE: [
        "https://outlook.office365.com/",
        "https://outlook.office365.com",
        "https://outlook.office.com/",
        "https://outlook.office.com",
        "https://ps.outlook.com",
        "https://ps.compliance.protection.outlook.com",
    ],
}


AZURE_CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
_CLIENTS = {AZURE_CLI: "Microsoft Azure CLI"}
_PREAUTHORISED = {
    (AZURE_CLI, MICROSOFT_GRAPH): (
        "Application.ReadWrite.All",
        "AppRoleAssignment.ReadWrite.All",
        "AuditLog.Read.All",
        "DelegatedPermissionGrant.ReadWrite.All",
        "Directory.AccessAsUser.All",
        "Group.ReadWrite.All",
        "User.Read.All",
        "User.ReadWrite.All",
    ),
}


def is_client(app_id: str) -> bool:
    """True for a client application of Microsoft's that people sign in with in every tenant."""
    return app_id.lower() in _CLIENTS


def preauthorised_scopes(client_id: str, resource_id: str) -> tuple[str, ...]:
    """What Microsoft lets one of its clients do at one of its resources; nothing unless listed."""
    return _PREAUTHORISED.get((client_id, resource_id), ())


def client_application(app_id: str) -> dict[str, Any] | None:
    """The registration of one of Microsoft's clients, which is in no customer's tenant; None for any other."""
    wanted = app_id.lower()
    if wanted not in _CLIENTS:
        return None
    return {
        **shapes.fresh_application(),
        "id": wanted,
        "appId": wanted,
        "displayName": _CLIENTS[wanted],
        "isFallbackPublicClient": True,
        "publicClient": {"redirectUris": ["http://localhost"]},
        "signInAudience": "AzureADMultipleOrgs",
    }


def client_principal(app_id: str) -> dict[str, Any] | None:
    """The service principal such a client signs people in with; None for any other application."""
    wanted = app_id.lower()
    if wanted not in _CLIENTS:
        return None
    return {
        **shapes.fresh_service_principal(),
        "id": wanted,
        "appId": wanted,
        "appDisplayName": _CLIENTS[wanted],
        "appOwnerOrganizationId": MICROSOFT_TENANT,
        "displayName": _CLIENTS[wanted],
    }


@cache
def catalogue() -> dict[str, dict[str, Any]]:
    """Resources of the permission catalogue by application id: {displayName, permissions}."""
    file = resources.files("provisioner").joinpath("catalogue/data/permissions.json")
    return {each["appId"]: each for each in json.loads(file.read_text("utf-8"))["resources"]}


@behaviour(
    "Microsoft's service principals: object id per tenant, createdDateTime null, owner Microsoft's tenant, every "
    "permission of the catalogue",
    source="recorded-graph.md 6 [GRANT]; graph.md 1.1; permission texts are invented",
    if_wrong="ids of one tenant are used in another",
)
def first_party_service_principal(app_id: str, object_id: str) -> dict[str, Any] | None:
    """The service principal document of a resource in the catalogue; None for any other application id."""
    resource = catalogue().get(app_id)
    if resource is None:
        return None
    permissions = resource["permissions"]
    return {
        **shapes.fresh_service_principal(),
        "id": object_id,
        "appDisplayName": resource["displayName"],
        "appId": app_id,
        "appOwnerOrganizationId": MICROSOFT_TENANT,
        "displayName": resource["displayName"],
        "servicePrincipalNames": [*_NAMES.get(app_id, ()), app_id],
        "signInAudience": "AzureADMultipleOrgs",
        "appRoles": [_role(each) for each in permissions if each["kind"] == "Role"],
        "oauth2PermissionScopes": [_scope(each) for each in permissions if each["kind"] == "Scope"],
    }


def _role(permission: dict[str, Any]) -> dict[str, Any]:
    return {
        "allowedMemberTypes": ["Application"],
        "description": f"Allows the app to use {permission['value']} without a signed-in user.",
        "displayName": permission["value"],
        "id": permission["id"],
        "isEnabled": permission.get("isEnabled", True),
        "origin": "Application",
        "value": permission["value"],
    }


def _scope(permission: dict[str, Any]) -> dict[str, Any]:
    text = f"Allows the app to use {permission['value']} on behalf of the signed-in user."
    return {
        "adminConsentDescription": text,
        "adminConsentDisplayName": permission["value"],
        "id": permission["id"],
        "isEnabled": permission.get("isEnabled", True),
        "type": "Admin" if permission["adminConsentRequired"] else "User",
        "userConsentDescription": text,
        "userConsentDisplayName": permission["value"],
        "value": permission["value"],
    }
