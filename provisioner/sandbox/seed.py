"""What a fresh tenant holds: the organisation, Microsoft's services, people with roles, our callers, and strangers.

Ids are fixed, so that a reset keeps client files valid.
"""

from __future__ import annotations

import base64
from typing import Any

from provisioner.sandbox import roles
from provisioner.sandbox.core import Sandbox, fixed_id
from provisioner.sandbox.entra.managed_identity import APP_ID as MANAGED_IDENTITY
from provisioner.sandbox.entra.passwords import give_passwords
from provisioner.sandbox.exchange import seed as exchange_seed
from provisioner.sandbox.first_party import EXCHANGE_ONLINE, MICROSOFT_GRAPH, first_party_service_principal
from provisioner.sandbox.graph import shapes
from provisioner.sandbox.graph.delegated_grants import grant_id
from provisioner.sandbox.ledger import mark
from provisioner.sandbox.operator import OPERATOR, give_operator, operator_credentials
from provisioner.sandbox.people import CREATED, assign_directory_role, seed_people
from provisioner.sandbox.store import Document, Transaction
from provisioner.sandbox.wsman.host import APP_ID as HOST_APP_ID

DOMAIN = "contoso.example"
INITIAL_DOMAIN = "contoso-sandbox.onmicrosoft.com"
TENANT_NAME = "Contoso Sandbox"

OPERATOR_DELEGATED = "operator-delegated"
OPERATOR_PERMISSIONS = {
    MICROSOFT_GRAPH: (
        "Application.ReadWrite.All",
        "AppRoleAssignment.ReadWrite.All",
        "DelegatedPermissionGrant.ReadWrite.All",
        "Directory.Read.All",
        "Policy.Read.All",
        "Mail.ReadBasic.All",  # so that the demonstration can read back what it sent
    ),
    EXCHANGE_ONLINE: ("Exchange.ManageAsApp",),
}
DELEGATED_SCOPES = {
    MICROSOFT_GRAPH: (
        "Application.ReadWrite.All AppRoleAssignment.ReadWrite.All DelegatedPermissionGrant.ReadWrite.All"
        " Directory.Read.All Policy.Read.All RoleManagement.ReadWrite.Directory User.Read openid profile"
        " offline_access"
    ),
    EXCHANGE_ONLINE: "Exchange.Manage",
}

mark(
    "A fresh tenant's people, callers and strangers",
    source="of the sandbox's own making",
    if_wrong="nothing: tests name what they use",
)


def seed(sandbox: Sandbox) -> None:
    """Fill an empty store; does nothing to one that holds a tenant already."""
    certificate, secret = operator_credentials(sandbox.directory)
    with sandbox.store.transaction(established=True) as tx:
        if tx.get("organization", sandbox.tenant_id) is None:
            _organization(tx, sandbox.tenant_id)
            _policies(tx)
            _directory_roles(tx)
            seed_people(tx, sandbox.tenant_id, TENANT_NAME)
            graph = _first_party(tx, MICROSOFT_GRAPH)
            exchange = _first_party(tx, EXCHANGE_ONLINE)
            _callers(tx, sandbox.tenant_id, {MICROSOFT_GRAPH: graph, EXCHANGE_ONLINE: exchange})
            _strangers(tx, sandbox.tenant_id, graph, exchange)
            exchange_seed.seed(tx)
        give_operator(tx, certificate, secret)
        give_passwords(tx, sandbox.directory, DOMAIN)


def application_id(name: str) -> str:
    """AppId of a seeded application."""
    return fixed_id(f"application:{name}")


def _organization(tx: Transaction, tenant_id: str) -> None:
    domains = [(DOMAIN, True, False), (INITIAL_DOMAIN, False, True)]
    document = {
        "id": tenant_id,
        "deletedDateTime": None,
        "businessPhones": [],
        "city": None,
        "country": None,
        "countryLetterCode": "DE",
        "createdDateTime": CREATED,
        "defaultUsageLocation": None,
        "displayName": TENANT_NAME,
        "onPremisesLastSyncDateTime": None,
        "onPremisesSyncEnabled": None,
        "partnerTenantType": None,
        "postalCode": None,
        "preferredLanguage": "en",
        "state": None,
        "street": None,
        "tenantType": "AAD",
        "marketingNotificationEmails": [],
        "securityComplianceNotificationMails": [],
        "securityComplianceNotificationPhones": [],
        "technicalNotificationMails": [],
        "assignedPlans": [],
        "privacyProfile": None,
        "provisionedPlans": [],
        "verifiedDomains": [
            {
                "capabilities": "Email, OfficeCommunicationsOnline",
                "isDefault": default,
                "isInitial": initial,
                "name": name,
                "type": "Managed",
            }
            for name, default, initial in domains
        ],
    }
    tx.put("organization", tenant_id, document)


def _policies(tx: Transaction) -> None:
    defaults = {
        "id": "00000000-0000-0000-0000-000000000005",
        "deletedDateTime": None,
        "description": "Security defaults is a set of basic identity security mechanisms recommended by Microsoft.",
        "displayName": "Security Defaults",
        "isEnabled": False,
    }
    tx.put("policies", "identitySecurityDefaultsEnforcementPolicy", defaults)
    restrictions: dict[str, Any] = {"keyCredentials": [], "passwordCredentials": []}
    management = {
        "id": "00000000-0000-0000-0000-000000000000",
        "deletedDateTime": None,
        "description": "Default tenant policy that enforces app management restrictions on applications and service"
        " principals.",
        "displayName": "Default app management tenant policy",
        "isEnabled": False,
        "applicationRestrictions": restrictions,
        "servicePrincipalRestrictions": restrictions,
    }
    tx.put("policies", "defaultAppManagementPolicy", management)


def _directory_roles(tx: Transaction) -> None:
    for template, title in roles.TITLES.items():
        identifier = fixed_id(f"directoryRole:{template}")
        document = {
            "id": identifier,
            "deletedDateTime": None,
            "description": title,
            "displayName": title,
            "roleTemplateId": template,
        }
        tx.put("directoryRoles", identifier, document)


def _first_party(tx: Transaction, app_id: str) -> Document:
    document = first_party_service_principal(app_id, fixed_id(f"servicePrincipal:{app_id}"))
    assert document is not None, "the permission catalogue lacks a resource every tenant has"
    tx.put("servicePrincipals", document["id"], document)
    return document


def _callers(tx: Transaction, tenant_id: str, resources: dict[str, Document]) -> None:
    principal = _registration(tx, tenant_id, OPERATOR, "Provisioner Operator")
    for app_id, permissions in OPERATOR_PERMISSIONS.items():
        for value in permissions:
            _grant_role(tx, principal, resources[app_id], value)
    assign_directory_role(tx, principal["id"], roles.EXCHANGE_ADMINISTRATOR)
    delegated = _registration(
        tx,
        tenant_id,
        OPERATOR_DELEGATED,
        "Provisioner Operator (delegated)",
        isFallbackPublicClient=True,
        publicClient={"redirectUris": ["http://localhost"]},
    )
    for app_id, scope in DELEGATED_SCOPES.items():
        _grant_scopes(tx, delegated, resources[app_id], scope, None)


def _strangers(tx: Transaction, tenant_id: str, graph: Document, exchange: Document) -> None:
    """What does not belong to us and must be left alone."""
    scanner = _registration(tx, tenant_id, "foreign-scanner", "Scan to Mail")
    _grant_role(tx, scanner, exchange, "SMTP.SendAsApp")
    tickets = _registration(
        tx,
        tenant_id,
        "foreign-tickets",
        'Ticket System 🎫 [bold]"$(x)"',
        tags=["HideApp"],
        notes="Owned by service desk",
    )
    _grant_role(tx, tickets, exchange, "full_access_as_app")
    _grant_role(tx, tickets, graph, "Mail.Read")
    _grant_scopes(tx, tickets, graph, "User.Read Mail.Send", None)
    _grant_scopes(tx, tickets, graph, "Calendars.Read", fixed_id(f"user:neighbour@{DOMAIN}"))
    host = _registration(tx, tenant_id, "management-host", "Management Host", app_id=HOST_APP_ID)
    _grant_role(tx, host, exchange, "Exchange.ManageAsApp")
    assign_directory_role(tx, host["id"], roles.EXCHANGE_ADMINISTRATOR)
    _machine(tx, graph, exchange)
    # Another organisation's application, only its service principal is here.
    backup = {
        **shapes.fresh_service_principal(),
        "id": fixed_id("servicePrincipal:foreign-backup"),
        "appDisplayName": "Backup Suite",
        "appId": application_id("foreign-backup"),
        "appOwnerOrganizationId": fixed_id("tenant:fabrikam"),
        "createdDateTime": CREATED,
        "displayName": "Backup Suite",
        "servicePrincipalNames": [application_id("foreign-backup")],
        "signInAudience": "AzureADMultipleOrgs",
    }
    tx.put("servicePrincipals", backup["id"], backup)
    _grant_role(tx, backup, graph, "Mail.ReadWrite")


def _machine(tx: Transaction, graph: Document, exchange: Document) -> None:
    """A virtual machine's managed identity that may do what the operator may: no registration stands behind it."""
    principal = {
        **shapes.fresh_service_principal(),
        "id": fixed_id("servicePrincipal:managed-identity"),
        "alternativeNames": ["isExplicit=False", "/subscriptions/sandbox/virtualMachines/vm-provisioner"],
        "appDisplayName": "vm-provisioner",
        "appId": MANAGED_IDENTITY,
        "createdDateTime": CREATED,
        "displayName": "vm-provisioner",
        "servicePrincipalNames": [MANAGED_IDENTITY],
        "servicePrincipalType": "ManagedIdentity",
    }
    tx.put("servicePrincipals", principal["id"], principal)
    for app_id, resource in ((MICROSOFT_GRAPH, graph), (EXCHANGE_ONLINE, exchange)):
        for value in OPERATOR_PERMISSIONS[app_id]:
            _grant_role(tx, principal, resource, value)
    assign_directory_role(tx, principal["id"], roles.EXCHANGE_ADMINISTRATOR)


def _registration(
    tx: Transaction, tenant_id: str, name: str, title: str, *, app_id: str | None = None, **more: object
) -> Document:
    """An application and its service principal; returns the latter."""
    application = {
        **shapes.fresh_application(),
        "id": fixed_id(f"registration:{name}"),
        "appId": app_id or application_id(name),
        "createdDateTime": CREATED,
        "displayName": title,
        "publisherDomain": DOMAIN,
        **more,
    }
    tx.put("applications", application["id"], application)
    principal = {
        **shapes.fresh_service_principal(),
        "id": fixed_id(f"servicePrincipal:{name}"),
        "appDisplayName": title,
        "appId": application["appId"],
        "appOwnerOrganizationId": tenant_id,
        "createdDateTime": CREATED,
        "displayName": title,
        "servicePrincipalNames": [application["appId"]],
        "signInAudience": application["signInAudience"],
    }
    tx.put("servicePrincipals", principal["id"], principal)
    return principal


def _grant_role(tx: Transaction, principal: Document, resource: Document, value: str) -> None:
    role = next(each for each in resource["appRoles"] if each["value"] == value)
    raw = fixed_id(f"assignment:{principal['id']}:{resource['id']}:{value}").encode()
    identifier = base64.urlsafe_b64encode(raw[:32]).rstrip(b"=").decode()
    document = {
        "id": identifier,
        "deletedDateTime": None,
        "appRoleId": role["id"],
        "createdDateTime": CREATED,
        "principalDisplayName": principal["displayName"],
        "principalId": principal["id"],
        "principalType": "ServicePrincipal",
        "resourceDisplayName": resource["displayName"],
        "resourceId": resource["id"],
    }
    tx.put("appRoleAssignments", identifier, document)


def _grant_scopes(tx: Transaction, client: Document, resource: Document, scope: str, principal_id: str | None) -> None:
    identifier = grant_id(client["id"], resource["id"], principal_id)
    document = {
        "clientId": client["id"],
        "consentType": "Principal" if principal_id else "AllPrincipals",
        "id": identifier,
        "principalId": principal_id,
        "resourceId": resource["id"],
        "scope": scope,
    }
    tx.put("oauth2PermissionGrants", identifier, document)
