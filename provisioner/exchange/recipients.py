"""Whoever has an address here: a mailbox in the cloud, or somebody whose mailbox is elsewhere.

A mailbox on premises is a mail user here: `Get-Mailbox` does not find it, `Get-Recipient` does. (`RemoteUserMailbox` is
on-premises Exchange's own word for it.) So one cmdlet answers for all of them. Source: office-docs-powershell.
"""

from __future__ import annotations

from provisioner.errors import Absent
from provisioner.exchange.interface import Exchange
from provisioner.exchange.properties import flag, optional_text, text
from provisioner.model.observed import Recipient


async def get(exchange: Exchange, address: str) -> Recipient | None:
    """The recipient of that address; None where there is none."""
    try:
        reply = await exchange.run("Get-Recipient", {"Identity": address})
    except Absent:
        return None
    for each in reply.output:
        return Recipient(
            kind=text(each, "RecipientTypeDetails"),
            address=text(each, "PrimarySmtpAddress").lower(),
            licensed=flag(each, "SKUAssigned"),
            elsewhere=optional_text(each, "ExternalEmailAddress"),
            synchronised=flag(each, "IsDirSynced") is True,
        )
    return None
