"""Fixtures that put a driver before its double."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from exchange_doubles import (
    PASSWORD,
    USERNAME,
    Answer,
    Certificates,
    FakeClock,
    FakeTokens,
    Host,
    HostServer,
    a_tenant,
    claims,
    rest_reply,
    streamed,
)

from provisioner.exchange import Exchange, over_psrp, over_rest
from provisioner.model.events import Event
from provisioner.model.identifiers import AppId
from provisioner.model.secret import Secret
from provisioner.model.tenant import Endpoints, ManagementHost

T = TypeVar("T")


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    directory = tmp_path_factory.mktemp("certificates")
    start = datetime(2020, 1, 1, tzinfo=UTC)
    end = datetime(2100, 1, 1, tzinfo=UTC)

    def make(name: str, issuer: Any, issuer_key: Any, *, authority: bool) -> tuple[Any, Any]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signer = issuer_key or key
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        )
        if authority:
            usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
            builder = builder.add_extension(usage, critical=True)
        else:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        return builder.sign(signer, hashes.SHA256()), key

    def write(name: str, certificate: Any, key: Any | None) -> Path:
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        if key is not None:
            pem += key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        path = directory / name
        path.write_bytes(pem)
        return path

    ca, ca_key = make("test CA", None, None, authority=True)
    return Certificates(
        ca_file=write("ca.pem", ca, None),
        localhost=write("localhost.pem", *make("localhost", ca, ca_key, authority=False)),
        elsewhere=write("elsewhere.pem", *make("elsewhere.example", ca, ca_key, authority=False)),
    )


@dataclass(frozen=True)
class Rig:
    """One driver before its double, and a way to run coroutines with it."""

    exchange: Exchange
    clock: FakeClock
    events: list[Event]
    calls: Callable[[], list[tuple[str, dict[str, Any]]]]
    """Cmdlets and parameters that reached Exchange, without the driver's own."""

    def run(self, work: Callable[[Exchange], Awaitable[T]]) -> T:
        async def whole() -> T:
            try:
                return await work(self.exchange)
            finally:
                await self.exchange.close()

        return asyncio.run(whole())


HostRig = Callable[..., tuple[Rig, Host]]


@pytest.fixture
def host_rig(certificates: Certificates) -> Iterator[HostRig]:
    """Makes a driver over PSRP and its host. Keyword arguments replace fields of `ManagementHost`."""
    servers: list[HostServer] = []

    def make(
        answer: Answer,
        *,
        password: str | None = PASSWORD,
        tokens: FakeTokens | None = None,
        certificate: Path | None = None,
        endpoints: Endpoints | None = None,
        **settings: Any,
    ) -> tuple[Rig, Host]:
        host = Host(answer)
        server = HostServer(host, certificate or certificates.localhost)
        servers.append(server)
        management = ManagementHost(
            host="localhost",
            port=server.port,
            auth="basic",
            username=USERNAME,
            ca_file=str(certificates.ca_file),
            app_id=AppId("44444444-aaaa-4bbb-8ccc-222222222222"),
            certificate_thumbprint="A1B2C3",
            organization="contoso.onmicrosoft.com",
        )
        management = replace(management, **settings)
        host.jea = management.jea
        host.configurations.add("ProvisionerExchange")
        clock, events = FakeClock(), []
        tenant = a_tenant()
        exchange = over_psrp.connect(
            replace(tenant, endpoints=endpoints or tenant.endpoints),
            management,
            password=None if password is None else Secret(password),
            token=(lambda: tokens.token("exchange")) if tokens else None,
            clock=clock,
            events=events.append,
        )
        own = ("Connect-ExchangeOnline", "Get-ConnectionInformation", "Disconnect-ExchangeOnline")
        return Rig(exchange, clock, events, lambda: [each for each in host.ran if each[0] not in own]), host

    yield make
    for server in servers:
        server.stop()


RestRig = Callable[..., Rig]


@pytest.fixture
def rest_rig() -> RestRig:
    """Makes a driver over REST; `answer` may also be an httpx handler."""

    def make(
        answer: Answer | None = None,
        *,
        handler: Callable[[httpx.Request], httpx.Response] | None = None,
        tokens: FakeTokens | None = None,
    ) -> Rig:
        calls: list[tuple[str, dict[str, Any]]] = []

        def handle(request: httpx.Request) -> httpx.Response:
            sent = json.loads(request.content)["CmdletInput"]
            calls.append((sent["CmdletName"], sent["Parameters"]))
            if handler is not None:
                return streamed(handler(request))
            assert answer is not None
            return streamed(rest_reply(answer(sent["CmdletName"], dict(sent["Parameters"]))))

        clock, events = FakeClock(), []
        exchange = over_rest.connect(
            a_tenant(),
            tokens or FakeTokens(claims("application", "operator")),
            clock=clock,
            events=events.append,
            transport=httpx.MockTransport(handle),
        )
        return Rig(exchange, clock, events, lambda: calls)

    return make


EitherRig = Callable[[Answer], Rig]


@pytest.fixture(params=["psrp plain", "psrp .NET objects", "psrp JEA", "rest"])
def either(request: pytest.FixtureRequest, host_rig: HostRig, rest_rig: RestRig) -> EitherRig:
    """Makes a driver of each kind before the same answers."""

    def make(answer: Answer) -> Rig:
        if request.param == "rest":
            return rest_rig(answer)
        if request.param == "psrp JEA":
            rig, host = host_rig(answer, jea=True, configuration="ProvisionerExchange")

            def calls() -> list[tuple[str, dict[str, Any]]]:
                without = [(name.replace("-Provisioner", "-"), dict(given)) for name, given in host.ran]
                for _, given in without:
                    given.pop("Organization")
                return without

            return replace(rig, calls=calls)
        rig, host = host_rig(answer)
        host.as_dotnet = request.param == "psrp .NET objects"
        return rig

    return make
