"""Real clients against the sandbox: msgraph-sdk unmodified, and what an Azure CLI really sends."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.identity import ClientSecretCredential

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # the SDK's own, about itself
    from kiota_abstractions.base_request_configuration import RequestConfiguration
    from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
    from msgraph import GraphRequestAdapter, GraphServiceClient
    from msgraph.generated.applications.applications_request_builder import ApplicationsRequestBuilder
    from msgraph.generated.applications.item.add_password.add_password_post_request_body import (
        AddPasswordPostRequestBody,
    )
    from msgraph.generated.models.app_role_assignment import AppRoleAssignment
    from msgraph.generated.models.application import Application
    from msgraph.generated.models.o_data_errors.o_data_error import ODataError
    from msgraph.generated.models.password_credential import PasswordCredential
    from msgraph.generated.models.service_principal import ServicePrincipal
    from msgraph.graph_request_adapter import options
    from msgraph_core import GraphClientFactory

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

EXCHANGE = "00000002-0000-0ff1-ce00-000000000000"
TRACE = Path(__file__).parents[2] / "data" / "azure-cli-requests.jsonl"


def with_sdk(tenant: Any, job: Callable[[GraphServiceClient], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        context = ssl.create_default_context(cafile=tenant.ca_file)
        async with httpx.AsyncClient(verify=context, timeout=30) as http:
            pool = http._transport  # the SDK puts its middleware before it and forgets to close it
            client = GraphClientFactory.create_with_default_middleware(client=http, options=options)
            known = tenant.endpoints["callers"]["operator"]
            with ClientSecretCredential(
                tenant.id,
                known["clientId"],
                tenant.operator_secret(),
                authority=tenant.login,
                connection_verify=tenant.ca_file,
                disable_instance_discovery=True,
            ) as credential:
                scopes = ["https://graph.microsoft.com/.default"]
                adapter = GraphRequestAdapter(AzureIdentityAuthenticationProvider(credential, scopes=scopes), client)
                adapter.base_url = tenant.endpoints["graph"]
                try:
                    return await job(GraphServiceClient(request_adapter=adapter))
                finally:
                    await pool.aclose()

    return asyncio.run(run())


def test_the_sdk_onboards_an_application(tenant: Any) -> None:
    async def job(graph: GraphServiceClient) -> None:
        made = await graph.applications.post(Application(display_name="By SDK", sign_in_audience="AzureADMyOrg"))
        principal = await graph.service_principals.post(ServicePrincipal(app_id=made.app_id))
        exchange = await graph.service_principals_with_app_id(EXCHANGE).get()
        role = next(each.id for each in exchange.app_roles if each.value == "SMTP.SendAsApp")
        assignment = AppRoleAssignment(principal_id=principal.id, resource_id=exchange.id, app_role_id=role)
        granted = await graph.service_principals.by_service_principal_id(principal.id).app_role_assignments.post(
            assignment
        )
        assert granted.resource_display_name == "Office 365 Exchange Online"
        body = AddPasswordPostRequestBody(password_credential=PasswordCredential(display_name="one"))
        secret = await graph.applications.by_application_id(made.id).add_password.post(body)
        assert secret.secret_text.startswith(secret.hint)
        query = ApplicationsRequestBuilder.ApplicationsRequestBuilderGetQueryParameters(
            filter="displayName eq 'By SDK'", select=["id", "appId"], top=5
        )
        found = await graph.applications.get(RequestConfiguration(query_parameters=query))
        assert [each.app_id for each in found.value] == [made.app_id]

    with_sdk(tenant, job)


def test_the_sdk_sees_our_errors(tenant: Any) -> None:
    async def job(graph: GraphServiceClient) -> ODataError:
        with pytest.raises(ODataError) as caught:
            await graph.service_principals.post(ServicePrincipal(app_id="93391f7a-0ec3-45c6-a967-e3dd6b0b683a"))
        return caught.value

    error = with_sdk(tenant, job)
    assert error.response_status_code == 400
    assert error.error.code == "Request_BadRequest"
    assert error.error.details[0].code == "NoBackingApplicationObject"
    assert error.error.inner_error.request_id


def test_the_sdk_sends_a_post_again_after_503(tenant: Any) -> None:
    """The trap that our client must avoid; if the SDK stops doing so, we want to know."""
    tenant.token()
    fault = {"status": 503, "after": True, "retryAfter": 1}
    tenant.manage("POST", "/faults", match="POST /v1.0/applications", effect=fault, times=1)

    async def job(graph: GraphServiceClient) -> None:
        await graph.applications.post(Application(display_name="Twice"))

    with_sdk(tenant, job)
    assert len(tenant.get("/applications?$filter=displayName eq 'Twice'")["value"]) == 2


def test_the_sdk_follows_pages(tenant: Any) -> None:
    async def job(graph: GraphServiceClient) -> list[str]:
        names = []
        query = ApplicationsRequestBuilder.ApplicationsRequestBuilderGetQueryParameters(top=2)
        page = await graph.applications.get(RequestConfiguration(query_parameters=query))
        while page:
            names += [each.display_name for each in page.value]
            page = await graph.applications.with_url(page.odata_next_link).get() if page.odata_next_link else None
        return names

    assert sorted(with_sdk(tenant, job)) == sorted(each["displayName"] for each in tenant.get("/applications")["value"])


def test_what_an_azure_cli_sends(tenant: Any) -> None:
    """Requests of an unmodified Azure CLI, in the order it sent them; ids are replaced by those of this tenant."""
    ids: dict[str, str] = {}
    seen = []
    for line in TRACE.read_text().splitlines():
        request = json.loads(line)
        text = re.sub(r"\{(\w+)\}", lambda match: ids[match[1]], request["path"])
        body = json.loads(re.sub(r"\{(\w+)\}", lambda match: ids[match[1]], json.dumps(request["body"])))
        answer = tenant.graph(request["method"], text, body)
        assert answer.status_code == request["expect"], f"{request}: {answer.text[:300]}"
        for name, path in request.get("remember", {}).items():
            found: Any = answer.json()
            for step in path.split("/"):
                found = found[int(step) if step.isdigit() else step]
            ids[name] = found
        seen.append(request["method"])
    assert len(seen) >= 25
    assert {"GET", "POST", "PATCH"} <= set(seen)
