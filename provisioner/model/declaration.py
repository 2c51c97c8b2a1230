"""What a playbook, a variant and its parameters ask for: the desired side of one onboarding."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from provisioner.model.declared import Application, Declared
from provisioner.model.identifiers import Address


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
