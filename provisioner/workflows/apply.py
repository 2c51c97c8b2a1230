"""`apply`: plan, ask, carry out, and read once more. Convergent: run again after anything, it finishes the rest.

The question may take a person an hour. So what is carried out is never "the plan that was shown" but a fresh plan, and
it must not contain anything that was not shown. Only where nobody was asked is the first look used.
"""

from __future__ import annotations

from dataclasses import replace

from provisioner.engine import Observation, carry_out
from provisioner.errors import PlanRefused
from provisioner.model.change import Change, Ready
from provisioner.model.events import Event, EventKind
from provisioner.model.identifiers import Address
from provisioner.model.outcome import ChangeOutcome, ChangeState
from provisioner.model.plan import Approval, Plan, approve
from provisioner.model.results import Applied
from provisioner.pace import Deadline
from provisioner.resources.hands import Hands
from provisioner.workflows.carrying import hands_of, instance_of, untouched
from provisioner.workflows.onboarding import Onboarding, look, look_ahead, make_plan, open_onboarding, secret_receipts
from provisioner.workflows.ports import Ports, Session
from provisioner.workflows.requests import Request
from provisioner.workflows.scripting import heard, note, with_result, with_script

ASKED_SECONDS = 5.0
"""An answer that took longer than this came from a person, and the tenant may have changed meanwhile."""

CLOSING_SECONDS = 120.0
"""How long the closing read waits for replicas to agree with what was written."""


async def apply(request: Request, ports: Ports) -> Applied:
    """Carry out what is Ready. Raises PlanRefused where the approved plan does not cover what would happen now."""
    onboarding = open_onboarding(request, ports)
    with ports.home.lock(request.tenant.name, onboarding.declaration.onboarding):
        async with ports.connect(request.tenant) as session:
            session = with_result(session, onboarding)
            observation, preflight = await look_ahead(onboarding, session)
            made = make_plan(onboarding, session, observation, preflight)
            _check(request.approval, onboarding, made)
            if not _something_to_do(made):
                return await _nothing_to_do(onboarding, ports, session, observation, made)
            asked = session.clock.now()
            if not await ports.agree(made):
                return Applied(made, (), await secret_receipts(onboarding, session), declined=True)
            if (session.clock.now() - asked).total_seconds() > ASKED_SECONDS:
                shown = approve(onboarding.scope, made)
                observation, preflight = await look_ahead(onboarding, session)
                made = make_plan(onboarding, session, observation, preflight)
                _check(request.approval, onboarding, made)
                _check(shown, onboarding, made)
            return await _carry_out(onboarding, ports, session, observation, made)


async def _carry_out(
    onboarding: Onboarding, ports: Ports, session: Session, observation: Observation, made: Plan
) -> Applied:
    request, declaration = onboarding.request, onboarding.declaration
    instance = instance_of(onboarding)
    for address, live in observation.bindings.applications.items():
        instance = instance.with_application(address, live.app_id)  # a killed run may not have come to note it
    ports.home.instances.save(request.tenant.name, instance)
    receipt = ports.home.receipts.begin(
        request.tenant.name, onboarding.scope, made, session.caller, request.ticket, session.clock.now
    )
    note(receipt, request)
    hands = hands_of(onboarding, ports, session, observation.bindings)
    outcomes = await carry_out(declaration.resources, made.changes, hands)
    receipt.finish(outcomes)
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


async def _nothing_to_do(
    onboarding: Onboarding, ports: Ports, session: Session, observation: Observation, made: Plan
) -> Applied:
    """Nothing here is ours to do now; a person's part may be left, and evidence of it may have come in."""
    request = onboarding.request
    outcomes = untouched(made)
    reference = None
    if request.script_result is not None:
        receipt = ports.home.receipts.begin(
            request.tenant.name, onboarding.scope, made, session.caller, request.ticket, session.clock.now
        )
        note(receipt, request)
        receipt.finish(outcomes)
        reference = receipt.reference
    applied = Applied(
        replace(made, notes=(*heard(request), *made.notes)),
        outcomes,
        await secret_receipts(onboarding, session),
        receipt=reference,
        manual=onboarding.declaration.manual,
    )
    return await with_script(applied, onboarding, ports, session, observation.bindings)


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


def _check(approval: Approval | None, onboarding: Onboarding, made: Plan) -> None:
    if approval is None:
        return
    if approval.scope != onboarding.scope:
        raise PlanRefused(
            "the approved plan is about another tenant, playbook, variant or set of parameters",
            advice="make the plan again: `provisioner plan --out FILE`",
        )
    new: tuple[Change, ...] = approval.unapproved(
        tuple(each.change for each in made.pending if isinstance(each.standing, Ready))
    )
    if new:
        raise PlanRefused(
            "the tenant has changed since the plan was made; not approved: " + "; ".join(each.summary for each in new),
            advice="nothing was done. Look at the new plan: `provisioner plan`",
        )


def _something_to_do(made: Plan) -> bool:
    return any(isinstance(each.standing, Ready) for each in made.pending)


def _reached(outcomes: tuple[ChangeOutcome, ...]) -> tuple[Address, ...]:
    return tuple(each.address for each in outcomes if each.state in (ChangeState.DONE, ChangeState.KEPT))
