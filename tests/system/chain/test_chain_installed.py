"""The wheel works outside the checkout: it carries the playbooks, the catalogue and the schema."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.system.support import PARAMETERS, PLAYBOOK, Sandbox, environment

CHECKOUT = Path(__file__).parents[3]

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel; dependencies are seen through a path file, so nothing is fetched."""
    place = tmp_path_factory.mktemp("installed")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(place / "dist")]
    subprocess.run(build, cwd=CHECKOUT, check=True, capture_output=True, text=True)
    (wheel,) = (place / "dist").glob("*.whl")
    venv.create(place / "venv", with_pip=False)
    python = place / "venv" / "bin" / "python"
    target = _site_packages(python)
    offline = ["install", "--no-deps", "--no-index", "--no-compile", "--target", str(target)]
    subprocess.run([sys.executable, "-m", "pip", *offline, str(wheel)], check=True, capture_output=True)
    (target / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def _site_packages(python: Path) -> Path:
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return Path(subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip())


def _without_checkout(home: Path) -> dict[str, str]:
    return {name: value for name, value in environment(home).items() if not name.startswith("PYTHON")}


def _run(python: Path, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, "-m", "provisioner", *arguments],
        cwd=Path(os.sep).resolve(),
        env=_without_checkout(home),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_code_is_the_wheels(installed: Path, tmp_path: Path) -> None:
    code = "import provisioner; print(provisioner.__file__)"
    told = subprocess.run(
        [installed, "-c", code], cwd="/", env=_without_checkout(tmp_path), check=True, capture_output=True, text=True
    )
    assert Path(told.stdout.strip()).is_relative_to(installed.parents[1])


def test_playbooks_are_listed_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    listed = _run(installed, tmp_path, "playbooks", "list", "-o", "json")
    assert listed.returncode == 0, listed.stderr
    assert PLAYBOOK in [each["id"] for each in json.loads(listed.stdout)["playbooks"]]
    assert PLAYBOOK in _run(installed, tmp_path, "playbooks", "list").stdout
    assert json.loads(_run(installed, tmp_path, "playbooks", "schema").stdout)["type"] == "object"


def test_the_installed_program_onboards(installed: Path, sandbox: Sandbox, home: Path) -> None:
    done = _run(
        installed, home, "onboard", PLAYBOOK, "--tenant", "sandbox", *PARAMETERS, "--yes", "--send", "-o", "json"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert {each["state"] for each in json.loads(done.stdout)["proofs"]} == {"passed"}
