"""What Graph's answers about one mailbox mean, given what the tenant shows. Pure; the rule is weighing.py's."""

from __future__ import annotations

from provisioner.model.faults import Fault
from provisioner.model.outcome import ProofState
from provisioner.pace import Verdict, classify
from provisioner.probes.judge import too_wide
from provisioner.probes.replies import ACCESS_POLICY_MARK
from provisioner.probes.tools import Facts
from provisioner.probes.weighing import Judgement, doubts, weigh

REFUSED = (
    "requested_not_granted",
    "token_older_than_grant",
    "pointer_missing",
    "pointer_has_registration_object_id",
    "role_not_assigned",
    "scope_too_narrow",
    "exchange_settling",
)
"""What `403 ErrorAccessDenied` can mean. Source: exchange.md 4.4; field-notes.md 5."""

UNSCOPED = REFUSED[:2]
"""The same where consent is the way: Exchange's own record of the application plays no part."""


def refused(fault: Fault, facts: Facts, carries_roles: bool | None) -> Judgement:
    """A request on a mailbox that must be open."""
    if ACCESS_POLICY_MARK in fault.message:
        return Judgement(ProofState.FAILED, ("application_access_policy",))
    match classify(fault):
        case Verdict.REFUSED:
            return weigh(REFUSED if facts.scoped else UNSCOPED, facts, carries_roles)
        case Verdict.ABSENT:
            return weigh(("mailbox_missing",), facts)
        case Verdict.UNREACHABLE:
            return Judgement(ProofState.NOT_PROVEN, ("graph_unreachable",))
        case Verdict.THROTTLED | Verdict.UNKNOWN:
            return Judgement(ProofState.NOT_YET)
        case _:
            return Judgement(ProofState.FAILED)


def denied(fault: Fault | None, facts: Facts, *, used_elsewhere: bool) -> Judgement:
    """A request on a mailbox that must be closed; None where it was answered.

    A refusal is about the mailbox where the same right was used on another one (`used_elsewhere`). Without that, only
    where the tenant shows that nothing is wrong with the application and Exchange itself says that the mailbox is
    outside its roles.
    """
    if fault is None or too_wide(facts):
        return Judgement(ProofState.FAILED, ("scope_too_wide",))
    verdict = classify(fault)
    if verdict is Verdict.UNREACHABLE:
        return Judgement(ProofState.NOT_PROVEN, ("graph_unreachable",))
    if verdict in (Verdict.THROTTLED, Verdict.UNKNOWN):
        return Judgement(ProofState.NOT_YET)
    if verdict is Verdict.ABSENT or facts.mailbox_exists is False:
        return Judgement(ProofState.NOT_PROVEN, ("mailbox_missing",))
    if verdict is not Verdict.REFUSED:
        return Judgement(ProofState.NOT_PROVEN)
    if used_elsewhere or ACCESS_POLICY_MARK in fault.message:
        return Judgement(ProofState.PASSED)
    outside = Judgement(ProofState.PASSED if facts.in_scope is False else ProofState.NOT_PROVEN)
    return doubts(REFUSED if facts.scoped else UNSCOPED, facts) or outside
