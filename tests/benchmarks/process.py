"""One whole process: its wall time, its processor time, its peak of memory."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median


@dataclass(frozen=True)
class Run:
    """What one process took. `peak_mib` is the largest resident set; the measuring process must be smaller than that,
    because Linux counts the parent's peak until the child becomes another program."""

    wall_seconds: float
    cpu_seconds: float
    peak_mib: float
    output: bytes


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> Run:
    """Run a program to its end. A program that fails ends the benchmark with what it said."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as talk:
        start = time.perf_counter()
        process = subprocess.Popen(arguments, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=talk)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        for each in (output, talk):
            each.seek(0)
        said = output.read()
        if process.returncode != 0:
            raise SystemExit(f"{arguments}\nended with {process.returncode}\n{said.decode()}\n{talk.read().decode()}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, said)


def environment(cache: Path | None = None) -> dict[str, str]:
    """Our environment, with compiled modules kept (in `cache`, or where they usually are), as an installed one's."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PROVISIONER") and name != "PYTHONDONTWRITEBYTECODE"
    }
    return {**kept, "COLUMNS": "100"} | ({} if cache is None else {"PYTHONPYCACHEPREFIX": str(cache)})


def middle(runs: Sequence[Run]) -> Run:
    """The median of each figure, and the first run's output."""
    return Run(
        median(each.wall_seconds for each in runs),
        median(each.cpu_seconds for each in runs),
        median(each.peak_mib for each in runs),
        runs[0].output,
    )
