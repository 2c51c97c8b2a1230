"""What every workflow about one onboarding shares: the declaration, one look at the tenant, and the plan."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from provisioner import playbook
from provisioner.engine import Observation, observe, planned, removal_planned, superseded_planned
from provisioner.errors import InputFault
from provisioner.home import InstanceFile, Keys
from provisioner.model.change import Gate
from provisioner.model.declaration import Declaration
from provisioner.model.declared import Application, ClientSecret, Declared, ServicePrincipal
from provisioner.model.identifiers import Address, AppId
from provisioner.model.observed import NotSeen, Organization
from provisioner.model.outcome import SecretReceipt
from provisioner.model.plan import ApplicationIds, Plan, scope_digest
from provisioner.model.preflight import Finding
from provisioner.model.tenant import ExchangeDriver
from provisioner.pace.clock import SKEW_WORTH_SAYING
from provisioner.resources.application import is_adopted, registrations
from provisioner.resources.client_secret import slot_of
from provisioner.resources.hands import Bindings
from provisioner.resources.sharing import Neighbour
from provisioner.resources.sight import Sight
from provisioner.sinks import Sink
from provisioner.workflows.another_organization import refuse_another_organization
from provisioner.workflows.consent import consent_by_another
from provisioner.workflows.neighbours import neighbours_of, sink_reference
from provisioner.workflows.ports import Ports, Session
from provisioner.workflows.preflight import Preflight
from provisioner.workflows.requests import Request
from provisioner.workflows.superseded import superseded


@dataclass(frozen=True)
class Onboarding:
    """One request made concrete."""

    request: Request
    declaration: Declaration
    sink: Sink
    instance: InstanceFile | None
    """What an earlier run noted; None before the first."""
    keys: Keys
    """Where private keys of certificates lie."""
    neighbours: tuple[Neighbour, ...] = ()
    """The tenant's other onboardings that share an application with it."""
    superseded: tuple[Declared, ...] = ()
    """What only the parameters of earlier runs asked for: perhaps it is there still."""
    untold: bool = False
    """Whether the playbook has changed so that it no longer tells what some of them asked for."""

    @property
    def app_ids(self) -> dict[Address, AppId]:
        """Application ids known from earlier runs, of the host's where the application is attached to it."""
        attached = {
            each.address: each.attached_to
            for each in self.declaration.resources
            if isinstance(each, Application) and each.attached_to is not None
        }
        known = {
            address: app_id
            for each in self.neighbours
            for address, app_id in each.app_ids
            if attached.get(address) == each.playbook
        }
        return {**known, **(dict(self.instance.applications) if self.instance is not None else {})}

    @property
    def open_gates(self) -> frozenset[Gate]:
        """The gates of the request. Keys of an application that was approved as still to be made are a colleague's."""
        approval = self.request.approval
        made = approval is not None and any(
            not approval.unapproved((registration,))
            for each in self.declaration.resources
            if isinstance(each, Application) and each.attached_to is None
            for registration in registrations(each)
        )
        return frozenset(self.request.gates) | ({Gate.FOREIGN_KEYS} if made else set())

    @property
    def scope(self) -> str:
        """What approvals are about."""
        return scope_digest(self.request.tenant.tenant_id, self.declaration)


def open_onboarding(request: Request, ports: Ports) -> Onboarding:
    """Read the playbook and the instance file. Raises InputFault with all faults at once."""
    book = playbook.load(request.playbook_text, request.playbook_file)
    tenant = request.tenant
    instance = ports.home.instances.load(tenant.name, book.id, request.instance, tenant.tenant_id)
    given = dict(instance.parameters) if instance is not None else {}
    given.update(request.parameters)
    parameters = playbook.parameters(book, given)
    declaration = playbook.declare(book, variant=request.variant, parameters=parameters, instance=request.instance)
    instance = _of_this_variant(instance, book, declaration)
    neighbours = neighbours_of(declaration, tenant, ports.home)
    sink = ports.open_sink(sink_reference(declaration, neighbours, request.sink))
    left, untold = _superseded(book, instance, declaration)
    return Onboarding(request, declaration, sink, instance, ports.home.keys, neighbours, left, untold)


def check_variant(onboarding: Onboarding) -> None:
    """Raises InputFault where it is set up in another variant: nobody would take apart what only that one has."""
    instance, declaration = onboarding.instance, onboarding.declaration
    if instance is None or not instance.applications or instance.variant == declaration.variant:
        return
    raise InputFault(
        f"{declaration.playbook} is set up here in the variant {instance.variant}",
        advice=f"`provisioner migrate --to {declaration.variant}` moves it while the product goes on, where there is a "
        f"way; else `remove` it first, then `onboard --variant {declaration.variant}`",
    )


def _superseded(
    book: playbook.Playbook, instance: InstanceFile | None, declaration: Declaration
) -> tuple[tuple[Declared, ...], bool]:
    """What earlier parameters asked for, and whether some cannot be told; in the same variant, else see `migrate`."""
    if instance is None or instance.moving_to is not None or instance.variant != declaration.variant:
        return (), False
    left: list[Declared] = []
    untold = False
    for number, given in enumerate(instance.asking(declaration.parameters, instance.sink).earlier, 1):
        try:
            parameters = playbook.parameters(book, {name: value for name, value in given if name in book.parameters})
        except InputFault:
            untold = True
            continue
        old = playbook.declare(book, variant=instance.variant, parameters=parameters, instance=instance.instance)
        left += superseded(old.resources, declaration.resources, number)
    return tuple(left), untold


def _of_this_variant(
    instance: InstanceFile | None, book: playbook.Playbook, declaration: Declaration
) -> InstanceFile | None:
    """The instance file without ids of applications that are another playbook's in only one of the two variants."""
    earlier = next((each for name, each in book.variants.items() if instance and str(name) == instance.variant), None)
    if instance is None or earlier is None:
        return instance
    hosts = {
        each.address: each.attached_to == earlier.applications[each.key].attach_to
        for each in declaration.resources
        if isinstance(each, Application) and each.key in earlier.applications
    }
    same = tuple((address, app_id) for address, app_id in instance.applications if hosts.get(address, True))
    return replace(instance, applications=same)


async def look(
    onboarding: Onboarding, session: Session, *, known: Bindings | None = None, only: tuple[type[Declared], ...] = ()
) -> Observation:
    """One look at everything declared (or at some kinds of it).

    Raises WrongTenant where everything is looked at and the management host works in another tenant.
    """
    everything = (*onboarding.declaration.resources, *onboarding.superseded)
    wanted = tuple(each for each in everything if not only or isinstance(each, only))
    found = await observe(wanted, sight_of(onboarding, session, known))
    if not only:
        refuse_another_organization(session.tenant, found.organization)
    return found


async def look_ahead(onboarding: Onboarding, session: Session) -> tuple[Observation, tuple[Finding, ...]]:
    """The first look of a run, and beside it the preflight, whose questions travel together.

    Raises WrongTenant where the management host works in another tenant.
    """
    sight = sight_of(onboarding, session)
    preflight = Preflight(onboarding.declaration, sight, session.graph, session.exchange)
    everything = (*onboarding.declaration.resources, *onboarding.superseded)
    found, findings = await asyncio.gather(observe(everything, sight), preflight.look())
    refuse_another_organization(session.tenant, found.organization)
    return found, findings


def sight_of(onboarding: Onboarding, session: Session, known: Bindings | None = None) -> Sight:
    """Fresh eyes: every question is asked anew, once."""
    return Sight(
        session.graph,
        session.exchange,
        onboarding.sink,
        session.clock,
        session.tenant.tenant_id,
        onboarding.declaration.onboarding,
        onboarding.declaration.resources,
        onboarding.app_ids,
        known,
        keys=onboarding.keys,
        neighbours=onboarding.neighbours,
    )


def make_plan(
    onboarding: Onboarding, session: Session, observation: Observation, preflight: tuple[Finding, ...] = ()
) -> Plan:
    """The plan for what was seen: what apply would do."""
    declaration, request = onboarding.declaration, onboarding.request
    changes = planned(
        declaration.resources,
        observation,
        session.caller,
        open_gates=onboarding.open_gates,
        only=request.only,
        by_script=session.tenant.exchange is ExchangeDriver.SCRIPT,
        today=session.clock.now().date(),
    )
    left = superseded_planned(
        onboarding.superseded,
        observation,
        session.caller,
        open_gates=onboarding.open_gates,
        only=request.only,
        by_script=session.tenant.exchange is ExchangeDriver.SCRIPT,
        theirs=theirs(onboarding, observation.bindings),
    )
    bare = describe(onboarding, session, observation)
    return replace(
        bare,
        changes=(*changes, *left),
        manual=declaration.manual,
        warnings=declaration.warnings,
        incomplete=declaration.incomplete,
        questions=declaration.questions,
        preflight=preflight,
        consent=consent_by_another(declaration.resources, changes, observation.bindings, session.tenant),
    )


def make_removal_plan(onboarding: Onboarding, session: Session, observation: Observation) -> Plan:
    """The plan for what was seen: what remove would do."""
    by_script = session.tenant.exchange is ExchangeDriver.SCRIPT
    changes = removal_planned(
        onboarding.declaration.resources,
        observation,
        session.caller,
        by_script=by_script,
        theirs=theirs(onboarding, observation.bindings),
    )
    return replace(describe(onboarding, session, observation), changes=changes, removing=True)


def theirs(onboarding: Onboarding, bindings: Bindings) -> frozenset[Address]:
    """What hung on an adopted application when it was adopted; nothing where we made the application ourselves."""
    adopted = any(
        isinstance(each, Application)
        and each.address in bindings.applications
        and is_adopted(each, bindings.applications[each.address])
        for each in onboarding.declaration.resources
    )
    return frozenset(onboarding.instance.found) if adopted and onboarding.instance is not None else frozenset()


def describe(onboarding: Onboarding, session: Session, observation: Observation) -> Plan:
    """What a run is about, without any change: who, where, which ids."""
    declaration = onboarding.declaration
    return Plan(
        tenant_id=session.tenant.tenant_id,
        tenant_name=_tenant_name(session, observation),
        sandbox=session.tenant.sandbox,
        playbook=declaration.playbook,
        title=declaration.title,
        variant=declaration.variant,
        instance=declaration.instance,
        playbook_sha256=declaration.playbook_sha256,
        parameters=declaration.parameters,
        changes=(),
        applications=application_ids(declaration, observation.bindings),
        notes=(*_notes(session), *_moving(onboarding), *_untold(onboarding)),
    )


def application_ids(declaration: Declaration, bindings: Bindings) -> tuple[ApplicationIds, ...]:
    """The ids of each declared application, as far as they exist."""
    result = []
    for each in declaration.resources:
        if isinstance(each, Application):
            live = bindings.applications.get(each.address)
            principal = next(
                (
                    bindings.service_principals.get(other.address)
                    for other in declaration.resources
                    if isinstance(other, ServicePrincipal) and other.application == each.address
                ),
                None,
            )
            result.append(
                ApplicationIds(
                    each.key,
                    live.display_name if live is not None else each.display_name,
                    live.app_id if live is not None else None,
                    live.object_id if live is not None else None,
                    principal.object_id if principal is not None else None,
                )
            )
    return tuple(result)


async def secret_receipts(onboarding: Onboarding, session: Session) -> tuple[SecretReceipt, ...]:
    """Where each declared secret is."""
    receipts = []
    for each in onboarding.declaration.resources:
        if isinstance(each, ClientSecret):
            slot = slot_of(each, session.tenant.tenant_id, onboarding.declaration.onboarding)
            record = (await onboarding.sink.load(slot)).record
            entry = (record.current or record.pending) if record is not None else None
            state = "missing" if entry is None else "current" if record and record.current else "pending"
            receipts.append(
                SecretReceipt(
                    application=slot.application,
                    slot=slot.slot,
                    key_id=entry.key_id if entry is not None else None,
                    end=entry.end if entry is not None else None,
                    sink=onboarding.sink.reference,
                    reference=onboarding.sink.reference_of(slot),
                    state=state,
                )
            )
    return tuple(receipts)


def _tenant_name(session: Session, observation: Observation) -> str:
    match observation.organization:
        case Organization() as organization:
            return f"{organization.display_name} ({organization.default_domain})"
        case NotSeen():
            return session.tenant.name


def _moving(onboarding: Onboarding) -> tuple[str, ...]:
    target = onboarding.instance.moving_to if onboarding.instance is not None else None
    if target is None:
        return ()
    return (f"a migration to {target} is under way: `provisioner migrate --to {target}` goes on with it",)


def _untold(onboarding: Onboarding) -> tuple[str, ...]:
    if not onboarding.untold:
        return ()
    return (
        "what earlier parameters asked for cannot be told, because the playbook has changed since: look by hand for "
        "rights of the application that are not listed here (the parameters are in the instance file, as `earlier`)",
    )


def _notes(session: Session) -> tuple[str, ...]:
    skew = session.clock.skew
    if abs(skew) <= SKEW_WORTH_SAYING:
        return ()
    minutes = round(abs(skew).total_seconds() / 60)
    direction = "behind" if skew.total_seconds() > 0 else "ahead of"
    return (f"this machine's clock is {minutes} minutes {direction} the tenant's; the tenant's time is used",)
