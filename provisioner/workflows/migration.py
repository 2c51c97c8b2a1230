"""A migration: from which variant to which, and what of the old one has no place in the new one."""

from __future__ import annotations

from dataclasses import dataclass, replace

from provisioner.model.declared import Declared, RedirectUris, RequestedPermissions, UnscopedGrants
from provisioner.model.identifiers import Address
from provisioner.workflows.onboarding import Onboarding
from provisioner.workflows.superseded import left_over


@dataclass(frozen=True)
class Migration:
    """From one variant to another. `apart`: the new one has an application of its own, the old one used another's."""

    arriving: Onboarding
    leaving: Onboarding
    apart: bool

    @property
    def resources(self) -> tuple[Declared, ...]:
        """What to look at: all of the new variant, and what only the old one declares."""
        return (*self.arriving.declaration.resources, *self.left)

    @property
    def left(self) -> tuple[Declared, ...]:
        """What only the old variant declares; all of it where the applications differ."""
        arriving = self.arriving.declaration.resources
        kept = {each.address: each for each in arriving}
        # Requests that would cancel a scope go in a step of their own, with what was granted.
        cancelling = {permission for each in arriving if isinstance(each, UnscopedGrants) for permission in each.twins}
        left: list[Declared] = []
        for each in self.leaving.declaration.resources:
            address = Address(f"{each.address} ({self.leaving.declaration.variant})")
            if self.apart or not isinstance(each, (RequestedPermissions, RedirectUris)):
                left += () if each.address in kept else (each,)
            elif isinstance(each, RequestedPermissions):
                old = replace(each, permissions=tuple(one for one in each.permissions if one not in cancelling))
                left += left_over(old, kept.get(each.address), address)
            else:
                left += left_over(each, kept.get(each.address), address)
        return tuple(left)

    @property
    def both(self) -> Onboarding:
        """The new variant, with eyes for the old one's things as well."""
        return replace(self.arriving, declaration=replace(self.arriving.declaration, resources=self.resources))
