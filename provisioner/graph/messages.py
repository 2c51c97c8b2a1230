"""Messages in a mailbox: to see whether a test mail has really arrived, and, as a product, to send one to itself.

Reading needs Mail.Read on that mailbox, sending Mail.Send; both can also come from Exchange's own roles.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from provisioner.graph.connection import Graph
from provisioner.graph.reading import maybe_text, members, moment
from provisioner.graph.rights import READ_MAIL, SEND_MAIL
from provisioner.graph.sdk import load, model, query
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


async def arrived(graph: Graph, mailbox: str, *, subject: str) -> bool:
    """Whether a message of exactly that subject is in any folder of a mailbox."""
    builder = graph.client.users.by_user_id(mailbox).messages
    options = query(builder, filter=f"subject eq '{quoted(subject)}'", select=["subject"], top=1)
    return bool(members(await graph.read(builder.to_get_request_information(options), READ_MAIL), "value"))


async def look_in(graph: Graph, mailbox: str) -> None:
    """Read one message's id, or that there is none. Raises `Refused` or `Absent` as `find` does."""
    builder = graph.client.users.by_user_id(mailbox).messages
    await graph.read(builder.to_get_request_information(query(builder, select=["id"], top=1)), READ_MAIL)


async def send(graph: Graph, mailbox: str, *, subject: str, text: str) -> None:
    """Send one mail from a mailbox to itself, once, without a copy among the sent ones: what is found was delivered.

    The answer (202) only says that it was accepted. Source: exchange.md 5.5. Raises `UnknownOutcome` where it may have
    been accepted, `Refused` where the mailbox is out of reach.
    """
    address = model("EmailAddress", "email_address")(address=mailbox)
    message = model("Message", "message")(
        subject=subject,
        body=model("ItemBody", "item_body")(content_type=model("BodyType", "body_type")("text"), content=text),
        to_recipients=[model("Recipient", "recipient")(email_address=address)],
    )
    body_of = "msgraph.generated.users.item.send_mail.send_mail_post_request_body"
    body = load(body_of, "SendMailPostRequestBody")(message=message, save_to_sent_items=False)
    builder = graph.client.users.by_user_id(mailbox).send_mail
    await graph.write_once(builder.to_post_request_information(body), SEND_MAIL)
