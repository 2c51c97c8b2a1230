"""Ctrl-C: whenever it comes, the run ends with 130, says so, and the same command finishes later."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.system.bad_days.days import ends_well, told
from tests.system.support import PARAMETERS, PLAYBOOK, Sandbox, environment, start_forked

APPLY = ("apply", PLAYBOOK, *PARAMETERS, "--yes")

MOMENTS = [
    ("rest", "login", "token", False),
    ("rest", "graph", "^GET .*uniqueName", False),
    ("rest", "graph", "^PATCH .*uniqueName", False),
    ("rest", "graph", "^PATCH .*uniqueName", True),
    ("rest", "graph", "^POST /v1.0/servicePrincipals$", True),
    ("rest", "graph", "appRoleAssignedTo", True),
    ("rest", "graph", "addPassword", False),
    ("rest", "graph", "addPassword", True),
    ("rest", "adminapi", "Get-CASMailbox", False),
    ("rest", "adminapi", "New-ServicePrincipal", True),
    ("rest", "adminapi", "Add-MailboxPermission", False),
    ("psrp", "wsman", "Create", False),
    ("psrp", "wsman", "New-ServicePrincipal", True),
    ("psrp", "wsman", "Set-CASMailbox", False),
    ("jea", "wsman", "Receive", True),
]


@pytest.mark.parametrize(("driver", "protocol", "match", "after"), MOMENTS)
def test_interrupted_while_a_request_is_under_way(
    driver: str, protocol: str, match: str, after: bool, sandbox: Sandbox, home: Path
) -> None:
    before = sandbox.state()
    sandbox.fault({"hold": True, "after": after}, protocol=protocol, match=match, nth=1)
    child = start_forked(*APPLY, "--tenant", f"sandbox:{driver}", home=home)
    until = time.monotonic() + 60
    while not sandbox.held():
        assert child.poll() is None, child.wait()
        assert time.monotonic() < until
        time.sleep(0.01)
    child.kill(signal.SIGINT)
    if protocol == "wsman":
        time.sleep(0.3)  # a thread cannot be cancelled: it is waited for, and ends when the host answers
        sandbox.release()
    finished = child.wait(60)
    sandbox.clear_faults()
    told(finished, 130, "interrupted", "same command", advice=False)
    ends_well(sandbox, home, before, tenant=f"sandbox:{driver}")


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.2, 0.4, 0.7])
def test_interrupted_at_any_time_in_a_process_of_its_own(seconds: float, sandbox: Sandbox, home: Path) -> None:
    before = sandbox.state()
    process = subprocess.Popen(
        [sys.executable, "-m", "provisioner", *APPLY, "--tenant", "sandbox"],
        env=environment(home),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not sandbox.history() and process.poll() is None:  # until Python has imported us
        time.sleep(0.01)
    time.sleep(seconds)
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in err, err
    assert process.returncode in (0, 130), out + err
    ends_well(sandbox, home, before)


def test_a_second_interruption_does_no_harm(sandbox: Sandbox, home: Path) -> None:
    before = sandbox.state()
    sandbox.fault({"hold": True, "after": True}, protocol="graph", match="addPassword", nth=1)
    child = start_forked(*APPLY, "--tenant", "sandbox:rest", home=home)
    while not sandbox.held():
        assert child.poll() is None
        time.sleep(0.01)
    child.kill(signal.SIGINT)
    child.kill(signal.SIGINT)
    finished = child.wait(60)
    sandbox.clear_faults()
    assert finished.returncode == 130
    ends_well(sandbox, home, before, tenant="sandbox:rest")


def test_two_runs_at_once_do_not_meet(sandbox: Sandbox, home: Path) -> None:
    before = sandbox.state()
    sandbox.fault({"hold": True}, protocol="graph", match="^PATCH .*uniqueName", nth=1)
    first = start_forked(*APPLY, "--tenant", "sandbox:rest", home=home)
    while not sandbox.held():
        assert first.poll() is None
        time.sleep(0.01)
    second = start_forked(*APPLY, "--tenant", "sandbox:rest", home=home).wait()
    told(second, 1, "in use by process", "same command")
    sandbox.release()
    assert first.wait().returncode == 0
    ends_well(sandbox, home, before, tenant="sandbox:rest")
