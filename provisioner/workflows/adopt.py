"""`adopt`: an application that somebody made by hand becomes an instance. Nothing of it is lost or changed.

Only our tag is added; its `uniqueName` is not ours to set, for it can be written once and may be another tool's. So it
is recognised by its id in the instance file. What hung on it then is noted there as well: `remove` leaves it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeAlias

from provisioner.engine import Observation, carry_out
from provisioner.errors import InputFault
from provisioner.graph import applications
from provisioner.model.change import Action, Blocked, PlannedChange, item
from provisioner.model.declared import (
    Application,
    ClientAccess,
    ClientSecret,
    EwsAccess,
    KeyCredential,
    ManagementRoleAssignment,
    ManagementScope,
    OrganizationCustomization,
    ScopeGroup,
)
from provisioner.model.identifiers import Address, AppId
from provisioner.model.results import Adopted
from provisioner.resources import kind_of
from provisioner.resources.application import is_adopted
from provisioner.resources.twins import portrait
from provisioner.workflows.approving import took_long
from provisioner.workflows.candidates import another_onboarding, describe_candidate, find_candidates
from provisioner.workflows.carrying import hands_of, instance_of, untouched
from provisioner.workflows.onboarding import Onboarding, describe, look, make_plan, open_onboarding
from provisioner.workflows.ports import Ports, Session
from provisioner.workflows.requests import Request

Choose: TypeAlias = Callable[[Adopted], Awaitable[AppId | None]]
"""Shows the candidates and asks for one; None where nobody chooses."""

NAMED_BY_US = (
    ClientSecret,
    KeyCredential,
    ScopeGroup,
    ManagementScope,
    ManagementRoleAssignment,
    OrganizationCustomization,
    ClientAccess,
    EwsAccess,
)
"""Kinds whose things are known as ours by their own names or our own sink, or are shared anyway."""


async def adopt(request: Request, ports: Ports, *, app_id: AppId | None, choose: Choose) -> Adopted:
    """Take over the application of that id, or the one that is chosen among those that look like it."""
    onboarding = open_onboarding(request, ports)
    application = _the_application(onboarding)
    with ports.home.lock(request.tenant.name, *onboarding.declaration.onboardings):
        async with ports.connect(request.tenant) as session:
            known = await _known(onboarding, session, application)
            chosen = app_id or known
            if chosen is None:
                offered = await _candidates(onboarding, session, application)
                chosen = await choose(offered) if offered.candidates else None
                if chosen is None:
                    return offered
            if known not in (None, chosen):
                raise InputFault(
                    f"this onboarding has adopted another application: {known}",
                    advice="`provisioner remove` lets that one go; another onboarding takes --instance NAME",
                )
            return await _take_over(onboarding, ports, session, application, chosen)


async def _take_over(
    onboarding: Onboarding, ports: Ports, session: Session, application: Application, app_id: AppId
) -> Adopted:
    live = await applications.by_app_id(session.graph, app_id)
    if live is None:
        raise InputFault(
            f"there is no application {app_id} in this tenant",
            advice="--app-id takes the application (client) id of an app registration, not an object id",
        )
    resources = onboarding.declaration.resources
    other = another_onboarding(portrait(application, resources), live)
    if other is not None:
        raise InputFault(f'"{live.display_name}" belongs to another onboarding: {other}')
    instance = instance_of(onboarding).with_application(application.address, app_id)
    adopting = replace(onboarding, instance=instance)
    observation = await look(adopting, session)
    candidate = (await describe_candidate(session.graph, application, resources, live)).candidate
    made = make_plan(adopting, session, observation)
    ours = next(each for each in made.changes if each.change.address == application.address)
    beyond = tuple(f"stays as it is: {each}" for each in candidate.beyond)
    shown = replace(
        made, changes=(ours,), manual=(), warnings=(), incomplete=(), questions=(), notes=(*beyond, *made.notes)
    )
    found = Adopted(shown, (candidate,), app_id)
    noted = onboarding.instance is not None and onboarding.app_ids.get(application.address) == app_id
    if isinstance(ours.standing, Blocked) or (noted and ours.change.action is Action.KEEP):
        return replace(found, outcomes=untouched(shown))
    asked = session.clock.now()
    if not await ports.agree(shown):
        return replace(found, declined=True)
    if took_long(session, asked):
        observation = await look(adopting, session)  # what came meanwhile is not ours either
    if not noted:
        instance = replace(instance, found=_found(adopting, observation))
        ports.home.instances.save(onboarding.request.tenant.name, instance)
    return await _tag(adopting, ports, session, observation, ours, found)


async def _tag(
    onboarding: Onboarding,
    ports: Ports,
    session: Session,
    observation: Observation,
    planned: PlannedChange,
    found: Adopted,
) -> Adopted:
    """Put our tag beside theirs. One that is there already comes from another home."""
    if planned.change.action is Action.KEEP:
        return replace(found, outcomes=untouched(found.plan))
    request = onboarding.request
    receipt = ports.home.receipts.begin(
        request.tenant.name, onboarding.scope, found.plan, session.caller, request.ticket, session.clock.now
    )
    hands = hands_of(onboarding, ports, session, observation.bindings)
    declared = tuple(each for each in onboarding.declaration.resources if each.address == planned.change.address)
    outcomes = await carry_out(declared, (planned,), hands)
    receipt.finish(outcomes)
    return replace(found, outcomes=outcomes, receipt=receipt.reference)


async def _candidates(onboarding: Onboarding, session: Session, application: Application) -> Adopted:
    resources = onboarding.declaration.resources
    found = await find_candidates(session.graph, application, resources)
    observation = await look(onboarding, session, only=(Application,))
    return Adopted(describe(onboarding, session, observation), tuple(each.candidate for each in found), None)


async def _known(onboarding: Onboarding, session: Session, application: Application) -> AppId | None:
    """The application that this home has adopted before. Raises InputFault where we have made one ourselves."""
    observation = await look(onboarding, session, only=(Application,))
    live = observation.bindings.applications.get(application.address)
    if live is None:
        return None
    if not is_adopted(application, live):
        raise InputFault(
            f'this onboarding has an application of its own: "{live.display_name}" ({live.app_id})',
            advice="`provisioner remove` takes it away; another onboarding takes --instance NAME",
        )
    return live.app_id


def _the_application(onboarding: Onboarding) -> Application:
    declared = [each for each in onboarding.declaration.resources if isinstance(each, Application)]
    hosts = [each.attached_to for each in declared if each.attached_to is not None]
    if hosts:
        raise InputFault(
            f"{onboarding.declaration.playbook} has no application of its own in this variant: it uses {hosts[0]}'s",
            advice=f"adopt that one: `provisioner adopt {hosts[0]}`",
        )
    if len(declared) != 1:
        raise InputFault(f"{onboarding.declaration.playbook} asks for {len(declared)} applications, not for one")
    return declared[0]


def _found(onboarding: Onboarding, observation: Observation) -> tuple[Address, ...]:
    """What hangs on the application already: `remove` would find it there and take it for ours."""
    found: list[Address] = []
    for each in onboarding.declaration.resources:
        if isinstance(each, (Application, *NAMED_BY_US)):
            continue
        change = kind_of(each).compare_removal(each, observation.seen[each.address])
        if change.action is not Action.KEEP:
            items = (item(each.address, one) for one in change.fields)
            found += items if kind_of(each).by_item else (each.address,)
    return tuple(found)
