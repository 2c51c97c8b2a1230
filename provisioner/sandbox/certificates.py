"""The sandbox's own certificate authority, its server certificate, and self-signed client certificates."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from provisioner.sandbox.files import write_private

_VALID = timedelta(days=3650)
_RENEW_BEFORE = timedelta(days=30)


def authority_file(directory: Path) -> Path:
    """PEM of the authority that clients must trust."""
    return directory / "ca.pem"


def server_context(directory: Path) -> ssl.SSLContext:
    """TLS for localhost and 127.0.0.1; authority and certificate are made once per directory."""
    chain = directory / "server.pem"
    if not chain.exists() or not authority_file(directory).exists() or _expires_soon(chain):
        _make(directory, chain)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context


def self_signed(name: str) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    """An RSA key and certificate as an application would register."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = _subject(name)
    builder = _builder(subject, subject, key.public_key())
    return key, builder.sign(key, hashes.SHA256())


def _make(directory: Path, chain: Path) -> None:
    authority_key = ec.generate_private_key(ec.SECP256R1())
    issuer = _subject("Provisioner Sandbox (simulated tenant, not Microsoft)")
    authority = (
        _builder(issuer, issuer, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        _builder(_subject("localhost"), issuer, key.public_key())
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_private(chain, private + certificate.public_bytes(serialization.Encoding.PEM))
    write_private(authority_file(directory), authority.public_bytes(serialization.Encoding.PEM))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _VALID)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _expires_soon(chain: Path) -> bool:
    certificate = x509.load_pem_x509_certificate(chain.read_bytes())
    return certificate.not_valid_after_utc < datetime.now(UTC) + _RENEW_BEFORE
