"""One writer per slot, among all processes of the machine.

The operating system's own file locks: they end with the process, however it ends, so there is never a stale one to
guess about. Nobody waits: two runs over one slot at a time are a mistake worth saying.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from provisioner.errors import SinkFault

_LOCKED_BYTE = 1 << 20
"""Windows locks bytes, and a locked byte cannot be read: so one far behind the process id."""

_TRIES = 100
"""Each failed try means that another writer came and went in between."""


@contextmanager
def held(reference: str, path: Path) -> Iterator[None]:
    """Hold the lock file at `path`; it is gone afterwards. Raises SinkFault where another writer holds it."""
    descriptor = _acquire(reference, path)
    try:
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, str(os.getpid()).encode())
        yield
    finally:
        if sys.platform == "win32":
            os.close(descriptor)
        with suppress(OSError):
            path.unlink()
        if sys.platform != "win32":
            os.close(descriptor)


def _acquire(reference: str, path: Path) -> int:
    for _ in range(_TRIES):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if not _lock(descriptor):
                raise _in_use(reference, descriptor)
            if _still_there(descriptor, path):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
    raise SinkFault(reference, f"{path}: always in use", advice="run the same command again")


def _in_use(reference: str, descriptor: int) -> SinkFault:
    os.lseek(descriptor, 0, os.SEEK_SET)
    owner = os.read(descriptor, 32).decode("ascii", "replace")
    who = f"process {owner}" if owner.isdigit() else "another process"
    return SinkFault(reference, f"in use by {who}", advice="let it finish, then run the same command again")


def _still_there(descriptor: int, path: Path) -> bool:
    """Whether what we locked is what the name means; its last holder may just have removed it."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> bool:
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True

else:
    import fcntl

    def _lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
