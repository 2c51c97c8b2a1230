"""A process that saves a secret and is gone, without any clean-up, before or after its n-th file operation."""

from __future__ import annotations

import asyncio
import io
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyrage  # noqa: F401 loaded before the operations are counted

from provisioner.model.identifiers import KeyId, TenantId
from provisioner.model.secret import Secret
from provisioner.model.slot import Entry, SlotName, SlotRecord
from provisioner.sinks import open_sink

HOME, AT, MOMENT = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
SLOT = SlotName(TenantId("11111111-2222-3333-4444-555555555555"), "cryptshare", "main", "mail")
NEW = SlotRecord(
    pending=Entry("i2", NOW, KeyId("second")), current=Entry("i1", NOW, KeyId("first")), intents=("i1", "i2")
)
REAL_WRITE = os.write
count = 0


def counted(name: str, operation: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        global count
        count += 1
        mine = count
        REAL_WRITE(1, f"{name}\n".encode())
        if mine == AT and MOMENT == "before":
            os._exit(9)
        result = operation(*args, **kwargs)
        if mine == AT:
            os._exit(9)
        return result

    return wrapped


for name in ("open", "write", "fsync", "replace", "unlink", "mkdir", "rmdir", "ftruncate", "close"):
    setattr(os, name, counted(f"os.{name}", getattr(os, name)))


class Counted(io.FileIO):
    """The unbuffered file that files.py writes through."""

    write = counted("write", io.FileIO.write)


def fdopen(descriptor: int, mode: str, buffering: int) -> Counted:
    assert (mode, buffering) == ("wb", 0)
    return Counted(descriptor, mode)


os.fdopen = fdopen  # type: ignore[assignment]

asyncio.run(open_sink("age", HOME).save(SLOT, NEW, {KeyId("second"): Secret("second value")}))
