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


LEFT_ALONE = frozenset({"account_locked", "exchange_settling", "wrong_password"})
"""Causes that further attempts prolong, or bring about (field-notes.md 1.10; exchange.md 4.4)."""


def verified_sheet(result: Verified, commands: Commands) -> Sheet:
    """How each proof went."""
    return Sheet(
        title=f"Proofs: {result.plan.title}",
        sandbox=result.plan.sandbox,
        facts=wording.facts(result.plan),
        parts=(
            *wording.applications(result.plan),
            *parts(result),
            *wording.secrets(result.secrets, result.plan, commands),
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
    proofs = "1 proof" if len(result.proofs) == 1 else f"{len(result.proofs)} proofs"
    return (f"Of {proofs}: {wording.counted(counts)}.",)


def next_steps(result: Verified, commands: Commands) -> tuple[Next, ...]:
    """Wait where it is too early, look again where it failed, send where only that is not proven, else go on."""
    sending = ("--send",) if result.sent else ()
    if _number(result, ProofState.FAILED):
        return (Next("when the cause is mended", commands("verify", *sending)),)
    early = [each for each in result.proofs if each.state is ProofState.NOT_YET]
    if any(not LEFT_ALONE.isdisjoint(each.causes) for each in early):
        return (Next("after a pause without attempts", commands("verify", *sending)),)
    if early:
        return (Next("to try until it is there", commands("verify", *sending, "--wait", "2h")),)
    return (*to_send(result, commands), Next("for the values to enter", commands("handover")))


def to_send(result: Verified, commands: Commands) -> tuple[Next, ...]:
    """The command that proves sending, where nobody has asked for that so far."""
    if result.sent or not any("--send" in (each.advice or "") for each in result.proofs):
        return ()
    return (Next("to prove sending as well, with one mail", commands("verify", "--send")),)


def unproven(result: Verified) -> bool:
    """Whether another try may help."""
    return any(each.state in (ProofState.FAILED, ProofState.NOT_YET) for each in result.proofs)


def _item(proof: ProofOutcome) -> Item:
    mark, tone, word = STATES[proof.state]
    return Item(
        mark,
        proof.title,
        tone,
        word,
        details=(
            *((Detail("seen", _seen(proof)),) if proof.detail else ()),
            *_causes(proof),
            *((Detail("advice", proof.advice, Tone.WAIT),) if proof.advice else ()),
            *((Detail("link", proof.link, kind=Kind.COPY),) if proof.link else ()),
        ),
    )


def _seen(proof: ProofOutcome) -> str:
    if proof.state is ProofState.NOT_PROVEN and proof.causes:
        return f"{proof.detail}; that proves nothing as long as this is possible:"
    return proof.detail


def _causes(proof: ProofOutcome) -> tuple[Detail, ...]:
    """Each cause in words; its code is what people search for."""
    label = "possible" if proof.state is ProofState.NOT_PROVEN else "one of" if len(proof.causes) > 1 else "cause"
    reasons = proof.reasons or tuple(each.replace("_", " ") for each in proof.causes)
    return tuple(
        Detail(label, reason, Tone.WAIT, code=code) for reason, code in zip(reasons, proof.causes, strict=True)
    )


def _number(result: Verified, state: ProofState) -> int:
    return sum(each.state is state for each in result.proofs)
