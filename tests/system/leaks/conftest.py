"""Runs of the program that are overheard, and the search of everything they wrote."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.system.leaks.forms import Detector
from tests.system.leaks.overhearing import Overheard, Strike, channel, overhear
from tests.system.support import Child, Sandbox, fresh_home, running_sandbox, start_forked

IDENTITY = "age identity"
SANDBOX_OWN = {
    "operator.secret": "operator secret",
    "wsman-password": "host password",
    "cryptshare.password": "mailbox password",
}
"""The files in which the sandbox keeps the credentials that it hands to its client, each for exactly that one."""

KEY_FILES = {"operator.pem": {"a private key"}, "server.pem": {"a private key"}, "signing-key.pem": {"a private key"}}


@dataclass
class Place:
    """A folder that holds all that runs may write: their homes, their working directory and their temporary files."""

    root: Path
    sandbox: Sandbox
    secrets: dict[str, str] = field(default_factory=dict)
    """By name: what was planted, and what the runs so far let us overhear."""
    written: list[tuple[str, bytes]] = field(default_factory=list)
    """What runs wrote on their standard streams, with the command."""
    homes: list[Path] = field(default_factory=list)

    def __post_init__(self) -> None:
        for each in ("work", "tmp"):
            (self.root / each).mkdir(parents=True)
        pem = (self.sandbox.directory / "operator.pem").read_text().partition("-----END")[0]
        self.secrets["operator's key"] = "".join(pem.splitlines()[1:])
        self.renew()

    @property
    def home(self) -> Path:
        """The home of the next run."""
        return self.homes[-1]

    def renew(self) -> None:
        """A fresh tenant and home; what was written stays to be searched."""
        self.sandbox.reset()  # which gives the management host a new password
        for file, name in SANDBOX_OWN.items():
            self.secrets[f"{name} {len(self.homes)}"] = (self.sandbox.directory / file).read_text().strip()
        self.homes.append(fresh_home(self.root / f"home{len(self.homes) or ''}", self.sandbox))

    def run(
        self,
        *arguments: str,
        strike: Strike | None = None,
        before: Callable[[], None] | None = None,
        meanwhile: Callable[[Child], None] | None = None,
    ) -> tuple[subprocess.CompletedProcess[str], Overheard]:
        """Run the program, overheard; its secrets and output are kept for `leaks`."""
        with channel() as into:

            def prepare() -> None:
                os.chdir(self.root / "work")
                overhear(into, strike)()
                if before is not None:
                    before()

            child = start_forked(*arguments, home=self.home, env={"TMPDIR": str(self.root / "tmp")}, before=prepare)
            if meanwhile is not None:
                meanwhile(child)
            ended = child.wait()
            overheard = into.overheard()
        known = set(self.secrets.values())
        new = {name: text for name, text in overheard.secrets.items() if text not in known}
        self.secrets |= {f"{len(self.secrets)}, {name}": text for name, text in new.items()}
        command = f"{' '.join(arguments)}{f' struck at {overheard.struck}' if overheard.struck else ''}"
        self.written += [
            (f"stdout of {command}", ended.stdout.encode()),
            (f"stderr of {command}", ended.stderr.encode()),
            *((f"a process of {command}", each.encode()) for each in overheard.processes),
        ]
        return ended, overheard

    def leaks(self) -> list[str]:
        """Every place where a secret is found that must not be there."""
        named = {text: name for name, text in self.secrets.items()}
        for home in self.homes:
            if (identity := home / "age" / "identity").exists():
                (line,) = (each for each in identity.read_text().splitlines() if not each.startswith("#"))
                named[line] = f"{IDENTITY} of {home.name}"
        detector = Detector({name: text for text, name in named.items()})
        found = {place: detector.find(data) for place, data in self.written}
        for place, what in detector.search(self.root).items():
            top, _, file = place.partition("/")
            own = {IDENTITY, f"{IDENTITY} of {top}"} if file == "age/identity" else set()
            found[place] = {each for each in what if _secret_of(each) not in own}
        for place, what in detector.search(self.sandbox.directory, fragments=False).items():
            kept = (self.sandbox.directory / place).read_text().strip() if place in SANDBOX_OWN else None
            own = {name for text, name in named.items() if text == kept} | KEY_FILES.get(place, set())
            found[f"sandbox/{place}"] = {each for each in what if _secret_of(each) not in own}
        return sorted(f"{place}: {each}" for place, what in found.items() for each in what)


def _secret_of(found: str) -> str:
    return found.removesuffix(" in part").rpartition(" as ")[0] or found.removesuffix(" in part")


@pytest.fixture(scope="package")
def leaky_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox of our own, because its files are searched too."""
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture
def place(tmp_path: Path, leaky_sandbox: Sandbox) -> Place:
    """A fresh home and tenant."""
    return Place(tmp_path / "place", leaky_sandbox)
