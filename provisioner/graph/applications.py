"""Application objects (app registrations). Source: graph.md 2.2, recorded-graph.md 5 and 7."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from provisioner.errors import Absent
from provisioner.graph import key_credentials
from provisioner.graph.connection import Graph
from provisioner.graph.reading import (
    Json,
    guid,
    maybe_flag,
    maybe_moment,
    maybe_text,
    member,
    members,
    moment,
    text,
    texts,
)
from provisioner.graph.rights import READ_APPLICATIONS, WRITE_APPLICATIONS
from provisioner.graph.sdk import model, query
from provisioner.graph.texts import quoted
from provisioner.model.faults import Fault
from provisioner.model.identifiers import AppId, KeyId, ObjectId
from provisioner.model.observed import ApplicationObject, Owner, PasswordCredential, RequestedAccess

SELECT = [
    "id",
    "appId",
    "displayName",
    "uniqueName",
    "signInAudience",
    "tags",
    "requiredResourceAccess",
    "passwordCredentials",
    "keyCredentials",
    "web",
    "spa",
    "publicClient",
    "isFallbackPublicClient",
    "createdDateTime",
    "deletedDateTime",
]
PAGE = 999
"""Most objects of a page. Source: graph.md 2.1."""


async def by_unique_name(graph: Graph, name: str) -> ApplicationObject | None:
    """The application of that `uniqueName`; soft-deleted ones are not found."""
    return await _one(graph, graph.client.applications_with_unique_name(quoted(name)))


async def by_app_id(graph: Graph, app_id: AppId) -> ApplicationObject | None:
    """The application of that application (client) id."""
    return await _one(graph, graph.client.applications_with_app_id(quoted(app_id)))


async def by_object_id(graph: Graph, object_id: ObjectId) -> ApplicationObject | None:
    """The application of that object id."""
    return await _one(graph, graph.client.applications.by_application_id(object_id))


async def everything(graph: Graph) -> tuple[ApplicationObject, ...]:
    """All applications of the tenant, page by page: what was made by hand can have any name."""
    builder = graph.client.applications
    options = query(builder, select=SELECT, top=PAGE)
    found = await graph.pages(builder.to_get_request_information(options), READ_APPLICATIONS)
    return tuple(parse(each) for each in found)


async def owners(graph: Graph, object_id: ObjectId) -> tuple[Owner, ...]:
    """Who owns the application; a service principal may be among them."""
    builder = graph.client.applications.by_application_id(object_id).owners
    found = await graph.pages(builder.to_get_request_information(), READ_APPLICATIONS)
    return tuple(
        Owner(ObjectId(guid(each, "id")), maybe_text(each, "displayName") or guid(each, "id")) for each in found
    )


async def federated_credentials(graph: Graph, object_id: ObjectId) -> tuple[str, ...]:
    """The names of the federated credentials: whoever is named in one signs in without any key.

    Source: microsoft-graph-docs, application-list-federatedidentitycredentials.
    """
    builder = graph.client.applications.by_application_id(object_id).federated_identity_credentials
    found = await graph.pages(builder.to_get_request_information(), READ_APPLICATIONS)
    return tuple(maybe_text(each, "name") or guid(each, "id") for each in found)


async def create(
    graph: Graph,
    unique_name: str,
    *,
    display_name: str,
    sign_in_audience: str,
    tags: tuple[str, ...],
    requested: tuple[RequestedAccess, ...] = (),
) -> ApplicationObject:
    """The application of that `uniqueName`, created if it is not there: a repeat cannot make a second one.

    Raises `AlreadyThere` or a 400 `ServiceFault` where a soft-deleted application holds the name, and `Absent` where
    the replica asked does not show it yet.
    """
    builder = graph.client.applications_with_unique_name(quoted(unique_name))
    body = model("Application", "application")(
        display_name=display_name,
        sign_in_audience=sign_in_audience,
        tags=list(tags),
        required_resource_access=_wishes(requested) if requested else None,
    )
    options = query(builder, headers={"Prefer": "create-if-missing"})
    reply = await graph.write(builder.to_patch_request_information(body, options), WRITE_APPLICATIONS)
    created = parse(reply) if reply else await by_unique_name(graph, unique_name)
    if created is None:
        message = "the application is there, but this replica does not show it yet"
        raise Absent(Fault("graph", "read back an application", 404, "Request_ResourceNotFound", message))
    return created


async def update(
    graph: Graph,
    object_id: ObjectId,
    *,
    display_name: str | None = None,
    sign_in_audience: str | None = None,
    tags: tuple[str, ...] | None = None,
    requested: tuple[RequestedAccess, ...] | None = None,
) -> None:
    """Replace what is given. Collections are replaced whole: give foreign entries too."""
    body = model("Application", "application")(
        display_name=display_name,
        sign_in_audience=sign_in_audience,
        tags=None if tags is None else list(tags),
        required_resource_access=None if requested is None else _wishes(requested),
    )
    info = graph.client.applications.by_application_id(object_id).to_patch_request_information(body)
    await graph.write(info, WRITE_APPLICATIONS)


async def set_redirects(
    graph: Graph,
    object_id: ObjectId,
    *,
    web: tuple[str, ...],
    spa: tuple[str, ...],
    native: tuple[str, ...],
    public_client: bool | None,
) -> None:
    """Replace the redirect URIs of every platform: give foreign URIs too. And the public-client flag, unless None."""
    body = model("Application", "application")(
        web=model("WebApplication", "web_application")(redirect_uris=list(web)),
        spa=model("SpaApplication", "spa_application")(redirect_uris=list(spa)),
        public_client=model("PublicClientApplication", "public_client_application")(redirect_uris=list(native)),
        is_fallback_public_client=public_client,
    )
    info = graph.client.applications.by_application_id(object_id).to_patch_request_information(body)
    await graph.write(info, WRITE_APPLICATIONS)


async def delete(graph: Graph, object_id: ObjectId) -> None:
    """Move the application to the recycle bin, and with it its service principal here. Gone already is fine."""
    info = graph.client.applications.by_application_id(object_id).to_delete_request_information()
    await graph.delete(info, WRITE_APPLICATIONS)


def parse(found: Json) -> ApplicationObject:
    """Our record of an application. Lists come in the service's order, which changes between replies."""
    redirects = [uri for kind in ("web", "spa", "publicClient") for uri in texts(member(found, kind), "redirectUris")]
    return ApplicationObject(
        object_id=ObjectId(guid(found, "id")),
        app_id=AppId(guid(found, "appId")),
        display_name=maybe_text(found, "displayName") or "",
        unique_name=maybe_text(found, "uniqueName"),
        sign_in_audience=maybe_text(found, "signInAudience") or "",
        tags=texts(found, "tags"),
        requested=tuple(
            RequestedAccess(AppId(guid(entry, "resourceAppId")), guid(access, "id"), text(access, "type"))
            for entry in members(found, "requiredResourceAccess")
            for access in members(entry, "resourceAccess")
        ),
        passwords=tuple(_password(each) for each in members(found, "passwordCredentials")),
        redirect_uris=tuple(redirects),
        created=maybe_moment(found, "createdDateTime"),
        deleted=maybe_moment(found, "deletedDateTime"),
        web_redirects=texts(member(found, "web"), "redirectUris"),
        spa_redirects=texts(member(found, "spa"), "redirectUris"),
        native_redirects=texts(member(found, "publicClient"), "redirectUris"),
        public_client=maybe_flag(found, "isFallbackPublicClient"),
        certificates=tuple(key_credentials.parse(each) for each in members(found, "keyCredentials")),
    )


async def _one(graph: Graph, builder: Any) -> ApplicationObject | None:
    try:
        found = await graph.read(builder.to_get_request_information(query(builder, select=SELECT)), READ_APPLICATIONS)
    except Absent:
        return None
    return parse(found)


def _password(found: Json) -> PasswordCredential:
    return PasswordCredential(
        key_id=KeyId(guid(found, "keyId")),
        display_name=maybe_text(found, "displayName"),
        hint=maybe_text(found, "hint"),
        start=moment(found, "startDateTime"),
        end=moment(found, "endDateTime"),
    )


def _wishes(requested: Iterable[RequestedAccess]) -> list[Any]:
    """`requiredResourceAccess` as request models: one entry per API, in the order given."""
    entry, access = (
        model("RequiredResourceAccess", "required_resource_access"),
        model("ResourceAccess", "resource_access"),
    )
    by_api: dict[AppId, list[Any]] = {}
    for each in requested:
        by_api.setdefault(each.resource_app_id, []).append(access(id=UUID(each.permission_id), type=each.kind))
    return [entry(resource_app_id=api, resource_access=wishes) for api, wishes in by_api.items()]
