"""Sign-in and Graph together, over real TLS on loopback."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from pathlib import Path

import certifi
import pytest
from entra_double import PLANTED, TENANT_ID, Answer, Entra, EntraServer, granted, jwt, refused

from provisioner.errors import InputFault, SignInRefused, Unreachable
from provisioner.graph import connect, organization, passwords
from provisioner.model.events import silent
from provisioner.model.identifiers import ObjectId
from provisioner.model.secret import Secret
from provisioner.pace import SystemClock
from provisioner.signin import WireLine, operator, quiet_libraries

OBJ = ObjectId("bbbbbbbb-0000-4000-8000-000000000001")
CREDENTIAL = {"keyId": str(OBJ), "secretText": f"{PLANTED}-minted", "endDateTime": "2027-05-21T12:00:00Z"}


class WithGraph(Entra):
    """The same port serves Graph too."""

    def answer(self, method: str, path: str, form: dict[str, str]) -> Answer:
        if path.startswith("/v1.0/organization"):
            self.paths.append(path)
            return 200, {"value": [{"id": TENANT_ID, "displayName": "Contoso", "verifiedDomains": []}]}
        if path.endswith("/addPassword"):
            return 200, CREDENTIAL
        return super().answer(method, path, form)


@pytest.fixture
def graph_too(entra_server: EntraServer) -> WithGraph:
    plain = entra_server.fresh()
    entra_server.entra = WithGraph(url=plain.url, ca_file=plain.ca_file)
    assert isinstance(entra_server.entra, WithGraph)
    return entra_server.entra


async def read(entra: Entra, lines: list[WireLine] | None = None) -> str:
    tenant = entra.tenant()
    tokens = operator(tenant, secret=Secret(PLANTED), prompt=lambda *_: None)
    trace = None if lines is None else lines.append
    async with connect(tenant, tokens, clock=SystemClock(), events=silent, trace=trace) as graph:
        await passwords.add(graph, OBJ, display_name="d", end=SystemClock().now())
        return (await organization.organization(graph)).display_name


def test_a_token_and_a_read_over_tls_leave_no_secret_in_log_or_trace(
    graph_too: WithGraph, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    quiet_libraries()
    token = jwt(roles=["Application.ReadWrite.All"])
    graph_too.tokens = [granted(token)]
    lines: list[WireLine] = []
    assert asyncio.run(read(graph_too, lines)) == "Contoso"
    shown = caplog.text + repr(lines)
    assert len(lines) == 2
    assert PLANTED not in shown
    assert token not in shown


def test_a_refused_sign_in_comes_through_graph_as_itself(graph_too: WithGraph) -> None:
    graph_too.tokens = [refused(7000222, "The provided client secret keys are expired.")]
    with pytest.raises(SignInRefused) as caught:
        asyncio.run(read(graph_too))
    assert caught.value.fault.code == "AADSTS7000222"
    assert len(graph_too.forms) == 1


def test_graphs_certificate_is_checked(graph_too: WithGraph, tmp_path: Path) -> None:
    tenant = graph_too.tenant()
    tokens = operator(tenant, secret=Secret(PLANTED), prompt=lambda *_: None)

    async def untrusting() -> None:
        wary = replace(tenant, endpoints=replace(tenant.endpoints, ca_file=certifi.where()))
        async with connect(wary, tokens, clock=SystemClock(), events=silent) as graph:
            await organization.organization(graph)

    with pytest.raises(Unreachable) as caught:
        asyncio.run(untrusting())
    assert caught.value.fault.code == "CertificateNotTrusted"
    lost = replace(tenant, endpoints=replace(tenant.endpoints, ca_file=str(tmp_path / "gone.pem")))
    with pytest.raises(InputFault):
        connect(lost, tokens, clock=SystemClock(), events=silent)
