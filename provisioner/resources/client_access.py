"""A mailbox's protocol switches. Shared: other products may rely on them, so `remove` never turns one back.

SMTP AUTH must be on even for OAuth, and most vendors' guides forget it (field notes 2.10). The per-mailbox switch is
used, never the organisation's: it opens one mailbox instead of all. SMTP AUTH alone may follow the organisation's, so
it has three states; the others are on or off.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from provisioner.exchange import client_access
from provisioner.model.change import Action, Blocked, Change, FieldChange, Part, Ready, Standing
from provisioner.model.declaration import ManualStep
from provisioner.model.declared import ClientAccess, Protocol
from provisioner.model.identifiers import Address
from provisioner.model.observed import Caller, ClientAccessSettings, NotSeen, TransportSettings
from provisioner.resources.hands import Bindings, Hands
from provisioner.resources.kind import Kind
from provisioner.resources.sight import Sight

NAMES: Mapping[Protocol, str] = MappingProxyType(
    {
        Protocol.SMTP_AUTH: "SMTP AUTH",
        Protocol.IMAP: "IMAP",
        Protocol.POP: "POP",
        Protocol.OWA: "Outlook on the web",
        Protocol.MAPI: "MAPI",
        Protocol.ACTIVE_SYNC: "ActiveSync",
        Protocol.EWS: "EWS",
    }
)
"""What people call them."""


@dataclass(frozen=True)
class Observed:
    """The mailbox's own switches (None: no such mailbox) and the organisation's, which SMTP AUTH may follow."""

    mailbox: ClientAccessSettings | NotSeen | None
    organisation: TransportSettings | NotSeen


class ClientAccessKind(Kind[ClientAccess, Observed]):
    """`Set-CASMailbox`."""

    name: ClassVar[str] = "client_access"
    part: ClassVar[Part] = Part.EXCHANGE
    shared: ClassVar[bool] = True

    def needs(self, declared: ClientAccess) -> tuple[Address, ...]:
        """Nothing of ours."""
        return ()

    async def read(self, declared: ClientAccess, sight: Sight) -> Observed:
        """The mailbox's switches and the organisation's."""
        mailbox, organisation = await asyncio.gather(sight.client_access(declared.mailbox), sight.transport())
        return Observed(mailbox, organisation)

    def bind(self, declared: ClientAccess, observed: Observed, bindings: Bindings) -> None:
        """Nothing to bind."""

    def compare(self, declared: ClientAccess, observed: Observed) -> Change:
        """Switch what has not the wanted effect, or keep everything."""
        differ = {protocol: on for protocol, on in declared.switches if not _holds(observed, protocol, on)}
        if not differ:
            return Change(
                declared.address,
                self.name,
                Action.KEEP,
                self.part,
                f"{_names(declared)} of {declared.mailbox}",
                reason=_all_in_words(declared, observed),
                guide_steps=declared.guide_steps,
            )
        return Change(
            declared.address,
            self.name,
            Action.UPDATE,
            self.part,
            f"Switch {_switched(differ)} for {declared.mailbox}",
            fields=tuple(
                FieldChange(_field(declared, protocol), _before(observed, protocol), _on_or_off(on))
                for protocol, on in differ.items()
            ),
            reason=_reason(differ),
            undo="`remove` leaves it: the mailbox is not ours alone",
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
        """Set exactly the switches that the change names."""
        named = {each.name for each in change.fields}
        on = {protocol: value for protocol, value in declared.switches if _field(declared, protocol) in named}
        await hands.settled(declared.address, lambda: client_access.switch(hands.driver(), declared.mailbox, on))

    def compare_removal(self, declared: ClientAccess, observed: Observed) -> Change:
        """Never reverted silently."""
        return Change(
            declared.address,
            self.name,
            Action.KEEP,
            self.part,
            f"{_names(declared)} of {declared.mailbox}",
            reason=f"shared with whoever else uses the mailbox; now: {_all_in_words(declared, observed)}",
        )

    async def remove(self, declared: ClientAccess, change: Change, hands: Hands) -> None:
        """Nothing is taken away."""
        raise AssertionError("a shared setting is never removed")


def left_behind(before: tuple[tuple[str, str | None], ...]) -> tuple[ManualStep, ...]:
    """What `remove` leaves of us in mailboxes' switches, for a person to decide; earlier runs may have had others.

    `before` is what our first change of each switch found, from the receipts.
    """
    switched: dict[str, list[str]] = {}
    for field, _ in before:
        name, _, mailbox = field.partition(" of ")
        switched.setdefault(mailbox, []).append(name)
    return tuple(
        ManualStep(
            title=f"Decide about {_listed(names)} of {mailbox}",
            instruction="it stays as it is, because others may rely on it. Before our run: "
            + "; ".join(f"{field}: {value}" for field, value in before if field.endswith(f" of {mailbox}")),
            role="Exchange Administrator",
            proof=f"Get-CASMailbox -Identity {mailbox} shows it as you decided",
        )
        for mailbox, names in switched.items()
    )


def _names(declared: ClientAccess) -> str:
    return _listed(NAMES[protocol] for protocol, _ in declared.switches)


def _field(declared: ClientAccess, protocol: Protocol) -> str:
    return f"{NAMES[protocol]} of {declared.mailbox}"


def _switched(differ: Mapping[Protocol, bool]) -> str:
    """`SMTP AUTH on`; `IMAP on; POP and EWS off`."""
    groups = ((_listed(NAMES[each] for each, on in differ.items() if on is wanted), wanted) for wanted in (True, False))
    return "; ".join(f"{names} {_on_or_off(wanted)}" for names, wanted in groups if names)


def _reason(differ: Mapping[Protocol, bool]) -> str:
    reasons: list[str] = []
    if differ.get(Protocol.SMTP_AUTH):
        reasons.append("needed even with OAuth: without it Exchange answers 535 5.7.139")
    if any(on for protocol, on in differ.items() if protocol is not Protocol.SMTP_AUTH):
        reasons.append("the product comes in this way")
    if not all(differ.values()):
        reasons.append("what the product does not use stays closed to whoever gets hold of its credentials")
    return "; ".join(reasons)


def _holds(observed: Observed, protocol: Protocol, on: bool) -> bool:
    """Whether the switch is as wanted. What is off only as the organisation's is would come on with it."""
    if not isinstance(observed.mailbox, ClientAccessSettings):
        return False
    follows = protocol is Protocol.SMTP_AUTH and observed.mailbox.smtp_auth_disabled is None
    return _effective(observed, protocol) is on and (on or not follows)


def _effective(observed: Observed, protocol: Protocol) -> bool | None:
    """Whether the protocol works for the mailbox; None where we cannot tell."""
    if not isinstance(observed.mailbox, ClientAccessSettings):
        return None
    if protocol is not Protocol.SMTP_AUTH:
        return observed.mailbox.on.get(protocol)
    if observed.mailbox.smtp_auth_disabled is not None:
        return not observed.mailbox.smtp_auth_disabled
    if isinstance(observed.organisation, TransportSettings):
        return not observed.organisation.smtp_auth_disabled
    return None


def _before(observed: Observed, protocol: Protocol) -> str | None:
    """What it is now, in words; None where the mailbox was not seen."""
    return _in_words(observed, protocol) if isinstance(observed.mailbox, ClientAccessSettings) else None


def _in_words(observed: Observed, protocol: Protocol) -> str:
    if not isinstance(observed.mailbox, ClientAccessSettings):
        return "not seen"
    works = _effective(observed, protocol)
    if protocol is Protocol.SMTP_AUTH and observed.mailbox.smtp_auth_disabled is None:
        return "as the organisation" if works is None else f"as the organisation: {_on_or_off(works)}"
    return "not shown" if works is None else _on_or_off(works)


def _all_in_words(declared: ClientAccess, observed: Observed) -> str:
    """Of one switch its state; of several each with its name."""
    if len(declared.switches) == 1:
        return _in_words(observed, declared.switches[0][0])
    return ", ".join(f"{NAMES[protocol]} {_in_words(observed, protocol)}" for protocol, _ in declared.switches)


def _on_or_off(on: bool) -> str:
    return "on" if on else "off"


def _listed(names: Iterable[str]) -> str:
    *first, last = [*names] or [""]
    return f"{', '.join(first)} and {last}" if first else last
