"""Texts from strangers, made visible: what would move the cursor, turn the line round or hide is shown as a mark.

A display name is whatever somebody in the tenant typed. Written raw it can clear the screen, forge a line of the plan
or read backwards. Nothing is dropped: a reader who sees `⟨U+202E⟩` knows that the name is strange. Honest names in
any script, and emoji with their joiners, stay as they are.
"""

from __future__ import annotations

import unicodedata

_JOINER = "\u200d"
_EMOJI_STYLE = "\ufe0f"
_BLANK_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters and marks that show nothing, though Unicode does not call them format characters."""
_MOST_MARKS = 4
"""Combining marks on one letter that honest scripts need (Vietnamese: 2, pointed Hebrew: 3)."""


def legible(text: str, encoding: str = "utf-8") -> str:
    """The text on one line, with everything invisible, directing or not encodable shown as a mark."""
    shown: list[str] = []
    marks = 0
    for place, each in enumerate(text):
        marks = marks + 1 if unicodedata.category(each) in ("Mn", "Me") else 0
        if marks > _MOST_MARKS or _needs_mark(each, text[place - 1 : place], text[place + 1 : place + 2]):
            shown.append(_mark(each, encoding))
        else:
            shown.append(each if encodable(each, encoding) else _mark(each, encoding))
    return "".join(shown)


def prose(text: str, encoding: str = "utf-8") -> str:
    """A sentence on one line: runs of white space (a playbook's line ends, too) are one space; the rest as above."""
    return legible(" ".join(text.split()), encoding)


def encodable(text: str, encoding: str) -> bool:
    """Whether a stream of this encoding can carry the text. Windows gives pipes an old code page."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _needs_mark(character: str, before: str, after: str) -> bool:
    if character == _JOINER:
        return not (_is_symbol(before) and _is_symbol(after))
    if character == _EMOJI_STYLE:
        return not _is_symbol(before)
    category = unicodedata.category(character)
    return (
        category in ("Cc", "Cf", "Cs", "Zl", "Zp")
        or character in _BLANK_LETTERS
        or 0xFE00 <= ord(character) <= 0xFE0F
        or 0xE0000 <= ord(character) <= 0xE0FFF
    )


def _is_symbol(character: str) -> bool:
    """An emoji, its skin tone, or the selector that makes it one."""
    return character == _EMOJI_STYLE or (character != "" and unicodedata.category(character) in ("So", "Sk"))


def _mark(character: str, encoding: str) -> str:
    point = ord(character)
    picture = {0x0A: "␤", 0x7F: "␡"}.get(point) or (chr(0x2400 + point) if point < 0x20 else f"⟨U+{point:04X}⟩")
    return picture if encodable(picture, encoding) else f"<U+{point:04X}>"
