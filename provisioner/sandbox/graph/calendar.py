"""Calendar events, read only: collection ``events``, {id, mailbox, subject, start, end} with times in UTC."""

from __future__ import annotations

from typing import Any

from provisioner.sandbox.graph.call import Call, Reply, listing
from provisioner.sandbox.graph.directory import me
from provisioner.sandbox.graph.mailbox_access import allows, open_mailbox
from provisioner.sandbox.graph.paths import Key
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.store import Document

_FULL = ("Calendars.Read", "Calendars.ReadWrite")
_BASIC = ("Calendars.ReadBasic.All", "Calendars.ReadBasic")


def list_events(call: Call, user: Key) -> Reply:
    """``GET /users/{id or userPrincipalName}/events`` or ``.../calendar/events``."""
    return _events(call, open_mailbox(call, user, _FULL + _BASIC), f"users/{user.value}/events")


def list_my_events(call: Call) -> Reply:
    """``GET /me/events`` or ``/me/calendar/events``."""
    return _events(call, open_mailbox(call, Key(me(call)["id"]), _FULL + _BASIC), "me/events")


@behaviour(
    "Events need Calendars.Read or .ReadWrite (with ReadBasic alone subjects and bodies are left out), newest first",
    source="the permissions' published descriptions; order and left-out properties unverified",
    if_wrong="a proof looks for what it may not read",
)
def _events(call: Call, mailbox: Document, path: str) -> Reply:
    address = str(mailbox["primarySmtpAddress"]).lower()
    with_subject = allows(call, mailbox, _FULL)
    found = [
        _event(each, with_subject=with_subject) for each in call.tx.view("events") if each["mailbox"].lower() == address
    ]
    found.sort(key=lambda each: str(each["start"]["dateTime"]), reverse=True)
    return listing(call, "event", f"users('{address}')/events", found, path=path, directory=False)


def _event(document: Document, *, with_subject: bool) -> dict[str, Any]:
    event: dict[str, Any] = {
        "id": document["id"],
        "isAllDay": False,
        "isCancelled": False,
        "showAs": "busy",
        "type": "singleInstance",
        "start": {"dateTime": document["start"], "timeZone": "UTC"},
        "end": {"dateTime": document["end"], "timeZone": "UTC"},
    }
    if with_subject:
        event |= {"subject": document["subject"], "bodyPreview": document.get("bodyPreview", "")}
    return event
