"""Judging: which changes, and who can carry them out now. Pure, so it is tested without a tenant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from provisioner.engine.observing import Observation
from provisioner.model.change import Action, Blocked, Change, Gate, Part, PlannedChange, Ready, Standing
from provisioner.model.declared import Declared
from provisioner.model.identifiers import Address
from provisioner.model.observed import Caller
from provisioner.resources import kind_of

GATE_FLAGS = {
    Gate.TENANT_WIDE: ("--allow-tenant-wide", "it opens mailboxes of the whole tenant"),
    Gate.REMOVE_GRANTS: ("--allow-remove-grants", "it takes granted permissions away"),
    Gate.RESTORE: ("--allow-restore", "it brings a deleted application back, and perhaps more than you remember"),
    Gate.PURGE: ("--purge", "it cannot be undone"),
    Gate.ORGANISATION_WIDE: ("--allow-organisation-wide", "it changes a setting of the whole organisation"),
    Gate.TWIN: ("--allow-twin", "an application of this name exists already and may be the one in use"),
}
"""The flag that opens each gate, and the reason for the gate."""


def planned(
    resources: Sequence[Declared],
    observation: Observation,
    caller: Caller,
    *,
    open_gates: frozenset[Gate],
    only: Part | None = None,
) -> tuple[PlannedChange, ...]:
    """All changes in the order of the playbook, each with its standing."""
    changes = {each.address: kind_of(each).compare(each, observation.seen[each.address]) for each in resources}
    standings: dict[Address, Standing] = {}
    for each in in_order(resources):
        change = changes[each.address]
        own = kind_of(each).standing(each, observation.seen[each.address], caller)
        standings[each.address] = _standing(
            change, own, kind_of(each).needs(each), changes, standings, open_gates, only
        )
    return tuple(PlannedChange(changes[each.address], standings[each.address]) for each in resources)


def removal_planned(
    resources: Sequence[Declared], observation: Observation, caller: Caller
) -> tuple[PlannedChange, ...]:
    """What `remove` would do, dependents first."""
    result = []
    for each in reversed(in_order(resources)):
        seen = observation.seen[each.address]
        change = kind_of(each).compare_removal(each, seen)
        standing = Ready() if change.action is Action.KEEP else kind_of(each).standing(each, seen, caller)
        result.append(PlannedChange(change, standing))
    return tuple(result)


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


def _standing(
    change: Change,
    own: Standing,
    needs: tuple[Address, ...],
    changes: dict[Address, Change],
    standings: dict[Address, Standing],
    open_gates: frozenset[Gate],
    only: Part | None,
) -> Standing:
    if change.action is Action.KEEP and not isinstance(own, Blocked):
        return Ready()
    if isinstance(own, Blocked):
        return own
    if only is not None and change.part is not only:
        return Blocked(f"left out by --only {only.value}", flag=f"--only {change.part.value}")
    if change.gate is not None and change.gate not in open_gates:
        flag, reason = GATE_FLAGS[change.gate]
        return Blocked(f"needs {flag}: {reason}", flag=flag)
    for need in needs:
        missing = need in changes and changes[need].action is not Action.KEEP
        if missing and isinstance(standings.get(need), Blocked):
            return Blocked(f"waits for {need}, which is blocked")
    return own
