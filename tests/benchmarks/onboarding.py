"""The Entra part of an onboarding: application, service principal, three permissions, consent, secret stored."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .process import Run, middle, run
from .tenant import Tenant, Trip, check_delays, in_sequence

HERE = Path(__file__).parent
PLAYBOOK = HERE / "three_permissions.yaml"


@dataclass(frozen=True)
class Job:
    """One way to do it. `home` is emptied before each run."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    home: Path
    tenant: Tenant

    def run(self, *, like: tuple[Trip, ...] | None = None) -> tuple[Run, tuple[Trip, ...]]:
        """One run in a fresh tenant and home; with `like`, each trip is delayed. Checks that the work was done."""
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True)
        (self.home / "sandbox").symlink_to(self.tenant.directory, target_is_directory=True)
        self.tenant.fresh()
        before = self.tenant.grants()
        if like is not None:
            self.tenant.delay(like)
        ended = run(self.arguments, self.environment)
        made = self.tenant.trips()
        if like is not None:
            check_delays(like, made)
        self._check(self.tenant.grants() - before)
        return ended, made

    def _check(self, grants: int) -> None:
        ours = [each for each in self.tenant.applications() if each["displayName"] == "Three Permissions"]
        secrets = sum(len(each["passwordCredentials"]) for each in ours)
        wishes = sum(len(api["resourceAccess"]) for each in ours for api in each["requiredResourceAccess"])
        if (len(ours), secrets, wishes, grants) != (1, 1, 3, 3):
            raise SystemExit(
                f"{self.name}: {len(ours)} applications, {secrets} secrets, {wishes} wishes, {grants} grants"
            )


@dataclass(frozen=True)
class Figures:
    """Medians of one job, and its best wall times: what others on the machine took is in every other figure."""

    name: str
    calm: Run
    delayed: Run
    best_calm_seconds: float
    best_delayed_seconds: float
    trips: int
    in_sequence: int
    """The least of all rounds, since no round counts too few."""


def program(name: str, caller: str, environment: Mapping[str, str], home: Path, tenant: Tenant) -> Job:
    """The program itself, as a caller of the sandbox."""
    apply = ("apply", str(PLAYBOOK), "--tenant", f"sandbox:{caller}", "--yes", "--output", "json")
    variables = {**environment, "PROVISIONER_HOME": str(home)}
    return Job(name, (sys.executable, "-m", "provisioner", *apply), variables, home, tenant)


def floor(environment: Mapping[str, str], home: Path, tenant: Tenant) -> Job:
    """The floor."""
    arguments = (sys.executable, str(HERE / "floor.py"), str(tenant.directory / "endpoints.json"), str(home))
    return Job("floor: plain httpx, one request after the other", arguments, environment, home, tenant)


def measure(jobs: tuple[Job, ...], rounds: int) -> tuple[Figures, ...]:
    """All jobs by turns, after one run each that does not count (it compiles, and shows what travels)."""
    like = {job.name: job.run()[1] for job in jobs}
    calm: dict[str, list[Run]] = {job.name: [] for job in jobs}
    delayed: dict[str, list[Run]] = {job.name: [] for job in jobs}
    depths: dict[str, list[int]] = {job.name: [] for job in jobs}
    for _ in range(rounds):
        for job in jobs:
            calm[job.name].append(job.run()[0])
        for job in jobs:
            ended, made = job.run(like=like[job.name])
            delayed[job.name].append(ended)
            depths[job.name].append(in_sequence(made))
    return tuple(
        Figures(
            job.name,
            middle(calm[job.name]),
            middle(delayed[job.name]),
            min(each.wall_seconds for each in calm[job.name]),
            min(each.wall_seconds for each in delayed[job.name]),
            len(like[job.name]),
            min(depths[job.name]),
        )
        for job in jobs
    )
