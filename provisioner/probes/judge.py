"""What an answer of Entra's sign-in, of SMTP or of Exchange's own test means: passed, failed, not yet or not proven.

Pure; which of the possible causes it is, weighing.py decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from provisioner.mail import SmtpResult, Stage, Trouble
from provisioner.model.faults import Fault
from provisioner.model.observed import RoleAuthorization
from provisioner.model.outcome import ProofState
from provisioner.pace import Verdict, classify
from provisioner.probes.replies import SIGN_IN, Patience, SignInRule, rule_for
from provisioner.probes.tools import Facts, Worked
from provisioner.probes.weighing import (
    EXCHANGE_SETTLES_WITHIN,
    GRANT_SETTLES_WITHIN,
    Judgement,
    Weight,
    doubts,
    weigh,
    weight_of,
)

DIRECTORY_SETTLES_WITHIN = timedelta(minutes=15)
"""How long one of Exchange's domain controllers may not have heard of a change. Minutes were seen (exchange.md 1.3)."""

SECRET_SETTLES_WITHIN = timedelta(minutes=15)
"""Source: 4 to 18 s seen, minutes at worst (graph.md 3.3)."""


def sign_in_refused(fault: Fault, facts: Facts) -> Judgement:
    """No token: what Entra's code means."""
    rule = SIGN_IN.get(fault.code)
    if rule is not None:
        causes = weigh(rule.causes, facts).causes if len(rule.causes) > 1 else rule.causes
        return Judgement(ProofState.NOT_YET if _late(rule, facts) else ProofState.FAILED, causes)
    if fault.status == 0:
        return Judgement(ProofState.NOT_PROVEN, ("signin_unreachable",))
    passing = classify(fault) in (Verdict.THROTTLED, Verdict.UNKNOWN, Verdict.NOT_YET)
    return Judgement(ProofState.NOT_YET if passing else ProofState.FAILED)


def _late(rule: SignInRule, facts: Facts) -> bool:
    match rule.patience:
        case Patience.WHILE_FRESH:
            return facts.secret_age is None or facts.secret_age < SECRET_SETTLES_WITHIN
        case Patience.WHILE_CHANGED:
            there, age = (
                (facts.assigned, facts.assigned_age)
                if "assignment_missing" in rule.causes
                else (facts.consent, facts.consent_age)
            )
            return there is True and age is not None and age < GRANT_SETTLES_WITHIN
        case Patience.ALWAYS:
            # who is asked for a second factor at a password cannot give one, and nobody tries again
            return not facts.as_account
        case Patience.NEVER:
            return False


def roles_missing(facts: Facts) -> Judgement:
    """A token without the expected roles or scopes: Entra issues it all the same (field-notes.md 1.5).

    Whoever expects roles of Entra depends on its consent, also where Exchange's own roles open the mailboxes.
    """
    by_consent = replace(facts, scoped=False)
    return weigh(("requested_not_granted", "token_older_than_grant"), by_consent, carries_roles=False)


def submission(result: SmtpResult, facts: Facts, carries_roles: bool | None) -> Judgement:
    """A submission that was not accepted."""
    if result.trouble is not None:
        return no_reply(result.trouble, "smtp_unreachable", connected=result.stage is not Stage.CONNECT)
    rule = rule_for(result.code, result.enhanced, result.text)
    if rule is None:
        return Judgement(ProofState.NOT_YET if result.temporary else ProofState.FAILED)
    judgement = weigh(rule.causes, facts, carries_roles, temporary=result.temporary)
    if rule.sure and judgement.state is ProofState.FAILED:
        return Judgement(ProofState.FAILED, rule.causes[:1])
    return judgement


def denied(result: SmtpResult, facts: Facts, carries_roles: bool | None) -> Judgement:
    """An attempt on a mailbox that must be refused: passed only where it was refused for want of a right there."""
    if result.accepted or too_wide(facts):
        return Judgement(ProofState.FAILED, ("scope_too_wide",))
    if result.trouble is not None:
        return no_reply(result.trouble, "smtp_unreachable", connected=result.stage is not Stage.CONNECT)
    if result.stage is Stage.AUTH and result.signed_in:
        # a role within a scope is looked at here already (exchange.md 5.4); a right on a mailbox only later
        late = facts.scope_age is None or facts.scope_age < EXCHANGE_SETTLES_WITHIN
        inside = Judgement(ProofState.NOT_YET if late else ProofState.FAILED, ("scope_too_wide",))
        return inside if facts.scoped else Judgement(ProofState.NOT_PROVEN)
    rule = rule_for(result.code, result.enhanced, result.text)
    if rule is None or not rule.about_mailbox:
        causes = rule.causes[:1] if rule else ()
        return Judgement(ProofState.NOT_YET if result.temporary else ProofState.NOT_PROVEN, causes)
    return _refused_for(rule.causes, result, facts, carries_roles)


def authorized(found: Sequence[RoleAuthorization], roles: Sequence[str], *, within: bool, facts: Facts) -> Judgement:
    """What Exchange says of one mailbox, against what it must say of every role.

    Exchange answers past its cache, so only its directory can be late: a change of ours that is minutes old.
    """
    if facts.unscoped or any(each.organization_wide for each in found):
        return Judgement(ProofState.FAILED, ("scope_too_wide",))
    young = facts.scope_age is not None and facts.scope_age < DIRECTORY_SETTLES_WITHIN
    unlike = Judgement(ProofState.NOT_YET if young else ProofState.FAILED)
    by_role = {each.role.casefold(): each for each in found}
    rows = [by_role.get(each.casefold()) for each in roles]
    if any(each is None for each in rows):
        return Judgement(unlike.state, ("role_not_assigned",))
    places = {each.in_scope for each in rows if each is not None}
    if None in places:
        return Judgement(ProofState.NOT_PROVEN)
    if within and False in places:
        return Judgement(unlike.state, ("scope_too_narrow",))
    if not within and True in places:
        return Judgement(unlike.state, ("scope_too_wide",))
    return Judgement(ProofState.PASSED)


def unknown_to_exchange(facts: Facts) -> Judgement:
    """Exchange knows the application or the mailbox not: which of them, as far as the tenant shows."""
    return weigh(("pointer_missing", "pointer_has_registration_object_id", "mailbox_missing"), facts)


def too_wide(facts: Facts) -> bool:
    """Whether the tenant shows that the application reaches a mailbox that it must not reach."""
    return bool(facts.mailbox_right or facts.in_scope or facts.unscoped)


def unwanted_roles(facts: Facts) -> Judgement:
    """A token with a role that cancels a scope; where the grant is gone, the token is only older than that."""
    gone = facts.unscoped == ()
    return Judgement(ProofState.NOT_YET if gone else ProofState.FAILED, ("scope_too_wide",))


def _refused_for(causes: tuple[str, ...], result: SmtpResult, facts: Facts, carries_roles: bool | None) -> Judgement:
    """A refusal that can be about the right: passed once everything else is ruled out."""
    if facts.smtp_auth is False and not result.signed_in:
        return Judgement(ProofState.NOT_PROVEN, ("smtp_auth_off",))
    if weight_of("mailbox_missing", facts, carries_roles) is not Weight.RULED_OUT:
        return Judgement(ProofState.NOT_PROVEN, ("mailbox_missing",))
    enough = (Worked.ACCEPTED,) if result.signed_in else (Worked.ACCEPTED, Worked.SIGNED_IN)
    if facts.works_elsewhere in enough:
        return Judgement(ProofState.PASSED)
    if carries_roles is False:
        judgement = roles_missing(facts)
        late = judgement.state is ProofState.NOT_YET
        return Judgement(ProofState.NOT_YET if late else ProofState.NOT_PROVEN, judgement.causes)
    return doubts(causes, facts, carries_roles) or Judgement(ProofState.PASSED)


def no_reply(trouble: Trouble, unreachable: str, *, connected: bool) -> Judgement:
    """No reply: a network that does not let us through says nothing about the tenant."""
    match trouble:
        case Trouble.CERTIFICATE:
            return Judgement(ProofState.NOT_PROVEN, ("certificate_untrusted",))
        case Trouble.UNREACHABLE | Trouble.PROTOCOL:
            return Judgement(ProofState.NOT_PROVEN, (unreachable,))
        case _:
            return Judgement(ProofState.NOT_YET if connected else ProofState.NOT_PROVEN, (unreachable,))
