"""How long a driver waits, and for what: throttling, a busy service, and a connection that was cut.

A write that was sent before the connection was cut is never repeated here, harmless or not: the caller looks first. A
host that cannot be reached at all is said at once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from provisioner.errors import ServiceFault, Unreachable
from provisioner.exchange.cmdlets import SIGNATURES
from provisioner.exchange.interface import CmdletReply, is_harmless
from provisioner.exchange.psrp_faults import CUT
from provisioner.model.events import Events
from provisioner.pace import Clock
from provisioner.pace.settle import settle

PATIENCE_SECONDS = 90.0
"""For one cmdlet. The throttling windows of Exchange are not documented; a minute and a half covers a short one."""

CUT_TRIES = 5
"""So many connections may be lost while they are opened, and twice as many later, before the answer."""

BUSY = frozenset({429, 503, 504})


async def patiently(
    attempt: Callable[[], Awaitable[CmdletReply]], *, cmdlet: str, clock: Clock, events: Events
) -> CmdletReply:
    """The reply, after as many attempts as its faults deserve."""
    if cmdlet in SIGNATURES and SIGNATURES[cmdlet].sent_once:
        return await attempt()

    async def attempt_or_fault() -> CmdletReply | ServiceFault:
        try:
            return await attempt()
        except ServiceFault as error:
            if _worth_waiting(error):
                raise
            return error

    outcome = await settle(
        attempt_or_fault,
        clock=clock,
        seconds=PATIENCE_SECONDS,
        connect_tries=CUT_TRIES,
        subject=cmdlet,
        events=events,
        just_wrote=False,
        harmless=is_harmless(cmdlet),
    )
    if isinstance(outcome, ServiceFault):
        raise outcome
    return outcome


def _worth_waiting(error: ServiceFault) -> bool:
    """Only of faults that settle knows what to do with; the others go to the caller as they are."""
    cut = isinstance(error, Unreachable) and error.fault.service == "exchange"
    return (cut and (error.fault.sent or error.fault.code == CUT)) or error.fault.status in BUSY
