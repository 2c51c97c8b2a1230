"""Judging: which changes, and who can carry them out now. Pure, so it is tested without a tenant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date

from provisioner.catalogue import role_name
from provisioner.engine.observing import Observation
from provisioner.model.change import Action, Blocked, Change, Gate, Manual, Part, PlannedChange, Ready, Standing, item
from provisioner.model.declared import Application, Declared
from provisioner.model.identifiers import Address, base
from provisioner.model.observed import Caller
from provisioner.resources import kind_of

GATE_FLAGS = {
    Gate.TENANT_WIDE: ("--allow-tenant-wide", "what it opens is not limited to some mailboxes"),
    Gate.REMOVE_GRANTS: ("--allow-remove-grants", "it takes granted permissions away"),
    Gate.RESTORE: ("--allow-restore", "it brings a deleted application back, and perhaps more than you remember"),
    Gate.PURGE: ("--purge", "it cannot be undone"),
    Gate.ORGANISATION_WIDE: ("--allow-organisation-wide", "it changes a setting of the whole organisation"),
    Gate.TWIN: (
        "--allow-twin",
        "an application much like it exists already and may be the one in use. `provisioner adopt` takes it over; with "
        "the flag a second one is made",
    ),
    Gate.FOREIGN_KEYS: ("--allow-foreign-keys", "others can sign in as the application"),
}
"""The flag that opens each gate, and the reason for the gate."""


BY_SCRIPT = Manual(
    "by the script that `provisioner apply` writes once Entra's part is there",
    role="Exchange Administrator",
    proof="the file that the script saves: --script-result FILE",
)
"""The standing of what a script for a person carries, where nobody of ours may run Exchange cmdlets."""

REMOVED_BY_SCRIPT = replace(BY_SCRIPT, instruction="by the script that `provisioner remove` writes")


def planned(
    resources: Sequence[Declared],
    observation: Observation,
    caller: Caller,
    *,
    open_gates: frozenset[Gate],
    only: Part | None = None,
    by_script: bool = False,
    today: date | None = None,
) -> tuple[PlannedChange, ...]:
    """All changes in the order of the playbook, each with its standing. `by_script`: Exchange's part is a person's.

    From the day (`today`, the tenant's) on which Microsoft ends something that is declared, nothing of it is begun.
    """
    over = _over(resources, today)
    changes = {each.address: kind_of(each).compare(each, observation.seen[each.address]) for each in resources}
    standings: dict[Address, Standing] = {}
    doubts: dict[Address, str] = {}
    for each in in_order(resources):
        change = changes[each.address]
        doubt = kind_of(each).doubt(each, observation.seen[each.address], caller) or next(
            (doubts[need] for need in kind_of(each).needs(each) if need in doubts), None
        )
        if doubt is not None:
            doubts[each.address] = doubt
        own = over or _activatable(kind_of(each).standing(each, observation.seen[each.address], caller), caller)
        scripted = by_script and change.part is Part.EXCHANGE and change.action is not Action.KEEP
        standings[each.address] = _standing(
            change,
            _by_script(own) if scripted else own,
            kind_of(each).needs(each),
            changes,
            standings,
            open_gates,
            only,
            doubts.get(each.address) if kind_of(each).opens else None,
        )
    standings |= _to_no_purpose(resources, changes, standings, only)
    return tuple(PlannedChange(changes[each.address], standings[each.address]) for each in resources)


def _to_no_purpose(
    resources: Sequence[Declared],
    changes: dict[Address, Change],
    standings: dict[Address, Standing],
    only: Part | None,
) -> dict[Address, Standing]:
    """What others share is not touched for what cannot be done now, nor as long as a person has to decide first.

    Where somebody else only has to do his part of the product, the rest is done all the same.
    """
    pending = [each for each in resources if changes[each.address].action is not Action.KEEP]
    blocked = {address: one for address, one in standings.items() if isinstance(one, Blocked)}
    gated = {address for address, one in blocked.items() if one.flag is not None}
    result: dict[Address, Standing] = {}
    for each in pending:
        kind = kind_of(each)
        if not kind.shared or each.address in blocked:
            continue
        serves = [other.address for other in pending if each.address in kind_of(other).needs(other)]
        undecided = [other.address for other in pending if isinstance(other, Application) and other.address in gated]
        if (serves and all(address in blocked for address in serves)) or (undecided and only is None):
            result[each.address] = Blocked("what it is for cannot be done now")
    return result


def removal_planned(
    resources: Sequence[Declared],
    observation: Observation,
    caller: Caller,
    *,
    by_script: bool = False,
    theirs: frozenset[Address] = frozenset(),
) -> tuple[PlannedChange, ...]:
    """What `remove` would do, dependents first. `theirs`, things and items of things, was there before us and stays."""
    result = []
    held = _held_back(resources, observation)
    for each in reversed(in_order(resources)):
        seen = observation.seen[each.address]
        change = kind_of(each).compare_removal(each, seen)
        if change.action is not Action.KEEP:
            change = _without(change, theirs, by_item=kind_of(each).by_item)
        own = held or _activatable(kind_of(each).removal_standing(each, seen, caller), caller)
        standing = Ready() if change.action is Action.KEEP else own
        if by_script and change.part is Part.EXCHANGE and change.action is not Action.KEEP:
            standing = _by_script(standing, REMOVED_BY_SCRIPT)
        result.append(PlannedChange(change, standing))
    return tuple(result)


SUPERSEDED_BY_HAND = Manual(
    "no script of ours takes away what earlier parameters asked for: by hand",
    role="Exchange Administrator",
    proof="the plan no longer lists it",
)


def superseded_planned(
    resources: Sequence[Declared],
    observation: Observation,
    caller: Caller,
    *,
    open_gates: frozenset[Gate],
    only: Part | None = None,
    by_script: bool = False,
    theirs: frozenset[Address] = frozenset(),
) -> tuple[PlannedChange, ...]:
    """What earlier parameters asked for and is still there, to be taken away behind the gate for grants."""
    result = []
    for change, standing in (
        (each.change, each.standing) for each in removal_planned(resources, observation, caller, theirs=theirs)
    ):
        if change.action is Action.KEEP:
            continue
        gated = replace(change, gate=Gate.REMOVE_GRANTS, reason="an earlier run asked for it, and this one does not")
        own = SUPERSEDED_BY_HAND if by_script and change.part is Part.EXCHANGE else standing
        result.append(PlannedChange(gated, _standing(gated, own, (), {}, {}, open_gates, only)))
    return tuple(result)


def _held_back(resources: Sequence[Declared], observation: Observation) -> Blocked | None:
    """Why nothing may be taken away yet."""
    reasons = (kind_of(each).holds_back_removal(each, observation.seen[each.address]) for each in resources)
    return next(filter(None, reasons), None)


def _without(change: Change, theirs: frozenset[Address], *, by_item: bool) -> Change:
    """The removal of what is ours alone."""
    whole = base(change.address)
    staying = tuple(each for each in change.fields if by_item and item(whole, each) in theirs)
    if whole in theirs or (staying and staying == change.fields):
        return _left(change)
    if not staying:
        return change
    notes = tuple(f"{each.name} stays: it was there before us" for each in staying)
    going = tuple(each for each in change.fields if each not in staying)
    return replace(change, fields=going, notes=(*change.notes, *notes))


def _left(change: Change) -> Change:
    """Nothing happens to it: it was on the application when that was adopted."""
    summary, reason = f"Not done: {change.summary}", "it was there before us"
    return replace(change, action=Action.KEEP, summary=summary, fields=(), reason=reason, gate=None)


def _over(resources: Sequence[Declared], today: date | None) -> Blocked | None:
    """Why nothing may be set up any more."""
    for each in resources:
        end = kind_of(each).ends(each)
        if end is not None and today is not None and end.when <= today:
            return Blocked(f"Microsoft has ended {end.what} on {end.when.isoformat()}: setting it up serves nothing")
    return None


def in_order(resources: Sequence[Declared]) -> tuple[Declared, ...]:
    """Needs before what needs them; otherwise the playbook's own order."""
    waiting = list(resources)
    known = {each.address for each in resources}
    placed: set[Address] = set()
    order: list[Declared] = []
    while waiting:
        ready = [each for each in waiting if _needs_of(each, known) <= placed]
        if not ready:
            raise AssertionError(f"a circle of needs: {[each.address for each in waiting]}")
        order += ready
        placed |= {each.address for each in ready}
        waiting = [each for each in waiting if each.address not in placed]
    return tuple(order)


def _needs_of(declared: Declared, known: Iterable[Address]) -> set[Address]:
    return set(kind_of(declared).needs(declared)) & set(known)


def _activatable(own: Standing, caller: Caller) -> Standing:
    """What is blocked for want of a role that the caller could activate says so."""
    if not isinstance(own, Blocked):
        return own
    mine = [name for name in map(role_name, sorted(caller.eligible_roles or ())) if name in own.who_can]
    if not mine:
        return own
    return replace(own, reason=f"{own.reason}; you could activate {' or '.join(mine)}: do so, then sign in again")


def _by_script(own: Standing, script: Manual = BY_SCRIPT) -> Standing:
    """What is blocked for everybody stays so; what is blocked for want of a role is just what the script is for."""
    if isinstance(own, Manual) or (isinstance(own, Blocked) and not own.who_can):
        return own
    return script


def _opened(change: Change) -> str | None:
    """What a permission opens, as the reason for its gate: not every one of them is about mailboxes."""
    if change.gate is not Gate.TENANT_WIDE or change.reach is None:
        return None
    return change.reach[:1].lower() + change.reach[1:].rstrip(".")


def _standing(
    change: Change,
    own: Standing,
    needs: tuple[Address, ...],
    changes: dict[Address, Change],
    standings: dict[Address, Standing],
    open_gates: frozenset[Gate],
    only: Part | None,
    doubt: str | None = None,
) -> Standing:
    if change.action is Action.KEEP and not isinstance(own, Blocked):
        return Ready()
    if isinstance(own, Blocked):
        return own
    if only is not None and change.part is not only:
        return Blocked(f"left out by --only {only.value}", flag=f"--only {change.part.value}")
    if change.gate is not None and change.gate not in open_gates:
        flag, reason = GATE_FLAGS[change.gate]
        return Blocked(f"needs {flag}: {_opened(change) or reason}", flag=flag)
    if doubt is not None and Gate.FOREIGN_KEYS not in open_gates:
        flag, _ = GATE_FLAGS[Gate.FOREIGN_KEYS]
        return Blocked(f"needs {flag}: {doubt}", flag=flag)
    for need in needs:
        missing = need in changes and changes[need].action is not Action.KEEP
        if missing and isinstance(standings.get(need), Blocked):
            return Blocked(f"waits for {need}, which is blocked")
    return own
