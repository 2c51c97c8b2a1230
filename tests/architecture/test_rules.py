"""Rules of the house that a reader would otherwise have to remember."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
ROOT = REPOSITORY / "provisioner"
CLIENT = [path for path in sorted(ROOT.rglob("*.py")) if "sandbox" not in path.relative_to(ROOT).parts]

REVEALING = {
    "cli/connections.py": 1,  # the terminal sink shows it to a person, once
    "exchange/over_psrp.py": 1,  # our access token to the host, where the inventory says so
    "exchange/over_rest.py": 1,  # the bearer token into the request
    "exchange/psrp_session.py": 1,  # the host's password into pypsrp
    "home/keys.py": 1,  # a private key of our own into its file
    "mail/ews.py": 1,  # the bearer token into the request
    "mail/xoauth2.py": 1,  # the token into AUTH XOAUTH2
    "signin/credentials.py": 2,  # our own and the product's secret, a certificate's password, into azure-identity
    "signin/operator_tokens.py": 1,  # the token into kiota's credential
    "signin/password.py": 2,  # the account's password and the product's secret into the one sign-in
    "sinks/age_keys.py": 1,  # the value into its ciphertext
    "sinks/letters.py": 1,  # the values into a letter encrypted to somebody else
}
"""Files that call `reveal()`, how often, and where the text goes."""


def calls(path: Path, name: str) -> list[int]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (
            (isinstance(node.func, ast.Attribute) and node.func.attr == name)
            or (isinstance(node.func, ast.Name) and node.func.id == name)
        )
    ]


def test_secrets_are_revealed_only_where_they_leave_on_purpose() -> None:
    found = {path.relative_to(ROOT).as_posix(): len(calls(path, "reveal")) for path in CLIENT}
    assert {place: count for place, count in found.items() if count} == REVEALING


def test_nobody_prints_but_cli_and_reports() -> None:
    faults = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in CLIENT
        if path.relative_to(ROOT).parts[0] not in ("cli", "reports")
        for line in calls(path, "print")
    ]
    assert faults == []


def test_nobody_sleeps_but_pace() -> None:
    """Others call the clock's `sleep`, which is pace's."""
    faults = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in CLIENT
        if path.relative_to(ROOT).parts[0] != "pace" and path.name != "sandbox_process.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "sleep"
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in ("time", "asyncio")
    ]
    assert faults == []


def test_only_the_command_line_starts_an_event_loop() -> None:
    faults = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in CLIENT
        if path.relative_to(ROOT).as_posix() != "cli/running.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr == "run"
        and isinstance(node.value, ast.Name)
        and node.value.id == "asyncio"
    ]
    assert faults == []


def lower_case_containers(tree: ast.Module) -> list[tuple[int, str]]:
    """Module-level names in lower case that hold a list, dict or set."""
    mutable = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
    assigned = [
        (target, node.value)
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    ]
    return [
        (target.lineno, target.id)
        for target, value in assigned
        if isinstance(value, mutable)
        and isinstance(target, ast.Name)
        and target.id != target.id.upper()
        and target.id != "__all__"
    ]


def test_no_module_level_mutable_state() -> None:
    """A module's own list, dict or set is shared by every tenant of a process. Constants are written in capitals."""
    faults = []
    for path in CLIENT:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        places = lower_case_containers(tree)
        places += [(node.lineno, "global") for node in ast.walk(tree) if isinstance(node, ast.Global)]
        faults += [f"{path.relative_to(ROOT)}:{line}: {name}" for line, name in places]
    assert faults == []


@pytest.mark.parametrize(
    "arguments", [["--help"], ["onboard", "--help"], ["tenants", "add", "--help"], ["sandbox", "serve", "--help"]]
)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    program = (
        "import sys\n"
        f"sys.argv = ['provisioner', *{arguments!r}]\n"
        "from provisioner.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'msgraph', 'azure', 'pypsrp', 'pydantic', 'httpx', 'ruamel', 'kiota_http', 'psrpcore', 'uvicorn'}\n"
        "loaded = sorted(heavy & {name.split('.')[0] for name in sys.modules})\n"
        "sys.stderr.write(','.join(loaded))\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "Usage" in ended.stdout
    assert ended.stderr == ""


@pytest.mark.parametrize(
    "command",
    [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]],
    ids=["ruff", "format", "mypy"],
)
def test_linters_are_content(command: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", *command], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_top_level_holds_what_it_may() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    top = {Path(each).parts[0] for each in listed}
    allowed = {"pyproject.toml", "provisioner", "playbooks", "tests", "README.md", "LICENSE"}
    assert {each for each in top if not each.startswith(".")} <= allowed
