"""Microsoft's own schema of Graph, as far as this sandbox plays it: which properties exist, of which type.

It tells an unknown property from a known one and a wrong type from a right one. It says nothing about defaults or what
is required: that is in ``shapes`` and beside each collection.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from provisioner.sandbox.clock import parse_time
from provisioner.sandbox.graph.errors import bad_request
from provisioner.sandbox.ledger import behaviour

GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z", re.IGNORECASE)


_RECORDED = {"servicePrincipal": {"createdDateTime": {"type": "Edm.DateTimeOffset"}}}
"""In every recorded reply, though not in the schema."""


@cache
def _schema() -> dict[str, Any]:
    text = resources.files("provisioner.sandbox.graph").joinpath("data/graph-schema.json").read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


@cache
def properties(type_name: str) -> Mapping[str, Mapping[str, Any]]:
    """Structural properties of an entity or complex type (bare name), its base types' included."""
    schema = _schema()
    definition = schema["entityTypes"].get(type_name) or schema["complexTypes"][type_name]
    base = str(definition.get("base") or "").removeprefix("graph.")
    inherited = properties(base) if base else {}
    return {**inherited, **definition["properties"], **_RECORDED.get(type_name, {})}


@cache
def navigation(type_name: str) -> Mapping[str, str]:
    """Navigation properties of an entity type, its base types' included: name -> type."""
    definition = _schema()["entityTypes"].get(type_name, {})
    base = str(definition.get("base") or "").removeprefix("graph.")
    return {**(navigation(base) if base else {}), **definition.get("navigation", {})}


def property_named(type_name: str, name: str) -> str | None:
    """The schema's spelling of a property, which clients may write in any case; None when there is none."""
    lower = name.lower()
    return next((known for known in properties(type_name) if known.lower() == lower), None)


def parameters(action: str, bound_to: str) -> Mapping[str, str]:
    """Parameter types of an action bound to an entity type."""
    for each in _schema()["actions"]:
        if each["name"] == action and each["boundTo"] == f"graph.{bound_to}":
            found: Mapping[str, str] = each["parameters"]
            return found
    raise KeyError(action)


@behaviour(
    "A property the type does not have is refused in a body: 400 Request_BadRequest",
    source="unverified text; the types are Microsoft's schema v1.0, f54f11b6",
    if_wrong="a misspelt property is taken for written",
)
def check_body(type_name: str, body: object, *, links: bool = False) -> dict[str, Any]:
    """The body of a create or update, annotations removed. Raises GraphError for a property or value of wrong type.

    With ``links``, ``name@odata.bind`` of a navigation property is let through.
    """
    if not isinstance(body, dict):
        raise bad_request("The request body must be a JSON object.", "BadRequest")
    known = properties(type_name)
    checked = {}
    for name, value in body.items():
        if name.startswith("@odata.") or (name.endswith("@odata.type") and "@" in name):
            continue
        if links and name.endswith("@odata.bind") and name.split("@")[0] in navigation(type_name):
            checked[name] = value
            continue
        if name not in known:
            raise bad_request(f"Invalid property '{name}'.")
        checked[name] = check_value(name, value, known[name])
    return checked


def check_parameters(action: str, bound_to: str, body: object) -> dict[str, Any]:
    """The parameters of an action. Raises GraphError for an unknown one or a wrong type."""
    if not isinstance(body, dict):
        raise bad_request("The request body must be a JSON object.", "BadRequest")
    types = parameters(action, bound_to)
    checked = {}
    for name, value in body.items():
        if name.startswith("@odata."):
            continue
        if name not in types:
            raise bad_request(
                f"The parameter '{name}' in the request payload is not a valid parameter for the operation '{action}'.",
                "BadRequest",
            )
        checked[name] = check_value(name, value, {"type": types[name]})
    return checked


def check_value(name: str, value: object, definition: Mapping[str, Any]) -> Any:
    """One value against its definition; complex values with annotations removed. Raises GraphError."""
    kind = str(definition["type"])
    if definition.get("collection"):
        if not isinstance(value, list):
            raise _wrong(name, value, f"Collection({kind})")
        return [check_value(name, each, {"type": kind, "nullable": False}) for each in value]
    if value is None:
        if definition.get("nullable", True):
            return None
        raise bad_request(
            f"A null value was found for the property named '{name}', which has the expected type"
            f" '{kind}[Nullable=False]'. The expected type '{kind}[Nullable=False]' does not allow null values.",
            "BadRequest",
        )
    if kind.startswith("graph."):
        return _check_named(name, value, kind.removeprefix("graph."))
    if not _PRIMITIVES.get(kind, _is_string)(value):
        raise _wrong(name, value, kind)
    return value


def _check_named(name: str, value: object, type_name: str) -> Any:
    members = _schema()["enumTypes"].get(type_name)
    if members is not None:
        # In any case: Microsoft's own samples write "Text" and "HTML".
        known = {str(member).lower() for member in members}
        if not isinstance(value, str) or any(part.lower() not in known for part in value.split(",")):
            raise _wrong(name, value, f"microsoft.graph.{type_name}")
        return value
    if not isinstance(value, dict):
        raise _wrong(name, value, f"microsoft.graph.{type_name}")
    return check_body(type_name, value)


def _wrong(name: str, value: object, kind: str) -> Exception:
    return bad_request(
        f"Cannot convert the literal '{str(value)[:80]}' to the expected type '{kind}' of property '{name}'.",
        "BadRequest",
    )


def _is_string(value: object) -> bool:
    return isinstance(value, str)


def _is_date(value: object) -> bool:
    try:
        parse_time(str(value))
    except (ValueError, OverflowError):
        return False
    return isinstance(value, str)


def _is_binary(value: object) -> bool:
    try:
        base64.b64decode(re.sub(r"\s", "", str(value)), validate=True)
    except (binascii.Error, ValueError):
        return False
    return isinstance(value, str)


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_PRIMITIVES = {
    "Edm.String": _is_string,
    "Edm.Boolean": lambda value: isinstance(value, bool),
    "Edm.Guid": lambda value: isinstance(value, str) and GUID.match(value) is not None,
    "Edm.DateTimeOffset": _is_date,
    "Edm.Binary": _is_binary,
    "Edm.Int32": _is_integer,
    "Edm.Int64": _is_integer,
}
