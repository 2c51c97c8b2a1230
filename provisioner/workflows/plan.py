"""`plan`: look, compare, judge. Writes nothing anywhere."""

from __future__ import annotations

from dataclasses import replace

from provisioner.model.plan import approve
from provisioner.model.results import Planned
from provisioner.workflows.onboarding import check_variant, look_ahead, make_plan, open_onboarding
from provisioner.workflows.ports import Ports
from provisioner.workflows.requests import Request
from provisioner.workflows.scripting import heard, with_result


async def plan(request: Request, ports: Ports) -> Planned:
    """What would change. Raises InputFault, SignInRefused, Unreachable."""
    onboarding = open_onboarding(request, ports)
    check_variant(onboarding)
    async with ports.connect(request.tenant) as session:
        session = with_result(session, onboarding)
        observation, preflight = await look_ahead(onboarding, session)
        made = make_plan(onboarding, session, observation, preflight)
        made = replace(made, notes=(*heard(request), *made.notes))
        return Planned(made, approve(onboarding.scope, made))
