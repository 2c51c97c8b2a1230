from __future__ import annotations

import pytest

from provisioner.sandbox.clock import Clock, format_time, parse_time


def test_a_virtual_clock_stands_still() -> None:
    clock = Clock(virtual_from=500.0)
    assert clock.now() == clock.now() == 500.0
    clock.advance(2.5)
    assert clock.now() == 502.5


def test_time_never_runs_backwards() -> None:
    with pytest.raises(ValueError, match="forward"):
        Clock().advance(-1)


@pytest.mark.parametrize(
    ("text", "epoch"),
    [
        ("1970-01-01T00:00:10Z", 10.0),
        ("1970-01-01T00:00:10.5000000Z", 10.5),
        ("1970-01-01T08:00:10.25+08:00", 10.25),
    ],
)
def test_odata_dates(text: str, epoch: float) -> None:
    assert parse_time(text) == pytest.approx(epoch)


@pytest.mark.parametrize("text", ["1970-01-01", "1970-01-01T00:00:00", "yesterday", ""])
def test_no_odata_date(text: str) -> None:
    with pytest.raises(ValueError):
        parse_time(text)


def test_seven_digits() -> None:
    assert format_time(10.5, digits=7) == "1970-01-01T00:00:10.5000000Z"
    assert format_time(10.999) == "1970-01-01T00:00:10Z"
