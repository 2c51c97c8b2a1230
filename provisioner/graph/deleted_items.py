"""The recycle bin, in which applications keep their `uniqueName` for 30 days, and service principals their grants.

Source: graph.md 2.2, field-notes.md 1.3.
"""

from __future__ import annotations

from provisioner.errors import Absent
from provisioner.graph.applications import PAGE, SELECT, by_object_id, parse
from provisioner.graph.connection import Graph
from provisioner.graph.reading import guid
from provisioner.graph.rights import READ_APPLICATIONS, WRITE_APPLICATIONS
from provisioner.graph.sdk import query
from provisioner.model.identifiers import AppId, ObjectId
from provisioner.model.observed import ApplicationObject


async def applications(graph: Graph, *, unique_name: str) -> tuple[ApplicationObject, ...]:
    """Soft-deleted applications of that `uniqueName`. Picked here: no source says that the bin can filter by it."""
    builder = graph.client.directory.deleted_items.graph_application
    info = builder.to_get_request_information(query(builder, select=SELECT, top=PAGE))
    found = (parse(each) for each in await graph.pages(info, READ_APPLICATIONS))
    return tuple(each for each in found if each.unique_name == unique_name)


async def service_principals(graph: Graph, app_id: AppId) -> tuple[ObjectId, ...]:
    """Object ids of soft-deleted service principals of an application: one for each time it was deleted."""
    builder = graph.client.directory.deleted_items.graph_service_principal
    info = builder.to_get_request_information(query(builder, select=["id", "appId"], top=PAGE))
    found = await graph.pages(info, READ_APPLICATIONS)
    return tuple(ObjectId(guid(each, "id")) for each in found if guid(each, "appId") == app_id)


async def restore(graph: Graph, object_id: ObjectId) -> None:
    """Bring a soft-deleted application back, with its application id. Raises `Absent` where it is in no place."""
    item = graph.client.directory.deleted_items.by_directory_object_id(object_id)
    try:
        await graph.write(item.restore.to_post_request_information(), WRITE_APPLICATIONS)
    except Absent:
        if await by_object_id(graph, object_id) is None:
            raise  # else an earlier try of ours has brought it back


async def purge(graph: Graph, object_id: ObjectId) -> None:
    """Delete for good. Gone already is fine."""
    item = graph.client.directory.deleted_items.by_directory_object_id(object_id)
    await graph.delete(item.to_delete_request_information(), WRITE_APPLICATIONS)
