"""Noting what a script for a person must do: the same deeds as ever, carried out against a driver that takes notes.

A kind is not asked for a script of its own: it carries its change out, and its commands are the steps; then it looks,
and its questions are what the script reads back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from provisioner.engine.planning import BY_SCRIPT, REMOVED_BY_SCRIPT, in_order
from provisioner.errors import ProvisionerError
from provisioner.exchange.as_script import AsScript, Recorder
from provisioner.exchange.powershell import Blank
from provisioner.exchange.script_file import Question, Step
from provisioner.model.change import Action, Part, PlannedChange
from provisioner.model.declared import Declared
from provisioner.model.identifiers import Address
from provisioner.pace import Clock
from provisioner.resources import kind_of
from provisioner.resources.hands import Bindings, Hands
from provisioner.resources.sight import Sight


@dataclass(frozen=True)
class Recorded:
    """What the script is to do and to read back."""

    steps: tuple[Step, ...]
    questions: tuple[Question, ...]
    blanks: frozenset[Blank]
    waiting: tuple[tuple[Address, Address], ...] = ()
    """What cannot be written yet, and what it waits for."""
    unwritable: tuple[tuple[Address, str], ...] = ()
    """What no script of ours can do, and why."""


def is_for_script(planned: PlannedChange) -> bool:
    """Whether the script carries this change."""
    return planned.standing in (BY_SCRIPT, REMOVED_BY_SCRIPT) and planned.change.action is not Action.KEEP


async def record(
    resources: Sequence[Declared],
    plan: Sequence[PlannedChange],
    hands: Hands,
    there: frozenset[Address],
    seen: AsScript,
    eyes: Callable[[Recorder, Bindings], Sight],
    aside: Callable[[Recorder, Sight], Awaitable[None]],
) -> Recorded:
    """Note the commands of every change that is for the script, and the questions of all Exchange kinds.

    `there` are the addresses that stand already; `seen` is what an earlier result tells; `aside` asks what is no kind's
    question. The tenant is only read.
    """
    planned = {each.change.address: each for each in plan}
    recorder = Recorder(seen)
    bindings = _copy(hands.bindings)
    noting = replace(hands, exchange=recorder, bindings=bindings, clock=_NoPatience(hands.clock))
    steps: list[Step] = []
    waiting: list[tuple[Address, Address]] = []
    unwritable: list[tuple[Address, str]] = []
    written: set[Address] = set(there)
    for each in in_order(resources):
        change = planned[each.address].change
        if not is_for_script(planned[each.address]):
            continue
        missing = next((need for need in kind_of(each).needs(each) if need in planned and need not in written), None)
        if missing is not None:
            waiting.append((each.address, missing))
            continue
        before = len(recorder.commands)
        try:
            await kind_of(each).carry_out(each, change, noting)
        except ProvisionerError as error:
            unwritable.append((each.address, error.message))
            del recorder.commands[before:]
            continue
        steps.append(Step(each.address, change.summary, tuple(recorder.commands[before:])))
        written.add(each.address)
    if not waiting:
        sight = eyes(recorder, bindings)
        await _ask(resources, sight)
        await aside(recorder, sight)
    return Recorded(
        tuple(steps), tuple(recorder.questions), frozenset(recorder.blanks), tuple(waiting), tuple(unwritable)
    )


async def record_removal(
    resources: Sequence[Declared],
    plan: Sequence[PlannedChange],
    hands: Hands,
    seen: AsScript,
    eyes: Callable[[Recorder, Bindings], Sight],
) -> Recorded:
    """The same for taking away, dependents first. What was not seen is taken for made as we would make it."""
    planned = {each.change.address: each for each in plan}
    bindings = _copy(hands.bindings)
    noting = replace(hands, bindings=bindings, clock=_NoPatience(hands.clock))
    making = replace(noting, exchange=Recorder(seen, leaving_blanks=False))
    recorder = Recorder(seen, leaving_blanks=False)
    steps: list[Step] = []
    unwritable: list[tuple[Address, str]] = []
    for each in in_order(resources):
        if is_for_script(planned[each.address]):
            with suppress(KeyError, ProvisionerError):  # it is told below, where it is needed
                await kind_of(each).carry_out(each, planned[each.address].change, making)
    for each in reversed(in_order(resources)):
        change = planned[each.address].change
        if not is_for_script(planned[each.address]):
            continue
        before = len(recorder.commands)
        try:
            await kind_of(each).remove(each, change, replace(noting, exchange=recorder))
        except KeyError:
            unwritable.append((each.address, "Entra no longer has its ids; the script of the first run has them"))
        except ProvisionerError as error:
            unwritable.append((each.address, error.message))
        else:
            steps.append(Step(each.address, change.summary, tuple(recorder.commands[before:])))
    await _ask(resources, eyes(recorder, bindings))
    return Recorded(tuple(steps), tuple(recorder.questions), frozenset(), unwritable=tuple(unwritable))


async def _ask(resources: Sequence[Declared], sight: Sight) -> None:
    """Let every kind of Exchange's part look."""
    for each in resources:
        if kind_of(each).part is Part.EXCHANGE:
            await kind_of(each).read(each, sight)


class _NoPatience:
    """The tenant's time, in which nothing is waited for: whoever takes notes waits for nobody."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.skew = clock.skew
        self.now = clock.now

    def heard(self, tenant_time: object) -> None:
        """Nobody is heard here."""

    async def sleep(self, seconds: float) -> None:
        """Give up instead."""
        raise ProvisionerError(f"it needs an answer of Exchange Online first (waiting {timedelta(seconds=seconds)})")


def _copy(bindings: Bindings) -> Bindings:
    return Bindings(
        applications=dict(bindings.applications),
        service_principals=dict(bindings.service_principals),
        pointers=dict(bindings.pointers),
        groups=dict(bindings.groups),
        resources=dict(bindings.resources),
    )
