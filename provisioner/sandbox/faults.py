"""Faults on demand: what a bad day does to one request.

Management sets rules; every protocol asks before it acts and again after it has committed, because a reply lost *after*
the work was done is the case clients get wrong. Random faults of a hostile profile come from here too.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_RELEASE_POLL = 0.02  # seconds; an asyncio.Event would bind to one loop, and the protocols run on several


@dataclass(frozen=True, slots=True)
class Effect:
    """What happens to the request. Delays and holds are over by the time a protocol sees one.

    ``status`` with ``retry_after`` (seconds): answer this instead. ``drop``: close the connection without a reply.
    ``error``: a named fault only one protocol knows. ``after``: the work was done and committed first.
    """

    status: int | None = None
    retry_after: int | None = None
    drop: bool = False
    delay: float = 0.0
    hold: bool = False
    error: str | None = None
    after: bool = False

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Effect:
        """From management's JSON. ValueError names a key nobody knows or an effect that does nothing."""
        names = {"status", "retryAfter", "drop", "delay", "hold", "error", "after"}
        if unknown := set(data) - names:
            raise ValueError(f"unknown effect: {', '.join(sorted(unknown))}")
        effect = cls(
            status=data.get("status"),
            retry_after=data.get("retryAfter"),
            drop=bool(data.get("drop", False)),
            delay=float(data.get("delay", 0.0)),
            hold=bool(data.get("hold", False)),
            error=data.get("error"),
            after=bool(data.get("after", False)),
        )
        if not (effect.status or effect.drop or effect.delay or effect.hold or effect.error):
            raise ValueError("an effect needs one of status, drop, delay, hold, error")
        return effect


@dataclass(slots=True)
class Rule:
    """When an effect strikes. ``match``: regular expression searched in the operation, without regard to case.

    The operation is ``METHOD /path?query``, a cmdlet's name or an SMTP verb. ``nth`` counts this rule's own matches
    from 1; ``every`` strikes at each n-th; without either it strikes always; ``times`` limits the strikes.
    """

    protocol: str | None
    match: re.Pattern[str]
    effect: Effect
    nth: int | None = None
    every: int | None = None
    times: int | None = None
    seen: int = 0
    struck: int = 0

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Rule:
        """From management's JSON. ValueError says what is wrong with it."""
        names = {"protocol", "match", "nth", "every", "effect", "times"}
        if unknown := set(data) - names:
            raise ValueError(f"unknown key: {', '.join(sorted(unknown))}")
        try:
            pattern = re.compile(data.get("match", ""), re.IGNORECASE)
        except re.error as problem:
            raise ValueError(f"match is no regular expression: {problem}") from problem
        return cls(
            protocol=data.get("protocol"),
            match=pattern,
            effect=Effect.parse(data.get("effect") or {}),
            nth=data.get("nth"),
            every=data.get("every"),
            times=data.get("times", 1 if data.get("nth") else None),
        )

    def strikes(self, protocol: str, operation: str) -> bool:
        """Count this request and say whether the effect falls on it."""
        if self.protocol not in (None, protocol) or not self.match.search(operation):
            return False
        self.seen += 1
        if self.times is not None and self.struck >= self.times:
            return False
        if self.nth is not None and self.seen != self.nth:
            return False
        if self.every is not None and self.seen % self.every:
            return False
        self.struck += 1
        return True


@dataclass(slots=True)
class Held:
    """A request whose reply is withheld."""

    id: int
    protocol: str
    operation: str
    after: bool
    released: threading.Event = field(default_factory=threading.Event)


class Faults:
    """All rules and held requests of one sandbox. Thread-safe."""

    def __init__(self, *, share: float = 0.0, seed: str = "") -> None:
        self._lock = threading.Lock()
        self._rules: list[Rule] = []
        self._held: dict[int, Held] = {}
        self._numbers = itertools.count(1)
        self._share = share
        self._random = random.Random(f"faults:{seed}")  # noqa: S311 - repeatable, not secret
        self._in_a_row: dict[tuple[str, str], int] = {}

    def add(self, rule: Rule) -> None:
        """One more rule; the first rule that strikes wins."""
        with self._lock:
            self._rules.append(rule)

    def clear(self) -> None:
        """Drop all rules and release everything held."""
        with self._lock:
            self._rules.clear()
        self.release()

    def held(self) -> list[Held]:
        """Requests whose reply is withheld just now, oldest first."""
        with self._lock:
            return list(self._held.values())

    def release(self, number: int | None = None) -> int:
        """Let one held request (or all) go on; returns how many."""
        with self._lock:
            chosen = [each for each in self._held.values() if number in (None, each.id)]
        for each in chosen:
            each.released.set()
        return len(chosen)

    async def before(self, protocol: str, operation: str) -> Effect | None:
        """Ask before acting. Waits out delays and holds; an Effect returned must be carried out, nothing done."""
        effect = self._strike(protocol, operation, after=False) or self._chance(protocol, operation)
        return await self._wait(effect, protocol, operation)

    async def after(self, protocol: str, operation: str) -> Effect | None:
        """Ask after the commit, before the reply. An Effect returned replaces the reply."""
        effect = self._strike(protocol, operation, after=True) or self._late_chance(protocol, operation)
        return await self._wait(effect, protocol, operation)

    def _strike(self, protocol: str, operation: str, *, after: bool) -> Effect | None:
        with self._lock:
            for rule in self._rules:
                if rule.effect.after is after and rule.strikes(protocol, operation):
                    return rule.effect
        return None

    def _chance(self, protocol: str, operation: str) -> Effect | None:
        if not self._share:
            return None
        with self._lock:
            key = (protocol, operation)
            # One cmdlet over remoting takes three requests and more: the share is that of what one asks for.
            share = self._share / 3 if protocol == "wsman" else self._share
            if self._random.random() >= share or self._in_a_row.get(key, 0) >= 2:
                self._in_a_row[key] = 0
                return None
            self._in_a_row[key] = self._in_a_row.get(key, 0) + 1
            if protocol in ("smtp", "wsman"):
                return Effect(drop=True)
            status = self._random.choice((429, 429, 503, 504))
            return Effect(status=status, retry_after=self._random.choice((1, 2)) if status != 504 else None)

    def _late_chance(self, protocol: str, operation: str) -> Effect | None:
        if not self._share or operation.startswith(("GET ", "HEAD ")) or protocol in ("smtp", "wsman"):
            return None
        with self._lock:
            key = (protocol, "after " + operation)
            if self._random.random() >= self._share / 3 or self._in_a_row.get(key, 0) >= 1:
                self._in_a_row[key] = 0
                return None
            self._in_a_row[key] = 1
            if self._random.random() < 0.3:
                return Effect(drop=True, after=True)
            return Effect(status=504, after=True)

    async def _wait(self, effect: Effect | None, protocol: str, operation: str) -> Effect | None:
        if effect is None:
            return None
        if effect.delay:
            await asyncio.sleep(effect.delay)
        if effect.hold:
            held = Held(next(self._numbers), protocol, operation, effect.after)
            with self._lock:
                self._held[held.id] = held
            try:
                while not held.released.is_set():  # noqa: ASYNC110 - see _RELEASE_POLL
                    await asyncio.sleep(_RELEASE_POLL)
            finally:
                with self._lock:
                    del self._held[held.id]
        return effect if effect.status or effect.drop or effect.error else None
