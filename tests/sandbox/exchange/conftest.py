"""One sandbox for a test, its listeners on free ports with a certificate of their own."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import exchange_listeners as listeners
import pytest

from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.exchange.seed import seed


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> listeners.Certificate:
    return listeners.make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    made = listeners.fresh_sandbox(tmp_path / "tenant")
    yield made
    made.close()


@pytest.fixture
def late_sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """A realistic tenant whose clock only moves when told."""
    (tmp_path / "late").mkdir()
    made = Sandbox(tmp_path / "late", profile="realistic", seed=7, virtual_clock=True)
    with made.store.transaction(established=True) as tx:
        seed(tx)
    yield made
    made.close()


@pytest.fixture
def host(sandbox: Sandbox, certificate: listeners.Certificate) -> Iterator[listeners.ManagementHost]:
    with listeners.management_host(sandbox, certificate) as running:
        yield running


@pytest.fixture
def trust(certificate: listeners.Certificate) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate.ca_file))
