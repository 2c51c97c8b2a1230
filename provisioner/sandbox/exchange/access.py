"""Who calls a cmdlet, and which cmdlets that caller has.

Exchange Online shows a caller only the cmdlets of its roles: what is not granted does not exist.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from provisioner.sandbox import roles
from provisioner.sandbox.ledger import mark
from provisioner.sandbox.tokens import Claims

HELPDESK_ADMINISTRATOR: Final = "729827e3-9c14-49f7-bb1b-9608f156bbb8"
COMPLIANCE_ADMINISTRATOR: Final = "17315797-102d-40b4-93e0-432062caca18"

ROLE_NAMES: Final = {
    "Global Administrator": roles.GLOBAL_ADMINISTRATOR,
    "Exchange Administrator": roles.EXCHANGE_ADMINISTRATOR,
    "Exchange Recipient Administrator": roles.EXCHANGE_RECIPIENT_ADMINISTRATOR,
    "Global Reader": roles.GLOBAL_READER,
    "Helpdesk Administrator": HELPDESK_ADMINISTRATOR,
    "Security Administrator": roles.SECURITY_ADMINISTRATOR,
    "Security Reader": roles.SECURITY_READER,
    "Compliance Administrator": COMPLIANCE_ADMINISTRATOR,
}
"""Display name to role template id, for the roles Exchange Online PowerShell accepts."""

ADMINISTRATORS: Final = frozenset({roles.GLOBAL_ADMINISTRATOR, roles.EXCHANGE_ADMINISTRATOR})
RECIPIENT_ADMINISTRATORS: Final = ADMINISTRATORS | {roles.EXCHANGE_RECIPIENT_ADMINISTRATOR}
READERS: Final = frozenset(ROLE_NAMES.values())

_DELEGATED_SCOPES: Final = frozenset({"Exchange.Manage", "AdminApi.AccessAsUser.All"})

mark(
    "App-only needs Exchange.ManageAsApp in the token and a directory role on its service principal; only Exchange "
    "Administrator and "
    "Global Administrator have every cmdlet",
    source="exchange.md 4.7 S1",
    if_wrong="the plan names the wrong role",
)
mark(
    "Exchange Recipient Administrator: mailboxes, permissions and client access, not service principals; Global "
    "Reader, Helpdesk, "
    "Security and Compliance roles only read",
    source="unverified in detail (exchange.md 4.7 S1 names the roles, not their cmdlets)",
    if_wrong="a caller is promised or denied a step",
)


@dataclass(frozen=True)
class Caller:
    """Somebody in front of Exchange: `roles` are directory role template ids, none when Exchange keeps it out."""

    name: str
    roles: frozenset[str]
    app_only: bool


def caller_of(claims: Claims, unheard_of: frozenset[str] = frozenset()) -> Caller:
    """The caller an access token makes: the roles frozen in the token, but those Exchange has not heard of yet."""
    if claims.app_only:
        admitted = "Exchange.ManageAsApp" in claims.roles
    else:
        admitted = bool(_DELEGATED_SCOPES.intersection(claims.scp))
    roles = frozenset(claims.wids) & READERS - unheard_of
    return Caller(claims.caller, roles if admitted else frozenset(), claims.app_only)


def role_ids(names: Iterable[str]) -> frozenset[str]:
    """Template ids of roles given by display name or id; what Exchange does not accept drops out."""
    return frozenset(ROLE_NAMES.get(name, name) for name in names) & READERS
