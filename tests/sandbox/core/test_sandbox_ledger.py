from __future__ import annotations

import subprocess
import sys

from provisioner.sandbox import ledger


def test_every_mark_is_complete() -> None:
    found = ledger.behaviours()
    assert len(found) > 60
    for each in found:
        assert each.statement.strip()
        assert each.if_wrong.strip()
        assert each.source.strip()


def test_unverified_is_told_apart() -> None:
    found = ledger.behaviours()
    assert {each.verified for each in found} == {True, False}


def test_it_prints_as_markdown() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "provisioner.sandbox.ledger"], capture_output=True, text=True, check=True
    )
    assert "## graph.applications" in printed.stdout
    assert "uniqueName can be set once and never changed" in printed.stdout
    rows = [line for line in printed.stdout.splitlines() if line.startswith("| ")]
    assert len(rows) > 60
