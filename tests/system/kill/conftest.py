"""One calm sandbox for all tests here (its time moves only when somebody waits), and how many points were tried."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.system.kill.scenario import Scenario
from tests.system.support import Sandbox, running_sandbox

DRIVERS = {"psrp": "sandbox", "rest": "sandbox:rest"}


@pytest.fixture(scope="package")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The sandbox of this folder's tests."""
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture(scope="package")
def scenario_of(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Scenario]:
    """The scenario of a driver: one for all tests, since what was tried from one state need not be tried again."""
    made: dict[str, Scenario] = {}

    def scenario(driver: str) -> Scenario:
        if driver not in made:
            made[driver] = Scenario(sandbox, tmp_path_factory.mktemp(driver), DRIVERS[driver])
        return made[driver]

    return scenario


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many points each test killed at."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == "killed" and report.when == "call":
                    terminalreporter.write_line(f"{report.nodeid.partition('::')[2]}: {value}")
