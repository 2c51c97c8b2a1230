"""Killed before or after any file operation, the sink holds the old state or the new one, and the next run works."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from provisioner.model.identifiers import KeyId, TenantId
from provisioner.model.secret import Secret
from provisioner.model.slot import Entry, SlotName, SlotRecord, Stored
from provisioner.sinks import open_sink

VICTIM = Path(__file__).with_name("killed_while_saving.py")
SLOT = SlotName(TenantId("11111111-2222-3333-4444-555555555555"), "cryptshare", "main", "mail")
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
FIRST, SECOND = KeyId("first"), KeyId("second")
OLD = SlotRecord(current=Entry("i1", NOW, FIRST), intents=("i1",))
NEW = SlotRecord(pending=Entry("i2", NOW, SECOND), current=Entry("i1", NOW, FIRST), intents=("i1", "i2"))


def kill(home: Path, at: int, moment: str) -> tuple[bool, list[str]]:
    """Whether the victim was killed before it ended, and the operations it got to."""
    done = subprocess.run(
        [sys.executable, str(VICTIM), str(home), str(at), moment], capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 9), done.stderr
    return done.returncode == 9, done.stdout.split()


@pytest.mark.parametrize("moment", ["before", "after"])
def test_every_kill_leaves_the_old_state_or_the_new_one(tmp_path: Path, moment: str) -> None:
    seen, states = [], set()
    for at in range(1, 200):
        home = tmp_path / f"{at}"
        sink = open_sink("age", home)
        asyncio.run(sink.save(SLOT, OLD, {FIRST: Secret("first value")}))
        killed, operations = kill(home, at, moment)

        survivor = open_sink("age", home)
        stored = asyncio.run(survivor.load(SLOT))
        assert stored in (Stored(OLD, frozenset({FIRST})), Stored(NEW, frozenset({FIRST, SECOND}))), operations
        states.add(stored)
        assert asyncio.run(survivor.fetch(SLOT, FIRST)).same_as(Secret("first value"))
        asyncio.run(survivor.probe())
        asyncio.run(survivor.save(SLOT, NEW, {SECOND: Secret("second value")}))
        assert asyncio.run(survivor.fetch(SLOT, SECOND)).same_as(Secret("second value"))
        leftovers = [each.name for each in (home / "secrets").glob("*/*")]
        assert leftovers == [f"{SLOT.path[1]}.json"], (operations, leftovers)
        if not killed:
            seen = operations
            break
    assert {"os.open", "write", "os.fsync", "os.replace", "os.unlink"} <= set(seen), seen
    assert len(states) == 2, "some kills came before the replacement and some after"


def test_every_kill_at_first_use_leaves_a_usable_home(tmp_path: Path) -> None:
    for at in range(1, 200):
        home = tmp_path / f"{at}"
        killed, operations = kill(home, at, "after")
        survivor = open_sink("age", home)
        asyncio.run(survivor.load(SLOT))
        asyncio.run(survivor.probe())
        asyncio.run(survivor.save(SLOT, NEW, {SECOND: Secret("second value")}))
        assert asyncio.run(survivor.fetch(SLOT, SECOND)).same_as(Secret("second value")), operations
        assert sorted(each.name for each in (home / "age").iterdir()) in (
            ["identity", "recipients"],
            ["identity", "lock", "recipients"],
        )
        if not killed:
            break
    else:
        pytest.fail("the victim never came to its end")
    for each in tmp_path.rglob("*"):
        if each.is_file():
            json_or_keys = each.read_bytes()
            assert b"second value" not in json_or_keys
            if each.suffix == ".json":
                json.loads(json_or_keys)
