"""From what pypsrp deserialises to plain data.

A .NET object arrives with adapted properties, a PSCustomObject with extended ones, and one that was extended on its
way with both (exchange.md 2.2). A property's value may itself be such an object; PowerShell would show its string
form, and so do we. pypsrp leaves a collection that it does not know as the text of its XML.
"""

from __future__ import annotations

import uuid
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Any

_COLLECTIONS = ("<LST", "<IE", "<STK", "<QUE")


def record(value: Any) -> Mapping[str, object]:
    """One output object as property -> value. A bare value comes under `Value`."""
    if _is_object(value):
        properties = {**value.adapted_properties, **value.extended_properties}
        if properties:
            return {str(name): plain(each) for name, each in properties.items()}
    if isinstance(value, dict):
        return {str(name): plain(each) for name, each in value.items()}
    return {"Value": plain(value)}


def plain(value: Any) -> object:
    """A property's value as str, bool, int, float, None, a tuple or a mapping of those."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, list | tuple):
        return tuple(plain(each) for each in value)
    if isinstance(value, dict):
        return {str(name): plain(each) for name, each in value.items()}
    if _is_object(value):
        return _inner(value)
    return str(value)


def text_of(value: Any) -> str:
    """The string form of an object, as PowerShell would show it; empty where it has none."""
    return "" if value is None or getattr(value, "to_string", "") is None else str(value)


def _is_object(value: Any) -> bool:
    return hasattr(value, "adapted_properties") and hasattr(value, "extended_properties")


def _inner(value: Any) -> object:
    for part in value.property_sets:
        if isinstance(part, list):
            return plain(part)
        if isinstance(part, str) and part.startswith(_COLLECTIONS):
            # defusing is not needed: pypsrp has parsed this very text a moment ago
            return tuple(_element(each) for each in ET.fromstring(part))  # noqa: S314
    if value.to_string:
        return str(value.to_string)
    properties = {**value.adapted_properties, **value.extended_properties}
    if properties:
        return {str(name): plain(each) for name, each in properties.items()}
    return plain(value.property_sets[0]) if value.property_sets else ""


def _element(element: ET.Element) -> object:
    """One member of a collection that pypsrp left as XML."""
    from pypsrp.serializer import Serializer

    if element.tag == "Obj":
        shown = element.find("ToString")
        if shown is not None:
            return plain(Serializer().deserialize(shown))
    return plain(Serializer().deserialize(element))
