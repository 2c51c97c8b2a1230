"""`python -m tests.benchmarks`: measure and print."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from . import onboarding, starting
from .process import environment
from .tenant import running


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="runs of each job; figures are medians")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        variables = environment(place / "compiled")
        show(f"Medians of {rounds} whole processes. {load()}\n")
        show_starts(starting.measure(variables, rounds))
        with running(place / "sandbox", variables) as tenant:
            jobs = (
                onboarding.program("provisioner apply", "operator-secret", variables, place / "home", tenant),
                onboarding.program("the same, signed in by certificate", "operator", variables, place / "home", tenant),
                onboarding.floor(variables, place / "home", tenant),
            )
            show_onboarding(onboarding.measure(jobs, rounds))
        show(f"\n{load()}")


def show(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def load() -> str:
    return f"Load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors."


def show_starts(figures: tuple[starting.Figures, ...]) -> None:
    show("| command | wall s | cpu s | modules | heavy |\n|---|---|---|---|---|")
    for each in figures:
        wall, cpu, heavy = each.run.wall_seconds, each.run.cpu_seconds, ", ".join(each.heavy) or "none"
        show(f"| {each.command} | {wall:.2f} | {cpu:.2f} | {each.modules} | {heavy} |")


def show_onboarding(figures: tuple[onboarding.Figures, ...]) -> None:
    """A row a job. Ratios of medians, to the floor, which was measured by turns with it."""
    floor = figures[-1]
    show(
        "\n| onboarding | trips | in sequence | wall s (best) | ratio | cpu s | ratio | MiB "
        "| with 80 ms: wall s (best) | ratio |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    for each in figures:
        calm, delayed = each.calm, each.delayed
        show(
            f"| {each.name} | {each.trips} | {each.in_sequence} "
            f"| {calm.wall_seconds:.2f} ({each.best_calm_seconds:.2f}) "
            f"| {calm.wall_seconds / floor.calm.wall_seconds:.1f} "
            f"| {calm.cpu_seconds:.2f} | {calm.cpu_seconds / floor.calm.cpu_seconds:.1f} | {calm.peak_mib:.1f} "
            f"| {delayed.wall_seconds:.2f} ({each.best_delayed_seconds:.2f}) "
            f"| {delayed.wall_seconds / floor.delayed.wall_seconds:.1f} |"
        )


if __name__ == "__main__":
    main()
