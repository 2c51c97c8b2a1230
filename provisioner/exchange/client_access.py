"""A mailbox's own protocol switches.

SMTP AUTH is the only one with a switch that says "disabled", and the only one that may follow the organisation, whose
switch it overrules; it holds for OAuth too (exchange.md 4.3). The names are those of Set-CASMailbox
(office-docs-powershell).
"""

from __future__ import annotations

from collections.abc import Mapping

from provisioner.errors import Absent
from provisioner.exchange.interface import Exchange
from provisioner.exchange.properties import flag
from provisioner.model.declared import Protocol
from provisioner.model.faults import Fault
from provisioner.model.observed import ClientAccessSettings


async def get(exchange: Exchange, mailbox: str) -> ClientAccessSettings:
    """The mailbox's settings. Raises `Absent` where there is no such mailbox."""
    reply = await exchange.run("Get-CASMailbox", {"Identity": mailbox})
    for each in reply.output:
        shown = {
            Protocol.IMAP: flag(each, "ImapEnabled"),
            Protocol.POP: flag(each, "PopEnabled"),
            Protocol.OWA: flag(each, "OWAEnabled"),
            Protocol.MAPI: flag(each, "MAPIEnabled"),
            Protocol.ACTIVE_SYNC: flag(each, "ActiveSyncEnabled"),
            Protocol.EWS: flag(each, "EwsEnabled"),
        }
        return ClientAccessSettings(
            mailbox=mailbox,
            smtp_auth_disabled=flag(each, "SmtpClientAuthenticationDisabled"),
            on={protocol: on for protocol, on in shown.items() if on is not None},
        )
    raise Absent(Fault("exchange", "Get-CASMailbox", 404, "NoOutput", f"no settings of {mailbox} came"))


async def switch(exchange: Exchange, mailbox: str, on: Mapping[Protocol, bool]) -> None:
    """Set these switches, and no others, in one go."""
    smtp_auth = on.get(Protocol.SMTP_AUTH)
    switches = {
        "SmtpClientAuthenticationDisabled": None if smtp_auth is None else not smtp_auth,
        "ImapEnabled": on.get(Protocol.IMAP),
        "PopEnabled": on.get(Protocol.POP),
        "OWAEnabled": on.get(Protocol.OWA),
        "MAPIEnabled": on.get(Protocol.MAPI),
        "ActiveSyncEnabled": on.get(Protocol.ACTIVE_SYNC),
        "EwsEnabled": on.get(Protocol.EWS),
    }
    named = {name: value for name, value in switches.items() if value is not None}
    await exchange.run("Set-CASMailbox", {"Identity": mailbox, **named})
