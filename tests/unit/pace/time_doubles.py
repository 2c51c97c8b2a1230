"""A clock on which waiting takes no time, and a listener that remembers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class VirtualClock:
    """Sleeping moves it. `heard_at` jumps: the tenant's time, as a `Date` header would tell it."""

    def __init__(self, now: datetime = NOW) -> None:
        self.time = now
        self.slept: list[float] = []
        self.skew = timedelta()

    def now(self) -> datetime:
        return self.time

    def heard(self, tenant_time: datetime) -> None:
        self.skew += tenant_time - self.time
        self.time = tenant_time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)
