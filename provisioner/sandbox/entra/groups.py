"""Groups as Entra knows them: its own, and those made in Exchange, which it takes over.

Collection ``groups``: the entity's properties and ``members``, object ids of users, groups and service principals.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from provisioner.sandbox.clock import format_time
from provisioner.sandbox.exchange import directory
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.store import Document, Transaction

COLLECTION = "groups"


def all_groups(tx: Transaction, as_of: float | None = None) -> list[Document]:
    """Every group of the tenant, Entra's own first."""
    return [*tx.view(COLLECTION, as_of=as_of), *_from_exchange(tx, as_of)]


def find_group(tx: Transaction, object_id: str, as_of: float | None = None) -> Document | None:
    """The group with this object id."""
    wanted = object_id.lower()
    return next((each for each in all_groups(tx, as_of) if each["id"] == wanted), None)


def direct_groups(tx: Transaction, member_id: str, as_of: float | None = None) -> frozenset[str]:
    """Ids of the groups that have this object as a direct member."""
    return frozenset(each["id"] for each in all_groups(tx, as_of) if member_id in each["members"])


def transitive_members(tx: Transaction, group: Document, as_of: float | None = None) -> list[str]:
    """Object ids of direct and nested members, nearest first, each once, the group itself never."""
    known = {each["id"]: each for each in all_groups(tx, as_of)}
    found: dict[str, None] = {}
    waiting = list(group["members"])
    while waiting:
        member = waiting.pop(0)
        if member == group["id"] or member in found:
            continue
        found[member] = None
        waiting += known[member]["members"] if member in known else ()
    return list(found)


def entra_group(object_id: str, name: str, *, created: str, members: Iterable[str], **more: Any) -> Document:
    """A security group with Entra's defaults; ``more`` sets properties of the entity."""
    return {
        "id": object_id,
        "deletedDateTime": None,
        "classification": None,
        "createdDateTime": created,
        "creationOptions": [],
        "description": None,
        "displayName": name,
        "expirationDateTime": None,
        "groupTypes": [],
        "isAssignableToRole": None,
        "mail": None,
        "mailEnabled": False,
        "mailNickname": "".join(each for each in name if each.isalnum()),
        "membershipRule": None,
        "membershipRuleProcessingState": None,
        "onPremisesSyncEnabled": None,
        "proxyAddresses": [],
        "renewedDateTime": created,
        "resourceBehaviorOptions": [],
        "resourceProvisioningOptions": [],
        "securityEnabled": True,
        "securityIdentifier": _sid(object_id),
        "visibility": None,
        "onPremisesProvisioningErrors": [],
        "members": list(members),
        **more,
    }


@behaviour(
    "A group made in Exchange is a mail-enabled group of Entra too, by its ExternalDirectoryObjectId, with its members",
    source="Exchange's groups are Entra objects (their ExternalDirectoryObjectId); at once: unverified",
    if_wrong="a group is looked for in Graph too early, or taken for missing",
)
def _from_exchange(tx: Transaction, as_of: float | None) -> list[Document]:
    made = tx.view(directory.GROUPS, as_of=as_of)
    if not made:
        return []
    known = (*tx.view(directory.MAILBOXES), *made)
    object_ids = {each["id"]: each["externalDirectoryObjectId"] for each in known}
    return [
        entra_group(
            each["externalDirectoryObjectId"],
            each["displayName"],
            created=format_time(each["whenCreated"]),
            members=[object_ids[member] for member in each["members"] if member in object_ids],
            mail=each["primarySmtpAddress"],
            mailEnabled=True,
            mailNickname=each["alias"],
            proxyAddresses=list(each["emailAddresses"]),
            securityEnabled=each["security"],
        )
        for each in made
    ]


@behaviour(
    "A group's securityIdentifier is S-1-12-1- and its id as four little-endian numbers",
    source="recorded-graph.md 12 (decoded, three of three)",
    if_wrong="nothing: no client of ours reads it",
)
def _sid(object_id: str) -> str:
    raw = uuid.UUID(object_id).bytes_le
    return "S-1-12-1-" + "-".join(str(int.from_bytes(raw[at : at + 4], "little")) for at in range(0, 16, 4))
