"""``/applications``: registrations. A registration is not a service principal and never makes one by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provisioner.sandbox.clock import format_time
from provisioner.sandbox.graph import authorise, credentials, recycle_bin, schema, shapes
from provisioner.sandbox.graph.call import Call, Reply, entity, listing
from provisioner.sandbox.graph.errors import bad_request, conflicting_value, invalid_value, not_found
from provisioner.sandbox.graph.owners import add_owner, expand_owners
from provisioner.sandbox.graph.paths import Key
from provisioner.sandbox.ledger import behaviour, mark
from provisioner.sandbox.store import Document

DISPLAY_NAME_LENGTH = 120
_AUDIENCES = ("AzureADMyOrg", "AzureADMultipleOrgs", "AzureADandPersonalMicrosoftAccount", "PersonalMicrosoftAccount")
_READ_ONLY = frozenset(
    (
        "id",
        "appId",
        "createdDateTime",
        "deletedDateTime",
        "publisherDomain",
        "applicationTemplateId",
        "disabledByMicrosoftStatus",
        "verifiedPublisher",
        "certification",
        "createdByAppId",
    )
)

mark(
    "POST /applications never creates a service principal",
    source="field-notes.md 6; recorded-graph.md 5",
    if_wrong="the service principal is forgotten",
)
mark(
    "An upsert that meets a replica without the application tries to create it and gets the uniqueName conflict",
    source="unverified",
    if_wrong="a conflict seconds after our own create is taken for somebody else's application",
)
mark(
    "displayName is not unique",
    source="graph.md 2.2 V: upsert documentation",
    if_wrong="applications are recognised by their name",
)


def list_applications(call: Call) -> Reply:
    """``GET /applications``."""
    authorise.require(call, authorise.READ_APPLICATIONS)
    documents = call.tx.view("applications", as_of=call.as_of)
    return listing(
        call, "application", "applications", documents, path="applications", units=2, expand=expand_owners(call)
    )


def get_application(call: Call, key: Key) -> Reply:
    """``GET /applications/{id}`` and by alternate key."""
    authorise.require(call, authorise.READ_APPLICATIONS)
    document = call.find("applications", key)
    expand = expand_owners(call)
    return entity(call, "application", "applications", document, extra=expand(document) if expand else None)


def create_application(call: Call) -> Reply:
    """``POST /applications``."""
    authorise.may_create_application(call)
    return _create(call, schema.check_body("application", call.object_body(), links=True))


def update_application(call: Call, key: Key) -> Reply:
    """``PATCH /applications/{id}`` and by alternate key; upsert by uniqueName with ``Prefer: create-if-missing``."""
    upsert = key.name is not None and key.name.lower() == "uniquename" and _creates_if_missing(call)
    if upsert and call.look_up("applications", key) is None:
        authorise.may_create_application(call)
        body = schema.check_body("application", call.object_body(), links=True)
        return _create(call, {**body, "uniqueName": key.value})
    document = call.newest("applications", key)
    authorise.may_change_application(call, [document["id"]])
    body = schema.check_body("application", call.object_body())
    body.pop("uniqueName", None) if body.get("uniqueName") == document["uniqueName"] else None
    changed = _apply(call, document, body)
    call.tx.put("applications", document["id"], changed)
    _update_service_principal(call, changed)
    return Reply(204)


def delete_application(call: Call, key: Key) -> Reply:
    """``DELETE /applications/{id}``: into the recycle bin, its service principal with it."""
    document = call.newest("applications", key)
    authorise.may_change_application(call, [document["id"]])
    recycle_bin.delete_application(call, document)
    return Reply(204)


@behaviour(
    "Upsert by uniqueName: 201 with body or 204; without Prefer: create-if-missing a missing one is 404",
    source="graph.md 2.2 V: GD application-upsert.md",
    if_wrong="a second run creates a second application",
)
def _creates_if_missing(call: Call) -> bool:
    return "create-if-missing" in call.headers.get("prefer", "").lower()


@behaviour(
    "Created by a person: that person is owner at once; created by an application: no owner, "
    "but with Application.ReadWrite.OwnedBy the caller's service principal",
    source="recorded-graph.md 5 [OWN]; graph.md 2.4 V: DX; app-only without owner per the service's description",
    if_wrong="owners are planned that are there already",
)
def _create(call: Call, body: dict[str, Any]) -> Reply:
    owners = body.pop("owners@odata.bind", [])
    if not body.get("displayName"):
        raise bad_request("A value is required for property 'displayName' of resource 'Application'.")
    now = call.sandbox.clock.now()
    document = {
        **shapes.fresh_application(),
        "id": call.sandbox.new_id(),
        "appId": call.sandbox.new_id(),
        "createdDateTime": format_time(now, digits=7),
        "publisherDomain": call.sandbox.settings.get("publisherDomain", "contoso.example"),
        "createdByAppId": call.claims.appid,
    }
    created = _apply(call, document, body)
    if created["signInAudience"] in _AUDIENCES[2:] and body.get("api", {}).get("requestedAccessTokenVersion") is None:
        created["api"]["requestedAccessTokenVersion"] = 2
    call.tx.put("applications", created["id"], created)
    if not call.claims.app_only or not authorise.holds(call, ("Application.ReadWrite.All",)):
        add_owner(call, created["id"], call.claims.oid)
    for reference in owners:
        add_owner(call, created["id"], str(reference).rpartition("/")[2].lower())
    location = call.location(f"directoryObjects/{created['id']}/Microsoft.DirectoryServices.Application")
    shown = _as_sent(created, body)
    return entity(call, "application", "applications", shown, status=201, headers={"location": location})


@behaviour(
    "An application's collections come back in another order than sent; only the creating reply keeps it",
    source="recorded-graph.md 5 [APP]",
    if_wrong="arrays are compared by position and a second run plans changes",
)
def _apply(call: Call, document: Document, body: Mapping[str, Any]) -> Document:
    """The document with this body's values, validated. Complex values merge, collections are replaced."""
    result = dict(document)
    for name, value in body.items():
        if name in _READ_ONLY:
            raise bad_request(f"Property '{name}' is read-only and cannot be set.")
        if name == "passwordCredentials":
            result[name] = credentials.kept_passwords(call, document[name], value)
        elif name == "keyCredentials":
            result[name] = credentials.replaced_keys(call, "application", document, value)
        elif name == "appRoles":
            result[name] = _reordered([{**each, "origin": "Application"} for each in value])
        elif name == "requiredResourceAccess":
            result[name] = _reordered(value)
        else:
            result[name] = _merged(document.get(name), value)
    _validate(call, document, result)
    return result


def _merged(old: Any, new: Any) -> Any:
    """Complex values merge property by property; lists inside them are replaced, and reordered."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    merged = dict(old)
    for name, value in new.items():
        merged[name] = _reordered(value) if isinstance(value, list) else _merged(old.get(name), value)
    return merged


def _reordered(values: list[Any]) -> list[Any]:
    return list(reversed(values))


def _as_sent(created: Document, body: Mapping[str, Any]) -> Document:
    """A fresh application with the order of arrays that the creating request had."""
    shown = dict(created)
    for name in ("requiredResourceAccess", "appRoles"):
        if name in body:
            shown[name] = _reordered(created[name])
    for name in ("web", "publicClient", "spa"):
        if "redirectUris" in (body.get(name) or {}):
            shown[name] = {**created[name], "redirectUris": body[name]["redirectUris"]}
    return shown


def _validate(call: Call, before: Document, after: Document) -> None:
    name = after["displayName"]
    if not name or len(name) > DISPLAY_NAME_LENGTH:
        raise invalid_value("displayName", "Application")
    if after["signInAudience"] not in _AUDIENCES:
        raise invalid_value("signInAudience", "Application")
    if any(not 1 <= len(tag) <= 256 or any(c.isspace() for c in tag) for tag in after["tags"]):
        raise invalid_value("tags", "Application")
    _validate_required_access(after["requiredResourceAccess"])
    if after["uniqueName"] != before["uniqueName"]:
        _validate_unique_name(call, before, after)
    taken = {
        uri for each in call.tx.view("applications") if each["id"] != after["id"] for uri in each["identifierUris"]
    }
    if taken & set(after["identifierUris"]):
        raise conflicting_value("identifierUris")


@behaviour(
    "requiredResourceAccess: at most 50 resources and 400 permissions, type Role or Scope; ids are not checked",
    source="graph.md 4 V: ED supported-accounts-validation.md; unchecked ids unverified",
    if_wrong="a wish list too long is found out late",
)
def _validate_required_access(entries: list[Mapping[str, Any]]) -> None:
    resources = [entry.get("resourceAppId") for entry in entries]
    wishes = [wish for entry in entries for wish in entry.get("resourceAccess") or ()]
    faulty = (
        len(resources) > 50
        or len(wishes) > 400
        or len(set(resources)) != len(resources)
        or not all(isinstance(each, str) and schema.GUID.match(each) for each in resources)
        or not all(wish.get("id") and wish.get("type") in ("Role", "Scope") for wish in wishes)
    )
    if faulty:
        raise invalid_value("requiredResourceAccess", "Application")


@behaviour(
    "uniqueName can be set once and never changed; a soft-deleted application holds it for 30 days",
    source="field-notes.md 1.3 S: msgraph-bicep-types#137, #187; text of the refusal unverified",
    if_wrong="re-onboarding after a removal fails",
)
def _validate_unique_name(call: Call, before: Document, after: Document) -> None:
    if before["uniqueName"] is not None:
        raise bad_request("Property 'uniqueName' is immutable and cannot be changed.")
    wanted = after["uniqueName"]
    if not wanted or len(wanted) > 120 or any(character in wanted for character in "/'\"#?"):
        raise invalid_value("uniqueName", "Application")
    holders = [each["uniqueName"] for each in call.tx.view("applications") if each["id"] != after["id"]]
    holders += recycle_bin.held_unique_names(call)
    if any(wanted.casefold() == str(each).casefold() for each in holders if each):
        raise conflicting_value("uniqueName")


def _update_service_principal(call: Call, application: Document) -> None:
    """Names follow the registration to the service principal in its own tenant."""
    for principal in call.tx.view("servicePrincipals"):
        if principal["appId"] != application["appId"]:
            continue
        follows = {
            "displayName": application["displayName"],
            "appDisplayName": application["displayName"],
            "appRoles": application["appRoles"],
            "oauth2PermissionScopes": application["api"]["oauth2PermissionScopes"],
            "servicePrincipalNames": [*application["identifierUris"], application["appId"]],
            "signInAudience": application["signInAudience"],
        }
        if any(principal[name] != value for name, value in follows.items()):
            call.tx.put("servicePrincipals", principal["id"], {**principal, **follows})


def application_of(call: Call, app_id: str) -> Document:
    """The registration with this application id in the newest state. 404 when there is none."""
    found = call.look_up("applications", Key(app_id, "appId"), as_of=float("inf"))
    if found is None:
        raise not_found(app_id)
    return found
