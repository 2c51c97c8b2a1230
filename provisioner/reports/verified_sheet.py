"""The proofs as a sheet: what was tried, how it went, what it may be and what to do."""

from __future__ import annotations

from provisioner.model.outcome import ProofOutcome, ProofState
from provisioner.model.results import Verified
from provisioner.reports import wording
from provisioner.reports.sheet import Detail, Item, Kind, Mark, Next, Section, Sheet, Tone
from provisioner.reports.wording import Commands

STATES = {
    ProofState.PASSED: (Mark.TICK, Tone.GOOD, "proven"),
    ProofState.FAILED: (Mark.CROSS, Tone.ALARM, "failed"),
    ProofState.NOT_YET: (Mark.CLOCK, Tone.WAIT, "not yet"),
    ProofState.NOT_PROVEN: (Mark.QUESTION, Tone.WAIT, "not proven"),
}


def verified_sheet(result: Verified, commands: Commands) -> Sheet:
    """How each proof went."""
    return Sheet(
        title=f"Proofs: {result.plan.title}",
        sandbox=result.plan.sandbox,
        facts=wording.facts(result.plan),
        parts=(
            *wording.applications(result.plan),
            *parts(result),
            *wording.secrets(result.secrets, commands),
            *wording.noticed(result.plan),
        ),
        closing=closing(result),
        next=next_steps(result, commands),
    )


def parts(result: Verified) -> tuple[Section, ...]:
    """The proofs."""
    return wording.section("Proofs", (_item(each) for each in result.proofs))


def closing(result: Verified) -> tuple[str, ...]:
    """The sum."""
    if not result.proofs:
        return ("Nothing to prove.",)
    counts = [(_number(result, state), word) for state, (_, _, word) in STATES.items()]
    return (f"Of {len(result.proofs)} proofs: {wording.counted(counts)}.",)


def next_steps(result: Verified, commands: Commands) -> tuple[Next, ...]:
    """Wait where it is too early, look again where it failed, go on where it is proven."""
    if _number(result, ProofState.FAILED):
        return (Next("when the cause is mended", commands("verify")),)
    if _number(result, ProofState.NOT_YET):
        return (Next("to try until it is there", commands("verify", "--wait", "2h")),)
    return (Next("for the values to enter", commands("handover")),)


def unproven(result: Verified) -> bool:
    """Whether another try may help."""
    return any(each.state in (ProofState.FAILED, ProofState.NOT_YET) for each in result.proofs)


def _item(proof: ProofOutcome) -> Item:
    mark, tone, word = STATES[proof.state]
    causes = "one of" if len(proof.causes) > 1 else "cause"
    return Item(
        mark,
        proof.title,
        tone,
        word,
        details=(
            *((Detail("seen", proof.detail),) if proof.detail else ()),
            *((Detail(causes, ", ".join(proof.causes), Tone.WAIT, Kind.NAME),) if proof.causes else ()),
            *((Detail("advice", proof.advice, Tone.WAIT),) if proof.advice else ()),
            *((Detail("link", proof.link, kind=Kind.COPY),) if proof.link else ()),
        ),
    )


def _number(result: Verified, state: ProofState) -> int:
    return sum(each.state is state for each in result.proofs)
