"""Directory roles over Graph: definitions, assignments with what tokens make of them, and roles that only wait."""

from __future__ import annotations

from typing import Any

import jwt

CLOUD = "158c047a-c907-4556-b7ef-446551a6b5f7"
EXCHANGE = "29232cdf-9323-42fd-ade2-1d097af3e4de"
PRIVILEGED = "e8611ab8-c189-46e8-94e1-60213ab1f814"
ROLES = "/roleManagement/directory"
ADMIN = "privileged-role-administrator"


def own_application(tenant: Any) -> tuple[dict[str, Any], dict[str, Any], str]:
    application = tenant.application("Our operator")
    principal = tenant.service_principal(application["appId"])
    secret = tenant.post(f"/applications/{application['id']}/addPassword", {}, status=200)["secretText"]
    return application, principal, secret


def wids(tenant: Any, application: dict[str, Any], secret: str) -> list[str]:
    answer = tenant.token_request(
        client_id=application["appId"],
        client_secret=secret,
        grant_type="client_credentials",
        scope="https://outlook.office365.com/.default",
    )
    assert answer.status_code == 200, answer.text
    said = jwt.decode(answer.json()["access_token"], options={"verify_signature": False})
    return list(said["wids"])


def body(principal_id: str, role: str = EXCHANGE) -> dict[str, str]:
    return {"principalId": principal_id, "roleDefinitionId": role, "directoryScopeId": "/"}


def test_definitions_are_found_by_name(tenant: Any) -> None:
    (found,) = tenant.get(f"{ROLES}/roleDefinitions?$filter=displayName eq 'Exchange Administrator'")["value"]
    assert (found["id"], found["templateId"], found["isBuiltIn"]) == (EXCHANGE, EXCHANGE, True)
    assert tenant.get(f"{ROLES}/roleDefinitions/{CLOUD}")["displayName"] == "Cloud Application Administrator"
    assert tenant.refusal("GET", f"{ROLES}/roleDefinitions/{tenant.id}")[0] == 404


def test_an_assigned_role_is_in_the_next_token(tenant: Any) -> None:
    application, principal, secret = own_application(tenant)
    assert EXCHANGE not in wids(tenant, application, secret)
    made = tenant.post(f"{ROLES}/roleAssignments", body(principal["id"]), caller=ADMIN)
    assert (made["principalId"], made["roleDefinitionId"], made["directoryScopeId"]) == (principal["id"], EXCHANGE, "/")
    assert EXCHANGE in wids(tenant, application, secret)
    (listed,) = tenant.get(f"{ROLES}/roleAssignments?$filter=principalId eq '{principal['id']}'")["value"]
    single = tenant.get(f"{ROLES}/roleAssignments/{made['id']}")
    assert set(listed) == {"id", "principalId", "roleDefinitionId", "directoryScopeId"}
    assert {name: single[name] for name in listed} == listed
    assert tenant.graph("DELETE", f"{ROLES}/roleAssignments/{made['id']}", caller=ADMIN).status_code == 204
    assert EXCHANGE not in wids(tenant, application, secret)
    assert tenant.refusal("GET", f"{ROLES}/roleAssignments/{made['id']}")[0] == 404


def test_who_may_assign_and_what(tenant: Any) -> None:
    _, principal, _ = own_application(tenant)
    path = f"{ROLES}/roleAssignments"
    for caller in ("cloud-application-administrator", "exchange-administrator", "global-reader", "operator"):
        assert tenant.refusal("POST", path, body(principal["id"]), caller=caller)[0] == 403, caller
    assert tenant.post(path, body(principal["id"]), caller="global-administrator")["id"]
    again = tenant.refusal("POST", path, body(principal["id"]), caller=ADMIN)
    assert again[:2] == (400, "Request_BadRequest")
    assert "conflicting object" in again[2]
    assert tenant.refusal("POST", path, body(tenant.id), caller=ADMIN)[0] == 404
    assert tenant.refusal("POST", path, body(principal["id"], tenant.id), caller=ADMIN)[0] == 404
    for wrong in ({"directoryScopeId": "/x"}, {"principalId": None}, {"unknown": 1}):
        assert tenant.refusal("POST", path, {**body(principal["id"]), **wrong}, caller=ADMIN)[0] == 400, wrong


def test_nobody_takes_its_own_administration_away(tenant: Any) -> None:
    me = tenant.get("/me", caller="global-administrator")["id"]
    (held,) = tenant.get(f"{ROLES}/roleAssignments?$filter=principalId eq '{me}'")["value"]
    refused = tenant.refusal("DELETE", f"{ROLES}/roleAssignments/{held['id']}", caller="global-administrator")
    assert refused[0] == 400
    assert "Removing self" in refused[2]
    assert tenant.graph("DELETE", f"{ROLES}/roleAssignments/{held['id']}", caller=ADMIN).status_code == 204


def test_the_token_lags_behind_and_exchange_further(start: Any, tmp_path: Any) -> None:
    with start(tmp_path, profile="realistic", seed=3, virtual_clock=True) as tenant:

        def late(seconds: float) -> None:
            tenant.manage("POST", "/clock/advance", seconds=seconds)

        operator = {"appId": tenant.endpoints["callers"]["operator"]["clientId"]}
        principal = tenant.get(f"/servicePrincipals(appId='{operator['appId']}')")
        (held,) = tenant.get(f"{ROLES}/roleAssignments?$filter=principalId eq '{principal['id']}'")["value"]
        assert tenant.graph("DELETE", f"{ROLES}/roleAssignments/{held['id']}", caller=ADMIN).status_code == 204
        late(600)
        tenant.post(f"{ROLES}/roleAssignments", body(principal["id"]), caller=ADMIN)
        assert EXCHANGE not in wids(tenant, operator, tenant.operator_secret())
        waited = 0
        while EXCHANGE not in wids(tenant, operator, tenant.operator_secret()):
            late(5)
            waited += 5
        assert 0 < waited <= 65
        tenant.forget_tokens()
        assert tenant.token(scope="https://outlook.office365.com/.default")
        answers = []
        for _ in range(40):
            answers.append(exchange_status(tenant))
            late(5)
        assert (answers[0], answers[-1]) == (403, 200)
        assert answers == sorted(answers, reverse=True), "not yet, and from then on"


def exchange_status(tenant: Any) -> int:
    """The status of one cmdlet. The body is not read: a refusal declares an encoding it does not have."""
    with tenant.http.stream(
        "POST",
        f"{tenant.endpoints['exchange']}/adminapi/beta/{tenant.id}/InvokeCommand",
        json={"CmdletInput": {"CmdletName": "Get-TransportConfig", "Parameters": {}}},
        headers={
            "authorization": f"Bearer {tenant.token(scope='https://outlook.office365.com/.default')}",
            "X-AnchorMailbox": f"APP:SystemMailbox{{bb558c35-97f1-4cb9-8ff7-d53741dc928c}}@{tenant.id}",
        },
    ) as answer:
        return int(answer.status_code)


def test_roles_that_only_wait_for_activation(tenant: Any) -> None:
    caller = "eligible-only"
    said = jwt.decode(tenant.token(caller), options={"verify_signature": False})
    assert not {CLOUD, EXCHANGE, PRIVILEGED} & set(said["wids"])
    assert tenant.get("/me/memberOf", caller=caller)["value"] == []
    mine = f"{ROLES}/roleEligibilityScheduleInstances?$filter=principalId eq '{said['oid']}'&$expand=roleDefinition"
    found = tenant.get(mine, caller=caller)["value"]
    assert {each["roleDefinitionId"] for each in found} == {CLOUD, EXCHANGE, PRIVILEGED}
    assert {each["roleDefinition"]["displayName"] for each in found} > {"Exchange Administrator"}
    active = f"{ROLES}/roleAssignmentScheduleInstances?$filter=principalId eq '{said['oid']}'"
    assert tenant.get(active, caller=caller)["value"] == []
    assert tenant.refusal("POST", "/applications", {"displayName": "x"}, caller=caller)[0] == 403


def test_of_others_only_readers_of_roles_learn(tenant: Any) -> None:
    path = f"{ROLES}/roleEligibilityScheduleInstances"
    for caller in ("eligible-only", "plain-user", "cloud-application-administrator"):
        assert tenant.refusal("GET", path, caller=caller)[0] == 403, caller
    own = jwt.decode(tenant.token("plain-user"), options={"verify_signature": False})["oid"]
    trick = f"{path}?$filter=principalId eq '{own}' or startswith(principalId,'')"
    assert tenant.refusal("GET", trick, caller="plain-user")[0] == 403
    assert len(tenant.get(path, caller="global-reader")["value"]) == 3
    active = tenant.get(f"{ROLES}/roleAssignmentScheduleInstances", caller="global-reader")["value"]
    assert {each["assignmentType"] for each in active} == {"Assigned"}


def test_without_p2_there_is_no_pim(tenant: Any) -> None:
    for sku in tenant.get("/subscribedSkus")["value"]:
        if sku["skuPartNumber"] == "AAD_PREMIUM_P2":
            tenant.manage("POST", "/plant", collection="subscribedSkus", id=sku["id"], document=None)
    refused = tenant.refusal("GET", f"{ROLES}/roleEligibilityScheduleInstances", caller="global-reader")
    assert refused[:2] == (400, "AadPremiumLicenseRequired")
