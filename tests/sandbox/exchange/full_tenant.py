"""A product's application in a whole tenant: registered over Graph, set up with cmdlets over InvokeCommand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

GRAPH = "00000003-0000-0000-c000-000000000000"
EXCHANGE = "00000002-0000-0ff1-ce00-000000000000"
GRAPH_DEFAULT = "https://graph.microsoft.com/.default"
EXCHANGE_DEFAULT = "https://outlook.office365.com/.default"


def cmdlet(tenant: Any, name: str, *, status: int = 200, **parameters: Any) -> list[dict[str, Any]]:
    """One cmdlet as the operator; its objects."""
    answer = tenant.http.post(
        f"{tenant.endpoints['exchange']}/adminapi/beta/{tenant.id}/InvokeCommand",
        json={"CmdletInput": {"CmdletName": name, "Parameters": parameters}},
        headers={
            "authorization": f"Bearer {tenant.token(scope=EXCHANGE_DEFAULT)}",
            "X-AnchorMailbox": f"APP:SystemMailbox{{bb558c35-97f1-4cb9-8ff7-d53741dc928c}}@{tenant.id}",
        },
    )
    assert answer.status_code == status, answer.text
    return answer.json().get("value", [])


@dataclass(frozen=True)
class Product:
    """An application with service principal and secret. Each token is a fresh one."""

    tenant: Any
    app_id: str
    registration_id: str
    object_id: str
    secret: str

    def token(self, scope: str = GRAPH_DEFAULT) -> str:
        answer = self.tenant.token_request(
            client_id=self.app_id, client_secret=self.secret, grant_type="client_credentials", scope=scope
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def consent(self, resource_app_id: str, value: str) -> str:
        """Grant an application permission; the id of the assignment."""
        path = f"/servicePrincipals(appId='{resource_app_id}')?$select=id,appRoles"
        resource = self.tenant.get(path)
        role = next(each["id"] for each in resource["appRoles"] if each["value"] == value)
        body = {"principalId": self.object_id, "resourceId": resource["id"], "appRoleId": role}
        made = self.tenant.post(f"/servicePrincipals/{self.object_id}/appRoleAssignments", body)
        return str(made["id"])

    def withdraw(self, assignment_id: str) -> None:
        path = f"/servicePrincipals/{self.object_id}/appRoleAssignments/{assignment_id}"
        assert self.tenant.graph("DELETE", path).status_code == 204

    def point(self) -> None:
        cmdlet(self.tenant, "New-ServicePrincipal", AppId=self.app_id, ObjectId=self.object_id)

    def scope(self, role: str, *members: str) -> None:
        """A pointer, a group of these mailboxes, and the application role over it."""
        self.point()
        cmdlet(self.tenant, "Enable-OrganizationCustomization")
        (group,) = cmdlet(self.tenant, "New-DistributionGroup", Name="Scoped", Type="Security", Members=list(members))
        restriction = f"MemberOfGroup -eq '{group['DistinguishedName']}'"
        cmdlet(self.tenant, "New-ManagementScope", Name="Scoped", RecipientRestrictionFilter=restriction)
        cmdlet(
            self.tenant,
            "New-ManagementRoleAssignment",
            App=self.object_id,
            Role=f"Application {role}",
            CustomResourceScope="Scoped",
        )

    def graph(self, method: str, path: str, body: Any = None, *, token: str | None = None) -> Any:
        headers = {"authorization": f"Bearer {token or self.token()}"}
        return self.tenant.http.request(method, self.tenant.endpoints["graph"] + path, json=body, headers=headers)


def product(tenant: Any, *, pause: float = 0, **registration: Any) -> Product:
    """`pause`: seconds of the tenant's time to let pass, for tenants whose replicas are late."""
    application = tenant.application("Product", **registration)
    _wait(tenant, pause)
    principal = tenant.service_principal(application["appId"])
    _wait(tenant, pause)
    minted = tenant.post(f"/applications/{application['id']}/addPassword", {}, status=200)
    return Product(tenant, application["appId"], application["id"], principal["id"], minted["secretText"])


def _wait(tenant: Any, seconds: float) -> None:
    if seconds:
        tenant.manage("POST", "/clock/advance", seconds=seconds)
