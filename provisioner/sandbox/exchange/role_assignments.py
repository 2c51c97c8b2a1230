"""New-, Get- and Remove-ManagementRoleAssignment for applications, and Test-ServicePrincipalAuthorization."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Final

from provisioner.sandbox.exchange import directory, management_scopes
from provisioner.sandbox.exchange.access import ADMINISTRATORS
from provisioner.sandbox.exchange.application_roles import (
    CUSTOM,
    GROUP,
    ORGANIZATION,
    ROLES,
    Assignment,
    assignments,
    described,
    in_scope,
)
from provisioner.sandbox.exchange.cmdlet import Cmdlet, Record, Run
from provisioner.sandbox.exchange.faults import (
    binding,
    dehydrated,
    name_in_use,
    not_delegated,
    not_found,
    too_long,
)
from provisioner.sandbox.exchange.organization import customized_for
from provisioner.sandbox.exchange.parameters import Parameter, string
from provisioner.sandbox.ledger import behaviour, mark
from provisioner.sandbox.store import Document, Transaction

NAME_LENGTH: Final = 64

mark(
    "Role assignments of a removed pointer stay behind, for nobody",
    source="unverified",
    if_wrong="remove leaves assignments, or fails on missing ones",
)


@behaviour(
    "-App takes any identity of the pointer; a pointer not yet replicated is 404. Without a scope the role counts for "
    "the whole organisation",
    source="exchange.md 4.4 S1, S18",
    if_wrong="a forgotten scope parameter opens every mailbox",
)
@behaviour(
    "Names have at most 64 characters; without one it is made of role and application and cut to fit. The same role "
    "twice is possible",
    source="field-notes.md 1.11 S (64); the rest unverified",
    if_wrong="a long name fails, or a repeat doubles the assignment",
)
def _new(run: Run) -> None:
    arguments = run.arguments
    name = arguments.text("Name")
    if name is not None and len(name) > NAME_LENGTH:
        raise too_long("Name", len(name), NAME_LENGTH)
    role = _role(arguments.required("Role"))
    pointer = directory.pointer(run.tx, arguments.required("App"), run.as_of)
    kind, scope = _scope(run)
    age = customized_for(run.sandbox, run.tx)
    enabled, delegated = run.sandbox.customization_delays()
    if age < 0:
        raise dehydrated("New-ManagementRoleAssignment")
    if age < delegated - enabled:
        raise not_delegated(role)
    taken = {each["name"].casefold() for each in run.tx.all(directory.ROLE_ASSIGNMENTS)}
    if name is None:
        name = _free_name(f"{role}-{pointer['id']}", taken)
    elif name.casefold() in taken:
        raise name_in_use(_dn(name))
    identity = run.sandbox.new_id()
    document: Document = {
        "id": identity,
        "name": name,
        "role": role,
        "app": pointer["id"],
        "scopeType": kind,
        "scope": scope,
        "whenCreated": run.sandbox.clock.now(),
    }
    run.tx.put(directory.ROLE_ASSIGNMENTS, identity, document)
    run.show(_record(run, document))


@behaviour(
    "Get-ManagementRoleAssignment has no -App; -RoleAssignee takes the pointer's identity. Listed without a filter, "
    "the administrators' own assignments come too",
    source="exchange.md 4.4 S19; the list is three of very many",
    if_wrong="another's assignment is taken for ours",
)
def _get(run: Run) -> None:
    arguments = run.arguments
    if identity := arguments.text("Identity"):
        run.show(_record(run, _find(run.tx, identity, run.as_of)))
        return
    role = arguments.text("Role")
    assignee = arguments.text("RoleAssignee")
    app = directory.pointer(run.tx, assignee, run.as_of)["id"] if assignee else None
    for document in run.tx.all(directory.ROLE_ASSIGNMENTS, as_of=run.as_of):
        if app in (None, document["app"]) and role in (None, document["role"]):
            run.show(_record(run, document))
    if app is None:
        for own in _OF_ADMINISTRATORS:
            if role in (None, own):
                run.show(_administrators_record(own))


def _remove(run: Run) -> None:
    identity = run.arguments.required("Identity")
    document = _find(run.tx, identity, run.as_of)
    if run.tx.get(directory.ROLE_ASSIGNMENTS, document["id"]) is None:
        raise not_found(identity)
    run.tx.delete(directory.ROLE_ASSIGNMENTS, document["id"])


@behaviour(
    "Test-ServicePrincipalAuthorization shows each application role with InScope True, False, or Not Run without a "
    "-Resource; it passes over the cache and knows nothing of Entra's grants",
    source="MicrosoftDocs/office-docs-powershell Test-ServicePrincipalAuthorization.md; exchange.md 4.4 S28",
    if_wrong="a surviving consent is overlooked because the test says False",
)
def _test(run: Run) -> None:
    pointer = directory.pointer(run.tx, run.arguments.required("Identity"), run.as_of)
    resource = run.arguments.text("Resource")
    mailbox = directory.mailbox(run.tx, resource, run.as_of) if resource else None
    for each in assignments(run.tx, pointer["id"], run.as_of):
        shown = "Not Run" if mailbox is None else str(in_scope(run.tx, each.document, mailbox, run.as_of))
        run.show(
            Record(
                "Microsoft.Exchange.Management.RbacTasks.ServicePrincipalAuthorizationResult",
                {
                    "RoleName": each.role,
                    "GrantedPermissions": ", ".join(each.permissions),
                    "AllowedResourceScope": each.scope,
                    "ScopeType": each.scope_type,
                    "InScope": shown,
                },
            )
        )


def _role(name: str) -> str:
    for known in ROLES:
        if known.casefold() == name.casefold():
            return known
    raise not_found(name)


def _scope(run: Run) -> tuple[str, str]:
    custom, group = run.arguments.text("CustomResourceScope"), run.arguments.text("RecipientGroupScope")
    if custom and group:
        raise binding(
            "New-ManagementRoleAssignment",
            "Parameter set cannot be resolved using the specified named parameters.",
            "AmbiguousParameterSet",
        )
    if custom:
        return CUSTOM, management_scopes.find(run.tx, custom, run.as_of)["id"]
    if group:
        return GROUP, directory.group(run.tx, group, run.as_of)["id"]
    return ORGANIZATION, ""


def _free_name(wanted: str, taken: set[str]) -> str:
    name, number = wanted[:NAME_LENGTH], 0
    while name.casefold() in taken:
        number += 1
        name = f"{wanted[: NAME_LENGTH - len(str(number)) - 1]}-{number}"
    return name


def _find(tx: Transaction, identity: str, as_of: float | None) -> Document:
    wanted = identity.casefold()
    for document in tx.all(directory.ROLE_ASSIGNMENTS, as_of=as_of):
        if wanted in (document["id"], document["name"].casefold()):
            return document
    raise not_found(identity)


def _dn(name: str) -> str:
    path = ",CN=Role Assignments,CN=RBAC,OU=contoso,"
    return directory.distinguished_name({"name": name}).replace(",OU=contoso,", path)


_TYPE: Final = "Microsoft.Exchange.Data.Directory.SystemConfiguration.ManagementRoleAssignmentPresentation"
_OF_ADMINISTRATORS: Final = ("Mail Recipients", "Organization Configuration", "Role Management")


@behaviour(
    "An assignment names its application by the pointer's identity in RoleAssignee and its scope in "
    "CustomResourceScope and RecipientWriteScope",
    source="exchange.md 4.4 S19 (fields); values of a group scope unverified",
    if_wrong="an assignment of ours is not recognised",
)
def _record(run: Run, document: Document) -> Record:
    each: Assignment = described(run.tx, document)
    pointer = run.tx.get(directory.SERVICE_PRINCIPALS, document["app"])
    return Record(
        _TYPE,
        {
            "Role": each.role,
            "RoleAssignee": document["app"],
            "RoleAssigneeName": pointer["displayName"] if pointer else document["app"],
            "RoleAssigneeType": "ServicePrincipal",
            "App": document["app"],
            "RoleAssignmentDelegationType": "Regular",
            "AssignmentMethod": "Direct",
            "CustomResourceScope": None if each.scope_type == ORGANIZATION else each.scope,
            "CustomRecipientWriteScope": None,
            "RecipientReadScope": ORGANIZATION,
            "RecipientWriteScope": each.scope_type,
            "ConfigReadScope": "None",
            "ConfigWriteScope": "None",
            "Enabled": True,
            "Name": document["name"],
            "DistinguishedName": _dn(document["name"]),
            "Identity": document["name"],
            "Id": document["name"],
            "Guid": uuid.UUID(document["id"]),
            "WhenCreatedUTC": datetime.fromtimestamp(int(document["whenCreated"]), UTC),
            "IsValid": True,
            "ObjectState": "Unchanged",
        },
    )


def _administrators_record(role: str) -> Record:
    name = f"{role}-Organization Management"
    return Record(
        _TYPE,
        {
            "Role": role,
            "RoleAssignee": "Organization Management",
            "RoleAssigneeName": "Organization Management",
            "RoleAssigneeType": "RoleGroup",
            "App": None,
            "RoleAssignmentDelegationType": "Regular",
            "AssignmentMethod": "Direct",
            "CustomResourceScope": None,
            "CustomRecipientWriteScope": None,
            "RecipientReadScope": ORGANIZATION,
            "RecipientWriteScope": ORGANIZATION,
            "ConfigReadScope": "OrganizationConfig",
            "ConfigWriteScope": "OrganizationConfig",
            "Enabled": True,
            "Name": name,
            "DistinguishedName": _dn(name),
            "Identity": name,
            "Id": name,
            "IsValid": True,
            "ObjectState": "Unchanged",
        },
    )


CMDLETS = (
    Cmdlet(
        "New-ManagementRoleAssignment",
        _new,
        (
            Parameter("Name", string, position=0),
            Parameter("App", string, mandatory=True),
            Parameter("Role", string, mandatory=True),
            Parameter("CustomResourceScope", string),
            Parameter("RecipientGroupScope", string),
        ),
        roles=ADMINISTRATORS,
        writes=True,
        target="Role",
    ),
    Cmdlet(
        "Get-ManagementRoleAssignment",
        _get,
        (
            Parameter("Identity", string, position=0, nullable=True),
            Parameter("RoleAssignee", string),
            Parameter("Role", string),
        ),
    ),
    Cmdlet(
        "Remove-ManagementRoleAssignment",
        _remove,
        (Parameter("Identity", string, mandatory=True, position=0),),
        roles=ADMINISTRATORS,
        writes=True,
        confirms=True,
    ),
    Cmdlet(
        "Test-ServicePrincipalAuthorization",
        _test,
        (Parameter("Identity", string, mandatory=True, position=0), Parameter("Resource", string)),
    ),
)
