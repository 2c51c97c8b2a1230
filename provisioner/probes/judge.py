"""What an answer means, given what the tenant shows: passed, failed, not yet or not proven, and why. Pure.

The rule behind all of it: a read that shows something wrong decides. Where everything shown is right, what remains is
that it is young ("not yet"). Where something was not seen, it stays one of the possible causes, and is said as such.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from provisioner.mail import SmtpResult, Stage, Trouble
from provisioner.model.faults import Fault
from provisioner.model.observed import RoleAuthorization
from provisioner.model.outcome import ProofState
from provisioner.pace import Verdict, classify
from provisioner.probes.causes import SIGN_IN, Patience, rule_for
from provisioner.probes.tools import Facts, Pointer, Worked

GRANT_SETTLES_WITHIN = timedelta(hours=1)
"""How long tokens may lack a granted role. DESIGN 2.5 says minutes; a token's own life is about an hour."""

EXCHANGE_SETTLES_WITHIN = timedelta(hours=2)
"""Source: exchange.md 5.4 (measured), 4.4."""

DIRECTORY_SETTLES_WITHIN = timedelta(minutes=15)
"""How long one of Exchange's domain controllers may not have heard of a change. Minutes were seen (exchange.md 1.3)."""

SECRET_SETTLES_WITHIN = timedelta(minutes=15)
"""Source: 4 to 18 s seen, minutes at worst (graph.md 3.3)."""


@dataclass(frozen=True)
class Judgement:
    """How it ended. Several causes mean "one of"; none means that it is none of the known ones."""

    state: ProofState
    causes: tuple[str, ...] = ()


class Weight(StrEnum):
    """What the tenant says about one possible cause."""

    SEEN = "seen"
    """It is so: this is the cause."""
    YOUNG = "young"
    """Right, and changed so recently that it may not count yet."""
    PERHAPS_YOUNG = "perhaps-young"
    """Right, and nobody knows since when."""
    NOT_SEEN = "not-seen"
    RULED_OUT = "ruled-out"


def weigh(
    causes: tuple[str, ...], facts: Facts, carries_roles: bool | None = None, *, temporary: bool = False
) -> Judgement:
    """Decide between the possible causes of a refusal.

    `carries_roles` says whether the token that was refused carries the expected roles; None where it is opaque or none
    are expected. `temporary` says that the service itself called its refusal temporary.
    """
    weights = {each: _weight(each, facts, carries_roles) for each in causes}

    def weighing(*wanted: Weight) -> tuple[str, ...]:
        return tuple(cause for cause, weight in weights.items() if weight in wanted)

    if seen := weighing(Weight.SEEN):
        return Judgement(ProofState.FAILED, seen)
    open_causes = weighing(Weight.YOUNG, Weight.PERHAPS_YOUNG, Weight.NOT_SEEN)
    if temporary or weighing(Weight.YOUNG):
        return Judgement(ProofState.NOT_YET, open_causes)
    failed = not open_causes or weighing(Weight.NOT_SEEN)
    return Judgement(ProofState.FAILED if failed else ProofState.NOT_YET, open_causes)


def sign_in_refused(fault: Fault, facts: Facts) -> Judgement:
    """No token: what Entra's code means."""
    rule = SIGN_IN.get(fault.code)
    if rule is not None:
        fresh = facts.secret_age is None or facts.secret_age < SECRET_SETTLES_WITHIN
        late = rule.patience is Patience.ALWAYS or (rule.patience is Patience.WHILE_FRESH and fresh)
        return Judgement(ProofState.NOT_YET if late else ProofState.FAILED, (rule.cause,))
    if fault.status == 0:
        return Judgement(ProofState.NOT_PROVEN, ("signin_unreachable",))
    passing = classify(fault) in (Verdict.THROTTLED, Verdict.UNKNOWN, Verdict.NOT_YET)
    return Judgement(ProofState.NOT_YET if passing else ProofState.FAILED)


def roles_missing(facts: Facts) -> Judgement:
    """A token without the expected roles: Entra issues it all the same (field-notes.md 1.5)."""
    return weigh(("requested_not_granted", "token_older_than_grant"), facts, carries_roles=False)


def submission(result: SmtpResult, facts: Facts, carries_roles: bool | None) -> Judgement:
    """A submission that was not accepted."""
    if result.trouble is not None:
        return _trouble(result)
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
        return _trouble(result)
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
    if _mailbox(facts, carries_roles) is not Weight.RULED_OUT:
        return Judgement(ProofState.NOT_PROVEN, ("mailbox_missing",))
    enough = (Worked.ACCEPTED,) if result.signed_in else (Worked.ACCEPTED, Worked.SIGNED_IN)
    if facts.works_elsewhere in enough:
        return Judgement(ProofState.PASSED)
    if carries_roles is False:
        judgement = roles_missing(facts)
        late = judgement.state is ProofState.NOT_YET
        return Judgement(ProofState.NOT_YET if late else ProofState.NOT_PROVEN, judgement.causes)
    weights = {
        each: _ABOUT_THE_APPLICATION[each](facts, carries_roles) for each in causes if each in _ABOUT_THE_APPLICATION
    }
    for weight, state in (
        (Weight.SEEN, ProofState.NOT_PROVEN),
        (Weight.YOUNG, ProofState.NOT_YET),
        (Weight.NOT_SEEN, ProofState.NOT_PROVEN),
    ):
        if doubts := tuple(cause for cause, its_weight in weights.items() if its_weight is weight):
            return Judgement(state, doubts)
    return Judgement(ProofState.PASSED)


def _trouble(result: SmtpResult) -> Judgement:
    """No reply: a network that does not let us through says nothing about the tenant."""
    match result.trouble:
        case Trouble.CERTIFICATE:
            return Judgement(ProofState.NOT_PROVEN, ("certificate_untrusted",))
        case Trouble.UNREACHABLE | Trouble.PROTOCOL:
            return Judgement(ProofState.NOT_PROVEN, ("smtp_unreachable",))
        case _:
            first = result.stage is Stage.CONNECT
            return Judgement(ProofState.NOT_PROVEN if first else ProofState.NOT_YET, ("smtp_unreachable",))


def _weight(cause: str, facts: Facts, carries_roles: bool | None) -> Weight:
    weight = _WEIGHTS.get(cause)
    return Weight.NOT_SEEN if weight is None else weight(facts, carries_roles)


def _wrong(fact: bool | None) -> Weight:
    """The weight of a cause that is shown by a fact: True is the cause, None is not seen."""
    if fact is None:
        return Weight.NOT_SEEN
    return Weight.SEEN if fact else Weight.RULED_OUT


def _young(age: timedelta | None, settles_within: timedelta) -> Weight:
    if age is None:
        return Weight.PERHAPS_YOUNG
    return Weight.YOUNG if age < settles_within else Weight.RULED_OUT


def _not(fact: bool | None) -> bool | None:
    return None if fact is None else not fact


def _consent(facts: Facts, carries_roles: bool | None) -> Weight:
    if facts.scoped:
        return Weight.RULED_OUT
    if facts.consent is None and carries_roles:
        return Weight.RULED_OUT
    return _wrong(_not(facts.consent))


def _token_age(facts: Facts, carries_roles: bool | None) -> Weight:
    if facts.scoped or carries_roles or facts.consent is False:
        return Weight.RULED_OUT
    return Weight.NOT_SEEN if facts.consent is None else _young(facts.consent_age, GRANT_SETTLES_WITHIN)


def _pointer(wrong: Pointer) -> Callable[[Facts, bool | None], Weight]:
    def weight(facts: Facts, carries_roles: bool | None) -> Weight:
        return _wrong(None if facts.pointer is None else facts.pointer is wrong)

    return weight


def _pointer_age(facts: Facts, carries_roles: bool | None) -> Weight:
    if facts.pointer is None:
        return Weight.NOT_SEEN
    ages = (facts.pointer_age, facts.scope_age) if facts.scoped else (facts.pointer_age,)
    return _youngest(*(_young(each, EXCHANGE_SETTLES_WITHIN) for each in ages))


def _exchange_age(facts: Facts, carries_roles: bool | None) -> Weight:
    """The younger of pointer and right (or scope) counts."""
    seen, age = (facts.in_scope, facts.scope_age) if facts.scoped else (facts.mailbox_right, facts.right_age)
    own = Weight.NOT_SEEN if seen is None else _young(age, EXCHANGE_SETTLES_WITHIN)
    return _youngest(_pointer_age(facts, carries_roles), own)


def _youngest(*both: Weight) -> Weight:
    order = (Weight.YOUNG, Weight.NOT_SEEN, Weight.PERHAPS_YOUNG, Weight.RULED_OUT)
    return next(each for each in order if each in both)


def _smtp_auth_age(facts: Facts, carries_roles: bool | None) -> Weight:
    return Weight.NOT_SEEN if facts.smtp_auth is None else _young(facts.smtp_auth_age, EXCHANGE_SETTLES_WITHIN)


def _mailbox(facts: Facts, carries_roles: bool | None) -> Weight:
    if facts.mailbox_exists is None and facts.mailbox_right is not None:
        return Weight.RULED_OUT  # whose rights were read is there
    return _wrong(_not(facts.mailbox_exists))


_WEIGHTS: Mapping[str, Callable[[Facts, bool | None], Weight]] = {
    "requested_not_granted": _consent,
    "token_older_than_grant": _token_age,
    "pointer_missing": _pointer(Pointer.MISSING),
    "pointer_has_registration_object_id": _pointer(Pointer.WRONG_OBJECT_ID),
    "mailbox_missing": _mailbox,
    "mailbox_right_missing": lambda facts, _: Weight.RULED_OUT if facts.scoped else _wrong(_not(facts.mailbox_right)),
    "scope_too_narrow": lambda facts, _: _wrong(_not(facts.in_scope)) if facts.scoped else Weight.RULED_OUT,
    "exchange_settling": _exchange_age,
    "smtp_auth_off": lambda facts, _: _wrong(_not(facts.smtp_auth)),
    "smtp_auth_settling": _smtp_auth_age,
    "mfa_or_conditional_access": lambda facts, _: Weight.PERHAPS_YOUNG,
}
"""Causes that are not here cannot be seen in the tenant."""

_ABOUT_THE_APPLICATION: Mapping[str, Callable[[Facts, bool | None], Weight]] = {
    "requested_not_granted": _consent,
    "token_older_than_grant": _token_age,
    "pointer_missing": _pointer(Pointer.MISSING),
    "pointer_has_registration_object_id": _pointer(Pointer.WRONG_OBJECT_ID),
    "exchange_settling": _pointer_age,
}
"""What would refuse the application every mailbox, and so proves nothing about one. Of a mailbox that must be refused
only the pointer's age counts: there is no right there whose age could."""
