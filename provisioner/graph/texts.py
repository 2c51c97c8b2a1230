"""Texts from strangers, made fit to travel: into a filter or a key, and out of a reply."""

from __future__ import annotations


def quoted(value: str) -> str:
    """A text as it stands between the quotes of a filter or an alternate key: quotes are doubled."""
    return mended(value).replace("'", "''")


def mended(value: str) -> str:
    """A text that can be written anywhere: half a surrogate pair, which JSON lets through, becomes U+FFFD."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return value
