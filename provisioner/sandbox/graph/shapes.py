"""What fresh objects look like and in which order their properties are written.

Order and defaults are those of recorded replies of the live service (2022 and 2025); a property Microsoft's schema has
gained since is accepted and stored, and shown when selected.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from provisioner.sandbox.clock import format_time, parse_time
from provisioner.sandbox.ledger import behaviour

_PUBLISHER = {"displayName": None, "verifiedPublisherId": None, "addedDateTime": None}
_INFO = {
    "logoUrl": None,
    "marketingUrl": None,
    "privacyStatementUrl": None,
    "supportUrl": None,
    "termsOfServiceUrl": None,
}

_APPLICATION: dict[str, Any] = {
    "id": None,
    "deletedDateTime": None,
    "appId": None,
    "applicationTemplateId": None,
    "disabledByMicrosoftStatus": None,
    "createdDateTime": None,
    "displayName": None,
    "description": None,
    "groupMembershipClaims": None,
    "identifierUris": [],
    "isDeviceOnlyAuthSupported": None,
    "isFallbackPublicClient": None,
    "nativeAuthenticationApisEnabled": None,
    "notes": None,
    "publisherDomain": None,
    "serviceManagementReference": None,
    "signInAudience": "AzureADMyOrg",
    "tags": [],
    "tokenEncryptionKeyId": None,
    "uniqueName": None,
    "samlMetadataUrl": None,
    "defaultRedirectUri": None,
    "certification": None,
    "optionalClaims": None,
    "servicePrincipalLockConfiguration": None,
    "requestSignatureVerification": None,
    "addIns": [],
    "api": {
        "acceptMappedClaims": None,
        "knownClientApplications": [],
        "requestedAccessTokenVersion": None,
        "oauth2PermissionScopes": [],
        "preAuthorizedApplications": [],
    },
    "appRoles": [],
    "info": _INFO,
    "keyCredentials": [],
    "parentalControlSettings": {"countriesBlockedForMinors": [], "legalAgeGroupRule": "Allow"},
    "passwordCredentials": [],
    "publicClient": {"redirectUris": []},
    "requiredResourceAccess": [],
    "verifiedPublisher": _PUBLISHER,
    "web": {
        "homePageUrl": None,
        "logoutUrl": None,
        "redirectUris": [],
        "implicitGrantSettings": {"enableAccessTokenIssuance": False, "enableIdTokenIssuance": False},
        "redirectUriSettings": [],
    },
    "spa": {"redirectUris": []},
}

_SERVICE_PRINCIPAL: dict[str, Any] = {
    "id": None,
    "deletedDateTime": None,
    "accountEnabled": True,
    "alternativeNames": [],
    "appDisplayName": None,
    "appDescription": None,
    "appId": None,
    "applicationTemplateId": None,
    "appOwnerOrganizationId": None,
    "appRoleAssignmentRequired": False,
    "createdDateTime": None,
    "description": None,
    "disabledByMicrosoftStatus": None,
    "displayName": None,
    "homepage": None,
    "loginUrl": None,
    "logoutUrl": None,
    "notes": None,
    "notificationEmailAddresses": [],
    "preferredSingleSignOnMode": None,
    "preferredTokenSigningKeyThumbprint": None,
    "replyUrls": [],
    "servicePrincipalNames": [],
    "servicePrincipalType": "Application",
    "signInAudience": None,
    "tags": [],
    "tokenEncryptionKeyId": None,
    "samlSingleSignOnSettings": None,
    "addIns": [],
    "appRoles": [],
    "info": _INFO,
    "keyCredentials": [],
    "oauth2PermissionScopes": [],
    "passwordCredentials": [],
    "resourceSpecificApplicationPermissions": [],
    "verifiedPublisher": _PUBLISHER,
}

# A null complex value stands with the simple ones; once set it moves to its place among the complex ones.
_MOVES_BEFORE = {
    "optionalClaims": "parentalControlSettings",
    "requestSignatureVerification": "requiredResourceAccess",
    "servicePrincipalLockConfiguration": "verifiedPublisher",
}

USER_SHORT = (
    "businessPhones",
    "displayName",
    "givenName",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
    "id",
)
GROUP = (
    "id",
    "deletedDateTime",
    "classification",
    "createdDateTime",
    "creationOptions",
    "description",
    "displayName",
    "expirationDateTime",
    "groupTypes",
    "isAssignableToRole",
    "mail",
    "mailEnabled",
    "mailNickname",
    "membershipRule",
    "membershipRuleProcessingState",
    "onPremisesDomainName",
    "onPremisesLastSyncDateTime",
    "onPremisesNetBiosName",
    "onPremisesSamAccountName",
    "onPremisesSecurityIdentifier",
    "onPremisesSyncEnabled",
    "preferredDataLocation",
    "preferredLanguage",
    "proxyAddresses",
    "renewedDateTime",
    "resourceBehaviorOptions",
    "resourceProvisioningOptions",
    "securityEnabled",
    "securityIdentifier",
    "theme",
    "visibility",
    "onPremisesProvisioningErrors",
)
APP_ROLE_ASSIGNMENT = (
    "id",
    "deletedDateTime",
    "appRoleId",
    "createdDateTime",
    "principalDisplayName",
    "principalId",
    "principalType",
    "resourceDisplayName",
    "resourceId",
)
FEDERATED_CREDENTIAL = ("id", "name", "issuer", "subject", "description", "audiences")
ROLE_ASSIGNMENT = ("id", "directoryScopeId", "principalId", "roleDefinitionId")
DELEGATED_GRANT = ("clientId", "consentType", "id", "principalId", "resourceId", "scope")
PASSWORD_CREDENTIAL = (
    "customKeyIdentifier",
    "displayName",
    "endDateTime",
    "hint",
    "keyId",
    "secretText",
    "startDateTime",
)
KEY_CREDENTIAL = (
    "customKeyIdentifier",
    "displayName",
    "endDateTime",
    "key",
    "keyId",
    "startDateTime",
    "type",
    "usage",
)
_ORDERS: dict[str, tuple[str, ...]] = {
    "user": USER_SHORT,
    "group": GROUP,
    "appRoleAssignment": APP_ROLE_ASSIGNMENT,
    "federatedIdentityCredential": FEDERATED_CREDENTIAL,
    "unifiedRoleAssignment": ROLE_ASSIGNMENT,
    "oAuth2PermissionGrant": DELEGATED_GRANT,
}
_NESTED_ORDERS: dict[str, tuple[str, ...]] = {
    "passwordCredentials": PASSWORD_CREDENTIAL,
    "keyCredentials": KEY_CREDENTIAL,
    "requiredResourceAccess": ("resourceAppId", "resourceAccess"),
    "appRoles": ("allowedMemberTypes", "description", "displayName", "id", "isEnabled", "origin", "value"),
}


def fresh_application() -> dict[str, Any]:
    """An application with every default and no identity yet."""
    return copy.deepcopy(_APPLICATION)


def fresh_service_principal() -> dict[str, Any]:
    """A service principal with every default and no identity yet."""
    return copy.deepcopy(_SERVICE_PRINCIPAL)


def ordered(value: Mapping[str, Any], order: Sequence[str]) -> dict[str, Any]:
    """The named properties in this order, absent ones as null."""
    return {name: value.get(name) for name in order}


@behaviour(
    "Every default property is written, nulls too, in the recorded order; optionalClaims moves once it is set",
    source="recorded-graph.md 5, 6 [APP, SMR]",
    if_wrong="a client that relies on order or on absent keys is not caught",
)
def default_order(type_name: str, document: Mapping[str, Any]) -> list[str]:
    """Names of the default property set of a document, in the order they are written."""
    if type_name in _ORDERS:
        return list(_ORDERS[type_name])
    if type_name == "servicePrincipal":
        return list(_SERVICE_PRINCIPAL)
    if type_name != "application":
        return list(document)
    names = list(_APPLICATION)
    for name, successor in _MOVES_BEFORE.items():
        if document.get(name) is not None:
            names.remove(name)
            names.insert(names.index(successor), name)
    return names


@behaviour(
    "secretText and key are null in every list; the key is shown only when selected on a single object",
    source="recorded-graph.md 7, 8; key rule graph.md 2.2 M",
    if_wrong="a client believes it can read a secret again",
)
def present(
    type_name: str,
    document: Mapping[str, Any],
    select: Sequence[str] | None,
    *,
    just_created: bool = False,
    single: bool = False,
) -> dict[str, Any]:
    """The document as a reply shows it: selected or default properties in order, dates cut, secrets nulled."""
    names = select if select is not None else default_order(type_name, document)
    if select is not None and type_name == "message":  # mail names its objects whatever was selected
        names = ["@odata.etag", "id", *(name for name in select if name != "id")]
    shown = {name: _shown(name, document.get(name)) for name in names}
    if not (single and select and "keyCredentials" in select):
        shown = {name: _without_keys(name, value) for name, value in shown.items()}
    if type_name == "application" and not just_created and shown.get("createdDateTime"):
        shown["createdDateTime"] = whole_seconds(str(shown["createdDateTime"]))
    return shown


def whole_seconds(text: str) -> str:
    """A date cut to seconds, as reads show what the creating reply gave with seven digits."""
    return format_time(parse_time(text))


def _shown(name: str, value: Any) -> Any:
    order = _NESTED_ORDERS.get(name)
    if order is None or not isinstance(value, list):
        return value
    return [ordered(each, order) for each in value]


def _without_keys(name: str, value: Any) -> Any:
    if name != "keyCredentials" or not isinstance(value, list):
        return value
    return [{**each, "key": None} for each in value]
