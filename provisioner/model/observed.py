"""What the live tenant said, as small records with exactly the fields we select."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from provisioner.model.declared import Permission, Protocol
from provisioner.model.identifiers import AppId, KeyId, ObjectId, TenantId


@dataclass(frozen=True)
class NotSeen:
    """A read that was refused. It means "not seen", never "not there"."""

    what: str
    reason: str
    who_can: tuple[str, ...] = ()


@dataclass(frozen=True)
class Organization:
    """The tenant itself (`GET /organization`)."""

    tenant_id: TenantId
    display_name: str
    default_domain: str
    initial_domain: str
    federated_domains: frozenset[str] = frozenset()
    """Domains whose people sign in at another identity provider, in lower case."""
    domains: frozenset[str] = frozenset()
    """All verified domains, in lower case."""


@dataclass(frozen=True)
class PasswordCredential:
    """A client secret as the directory shows it: everything but the secret."""

    key_id: KeyId
    display_name: str | None
    hint: str | None
    start: datetime
    end: datetime


@dataclass(frozen=True)
class KeyCredential:
    """A certificate as the directory shows it."""

    key_id: KeyId
    display_name: str | None
    thumbprint: str | None
    """SHA-1 in upper-case hex digits; None where the directory does not say."""
    start: datetime | None
    end: datetime | None


@dataclass(frozen=True)
class Owner:
    """Who may change an application without any role: a person, or a service principal."""

    object_id: ObjectId
    name: str


@dataclass(frozen=True)
class RequestedAccess:
    """One entry of `requiredResourceAccess`, by id as Graph gives it."""

    resource_app_id: AppId
    permission_id: str
    kind: str


@dataclass(frozen=True)
class ApplicationObject:
    """An app registration."""

    object_id: ObjectId
    app_id: AppId
    display_name: str
    unique_name: str | None
    sign_in_audience: str
    tags: tuple[str, ...]
    requested: tuple[RequestedAccess, ...]
    passwords: tuple[PasswordCredential, ...]
    redirect_uris: tuple[str, ...] = ()
    created: datetime | None = None
    deleted: datetime | None = None
    web_redirects: tuple[str, ...] = ()
    spa_redirects: tuple[str, ...] = ()
    native_redirects: tuple[str, ...] = ()
    public_client: bool | None = None
    """`isFallbackPublicClient`; None counts as no."""
    certificates: tuple[KeyCredential, ...] = ()


@dataclass(frozen=True)
class ServicePrincipalObject:
    """An enterprise application."""

    object_id: ObjectId
    app_id: AppId
    display_name: str
    enabled: bool
    tags: tuple[str, ...] = ()
    assignment_required: bool = False
    """`appRoleAssignmentRequired`: whether only those who are assigned may sign in."""


@dataclass(frozen=True)
class ResourcePrincipal:
    """An API's service principal in this tenant, with the ids behind its permissions' names.

    `ids` maps (kind, value) to every id that carries it: one API can have two scopes of one name (graph.md 1.4).
    """

    object_id: ObjectId
    app_id: AppId
    display_name: str
    ids: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)

    def ids_of(self, permission: Permission) -> tuple[str, ...]:
        """All ids of a permission here; empty where this tenant's API does not offer it."""
        return self.ids.get((permission.kind.value, permission.value), ())


@dataclass(frozen=True)
class AppRoleAssignment:
    """One granted application permission."""

    assignment_id: str
    principal_id: ObjectId
    resource_id: ObjectId
    app_role_id: str


@dataclass(frozen=True)
class DirectoryGroup:
    """A group, as far as an assignment needs it."""

    object_id: ObjectId
    display_name: str


@dataclass(frozen=True)
class Assigned:
    """A person or group that is assigned to an application, with whatever role."""

    principal_id: ObjectId
    principal_name: str
    principal_type: str
    """`User` or `Group`."""
    assignment_id: str


@dataclass(frozen=True)
class RoleAssignment:
    """One directory role that a principal holds; `whole_tenant` is False where it reaches only a part."""

    assignment_id: str
    role_id: str
    """Template id."""
    whole_tenant: bool


@dataclass(frozen=True)
class Caller:
    """Who we are in the tenant, read from our own token.

    `roles` are Graph application permissions (app-only), `scopes` delegated ones, `directory_roles` role template
    ids from `wids`. `known` is False where the token is opaque: then nobody is judged beforehand.
    """

    kind: str
    """`application` or `user`."""
    name: str
    object_id: str | None
    roles: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    directory_roles: frozenset[str] = frozenset()
    known: bool = True
    client_id: AppId | None = None
    """The application that the caller is, or signed in with."""
    eligible_roles: frozenset[str] | None = frozenset()
    """Role template ids that a person could activate, and has not; None where that was not seen."""


@dataclass(frozen=True)
class Person:
    """An account, as far as a product that signs in as it depends on it."""

    object_id: ObjectId
    enabled: bool | None = None
    """Whether it may sign in; None where the directory does not say."""
    synchronised: bool = False
    """Whether it comes from an on-premises directory."""
    exchange_plan: bool | None = None
    """Whether a licence gives it a mailbox in Exchange Online; None where the directory does not say."""


@dataclass(frozen=True)
class Recipient:
    """Whoever has an address in Exchange (`Get-Recipient`)."""

    kind: str
    """`RecipientTypeDetails`: `UserMailbox`, `SharedMailbox`, `MailUser`, ..."""
    address: str
    """Its primary address."""
    licensed: bool | None = None
    """Whether a licence with Exchange Online is assigned; None where Exchange does not say."""
    elsewhere: str | None = None
    """The address outside this organisation that mail for it goes to."""
    synchronised: bool = False


@dataclass(frozen=True)
class ExchangePrincipal:
    """Exchange's record of a service principal (`Get-ServicePrincipal`)."""

    identity: str
    app_id: AppId
    object_id: ObjectId
    sid: str | None
    display_name: str | None


@dataclass(frozen=True)
class MailboxRight:
    """One entry of `Get-MailboxPermission`."""

    mailbox: str
    """`Identity`: the same for a mailbox under whichever address it was asked for."""
    user: str
    user_sid: str | None
    rights: tuple[str, ...]
    inherited: bool
    deny: bool


@dataclass(frozen=True)
class ClientAccessSettings:
    """`Get-CASMailbox`: `smtp_auth_disabled` None means "as the organisation"."""

    mailbox: str
    smtp_auth_disabled: bool | None
    on: Mapping[Protocol, bool] = field(default_factory=dict)
    """Each of the other protocols that it shows, and whether it is switched on."""


@dataclass(frozen=True)
class TransportSettings:
    """`Get-TransportConfig`: the organisation's own SMTP AUTH switch."""

    smtp_auth_disabled: bool


@dataclass(frozen=True)
class DelegatedGrant:
    """One delegated permission grant. `principal_id` is None where it is for everybody (`AllPrincipals`)."""

    grant_id: str
    client_id: ObjectId
    resource_id: ObjectId
    consent_type: str
    principal_id: ObjectId | None
    scopes: tuple[str, ...]


@dataclass(frozen=True)
class OrganizationSettings:
    """`Get-OrganizationConfig`: a dehydrated organisation takes no scopes of its own; None where it does not say."""

    dehydrated: bool | None


@dataclass(frozen=True)
class EwsGates:
    """What the organisation lets through to Exchange Web Services."""

    enabled: bool | None
    """`EwsEnabled`; None is "not set", which since October 2026 is off in one source and on in another."""
    allowed: tuple[AppId, ...]
    """`EwsAllowedAppIDs`, as it is written there; empty where the list is null or empty."""
    agent_policy: str | None = None
    """`EnforceAllowList` or `EnforceBlockList`: whether user agents are asked too."""
    allowed_agents: tuple[str, ...] = ()
    blocked_agents: tuple[str, ...] = ()

    def allows(self, app_id: AppId | None) -> bool:
        """Whether the list names an application, in whatever case."""
        return app_id is not None and app_id.casefold() in {each.casefold() for each in self.allowed}


@dataclass(frozen=True)
class ExchangeGroup:
    """A mail-enabled group (`Get-DistributionGroup`)."""

    identity: str
    name: str
    alias: str
    distinguished_name: str
    security: bool
    """Whether it is a security group; no other gives its members anything."""
    closed: bool
    """Whether nobody joins or leaves without an owner's doing."""
    hidden: bool
    """Whether address lists leave it out."""
    owners: tuple[str, ...] = ()
    notes: str = ""
    """What it says of itself, as far as it is shown; our mark is a word of it."""


@dataclass(frozen=True)
class ExchangeGroupMember:
    """A direct member of a group, with every address it is known by, in lower case."""

    name: str
    address: str
    addresses: frozenset[str]
    mailbox: bool
    """Whether it is a mailbox; a group among the members gives its own members nothing."""


@dataclass(frozen=True)
class ManagementScopeRecord:
    """`Get-ManagementScope`."""

    name: str
    recipient_filter: str


@dataclass(frozen=True)
class RoleAssignmentRecord:
    """`Get-ManagementRoleAssignment`. `scope` is None where the role reaches the whole organisation."""

    name: str
    role: str
    scope: str | None
    changed: datetime | None = None
    """When it was made or last changed; None where Exchange does not say."""


@dataclass(frozen=True)
class RoleAuthorization:
    """One line of `Test-ServicePrincipalAuthorization`, which asks past Exchange's cache."""

    role: str
    scope: str
    organization_wide: bool
    in_scope: bool | None
    """Whether the mailbox that was asked about is within; None where none was asked about."""
