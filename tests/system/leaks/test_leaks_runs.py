"""Whole onboardings in every form of output, by every way to sign in: what was overheard is nowhere in the open."""

from __future__ import annotations

import logging
import sys

import pytest

from tests.system.leaks.conftest import Place
from tests.system.support import PARAMETERS, PLAYBOOK

TENANTS = ("sandbox", "sandbox:jea", "sandbox:operator-secret,rest", "sandbox:global-administrator,rest")
"""A certificate, a secret, a person with a device code; both remoting configurations, and InvokeCommand."""

WANTED = {
    "sandbox": {"access_token", "client_assertion", "host password", "secretText", "client_secret"},
    "sandbox:jea": {"access_token", "client_assertion", "host password", "secretText", "client_secret"},
    "sandbox:operator-secret,rest": {"access_token", "secretText", "client_secret"},
    "sandbox:global-administrator,rest": {"access_token", "refresh_token", "device_code", "secretText"},
}
"""What must have been overheard, or nothing would be proven."""


def all_commands(place: Place, tenant: str, form: str) -> set[str]:
    """Every command that touches a secret. Kinds of secrets overheard."""
    common = (PLAYBOOK, "--tenant", tenant, *PARAMETERS, "-o", form)
    kinds: set[str] = set()
    for command in (
        ("plan", *common, "--out", "plan.json"),
        ("onboard", *common, "--yes", "--send"),
        ("onboard", *common, "--yes"),
        ("verify", *common),
        ("handover", *common),
        ("tenants", "check", tenant, "-o", form),
        ("remove", *common, "--yes"),
    ):
        ended, overheard = place.run(*command)
        assert ended.returncode == 0, f"{command[0]}: {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
        assert not overheard.processes, "a command with a running sandbox starts no process"
        kinds |= overheard.kinds
    return kinds


@pytest.mark.parametrize(
    ("tenant", "form"),
    [
        *((TENANTS[0], form) for form in ("terminal", "json", "markdown")),
        (TENANTS[1], "markdown"),
        (TENANTS[2], "terminal"),
        (TENANTS[2], "json"),
        (TENANTS[3], "terminal"),
    ],
)
def test_nothing_in_the_open(place: Place, tenant: str, form: str) -> None:
    kinds = all_commands(place, tenant, form)
    assert kinds >= WANTED[tenant]
    assert not (leaks := place.leaks()), "\n".join(leaks)


@pytest.mark.parametrize("everywhere", [False, True], ids=["root logger", "each logger"])
@pytest.mark.parametrize("tenant", [TENANTS[0], TENANTS[2], TENANTS[3]])
def test_nothing_in_the_libraries_logs(place: Place, tenant: str, everywhere: bool) -> None:
    def verbose() -> None:
        """What somebody's sitecustomize might do."""
        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, force=True)
        if everywhere:
            for name in list(logging.root.manager.loggerDict):
                logging.getLogger(name).setLevel(logging.DEBUG)

    ended, _ = place.run("onboard", PLAYBOOK, "--tenant", tenant, *PARAMETERS, "--yes", "--send", before=verbose)
    assert ended.returncode == 0
    assert "DEBUG" in ended.stderr, "nothing was logged, so nothing is proven"
    assert not (leaks := place.leaks()), "\n".join(leaks)


def test_a_leak_would_be_found(place: Place) -> None:
    ended, overheard = place.run("apply", PLAYBOOK, "--tenant", "sandbox:rest", *PARAMETERS, "--yes")
    assert ended.returncode == 0
    minted = next(text for name, text in overheard.secrets.items() if name.startswith("secretText"))
    (place.root / "work" / "note").write_text(f"it begins with {minted[:14]}")
    (place.home / "receipts" / "r").write_bytes(minted.encode("utf-16-le"))
    (place.sandbox.directory / "planted").write_text(minted)
    try:
        assert {each.partition(":")[0] for each in place.leaks()} == {"work/note", "home/receipts/r", "sandbox/planted"}
    finally:
        (place.sandbox.directory / "planted").unlink()
