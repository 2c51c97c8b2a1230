"""README tells the truth: its commands exist and parse, its table is complete, and CI runs what it says."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def fenced(marker: str) -> str:
    """The one command under a marker comment."""
    match = re.search(rf"<!-- {marker} command -->\n```sh\n(.*?)\n```", README, re.DOTALL)
    assert match is not None, marker
    assert "\n" not in match[1]
    return match[1]


def told() -> list[str]:
    """Every `provisioner ...` line in a code block."""
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [match[1] for line in lines if (match := re.search(r"(?:^|/|&& )provisioner ([a-z].*?)(?:  +#.*)?$", line))]


def command_of(words: list[str]) -> list[str]:
    return words[:2] if words[0] in ("tenants", "playbooks", "sandbox") else words[:1]


@pytest.mark.parametrize("line", told())
def test_every_command_and_option_exists(line: str) -> None:
    words = shlex.split(line)
    command = command_of(words)
    ended = subprocess.run(
        [sys.executable, "-m", "provisioner", *command, "--help"],
        capture_output=True,
        text=True,
        env={"PATH": "", "COLUMNS": "200", "TERM": "dumb"},
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    for option in (word for word in words if word.startswith("--")):
        assert re.search(rf"(?<![\w-]){option}(?![\w-])", ended.stdout), f"{option} of {' '.join(command)}"


def test_there_are_commands_to_check() -> None:
    assert len(told()) >= 8


def test_the_table_lists_exactly_the_commands() -> None:
    listed = set(re.findall(r"^\| `([a-z]+)` \|", README, re.MULTILINE))
    helped = subprocess.run(
        [sys.executable, "-m", "provisioner", "--help"],
        capture_output=True,
        text=True,
        env={"PATH": "", "COLUMNS": "200", "TERM": "dumb"},
        check=True,
    ).stdout
    commands = set(re.findall(r"^[│|] ([a-z]+) {2,}", helped, re.MULTILINE))
    assert commands == listed


def test_ci_runs_the_test_command_as_written() -> None:
    script = (REPOSITORY / ".ci" / "run").read_text(encoding="utf-8")
    extraction = script.split("command=$(", 1)[1].split(")\n", 1)[0]
    found = subprocess.run(["bash", "-c", extraction], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == fenced("test")


def test_the_first_command_needs_nothing_but_python() -> None:
    first = fenced("onboard")
    assert first.startswith("python3 -m venv ")
    assert "--tenant sandbox" in first
