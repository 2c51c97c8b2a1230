"""Tokens as the rest of the tool sees them, and what a token says about its bearer.

Claims are read without verification: they judge beforehand what the tenant will let us do and word the plan, and
nothing else. Whether a token is good is for the service it is sent to.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from provisioner.model.identifiers import AppId, ObjectId, TenantId
from provisioner.model.observed import Caller
from provisioner.model.secret import Secret

APPLICATION = "application"
USER = "user"


@dataclass(frozen=True)
class Claims:
    """What a token says. `directory_roles` are role template ids (claim `wids`); they are empty for applications."""

    tenant_id: TenantId
    object_id: ObjectId
    app_id: AppId
    roles: frozenset[str]
    scopes: frozenset[str]
    directory_roles: frozenset[str]
    name: str
    kind: str
    """`application` or `user`."""


@dataclass(frozen=True)
class Token:
    """One access token. `expires` is by this machine's clock; `claims` is None where the token is opaque."""

    secret: Secret
    expires: datetime
    claims: Claims | None


class TokenSource(Protocol):
    """Where access tokens for one tenant come from."""

    async def token(self, audience: str, *, fresh: bool = False) -> Token:
        """A token for an audience by its name in the worldwide cloud, such as `https://graph.microsoft.com`.

        What it is called in the tenant's own cloud is the source's business (`Endpoints.audience`).
        Must be cheap to call for every request. `fresh` must bypass every cache, because a token carries the roles
        of the moment it was issued. Raises `SignInRefused`, `WrongTenant`, `Unreachable` or `ServiceFault`.
        """

    def azure_credential(self) -> object:
        """The same source in the shape that Microsoft's clients take: `await get_token(*scopes, claims=...)`."""


def read_claims(token: str) -> Claims | None:
    """The claims of a signed JWT, unverified; None where the text is none or lacks what every Entra token has."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        payload = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError):
        return None
    if not isinstance(payload, dict):
        return None
    tenant_id = _text(payload, "tid")
    app_id = _text(payload, "appid", "azp")
    object_id = _text(payload, "oid", "sub")
    if not (tenant_id and app_id and object_id):
        return None
    scopes = frozenset(_text(payload, "scp").split())
    kind = _kind(payload, scopes)
    names = ("app_displayname",) if kind == APPLICATION else ("upn", "preferred_username", "unique_name", "name")
    return Claims(
        tenant_id=TenantId(tenant_id.lower()),
        object_id=ObjectId(object_id.lower()),
        app_id=AppId(app_id.lower()),
        roles=_texts(payload, "roles"),
        scopes=scopes,
        directory_roles=frozenset(each.lower() for each in _texts(payload, "wids")),
        name=_text(payload, *names) or app_id,
        kind=kind,
    )


def caller(token: Token) -> Caller:
    """Who we are in the tenant, from our own token. An opaque token makes an unknown caller, who is not judged."""
    if token.claims is None:
        return Caller(kind=USER, name="", object_id=None, known=False)
    claims = token.claims
    return Caller(
        kind=claims.kind,
        name=claims.name,
        object_id=claims.object_id,
        roles=claims.roles,
        scopes=claims.scopes,
        directory_roles=claims.directory_roles,
        client_id=claims.app_id,
    )


def _kind(payload: Mapping[str, object], scopes: frozenset[str]) -> str:
    """`idtyp` says it where it is present (always in Graph tokens); else only users' tokens have scopes."""
    told = payload.get("idtyp")
    if told in ("app", "user"):
        return APPLICATION if told == "app" else USER
    return USER if scopes else APPLICATION


def _text(payload: Mapping[str, object], *names: str) -> str:
    for name in names:
        value = payload.get(name)
        if isinstance(value, str) and value:
            return value
    return ""


def _texts(payload: Mapping[str, object], name: str) -> frozenset[str]:
    value = payload.get(name)
    return frozenset(each for each in value if isinstance(each, str)) if isinstance(value, list) else frozenset()
