"""The one mail that a proof sends: from a mailbox to itself, saying what it is, findable by its Message-ID."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from provisioner.errors import InputFault

_POLICY = SMTP.clone(max_line_length=998)
"""RFC 5322's own limit: a Message-ID folded at 78 is legal, and not found again by those who compare texts."""

_FORBIDDEN = frozenset('<>"(),:;[]\\')


@dataclass(frozen=True)
class Message:
    """A mail ready to be sent. `message_id` includes the angle brackets, as Graph's `internetMessageId` does."""

    address: str
    message_id: str
    data: bytes
    """RFC 5322 text with CRLF line ends."""


def wire_address(mailbox: str) -> str:
    """The address as SMTP takes it: an international domain in its ASCII form.

    Raises InputFault for what is no address or could end a command early, and where the part before the @ is not
    ASCII: Exchange Online gives no mailbox such an address.
    """
    local, at, domain = mailbox.rpartition("@")
    try:
        ascii_domain = domain.encode("idna").decode("ascii")
    except UnicodeError:
        ascii_domain = ""
    printable = all("!" <= each <= "~" for each in local) and not any(each in _FORBIDDEN for each in local + domain)
    if not (at and local and printable and "." in ascii_domain) or any(not "!" <= each <= "~" for each in ascii_domain):
        raise InputFault(f"{mailbox!r} is not a mail address that SMTP can carry")
    return f"{local}@{ascii_domain}"


def proof_message(mailbox: str, *, title: str, now: datetime) -> Message:
    """The proof's mail. `title` is the proof's; `now` is tenant time."""
    address = wire_address(mailbox)
    message_id = f"<provisioner-{uuid.uuid4()}@{address.rpartition('@')[2]}>"
    message = EmailMessage(policy=_POLICY)
    message["From"] = address
    message["To"] = address
    message["Subject"] = "Proof that an application can send as this mailbox"
    message["Date"] = format_datetime(now)
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"
    legible = "".join(each if each.isprintable() else " " for each in title)
    message.set_content(
        "An application was set up to send mail as this mailbox, and this mail shows that it can.\n"
        f"The proof: {legible}\n\n"
        "It went from the mailbox to itself, to nobody else. It can be deleted.\n"
    )
    return Message(address, message_id, message.as_bytes())
