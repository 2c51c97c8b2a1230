"""The tenant itself, its people and their roles: read only."""

from __future__ import annotations

from provisioner.sandbox.graph import authorise
from provisioner.sandbox.graph.call import Call, Reply, entity, listing
from provisioner.sandbox.graph.errors import GraphError, not_found, unsupported_query
from provisioner.sandbox.graph.paths import Key
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.store import Document


def list_organization(call: Call) -> Reply:
    """``GET /organization``: always one."""
    authorise.require(call, (*authorise.READ_ORGANIZATION, "User.Read"))
    found = call.tx.view("organization", as_of=call.as_of)
    return listing(call, "organization", "organization", found, path="organization")


def get_organization(call: Call, key: Key) -> Reply:
    """``GET /organization/{id}``."""
    authorise.require(call, (*authorise.READ_ORGANIZATION, "User.Read"))
    return entity(call, "organization", "organization", call.find("organization", key))


def list_users(call: Call) -> Reply:
    """``GET /users``: ordered by userPrincipalName."""
    authorise.require(call, authorise.READ_USERS)
    found = sorted(call.tx.view("users", as_of=call.as_of), key=lambda each: each["userPrincipalName"].lower())
    return listing(call, "user", "users", found, path="users", units=2)


def get_user(call: Call, key: Key) -> Reply:
    """``GET /users/{id or userPrincipalName}``."""
    authorise.require(call, authorise.READ_USERS)
    return entity(call, "user", "users", find_user(call, key))


def find_user(call: Call, key: Key) -> Document:
    """A user by id or userPrincipalName. 404 otherwise."""
    wanted = key.value.casefold()
    for user in call.tx.view("users", as_of=call.as_of):
        if wanted in (user["id"], user["userPrincipalName"].casefold()):
            return user
    raise not_found(key.value)


@behaviour(
    "/me with an application's token: 400 BadRequest",
    source="recorded-graph.md 13 TEXT (2025-07-03)",
    if_wrong="only the text of an error differs",
)
def me(call: Call) -> Document:
    """The person behind the call."""
    if call.claims.app_only:
        raise GraphError(400, "BadRequest", "/me request is only valid with delegated authentication flow.")
    document = call.tx.get("users", call.claims.oid)
    if document is None:
        raise not_found(call.claims.oid)
    return document


def get_me(call: Call) -> Reply:
    """``GET /me``."""
    user = me(call)
    authorise.require(call, ("User.Read", *authorise.READ_USERS))
    return entity(call, "user", "users", user)


def list_my_memberships(call: Call) -> Reply:
    """``GET /me/memberOf``, with or without the cast to directoryRole: active roles only."""
    user = me(call)
    authorise.require(call, ("User.Read", *authorise.READ_USERS, *authorise.READ_ROLES))
    return _memberships(call, user["id"], "me/memberOf")


def list_service_principal_memberships(call: Call, key: Key) -> Reply:
    """``GET /servicePrincipals/{id}/memberOf``."""
    authorise.require(call, authorise.READ_DIRECTORY)
    principal = call.find("servicePrincipals", key)
    return _memberships(call, principal["id"], f"servicePrincipals/{principal['id']}/memberOf")


def list_user_memberships(call: Call, key: Key) -> Reply:
    """``GET /users/{id}/memberOf``."""
    authorise.require(call, authorise.READ_DIRECTORY)
    user = find_user(call, key)
    return _memberships(call, user["id"], f"users/{user['id']}/memberOf")


def _memberships(call: Call, principal_id: str, path: str) -> Reply:
    held = {
        each["roleDefinitionId"]
        for each in call.tx.view("roleAssignments", as_of=call.as_of)
        if each["principalId"] == principal_id
    }
    roles = [each for each in call.tx.view("directoryRoles") if each["roleTemplateId"] in held]
    cast = str(call.target.tokens[-1]).lower() == "directoryrole"
    fragment = "directoryRoles" if cast else "directoryObjects"
    return listing(call, "directoryRole", fragment, roles, path=path, units=2, cast=None if cast else "directoryRole")


@behaviour(
    "/directoryRoles refuses $top",
    source="graph.md 2.1 PUB",
    if_wrong="a page size is sent where none is allowed",
)
def list_directory_roles(call: Call) -> Reply:
    """``GET /directoryRoles``: the roles this tenant has activated."""
    authorise.require(call, authorise.READ_ROLES)
    if "$top" in call.options:
        raise unsupported_query(
            "This resource does not support custom page sizes. Please retry without a page size argument."
        )
    roles = call.tx.view("directoryRoles", as_of=call.as_of)
    return listing(call, "directoryRole", "directoryRoles", roles, path="directoryRoles")


def get_policy(call: Call, name: str, type_name: str) -> Reply:
    """``GET /policies/{name}``, one of the tenant's single policies."""
    authorise.require(call, authorise.READ_POLICIES, roles=authorise.POLICY_READERS)
    document = call.tx.get("policies", name, as_of=call.as_of)
    if document is None:
        raise not_found(name)
    return entity(call, type_name, f"policies/{name}", document)
