"""A mailbox's SMTP AUTH switch. Shared: other products may rely on it, so `remove` never turns it back.

SMTP AUTH must be on even for OAuth, and most vendors' guides forget it (field notes 2.10). The per-mailbox switch is
used, never the organisation's: it opens one mailbox instead of all.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import ClassVar

from provisioner.exchange import client_access
from provisioner.model.change import Action, Blocked, Change, FieldChange, Part, Ready, Standing
from provisioner.model.declared import ClientAccess
from provisioner.model.identifiers import Address
from provisioner.model.observed import Caller, ClientAccessSettings, NotSeen, TransportSettings
from provisioner.resources.hands import Bindings, Hands
from provisioner.resources.kind import Kind
from provisioner.resources.sight import Sight


@dataclass(frozen=True)
class Observed:
    """The mailbox's own switch (None: no such mailbox) and the organisation's, which it may follow."""

    mailbox: ClientAccessSettings | NotSeen | None
    organisation: TransportSettings | NotSeen


class ClientAccessKind(Kind[ClientAccess, Observed]):
    """`Set-CASMailbox -SmtpClientAuthenticationDisabled`."""

    name: ClassVar[str] = "client_access"
    part: ClassVar[Part] = Part.EXCHANGE

    def needs(self, declared: ClientAccess) -> tuple[Address, ...]:
        """Nothing of ours."""
        return ()

    async def read(self, declared: ClientAccess, sight: Sight) -> Observed:
        """Both switches."""
        mailbox, organisation = await asyncio.gather(sight.client_access(declared.mailbox), sight.transport())
        return Observed(mailbox, organisation)

    def bind(self, declared: ClientAccess, observed: Observed, bindings: Bindings) -> None:
        """Nothing to bind."""

    def compare(self, declared: ClientAccess, observed: Observed) -> Change:
        """Switch, or keep what already has the wanted effect."""
        wanted = "on" if declared.smtp_auth else "off"
        before = _in_words(observed) if isinstance(observed.mailbox, ClientAccessSettings) else None
        undo = "`remove` leaves it: the mailbox is not ours alone"
        if _effective(observed) is declared.smtp_auth:
            return Change(
                declared.address,
                self.name,
                Action.KEEP,
                self.part,
                f"SMTP AUTH of {declared.mailbox}",
                reason=f"{_in_words(observed)}",
                guide_steps=declared.guide_steps,
            )
        return Change(
            declared.address,
            self.name,
            Action.UPDATE,
            self.part,
            f"Switch SMTP AUTH {wanted} for {declared.mailbox}",
            fields=(FieldChange(f"SMTP AUTH of {declared.mailbox}", before, wanted),),
            reason="needed even with OAuth: without it Exchange answers 535 5.7.139",
            undo=undo,
            guide_steps=declared.guide_steps,
        )

    def standing(self, declared: ClientAccess, observed: Observed, caller: Caller) -> Standing:
        """Blocked where the mailbox is missing or was not seen."""
        if isinstance(observed.mailbox, NotSeen):
            return Blocked(f"not seen: {observed.mailbox.reason}", observed.mailbox.who_can)
        if observed.mailbox is None:
            return Blocked(f"there is no mailbox {declared.mailbox} in Exchange Online")
        return Ready()

    async def carry_out(self, declared: ClientAccess, change: Change, hands: Hands) -> None:
        """Set this mailbox's switch only."""
        await hands.settled(
            declared.address,
            lambda: client_access.set_smtp_auth(hands.driver(), declared.mailbox, disabled=not declared.smtp_auth),
        )

    def compare_removal(self, declared: ClientAccess, observed: Observed) -> Change:
        """Never reverted silently."""
        return Change(
            declared.address,
            self.name,
            Action.KEEP,
            self.part,
            f"SMTP AUTH of {declared.mailbox}",
            reason=f"shared with whoever else uses the mailbox; it is {_in_words(observed)} now",
        )

    async def remove(self, declared: ClientAccess, change: Change, hands: Hands) -> None:
        """Nothing is taken away."""
        raise AssertionError("a shared setting is never removed")


def _effective(observed: Observed) -> bool | None:
    """Whether SMTP AUTH works for the mailbox; None where we cannot tell."""
    if not isinstance(observed.mailbox, ClientAccessSettings):
        return None
    if observed.mailbox.smtp_auth_disabled is not None:
        return not observed.mailbox.smtp_auth_disabled
    if isinstance(observed.organisation, TransportSettings):
        return not observed.organisation.smtp_auth_disabled
    return None


def _in_words(observed: Observed) -> str:
    if not isinstance(observed.mailbox, ClientAccessSettings):
        return "not seen"
    if observed.mailbox.smtp_auth_disabled is not None:
        return "off" if observed.mailbox.smtp_auth_disabled else "on"
    if isinstance(observed.organisation, TransportSettings):
        return "as the organisation: " + ("off" if observed.organisation.smtp_auth_disabled else "on")
    return "as the organisation"
