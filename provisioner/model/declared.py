"""The things that a playbook can ask for, one by one.

Each kind of thing is one small dataclass with an address. Things refer to each other by address, because the ids
do not exist yet when a plan is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import TypeAlias

from provisioner.model.identifiers import Address, AppId


class PermissionKind(StrEnum):
    """Graph's own words in `requiredResourceAccess`: Role = application permission, Scope = delegated permission."""

    ROLE = "Role"
    SCOPE = "Scope"


@dataclass(frozen=True, order=True)
class Permission:
    """One permission by name. An id alone does not name one (graph.md 1.4), so ids are resolved in the tenant."""

    resource_app_id: AppId
    kind: PermissionKind
    value: str


@dataclass(frozen=True)
class Application:
    """An app registration that is ours alone."""

    address: Address
    key: str
    display_name: str
    unique_name: str
    """Letters, digits and dashes; immutable in Entra, so it is derived from playbook, instance and key only."""
    tag: str
    """Our mark in `tags`; no white space."""
    sign_in_audience: str = "AzureADMyOrg"
    attached_to: str | None = None
    """The playbook whose application this is; `unique_name` is then of its making, and `tag` ours beside its own."""
    guide_steps: tuple[str, ...] = ()


@dataclass(frozen=True)
class ServicePrincipal:
    """The enterprise application of an application in this tenant."""

    address: Address
    application: Address
    attached: bool = False
    """It belongs to another playbook's application: never made nor removed here."""
    guide_steps: tuple[str, ...] = ()


@dataclass(frozen=True)
class RequestedPermissions:
    """`requiredResourceAccess`: a wish list that the portal's consent button reads. It grants nothing."""

    address: Address
    application: Address
    permissions: tuple[Permission, ...]
    guide_steps: tuple[str, ...] = ()
    superseded: bool = False
    """No longer wanted: it goes, and the application stays."""


@dataclass(frozen=True)
class AppRoleGrant:
    """Admin consent to one application permission: an app role assignment."""

    address: Address
    service_principal: Address
    permission: Permission
    guide_steps: tuple[str, ...] = ()


@dataclass(frozen=True)
class ClientSecret:
    """One slot for a client secret. `audience` is where the product will use it, and so where it is proven."""

    address: Address
    application: Address
    service_principal: Address
    slot: str
    title: str
    lifetime: timedelta
    audience: str
    guide_steps: tuple[str, ...] = ()
    latest_end: date | None = None
    """The day on which the first of what it opens ends; a secret must not outlive that."""
    held_by: str | None = None
    """The onboarding whose slot this is, as `Declaration.onboarding` writes it; None is this one. Another's secret is
    used, never made, replaced or removed."""


@dataclass(frozen=True)
class KeyCredential:
    """A certificate that an application signs in with; its private key never leaves this machine."""

    address: Address
    application: Address
    service_principal: Address
    slot: str
    title: str
    lifetime: timedelta
    guide_steps: tuple[str, ...] = ()


@dataclass(frozen=True)
class DirectoryRoleAssignment:
    """A directory role of an application itself (`roleManagement/directory/roleAssignments`), for the whole tenant."""

    address: Address
    service_principal: Address
    role: str
    """Its display name: `Exchange Administrator`."""
    guide_steps: tuple[str, ...] = ()


@dataclass(frozen=True)
class UserAssignment:
    """Who may sign in to an application at all: `appRoleAssignmentRequired`, and those who are assigned."""

    address: Address
    service_principal: Address
    accounts: tuple[str, ...] = ()
    """Sign-in names."""
    groups: tuple[str, ...] = ()
    """Display names or object ids of existing groups; their direct members only."""
    guide_steps: tuple[str, ...] = ()
    superseded_by: UserAssignment | None = None
    """Who is wanted in their place: perhaps some of the same under other names."""


@dataclass(frozen=True)
class ExchangePointer:
    """Exchange's own record of the service principal (`New-ServicePrincipal`)."""

    address: Address
    application: Address
    service_principal: Address
    display_name: str
    guide_steps: tuple[str, ...] = ()


@dataclass(frozen=True)
class MailboxPermission:
    """One right of the service principal on one mailbox (`Add-MailboxPermission`)."""

    address: Address
    pointer: Address
    mailbox: str
    right: str
    guide_steps: tuple[str, ...] = ()
    superseded_by: str | None = None
    """The mailbox that is wanted in its place: perhaps the same one under another address."""


class Protocol(StrEnum):
    """A way into a mailbox that has a switch of its own."""

    SMTP_AUTH = "smtp_auth"
    IMAP = "imap"
    POP = "pop"
    OWA = "owa"
    MAPI = "mapi"
    ACTIVE_SYNC = "active_sync"
    EWS = "ews"


@dataclass(frozen=True)
class ClientAccess:
    """A mailbox's protocol switches (`Set-CASMailbox`). Shared: the mailbox is not ours, so `remove` leaves them."""

    address: Address
    mailbox: str
    switches: tuple[tuple[Protocol, bool], ...]
    """Only those that the playbook speaks of, in its order; each once."""
    guide_steps: tuple[str, ...] = ()


@dataclass(frozen=True)
class EwsAccess:
    """That the organisation lets an application use EWS: its allow-list names it and the switch is not off."""

    address: Address
    application: Address
    guide_steps: tuple[str, ...] = ()


@dataclass(frozen=True)
class DelegatedGrant:
    """Admin consent to delegated permissions of one API, for everybody or for one account (`oauth2PermissionGrant`)."""

    address: Address
    service_principal: Address
    permissions: tuple[Permission, ...]
    """All of one API."""
    account: str | None = None
    """The one account's sign-in name; None is everybody."""
    guide_steps: tuple[str, ...] = ()


@dataclass(frozen=True)
class RedirectUris:
    """Where Entra may send people back to, by platform, and whether public clients may sign in."""

    address: Address
    application: Address
    web: tuple[str, ...] = ()
    spa: tuple[str, ...] = ()
    native: tuple[str, ...] = ()
    """Mobile and desktop (`publicClient`)."""
    public_client: bool = False
    """`isFallbackPublicClient`: sign-in without a secret, as with a password alone."""
    guide_steps: tuple[str, ...] = ()
    superseded: bool = False
    """No longer wanted: it goes, and the application stays."""


@dataclass(frozen=True)
class OrganizationCustomization:
    """That the organisation takes scopes of its own at all (`Enable-OrganizationCustomization`); for ever, for all."""

    address: Address


@dataclass(frozen=True)
class ScopeGroup:
    """The mailboxes that scoped roles reach: a mail-enabled security group of our own, its direct members only."""

    address: Address
    name: str
    """Name and alias in Exchange, at most 64 characters; derived as an application's unique name is."""
    display_name: str
    tag: str
    """Our mark on the group."""
    members: tuple[str, ...]
    """Addresses of mailboxes."""
    guide_steps: tuple[str, ...] = ()
    superseded_by: tuple[str, ...] | None = None
    """The members that are wanted now, perhaps some of the same under other addresses: only these go, not the group."""


@dataclass(frozen=True)
class ManagementScope:
    """Which mailboxes a role reaches, as a filter: the members of a group (`New-ManagementScope`)."""

    address: Address
    name: str
    """At most 64 characters."""
    group: Address
    needs: tuple[Address, ...] = ()
    """What the whole organisation must allow first."""
    guide_steps: tuple[str, ...] = ()


@dataclass(frozen=True)
class ManagementRoleAssignment:
    """A permission that Exchange itself gives an application, within a scope (`New-ManagementRoleAssignment -App`)."""

    address: Address
    name: str
    """At most 64 characters."""
    role: str
    """Exchange's name of it: `Application Mail.Send`."""
    pointer: Address
    scope: Address
    scope_name: str
    guide_steps: tuple[str, ...] = ()


@dataclass(frozen=True)
class UnscopedGrants:
    """What must not be granted in Entra beside scoped roles: Exchange adds both up, so a grant cancels every scope."""

    address: Address
    application: Address
    service_principal: Address
    pointer: Address
    twins: tuple[Permission, ...]
    """The permissions of Entra that open the same as the scoped roles do, for all mailboxes."""
    wanted: tuple[Permission, ...]
    """What the playbook asks for in Entra all the same."""
    after: tuple[Address, ...] = ()
    """What takes their place: nothing is taken away before that stands."""


Declared: TypeAlias = (
    Application
    | ServicePrincipal
    | RequestedPermissions
    | AppRoleGrant
    | ClientSecret
    | KeyCredential
    | DirectoryRoleAssignment
    | UserAssignment
    | ExchangePointer
    | MailboxPermission
    | ClientAccess
    | EwsAccess
    | OrganizationCustomization
    | ScopeGroup
    | ManagementScope
    | ManagementRoleAssignment
    | UnscopedGrants
    | DelegatedGrant
    | RedirectUris
)
