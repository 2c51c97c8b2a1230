"""A sandbox in a process of its own, as the benchmarks need it: fresh before each run, slow where asked, and honest
about which requests came to it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DELAY_SECONDS = 0.08
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Trip:
    """One request to Graph as it travelled; the parts of a `$batch` are one trip."""

    operation: str
    ended: float
    parts: tuple[str, ...]


@dataclass(frozen=True)
class Tenant:
    """A running sandbox."""

    directory: Path
    endpoints: Mapping[str, Any]

    def fresh(self) -> None:
        """Forget everything but the operator's credentials."""
        self._call("POST", "/reset")
        self._call("DELETE", "/history")

    def trips(self) -> tuple[Trip, ...]:
        """What Graph was asked since `fresh`, in the order of the answers."""
        together: dict[str, list[dict[str, Any]]] = {}
        for each in self._call("GET", "/history")["history"]:
            if each["protocol"] == "graph":
                together.setdefault(each["requestId"], []).append(each)  # the parts of a batch carry its id
        return tuple(
            Trip(rows[-1]["operation"], rows[-1]["at"], tuple(each["operation"] for each in rows[:-1]))
            for rows in together.values()
        )

    def delay(self, like: Sequence[Trip]) -> None:
        """Answer each request to Graph later, by `DELAY_SECONDS`.

        A fault rule strikes a batch and each of its parts. So the rule names the operations that travelled in an
        earlier run of the same job; `check_delays` then makes sure that it struck each trip once.
        """
        self._call(
            "POST", "/faults", {"protocol": "graph", "match": _pattern(like), "effect": {"delay": DELAY_SECONDS}}
        )

    def applications(self) -> tuple[dict[str, Any], ...]:
        """The app registrations of the tenant."""
        return tuple(self._call("GET", "/state")["applications"])

    def grants(self) -> int:
        """How many app roles are assigned in the tenant."""
        return len(self._call("GET", "/state").get("appRoleAssignments", ()))

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        request = urllib.request.Request(
            self.endpoints["management"] + path,
            json.dumps(body).encode() if body is not None else None,
            {"Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as reply:
            return json.loads(reply.read() or b"null")


def check_delays(like: Sequence[Trip], made: Sequence[Trip]) -> None:
    """Each trip must have been delayed exactly once, or the figures mean nothing."""
    pattern = re.compile(_pattern(like))
    for trip in made:
        struck = sum(1 for each in (trip.operation, *trip.parts) if pattern.search(each))
        if struck != 1:
            raise SystemExit(f"{trip.operation} was delayed {struck} times")


def in_sequence(delayed: Sequence[Trip]) -> int:
    """How many trips of a delayed run had to wait for one another.

    A trip that waits for another ends at least the delay after it, so the longest chain of such ends is never too
    short. It may be too long by chance, where a slow client starts late what it could have started at once.
    """
    count, last = 0, 0.0
    for trip in sorted(delayed, key=lambda each: each.ended):
        if trip.ended - last >= DELAY_SECONDS * 0.98:
            count, last = count + 1, trip.ended
    return count


def _pattern(trips: Sequence[Trip]) -> str:
    alternatives = {GUID.sub("{id}", each.operation) for each in trips}
    return "|".join(f"^{re.escape(each).replace(re.escape('{id}'), GUID.pattern)}$" for each in sorted(alternatives))


@contextmanager
def running(directory: Path, environment: Mapping[str, str]) -> Iterator[Tenant]:
    """A calm sandbox until the block ends."""
    directory.mkdir(parents=True)
    log = directory / "log.txt"
    arguments = ["sandbox", "serve", "--directory", str(directory), "--profile", "calm", "--seed", "1"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "provisioner", *arguments, "--until-stdin-closes"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
        )
    file = directory / "endpoints.json"
    try:
        until = time.monotonic() + 60
        while not file.exists() and process.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        if not file.exists():
            raise SystemExit(f"the sandbox did not start:\n{log.read_text()}")
        yield Tenant(directory, json.loads(file.read_text()))
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)
