"""The playbook as it is written: one dataclass per mapping of the file, the docstring under each key its documentation.

These classes are the format. The reader in `schema.py` checks files against them and makes the published JSON Schema
from them; there is no second description that could disagree. Every mapping is closed: a key that is not here is a
fault. New keys come when a product needs them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final, Literal, TypeAlias

from provisioner.playbook.shapes import (
    Day,
    Key,
    Language,
    Line,
    Name,
    Paragraph,
    PlaybookId,
    Reference,
    Sha256,
    Step,
    Template,
    Url,
)

_CLOSED: Final[Mapping[str, object]] = {"extra": "forbid", "strict": True}

Value: TypeAlias = str | int | bool
"""What a parameter can be."""

ParameterType: TypeAlias = Literal["text", "mailbox", "mailboxes", "url", "integer", "boolean", "choice"]


ProofKind: TypeAlias = Literal[
    "token",
    "smtp_submission",
    "mailbox_refused",
    "scope_authorization",
    "graph_send",
    "graph_mail",
    "graph_calendar",
    "graph_mailbox_refused",
    "ews_folder",
    "ews_refused",
    "password_sign_in",
    "imap_inbox",
    "imap_refused",
    "pop_inbox",
    "sign_in_link",
]


@dataclass(frozen=True)
class Guide:
    """The vendor's guide that this playbook follows."""

    __pydantic_config__: ClassVar[Mapping[str, object]] = _CLOSED

    title: Line
    """The guide's own title."""
    url: Url
    """Where it is published, if possible the very revision."""
    sha256: Sha256
    """Of the text that was read, so that a changed guide can be noticed."""
    read_on: Day
    """The day it was read."""
    language: Language
    """The language that the vendor's titles are quoted in."""
    numbering: Paragraph | None = None
    """How `guide_steps` count, where the guide does not number everything itself."""


@dataclass(frozen=True)
class Parameter:
    """One thing to ask the person who onboards a tenant."""

    __pydantic_config__: ClassVar[Mapping[str, object]] = _CLOSED

    title: Line
    """What it is, in a few words."""
    type: ParameterType
    """What values are accepted."""
    required: bool = False
    """Whether nothing goes without it."""
    default: str | int | bool | None = None
    """The value when none is given."""
    example: str | int | bool | None = None
    """A value that would be accepted."""
    choices: tuple[Line, ...] = ()
    """All values of a choice."""
    minimum: int | None = None
    """The least value of an integer."""
    maximum: int | None = None
    """The greatest value of an integer."""
    secret: bool = False
    """Whether it must never be shown, stored or passed as an argument."""
    help: Paragraph | None = None
    """What to consider when choosing the value."""


@dataclass(frozen=True)
class Permission:
    """One permission of an API, by name."""

    __pydantic_config__: ClassVar[Mapping[str, object]] = _CLOSED

    api: Line
    """The API that owns it, such as Microsoft Graph or Office 365 Exchange Online."""
    kind: Literal["application", "delegated"]
    """Whether the product acts by itself or for a signed-in user."""
    name: Line
    """The permission, exactly as Microsoft spells it."""
    why: Paragraph
    """What the product needs it for."""
    guide_steps: tuple[Step, ...] = ()
    """The guide's steps that ask for it."""


@dataclass(frozen=True)
class Consent:
    """Who grants the permissions."""

    __pydantic_config__: ClassVar[Mapping[str, object]] = _CLOSED

    by: Literal["admin"]
    """An administrator, for the whole tenant."""
    account: Line | None = None
    """The one account that delegated permissions are granted for, by its sign-in name; otherwise everybody."""
    guide_steps: tuple[Step, ...] = ()
    """The guide's steps that do it."""


@dataclass(frozen=True)
class Redirects:
    """Where people are sent back to after signing in, by platform."""

    __pydantic_config__: ClassVar[Mapping[str, object]] = _CLOSED

    web: tuple[Line, ...] = ()
    """Web."""
    spa: tuple[Line, ...] = ()
    """Single-page application."""
    native: tuple[Line, ...] = ()
    """Public client/native (mobile and desktop)."""
    public_client: bool = False
    """Whether public client flows are allowed: sign-in without the application's secret."""
    guide_steps: tuple[Step, ...] = ()
    """The guide's steps about it."""


@dataclass(frozen=True)
class ClientSecret:
    """A client secret of an application."""

    __pydantic_config__: ClassVar[Mapping[str, object]] = _CLOSED

    title: Line
    """What it is for."""
    used_at: Literal["exchange", "graph"]
    """Where the product signs in with it, and so where it is proven."""
    lifetime_days: int | Template = 180
    """How long it is valid, in days; or the parameter that says it."""
    guide_steps: tuple[Step, ...] = ()
    """The guide's steps that make it."""


@dataclass(frozen=True)
class Certificate:
    """A certificate that an application signs in with, made on this machine."""

    __pydantic_config__: ClassVar[Mapping[str, object]] = _CLOSED

    title: Line
    """What it is for."""
    lifetime_days: int | Template = 180
    """How long it is valid, in days; or the parameter that says it."""
    guide_steps: tuple[Step, ...] = ()
    """The guide's steps that make it."""


@dataclass(frozen=True)
class EnterpriseApplication:
    """The service principal of an application."""

    __pydantic_config__: ClassVar[Mapping[str, object]] = _CLOSED

    directory_roles: tuple[Line, ...] = ()
    """Directory roles of the application itself, for the whole tenant."""
    guide_steps: tuple[Step, ...] = ()
    """The guide's steps about it."""


@dataclass(frozen=True)
class Assignment:
    """Who may sign in to the application; with this key nobody else may."""

    __pydantic_config__: ClassVar[Mapping[str, object]] = _CLOSED

    accounts: tuple[Line, ...] = ()
    """Accounts, by their sign-in names."""
    groups: tuple[Line, ...] = ()
    """Existing groups, by display name or object id; only their direct members count. An entry whose parameter has no
    value is left out."""
    guide_steps: tuple[Step, ...] = ()
    """The guide's steps about it."""


@dataclass(frozen=True)
class Application:
    """An app registration: the product's own, or another playbook's that it is attached to."""

    __pydantic_config__: ClassVar[Mapping[str, object]] = _CLOSED

    display_name: Line
    """Its name in the portal."""
    audience: Literal["single-tenant"]
    """Whose accounts may use it."""
    guide_steps: tuple[Step, ...] = ()
    """The guide's steps that register it."""
    attach_to: PlaybookId | None = None
    """The playbook that makes this application, under the same key and for the same instance; nothing of it is then
    made or removed here but what is added. Its secrets are that playbook's own."""
    enterprise_application: EnterpriseApplication = field(default_factory=EnterpriseApplication)
    """Its service principal."""
    assignment: Assignment | None = None
    """Who may sign in to it; without this key it is left as it is."""
    redirects: Redirects | None = None
    """Its redirect URIs and public client flows; without this key they are left as they are."""
    permissions: tuple[Permission, ...] = ()
    """What it asks for."""
    consent: Consent | None = None
    """Who grants that; without this key nothing is granted."""
    secrets: Mapping[Key, ClientSecret] = field(default_factory=dict)
    """Its client secrets, by slot."""
    certificates: Mapping[Key, Certificate] = field(default_factory=dict)
    """Its certificates, by slot."""


@dataclass(frozen=True)
class ExchangePointer:
    """Exchange's own record of an application's service principal."""

    __pydantic_config__: ClassVar[Mapping[str, object]] = _CLOSED

    guide_steps: tuple[Step, ...] = ()
    """The guide's steps that make it."""


@dataclass(frozen=True)
class MailboxPermission:
    """A right of an application on one mailbox; given without automapping."""

    __pydantic_config__: ClassVar[Mapping[str, object]] = _CLOSED

    application: Key
    """The application, by key; it needs a pointer."""
    mailbox: Line
    """The mailbox's address."""
    right: Literal["FullAccess"]
    """The right, in Exchange's word."""
    why: Paragraph
    """What the product needs it for."""
    name: Key | None = None
    """Tells two entries with the same application and right apart."""
    guide_steps: tuple[Step, ...] = ()
    """The guide's steps that give it."""


@dataclass(frozen=True)
class ClientAccess:
    """Protocol switches of one mailbox; those that are not named are left as they are."""

    __pydantic_config__: ClassVar[Mapping[str, object]] = _CLOSED

    mailbox: Line
    """The mailbox's address."""
    why: Paragraph
    """What the product needs it for."""
    smtp_auth: bool | None = None
    """Whether authenticated SMTP submission is on."""
    imap: bool | None = None
    """Whether IMAP is on."""
    pop: bool | None = None
    """Whether POP is on."""
    owa: bool | None = None
    """Whether Outlook on the web is on."""
    mapi: bool | None = None
    """Whether MAPI, which Outlook speaks, is on."""
    active_sync: bool | None = None
    """Whether Exchange ActiveSync, which phones speak, is on."""
    ews: bool | None = None
    """Whether Exchange Web Services are on."""
    guide_steps: tuple[Step, ...] = ()
    """The guide's steps that set it; empty where the guide forgets it."""


@dataclass(frozen=True)
class Scope:
    """Mailboxes that application roles are limited to: a security group of our own, and a scope over its members."""

    __pydantic_config__: ClassVar[Mapping[str, object]] = _CLOSED

    title: Line
    """The group's name in the address book's administration; address lists leave it out."""
    members: tuple[Line, ...]
    """Addresses of mailboxes; a parameter of type mailboxes stands for all of its own, one without a value for none."""
    guide_steps: tuple[Step, ...] = ()
    """The guide's steps about it."""


@dataclass(frozen=True)
class RoleAssignment:
    """A permission that Exchange itself gives an application, for the mailboxes of a scope, without consent."""

    __pydantic_config__: ClassVar[Mapping[str, object]] = _CLOSED

    application: Key
    """The application, by key; it needs a pointer."""
    role: Line
    """The role without Exchange's prefix, such as Mail.Send."""
    scope: Key
    """The scope, by key."""
    why: Paragraph
    """What the product needs it for."""
    guide_steps: tuple[Step, ...] = ()
    """The guide's steps that give it."""


@dataclass(frozen=True)
class EwsAccess:
    """An application's place in the organisation's list of those that may use Exchange Web Services."""

    __pydantic_config__: ClassVar[Mapping[str, object]] = _CLOSED

    why: Paragraph
    """What the product needs it for."""
    guide_steps: tuple[Step, ...] = ()
    """The guide's steps about it; empty where the guide forgets it."""


@dataclass(frozen=True)
class Exchange:
    """What is set up in Exchange Online."""

    __pydantic_config__: ClassVar[Mapping[str, object]] = _CLOSED

    pointers: Mapping[Key, ExchangePointer] = field(default_factory=dict)
    """Service principals made known to Exchange, by application."""
    mailbox_permissions: tuple[MailboxPermission, ...] = ()
    """Rights on mailboxes."""
    client_access: Mapping[Key, ClientAccess] = field(default_factory=dict)
    """Protocol switches of mailboxes, by a key of their own."""
    scopes: Mapping[Key, Scope] = field(default_factory=dict)
    """Mailboxes that roles are limited to, by a key of their own."""
    role_assignments: tuple[RoleAssignment, ...] = ()
    """Permissions within a scope."""
    ews_access: Mapping[Key, EwsAccess] = field(default_factory=dict)
    """Applications that the organisation's EWS gates must let in, by application."""


@dataclass(frozen=True)
class Proof:
    """One thing that is tried after apply, with the result that it must have."""

    __pydantic_config__: ClassVar[Mapping[str, object]] = _CLOSED

    title: Line
    """What is proven, as a statement."""
    kind: ProofKind
    """What is tried: get a token, also with an account's password; send a mail over SMTP or Graph; open a mailbox or
    its calendar over Graph, EWS, IMAP or POP; be refused by one; ask Exchange itself whether a mailbox is within the
    scope; or, where only a person can sign in, hand out the link for it."""
    application: Key
    """The application that it is tried as."""
    secret: Key | None = None
    """The slot of the secret that it signs in with; a sign_in_link needs none."""
    used_at: Literal["exchange", "graph"] | None = None
    """The service that is asked, where the secret is used at more than the one that it names."""
    account: Line | None = None
    """The account that it is tried as, by its sign-in name; without it the application signs in as itself."""
    password: Name | None = None
    """The secret parameter that holds the account's password."""
    scopes: tuple[Line, ...] = ()
    """Delegated permissions that the account's token must carry."""
    roles: tuple[Line, ...] = ()
    """Roles that the token must carry (token)."""
    absent_roles: tuple[Line, ...] = ()
    """Roles that the token must not carry, because they would cancel a scope (token)."""
    mailbox: Line | None = None
    """The mailbox to send as, or the one that must be refused (the others)."""
    within: bool | None = None
    """Whether the mailbox must be within the scope of every role (scope_authorization)."""
    when: Name | None = None
    """Only tried when this parameter has a value."""


@dataclass(frozen=True)
class HandoverField:
    """One field of the vendor's form."""

    __pydantic_config__: ClassVar[Mapping[str, object]] = _CLOSED

    title: Line
    """The vendor's own title, letter by letter."""
    value: Line | None = None
    """What goes in, as text."""
    reference: Reference | None = None
    """What goes in, as something that this playbook makes."""
    note: Paragraph | None = None
    """What to look out for."""


@dataclass(frozen=True)
class HandoverScreen:
    """One screen of the vendor's product, in the order in which it is filled in."""

    __pydantic_config__: ClassVar[Mapping[str, object]] = _CLOSED

    title: Line
    """The way to the screen, in the vendor's words."""
    fields: tuple[HandoverField, ...] = ()
    """Its fields, in order."""
    actions: tuple[Line, ...] = ()
    """What to do after filling it in, in order."""
    guide_steps: tuple[Step, ...] = ()
    """The guide's steps about it."""


@dataclass(frozen=True)
class ManualStep:
    """What only a person can do."""

    __pydantic_config__: ClassVar[Mapping[str, object]] = _CLOSED

    title: Line
    """What is to be done, in a few words."""
    instruction: Paragraph
    """How."""
    role: Line | None = None
    """Who can do it."""
    proof: Paragraph | None = None
    """How one sees that it is done."""
    guide_steps: tuple[Step, ...] = ()
    """The guide's steps about it."""


@dataclass(frozen=True)
class Caution:
    """What the reader should know before saying yes."""

    __pydantic_config__: ClassVar[Mapping[str, object]] = _CLOSED

    text: Paragraph
    """The caution itself."""
    retires_on: Day | None = None
    """The day on which something it is about ends."""
    source: Line | None = None
    """Where that is known from."""


@dataclass(frozen=True)
class RolesNeeded:
    """Directory roles that can carry out each part; any one of them will do."""

    __pydantic_config__: ClassVar[Mapping[str, object]] = _CLOSED

    entra: tuple[Line, ...] = ()
    """For the application, its service principal and its secrets."""
    consent: tuple[Line, ...] = ()
    """For granting the permissions."""
    exchange: tuple[Line, ...] = ()
    """For everything in Exchange Online."""


@dataclass(frozen=True)
class Variant:
    """One way to set the product up."""

    __pydantic_config__: ClassVar[Mapping[str, object]] = _CLOSED

    summary: Paragraph
    """What is particular about it."""
    applications: Mapping[Key, Application]
    """App registrations, by key."""
    roles_needed: RolesNeeded = field(default_factory=RolesNeeded)
    """Who can carry out which part."""
    exchange: Exchange = field(default_factory=Exchange)
    """What is set up in Exchange Online."""
    proofs: Mapping[Name, Proof] = field(default_factory=dict)
    """What is tried afterwards, by name, in order."""
    handover: tuple[HandoverScreen, ...] = ()
    """The vendor's forms, filled in."""
    manual: tuple[ManualStep, ...] = ()
    """What only a person can do in the tenant."""
    warnings: tuple[Caution, ...] = ()
    """What to know before saying yes."""
    incomplete: tuple[Paragraph, ...] = ()
    """What the guide does not say."""
    confirm_with_vendor: tuple[Paragraph, ...] = ()
    """What the guide seems to mean, until the vendor confirms it."""


@dataclass(frozen=True)
class PlaybookFile:
    """What one vendor's product needs in a customer's Microsoft Entra tenant."""

    __pydantic_config__: ClassVar[Mapping[str, object]] = _CLOSED

    format: Literal[1]
    """The version of this format."""
    id: PlaybookId
    """vendor/product: names things in the tenant, so it never changes."""
    vendor: Line
    """The vendor's name."""
    title: Line
    """The product's name."""
    summary: Paragraph
    """What is set up, in a sentence or two."""
    guide: Guide
    """The vendor's guide that it follows."""
    variants: Mapping[Literal["guide", "scoped"], Variant]
    """Ways to set it up: as the guide says, or with every reduction that Microsoft offers."""
    aliases: Mapping[Line, Line] = field(default_factory=dict)
    """The guide's misspellings and what they should read."""
    parameters: Mapping[Name, Parameter] = field(default_factory=dict)
    """What to ask the person who onboards a tenant."""


@dataclass(frozen=True)
class Playbook(PlaybookFile):
    """A checked playbook, and which text it was read from."""

    file: str = ""
    """The file's name, for messages."""
    sha256: str = ""
    """Of the text with line feeds as line ends, so that a checkout on Windows means the same playbook."""
