"""A sign-in service on loopback, over TLS: discovery, the token endpoint, device codes. Its answers are planned."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from provisioner.model.identifiers import AppId, TenantId
from provisioner.model.tenant import Endpoints, SignIn, SignInMethod, Tenant

TENANT_ID = TenantId("7a3c0c8e-5a0b-4d7e-9a64-2f0c7f5f5b11")
CLIENT = AppId("0d9c1f3e-7f0e-4a55-8c54-52e3c4a0e0aa")
PLANTED = "pl4~Planted/Secret+Value=.0123456789abc"
Answer = tuple[int, dict[str, Any] | str]


def certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key, as PEM files; the key's file holds both."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    ca_file, both = folder / "ca.pem", folder / "both.pem"
    ca_file.write_bytes(public)
    both.write_bytes(private + public)
    return ca_file, both


def jwt(**claims: object) -> str:
    """A token with these claims and no signature worth the name."""

    def part(value: dict[str, object]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    everyday = {"tid": TENANT_ID, "appid": CLIENT, "oid": "bbbbbbbb-0000-4000-8000-000000000001"}
    return f"{part({'alg': 'RS256'})}.{part({**everyday, **claims})}.c2lnbmF0dXJl"


def refused(code: int, text: str, error: str = "invalid_client", status: int = 401) -> Answer:
    """A refusal as Entra words it."""
    description = (
        f"AADSTS{code}: {text}\r\nTrace ID: 11111111-1111-4111-8111-111111111111\r\n"
        "Correlation ID: 22222222-2222-4222-8222-222222222222\r\nTimestamp: 2026-11-22 09:03:41Z"
    )
    return status, {"error": error, "error_description": description, "error_codes": [code]}


def granted(token: str, **more: object) -> Answer:
    return 200, {"token_type": "Bearer", "expires_in": 3599, "access_token": token, **more}


@dataclass
class Entra:
    """What it answers, in turn (the last answer repeats), and what it was asked."""

    tokens: list[Answer] = field(default_factory=lambda: [granted(jwt())])
    discovery: Answer | None = None
    forms: list[dict[str, str]] = field(default_factory=list)
    device_forms: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    url: str = ""
    ca_file: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def tenant(self, method: SignInMethod = SignInMethod.CLIENT_SECRET, **sign_in: Any) -> Tenant:
        return Tenant(
            name="contoso",
            tenant_id=TENANT_ID,
            endpoints=Endpoints(self.url, f"{self.url}/v1.0", self.url, "127.0.0.1", 587, self.ca_file),
            sign_in=SignIn(method, CLIENT, **sign_in),
            sandbox=True,
        )

    def answer(self, method: str, path: str, form: dict[str, str]) -> Answer:
        self.paths.append(f"{method} {path}")
        if path.endswith("/.well-known/openid-configuration"):
            base = f"{self.url}/{TENANT_ID}"
            return self.discovery or (
                200,
                {
                    "issuer": f"{base}/v2.0",
                    "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                    "token_endpoint": f"{base}/oauth2/v2.0/token",
                    "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
                },
            )
        if path.endswith("/devicecode"):
            self.device_forms.append(form)
            return 200, {
                "user_code": "ABCD-1234",
                "device_code": "planted-device-code",
                "verification_uri": "https://microsoft.com/devicelogin",
                "expires_in": 900,
                "interval": 1,
                "message": "open the page",
            }
        self.forms.append(form)
        return self.tokens.pop(0) if len(self.tokens) > 1 else self.tokens[0]


class EntraServer:
    """`Entra` on a port of its own."""

    def __init__(self, folder: Path) -> None:
        ca_file, both = certificate(folder)
        self.client_certificate = both
        self.entra = Entra()
        self._ca_file = str(ca_file)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.reply({})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
                self.reply(dict(parse_qsl(body)))

            def reply(self, form: dict[str, str]) -> None:
                status, body = outer.entra.answer(self.command, self.path, form)
                if status == 0:
                    self.close_connection = True
                    return
                content = (body if isinstance(body, str) else json.dumps(body)).encode()
                self.send_response(status)
                self.send_header("Content-Type", "text/html" if isinstance(body, str) else "application/json")
                self.send_header("Content-Length", str(len(content)))
                for name, value in outer.entra.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(both)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def fresh(self) -> Entra:
        """A new plan on the same port."""
        self.entra = Entra(url=f"https://127.0.0.1:{self._server.server_address[1]}", ca_file=self._ca_file)
        return self.entra

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
