"""`remove`: take away what is ours alone, in the order that leaves nothing behind: rights, grants and keys first.

A deleted application can be restored for 30 days, and a restore might revive what was still on it; so it is stripped
before it goes. Shared settings stay, and are shown with what they were before us.
"""

from __future__ import annotations

from dataclasses import replace

from provisioner.engine import Observation, carry_out
from provisioner.errors import PlanRefused
from provisioner.graph import deleted_items
from provisioner.model.change import Action, Change, PlannedChange, Ready
from provisioner.model.declared import (
    Application,
    ClientAccess,
    Declaration,
    EwsAccess,
    ManualStep,
    RedirectUris,
    UserAssignment,
)
from provisioner.model.observed import ApplicationObject
from provisioner.model.outcome import ChangeState
from provisioner.model.plan import Plan, approve
from provisioner.model.results import Applied
from provisioner.resources import client_access, ews_access
from provisioner.resources.application import is_adopted
from provisioner.resources.redirect_uris import PUBLIC_CLIENT
from provisioner.resources.user_assignment import SWITCH
from provisioner.workflows.approving import check_approved, took_long
from provisioner.workflows.carrying import hands_of, untouched
from provisioner.workflows.going_along import going_along
from provisioner.workflows.onboarding import Onboarding, look, make_removal_plan, open_onboarding, secret_receipts
from provisioner.workflows.ports import Ports, Session
from provisioner.workflows.requests import Request
from provisioner.workflows.scripting import heard, note, removal_script, saying, with_result


async def remove(request: Request, ports: Ports) -> Applied:
    """Remove one onboarding. The question is asked first; the recycle bin keeps the application unless purged."""
    onboarding = _open(request, ports)
    declaration = onboarding.declaration
    with ports.home.lock(request.tenant.name, *declaration.onboardings):
        async with ports.connect(request.tenant) as session:
            session = with_result(session, onboarding)
            observation, made = await _planned(onboarding, ports, session)
            nothing = not any(isinstance(each.standing, Ready) for each in made.pending)
            if nothing and not request.purge:
                if not made.pending:
                    ports.home.instances.forget(request.tenant.name, declaration.playbook, declaration.instance)
                said, script = await removal_script(onboarding, ports, session, observation.bindings, made)
                return Applied(made, saying(untouched(made), said), manual=made.manual, script=script)
            asked = session.clock.now()
            if not await ports.agree(made):
                return Applied(made, (), await secret_receipts(onboarding, session), declined=True)
            if took_long(session, asked):
                shown = approve(onboarding.scope, made)
                observation, made = await _planned(onboarding, ports, session)
                check_approved(shown, onboarding, made, again="remove")
            receipt = ports.home.receipts.begin(
                request.tenant.name, onboarding.scope, made, session.caller, request.ticket, session.clock.now
            )
            note(receipt, request)
            hands = hands_of(onboarding, ports, session, observation.bindings)
            said, script = await removal_script(onboarding, ports, session, observation.bindings, made)
            outcomes = await carry_out(declaration.resources, made.changes, hands, removing=True)
            receipt.finish(outcomes)
            whole = all(each.state in (ChangeState.DONE, ChangeState.KEPT) for each in outcomes)
            if whole:
                if request.purge:
                    await _purge(onboarding, session)
                ports.home.instances.forget(request.tenant.name, declaration.playbook, declaration.instance)
            ended = saying(outcomes, said)
            return Applied(made, ended, receipt=receipt.reference, manual=made.manual, script=script)


async def _planned(onboarding: Onboarding, ports: Ports, session: Session) -> tuple[Observation, Plan]:
    """One look at the tenant, and what goes and what stays by it."""
    request = onboarding.request
    observation = await look(onboarding, session)
    made = make_removal_plan(onboarding, session, observation)
    along = await going_along(onboarding, session, observation.bindings)
    left = _left_behind(onboarding, ports, observation)
    made = replace(made, manual=left, notes=(*heard(request), *along, *made.notes))
    if request.purge:
        made = replace(made, changes=_for_good(made.changes, onboarding.declaration, observation))
    return observation, made


def _open(request: Request, ports: Ports) -> Onboarding:
    """The onboarding with all that may be left of it: by earlier parameters, and in a migration by both variants."""
    onboarding = open_onboarding(request, ports)
    if onboarding.superseded:
        everything = (*onboarding.declaration.resources, *onboarding.superseded)
        declaration = replace(onboarding.declaration, resources=everything)
        onboarding = replace(onboarding, declaration=declaration, superseded=())
    instance, declaration = onboarding.instance, onboarding.declaration
    if instance is None or instance.moving_to is None:
        return onboarding
    variant = instance.variant if declaration.variant == instance.moving_to else instance.moving_to
    other = open_onboarding(replace(request, variant=variant), ports).declaration
    if _hosts(declaration) != _hosts(other):
        raise PlanRefused(
            f"a migration to {instance.moving_to} is under way, and both variants have their applications",
            advice=f"`provisioner migrate --to {instance.moving_to}` to its end, then remove it",
        )
    known = {each.address for each in declaration.resources}
    more = tuple(each for each in other.resources if each.address not in known)
    return replace(onboarding, declaration=replace(declaration, resources=(*declaration.resources, *more)))


def _hosts(declaration: Declaration) -> set[str | None]:
    return {each.attached_to for each in declaration.resources if isinstance(each, Application)}


def _for_good(
    changes: tuple[PlannedChange, ...], declaration: Declaration, observation: Observation
) -> tuple[PlannedChange, ...]:
    """What `--purge` takes out of the recycle bin says so before anybody is asked."""
    live = observation.bindings.applications
    ours = {
        each.address
        for each in declaration.resources
        if isinstance(each, Application)
        and each.attached_to is None
        and not (each.address in live and is_adopted(each, live[each.address]))
    }
    return tuple(
        replace(each, change=_purged(each.change)) if each.change.address in ours else each for each in changes
    )


def _purged(change: Change) -> Change:
    if change.action is Action.REMOVE:
        return replace(change, reason="it is ours alone", undo="for good: --purge takes it out of the recycle bin too")
    return replace(change, notes=(*change.notes, "where it is in the recycle bin, --purge takes it out, for good"))


def _adopted(onboarding: Onboarding, ports: Ports, live: ApplicationObject) -> ManualStep:
    declaration = onboarding.declaration
    switches = [
        f"{name}: {before}"
        for each in declaration.resources
        if isinstance(each, (RedirectUris, UserAssignment))
        for name, before in ports.home.receipts.before(
            onboarding.request.tenant.name, declaration.playbook, declaration.instance, each.address
        )
        if name in (PUBLIC_CLIENT, SWITCH)
    ]
    switched = f"Switches that we set stay as they are; before our run: {'; '.join(switches)}. " if switches else ""
    return ManualStep(
        title=f'Decide about the application "{live.display_name}" ({live.app_id})',
        instruction=(
            "it was adopted, not made by us: it stays, with all that it had before us. "
            f"{switched}When nothing uses it any more, delete it under App registrations"
        ),
        role="Cloud Application Administrator",
        proof="App registrations in the portal no longer lists it",
    )


async def _purge(onboarding: Onboarding, session: Session) -> None:
    """Empty the recycle bin of exactly our applications and their service principals."""
    for each in onboarding.declaration.resources:
        if isinstance(each, Application) and each.attached_to is None:
            for deleted in await deleted_items.applications(session.graph, unique_name=each.unique_name):
                for principal in await deleted_items.service_principals(session.graph, deleted.app_id):
                    await deleted_items.purge(session.graph, principal)
                await deleted_items.purge(session.graph, deleted.object_id)


def _left_behind(onboarding: Onboarding, ports: Ports, observation: Observation) -> tuple[ManualStep, ...]:
    """What we adopted, and shared settings that we changed, with what they were before, from the receipts."""
    declaration = onboarding.declaration
    steps = []
    for each in declaration.resources:
        live = observation.bindings.applications.get(each.address)
        if isinstance(each, Application) and each.attached_to is None and live and is_adopted(each, live):
            steps.append(_adopted(onboarding, ports, live))
        before = ports.home.receipts.before(
            onboarding.request.tenant.name, declaration.playbook, declaration.instance, each.address
        )
        if isinstance(each, EwsAccess) and (step := ews_access.left_behind(observation.seen[each.address], before)):
            steps.append(step)
        if isinstance(each, ClientAccess):
            steps += client_access.left_behind(before)
    return tuple(steps)
