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
    guide_steps: tuple[str, ...] = ()


@dataclass(frozen=True)
class ServicePrincipal:
    """The enterprise application of an application in this tenant."""

    address: Address
    application: Address
    guide_steps: tuple[str, ...] = ()


@dataclass(frozen=True)
class RequestedPermissions:
    """`requiredResourceAccess`: a wish list that the portal's consent button reads. It grants nothing."""

    address: Address
    application: Address
    permissions: tuple[Permission, ...]
    guide_steps: tuple[str, ...] = ()


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


@dataclass(frozen=True)
class ClientAccess:
    """A mailbox's protocol switch (`Set-CASMailbox`). Shared: the mailbox is not ours, so `remove` leaves it."""

    address: Address
    mailbox: str
    smtp_auth: bool
    guide_steps: tuple[str, ...] = ()


Declared: TypeAlias = (
    Application
    | ServicePrincipal
    | RequestedPermissions
    | AppRoleGrant
    | ClientSecret
    | ExchangePointer
    | MailboxPermission
    | ClientAccess
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


@dataclass(frozen=True)
class Proof:
    """One thing to prove after apply. Fields that a kind does not use stay empty."""

    name: str
    title: str
    kind: ProofKind
    application: Address
    secret: Address
    audience: str
    roles: tuple[str, ...] = ()
    """Claims that the token must carry (kind token)."""
    mailbox: str | None = None
    """The mailbox to send as, or the one that must be refused."""


@dataclass(frozen=True)
class HandoverField:
    """One field of the vendor's form: its own title, in its own order.

    Exactly one of `value` (a literal, already filled from parameters), `application` + `property`
    (`app_id`, `object_id`, `service_principal_id`), `tenant_id` and `secret` (an address) says what goes in.
    """

    title: str
    value: str | None = None
    application: Address | None = None
    property: str | None = None
    tenant_id: bool = False
    secret: Address | None = None
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
    """Name and value, sorted by name; never a secret."""
    resources: tuple[Declared, ...]
    proofs: tuple[Proof, ...] = ()
    handover: tuple[HandoverScreen, ...] = ()
    manual: tuple[ManualStep, ...] = ()
    warnings: tuple[Caution, ...] = ()
    incomplete: tuple[str, ...] = ()
    """What the guide does not say; stays listed until a person confirms it."""

    @property
    def onboarding(self) -> str:
        """Which onboarding of the tenant this is: `cryptshare_server_default`. Part of slots and of keys' names."""
        return f"{self.playbook.replace('/', '_')}_{self.instance}"
