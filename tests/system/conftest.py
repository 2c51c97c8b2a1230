"""One calm sandbox for the tests of a file; each test finds a fresh tenant and an empty home."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.support import Sandbox, fresh_home, running_sandbox


@pytest.fixture(scope="module")
def calm_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The process; its time moves only when somebody waits.

    One for each file, because time never goes back: in another file's tests a secret's life may have passed, and with
    it the last day of EWS.
    """
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
