"""``/roleManagement/directory``: role definitions, who holds one now, and who may activate one (PIM)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from provisioner.sandbox import licences
from provisioner.sandbox.clock import format_time
from provisioner.sandbox.graph import authorise, query, schema
from provisioner.sandbox.graph.call import Call, Reply, entity, listing
from provisioner.sandbox.graph.errors import bad_request, not_found
from provisioner.sandbox.graph.paths import Key
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.roles import (
    EXCHANGE_ADMINISTRATOR,
    GLOBAL_ADMINISTRATOR,
    GLOBAL_READER,
    PRIVILEGED_ROLE_ADMINISTRATOR,
    SECURITY_ADMINISTRATOR,
    SECURITY_READER,
    TITLES,
    assignment_id,
)
from provisioner.sandbox.store import Document

_ROOT = "roleManagement/directory"
_ASSIGNMENTS = f"{_ROOT}/roleAssignments"
_READ_ELIGIBLE = (
    "RoleEligibilitySchedule.Read.Directory",
    "RoleEligibilitySchedule.ReadWrite.Directory",
    "RoleManagement.Read.Directory",
    "RoleManagement.Read.All",
    "RoleManagement.ReadWrite.Directory",
)
_READ_ACTIVE = (
    "RoleAssignmentSchedule.Read.Directory",
    "RoleAssignmentSchedule.ReadWrite.Directory",
    *_READ_ELIGIBLE[2:],
)
_SCHEDULE_READERS = frozenset(
    (GLOBAL_ADMINISTRATOR, PRIVILEGED_ROLE_ADMINISTRATOR, GLOBAL_READER, SECURITY_ADMINISTRATOR, SECURITY_READER)
)
_OWN = re.compile(r"\s*principalId\s+eq\s+'([^']+)'", re.IGNORECASE)


def list_definitions(call: Call) -> Reply:
    """``GET /roleManagement/directory/roleDefinitions``: the built-in roles this sandbox knows."""
    authorise.require(call, authorise.READ_ROLES)
    found = [_definition(each) for each in TITLES]
    path = f"{_ROOT}/roleDefinitions"
    return listing(call, "unifiedRoleDefinition", path, found, path=path, directory=False)


def get_definition(call: Call, key: Key) -> Reply:
    """``GET /roleManagement/directory/roleDefinitions/{id}``; a built-in role's id is its template id."""
    authorise.require(call, authorise.READ_ROLES)
    if key.value.lower() not in TITLES:
        raise not_found(key.value)
    return entity(call, "unifiedRoleDefinition", f"{_ROOT}/roleDefinitions", _definition(key.value.lower()))


def list_assignments(call: Call) -> Reply:
    """``GET /roleManagement/directory/roleAssignments``, optionally with ``$expand=roleDefinition``."""
    authorise.require(call, authorise.READ_ROLES)
    found = call.tx.view("roleAssignments", as_of=call.as_of)
    return listing(call, "unifiedRoleAssignment", _ASSIGNMENTS, found, path=_ASSIGNMENTS, expand=_expanding(call))


def get_assignment(call: Call, key: Key) -> Reply:
    """``GET /roleManagement/directory/roleAssignments/{id}``."""
    authorise.require(call, authorise.READ_ROLES)
    document = call.tx.get("roleAssignments", key.value, as_of=call.as_of)
    if document is None:
        raise not_found(key.value)
    expand = _expanding(call)
    return entity(
        call, "unifiedRoleAssignment", _ASSIGNMENTS, document, extra=expand(document) if expand is not None else None
    )


@behaviour(
    "Assigning a role: RoleManagement.ReadWrite.Directory, and of people Privileged Role or Global Administrator; "
    "twice is 400 Request_BadRequest 'A conflicting object ... is present'; an unknown principal or role 404",
    source="documentation of rbacapplication-post-roleassignments (permission, roles, body); texts known from clients; "
    "that Directory.AccessAsUser.All will do: public samples with az rest; codes of the 404s unverified",
    if_wrong="a bootstrap is promised to the wrong role, or fails when it is repeated",
)
def create_assignment(call: Call) -> Reply:
    """``POST /roleManagement/directory/roleAssignments``."""
    _may_write(call)
    body = schema.check_body("unifiedRoleAssignment", call.object_body())
    for name in ("principalId", "roleDefinitionId"):
        if not body.get(name):
            raise bad_request(f"A value is required for property '{name}' of resource 'RoleAssignment'.")
    if body.get("directoryScopeId") != "/":
        # Scopes below the directory are not played: no plan of ours asks for one.
        raise bad_request("The directoryScopeId is invalid.")
    principal_id, template = str(body["principalId"]).lower(), str(body["roleDefinitionId"]).lower()
    if template not in TITLES:
        raise not_found(template)
    if not _is_principal(call, principal_id):
        raise not_found(principal_id)
    identifier = assignment_id(template, principal_id)
    if call.tx.get("roleAssignments", identifier) is not None:
        raise bad_request(
            "A conflicting object with one or more of the specified property values is present in the directory."
        )
    document = {
        "id": identifier,
        "directoryScopeId": "/",
        "principalId": principal_id,
        "roleDefinitionId": template,
        "since": format_time(call.sandbox.clock.now()),
    }
    call.tx.put("roleAssignments", identifier, document)
    location = call.location(f"{_ASSIGNMENTS}/{identifier}")
    return entity(call, "unifiedRoleAssignment", _ASSIGNMENTS, document, status=201, headers={"location": location})


@behaviour(
    "Nobody takes Global or Exchange Administrator from itself: 400 'Removing self from ...'",
    source="exchange.md 4.7 S18 (an application and Exchange Administrator); text after the known one for Global "
    "Administrator",
    if_wrong="a clean-up by the application itself is planned and fails",
)
def delete_assignment(call: Call, key: Key) -> Reply:
    """``DELETE /roleManagement/directory/roleAssignments/{id}``."""
    _may_write(call)
    document = call.tx.get("roleAssignments", key.value)
    if document is None:
        raise not_found(key.value)
    template = document["roleDefinitionId"]
    if document["principalId"] == call.claims.oid and template in (GLOBAL_ADMINISTRATOR, EXCHANGE_ADMINISTRATOR):
        raise bad_request(f"Removing self from {TITLES[template]} built-in role is not allowed.")
    call.tx.delete("roleAssignments", document["id"])
    return Reply(204)


def list_eligible(call: Call) -> Reply:
    """``GET /roleManagement/directory/roleEligibilityScheduleInstances``: roles that can be activated."""
    found = call.tx.view("roleEligibilityScheduleInstances", as_of=call.as_of)
    return _instances(call, "Eligibility", found, _READ_ELIGIBLE)


def list_active(call: Call) -> Reply:
    """``GET /roleManagement/directory/roleAssignmentScheduleInstances``: roles in force, however they came."""
    found = [
        {
            "id": each["id"],
            "principalId": each["principalId"],
            "roleDefinitionId": each["roleDefinitionId"],
            "directoryScopeId": each["directoryScopeId"],
            "appScopeId": None,
            "startDateTime": each.get("since"),
            "endDateTime": None,
            "assignmentType": "Assigned",
            "memberType": "Direct",
            "roleAssignmentOriginId": each["id"],
            "roleAssignmentScheduleId": each["id"],
        }
        for each in call.tx.view("roleAssignments", as_of=call.as_of)
    ]
    return _instances(call, "Assignment", found, _READ_ACTIVE)


@behaviour(
    "PIM's lists need a permission of their own (Directory.Read.All is none) and Entra ID P2: else 400 "
    "AadPremiumLicenseRequired. A person without a reading role may ask for its own only",
    source="documentation of rbacapplication-list-roleeligibilityscheduleinstances (permissions); code and text public "
    "in many clients; that filtering for oneself needs no role: unverified",
    if_wrong="roles that only wait for activation are not seen, or their absence is taken for proven",
)
def _instances(call: Call, kind: str, found: list[Document], permissions: tuple[str, ...]) -> Reply:
    own = _OWN.match(call.options.get("$filter", ""))
    himself = own is not None and own[1].lower() == call.claims.oid and " or " not in call.options["$filter"].lower()
    authorise.require(call, permissions, roles=None if himself else _SCHEDULE_READERS)
    if not licences.has_p2(call.tx):
        raise bad_request(
            "The tenant needs to have Microsoft Entra ID P2 or Microsoft Entra ID Governance license.",
            "AadPremiumLicenseRequired",
        )
    path = f"{_ROOT}/role{kind}ScheduleInstances"
    expand = _expanding(call)
    return listing(call, f"unifiedRole{kind}ScheduleInstance", path, found, path=path, directory=False, expand=expand)


def _expanding(call: Call) -> Callable[[dict[str, Any]], Mapping[str, Any]] | None:
    wanted = query.expanded(call.options)
    if set(wanted) - {"roleDefinition", "principal"}:
        raise bad_request("Parsing OData Select and Expand failed.", "BadRequest")
    if "roleDefinition" not in wanted:
        return None
    return lambda document: {"roleDefinition": _definition(document["roleDefinitionId"])}


def _may_write(call: Call) -> None:
    authorise.require(
        call,
        ("RoleManagement.ReadWrite.Directory", "Directory.AccessAsUser.All"),
        roles=(GLOBAL_ADMINISTRATOR, PRIVILEGED_ROLE_ADMINISTRATOR),
    )


def _is_principal(call: Call, object_id: str) -> bool:
    return any(call.tx.get(name, object_id, as_of=call.as_of) for name in ("servicePrincipals", "users"))


def _definition(template_id: str) -> dict[str, Any]:
    return {
        "id": template_id,
        "description": TITLES.get(template_id, ""),
        "displayName": TITLES.get(template_id, template_id),
        "isBuiltIn": True,
        "isEnabled": True,
        "resourceScopes": ["/"],
        "rolePermissions": [],
        "templateId": template_id,
        "version": "1",
    }
