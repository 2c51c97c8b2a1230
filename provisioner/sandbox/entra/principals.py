"""What sign-in looks up in the directory: tenants, applications, service principals, people and their roles."""

from __future__ import annotations

from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.entra.errors import tenant_not_found
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.store import Document, Transaction

DEFAULT_USER_ROLE = "b79fbf4d-3ef9-4689-8143-76b194e85509"


@behaviour(
    "An unknown tenant: 400 invalid_tenant AADSTS90002 at discovery, 400 invalid_request AADSTS90002 at the token "
    "endpoint",
    source="graph.md 3.3 V: ED, PUB (nock recording)",
    if_wrong="a wrong tenant id is reported as a network fault",
)
def check_tenant(sandbox: Sandbox, tenant: str, error: str) -> None:
    """Raises SignInError unless ``tenant`` is this tenant's id or one of its verified domains."""
    with sandbox.store.transaction() as tx:
        organization = tx.get("organization", sandbox.tenant_id) or {}
    names = {domain["name"].lower() for domain in organization.get("verifiedDomains", ())}
    if tenant.lower() not in names | {sandbox.tenant_id}:
        raise tenant_not_found(tenant, error)


def application(tx: Transaction, app_id: str, *, as_of: float | None = None) -> Document | None:
    """The registration with this application id."""
    wanted = app_id.lower()
    return next((each for each in tx.view("applications", as_of=as_of) if each["appId"] == wanted), None)


def service_principal(tx: Transaction, app_id: str, *, as_of: float | None = None) -> Document | None:
    """The service principal with this application id."""
    wanted = app_id.lower()
    return next((each for each in tx.view("servicePrincipals", as_of=as_of) if each["appId"] == wanted), None)


def resource(tx: Transaction, identifier: str) -> Document | None:
    """The service principal that answers to a resource identifier (URI or application id)."""
    wanted = identifier.rstrip("/").lower()
    for each in tx.view("servicePrincipals"):
        if any(name.rstrip("/").lower() == wanted for name in each["servicePrincipalNames"]):
            return each
    return None


def user(sandbox: Sandbox, tx: Transaction, name: str) -> Document | None:
    """A person by userPrincipalName, object id, or the short name of a caller in endpoints.json."""
    caller = sandbox.endpoints.get("callers", {}).get(name, {})
    wanted = str(caller.get("upn", name)).lower()
    for each in tx.view("users"):
        if wanted in (each["id"], each["userPrincipalName"].lower()):
            return each
    return None


def role_templates(tx: Transaction, principal_id: str, *, as_of: float | None = None) -> list[str]:
    """Template ids of the directory roles a principal holds."""
    found = tx.view("roleAssignments", as_of=as_of)
    return sorted({each["roleDefinitionId"] for each in found if each["principalId"] == principal_id})


@behaviour(
    "A directory role reaches newly issued tokens after seconds, and Exchange minutes later: until then Exchange does "
    "not honour the role though the token names it",
    source="field-notes.md 2 (Exchange sees a new role later than Entra); that the token's own claim is not enough: "
    "unverified",
    if_wrong="a bootstrap's first cmdlet fails and is taken for a missing role",
)
def roles_unknown_to_exchange(sandbox: Sandbox, tx: Transaction, principal_id: str) -> frozenset[str]:
    """Template ids of roles the principal holds in Entra, but not yet in Exchange's eyes."""
    present = role_templates(tx, principal_id)
    return frozenset(present) - set(role_templates(tx, principal_id, as_of=sandbox.seen_by_exchange()))
