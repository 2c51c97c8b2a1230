"""Proving to be an application: secret or signed assertion."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from provisioner.sandbox import first_party
from provisioner.sandbox.clock import parse_time
from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.entra import federation, principals
from provisioner.sandbox.entra.errors import (
    SignInError,
    application_not_found,
    assertion_refused,
    missing_parameter,
    wrong_secret,
)
from provisioner.sandbox.ledger import behaviour, mark
from provisioner.sandbox.sealing import opens
from provisioner.sandbox.store import Document, Transaction

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_NIL = "00000000-0000-0000-0000-000000000000"
_CLOCK_TOLERANCE = 300  # seconds

mark(
    "A client assertion's dates are held against the machine's clock, not the tenant's moved one",
    source="of the sandbox's own making: sign-in libraries date assertions by the machine",
    if_wrong="nothing in a real tenant, where the two clocks agree",
)


def named_application(sandbox: Sandbox, tx: Transaction, client_id: str) -> Document:
    """The application a sign-in names. SignInError when there is none, or this replica has not heard of it."""
    if not client_id:
        raise missing_parameter("client_id")
    if client_id == _NIL:
        text = f"{client_id} is not a valid application identifier."
        raise SignInError(400, "unauthorized_client", 700038, text, uri=False)
    microsofts = first_party.client_application(client_id)
    if microsofts is not None:
        return microsofts
    known = principals.application(tx, client_id, as_of=sandbox.entra_as_of(client_id))
    present = principals.application(tx, client_id)
    if known is None or present is None:
        raise application_not_found(client_id, _tenant_name(sandbox, tx))
    return present


def _tenant_name(sandbox: Sandbox, tx: Transaction) -> str:
    organization = tx.get("organization", sandbox.tenant_id) or {}
    return str(organization.get("displayName", sandbox.tenant_id))


@behaviour(
    "An application without service principal: 401 invalid_client AADSTS7000229, after its credential was accepted",
    source="public log quoting status, error and text; order unverified",
    if_wrong="a missing service principal is reported as a wrong secret",
)
def own_service_principal(sandbox: Sandbox, tx: Transaction, application: Document) -> Document:
    """The enabled service principal of an application in this tenant."""
    app_id = application["appId"]
    principal = principals.service_principal(tx, app_id, as_of=sandbox.entra_as_of(app_id))
    if principal is None:
        raise SignInError(
            401,
            "invalid_client",
            7000229,
            f"The client application {app_id} is missing service principal in the tenant {sandbox.tenant_id}. See"
            " instructions here: https://go.microsoft.com/fwlink/?linkid=2225119",
        )
    if not principal["accountEnabled"] or application.get("isDisabled"):
        raise SignInError(
            400, "unauthorized_client", 7000112, f"Application '{app_id}'({application['displayName']}) is disabled."
        )
    return principal


def authenticate(
    sandbox: Sandbox, tx: Transaction, application: Document, form: Mapping[str, str], endpoint: str
) -> str:
    """Check the credential in the form; ``appidacr``: "1" secret, "2" certificate. SignInError otherwise."""
    if form.get("client_assertion"):
        _check_assertion(sandbox, tx, application, form, endpoint)
        return "2"
    if form.get("client_secret"):
        _check_secret(sandbox, tx, application, form["client_secret"])
        return "1"
    raise SignInError(
        401,
        "invalid_client",
        7000218,
        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    )


@behaviour(
    "A wrong secret, the secret's id and a secret not yet arrived are one error: 401 AADSTS7000215; an expired one is "
    "401 AADSTS7000222",
    source="graph.md 3.3 V: ED, ISS; recorded-graph.md 15 TEXT",
    if_wrong="a late secret is taken for a wrong one",
)
def _check_secret(sandbox: Sandbox, tx: Transaction, application: Document, secret: str) -> None:
    now = sandbox.clock.now()
    principal = principals.service_principal(tx, application["appId"]) or {}
    for credential in [*application["passwordCredentials"], *principal.get("passwordCredentials", ())]:
        key_id = credential["keyId"]
        sealed = tx.get("sealedSecrets", key_id)
        if sealed is None or not opens(sealed, secret):
            continue
        if tx.get("sealedSecrets", key_id, as_of=sandbox.sign_in_as_of("secret", key_id)) is None:
            raise wrong_secret(application["appId"])
        if parse_time(credential["endDateTime"]) <= now:
            raise SignInError(
                401,
                "invalid_client",
                7000222,
                f"The provided client secret keys for app '{application['appId']}' are expired. Visit the Azure portal"
                " to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate"
                " credentials for added security: https://aka.ms/certCreds.",
            )
        if parse_time(credential["startDateTime"]) <= now + _CLOCK_TOLERANCE:
            return
    raise wrong_secret(application["appId"])


@behaviour(
    "A certificate assertion is checked for thumbprint, signature, issuer, audience and dates; an unknown or late "
    "certificate is 401 AADSTS700027",
    source="graph.md 3.3, 6.2 V: ED, PUB, RUN; exact text unverified",
    if_wrong="a late certificate is taken for a wrong one",
)
def _check_assertion(
    sandbox: Sandbox, tx: Transaction, application: Document, form: Mapping[str, str], endpoint: str
) -> None:
    if form.get("client_assertion_type") != ASSERTION_TYPE:
        raise SignInError(
            400, "invalid_request", 50027, "JWT token is invalid or malformed: wrong client_assertion_type."
        )
    assertion = form["client_assertion"]
    try:
        header = jwt.get_unverified_header(assertion)
        claims = jwt.decode(assertion, options={"verify_signature": False})
    except jwt.PyJWTError as problem:
        raise SignInError(401, "invalid_client", 50027, "JWT token is invalid or malformed.") from problem
    if federation.is_federated(claims):
        federation.check_federated(sandbox, tx, application, assertion, claims)
        return
    thumbprint = _thumbprint(header)
    principal = principals.service_principal(tx, application["appId"]) or {}
    for credential in [*application["keyCredentials"], *principal.get("keyCredentials", ())]:
        der = base64.b64decode(credential["key"])
        if thumbprint not in (_hex(der, "sha1"), _hex(der, "sha256")):
            continue
        if not _arrived(sandbox, tx, application, credential["keyId"]):
            break
        if parse_time(credential["endDateTime"]) <= sandbox.clock.now():
            raise assertion_refused("The key used is expired.", thumbprint)
        _verify(assertion, x509.load_der_x509_certificate(der), application["appId"], endpoint, thumbprint)
        return
    raise assertion_refused("The key was not found.", thumbprint)


def _arrived(sandbox: Sandbox, tx: Transaction, application: Document, key_id: str) -> bool:
    moment = sandbox.sign_in_as_of("secret", key_id)
    for collection in ("applications", "servicePrincipals"):
        for each in tx.view(collection, as_of=moment):
            if each["appId"] == application["appId"] and any(
                credential["keyId"] == key_id for credential in each["keyCredentials"]
            ):
                return True
    return False


def _verify(assertion: str, certificate: x509.Certificate, app_id: str, endpoint: str, thumbprint: str) -> None:
    key = certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey), "Entra takes RSA certificates only"
    try:
        claims: dict[str, Any] = jwt.decode(
            assertion,
            key,
            algorithms=["RS256", "PS256"],
            options={"verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False},
        )
    except jwt.PyJWTError as problem:
        raise assertion_refused(
            "The key was found, but use of the key to verify the signature failed.", thumbprint
        ) from problem
    audience = str(claims.get("aud", ""))
    if audience.rstrip("/").lower() not in (endpoint.lower(), endpoint.lower().rpartition("/oauth2/")[0]):
        raise SignInError(
            401,
            "invalid_client",
            700023,
            f"Client assertion audience claim does not match Realm issuer. Review the documentation at {audience}.",
        )
    if not (str(claims.get("iss", "")).lower() == str(claims.get("sub", "")).lower() == app_id):
        raise SignInError(
            401,
            "invalid_client",
            700021,
            "Client assertion application identifier doesn't match 'client_id' parameter.",
        )
    now = time.time()
    if not float(claims.get("nbf", 0)) - _CLOCK_TOLERANCE <= now < float(claims.get("exp", 0)) + _CLOCK_TOLERANCE:
        raise SignInError(401, "invalid_client", 700024, "Client assertion is not within its valid time range.")


def _thumbprint(header: Mapping[str, Any]) -> str:
    text = str(header.get("x5t") or header.get("x5t#S256") or "")
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).hex().upper()
    except ValueError:
        return ""


def _hex(der: bytes, algorithm: str) -> str:
    return hashlib.new(algorithm, der, usedforsecurity=False).hexdigest().upper()
