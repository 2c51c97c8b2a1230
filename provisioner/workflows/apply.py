"""`apply`: plan, ask, carry out, and read once more. Convergent: run again after anything, it finishes the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from provisioner.engine import Observation, carry_out, is_for_script
from provisioner.model.change import Blocked, Gate, PlannedChange, Ready
from provisioner.model.events import Event, EventKind
from provisioner.model.identifiers import Address
from provisioner.model.outcome import ChangeOutcome, ChangeState
from provisioner.model.plan import Plan, approve
from provisioner.model.results import Applied
from provisioner.pace import Deadline
from provisioner.resources import kind_of
from provisioner.resources.hands import Hands
from provisioner.workflows.approving import check_approved, took_long
from provisioner.workflows.carrying import hands_of, instance_of, untouched
from provisioner.workflows.onboarding import (
    Onboarding,
    check_variant,
    look,
    look_ahead,
    make_plan,
    open_onboarding,
    secret_receipts,
)
from provisioner.workflows.ports import Ports, Session
from provisioner.workflows.requests import Request
from provisioner.workflows.scripting import heard, note, with_result, with_script

CLOSING_SECONDS = 120.0
"""How long the closing read waits for replicas to agree with what was written."""


async def apply(request: Request, ports: Ports) -> Applied:
    """Carry out what is Ready. Raises PlanRefused where the approved plan does not cover what would happen now."""
    onboarding = open_onboarding(request, ports)
    check_variant(onboarding)
    with ports.home.lock(request.tenant.name, *onboarding.declaration.onboardings):
        async with ports.connect(request.tenant) as session:
            session = with_result(session, onboarding)
            observation, preflight = await look_ahead(onboarding, session)
            made = make_plan(onboarding, session, observation, preflight)
            check_approved(request.approval, onboarding, made)
            if not _something_to_do(made):
                return await _nothing_to_do(onboarding, ports, session, observation, made)
            asked = session.clock.now()
            if not await ports.agree(made):
                return Applied(made, (), await secret_receipts(onboarding, session), declined=True)
            if took_long(session, asked):
                shown = approve(onboarding.scope, made)
                observation, preflight = await look_ahead(onboarding, session)
                made = make_plan(onboarding, session, observation, preflight)
                check_approved(request.approval, onboarding, made)
                check_approved(shown, onboarding, made)
            return await _carry_out(onboarding, ports, session, observation, made)


async def _carry_out(
    onboarding: Onboarding, ports: Ports, session: Session, observation: Observation, made: Plan
) -> Applied:
    request, declaration = onboarding.request, onboarding.declaration
    instance = instance_of(onboarding)
    for address, live in observation.bindings.applications.items():
        if address not in _doubted(onboarding, session, observation):
            instance = instance.with_application(address, live.app_id)  # a killed run may not have come to note it
    ports.home.instances.save(request.tenant.name, instance)
    receipt = ports.home.receipts.begin(
        request.tenant.name, onboarding.scope, made, session.caller, request.ticket, session.clock.now
    )
    note(receipt, request)
    hands = hands_of(onboarding, ports, session, observation.bindings)
    ours = {each.address for each in declaration.resources}
    wanted = tuple(each for each in made.changes if each.change.address in ours)
    outcomes = await carry_out(declaration.resources, wanted, hands)
    outcomes += await _take_away(onboarding, made, hands, stands=_stands(wanted, outcomes))
    receipt.finish(outcomes)
    _forget_earlier(onboarding, ports, outcomes)
    unsettled, closing = await _closing_read(onboarding, session, hands, ports, frozenset(_reached(outcomes)))
    applied = Applied(
        replace(
            made,
            applications=closing.applications,
            notes=(*heard(request), *made.notes),
            consent=closing.consent,
        ),
        outcomes,
        await secret_receipts(onboarding, session),
        unsettled,
        receipt=receipt.reference,
        manual=declaration.manual,
    )
    return await with_script(applied, onboarding, ports, session, hands.bindings)


def _doubted(onboarding: Onboarding, session: Session, observation: Observation) -> frozenset[Address]:
    """Applications that this home has not made and nobody has vouched for: they stay unknown to it."""
    if Gate.FOREIGN_KEYS in onboarding.open_gates:
        return frozenset()
    return frozenset(
        each.address
        for each in onboarding.declaration.resources
        if kind_of(each).doubt(each, observation.seen[each.address], session.caller) is not None
    )


async def _take_away(onboarding: Onboarding, made: Plan, hands: Hands, *, stands: bool) -> tuple[ChangeOutcome, ...]:
    """Take away what only earlier parameters asked for, once all that takes its place stands."""
    left = {each.address: each for each in onboarding.superseded}
    taken = tuple(each for each in made.changes if each.change.address in left)
    if not stands:
        later = Blocked("comes when all that is wanted now is there: run the same command again")
        taken = tuple(replace(each, standing=later if each.standing == Ready() else each.standing) for each in taken)
    return await carry_out(tuple(left[each.change.address] for each in taken), taken, hands, removing=True)


def _stands(wanted: Sequence[PlannedChange], outcomes: Sequence[ChangeOutcome]) -> bool:
    """Whether all is there that the product works with; what a person has to do beside it is no part of that."""
    states = frozenset({ChangeState.DONE, ChangeState.KEPT, ChangeState.MANUAL})
    return all(each.state in states for each in outcomes) and not any(map(is_for_script, wanted))


def _forget_earlier(onboarding: Onboarding, ports: Ports, outcomes: tuple[ChangeOutcome, ...]) -> None:
    """Forget the parameters of earlier runs once nothing that only they asked for is there."""
    left = {each.address for each in onboarding.superseded}
    if onboarding.untold or any(
        each.address in left and each.state not in (ChangeState.DONE, ChangeState.KEPT) for each in outcomes
    ):
        return
    tenant, declaration = onboarding.request.tenant.name, onboarding.declaration
    current = ports.home.instances.load(tenant, declaration.playbook, declaration.instance)
    if current is not None and current.earlier:
        ports.home.instances.save(tenant, replace(current, earlier=()))


async def _nothing_to_do(
    onboarding: Onboarding, ports: Ports, session: Session, observation: Observation, made: Plan
) -> Applied:
    """Nothing here is ours to do now; a person's part may be left, and evidence of it may have come in."""
    request = onboarding.request
    outcomes = untouched(made)
    noted = _note_parameters(onboarding, ports, made, outcomes)
    reference = None
    if request.script_result is not None:
        receipt = ports.home.receipts.begin(
            request.tenant.name, onboarding.scope, made, session.caller, request.ticket, session.clock.now
        )
        note(receipt, request)
        receipt.finish(outcomes)
        reference = receipt.reference
    applied = Applied(
        replace(made, notes=(*heard(request), *noted, *made.notes)),
        outcomes,
        await secret_receipts(onboarding, session),
        receipt=reference,
        manual=onboarding.declaration.manual,
    )
    return await with_script(applied, onboarding, ports, session, observation.bindings)


def _note_parameters(
    onboarding: Onboarding, ports: Ports, made: Plan, outcomes: tuple[ChangeOutcome, ...]
) -> tuple[str, ...]:
    """Note parameters that change nothing here yet, such as the next secret's lifetime; a line on each.

    Nothing is noted while something is held back: what was asked for is not there then.
    """
    known, asked = onboarding.instance, dict(onboarding.declaration.parameters)
    if known is None or any(isinstance(each.standing, Blocked) for each in made.pending):
        return ()
    ports.home.instances.save(onboarding.request.tenant.name, instance_of(onboarding))
    _forget_earlier(onboarding, ports, outcomes)
    before = dict(known.parameters)
    changed = {name: value for name, value in asked.items() if before.get(name) != value}
    return tuple(f"noted for what comes: {name} = {value}" for name, value in changed.items())


async def _closing_read(
    onboarding: Onboarding, session: Session, hands: Hands, ports: Ports, reached: frozenset[Address]
) -> tuple[tuple[str, ...], Plan]:
    """Read once more; what was done must show, and what was kept must have stayed.

    Replicas that lag are given time, then named.
    """
    deadline = Deadline.after(session.clock, CLOSING_SECONDS)
    wait = 1.0
    while True:
        closing = make_plan(onboarding, session, await look(onboarding, session, known=hands.bindings))
        pending = tuple(each.change.address for each in closing.pending if each.change.address in reached)
        if not pending or wait > deadline.seconds_left:
            return pending, closing
        ports.events(Event(EventKind.WAITING, "closing read", f"not everywhere yet: {', '.join(pending)}", wait))
        await session.clock.sleep(wait)
        wait = min(wait * 2, 15.0)


def _something_to_do(made: Plan) -> bool:
    return any(isinstance(each.standing, Ready) for each in made.pending)


def _reached(outcomes: tuple[ChangeOutcome, ...]) -> tuple[Address, ...]:
    return tuple(each.address for each in outcomes if each.state in (ChangeState.DONE, ChangeState.KEPT))
