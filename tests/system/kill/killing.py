"""How a run is killed at its n-th request or at its n-th operation on a file.

Requests: the sandbox withholds the n-th one, before it does anything or after it has committed; the client is killed
meanwhile, and what was withheld is then dropped. Files: an audit hook in the child kills its own process in front of
the n-th operation below the home directory.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.system.support import LONGEST_SECONDS, Sandbox, start_forked

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_AUDITED = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink", "fcntl.flock"}
_FOLLOWED = ("fsync", "write")
"""Functions of `os` on open files that raise no audit event."""


@dataclass(frozen=True)
class Killed:
    """Where a run was killed; `None` in its place means that it ended before that point."""

    number: int
    operation: str

    def __str__(self) -> str:
        return f"#{self.number} {self.operation}"


def at_request(
    sandbox: Sandbox,
    arguments: tuple[str, ...],
    home: Path,
    number: int,
    *,
    after: bool,
    protocol: str | None = None,
    match: str = "",
    late: bool = False,
    ends_with: tuple[int, ...] = (0,),
) -> Killed | None:
    """Run a command and kill it while its n-th matching request is withheld; None where it has fewer.

    `ends_with`: how a run that is not killed may end.
    `late`: the request is not dropped afterwards but stays withheld, to be done by and by (`sandbox.release`).
    """
    sandbox.fault({"hold": True, "drop": not late, "after": after}, protocol=protocol, match=match, nth=number, times=1)
    child = start_forked(*arguments, home=home)
    until = time.monotonic() + LONGEST_SECONDS
    while not (held := sandbox.held()):
        if child.poll() is not None:
            ended = child.wait()
            sandbox.clear_faults()
            assert ended.returncode in ends_with, f"not killed, and yet it failed:\n{ended.stdout}\n{ended.stderr}"
            return None
        assert time.monotonic() < until, "neither withheld nor ended"
        time.sleep(0.005)
    child.kill()
    assert child.wait().returncode == -signal.SIGKILL
    if not late:
        sandbox.clear_faults()
        while sandbox.held():
            time.sleep(0.005)
    operation = f"{held[0]['protocol']} {held[0]['operation'].partition('?')[0]}"
    return Killed(number, f"{'after' if after else 'before'} {operation}")


def at_file_operation(
    arguments: tuple[str, ...], home: Path, number: int, *, under: tuple[str, ...] = ("",)
) -> Killed | None:
    """Run a command that kills itself in front of its n-th operation on a file; None where it has fewer.

    `under`: only what is below these folders of the home counts.
    """
    with tempfile.TemporaryFile() as log:
        places = tuple(f"{home}/{each}" for each in under)
        ended = start_forked(*arguments, home=home, before=_dies_at(number, home, places, log.fileno())).wait()
        if ended.returncode != -signal.SIGKILL:
            assert ended.returncode == 0, f"not killed, and yet it failed:\n{ended.stdout}\n{ended.stderr}"
            return None
        log.seek(0)
        return Killed(number, log.read().decode())


def _dies_at(number: int, home: Path, places: tuple[str, ...], log: int) -> Callable[[], None]:
    """Installs the counting in the child."""
    root, other = f"{home}/", f"{home}/sandbox/"
    count = 0

    def step(operation: str, path: str) -> None:
        nonlocal count
        if not path.startswith(places) or path.startswith(other):
            return
        count += 1
        if count == number:
            os.pwrite(log, f"{operation} {path.removeprefix(root)}".encode(), 0)
            os.kill(os.getpid(), signal.SIGKILL)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if isinstance(path, str | bytes | os.PathLike) and flags & _WRITING:
                step(event, os.fsdecode(path))
        elif event in _AUDITED:
            step(event, _path_of(arguments[0]))

    def followed(name: str) -> None:
        real = getattr(os, name)

        def called(descriptor: int, *arguments: Any) -> Any:
            step(f"os.{name}", _path_of(descriptor))
            return real(descriptor, *arguments)

        setattr(os, name, called)

    def install() -> None:
        for name in _FOLLOWED:
            followed(name)
        sys.addaudithook(hook)

    return install


def _path_of(target: Any) -> str:
    if isinstance(target, int):
        try:
            return os.readlink(f"/proc/self/fd/{target}")  # noqa: PTH115 no event of its own
        except OSError:
            return ""
    return os.fsdecode(target)
