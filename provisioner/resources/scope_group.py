"""The group whose members scoped roles reach. Ours alone, but others may have put members into it: those stay.

Recognised by its alias, which we derive. A group of our alias that others are in, or can join, and that does not carry
our mark is somebody's who edited ours, or who wants his own to be taken for it: that takes a person's word.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import ClassVar

from provisioner.errors import AlreadyThere
from provisioner.exchange import groups
from provisioner.model.change import Action, Blocked, Change, FieldChange, Gate, Part, Ready, Standing
from provisioner.model.declared import ScopeGroup
from provisioner.model.identifiers import Address
from provisioner.model.observed import (
    Caller,
    ClientAccessSettings,
    ExchangeGroup,
    ExchangeGroupMember,
    NotSeen,
)
from provisioner.resources.hands import Bindings, Hands, shown
from provisioner.resources.kind import Kind
from provisioner.resources.sight import Sight

_SHOWN_MEMBERS = 10


@dataclass(frozen=True)
class Observed:
    """The group, its direct members, and which of the wanted members that are not in it are mailboxes at all."""

    group: ExchangeGroup | NotSeen | None
    members: tuple[ExchangeGroupMember, ...] | NotSeen
    mailboxes: tuple[tuple[str, ClientAccessSettings | NotSeen | None], ...]


class ScopeGroupKind(Kind[ScopeGroup, Observed]):
    """`New-DistributionGroup -Type Security`."""

    name: ClassVar[str] = "scope_group"
    part: ClassVar[Part] = Part.EXCHANGE

    def needs(self, declared: ScopeGroup) -> tuple[Address, ...]:
        """Nothing of ours: the members are there already."""
        return ()

    async def read(self, declared: ScopeGroup, sight: Sight) -> Observed:
        """The group and its members; a misspelt member must stop the plan, not the apply."""
        group, members = await asyncio.gather(sight.group(declared.name), sight.group_members(declared.name))
        known = _addresses(members)
        missing = tuple(each for each in declared.members if each.lower() not in known)
        mailboxes = await asyncio.gather(*(sight.client_access(each) for each in missing))
        return Observed(group, members, tuple(zip(missing, mailboxes, strict=True)))

    def bind(self, declared: ScopeGroup, observed: Observed, bindings: Bindings) -> None:
        """The group, whose distinguished name the scope needs."""
        if isinstance(observed.group, ExchangeGroup):
            bindings.groups[declared.address] = observed.group

    def compare(self, declared: ScopeGroup, observed: Observed) -> Change:
        """Make it, finish it, or keep it. Members that are not ours are shown, never taken out."""
        if not isinstance(observed.group, ExchangeGroup):
            return Change(
                declared.address,
                self.name,
                Action.CREATE,
                self.part,
                f'Make the security group "{declared.display_name}" of the mailboxes that the application may use',
                fields=tuple(FieldChange("member", None, each) for each in declared.members),
                reason="closed to joining and leaving, hidden from address lists",
                guide_steps=declared.guide_steps,
            )
        group = observed.group
        fields = _differences(declared, group, observed)
        notes = _notes(declared, observed)
        if not fields:
            return Change(
                declared.address,
                self.name,
                Action.KEEP,
                self.part,
                f'Security group "{declared.display_name}"',
                reason="closed, hidden, with every mailbox in it",
                guide_steps=declared.guide_steps,
                notes=notes,
            )
        return Change(
            declared.address,
            self.name,
            Action.UPDATE,
            self.part,
            f'Correct the security group "{declared.display_name}"',
            fields=fields,
            gate=Gate.TWIN if _doubtful(declared, group, observed) else None,
            guide_steps=declared.guide_steps,
            notes=notes,
        )

    def standing(self, declared: ScopeGroup, observed: Observed, caller: Caller) -> Standing:
        """Blocked where something was not seen, a member is no mailbox, or the group is no security group."""
        for seen in (observed.group, observed.members, *(found for _, found in observed.mailboxes)):
            if isinstance(seen, NotSeen):
                return Blocked(f"not seen: {seen.reason}", seen.who_can)
        absent = tuple(address for address, found in observed.mailboxes if found is None)
        if absent:
            return Blocked(f"there is no mailbox {', '.join(absent)} in Exchange Online")
        if isinstance(observed.group, ExchangeGroup) and not observed.group.security:
            return Blocked(f"{declared.name} is there, but is no security group: a scope over it reaches nobody")
        return Ready()

    async def carry_out(self, declared: ScopeGroup, change: Change, hands: Hands) -> None:
        """Make it with its members, then close, hide and mark it; what is there already is taken."""
        driver = hands.driver()
        group = hands.bindings.groups.get(declared.address)
        if group is None:
            group = await hands.settled(declared.address, lambda: _made(declared, hands))
            missing: tuple[str, ...] = ()
        else:
            known = _addresses(await groups.members(driver, group.identity))
            missing = tuple(each for each in declared.members if each.lower() not in known)
        identity = group.identity
        for member in missing:
            await hands.settled(declared.address, lambda member=member: groups.add(driver, identity, member=member))  # type: ignore[misc]
        await hands.settled(declared.address, lambda: groups.secure(driver, identity))
        hands.bindings.groups[declared.address] = group

    def compare_removal(self, declared: ScopeGroup, observed: Observed) -> Change:
        """Delete it, or take some of its members out; it is a list, the mailboxes stay."""
        if declared.superseded_by is not None:
            return self._compare_taking_out(declared, observed)
        summary = f'Security group "{declared.display_name}"'
        if observed.group is None:
            return Change(declared.address, self.name, Action.KEEP, self.part, summary, reason="not there")
        if isinstance(observed.group, ExchangeGroup) and _doubtful(declared, observed.group, observed):
            reason = "it is not as we make it and does not carry our mark, so it may be somebody else's"
            return Change(declared.address, self.name, Action.KEEP, self.part, summary, reason=reason)
        return Change(
            declared.address,
            self.name,
            Action.REMOVE,
            self.part,
            f'Delete the security group "{declared.display_name}"',
            fields=tuple(FieldChange("member", each, None) for each in declared.members),
            reason="it served this application's scope alone; its mailboxes stay",
            notes=_notes(declared, observed),
        )

    def _compare_taking_out(self, declared: ScopeGroup, observed: Observed) -> Change:
        wanted = {each.lower() for each in declared.superseded_by or ()}
        members = () if isinstance(observed.members, NotSeen) else observed.members
        going = [
            name
            for name in declared.members
            if any(name.lower() in each.addresses and not each.addresses & wanted for each in members)
        ]
        unseen = isinstance(observed.members, NotSeen)
        return Change(
            declared.address,
            self.name,
            Action.REMOVE if going or unseen else Action.KEEP,
            self.part,
            f'Take mailboxes out of the security group "{declared.display_name}"',
            fields=tuple(FieldChange("member", each, None) for each in (declared.members if unseen else going)),
            reason="no longer wanted within reach" if going or unseen else "not in it",
        )

    def removal_standing(self, declared: ScopeGroup, observed: Observed, caller: Caller) -> Standing:
        """Blocked where the group was not seen; who is in it matters only where it stays."""
        for seen in (observed.group, observed.members if declared.superseded_by is not None else None):
            if isinstance(seen, NotSeen):
                return Blocked(f"not seen: {seen.reason}", seen.who_can)
        return Ready()

    async def remove(self, declared: ScopeGroup, change: Change, hands: Hands) -> None:
        """Delete it, or take exactly these out; gone already is fine."""
        identity = hands.bindings.groups[declared.address].identity
        if declared.superseded_by is None:
            await groups.remove(hands.driver(), identity)
            return
        for each in change.fields:
            await groups.take_out(hands.driver(), identity, member=each.before or "")


async def _made(declared: ScopeGroup, hands: Hands) -> ExchangeGroup:
    driver = hands.driver()
    try:
        return await groups.create(
            driver,
            name=declared.name,
            display_name=declared.display_name,
            members=declared.members,
            notes=f"Mailboxes that an application may use: whoever edits it changes that. {declared.tag}",
        )
    except AlreadyThere:
        return shown(await groups.get(driver, declared.name), "the group")


def _doubtful(declared: ScopeGroup, group: ExchangeGroup, observed: Observed) -> bool:
    """Without our mark, and not as we make it.

    The mark alone decides nothing: what `Get-DistributionGroup` shows of the notes is not documented.
    """
    marked = declared.tag in group.notes.split()
    return not marked and (not group.closed or bool(_foreign(declared, observed.members)))


def _differences(declared: ScopeGroup, group: ExchangeGroup, observed: Observed) -> tuple[FieldChange, ...]:
    fields = [FieldChange("member", None, address) for address, _ in observed.mailboxes]
    if not group.closed:
        fields.append(FieldChange("joining and leaving", "open", "closed"))
    if not group.hidden:
        fields.append(FieldChange("address lists", "shown", "hidden"))
    return tuple(fields)


def _notes(declared: ScopeGroup, observed: Observed) -> tuple[str, ...]:
    if not isinstance(observed.group, ExchangeGroup):
        return ()
    notes = []
    if _doubtful(declared, observed.group, observed):
        notes.append("a group of our name that does not carry our mark: somebody may want it to be taken for ours")
    if foreign := _foreign(declared, observed.members):
        more = f" and {len(foreign) - _SHOWN_MEMBERS} more" if len(foreign) > _SHOWN_MEMBERS else ""
        names = ", ".join(each.address or each.name for each in foreign[:_SHOWN_MEMBERS])
        notes.append(f"also in the group, and so within reach: {names}{more}; they stay")
    if nested := [each for each in foreign if not each.mailbox]:
        names = ", ".join(each.name for each in nested[:_SHOWN_MEMBERS])
        notes.append(f"no mailbox, so its own members are not reached: {names}")
    if observed.group.owners:
        notes.append(f"can widen it: {', '.join(observed.group.owners)}")
    return tuple(notes)


def _foreign(
    declared: ScopeGroup, members: tuple[ExchangeGroupMember, ...] | NotSeen
) -> tuple[ExchangeGroupMember, ...]:
    if isinstance(members, NotSeen):
        return ()
    ours = {each.lower() for each in declared.members}
    return tuple(each for each in members if not each.addresses & ours)


def _addresses(members: tuple[ExchangeGroupMember, ...] | NotSeen) -> frozenset[str]:
    if isinstance(members, NotSeen):
        return frozenset()
    return frozenset().union(*(each.addresses for each in members))
