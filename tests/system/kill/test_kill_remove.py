"""`remove` killed and run again: nothing of ours is left but what the recycle bin keeps."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.system.kill.conftest import DRIVERS
from tests.system.kill.killing import at_file_operation, at_request
from tests.system.kill.scenario import Scenario
from tests.system.support import Sandbox, forked

FEWEST_REQUESTS = {("psrp", False): 22, ("psrp", True): 44, ("rest", False): 20, ("rest", True): 20}
FEWEST_FILE_OPERATIONS = 12


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
        lambda home, number: at_request(sandbox, scenario.remove, home, number, after=after),
        scenario.resumed_removal,
        start=scenario.onboarded,
    )
    record_property("killed", str(tried))
    assert tried.points >= FEWEST_REQUESTS[driver, after]


@pytest.mark.parametrize("driver", DRIVERS)
def test_at_each_file_operation(
    scenario_of: Callable[[str], Scenario], driver: str, record_property: Callable[[str, object], None]
) -> None:
    scenario = scenario_of(driver)
    tried = scenario.everywhere(
        lambda home, number: at_file_operation(scenario.remove, home, number),
        scenario.resumed_removal,
        start=scenario.onboarded,
    )
    record_property("killed", str(tried))
    assert tried.points >= FEWEST_FILE_OPERATIONS


def test_what_a_killed_run_changed_is_remembered(sandbox: Sandbox, scenario_of: Callable[[str], Scenario]) -> None:
    # The mailbox's switch is not ours alone: `remove` leaves it, and a person has to be told what it was.
    scenario = scenario_of("rest")
    home = scenario.fresh_start()
    assert at_request(sandbox, scenario.apply, home, 1, after=True, match="Set-CASMailbox")
    assert forked(*scenario.apply, home=home).returncode == 0
    removed = forked(*scenario.remove, home=home)
    assert removed.returncode == 0
    (step,) = json.loads(removed.stdout)["manual"]
    assert "as the organisation: off" in step["instruction"]
