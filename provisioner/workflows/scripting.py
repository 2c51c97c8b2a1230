"""The script for an Exchange administrator: written once Entra's part is there, and its result taken in as evidence.

The service principal's object id is in it, so it cannot be written before. A result is a look at the tenant by
somebody whom we trust to have looked; it is believed for one run, is noted in the receipt, and is kept nowhere.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from provisioner.disk import files
from provisioner.engine import Recorded, is_for_script, record, record_removal
from provisioner.errors import InputFault
from provisioner.exchange import script_file
from provisioner.exchange.as_script import AsScript
from provisioner.graph import organization
from provisioner.home import Receipt
from provisioner.model.identifiers import Address
from provisioner.model.outcome import ChangeOutcome, ChangeState
from provisioner.model.plan import Plan
from provisioner.model.results import Applied
from provisioner.model.tenant import ExchangeDriver
from provisioner.resources.hands import Bindings
from provisioner.workflows.carrying import hands_of
from provisioner.workflows.onboarding import Onboarding, sight_of
from provisioner.workflows.ports import Ports, Session
from provisioner.workflows.preflight import Preflight
from provisioner.workflows.requests import Request

_IN_SCRIPT = "a step of the script"


def with_result(session: Session, onboarding: Onboarding) -> Session:
    """The session, in which Exchange is as a script's result shows it. Raises InputFault for another tenant's."""
    request = onboarding.request
    by_script = request.tenant.exchange is ExchangeDriver.SCRIPT
    if (request.script_file is not None or request.script_result is not None) and not by_script:
        raise InputFault(
            f"in {request.tenant.name} Exchange Online is not done by a script",
            advice="leave --script and --script-result out, or name the driver: `tenants add --exchange script`",
        )
    result = request.script_result
    if result is None:
        return session
    if result.tenant_id != request.tenant.tenant_id:
        raise InputFault(f"the script result is about another tenant: {result.tenant_id}")
    if result.scope != onboarding.scope:
        raise InputFault(
            "the script result is about another playbook, variant or set of parameters",
            advice="run the script that `provisioner apply` writes now, and give its result",
        )
    return replace(session, exchange=AsScript(result))


def heard(request: Request) -> tuple[str, ...]:
    """What a reader of the plan should know of the evidence in it."""
    result = request.script_result
    if result is None:
        return ()
    when = result.finished.strftime("%Y-%m-%d %H:%M UTC")
    failed = (f"the script stopped before its end: {result.failure}",) if result.failure is not None else ()
    return (f"Exchange Online is shown as {result.who} saw it with the script at {when}", *failed)


def note(receipt: Receipt, request: Request) -> None:
    """Note in the receipt whose eyes were trusted."""
    result = request.script_result
    if result is not None:
        receipt.append(
            {
                "event": "script result",
                "who": result.who,
                "finished": result.finished.isoformat(),
                "script": result.script,
                "failure": result.failure,
            }
        )


async def with_script(
    applied: Applied, onboarding: Onboarding, ports: Ports, session: Session, bindings: Bindings
) -> Applied:
    """The same, with the script for what is left of Exchange's part, where that is a person's.

    Where Entra's part is not all there, no script is written, and the outcomes say what it waits for.
    """
    made = applied.plan
    if not any(is_for_script(each) for each in made.changes):
        return applied
    ended = {ChangeState.DONE, ChangeState.KEPT}
    recorded = await record(
        onboarding.declaration.resources,
        made.changes,
        hands_of(onboarding, ports, session, bindings),
        frozenset(each.address for each in applied.outcomes if each.state in ended),
        AsScript(onboarding.request.script_result),
        lambda recorder, known: sight_of(onboarding, replace(session, exchange=recorder), known),
        lambda recorder, sight: Preflight(onboarding.declaration, sight, session.graph, recorder).ask_exchange(),
    )
    said = {address: f"no script can do it: {why}" for address, why in recorded.unwritable}
    if recorded.waiting:
        said |= {address: f"waits for {need}; the script is written then" for address, need in recorded.waiting}
        said |= {each.address: "the script is written when all of it can be" for each in recorded.steps}
        return replace(applied, outcomes=saying(applied.outcomes, said))
    if not recorded.steps:
        return replace(applied, outcomes=saying(applied.outcomes, said))
    said |= {each.address: _IN_SCRIPT for each in recorded.steps}
    path = await _written(onboarding, ports, session, made, recorded)
    return replace(applied, outcomes=saying(applied.outcomes, said), script=path)


async def removal_script(
    onboarding: Onboarding, ports: Ports, session: Session, bindings: Bindings, made: Plan
) -> tuple[dict[Address, str], str | None]:
    """Write the script that takes Exchange's part away: before anything else goes, because the ids are in it.

    What to say of each change, and where the script is; None where there is nothing to write.
    """
    if not any(is_for_script(each) for each in made.changes):
        return {}, None
    recorded = await record_removal(
        onboarding.declaration.resources,
        made.changes,
        hands_of(onboarding, ports, session, bindings),
        AsScript(onboarding.request.script_result),
        lambda recorder, known: sight_of(onboarding, replace(session, exchange=recorder), known),
    )
    said = {address: f"no script can do it: {why}" for address, why in recorded.unwritable}
    if not recorded.steps:
        return said, None
    said |= {each.address: _IN_SCRIPT for each in recorded.steps}
    return said, await _written(onboarding, ports, session, made, recorded, removing=True)


async def _written(
    onboarding: Onboarding, ports: Ports, session: Session, made: Plan, recorded: Recorded, *, removing: bool = False
) -> str:
    script = script_file.write(
        await _about(onboarding, session, made), recorded.steps, recorded.questions, recorded.blanks
    )
    given = onboarding.request.script_file
    usual = ports.home.script(onboarding.request.tenant.name, onboarding.declaration.onboarding, removing=removing)
    path = usual if given is None else Path(given)
    with files.named_faults("script", path):
        if given is None:
            files.make_directory(path.parent)
        files.replace(path, script.data)
    return str(path)


async def _about(onboarding: Onboarding, session: Session, made: Plan) -> script_file.About:
    tenant = await organization.organization(session.graph)
    return script_file.About(
        product=made.title,
        playbook=made.playbook,
        variant=made.variant,
        instance=made.instance,
        tenant_name=tenant.display_name,
        tenant_id=made.tenant_id,
        organization=tenant.initial_domain,
        environment=session.tenant.endpoints.exchange_environment or "",
        scope=onboarding.scope,
        sandbox=made.sandbox,
        written=session.clock.now(),
    )


def saying(outcomes: tuple[ChangeOutcome, ...], said: dict[Address, str]) -> tuple[ChangeOutcome, ...]:
    """The outcomes with what is to be said of some of them."""
    return tuple(replace(each, message=said.get(each.address, each.message)) for each in outcomes)
