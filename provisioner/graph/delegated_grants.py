"""Delegated permission grants (`oauth2PermissionGrants`). Source: graph.md 2.7, recorded-graph.md 10."""

from __future__ import annotations

from provisioner.graph.connection import Graph
from provisioner.graph.reading import Json, guid, maybe_text, text
from provisioner.graph.rights import READ_DELEGATED_GRANTS, WRITE_DELEGATED_GRANTS
from provisioner.graph.sdk import query
from provisioner.graph.texts import quoted
from provisioner.model.identifiers import ObjectId
from provisioner.model.observed import DelegatedGrant


async def held_by(graph: Graph, service_principal_id: ObjectId) -> tuple[DelegatedGrant, ...]:
    """All grants whose client is a service principal, for everybody and for single persons."""
    builder = graph.client.oauth2_permission_grants
    options = query(builder, filter=f"clientId eq '{quoted(service_principal_id)}'")
    found = await graph.pages(builder.to_get_request_information(options), READ_DELEGATED_GRANTS)
    return tuple(_parse(each) for each in found)


async def revoke(graph: Graph, grant_id: str) -> None:
    """Take a grant back, with all its scopes. Gone already is fine."""
    builder = graph.client.oauth2_permission_grants.by_o_auth2_permission_grant_id(grant_id)
    await graph.delete(builder.to_delete_request_information(), WRITE_DELEGATED_GRANTS)


def _parse(found: Json) -> DelegatedGrant:
    principal = maybe_text(found, "principalId")
    return DelegatedGrant(
        grant_id=text(found, "id"),
        client_id=ObjectId(guid(found, "clientId")),
        resource_id=ObjectId(guid(found, "resourceId")),
        consent_type=text(found, "consentType"),
        principal_id=ObjectId(principal.lower()) if principal else None,
        scopes=tuple((maybe_text(found, "scope") or "").split()),
    )
