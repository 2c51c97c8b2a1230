"""``/applications/{id}/federatedIdentityCredentials``: whose assertions an application's sign-in accepts."""

from __future__ import annotations

import re
from typing import Any

from provisioner.sandbox.entra.federation import COLLECTION
from provisioner.sandbox.graph import authorise, schema
from provisioner.sandbox.graph.call import Call, Reply, entity, listing
from provisioner.sandbox.graph.errors import GraphError, bad_request, not_found
from provisioner.sandbox.graph.paths import Key
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.store import Document

MOST = 20
_LONGEST = 600
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,119}\Z")
_TYPE = "federatedIdentityCredential"


def list_credentials(call: Call, application: Key) -> Reply:
    """``GET /applications/{id}/federatedIdentityCredentials``."""
    authorise.require(call, authorise.READ_APPLICATIONS)
    owner = call.find("applications", application)
    path = f"applications/{owner['id']}/federatedIdentityCredentials"
    return listing(call, _TYPE, _fragment(owner), _of(call, owner, call.as_of), path=path, directory=False)


def get_credential(call: Call, application: Key, key: Key) -> Reply:
    """``GET .../federatedIdentityCredentials/{id or name}``."""
    authorise.require(call, authorise.READ_APPLICATIONS)
    owner = call.find("applications", application)
    return entity(call, _TYPE, _fragment(owner), _find(call, owner, key, call.as_of))


@behaviour(
    "Name of 3 to 120 letters, digits, dashes and underscores; issuer and subject and exactly one audience of at most "
    "600 characters; issuer with subject once per application; 20 at most",
    source="graph.md 2.3 V: GD application-post-federatedidentitycredentials.md, ED; texts unverified; that a name in "
    "use is 409: unverified",
    if_wrong="a credential is planned that the tenant refuses",
)
def create_credential(call: Call, application: Key) -> Reply:
    """``POST /applications/{id}/federatedIdentityCredentials``."""
    owner = call.newest("applications", application)
    authorise.may_change_application(call, [owner["id"]])
    body = schema.check_body(_TYPE, call.object_body())
    _validate(body)
    present = _of(call, owner, None)
    if any(each["name"].casefold() == body["name"].casefold() for each in present):
        raise GraphError(
            409,
            "Request_MultipleObjectsWithSameKeyValue",
            f"FederatedIdentityCredential with name {body['name']} already exists.",
        )
    if any((each["issuer"], each["subject"]) == (body["issuer"], body["subject"]) for each in present):
        raise bad_request("FederatedIdentityCredential with same issuer and subject already exists.")
    if len(present) >= MOST:
        raise bad_request(f"The application has reached the limit of {MOST} federated identity credentials.")
    document = {
        "id": call.sandbox.new_id(),
        "name": body["name"],
        "issuer": body["issuer"],
        "subject": body["subject"],
        "description": body.get("description"),
        "audiences": body["audiences"],
        "applicationId": owner["id"],
    }
    call.tx.put(COLLECTION, document["id"], document)
    location = call.location(f"federatedIdentityCredentials/{document['id']}")
    return entity(call, _TYPE, _fragment(owner), document, status=201, headers={"location": location})


def delete_credential(call: Call, application: Key, key: Key) -> Reply:
    """``DELETE .../federatedIdentityCredentials/{id or name}``."""
    owner = call.newest("applications", application)
    authorise.may_change_application(call, [owner["id"]])
    call.tx.delete(COLLECTION, _find(call, owner, key, None)["id"])
    return Reply(204)


def _validate(body: dict[str, Any]) -> None:
    for name in ("name", "issuer", "subject"):
        if not body.get(name) or len(body[name]) > _LONGEST:
            raise bad_request(f"The property '{name}' of FederatedIdentityCredential cannot be empty or too long.")
    if not _NAME.match(body["name"]):
        raise bad_request("The name of FederatedIdentityCredential is invalid.")
    audiences = body.get("audiences") or []
    if len(audiences) != 1 or not 0 < len(audiences[0]) <= _LONGEST:
        raise bad_request("FederatedIdentityCredential must have exactly one audience.")


def _fragment(owner: Document) -> str:
    return f"applications('{owner['id']}')/federatedIdentityCredentials"


def _of(call: Call, owner: Document, as_of: float | None) -> list[Document]:
    return [each for each in call.tx.view(COLLECTION, as_of=as_of) if each["applicationId"] == owner["id"]]


@behaviour(
    "A federated credential answers to its id and to its name",
    source="recorded-graph.md 9 [FIC]",
    if_wrong="a name is refused that works in the tenant",
)
def _find(call: Call, owner: Document, key: Key, as_of: float | None) -> Document:
    for each in _of(call, owner, as_of):
        if key.value.casefold() in (each["id"], each["name"].casefold()):
            return each
    raise not_found(key.value)
