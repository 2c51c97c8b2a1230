"""How the sandbox keeps secrets: as a salted hash and the hint that Entra shows (the first three characters)."""

from __future__ import annotations

import hashlib
import hmac
import secrets

HINT_LENGTH = 3


def seal(secret: str) -> dict[str, str]:
    """``{salt, digest, hint}``; the secret cannot be had back."""
    salt = secrets.token_hex(16)
    return {"salt": salt, "digest": _digest(secret, salt), "hint": secret[:HINT_LENGTH]}


def opens(sealed: dict[str, str], secret: str) -> bool:
    """True when this is the secret that was sealed."""
    return hmac.compare_digest(sealed["digest"], _digest(secret, sealed["salt"]))


def _digest(secret: str, salt: str) -> str:
    return hashlib.sha256(f"{salt}:{secret}".encode()).hexdigest()
