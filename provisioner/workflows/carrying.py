"""The hands that apply, remove and rotate share: everything a kind may touch, for one run in one tenant."""

from __future__ import annotations

from provisioner.errors import NotYet, SignInRefused
from provisioner.home import InstanceFile
from provisioner.model.change import Action, Blocked, Manual
from provisioner.model.identifiers import Address, AppId
from provisioner.model.outcome import ChangeOutcome, ChangeState
from provisioner.model.plan import Plan
from provisioner.model.secret import Secret
from provisioner.pace.settle import settle
from provisioner.resources.hands import Bindings, Hands
from provisioner.workflows.onboarding import Onboarding
from provisioner.workflows.ports import Ports, Session

FRESH_SECRET_SECONDS = 180.0
"""How long a fresh secret is tried: 4 to 18 s measured, minutes reported (graph.md 3.1)."""


def untouched(made: Plan) -> tuple[ChangeOutcome, ...]:
    """The outcomes of a plan of which nothing can be carried out now."""
    result = []
    for each in made.changes:
        match each.standing:
            case _ if each.change.action is Action.KEEP:
                result.append(ChangeOutcome(each.change.address, ChangeState.KEPT, each.change.reason))
            case Blocked(reason):
                result.append(ChangeOutcome(each.change.address, ChangeState.BLOCKED, reason))
            case Manual(instruction):
                result.append(ChangeOutcome(each.change.address, ChangeState.MANUAL, instruction))
    return tuple(result)


def instance_of(onboarding: Onboarding) -> InstanceFile:
    """The instance file that says what is wanted now."""
    declaration = onboarding.declaration
    known = onboarding.instance or InstanceFile(
        declaration.playbook,
        declaration.variant,
        declaration.instance,
        declaration.parameters,
        onboarding.request.sink,
        (),
        tenant_id=onboarding.request.tenant.tenant_id,
    )
    return known.asking(declaration.parameters, onboarding.request.sink, variant=declaration.variant)


def hands_of(onboarding: Onboarding, ports: Ports, session: Session, bindings: Bindings) -> Hands:
    """The hands of one run. An application's id goes into the instance file the moment it exists."""
    tenant = onboarding.request.tenant.name

    def bound(address: Address, app_id: AppId) -> None:
        declaration = onboarding.declaration
        current = ports.home.instances.load(tenant, declaration.playbook, declaration.instance)
        ports.home.instances.save(tenant, (current or instance_of(onboarding)).with_application(address, app_id))

    async def prove(app_id: AppId, secret: Secret, audience: str) -> str | None:
        """Sign in as the product, with patience for a fresh secret. "Refused so far" is never "refused"."""
        try:
            await settle(
                lambda: ports.product_sign_in(session.tenant, app_id, secret, audience),
                clock=session.clock,
                seconds=FRESH_SECRET_SECONDS,
                subject="sign-in as the product",
                events=ports.events,
                just_wrote=True,
                harmless=True,
            )
        except (SignInRefused, NotYet) as error:
            return error.message
        return None

    return Hands(
        tenant_id=session.tenant.tenant_id,
        instance=onboarding.declaration.onboarding,
        graph=session.graph,
        exchange=session.exchange,
        bindings=bindings,
        sink=onboarding.sink,
        prove=prove,
        clock=session.clock,
        events=ports.events,
        on_bound=bound,
        keys=ports.home.keys,
    )
