"""Characters that a reader does not see, or that change what he sees: control, bidirectional, invisible.

A playbook comes from a stranger. A right-to-left override makes `gpj.exe` read `exe.jpg`; an escape sequence rewrites
a terminal. None of them has a use in a playbook, so they are faults there, and they never reach a message unescaped.
Joiners (U+200C, U+200D) stay allowed: emoji and several scripts are written with them.
"""

from __future__ import annotations

import re
import unicodedata

_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control, but tab and line feed
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional
    "\u00ad\u180e\u200b\u2060-\u2065\u206a-\u206f\ufeff\U000e0000-\U000e007f"  # invisible
    "\u2028\u2029\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]"  # line separators, annotations, never characters
)

REPLACEMENT = "\ufffd"


def first_hidden(text: str) -> str | None:
    """The first such character of a text, or None."""
    found = _HIDDEN.search(text)
    return found.group() if found else None


def hidden_positions(text: str, at_most: int) -> tuple[list[tuple[int, str]], int]:
    """Offset and character of the first few, and how many there are in all."""
    count = 0
    positions: list[tuple[int, str]] = []
    for count, found in enumerate(_HIDDEN.finditer(text), start=1):
        if count <= at_most:
            positions.append((found.start(), found.group()))
    return positions, count


def without_hidden(text: str) -> str:
    """The text with each of them replaced by one visible character, so that offsets stay."""
    return _HIDDEN.sub(REPLACEMENT, text)


def character_name(character: str) -> str:
    """`U+202E RIGHT-TO-LEFT OVERRIDE`."""
    name = unicodedata.name(character, "")
    return f"U+{ord(character):04X}" + (f" {name}" if name else "")


def escaped(text: str) -> str:
    """The text with each of them as an escape that YAML reads in double quotes."""
    return _HIDDEN.sub(lambda found: _escape(ord(found.group())), text)


def _escape(code: int) -> str:
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def shown(text: str, at_most: int = 60) -> str:
    """A stranger's text between quotes, safe to print: hidden characters as escapes, cut to a length."""
    cut = text if len(text) <= at_most else text[: at_most - 1] + "…"
    return "'" + escaped(cut.replace("\\", "\\\\")).replace("\n", "\\n").replace("\t", "\\t") + "'"
