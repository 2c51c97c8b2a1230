"""One Graph request on its way through the collections, and the reply they give."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.graph import query, schema, shapes
from provisioner.sandbox.graph.errors import GraphError, bad_request, not_found
from provisioner.sandbox.graph.paths import Key, Target
from provisioner.sandbox.store import Document, Transaction
from provisioner.sandbox.tokens import Claims

ALTERNATE_KEYS = {"applications": ("appId", "uniqueName"), "servicePrincipals": ("appId",)}


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, JSON body (None: empty), further headers, and the resource units it is charged with."""

    status: int
    body: dict[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    resource_units: int = 1


@dataclass(frozen=True, slots=True)
class Call:
    """Everything a handler needs. ``base`` is the version's URL as the caller reached it; header names lower-case."""

    sandbox: Sandbox
    tx: Transaction
    claims: Claims
    method: str
    target: Target
    headers: Mapping[str, str]
    body: object
    base: str
    as_of: float

    @property
    def options(self) -> Mapping[str, str]:
        """Query options by lower-case name with ``$``."""
        return self.target.options

    def object_body(self) -> dict[str, Any]:
        """The body, which must be a JSON object."""
        if not isinstance(self.body, dict):
            raise bad_request(
                "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of"
                " valid JSON format.",
                "BadRequest",
            )
        return self.body

    def look_up(self, collection: str, key: Key, *, as_of: float | None = None) -> Document | None:
        """The object a key names, as this request's replica knows it."""
        moment = self.as_of if as_of is None else as_of
        if key.name is None:
            return self.tx.get(collection, key.value.lower(), as_of=moment)
        name = next((n for n in ALTERNATE_KEYS.get(collection, ()) if n.lower() == key.name.lower()), None)
        if name is None:
            raise GraphError(400, "BadRequest", f"Resource not found for the segment '{collection}'.")
        wanted = key.value.casefold()
        for document in self.tx.view(collection, as_of=moment):
            if str(document.get(name) or "").casefold() == wanted:
                return document
        return None

    def find(self, collection: str, key: Key) -> Document:
        """Like ``look_up``; a missing object is a 404 that names the key as sent."""
        document = self.look_up(collection, key)
        if document is None:
            raise not_found(key.value)
        return document

    def newest(self, collection: str, key: Key) -> Document:
        """The present document of an object this request's replica knows: what a write changes."""
        known = self.find(collection, key)
        present = self.tx.get(collection, known["id"])
        if present is None:
            raise not_found(key.value)
        return present

    def context(self, fragment: str) -> str:
        """``@odata.context`` of a reply."""
        return f"{self.base}/$metadata#{fragment}"

    def location(self, path: str) -> str:
        """Location of a created object: not its Graph URL, but the directory's own."""
        host = self.base.rpartition("/")[0]
        return f"{host}/v2/{self.sandbox.tenant_id}/{path}"

    @property
    def host(self) -> str:
        """Scheme and host, which actions give as their Location."""
        return self.base.rpartition("/")[0]


def entity(
    call: Call,
    type_name: str,
    fragment: str,
    document: Mapping[str, Any],
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    units: int = 1,
    extra: Mapping[str, Any] | None = None,
) -> Reply:
    """A reply with one object. ``fragment``: the collection's name in ``@odata.context``."""
    created = status == 201
    if not created and call.sandbox.profile.shuffled_arrays:
        document = shuffle_arrays(call.sandbox, document)
    select = None if created else query.selected(call.options, type_name)
    shown = shapes.present(type_name, document, select, just_created=created, single=True)
    if created and type_name == "user":
        shown = {"id": shown.pop("id"), **shown}
    chosen = f"({','.join(select)})" if select else ""
    body = {"@odata.context": call.context(f"{fragment}{chosen}/$entity"), **shown, **(extra or {})}
    return Reply(status, body, headers or {}, max(1, units - (1 if select else 0)))


def listing(
    call: Call,
    type_name: str,
    fragment: str,
    documents: Sequence[dict[str, Any]],
    *,
    path: str,
    units: int = 1,
    directory: bool = True,
    expand: Callable[[dict[str, Any]], Mapping[str, Any]] | None = None,
    cast: str | None = None,
) -> Reply:
    """A reply with one page of a collection. ``cast``: each object names its type first, as mixed lists do."""
    options = call.options
    page = query.page_of(_shuffled(call, documents), type_name, options, call.headers, directory=directory)
    select = query.selected(options, type_name)
    values = []
    for document in page.documents:
        shown = shapes.present(type_name, document, select)
        if cast:
            shown = {"@odata.type": f"#microsoft.graph.{cast}", **_id_first(shown)}
        values.append({**shown, **(expand(document) if expand else {})})
    chosen = f"({','.join(select)})" if select else ""
    body: dict[str, Any] = {"@odata.context": call.context(fragment + chosen)}
    if page.total is not None:
        body["@odata.count"] = page.total
    if page.next_token is not None:
        body["@odata.nextLink"] = query.next_link(call.base, path, options, page.next_token)
    body["value"] = values
    top = options.get("$top", "")
    saved = (1 if select else 0) + (1 if top.isdecimal() and int(top) < 20 else 0)
    return Reply(200, body, {}, max(1, units - saved + (1 if "$expand" in options else 0)))


def _id_first(shown: dict[str, Any]) -> dict[str, Any]:
    return {"id": shown["id"], **shown} if "id" in shown else shown


def _shuffled(call: Call, documents: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """Arrays of a hostile tenant's objects in any order: nobody promised one."""
    if not call.sandbox.profile.shuffled_arrays:
        return documents
    return [shuffle_arrays(call.sandbox, document) for document in documents]


def shuffle_arrays(sandbox: Sandbox, document: Mapping[str, Any]) -> dict[str, Any]:
    """A copy with its arrays of objects in another order."""

    def mixed(value: Any) -> Any:
        return sandbox.random.sample(value, len(value)) if isinstance(value, list) else value

    return {name: mixed(value) for name, value in document.items()}


def link_target(call: Call, body: Mapping[str, Any]) -> str:
    """The object id of an ``@odata.id`` reference. Raises GraphError for anything else."""
    reference = body.get("@odata.id")
    if not isinstance(reference, str):
        raise bad_request("The request body must contain an '@odata.id' reference.", "BadRequest")
    identifier = reference.rstrip("/").rpartition("/")[2]
    if not schema.GUID.match(identifier):
        raise bad_request(f"Invalid object identifier '{identifier}'.")
    return identifier.lower()
