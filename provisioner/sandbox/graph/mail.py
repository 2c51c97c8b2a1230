"""Mailbox contents, as far as reading back a delivered mail needs them.

Messages are put there by the sandbox's SMTP submission: collection ``messages``, {id, mailbox, folder, subject, from,
to, internetMessageId, receivedDateTime, bodyPreview}. Access is Exchange's business, so refusals look like its own.
"""

from __future__ import annotations

import base64
from typing import Any

from provisioner.sandbox.graph import authorise
from provisioner.sandbox.graph.call import Call, Reply, listing
from provisioner.sandbox.graph.directory import me
from provisioner.sandbox.graph.errors import GraphError
from provisioner.sandbox.graph.paths import Key
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.store import Document

_BASIC = ("Mail.ReadBasic.All", "Mail.ReadBasic")
_FULL = ("Mail.Read", "Mail.ReadWrite")
_FOLDERS = {"inbox": "inbox", "sentitems": "sentitems"}


def list_messages(call: Call, user: Key) -> Reply:
    """``GET /users/{id or userPrincipalName}/messages``: every folder."""
    return _messages(call, _mailbox(call, user), None, f"users/{user.value}/messages")


def list_folder_messages(call: Call, user: Key, folder: Key) -> Reply:
    """``GET /users/{..}/mailFolders/inbox/messages`` (or sentitems)."""
    path = f"users/{user.value}/mailFolders/{folder.value}/messages"
    return _messages(call, _mailbox(call, user), folder.value, path)


def list_my_messages(call: Call) -> Reply:
    """``GET /me/messages``."""
    user = me(call)
    return _messages(call, _mailbox(call, Key(user["id"])), None, "me/messages")


def list_my_folder_messages(call: Call, folder: Key) -> Reply:
    """``GET /me/mailFolders/inbox/messages``."""
    user = me(call)
    path = f"me/mailFolders/{folder.value}/messages"
    return _messages(call, _mailbox(call, Key(user["id"])), folder.value, path)


@behaviour(
    "Mail needs Mail.ReadBasic(.All) or Mail.Read(Write), else 403 ErrorAccessDenied; a user without mailbox is 404 "
    "MailboxNotEnabledForRESTAPI, an unknown one 404 ErrorInvalidUser",
    source="codes public (several clients' troubleshooting tables); texts unverified",
    if_wrong="a proof by reading the mail back names the wrong cause",
)
def _mailbox(call: Call, key: Key) -> str:
    """The mailbox's primary address, lower case."""
    if not authorise.holds(call, _BASIC + _FULL):
        raise GraphError(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
    user = _user(call, key)
    if user is None:
        raise GraphError(404, "ErrorInvalidUser", f"The requested user '{key.value}' is invalid.")
    if not call.claims.app_only and user["id"] != call.claims.oid:
        raise GraphError(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
    address = str(user.get("mail") or "").lower()
    if not any(each["primarySmtpAddress"].lower() == address for each in call.tx.view("mailboxes")):
        raise GraphError(
            404,
            "MailboxNotEnabledForRESTAPI",
            "The mailbox is either inactive, soft-deleted, or is hosted on-premise.",
        )
    return address


def _user(call: Call, key: Key) -> Document | None:
    wanted = key.value.casefold()
    for user in call.tx.view("users"):
        if wanted in (user["id"], user["userPrincipalName"].casefold(), str(user.get("mail")).casefold()):
            return user
    return None


@behaviour(
    "With Mail.ReadBasic(.All) alone bodies and previews are left out",
    source="unverified here; the permission's published description",
    if_wrong="a proof looks for its mark in a body it may not read",
)
def _messages(call: Call, mailbox: str, folder: str | None, path: str) -> Reply:
    wanted = None if folder is None else _FOLDERS.get(folder.lower())
    if folder is not None and wanted is None:
        raise GraphError(404, "ErrorItemNotFound", "The specified object was not found in the store.")
    with_body = authorise.holds(call, _FULL)
    found = [
        _message(each, mailbox, with_body=with_body)
        for each in call.tx.view("messages")
        if each["mailbox"] == mailbox and wanted in (None, each["folder"])
    ]
    found.sort(key=lambda each: str(each["receivedDateTime"]), reverse=True)
    fragment = f"users('{mailbox}')/messages"
    return listing(call, "message", fragment, found, path=path, directory=False)


def _message(document: Document, mailbox: str, *, with_body: bool) -> dict[str, Any]:
    received = document["receivedDateTime"]
    message = {
        "@odata.etag": f'W/"{base64.b64encode(document["id"].encode()).decode()[:24]}"',
        "id": document["id"],
        "createdDateTime": received,
        "lastModifiedDateTime": received,
        "categories": [],
        "receivedDateTime": received,
        "sentDateTime": received,
        "hasAttachments": False,
        "internetMessageId": document["internetMessageId"],
        "subject": document["subject"],
        "importance": "normal",
        "parentFolderId": f"{mailbox}:{document['folder']}",
        "isDeliveryReceiptRequested": None,
        "isReadReceiptRequested": False,
        "isRead": False,
        "isDraft": False,
        "inferenceClassification": "focused",
        "sender": _recipient(document["from"]),
        "from": _recipient(document["from"]),
        "toRecipients": [_recipient(each) for each in document["to"]],
        "ccRecipients": [],
        "bccRecipients": [],
        "replyTo": [],
        "flag": {"flagStatus": "notFlagged"},
    }
    if with_body:
        message["bodyPreview"] = document["bodyPreview"]
        message["body"] = {"contentType": "text", "content": document["bodyPreview"]}
    return message


def _recipient(address: str) -> dict[str, Any]:
    return {"emailAddress": {"name": address, "address": address}}
