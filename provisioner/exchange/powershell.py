"""Values as PowerShell source: typed literals, and nothing that PowerShell would look into.

A text becomes a single-quoted string with every quote doubled. PowerShell takes five characters for a single quote,
the four typographic ones among them (its tokenizer: CharTraits.IsSingleQuote), so all five are doubled. Within such a
string nothing else has a meaning: no `$`, no backtick, no `#`. Characters that nobody sees, such as those that turn the
direction of a line, are written by number, because a person is to review what is written here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from provisioner.errors import InputFault
from provisioner.exchange.interface import Parameter

QUOTES = "'\u2018\u2019\u201a\u201b"
"""What PowerShell takes for a single quote."""

_REFUSED = {"Cc", "Cs", "Zl", "Zp"}
"""Control characters, halves of characters, and separators of lines: no name or address needs them."""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_BLANK = re.compile("\ufdd0([A-Za-z][A-Za-z0-9]*)\\.([A-Za-z]+)\ufdd1")
_INDENT = "    "


@dataclass(frozen=True)
class Blank:
    """A property of something that only the script itself will make: `$made2.DistinguishedName`.

    Within a value it is a mark of two characters that Unicode keeps out of all text (U+FDD0, U+FDD1), so that it goes
    unharmed through code that takes it for text, and cannot be confused with any.
    """

    variable: str
    shown: str
    """The property."""

    @property
    def mark(self) -> str:
        """How it stands within a text."""
        return f"\ufdd0{self.variable}.{self.shown}\ufdd1"


def literal(value: Parameter, blanks: frozenset[Blank] = frozenset()) -> str:
    """The value as a PowerShell expression. Raises `InputFault` for what no script should hold.

    `blanks` are the marks that may occur in it.
    """
    if value is None:
        return "$null"
    if isinstance(value, bool):
        return "$true" if value else "$false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return _text(value, blanks)
    return f"@({', '.join(_text(each, blanks) for each in value)})"


def table(values: Mapping[str, Parameter], blanks: frozenset[Blank] = frozenset()) -> tuple[str, ...]:
    """A hash table of literals, a line each; the values of one cmdlet's parameters."""
    if not values:
        return ("@{}",)
    width = max(map(len, values))
    return (
        "@{",
        *(f"{_INDENT}{name(each):<{width}} = {literal(value, blanks)}" for each, value in values.items()),
        "}",
    )


def name(text: str) -> str:
    """A cmdlet's, parameter's or property's own name, which no stranger chose."""
    if not all(_NAME.fullmatch(part) for part in text.split("-")):
        raise AssertionError(f"{text!r} is no name of PowerShell")
    return text


def _text(text: str, blanks: frozenset[Blank]) -> str:
    parts: list[str] = []
    place = 0
    for found in _BLANK.finditer(text):
        blank = Blank(found[1], found[2])
        if blank not in blanks:
            continue
        parts += _pieces(text[place : found.start()])
        whole = found.span() == (0, len(text))
        # within a text it stands in a filter's quotes, where Exchange wants quotes doubled
        parts.append(f"${blank.variable}.{blank.shown}" if whole else f"(Get-Quoted ${blank.variable}.{blank.shown})")
        place = found.end()
    parts += _pieces(text[place:])
    if not parts:
        return "''"
    if len(parts) == 1 and parts[0][0] in "'$":
        return parts[0]
    # the first one says that this is text
    return f"({' + '.join(parts if parts[0].startswith(chr(39)) else (chr(39) * 2, *parts))})"


def _pieces(text: str) -> list[str]:
    """Single-quoted strings, and between them what nobody sees, by number."""
    pieces: list[str] = []
    seen = ""
    for character in text:
        if _is_refused(character):
            raise InputFault(
                f"a value holds the character U+{ord(character):04X}, which no script should hold",
                advice="give a name or address without control characters",
            )
        if unicodedata.category(character) == "Cf":
            if seen:
                pieces.append(_quoted(seen))
            pieces.append(f"[char]::ConvertFromUtf32(0x{ord(character):04X})")
            seen = ""
        else:
            seen += character
    if seen:
        pieces.append(_quoted(seen))
    return pieces


def _quoted(text: str) -> str:
    return "'" + "".join(each * 2 if each in QUOTES else each for each in text) + "'"


def _is_refused(character: str) -> bool:
    code = ord(character)
    noncharacter = 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE
    return noncharacter or unicodedata.category(character) in _REFUSED
