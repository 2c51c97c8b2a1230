"""Policies of a tenant that can keep a product out: read and explained, never written."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from provisioner.model.identifiers import AppId


@dataclass(frozen=True)
class Choice:
    """Who or what a condition takes in, and leaves out of that again. Ids, and Microsoft's words such as `All`."""

    included: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()

    @property
    def names_any(self) -> bool:
        """Whether it says anything."""
        return bool(self.included or self.excluded)


@dataclass(frozen=True)
class ConditionalAccessPolicy:
    """One conditional access policy (`GET /identity/conditionalAccess/policies`). Ids are in lower case."""

    policy_id: str
    name: str
    state: str
    """`enabled`, `disabled` or `enabledForReportingButNotEnforced`."""
    users: Choice = Choice()
    groups: Choice = Choice()
    roles: Choice = Choice()
    """Template ids of directory roles."""
    workloads: Choice = Choice()
    """Object ids of service principals; `ServicePrincipalsInMyTenant` is all of this tenant's own."""
    workloads_filtered: bool = False
    """Whether a filter over attributes chooses among them."""
    applications: Choice = Choice()
    """Application ids of what is signed in to; `All`, `Office365`."""
    actions: bool = False
    """Whether it is about an action of a person instead, such as registering a device."""
    client_kinds: frozenset[str] = frozenset()
    places: Choice = Choice()
    """Ids of named locations; `All`, `AllTrusted`."""
    circumstances: tuple[str, ...] = ()
    """What else it makes depend on, in words: risk, platform, device."""
    flows: frozenset[str] = frozenset()
    """The only ways of signing in that it is about, where it names any: `deviceCodeFlow`."""
    controls: tuple[str, ...] = ()
    """What it asks for, as Graph calls it: `block`, `mfa`, `compliantDevice`."""
    frequency: str | None = None
    """How long a sign-in holds, where it says so: `4 hours`."""


class AccessRight(StrEnum):
    """What an application access policy does."""

    RESTRICT = "RestrictAccess"
    DENY = "DenyAccess"


@dataclass(frozen=True)
class AccessPolicy:
    """One application access policy of Exchange (`Get-ApplicationAccessPolicy`), the older way to confine one."""

    app_id: AppId
    right: str
    """`RestrictAccess` or `DenyAccess`."""
    scope_name: str
    """The group or mailbox that it is about."""
