"""System query options of a collection: what is kept, in which order, and how it is cut into pages."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from provisioner.sandbox.graph import schema
from provisioner.sandbox.graph.errors import bad_request, unsupported_query
from provisioner.sandbox.graph.filters import parse_filter
from provisioner.sandbox.ledger import behaviour, mark

DEFAULT_PAGE = 100
LARGEST_PAGE = 999

_KNOWN = frozenset(("$filter", "$select", "$top", "$count", "$search", "$expand", "$orderby", "$skiptoken", "$format"))

mark(
    "Pages of 100; $top from 1 to 999, anything else is 400",
    source="graph.md 2.1 PUB + Q&A; refusal M",
    if_wrong="large tenants are read with more requests than needed",
)
mark(
    "@odata.count comes with ConsistencyLevel: eventual only, and on the first page only",
    source="graph.md 2.1 V: GD paging.md",
    if_wrong="a count is waited for in vain",
)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of documents; ``total`` when it was asked for and may be told; ``next_token`` when more follow."""

    documents: list[dict[str, Any]]
    total: int | None
    next_token: str | None


def selected(options: Mapping[str, str], type_name: str) -> list[str] | None:
    """Property names of ``$select`` in the schema's spelling and the caller's order; None when not given.

    Raises GraphError for a property the type does not have.
    """
    text = options.get("$select", "")
    if not text.strip() or text.strip() == "*":
        return None
    names = []
    for name in (part.strip() for part in text.split(",")):
        spelled = schema.property_named(type_name, name)
        if spelled is None and name not in schema.navigation(type_name):
            raise unsupported_query(f"Property '{name}' does not exist as a declared property or extension property.")
        if spelled is not None and spelled not in names:
            names.append(spelled)
    return names


@behaviour(
    "$search, ne, not, endswith and sorted directory lists need ConsistencyLevel: eventual (and $count=true)",
    source="graph.md 2.1 V: GD aad-advanced-queries.md",
    if_wrong="a query that works here is refused by the tenant",
)
def page_of(
    documents: Sequence[dict[str, Any]],
    type_name: str,
    options: Mapping[str, str],
    headers: Mapping[str, str],
    *,
    directory: bool = True,
    keep: Callable[[dict[str, Any]], bool] | None = None,
) -> Page:
    """Apply the query options. ``directory``: Entra's rules, which mail does not share. Raises GraphError."""
    for name in options:
        if name not in _KNOWN:
            raise bad_request(
                f"The query parameter '{name}' is not supported."
                if name == "$skip"
                else f"Unrecognized query argument specified: '{name.removeprefix('$')}'.",
                "Request_UnsupportedQuery" if name == "$skip" else "BadRequest",
            )
    eventual = headers.get("consistencylevel", "").lower() == "eventual"
    counted = options.get("$count", "").lower() == "true"
    found = [each for each in documents if keep is None or keep(each)]
    if "$search" in options:
        found = _search(found, options["$search"], eventual=eventual)
    if options.get("$filter"):
        parsed = parse_filter(options["$filter"], type_name)
        if directory and parsed.advanced and not (eventual and counted):
            raise unsupported_query("Unsupported or invalid query filter clause specified.")
        found = [each for each in found if parsed.predicate(each)]
    if options.get("$orderby"):
        if directory and not (eventual and counted):
            raise unsupported_query("Sorting not supported for current query.")
        found = _sorted(found, options["$orderby"], type_name)
    start = _offset(options.get("$skiptoken"))
    size = _top(options.get("$top"))
    more = start + size < len(found)
    total = len(found) if counted and eventual and start == 0 else None
    return Page(found[start : start + size], total, _token(start + size) if more else None)


def next_link(base: str, path: str, options: Mapping[str, str], token: str) -> str:
    """The opaque URL of the next page: the same query with another ``$skiptoken``."""
    kept = {name: value for name, value in options.items() if name != "$skiptoken"}
    parts = [f"{name}={quote(value, safe='')}" for name, value in kept.items()] + [f"$skiptoken={token}"]
    return f"{base}/{path}?{'&'.join(parts)}"


def expanded(options: Mapping[str, str]) -> dict[str, list[str] | None]:
    """``$expand`` as navigation property -> its nested ``$select`` (None: all)."""
    result: dict[str, list[str] | None] = {}
    for part in re.findall(r"(\w+)\s*(?:\(([^)]*)\))?", options.get("$expand", "")):
        nested = re.search(r"\$select=([\w,\s]+)", part[1])
        result[part[0]] = [name.strip() for name in nested[1].split(",")] if nested else None
    return result


@behaviour(
    "$search without ConsistencyLevel: eventual is refused with a text that names the header",
    source="graph.md 2.1 V: GD aad-advanced-queries.md",
    if_wrong="only the text of an error differs",
)
def _search(documents: list[dict[str, Any]], text: str, *, eventual: bool) -> list[dict[str, Any]]:
    if not eventual:
        raise unsupported_query(
            "Request with $search query parameter only works through MSGraph with a special request header:"
            " 'ConsistencyLevel: eventual'"
        )
    clause = re.match(r'\s*"(\w+):(.*)"\s*\Z', text)
    if clause is None:
        raise bad_request("Syntax error: a clause of $search is a quoted 'property:value'.", "BadRequest")
    name, wanted = clause[1], clause[2].casefold()
    return [each for each in documents if any(word.startswith(wanted) for word in _words(str(each.get(name) or "")))]


def _words(text: str) -> list[str]:
    whole = text.casefold()
    return [whole, *re.split(r"\W+", whole)]


def _sorted(documents: list[dict[str, Any]], text: str, type_name: str) -> list[dict[str, Any]]:
    for clause in reversed(text.split(",")):
        name, _, direction = clause.strip().partition(" ")
        spelled = schema.property_named(type_name, name)
        if spelled is None:
            raise unsupported_query(f"Property '{name}' does not exist as a declared property or extension property.")
        documents = sorted(
            documents,
            key=lambda each, by=spelled: str(each.get(by) or "").casefold(),  # type: ignore[misc]
            reverse=direction.strip().lower() == "desc",
        )
    return documents


def _top(text: str | None) -> int:
    if text is None:
        return DEFAULT_PAGE
    if not text.isdecimal() or not 1 <= int(text) <= LARGEST_PAGE:
        raise bad_request(f"Invalid page size specified: '{text}'. Must be between 1 and {LARGEST_PAGE} inclusive.")
    return int(text)


def _token(offset: int) -> str:
    return base64.urlsafe_b64encode(json.dumps({"o": offset}).encode()).rstrip(b"=").decode()


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    try:
        return int(json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))["o"])
    except (binascii.Error, ValueError, KeyError, TypeError) as problem:
        raise bad_request("Skip token is null or invalid.", "Directory_ExpiredPageToken") from problem
