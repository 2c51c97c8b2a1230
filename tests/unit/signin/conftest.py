from __future__ import annotations

from collections.abc import Iterator

import pytest
from entra_double import Entra, EntraServer


@pytest.fixture(scope="session")
def entra_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EntraServer]:
    server = EntraServer(tmp_path_factory.mktemp("entra"))
    yield server
    server.close()


@pytest.fixture
def entra(entra_server: EntraServer) -> Entra:
    return entra_server.fresh()
