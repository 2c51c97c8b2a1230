"""A tenant in memory, as far as one onboarding asks: Graph behind a transport, Exchange as a driver, one virtual clock.

Small on purpose, and written from the references like the other doubles: what a real service does beyond this is the
sandbox's affair. It keeps a log of writes, can lag, and can answer any request with a fault.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
from graph_doubles import BASE, TENANT, Tokens, problem
from time_doubles import VirtualClock

from provisioner.errors import Absent, AlreadyThere, InputFault, Refused, SignInRefused
from provisioner.exchange import CmdletReply
from provisioner.graph import connect
from provisioner.home import Home
from provisioner.model.events import Event
from provisioner.model.faults import Fault
from provisioner.model.identifiers import AppId
from provisioner.model.observed import Caller
from provisioner.model.plan import Plan
from provisioner.model.secret import Secret
from provisioner.model.tenant import ExchangeDriver, Tenant
from provisioner.signin import Token
from provisioner.sinks import open_sink
from provisioner.workflows.ports import Ports, Session
from provisioner.workflows.requests import Request

SENDER, NEIGHBOUR = "cryptshare@contoso.example", "neighbour@contoso.example"
EXCHANGE_API = "00000002-0000-0ff1-ce00-000000000000"
SEND_AS_APP = "7146a1f0-8703-45b3-9eae-527a64c00995"
OPERATOR = Caller(
    "application", "operator", None, roles=frozenset({"Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All"})
)
Json = dict[str, Any]
Answer = tuple[int, Json | None]


def a_guid(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-{number:012x}"


@dataclass
class TenantDouble:
    """Everything of one tenant. `lag` hides what was written from reads for a while."""

    clock: VirtualClock = field(default_factory=VirtualClock)
    lag: timedelta = timedelta()
    grants_lag: timedelta = timedelta()
    applications: dict[str, Json] = field(default_factory=dict)
    principals: dict[str, Json] = field(default_factory=dict)
    grants: dict[str, Json] = field(default_factory=dict)
    deleted: dict[str, Json] = field(default_factory=dict)
    pointers: list[Json] = field(default_factory=list)
    rights: dict[str, list[Json]] = field(default_factory=dict)
    smtp_auth_disabled: dict[str, bool | None] = field(default_factory=dict)
    organisation_smtp_auth_disabled: bool = True
    secrets: dict[str, str] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    faults: list[tuple[str, Callable[[], Answer | Exception] | Exception]] = field(default_factory=list)
    """Beginning of `METHOD /path` or of a cmdlet, and what it gets instead, each once."""
    hooks: list[tuple[str, Callable[[], None]]] = field(default_factory=list)
    """Beginning of a write, and what happens in the tenant just before it, each once."""
    product_refusals: list[str] = field(default_factory=list)
    account_refusals: list[str] = field(default_factory=list)
    account_attempts: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    given: dict[str, str] = field(default_factory=dict)
    numbers: int = 100

    def __post_init__(self) -> None:
        self._put(
            self.principals,
            {
                "appId": EXCHANGE_API,
                "displayName": "Office 365 Exchange Online",
                "appRoles": [{"id": SEND_AS_APP, "value": "SMTP.SendAsApp", "isEnabled": True}],
                "oauth2PermissionScopes": [],
            },
            visible=True,
        )
        for mailbox in (SENDER, NEIGHBOUR):
            self_right = {"User": "NT AUTHORITY\\SELF", "UserSid": "S-1-5-10", "AccessRights": ("FullAccess",)}
            self.rights[mailbox] = [self_right]
            self.smtp_auth_disabled[mailbox] = None

    # what tests look at

    @property
    def application(self) -> Json:
        """The one application of ours."""
        (found,) = (each for each in self.applications.values() if each.get("uniqueName"))
        return found

    @property
    def principal(self) -> Json:
        """Its service principal."""
        (found,) = (each for each in self.principals.values() if each["appId"] == self.application["appId"])
        return found

    def state(self) -> str:
        """Everything a second run could spoil."""
        return json.dumps(
            [self.applications, self.principals, self.grants, self.pointers, self.rights, self.smtp_auth_disabled],
            sort_keys=True,
            default=str,
        )

    # Graph

    def handle(self, request: httpx.Request) -> httpx.Response:
        target = unquote(str(request.url).removeprefix(BASE))
        body = json.loads(request.content) if request.content else None
        if target == "/$batch":
            assert body is not None
            items = [self._item(each) for each in body["requests"]]
            return httpx.Response(200, json={"responses": items})
        status, answer = self._answer(request.method, target, body, dict(request.headers))
        return httpx.Response(status, json=answer) if answer is not None else httpx.Response(status)

    def _item(self, item: Json) -> Json:
        headers = {name.lower(): value for name, value in item.get("headers", {}).items()}
        status, answer = self._answer(item["method"], unquote(item["url"]), item.get("body"), headers)
        return {"id": item["id"], "status": status, "headers": {}, "body": answer}

    def _answer(self, method: str, target: str, body: Json | None, headers: Mapping[str, str]) -> Answer:
        line = f"{method} {target}"
        fault = self._fault(line)
        if fault is not None:
            answer = fault() if callable(fault) else fault
            if isinstance(answer, Exception):
                raise answer
            return answer
        if method != "GET":
            self._before(line)
            self.writes.append(line)
        path = target.partition("?")[0]
        for pattern, handler in self._routes():
            if found := re.fullmatch(pattern, f"{method} {path}"):
                return handler(*found.groups(), target, body, headers)
        raise AssertionError(f"nobody here answers {line}")

    def _routes(self) -> list[tuple[str, Callable[..., Answer]]]:
        key = r"\((\w+)='([^']*)'\)"
        return [
            ("GET /organization", self._organization),
            (f"GET /applications{key}", lambda *asked: self._found(self.applications, *asked[:2])),
            ("GET /applications", lambda *_: (200, {"value": list(self.applications.values())})),
            ("GET /applications/[^/]+/(?:owners|federatedIdentityCredentials)", lambda *_: (200, {"value": []})),
            ("GET /applications/([^/]+)", lambda *asked: self._found(self.applications, "id", asked[0])),
            (f"PATCH /applications{key}", self._upsert),
            ("PATCH /applications/([^/]+)", self._patch),
            ("DELETE /applications/([^/]+)", self._delete_application),
            ("POST /applications/([^/]+)/addPassword", self._add_password),
            ("POST /applications/([^/]+)/removePassword", self._remove_password),
            (f"GET /servicePrincipals{key}", lambda *asked: self._found(self.principals, *asked[:2])),
            ("POST /servicePrincipals", self._create_principal),
            ("DELETE /servicePrincipals/([^/]+)", self._delete_principal),
            ("GET /servicePrincipals/([^/]+)/appRoleAssignments", self._granted),
            ("POST /servicePrincipals/([^/]+)/appRoleAssignedTo", self._grant),
            ("DELETE /servicePrincipals/([^/]+)/appRoleAssignments/([^/]+)", self._revoke),
            ("GET /directory/deletedItems/(?:microsoft.)?graph.application", self._deleted_of("uniqueName")),
            (
                "GET /directory/deletedItems/(?:microsoft.)?graph.servicePrincipal",
                self._deleted_of("servicePrincipalType"),
            ),
            ("GET /oauth2PermissionGrants", lambda *_: (200, {"value": []})),
            ("GET /identity/conditionalAccess/policies", lambda *_: (200, {"value": []})),
            ("POST /directory/deletedItems/([^/]+)/restore", self._restore),
            ("DELETE /directory/deletedItems/([^/]+)", self._purge),
        ]

    def _organization(self, *_: Any) -> Answer:
        domains = [
            {"name": "contoso.example", "isDefault": True},
            {"name": "contoso.onmicrosoft.example", "isInitial": True},
        ]
        return 200, {"value": [{"id": TENANT.tenant_id, "displayName": "Contoso", "verifiedDomains": domains}]}

    def _found(self, collection: dict[str, Json], name: str, value: str, *_: Any) -> Answer:
        for each in collection.values():
            if str(each.get(name)).lower() == value.lower() and self._visible(each):
                return 200, each
        return _not_found(value)

    def _upsert(self, name: str, value: str, _: str, body: Json, headers: Mapping[str, str]) -> Answer:
        assert (name, headers.get("prefer")) == ("uniqueName", "create-if-missing")
        if any(each.get("uniqueName") == value for each in self.deleted.values()):
            return 400, _error("Request_BadRequest", "Another object with the same value for uniqueName is deleted")
        for each in self.applications.values():
            if each.get("uniqueName") == value:
                each.update(body)
                return 204, None
        made = {
            "uniqueName": value,
            "passwordCredentials": [],
            "requiredResourceAccess": [],
            "tags": [],
            **body,
            "appId": self._id(),
            "createdDateTime": self._now(),
        }
        return 201, self._put(self.applications, made)

    def _patch(self, identifier: str, _: str, body: Json, __: Any) -> Answer:
        if identifier not in self.applications:
            return _not_found(identifier)
        self.applications[identifier].update(body)
        return 204, None

    def _delete_application(self, identifier: str, *_: Any) -> Answer:
        gone = self.applications.pop(identifier, None)
        if gone is None:
            return _not_found(identifier)
        self.deleted[identifier] = gone
        for each in [each for each in self.principals.values() if each["appId"] == gone["appId"]]:
            self.deleted[each["id"]] = self.principals.pop(each["id"])
        return 204, None

    def _add_password(self, identifier: str, _: str, body: Json, __: Any) -> Answer:
        if not self._visible(self.applications.get(identifier)):
            return _not_found(identifier)
        number = len(self.secrets) + 1
        text = f"k{number}~planted-secret-of-the-product-{number}"
        key = {
            **body["passwordCredential"],
            "keyId": self._id(),
            "hint": text[:3],
            "startDateTime": self._now(),
        }
        self.secrets[key["keyId"]] = text
        self.applications[identifier]["passwordCredentials"].append(key)
        return 200, {**key, "secretText": text}

    def _remove_password(self, identifier: str, _: str, body: Json, __: Any) -> Answer:
        keys = self.applications[identifier]["passwordCredentials"]
        self.applications[identifier]["passwordCredentials"] = [each for each in keys if each["keyId"] != body["keyId"]]
        return 204, None

    def _create_principal(self, _: str, body: Json, __: Any) -> Answer:
        owner = next((each for each in self.applications.values() if each["appId"] == body["appId"]), None)
        if not self._visible(owner):
            text = (
                f"The appId '{body['appId']}' of the service principal does not reference a valid application object."
            )
            return 400, _error("Request_BadRequest", text, "NoBackingApplicationObject")
        assert owner is not None
        if any(each["appId"] == body["appId"] for each in self.principals.values()):
            return 409, _error(
                "Request_MultipleObjectsWithSameKeyValue", "The service principal name is already in use."
            )
        made = {"servicePrincipalType": "Application", "displayName": owner["displayName"], **body}
        return 201, self._put(self.principals, made)

    def _delete_principal(self, identifier: str, *_: Any) -> Answer:
        gone = self.principals.pop(identifier, None)
        if gone is None:
            return _not_found(identifier)
        self.deleted[identifier] = gone
        return 204, None

    def _granted(self, principal: str, *_: Any) -> Answer:
        if not self._visible(self.principals.get(principal)):
            return _not_found(principal)
        lag = max(self.lag, self.grants_lag)
        held = [each for each in self.grants.values() if each["principalId"] == principal and self._visible(each, lag)]
        return 200, {"value": held}

    def _grant(self, resource: str, _: str, body: Json, __: Any) -> Answer:
        assert resource == body["resourceId"]
        if not self._visible(self.principals.get(body["principalId"])):
            return 400, _error("Request_BadRequest", "Not a valid reference update")
        keys = ("principalId", "resourceId", "appRoleId")
        if any(all(each[key] == body[key] for key in keys) for each in self.grants.values()):
            return 400, _error("Request_BadRequest", "Permission being assigned already exists on the object")
        return 201, self._put(self.grants, dict(body))

    def _revoke(self, _: str, identifier: str, *__: Any) -> Answer:
        return (204, None) if self.grants.pop(identifier, None) else _not_found(identifier)

    def _deleted_of(self, mark: str) -> Callable[..., Answer]:
        return lambda *_: (200, {"value": [each for each in self.deleted.values() if mark in each]})

    def _restore(self, identifier: str, *_: Any) -> Answer:
        if identifier not in self.deleted:
            return _not_found(identifier)
        self.applications[identifier] = self.deleted.pop(identifier)
        return 200, {"id": identifier}

    def _purge(self, identifier: str, *_: Any) -> Answer:
        return (204, None) if self.deleted.pop(identifier, None) else _not_found(identifier)

    def _put(self, collection: dict[str, Json], document: Json, *, visible: bool = False) -> Json:
        made = {
            "id": self._id(),
            **document,
            "_made": (self.clock.now() - timedelta(days=1 if visible else 0)).isoformat(),
        }
        collection[made["id"]] = made
        return made

    def _visible(self, document: Json | None, lag: timedelta | None = None) -> bool:
        if document is None:
            return False
        return self.clock.now() - datetime.fromisoformat(document["_made"]) >= (self.lag if lag is None else lag)

    def _id(self) -> str:
        self.numbers += 1
        return a_guid(self.numbers)

    def _now(self) -> str:
        return self.clock.now().astimezone(UTC).isoformat().replace("+00:00", "Z")

    def _fault(self, line: str) -> Any:
        for number, (beginning, fault) in enumerate(self.faults):
            if line.startswith(beginning):
                del self.faults[number]
                return fault
        return None

    def _before(self, line: str) -> None:
        for number, (beginning, hook) in enumerate(self.hooks):
            if line.startswith(beginning):
                del self.hooks[number]
                hook()
                return

    # Exchange

    async def run(self, cmdlet: str, parameters: Mapping[str, Any]) -> CmdletReply:
        await asyncio.sleep(0)
        fault = self._fault(cmdlet)
        if fault is not None:
            raise fault if isinstance(fault, Exception) else AssertionError("Exchange's faults are exceptions")
        if not cmdlet.startswith(("Get-", "Test-")):
            self._before(cmdlet)
            self.writes.append(" ".join([cmdlet, *(f"{name}={parameters[name]}" for name in sorted(parameters))]))
        return CmdletReply(tuple(getattr(self, f"_{cmdlet.lower().replace('-', '_')}")(parameters) or ()), ())

    def _get_serviceprincipal(self, _: Mapping[str, Any]) -> list[Json]:
        return self.pointers  # all of them, as the real one does where the identity is unknown

    def _new_serviceprincipal(self, given: Mapping[str, Any]) -> list[Json]:
        if any(each["AppId"] == given["AppId"] for each in self.pointers):
            raise AlreadyThere(Fault("exchange", "New-ServicePrincipal", 400, "", "it already exists"))
        made = {**given, "Identity": self._id(), "Sid": f"S-1-5-21-{self.numbers}"}
        self.pointers.append(made)
        return [made]

    def _remove_serviceprincipal(self, given: Mapping[str, Any]) -> None:
        self.pointers = [each for each in self.pointers if each["Identity"] != given["Identity"]]

    def _get_recipient(self, given: Mapping[str, Any]) -> list[Json]:
        self._mailbox(given)
        shown = {"RecipientTypeDetails": "UserMailbox", "SKUAssigned": True}
        return [{**shown, "PrimarySmtpAddress": given["Identity"]}]

    def _get_mailboxpermission(self, given: Mapping[str, Any]) -> list[Json]:
        return self._mailbox(given)

    def _add_mailboxpermission(self, given: Mapping[str, Any]) -> None:
        pointer = self._pointer(given)
        entry = {"User": pointer["Sid"], "UserSid": pointer["Sid"], "AccessRights": given["AccessRights"]}
        if entry not in self._mailbox(given):
            self._mailbox(given).append(entry)

    def _remove_mailboxpermission(self, given: Mapping[str, Any]) -> None:
        sid = self._pointer(given)["Sid"]
        self.rights[given["Identity"]] = [each for each in self._mailbox(given) if each["UserSid"] != sid]

    def _get_casmailbox(self, given: Mapping[str, Any]) -> list[Json]:
        self._mailbox(given)
        return [{"SmtpClientAuthenticationDisabled": self.smtp_auth_disabled[given["Identity"]]}]

    def _set_casmailbox(self, given: Mapping[str, Any]) -> None:
        self.smtp_auth_disabled[given["Identity"]] = given["SmtpClientAuthenticationDisabled"]

    def _get_transportconfig(self, _: Mapping[str, Any]) -> list[Json]:
        return [{"SmtpClientAuthenticationDisabled": self.organisation_smtp_auth_disabled}]

    def _mailbox(self, given: Mapping[str, Any]) -> list[Json]:
        if given["Identity"] not in self.rights:
            raise Absent(
                Fault("exchange", "Get-Mailbox", 404, "NotFound", f"object '{given['Identity']}' couldn't be found")
            )
        return self.rights[given["Identity"]]

    def _pointer(self, given: Mapping[str, Any]) -> Json:
        for each in self.pointers:
            if given["User"] in (each["Identity"], each["ObjectId"]):
                return each
        raise Absent(Fault("exchange", "Add-MailboxPermission", 404, "NotFound", "the user couldn't be found"))

    @property
    def name(self) -> ExchangeDriver:
        return ExchangeDriver.REST

    @property
    def undocumented(self) -> bool:
        return True

    async def close(self) -> None:
        """Nothing is open."""

    # the product's own sign-in

    async def product_sign_in(self, tenant: Tenant, app_id: AppId, secret: Secret, audience: str) -> Token:
        if self.product_refusals:
            code = self.product_refusals.pop(0)
            raise SignInRefused(Fault("signin", "POST /token", 401, code, f"{code}: Invalid client secret provided."))
        (owner,) = (each for each in self.applications.values() if each["appId"] == app_id)
        texts = [self.secrets[each["keyId"]] for each in owner["passwordCredentials"] if each["keyId"] in self.secrets]
        assert any(secret.same_as(Secret(text)) for text in texts), "a secret that opens nothing"
        return Token(Secret("token"), self.clock.now() + timedelta(hours=1), None)

    async def account_sign_in(
        self,
        tenant: Tenant,
        app_id: AppId,
        secret: Secret | None,
        account: str,
        password: Secret,
        scopes: tuple[str, ...],
    ) -> Token:
        """Every attempt is noted; the answer is planned."""
        self.account_attempts.append((account, scopes))
        if self.account_refusals:
            code = self.account_refusals.pop(0)
            raise SignInRefused(Fault("signin", "POST /token", 400, code, f"{code}: Entra's own words"))
        return Token(Secret("account-token"), self.clock.now() + timedelta(hours=1), None)

    async def read_secret(self, reference: str, what: str) -> Secret:
        """Environment variables only, planned ones."""
        name = reference.removeprefix("env:")
        if name not in self.given:
            raise InputFault(f"{reference}: there is no environment variable of that name")
        return Secret(self.given[name])

    # ports

    def ports(
        self,
        home: Home,
        agree: Callable[[Plan], bool] = lambda plan: True,
        *,
        caller: Caller = OPERATOR,
        exchange: bool = True,
    ) -> Ports:
        """What workflows are lent."""

        @asynccontextmanager
        async def session(tenant: Tenant) -> AsyncIterator[Session]:
            tokens = Tokens()
            transport = httpx.MockTransport(self.handle)
            async with connect(
                tenant, tokens, clock=self.clock, events=self.events.append, transport=transport
            ) as graph:
                yield Session(tenant, tokens, caller, graph, self if exchange else None, self.clock)

        async def asked(plan: Plan) -> bool:
            return agree(plan)

        return Ports(
            home=home,
            events=self.events.append,
            connect=session,
            open_sink=lambda reference: open_sink(reference, home.root, None),  # type: ignore[arg-type]
            product_sign_in=self.product_sign_in,
            account_sign_in=self.account_sign_in,
            read_secret=self.read_secret,
            agree=asked,
        )


def a_request(**more: Any) -> Request:
    """Cryptshare Server for the tenant double."""
    text = (Path(__file__).parents[3] / "playbooks" / "cryptshare" / "server.yaml").read_text(encoding="utf-8")
    given: dict[str, Any] = {
        "tenant": TENANT,
        "playbook_text": text,
        "playbook_file": "cryptshare/server.yaml",
        "variant": "guide",
        "instance": "default",
        "parameters": (("sender_mailbox", SENDER),),
        "sink": "age",
    }
    return Request(**{**given, **more})


def forbidden(who: str = "Exchange Administrator") -> Refused:
    return Refused(Fault("exchange", "Get-x", 403, "Forbidden", "access is denied"), who_can=(who,))


def gateway() -> Answer:
    return 504, _error("UnknownError", "gateway")


def refused() -> Answer:
    return 403, _error("Authorization_RequestDenied", "Insufficient privileges to complete the operation.")


def _not_found(what: str) -> Answer:
    text = f"Resource '{what}' does not exist or one of its queried reference-property objects are not present."
    return 404, _error("Request_ResourceNotFound", text)


def _error(code: str, message: str, detail: str | None = None) -> Json:
    found: Json = problem(400, code, message, detail=detail).json()
    return found
