"""A submission server whose every reply is scripted, for tests. Written from RFC 5321, 3207 and 4954."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DROP = "DROP"
HANG = "HANG"

GOOD = {
    "CONNECT": "220 mail.example ESMTP",
    "EHLO": "250-mail.example Hello\r\n250-SIZE 157286400\r\n250-STARTTLS\r\n250 SMTPUTF8",
    "STARTTLS": "220 2.0.0 SMTP server ready",
    "EHLO over TLS": "250-mail.example Hello\r\n250-AUTH LOGIN XOAUTH2\r\n250 SMTPUTF8",
    "AUTH command": "334 ",
    "AUTH": "235 2.7.0 Authentication successful",
    "": "535 5.7.3 Authentication unsuccessful [mail.example]",
    "MAIL": "250 2.1.0 Sender OK",
    "RCPT": "250 2.1.5 Recipient OK",
    "DATA": "354 Start mail input; end with <CRLF>.<CRLF>",
    "content": "250 2.0.0 OK <queued>",
    "QUIT": "221 2.0.0 Bye",
}


@dataclass
class Double:
    """A running server: what it was told, and the mail it took."""

    port: int
    script: dict[str, str]
    """Stage -> reply; may be changed while it runs."""
    lines: list[str] = field(default_factory=list)
    mails: list[bytes] = field(default_factory=list)


def certificate(folder: Path, *, host: str = "127.0.0.1", expired: bool = False) -> tuple[Path, Path]:
    """A self-signed certificate (its own CA) and its key, as PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "smtp double")])
    now = dt.datetime.now(dt.UTC)
    ends = now - dt.timedelta(days=1) if expired else now + dt.timedelta(days=1)
    try:
        subject: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        subject = x509.DNSName(host)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=2))
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName([subject]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / f"{host}-{expired}.pem", folder / f"{host}-{expired}.key"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return cert_file, key_file


def server_context(cert_file: Path, key_file: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert_file, key_file)
    return context


@asynccontextmanager
async def smtp_double(context: ssl.SSLContext, replies: Mapping[str, str] | None = None) -> AsyncIterator[Double]:
    """Serve until the block ends. `replies` replace some of GOOD; DROP closes and HANG says nothing more."""
    double = Double(0, {**GOOD, **(replies or {})})

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _serve(reader, writer, double, context)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    double.port = server.sockets[0].getsockname()[1]
    try:
        yield double
    finally:
        server.close()


async def _serve(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    double: Double,
    context: ssl.SSLContext,
) -> None:
    secure = False
    script = double.script

    async def say(stage: str) -> bool:
        reply = script[stage]
        if reply == HANG:
            await reader.read()
            return False
        if reply == DROP:
            return False
        writer.write(reply.encode("utf-8", "surrogateescape") + b"\r\n")
        await writer.drain()
        return True

    going = await say("CONNECT")
    while going:
        line = (await reader.readuntil(b"\n")).decode().rstrip("\r\n")
        double.lines.append(line)
        verb = line.split(" ")[0].upper()
        if verb == "QUIT":
            break
        if verb == "AUTH":
            going = await say("AUTH command")
            if not going or not script["AUTH command"].startswith("334"):
                continue
            double.lines.append((await reader.readuntil(b"\n")).decode().rstrip("\r\n"))
        going = await say("EHLO over TLS" if verb == "EHLO" and secure else verb)
        if going and verb == "STARTTLS" and script[verb].startswith("220"):
            await writer.start_tls(context)
            secure = True
        if going and verb == "DATA" and script[verb].startswith("354"):
            content = await reader.readuntil(b"\r\n.\r\n")
            double.mails.append(content)
            going = await say("content")
