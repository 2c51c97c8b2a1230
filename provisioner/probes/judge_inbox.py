"""What IMAP's and POP's answers mean, given what the tenant shows. Pure; the rule behind it is weighing.py's."""

from __future__ import annotations

from provisioner.mail import InboxResult, Step
from provisioner.probes.judge import no_reply
from provisioner.probes.tools import Facts
from provisioner.probes.weighing import Judgement, weigh


def refused(
    result: InboxResult, facts: Facts, carries_roles: bool | None, *, causes: tuple[str, ...], unreachable: str
) -> Judgement:
    """An inbox that was not opened. `causes` is what a refusal can mean, `unreachable` what silence means."""
    if result.trouble is not None:
        return no_reply(result.trouble, unreachable, connected=result.step is not Step.CONNECT)
    return weigh(causes, facts, carries_roles)
