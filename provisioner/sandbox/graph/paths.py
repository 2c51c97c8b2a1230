"""Graph URLs: path segments with keys in either spelling, and system query options."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from provisioner.sandbox.graph.errors import GraphError

_KEYED = re.compile(r"(?P<name>[^()]+)\((?P<key>.*)\)\Z", re.DOTALL)
_ALTERNATE = re.compile(r"(?P<name>\w+)\s*=\s*'(?P<value>(?:[^']|'')*)'\Z")


@dataclass(frozen=True, slots=True)
class Key:
    """What a URL names an object by: its id, or (``name`` set) an alternate key such as appId."""

    value: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A parsed URL: names and keys in turn as far as written, and the query options by lower-case name with ``$``."""

    tokens: tuple[str | Key, ...]
    options: Mapping[str, str]


def parse_target(path: str, query: str) -> Target:
    """Path below the version, still percent-encoded, and the raw query. GraphError for a malformed key."""
    tokens: list[str | Key] = []
    for raw in path.split("/"):
        if not raw:
            continue
        # `graph` is the schema's alias of its namespace, which Microsoft's own SDK writes in paths.
        segment = unquote(raw).removeprefix("microsoft.").removeprefix("graph.")
        keyed = _KEYED.match(segment)
        if keyed is None:
            tokens.append(segment)
            continue
        tokens += [keyed["name"], _key(keyed["key"])]
    options = {
        (name if name.startswith("$") else f"${name}").lower(): value
        for name, value in parse_qsl(query, keep_blank_values=True)
    }
    return Target(tuple(tokens), options)


def _key(text: str) -> Key:
    alternate = _ALTERNATE.match(text.strip())
    if alternate is not None:
        return Key(alternate["value"].replace("''", "'"), alternate["name"])
    bare = text.strip()
    if len(bare) >= 2 and bare[0] == bare[-1] == "'":
        return Key(bare[1:-1].replace("''", "'"))
    raise GraphError(400, "BadRequest", f"Syntax error: character '{bare[:1]}' is not valid at position 0.")


def matches(pattern: str, tokens: tuple[str | Key, ...]) -> list[Key] | None:
    """The keys at the pattern's ``{}`` places, or None. Names match in any case, as Graph's do."""
    parts = pattern.split("/")
    if len(parts) != len(tokens):
        return None
    keys = []
    for part, token in zip(parts, tokens, strict=True):
        if part == "{}":
            keys.append(token if isinstance(token, Key) else Key(token))
        elif isinstance(token, Key) or token.lower() != part.lower():
            return None
    return keys
