"""Counts only: how often an onboarding goes over the wire. What it costs in time is measured, never asserted."""

from __future__ import annotations

from pathlib import Path

from .onboarding import program
from .process import environment, run
from .tenant import running

MOST_TRIPS = 8
MOST_TRIPS_WHEN_DONE = 3


def test_an_onboarding_and_a_second_look_take_few_trips(tmp_path: Path) -> None:
    variables = environment()
    with running(tmp_path / "sandbox", variables) as tenant:
        job = program("apply", "operator-secret", variables, tmp_path / "home", tenant)
        _, made = job.run()
        assert 0 < len(made) <= MOST_TRIPS, [each.operation for each in made]

        run(job.arguments, job.environment)
        again = tenant.trips()[len(made) :]
        assert 0 < len(again) <= MOST_TRIPS_WHEN_DONE, [each.operation for each in again]
