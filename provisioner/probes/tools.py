"""What a probe is lent: the product's own token, the submission server, and reads that decide between causes."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from provisioner.graph import Graph
from provisioner.model.declaration import ProofKind
from provisioner.model.declared import Protocol
from provisioner.model.events import Events
from provisioner.model.identifiers import AppId
from provisioner.model.observed import NotSeen, RoleAuthorization
from provisioner.model.tenant import Tenant
from provisioner.pace import Clock, Deadline
from provisioner.signin import Token


class Pointer(StrEnum):
    """What Exchange's record of the service principal looks like."""

    RIGHT = "right"
    WRONG_OBJECT_ID = "wrong-object-id"
    MISSING = "missing"


class Worked(StrEnum):
    """How far the same product came with a mailbox that it may use, in this run."""

    SIGNED_IN = "signed-in"
    ACCEPTED = "accepted"


@dataclass(frozen=True)
class Facts:
    """What the tenant shows about one proof, read after the attempt. None is "not seen", never "not there".

    An age is the time since the thing last changed, as far as known (our own receipt, a date in the tenant); None
    means that it may be fresh.
    """

    consent: bool | None = None
    """The grants that the proof needs are there: app role assignments, or an account's delegated ones."""
    pointer: Pointer | None = None
    mailbox_exists: bool | None = None
    mailbox_right: bool | None = None
    """Whoever signs in has a right on the proof's mailbox: the service principal its own, an account on its own."""
    smtp_auth: bool | None = None
    """SMTP AUTH is on for the proof's mailbox, the organisation's switch considered."""
    consent_age: timedelta | None = None
    pointer_age: timedelta | None = None
    right_age: timedelta | None = None
    smtp_auth_age: timedelta | None = None
    secret_age: timedelta | None = None
    scoped: bool = False
    """Exchange's own roles are the way here: neither a consent nor a right on the mailbox is needed."""
    in_scope: bool | None = None
    """Exchange says, past its cache, that the proof's mailbox is within the scope of every role (all of them), or of
    none (False); None where it was not asked, or where some reach it and some do not."""
    role_assigned: bool | None = None
    """Exchange has given the application every role that the proof is about."""
    scope_age: timedelta | None = None
    unscoped: tuple[str, ...] | None = None
    """What reaches the mailboxes of the whole tenant beside scoped roles, by name: it cancels every scope."""
    as_account: bool = False
    """The product signs in as an account, and so needs neither a pointer nor a right on that account's mailbox."""
    account_federated: bool | None = None
    """The account's domain signs in at another identity provider."""
    account_exists: bool | None = None
    account_enabled: bool | None = None
    assigned: bool | None = None
    """The account may sign in to the application: it is assigned, or nobody needs to be."""
    assigned_age: timedelta | None = None
    protocol_on: bool | None = None
    """The mailbox's own switch of the proof's protocol (IMAP, POP, EWS) is on."""
    protocol_age: timedelta | None = None
    switches: Mapping[Protocol, bool | None] = field(default_factory=dict)
    """Protocols that an account's permissions are for (kind sign_in_link), and whether its own mailbox and the
    organisation have them on."""
    ews_enabled: bool | None = None
    """The organisation's switch for EWS is on."""
    ews_listed: bool | None = None
    """The organisation's list of applications that may use EWS names this one."""
    ews_agent: bool | None = None
    """The organisation lets our user agent use EWS; the product's own is not known."""
    ews_age: timedelta | None = None
    ews_ended: bool = False
    """The day has come on which Microsoft ends EWS."""
    redirects: tuple[str, ...] | None = None
    """Where Entra may send people back to after signing in to the application; the web's first."""
    secret_there: bool | None = None
    """Entra still has the client secret that the sink holds; None where the product has none."""
    secret_ended: bool | None = None
    works_elsewhere: Worked | None = None
    """Set from the outcome of an earlier proof of the same application: it shows that consent, pointer and secret
    are live, so that a refusal elsewhere can only be about that mailbox."""
    proven: frozenset[ProofKind] = frozenset()
    """Kinds of proof of the same application that passed earlier in this run. Graph's permissions are one for each
    right, so that only the use of the same one shows what a refusal is about."""


class NoPassword(Exception):
    """The account's password was not given: nobody to ask, or nothing where it should be."""


@dataclass(frozen=True)
class ProofTools:
    """Everything one proof may use. Nothing here can change the tenant but `send`: one mail, to its own sender."""

    tenant: Tenant
    app_id: AppId
    token: Callable[[str], Awaitable[Token]]
    """A fresh token of the product for an audience, without any cache: it carries the roles of this moment. Raises
    SignInRefused, Unreachable or another ServiceFault."""
    account_token: Callable[[tuple[str, ...]], Awaitable[Token]]
    """A token of the account that the proof names, for delegated permissions of one API.

    A run signs in once for the same permissions, and never again once an account was refused: a further attempt could
    lock a mailbox in use. Raises as `token` does, and NoPassword."""
    tls: ssl.SSLContext
    """Verifies the mail server."""
    clock: Clock
    deadline: Deadline
    """Until when "not yet" is tried again. In the past: one attempt."""
    events: Events
    send: bool
    """Whether a mail may be sent."""
    read_back: Callable[[str, str], Awaitable[bool | None]]
    """(mailbox, Message-ID with angle brackets) -> whether the mail is there; None where we may not read it."""
    facts: Callable[[], Awaitable[Facts]]
    """Reads the tenant about this proof and its mailbox."""
    authorization: Callable[[str], Awaitable[tuple[RoleAuthorization, ...] | NotSeen | None]]
    """(mailbox) -> what Exchange's roles let the product do there, asked past the cache; None where Exchange does not
    know the product or the mailbox."""
    graph: Callable[[Token], AbstractAsyncContextManager[Graph]]
    """Graph, spoken to with the product's own token."""
