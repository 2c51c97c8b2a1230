"""Names of things, as types, so that an object id cannot be passed where an application id belongs.

The difference between the two costs real tenants days: `New-ServicePrincipal` accepts the wrong one silently.
"""

from __future__ import annotations

from typing import NewType

Address = NewType("Address", str)
"""Where a declared thing lives in a plan before it has an id: `application.main`, `client_secret.main.mail`."""

EARLIER = " (earlier "


def earlier(address: Address, number: int) -> Address:
    """Where a thing lives that only the parameters of an earlier run ask for, beside what is wanted now."""
    return Address(f"{address}{EARLIER}{number})")


def base(address: Address) -> Address:
    """The address that an earlier thing had in its own time; any other address as it is."""
    return Address(address.partition(EARLIER)[0])


TenantId = NewType("TenantId", str)
"""The directory (tenant) id, a lower-case GUID."""

AppId = NewType("AppId", str)
"""The application (client) id: the same in every tenant, a lower-case GUID."""

ObjectId = NewType("ObjectId", str)
"""The id of one object in one directory, a lower-case GUID."""

KeyId = NewType("KeyId", str)
"""The id of a password or key credential (the portal's "Secret ID"), never its value."""

GRAPH_APP_ID = AppId("00000003-0000-0000-c000-000000000000")
"""Microsoft Graph. Source: graph.md 1.1."""

EXCHANGE_APP_ID = AppId("00000002-0000-0ff1-ce00-000000000000")
"""Office 365 Exchange Online. Source: graph.md 1.1."""

AZURE_CLI_APP_ID = AppId("04b07795-8ddb-461a-bbee-02f9e1bf7b46")
"""The Azure CLI, whose permissions Microsoft has fixed. Source: graph.md 1.1."""

GRAPH_AUDIENCE = "https://graph.microsoft.com"
"""Audience of Graph tokens in the worldwide cloud, and everywhere the name by which this code asks for them."""

EXCHANGE_AUDIENCE = "https://outlook.office365.com"
"""The same for Exchange (SMTP, IMAP, POP app-only, EWS, InvokeCommand). Source: graph.md 1.1."""
