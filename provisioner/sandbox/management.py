"""The management plane: plain HTTP on loopback, for tests and for playing the people of the tenant.

No part of any Microsoft service. ``POST`` bodies and all replies are JSON; a wrong request is 400 ``{"error": ...}``.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from provisioner.sandbox.core import SECRET_COLLECTIONS, SESSION_COLLECTIONS, Sandbox
from provisioner.sandbox.entra import federation, interactive, passwords, principals
from provisioner.sandbox.entra.managed_identity import machine_routes
from provisioner.sandbox.exchange.management import management_routes
from provisioner.sandbox.faults import Rule
from provisioner.sandbox.seed import seed
from provisioner.sandbox.wsman.host import host_credentials

_Answer = dict[str, Any]


def management_app(sandbox: Sandbox) -> Starlette:
    """The application behind the management port."""
    plane = _Plane(sandbox)
    routes = [
        _route("GET", "/", plane.banner),
        _route("GET", "/state", plane.state),
        _route("GET", "/state/hash", plane.state_hash),
        _route("GET", "/history", plane.history),
        _route("DELETE", "/history", plane.clear_history),
        _route("POST", "/faults", plane.add_fault),
        _route("DELETE", "/faults", plane.clear_faults),
        _route("GET", "/held", plane.held),
        _route("POST", "/release", plane.release),
        _route("GET", "/clock", plane.clock),
        _route("POST", "/clock/advance", plane.advance),
        _route("GET", "/settings", plane.settings),
        _route("POST", "/settings", plane.change_settings),
        _route("POST", "/device/approve", plane.approve_device),
        _route("POST", "/password", plane.change_password),
        _route("POST", "/federation/token", plane.outside_token),
        _route("POST", "/reset", plane.reset),
        _route("POST", "/plant", plane.plant),
        _route("GET", "/mailboxes", plane.mailboxes),
        *management_routes(sandbox),
        *machine_routes(sandbox),
    ]
    return Starlette(routes=routes)


def _route(method: str, path: str, answer: Callable[[Request], Awaitable[_Answer]]) -> Route:
    async def endpoint(request: Request) -> JSONResponse:
        try:
            return JSONResponse(await answer(request))
        except (ValueError, LookupError, TypeError, AttributeError) as problem:
            return JSONResponse({"error": str(problem) or type(problem).__name__}, 400)

    return Route(path, endpoint, methods=[method])


async def _body(request: Request) -> _Answer:
    raw = await request.body()
    body = json.loads(raw) if raw.strip() else {}
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")
    return body


class _Plane:
    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def banner(self, request: Request) -> _Answer:
        """What this is, in case somebody wonders."""
        del request
        return {"sandbox": True, "tenantId": self._sandbox.tenant_id, "profile": self._sandbox.profile.name}

    async def state(self, request: Request) -> _Answer:
        """Every present document by collection; no secret, not even sealed, and no sign-in under way."""
        del request
        return dict(self._sandbox.store.state(without=(*SECRET_COLLECTIONS, *SESSION_COLLECTIONS)))

    async def state_hash(self, request: Request) -> _Answer:
        """One hash over the present state, whatever its history. ``?without=messages,...`` leaves collections out."""
        without = [name for name in request.query_params.get("without", "").split(",") if name]
        return {"hash": self._sandbox.store.state_hash(without=(*SESSION_COLLECTIONS, *without))}

    async def history(self, request: Request) -> _Answer:
        """Requests after ``?since=`` (a seq)."""
        return {"history": self._sandbox.history.since(int(request.query_params.get("since", "0")))}

    async def clear_history(self, request: Request) -> _Answer:
        """Forget it; numbers go on."""
        del request
        self._sandbox.history.clear()
        return {}

    async def add_fault(self, request: Request) -> _Answer:
        """One rule ``{protocol, match, nth | every, effect, times}``; see ``faults.Rule`` and ``faults.Effect``."""
        self._sandbox.faults.add(Rule.parse(await _body(request)))
        return {}

    async def clear_faults(self, request: Request) -> _Answer:
        """Drop all rules, release everything held."""
        del request
        self._sandbox.faults.clear()
        return {}

    async def held(self, request: Request) -> _Answer:
        """Requests whose reply is withheld."""
        del request
        held = self._sandbox.faults.held()
        return {
            "held": [
                {"id": each.id, "protocol": each.protocol, "operation": each.operation, "after": each.after}
                for each in held
            ]
        }

    async def release(self, request: Request) -> _Answer:
        """Let one (``{"id": n}``) or all held requests go on."""
        return {"released": self._sandbox.faults.release((await _body(request)).get("id"))}

    async def clock(self, request: Request) -> _Answer:
        """The tenant's time, epoch seconds."""
        del request
        clock = self._sandbox.clock
        return {"now": clock.now(), "virtual": clock.virtual}

    async def advance(self, request: Request) -> _Answer:
        """``{"seconds": n}``: let time pass."""
        self._sandbox.advance(float((await _body(request))["seconds"]))
        return await self.clock(request)

    async def settings(self, request: Request) -> _Answer:
        """What management has set; a missing key means its default."""
        del request
        return {"settings": dict(self._sandbox.settings)}

    async def change_settings(self, request: Request) -> _Answer:
        """Merge settings named in ``SETTINGS``; null removes one."""
        changes = await _body(request)
        if unknown := set(changes) - set(SETTINGS):
            raise ValueError(f"unknown setting: {', '.join(sorted(unknown))}; known: {', '.join(SETTINGS)}")
        for name, value in changes.items():
            if value is None:
                self._sandbox.settings.pop(name, None)
            else:
                self._sandbox.settings[name] = value
        return await self.settings(request)

    async def approve_device(self, request: Request) -> _Answer:
        """``{"userCode", "as": caller or userPrincipalName}`` or ``{"userCode", "decline": true}``."""
        body = await _body(request)
        with self._sandbox.store.transaction() as tx:
            interactive.answer_device_code(
                self._sandbox, tx, str(body["userCode"]), body.get("as"), decline=bool(body.get("decline"))
            )
        return {}

    async def change_password(self, request: Request) -> _Answer:
        """``{"as": caller or userPrincipalName, "password"}``: the person has another password from now on."""
        body = await _body(request)
        with self._sandbox.store.transaction() as tx:
            user = principals.user(self._sandbox, tx, str(body["as"]))
            if user is None:
                raise LookupError(f"no such person: {body['as']!r}")
            passwords.change_password(self._sandbox, tx, user, str(body["password"]))
        return {}

    async def outside_token(self, request: Request) -> _Answer:
        """``{"issuer", "subject", "audience"?, "seconds"?}``: ``{"token"}``, a workload's, of an issuer outside."""
        body = await _body(request)
        audience = str(body.get("audience", federation.AUDIENCE))
        seconds = int(body.get("seconds", 600))
        token = federation.outside_token(
            self._sandbox, str(body["issuer"]), str(body["subject"]), audience, seconds=seconds
        )
        return {"token": token}

    async def reset(self, request: Request) -> _Answer:
        """A fresh tenant, with faults, settings and history forgotten; credentials and time stay."""
        del request
        reset_state(self._sandbox)
        return {}

    async def plant(self, request: Request) -> _Answer:
        """``{collection, document}`` (or ``id`` and document null): put it there as if it had always been."""
        body = await _body(request)
        document, collection = body.get("document"), str(body["collection"])
        with self._sandbox.store.transaction(established=True) as tx:
            if document is None:
                tx.delete(collection, str(body["id"]))
            else:
                tx.put(collection, str(body.get("id") or document["id"]), document)
        return {}

    async def mailboxes(self, request: Request) -> _Answer:
        """The tenant's mailboxes, as far as a person choosing one wants to know."""
        del request
        with self._sandbox.store.transaction() as tx:
            found = tx.all("mailboxes")
        return {
            "mailboxes": [
                {
                    "primarySmtpAddress": each["primarySmtpAddress"],
                    "displayName": each["displayName"],
                    "recipientTypeDetails": each["recipientTypeDetails"],
                }
                for each in found
            ]
        }


SETTINGS: dict[str, str] = {
    "usersCanRegisterApplications": "every member may register applications (default false)",
    "mfaRequired": "people are refused with AADSTS50076 (default false)",
    "conditionalAccessBlocks": "true, or a list of userPrincipalNames and application ids refused with AADSTS53003",
    "signInAs": "who signs in at the browser page when no login_hint says so",
    "uniqueNameSurvivesPurge": "a purged application still holds its uniqueName (default false)",
    "publisherDomain": "publisherDomain of new applications",
}
"""Names ``POST /settings`` takes, and what they do."""


def reset_state(sandbox: Sandbox) -> None:
    """Forget everything and seed anew; the tenant's time goes on."""
    sandbox.faults.clear()
    sandbox.store.clear()
    sandbox.history.clear()
    seed(sandbox)
    host_credentials(sandbox)
    sandbox.advance(0)
