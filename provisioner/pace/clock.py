"""What time it is in the tenant, and waiting.

A technician's laptop is often wrong by minutes, and a secret's life or a token's age is judged by the tenant's
clock. So `now` is corrected by the `Date` header of what the tenant answers. It also lets a simulated tenant move
time: a wait then advances both sides together.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

SKEW_WORTH_SAYING = timedelta(minutes=5)
"""Kerberos' and Entra's usual tolerance: beyond it sign-ins start to fail on the wrong machine's clock."""


class Clock(Protocol):
    """The time source of one tenant."""

    @property
    def skew(self) -> timedelta:
        """Tenant time minus this machine's time, as far as heard."""

    def now(self) -> datetime:
        """Tenant time, UTC."""

    def heard(self, tenant_time: datetime) -> None:
        """Take note of a `Date` header (whole seconds)."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The machine's clock, corrected."""

    def __init__(self) -> None:
        self._skew = timedelta()

    @property
    def skew(self) -> timedelta:
        """Tenant time minus this machine's time."""
        return self._skew

    def now(self) -> datetime:
        """Tenant time, UTC."""
        return datetime.now(UTC) + self._skew

    def heard(self, tenant_time: datetime) -> None:
        """Correct for a difference of more than two seconds; less is the header's own coarseness."""
        difference = tenant_time - datetime.now(UTC)
        if abs(difference - self._skew) > timedelta(seconds=2):
            self._skew = difference

    async def sleep(self, seconds: float) -> None:
        """Wait in real time."""
        await asyncio.sleep(seconds)


@dataclass(frozen=True)
class Deadline:
    """A moment in tenant time after which we stop waiting. Every wait has one."""

    clock: Clock
    at: datetime

    @classmethod
    def after(cls, clock: Clock, seconds: float) -> Deadline:
        """The deadline that many seconds from now."""
        return cls(clock, clock.now() + timedelta(seconds=seconds))

    @property
    def seconds_left(self) -> float:
        """Seconds until it; never negative."""
        return max(0.0, (self.at - self.clock.now()).total_seconds())


def stopwatch() -> float:
    """Seconds of a monotonic clock, for measuring our own work (never for the tenant's time)."""
    return time.monotonic()
