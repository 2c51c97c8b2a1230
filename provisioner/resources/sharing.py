"""Several onboardings on one application: one makes it (the host), others are attached to it.

Who they are is read off the application's tags, one for each onboarding. What they declare is known of those whose
instance files are in this home; of the others nothing is assumed, and so nothing that may be theirs is taken away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from provisioner.model.declared import Application, AppRoleGrant, Declared, Permission, RequestedPermissions
from provisioner.model.identifiers import Address, AppId
from provisioner.model.observed import ApplicationObject, NotSeen

TAG_PREFIX = "provisioner:"
"""What each onboarding's tag begins with; its playbook and instance follow."""


@dataclass(frozen=True)
class Neighbour:
    """Another onboarding of this tenant, as its instance file and playbook declare it."""

    playbook: str
    instance: str
    sink: str
    """Where its secrets are."""
    app_ids: tuple[tuple[Address, AppId], ...]
    resources: tuple[Declared, ...]

    def on(self, unique_name: str) -> Application | None:
        """Its application of that name."""
        return next(
            (each for each in self.resources if isinstance(each, Application) and each.unique_name == unique_name), None
        )


@dataclass(frozen=True)
class Sharer:
    """Another onboarding on one application of ours."""

    playbook: str
    instance: str
    host: bool
    """Whether it is the one that made the application."""
    resources: tuple[Declared, ...] | None = None
    """What it declares, under its own addresses; None where this home does not know."""

    @property
    def title(self) -> str:
        """`centron/net`, and which instance of it where that is not the usual one."""
        return self.playbook if self.instance == "default" else f"{self.playbook} (instance {self.instance})"

    def wants(self, permission: Permission) -> bool | None:
        """Whether it declares a permission of the application; None where that is not known."""
        if self.resources is None:
            return None
        return any(
            (isinstance(each, RequestedPermissions) and permission in each.permissions)
            or (isinstance(each, AppRoleGrant) and each.permission == permission)
            for each in self.resources
        )


def host_tag(declared: Application) -> str:
    """The tag of the onboarding that makes the application: the same instance of its playbook."""
    return f"{TAG_PREFIX}{declared.attached_to}:{declared.tag.rpartition(':')[2]}"


def sharers_of(
    declared: Application, live: ApplicationObject | None, neighbours: Sequence[Neighbour]
) -> tuple[Sharer, ...]:
    """The other onboardings on an application: its host first, then those that its tags and this home name."""
    found: dict[str, Sharer] = {}
    if declared.attached_to is not None:
        found[host_tag(declared)] = Sharer(declared.attached_to, declared.tag.rpartition(":")[2], host=True)
    for tag in live.tags if live is not None else ():
        playbook, _, instance = tag.removeprefix(TAG_PREFIX).rpartition(":")
        if tag.startswith(TAG_PREFIX) and playbook and tag != declared.tag:
            found.setdefault(tag, Sharer(playbook, instance, host=False))
    for each in neighbours:
        own = each.on(declared.unique_name)
        if own is not None and own.tag != declared.tag:
            found[own.tag] = Sharer(each.playbook, each.instance, own.attached_to is None, each.resources)
    return tuple(sorted(found.values(), key=lambda each: (not each.host, each.playbook, each.instance)))


def is_attached(sharers: Sequence[Sharer] | NotSeen) -> bool:
    """Whether the application is another onboarding's."""
    return not isinstance(sharers, NotSeen) and any(each.host for each in sharers)


def others_want(sharers: Sequence[Sharer] | NotSeen, permission: Permission) -> str | None:
    """Why a permission must stay when we go; None where nobody else declares it."""
    if isinstance(sharers, NotSeen):
        return f"who else needs it was not seen: {sharers.reason}"
    for each in sharers:
        wanted = each.wants(permission)
        if wanted is None:
            return f"whether {each.title} needs it is not known here"
        if wanted:
            return f"{each.title} needs it as well"
    return None


def attached_first(sharers: Sequence[Sharer]) -> str | None:
    """What must be removed before the application's own onboarding can be; None where nothing is attached."""
    names = [each.title for each in sharers if not each.host]
    return f"remove {' and '.join(names)} first: attached to this application" if names else None
