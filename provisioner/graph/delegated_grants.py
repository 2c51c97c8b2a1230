"""Delegated permission grants (`oauth2PermissionGrants`). Source: graph.md 2.7, recorded-graph.md 10."""

from __future__ import annotations

from provisioner.graph.connection import Graph
from provisioner.graph.faults import unreadable
from provisioner.graph.reading import Json, guid, maybe_text, text
from provisioner.graph.rights import READ_DELEGATED_GRANTS, WRITE_DELEGATED_GRANTS
from provisioner.graph.sdk import model, query
from provisioner.graph.texts import quoted
from provisioner.model.identifiers import ObjectId
from provisioner.model.observed import DelegatedGrant


async def held_by(graph: Graph, service_principal_id: ObjectId) -> tuple[DelegatedGrant, ...]:
    """All grants whose client is a service principal, for everybody and for single persons."""
    builder = graph.client.oauth2_permission_grants
    options = query(builder, filter=f"clientId eq '{quoted(service_principal_id)}'")
    found = await graph.pages(builder.to_get_request_information(options), READ_DELEGATED_GRANTS)
    return tuple(_parse(each) for each in found)


async def given_by(graph: Graph, service_principal_id: ObjectId) -> tuple[DelegatedGrant, ...]:
    """All grants of one API's permissions, whoever holds them."""
    builder = graph.client.oauth2_permission_grants
    options = query(builder, filter=f"resourceId eq '{quoted(service_principal_id)}'")
    found = await graph.pages(builder.to_get_request_information(options), READ_DELEGATED_GRANTS)
    return tuple(_parse(each) for each in found)


async def create(
    graph: Graph,
    *,
    client_id: ObjectId,
    resource_id: ObjectId,
    principal_id: ObjectId | None,
    scopes: tuple[str, ...],
) -> DelegatedGrant:
    """Consent for everybody, or for one person where `principal_id` is given.

    Raises `AlreadyThere` where such a grant exists: it is one object for all scopes, so theirs are added to it.
    """
    body = model("OAuth2PermissionGrant", "o_auth2_permission_grant")(
        client_id=client_id,
        resource_id=resource_id,
        consent_type="AllPrincipals" if principal_id is None else "Principal",
        principal_id=principal_id,
        scope=" ".join(scopes),
    )
    builder = graph.client.oauth2_permission_grants
    reply = await graph.write(builder.to_post_request_information(body), WRITE_DELEGATED_GRANTS)
    if reply is None:
        raise unreadable("POST /oauth2PermissionGrants", "it is empty")
    return _parse(reply)


async def update(graph: Graph, grant_id: str, *, scopes: tuple[str, ...]) -> None:
    """Replace a grant's scopes: give all, others' too."""
    body = model("OAuth2PermissionGrant", "o_auth2_permission_grant")(scope=" ".join(scopes))
    builder = graph.client.oauth2_permission_grants.by_o_auth2_permission_grant_id(grant_id)
    await graph.write(builder.to_patch_request_information(body), WRITE_DELEGATED_GRANTS)


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
