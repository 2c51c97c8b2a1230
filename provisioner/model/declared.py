"""What a playbook, a variant and its parameters ask for: the desired side of one onboarding.

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
    """Only another variant's: it goes, and the application stays."""


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
    """Only another variant's: it goes, and the application stays."""


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


@dataclass(frozen=True)
class ManualStep:
    """What only a person can do. `role` is who, `proof` how one sees that it is done."""

    title: str
    instruction: str
    role: str | None = None
    proof: str | None = None
    guide_steps: tuple[str, ...] = ()


class ProofKind(StrEnum):
    """The probes there are; one file each in probes/."""

    TOKEN = "token"  # noqa: S105 a kind of proof
    SMTP_SUBMISSION = "smtp_submission"
    MAILBOX_REFUSED = "mailbox_refused"
    SCOPE_AUTHORIZATION = "scope_authorization"
    GRAPH_SEND = "graph_send"
    GRAPH_MAIL = "graph_mail"
    GRAPH_CALENDAR = "graph_calendar"
    GRAPH_MAILBOX_REFUSED = "graph_mailbox_refused"
    EWS_FOLDER = "ews_folder"
    EWS_REFUSED = "ews_refused"
    PASSWORD_SIGN_IN = "password_sign_in"  # noqa: S105 a kind of proof
    IMAP_INBOX = "imap_inbox"
    IMAP_REFUSED = "imap_refused"
    POP_INBOX = "pop_inbox"
    SIGN_IN_LINK = "sign_in_link"


@dataclass(frozen=True)
class Proof:
    """One thing to prove after apply. Fields that a kind does not use stay empty."""

    name: str
    title: str
    kind: ProofKind
    application: Address
    secret: Address | None
    """None where the product has none (kind sign_in_link)."""
    audience: str
    roles: tuple[str, ...] = ()
    """Claims that the token must carry (kind token)."""
    account: str | None = None
    """The account that the product signs in as, by its sign-in name; None where it signs in as itself."""
    password: str | None = None
    """The secret parameter with the account's password; None where a person signs in."""
    scopes: tuple[str, ...] = ()
    """Delegated permissions that the account's token must carry."""
    mailbox: str | None = None
    """The mailbox to send as, or the one that must be refused."""
    absent_roles: tuple[str, ...] = ()
    """Claims that the token must not carry (kind token): they would cancel a scope."""
    scoped_roles: tuple[str, ...] = ()
    """Roles that Exchange itself gives the application, by Exchange's names; empty where consent is the way."""
    pointer: Address | None = None
    """Exchange's record of the application, where there are such roles."""
    within: bool | None = None
    """Whether the mailbox must be within the scope (kind scope_authorization)."""


@dataclass(frozen=True)
class UntriedProof:
    """A proof that nothing is tried for, because nobody said what with."""

    name: str
    title: str
    parameter: str
    """The parameter without a value."""
    wanted: str
    """What that parameter is, in the playbook's words."""


class SignInEndpoint(StrEnum):
    """The tenant's own addresses for OAuth 2.0 (v2), by what the playbook format calls them."""

    AUTHORIZATION = "authorization_endpoint"
    TOKEN = "token_endpoint"  # noqa: S105 an address


@dataclass(frozen=True)
class HandoverField:
    """One field of the vendor's form: its own title, in its own order.

    Exactly one of `value` (a literal, already filled from parameters), `parameter` (the name of a secret one),
    `application` + `property` (`app_id`, `object_id`, `service_principal_id`), `tenant_id`, `endpoint` and `secret` (an
    address) says what goes in.
    """

    title: str
    value: str | None = None
    application: Address | None = None
    property: str | None = None
    tenant_id: bool = False
    endpoint: SignInEndpoint | None = None
    secret: Address | None = None
    parameter: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class HandoverScreen:
    """One screen of the vendor's product and what to do on it, in order."""

    title: str
    fields: tuple[HandoverField, ...]
    actions: tuple[str, ...] = ()
    guide_steps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Caution:
    """What the reader should know before saying yes. `retires_on` makes it a date to plan for."""

    text: str
    retires_on: date | None = None
    source: str | None = None


@dataclass(frozen=True)
class Declaration:
    """The whole desired side: everything `plan` needs besides the tenant."""

    playbook: str
    """`vendor/product`."""
    title: str
    variant: str
    playbook_sha256: str
    """Of the playbook's text."""
    instance: str
    parameters: tuple[tuple[str, str], ...]
    """Name and value, sorted by name; of a secret parameter the reference (`env:NAME`, `file:PATH`), never a value."""
    resources: tuple[Declared, ...]
    proofs: tuple[Proof, ...] = ()
    untried: tuple[UntriedProof, ...] = ()
    """Proofs of the playbook that wait for a parameter."""
    handover: tuple[HandoverScreen, ...] = ()
    manual: tuple[ManualStep, ...] = ()
    warnings: tuple[Caution, ...] = ()
    incomplete: tuple[str, ...] = ()
    """What the guide does not say, or not to its end: something may be missing."""
    questions: tuple[str, ...] = ()
    """What the vendor should confirm; it works either way, so nothing is left to do."""

    @property
    def onboarding(self) -> str:
        """Which onboarding of the tenant this is: `cryptshare_server_default`. Part of slots and of keys' names."""
        return onboarding_name(self.playbook, self.instance)

    @property
    def onboardings(self) -> tuple[str, ...]:
        """The onboarding itself, and those whose application it is attached to."""
        hosts = (each.attached_to for each in self.resources if isinstance(each, Application))
        return (self.onboarding, *(onboarding_name(each, self.instance) for each in hosts if each is not None))


def onboarding_name(playbook: str, instance: str) -> str:
    """What an onboarding is called in slots and in keys' names: `cryptshare_server_default`."""
    return f"{playbook.replace('/', '_')}_{instance}"


def onboarding_title(name: str) -> str:
    """The same for people: `cryptshare/server`, and which instance of it where that is not the usual one."""
    vendor, product, instance = name.split("_")
    return f"{vendor}/{product}" if instance == "default" else f"{vendor}/{product} (instance {instance})"
