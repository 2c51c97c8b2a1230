"""A migration: from which variant to which, and what of the old one has no place in the new one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from provisioner.model.declared import Declared, RedirectUris, RequestedPermissions, UnscopedGrants
from provisioner.model.identifiers import Address
from provisioner.workflows.onboarding import Onboarding


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
        arriving, old = self.arriving.declaration.resources, self.leaving.declaration
        kept = {each.address for each in arriving}
        left: list[Declared] = []
        for each in old.resources:
            if isinstance(each, (RequestedPermissions, RedirectUris)) and not self.apart:
                left += _superseded(each, arriving, old.variant)
            elif each.address not in kept:
                left.append(each)
        return tuple(left)

    @property
    def both(self) -> Onboarding:
        """The new variant, with eyes for the old one's things as well."""
        return replace(self.arriving, declaration=replace(self.arriving.declaration, resources=self.resources))


def _superseded(old: Declared, arriving: Iterable[Declared], variant: str) -> Iterator[Declared]:
    """What the new variant no longer has of a thing with several items, under an address that says whose it is.

    Requests that would cancel a scope are not here: they go in a step of their own, with what was granted.
    """
    address = Address(f"{old.address}.{variant}")
    if isinstance(old, RequestedPermissions):
        kept = {
            permission
            for each in arriving
            if isinstance(each, (RequestedPermissions, UnscopedGrants)) and each.application == old.application
            for permission in (each.twins if isinstance(each, UnscopedGrants) else each.permissions)
        }
        permissions = tuple(each for each in old.permissions if each not in kept)
        if permissions:
            yield replace(old, address=address, permissions=permissions, superseded=True)
    elif isinstance(old, RedirectUris):
        new = next(
            (each for each in arriving if isinstance(each, RedirectUris) and each.application == old.application),
            RedirectUris(old.address, old.application),
        )
        web, spa, native = (
            tuple(each for each in before if each not in after)
            for before, after in ((old.web, new.web), (old.spa, new.spa), (old.native, new.native))
        )
        public_client = old.public_client and not new.public_client
        if web or spa or native or public_client:
            yield replace(
                old, address=address, web=web, spa=spa, native=native, public_client=public_client, superseded=True
            )
