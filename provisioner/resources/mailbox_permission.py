"""A right of our service principal on one mailbox. Other trustees' rights are never touched."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import ClassVar

from provisioner.exchange import mailbox_permissions
from provisioner.model.change import Action, Blocked, Change, FieldChange, Part, Ready, Standing
from provisioner.model.declared import MailboxPermission
from provisioner.model.identifiers import Address
from provisioner.model.observed import Caller, ExchangePrincipal, MailboxRight, NotSeen
from provisioner.resources.hands import Bindings, Hands
from provisioner.resources.kind import Kind
from provisioner.resources.sight import Sight


@dataclass(frozen=True)
class Observed:
    """The mailbox's rights (None: no such mailbox) and the pointer they would name."""

    rights: tuple[MailboxRight, ...] | NotSeen | None
    pointer: ExchangePrincipal | NotSeen | None
    pointer_stays: bool = True
    """False where the pointer names another object: it will be replaced, and rights of the old one do not count."""
    now: tuple[MailboxRight, ...] | NotSeen | None = None
    """The rights on the mailbox that takes this one's place."""


class MailboxPermissionKind(Kind[MailboxPermission, Observed]):
    """`Add-MailboxPermission`."""

    name: ClassVar[str] = "mailbox_permission"
    part: ClassVar[Part] = Part.EXCHANGE
    opens: ClassVar[bool] = True
    by_item: ClassVar[bool] = True

    def needs(self, declared: MailboxPermission) -> tuple[Address, ...]:
        """The pointer it names."""
        return (declared.pointer,)

    async def read(self, declared: MailboxPermission, sight: Sight) -> Observed:
        """The mailbox first of all: a misspelt one must stop the plan, not the apply."""
        rights, pointer, stays = await asyncio.gather(
            sight.mailbox_rights(declared.mailbox),
            sight.pointer_behind(declared.pointer),
            sight.pointer_stays(declared.pointer),
        )
        now = await sight.mailbox_rights(declared.superseded_by) if declared.superseded_by is not None else None
        return Observed(rights, pointer, stays, now)

    def bind(self, declared: MailboxPermission, observed: Observed, bindings: Bindings) -> None:
        """Nothing: the pointer's own kind binds it."""

    def compare(self, declared: MailboxPermission, observed: Observed) -> Change:
        """Grant or keep."""
        reach = f"the application can read and change everything in {declared.mailbox}"
        if _held(declared, observed) and observed.pointer_stays:
            return Change(
                declared.address,
                self.name,
                Action.KEEP,
                self.part,
                f"{declared.right} on {declared.mailbox}",
                reason="granted",
                reach=reach,
                guide_steps=declared.guide_steps,
            )
        return Change(
            declared.address,
            self.name,
            Action.CREATE,
            self.part,
            f"Give the application {declared.right} on {declared.mailbox}",
            fields=(FieldChange(f"{declared.right} on {declared.mailbox}", None, f"for {declared.pointer}"),),
            reach=reach,
            guide_steps=declared.guide_steps,
        )

    def standing(self, declared: MailboxPermission, observed: Observed, caller: Caller) -> Standing:
        """Blocked where the mailbox is missing or was not seen."""
        if isinstance(observed.rights, NotSeen):
            return Blocked(f"not seen: {observed.rights.reason}", observed.rights.who_can)
        if observed.rights is None:
            return Blocked(f"there is no mailbox {declared.mailbox} in Exchange Online")
        if isinstance(observed.pointer, NotSeen):
            return Blocked(f"not seen: {observed.pointer.reason}", observed.pointer.who_can)
        return Ready()

    async def carry_out(self, declared: MailboxPermission, change: Change, hands: Hands) -> None:
        """Add; Exchange answers a duplicate with a warning."""
        pointer = hands.bindings.pointers[declared.pointer]
        await hands.settled(
            declared.address,
            lambda: mailbox_permissions.grant(
                hands.driver(), mailbox=declared.mailbox, user=pointer.identity, right=declared.right
            ),
        )

    def compare_removal(self, declared: MailboxPermission, observed: Observed) -> Change:
        """Take back exactly this right."""
        nothing = observed.rights is None or observed.pointer is None
        unseen = NotSeen in (type(observed.rights), type(observed.pointer)) and not nothing
        same = _same_mailbox(observed)
        if (not _held(declared, observed) and not unseen) or same:
            return Change(
                declared.address,
                self.name,
                Action.KEEP,
                self.part,
                f"{declared.right} on {declared.mailbox}",
                reason=f"the same mailbox as {declared.superseded_by}" if same else "not granted",
            )
        return Change(
            declared.address,
            self.name,
            Action.REMOVE,
            self.part,
            f"Take {declared.right} on {declared.mailbox} away from the application",
            fields=(FieldChange(f"{declared.right} on {declared.mailbox}", f"for {declared.pointer}", None),),
        )

    def removal_standing(self, declared: MailboxPermission, observed: Observed, caller: Caller) -> Standing:
        """As for giving it; and where another mailbox takes its place, that one must have been seen as another."""
        if isinstance(observed.now, NotSeen):
            return Blocked(f"not seen: {observed.now.reason}", observed.now.who_can)
        if observed.now is not None and not (_identities(observed.rights) and _identities(observed.now)):
            return Blocked(
                f"whether {declared.mailbox} and {declared.superseded_by} are one mailbox was not seen: a management "
                "host with an older kit does not say; `provisioner exchange kit` renews it"
            )
        return self.standing(declared, observed, caller)

    async def remove(self, declared: MailboxPermission, change: Change, hands: Hands) -> None:
        """Remove; gone already is fine."""
        pointer = hands.bindings.pointers[declared.pointer]
        await mailbox_permissions.revoke(
            hands.driver(), mailbox=declared.mailbox, user=pointer.identity, right=declared.right
        )


def _same_mailbox(observed: Observed) -> bool:
    """Whether what was asked for before and what is asked for now are one mailbox with two addresses."""
    return bool(_identities(observed.rights) & _identities(observed.now))


def _identities(rights: tuple[MailboxRight, ...] | NotSeen | None) -> set[str]:
    """What the mailbox is called whose rights these are; empty where nothing says so."""
    return {each.mailbox for each in rights if each.mailbox} if isinstance(rights, tuple) else set()


def _held(declared: MailboxPermission, observed: Observed) -> bool:
    return (
        isinstance(observed.pointer, ExchangePrincipal)
        and isinstance(observed.rights, tuple)
        and mailbox_permissions.holds(observed.rights, observed.pointer, declared.right)
    )
