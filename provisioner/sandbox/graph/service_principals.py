"""``/servicePrincipals``: what an application is in this tenant, and what rights are granted to."""

from __future__ import annotations

from typing import Any

from provisioner.sandbox.clock import format_time
from provisioner.sandbox.first_party import first_party_service_principal
from provisioner.sandbox.graph import authorise, credentials, recycle_bin, schema, shapes
from provisioner.sandbox.graph.call import Call, Reply, entity, listing
from provisioner.sandbox.graph.errors import GraphError, bad_request, invalid_value
from provisioner.sandbox.graph.owners import expand_owners
from provisioner.sandbox.graph.paths import Key
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.store import Document

_WRITABLE = frozenset(
    (
        "accountEnabled",
        "alternativeNames",
        "appRoleAssignmentRequired",
        "description",
        "displayName",
        "homepage",
        "isDisabled",
        "keyCredentials",
        "loginUrl",
        "notes",
        "notificationEmailAddresses",
        "passwordCredentials",
        "preferredSingleSignOnMode",
        "samlSingleSignOnSettings",
        "tags",
    )
)


def list_service_principals(call: Call) -> Reply:
    """``GET /servicePrincipals``."""
    authorise.require(call, authorise.READ_APPLICATIONS)
    documents = call.tx.view("servicePrincipals", as_of=call.as_of)
    return listing(
        call,
        "servicePrincipal",
        "servicePrincipals",
        documents,
        path="servicePrincipals",
        expand=expand_owners(call),
    )


def get_service_principal(call: Call, key: Key) -> Reply:
    """``GET /servicePrincipals/{id}`` and by appId."""
    authorise.require(call, authorise.READ_APPLICATIONS)
    document = call.find("servicePrincipals", key)
    expand = expand_owners(call)
    extra = expand(document) if expand else None
    return entity(call, "servicePrincipal", "servicePrincipals", document, extra=extra)


def create_service_principal(call: Call) -> Reply:
    """``POST /servicePrincipals``."""
    body = schema.check_body("servicePrincipal", call.object_body())
    app_id = str(body.pop("appId", None) or "").lower()
    if not app_id:
        raise bad_request("A value is required for property 'appId' of resource 'ServicePrincipal'.")
    return _create(call, app_id, body)


def update_service_principal(call: Call, key: Key) -> Reply:
    """``PATCH /servicePrincipals/{id}``; upsert by appId with ``Prefer: create-if-missing``."""
    creates = "create-if-missing" in call.headers.get("prefer", "").lower()
    if key.name is not None and creates and call.look_up("servicePrincipals", key) is None:
        body = schema.check_body("servicePrincipal", call.object_body())
        body.pop("appId", None)
        return _create(call, key.value.lower(), body)
    document = call.newest("servicePrincipals", key)
    authorise.may_change_application(call, [document["id"]])
    body = schema.check_body("servicePrincipal", call.object_body())
    body.pop("appId", None) if body.get("appId") == document["appId"] else None
    call.tx.put("servicePrincipals", document["id"], _apply(call, document, body))
    return Reply(204)


def delete_service_principal(call: Call, key: Key) -> Reply:
    """``DELETE /servicePrincipals/{id}``: into the recycle bin with its grants."""
    document = call.newest("servicePrincipals", key)
    authorise.may_change_application(call, [document["id"]])
    recycle_bin.delete_service_principal(call, document)
    return Reply(204)


@behaviour(
    "The service principal of an application this replica has not heard of: 400 NoBackingApplicationObject; "
    "of one that has its service principal: 409 Request_MultipleObjectsWithSameKeyValue",
    source="graph.md 2.5 V: TF, AZ tests, PUB; details recorded-graph.md 13 TEXT; text of the 409 unverified",
    if_wrong="replication lag is taken for a wrong id, or a repeated run fails",
)
def _create(call: Call, app_id: str, body: dict[str, Any]) -> Reply:
    application = call.look_up("applications", Key(app_id, "appId"))
    foreign = None if application else first_party_service_principal(app_id, call.sandbox.new_id())
    authorise.may_create_service_principal(call, application)
    if application is None and foreign is None:
        raise _no_backing_application(app_id)
    if any(each["appId"] == app_id for each in call.tx.view("servicePrincipals")):
        raise GraphError(
            409,
            "Request_MultipleObjectsWithSameKeyValue",
            "The service principal cannot be created, updated, or restored because the service principal name"
            f" {app_id} is already in use.",
        )
    document = foreign or _of_application(call, application or {})
    created = _apply(call, document, body)
    call.tx.put("servicePrincipals", created["id"], created)
    location = call.location(f"directoryObjects/{created['id']}/Microsoft.DirectoryServices.ServicePrincipal")
    headers = {"location": location}
    # The creating reply names the appId first, later reads last.
    shown = {**created, "servicePrincipalNames": list(reversed(created["servicePrincipalNames"]))}
    return entity(call, "servicePrincipal", "servicePrincipals", shown, status=201, headers=headers)


def _no_backing_application(app_id: str) -> GraphError:
    message = f"The appId '{app_id}' of the service principal does not reference a valid application object."
    details = [{"code": "NoBackingApplicationObject", "message": message, "target": "appId"}]
    return GraphError(400, "Request_BadRequest", message, details=details)


@behaviour(
    "A fresh service principal copies names, roles, scopes and audience of its application, but no credential and "
    "no owner",
    source="recorded-graph.md 6 [CERT, PW, SPO]",
    if_wrong="credentials are looked for on the wrong object",
)
def _of_application(call: Call, application: Document) -> Document:
    return {
        **shapes.fresh_service_principal(),
        "id": call.sandbox.new_id(),
        "appDisplayName": application["displayName"],
        "appId": application["appId"],
        "appOwnerOrganizationId": call.sandbox.tenant_id,
        "createdDateTime": format_time(call.sandbox.clock.now()),
        "displayName": application["displayName"],
        "homepage": application["web"]["homePageUrl"],
        "logoutUrl": application["web"]["logoutUrl"],
        "replyUrls": [*application["web"]["redirectUris"], *application["publicClient"]["redirectUris"]],
        "servicePrincipalNames": [*application["identifierUris"], application["appId"]],
        "signInAudience": application["signInAudience"],
        "appRoles": application["appRoles"],
        "oauth2PermissionScopes": application["api"]["oauth2PermissionScopes"],
        "createdByAppId": call.claims.appid,
    }


def _apply(call: Call, document: Document, body: dict[str, Any]) -> Document:
    result = dict(document)
    for name, value in body.items():
        if name not in _WRITABLE:
            raise bad_request(f"Property '{name}' is read-only and cannot be set.")
        if name == "passwordCredentials":
            result[name] = credentials.kept_passwords(call, document[name], value)
        elif name == "keyCredentials":
            result[name] = credentials.replaced_keys(call, "servicePrincipal", document, value)
        else:
            result[name] = value
    if any(not 1 <= len(tag) <= 256 for tag in result["tags"]):
        raise invalid_value("tags", "ServicePrincipal")
    return result
