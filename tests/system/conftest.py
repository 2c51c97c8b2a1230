"""One calm sandbox for all system tests of a process; each test finds a fresh tenant and an empty home."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.support import Sandbox, fresh_home, running_sandbox


@pytest.fixture(scope="session")
def calm_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The process; its time moves only when somebody waits."""
    with running_sandbox(tmp_path_factory.mktemp("calm")) as running:
        yield running


@pytest.fixture
def sandbox(calm_sandbox: Sandbox) -> Sandbox:
    """A fresh tenant, a minute later: Exchange counts a mailbox's mails by the minute."""
    calm_sandbox.reset()
    calm_sandbox.advance(61)
    return calm_sandbox


@pytest.fixture
def home(tmp_path: Path, sandbox: Sandbox) -> Path:
    """An empty PROVISIONER_HOME whose tenant `sandbox` is the fresh one."""
    return fresh_home(tmp_path / "home", sandbox)
