"""`remove`: take away what is ours alone, in the order that leaves nothing behind: rights, grants and keys first.

A deleted application can be restored for 30 days, and a restore might revive what was still on it; so it is stripped
before it goes. Shared settings stay, and are shown with what they were before us.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from provisioner.engine import Observation, carry_out, outcome_of
from provisioner.errors import PlanRefused
from provisioner.graph import deleted_items
from provisioner.model.change import Action, Blocked, Change, Gate, Part, PlannedChange, Ready
from provisioner.model.declaration import Declaration, ManualStep
from provisioner.model.declared import Application, ClientAccess, EwsAccess, RedirectUris, UserAssignment
from provisioner.model.identifiers import Address
from provisioner.model.observed import ApplicationObject
from provisioner.model.outcome import ChangeOutcome, ChangeState
from provisioner.model.plan import Plan, approve
from provisioner.model.results import Applied
from provisioner.resources import client_access, ews_access
from provisioner.resources.abilities import may_manage_applications
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

RECYCLE_BIN = "recycle_bin"
"""The kind of a change that empties the recycle bin of one application; `--purge` alone makes one."""


async def remove(request: Request, ports: Ports) -> Applied:
    """Remove one onboarding. The question is asked first; the recycle bin keeps the application unless purged."""
    onboarding = _open(request, ports)
    declaration = onboarding.declaration
    with ports.home.lock(request.tenant.name, *declaration.onboardings):
        async with ports.connect(request.tenant) as session:
            session = with_result(session, onboarding)
            observation, made = await _planned(onboarding, ports, session)
            if not any(isinstance(each.standing, Ready) for each in made.pending):
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
            held = tuple(each for each in made.changes if each.change.kind != RECYCLE_BIN)
            outcomes = await carry_out(declaration.resources, held, hands, removing=True)
            outcomes += await _purged(onboarding, session, made, all_gone=_is_whole(outcomes))
            receipt.finish(outcomes)
            if _is_whole(outcomes):
                ports.home.instances.forget(request.tenant.name, declaration.playbook, declaration.instance)
            deleted = {each.address for each in _ours_alone(onboarding, observation)}
            return Applied(
                made,
                saying(outcomes, said),
                receipt=receipt.reference,
                manual=made.manual,
                script=script,
                in_recycle_bin=not request.purge
                and any(each.address in deleted and each.state is ChangeState.DONE for each in outcomes),
            )


async def _planned(onboarding: Onboarding, ports: Ports, session: Session) -> tuple[Observation, Plan]:
    """One look at the tenant, and what goes and what stays by it."""
    request = onboarding.request
    observation = await look(onboarding, session)
    made = make_removal_plan(onboarding, session, observation)
    along = await going_along(onboarding, session, observation.bindings)
    left = _left_behind(onboarding, ports, observation)
    made = replace(made, manual=left, notes=(*heard(request), *along, *made.notes))
    if request.purge:
        held = _for_good(made.changes, {each.address for each in _ours_alone(onboarding, observation)})
        made = replace(made, changes=(*held, *await _in_the_bin(onboarding, session, observation)))
    return observation, made


def _is_whole(outcomes: tuple[ChangeOutcome, ...]) -> bool:
    return all(each.state in (ChangeState.DONE, ChangeState.KEPT) for each in outcomes)


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


def _for_good(changes: tuple[PlannedChange, ...], ours: set[Address]) -> tuple[PlannedChange, ...]:
    """The same, where the recycle bin keeps nothing of what is ours."""
    undo = "for good: --purge takes it out of the recycle bin too"
    return tuple(
        replace(each, change=replace(each.change, reason="it is ours alone", undo=undo))
        if each.change.address in ours and each.change.action is Action.REMOVE
        else each
        for each in changes
    )


async def _in_the_bin(onboarding: Onboarding, session: Session, observation: Observation) -> tuple[PlannedChange, ...]:
    """What `--purge` takes out of the recycle bin: what goes there in this run, and what an earlier one left there."""
    changes: list[Change] = []
    for each in _ours_alone(onboarding, observation):
        live = observation.bindings.applications.get(each.address)
        deleted = await deleted_items.applications(session.graph, unique_name=each.unique_name)
        changes += (_out_of_the_bin(each, one) for one in ((live, *deleted) if live is not None else deleted))
    return tuple(PlannedChange(each, may_manage_applications(session.caller)) for each in changes)


def _out_of_the_bin(declared: Application, item: ApplicationObject) -> Change:
    return Change(
        _address_in_bin(declared, item),
        RECYCLE_BIN,
        Action.REMOVE,
        Part.ENTRA,
        f'Take "{item.display_name}" ({item.app_id}) out of the recycle bin, for good',
        reason="--purge asks for it: from then on nobody can restore the application",
        undo="Microsoft offers no way back",
        gate=Gate.PURGE,
    )


def _ours_alone(onboarding: Onboarding, observation: Observation) -> tuple[Application, ...]:
    """The applications that we made: neither another playbook's nor adopted."""
    live = observation.bindings.applications
    return tuple(
        each
        for each in onboarding.declaration.resources
        if isinstance(each, Application)
        and each.attached_to is None
        and not (each.address in live and is_adopted(each, live[each.address]))
    )


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


async def _purged(onboarding: Onboarding, session: Session, made: Plan, *, all_gone: bool) -> tuple[ChangeOutcome, ...]:
    """Empty the recycle bin of exactly what the plan names, and of its service principals, once all else is gone."""
    outcomes = []
    for planned in made.changes:
        change = planned.change
        if change.kind != RECYCLE_BIN:
            continue
        if isinstance(planned.standing, Blocked):
            outcomes.append(ChangeOutcome(change.address, ChangeState.BLOCKED, planned.standing.reason))
        elif not all_gone:
            outcomes.append(ChangeOutcome(change.address, ChangeState.SKIPPED, "waits until all of the rest is gone"))
        else:
            outcomes.append(await outcome_of(change, partial(_purge, onboarding, session, change)))
    return tuple(outcomes)


async def _purge(onboarding: Onboarding, session: Session, change: Change) -> None:
    for each in onboarding.declaration.resources:
        if isinstance(each, Application) and each.attached_to is None:
            for deleted in await deleted_items.applications(session.graph, unique_name=each.unique_name):
                if change.address != _address_in_bin(each, deleted):
                    continue
                for principal in await deleted_items.service_principals(session.graph, deleted.app_id):
                    await deleted_items.purge(session.graph, principal)
                await deleted_items.purge(session.graph, deleted.object_id)


def _address_in_bin(declared: Application, item: ApplicationObject) -> Address:
    return Address(f"{RECYCLE_BIN}.{declared.key}.{item.app_id}")


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
