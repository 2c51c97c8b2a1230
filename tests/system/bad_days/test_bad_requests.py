"""One fault at each request of a run, one after the other: throttled, unavailable, timed out before and after the work
was done, cut off before and after. Whatever the run says, the same command ends in the same state, with one key.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.bad_days.days import ends_well, is_whole
from tests.system.chain.steps import run
from tests.system.support import Sandbox, fresh_home

BEFORE = ({"status": 429, "retryAfter": 2}, {"status": 503}, {"status": 504}, {"drop": True})
AFTER = ({"status": 504, "after": True}, {"drop": True, "after": True})

WRITES = r"^(PATCH|DELETE|POST) (?!.*batch)|^(New|Add|Set|Connect)-"
ALL = ""
CMDLETS = r"^(New|Add|Set|Get|Connect)-"
ENVELOPES = "^POST /wsman"

FLOORS = {
    # (driver, protocol, match): no fewer requests than this, or the test has shrunk
    ("rest", "login", ALL): 4,
    ("rest", "graph", ALL): 15,
    ("rest", "graph", WRITES): 5,
    ("rest", "adminapi", ALL): 8,
    ("rest", "adminapi", WRITES): 3,
    ("psrp", "wsman", ENVELOPES): 30,
    ("psrp", "wsman", CMDLETS): 8,
    ("jea", "wsman", CMDLETS): 8,
}


def _requests(sandbox: Sandbox, protocol: str, match: str) -> int:
    """How many requests of a calm run a rule counts."""
    import re

    pattern = re.compile(match, re.IGNORECASE)
    return sum(1 for each in sandbox.history() if each["protocol"] == protocol and pattern.search(each["operation"]))


def _days(number: int, effects: tuple[dict[str, Any], ...], *, whole: bool) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each request with each effect, or with one effect in turn."""
    for nth in range(1, number + 1):
        for effect in effects if whole else (effects[nth % len(effects)],):
            yield nth, effect


@pytest.mark.parametrize(
    ("driver", "protocol", "match", "effects", "whole"),
    [
        ("rest", "login", ALL, BEFORE, False),
        ("rest", "graph", ALL, BEFORE, False),
        ("rest", "graph", ALL, AFTER, False),
        ("rest", "graph", WRITES, BEFORE, True),
        ("rest", "graph", WRITES, AFTER, True),
        ("rest", "adminapi", ALL, BEFORE, False),
        ("rest", "adminapi", WRITES, AFTER, True),
        ("psrp", "wsman", ENVELOPES, AFTER, False),
        ("psrp", "wsman", CMDLETS, BEFORE[1:], False),
        ("jea", "wsman", CMDLETS, (BEFORE[3], AFTER[1]), False),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_fault_at_each_request(
    driver: str,
    protocol: str,
    match: str,
    effects: tuple[dict[str, Any], ...],
    whole: bool,
    calm_sandbox: Sandbox,
    tmp_path: Path,
) -> None:
    sandbox, tenant = calm_sandbox, f"sandbox:{driver}"
    sandbox.reset()
    before = sandbox.state()
    assert run("apply", "--yes", home=fresh_home(tmp_path / "calm", sandbox), tenant=tenant).returncode == 0
    number = _requests(sandbox, protocol, match)
    assert number >= FLOORS[driver, protocol, match]

    codes: dict[int, int] = {}
    noticed = 0
    for nth, effect in _days(number, effects, whole=whole):
        sandbox.reset()
        home = fresh_home(tmp_path / f"{nth}-{effects.index(effect)}", sandbox)
        sandbox.fault(effect, protocol=protocol, match=match, nth=nth)
        finished = run("apply", "--yes", home=home, tenant=tenant)
        shown = finished.stdout + finished.stderr
        day = f"{protocol} {nth} {effect}\n{shown}"
        assert "Traceback" not in shown, day
        assert finished.returncode in (0, 1, 3, 6), day
        codes[finished.returncode] = codes.get(finished.returncode, 0) + 1
        noticed += finished.returncode != 0 or "waiting" in shown
        if finished.returncode == 0:
            is_whole(sandbox, home, before)
            continue
        assert effect.get("status") != 429, f"throttling must only take time: {day}"
        assert "why" in shown or "error:" in shown, day
        sandbox.clear_faults()
        ends_well(sandbox, home, before, tenant=tenant, runs=2)
    assert noticed >= 0.5 * sum(codes.values()), "most faults did not strike"
    assert codes.get(0, 0) > 0.6 * sum(codes.values()), f"patience is missing: {codes}"
