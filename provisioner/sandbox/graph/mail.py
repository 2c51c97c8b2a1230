"""Mailbox contents, as far as reading back a delivered mail needs them.

Messages are put there by submission over SMTP and by sendMail: collection ``messages``, {id, mailbox, folder, subject,
from, to, internetMessageId, receivedDateTime, bodyPreview}. Access is Exchange's business; so are the refusals.
"""

from __future__ import annotations

import base64
from typing import Any

from provisioner.sandbox.graph.call import Call, Reply, listing
from provisioner.sandbox.graph.directory import me
from provisioner.sandbox.graph.errors import GraphError
from provisioner.sandbox.graph.mailbox_access import allows, open_mailbox
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


def _mailbox(call: Call, key: Key) -> Document:
    return open_mailbox(call, key, _BASIC + _FULL)


@behaviour(
    "With Mail.ReadBasic(.All) alone bodies and previews are left out",
    source="unverified here; the permission's published description",
    if_wrong="a proof looks for its mark in a body it may not read",
)
def _messages(call: Call, mailbox: Document, folder: str | None, path: str) -> Reply:
    wanted = None if folder is None else _FOLDERS.get(folder.lower())
    if folder is not None and wanted is None:
        raise GraphError(404, "ErrorItemNotFound", "The specified object was not found in the store.")
    with_body = allows(call, mailbox, _FULL)
    address = str(mailbox["primarySmtpAddress"]).lower()
    found = [
        _message(each, address, with_body=with_body)
        for each in call.tx.view("messages")
        if each["mailbox"] == address and wanted in (None, each["folder"])
    ]
    found.sort(key=lambda each: str(each["receivedDateTime"]), reverse=True)
    fragment = f"users('{address}')/messages"
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
