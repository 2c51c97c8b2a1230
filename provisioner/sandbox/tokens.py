"""Access tokens: really signed, really verified, rights frozen when issued.

The claims are those of the first version of Entra's access tokens, which Graph and Exchange Online receive whatever
endpoint was asked.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from provisioner.sandbox.files import write_private
from provisioner.sandbox.ledger import behaviour

GRAPH = "https://graph.microsoft.com"
EXCHANGE = "https://outlook.office365.com"

_ALIASES = {
    GRAPH: {GRAPH, "00000003-0000-0000-c000-000000000000"},
    EXCHANGE: {
        EXCHANGE,
        "https://outlook.office.com",
        "https://ps.outlook.com",
        "https://ps.compliance.protection.outlook.com",
        "00000002-0000-0ff1-ce00-000000000000",
    },
}

Reason = Literal["empty", "malformed", "signature", "audience", "expired"]


class TokenRefused(Exception):
    """A token that proves nothing here; ``reason`` says at which check."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid token says. ``roles`` (app-only) and ``scp`` with ``wids`` (delegated) are as of its issue.

    ``appid`` is the client application, ``oid`` the service principal's or user's object id, ``wids`` directory role
    template ids, ``exp`` epoch seconds of sandbox time.
    """

    tid: str
    oid: str
    appid: str
    roles: tuple[str, ...]
    scp: tuple[str, ...]
    wids: tuple[str, ...]
    upn: str | None
    idtyp: Literal["app", "user"]
    exp: float
    raw: Mapping[str, Any]

    @property
    def app_only(self) -> bool:
        """True when no person is behind the call."""
        return self.idtyp == "app"

    @property
    def caller(self) -> str:
        """A name for the history: the person, or the application's id."""
        return self.upn or self.appid


class Tokens:
    """Signs and verifies with one RSA key kept in the sandbox's directory."""

    def __init__(self, directory: Path, now: Callable[[], float]) -> None:
        self._now = now
        path = directory / "signing-key.pem"
        if not path.exists():
            fresh = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            write_private(
                path,
                fresh.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                ),
            )
        # Our own key needs no proof of its primes, which would be a good part of a start.
        key = serialization.load_pem_private_key(path.read_bytes(), password=None, unsafe_skip_rsa_key_validation=True)
        assert isinstance(key, rsa.RSAPrivateKey)
        self._key = key
        self._public = key.public_key()
        der = self._public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.key_id = base64.urlsafe_b64encode(hashlib.sha256(der).digest()[:20]).rstrip(b"=").decode()

    def sign(self, payload: Mapping[str, Any], *, seconds: int, lead: float = 0.0) -> str:
        """A JWT of these claims plus iat, nbf and exp; ``lead`` dates it that many seconds later."""
        now = int(self._now() + lead)
        dated = {**payload, "iat": now, "nbf": now, "exp": now + seconds}
        headers = {"kid": self.key_id, "x5t": self.key_id}
        return jwt.encode(dated, self._key, algorithm="RS256", headers=headers)

    @behaviour(
        "outlook.office365.com, outlook.office.com and ps.outlook.com are one audience to Exchange",
        source="field-notes.md 3 S: office-developer-exchange-docs#87; graph.md 1.4 V: EX",
        if_wrong="a token that works in the tenant is refused here",
    )
    def verify(self, token: str, audience: str) -> Claims:
        """The claims of an access token for ``audience`` (``GRAPH`` or ``EXCHANGE``). Raises TokenRefused."""
        if not token:
            raise TokenRefused("empty")
        try:
            # The sandbox's clock decides about dates, so the library must not look at the machine's.
            raw = jwt.decode(
                token,
                self._public,
                algorithms=["RS256"],
                options={"verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
        except jwt.InvalidSignatureError as problem:
            raise TokenRefused("signature") from problem
        except jwt.PyJWTError as problem:
            raise TokenRefused("malformed") from problem
        if str(raw.get("aud", "")).rstrip("/") not in _ALIASES[audience]:
            raise TokenRefused("audience")
        if self._now() >= raw["exp"]:
            raise TokenRefused("expired")
        return Claims(
            tid=raw["tid"],
            oid=raw["oid"],
            appid=raw["appid"],
            roles=tuple(raw.get("roles", ())),
            scp=tuple(raw.get("scp", "").split()),
            wids=tuple(raw.get("wids", ())),
            upn=raw.get("upn"),
            idtyp=raw["idtyp"],
            exp=float(raw["exp"]),
            raw=raw,
        )

    def key_set(self) -> dict[str, Any]:
        """The public key as published under ``jwks_uri``."""
        numbers = self._public.public_numbers()
        return {
            "keys": [
                {
                    "kty": "RSA",
                    "use": "sig",
                    "kid": self.key_id,
                    "x5t": self.key_id,
                    "n": _base64url(numbers.n),
                    "e": _base64url(numbers.e),
                }
            ]
        }


def _base64url(number: int) -> str:
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
