"""A secret as a type, so that no log line, traceback, plan or receipt can show it by accident."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn, TypeAlias


class Secret:
    """An opaque text. `reveal()` is the only way in; a test lists the places that may call it.

    There is no `__str__` of its own, no comparison on the text and no pickling: each of those has leaked a secret
    somewhere.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "Secret(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled")

    def reveal(self) -> str:
        """The text itself. Call it only where the text leaves the process on purpose."""
        return self._text

    def same_as(self, other: Secret) -> bool:
        """Whether both hold the same text, in constant time."""
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def matches_hint(self, hint: str | None) -> bool:
        """Whether Entra's hint (the first three characters; source: recorded-graph.md 7) fits. No hint fits all."""
        return hint is None or self._text.startswith(hint)


@dataclass(frozen=True)
class Inset:
    """The place of a secret in a text that is going to be sealed, and how it is written there."""

    secret: Secret
    written: Callable[[str], str] = str


Letter: TypeAlias = tuple[str | Inset, ...]
"""A text with secrets in it that nobody can read before it is sealed: see sinks/."""
