"""Carrying out: each change as soon as what it needs is there, and every change tells how it ended.

One change that fails does not stop those that do not need it. Nothing is rolled back: apply is convergent, so the way
out of a half-done run is the same command again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from provisioner.engine.planning import in_order
from provisioner.errors import NotYet, ProvisionerError, Refused, ServiceFault
from provisioner.model.change import Action, Blocked, Change, Manual, Part, PlannedChange, Ready
from provisioner.model.declared import Declared
from provisioner.model.events import Event, EventKind
from provisioner.model.identifiers import Address
from provisioner.model.outcome import ChangeOutcome, ChangeState
from provisioner.resources import kind_of
from provisioner.resources.hands import Hands
from provisioner.resources.kind import Kind

REACHED = frozenset({ChangeState.DONE, ChangeState.KEPT})


async def carry_out(
    resources: Sequence[Declared], plan: Sequence[PlannedChange], hands: Hands, *, removing: bool = False
) -> tuple[ChangeOutcome, ...]:
    """Carry out every Ready change; the outcome of each, in the plan's order."""
    declared = {each.address: each for each in resources}
    before = _order_of(resources, removing=removing)
    by_address = {each.change.address: each for each in plan}
    running: dict[Address, asyncio.Task[ChangeOutcome]] = {}

    def holds_back(ended: ChangeOutcome) -> bool:
        # What only an Exchange administrator may take away must not keep the keys and the application alive: the
        # instance file stays, and names the application to whoever removes the rest.
        others = ended.state in (ChangeState.BLOCKED, ChangeState.MANUAL)
        elsewhere = by_address[ended.address].change.part is Part.EXCHANGE and others
        return ended.state not in REACHED and not (removing and elsewhere)

    async def one(planned: PlannedChange) -> ChangeOutcome:
        needs = [running[address] for address in before[planned.change.address] if address in running]
        missing = next((each for each in await asyncio.gather(*needs) if holds_back(each)), None)
        return await _carry_out_one(declared[planned.change.address], planned, hands, missing, removing=removing)

    # Tasks start in order of need, so that each finds the tasks of its needs.
    sequence = in_order(resources)
    for each in reversed(sequence) if removing else sequence:
        running[each.address] = asyncio.ensure_future(one(by_address[each.address]))
    try:
        await asyncio.gather(*running.values())
    except BaseException:
        for task in running.values():
            task.cancel()
        await asyncio.gather(*running.values(), return_exceptions=True)
        raise
    return tuple(running[each.change.address].result() for each in plan)


def _order_of(resources: Sequence[Declared], *, removing: bool) -> dict[Address, tuple[Address, ...]]:
    """What must end before each thing: its needs, or, when removing, those that need it."""
    if not removing:
        return {each.address: kind_of(each).needs(each) for each in resources}
    needing = {
        each.address: tuple(other.address for other in resources if each.address in kind_of(other).needs(other))
        for each in resources
    }
    hanging = tuple(each.address for each in resources if not kind_of(each).owner)
    return {
        each.address: tuple(dict.fromkeys((*needing[each.address], *hanging)))
        if kind_of(each).owner
        else needing[each.address]
        for each in resources
    }


async def _carry_out_one(
    declared: Declared, planned: PlannedChange, hands: Hands, missing: ChangeOutcome | None, *, removing: bool
) -> ChangeOutcome:
    change = planned.change
    match planned.standing:
        case Blocked(reason, who_can):
            if change.action is Action.KEEP:
                return ChangeOutcome(change.address, ChangeState.KEPT, change.reason)
            return ChangeOutcome(change.address, ChangeState.BLOCKED, reason, _who(who_can))
        case Manual(instruction):
            return ChangeOutcome(change.address, ChangeState.MANUAL, instruction)
        case Ready():
            pass
    if change.action is Action.KEEP:
        return ChangeOutcome(change.address, ChangeState.KEPT, change.reason)
    if missing is not None:
        return ChangeOutcome(change.address, ChangeState.SKIPPED, f"waits for {missing.address}")
    kind = kind_of(declared)
    hands.events(Event(EventKind.STARTED, change.address, change.summary))
    deed: Callable[[], Awaitable[None]] = (
        (lambda: _taken_away(kind, declared, change, hands))
        if removing
        else (lambda: kind.carry_out(declared, change, hands))
    )
    outcome = await outcome_of(change, deed)
    hands.events(Event(EventKind.FINISHED, change.address, outcome.state.value))
    return outcome


async def _taken_away(kind: Kind[Any, Any], declared: Declared, change: Change, hands: Hands) -> None:
    """Every removal is safe to run again, so one whose outcome is unknown is simply repeated."""
    await hands.settled(change.address, lambda: kind.remove(declared, change, hands), just_wrote=False)


async def outcome_of(change: Change, deed: Callable[[], Awaitable[None]]) -> ChangeOutcome:
    """How one deed ended: done, or the outcome that its error means."""
    before = tuple((each.name, each.before) for each in change.fields)
    try:
        await deed()
    except NotYet as error:
        return ChangeOutcome(change.address, ChangeState.NOT_YET, error.message, error.advice, error.fault.request_id)
    except Refused as error:
        advice = error.advice or _who(error.who_can)
        return ChangeOutcome(change.address, ChangeState.BLOCKED, error.message, advice, error.fault.request_id)
    except ServiceFault as error:
        return ChangeOutcome(change.address, ChangeState.FAILED, error.message, error.advice, error.fault.request_id)
    except ProvisionerError as error:
        return ChangeOutcome(change.address, ChangeState.FAILED, error.message, error.advice)
    return ChangeOutcome(change.address, ChangeState.DONE, change.summary, before=before)


def _who(who_can: tuple[str, ...]) -> str | None:
    return f"can be done by: {' or '.join(who_can)}" if who_can else None
