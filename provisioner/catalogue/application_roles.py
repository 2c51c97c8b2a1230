"""Roles that Exchange itself can give an application, and the permission of Entra that opens the same everywhere.

Source: exchange.md 4.4 (the official table, quoted by an administrator's script). IMAP and POP have none.
"""

from __future__ import annotations

from collections.abc import Mapping

from provisioner.model.declared import Permission, PermissionKind
from provisioner.model.identifiers import EXCHANGE_APP_ID, GRAPH_APP_ID

EXCHANGE_NAME = "Application "
"""What Exchange puts before each role's name."""

_OF_GRAPH = (
    "Calendars.Read",
    "Calendars.ReadWrite",
    "Contacts.Read",
    "Contacts.ReadWrite",
    "Mail.Read",
    "Mail.ReadBasic",
    "Mail.ReadWrite",
    "Mail.Send",
    "MailboxSettings.Read",
    "MailboxSettings.ReadWrite",
)

_TWINS: Mapping[str, Permission] = {
    **{value: Permission(GRAPH_APP_ID, PermissionKind.ROLE, value) for value in _OF_GRAPH},
    "EWS.AccessAsApp": Permission(EXCHANGE_APP_ID, PermissionKind.ROLE, "full_access_as_app"),
    "SMTP.SendAsApp": Permission(EXCHANGE_APP_ID, PermissionKind.ROLE, "SMTP.SendAsApp"),
}


def application_roles() -> tuple[str, ...]:
    """Every role that a playbook may name, without Exchange's prefix."""
    return tuple(sorted(_TWINS))


def entra_twin(role: str) -> Permission:
    """The application permission that opens for every mailbox what the role opens for some."""
    return _TWINS[role]
