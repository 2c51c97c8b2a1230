"""How far a migration has come: each step read off the tenant, so that any run from any home can go on with it.

The order is what keeps the product working (field-notes.md 1.7): Exchange's own roles first, tested, and given time to
be known everywhere; then the consent that cancels them, and only when no older token can be in use any more, the right
on the mailbox that such a token needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from provisioner.engine import Observation, planned, removal_planned
from provisioner.errors import InputFault, SignInRefused
from provisioner.model.change import Action, Blocked, Gate, Manual, PlannedChange, Ready
from provisioner.model.declaration import Proof, ProofKind
from provisioner.model.declared import (
    Application,
    AppRoleGrant,
    ClientSecret,
    Declared,
    DelegatedGrant,
    EwsAccess,
    ExchangePointer,
    KeyCredential,
    MailboxPermission,
    ManagementRoleAssignment,
    ManagementScope,
    RedirectUris,
    RequestedPermissions,
    ScopeGroup,
    UnscopedGrants,
)
from provisioner.model.identifiers import Address
from provisioner.model.observed import NotSeen, RoleAssignmentRecord
from provisioner.model.results import Stage, StageState
from provisioner.resources.client_secret import slot_of
from provisioner.resources.sharing import attached_first
from provisioner.resources.unscoped_grants import unscoped_grants
from provisioner.workflows.migration import Migration
from provisioner.workflows.onboarding import Onboarding, look, sight_of
from provisioner.workflows.ports import Ports, Session

ROLES_REACH_ALL = timedelta(hours=2)
"""Source: exchange.md 4.4 (30 minutes to two hours)."""

TOKENS_LAST = timedelta(minutes=90)
"""Access tokens live 60 to 90 minutes (Microsoft identity platform, access tokens), and keep the roles they were issued
with. One with SMTP.SendAsApp in it is let in by that alone, and then needs FullAccess to send."""

NOT_BEGUN_ANEW = (UnscopedGrants, ClientSecret, KeyCredential, EwsAccess)
"""What a migration leaves as it is until its own step comes, or altogether."""

GATE_FLAG = "--allow-remove-grants"

TOKEN = Stage("token", "See that a fresh token opens no mailbox by itself", StageState.LATER)


@dataclass(frozen=True)
class Step:
    """One step: how far it is, and what it would change."""

    stage: Stage
    changes: tuple[PlannedChange, ...] = ()
    resources: tuple[Declared, ...] = ()
    removing: bool = False
    evidence: tuple[Address, ...] = ()
    """Things whose age nobody knows here: from now on it is known."""

    @property
    def pending(self) -> tuple[PlannedChange, ...]:
        """The changes that are not made yet; what only a person can do is no part of a migration."""
        return tuple(
            each
            for each in self.changes
            if each.change.action is not Action.KEEP and not isinstance(each.standing, Manual)
        )

    def in_state(self, state: StageState, detail: str | None = None) -> Step:
        """The same in another state."""
        return replace(self, stage=replace(self.stage, state=state, detail=detail, until=None))


@dataclass(frozen=True)
class Seen:
    """One look: the steps in their order, and what was observed of both variants."""

    steps: tuple[Step, ...]
    arrived: Observation
    left: Observation

    @property
    def next(self) -> Step | None:
        """The first step that is not done; None at the end."""
        return next((each for each in self.steps if each.stage.state is not StageState.DONE), None)


async def look_at(migration: Migration, ports: Ports, session: Session, *, in_use: bool) -> Seen:
    """Read the tenant and judge every step. Raises InputFault where there is nothing to migrate."""
    if migration.apart:
        arrived = await look(migration.arriving, session)
        left = await look(migration.leaving, session)
        steps = await _steps_apart(migration, ports, session, arrived, left, in_use=in_use)
    else:
        arrived = left = await look(migration.both, session)
        steps = await _steps(migration, ports, session, arrived)
    return Seen(_in_turn(steps), arrived, left)


async def _steps(migration: Migration, ports: Ports, session: Session, seen: Observation) -> list[Step]:
    arriving = migration.arriving
    _check_there(arriving, seen)
    claims = _claims(migration, session, seen)
    consents = _consents(migration, session, seen)
    rights = _removal(
        migration, session, seen, _of_kind(migration.left, MailboxPermission), "rights", "Take FullAccess away, last"
    )
    steps = [
        _roles(migration, session, seen),
        await _authorized(migration, session),
        _roles_everywhere(migration, ports, session, seen),
        claims,
        *((consents,) if consents.resources else ()),
        Step(TOKEN) if claims.pending else await _token(migration, ports, session, seen),
    ]
    if rights.resources:
        steps += [
            _tokens_everywhere(migration, ports, session, (*claims.resources, *consents.resources), rights),
            rights,
        ]
    return [*steps, _noted(migration)]


async def _steps_apart(
    migration: Migration, ports: Ports, session: Session, arrived: Observation, left: Observation, *, in_use: bool
) -> list[Step]:
    attachment = _removal(
        migration,
        session,
        left,
        migration.leaving.declaration.resources,
        "attachment",
        f"Take {migration.leaving.declaration.playbook} off the application that it shared, last",
    )
    beside = [
        _roles(migration, session, arrived),
        await _authorized(migration, session),
        _roles_everywhere(migration, ports, session, arrived),
    ]
    stands = all(each.stage.state is StageState.DONE for each in beside)
    done = not attachment.pending or (in_use and stands)
    variant = migration.arriving.declaration.variant
    product = Stage(
        "product",
        "Enter the new client id and secret in the product",
        StageState.DONE if done else StageState.MANUAL,
        None
        if done
        else f"`provisioner handover --variant {variant}` shows them; when the product uses them, give --in-use",
    )
    return [*beside, Step(product), attachment, _noted(migration)]


def _in_turn(steps: Sequence[Step]) -> tuple[Step, ...]:
    """What follows a step that is not done comes later, however ready it is."""
    result: list[Step] = []
    open_step = False
    for each in steps:
        result.append(
            each.in_state(StageState.LATER) if open_step and each.stage.state is not StageState.DONE else each
        )
        open_step = open_step or each.stage.state is not StageState.DONE
    return tuple(result)


def _check_there(onboarding: Onboarding, seen: Observation) -> None:
    for each in onboarding.declaration.resources:
        if not isinstance(each, Application):
            continue
        observed = seen.seen[each.address]
        if isinstance(observed.live, NotSeen):
            raise InputFault(f"the application was not seen: {observed.live.reason}")
        if observed.live is None:
            raise InputFault(
                f"there is nothing to migrate: {onboarding.declaration.playbook} is not set up here",
                advice=f"`provisioner onboard --variant {onboarding.declaration.variant}` sets it up at once",
            )
        attached = None if isinstance(observed.sharers, NotSeen) else attached_first(observed.sharers)
        if attached is not None:
            raise InputFault(attached, advice="its own rights on this application would cancel every scope")


def _roles(migration: Migration, session: Session, seen: Observation) -> Step:
    arriving = migration.arriving
    left_out = (UnscopedGrants,) if migration.apart else NOT_BEGUN_ANEW
    resources = tuple(each for each in arriving.declaration.resources if not isinstance(each, left_out))
    title = (
        "Set it up beside, with an application of its own"
        if migration.apart
        else "Let Exchange itself give the application its roles, within a scope"
    )
    return _judged("roles", title, resources, _planned(migration, session, seen, resources))


def _claims(migration: Migration, session: Session, seen: Observation) -> Step:
    resources = _of_kind(migration.arriving.declaration.resources, UnscopedGrants)
    title = "Take away the consent that cancels the scope, and the request for it"
    return _judged("claims", title, resources, _planned(migration, session, seen, resources))


def _consents(migration: Migration, session: Session, seen: Observation) -> Step:
    """What else only the old variant has in Entra; what cancels the scope goes with the step before."""
    cancelling = {
        permission
        for each in migration.arriving.declaration.resources
        if isinstance(each, UnscopedGrants)
        for permission in (*each.twins, *unscoped_grants(each, seen.seen[each.address]))
    }
    resources = tuple(
        each
        for each in migration.left
        if isinstance(each, (DelegatedGrant, RequestedPermissions, RedirectUris))
        or (isinstance(each, AppRoleGrant) and each.permission not in cancelling)
    )
    title = f"Take away what else only the variant {migration.leaving.declaration.variant} has"
    return _removal(migration, session, seen, resources, "consents", title)


def _removal(
    migration: Migration, session: Session, seen: Observation, resources: Sequence[Declared], name: str, title: str
) -> Step:
    """Taking away what the old variant declares, behind the gate for taking grants away."""
    changes = removal_planned(resources, seen, session.caller) if resources else ()
    is_open = Gate.REMOVE_GRANTS in migration.arriving.request.gates
    gated = tuple(each if each.change.action is Action.KEEP else _gated(each, is_open=is_open) for each in changes)
    return replace(_judged(name, title, tuple(resources), gated), removing=True)


def _gated(each: PlannedChange, *, is_open: bool) -> PlannedChange:
    change = replace(each.change, gate=Gate.REMOVE_GRANTS)
    if is_open or not isinstance(each.standing, Ready):
        return PlannedChange(change, each.standing)
    reason = f"needs {GATE_FLAG}: it takes away what the product worked with so far"
    return PlannedChange(change, Blocked(reason, flag=GATE_FLAG))


def _planned(
    migration: Migration, session: Session, seen: Observation, resources: Sequence[Declared]
) -> tuple[PlannedChange, ...]:
    return planned(
        resources,
        seen,
        session.caller,
        open_gates=frozenset(migration.arriving.request.gates),
        today=session.clock.now().date(),
    )


def _judged(name: str, title: str, resources: tuple[Declared, ...], changes: tuple[PlannedChange, ...]) -> Step:
    step = Step(Stage(name, title, StageState.DONE), changes, resources)
    if not step.pending:
        return step
    if any(isinstance(each.standing, Ready) for each in step.pending):
        return step.in_state(StageState.NEXT)
    reasons = [each.standing.reason for each in step.pending if isinstance(each.standing, Blocked)]
    first = [each for each in reasons if not each.startswith("waits for ")]
    return step.in_state(StageState.BLOCKED, "; ".join(dict.fromkeys(first or reasons)))


async def _authorized(migration: Migration, session: Session) -> Step:
    """`Test-ServicePrincipalAuthorization` of the mailboxes that the playbook proves, past Exchange's cache."""
    stage = Stage("authorized", "See that the roles reach the mailboxes within, and no other", StageState.DONE)
    for proof in migration.arriving.declaration.proofs:
        if proof.kind is ProofKind.SCOPE_AUTHORIZATION:
            wrong = await _unlike(proof, migration, session)
            if wrong is not None:
                return Step(replace(stage, state=StageState.BLOCKED, detail=wrong))
    return Step(stage)


async def _unlike(proof: Proof, migration: Migration, session: Session) -> str | None:
    """Why the roles are not as this proof wants them; None where they are."""
    if proof.pointer is None or proof.mailbox is None:
        return None
    found = await sight_of(migration.arriving, session).authorization(proof.pointer, proof.mailbox)
    if isinstance(found, NotSeen):
        return f"not seen: {found.reason}"
    reached = {each.role.casefold() for each in found or () if each.in_scope}
    wanted = {each.casefold() for each in proof.scoped_roles}
    if proof.within and not wanted <= reached:
        return f"scope_too_narrow: Exchange does not give the application every role on {proof.mailbox}"
    if not proof.within and wanted & reached:
        return f"scope_too_wide: Exchange gives the application roles on {proof.mailbox}, which must be refused"
    return None


def _roles_everywhere(migration: Migration, ports: Ports, session: Session, seen: Observation) -> Step:
    title = "Wait until all of Exchange knows the roles"
    kinds = (ManagementRoleAssignment, ManagementScope, ScopeGroup, ExchangePointer)
    resources = _of_kind(migration.arriving.declaration.resources, *kinds)
    times: list[datetime | None] = []
    for each in resources:
        noted = _known_since(migration, ports, each.address)
        shown = seen.seen[each.address].assignment if isinstance(each, ManagementRoleAssignment) else None
        made = shown.changed if isinstance(shown, RoleAssignmentRecord) else None
        if isinstance(each, ManagementRoleAssignment) or noted is not None:
            times.append(made or noted)
    return _waited("roles_everywhere", title, times, ROLES_REACH_ALL, session, resources)


def _tokens_everywhere(
    migration: Migration, ports: Ports, session: Session, resources: Sequence[Declared], rights: Step
) -> Step:
    title = "Wait until the product's older tokens have ended"
    if not rights.pending:
        return Step(Stage("tokens_everywhere", title, StageState.DONE))
    cancelling = _of_kind(resources, UnscopedGrants)
    times = [_known_since(migration, ports, each.address) for each in cancelling]
    return _waited("tokens_everywhere", title, times, TOKENS_LAST, session, cancelling)


def _waited(
    name: str,
    title: str,
    times: Sequence[datetime | None],
    least: timedelta,
    session: Session,
    resources: Sequence[Declared],
) -> Step:
    """Done when the youngest of all is old enough. Where nobody knows how old one is, the time runs from now on."""
    now = session.clock.now()
    known = [each for each in times if each is not None]
    until = (now if len(known) < len(times) else max(known, default=now)) + least
    if until <= now:
        return Step(Stage(name, title, StageState.DONE))
    unknown = tuple(each.address for each in resources) if len(known) < len(times) else ()
    detail = "since when it is so is not known here: the time is counted from now on" if unknown else None
    return Step(Stage(name, title, StageState.WAITING, detail, until), evidence=unknown)


async def _token(migration: Migration, ports: Ports, session: Session, seen: Observation) -> Step:
    """A fresh token of the product. Where this home holds no secret, the reads of the steps before must do."""
    stage = replace(TOKEN, state=StageState.DONE)
    arriving = migration.arriving
    for each in arriving.declaration.resources:
        if not isinstance(each, ClientSecret):
            continue
        slot = slot_of(each, session.tenant.tenant_id, arriving.declaration.onboarding)
        record = (await arriving.sink.load(slot)).record
        entry = (record.current or record.pending) if record is not None else None
        if entry is None or entry.key_id is None or not arriving.sink.readable:
            return Step(replace(stage, detail="not tried, because this home holds no secret: the grants were read"))
        secret = await arriving.sink.fetch(slot, entry.key_id)
        live = seen.bindings.applications[each.application]
        try:
            token = await ports.product_sign_in(session.tenant, live.app_id, secret, each.audience)
        except SignInRefused as error:
            return Step(replace(stage, state=StageState.BLOCKED, detail=error.message))
        roles = token.claims.roles if token.claims is not None else frozenset()
        twins = {
            permission.value
            for guard in arriving.declaration.resources
            if isinstance(guard, UnscopedGrants) and guard.application == each.application
            for permission in guard.twins
        }
        if roles & twins:
            detail = f"Entra still puts {', '.join(sorted(roles & twins))} into new tokens"
            return Step(replace(stage, state=StageState.WAITING, detail=detail))
    return Step(stage)


def _noted(migration: Migration) -> Step:
    arriving = migration.arriving
    variant = arriving.declaration.variant
    instance = arriving.instance
    done = instance is not None and instance.variant == variant and instance.moving_to is None
    return Step(Stage("noted", f"Note {variant} in the instance file", StageState.DONE if done else StageState.NEXT))


def _known_since(migration: Migration, ports: Ports, address: Address) -> datetime | None:
    declaration = migration.arriving.declaration
    return ports.home.receipts.known_since(
        migration.arriving.request.tenant.name,
        declaration.playbook,
        declaration.instance,
        declaration.variant,
        address,
    )


def _of_kind(resources: Iterable[Declared], *kinds: type[Declared]) -> tuple[Declared, ...]:
    return tuple(each for each in resources if isinstance(each, kinds))
