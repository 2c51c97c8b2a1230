"""Whose mailbox a request may open: a permission of the token, or an application role of Exchange's in scope.

Both add up. The token's permission counts for every mailbox of the tenant; a role counts where its scope reaches.
"""

from __future__ import annotations

from collections.abc import Sequence

from provisioner.sandbox.exchange import access_policies, application_roles
from provisioner.sandbox.graph import authorise
from provisioner.sandbox.graph.call import Call
from provisioner.sandbox.graph.errors import GraphError
from provisioner.sandbox.graph.paths import Key
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.store import Document


@behaviour(
    "A mailbox opens to an application by the permission in its token (every mailbox) or by the same permission's "
    "application role in scope; to a person by the scope, the own mailbox only. Else 403 ErrorAccessDenied",
    source="exchange.md 4.4 S18, S17 (measured both ways); shared mailboxes of a person are not played",
    if_wrong="a surviving consent that cancels a scope goes unnoticed",
)
@behaviour(
    "A user without mailbox is 404 MailboxNotEnabledForRESTAPI, an unknown one 404 ErrorInvalidUser, to whoever may "
    "open all; to others 403",
    source="codes public (several clients' troubleshooting tables); texts unverified",
    if_wrong="a proof by reading the mail back names the wrong cause",
)
def open_mailbox(call: Call, key: Key, permissions: Sequence[str]) -> Document:
    """Exchange's document of the mailbox a key names. GraphError when it is none, or may not be opened."""
    user = _user(call, key)
    address = str((user or {}).get("mail") or "").lower()
    mailbox = next((each for each in call.tx.view("mailboxes") if each["primarySmtpAddress"].lower() == address), None)
    if mailbox is None:
        if not authorise.holds(call, permissions):
            raise _denied()
    elif not allows(call, mailbox, permissions):
        raise _blocked() if authorise.holds(call, permissions) else _denied()
    if user is None:
        raise GraphError(404, "ErrorInvalidUser", f"The requested user '{key.value}' is invalid.")
    if not call.claims.app_only and user["id"] != call.claims.oid:
        raise _denied()
    if mailbox is None:
        raise GraphError(
            404,
            "MailboxNotEnabledForRESTAPI",
            "The mailbox is either inactive, soft-deleted, or is hosted on-premise.",
        )
    return mailbox


def allows(call: Call, mailbox: Document, permissions: Sequence[str]) -> bool:
    """True when the caller holds one of these permissions on a mailbox, by the token or by a role in scope."""
    if authorise.holds(call, permissions) and not access_policies.blocks(call.sandbox, call.tx, call.claims, mailbox):
        return True
    return _by_role(call, mailbox, permissions)


def _by_role(call: Call, mailbox: Document, permissions: Sequence[str]) -> bool:
    return application_roles.permitted(call.sandbox, call.tx, call.claims, permissions, mailbox)


@behaviour(
    "An application access policy takes away what the token grants, not what an application role grants: 403 "
    "ErrorAccessDenied with [RAOP] in its text",
    source="exchange.md 4.5 S1, S17, S19; field-notes.md 5 ([RAOP]); the whole sentence as quoted in public reports",
    if_wrong="a leftover policy is taken for a scope too narrow",
)
def _blocked() -> GraphError:
    return GraphError(403, "ErrorAccessDenied", access_policies.REFUSAL)


def _denied() -> GraphError:
    return GraphError(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")


def _user(call: Call, key: Key) -> Document | None:
    wanted = key.value.casefold()
    for user in call.tx.view("users"):
        if wanted in (user["id"], user["userPrincipalName"].casefold(), str(user.get("mail")).casefold()):
            return user
    return None
