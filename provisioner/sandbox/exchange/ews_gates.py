"""The gates before Exchange Web Services: date, organisation, application list, user agents, mailbox.

Whoever stands before a closed gate learns one of two sentences, and for the lists not which one.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Final

from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.exchange import directory
from provisioner.sandbox.exchange.client_access import settings
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.store import Document, Transaction

RESTRICTED_FROM: Final = datetime(2026, 10, 1, tzinfo=UTC).timestamp()
ENDED_FROM: Final = datetime(2027, 4, 1, tzinfo=UTC).timestamp()
DISABLED: Final = "EWS is disabled for this user or tenant"
BLOCKED: Final = "EWS is blocked by policy for this user or tenant"


@behaviour(
    "EWS ends on 2027-04-01 for everybody; the organisation's switch off closes it, null counts as on before "
    "2026-10-01 and as off from then on",
    source="exchange.md 6 S21; null after the date: sources disagree (field-notes.md 1.2), the closing one is played",
    if_wrong="a product is promised EWS that the tenant refuses",
)
@behaviour(
    "Switched on, only applications in EwsAllowedAppIDs pass; from 2026-10-01 an empty list lets nobody through. The "
    "user-agent lists are asked too, and both must pass",
    source="MicrosoftDocs/office-developer-exchange-docs how-to-control-access-to-ews-in-exchange.md; field-notes.md "
    "1.2; exchange.md 6 S21; an empty list before the date: unverified",
    if_wrong="one careless write to the list is an outage that nobody sees coming",
)
def organization_refuses(sandbox: Sandbox, tx: Transaction, app_id: str, user_agent: str) -> str | None:
    """Why the organisation keeps this application out (the text of X-EWS-Policy-Reason), or None."""
    now = sandbox.clock.now()
    if now >= ENDED_FROM:
        return DISABLED
    seen = sandbox.protocols_as_of("ews", directory.SINGLETON)
    document = tx.get(directory.ORGANIZATION, directory.SINGLETON, as_of=seen) or {}
    enabled = document.get("ewsEnabled")
    if enabled is False or (enabled is None and now >= RESTRICTED_FROM):
        return DISABLED
    listed = application_ids(document)
    if enabled and (listed or now >= RESTRICTED_FROM) and app_id.casefold() not in listed:
        return BLOCKED
    return None if _agent_passes(document, user_agent) else BLOCKED


@behaviour(
    "The mailbox's own EwsEnabled closes it for that mailbox; on, it does not open what the organisation closed",
    source="MicrosoftDocs/office-developer-exchange-docs how-to-control-access-to-ews-in-exchange.md",
    if_wrong="the wrong gate is named",
)
def mailbox_refuses(sandbox: Sandbox, tx: Transaction, mailbox_id: str) -> str | None:
    """Why a mailbox is closed to EWS, or None."""
    seen = sandbox.protocols_as_of("switch", mailbox_id)
    return None if settings(tx, mailbox_id, seen)["ewsEnabled"] else DISABLED


def application_ids(document: Document) -> frozenset[str]:
    """The organisation's list of application ids, lower case."""
    listed = str(document.get("ewsAllowedAppIds") or "").split(",")
    return frozenset(each.strip().casefold() for each in listed if each.strip())


def _agent_passes(document: Document, user_agent: str) -> bool:
    policy = document.get("ewsApplicationAccessPolicy")
    if policy == "EnforceAllowList":
        return _matches(document.get("ewsAllowList") or (), user_agent)
    return policy != "EnforceBlockList" or not _matches(document.get("ewsBlockList") or (), user_agent)


def _matches(patterns: Iterable[str], user_agent: str) -> bool:
    return any(fnmatchcase(user_agent.casefold(), each.casefold().replace("[", "[[]")) for each in patterns)
