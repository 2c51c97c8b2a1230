"""Sign-in over HTTP."""

from __future__ import annotations

import base64
import binascii
import html
import uuid
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from provisioner.sandbox.asgi import abort_of
from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.entra import grants, interactive, passwords, principals
from provisioner.sandbox.entra.errors import SignInError
from provisioner.sandbox.graph.service import http_date
from provisioner.sandbox.ledger import behaviour

_Handler = Callable[[Request], Awaitable[Response]]


class SignInService:
    """Answers everything under ``/{tenant}/`` for one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def routes(self) -> list[Route]:
        """Starlette routes of the sign-in host."""
        return [
            Route("/devicelogin", self._device_page),
            Route("/common/userrealm/{name}", self._user_realm),
            Route(
                "/{tenant}/v2.0/.well-known/openid-configuration",
                self._guarded(self._discovery, "invalid_tenant"),
            ),
            Route("/{tenant}/discovery/v2.0/keys", self._guarded(self._keys, "invalid_tenant")),
            Route("/{tenant}/oauth2/v2.0/token", self._guarded(self._token, "invalid_request"), methods=["POST"]),
            Route(
                "/{tenant}/oauth2/v2.0/devicecode",
                self._guarded(self._device_code, "invalid_request"),
                methods=["POST"],
            ),
            Route("/{tenant}/oauth2/v2.0/authorize", self._guarded(self._authorize, "invalid_request")),
        ]

    def _guarded(self, handler: _Handler, tenant_error: str) -> _Handler:
        """Faults, the tenant's check, the error envelope and the history round one endpoint."""

        async def endpoint(request: Request) -> Response:
            sandbox = self._sandbox
            operation = f"{request.method} {request.url.path}"
            correlation = request.headers.get("client-request-id") or str(uuid.uuid4())
            faults = sandbox.faults
            effect = await faults.before("login", operation)
            response: Response = Response()
            caller = ""
            if effect is None:
                form = await _form(request)
                request.state.form = form
                caller = form.get("client_id", "")
                try:
                    principals.check_tenant(sandbox, request.path_params["tenant"], tenant_error)
                    response = await handler(request)
                except SignInError as refusal:
                    response = JSONResponse(refusal.envelope(sandbox, correlation), refusal.status)
                effect = await faults.after("login", operation)
            status: int | str = response.status_code
            if effect is not None:
                status = "dropped" if effect.drop else effect.status or 500
                response = self._faulty(effect.status or 500, effect.retry_after, correlation)
                if effect.drop:
                    abort_of(request.scope)()
            sandbox.history.append("login", operation, caller=caller, status=status, request_id=correlation)
            response.headers["date"] = http_date(sandbox)
            response.headers["cache-control"] = "no-store, no-cache"
            response.headers["x-ms-request-id"] = str(uuid.uuid4())
            return response

        return endpoint

    def _faulty(self, status: int, retry_after: int | None, correlation: str) -> Response:
        text = "The service is temporarily unavailable. Retry the request."
        error = SignInError(status, "temporarily_unavailable", 90033, text)
        headers = {} if retry_after is None else {"retry-after": str(retry_after)}
        return JSONResponse(error.envelope(self._sandbox, correlation), status, headers)

    @behaviour(
        "The discovery document names the endpoints of the tenant; its issuer ends in /v2.0",
        source="graph.md 6.2 V: RUN (what sign-in libraries read)",
        if_wrong="sign-in libraries refuse the authority",
    )
    async def _discovery(self, request: Request) -> Response:
        tenant = request.path_params["tenant"]
        host = f"https://{request.headers['host']}"
        base = f"{host}/{tenant}"
        return JSONResponse(
            {
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "token_endpoint_auth_methods_supported": [
                    "client_secret_post",
                    "private_key_jwt",
                    "client_secret_basic",
                ],
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "response_modes_supported": ["query", "fragment", "form_post"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
                "scopes_supported": ["openid", "profile", "email", "offline_access"],
                "issuer": f"{host}/{self._sandbox.tenant_id}/v2.0",
                "request_uri_parameter_supported": False,
                "userinfo_endpoint": "https://graph.microsoft.com/oidc/userinfo",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
                "http_logout_supported": True,
                "frontchannel_logout_supported": True,
                "end_session_endpoint": f"{base}/oauth2/v2.0/logout",
                "claims_supported": ["sub", "iss", "aud", "exp", "iat", "nonce", "preferred_username", "name", "tid"],
                "tenant_region_scope": "EU",
                "cloud_instance_name": "microsoftonline.com",
                "cloud_graph_host_name": "graph.windows.net",
                "msgraph_host": "graph.microsoft.com",
            }
        )

    @behaviour(
        "Before user name and password, sign-in libraries ask whether the person's domain is managed or federated",
        source="msal 1.39 (what it asks and reads); of a federated domain's own server nothing is played",
        if_wrong="a federated account is found out later, by 50126",
    )
    async def _user_realm(self, request: Request) -> Response:
        domain = request.path_params["name"].partition("@")[2].lower()
        kind = passwords.domain_kind(self._sandbox, domain)
        realm = {"ver": "1.0", "account_type": kind or "Unknown", "cloud_instance_name": "microsoftonline.com"}
        if kind is not None:
            realm |= {"domain_name": domain, "cloud_audience_urn": "urn:federation:MicrosoftOnline"}
        if kind == "Federated":
            nowhere = f"https://{request.headers['host']}/federation-is-not-played"
            realm |= {"federation_protocol": "WSTrust", "federation_metadata_url": nowhere}
        return JSONResponse(realm)

    async def _keys(self, request: Request) -> Response:
        del request
        return JSONResponse(self._sandbox.tokens.key_set())

    async def _token(self, request: Request) -> Response:
        endpoint = f"https://{request.headers['host']}{request.url.path}"
        store = self._sandbox.store
        try:
            with store.transaction() as tx:
                return JSONResponse(grants.token(self._sandbox, tx, request.state.form, endpoint))
        except SignInError as refusal:
            if refusal.afterwards is not None:
                with store.transaction() as tx:
                    refusal.afterwards(tx)
            raise

    async def _device_code(self, request: Request) -> Response:
        with self._sandbox.store.transaction() as tx:
            return JSONResponse(interactive.start_device_code(self._sandbox, tx, request.state.form))

    async def _authorize(self, request: Request) -> Response:
        with self._sandbox.store.transaction() as tx:
            answer = interactive.authorize(self._sandbox, tx, request.query_params)
        if isinstance(answer, list):
            return HTMLResponse(_choices(request, answer))
        if answer.form_post:
            return HTMLResponse(answer.page())
        return RedirectResponse(answer.url, 302)

    async def _device_page(self, request: Request) -> Response:
        del request
        management = html.escape(str(self._sandbox.endpoints.get("management", "")))
        return HTMLResponse(
            "<h1>Sandbox sign-in</h1><p>This is a simulated tenant. Approve a code with<br><code>POST"
            f" {management}/device/approve {{&quot;userCode&quot;: &quot;...&quot;, &quot;as&quot;:"
            " &quot;global-administrator&quot;}</code></p>"
        )


async def _form(request: Request) -> dict[str, str]:
    """The form's fields, the client's Basic credentials among them."""
    body = (await request.body()).decode("utf-8", "replace") if request.method == "POST" else ""
    form: dict[str, Any] = dict(parse_qsl(body, keep_blank_values=True))
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(encoded).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return form
        form |= {"client_id": unquote_plus(user), "client_secret": unquote_plus(password)}
    return form


def _choices(request: Request, names: list[str]) -> str:
    links = "".join(
        f'<li><a href="?{html.escape(urlencode({**request.query_params, "login_hint": name}))}">'
        f"{html.escape(name)}</a></li>"
        for name in names
    )
    return f"<h1>Sandbox sign-in</h1><p>This is a simulated tenant. Sign in as</p><ul>{links}</ul>"
