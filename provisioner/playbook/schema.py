"""The door to pydantic: plain data against the classes of `written.py`, and the JSON Schema for editors.

Imported inside functions only, since pydantic costs a tenth of a second that no `--help` should pay.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import itertools
import json
import types
import typing
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Union

from pydantic import TypeAdapter, ValidationError
from pydantic.json_schema import GenerateJsonSchema

from provisioner.errors import FaultyPlace
from provisioner.playbook import hidden, written
from provisioner.playbook.nearest import did_you_mean
from provisioner.playbook.written import PlaybookFile
from provisioner.playbook.yaml_text import Document, Path, Plain

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_EXPECTED = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "dataclass_type": "a mapping",
    "tuple_type": "a list",
}
"""What pydantic's fault types mean for somebody who writes YAML."""


@functools.cache
def _adapter() -> TypeAdapter[PlaybookFile]:
    return TypeAdapter(PlaybookFile)


class _Untitled(GenerateJsonSchema):
    """The schema without the titles that pydantic derives from field names: they say nothing and crowd editors."""

    def field_title_should_be_set(self, schema: object) -> bool:
        """Never."""
        return False


def json_schema() -> str:
    """The JSON Schema (2020-12) of a playbook file, with a description on every key."""
    schema = _adapter().json_schema(schema_generator=_Untitled)
    _describe(schema)
    _close(schema)
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:provisioner:playbook:1",
    }
    return json.dumps({**head, **schema}, indent=2, ensure_ascii=False) + "\n"


def _describe(schema: dict[str, Any]) -> None:
    """Put the docstring under each field of `written.py` on its key.

    Pydantic can do that itself, but then reads its own source on every start, which doubles the time of a check.
    """
    source = ast.parse(inspect.getsource(written))
    for each in source.body:
        target = schema.get("$defs", {}).get(each.name, schema) if isinstance(each, ast.ClassDef) else {}
        if not isinstance(each, ast.ClassDef) or target.get("description") != ast.get_docstring(each):
            continue
        for statement, after in itertools.pairwise(each.body):
            match statement, after:
                case ast.AnnAssign(target=ast.Name(id=key)), ast.Expr(value=ast.Constant(value=str(text))):
                    target["properties"][key]["description"] = text


def _close(schema: object) -> None:
    """Forbid keys beside those of a pattern: pydantic refuses them when it reads, but does not say so."""
    if isinstance(schema, dict):
        if "patternProperties" in schema:
            schema["additionalProperties"] = False
        for each in schema.values():
            _close(each)
    elif isinstance(schema, list):
        for each in schema:
            _close(each)


def check(document: Document) -> tuple[PlaybookFile | None, list[FaultyPlace]]:
    """The playbook in a document, or the faults of its structure."""
    try:
        return _adapter().validate_json(json.dumps(document.data)), []
    except ValidationError as error:
        by_path: dict[Path, list[ErrorDetails]] = {}
        for each in error.errors(include_url=False, include_context=True):
            by_path.setdefault(_real_path(each, document.data), []).append(each)
        return None, [
            _fault(document, path, details) for path, details in by_path.items() if not _is_refused(document, path)
        ]


def _real_path(error: ErrorDetails, data: Plain) -> Path:
    """Pydantic's location without the names of union members that it puts in between; a missing key stays last."""
    path: Path = ()
    for step in error["loc"]:
        inside = _children(data)
        if step in inside:
            data = inside[step]
        elif step != "[key]" and error["type"] != "missing":
            continue
        path = (*path, step)
    return path


def _children(data: Plain) -> Mapping[str | int, Plain]:
    if isinstance(data, dict):
        return dict(data.items())
    return dict(enumerate(data)) if isinstance(data, list) else {}


def _is_refused(document: Document, path: Path) -> bool:
    return any(path[:length] in document.refused for length in range(len(path) + 1))


def _fault(document: Document, path: Path, errors: list[ErrorDetails]) -> FaultyPlace:
    first = errors[0]
    match first["type"]:
        case "missing":
            return document.fault(path[:-1], f"{hidden.shown(str(path[-1]))} is missing", key=True)
        case "unexpected_keyword_argument":
            known = _keys_at(path[:-1])
            hint = did_you_mean(str(path[-1]), known) or "one of " + ", ".join(known)
            return document.fault(path, f"unknown key {hidden.shown(str(path[-1]))}", hint, key=True)
    if path and path[-1] == "[key]":
        path = path[:-1]
        return document.fault(path, f"key {hidden.shown(str(path[-1]))} {_message(errors)}", key=True)
    name = next((step for step in reversed(path) if isinstance(step, str)), None)
    subject = f"{hidden.shown(name)} " if name else "the playbook "
    return document.fault(path, subject + _message(errors), _hint(first))


def _message(errors: list[ErrorDetails]) -> str:
    """What the value must be; alternatives of a union joined."""
    words = dict.fromkeys(_expectation(each) for each in errors)
    return "must be " + " or ".join(words)


def _expectation(error: ErrorDetails) -> str:
    if error["type"] == "literal_error":
        return str(error["ctx"]["expected"])
    if error["type"] in _EXPECTED:
        return _EXPECTED[error["type"]]
    return error["msg"].removeprefix("must be ")


def _hint(error: ErrorDetails) -> str | None:
    given = error["input"]
    if error["type"] == "literal_error" and isinstance(given, str):
        expected = [each.strip("'") for each in error["ctx"]["expected"].replace(" or ", ", ").split(", ")]
        return did_you_mean(given, expected)
    if error["type"] in {"string_type", "shape"} and isinstance(given, (int, float)):
        return "put it in quotes"
    return None


def _keys_at(path: Path) -> tuple[str, ...]:
    """The keys that the format allows at a place."""
    kind: object = PlaybookFile
    for step in path:
        kind = _inside(kind, step)
    return tuple(each.name for each in dataclasses.fields(kind)) if _is_mapping_class(kind) else ()


def _is_mapping_class(kind: object) -> typing.TypeGuard[type]:
    return isinstance(kind, type) and dataclasses.is_dataclass(kind)


def _inside(kind: object, step: str | int) -> object:
    """The annotation of what is inside an annotation, at a key or position."""
    if _is_mapping_class(kind):
        return _stripped(typing.get_type_hints(kind).get(str(step)))
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) is Mapping or typing.get_origin(kind) is typing.get_origin(Mapping[str, str]):
        return _stripped(arguments[1])
    return _stripped(arguments[0]) if arguments else None


def _stripped(kind: object) -> object:
    """An annotation without its `| None`."""
    if typing.get_origin(kind) in {Union, types.UnionType}:
        return next(each for each in typing.get_args(kind) if each is not type(None))
    return kind
