"""What the tenant says about each possible cause of a refusal, and what is left of them. Pure.

The rule behind it: a read that shows something wrong decides. Where everything shown is right, what remains is that it
is young ("not yet"). Where something was not seen, it stays one of the possible causes, and is said as such.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from provisioner.model.outcome import ProofState
from provisioner.probes.tools import Facts, Pointer

GRANT_SETTLES_WITHIN = timedelta(hours=1)
"""How long tokens may lack a granted role. DESIGN 2.5 says minutes; a token's own life is about an hour."""

EWS_SETTLES_WITHIN = timedelta(hours=24)
"""How long the organisation's EWS settings may take to count. Source: field-notes.md 1.2; exchange.md 6."""

EXCHANGE_SETTLES_WITHIN = timedelta(hours=2)
"""Source: exchange.md 5.4 (measured), 4.4."""


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

    `carries_roles` says whether the token that was refused carries the expected roles, or scopes; None where it is
    opaque or none are expected. `temporary` says that the service itself called its refusal temporary.
    """
    weights = {each: weight_of(each, facts, carries_roles) for each in causes}

    def weighing(*wanted: Weight) -> tuple[str, ...]:
        return tuple(cause for cause, weight in weights.items() if weight in wanted)

    if seen := weighing(Weight.SEEN):
        return Judgement(ProofState.FAILED, seen)
    open_causes = weighing(Weight.YOUNG, Weight.PERHAPS_YOUNG, Weight.NOT_SEEN)
    if temporary or weighing(Weight.YOUNG):
        return Judgement(ProofState.NOT_YET, open_causes)
    failed = not open_causes or weighing(Weight.NOT_SEEN)
    return Judgement(ProofState.FAILED if failed else ProofState.NOT_YET, open_causes)


def weight_of(cause: str, facts: Facts, carries_roles: bool | None) -> Weight:
    """What the tenant says about one possible cause."""
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
    if carries_roles and (facts.consent is None or facts.as_account):
        return Weight.RULED_OUT  # an account may have consented for itself
    return _wrong(_not(facts.consent))


def _token_age(facts: Facts, carries_roles: bool | None) -> Weight:
    if facts.scoped or carries_roles or facts.consent is False:
        return Weight.RULED_OUT
    return Weight.NOT_SEEN if facts.consent is None else _young(facts.consent_age, GRANT_SETTLES_WITHIN)


def _pointer(wrong: Pointer) -> Callable[[Facts, bool | None], Weight]:
    def weight(facts: Facts, carries_roles: bool | None) -> Weight:
        if facts.as_account:
            return Weight.RULED_OUT
        return _wrong(None if facts.pointer is None else facts.pointer is wrong)

    return weight


def _pointer_age(facts: Facts, carries_roles: bool | None) -> Weight:
    if facts.pointer is None:
        return Weight.NOT_SEEN
    ages = (facts.pointer_age, facts.scope_age) if facts.scoped else (facts.pointer_age,)
    return _youngest(*(_young(each, EXCHANGE_SETTLES_WITHIN) for each in ages))


def _exchange_age(facts: Facts, carries_roles: bool | None) -> Weight:
    """The younger of pointer and right (or scope) counts."""
    if facts.as_account:
        return Weight.RULED_OUT
    seen, age = (facts.in_scope, facts.scope_age) if facts.scoped else (facts.mailbox_right, facts.right_age)
    own = Weight.NOT_SEEN if seen is None else _young(age, EXCHANGE_SETTLES_WITHIN)
    return _youngest(_pointer_age(facts, carries_roles), own)


def _youngest(*both: Weight) -> Weight:
    order = (Weight.YOUNG, Weight.NOT_SEEN, Weight.PERHAPS_YOUNG, Weight.RULED_OUT)
    return next(each for each in order if each in both)


def _scope(facts: Facts, carries_roles: bool | None) -> Weight:
    """A role that is not there at all is another cause, and so is one that a wrong pointer holds."""
    unknown = facts.role_assigned is False or facts.pointer in (Pointer.MISSING, Pointer.WRONG_OBJECT_ID)
    if not facts.scoped or unknown:
        return Weight.RULED_OUT
    return _wrong(_not(facts.in_scope))


def _cancelled_scope(facts: Facts, carries_roles: bool | None) -> Weight:
    """A permission of Entra beside the scoped role: Exchange then asks for a right on the mailbox again.

    Source: exchange.md, finding 5.
    """
    if not facts.scoped:
        return Weight.RULED_OUT
    return _wrong(None if facts.unscoped is None else bool(facts.unscoped))


def _smtp_auth_age(facts: Facts, carries_roles: bool | None) -> Weight:
    return Weight.NOT_SEEN if facts.smtp_auth is None else _young(facts.smtp_auth_age, EXCHANGE_SETTLES_WITHIN)


def _protocol_age(facts: Facts, carries_roles: bool | None) -> Weight:
    return Weight.NOT_SEEN if facts.protocol_on is None else _young(facts.protocol_age, EXCHANGE_SETTLES_WITHIN)


def _ews_age(facts: Facts, carries_roles: bool | None) -> Weight:
    unseen = facts.ews_enabled is None or facts.ews_listed is None
    return _youngest(
        Weight.NOT_SEEN if unseen else _young(facts.ews_age, EWS_SETTLES_WITHIN), _protocol_age(facts, carries_roles)
    )


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
    "role_not_assigned": lambda facts, _: _wrong(_not(facts.role_assigned)) if facts.scoped else Weight.RULED_OUT,
    "scope_too_narrow": _scope,
    "scope_too_wide": _cancelled_scope,
    "exchange_settling": _exchange_age,
    "smtp_auth_off": lambda facts, _: _wrong(_not(facts.smtp_auth)),
    "smtp_auth_settling": _smtp_auth_age,
    "imap_off": lambda facts, _: _wrong(_not(facts.protocol_on)),
    "pop_off": lambda facts, _: _wrong(_not(facts.protocol_on)),
    "protocol_settling": _protocol_age,
    "ews_closed_date": lambda facts, _: _wrong(facts.ews_ended),
    "ews_closed_organisation": lambda facts, _: _wrong(_not(facts.ews_enabled)),
    "ews_closed_list": lambda facts, _: _wrong(_not(facts.ews_listed)),
    "ews_closed_mailbox": lambda facts, _: _wrong(_not(facts.protocol_on)),
    "ews_closed_user_agent": lambda facts, _: _wrong(_not(facts.ews_agent)),
    "ews_settling": _ews_age,
    "account_federated": lambda facts, _: _wrong(facts.account_federated),
    "mfa_or_conditional_access": lambda facts, _: Weight.PERHAPS_YOUNG,
}
"""Causes that are not here cannot be seen in the tenant."""

ABOUT_THE_APPLICATION: Mapping[str, Callable[[Facts, bool | None], Weight]] = {
    "requested_not_granted": _consent,
    "token_older_than_grant": _token_age,
    "pointer_missing": _pointer(Pointer.MISSING),
    "pointer_has_registration_object_id": _pointer(Pointer.WRONG_OBJECT_ID),
    "role_not_assigned": _WEIGHTS["role_not_assigned"],
    "exchange_settling": _pointer_age,
}
"""What would refuse the application every mailbox, and so proves nothing about one. Of a mailbox that must be refused
only the pointer's age counts: there is no right there whose age could."""


def doubts(causes: tuple[str, ...], facts: Facts, carries_roles: bool | None = None) -> Judgement | None:
    """Why a refusal of a mailbox proves nothing about that mailbox; None where the application is all right."""
    weights = {
        each: ABOUT_THE_APPLICATION[each](facts, carries_roles) for each in causes if each in ABOUT_THE_APPLICATION
    }
    for weight, state in (
        (Weight.SEEN, ProofState.NOT_PROVEN),
        (Weight.YOUNG, ProofState.NOT_YET),
        (Weight.NOT_SEEN, ProofState.NOT_PROVEN),
    ):
        if found := tuple(cause for cause, its_weight in weights.items() if its_weight is weight):
            return Judgement(state, found)
    return None
