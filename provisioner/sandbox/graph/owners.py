"""Owners of applications and service principals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from provisioner.sandbox.graph import authorise, query, shapes
from provisioner.sandbox.graph.call import Call, Reply, link_target
from provisioner.sandbox.graph.errors import bad_request, not_found
from provisioner.sandbox.graph.paths import Key
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.store import Document

_KINDS = (("users", "user"), ("servicePrincipals", "servicePrincipal"))


def add_owner(call: Call, object_id: str, owner_id: str) -> None:
    """Make a user or service principal an owner. 404 when there is no such principal."""
    if _principal(call, owner_id) is None:
        raise not_found(owner_id)
    key = f"{object_id}:{owner_id}"
    call.tx.put("owners", key, {"id": key, "objectId": object_id, "ownerId": owner_id})


def list_owners(call: Call, collection: str, key: Key) -> Reply:
    """``GET .../owners``."""
    authorise.require(call, authorise.READ_APPLICATIONS)
    document = call.find(collection, key)
    body = {"@odata.context": call.context("directoryObjects"), "value": owners_of(call, document["id"])}
    return Reply(200, body)


@behaviour(
    "Adding an owner twice: 400 Request_BadRequest naming 'owners'; adding also needs Directory.Read.All",
    source="graph.md 2.4; duplicate text V: PUB for members; AlsoRequires V: DX",
    if_wrong="a repeated run fails",
)
def add_owner_reference(call: Call, collection: str, key: Key) -> Reply:
    """``POST .../owners/$ref``."""
    document = call.newest(collection, key)
    authorise.may_change_application(call, [document["id"]])
    authorise.require(call, authorise.READ_DIRECTORY)
    owner_id = link_target(call, call.object_body())
    if call.tx.get("owners", f"{document['id']}:{owner_id}") is not None:
        raise bad_request(
            "One or more added object references already exist for the following modified properties: 'owners'."
        )
    add_owner(call, document["id"], owner_id)
    return Reply(204)


@behaviour(
    "Even the only owner can be removed",
    source="recorded-graph.md 5 [OWN]",
    if_wrong="an application is left without an owner by accident",
)
def remove_owner_reference(call: Call, collection: str, key: Key, owner: Key) -> Reply:
    """``DELETE .../owners/{id}/$ref``."""
    document = call.newest(collection, key)
    authorise.may_change_application(call, [document["id"]])
    link = f"{document['id']}:{owner.value.lower()}"
    if call.tx.get("owners", link) is None:
        raise not_found(owner.value)
    call.tx.delete("owners", link)
    return Reply(204)


def expand_owners(call: Call) -> Callable[[Document], Mapping[str, Any]] | None:
    """What ``$expand=owners`` adds to each object; None when it was not asked for."""
    wanted = query.expanded(call.options)
    for name in wanted:
        if name != "owners":
            raise bad_request(
                f"Parsing OData Select and Expand failed: Could not find a property named '{name}'.", "BadRequest"
            )
    if not wanted:
        return None
    select = wanted["owners"]

    def expand(document: Document) -> Mapping[str, Any]:
        owners = owners_of(call, document["id"])
        if select is not None:
            owners = [{name: each.get(name) for name in ("@odata.type", *select)} for each in owners]
        return {"owners": owners}

    return expand


def owners_of(call: Call, object_id: str) -> list[dict[str, Any]]:
    """Owners as mixed lists show them: type first, then id, then the type's default properties."""
    links = [each for each in call.tx.view("owners", as_of=call.as_of) if each["objectId"] == object_id]
    found = []
    for link in links:
        principal = _principal(call, link["ownerId"])
        if principal is not None:
            kind, document = principal
            shown = shapes.present(kind, document, None)
            found.append({"@odata.type": f"#microsoft.graph.{kind}", "id": document["id"], **shown})
    return found


def _principal(call: Call, principal_id: str) -> tuple[str, Document] | None:
    for collection, kind in _KINDS:
        document = call.tx.get(collection, principal_id)
        if document is not None:
            return kind, document
    return None
