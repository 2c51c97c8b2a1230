"""Accounts of people, as far as a grant for one of them, or a product that signs in as one, needs."""

from __future__ import annotations

from provisioner.errors import Absent
from provisioner.graph.connection import Graph
from provisioner.graph.reading import Json, guid, maybe_flag, maybe_text, members
from provisioner.graph.rights import READ_USERS
from provisioner.graph.sdk import query
from provisioner.model.identifiers import ObjectId
from provisioner.model.observed import Person

SELECT = ["id", "accountEnabled", "onPremisesSyncEnabled", "assignedPlans"]

WITH_MAILBOX = frozenset(
    {
        "9aaf7827-d63c-4b61-89c3-182f06f82e5c",  # EXCHANGE_S_STANDARD
        "efb87545-963c-4e0d-99df-69c6916d9eb0",  # EXCHANGE_S_ENTERPRISE
        "4a82b400-a79f-41a4-b4e2-e94f5787b113",  # EXCHANGE_S_DESKLESS
    }
)
"""Service plans with a mailbox. Source: Microsoft's list of product names and service plan identifiers."""

FOUNDATION = "113feb6c-3fe4-4440-bddc-54d774bf0318"
"""EXCHANGE_S_FOUNDATION, which nearly every subscription has and which gives no mailbox. Source: the same list."""


async def find(graph: Graph, sign_in_name: str) -> Person | None:
    """The account with that sign-in name (user principal name), None where there is none."""
    builder = graph.client.users.by_user_id(sign_in_name)
    try:
        found = await graph.read(builder.to_get_request_information(query(builder, select=SELECT)), READ_USERS)
    except Absent:
        return None
    return Person(
        object_id=ObjectId(guid(found, "id")),
        enabled=maybe_flag(found, "accountEnabled"),
        synchronised=maybe_flag(found, "onPremisesSyncEnabled") is True,
        exchange_plan=_has_exchange(found),
    )


def _has_exchange(found: Json) -> bool | None:
    """Whether a plan gives a mailbox. None for plans of Exchange that we do not know, or where none is shown."""
    if not isinstance(found.get("assignedPlans"), list):
        return None
    plans = {
        (maybe_text(each, "servicePlanId") or "").lower()
        for each in members(found, "assignedPlans")
        if maybe_text(each, "service") == "exchange" and maybe_text(each, "capabilityStatus") in ("Enabled", "Warning")
    } - {FOUNDATION}
    if plans & WITH_MAILBOX:
        return True
    return None if plans else False
