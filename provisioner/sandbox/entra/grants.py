"""The token endpoint's grant types."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from provisioner.sandbox import first_party
from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.entra import client, issue, passwords, policies, principals, scopes
from provisioner.sandbox.entra.errors import SignInError, invalid_grant, missing_parameter
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.store import Document, Transaction

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
REFRESH_TOKEN_SECONDS = 90 * 86400
AUTHORIZATION_CODE_SECONDS = 600

Form = Mapping[str, str]
Platform = Literal["web", "spa", "public"]


@dataclass(frozen=True, slots=True)
class Entry:
    """How a person came in: the way, over a redirect of which platform, and when first (None: just now)."""

    way: policies.Way
    platform: Platform | None = None
    nonce: str | None = None
    signed_in_at: float | None = None


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
    policies.check_workload(tx, principal, scopes.resource_principal(sandbox, tx, asked)["appId"])
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
    reply = _for_person(sandbox, tx, application, _user(tx, code["userId"]), code["scope"], form, Entry("device"))
    tx.delete("deviceCodes", code["id"])
    return reply


@behaviour(
    "User name and password: a confidential client proves itself too; an unknown person is AADSTS50034. A second "
    "factor cannot be asked for, so it is refused",
    source="graph.md 3.3 V: ED (codes); the order of the checks unverified",
    if_wrong="a missing secret is taken for a wrong password, or the other way round",
)
def _password(sandbox: Sandbox, tx: Transaction, application: Document, form: Form, endpoint: str) -> dict[str, Any]:
    for name in ("username", "password"):
        if not form.get(name):
            raise missing_parameter(name)
    _as_public_or_confidential(sandbox, tx, application, form, endpoint)
    name = form["username"]
    user = next((each for each in tx.view("users") if each["userPrincipalName"].lower() == name.lower()), None)
    if user is None:
        raise invalid_grant(
            50034,
            f"The user account {name} does not exist in the {sandbox.tenant_id} directory. To sign into this"
            " application, the account must be added to the directory.",
        )
    passwords.check_password(sandbox, tx, user, form["password"])
    return _for_person(sandbox, tx, application, user, form.get("scope", ""), form, Entry("password"))


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
    platform = _platform(application, code["redirectUri"])
    if platform == "spa" and code["codeChallenge"] is None:
        text = "Proof Key for Code Exchange is required for cross-origin authorization code redemption."
        raise SignInError(400, "invalid_request", 9002325, text)
    _as_public_or_confidential(sandbox, tx, application, form, endpoint, platform)
    scope = form.get("scope") or code["scope"]
    entry = Entry("browser", platform=platform, nonce=code["nonce"])
    reply = _for_person(sandbox, tx, application, _user(tx, code["userId"]), scope, form, entry)
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
    "A refresh token rests 90 days at most: then 400 invalid_grant AADSTS700082; it dies with the person's password: "
    "AADSTS50173",
    source="graph.md 7 (codes V: ED/CI; 90 days M); 50173 field-notes.md 4, 5",
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
    platform: Platform | None = given.get("platform")
    _as_public_or_confidential(sandbox, tx, application, form, endpoint, platform)
    user = _user(tx, given["userId"])
    if passwords.changed_at(tx, user) > given["usedAt"]:
        raise invalid_grant(
            50173,
            "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have"
            " changed or reset their password.",
            suberror="bad_token",
        )
    asked = form.get("scope") or given["scope"]
    if "offline_access" not in asked.split():
        asked += " offline_access"
    entry = Entry("refresh", platform=platform, signed_in_at=given.get("signedInAt", given["usedAt"]))
    return _for_person(sandbox, tx, application, user, asked, form, entry)


def _platform(application: Document, redirect_uri: str) -> Platform:
    if redirect_uri in application["web"]["redirectUris"]:
        return "web"
    return "spa" if redirect_uri in application["spa"]["redirectUris"] else "public"


@behaviour(
    "A public client must send no credential (AADSTS700025), a confidential one must (AADSTS7000218). Where a redirect "
    "is used, its platform decides, web being confidential; else the registration's public client flag",
    source="graph.md 3.3 V: ED; status M; a web redirect of a public client: unverified",
    if_wrong="a registration without public client flows works here only",
)
def _as_public_or_confidential(
    sandbox: Sandbox,
    tx: Transaction,
    application: Document,
    form: Form,
    endpoint: str,
    platform: Platform | None = None,
) -> None:
    sent = form.get("client_secret") or form.get("client_assertion")
    if application["isFallbackPublicClient"] if platform is None else platform != "web":
        if sent:
            text = "Client is public so neither 'client_assertion' nor 'client_secret' should be presented."
            raise SignInError(401, "invalid_client", 700025, text)
        return
    client.authenticate(sandbox, tx, application, form, endpoint)


def _user(tx: Transaction, user_id: str) -> Document:
    user = tx.get("users", user_id)
    if user is None:
        raise invalid_grant(50034, "The user account does not exist in the directory.")
    return user


def _for_person(
    sandbox: Sandbox,
    tx: Transaction,
    application: Document,
    user: Document,
    scope: str,
    form: Form,
    entry: Entry,
) -> dict[str, Any]:
    wanted = scopes.parse_scopes(scope)
    principal = principals.service_principal(tx, application["appId"])
    principal = principal or first_party.client_principal(application["appId"])
    if principal is None:
        principal = client.own_service_principal(sandbox, tx, application)
    signed_in_at = sandbox.clock.now() if entry.signed_in_at is None else entry.signed_in_at
    issue.check_person(sandbox, user)
    policies.check_assignment(sandbox, tx, principal, user)
    policies.check_security_defaults(tx, entry.way)
    resource = scopes.resource_principal(sandbox, tx, wanted.resource)
    policies.check_conditional_access(sandbox, tx, user, resource["appId"], entry.way, signed_in_at)
    reply = issue.user_token(
        sandbox, tx, principal, user, wanted, nonce=entry.nonce, client_info=form.get("client_info") == "1"
    )
    if "offline_access" in wanted.openid:
        fresh = "1.A" + secrets.token_urlsafe(64)
        document = {
            "id": hash_of(fresh),
            "appId": application["appId"],
            "userId": user["id"],
            "scope": scope,
            "usedAt": sandbox.clock.now(),
            "signedInAt": signed_in_at,
            "platform": entry.platform,
        }
        tx.put("refreshTokens", document["id"], document)
        reply["refresh_token"] = fresh
    return reply


def hash_of(code: str) -> str:
    """The id under which a code or refresh token is kept: itself is never stored."""
    return hashlib.sha256(code.encode()).hexdigest()


_HANDLERS: dict[str, Callable[[Sandbox, Transaction, Document, Form, str], dict[str, Any]]] = {
    "client_credentials": _client_credentials,
    "password": _password,
    "authorization_code": _authorization_code,
    "refresh_token": _refresh_token,
    DEVICE_GRANT: _device_code,
    "device_code": _device_code,
}
