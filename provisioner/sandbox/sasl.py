"""XOAUTH2: what a client sends to sign in with a token."""

from __future__ import annotations

import base64
import binascii


def parse_xoauth2(response: bytes) -> tuple[str, str]:
    """User and token of `user=..^Aauth=Bearer ..^A^A`; empty where missing."""
    fields = dict(part.partition("=")[::2] for part in response.decode("utf-8", "replace").split("\x01") if part)
    scheme, _, token = fields.get("auth", "").partition(" ")
    return fields.get("user", ""), token if scheme.casefold() == "bearer" else ""


def decode(text: str) -> bytes:
    """Base64 as sent on a line; empty for what is none."""
    try:
        return base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""
