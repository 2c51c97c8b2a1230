"""Each bug, put into a copy of the program, must make the named tests fail: by their assertions, not by an accident."""

from __future__ import annotations

import compileall
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import cache_from_source
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.sabotage.bug import Bug
from tests.sabotage.bugs import BUGS

REPOSITORY = Path(__file__).parents[2]
COPIED = ("provisioner", "playbooks", "tests/__init__.py", "tests/data", "tests/unit")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "sandbox", ".hypothesis")
SECONDS = 120

NAMED = tuple(dict.fromkeys(test for bug in BUGS for test in bug.tests))

Suite: TypeAlias = Callable[[tuple[str, ...]], tuple[int, str]]
"""Tests by name -> pytest's exit code, and what it said."""

PROGRAM = """
import json, os, signal, sys
import cryptography.x509, httpx, msal, pydantic, pypsrp.powershell, pytest, rich.console, typer
import azure.identity, msgraph.generated.models.application, msgraph.graph_service_client

for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if child:
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        continue
    signal.alarm(asked["seconds"])
    out = os.open(asked["out"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for target in (1, 2):
        os.dup2(out, target)
    sys.dont_write_bytecode = not asked["compile"]
    import provisioner
    code = 99
    if provisioner.__file__.startswith(asked["copy"]):
        code = int(pytest.main(asked["arguments"]))
    else:
        print(f"another program was imported: {provisioner.__file__}")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
"""
"""Has what others wrote in memory, and forks for each run of ours: two thirds of a run were imports.

Makes sure that the copy is what is tested: the suite usually runs with the checkout installed.
"""


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


@pytest.fixture(scope="session")
def suite(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """Runs tests in the copy, each time in a process of its own that knows no other program."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PROVISIONER"))}
    out = tmp_path_factory.mktemp("sabotage") / "out.txt"
    options = ["-q", "--tb=line", "-p", "no:cacheprovider", "-p", "no:xdist", f"--rootdir={copy}"]
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        cwd=copy,
        env={**inherited, "PYTHONPATH": str(copy)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as warm:
        assert warm.stdin is not None
        assert warm.stdout is not None
        asking, answering = warm.stdin, warm.stdout

        def ran(arguments: list[str], *, compiling: bool) -> tuple[int, str]:
            asked = {"arguments": arguments, "copy": str(copy), "out": str(out), "seconds": SECONDS}
            print(json.dumps({**asked, "compile": compiling}), file=asking, flush=True)
            code = int(answering.readline())
            return code, out.read_text(encoding="utf-8")

        # Once for all: nothing is compiled while there is a bug in the copy, because nobody could tell it apart later.
        code, said = ran([*options, "--collect-only", *sorted({_file(each) for each in NAMED})], compiling=True)
        assert code == 0, said
        yield lambda tests: ran([*options, *(f"tests/unit/{each}" for each in tests)], compiling=False)
        asking.close()


def _file(test: str) -> str:
    return f"tests/unit/{test.partition('::')[0]}"


def put_in(copy: Path, bug: Bug) -> str:
    """Edit the copy; the text as it was. Its compiled form goes, since both may be of the same second and size."""
    path = copy / "provisioner" / bug.file
    text = path.read_text(encoding="utf-8")
    assert text.count(bug.old) == 1, f"{bug.file}: the line must occur exactly once: {bug.old!r}"
    path.write_text(text.replace(bug.old, bug.new), encoding="utf-8")
    Path(cache_from_source(str(path))).unlink(missing_ok=True)
    return text


def test_without_a_bug_all_of_them_pass(suite: Suite) -> None:
    code, said = suite(NAMED)
    assert code == 0, said


@pytest.mark.parametrize("bug", BUGS, ids=[bug.name for bug in BUGS])
def test_the_bug_turns_the_suite_red(bug: Bug, copy: Path, suite: Suite) -> None:
    text = put_in(copy, bug)
    try:
        code, said = suite(bug.tests)
    finally:
        (copy / "provisioner" / bug.file).write_text(text, encoding="utf-8")
    summary = said.strip().rpartition("\n")[2]
    assert code == 1, f"nothing noticed it: {summary}\n{said[-2000:]}"
    assert re.search(r"\b[1-9]\d* failed\b", summary), summary
    assert "error" not in summary, f"broken, not failed: {summary}"
    failed = set(re.findall(r"^FAILED tests/unit/(\S+?::\w+)", said, re.MULTILINE))
    assert failed == set(bug.tests), "every named test must notice it by itself"


def test_the_bugs_have_names_of_their_own() -> None:
    assert len({bug.name for bug in BUGS}) == len(BUGS)


def test_a_run_that_is_no_proof_is_told_apart(suite: Suite, copy: Path, tmp_path: Path) -> None:
    """Exit code 1 alone would do for a copy that does not even start; what the runner looks at must differ then."""
    assert suite(("nowhere.py",))[0] == 4
    out = tmp_path / "out.txt"
    asked = {"arguments": [], "copy": "/another/place", "out": str(out), "seconds": SECONDS, "compile": False}
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        input=json.dumps(asked) + "\n",
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert ended.stdout.split() == ["99"]
    assert "another program was imported" in out.read_text(encoding="utf-8")
    assert "failed" not in out.read_text(encoding="utf-8")
