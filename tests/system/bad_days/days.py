"""What the bad days share: how a clear error looks, a home with wrong settings, and whether all ended well."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.system.chain.steps import against_golden, run
from tests.system.support import Sandbox
from tests.system.tenant import EXCHANGE, Administrator, State, only, our_application, stored_secrets

NOWHERE = "nowhere.invalid"
"""A name that no name server resolves (RFC 6761)."""


def told(finished: subprocess.CompletedProcess[str], code: int, *words: str, advice: bool = True) -> str:
    """The error as a person sees it: right exit code, what happened, what to do, and nothing of Python."""
    shown = finished.stdout + finished.stderr
    assert finished.returncode == code, f"{finished.returncode} instead of {code}\n{shown}"
    assert "Traceback" not in shown, shown
    assert "provisioner/" not in "\n".join(each for each in shown.splitlines() if 'File "' in each), shown
    flat = " ".join(shown.split())
    for word in words:
        assert word.casefold() in flat.casefold(), f"not said: {word}\n{shown}"
    if advice:
        assert "advice" in shown, f"no advice\n{shown}"
    return flat


def changed_home(place: Path, sandbox: Sandbox, changes: Mapping[str, Any]) -> Path:
    """A home whose sandbox is published with other settings: dotted names, as in endpoints.json."""
    published = json.loads(json.dumps(sandbox.endpoints))
    for name, value in changes.items():
        *path, last = name.split(".")
        around = published
        for each in path:
            around = around[each]
        assert last in around, f"endpoints.json has no {name}"
        around[last] = value
    (place / "sandbox").mkdir(parents=True)
    (place / "sandbox" / "endpoints.json").write_text(json.dumps(published))
    return place


def ends_well(sandbox: Sandbox, home: Path, before: State, *, tenant: str = "sandbox", runs: int = 3) -> None:
    """The same command again, a few times at most: the golden state, with one living key, which the sink holds."""
    for _ in range(runs):
        finished = run("apply", "--yes", home=home, tenant=tenant)
        if finished.returncode == 0:
            break
    assert finished.returncode == 0, finished.stdout + finished.stderr
    is_whole(sandbox, home, before)


def is_whole(sandbox: Sandbox, home: Path, before: State, *, dead: frozenset[str] = frozenset()) -> None:
    """The golden state and nothing else; the one key signs in. `dead`: keys Entra lost and the sink remembers."""
    state = sandbox.state()
    assert against_golden("applied", before, state, sandbox).faults == ()
    application = our_application(state)
    held = stored_secrets(home)
    key = only(application["passwordCredentials"])["keyId"]
    assert set(held) == {key} | dead
    assert Administrator(sandbox).token(application["appId"], held[key], EXCHANGE)["token_type"] == "Bearer"
