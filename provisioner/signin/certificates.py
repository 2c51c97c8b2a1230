"""Certificates that we make for applications to sign in with: an RSA key and a certificate signed by itself.

Entra trusts the certificate because it is uploaded, not because of who signed it; nothing but its validity is read.
The door to `cryptography`, which azure-identity needs as well; imported inside functions.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from provisioner.errors import InputFault
from provisioner.model.secret import Secret

if TYPE_CHECKING:
    from cryptography import x509

KEY_BITS = 3072
"""Entra takes RSA keys of 2048 bits and more; NIST SP 800-57 counts 2048 as enough until 2030 only."""

LONGEST_NAME = 64
"""Of a common name. Source: RFC 5280, appendix A.1."""


@dataclass(frozen=True)
class Certificate:
    """The public half: what the directory is shown."""

    der: bytes
    start: datetime
    end: datetime


def make_certificate(name: str, start: datetime, end: datetime) -> tuple[Secret, Certificate]:
    """A new private key with its certificate, as one PEM text; and the certificate alone. Times to the second, UTC."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name[:LONGEST_NAME])])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start.astimezone(UTC))
        .not_valid_after(end.astimezone(UTC))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem = private + made.public_bytes(serialization.Encoding.PEM)
    return Secret(pem.decode("ascii")), _public(made)


def read_certificate(pem: bytes, file_name: str) -> Certificate:
    """The certificate in a file. Raises `InputFault` where there is none."""
    from cryptography import x509

    try:
        return _public(x509.load_pem_x509_certificate(pem))
    except ValueError:
        raise InputFault(
            f"{file_name} holds no certificate", advice="move it away; the next run makes a new one"
        ) from None


def _public(made: x509.Certificate) -> Certificate:
    from cryptography.hazmat.primitives import serialization

    der = made.public_bytes(serialization.Encoding.DER)
    return Certificate(der, made.not_valid_before_utc, made.not_valid_after_utc)
