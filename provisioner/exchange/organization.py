"""The organisation's own state: whether it takes scopes of its own.

Microsoft keeps small organisations "dehydrated": they share built-in objects until the first customisation, which
`Enable-OrganizationCustomization` permits for good (exchange.md 4.4).
"""

from __future__ import annotations

from provisioner.errors import ServiceFault
from provisioner.exchange.interface import Exchange
from provisioner.exchange.properties import flag
from provisioner.model.observed import OrganizationSettings

ALREADY_ENABLED = "already enabled for customization"
"""In the error for an organisation that has it. Source: seen in several administrators' scripts."""


async def get(exchange: Exchange) -> OrganizationSettings:
    """The organisation's settings."""
    reply = await exchange.run("Get-OrganizationConfig", {})
    values = [flag(each, "IsDehydrated") for each in reply.output]
    return OrganizationSettings(dehydrated=values[0] if values else None)


async def enable_customization(exchange: Exchange) -> None:
    """Permit it, for good. Returns long before it holds: up to half an hour was seen (exchange.md 4.4)."""
    try:
        await exchange.run("Enable-OrganizationCustomization", {})
    except ServiceFault as error:
        if ALREADY_ENABLED not in error.fault.message:
            raise
