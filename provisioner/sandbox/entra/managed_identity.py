"""The endpoints of a machine in Azure from which its managed identity gets tokens, in both forms in use.

Virtual machines ask the instance metadata service (``Metadata: true``), App Service and its like ask IDENTITY_ENDPOINT
with a secret header. Both speak plain HTTP within the machine, so they sit beside management on loopback.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from provisioner.sandbox.core import Sandbox, fixed_id
from provisioner.sandbox.entra import issue, policies, principals
from provisioner.sandbox.entra.errors import SignInError
from provisioner.sandbox.entra.scopes import resource_principal
from provisioner.sandbox.files import write_private
from provisioner.sandbox.ledger import behaviour

APP_ID: Final = fixed_id("application:managed-identity")
IMDS_PATH: Final = "/metadata/identity/oauth2/token"
APP_SERVICE_PATH: Final = "/msi/token"
_HEADER_FILE: Final = "identity-header"


def identity_header_file(directory: Path) -> Path:
    """Where the machine's programs find the value of IDENTITY_HEADER; made if missing."""
    file = directory / _HEADER_FILE
    if not file.exists():
        write_private(file, secrets.token_hex(16).upper().encode())
    return file


def machine_endpoints(directory: Path, base: str) -> dict[str, str]:
    """What endpoints.json says of the machine; ``base`` is the management address."""
    return {
        "clientId": APP_ID,
        "imds": base,
        "identityEndpoint": base + APP_SERVICE_PATH,
        "identityHeaderFile": str(identity_header_file(directory)),
    }


def machine_routes(sandbox: Sandbox) -> list[Route]:
    """Routes for the plain HTTP listener."""
    machine = _Machine(sandbox)
    return [Route(IMDS_PATH, machine.metadata), Route(APP_SERVICE_PATH, machine.app_service)]


class _Machine:
    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    @behaviour(
        "Instance metadata: 400 invalid_request without 'Metadata: true'; expires_in and expires_on are texts",
        source="documentation of the instance metadata service; what msal 1.39 sends and reads",
        if_wrong="only the text of an error differs",
    )
    async def metadata(self, request: Request) -> JSONResponse:
        """``GET /metadata/identity/oauth2/token``."""
        if request.headers.get("metadata", "").lower() != "true":
            return _refusal(400, "invalid_request", "Required metadata header not specified")
        return self._answer(request.query_params)

    @behaviour(
        "App Service: 401 without the right X-IDENTITY-HEADER",
        source="documentation of App Service's managed identities; status unverified",
        if_wrong="only the status of an error differs",
    )
    async def app_service(self, request: Request) -> JSONResponse:
        """``GET $IDENTITY_ENDPOINT``."""
        expected = identity_header_file(self._sandbox.directory).read_text()
        if not secrets.compare_digest(request.headers.get("x-identity-header", ""), expected):
            return _refusal(401, "unauthorized", "The identity header is missing or wrong.")
        return self._answer(request.query_params)

    @behaviour(
        "A managed identity's token is an application's token, roles and directory roles as of its issue; for days the "
        "platform may hand out the same one (not played)",
        source="documentation of managed identities (cached up to 24 hours)",
        if_wrong="a new role is promised before the platform asks for a new token",
    )
    def _answer(self, query: Mapping[str, str]) -> JSONResponse:
        sandbox = self._sandbox
        resource = query.get("resource", "")
        if not resource or not query.get("api-version"):
            return _refusal(400, "invalid_request", "Required query variables 'resource' and 'api-version' are missing")
        if query.get("client_id", APP_ID).lower() != APP_ID:
            return _refusal(400, "invalid_request", "Identity not found")
        try:
            with sandbox.store.transaction() as tx:
                principal = principals.service_principal(tx, APP_ID)
                if principal is None:
                    return _refusal(400, "invalid_request", "Identity not found")
                target = resource_principal(sandbox, tx, resource)
                policies.check_workload(tx, principal, target["appId"])
                issued = issue.application_token(sandbox, tx, principal, resource, strength="2")
        except SignInError as refused:
            return _refusal(refused.status, refused.error, str(refused))
        sandbox.history.append("login", "GET managed identity", caller=APP_ID, status=200, request_id=APP_ID)
        return JSONResponse(_reply(issued, resource))


def _reply(issued: Mapping[str, Any], resource: str) -> dict[str, str]:
    # Programs on the machine hold expires_on against the machine's own clock.
    lifetime = int(issued["expires_in"])
    return {
        "access_token": str(issued["access_token"]),
        "client_id": APP_ID,
        "expires_in": str(lifetime),
        "expires_on": str(int(time.time()) + lifetime),
        "resource": resource,
        "token_type": "Bearer",
    }


def _refusal(status: int, error: str, text: str) -> JSONResponse:
    return JSONResponse({"error": error, "error_description": text}, status)
