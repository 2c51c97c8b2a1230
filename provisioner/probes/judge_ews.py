"""What the answers of Exchange Web Services mean, given what the tenant shows. Pure; the rule is weighing.py's.

Doors come first: the day, the organisation's switch and list, the mailbox's switch, the user agents. Who stands before
a closed one hears nothing of his permissions. Exchange tells two kinds of doors apart, the tenant's settings the rest.
"""

from __future__ import annotations

from provisioner.mail import EwsResult
from provisioner.model.outcome import ProofState
from provisioner.probes.judge import no_reply, too_wide
from provisioner.probes.replies import (
    ACCESS_POLICY_MARK,
    EWS_DOORS,
    EWS_GATES,
    EWS_NO_MAILBOX,
    EWS_PASSING,
    EWS_REFUSED,
    EWS_UNSCOPED,
)
from provisioner.probes.tools import Facts
from provisioner.probes.weighing import Judgement, doubts, weigh


def refused(result: EwsResult, facts: Facts, carries_roles: bool | None) -> Judgement:
    """A mailbox that must be open."""
    if (known := _known(result, facts)) is not None:
        return known
    if ACCESS_POLICY_MARK in result.text:
        return Judgement(ProofState.FAILED, ("application_access_policy",))
    if result.door:
        judgement = weigh(_behind(result.door), facts)
        # of the product's own user agent nothing was seen
        ours_alone = judgement.causes == ("ews_closed_user_agent",)
        return Judgement(ProofState.NOT_PROVEN, judgement.causes) if ours_alone else judgement
    return weigh(_permissions(facts), facts, carries_roles)


def denied(result: EwsResult, facts: Facts) -> Judgement:
    """A mailbox that must be closed: passed only where it was refused for want of a right there."""
    if result.opened or too_wide(facts):
        return Judgement(ProofState.FAILED, ("scope_too_wide",))
    if (known := _known(result, facts)) is not None:
        return known if known.state is ProofState.NOT_YET else Judgement(ProofState.NOT_PROVEN, known.causes)
    if result.door:
        return Judgement(ProofState.NOT_PROVEN, weigh(_behind(result.door), facts).causes)
    if ACCESS_POLICY_MARK in result.text or facts.works_elsewhere is not None:
        return Judgement(ProofState.PASSED)
    outside = Judgement(ProofState.PASSED if result.code and facts.in_scope is False else ProofState.NOT_PROVEN)
    return doubts(_permissions(facts), facts) or outside


def _permissions(facts: Facts) -> tuple[str, ...]:
    """What is behind the doors; where consent is the way, Exchange's own record of the application plays no part."""
    return EWS_REFUSED if facts.scoped else EWS_UNSCOPED


def _behind(door: str) -> tuple[str, ...]:
    """What a closed door's reason can mean."""
    return next((causes for words, causes in EWS_DOORS.items() if words in door.casefold()), EWS_GATES)


def _known(result: EwsResult, facts: Facts) -> Judgement | None:
    """What has nothing to do with permissions: silence, a busy service, a mailbox that is not there."""
    if result.trouble is not None:
        return no_reply(result.trouble, "ews_unreachable", connected=True)
    if result.status in (408, 429, 502, 503, 504) or result.code in EWS_PASSING:
        return Judgement(ProofState.NOT_YET)
    if result.code in EWS_NO_MAILBOX or facts.mailbox_exists is False:
        return weigh(("mailbox_missing",), facts)
    return None
