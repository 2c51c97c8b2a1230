"""``sendMail``: a message is taken over, which is not yet delivered."""

from __future__ import annotations

from collections.abc import Mapping
from email.message import EmailMessage
from email.utils import formatdate
from typing import Any

from provisioner.sandbox.exchange import directory, submission
from provisioner.sandbox.exchange.faults import CmdletFailed
from provisioner.sandbox.exchange.submission import Sender
from provisioner.sandbox.graph import schema
from provisioner.sandbox.graph.call import Call, Reply
from provisioner.sandbox.graph.directory import me
from provisioner.sandbox.graph.errors import GraphError, bad_request
from provisioner.sandbox.graph.mailbox_access import open_mailbox
from provisioner.sandbox.graph.paths import Key
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.store import Document

_PERMISSIONS = ("Mail.Send",)
_SPELLED = {name.lower(): name for name in ("message", "saveToSentItems")}


def send_mail(call: Call, user: Key) -> Reply:
    """``POST /users/{id or userPrincipalName}/sendMail``."""
    return _send(call, open_mailbox(call, user, _PERMISSIONS))


def send_my_mail(call: Call) -> Reply:
    """``POST /me/sendMail``."""
    return _send(call, open_mailbox(call, Key(me(call)["id"]), _PERMISSIONS))


@behaviour(
    "sendMail answers 202 without a body before anything is delivered; the message is in Sent Items unless "
    "saveToSentItems is false. Another from needs SendAs of the mailbox: else 403 ErrorSendAsDenied. No recipient: 400 "
    "ErrorInvalidRecipients",
    source="exchange.md 5.5 (202, Sent Items); error codes public, texts unverified",
    if_wrong="202 is taken for delivered",
)
def _send(call: Call, mailbox: Document) -> Reply:
    given = _parameters(call)
    message = given["message"]
    recipients = [address for name in ("to", "cc", "bcc") for address in _addresses(message.get(f"{name}Recipients"))]
    if not recipients:
        raise GraphError(
            400, "ErrorInvalidRecipients", "At least one recipient isn't valid., A message can't be sent to nobody."
        )
    own = str(mailbox["primarySmtpAddress"]).lower()
    sender = Sender(mailbox["id"], own, mailbox["sid"], call.claims.caller, owner=True)
    shown = next(iter(_addresses([message.get("from")])), own).lower()
    if not _may_send_as(call, sender, shown):
        raise GraphError(
            403,
            "ErrorSendAsDenied",
            "The user account which was used to submit this request does not have the right to send mail on behalf of "
            "the specified sending account., Cannot submit message.",
        )
    mail = _mail(call, message, shown)
    submission.deliver(
        call.sandbox, call.tx, sender, recipients, mail, keep_copy=given.get("saveToSentItems") is not False
    )
    return Reply(202)


def _parameters(call: Call) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for name, value in call.object_body().items():
        if name.startswith("@odata."):
            continue
        spelled = _SPELLED.get(name.lower())
        if spelled is None:
            raise bad_request(
                f"The parameter '{name}' in the request payload is not a valid parameter for the operation 'sendMail'.",
                "BadRequest",
            )
        given[spelled] = value
    if given.get("message") is None:
        raise bad_request("The request body must contain the parameter 'message'.", "ErrorInvalidParameter")
    given["message"] = schema.check_body("message", given["message"])
    return given


def _may_send_as(call: Call, sender: Sender, address: str) -> bool:
    try:
        return submission.may_send_as(call.sandbox, call.tx, sender, address)
    except CmdletFailed:
        return False


def _mail(call: Call, message: Mapping[str, Any], shown: str) -> EmailMessage:
    mail = EmailMessage()
    mail["Message-ID"] = f"<{call.sandbox.new_id()}@SBXPR01MB0001.SBXPR01A001.PROD.OUTLOOK.COM>"
    mail["Date"] = formatdate(call.sandbox.clock.now())
    mail["From"] = shown
    for name in ("To", "Cc"):
        if addresses := _addresses(message.get(f"{name.lower()}Recipients")):
            mail[name] = ", ".join(addresses)
    mail["Subject"] = " ".join(str(message.get("subject") or "").splitlines())
    body = message.get("body") or {}
    kind = "html" if str(body.get("contentType") or "").lower() == "html" else "plain"
    mail.set_content(str(body.get("content") or ""), subtype=kind)
    return mail


def _addresses(recipients: Any) -> list[str]:
    found = (((each or {}).get("emailAddress") or {}).get("address") for each in recipients or ())
    return [directory.clean_address(each) for each in found if each]
