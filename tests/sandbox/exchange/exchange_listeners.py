"""Starting the listeners under test, and tokens for them."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import ipaddress
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pypsrp.powershell import PowerShell, PSDataStreams, RunspacePool
from pypsrp.wsman import WSMan
from starlette.applications import Starlette

from provisioner.sandbox import roles
from provisioner.sandbox.adminapi import admin_routes
from provisioner.sandbox.asgi import Abortable
from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.exchange.seed import seed
from provisioner.sandbox.store import Store
from provisioner.sandbox.wsman.endpoint import wsman_app
from provisioner.sandbox.wsman.host import host_credentials

APP_ID = "5a1f2b3c-4d5e-4f60-8a7b-9c0d1e2f3a4b"
OBJECT_ID = "6b2f3c4d-5e6f-4071-9b8c-0d1e2f3a4b5c"
MAILBOX = "cryptshare@contoso.example"
NEIGHBOUR = "neighbour@contoso.example"


@dataclass(frozen=True)
class Certificate:
    ca_file: Path
    key_file: Path


@dataclass(frozen=True)
class Said:
    """What one cmdlet said to pypsrp."""

    state: int
    objects: list[dict[str, Any]]
    streams: PSDataStreams
    had_errors: bool

    @property
    def errors(self) -> list[str]:
        return [str(error) for error in self.streams.error]

    @property
    def warnings(self) -> list[str]:
        return [str(warning) for warning in self.streams.warning]


@dataclass(frozen=True)
class ManagementHost:
    sandbox: Sandbox
    port: int
    username: str
    password_file: Path
    ca_file: Path

    def wsman(self, password: str | None = None, path: str = "wsman", **options: Any) -> WSMan:
        return WSMan(
            "localhost",
            port=self.port,
            username=self.username,
            password=self.password_file.read_text(encoding="utf-8") if password is None else password,
            auth="basic",
            ssl=True,
            cert_validation=str(self.ca_file),
            path=path,
            **options,
        )

    @contextlib.contextmanager
    def pool(self, configuration: str, **options: Any) -> Iterator[RunspacePool]:
        with self.wsman(**options) as wsman, RunspacePool(wsman, configuration_name=configuration) as pool:
            yield pool

    @contextlib.contextmanager
    def connected(self, **options: Any) -> Iterator[RunspacePool]:
        """The plain configuration after Connect-ExchangeOnline with the host's managed identity."""
        with self.pool("Microsoft.PowerShell", **options) as pool:
            said = call(
                pool,
                "Connect-ExchangeOnline",
                ManagedIdentity=None,
                Organization="contoso-sandbox.onmicrosoft.com",
                ShowBanner=False,
            )
            assert said.state == 4, said.errors
            yield pool


def call(pool: RunspacePool, name: str, /, **parameters: Any) -> Said:
    """One cmdlet by name; None stands for a switch."""
    shell = PowerShell(pool)  # not as a context manager: its exit would hide a lost connection
    shell.add_cmdlet(name).add_parameters(parameters)
    output = shell.invoke()
    shell.close()
    objects = [
        {**each.adapted_properties, **each.extended_properties} if hasattr(each, "adapted_properties") else each
        for each in output
    ]
    return Said(shell.state, objects, shell.streams, shell.had_errors)


def fresh_sandbox(directory: Path) -> Sandbox:
    directory.mkdir()
    made = Sandbox(directory)
    with made.store.transaction(established=True) as tx:
        seed(tx)
    return made


def sandbox_at(directory: Path, moment: dt.datetime, profile: str = "calm") -> Sandbox:
    """A tenant whose clock stands at that moment."""
    directory.mkdir()
    store = Store(directory / "state.sqlite", moment.timestamp)
    with store.transaction(established=True) as tx:
        tx.put("clock", "clock", {"id": "clock", "now": moment.timestamp()})
        seed(tx)
    store.close()
    return Sandbox(directory, profile=profile, seed=7, virtual_clock=True)


@contextlib.contextmanager
def management_host(sandbox: Sandbox, certificate: Certificate) -> Iterator[ManagementHost]:
    account = host_credentials(sandbox)
    with served(Abortable(wsman_app(sandbox)), certificate) as port:
        yield ManagementHost(sandbox, port, account.username, account.password_file, certificate.ca_file)


@contextlib.contextmanager
def admin_api(sandbox: Sandbox, certificate: Certificate) -> Iterator[int]:
    with served(Abortable(Starlette(routes=list(admin_routes(sandbox)))), certificate) as port:
        yield port


@contextlib.contextmanager
def served(app: Any, certificate: Certificate) -> Iterator[int]:
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host="127.0.0.1",
            port=0,
            log_level="error",
            server_header=False,
            ssl_certfile=str(certificate.ca_file),
            ssl_keyfile=str(certificate.key_file),
            timeout_graceful_shutdown=1,
        )
    )
    thread = threading.Thread(target=lambda: asyncio.run(_serve(server)), daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


async def _serve(server: uvicorn.Server) -> None:
    serving = asyncio.create_task(server.serve())
    while not server.should_exit:  # noqa: ASYNC110 - a flag of another thread
        await asyncio.sleep(0.02)
    for connection in list(server.server_state.connections):
        connection.transport.abort()  # a TLS shutdown would wait for a peer that has left
    await serving


def make_certificate(directory: Path) -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = Certificate(directory / "certificate.pem", directory / "key.pem")
    paths.ca_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths.key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


def server_context(certificate: Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.ca_file, certificate.key_file)
    return context


def application_token(
    sandbox: Sandbox,
    *granted: str,
    wids: tuple[str, ...] = (),
    app_id: str = APP_ID,
    object_id: str = OBJECT_ID,
    **claims: Any,
) -> str:
    return _token(sandbox, {"appid": app_id, "oid": object_id, "roles": granted, "wids": wids, "idtyp": "app"}, claims)


def administrator_token(sandbox: Sandbox, *, role: str = roles.EXCHANGE_ADMINISTRATOR) -> str:
    return application_token(sandbox, "Exchange.ManageAsApp", wids=(role,), app_id=str(APP_ID)[::-1][:8] + APP_ID[8:])


def user_token(sandbox: Sandbox, upn: str, scope: str, wids: tuple[str, ...] = ()) -> str:
    return _token(
        sandbox, {"appid": APP_ID, "oid": OBJECT_ID, "scp": scope, "upn": upn, "wids": wids, "idtyp": "user"}, {}
    )


def _token(sandbox: Sandbox, base: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    seconds = claims.get("seconds", 3600)
    named = {key: value for key, value in claims.items() if key != "seconds"}
    payload = {"tid": sandbox.tenant_id, "aud": "https://outlook.office365.com", **base, **named}
    return sandbox.tokens.sign(payload, seconds=seconds)
