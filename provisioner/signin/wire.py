"""The opt-in wire trace: what may be written down of a request and its reply.

One gate redacts, by field name and by known value: a secret once seen under a telling name is hidden wherever it
turns up later, also URL-encoded or in base64.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import parse_qsl, quote, quote_plus, urlencode

HIDDEN = "[hidden]"

SECRET_FIELDS = frozenset(
    {
        "accesstoken",
        "assertion",
        "authorization",
        "clientassertion",
        "clientsecret",
        "code",
        "codeverifier",
        "cookie",
        "devicecode",
        "idtoken",
        "password",
        "proof",
        "proxyauthorization",
        "refreshtoken",
        "secrettext",
        "setcookie",
    }
)
"""Names of fields and headers whose value is hidden, in lower case, without dashes and underscores."""

PUBLIC_CODES = re.compile(r"[A-Za-z][A-Za-z_.]*")
"""`code` is also the name of an error's code, which is what one reads a trace for: words pass."""

SHORTEST_KNOWN = 6
"""Shorter values are not hunted elsewhere: they would blank out half the trace."""


@dataclass(frozen=True)
class WireLine:
    """One request and its reply, redacted. `status` is 0 where no reply came."""

    method: str
    url: str
    request_headers: tuple[tuple[str, str], ...]
    request_body: str
    status: int
    reply_headers: tuple[tuple[str, str], ...]
    reply_body: str
    seconds: float


Trace: TypeAlias = Callable[[WireLine], None]
"""A listener for the wire. It must not raise."""


class Redactor:
    """Hides secrets in headers, bodies and URLs, and remembers those it has hidden."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def headers(self, headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        """Headers with secret ones hidden."""
        return tuple((name, self._hidden(name, value) or self.text(value)) for name, value in headers)

    def body(self, content: bytes) -> str:
        """A body, JSON or form or other text, with secrets hidden; only the size of what is no text."""
        try:
            text = content.decode()
        except UnicodeDecodeError:
            return f"[{len(content)} bytes]"
        try:
            return self.text(json.dumps(self._json(json.loads(text)), ensure_ascii=False))
        except ValueError:
            pass
        return self.text(self._form(text) if re.fullmatch(r"[\w.%+~-]+=\S*", text) else text)

    def text(self, text: str) -> str:
        """Any text, with the secrets seen so far hidden."""
        for known in sorted(self._known, key=len, reverse=True):
            text = text.replace(known, HIDDEN)
        return text

    def _json(self, value: object) -> object:
        if isinstance(value, Mapping):
            return {
                name: (self._hidden(name, each) if isinstance(each, str) else None) or self._json(each)
                for name, each in value.items()
            }
        if isinstance(value, list):
            return [self._json(each) for each in value]
        return value

    def _form(self, text: str) -> str:
        pairs = parse_qsl(text, keep_blank_values=True)
        return urlencode([(name, self._hidden(name, value) or value) for name, value in pairs], safe="[]")

    def _hidden(self, name: str, value: str) -> str | None:
        plain = name.lower().replace("-", "").replace("_", "")
        if plain not in SECRET_FIELDS or not value or (plain == "code" and PUBLIC_CODES.fullmatch(value)):
            return None
        secret = value.split(" ", 1)[1] if plain == "authorization" and " " in value else value
        if len(secret) >= SHORTEST_KNOWN:
            self._known |= _disguises(secret)
        return HIDDEN


def _disguises(secret: str) -> set[str]:
    """The secret as it may turn up elsewhere."""
    encoded = base64.b64encode(secret.encode()).decode()
    return {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], encoded, encoded.rstrip("=")}
