"""What tokens say: rights as the token service knows them at this moment, frozen from then on."""

from __future__ import annotations

import base64
import json
import time
import uuid
from typing import Any

from provisioner.sandbox import first_party
from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.entra import principals
from provisioner.sandbox.entra.errors import SignInError, invalid_grant
from provisioner.sandbox.entra.scopes import DEFAULT, OPENID, Wanted, resource_principal
from provisioner.sandbox.first_party import EXCHANGE_ONLINE, MICROSOFT_GRAPH, MICROSOFT_TENANT
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.store import Document, Transaction

LIFETIME = 3599  # seconds
_MAIL_PROTOCOL_SCOPES = frozenset(
    ("EWS.AccessAsUser.All", "IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send")
)


@behaviour(
    "Client credentials never fail for want of consent: a token without roles is issued",
    source="field-notes.md 1.5 FE",
    if_wrong="a missing grant is looked for at sign-in instead of at the API",
)
@behaviour(
    "roles are what the token service has heard of so far, and stay as they were issued",
    source="graph.md 3.1; field-notes.md 6",
    if_wrong="a token older than the grant is taken for a missing grant",
)
def application_token(
    sandbox: Sandbox, tx: Transaction, client: Document, asked: str, *, strength: str
) -> dict[str, Any]:
    """The token endpoint's reply for an application. ``strength``: its appidacr."""
    target = resource_principal(sandbox, tx, asked)
    values = {role["id"]: role["value"] for role in target["appRoles"]}
    moment = sandbox.sign_in_as_of("consent", client["id"])
    roles = [
        values[each["appRoleId"]]
        for each in tx.view("appRoleAssignments", as_of=moment)
        if each["principalId"] == client["id"] and each["resourceId"] == target["id"] and each["appRoleId"] in values
    ]
    payload = {
        **_common(sandbox, asked, client),
        "appidacr": strength,
        "idtyp": "app",
        "oid": client["id"],
        "sub": client["id"],
        "wids": [*principals.role_templates(tx, client["id"], as_of=moment), "0997a1d0-0d1d-4acb-b408-d5ca73121e90"],
    }
    if roles:
        payload["roles"] = roles
    token = sandbox.tokens.sign(payload, seconds=LIFETIME)
    return {"token_type": "Bearer", "expires_in": LIFETIME, "ext_expires_in": LIFETIME, "access_token": token}


def user_token(
    sandbox: Sandbox,
    tx: Transaction,
    client: Document,
    user: Document,
    wanted: Wanted,
    *,
    nonce: str | None = None,
    client_info: bool = False,
) -> dict[str, Any]:
    """The token endpoint's reply for a person, without refresh token."""
    check_person(sandbox, user)
    scopes = _consented(sandbox, tx, client, user, wanted)
    seen = sandbox.sign_in_as_of("consent", user["id"])
    payload = {
        **_common(sandbox, wanted.resource, client),
        "appidacr": "0",
        "idtyp": "user",
        "name": user["displayName"],
        "oid": user["id"],
        "scp": " ".join(scopes),
        "sub": user["id"],
        "unique_name": user["userPrincipalName"],
        "upn": user["userPrincipalName"],
        "wids": [*principals.role_templates(tx, user["id"], as_of=seen), principals.DEFAULT_USER_ROLE],
    }
    reply: dict[str, Any] = {
        "token_type": "Bearer",
        "scope": " ".join([*sorted(wanted.openid), *(f"{wanted.resource}/{name}" for name in scopes)]),
        "expires_in": LIFETIME,
        "ext_expires_in": LIFETIME,
        "access_token": sandbox.tokens.sign(payload, seconds=LIFETIME),
    }
    if "openid" in wanted.openid:
        reply["id_token"] = _id_token(sandbox, client, user, nonce)
    if client_info:
        info = json.dumps({"uid": user["id"], "utid": sandbox.tenant_id}).encode()
        reply["client_info"] = base64.urlsafe_b64encode(info).rstrip(b"=").decode()
    return reply


@behaviour(
    "Management demands MFA: AADSTS50076 (settings mfaRequired); blocks by conditional access: AADSTS53003 (settings "
    "conditionalAccessBlocks: true, or names and application ids)",
    source="graph.md 3.3 V: ED; OAuth error names M",
    if_wrong="not allowed from here is taken for a wrong credential",
)
def check_person(sandbox: Sandbox, user: Document) -> None:
    """SignInError when the person may not sign in as things stand."""
    if not user["accountEnabled"]:
        raise invalid_grant(50057, "The user account is disabled.")
    if sandbox.settings.get("mfaRequired", False):
        raise SignInError(
            400,
            "interaction_required",
            50076,
            "Due to a configuration change made by your administrator, or because you moved to a new location, you must"
            " use multi-factor authentication to access the resource.",
            suberror="basic_action",
        )
    check_conditional_access(sandbox, user["userPrincipalName"])


def check_conditional_access(sandbox: Sandbox, name: str) -> None:
    """SignInError when management blocks this person or application id."""
    blocked = sandbox.settings.get("conditionalAccessBlocks", False)
    if blocked is True or (isinstance(blocked, list) and name in blocked):
        raise SignInError(
            400,
            "invalid_grant",
            53003,
            "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
            suberror="message_only",
        )


def _common(sandbox: Sandbox, audience: str, client: Document) -> dict[str, Any]:
    issuer = f"https://sts.windows.net/{sandbox.tenant_id}/"
    return {
        "aud": audience,
        "iss": issuer,
        "aio": base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode(),
        "app_displayname": client["appDisplayName"],
        "appid": client["appId"],
        "idp": issuer,
        "tid": sandbox.tenant_id,
        "uti": base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode(),
        "ver": "1.0",
    }


@behaviour(
    "Delegated mail protocol scopes are asked of outlook.office.com though consent may sit on Graph",
    source="field-notes.md 3 S: office-developer-exchange-docs#87",
    if_wrong="a product's own sign-in is refused here",
)
def _consented(sandbox: Sandbox, tx: Transaction, client: Document, user: Document, wanted: Wanted) -> list[str]:
    target = resource_principal(sandbox, tx, wanted.resource)
    if first_party.is_client(client["appId"]) and target["appOwnerOrganizationId"] == MICROSOFT_TENANT:
        return _preauthorised(client, target, wanted)
    graph = principals.service_principal(tx, MICROSOFT_GRAPH) or {}
    moment = sandbox.sign_in_as_of("consent", client["id"])
    granted: list[str] = []
    for grant in tx.view("oauth2PermissionGrants", as_of=moment):
        if grant["clientId"] != client["id"] or grant["principalId"] not in (None, user["id"]):
            continue
        names = str(grant["scope"] or "").split()
        if grant["resourceId"] == target["id"]:
            granted += names
        elif target["appId"] == EXCHANGE_ONLINE and grant["resourceId"] == graph.get("id"):
            granted += [name for name in names if name in _MAIL_PROTOCOL_SCOPES]
    allowed = [name for name in dict.fromkeys(granted) if name not in OPENID]
    missing = [name for name in wanted.names if name not in (*allowed, DEFAULT)]
    if missing or (wanted.names and not allowed):
        raise invalid_grant(
            65001,
            f"The user or administrator has not consented to use the application with ID '{client['appId']}' named"
            f" '{client['appDisplayName']}'. Send an interactive authorization request for this user and resource.",
            suberror="consent_required",
        )
    return allowed


@behaviour(
    "Microsoft's own client has fixed scopes for Microsoft's own resources, whatever the tenant consented to; for any "
    "other, or another resource: 400 invalid_request AADSTS65002",
    source="scopes of the Azure CLI in published tokens (2026-05); envelope and text Azure/azure-cli#33742, #23485; "
    "that it is not pre-authorised for Exchange: field-notes.md 2 FE",
    if_wrong="a sign-in with the Azure CLI's client is thought good for more than it is",
)
def _preauthorised(client: Document, target: Document, wanted: Wanted) -> list[str]:
    allowed = first_party.preauthorised_scopes(client["appId"], target["appId"])
    if not allowed or not {DEFAULT, *allowed}.issuperset(wanted.names):
        raise SignInError(
            400,
            "invalid_request",
            65002,
            f"Consent between first party application '{client['appId']}' and first party resource"
            f" '{target['appId']}' must be configured via preauthorization - applications owned and operated by"
            " Microsoft must get approval from the API owner before requesting tokens for that API.",
        )
    return list(allowed)


def _id_token(sandbox: Sandbox, client: Document, user: Document, nonce: str | None) -> str:
    """Dated by the machine's clock: sign-in libraries hold it against theirs."""
    login = sandbox.endpoints.get("login", "https://localhost")
    lead = time.time() - sandbox.clock.now()
    payload = {
        "aud": client["appId"],
        "iss": f"{login}/{sandbox.tenant_id}/v2.0",
        "name": user["displayName"],
        "oid": user["id"],
        "preferred_username": user["userPrincipalName"],
        "sub": user["id"],
        "tid": sandbox.tenant_id,
        "ver": "2.0",
    }
    if nonce:
        payload["nonce"] = nonce
    return sandbox.tokens.sign(payload, seconds=LIFETIME, lead=lead)
