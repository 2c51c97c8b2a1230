"""Judgements in words: one sentence of what happened, the causes behind it, and what to do."""

from __future__ import annotations

from provisioner.mail import EwsResult, InboxResult, SmtpResult
from provisioner.model.declaration import Proof
from provisioner.model.faults import Fault
from provisioner.model.outcome import ProofOutcome, ProofState
from provisioner.probes.causes import CAUSES
from provisioner.probes.weighing import Judgement

_LONGEST_REPLY = 240


def outcome(
    proof: Proof, judgement: Judgement, what: str, *, advice: str | None = None, link: str | None = None
) -> ProofOutcome:
    """The outcome of a proof. `what` is what happened; `advice` goes before the causes' own."""
    causes = [CAUSES[each] for each in judgement.causes]
    advices = dict.fromkeys([*([advice] if advice else []), *(each.advice for each in causes)])
    return ProofOutcome(
        name=proof.name,
        title=proof.title,
        state=judgement.state,
        detail=what,
        causes=judgement.causes,
        reasons=tuple(each.text for each in causes),
        advice="; ".join(advices) or None,
        link=link,
    )


def passed(proof: Proof, what: str) -> ProofOutcome:
    """It is proven."""
    return outcome(proof, Judgement(ProofState.PASSED), what)


def about_nothing(what: str, judgement: Judgement) -> str:
    """What happened, and that it proves nothing where no cause says why: a refusal that may meet every mailbox."""
    unknown = judgement == Judgement(ProofState.NOT_PROVEN)
    return f"{what}; nothing shows that another mailbox would not be refused alike" if unknown else what


def refusal(result: SmtpResult) -> str:
    """How a conversation ended, in one line."""
    return _ended(str(result), result.stage.value, silent=result.trouble is not None)


def not_opened(result: InboxResult | EwsResult) -> str:
    """How an inbox was refused, in one line."""
    where = result.step.value if isinstance(result, InboxResult) else "EWS"
    return _ended(str(result), where, silent=result.trouble is not None)


def _ended(reply: str, where: str, *, silent: bool) -> str:
    text = " ".join(reply.split())
    if len(text) > _LONGEST_REPLY:
        text = text[:_LONGEST_REPLY] + "…"
    return f"{'no reply' if silent else 'refused'} at {where}: {text}"


def answered(fault: Fault) -> str:
    """A fault of Graph's, in one line; its text is Microsoft's, cut to a length."""
    text = " ".join(fault.message.split())[:_LONGEST_REPLY]
    head = f"{fault.operation} was answered with {fault.status}" if fault.status else f"{fault.operation}: no answer"
    return f"{head}{f' {fault.code}' if fault.code else ''}: {text}"
