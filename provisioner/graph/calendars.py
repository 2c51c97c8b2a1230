"""A mailbox's calendar, as far as a proof needs it: whether a product may read there.

Reading needs Calendars.Read on that mailbox, which can also come from Exchange's own roles.
"""

from __future__ import annotations

from provisioner.graph.connection import Graph
from provisioner.graph.rights import READ_CALENDARS
from provisioner.graph.sdk import query


async def look_in(graph: Graph, mailbox: str) -> None:
    """Read one event's id, or that there is none. Raises `Refused` or `Absent`."""
    builder = graph.client.users.by_user_id(mailbox).calendar.events
    await graph.read(builder.to_get_request_information(query(builder, select=["id"], top=1)), READ_CALENDARS)
