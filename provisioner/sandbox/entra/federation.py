"""Workload identity federation: an assertion of somebody else's issuer in place of a secret or certificate.

Entra fetches the issuer's keys over the internet. Here one key stands for every issuer outside, and management plays
the issuer with it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.entra.errors import SignInError, assertion_refused
from provisioner.sandbox.files import write_private
from provisioner.sandbox.ledger import behaviour, mark
from provisioner.sandbox.store import Document, Transaction

COLLECTION: Final = "federatedIdentityCredentials"
AUDIENCE: Final = "api://AzureADTokenExchange"
_KEY_FILE: Final = "outside-issuer-key.pem"
_TOLERANCE: Final = 300  # seconds
_MORE: Final = "https://learn.microsoft.com/entra/workload-id/workload-identity-federation"

mark(
    "One key signs for every issuer outside; no issuer is asked for its keys",
    source="of the sandbox's own making",
    if_wrong="nothing: an issuer that cannot be reached is not played",
)


def outside_token(sandbox: Sandbox, issuer: str, subject: str, audience: str = AUDIENCE, *, seconds: int = 600) -> str:
    """What a workload's platform (Kubernetes, a build service) hands it: dated by the machine's clock."""
    now = int(time.time())
    payload = {"iss": issuer, "sub": subject, "aud": audience, "iat": now, "nbf": now, "exp": now + seconds}
    return jwt.encode(payload, _key(sandbox), algorithm="RS256", headers={"kid": "outside"})


def is_federated(claims: Mapping[str, Any]) -> bool:
    """True for an assertion that names an issuer on the web instead of the application itself."""
    return str(claims.get("iss", "")).startswith(("https://", "http://"))


@behaviour(
    "A federated assertion must match issuer, subject and audience of one credential of the application, with regard "
    "to case: 70021 when the application has none, else 700211 (issuer), 700213 (subject), 700212 (audience)",
    source="graph.md 3.3 V: ED, PUB (codes); envelope of 70021: azure-workload-identity#340, #616; 700211 and 700212, "
    "and OAuth error and status of the three: unverified",
    if_wrong="a subject that was mistyped is not told from a credential that is missing",
)
@behaviour(
    "A new federated credential is refused for some time, like a new secret",
    source="graph.md 3.1 V: ED workload-identity-federation-considerations.md",
    if_wrong="a fresh credential is taken for a wrong one",
)
def check_federated(
    sandbox: Sandbox, tx: Transaction, application: Document, assertion: str, claims: Mapping[str, Any]
) -> None:
    """SignInError unless the assertion matches a federated credential of the application."""
    issuer, subject, audience = (str(claims.get(name, "")) for name in ("iss", "sub", "aud"))
    known = [
        each
        for each in tx.view(COLLECTION)
        if each["applicationId"] == application["id"]
        and tx.get(COLLECTION, each["id"], as_of=sandbox.sign_in_as_of("secret", each["id"])) is not None
    ]
    if not known:
        raise SignInError(
            400,
            "invalid_request",
            70021,
            "No matching federated identity record found for presented assertion. Assertion Issuer:"
            f" '{issuer}'. Assertion Subject: '{subject}'. Assertion Audience: '{audience}'. {_MORE}",
        )
    of_issuer = [each for each in known if each["issuer"] == issuer]
    if not of_issuer:
        raise _unmatched(700211, "issuer", issuer)
    of_subject = [each for each in of_issuer if each["subject"] == subject]
    if not of_subject:
        raise _unmatched(700213, "subject", subject)
    if not any(audience in each["audiences"] for each in of_subject):
        raise _unmatched(700212, "audience", audience)
    _check_signature_and_dates(sandbox, assertion, claims)


def _unmatched(code: int, part: str, value: str) -> SignInError:
    return SignInError(
        401,
        "invalid_client",
        code,
        f"No matching federated identity record found for presented assertion {part} '{value}'. Check your federated"
        f" identity credential Subject, Audience and Issuer against the presented assertion. {_MORE}",
    )


def _check_signature_and_dates(sandbox: Sandbox, assertion: str, claims: Mapping[str, Any]) -> None:
    try:
        jwt.decode(
            assertion,
            _key(sandbox).public_key(),
            algorithms=["RS256"],
            options={"verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False},
        )
    except jwt.PyJWTError as problem:
        raise assertion_refused("The key was not found.", "") from problem
    now = time.time()
    if not float(claims.get("nbf", 0)) - _TOLERANCE <= now < float(claims.get("exp", 0)) + _TOLERANCE:
        raise SignInError(401, "invalid_client", 700024, "Client assertion is not within its valid time range.")


def _key(sandbox: Sandbox) -> rsa.RSAPrivateKey:
    path = sandbox.directory / _KEY_FILE
    if not path.exists():
        fresh = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        write_private(
            path,
            fresh.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
        )
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key
