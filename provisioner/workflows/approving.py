"""Between a yes and the first write: whether the tenant is still as it was when the question was asked.

A question may take a person an hour. So what is carried out then is never "the plan that was shown" but a fresh plan,
and it must not contain anything that was not shown. Only where nobody was asked is the first look used.
"""

from __future__ import annotations

from datetime import datetime

from provisioner.errors import PlanRefused
from provisioner.model.change import Ready
from provisioner.model.plan import Approval, Plan
from provisioner.workflows.onboarding import Onboarding
from provisioner.workflows.ports import Session

ASKED_SECONDS = 5.0
"""An answer that took longer than this came from a person, and the tenant may have changed meanwhile."""


def took_long(session: Session, asked: datetime) -> bool:
    """Whether the tenant must be looked at again; `asked` is when the question was put."""
    return (session.clock.now() - asked).total_seconds() > ASKED_SECONDS


def check_approved(approval: Approval | None, onboarding: Onboarding, made: Plan, *, again: str = "plan") -> None:
    """Raises PlanRefused where a plan would do what was not approved. `again`: the command that shows it anew."""
    if approval is None:
        return
    if approval.scope != onboarding.scope:
        raise PlanRefused(
            "the approved plan is about another tenant, playbook, variant or set of parameters",
            advice="make the plan again: `provisioner plan --out FILE`",
        )
    new = approval.unapproved(tuple(each.change for each in made.pending if isinstance(each.standing, Ready)))
    if new:
        raise PlanRefused(
            "the tenant has changed since the plan was made; not approved: " + "; ".join(each.summary for each in new),
            advice=f"nothing was done. Look at the new plan: `provisioner {again}`",
        )
