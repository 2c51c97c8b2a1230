"""`rotate`: replace a secret before it ends, with an overlap, and retire exactly the one it replaced.

One pass: what is due gets a successor, what the successor has outlived is removed, the rest is told; never both in one
run. The old key stays until the overlap is over or a person says that the product uses the new one; never the
last valid key is removed. The overlap counts from when the successor could first be handed over.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from provisioner.custody import DriveResult, Goal, Terms, drive, next_step
from provisioner.custody.next_step import Await, BeginOverlap, Done, Mint, Retire, Step, Stuck
from provisioner.engine import Observation, outcome_of
from provisioner.errors import InputFault
from provisioner.model.change import Action, Blocked, Change, FieldChange, Part, PlannedChange, Ready
from provisioner.model.declaration import onboarding_title
from provisioner.model.declared import Application, ClientSecret, ServicePrincipal
from provisioner.model.identifiers import KeyId
from provisioner.model.observed import ApplicationObject
from provisioner.model.outcome import ChangeOutcome, ChangeState
from provisioner.model.plan import Plan, approve
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
from provisioner.workflows.approving import check_approved, took_long
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


@dataclass(frozen=True)
class _Turn:
    """What is planned for one secret."""

    secret: ClientSecret
    planned: PlannedChange
    retiring: frozenset[KeyId] = frozenset()
    """The replaced keys that the plan names."""


async def rotate(request: Request, rotation: Rotation, ports: Ports) -> Applied:
    """One pass over every secret of an onboarding. Raises PlanRefused where the tenant changed under the question."""
    onboarding = open_onboarding(request, ports)
    _check(rotation, onboarding)
    with ports.home.lock(request.tenant.name, *onboarding.declaration.onboardings):
        async with ports.connect(request.tenant) as session:
            observation, turns, made = await _judged(onboarding, rotation, session)
            if not any(isinstance(each.standing, Ready) for each in made.pending):
                kept = tuple(_left(each) for each in made.changes)
                receipts = await secret_receipts(onboarding, session)
                return Applied(made, kept, receipts, belongs_to=_belongs_to(onboarding))
            asked = session.clock.now()
            if not await ports.agree(made):
                return Applied(made, (), await secret_receipts(onboarding, session), declined=True)
            if took_long(session, asked):
                shown = approve(onboarding.scope, made)
                observation, turns, made = await _judged(onboarding, rotation, session)
                check_approved(shown, onboarding, made, again="rotate")
            receipt = ports.home.receipts.begin(
                request.tenant.name, onboarding.scope, made, session.caller, request.ticket, session.clock.now
            )
            hands = hands_of(onboarding, ports, session, observation.bindings)
            outcomes = tuple([await _carry_out(each, rotation, onboarding, hands) for each in turns])
            receipt.finish(outcomes)
            return Applied(made, outcomes, await secret_receipts(onboarding, session), receipt=receipt.reference)


def _belongs_to(onboarding: Onboarding) -> tuple[str, str] | None:
    """Playbook and instance of the onboarding that holds all of its secrets; None where one is its own."""
    resources = onboarding.declaration.resources
    hosts = [each.attached_to for each in resources if isinstance(each, Application) and each.attached_to is not None]
    if not hosts or any(isinstance(each, ClientSecret) and each.held_by is None for each in resources):
        return None
    return hosts[0], onboarding.declaration.instance


def _check(rotation: Rotation, onboarding: Onboarding) -> None:
    for each in onboarding.declaration.resources:
        if isinstance(each, ClientSecret) and each.held_by is None and rotation.renew_before >= each.lifetime:
            raise InputFault(
                f"a secret of {each.lifetime.days} days would be due the moment it is minted",
                advice="give --due less than the secret's lifetime",
            )


async def _judged(
    onboarding: Onboarding, rotation: Rotation, session: Session
) -> tuple[Observation, tuple[_Turn, ...], Plan]:
    """One look at the tenant and the sink, and what each secret needs by it."""
    observation = await look(onboarding, session, only=(Application, ServicePrincipal, ClientSecret))
    turns = tuple(
        _turn(each, observation.seen[each.address], rotation, session)
        for each in onboarding.declaration.resources
        if isinstance(each, ClientSecret)
    )
    made = replace(describe(onboarding, session, observation), changes=tuple(each.planned for each in turns))
    return observation, turns, made


def _turn(secret: ClientSecret, observed: Observed, rotation: Rotation, session: Session) -> _Turn:
    if secret.held_by is not None:
        summary, reason = (
            f'Client secret "{secret.title}"',
            f"it belongs to {onboarding_title(secret.held_by)}: rotate that",
        )
        keep = Change(secret.address, "client_secret", Action.KEEP, Part.ENTRA, summary, reason=reason)
        return _Turn(secret, PlannedChange(keep, Ready()))
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
    retiring = frozenset(step.key_ids) if isinstance(step, Retire) else frozenset()
    return _Turn(secret, _planned(secret, step, rotation, session), retiring)


def _planned(secret: ClientSecret, step: Step, rotation: Rotation, session: Session) -> PlannedChange:
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
                fields=(FieldChange("replaced key", ", ".join(sorted(key_ids)), None),),
                reason="its successor is current, and the overlap is over",
            )
        case BeginOverlap():
            change = replace(
                change,
                summary=f'Note that the overlap of the client secret "{secret.title}" begins now',
                fields=(FieldChange("overlap begins", None, "now"),),
                reason="the sink does not say since when the new one can be had; the old one stays until it is over",
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


async def _carry_out(turn: _Turn, rotation: Rotation, onboarding: Onboarding, hands: Hands) -> ChangeOutcome:
    secret, planned = turn.secret, turn.planned
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
        retiring=turn.retiring,
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
    if turn.retiring & result.record.key_ids:
        why = result.not_yet or "the replaced key was not seen this time, and not removed"
        return ChangeOutcome(secret.address, ChangeState.NOT_YET, why, "run the same command again")
    return ChangeOutcome(secret.address, ChangeState.DONE, result.not_yet or planned.change.summary)


def _left(planned: PlannedChange) -> ChangeOutcome:
    if isinstance(planned.standing, Blocked):
        return ChangeOutcome(planned.change.address, ChangeState.BLOCKED, planned.standing.reason)
    return ChangeOutcome(planned.change.address, ChangeState.KEPT, planned.change.reason)
