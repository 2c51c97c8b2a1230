"""`rotate`: replace a secret before it ends, with an overlap, and retire exactly the one it replaced.

One pass: what is due gets a successor, what the successor has outlived is removed, the rest is told. The old key stays
until the overlap is over or a person says that the product uses the new one; never the last valid key is removed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from provisioner.custody import DriveResult, Goal, Terms, drive, next_step
from provisioner.custody.next_step import Await, Done, Mint, Retire, Step, Stuck
from provisioner.engine import outcome_of
from provisioner.errors import InputFault
from provisioner.model.change import Action, Blocked, Change, FieldChange, Part, PlannedChange, Ready
from provisioner.model.declared import Application, ClientSecret, ServicePrincipal
from provisioner.model.observed import ApplicationObject
from provisioner.model.outcome import ChangeOutcome, ChangeState
from provisioner.model.results import Applied
from provisioner.pace import Deadline
from provisioner.resources.abilities import may_manage_applications
from provisioner.resources.client_secret import (
    SETTLE_SECONDS,
    ApplicationKeys,
    Observed,
    latest_end,
    situation_of,
    slot_of,
    tag_prefix,
)
from provisioner.resources.hands import Hands
from provisioner.workflows.carrying import hands_of
from provisioner.workflows.onboarding import Onboarding, describe, look, open_onboarding, secret_receipts
from provisioner.workflows.ports import Ports, Session
from provisioner.workflows.requests import Request


@dataclass(frozen=True)
class Rotation:
    """How to rotate."""

    renew_before: timedelta
    """A secret that ends sooner than this gets a successor."""
    overlap: timedelta
    """How long the old one stays beside its successor."""
    in_use: bool = False
    """A person's word that the product uses the successor already."""


async def rotate(request: Request, rotation: Rotation, ports: Ports) -> Applied:
    """One pass over every secret of an onboarding."""
    onboarding = open_onboarding(request, ports)
    _check(rotation, onboarding)
    with ports.home.lock(request.tenant.name, onboarding.declaration.onboarding):
        async with ports.connect(request.tenant) as session:
            kinds = (Application, ServicePrincipal, ClientSecret)
            observation = await look(onboarding, session, only=kinds)
            judged = [
                (each, _planned(each, observation.seen[each.address], rotation, session))
                for each in onboarding.declaration.resources
                if isinstance(each, ClientSecret)
            ]
            made = replace(describe(onboarding, session, observation), changes=tuple(planned for _, planned in judged))
            if not any(isinstance(each.standing, Ready) for each in made.pending):
                kept = tuple(_left(each) for each in made.changes)
                return Applied(made, kept, await secret_receipts(onboarding, session))
            if not await ports.agree(made):
                return Applied(made, (), await secret_receipts(onboarding, session), declined=True)
            receipt = ports.home.receipts.begin(
                request.tenant.name, onboarding.scope, made, session.caller, request.ticket, session.clock.now
            )
            hands = hands_of(onboarding, ports, session, observation.bindings)
            outcomes = tuple(
                [await _carry_out(secret, planned, rotation, onboarding, hands) for secret, planned in judged]
            )
            receipt.finish(outcomes)
            return Applied(made, outcomes, await secret_receipts(onboarding, session), receipt=receipt.reference)


def _check(rotation: Rotation, onboarding: Onboarding) -> None:
    for each in onboarding.declaration.resources:
        if isinstance(each, ClientSecret) and each.held_by is None and rotation.renew_before >= each.lifetime:
            raise InputFault(
                f"a secret of {each.lifetime.days} days would be due the moment it is minted",
                advice="give --due less than the secret's lifetime",
            )


def _planned(secret: ClientSecret, observed: Observed, rotation: Rotation, session: Session) -> PlannedChange:
    if secret.held_by is not None:
        summary, reason = f'Client secret "{secret.title}"', f"it belongs to {secret.held_by}: rotate that"
        keep = Change(secret.address, "client_secret", Action.KEEP, Part.ENTRA, summary, reason=reason)
        return PlannedChange(keep, Ready())
    situation = replace(
        situation_of(observed),
        goal=Goal.ROTATE,
        renew_before=rotation.renew_before,
        overlap=rotation.overlap,
        replacement_in_use=rotation.in_use,
        latest_end=latest_end(secret),
    )
    step: Step = next_step(situation)
    if not isinstance(observed.application, ApplicationObject):
        step = Stuck("its application is not there, or was not seen")
    elif observed.stored.record is None:
        step = Stuck("this sink holds no secret of this onboarding; rotate where it was minted")
    days = secret.lifetime.days
    change = Change(secret.address, "client_secret", Action.UPDATE, Part.ENTRA, "", guide_steps=secret.guide_steps)
    match step:
        case Mint():
            change = replace(
                change,
                summary=f'Mint a successor for the client secret "{secret.title}", for {days} days',
                fields=(FieldChange("valid for", None, f"{days} days"),),
                reason=f"the current one ends within {rotation.renew_before.days} days",
                notes=("the old one stays valid beside it; enter the new value at the vendor's meanwhile",),
            )
        case Retire(key_ids):
            change = replace(
                change,
                summary=f'Remove the replaced key of the client secret "{secret.title}" ({", ".join(key_ids)})',
                reason="its successor is current, and the overlap is over",
            )
        case Await(until, why):
            keep = replace(change, action=Action.KEEP, summary=f'Client secret "{secret.title}"')
            return PlannedChange(replace(keep, reason=f"{why}; until {until:%Y-%m-%d %H:%M} UTC"), Ready())
        case Done():
            keep = replace(change, action=Action.KEEP, summary=f'Client secret "{secret.title}"')
            return PlannedChange(replace(keep, reason="not due"), Ready())
        case Stuck(why):
            return PlannedChange(replace(change, summary=f'Rotate the client secret "{secret.title}"'), Blocked(why))
        case _:
            change = replace(change, summary=f'Finish the interrupted rotation of the client secret "{secret.title}"')
    return PlannedChange(change, may_manage_applications(session.caller))


async def _carry_out(
    secret: ClientSecret, planned: PlannedChange, rotation: Rotation, onboarding: Onboarding, hands: Hands
) -> ChangeOutcome:
    if planned.change.action is Action.KEEP or not isinstance(planned.standing, Ready):
        return _left(planned)
    application = hands.bindings.applications[secret.application]
    slot = slot_of(secret, hands.tenant_id, onboarding.declaration.onboarding)
    terms = Terms(
        slot=slot,
        tag_prefix=tag_prefix(slot),
        lifetime=secret.lifetime,
        application_created=application.created,
        goal=Goal.ROTATE,
        renew_before=rotation.renew_before,
        overlap=rotation.overlap,
        replacement_in_use=rotation.in_use,
        latest_end=latest_end(secret),
    )
    driven: list[DriveResult] = []

    async def deed() -> None:
        driven.append(
            await drive(
                terms,
                hands.sink,
                ApplicationKeys(hands, application, secret.audience, hands.prove),
                clock=hands.clock,
                events=hands.events,
                deadline=Deadline.after(hands.clock, SETTLE_SECONDS),
                known=application.passwords,
            )
        )

    outcome = await outcome_of(planned.change, deed)
    if not driven:
        return outcome
    result = driven[0]
    if result.stuck is not None:
        return ChangeOutcome(secret.address, ChangeState.BLOCKED, result.stuck)
    if result.record.pending is not None:
        advice = "the new secret is safe in the sink, and the old one still valid; run the same command again"
        return ChangeOutcome(secret.address, ChangeState.NOT_YET, result.not_yet, advice)
    return ChangeOutcome(secret.address, ChangeState.DONE, result.not_yet or planned.change.summary)


def _left(planned: PlannedChange) -> ChangeOutcome:
    if isinstance(planned.standing, Blocked):
        return ChangeOutcome(planned.change.address, ChangeState.BLOCKED, planned.standing.reason)
    return ChangeOutcome(planned.change.address, ChangeState.KEPT, planned.change.reason)
