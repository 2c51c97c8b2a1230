"""The tenant's clock.

Everything dated in the sandbox (tokens, secrets, lags, Date headers) follows it, so that a test can let two years pass.
Real: the machine's time plus an offset. Virtual: stands still but for ``advance``.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime


class Clock:
    """Sandbox time in epoch seconds. Thread-safe; never runs backwards but by the machine's own clock."""

    def __init__(self, *, offset: float = 0.0, virtual_from: float | None = None) -> None:
        """``offset`` is added to the machine's time; with ``virtual_from`` time stands still at that moment."""
        self._lock = threading.Lock()
        self._offset = offset
        self._virtual_from = virtual_from

    @property
    def virtual(self) -> bool:
        """True when time moves by ``advance`` alone."""
        return self._virtual_from is not None

    @property
    def offset(self) -> float:
        """Seconds added so far."""
        return self._offset

    def now(self) -> float:
        """Sandbox time, epoch seconds."""
        with self._lock:
            return (time.time() if self._virtual_from is None else self._virtual_from) + self._offset

    def advance(self, seconds: float) -> None:
        """Move time forward. Raises ValueError for a negative number: tenants do not get younger."""
        if seconds < 0:
            raise ValueError("time only moves forward")
        with self._lock:
            self._offset += seconds


def parse_time(text: str) -> float:
    """Epoch seconds of an OData date with offset; up to seven fractional digits. ValueError otherwise."""
    head, dot, rest = text.partition(".")
    digits = ""
    while dot and rest and rest[0].isdigit():
        digits, rest = digits + rest[0], rest[1:]
    moment = datetime.fromisoformat(head + rest)
    if moment.tzinfo is None or "T" not in text.upper():
        raise ValueError(f"no date with offset: {text!r}")
    return moment.timestamp() + (float("0." + digits) if digits else 0.0)


def format_time(moment: float, *, digits: int = 0) -> str:
    """``2026-11-22T00:34:38Z``, or with seven fractional digits as Entra writes new dates."""
    whole = datetime.fromtimestamp(int(moment), UTC).strftime("%Y-%m-%dT%H:%M:%S")
    if not digits:
        return whole + "Z"
    fraction = min(int((moment - int(moment)) * 10**digits), 10**digits - 1)
    return f"{whole}.{fraction:0{digits}d}Z"
