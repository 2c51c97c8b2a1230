"""One scenario: kill somewhere, resume, and hold the end against the end of a run that nobody disturbed."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.system.support import PARAMETERS, PLAYBOOK, Sandbox, forked, fresh_home

from . import state
from .killing import Killed
from .state import Names

Kill = Callable[[Path, int], Killed | None]
"""Runs the command in a home and kills it at its n-th point; None where it ended before."""


@dataclass(frozen=True)
class Tried:
    """How many points a run was killed at, and from how many states it was resumed that no other test had seen."""

    points: int
    new: int

    def __str__(self) -> str:
        return f"{self.points} points, {self.new} new states"


@dataclass(frozen=True)
class Subject:
    """What is set up."""

    told: tuple[str, ...]
    """The playbook and its parameters."""
    holder: str
    """The playbook on whose application the secret is."""
    role: str | None = None
    """A role in the tokens that the secret gets; None where they have none that matters."""
    keyless: bool = False
    """The product needs no secret."""
    flags: tuple[str, ...] = ()
    """What `apply` must be allowed."""
    ends_with: int = 0
    """How an undisturbed `apply` ends: 3 where the playbook leaves something to people."""
    prepare: Callable[[Path], None] | None = None
    """Makes a fresh tenant, and an empty home, ready for the first run."""


CRYPTSHARE = Subject((PLAYBOOK, *PARAMETERS), PLAYBOOK, "SMTP.SendAsApp")


@dataclass
class Scenario:
    """A tenant name (which driver), the end of an undisturbed run, and what has been tried so far."""

    sandbox: Sandbox
    place: Path
    tenant: str
    settled_seconds: float = 0.0
    """How long the tenant takes until the last of its parts knows of every change."""
    subject: Subject = CRYPTSHARE
    with_removal: bool = True
    """Whether removals are tried."""
    seen: set[str] = field(default_factory=set)
    """States of tenant and home, and litter, from which a resumed run was held against the reference: once is enough,
    since a resumed run can know nothing else."""
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.sandbox.reset()
        ready = self.fresh_home()
        if self.subject.prepare is not None:
            self.subject.prepare(ready)
        self.ready_place, self.ready_snapshot = ready, self.sandbox.snapshot()
        self.fresh = self.sandbox.state()
        self.fixed = state.fixed_ids(self.fresh)
        home = self.copy_of(ready)
        ended = forked(*self.apply, home=home)
        assert ended.returncode == self.subject.ends_with, ended.stdout + ended.stderr
        self.sandbox.advance(self.settled_seconds)
        found = self.sandbox.state()
        self.reference = self.normalised(found)
        self.reference_without_keys = self.normalised(found, keys=False)
        self.reference_home = state.kept(home)
        self.held_as_in(home, found)
        self.reference_place, self.reference_snapshot = home, self.sandbox.snapshot()
        if self.with_removal:
            self._remove_once()

    def _remove_once(self) -> None:
        """The end of an undisturbed removal."""
        removed = self.onboarded()
        ended = forked(*self.remove, home=removed)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        self.reference_removed = self.normalised(self.sandbox.state())
        self.reference_removed_home = state.kept(removed)

    @property
    def apply(self) -> tuple[str, ...]:
        """The command that is killed and resumed."""
        return ("apply", *self.subject.told, "--tenant", self.tenant, *self.subject.flags, "--yes", "-o", "json")

    @property
    def plan(self) -> tuple[str, ...]:
        """The look that must find nothing to do."""
        return ("plan", *self.subject.told, "--tenant", self.tenant, "--exit-code", "-o", "json")

    @property
    def remove(self) -> tuple[str, ...]:
        """The way back."""
        return ("remove", *self.subject.told, "--tenant", self.tenant, "--yes", "-o", "json")

    def normalised(self, found: state.State, *, keys: bool = True) -> str:
        """A state, comparable with another run's."""
        return state.normalised(found, self.fresh, self.names(), keys=keys)

    def names(self) -> Names:
        """Fresh numbers."""
        return Names(self.fixed)

    def fresh_start(self) -> Path:
        """The tenant, and a home, as they were before the first run."""
        if self.subject.prepare is None:
            self.sandbox.reset()
            return self.fresh_home()
        self.sandbox.restore(self.ready_snapshot)
        return self.copy_of(self.ready_place)

    def onboarded(self) -> Path:
        """The tenant as an undisturbed `apply` left it, and a copy of its home."""
        self.sandbox.restore(self.reference_snapshot)
        return self.copy_of(self.reference_place)

    def copy_of(self, home: Path) -> Path:
        """Another home with the same files."""
        return Path(shutil.copytree(home, self.place / str(next(self._numbers)), symlinks=True))

    def fresh_home(self) -> Path:
        """A home that nobody has used."""
        return fresh_home(self.place / str(next(self._numbers)), self.sandbox)

    def fingerprint(self, home: Path) -> str:
        """All that a resumed run can find: the tenant's state and the home's files."""
        names = self.names()
        return f"{state.normalised(self.sandbox.state(), self.fresh, names)}\n{state.normalised_home(home, names)}"

    def everywhere(
        self,
        kill: Kill,
        *checks: Callable[[Killed, Path], None],
        numbers: Iterable[int] | None = None,
        start: Callable[[], Path] | None = None,
    ) -> Tried:
        """Kill at every point (or at every `numbers`), and check what follows from each state that is new to a check.

        `start` makes tenant and home ready for a run; without it both are fresh. All faults are told at once.
        """
        points, new = 0, 0
        faults = []
        for number in numbers or itertools.count(1):
            home = (start or self.fresh_start)()
            killed = kill(home, number)
            if killed is None:
                break
            points += 1
            found = (self.fingerprint(home), *state.litter(home))
            fresh = [each for each in checks if not {f"{each.__name__}: {one}" for one in found} <= self.seen]
            self.seen |= {f"{each.__name__}: {one}" for each in fresh for one in found}
            new += len(fresh)
            left = self.sandbox.snapshot() if len(fresh) > 1 else ()
            homes = [home, *(self.copy_of(home) for _ in fresh[1:])]
            for check, place in zip(fresh, homes, strict=False):
                if place is not home:
                    self.sandbox.restore(left)
                try:
                    check(killed, place)
                except (AssertionError, OSError) as fault:
                    faults.append(f"killed {killed}, {check.__name__}: {fault}")
            for place in homes:
                shutil.rmtree(place)
        assert not faults, "\n\n".join([f"{len(faults)} of {points} points:", *faults])
        return Tried(points, new)

    def resumed_here(self, killed: Killed, home: Path) -> None:
        """The same command again, from the same home: the reference's end, and nothing left to do."""
        del killed
        ended = forked(*self.apply, home=home)
        assert ended.returncode == self.subject.ends_with, (
            f"resumed, and ended with {ended.returncode}:\n{ended.stdout}\n{ended.stderr}"
        )
        found = self.sandbox.state()
        assert_same(self.normalised(found), self.reference)
        self.held_as_in(home, found)
        self.nothing_to_do(home)
        assert_same(state.kept(home), self.reference_home)

    def resumed_elsewhere(self, killed: Killed, home: Path) -> None:
        """Another home finishes, with a key of its own; then the first one does, and neither takes the other's key."""
        before = state.our_keys(self.sandbox.state(), self.subject.holder)
        other = self.fresh_home()
        # whose keys those are that the killed run may have made, only a person can say
        ended = forked(*self.apply, "--allow-foreign-keys", home=other)
        assert ended.returncode == 0, f"from another home, {ended.returncode}:\n{ended.stdout}\n{ended.stderr}"
        found = self.sandbox.state()
        assert_same(self.normalised(found, keys=False), self.reference_without_keys)
        key = self.held_as_in(other, found, others=before)
        plan = self.nothing_to_do(other)
        (secret,) = (each for each in plan["changes"] if each["kind"] == "client_secret")
        told = {each for each in before if any(each in note for note in secret["notes"])}
        assert told == before, f"keys held elsewhere: {sorted(before)}, told: {secret['notes']}"
        ended = forked(*self.apply, home=home)
        assert ended.returncode == 0, f"the first home, {ended.returncode}:\n{ended.stdout}\n{ended.stderr}"
        found = self.sandbox.state()
        own = self.held_as_in(home, found, others=frozenset({key}))
        assert state.our_keys(found, self.subject.holder) == {key, own}, "an orphan stays, or a key is gone"
        assert self.held_as_in(other, found, others=frozenset({own})) == key
        shutil.rmtree(other)

    def resumed_removal(self, killed: Killed, home: Path) -> None:
        """The same removal again: nothing of ours but the recycle bin's two, and nothing in the home but its keys."""
        del killed
        ended = forked(*self.remove, home=home)
        assert ended.returncode == 0, f"resumed, and ended with {ended.returncode}:\n{ended.stdout}\n{ended.stderr}"
        assert_same(self.normalised(self.sandbox.state()), self.reference_removed)
        assert_same(state.kept(home), self.reference_removed_home)

    def held_as_in(self, home: Path, found: dict[str, Any], *, others: frozenset[str] = frozenset()) -> str:
        """The sink's key is the application's only one beside `others`, and really signs in; its id."""
        application = state.our_application(found, self.subject.holder)
        assert application is not None
        held, keys = state.held(home), state.our_keys(found, self.subject.holder)
        if self.subject.keyless:
            assert held is None
            assert not keys
            return ""
        assert held is not None, "the sink holds no current secret"
        assert keys == {held[0], *others}, "the application's keys are not those that are held"
        roles = state.signs_in(self.sandbox, application["appId"], held[1])
        assert self.subject.role is None or self.subject.role in roles
        return held[0]

    def nothing_to_do(self, home: Path) -> dict[str, Any]:
        """The plan, which must be empty."""
        ended = forked(*self.plan, home=home)
        assert ended.returncode == 0, f"the plan is not empty ({ended.returncode}):\n{ended.stdout}\n{ended.stderr}"
        plan: dict[str, Any] = json.loads(ended.stdout)
        assert {each["action"] for each in plan["changes"]} == {"keep"}
        return plan


def assert_same(found: str, wanted: str) -> None:
    """Fails with the lines that differ."""
    if found != wanted:
        have, want = set(found.splitlines()), set(wanted.splitlines())
        lines = [f"+ {each}" for each in sorted(have - want)] + [f"- {each}" for each in sorted(want - have)]
        raise AssertionError("not the undisturbed end:\n" + "\n".join(lines))
