"""The organisation's SMTP AUTH switch: off in organisations made since January 2020 (exchange.md 4.3).

It is only read: a mailbox's own switch is enough for one product, and this one opens all mailboxes.
"""

from __future__ import annotations

from provisioner.exchange.interface import Exchange
from provisioner.exchange.properties import flag
from provisioner.model.observed import TransportSettings


async def get(exchange: Exchange) -> TransportSettings:
    """The organisation's settings. What is not said counts as off, which is today's default."""
    reply = await exchange.run("Get-TransportConfig", {})
    values = [flag(each, "SmtpClientAuthenticationDisabled") for each in reply.output]
    return TransportSettings(smtp_auth_disabled=values[0] is not False if values else True)
