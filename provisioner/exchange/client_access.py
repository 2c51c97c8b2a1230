"""A mailbox's own SMTP AUTH switch. It holds for OAuth too, and overrules the organisation's (exchange.md 4.3)."""

from __future__ import annotations

from provisioner.errors import Absent
from provisioner.exchange.interface import Exchange
from provisioner.exchange.properties import flag
from provisioner.model.faults import Fault
from provisioner.model.observed import ClientAccessSettings


async def get(exchange: Exchange, mailbox: str) -> ClientAccessSettings:
    """The mailbox's settings. Raises `Absent` where there is no such mailbox."""
    reply = await exchange.run("Get-CASMailbox", {"Identity": mailbox})
    for each in reply.output:
        return ClientAccessSettings(mailbox=mailbox, smtp_auth_disabled=flag(each, "SmtpClientAuthenticationDisabled"))
    raise Absent(Fault("exchange", "Get-CASMailbox", 404, "NoOutput", f"no settings of {mailbox} came"))


async def set_smtp_auth(exchange: Exchange, mailbox: str, *, disabled: bool | None) -> None:
    """Set the switch; None is "as the organisation"."""
    parameters = {"Identity": mailbox, "SmtpClientAuthenticationDisabled": disabled}
    await exchange.run("Set-CASMailbox", parameters)
