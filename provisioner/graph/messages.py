"""Messages in a mailbox, to see whether a test mail has really arrived. Needs Mail.Read on that mailbox."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from provisioner.graph.connection import Graph
from provisioner.graph.reading import maybe_text, members, moment
from provisioner.graph.rights import READ_MAIL
from provisioner.graph.sdk import query
from provisioner.graph.texts import quoted


@dataclass(frozen=True)
class MessageSummary:
    """What one needs to know of a message that was found. `received` is UTC."""

    subject: str
    received: datetime


async def find(graph: Graph, mailbox: str, *, internet_message_id: str) -> MessageSummary | None:
    """The message with that `Message-ID` (with its angle brackets) in any folder of a mailbox, or None.

    Raises `Refused` where we may not read there, `Absent` where there is no such mailbox.
    """
    builder = graph.client.users.by_user_id(mailbox).messages
    options = query(
        builder,
        filter=f"internetMessageId eq '{quoted(internet_message_id)}'",
        select=["subject", "receivedDateTime"],
        top=1,
    )
    found = members(await graph.read(builder.to_get_request_information(options), READ_MAIL), "value")
    if not found:
        return None
    return MessageSummary(maybe_text(found[0], "subject") or "", moment(found[0], "receivedDateTime"))
