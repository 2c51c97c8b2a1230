"""`apply` killed at every request and at every operation on a file or sink, and resumed from each home.

From the same home it ends as if nobody had disturbed it; from another one with a key of its own, and no home takes
another's key away.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.system.kill.conftest import DRIVERS
from tests.system.kill.killing import at_file_operation, at_request
from tests.system.kill.scenario import Scenario
from tests.system.support import Sandbox

FEWEST_REQUESTS = {("psrp", False): 24, ("psrp", True): 60, ("rest", False): 28, ("rest", True): 28}
"""By driver, and before or after. Fewer points would mean that something is no longer tried."""

FEWEST_FILE_OPERATIONS = 70


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("driver", DRIVERS)
def test_at_each_request(
    sandbox: Sandbox,
    scenario_of: Callable[[str], Scenario],
    driver: str,
    after: bool,
    record_property: Callable[[str, object], None],
) -> None:
    scenario = scenario_of(driver)
    tried = scenario.everywhere(
        lambda home, number: at_request(sandbox, scenario.apply, home, number, after=after),
        scenario.resumed_here,
        scenario.resumed_elsewhere,
    )
    record_property("killed", str(tried))
    assert tried.points >= FEWEST_REQUESTS[driver, after]


@pytest.mark.parametrize("driver", DRIVERS)
def test_at_each_file_operation(
    scenario_of: Callable[[str], Scenario], driver: str, record_property: Callable[[str, object], None]
) -> None:
    scenario = scenario_of(driver)
    tried = scenario.everywhere(
        lambda home, number: at_file_operation(scenario.apply, home, number),
        scenario.resumed_here,
        scenario.resumed_elsewhere,
    )
    record_property("killed", str(tried))
    assert tried.points >= FEWEST_FILE_OPERATIONS


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_around_the_mint(sandbox: Sandbox, scenario_of: Callable[[str], Scenario], after: bool) -> None:
    scenario = scenario_of("rest")
    tried = scenario.everywhere(
        lambda home, number: at_request(sandbox, scenario.apply, home, number, after=after, match="addPassword"),
        scenario.resumed_elsewhere,
    )
    assert tried.points == 1, "apply mints once"
