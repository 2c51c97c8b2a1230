"""What is read before a plan: licences, people's facts, policies, and who may read them."""

from __future__ import annotations

from typing import Any

import pytest

EXCHANGE_PLAN = "9aaf7827-d63c-4b61-89c3-182f06f82e5c"
FACTS = "accountEnabled,assignedLicenses,assignedPlans,onPremisesSyncEnabled"


def facts(tenant: Any, name: str) -> dict[str, Any]:
    return dict(tenant.get(f"/users/{name}@contoso.example?$select={FACTS}"))


def test_a_licensed_person(tenant: Any) -> None:
    known = facts(tenant, "cryptshare")
    assert (known["accountEnabled"], known["onPremisesSyncEnabled"]) == (True, None)
    (licence,) = known["assignedLicenses"]
    plans = {each["servicePlanId"]: each for each in known["assignedPlans"]}
    assert (plans[EXCHANGE_PLAN]["service"], plans[EXCHANGE_PLAN]["capabilityStatus"]) == ("exchange", "Enabled")
    (detail,) = tenant.get("/users/cryptshare@contoso.example/licenseDetails")["value"]
    assert (detail["skuId"], detail["skuPartNumber"]) == (licence["skuId"], "SPB")
    assert "EXCHANGE_S_STANDARD" in {each["servicePlanName"] for each in detail["servicePlans"]}


def test_people_without_licence(tenant: Any) -> None:
    for name, enabled, synchronised in (
        ("unlicensed", True, None),
        ("sales", False, None),
        ("onpremises", True, True),
    ):
        known = facts(tenant, name)
        assert (known["accountEnabled"], known["onPremisesSyncEnabled"]) == (enabled, synchronised), name
        assert known["assignedLicenses"] == known["assignedPlans"] == []
        assert tenant.get(f"/users/{name}@contoso.example/licenseDetails")["value"] == []


def test_a_plan_that_was_switched_off(tenant: Any) -> None:
    state = tenant.manage("GET", "/state")["users"]
    person = next(each for each in state if each["userPrincipalName"] == "cryptshare@contoso.example")
    person["assignedLicenses"][0]["disabledPlans"] = [EXCHANGE_PLAN]
    tenant.manage("POST", "/plant", collection="users", document=person)
    (detail,) = tenant.get("/users/cryptshare@contoso.example/licenseDetails")["value"]
    status = {each["servicePlanId"]: each["provisioningStatus"] for each in detail["servicePlans"]}
    assert status[EXCHANGE_PLAN] == "Disabled"
    assert set(status.values()) == {"Disabled", "Success"}


def test_subscriptions(tenant: Any) -> None:
    found = {each["skuPartNumber"]: each for each in tenant.get("/subscribedSkus")["value"]}
    assert set(found) == {"SPB", "AAD_PREMIUM_P2"}
    assert found["SPB"]["consumedUnits"] == 2
    assert found["SPB"]["capabilityStatus"] == "Enabled"
    assert {each["servicePlanName"] for each in found["SPB"]["servicePlans"]} == {"EXCHANGE_S_STANDARD", "AAD_PREMIUM"}
    assert tenant.refusal("GET", "/subscribedSkus?$top=5")[1] == "Request_UnsupportedQuery"


def narrow_token(tenant: Any, *permissions: str) -> str:
    """An application that was granted just these permissions of Graph."""
    application = tenant.application("Narrow")
    principal = tenant.service_principal(application["appId"])
    secret = tenant.post(f"/applications/{application['id']}/addPassword", {}, status=200)["secretText"]
    path = "/servicePrincipals(appId='00000003-0000-0000-c000-000000000000')?$select=id,appRoles"
    graph = tenant.get(path)
    for value in permissions:
        role = next(each["id"] for each in graph["appRoles"] if each["value"] == value)
        body = {"principalId": principal["id"], "resourceId": graph["id"], "appRoleId": role}
        tenant.post(f"/servicePrincipals/{principal['id']}/appRoleAssignments", body)
    answer = tenant.token_request(
        client_id=application["appId"],
        client_secret=secret,
        grant_type="client_credentials",
        scope="https://graph.microsoft.com/.default",
    )
    return str(answer.json()["access_token"])


PATHS = (
    "/subscribedSkus",
    "/users/cryptshare@contoso.example/licenseDetails",
    "/users/cryptshare@contoso.example/appRoleAssignments",
    "/groups",
    "/organization",
    "/policies/identitySecurityDefaultsEnforcementPolicy",
    "/identity/conditionalAccess/policies",
    "/roleManagement/directory/roleDefinitions",
    "/roleManagement/directory/roleAssignments",
    "/roleManagement/directory/roleEligibilityScheduleInstances",
    "/roleManagement/directory/roleAssignmentScheduleInstances",
)


def test_nothing_is_read_without_a_permission(tenant: Any) -> None:
    token = narrow_token(tenant, "Mail.Send")
    for path in PATHS:
        answer = tenant.http.get(tenant.endpoints["graph"] + path, headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == 403, path
        assert answer.json()["error"]["code"] == "Authorization_RequestDenied"


@pytest.mark.parametrize(
    ("permission", "path"),
    [
        ("LicenseAssignment.Read.All", "/subscribedSkus"),
        ("Organization.Read.All", "/subscribedSkus"),
        ("User.Read.All", "/users/cryptshare@contoso.example/licenseDetails"),
        ("GroupMember.Read.All", "/groups"),
        ("RoleManagement.Read.Directory", "/roleManagement/directory/roleEligibilityScheduleInstances"),
        ("RoleManagement.Read.Directory", "/roleManagement/directory/roleAssignments"),
    ],
)
def test_the_least_permission_is_enough(tenant: Any, permission: str, path: str) -> None:
    headers = {"authorization": f"Bearer {narrow_token(tenant, permission)}"}
    assert tenant.http.get(tenant.endpoints["graph"] + path, headers=headers).status_code == 200


def test_the_directorys_reading_permission_is_none_for_pim(tenant: Any) -> None:
    path = "/roleManagement/directory/roleEligibilityScheduleInstances"
    assert tenant.get("/roleManagement/directory/roleAssignments")["value"]
    assert tenant.refusal("GET", path)[0] == 403
