"""A role that the caller holds on call only is named where it is the one that is missing."""

from __future__ import annotations

from dataclasses import replace

from engine_doubles import CALLER, ThingKind, declared, observation, thing

from provisioner.engine import planned, removal_planned
from provisioner.model.change import Blocked

EXCHANGE_ADMINISTRATOR = "29232cdf-9323-42fd-ade2-1d097af3e4de"
GLOBAL_READER = "f2ef992c-3afb-46b9-b7cf-a126ee74c451"
LACKING = thing("a", standing=Blocked("has no role that may", ("Exchange Administrator",)))


def reason(*eligible: str, removing: bool = False) -> str:
    caller = replace(CALLER, eligible_roles=frozenset(eligible))
    if removing:
        (found,) = removal_planned(declared(LACKING), observation(LACKING), caller)
    else:
        (found,) = planned(declared(LACKING), observation(LACKING), caller, open_gates=frozenset())
    assert isinstance(found.standing, Blocked)
    assert found.standing.who_can == ("Exchange Administrator",)
    return found.standing.reason


def test_a_role_that_would_do_is_to_be_activated(kind: ThingKind) -> None:
    wanted = "has no role that may; you could activate Exchange Administrator: do so, then sign in again"
    assert reason(GLOBAL_READER, EXCHANGE_ADMINISTRATOR) == wanted
    assert reason(EXCHANGE_ADMINISTRATOR, removing=True) == wanted


def test_another_role_is_not_mentioned(kind: ThingKind) -> None:
    assert reason(GLOBAL_READER) == reason() == "has no role that may"


def test_roles_that_were_not_seen_promise_nothing(kind: ThingKind) -> None:
    caller = replace(CALLER, eligible_roles=None)
    (found,) = planned(declared(LACKING), observation(LACKING), caller, open_gates=frozenset())
    assert found.standing == LACKING.standing
