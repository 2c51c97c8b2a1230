"""``/groups``: read only. Who is in a group decides whom an assignment to it lets in."""

from __future__ import annotations

from typing import Any

from provisioner.sandbox.entra import groups
from provisioner.sandbox.graph import authorise, query, shapes
from provisioner.sandbox.graph.call import Call, Reply, entity, listing
from provisioner.sandbox.graph.errors import not_found
from provisioner.sandbox.graph.paths import Key
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.store import Document

_MEMBER_KINDS = (("users", "user"), ("servicePrincipals", "servicePrincipal"))


def list_groups(call: Call) -> Reply:
    """``GET /groups``."""
    authorise.require(call, authorise.READ_GROUPS)
    return listing(call, "group", "groups", groups.all_groups(call.tx, call.as_of), path="groups")


def get_group(call: Call, key: Key) -> Reply:
    """``GET /groups/{id}``."""
    authorise.require(call, authorise.READ_GROUPS)
    return entity(call, "group", "groups", find(call, key))


def find(call: Call, key: Key) -> Document:
    """The group with this id, as this request's replica knows it. 404 otherwise."""
    group = groups.find_group(call.tx, key.value, call.as_of)
    if group is None:
        raise not_found(key.value)
    return group


def list_members(call: Call, key: Key) -> Reply:
    """``GET /groups/{id}/members``, with or without a cast to user: direct members."""
    group = find(call, key)
    return _members(call, group, group["members"], "members")


def list_transitive_members(call: Call, key: Key) -> Reply:
    """``GET /groups/{id}/transitiveMembers``: nested ones too, the nested groups among them."""
    group = find(call, key)
    return _members(call, group, groups.transitive_members(call.tx, group, call.as_of), "transitiveMembers")


@behaviour(
    "members holds direct members of every kind, nested groups among them; transitiveMembers what those contain too. "
    "Each names its type first, its id second",
    source="recorded-graph.md 12 [USR, GRP]; reading members costs 3 resource units: graph.md 4",
    if_wrong="a nested group is taken for its members",
)
def _members(call: Call, group: Document, member_ids: list[str], segment: str) -> Reply:
    authorise.require(call, authorise.READ_GROUPS)
    cast = str(call.target.tokens[-1]).lower()
    wanted = None if cast == segment.lower() else cast
    found = [each for member in member_ids for each in _member(call, member) if wanted in (None, each[0].lower())]
    select = query.selected(call.options, found[0][0]) if found else None
    shown = [{"id": document["id"], **shapes.present(kind, document, select)} for kind, document in found]
    typed = [{"@odata.type": f"#microsoft.graph.{kind}", **each} for (kind, _), each in zip(found, shown, strict=True)]
    page = query.page_of(typed, "user", call.options, call.headers)
    fragment = "users" if wanted == "user" else "directoryObjects"
    body: dict[str, Any] = {"@odata.context": call.context(fragment)}
    if page.total is not None:
        body["@odata.count"] = page.total
    if page.next_token is not None:
        path = f"groups/{group['id']}/{segment}"
        body["@odata.nextLink"] = query.next_link(call.base, path, call.options, page.next_token)
    return Reply(200, {**body, "value": page.documents}, {}, 3)


def _member(call: Call, object_id: str) -> list[tuple[str, Document]]:
    """The member's kind and document; none for what was deleted since."""
    for collection, kind in _MEMBER_KINDS:
        document = call.tx.get(collection, object_id, as_of=call.as_of)
        if document is not None:
            return [(kind, document)]
    group = groups.find_group(call.tx, object_id, call.as_of)
    return [] if group is None else [("group", group)]
