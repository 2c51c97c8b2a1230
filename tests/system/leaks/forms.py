"""Finds a secret in bytes, in any disguise in which programs let secrets out by mistake."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

FRAGMENT = 12
"""So many characters of a secret in a row are a leak too: a shortened token, a wrapped line."""

ANY = {
    ("a token", "plain"): re.compile(rb"eyJ[\w-]{16,}\.[\w-]{32,}\."),
    ("age identity", "plain"): re.compile(rb"AGE-SECRET-KEY-1[0-9A-Z]{20}"),
    ("a private key", "PEM"): re.compile(rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"),
}
"""Looked for in any case, whosever they are."""

_GAPS = re.compile(rb"[\s\x1b]+|\xe2\x94[\x80-\xbf]")
"""What a terminal puts into a long word: line ends, indentation, frames."""


def forms(secret: str) -> dict[str, tuple[bytes, ...]]:
    """A secret's disguises, by name."""
    plain = secret.encode()
    wide = secret.encode("utf-16-le")
    escaped = json.dumps(secret)[1:-1]
    return {
        "plain": (plain,),
        "base64": tuple(_base64(plain)),
        "base64 of UTF-16": tuple(_base64(wide)),
        "URL": tuple(form.encode() for each in (quote(secret, safe=""), quote_plus(secret)) for form in _cases(each)),
        "JSON": (
            escaped.encode(),
            escaped.replace("/", "\\/").encode(),
            json.dumps(secret, ensure_ascii=False)[1:-1].encode(),
            json.dumps(escaped)[1:-1].encode(),  # JSON within JSON
        ),
        "UTF-16": (wide, secret.encode("utf-16-be")),
        "CLIXML": (clixml(secret).encode(), escape(clixml(secret), {'"': "&quot;"}).encode()),
        "XML": (escape(secret).encode(), escape(secret, {'"': "&quot;", "'": "&apos;"}).encode()),
        "repr": (repr(secret)[1:-1].encode(), repr(plain)[2:-1].encode()),
        "hex": (plain.hex().encode(), plain.hex().upper().encode()),
    }


def clixml(text: str) -> str:
    """How PowerShell's serializer writes a text: `_xHHHH_` for what XML cannot hold, and for `_x` itself."""
    units = text.encode("utf-16-be", "surrogatepass")
    written = []
    for place in range(0, len(units), 2):
        code = int.from_bytes(units[place : place + 2], "big")
        opens = code == ord("_") and units[place + 2 : place + 4].lower() == b"\x00x"
        special = code < 0x20 or 0x7F <= code <= 0x9F or 0xD800 <= code <= 0xDFFF or opens
        written.append(f"_x{code:04X}_" if special else chr(code))
    return "".join(written)


def _base64(plain: bytes) -> Iterator[bytes]:
    """The characters that all base64 texts share in which the bytes begin at the first, second or third place."""
    for lead in range(3):
        whole = base64.b64encode(b"\0" * lead + plain)
        first = (0, 2, 3)[lead]
        last = (len(plain) + lead) * 8 // 6
        shared = whole[first:last]
        yield shared
        yield shared.replace(b"+", b"-").replace(b"/", b"_")


def _cases(quoted: str) -> Iterator[str]:
    yield quoted
    yield re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), quoted)


class Detector:
    """Looks for a set of secrets, given by name. The names are what is told; a secret itself never is."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._patterns: dict[bytes, set[tuple[str, bytes]]] = {}
        """By their first bytes: what to look for, and under which label it is told."""
        for name, secret in secrets.items():
            for form, patterns in forms(secret).items():
                for pattern in patterns:
                    self._patterns.setdefault(pattern[:FRAGMENT], set()).add((f"{name} as {form}", pattern))
        self._fragments = {
            piece: name for name, secret in secrets.items() for piece in _fragments(_telling(secret).encode())
        }

    def find(self, data: bytes, *, fragments: bool = True) -> set[str]:
        """`NAME as FORM` for each secret found. `fragments` also finds parts, and words that a terminal has broken."""
        pieces = _fragments(data)
        found = {
            label
            for piece in pieces & self._patterns.keys()
            for label, pattern in self._patterns[piece]
            if pattern in data
        }
        found |= {f"{name} as {form}" for (name, form), pattern in ANY.items() if pattern.search(data)}
        if fragments:
            pieces |= _fragments(_GAPS.sub(b"", data))
            found |= {f"{self._fragments[each]} in part" for each in pieces & self._fragments.keys()}
        return found

    def search(self, root: Path, *, fragments: bool = True) -> dict[str, set[str]]:
        """What is found in the files below a folder (links are followed for files only), and in their names."""
        result = {}
        for each in sorted(root.rglob("*")):
            found = self.find(str(each.relative_to(root)).encode(), fragments=fragments)
            if each.is_file():
                found |= self.find(each.read_bytes(), fragments=fragments)
            if found:
                result[each.relative_to(root).as_posix()] = found
        return result


def _telling(secret: str) -> str:
    """The part of a secret that every other one of its kind has not."""
    if secret.startswith("AGE-SECRET-KEY-1"):
        return secret.removeprefix("AGE-SECRET-KEY-1")
    if re.fullmatch(r"eyJ[\w-]+\.[\w-]+\.[\w-]+", secret):
        return secret.rpartition(".")[2]  # the signature: header and claims repeat what is public
    return secret


def _fragments(data: bytes) -> set[bytes]:
    return {data[place : place + FRAGMENT] for place in range(len(data) - FRAGMENT + 1)}
