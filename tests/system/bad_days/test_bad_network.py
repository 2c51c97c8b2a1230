"""No network, wrong addresses, wrong certificates: said at once, by name, with what to look at."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.bad_days.days import NOWHERE, changed_home, ends_well, told
from tests.system.chain.steps import run
from tests.system.support import Sandbox, cli, running_sandbox

PATIENCE_SECONDS = 30.0


@pytest.fixture(scope="module")
def closed_port() -> Iterator[int]:
    """A port that is ours and at which nobody listens."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield int(reserved.getsockname()[1])


@pytest.fixture(scope="module")
def other_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Another sandbox, and so another certificate authority."""
    with running_sandbox(tmp_path_factory.mktemp("other")) as running:
        yield running


def _nobody_there(sandbox: Sandbox, port: int) -> list[tuple[dict[str, Any], str, tuple[str, ...]]]:
    """Changes of the published endpoints, driver, what must be said."""
    tenant = sandbox.endpoints["tenantId"]
    return [
        ({"login": f"https://localhost:{port}"}, "rest", (str(port),)),
        ({"login": f"https://{NOWHERE}"}, "rest", (NOWHERE,)),
        ({"graph": f"https://localhost:{port}/v1.0"}, "rest", (str(port),)),
        ({"graph": f"https://{NOWHERE}/v1.0"}, "rest", (NOWHERE,)),
        ({"exchange": f"https://localhost:{port}"}, "rest", (str(port),)),
        ({"exchange": f"https://{NOWHERE}"}, "rest", (NOWHERE,)),
        ({"wsman.port": port}, "psrp", (f"localhost:{port}", "--port")),
        ({"wsman.host": NOWHERE}, "psrp", (NOWHERE, "--host")),
        ({"wsman.path": "no/such/path"}, "psrp", ("path in the inventory", "no/such/path")),
        ({"wsman.configurations.plain": "Nobody.Registered"}, "psrp", ("Nobody.Registered", "--configuration")),
        ({"tenantId": tenant.replace(tenant[:8], "deadbeef")}, "rest", ("deadbeef", "AADSTS90002")),
    ]


@pytest.mark.parametrize("number", range(11))
def test_nobody_is_there(number: int, sandbox: Sandbox, closed_port: int, tmp_path: Path) -> None:
    changes, driver, words = _nobody_there(sandbox, closed_port)[number]
    home = changed_home(tmp_path / "home", sandbox, changes)
    code = 5 if "tenantId" in changes else 1
    started = time.monotonic()
    told(run("apply", "--yes", home=home, tenant=f"sandbox:{driver}"), code, *words)
    assert time.monotonic() - started < PATIENCE_SECONDS
    assert sandbox.writes() == []


def test_a_port_without_tls(sandbox: Sandbox, tmp_path: Path) -> None:
    plain = int(sandbox.endpoints["management"].rpartition(":")[2])
    home = changed_home(tmp_path / "host", sandbox, {"wsman.port": plain})
    told(run("plan", home=home), 1, "TLS", "--port")
    home = changed_home(tmp_path / "graph", sandbox, {"graph": f"https://localhost:{plain}/v1.0"})
    told(run("plan", home=home, tenant="sandbox:rest"), 1, "localhost")


def test_certificates_of_another_authority(sandbox: Sandbox, other_sandbox: Sandbox, tmp_path: Path) -> None:
    theirs = other_sandbox.endpoints
    home = changed_home(tmp_path / "host", sandbox, {"wsman.port": theirs["wsman"]["port"]})
    told(run("plan", home=home), 1, "certificate", "not trusted", "--ca-file")
    home = changed_home(tmp_path / "graph", sandbox, {"graph": theirs["graph"]})
    told(run("plan", home=home, tenant="sandbox:rest"), 1, "certificate")
    home = changed_home(tmp_path / "login", sandbox, {"login": theirs["login"]})
    told(run("plan", home=home, tenant="sandbox:rest"), 1, "certificate")
    home = changed_home(tmp_path / "exchange", sandbox, {"exchange": theirs["exchange"]})
    told(run("plan", home=home, tenant="sandbox:rest"), 1, "certificate")
    assert sandbox.writes() == []


def test_a_certificate_for_another_name(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("")
    home = changed_home(tmp_path / "home", sandbox, {"wsman.host": "127.0.0.2"})
    told(run("plan", home=home), 1, "127.0.0.2", "--host")


def test_no_submission_server_is_no_failure_of_the_tenant(sandbox: Sandbox, closed_port: int, tmp_path: Path) -> None:
    before = sandbox.state()
    home = changed_home(tmp_path / "home", sandbox, {"smtp.port": closed_port})
    finished = run("onboard", "--yes", "--send", home=home)
    shown = finished.stdout + finished.stderr
    assert finished.returncode == 0, shown
    assert "did not answer from here" in " ".join(shown.split())
    ends_well(sandbox, home, before)


def test_it_is_the_same_in_a_process_of_its_own(sandbox: Sandbox, closed_port: int, tmp_path: Path) -> None:
    home = changed_home(tmp_path / "home", sandbox, {"graph": f"https://localhost:{closed_port}/v1.0"})
    told(run("plan", home=home, by=cli), 1, str(closed_port))
