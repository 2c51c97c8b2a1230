"""Where a person comes in: the device code and the browser's authorisation page.

Nobody types a password here. Management plays the person: it approves device codes, and says who signs in.
"""

from __future__ import annotations

import html
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.entra import client, policies, principals, scopes
from provisioner.sandbox.entra.errors import SignInError
from provisioner.sandbox.entra.grants import AUTHORIZATION_CODE_SECONDS, hash_of
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.store import Document, Transaction

DEVICE_CODE_SECONDS = 900
POLL_SECONDS = 5
_USER_CODE_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


@behaviour(
    "Device code: nine characters, 15 minutes, poll every five seconds; the page to open is the sandbox's own",
    source="unverified numbers; flow graph.md 6.2 V: RUN",
    if_wrong="the person has more or less time than the message says",
)
def start_device_code(sandbox: Sandbox, tx: Transaction, form: Mapping[str, str]) -> dict[str, Any]:
    """``POST /devicecode``."""
    application = client.named_application(sandbox, tx, form.get("client_id", ""))
    scopes.parse_scopes(form.get("scope", ""))
    device_code = "B" + secrets.token_urlsafe(96)
    user_code = "".join(secrets.choice(_USER_CODE_ALPHABET) for _ in range(9))
    document = {
        "id": hash_of(device_code),
        "appId": application["appId"],
        "userCode": user_code,
        "scope": form["scope"],
        "expiresAt": sandbox.clock.now() + DEVICE_CODE_SECONDS,
        "userId": None,
        "declined": False,
    }
    tx.put("deviceCodes", document["id"], document)
    page = f"{sandbox.endpoints.get('login', 'https://localhost')}/devicelogin"
    return {
        "user_code": user_code,
        "device_code": device_code,
        "verification_uri": page,
        "expires_in": DEVICE_CODE_SECONDS,
        "interval": POLL_SECONDS,
        "message": f"To sign in, use a web browser to open the page {page} and enter the code {user_code} to"
        " authenticate.",
    }


def answer_device_code(
    sandbox: Sandbox, tx: Transaction, user_code: str, name: str | None, *, decline: bool = False
) -> None:
    """Play the person at the browser. LookupError for a code or person nobody knows."""
    code = next((each for each in tx.view("deviceCodes") if each["userCode"] == user_code.upper()), None)
    if code is None:
        raise LookupError(f"no device code {user_code!r} is waiting")
    if decline:
        tx.put("deviceCodes", code["id"], {**code, "declined": True})
        return
    user = principals.user(sandbox, tx, name or "")
    if user is None:
        raise LookupError(f"no such person: {name!r}")
    tx.put("deviceCodes", code["id"], {**code, "userId": user["id"]})


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where the browser is sent: in the query, or as a form that posts itself."""

    uri: str
    parameters: Mapping[str, str]
    form_post: bool

    @property
    def url(self) -> str:
        """The whole URL with the parameters in its query."""
        joint = "&" if urlsplit(self.uri).query else "?"
        return f"{self.uri}{joint}{urlencode(self.parameters)}"

    def page(self) -> str:
        """The page that posts the parameters."""
        fields = "".join(
            f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
            for name, value in self.parameters.items()
        )
        return (
            "<html><head><title>Sandbox sign-in</title></head><body onload='document.forms[0].submit()'>"
            f'<form method="post" action="{html.escape(self.uri)}">{fields}<button>Continue</button></form>'
            "</body></html>"
        )


@behaviour(
    "A redirect URI that is not registered: AADSTS50011 on a page, never a redirect; loopback redirects match with "
    "any port",
    source="unverified text; loopback rule known from the platform's documentation (M)",
    if_wrong="a browser sign-in works here that the tenant refuses",
)
def authorize(sandbox: Sandbox, tx: Transaction, query: Mapping[str, str]) -> Redirect | list[str]:
    """``GET /authorize``: the redirect, or the names to choose from when nobody said who signs in."""
    application = client.named_application(sandbox, tx, query.get("client_id", ""))
    redirect_uri = query.get("redirect_uri", "")
    if not _registered(application, redirect_uri):
        raise SignInError(
            400,
            "invalid_request",
            50011,
            f"The redirect URI '{redirect_uri}' specified in the request does not match the redirect URIs configured"
            f" for the application '{application['appId']}'.",
        )
    name = query.get("login_hint") or sandbox.settings.get("signInAs")
    if not name:
        return [each["userPrincipalName"] for each in tx.view("users") if each["accountEnabled"]]
    state = {"state": query["state"]} if "state" in query else {}
    form_post = query.get("response_mode") == "form_post"
    user = principals.user(sandbox, tx, name)
    if user is None:
        text = f"AADSTS50020: User account '{name}' does not exist in the tenant."
        refused = {"error": "access_denied", "error_description": text, **state}
        return Redirect(redirect_uri, refused, form_post)
    _check_admission(sandbox, tx, application, user)
    code = "1.A" + secrets.token_urlsafe(64)
    document = {
        "id": hash_of(code),
        "appId": application["appId"],
        "userId": user["id"],
        "redirectUri": redirect_uri,
        "scope": query.get("scope", ""),
        "nonce": query.get("nonce"),
        "codeChallenge": query.get("code_challenge"),
        "expiresAt": sandbox.clock.now() + AUTHORIZATION_CODE_SECONDS,
        "redeemed": False,
    }
    tx.put("authorizationCodes", document["id"], document)
    return Redirect(redirect_uri, {"code": code, **state, "session_state": sandbox.new_id()}, form_post)


@behaviour(
    "At the browser, who is not assigned ends on a page with AADSTS50105; no redirect, no code",
    source="unverified (public screenshots show the page)",
    if_wrong="a program that waits for the redirect waits for ever",
)
def _check_admission(sandbox: Sandbox, tx: Transaction, application: Document, user: Document) -> None:
    principal = principals.service_principal(tx, application["appId"])
    if principal is not None:
        policies.check_assignment(sandbox, tx, principal, user)


def _registered(application: Document, redirect_uri: str) -> bool:
    registered = [
        *application["publicClient"]["redirectUris"],
        *application["web"]["redirectUris"],
        *application["spa"]["redirectUris"],
    ]
    if redirect_uri in registered:
        return True
    asked = urlsplit(redirect_uri)
    if asked.scheme != "http" or asked.hostname not in ("localhost", "127.0.0.1"):
        return False
    return any(
        (known.scheme, known.hostname, known.path.rstrip("/")) == (asked.scheme, asked.hostname, asked.path.rstrip("/"))
        for known in map(urlsplit, application["publicClient"]["redirectUris"])
    )
