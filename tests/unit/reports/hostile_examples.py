"""Texts from strangers, and a way to put one into every text of a result."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

_FILE = json.loads((Path(__file__).parents[2] / "data" / "hostile_names.json").read_text(encoding="utf-8"))
TEXTS: dict[str, str] = {each["id"]: each["text"] for group in ("displayNames", "mailboxes") for each in _FILE[group]}
HONEST = ("emoji", "rtl-script", "quotes", "nfc", "nfd", "wide", "homoglyph", "mailbox-idn", "rich-markup", "markdown")
"""Names without anything that acts on a terminal; they must stay as they are."""


def everywhere(result: T, text: str) -> T:
    """The same result with every text of it replaced, however deep."""
    return _replaced(result, text)  # type: ignore[no-any-return]


def _replaced(value: Any, text: str) -> Any:
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        return text
    if isinstance(value, tuple):
        return tuple(_replaced(each, text) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{each.name: _replaced(getattr(value, each.name), text) for each in fields(value)})
    return value
