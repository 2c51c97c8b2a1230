"""Licences over Graph: the tenant's subscriptions, and what a person has of them. Read only."""

from __future__ import annotations

from provisioner.sandbox import licences
from provisioner.sandbox.graph import authorise
from provisioner.sandbox.graph.call import Call, Reply, listing
from provisioner.sandbox.graph.directory import find_user, me
from provisioner.sandbox.graph.errors import unsupported_query
from provisioner.sandbox.graph.paths import Key
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.store import Document

_READ_SKUS = ("LicenseAssignment.Read.All", *authorise.READ_ORGANIZATION)
_READ_DETAILS = (
    "LicenseAssignment.Read.All",
    "User.Read.All",
    "User.ReadWrite.All",
    *authorise.READ_DIRECTORY,
)


@behaviour(
    "/subscribedSkus refuses $top and costs 3 resource units",
    source="graph.md 2.1 PUB, 4",
    if_wrong="a page size is sent where none is allowed",
)
def list_subscriptions(call: Call) -> Reply:
    """``GET /subscribedSkus``."""
    authorise.require(call, _READ_SKUS)
    if "$top" in call.options:
        raise unsupported_query(
            "This resource does not support custom page sizes. Please retry without a page size argument."
        )
    found = call.tx.view(licences.COLLECTION, as_of=call.as_of)
    return listing(call, "subscribedSku", "subscribedSkus", found, path="subscribedSkus", units=3)


def list_details(call: Call, key: Key) -> Reply:
    """``GET /users/{id or userPrincipalName}/licenseDetails``."""
    authorise.require(call, _READ_DETAILS)
    return _details(call, find_user(call, key), f"users/{key.value}")


def list_my_details(call: Call) -> Reply:
    """``GET /me/licenseDetails``."""
    user = me(call)
    authorise.require(call, ("User.Read", *_READ_DETAILS))
    return _details(call, user, "me")


def _details(call: Call, user: Document, owner: str) -> Reply:
    fragment = f"users('{user['id']}')/licenseDetails"
    found = licences.details(call.tx, user)
    return listing(call, "licenseDetails", fragment, found, path=f"{owner}/licenseDetails", directory=False)
