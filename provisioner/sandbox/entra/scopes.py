"""What a sign-in asks for: one resource and its scopes, beside the OpenID ones."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.entra import principals
from provisioner.sandbox.entra.errors import SignInError, missing_parameter
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.store import Document, Transaction

OPENID = frozenset(("openid", "profile", "email", "offline_access"))
DEFAULT = ".default"
_GRAPH = "https://graph.microsoft.com"


@dataclass(frozen=True, slots=True)
class Wanted:
    """``resource`` as asked for (it becomes the token's audience), its scope names, and the OpenID scopes."""

    resource: str
    names: tuple[str, ...]
    openid: frozenset[str]


def parse_scopes(text: str) -> Wanted:
    """Scopes of a delegated request. Bare names belong to Graph. SignInError for two resources in one request."""
    if not text.strip():
        raise missing_parameter("scope")
    resources: dict[str, list[str]] = {}
    openid = set()
    for scope in text.split():
        if scope in OPENID:
            openid.add(scope)
            continue
        resource, _, name = scope.rpartition("/")
        resources.setdefault(resource or _GRAPH, []).append(name)
    if len(resources) > 1:
        raise SignInError(
            400,
            "invalid_scope",
            70011,
            "The provided request must include a 'scope' input parameter. The provided value for the input parameter"
            f" 'scope' is not valid. The scope {text} is not valid: it names more than one resource.",
        )
    resource, names = next(iter(resources.items()), (_GRAPH, []))
    return Wanted(resource, tuple(names), frozenset(openid))


@behaviour(
    "Client credentials ask for '<resource>/.default'; anything else is 400 invalid_scope AADSTS1002012",
    source="graph.md 3.3 M",
    if_wrong="only the text of an error differs",
)
def parse_application_scope(text: str) -> str:
    """The resource a client-credentials request asks for."""
    if not text.strip():
        raise missing_parameter("scope")
    if not text.endswith("/" + DEFAULT) or len(text.split()) != 1:
        raise SignInError(
            400,
            "invalid_scope",
            1002012,
            f"The provided value for scope {text} is not valid. Client credential flows must have a scope value with"
            " /.default suffixed to the resource identifier (application ID URI).",
        )
    return text.removesuffix("/" + DEFAULT)


@behaviour(
    "A resource without service principal in the tenant: 400 invalid_resource AADSTS500011",
    source="graph.md 3.3 V: ED; status in a live capture of 2026-08-13",
    if_wrong="a misspelt resource is reported as a missing permission",
)
def resource_principal(sandbox: Sandbox, tx: Transaction, identifier: str) -> Document:
    """The service principal of the resource asked for."""
    found = principals.resource(tx, identifier)
    if found is None:
        organization = tx.get("organization", sandbox.tenant_id) or {}
        raise SignInError(
            400,
            "invalid_resource",
            500011,
            f"The resource principal named {identifier} was not found in the tenant named"
            f" {organization.get('displayName')}. This can happen if the application has not been installed by the"
            " administrator of the tenant or consented to by any user in the tenant. You might have sent your"
            " authentication request to the wrong tenant.",
        )
    return found
