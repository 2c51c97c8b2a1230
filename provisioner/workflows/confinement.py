"""What application access policies mean for an application: read and explained, never turned into anything. Pure.

Several RestrictAccess policies are one scope over the union of their groups; a DenyAccess would be inverted by any
conversion; and each is kept until every grant of Entra is gone (field-notes.md 1.8).
"""

from __future__ import annotations

from provisioner.model.declared import Permission, PermissionKind
from provisioner.model.identifiers import EXCHANGE_APP_ID, GRAPH_APP_ID
from provisioner.model.policies import AccessPolicy, AccessRight
from provisioner.model.preflight import Finding, Severity
from provisioner.workflows.mailbox_facts import EXCHANGE_ADMINISTRATOR

CONFINED = ("Mail.", "MailboxSettings.", "Calendars.", "Contacts.")
"""Beginnings of Graph's application permissions that application access policies cut down (exchange.md 4.5)."""

FULL_EWS = "full_access_as_app"


def reaches(permission: Permission) -> bool:
    """Whether application access policies cut a permission down."""
    if permission.kind is not PermissionKind.ROLE:
        return False
    if permission.resource_app_id == EXCHANGE_APP_ID:
        return permission.value == FULL_EWS
    return permission.resource_app_id == GRAPH_APP_ID and permission.value.startswith(CONFINED)


def shut_out(mailbox: str, known: tuple[AccessPolicy, ...]) -> Finding:
    """That a mailbox of the product is closed to it."""
    scopes = ", ".join(f"{each.right} for {each.scope_name}" for each in known)
    return Finding(
        "application_access_policy",
        Severity.STOPS,
        mailbox,
        f"application access policies keep the application out of this mailbox ({scopes})",
        "Microsoft Graph and EWS answer ErrorAccessDenied with [RAOP]; a change takes up to two hours",
        EXCHANGE_ADMINISTRATOR,
    )


def explained(name: str, policy: AccessPolicy) -> Finding:
    """What a policy does to an application that Entra granted something."""
    if policy.right == AccessRight.DENY:
        return Finding(
            "application_access_policy",
            Severity.WARNS,
            name,
            f"an application access policy keeps the application out of {policy.scope_name} (DenyAccess)",
            "all other mailboxes stay open to it. No scope of a role can say that: never turn it into one, which would "
            "open just these mailboxes",
            EXCHANGE_ADMINISTRATOR,
        )
    return Finding(
        "application_access_policy",
        Severity.WARNS,
        name,
        f"an application access policy confines the application to {policy.scope_name} (RestrictAccess)",
        "several such policies add up. It is the older way, which Microsoft replaces by roles with a scope: keep it "
        "until every grant of Entra is gone, since it is all that holds them back",
        EXCHANGE_ADMINISTRATOR,
    )


def left_over(name: str, policy: AccessPolicy) -> Finding:
    """What a policy does to an application that only Exchange gives roles: nothing."""
    return Finding(
        "application_access_policy",
        Severity.WARNS,
        name,
        f"an application access policy is left over: {policy.right} for {policy.scope_name}",
        "it does not touch the roles that Exchange Online itself gives the application. Keep it until every grant of "
        "Entra is gone, since it is all that holds them back; then it may go",
        EXCHANGE_ADMINISTRATOR,
    )
