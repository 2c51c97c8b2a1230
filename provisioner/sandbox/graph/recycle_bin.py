"""``/directory/deletedItems``: what was deleted in the last 30 days, and what deleting takes along."""

from __future__ import annotations

from typing import Any

from provisioner.sandbox.clock import format_time
from provisioner.sandbox.entra.federation import COLLECTION as FEDERATED
from provisioner.sandbox.graph import authorise, schema, shapes
from provisioner.sandbox.graph.call import Call, Reply, listing
from provisioner.sandbox.graph.errors import GraphError, bad_request, conflicting_value, not_found
from provisioner.sandbox.graph.paths import Key
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.store import Document

KEPT_SECONDS = 30 * 86400
_COLLECTIONS = {"application": "applications", "servicePrincipal": "servicePrincipals"}
_CASTS = {kind.lower(): kind for kind in _COLLECTIONS}


@behaviour(
    "Deleting an application soft-deletes its service principal too",
    source="graph.md 2.2: 204 GD; cascade M",
    if_wrong="the service principal is deleted twice or left behind",
)
def delete_application(call: Call, document: Document) -> None:
    """Move an application and its service principal into the recycle bin."""
    for principal in call.tx.view("servicePrincipals"):
        if principal["appId"] == document["appId"]:
            delete_service_principal(call, principal)
    _put_away(call, "application", document, {})


@behaviour(
    "A deleted service principal's grants vanish from both sides, and come back with a restore",
    source="unverified (field-notes.md 1.3: a restore may revive them)",
    if_wrong="a restore gives rights back that nobody expects",
)
def delete_service_principal(call: Call, document: Document) -> None:
    """Move a service principal into the recycle bin; its grants and assignments wait there with it."""
    identifier = document["id"]
    along: dict[str, list[Document]] = {}
    for collection, ends in (
        ("appRoleAssignments", ("principalId", "resourceId")),
        ("oauth2PermissionGrants", ("clientId", "resourceId")),
    ):
        along[collection] = [each for each in call.tx.view(collection) if identifier in (each[ends[0]], each[ends[1]])]
        for each in along[collection]:
            call.tx.delete(collection, each["id"])
    _put_away(call, "servicePrincipal", document, along)


def _put_away(call: Call, kind: str, document: Document, along: dict[str, list[Document]]) -> None:
    now = call.sandbox.clock.now()
    call.tx.delete(_COLLECTIONS[kind], document["id"])
    call.tx.put(
        "deletedItems",
        document["id"],
        {
            "id": document["id"],
            "kind": kind,
            "deletedAt": now,
            "entity": {**document, "deletedDateTime": format_time(now)},
            "along": along,
        },
    )


def _present(call: Call, *, as_of: float | None = None) -> list[Document]:
    """What is in the bin now: the tenant forgets after 30 days."""
    oldest = call.sandbox.clock.now() - KEPT_SECONDS
    return [each for each in call.tx.view("deletedItems", as_of=as_of) if each["deletedAt"] > oldest]


def _item(call: Call, key: Key) -> Document:
    for each in _present(call):
        if each["id"] == key.value.lower():
            return each
    raise not_found(key.value)


@behaviour(
    "A purge frees the uniqueName (setting uniqueNameSurvivesPurge: it does not)",
    source="unverified; one team reports that it does not: field-notes.md 1.3 S: byte5ai/omadia#916",
    if_wrong="a purge is advised that does not help",
)
def held_unique_names(call: Call) -> list[str]:
    """UniqueNames that deleted applications still hold."""
    names = [each["entity"].get("uniqueName") for each in _present(call)]
    names += [each["id"] for each in call.tx.view("retiredUniqueNames")]
    return [name for name in names if name]


def list_deleted(call: Call, kind: Key) -> Reply:
    """``GET /directory/deletedItems/microsoft.graph.application`` (or servicePrincipal), or one item by id."""
    authorise.require(call, authorise.READ_APPLICATIONS)
    type_name = _CASTS.get(kind.value.lower())
    if type_name is None:
        return get_deleted(call, kind)
    found = [each["entity"] for each in _present(call, as_of=call.as_of) if each["kind"] == type_name]
    fragment = _COLLECTIONS[type_name]
    path = f"directory/deletedItems/microsoft.graph.{type_name}"
    return listing(call, type_name, fragment, found, path=path, units=2)


def get_deleted(call: Call, key: Key, *, kind: str | None = None) -> Reply:
    """``GET /directory/deletedItems/{id}``, with or without the cast."""
    authorise.require(call, authorise.READ_APPLICATIONS)
    item = _item(call, key)
    if kind is not None and item["kind"] != kind:
        raise not_found(key.value)
    return Reply(200, _as_directory_object(call, item["kind"], item["entity"]))


def get_deleted_of_kind(call: Call, kind: Key, key: Key) -> Reply:
    """``GET /directory/deletedItems/microsoft.graph.application/{id}``."""
    type_name = _CASTS.get(kind.value.lower())
    if type_name is None:
        raise bad_request(f"Resource not found for the segment '{key.value}'.", "BadRequest")
    return get_deleted(call, key, kind=type_name)


@behaviour(
    "Restoring an application gives back the same appId, its credentials and uniqueName, but not its service "
    "principal; that is restored by itself, after its application",
    source="same appId field-notes.md 1.3; order graph.md 2.2 V: GD; credentials and separate restore unverified",
    if_wrong="a restored application has no service principal and its token fails",
)
def restore(call: Call, key: Key) -> Reply:
    """``POST /directory/deletedItems/{id}/restore``."""
    if call.body is not None:
        schema.check_parameters("restore", "directoryObject", call.object_body())
    item = _item(call, key)
    authorise.may_change_application(call, [item["id"]])
    document = {**item["entity"], "deletedDateTime": None}
    if item["kind"] == "application":
        _refuse_taken(call, document)
    else:
        _refuse_orphan(call, document)
    call.tx.delete("deletedItems", item["id"])
    call.tx.put(_COLLECTIONS[item["kind"]], document["id"], document)
    for collection, documents in item["along"].items():
        for each in documents:
            call.tx.put(collection, each["id"], each)
    return Reply(200, _as_directory_object(call, item["kind"], document))


def purge(call: Call, key: Key) -> Reply:
    """``DELETE /directory/deletedItems/{id}``: for good."""
    item = _item(call, key)
    authorise.may_change_application(call, [item["id"]])
    for credential in item["entity"].get("passwordCredentials", ()):
        call.tx.delete("sealedSecrets", credential["keyId"])
    for link in call.tx.view("owners"):
        if link["objectId"] == item["id"]:
            call.tx.delete("owners", link["id"])
    for credential in call.tx.view(FEDERATED):
        if credential["applicationId"] == item["id"]:
            call.tx.delete(FEDERATED, credential["id"])
    name = item["entity"].get("uniqueName")
    if name and call.sandbox.settings.get("uniqueNameSurvivesPurge", False):
        call.tx.put("retiredUniqueNames", name, {"id": name})
    call.tx.delete("deletedItems", item["id"])
    return Reply(204)


def _refuse_taken(call: Call, document: Document) -> None:
    for other in call.tx.view("applications"):
        if document["uniqueName"] and other["uniqueName"] == document["uniqueName"]:
            raise conflicting_value("uniqueName")
        if set(other["identifierUris"]) & set(document["identifierUris"]):
            raise conflicting_value("identifierUris")


def _refuse_orphan(call: Call, document: Document) -> None:
    if document["appOwnerOrganizationId"] == call.sandbox.tenant_id and not any(
        each["appId"] == document["appId"] for each in call.tx.view("applications")
    ):
        raise bad_request(
            f"The appId '{document['appId']}' of the service principal does not reference a valid application object."
        )
    if any(each["appId"] == document["appId"] for each in call.tx.view("servicePrincipals")):
        raise GraphError(
            409,
            "Request_MultipleObjectsWithSameKeyValue",
            "The service principal cannot be created, updated, or restored because the service principal name"
            f" {document['appId']} is already in use.",
        )


def _as_directory_object(call: Call, kind: str, document: Document) -> dict[str, Any]:
    return {
        "@odata.context": call.context("directoryObjects/$entity"),
        "@odata.type": f"#microsoft.graph.{kind}",
        **shapes.present(kind, document, None),
    }
