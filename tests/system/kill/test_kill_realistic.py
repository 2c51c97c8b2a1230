"""The same in a tenant that lags as real ones do: replicas that alternate, secrets and grants that come late."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.system.kill.conftest import DRIVERS
from tests.system.kill.killing import Killed, at_request
from tests.system.kill.scenario import Scenario, assert_same
from tests.system.support import forked, running_sandbox

NOT_YET = 6
MOST_RUNS = 5
SETTLED_SECONDS = 3600.0


@pytest.mark.parametrize(
    ("driver", "seed", "after", "first"), [("rest", 7, True, 3), ("psrp", 8, True, 5), ("rest", 9, False, 2)]
)
def test_killed_and_resumed(
    tmp_path: Path, driver: str, seed: int, after: bool, first: int, record_property: Callable[[str, object], None]
) -> None:
    with running_sandbox(tmp_path / "sandbox", profile="realistic", seed=seed) as sandbox:
        scenario = Scenario(sandbox, tmp_path, DRIVERS[driver], SETTLED_SECONDS)

        def resumed(killed: Killed, home: Path) -> None:
            for _ in range(MOST_RUNS):
                ended = forked(*scenario.apply, home=home)
                if ended.returncode != NOT_YET:
                    break
                sandbox.advance(300.0)
            assert ended.returncode == 0, f"{ended.returncode}:\n{ended.stdout}\n{ended.stderr}"
            sandbox.advance(SETTLED_SECONDS)
            found = sandbox.state()
            assert_same(scenario.normalised(found), scenario.reference)
            scenario.held_as_in(home, found)
            scenario.nothing_to_do(home)

        tried = scenario.everywhere(
            lambda home, number: at_request(sandbox, scenario.apply, home, number, after=after),
            resumed,
            numbers=itertools.count(first, 5),
        )
        record_property("killed", f"{tried}, seed {seed}")
        assert tried.points >= 6
