"""The clouds that Microsoft runs apart from each other, as a table: one row, one cloud.

Tokens and app registrations are not shared between them (source: graph.md 6.4). Hosts of Graph and of the sign-in:
graph.md 6.4; of Exchange: graph.md 6.4, exchange.md 1.4. Names for `Connect-ExchangeOnline`: its reference page. Hosts
of SMTP, IMAP and POP outside the worldwide cloud are what mail products' public pages say of them: unverified.
Portals: the three hosts of the Entra FAQ's list for firewalls.
Not in the table, because only their sign-in hosts are known: Bleu, Delos and GovSG.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from provisioner.model.identifiers import EXCHANGE_AUDIENCE, GRAPH_AUDIENCE
from provisioner.model.tenant import WORLDWIDE, Endpoints


class Cloud(StrEnum):
    """The rows' names, as the inventory writes them."""

    WORLDWIDE = "worldwide"
    US_GOV_GCC_HIGH = "us-gov-gcc-high"
    """Level 4."""
    US_GOV_DOD = "us-gov-dod"
    """Level 5."""
    CHINA = "china"
    """Run by 21Vianet."""


def _apart(*, login: str, graph: str, exchange: str, smtp: str, environment: str, portal: str) -> Endpoints:
    """A row: hosts by name; IMAP and POP are where Exchange is, and each API is its own audience."""
    return Endpoints(
        login=f"https://{login}",
        graph=f"https://{graph}/v1.0",
        exchange=f"https://{exchange}",
        smtp_host=smtp,
        smtp_port=587,
        imap_host=exchange,
        pop_host=exchange,
        audiences=((GRAPH_AUDIENCE, f"https://{graph}"), (EXCHANGE_AUDIENCE, f"https://{exchange}")),
        exchange_environment=environment,
        portal=f"https://{portal}",
    )


CLOUDS: Mapping[Cloud, Endpoints] = MappingProxyType(
    {
        Cloud.WORLDWIDE: WORLDWIDE,
        Cloud.US_GOV_GCC_HIGH: _apart(
            login="login.microsoftonline.us",
            graph="graph.microsoft.us",
            exchange="outlook.office365.us",
            smtp="smtp.office365.us",
            environment="O365USGovGCCHigh",
            portal="entra.microsoft.us",
        ),
        Cloud.US_GOV_DOD: _apart(
            login="login.microsoftonline.us",
            graph="dod-graph.microsoft.us",
            exchange="outlook-dod.office365.us",
            smtp="outlook-dod.office365.us",
            environment="O365USGovDoD",
            portal="entra.microsoft.us",
        ),
        Cloud.CHINA: _apart(
            login="login.chinacloudapi.cn",
            graph="microsoftgraph.chinacloudapi.cn",
            exchange="partner.outlook.cn",
            smtp="smtp.partner.outlook.cn",
            environment="O365China",
            portal="entra.microsoftonline.cn",
        ),
    }
)
"""The rows."""


def cloud_of(endpoints: Endpoints) -> Cloud:
    """The name of a cloud. Raises `LookupError` for hosts that are no row of the table, as the sandbox's are not."""
    for name, row in CLOUDS.items():
        if row == endpoints:
            return name
    raise LookupError("these hosts are of no cloud of the table")
