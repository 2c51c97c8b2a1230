"""InvokeCommand: the undocumented REST call beneath the Exchange Online module, as open clients of it were answered.

`POST /adminapi/beta/{tenant}/InvokeCommand` with `{"CmdletInput": {"CmdletName", "Parameters"}}`.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from provisioner.sandbox.asgi import abort_of
from provisioner.sandbox.clock import format_time
from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.entra.principals import roles_unknown_to_exchange
from provisioner.sandbox.exchange import service
from provisioner.sandbox.exchange.access import caller_of
from provisioner.sandbox.exchange.cmdlet import Cmdlet, Outcome, Record
from provisioner.sandbox.exchange.faults import Failure
from provisioner.sandbox.graph.service import http_date
from provisioner.sandbox.ledger import behaviour, mark
from provisioner.sandbox.tokens import EXCHANGE, Claims, TokenRefused

PAGE_SIZE: Final = 1000
_PAGE_MINUTES: Final = 30
_RATE: Final = 3000

mark(
    "A cmdlet that the caller does not have, or that does not exist: 403 and NUL bytes falsely declared gzip",
    source="exchange.md 1.3 S4 (measured 2026-09-25)",
    if_wrong="the client dies of a decoding error instead of naming the missing role",
)
mark(
    "App-only calls without X-AnchorMailbox are refused with 400",
    source="unverified (every client sends it, exchange.md 1.3 S3, S4)",
    if_wrong="calls go to a random server in the service and are refused here",
)
mark(
    "A cmdlet that asks for confirmation is not carried out: 200, empty value, @adminapi.confirmationmessage",
    source="unverified (exchange.md 1.3 S6 names the annotation; S4: pass Confirm=false)",
    if_wrong="a removal is taken for done",
)
mark(
    "ResultSize is accepted and ignored; pages follow Prefer: odata.maxpagesize, and re-posting the body to the "
    "nextLink",
    source="exchange.md 1.3 S4, S3",
    if_wrong="a client sees the first page only, or trusts ResultSize",
)


@dataclass(frozen=True)
class Command:
    """What a body asks for."""

    name: str
    parameters: Mapping[str, Any]


def admin_routes(sandbox: Sandbox) -> list[Route]:
    """Routes for the HTTPS front."""
    api = AdminApi(sandbox)
    return [
        Route("/adminapi/beta/{tenant}/InvokeCommand", api.invoke, methods=["POST"]),
        Route("/adminapi/v1.0/{tenant}/InvokeCommand", api.method_not_allowed, methods=["POST"]),
    ]


class AdminApi:
    """The endpoint over one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def method_not_allowed(self, request: Request) -> Response:
        """`v1.0` knows no InvokeCommand (measured: exchange.md 1.3 S4)."""
        del request
        return self._finish(Response(status_code=405, headers={"Allow": "GET"}), str(uuid.uuid4()))

    async def invoke(self, request: Request) -> Response:
        """One InvokeCommand."""
        request_id = str(uuid.uuid4())
        claims = self._claims(request)
        if claims is None:
            return self._finish(_unauthorized(), request_id)
        if request.path_params["tenant"].casefold() != claims.tid.casefold() or not _anchored(request, claims):
            return self._finish(_error(_bad("The request is not addressed to a mailbox of the tenant.")), request_id)
        command = _command(await request.body())
        if command is None:
            return self._finish(_error(_bad("The request body has no valid CmdletInput.")), request_id)
        with self._sandbox.store.transaction() as tx:
            unheard_of = roles_unknown_to_exchange(self._sandbox, tx, claims.oid)
        cmdlet = service.visible(caller_of(claims, unheard_of), command.name)
        if cmdlet is None:
            self._log(command.name, claims, 403, write=False, request_id=request_id)
            return self._finish(_not_yours(), request_id)
        response = await self._carry_out(request, cmdlet, command, claims, request_id)
        return self._finish(response, request_id)

    async def _carry_out(
        self, request: Request, cmdlet: Cmdlet, command: Command, claims: Claims, request_id: str
    ) -> Response:
        faults = self._sandbox.faults
        effect = await faults.before("adminapi", cmdlet.name)
        if effect is None:
            outcome = service.run(self._sandbox, cmdlet, list(command.parameters.items()))
            response = self._answer(request, cmdlet, outcome)
            self._log(cmdlet.name, claims, response.status_code, write=cmdlet.writes, request_id=request_id)
            effect = await faults.after("adminapi", cmdlet.name)
        else:
            self._log(cmdlet.name, claims, effect.status or "dropped", write=cmdlet.writes, request_id=request_id)
        if effect is None:
            return response
        if effect.drop:
            abort_of(request.scope)()
        return _struck(effect.status or 500, effect.retry_after)

    def _claims(self, request: Request) -> Claims | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.casefold() != "bearer":
            return None
        try:
            return self._sandbox.tokens.verify(token, EXCHANGE)
        except TokenRefused:
            return None

    def _answer(self, request: Request, cmdlet: Cmdlet, outcome: Outcome) -> Response:
        if outcome.failure is not None:
            return _error(outcome.failure)
        try:
            page, following = self._page(request, cmdlet, outcome.objects)
        except ValueError:
            return _error(_bad("Expired or Invalid pagination request. Default Expiry time is 00:30:00"))
        selected = frozenset(filter(None, request.query_params.get("$select", "").split(",")))
        body: dict[str, Any] = {
            "@odata.context": f"{_base(request)}/$metadata#Collection(Exchange.GenericHashTable)",
            "adminapi.warnings@odata.type": "#Collection(String)",
            "@adminapi.warnings": list(outcome.warnings),
        }
        if outcome.unanswered is not None:
            body["@adminapi.confirmationmessage"] = outcome.unanswered.text
        if following is not None:
            body["@odata.nextLink"] = following
        body["value"] = [_json(record, selected) for record in page]
        return JSONResponse(body)

    @behaviour(
        "A nextLink lives for 30 minutes and serves the cmdlet it was given for",
        source="learn.microsoft.com Q&A, error text of the module (2022-09-21)",
        if_wrong="a slow reader is cut off",
    )
    def _page(self, request: Request, cmdlet: Cmdlet, records: Sequence[Record]) -> tuple[Sequence[Record], str | None]:
        now = self._sandbox.clock.now()
        start = 0
        if token := request.query_params.get("$skiptoken"):
            name, made, offset = json.loads(base64.urlsafe_b64decode(token))
            if name != cmdlet.name or now - made > _PAGE_MINUTES * 60:
                raise ValueError("expired")
            start = int(offset)
        end = start + _page_size(request)
        if end >= len(records):
            return records[start:], None
        fresh = base64.urlsafe_b64encode(json.dumps([cmdlet.name, now, end]).encode()).decode()
        return records[start:end], f"{_base(request)}/InvokeCommand?$skiptoken={fresh}"

    def _log(self, name: str, claims: Claims, status: int | str, *, write: bool, request_id: str) -> None:
        self._sandbox.history.append(
            "adminapi", name, caller=claims.caller, status=status, write=write, request_id=request_id
        )

    def _finish(self, response: Response, request_id: str) -> Response:
        response.headers["request-id"] = request_id
        response.headers["Date"] = http_date(self._sandbox)
        response.headers["Rate-Limit-Remaining"] = str(_RATE)
        response.headers["Rate-Limit-Reset"] = format_time(self._sandbox.clock.now() + 300)
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


def _base(request: Request) -> str:
    return (
        f"https://{request.headers.get('host', 'outlook.office365.com')}/adminapi/beta/{request.path_params['tenant']}"
    )


def _anchored(request: Request, claims: Claims) -> bool:
    return not claims.app_only or bool(request.headers.get("x-anchormailbox"))


def _command(raw: bytes) -> Command | None:
    try:
        given = json.loads(raw)["CmdletInput"]
        name, parameters = given["CmdletName"], given.get("Parameters") or {}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if not isinstance(name, str) or not isinstance(parameters, dict):
        return None
    return Command(name, {key: value for key, value in parameters.items() if "@odata" not in key})


def _page_size(request: Request) -> int:
    for preference in request.headers.get("prefer", "").split(","):
        name, _, value = preference.strip().partition("=")
        if name.strip().casefold() == "odata.maxpagesize" and value.strip().isdecimal():
            return max(int(value), 1)
    return PAGE_SIZE


def _json(record: Record, selected: frozenset[str]) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for name, value in record.properties.items():
        if selected and name not in selected:
            continue
        if isinstance(value, tuple):
            shown[f"{name}@odata.type"] = "#Collection(String)"
            shown[name] = list(value)
        elif isinstance(value, datetime):
            shown[name] = value.isoformat()
        elif isinstance(value, uuid.UUID):
            shown[name] = str(value)
        else:
            shown[name] = value
    return shown


def _bad(text: str) -> Failure:
    return Failure(text=text, type="System.Exception", binding="Request")


def _error(failure: Failure) -> Response:
    return JSONResponse(
        {
            "error": {
                "code": failure.code,
                "message": "Error executing cmdlet",
                "details": [
                    {
                        "code": "Client",
                        "target": "",
                        "message": f"{failure.error_id}|{failure.type}|{failure.text}",
                    }
                ],
                "innererror": {
                    "message": "Error executing cmdlet",
                    "type": "Microsoft.Exchange.Admin.OData.Core.ODataServiceException",
                    "stacktrace": "",
                    "internalexception": {"message": failure.text, "type": failure.type, "stacktrace": ""},
                },
            },
            "adminapi.warnings@odata.type": "#Collection(String)",
            "@adminapi.warnings": [],
        },
        status_code=failure.status,
    )


def _not_yours() -> Response:
    return Response(b"\0" * 120, status_code=403, media_type="application/json", headers={"Content-Encoding": "gzip"})


def _struck(status: int, retry_after: int | None) -> Response:
    names = {429: "TooManyRequests", 503: "ServiceUnavailable", 504: "GatewayTimeout"}
    code = names.get(status, "InternalServerError")
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return JSONResponse({"error": {"code": code, "message": code}}, status_code=status, headers=headers)


def _unauthorized() -> Response:
    challenge = (
        'Bearer client_id="00000002-0000-0ff1-ce00-000000000000", '
        'trusted_issuers="00000001-0000-0000-c000-000000000000@*", '
        'token_types="app_asserted_user_v1 service_asserted_app_v1", error="invalid_token"'
    )
    return Response(status_code=401, headers={"WWW-Authenticate": challenge})
