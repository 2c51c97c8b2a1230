"""Microsoft's own generated models as the judge of our replies: what they do not know is not in the schema."""

from __future__ import annotations

from typing import Any

import pytest
from kiota_abstractions.serialization import Parsable
from kiota_serialization_json.json_parse_node_factory import JsonParseNodeFactory
from msgraph.generated.models.app_role_assignment_collection_response import AppRoleAssignmentCollectionResponse
from msgraph.generated.models.application import Application
from msgraph.generated.models.application_collection_response import ApplicationCollectionResponse
from msgraph.generated.models.directory_object_collection_response import DirectoryObjectCollectionResponse
from msgraph.generated.models.directory_role_collection_response import DirectoryRoleCollectionResponse
from msgraph.generated.models.federated_identity_credential_collection_response import (
    FederatedIdentityCredentialCollectionResponse,
)
from msgraph.generated.models.group_collection_response import GroupCollectionResponse
from msgraph.generated.models.identity_security_defaults_enforcement_policy import (
    IdentitySecurityDefaultsEnforcementPolicy,
)
from msgraph.generated.models.license_details_collection_response import LicenseDetailsCollectionResponse
from msgraph.generated.models.message_collection_response import MessageCollectionResponse
from msgraph.generated.models.o_auth2_permission_grant_collection_response import (
    OAuth2PermissionGrantCollectionResponse,
)
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.organization_collection_response import OrganizationCollectionResponse
from msgraph.generated.models.password_credential import PasswordCredential
from msgraph.generated.models.service_principal import ServicePrincipal
from msgraph.generated.models.service_principal_collection_response import ServicePrincipalCollectionResponse
from msgraph.generated.models.subscribed_sku_collection_response import SubscribedSkuCollectionResponse
from msgraph.generated.models.tenant_app_management_policy import TenantAppManagementPolicy
from msgraph.generated.models.unified_role_assignment_collection_response import (
    UnifiedRoleAssignmentCollectionResponse,
)
from msgraph.generated.models.unified_role_assignment_schedule_instance_collection_response import (
    UnifiedRoleAssignmentScheduleInstanceCollectionResponse,
)
from msgraph.generated.models.unified_role_definition_collection_response import (
    UnifiedRoleDefinitionCollectionResponse,
)
from msgraph.generated.models.unified_role_eligibility_schedule_instance_collection_response import (
    UnifiedRoleEligibilityScheduleInstanceCollectionResponse,
)
from msgraph.generated.models.user_collection_response import UserCollectionResponse

GRAPH = "00000003-0000-0000-c000-000000000000"
# In every recorded reply of the service, yet in no schema.
RECORDED_BEYOND_THE_SCHEMA = {("ServicePrincipal", "createdDateTime"), ("Group", "creationOptions")}


def strangers(content: bytes, model: type[Parsable]) -> set[tuple[str, str]]:
    """(model, key) of everything in a reply that Microsoft's schema does not know."""
    node = JsonParseNodeFactory().get_root_parse_node("application/json", content)
    return _strangers(node.get_object_value(model)) - RECORDED_BEYOND_THE_SCHEMA


def _strangers(value: Any) -> set[tuple[str, str]]:
    if isinstance(value, list):
        return set().union(*(_strangers(each) for each in value)) if value else set()
    if not isinstance(value, Parsable):
        return set()
    name = type(value).__name__
    extra = getattr(value, "additional_data", None) or {}
    found = {(name, key) for key in extra if "@odata." not in key}
    for field in vars(value).values():
        if field is not extra:
            found |= _strangers(field)
    return found


@pytest.fixture
def furnished(tenant: Any) -> dict[str, Any]:
    """A tenant with one of everything that can be made."""
    application = tenant.application(
        "Furnished",
        uniqueName="furnished",
        web={"redirectUris": ["https://example.org"]},
        requiredResourceAccess=[
            {
                "resourceAppId": GRAPH,
                "resourceAccess": [{"id": "e1fe6dd8-ba31-4d61-89e7-88639da4683d", "type": "Scope"}],
            }
        ],
        optionalClaims={"idToken": [{"name": "email", "essential": True, "source": None, "additionalProperties": []}]},
    )
    principal = tenant.service_principal(application["appId"])
    tenant.post(f"/applications/{application['id']}/addPassword", {}, status=200)
    tenant.post(
        f"/applications/{application['id']}/federatedIdentityCredentials",
        {
            "name": "main",
            "issuer": "https://issuer.example",
            "subject": "s",
            "audiences": ["api://AzureADTokenExchange"],
        },
    )
    gone = tenant.application("Gone")
    tenant.graph("DELETE", f"/applications/{gone['id']}")
    document = {
        "id": "m1",
        "mailbox": "sales@contoso.example",
        "folder": "inbox",
        "subject": "s",
        "from": "a@contoso.example",
        "to": ["sales@contoso.example"],
        "internetMessageId": "<1@contoso.example>",
        "receivedDateTime": "2026-11-22T00:00:00Z",
        "bodyPreview": "b",
    }
    tenant.manage("POST", "/plant", collection="messages", document=document)
    return {"application": application, "principal": principal}


LISTS: dict[str, type[Parsable]] = {
    "/applications": ApplicationCollectionResponse,
    "/applications?$expand=owners": ApplicationCollectionResponse,
    "/servicePrincipals": ServicePrincipalCollectionResponse,
    "/oauth2PermissionGrants": OAuth2PermissionGrantCollectionResponse,
    "/directory/deletedItems/microsoft.graph.application": ApplicationCollectionResponse,
    "/organization": OrganizationCollectionResponse,
    "/users": UserCollectionResponse,
    "/directoryRoles": DirectoryRoleCollectionResponse,
    "/roleManagement/directory/roleAssignments?$expand=roleDefinition": UnifiedRoleAssignmentCollectionResponse,
    "/users/sales@contoso.example/messages": MessageCollectionResponse,
    "/policies/identitySecurityDefaultsEnforcementPolicy": IdentitySecurityDefaultsEnforcementPolicy,
    "/policies/defaultAppManagementPolicy": TenantAppManagementPolicy,
    "/applications/{application}": Application,
    "/groups": GroupCollectionResponse,
    "/groups?$filter=displayName eq 'Mail Users'": GroupCollectionResponse,
    "/users?$select=displayName,assignedLicenses,assignedPlans,onPremisesSyncEnabled": UserCollectionResponse,
    "/users/cryptshare@contoso.example/licenseDetails": LicenseDetailsCollectionResponse,
    "/subscribedSkus": SubscribedSkuCollectionResponse,
    "/roleManagement/directory/roleDefinitions": UnifiedRoleDefinitionCollectionResponse,
    "/applications/{application}/federatedIdentityCredentials": FederatedIdentityCredentialCollectionResponse,
    "/applications/{application}/owners": DirectoryObjectCollectionResponse,
    "/servicePrincipals/{principal}": ServicePrincipal,
    "/servicePrincipals(appId='00000003-0000-0000-c000-000000000000')/appRoleAssignedTo": (
        AppRoleAssignmentCollectionResponse
    ),
    "/applications/unknown": ODataError,
}


@pytest.mark.parametrize("path", list(LISTS))
def test_reads(tenant: Any, furnished: dict[str, Any], path: str) -> None:
    ids = {name: document["id"] for name, document in furnished.items()}
    answer = tenant.graph("GET", path.format(**ids) if "{" in path else path)
    assert (answer.status_code == 200) is (LISTS[path] is not ODataError), answer.text
    assert strangers(answer.content, LISTS[path]) == set()
    if "value" in answer.json() and "owners" not in path:
        assert answer.json()["value"], "an empty list proves nothing"


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        ("Eligibility", UnifiedRoleEligibilityScheduleInstanceCollectionResponse),
        ("Assignment", UnifiedRoleAssignmentScheduleInstanceCollectionResponse),
    ],
)
def test_role_schedules(tenant: Any, kind: str, model: type[Parsable]) -> None:
    path = f"/roleManagement/directory/role{kind}ScheduleInstances?$expand=roleDefinition"
    answer = tenant.graph("GET", path, caller="global-reader")
    assert answer.json()["value"]
    assert strangers(answer.content, model) == set()


def test_what_creates_answer(tenant: Any) -> None:
    made = tenant.graph("POST", "/applications", {"displayName": "x"})
    assert strangers(made.content, Application) == set()
    secret = tenant.graph("POST", f"/applications/{made.json()['id']}/addPassword", {})
    assert strangers(secret.content, PasswordCredential) == set()
    principal = tenant.graph("POST", "/servicePrincipals", {"appId": made.json()["appId"]})
    assert strangers(principal.content, ServicePrincipal) == set()


def test_the_judge_sees_strangers() -> None:
    content = b'{"id": "x", "bogus": 1, "web": {"redirectUris": [], "nonsense": true}, "@odata.context": "y"}'
    assert strangers(content, Application) == {("Application", "bogus"), ("WebApplication", "nonsense")}
