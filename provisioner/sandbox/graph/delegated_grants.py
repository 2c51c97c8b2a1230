"""``/oauth2PermissionGrants``: delegated permissions, granted for everybody or for one person."""

from __future__ import annotations

import base64
import uuid

from provisioner.sandbox.graph import authorise, schema
from provisioner.sandbox.graph.call import Call, Reply, entity, listing
from provisioner.sandbox.graph.errors import bad_request, not_found
from provisioner.sandbox.graph.paths import Key
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.store import Document


def list_grants(call: Call) -> Reply:
    """``GET /oauth2PermissionGrants``."""
    authorise.require(call, authorise.READ_GRANTS)
    found = call.tx.view("oauth2PermissionGrants", as_of=call.as_of)
    path = "oauth2PermissionGrants"
    return listing(call, "oAuth2PermissionGrant", path, found, path=path, units=2)


def list_grants_of(call: Call, key: Key) -> Reply:
    """``GET /servicePrincipals/{id}/oauth2PermissionGrants``: those the service principal holds as client."""
    authorise.require(call, authorise.READ_GRANTS)
    client = call.find("servicePrincipals", key)
    found = [
        each for each in call.tx.view("oauth2PermissionGrants", as_of=call.as_of) if each["clientId"] == client["id"]
    ]
    path = f"servicePrincipals/{client['id']}/oauth2PermissionGrants"
    return listing(call, "oAuth2PermissionGrant", "oauth2PermissionGrants", found, path=path, units=2)


def get_grant(call: Call, key: Key) -> Reply:
    """``GET /oauth2PermissionGrants/{id}``."""
    authorise.require(call, authorise.READ_GRANTS)
    return entity(call, "oAuth2PermissionGrant", "oauth2PermissionGrants", _find(call, key, as_of=call.as_of))


@behaviour(
    "One grant per client, resource, kind and person; a second POST is 400 'Permission entry already exists.'; "
    "scope names are stored unchecked; the id is made of the ids it joins",
    source="recorded-graph.md 10, 13 TEXT; graph.md 2.7 PUB; unchecked names M",
    if_wrong="a repeated consent fails, or a misspelt scope passes for granted",
)
def create_grant(call: Call) -> Reply:
    """``POST /oauth2PermissionGrants``."""
    authorise.may_change_delegated_grants(call)
    body = schema.check_body("oAuth2PermissionGrant", call.object_body())
    body.pop("id", None)
    kind = body.get("consentType")
    if kind not in ("AllPrincipals", "Principal"):
        raise bad_request("Invalid value specified for property 'consentType' of resource 'OAuth2PermissionGrant'.")
    if (kind == "Principal") is not bool(body.get("principalId")):
        raise bad_request("Invalid value specified for property 'principalId' of resource 'OAuth2PermissionGrant'.")
    for name in ("clientId", "resourceId"):
        identifier = str(body.get(name) or "").lower()
        if call.tx.get("servicePrincipals", identifier, as_of=call.as_of) is None:
            raise not_found(str(body.get(name) or ""))
        body[name] = identifier
    principal_id = str(body["principalId"]).lower() if body.get("principalId") else None
    if principal_id is not None and call.tx.get("users", principal_id, as_of=call.as_of) is None:
        raise not_found(principal_id)
    document = {
        "clientId": body["clientId"],
        "consentType": kind,
        "id": grant_id(body["clientId"], body["resourceId"], principal_id),
        "principalId": principal_id,
        "resourceId": body["resourceId"],
        "scope": body.get("scope"),
    }
    if call.tx.get("oauth2PermissionGrants", document["id"]) is not None:
        raise bad_request("Permission entry already exists.")
    call.tx.put("oauth2PermissionGrants", document["id"], document)
    headers = {"location": call.location(f"oauth2PermissionGrants/{document['id']}")}
    return entity(call, "oAuth2PermissionGrant", "oauth2PermissionGrants", document, status=201, headers=headers)


@behaviour(
    "PATCH replaces the whole scope string and nothing else can be changed",
    source="graph.md 2.7: 204 V: TF; rest M",
    if_wrong="others' scopes in a shared grant are lost",
)
def update_grant(call: Call, key: Key) -> Reply:
    """``PATCH /oauth2PermissionGrants/{id}``."""
    authorise.may_change_delegated_grants(call)
    document = _find(call, key)
    body = schema.check_body("oAuth2PermissionGrant", call.object_body())
    if any(name != "scope" and body[name] != document[name] for name in body):
        raise bad_request("Only the scope of an OAuth2PermissionGrant can be updated.")
    call.tx.put("oauth2PermissionGrants", document["id"], {**document, "scope": body.get("scope")})
    return Reply(204)


def delete_grant(call: Call, key: Key) -> Reply:
    """``DELETE /oauth2PermissionGrants/{id}``."""
    authorise.may_change_delegated_grants(call)
    call.tx.delete("oauth2PermissionGrants", _find(call, key)["id"])
    return Reply(204)


def grant_id(client_id: str, resource_id: str, principal_id: str | None) -> str:
    """base64url of the ids' bytes as .NET writes GUIDs; with a person's id behind (that part unverified)."""
    raw = b"".join(uuid.UUID(each).bytes_le for each in (client_id, resource_id, principal_id) if each)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _find(call: Call, key: Key, *, as_of: float | None = None) -> Document:
    document = call.tx.get("oauth2PermissionGrants", key.value, as_of=as_of)
    if document is None:
        raise not_found(key.value)
    return document
