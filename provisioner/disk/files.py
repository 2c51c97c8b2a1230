"""Files that hold secrets or their records: whole or not at all, for the owner alone, and every fault by its name.

A file is replaced, never rewritten: whoever is killed at any point leaves the old file or the new one. What is
half-written lies under a name of its own until the next writer of the same file clears it away.
"""

from __future__ import annotations

import errno
import os
import secrets
import shlex
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from provisioner.errors import SinkFault

OTHERS_CAN_WRITE = stat.S_IWGRP | stat.S_IWOTH
OTHERS_CAN_READ = stat.S_IRGRP | stat.S_IROTH

_NAMED = {
    errno.ENOSPC: ("the disk is full", "free some space, then run the same command again; nothing was lost"),
    errno.EDQUOT: ("the disk quota is used up", "free some space, then run the same command again; nothing was lost"),
    errno.EACCES: ("not permitted", "make it readable and writable for the account that runs this"),
    errno.EPERM: ("not permitted", "make it readable and writable for the account that runs this"),
    errno.EROFS: ("the file system is read-only", "choose a directory on another file system: --sink age:DIR"),
    errno.ENOENT: ("it does not exist", "create it, or mount what belongs there"),
    errno.ENOTDIR: ("a part of its path is not a directory", "choose another directory: --sink age:DIR"),
    errno.EISDIR: ("it is a directory", "move it away"),
    errno.ENAMETOOLONG: ("its name is too long here", "choose a directory with a shorter path: --sink age:DIR"),
    errno.EIO: ("the disk does not answer properly", "look at the disk"),
}

_ELSEWHERE = {errno.ENOENT, errno.ENOTDIR, errno.EROFS, errno.ENAMETOOLONG}
_ANOTHER_HOME = "name a directory that can be used: PROVISIONER_HOME"


@contextmanager
def named_faults(reference: str, path: Path) -> Iterator[None]:
    """Turn what the operating system says about `path` into a SinkFault with advice."""
    try:
        yield
    except OSError as error:
        text, advice = _NAMED.get(error.errno or 0, (error.strerror or type(error).__name__, None))
        if reference == "home" and error.errno in _ELSEWHERE:
            advice = _ANOTHER_HOME
        raise SinkFault(reference, f"{path}: {text}", advice=advice) from error


def read(path: Path) -> bytes | None:
    """The file's bytes; None where there is no such file in an existing directory or above."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def replace(path: Path, data: bytes) -> None:
    """Put `data` in place of the file, readable by the owner alone. Durable when it returns.

    On Windows the file inherits the directory's access list, and a directory cannot be flushed; NTFS journals names.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        _write_new(temporary, data)
        os.replace(temporary, path)  # noqa: PTH105 the operation itself, not a convenience
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    flush_directory(path.parent)


def remove(path: Path) -> None:
    """Remove the file, durably; a missing one is fine."""
    path.unlink(missing_ok=True)
    flush_directory(path.parent)


def clear_leftovers(path: Path) -> None:
    """Remove what interrupted writers of this very file left. Only for the holder of its lock."""
    prefix = f".{path.name}."
    for each in path.parent.iterdir():
        if each.name.startswith(prefix) and each.name.endswith(".tmp"):
            each.unlink(missing_ok=True)


def make_directory(path: Path) -> None:
    """Create the directory and what is missing above it, for the owner alone."""
    missing = []
    while not path.is_dir():
        missing.append(path)
        if path.parent == path:
            break
        path = path.parent
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)
        flush_directory(each.parent)


def flush_directory(path: Path) -> None:
    """Make names in a directory durable."""
    if sys.platform != "win32":
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def check_private(reference: str, path: Path, forbidden: int) -> None:
    """Refuse a file that is not ours or open to others. `forbidden` are mode bits; Windows goes by access lists."""
    if sys.platform == "win32":
        return
    status = path.stat()
    if status.st_uid not in (os.geteuid(), 0):
        raise SinkFault(
            reference,
            f"{path}: it belongs to another account (uid {status.st_uid})",
            advice="check who put it there; then make it yours, or choose another directory",
        )
    if stat.S_IMODE(status.st_mode) & forbidden:
        raise SinkFault(
            reference,
            f"{path}: other accounts can reach it (mode {stat.S_IMODE(status.st_mode):04o})",
            advice=f"chmod {'700' if path.is_dir() else '600'} {path}",
        )


def check_unwritable(reference: str, *paths: Path) -> None:
    """Refuse files, and directories that hold them, into which another account can write what we would act upon.

    What is not there is fine. A group that is the account's own, as many systems make one for each, is nobody else.
    """
    if sys.platform == "win32":
        return
    for path in paths:
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        if status.st_uid not in (os.geteuid(), 0):
            raise SinkFault(
                reference,
                f"{path}: it belongs to another account (uid {status.st_uid})",
                advice=f"check who put it there; then make it yours: chown {os.geteuid()} {shlex.quote(str(path))}",
            )
        if status.st_mode & (stat.S_IWOTH if _is_own_group(status.st_gid) else OTHERS_CAN_WRITE):
            raise SinkFault(
                reference,
                f"{path}: other accounts can write to it (mode {stat.S_IMODE(status.st_mode):04o})",
                advice=f"check what is there; then: chmod go-w {shlex.quote(str(path))}",
            )


def _is_own_group(gid: int) -> bool:
    """Whether a group has the account's name and nobody else in it: with its umask of 002 a checkout is group-writable.

    Source: useradd(8), USERGROUPS_ENAB in login.defs(5).
    """
    if sys.platform == "win32":
        return False
    import grp
    import pwd

    try:
        group, account = grp.getgrgid(gid), pwd.getpwuid(os.geteuid())
    except KeyError:
        return False
    own = group.gr_name == account.pw_name and gid == account.pw_gid
    return own and not set(group.gr_mem) - {account.pw_name}


def _write_new(path: Path, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags, 0o600), "wb", buffering=0) as file:
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]
        os.fsync(file.fileno())
