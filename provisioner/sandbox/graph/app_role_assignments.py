"""Application permissions that were granted: app role assignments, seen from the client and from the resource."""

from __future__ import annotations

import base64
import uuid
from typing import Any

from provisioner.sandbox.clock import format_time
from provisioner.sandbox.entra.groups import find_group
from provisioner.sandbox.graph import authorise, groups, schema
from provisioner.sandbox.graph.call import Call, Reply, entity, listing
from provisioner.sandbox.graph.directory import find_user
from provisioner.sandbox.graph.errors import bad_request, not_found
from provisioner.sandbox.graph.paths import Key
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.store import Document

DEFAULT_ACCESS = "00000000-0000-0000-0000-000000000000"
"""The role of a person or group assigned to an application that has no roles for people."""

_END = {"appRoleAssignments": "principalId", "appRoleAssignedTo": "resourceId"}


def list_assignments(call: Call, side: str, key: Key) -> Reply:
    """``GET /servicePrincipals/{id}/appRoleAssignments`` or ``/appRoleAssignedTo`` (``side``)."""
    authorise.require(call, authorise.READ_APPLICATIONS)
    principal = call.find("servicePrincipals", key)
    end = _END[side]
    found = [each for each in call.tx.view("appRoleAssignments", as_of=call.as_of) if each[end] == principal["id"]]
    fragment = f"servicePrincipals('{principal['id']}')/{side}"
    path = f"servicePrincipals/{principal['id']}/{side}"
    return listing(call, "appRoleAssignment", fragment, found, path=path, units=2)


def list_assignments_of_user(call: Call, key: Key) -> Reply:
    """``GET /users/{id or userPrincipalName}/appRoleAssignments``: what the person itself is assigned to."""
    authorise.require(call, authorise.READ_ASSIGNMENTS)
    return _held_by(call, "users", find_user(call, key)["id"])


def list_assignments_of_group(call: Call, key: Key) -> Reply:
    """``GET /groups/{id}/appRoleAssignments``."""
    authorise.require(call, authorise.READ_ASSIGNMENTS)
    return _held_by(call, "groups", groups.find(call, key)["id"])


def _held_by(call: Call, collection: str, principal_id: str) -> Reply:
    found = [
        each for each in call.tx.view("appRoleAssignments", as_of=call.as_of) if each["principalId"] == principal_id
    ]
    fragment = f"{collection}('{principal_id}')/appRoleAssignments"
    path = f"{collection}/{principal_id}/appRoleAssignments"
    return listing(call, "appRoleAssignment", fragment, found, path=path, units=2)


def get_assignment(call: Call, side: str, key: Key, assignment: Key) -> Reply:
    """``GET .../appRoleAssignments/{id}``."""
    authorise.require(call, authorise.READ_APPLICATIONS)
    principal = call.find("servicePrincipals", key)
    document = call.tx.get("appRoleAssignments", assignment.value, as_of=call.as_of)
    if document is None or document[_END[side]] != principal["id"]:
        raise not_found(assignment.value)
    return entity(call, "appRoleAssignment", f"servicePrincipals('{principal['id']}')/{side}", document)


@behaviour(
    "Granting: 400 'already exists on the object' for a duplicate; 400 'was not found on application' for an id that "
    "is no enabled application role there; 400 'Not a valid reference update' for a principal not replicated yet",
    source="graph.md 2.6 V: TF, PUB (many)",
    if_wrong="a repeated grant fails, or lag is taken for a wrong id",
)
def create_assignment(call: Call, side: str, key: Key) -> Reply:
    """``POST .../appRoleAssignments`` or ``.../appRoleAssignedTo``: the URL's object need not match the body's."""
    anchor = call.find("servicePrincipals", key)
    body = schema.check_body("appRoleAssignment", call.object_body())
    for name in ("principalId", "resourceId", "appRoleId"):
        if not body.get(name):
            raise bad_request(f"A value is required for property '{name}' of resource 'AppRoleAssignment'.")
    if set(body) - {"principalId", "resourceId", "appRoleId"}:
        raise bad_request("Only principalId, resourceId and appRoleId can be set on an app role assignment.")
    wanted = {name: str(value).lower() for name, value in body.items()}
    resource = call.find("servicePrincipals", Key(wanted["resourceId"]))
    authorise.may_assign_roles_of(call, resource)
    if side == "appRoleAssignments" and wanted["principalId"] != anchor["id"]:
        raise bad_request("The principalId of the request does not match the object it is posted to.")
    principal, principal_type = _principal(call, wanted["principalId"])
    if not _offers(resource, wanted["appRoleId"], principal_type):
        raise bad_request(f"Permission being assigned was not found on application '{resource['appId']}'.")
    for each in call.tx.view("appRoleAssignments"):
        if all(each[name] == value for name, value in wanted.items()):
            raise bad_request("Permission being assigned already exists on the object")
    document = {
        "id": _new_id(call, wanted["principalId"]),
        "deletedDateTime": None,
        "appRoleId": wanted["appRoleId"],
        "createdDateTime": format_time(call.sandbox.clock.now(), digits=7),
        "principalDisplayName": principal["displayName"],
        "principalId": principal["id"],
        "principalType": principal_type,
        "resourceDisplayName": resource["displayName"],
        "resourceId": resource["id"],
    }
    call.tx.put("appRoleAssignments", document["id"], document)
    fragment = f"servicePrincipals('{anchor['id']}')/{side}"
    location = call.location(f"directoryObjects/{anchor['id']}/{side}/{document['id']}")
    return entity(call, "appRoleAssignment", fragment, document, status=201, headers={"location": location})


def delete_assignment(call: Call, side: str, key: Key, assignment: Key) -> Reply:
    """``DELETE .../appRoleAssignments/{id}``."""
    principal = call.find("servicePrincipals", key)
    document = call.tx.get("appRoleAssignments", assignment.value)
    if document is None or document[_END[side]] != principal["id"]:
        raise not_found(assignment.value)
    resource = call.tx.get("servicePrincipals", document["resourceId"])
    if resource is not None:
        authorise.may_assign_roles_of(call, resource)
    call.tx.delete("appRoleAssignments", document["id"])
    return Reply(204)


@behaviour(
    "People and groups are assigned with the role 0000... where the application declares no role for them, and with "
    "one of its roles where it does",
    source="documentation of the appRoleAssignment resource; that the default is refused beside such roles: unverified",
    if_wrong="an assignment works here only, or is said to fail",
)
def _offers(resource: Document, role_id: str, principal_type: str) -> bool:
    member_type = "Application" if principal_type == "ServicePrincipal" else "User"
    roles = [
        each["id"] for each in resource["appRoles"] if each["isEnabled"] and member_type in each["allowedMemberTypes"]
    ]
    return role_id in roles or (role_id == DEFAULT_ACCESS and member_type == "User" and not roles)


def _principal(call: Call, principal_id: str) -> tuple[dict[str, Any], str]:
    for collection, kind in (("servicePrincipals", "ServicePrincipal"), ("users", "User")):
        document: Document | None = call.tx.get(collection, principal_id, as_of=call.as_of)
        if document is not None:
            return document, kind
    group = find_group(call.tx, principal_id, call.as_of)
    if group is not None:
        return group, "Group"
    raise bad_request("Not a valid reference update.")


@behaviour(
    "The id is 43 characters of base64url: the principal's id and 16 further bytes",
    source="recorded-graph.md 11 (documentation's sample decoded)",
    if_wrong="ids are assumed to be GUIDs",
)
def _new_id(call: Call, principal_id: str) -> str:
    raw = uuid.UUID(principal_id).bytes_le + uuid.UUID(call.sandbox.new_id()).bytes
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
