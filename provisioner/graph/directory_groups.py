"""Groups of the directory, as far as assigning one to an application, or a policy that names one, needs."""

from __future__ import annotations

from uuid import UUID

from provisioner.errors import Absent
from provisioner.graph.connection import Graph
from provisioner.graph.reading import Json, guid, maybe_text
from provisioner.graph.rights import READ_GROUPS
from provisioner.graph.sdk import query
from provisioner.graph.texts import quoted
from provisioner.model.identifiers import ObjectId
from provisioner.model.observed import DirectoryGroup

SELECT = ["id", "displayName"]


async def find(graph: Graph, name: str) -> tuple[DirectoryGroup, ...]:
    """The groups of that display name, or the one of that object id. Display names are not unique."""
    if not _is_id(name):
        builder = graph.client.groups
        options = query(builder, select=SELECT, filter=f"displayName eq '{quoted(name)}'")
        found = await graph.pages(builder.to_get_request_information(options), READ_GROUPS)
        return tuple(_parse(each) for each in found)
    builder = graph.client.groups.by_group_id(name)
    try:
        found_one = await graph.read(builder.to_get_request_information(query(builder, select=SELECT)), READ_GROUPS)
    except Absent:
        return ()
    return (_parse(found_one),)


async def members(graph: Graph, group_id: str) -> frozenset[ObjectId]:
    """Everybody and everything in a group, and in the groups in it. Source: microsoft-graph-docs, transitiveMembers."""
    builder = graph.client.groups.by_group_id(group_id).transitive_members
    found = await graph.pages(builder.to_get_request_information(query(builder, select=["id"], top=999)), READ_GROUPS)
    return frozenset(ObjectId(guid(each, "id")) for each in found)


async def direct_members(graph: Graph, group_id: str) -> frozenset[ObjectId]:
    """Whoever is in a group itself: of a group that is assigned to an application, only they may sign in.

    Source: entra-docs, assign users and groups to an application (nested memberships do not count).
    """
    builder = graph.client.groups.by_group_id(group_id).members
    found = await graph.pages(builder.to_get_request_information(query(builder, select=["id"], top=999)), READ_GROUPS)
    return frozenset(ObjectId(guid(each, "id")) for each in found)


def _parse(found: Json) -> DirectoryGroup:
    return DirectoryGroup(ObjectId(guid(found, "id")), maybe_text(found, "displayName") or "")


def _is_id(name: str) -> bool:
    try:
        UUID(name)
    except ValueError:
        return False
    return True
