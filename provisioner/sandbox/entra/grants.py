"""The token endpoint's grant types."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.entra import client, issue, principals, scopes
from provisioner.sandbox.entra.errors import SignInError, invalid_grant, missing_parameter
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.store import Document, Transaction

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
REFRESH_TOKEN_SECONDS = 90 * 86400
AUTHORIZATION_CODE_SECONDS = 600

Form = Mapping[str, str]


def token(sandbox: Sandbox, tx: Transaction, form: Form, endpoint: str) -> dict[str, Any]:
    """The reply to one request at the token endpoint (its URL: ``endpoint``). Raises SignInError."""
    kind = form.get("grant_type")
    if not kind:
        raise missing_parameter("grant_type")
    handler = _HANDLERS.get(kind)
    if handler is None:
        text = f"The app requested an unsupported grant type '{kind}'."
        raise SignInError(400, "unsupported_grant_type", 70003, text, uri=False)
    application = client.named_application(sandbox, tx, form.get("client_id", ""))
    return handler(sandbox, tx, application, form, endpoint)


def _client_credentials(
    sandbox: Sandbox, tx: Transaction, application: Document, form: Form, endpoint: str
) -> dict[str, Any]:
    if not form.get("client_secret") and not form.get("client_assertion"):
        raise SignInError(
            401,
            "invalid_client",
            7000216,
            "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.",
        )
    strength = client.authenticate(sandbox, tx, application, form, endpoint)
    principal = client.own_service_principal(sandbox, tx, application)
    asked = scopes.parse_application_scope(form.get("scope", ""))
    issue.check_conditional_access(sandbox, application["appId"])
    return issue.application_token(sandbox, tx, principal, asked, strength=strength)


@behaviour(
    "Device code: authorization_pending 70016, declined, expired_token 70019, bad_verification_code 70018; a code "
    "works once",
    source="graph.md 3.3 V: ED; error names M, code of the decline unverified",
    if_wrong="the person's refusal is waited out",
)
def _device_code(sandbox: Sandbox, tx: Transaction, application: Document, form: Form, endpoint: str) -> dict[str, Any]:
    given = form.get("device_code") or form.get("code") or ""
    code = tx.get("deviceCodes", hash_of(given)) if given else None
    if code is None or code["appId"] != application["appId"]:
        text = "Incorrect verification code or the code was already used."
        raise SignInError(400, "bad_verification_code", 70018, text)
    if sandbox.clock.now() >= code["expiresAt"]:
        text = "The verification code has expired before the user entered it."
        raise SignInError(400, "expired_token", 70019, text)
    if code["declined"]:
        text = "The user declined to consent to access the app."
        raise SignInError(400, "authorization_declined", 65004, text)
    if code["userId"] is None:
        text = "OAuth 2.0 device flow error. Authorization is pending. Continue polling."
        raise SignInError(400, "authorization_pending", 70016, text)
    _as_public_or_confidential(sandbox, tx, application, form, endpoint)
    reply = _for_person(sandbox, tx, application, code["userId"], code["scope"], form)
    tx.delete("deviceCodes", code["id"])
    return reply


def _authorization_code(
    sandbox: Sandbox, tx: Transaction, application: Document, form: Form, endpoint: str
) -> dict[str, Any]:
    code = tx.get("authorizationCodes", hash_of(form.get("code", "")))
    if code is None or code["appId"] != application["appId"]:
        raise invalid_grant(70000, "The provided value for the 'code' parameter is not valid.")
    if code["redeemed"]:
        raise invalid_grant(
            54005, "OAuth2 Authorization code was already redeemed, please retry with a new valid code."
        )
    if sandbox.clock.now() >= code["expiresAt"]:
        raise invalid_grant(70008, "The provided authorization code or refresh token has expired.")
    if form.get("redirect_uri") != code["redirectUri"]:
        raise invalid_grant(
            50011, "The redirect URI specified in the request does not match the one of the authorization request."
        )
    _check_verifier(code, form.get("code_verifier", ""))
    _as_public_or_confidential(sandbox, tx, application, form, endpoint)
    reply = _for_person(
        sandbox, tx, application, code["userId"], form.get("scope") or code["scope"], form, nonce=code["nonce"]
    )
    tx.put("authorizationCodes", code["id"], {**code, "redeemed": True})
    return reply


def _check_verifier(code: Document, verifier: str) -> None:
    challenge = code["codeChallenge"]
    if challenge is None:
        return
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    if not secrets.compare_digest(digest, challenge):
        raise invalid_grant(
            501481, "The Code_Verifier does not match the code_challenge supplied in the authorization request."
        )


@behaviour(
    "A refresh token rests 90 days at most: then 400 invalid_grant AADSTS700082",
    source="graph.md 7 (codes V: ED/CI; 90 days M)",
    if_wrong="a dead sign-in is retried",
)
def _refresh_token(
    sandbox: Sandbox, tx: Transaction, application: Document, form: Form, endpoint: str
) -> dict[str, Any]:
    given = tx.get("refreshTokens", hash_of(form.get("refresh_token", "")))
    if given is None or given["appId"] != application["appId"]:
        raise invalid_grant(70000, "Provided grant is invalid or malformed.", suberror="bad_token")
    if sandbox.clock.now() >= given["usedAt"] + REFRESH_TOKEN_SECONDS:
        raise invalid_grant(
            700082,
            "The refresh token has expired due to inactivity. The token was inactive for 90.00:00:00.",
            suberror="bad_token",
        )
    _as_public_or_confidential(sandbox, tx, application, form, endpoint)
    asked = form.get("scope") or given["scope"]
    if "offline_access" not in asked.split():
        asked += " offline_access"
    return _for_person(sandbox, tx, application, given["userId"], asked, form)


@behaviour(
    "A public client must send no credential (AADSTS700025), a confidential one must (AADSTS7000218)",
    source="graph.md 3.3 V: ED; status M",
    if_wrong="a registration without public client flows works here only",
)
def _as_public_or_confidential(
    sandbox: Sandbox, tx: Transaction, application: Document, form: Form, endpoint: str
) -> None:
    sent = form.get("client_secret") or form.get("client_assertion")
    if application["isFallbackPublicClient"]:
        if sent:
            text = "Client is public so neither 'client_assertion' nor 'client_secret' should be presented."
            raise SignInError(401, "invalid_client", 700025, text)
        return
    client.authenticate(sandbox, tx, application, form, endpoint)


def _for_person(
    sandbox: Sandbox,
    tx: Transaction,
    application: Document,
    user_id: str,
    scope: str,
    form: Form,
    *,
    nonce: str | None = None,
) -> dict[str, Any]:
    user = tx.get("users", user_id)
    if user is None:
        raise invalid_grant(50034, "The user account does not exist in the directory.")
    wanted = scopes.parse_scopes(scope)
    principal = principals.service_principal(tx, application["appId"])
    if principal is None:
        principal = client.own_service_principal(sandbox, tx, application)
    reply = issue.user_token(
        sandbox, tx, principal, user, wanted, nonce=nonce, client_info=form.get("client_info") == "1"
    )
    if "offline_access" in wanted.openid:
        reply["refresh_token"] = _new_refresh_token(sandbox, tx, application, user_id, scope)
    return reply


def _new_refresh_token(sandbox: Sandbox, tx: Transaction, application: Document, user_id: str, scope: str) -> str:
    fresh = "1.A" + secrets.token_urlsafe(64)
    document = {
        "id": hash_of(fresh),
        "appId": application["appId"],
        "userId": user_id,
        "scope": scope,
        "usedAt": sandbox.clock.now(),
    }
    tx.put("refreshTokens", document["id"], document)
    return fresh


def hash_of(code: str) -> str:
    """The id under which a code or refresh token is kept: itself is never stored."""
    return hashlib.sha256(code.encode()).hexdigest()


_HANDLERS: dict[str, Callable[[Sandbox, Transaction, Document, Form, str], dict[str, Any]]] = {
    "client_credentials": _client_credentials,
    "authorization_code": _authorization_code,
    "refresh_token": _refresh_token,
    DEVICE_GRANT: _device_code,
    "device_code": _device_code,
}
