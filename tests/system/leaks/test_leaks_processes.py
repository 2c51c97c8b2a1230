"""Real processes: what `ps` shows of them and of those they start, and what a development build of Python adds."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pyrage

from tests.system.leaks.conftest import SANDBOX_OWN
from tests.system.leaks.forms import Detector
from tests.system.support import PARAMETERS, PLAYBOOK, Sandbox, cli, environment, fresh_home

ONBOARD = ("onboard", PLAYBOOK, "--tenant", "sandbox", *PARAMETERS, "--yes", "--send")
FEWEST_LOOKS = 20


def _secrets(home: Path, sandbox: Path) -> dict[str, str]:
    """What a finished run leaves to be known: its identity, its secret, and the sandbox's own credentials."""
    (identity,) = (
        each for each in (home / "age" / "identity").read_text().splitlines() if each.startswith("AGE-SECRET-KEY-")
    )
    (slot,) = (home / "secrets").glob("*/*.json")
    key = pyrage.x25519.Identity.from_str(identity)
    held = [pyrage.decrypt(each.encode(), [key]).decode() for each in json.loads(slot.read_text())["values"].values()]
    own = {file: (sandbox / file).read_text().strip() for file in SANDBOX_OWN}
    pem = (sandbox / "operator.pem").read_text().partition("-----END")[0].splitlines()[1:]
    return {"identity": identity, "secret": held[0], "key": "".join(pem), **own}


def _processes_of(pid: int) -> dict[int, bytes]:
    """Arguments and environment of a process and all its descendants, as the system shows them."""
    parents = {}
    for each in Path("/proc").iterdir():
        if each.name.isdigit():
            try:
                parents[int(each.name)] = int((each / "stat").read_text().rpartition(") ")[2].split()[1])
            except (OSError, ValueError):
                continue
    family, grown = {pid}, True
    while grown:
        more = {child for child, parent in parents.items() if parent in family} - family
        family |= more
        grown = bool(more)
    shown = {}
    for member in family:
        try:
            shown[member] = b"\n".join(Path(f"/proc/{member}/{file}").read_bytes() for file in ("cmdline", "environ"))
        except OSError:
            continue
    return shown


def test_arguments_and_environments(tmp_path: Path) -> None:
    home = tmp_path / "home"
    process = subprocess.Popen(
        [sys.executable, "-m", "provisioner", *ONBOARD],
        env=environment(home),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    looks: list[bytes] = []
    family: set[int] = set()
    while process.poll() is None:
        shown = _processes_of(process.pid)
        family |= shown.keys()
        looks += shown.values()
        time.sleep(0.01)
    out, err = process.communicate()
    assert process.returncode == 0, err.decode()
    assert len(family) >= 2, "the sandbox that the command starts was not seen"
    assert len(looks) >= FEWEST_LOOKS
    detector = Detector(_secrets(home, home / "sandbox"))
    found = {each for look in (*looks, out, err) for each in detector.find(look)}
    assert not found


def test_a_development_build_of_python(tmp_path: Path, leaky_sandbox: Sandbox) -> None:
    leaky_sandbox.reset()
    home = fresh_home(tmp_path / "home", leaky_sandbox)
    ended = cli(*ONBOARD, home=home, env={"PYTHONDEVMODE": "1", "PYTHONASYNCIODEBUG": "1"})
    assert ended.returncode == 0, ended.stderr
    found = Detector(_secrets(home, leaky_sandbox.directory)).find(f"{ended.stdout}\n{ended.stderr}".encode())
    assert not found
