"""What the tenant has bought, as far as a manual step needs a licence. Source: graph.md 2.1, 4 (it takes no `$top`)."""

from __future__ import annotations

from provisioner.graph.connection import Graph
from provisioner.graph.reading import maybe_text, members
from provisioner.graph.rights import READ_LICENCES
from provisioner.graph.sdk import query

CONDITIONAL_ACCESS = frozenset({"AAD_PREMIUM", "AAD_PREMIUM_P2"})
"""Service plans with conditional access: Entra ID P1 and P2. Source: Microsoft's list of service plan identifiers."""

IN_USE = frozenset({"Enabled", "Warning"})
"""`capabilityStatus` of a subscription that works; one in its grace period does."""


async def service_plans(graph: Graph) -> frozenset[str]:
    """Names of the service plans in the tenant's subscriptions."""
    builder = graph.client.subscribed_skus
    options = query(builder, select=["capabilityStatus", "servicePlans"])
    found = await graph.pages(builder.to_get_request_information(options), READ_LICENCES)
    return frozenset(
        maybe_text(plan, "servicePlanName") or ""
        for sku in found
        if maybe_text(sku, "capabilityStatus") in IN_USE
        for plan in members(sku, "servicePlans")
    )
