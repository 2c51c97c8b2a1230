"""Accounts of people, as far as a grant for one of them needs."""

from __future__ import annotations

from provisioner.errors import Absent
from provisioner.graph.connection import Graph
from provisioner.graph.reading import guid
from provisioner.graph.rights import READ_USERS
from provisioner.graph.sdk import query
from provisioner.model.identifiers import ObjectId


async def object_id(graph: Graph, sign_in_name: str) -> ObjectId | None:
    """The object id of the account with that sign-in name (user principal name), None where there is none."""
    builder = graph.client.users.by_user_id(sign_in_name)
    try:
        found = await graph.read(builder.to_get_request_information(query(builder, select=["id"])), READ_USERS)
    except Absent:
        return None
    return ObjectId(guid(found, "id"))
