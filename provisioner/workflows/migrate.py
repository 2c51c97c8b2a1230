"""`migrate`: from the vendor's way to Exchange's own roles, in the order that stops nothing, over waits of hours.

Each run looks, does what is next, and ends where only time or a person goes on; the same command later goes on there.
Nothing is remembered but that a migration is under way, so that `remove` meanwhile takes both ways apart.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from provisioner.engine import carry_out
from provisioner.errors import InputFault
from provisioner.model.change import Action, Blocked, Manual, PlannedChange, Ready
from provisioner.model.declaration import ManualStep
from provisioner.model.declared import Application, ManagementRoleAssignment
from provisioner.model.identifiers import Address
from provisioner.model.outcome import ChangeOutcome, ChangeState
from provisioner.model.plan import Approval, Plan, approve
from provisioner.model.results import Migrated, StageState
from provisioner.model.tenant import ExchangeDriver
from provisioner.pace import Deadline
from provisioner.workflows.carrying import hands_of, instance_of
from provisioner.workflows.migrating import Seen, Step, look_at
from provisioner.workflows.migration import Migration
from provisioner.workflows.onboarding import describe, open_onboarding
from provisioner.workflows.ports import Ports, Session
from provisioner.workflows.requests import Request

FIRST_VARIANT = "guide"
"""What is moved from where no instance file says so: the vendor's own way."""

SETTLE_SECONDS = 120.0
"""How long what was carried out is looked at again until replicas agree."""

LOOK_AGAIN_SECONDS = 5.0
TOKEN_SECONDS = 30.0
"""Between two fresh tokens that should no longer carry a role."""


@dataclass
class _Run:
    """What one run has asked and done so far."""

    migration: Migration
    ports: Ports
    session: Session
    deadline: Deadline
    """Until when it waits for time alone."""
    approval: Approval | None = None
    declined: bool = False
    failed: bool = False
    done: dict[Address, tuple[PlannedChange, ChangeOutcome]] = field(default_factory=dict)
    """By the address that the plan shows."""
    receipts: list[str] = field(default_factory=list)
    settling: dict[str, Deadline] = field(default_factory=dict)
    """Steps that were carried out, and until when their traces may still be missing."""

    @property
    def request(self) -> Request:
        """What was asked for."""
        return self.migration.arriving.request


async def migrate(request: Request, ports: Ports, *, in_use: bool = False) -> Migrated:
    """Move one onboarding to the variant of the request, as far as that is possible now.

    `in_use`: a person's word that the product uses the new values, where the new variant has an application of its own.
    Raises InputFault where there is no such way.
    """
    sides = _open(request, ports)
    both = (*sides.arriving.declaration.onboardings, *sides.leaving.declaration.onboardings)
    with ports.home.lock(request.tenant.name, *both):
        migration = _open(request, ports)
        async with ports.connect(request.tenant) as session:
            seen = await look_at(migration, ports, session, in_use=in_use)
            # Only now is the tenant's time known.
            run = _Run(migration, ports, session, Deadline.after(session.clock, request.wait_seconds))
            while await _goes_on(run, seen):
                seen = await look_at(run.migration, ports, session, in_use=in_use)
            return _result(run, seen)


def _open(request: Request, ports: Ports) -> Migration:
    """Both variants. Raises InputFault where the new one has no roles of Exchange's own, or nobody could look."""
    arriving = open_onboarding(request, ports)
    target = arriving.declaration.variant
    known = arriving.instance.variant if arriving.instance is not None else FIRST_VARIANT
    leaving = open_onboarding(replace(request, variant=known if known != target else FIRST_VARIANT), ports)
    if leaving.declaration.variant == target:
        raise InputFault(f"{target} is where it comes from", advice="--to names the variant to move to")
    if not any(isinstance(each, ManagementRoleAssignment) for each in arriving.declaration.resources):
        raise InputFault(
            f"{arriving.declaration.playbook} cannot be migrated to {target}: it rests on no roles of Exchange that "
            "could take over while the product goes on",
            advice=f"find an hour in which the product may stand still; `remove`, then `onboard --variant {target}`",
        )
    if request.tenant.exchange is ExchangeDriver.SCRIPT:
        raise InputFault(
            "a migration has to look at Exchange Online between its steps, which a script for a person cannot",
            advice="name another driver for this tenant: `tenants add --exchange rest` or psrp",
        )
    hosts = [
        {each.attached_to for each in one.declaration.resources if isinstance(each, Application)}
        for one in (arriving, leaving)
    ]
    apart = hosts[0] != hosts[1]
    if apart and leaving.instance is not None:
        # Its application is the host's, which the host's name finds; the id noted last may be the new one's.
        leaving = replace(leaving, instance=replace(leaving.instance, applications=()))
    return Migration(arriving, leaving, apart)


async def _goes_on(run: _Run, seen: Seen) -> bool:
    """Do what is next, or wait for it. False where this run ends."""
    step = seen.next
    if step is None or run.declined or run.failed:
        return False
    match step.stage.state:
        case StageState.NEXT if step.stage.name == "noted":
            _note(run, seen)
            return True
        case StageState.NEXT if step.stage.name not in run.settling:
            if not _is_covered(run, step):
                return await _ask(run, seen)
            await _carry_out(run, seen, step)
            return True
        case StageState.WAITING:
            return await _wait(run, seen, step)
        case StageState.NEXT:
            return await _settle(run, step.stage.name)
        case StageState.BLOCKED if step.stage.name == "authorized":
            return await _settle(run, "roles")
        case _:
            return False


async def _carry_out(run: _Run, seen: Seen, step: Step) -> None:
    """Make this step's changes."""
    _begin(run)
    both = run.migration.leaving if run.migration.apart and step.removing else run.migration.both
    bindings = (seen.left if step.removing else seen.arrived).bindings
    hands = hands_of(both, run.ports, run.session, bindings)
    receipt = run.ports.home.receipts.begin(
        run.request.tenant.name,
        run.migration.arriving.scope,
        _about(run, seen, step.changes),
        run.session.caller,
        run.request.ticket,
        run.session.clock.now,
    )
    run.receipts.append(receipt.reference)
    outcomes = await carry_out(step.resources, step.changes, hands, removing=step.removing)
    receipt.finish(outcomes)
    by_address = {each.address: each for each in outcomes}
    for each in step.pending:
        shown = _shown(run.migration, step, each)
        outcome = replace(by_address[each.change.address], address=shown.change.address)
        run.done[shown.change.address] = (shown, outcome)
    ended = (ChangeState.DONE, ChangeState.KEPT)
    run.failed = any(by_address[each.change.address].state not in ended for each in step.pending)
    run.settling[step.stage.name] = Deadline.after(run.session.clock, SETTLE_SECONDS)


def _is_covered(run: _Run, step: Step) -> bool:
    """Whether a person has agreed to all that this step does now."""
    ready = (each for each in step.pending if isinstance(each.standing, Ready))
    coming = tuple(_shown(run.migration, step, each).change for each in ready)
    return run.approval is not None and not run.approval.unapproved(coming)


async def _ask(run: _Run, seen: Seen) -> bool:
    """Ask about all steps that are to come. An answer may take long, so the tenant is looked at again afterwards."""
    plan = _about(run, seen, _all_pending(run.migration, seen))
    run.approval = approve(run.migration.arriving.scope, plan)
    run.declined = not await run.ports.agree(plan)
    return not run.declined


async def _wait(run: _Run, seen: Seen, step: Step) -> bool:
    """Wait as long as the request allows. What has no known age gets one now, so that the next run can tell."""
    if step.evidence:
        changes = tuple(each for one in seen.steps for each in one.changes if each.change.address in step.evidence)
        receipt = run.ports.home.receipts.begin(
            run.request.tenant.name,
            run.migration.arriving.scope,
            _about(run, seen, changes),
            run.session.caller,
            run.request.ticket,
            run.session.clock.now,
        )
        receipt.finish(tuple(ChangeOutcome(each, ChangeState.KEPT, "found so") for each in step.evidence))
        run.receipts.append(receipt.reference)
    until = step.stage.until
    seconds = (until - run.session.clock.now()).total_seconds() if until is not None else TOKEN_SECONDS
    if seconds > run.deadline.seconds_left:
        return False
    await run.session.clock.sleep(max(seconds, 0.0))
    return True


async def _settle(run: _Run, step: str) -> bool:
    """Look again at what a step has just done, as long as replicas may be behind."""
    if step not in run.settling or run.settling[step].seconds_left < LOOK_AGAIN_SECONDS:
        return False
    await run.session.clock.sleep(LOOK_AGAIN_SECONDS)
    return True


def _begin(run: _Run) -> None:
    """Note that a migration is under way, before its first write."""
    leaving, target = run.migration.leaving, run.migration.arriving.declaration.variant
    current = run.ports.home.instances.load(
        run.request.tenant.name, leaving.declaration.playbook, leaving.declaration.instance
    )
    if current is None or current.variant != target:
        begun = replace(current or instance_of(leaving), moving_to=target)
        run.ports.home.instances.save(run.request.tenant.name, begun)


def _note(run: _Run, seen: Seen) -> None:
    """The new variant is what is wanted from now on."""
    arriving = run.migration.arriving
    instance = replace(instance_of(arriving), moving_to=None)
    if run.migration.apart:
        instance = replace(instance, found=())
    for address, live in seen.arrived.bindings.applications.items():
        instance = instance.with_application(address, live.app_id)
    run.ports.home.instances.save(run.request.tenant.name, instance)
    run.migration = replace(run.migration, arriving=replace(arriving, instance=instance))


def _shown(migration: Migration, step: Step, planned: PlannedChange) -> PlannedChange:
    """The change as the plan shows it: where the variants have applications of their own, addresses say whose."""
    if not (migration.apart and step.removing):
        return planned
    address = Address(f"{migration.leaving.declaration.variant}.{planned.change.address}")
    return replace(planned, change=replace(planned.change, address=address))


def _all_pending(migration: Migration, seen: Seen) -> tuple[PlannedChange, ...]:
    """Every change of the whole migration, in its order; what comes after a wait says so."""
    result: list[PlannedChange] = []
    for step in seen.steps:
        for each in (_shown(migration, step, one) for one in step.pending):
            later = step.stage.state is StageState.LATER and isinstance(each.standing, Ready)
            result.append(replace(each, standing=Blocked("comes later, after the steps before it")) if later else each)
    return tuple(result)


def _about(run: _Run, seen: Seen, changes: tuple[PlannedChange, ...]) -> Plan:
    return replace(describe(run.migration.arriving, run.session, seen.arrived), changes=changes)


def _result(run: _Run, seen: Seen) -> Migrated:
    left = tuple(each for each in _all_pending(run.migration, seen) if each.change.address not in run.done)
    stages = tuple(each.stage for each in seen.steps)
    behind = seen.next
    if behind is not None and behind.stage.state is StageState.NEXT and not run.declined and not run.failed:
        waiting = behind.in_state(StageState.WAITING, "done, but not visible everywhere yet").stage
        stages = tuple(waiting if each.name == waiting.name else each for each in stages)
    return Migrated(
        _about(run, seen, (*(planned for planned, _ in run.done.values()), *left)),
        stages,
        tuple(outcome for _, outcome in run.done.values()),
        run.declined,
        tuple(run.receipts),
        _manual(seen),
    )


def _manual(seen: Seen) -> tuple[ManualStep, ...]:
    """What a person must do for the new variant, which no step waits for."""
    by_hand = ((each.change, each.standing) for step in seen.steps for each in step.changes)
    return tuple(
        ManualStep(change.summary, standing.instruction, standing.role, standing.proof)
        for change, standing in by_hand
        if isinstance(standing, Manual) and change.action is not Action.KEEP
    )
