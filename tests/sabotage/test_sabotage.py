"""Each bug, put into a copy of the program, must make the named tests fail: by their assertions, not by an accident."""

from __future__ import annotations

import compileall
import os
import re
import shutil
import subprocess
import sys
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from tests.sabotage.bug import Bug
from tests.sabotage.bugs import BUGS

REPOSITORY = Path(__file__).parents[2]
COPIED = ("provisioner", "playbooks", "tests/__init__.py", "tests/data", "tests/unit")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "sandbox", ".hypothesis")
SECONDS = 120

PROGRAM = """
import sys
import provisioner
if not provisioner.__file__.startswith(sys.argv[1]):
    sys.exit(f"another program was imported: {provisioner.__file__}")
import pytest
sys.exit(pytest.main(sys.argv[2:]))
"""
"""Makes sure that the copy is what is tested: the suite usually runs with the checkout installed."""


@pytest.fixture(scope="session")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the client and its unit tests, compiled once."""
    place = tmp_path_factory.mktemp("copy").resolve()
    shutil.copy(REPOSITORY / "pyproject.toml", place)
    for name in COPIED:
        source = REPOSITORY / name
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, place / name, ignore=LEFT_OUT)
        else:
            shutil.copy(source, place / name)
    compileall.compile_dir(place / "provisioner", quiet=1)
    return place


def suite(copy: Path, tests: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Run tests in the copy, in a process of their own that knows no other program."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PROVISIONER"))}
    options = ["-q", "--tb=line", "-p", "no:cacheprovider", "-p", "no:xdist", f"--rootdir={copy}"]
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(copy), *options, *(f"tests/unit/{each}" for each in tests)],
        cwd=copy,
        env={**inherited, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )


def put_in(copy: Path, bug: Bug) -> str:
    """Edit the copy; the text as it was. Its compiled form goes, since both may be of the same second and size."""
    path = copy / "provisioner" / bug.file
    text = path.read_text(encoding="utf-8")
    assert text.count(bug.old) == 1, f"{bug.file}: the line must occur exactly once: {bug.old!r}"
    path.write_text(text.replace(bug.old, bug.new), encoding="utf-8")
    Path(cache_from_source(str(path))).unlink(missing_ok=True)
    return text


def test_without_a_bug_all_of_them_pass(copy: Path) -> None:
    ended = suite(copy, tuple(dict.fromkeys(test for bug in BUGS for test in bug.tests)))
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("bug", BUGS, ids=[bug.name for bug in BUGS])
def test_the_bug_turns_the_suite_red(bug: Bug, copy: Path) -> None:
    text = put_in(copy, bug)
    try:
        ended = suite(copy, bug.tests)
    finally:
        (copy / "provisioner" / bug.file).write_text(text, encoding="utf-8")
    summary = ended.stdout.strip().rpartition("\n")[2]
    assert ended.returncode == 1, f"nothing noticed it: {summary}\n{ended.stdout[-2000:]}{ended.stderr[-2000:]}"
    assert re.search(r"\b[1-9]\d* failed\b", summary), summary
    assert "error" not in summary, f"broken, not failed: {summary}"
    failed = set(re.findall(r"^FAILED tests/unit/(\S+?::\w+)", ended.stdout, re.MULTILINE))
    assert failed == set(bug.tests), "every named test must notice it by itself"


def test_the_bugs_have_names_of_their_own() -> None:
    assert len({bug.name for bug in BUGS}) == len(BUGS)


def test_a_run_that_is_no_proof_is_told_apart(copy: Path) -> None:
    """Exit code 1 alone would do for a copy that does not even start; what the runner looks at must differ then."""
    assert suite(copy, ("nowhere.py",)).returncode == 4
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, "/another/place"],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert "another program was imported" in ended.stderr
    assert "failed" not in ended.stdout
