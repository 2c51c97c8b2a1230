"""Exit codes: from outcomes, from errors, and what outweighs what."""

from __future__ import annotations

import asyncio
import itertools
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import typer

from provisioner import errors
from provisioner.cli.options import OutputForm
from provisioner.cli.running import Exit, run
from provisioner.cli.verdicts import (
    WEIGHT,
    can_be_proven,
    of_applied,
    of_handed_over,
    of_onboarded,
    of_removed,
    of_verified,
    worst,
)
from provisioner.model.change import Action, Change, Manual, Part, PlannedChange, Ready
from provisioner.model.declaration import ManualStep
from provisioner.model.faults import Fault
from provisioner.model.identifiers import Address, TenantId
from provisioner.model.outcome import ChangeOutcome, ChangeState, ProofOutcome, ProofState
from provisioner.model.plan import Plan
from provisioner.model.results import Applied, HandedOver, Verified

PLAN = Plan(TenantId("t"), "Contoso", False, "p", "P", "guide", "default", "f" * 64, (), ())
BY_HAND = ManualStep("by hand", "press it")


def applied(*states: ChangeState, plan: Plan = PLAN, **more: Any) -> Applied:
    outcomes = tuple(ChangeOutcome(Address(f"a{number}"), state) for number, state in enumerate(states))
    return Applied(plan, outcomes, **more)


ONE = {
    ChangeState.DONE: Exit.DONE,
    ChangeState.KEPT: Exit.DONE,
    ChangeState.MANUAL: Exit.LEFT,
    ChangeState.BLOCKED: Exit.LEFT,
    ChangeState.SKIPPED: Exit.LEFT,
    ChangeState.NOT_YET: Exit.NOT_YET,
    ChangeState.FAILED: Exit.FAILED,
}


@pytest.mark.parametrize("state", list(ChangeState))
def test_one_outcome(state: ChangeState) -> None:
    assert of_applied(applied(state)) is ONE[state]
    assert of_removed(applied(state)) is ONE[state]


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(ChangeState, 2)))
def test_of_two_outcomes_the_worse_counts(one: ChangeState, other: ChangeState) -> None:
    worse = worst(ONE[one], ONE[other])
    assert of_applied(applied(one, other)) is of_applied(applied(other, one)) is worse


def test_nothing_to_do_is_done() -> None:
    assert of_applied(applied()) is Exit.DONE


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (applied(ChangeState.DONE, declined=True), Exit.LEFT),
        (applied(ChangeState.DONE, unsettled=("a0",)), Exit.NOT_YET),
        (applied(ChangeState.FAILED, unsettled=("a0",)), Exit.FAILED),
        (applied(ChangeState.BLOCKED, unsettled=("a0",)), Exit.NOT_YET),
        (applied(ChangeState.DONE, plan=replace(PLAN, manual=(BY_HAND,))), Exit.LEFT),
        (applied(ChangeState.DONE, plan=replace(PLAN, incomplete=("ask the vendor",))), Exit.LEFT),
        (applied(ChangeState.DONE, plan=replace(PLAN, questions=("Confirm with the vendor: x",))), Exit.DONE),
        (applied(ChangeState.NOT_YET, plan=replace(PLAN, manual=(BY_HAND,))), Exit.NOT_YET),
    ],
)
def test_the_rest_of_an_apply(result: Applied, code: Exit) -> None:
    assert of_applied(result) is code


def test_what_a_removal_leaves_on_purpose_is_no_failure() -> None:
    assert of_removed(applied(ChangeState.DONE, plan=replace(PLAN, manual=(BY_HAND,)))) is Exit.DONE
    assert of_removed(applied(declined=True)) is Exit.LEFT


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ((), Exit.DONE),
        ((ProofState.PASSED, ProofState.PASSED), Exit.DONE),
        ((ProofState.PASSED, ProofState.NOT_PROVEN), Exit.DONE),
        ((ProofState.NOT_PROVEN, ProofState.NOT_PROVEN), Exit.LEFT),
        ((ProofState.PASSED, ProofState.NOT_YET), Exit.NOT_YET),
        ((ProofState.NOT_YET, ProofState.FAILED), Exit.FAILED),
        ((ProofState.NOT_PROVEN, ProofState.FAILED, ProofState.PASSED), Exit.FAILED),
    ],
)
def test_proofs(states: tuple[ProofState, ...], code: Exit) -> None:
    proofs = tuple(ProofOutcome(str(number), "t", state, "d") for number, state in enumerate(states))
    assert of_verified(Verified(PLAN, proofs)) is code


EWS = Change(Address("ews_access.main"), "ews_access", Action.UPDATE, Part.EXCHANGE, "Let it in")
LIST_BY_HAND = replace(PLAN, changes=(PlannedChange(EWS, Manual("write the list")),))


def failed(*causes: str) -> Verified:
    return Verified(PLAN, (ProofOutcome("ews", "t", ProofState.FAILED, "d", causes),))


@pytest.mark.parametrize(
    ("causes", "code"),
    [
        (("ews_closed_list",), Exit.LEFT),
        (("ews_closed_organisation", "ews_closed_list"), Exit.LEFT),
        (("ews_closed_list", "role_not_assigned"), Exit.FAILED),
        (("role_not_assigned",), Exit.FAILED),
        ((), Exit.FAILED),
    ],
)
def test_a_proof_that_fails_for_what_is_left_by_hand_is_left(causes: tuple[str, ...], code: Exit) -> None:
    verified = failed(*causes)
    assert of_onboarded(applied(ChangeState.MANUAL, plan=LIST_BY_HAND), verified, LIST_BY_HAND) is code
    assert of_verified(verified) is Exit.FAILED, "without the change nobody knows that it is left"
    filled = HandedOver(LIST_BY_HAND, (), (), datetime(2026, 1, 1, tzinfo=UTC), verified.proofs)
    assert of_handed_over(filled) is code


def test_what_is_ready_in_the_second_plan_is_not_yet_and_what_is_by_hand_is_left() -> None:
    proven = Verified(PLAN, (ProofOutcome("token", "t", ProofState.PASSED, "d"),))
    pending = replace(PLAN, changes=(PlannedChange(EWS, Ready()),))
    assert of_onboarded(applied(ChangeState.DONE), proven, pending) is Exit.NOT_YET
    assert of_onboarded(applied(ChangeState.MANUAL, plan=LIST_BY_HAND), proven, LIST_BY_HAND) is Exit.LEFT
    assert of_onboarded(applied(ChangeState.DONE), proven, PLAN) is Exit.DONE


@pytest.mark.parametrize("state", list(ChangeState))
def test_proofs_are_tried_where_only_a_persons_part_is_left(state: ChangeState) -> None:
    wanted = state in (ChangeState.DONE, ChangeState.KEPT, ChangeState.MANUAL)
    assert can_be_proven(applied(ChangeState.DONE, state)) is wanted
    assert not can_be_proven(applied(state, declined=True))
    assert not can_be_proven(applied(state, unsettled=("a0",)))
    assert not can_be_proven(applied(state, script="a script has its own way on"))


@pytest.mark.parametrize("codes", list(itertools.permutations(WEIGHT, 2)))
def test_worst_does_not_depend_on_the_order(codes: tuple[Exit, ...]) -> None:
    assert worst(*codes) is worst(*reversed(codes)) is min(codes, key=WEIGHT.index)


def test_every_code_but_the_processs_own_has_a_weight() -> None:
    assert set(WEIGHT) == set(Exit) - {Exit.INPUT, Exit.INTERRUPTED}


# --- errors

FAULT = Fault("graph", "POST /x", 403, "Authorization_RequestDenied", "Insufficient privileges", request_id="r-1")
LEAVES: list[tuple[errors.ProvisionerError, int]] = [
    (errors.ProvisionerError("no", advice="look"), 1),
    (errors.InputFault("bad", (errors.FaultyPlace("f.yaml", 3, 4, "unknown key"),)), 4),
    (errors.ServiceFault(FAULT), 1),
    (errors.SignInRefused(FAULT), 5),
    (errors.WrongTenant(FAULT), 5),
    (errors.Refused(FAULT, who_can=("Global Administrator",)), 5),
    (errors.Absent(FAULT), 1),
    (errors.AlreadyThere(FAULT), 1),
    (errors.NotYet(FAULT), 6),
    (errors.UnknownOutcome(FAULT), 1),
    (errors.Unreachable(FAULT), 1),
    (errors.SinkFault("age", "the disk is full"), 1),
    (errors.PlanRefused("changed"), 3),
    (errors.GateClosed("needs a flag"), 3),
    (errors.Declined("no"), 3),
]


def ended(error: BaseException, form: OutputForm) -> int:
    async def work() -> None:
        raise error

    with pytest.raises(typer.Exit) as caught:
        run(work, form)
    return caught.value.exit_code


@pytest.mark.parametrize("form", list(OutputForm))
@pytest.mark.parametrize(("error", "code"), LEAVES, ids=[type(error).__name__ for error, _ in LEAVES])
def test_every_error_ends_with_its_code_and_is_told_once(
    error: errors.ProvisionerError, code: int, form: OutputForm, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(error, form) == code
    out, err = capsys.readouterr()
    told, silent = (out, err) if form is OutputForm.JSON else (err, out)
    assert silent == ""
    assert "Traceback" not in told
    if form is OutputForm.JSON:
        document = json.loads(told)
        assert document["schemaVersion"] == 1
        assert document["error"]["message"] == error.message
    else:
        assert told.count(error.message.split(":")[0]) >= 1


def test_the_table_knows_every_leaf() -> None:
    def leaves(kind: type[errors.ProvisionerError]) -> set[type]:
        return {kind}.union(*(leaves(each) for each in kind.__subclasses__()))

    ours = {each for each in leaves(errors.ProvisionerError) if each.__module__ == "provisioner.errors"}
    assert {type(error) for error, _ in LEAVES} == ours


@pytest.mark.parametrize("error", [KeyboardInterrupt(), asyncio.CancelledError()])
def test_an_interruption_says_how_to_go_on(error: BaseException, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(error, OutputForm.TERMINAL) == 130
    assert "The same command again" in capsys.readouterr().err


def test_a_bug_is_not_dressed_up_as_an_error_of_ours() -> None:
    async def work() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(work, OutputForm.JSON)


def test_a_result_is_handed_through() -> None:
    async def work() -> str:
        return "done"

    assert run(work, OutputForm.TERMINAL) == "done"
