"""``$filter``: the part of OData's expression language that the directory answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from provisioner.sandbox.clock import parse_time
from provisioner.sandbox.graph import schema
from provisioner.sandbox.graph.errors import GraphError, bad_request, unsupported_query
from provisioner.sandbox.ledger import behaviour, mark

Predicate = Callable[[Mapping[str, Any]], bool]

_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')"
    r"|(?P<date>\d{4}-\d{2}-\d{2}T[0-9:.]+(?:Z|[+-]\d{2}:\d{2}))"
    r"|(?P<guid>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"
    r"|(?P<number>-?\d+(?![\w-]))"
    r"|(?P<word>[A-Za-z_][\w.]*(?:/[A-Za-z_][\w.]*)*)"
    r"|(?P<sign>[(),:/]))"
)
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda left, right: left == right,
    "ne": lambda left, right: left != right,
    "gt": lambda left, right: left > right,
    "ge": lambda left, right: left >= right,
    "lt": lambda left, right: left < right,
    "le": lambda left, right: left <= right,
}

mark(
    "Strings are compared without regard to case in $filter",
    source="unverified",
    if_wrong="names that differ in case only are found, or not",
)


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed filter. ``advanced``: answered only with ConsistencyLevel: eventual and $count=true."""

    predicate: Predicate
    advanced: bool


@behaviour(
    "A filter on a property the type does not have is 400 Request_UnsupportedQuery",
    source="public test data of several clients (2024-2025) quoting the reply",
    if_wrong="only the text of an error differs",
)
def parse_filter(text: str, type_name: str) -> Filter:
    """Raises GraphError for a malformed filter or a property the type does not have."""
    parser = _Parser(text, type_name)
    predicate = parser.whole()
    return Filter(predicate, parser.advanced)


class _Parser:
    def __init__(self, text: str, type_name: str) -> None:
        self._type_name = type_name
        self._tokens: list[tuple[str, str]] = []
        self._next = 0
        self._variables: set[str] = set()
        self.advanced = False
        position = 0
        while text[position:].strip():
            found = _TOKEN.match(text, position)
            if found is None:
                raise _invalid(f"Syntax error at position {position} in '{text}'.")
            assert found.lastgroup is not None
            self._tokens.append((found.lastgroup, found[found.lastgroup]))
            position = found.end()

    def whole(self) -> Predicate:
        predicate = self._either()
        if self._next != len(self._tokens):
            raise _invalid(f"Syntax error near '{self._tokens[self._next][1]}'.")
        return predicate

    def _either(self) -> Predicate:
        left = self._both()
        while self._accept("or"):
            left = _or(left, self._both())
        return left

    def _both(self) -> Predicate:
        left = self._one()
        while self._accept("and"):
            left = _and(left, self._one())
        return left

    def _one(self) -> Predicate:
        if self._accept("not"):
            self.advanced = True
            inner = self._one()
            return lambda item: not inner(item)
        if self._accept("("):
            inner = self._either()
            self._expect(")")
            return inner
        kind, word = self._take()
        if kind != "word":
            raise _invalid(f"Syntax error near '{word}'.")
        if self._peek() == "(" and word.lower() in ("startswith", "endswith", "contains"):
            return self._function(word.lower())
        if self._peek() == "(" and word.rpartition("/")[2] in ("any", "all"):
            return self._lambda(*word.rpartition("/")[::2])
        return self._comparison(word)

    def _comparison(self, path: str) -> Predicate:
        read = self._reader(path)
        operator = self._take()[1].lower()
        if operator == "in":
            self._expect("(")
            values = [self._literal()]
            while self._accept(","):
                values.append(self._literal())
            self._expect(")")
            return lambda item: read(item) in values
        if operator not in _COMPARISONS:
            raise _invalid(f"Syntax error near '{operator}'.")
        self.advanced = self.advanced or operator == "ne"
        compare = _COMPARISONS[operator]
        literal = self._literal()

        def holds(item: Mapping[str, Any]) -> bool:
            value = read(item)
            if operator in ("eq", "ne"):
                return compare(value, literal)
            return type(value) is type(literal) and compare(value, literal)

        return holds

    def _function(self, name: str) -> Predicate:
        if name == "contains":
            raise unsupported_query("Unsupported Query.")
        self.advanced = self.advanced or name == "endswith"
        self._expect("(")
        read = self._reader(self._take()[1])
        self._expect(",")
        literal = self._literal()
        self._expect(")")
        if not isinstance(literal, str):
            raise _invalid(f"No function signature for the function with name '{name}' matches the arguments.")
        starts = name == "startswith"

        def holds(item: Mapping[str, Any]) -> bool:
            value = read(item)
            if not isinstance(value, str):
                return False
            return value.startswith(literal) if starts else value.endswith(literal)

        return holds

    def _lambda(self, path: str, quantifier: str) -> Predicate:
        read = self._reader(path, collection=True)
        self._expect("(")
        if self._accept(")"):
            return lambda item: bool(read(item))
        variable = self._take()[1]
        self._expect(":")
        self._variables.add(variable)
        inner = self._either()
        self._variables.discard(variable)
        self._expect(")")
        judge = any if quantifier == "any" else all
        return lambda item: judge(inner({**item, variable: each}) for each in read(item) or ())

    def _reader(self, path: str, *, collection: bool = False) -> Callable[[Mapping[str, Any]], Any]:
        first, *rest = path.split("/")
        if first in self._variables:
            names = [first, *rest]
        else:
            spelled = schema.property_named(self._type_name, first)
            if spelled is None:
                raise unsupported_query(
                    f"Property '{first}' does not exist as a declared property or extension property."
                )
            if bool(schema.properties(self._type_name)[spelled].get("collection")) is not collection:
                raise _invalid(f"The expression '{path}' does not fit the type of the property.")
            names = [spelled, *rest]

        def read(item: Mapping[str, Any]) -> Any:
            value: Any = item
            for name in names:
                value = value.get(name) if isinstance(value, Mapping) else None
            return value if collection else _comparable(value)

        return read

    def _literal(self) -> Any:
        kind, text = self._take()
        if kind == "string":
            return _comparable(text[1:-1].replace("''", "'"))
        if kind == "number":
            return int(text)
        if kind in ("guid", "date"):
            return _comparable(text)
        words = {"true": True, "false": False, "null": None}
        if kind == "word" and text in words:
            return words[text]
        raise _invalid(f"Syntax error near '{text}'.")

    def _peek(self) -> str:
        return self._tokens[self._next][1] if self._next < len(self._tokens) else ""

    def _take(self) -> tuple[str, str]:
        if self._next >= len(self._tokens):
            raise _invalid("Expression expected at the end.")
        self._next += 1
        return self._tokens[self._next - 1]

    def _accept(self, text: str) -> bool:
        kind_and_text = self._tokens[self._next] if self._next < len(self._tokens) else ("", "")
        if kind_and_text[0] in ("word", "sign") and kind_and_text[1].lower() == text:
            self._next += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            raise _invalid(f"'{text}' expected near '{self._peek()}'.")


_DATE = re.compile(r"\d{4}-\d{2}-\d{2}T")


def _comparable(value: Any) -> Any:
    """Dates as numbers, strings without case, everything else as it is."""
    if not isinstance(value, str):
        return value
    if _DATE.match(value):
        try:
            return parse_time(value)
        except ValueError:
            pass
    return value.casefold()


def _or(left: Predicate, right: Predicate) -> Predicate:
    return lambda item: left(item) or right(item)


def _and(left: Predicate, right: Predicate) -> Predicate:
    return lambda item: left(item) and right(item)


def _invalid(message: str) -> GraphError:
    return bad_request(f"Invalid filter clause: {message}", "BadRequest")
