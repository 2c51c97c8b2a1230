"""ApplicationAccessPolicy, the older way to confine an application to some mailboxes: read, never written.

It cuts down what Entra granted over Graph and EWS. It does not touch roles that Exchange itself gives, nor IMAP, POP
and SMTP. DenyAccess beats RestrictAccess; without a policy all is open. Source: exchange.md 4.5.
"""

from __future__ import annotations

from provisioner.errors import Absent, ServiceFault
from provisioner.exchange.interface import Exchange
from provisioner.exchange.properties import text
from provisioner.model.identifiers import AppId
from provisioner.model.policies import AccessPolicy


async def of_application(exchange: Exchange, app_id: AppId) -> tuple[AccessPolicy, ...]:
    """The policies of one application.

    Raises `ServiceFault` for a 404: one tenant gave it over the web service (exchange.md 4.5), and it is not "none".
    """
    try:
        reply = await exchange.run("Get-ApplicationAccessPolicy", {})
    except Absent as error:
        raise ServiceFault(error.fault) from None
    policies = (
        AccessPolicy(
            app_id=AppId(text(each, "AppId").lower()),
            right=text(each, "AccessRight"),
            scope_name=text(each, "ScopeName"),
        )
        for each in reply.output
    )
    return tuple(each for each in policies if each.app_id == app_id.lower())


async def lets_in(exchange: Exchange, app_id: AppId, mailbox: str) -> bool:
    """Whether the policies leave a mailbox open to an application. Its change takes up to two hours to have effect."""
    reply = await exchange.run("Test-ApplicationAccessPolicy", {"Identity": mailbox, "AppId": app_id})
    return any(text(each, "AccessCheckResult") == "Granted" for each in reply.output)
