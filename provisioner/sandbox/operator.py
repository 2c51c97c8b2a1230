"""The operator's credentials: made once per directory, as files of the client's side, and registered in the tenant.

The tenant keeps the certificate and a sealed secret; a reset registers the same ones again.
"""

from __future__ import annotations

import base64
import secrets
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from provisioner.sandbox.certificates import self_signed
from provisioner.sandbox.core import fixed_id
from provisioner.sandbox.files import write_private
from provisioner.sandbox.graph import shapes
from provisioner.sandbox.sealing import opens, seal
from provisioner.sandbox.store import Transaction

OPERATOR = "operator"
_START = "2024-03-01T08:00:00Z"
_END = "2099-12-31T00:00:00Z"


def operator_credentials(directory: Path) -> tuple[x509.Certificate, str]:
    """The operator's certificate and secret, from operator.pem (with its key) and operator.secret; made if missing."""
    pem = directory / "operator.pem"
    if not pem.exists():
        key, certificate = self_signed("Provisioner Operator")
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        write_private(pem, private + certificate.public_bytes(serialization.Encoding.PEM))
    file = directory / "operator.secret"
    if not file.exists():
        write_private(file, ("sbx8Q~" + secrets.token_urlsafe(24)).encode())
    return x509.load_pem_x509_certificate(pem.read_bytes()), file.read_text()


def give_operator(tx: Transaction, certificate: x509.Certificate, secret: str) -> None:
    """The operator's present credentials, whatever the state on disk remembers."""
    application = tx.get("applications", fixed_id(f"registration:{OPERATOR}"))
    if application is None:
        return
    key_id = fixed_id("operator-secret")
    sealed = tx.get("sealedSecrets", key_id)
    der = certificate.public_bytes(serialization.Encoding.DER)
    key = base64.b64encode(der).decode()
    if sealed and opens(sealed, secret) and any(each["key"] == key for each in application["keyCredentials"]):
        return
    tx.put("sealedSecrets", key_id, {"id": key_id, **seal(secret)})
    application["passwordCredentials"] = [
        shapes.ordered(
            {
                "displayName": "sandbox",
                "endDateTime": _END,
                "hint": secret[:3],
                "keyId": key_id,
                "startDateTime": _START,
            },
            shapes.PASSWORD_CREDENTIAL,
        )
    ]
    fingerprint = certificate.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303 - a thumbprint
    application["keyCredentials"] = [
        shapes.ordered(
            {
                "customKeyIdentifier": fingerprint,
                "displayName": "CN=Provisioner Operator",
                "endDateTime": _END,
                "key": key,
                "keyId": fixed_id("operator-certificate"),
                "startDateTime": _START,
                "type": "AsymmetricX509Cert",
                "usage": "Verify",
            },
            shapes.KEY_CREDENTIAL,
        )
    ]
    tx.put("applications", application["id"], application)
