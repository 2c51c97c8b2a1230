"""Hand-made twins: how like an existing application is to the one that a playbook asks for. Pure.

Somebody may have followed the vendor's guide by hand before us. Such an application can have any name, so what it asks
for, what it was granted and where it sends people back to count as well. This is a guess for a person to decide on:
permissions are compared by the ids that the catalogue knows (those of the worldwide cloud), and nothing is written on
the strength of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from provisioner import catalogue
from provisioner.model.declared import (
    Application,
    Declared,
    Permission,
    PermissionKind,
    RedirectUris,
    RequestedPermissions,
    UnscopedGrants,
)
from provisioner.model.identifiers import GRAPH_APP_ID, AppId
from provisioner.model.observed import ApplicationObject
from provisioner.resources.sharing import TAG_PREFIX

PermissionId: TypeAlias = tuple[AppId, str, str]
"""API, kind and id, as `requiredResourceAccess` has them."""

ANYBODYS_REDIRECTS = frozenset(
    {
        "https://login.microsoftonline.com/common/oauth2/nativeclient",
        "https://login.live.com/oauth20_desktop.srf",
        "urn:ietf:wg:oauth:2.0:oob",
        "http://localhost",
    }
)
"""Redirects that the portal offers to every application: they tell nothing. Source: entra-docs, reply-url."""

PORTALS_OWN = Permission(GRAPH_APP_ID, PermissionKind.SCOPE, "User.Read")
"""The portal gives this wish to each application that is registered there (field-notes.md 2)."""

OUR_NAMES = "provisioner-"
"""What the unique name of each application that we made begins with."""

SAME_NAME, NAME_BEGINS_SO = 3, 1
ASKS_THE_SAME, ASKS_ALL, ASKS_SOME = 4, 3, 1
GRANTED_ALL, GRANTED_SOME = 3, 1
SAME_REDIRECT = 3
OUR_MARK = 5


@dataclass(frozen=True)
class Portrait:
    """What an application made by hand for the same product would look like."""

    display_name: str
    unique_name: str
    tag: str
    permissions: frozenset[Permission]
    """What the playbook asks for in Entra; in a scoped variant, what its roles take the place of as well."""
    redirects: frozenset[str]

    @property
    def apis(self) -> frozenset[AppId]:
        """The APIs of these permissions."""
        return frozenset(each.resource_app_id for each in self.permissions)


@dataclass(frozen=True)
class Likeness:
    """One application, and what speaks for its being the twin; each reason ends with its points."""

    application: ApplicationObject
    score: int
    reasons: tuple[str, ...]
    likely: bool
    """Whether a person should be asked before a second one is made."""


def portrait(application: Application, resources: Sequence[Declared]) -> Portrait:
    """The portrait of one declared application."""
    permissions: set[Permission] = set()
    redirects: set[str] = set()
    for each in resources:
        if isinstance(each, RequestedPermissions) and each.application == application.address:
            permissions |= set(each.permissions)
        elif isinstance(each, UnscopedGrants) and each.application == application.address:
            permissions |= set(each.twins)
        elif isinstance(each, RedirectUris) and each.application == application.address:
            redirects |= {*each.web, *each.spa, *each.native}
    return Portrait(
        application.display_name,
        application.unique_name,
        application.tag,
        frozenset(permissions),
        frozenset(redirects - ANYBODYS_REDIRECTS),
    )


def likeness(wanted: Portrait, live: ApplicationObject, granted: Iterable[PermissionId] = ()) -> Likeness:
    """How like an application is. `granted`: the application permissions that its service principal holds."""
    score, reasons = 0, []

    def found(points: int, reason: str) -> None:
        nonlocal score
        score += points
        reasons.append(f"{reason} (+{points})")

    name, shown = wanted.display_name.casefold(), live.display_name.casefold()
    marked = wanted.tag in live.tags and not made_by_us(live)
    if marked:
        found(OUR_MARK, "carries this onboarding's tag")
    if shown == name:
        found(SAME_NAME, "has the same name")
    elif shown.startswith(name):
        found(NAME_BEGINS_SO, "has a name that begins so")
    asked = frozenset((each.resource_app_id, each.kind, each.permission_id) for each in live.requested)
    asks = _compared(wanted.permissions, asked)
    same = asks.all and not asks.more
    if same:
        found(ASKS_THE_SAME, "asks for the same permissions")
    elif asks.all:
        found(ASKS_ALL, "asks for these permissions and more")
    elif asks.names:
        found(ASKS_SOME, f"asks for {', '.join(asks.names)}")
    roles = frozenset(each for each in wanted.permissions if each.kind is PermissionKind.ROLE)
    holds = _compared(roles, frozenset(granted))
    if holds.all:
        found(GRANTED_ALL, f"was granted {', '.join(holds.names)}")
    elif holds.names:
        found(GRANTED_SOME, f"was granted {', '.join(holds.names)}, not all")
    shared = sorted(wanted.redirects & set(live.redirect_uris))
    if shared:
        found(SAME_REDIRECT, f"has the redirect {shared[0]}")
    named_alike = shown == name or (
        shown.startswith(name) and bool(wanted.apis & {each.resource_app_id for each in live.requested})
    )
    anothers = any(each.startswith(TAG_PREFIX) and each != wanted.tag for each in live.tags)
    likely = marked or named_alike or ((same or bool(shared)) and not anothers)
    likely = likely and not _is_other_instance(wanted, live)
    return Likeness(live, score, tuple(reasons), likely and live.unique_name != wanted.unique_name)


def _is_other_instance(wanted: Portrait, live: ApplicationObject) -> bool:
    """Whether it is the same product's, set up or adopted by us as another instance: it is not there to be adopted."""
    playbook = wanted.tag.removeprefix(TAG_PREFIX).rpartition(":")[0]
    named = (live.unique_name or "").startswith(f"{OUR_NAMES}{playbook.replace('/', '-')}-")
    return named or any(each.startswith(f"{TAG_PREFIX}{playbook}:") and each != wanted.tag for each in live.tags)


def made_by_us(live: ApplicationObject) -> bool:
    """Whether some onboarding of ours made it: what carries our tag besides was attached to it, not adopted."""
    return (live.unique_name or "").startswith(OUR_NAMES)


@dataclass(frozen=True)
class _Compared:
    names: tuple[str, ...]
    """The wanted permissions that are there."""
    all: bool
    """All of them, and at least one."""
    more: bool
    """Whether others are there, beside what the portal adds by itself."""


def _compared(wanted: frozenset[Permission], there: frozenset[PermissionId]) -> _Compared:
    ids = {each: permission_ids(each) for each in wanted if each != PORTALS_OWN}
    names = tuple(sorted(each.value for each, own in ids.items() if own & there))
    known = frozenset().union(permission_ids(PORTALS_OWN), *ids.values())
    return _Compared(names, bool(ids) and len(names) == len(ids), bool(there - known))


def permission_ids(permission: Permission) -> frozenset[PermissionId]:
    """Every id that the catalogue knows a permission by."""
    found = catalogue.find(permission.resource_app_id, permission.kind, permission.value)
    ids = found.ids if found is not None else ()
    return frozenset((permission.resource_app_id, permission.kind.value, each) for each in ids)
