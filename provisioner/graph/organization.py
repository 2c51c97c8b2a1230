"""The tenant itself. Source: graph.md 2.8."""

from __future__ import annotations

from provisioner.graph.connection import Graph
from provisioner.graph.faults import unreadable
from provisioner.graph.reading import guid, maybe_text, members
from provisioner.graph.rights import READ_ORGANIZATION
from provisioner.graph.sdk import query
from provisioner.model.identifiers import TenantId
from provisioner.model.observed import Organization


async def organization(graph: Graph) -> Organization:
    """Id, name and domains of the tenant that the token is for."""
    builder = graph.client.organization
    options = query(builder, select=["id", "displayName", "verifiedDomains"])
    found = await graph.pages(builder.to_get_request_information(options), READ_ORGANIZATION)
    if not found:
        raise unreadable("GET /organization", "no organization in it")
    listed = members(found[0], "verifiedDomains")

    def domain(mark: str) -> str:
        return next((maybe_text(each, "name") or "" for each in listed if each.get(mark) is True), "")

    return Organization(
        tenant_id=TenantId(guid(found[0], "id")),
        display_name=maybe_text(found[0], "displayName") or "",
        default_domain=domain("isDefault"),
        initial_domain=domain("isInitial"),
        federated_domains=frozenset(
            (maybe_text(each, "name") or "").casefold() for each in listed if maybe_text(each, "type") == "Federated"
        ),
        domains=frozenset(name.casefold() for each in listed if (name := maybe_text(each, "name"))),
    )
