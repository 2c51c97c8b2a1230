"""A write of a killed run that arrives only after the resumed run has ended: the run after that one puts it right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.system.kill.killing import Killed, at_request
from tests.system.kill.scenario import Scenario, assert_same
from tests.system.support import Sandbox, forked

WRITES = r"^(POST|PATCH) /v1\.0/(?!\$batch)|^(New|Add|Set)-"
FEWEST_WRITES = 8


def test_late_writes(
    sandbox: Sandbox, scenario_of: Callable[[str], Scenario], record_property: Callable[[str, object], None]
) -> None:
    scenario = scenario_of("rest")

    def late_and_put_right(killed: Killed, home: Path) -> None:
        scenario.resumed_here(killed, home)
        sandbox.release()
        while sandbox.held():
            pass
        ended = forked(*scenario.apply, home=home)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        found = sandbox.state()
        assert_same(scenario.normalised(found), scenario.reference)
        scenario.held_as_in(home, found)
        scenario.nothing_to_do(home)

    tried = scenario.everywhere(
        lambda home, number: at_request(sandbox, scenario.apply, home, number, after=False, match=WRITES, late=True),
        late_and_put_right,
    )
    record_property("killed", str(tried))
    assert tried.points >= FEWEST_WRITES
