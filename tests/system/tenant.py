"""The simulated tenant as an examiner sees it: in the words of the golden files, changed by an administrator's hand.

Nothing here uses the client: an administrator's hand is plain HTTP with the operator's own credentials.
"""

from __future__ import annotations

import json
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote, urlencode

from tests.golden.patterns import faults, fill
from tests.system.support import NEIGHBOUR, SENDER, Sandbox

State: TypeAlias = dict[str, list[dict[str, Any]]]

GRAPH = "https://graph.microsoft.com"
EXCHANGE = "https://outlook.office365.com"
ATTEMPTS = 4
BUSY = (429, 500, 502, 503, 504)
SALES = "sales@contoso.example"

FOREIGN = json.loads((Path(__file__).parents[1] / "data" / "foreign.json").read_text())
GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "cryptshare-server.guide.json").read_text())
GOLDEN_HANDOVER = json.loads((Path(__file__).parents[1] / "golden" / "cryptshare-server.handover.json").read_text())

UNIQUE_NAME = "provisioner-cryptshare-server-default-main"
"""How the application of `cryptshare/server`, instance `default`, is known."""

GIVEN = {"sender": SENDER, "person": NEIGHBOUR, "otherMailbox": SALES}
"""What tests/data/foreign.json asks for."""

_CLIENT_ACCESS = ("activeSyncEnabled", "ewsEnabled", "imapEnabled", "mapiEnabled", "owaEnabled", "popEnabled")
_VARIES = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|S-1-5-21(?:-\d+)+|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z"
    r"|(?<=/)[0-9a-f]{16}\b"
)


class Answer(AssertionError):
    """A refusal of a service, where a test's own request must succeed."""

    def __init__(self, status: int, body: str, operation: str) -> None:
        super().__init__(f"{operation}: {status} {body}")
        self.status = status


def in_golden_words(state: State) -> State:
    """The state with Exchange's objects as its cmdlets print them; collections of Entra as they are."""
    mailboxes = {each["id"]: each for each in state["mailboxes"]}
    switches = {each["id"]: each for each in state["casMailboxes"]}
    return {
        **state,
        "deletedItems": [each["entity"] for each in state.get("deletedItems", [])],
        "mailboxes": [
            {**_pascal(each), "Guid": each["id"], "Id": each["name"], "Identity": each["name"]}
            for each in state["mailboxes"]
        ],
        "exchangeServicePrincipals": [
            {**_pascal(each), "Identity": each["id"], "Guid": each["id"], "Name": each["id"]}
            for each in state["exchangeServicePrincipals"]
        ],
        "mailboxPermissions": [
            {
                "Identity": mailboxes[each["mailbox"]]["name"],
                "User": each["user"],
                "UserSid": each["sid"],
                "AccessRights": each["accessRights"],
                "Deny": each["deny"],
                "IsInherited": False,
                "InheritanceType": each["inheritanceType"],
                "AutoMapping": each["autoMapping"],
            }
            for each in state["mailboxPermissions"]
        ],
        "casMailboxes": [
            {
                "Guid": each["id"],
                "Identity": each["name"],
                "Id": each["name"],
                "PrimarySmtpAddress": each["primarySmtpAddress"],
                **{name: switches.get(each["id"], {}).get(name, True) for name in _CLIENT_ACCESS},
                "SmtpClientAuthenticationDisabled": switches.get(each["id"], {}).get(
                    "smtpClientAuthenticationDisabled"
                ),
            }
            for each in state["mailboxes"]
        ],
    }


def normalised(before: State, after: State) -> str:
    """What came since `before`, one JSON text: ids, Sids, instants and intents numbered by first appearance."""
    known = set(_VARIES.findall(json.dumps(before)))
    new = {
        name: sorted((each for each in documents if each not in before.get(name, [])), key=_without_variables)
        for name, documents in sorted(after.items())
    }
    gone = {
        name: [each for each in documents if each not in after.get(name, [])]
        for name, documents in sorted(before.items())
    }
    for assignment in new.get("appRoleAssignments", []):
        assignment["id"] = "<assignment>"
    for principal in new.get("exchangeServicePrincipals", []):
        principal["whenCreated"] = "<instant>"
    for application in new.get("applications", []):
        for each in application["passwordCredentials"]:
            each["hint"] = "<hint>"
    names: dict[str, str] = {}

    def name_of(match: re.Match[str]) -> str:
        text = match.group()
        if text in known:
            return text
        return "<instant>" if text[10:11] == "T" else names.setdefault(text, f"<{len(names) + 1}>")

    return _VARIES.sub(name_of, json.dumps({"new": new, "gone": gone}, indent=1, sort_keys=True))


def _without_variables(document: Mapping[str, Any]) -> str:
    return _VARIES.sub("", json.dumps(document, sort_keys=True))


def _pascal(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name[0].upper() + name[1:]: value for name, value in document.items()}


class Administrator:
    """An administrator of the tenant at work with other tools than ours: plain requests, app-only, all rights."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._endpoints = sandbox.endpoints
        self._tls = ssl.create_default_context(cafile=self._endpoints["caFile"])
        self._tokens: dict[str, str] = {}

    def graph(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """One Graph request; path relative to the version. Raises Answer."""
        address = self._endpoints["graph"] + quote(path, safe="/?&=$(),'%:")
        return self._send(method, address, body, {**self._bearer(GRAPH), **(headers or {})})

    def cmdlet(self, name: str, **parameters: Any) -> list[dict[str, Any]]:
        """One Exchange cmdlet with typed parameters; the printed objects. Raises Answer."""
        tenant = self._endpoints["tenantId"]
        headers = {
            **self._bearer(EXCHANGE),
            "X-AnchorMailbox": f"APP:SystemMailbox{{bb558c35-97f1-4cb9-8ff7-d53741dc928c}}@{tenant}",
        }
        answer = self._send(
            "POST",
            f"{self._endpoints['exchange']}/adminapi/beta/{tenant}/InvokeCommand",
            {"CmdletInput": {"CmdletName": name, "Parameters": parameters}},
            headers,
        )
        return list(answer["value"])

    def token(self, client_id: str, secret: str, resource: str) -> dict[str, Any]:
        """A sign-in with client credentials: the token endpoint's own answer. Raises Answer."""
        return self._token(client_id, secret, {"grant_type": "client_credentials", "scope": f"{resource}/.default"})

    def token_of(self, client_id: str, secret: str, account: str, password: str, scope: str) -> dict[str, Any]:
        """A sign-in as an account, with its password. Raises Answer."""
        form = {"grant_type": "password", "username": account, "password": password, "scope": scope}
        return self._token(client_id, secret, form)

    def _token(self, client_id: str, secret: str, grant: Mapping[str, str]) -> dict[str, Any]:
        form = {"client_id": client_id, "client_secret": secret, **grant}
        address = f"{self._endpoints['login']}/{self._endpoints['tenantId']}/oauth2/v2.0/token"
        request = urllib.request.Request(address, urlencode(form).encode(), method="POST")
        for _ in range(ATTEMPTS - 1):  # a hostile tenant's own moods are not what is tested by asking
            try:
                return self._open(request)
            except Answer as answer:
                if answer.status not in BUSY:
                    raise
        return self._open(request)

    def _bearer(self, resource: str) -> dict[str, str]:
        if resource not in self._tokens:
            caller = self._endpoints["callers"]["operator-secret"]
            secret = Path(caller["secretFile"]).read_text()
            self._tokens[resource] = self.token(caller["clientId"], secret, resource)["access_token"]
        return {"Authorization": f"Bearer {self._tokens[resource]}"}

    def _send(
        self, method: str, address: str, body: Mapping[str, Any] | None, headers: Mapping[str, str]
    ) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        wanted = {"Content-Type": "application/json", **headers}
        return self._open(urllib.request.Request(address, data, wanted, method=method))

    def _open(self, request: urllib.request.Request) -> dict[str, Any]:
        handlers = (urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self._tls))
        opener = urllib.request.build_opener(*handlers)
        try:
            with opener.open(request, timeout=30) as reply:
                text = reply.read()
        except urllib.error.HTTPError as error:
            with error:
                raise Answer(error.code, error.read().decode(), f"{request.method} {request.full_url}") from None
        answer: dict[str, Any] = json.loads(text) if text else {}
        return answer


class Planter:
    """Plants the things of tests/data/foreign.json, and looks whether they are still there."""

    def __init__(self, sandbox: Sandbox, bindings: Mapping[str, Any] | None = None) -> None:
        self._hand = Administrator(sandbox)
        self.bindings: dict[str, Any] = {**(bindings or {}), "given": GIVEN}

    def plant(self, things: Iterable[Mapping[str, Any]]) -> None:
        """Carry out the requests of each thing, in order."""
        for thing in things:
            for request in thing["plant"]:
                reply = self._carry_out(request)
                if "capture" in request:
                    self.bindings[request["capture"]] = reply[0] if isinstance(reply, list) else reply

    def faults(self, things: Iterable[Mapping[str, Any]]) -> list[str]:
        """What is no longer as it was planted, one line each."""
        lines = []
        for thing in things:
            for look in thing["still"]:
                try:
                    answer = self._carry_out(look)
                except Answer as gone:
                    lines.append(f"{thing['id']}: {gone}")
                    continue
                wanted = fill(look["is"], self.bindings)
                lines += [f"{thing['id']}: {each}" for each in faults(wanted, answer, self.bindings, look["protocol"])]
        return lines

    def _carry_out(self, request: Mapping[str, Any]) -> Any:
        if request["protocol"] == "exchange":
            return self._hand.cmdlet(request["cmdlet"], **fill(request["parameters"], self.bindings))
        body = fill(request["body"], self.bindings) if "body" in request else None
        return self._hand.graph(request["method"], fill(request["path"], self.bindings), body, request.get("headers"))


def our_application(state: State) -> dict[str, Any]:
    """The one living application of this playbook's default instance."""
    return only([each for each in state["applications"] if each["uniqueName"] == UNIQUE_NAME])


def stored_secrets(home: Path) -> dict[str, str]:
    """What the age sink of a home holds, by key id: decrypted with its identity, without any code of ours."""
    from pyrage import decrypt, x25519

    lines = (home / "age" / "identity").read_text().splitlines()
    identities = [x25519.Identity.from_str(each) for each in lines if each.startswith("AGE-SECRET-KEY-")]
    return {
        key_id: decrypt(sealed.encode(), identities).decode()
        for file in (home / "secrets").glob("*/*.json")
        for key_id, sealed in json.loads(file.read_text())["values"].items()
    }


def only(documents: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The one document there must be."""
    assert len(documents) == 1, [each.get("displayName") for each in documents]
    return documents[0]
