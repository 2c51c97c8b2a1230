"""Files that must survive anything: whole or not at all, durable, for the owner alone, and no litter."""

from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from provisioner.disk import files
from provisioner.errors import SinkFault

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="modes and flushed directories are POSIX")


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the operating system is asked for, in order."""
    asked: list[str] = []
    fsync, replace = os.fsync, os.replace

    def watched_fsync(descriptor: int) -> None:
        asked.append("flush directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "flush file")
        fsync(descriptor)

    def watched_replace(old: Any, new: Any) -> None:
        asked.append("replace")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "replace", watched_replace)
    return asked


@POSIX
def test_a_file_is_flushed_put_in_place_and_its_name_flushed_in_this_order(watched: list[str], tmp_path: Path) -> None:
    files.replace(tmp_path / "a", b"new")
    assert watched == ["flush file", "replace", "flush directory"]
    assert (tmp_path / "a").read_bytes() == b"new"


@POSIX
def test_a_removal_and_new_directories_are_durable_too(watched: list[str], tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    files.remove(tmp_path / "a")
    files.make_directory(tmp_path / "b" / "c")
    assert watched == ["flush directory"] * 3


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("operation", ["fsync", "replace", "write"])
def test_a_failure_leaves_the_old_file_and_no_litter(
    operation: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def fails(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    if operation == "write":
        monkeypatch.setattr(os, "fdopen", fails)
    else:
        monkeypatch.setattr(os, operation, fails)
    with pytest.raises(SinkFault) as caught, files.named_faults("age", path):
        files.replace(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["a"]
    assert caught.value.advice


@POSIX
def test_a_file_is_its_owners_alone_from_the_first_moment(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        files.replace(tmp_path / "a", b"x")
        files.make_directory(tmp_path / "d")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "d").stat().st_mode) == 0o700


@POSIX
def test_a_planted_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"theirs")
    (tmp_path / "a").symlink_to(tmp_path / "elsewhere")
    files.replace(tmp_path / "a", b"ours")
    assert (tmp_path / "elsewhere").read_bytes() == b"theirs"
    assert (tmp_path / "a").read_bytes() == b"ours"


def test_leftovers_of_this_file_are_cleared_and_of_no_other(tmp_path: Path) -> None:
    for name in (".a.0011223344556677.tmp", ".b.0011223344556677.tmp", "a", ".a.kept"):
        (tmp_path / name).write_bytes(b"")
    files.clear_leftovers(tmp_path / "a")
    assert {each.name for each in tmp_path.iterdir()} == {".b.0011223344556677.tmp", "a", ".a.kept"}


def test_what_is_not_there_is_none_and_may_be_removed(tmp_path: Path) -> None:
    assert files.read(tmp_path / "a") is None
    files.remove(tmp_path / "a")


@POSIX
@pytest.mark.parametrize("mode", [0o777, 0o702, 0o1777])
def test_a_directory_that_anybody_can_write_is_refused_with_what_mends_it(tmp_path: Path, mode: int) -> None:
    place = tmp_path / "a place"
    place.mkdir()
    place.chmod(mode)
    with pytest.raises(SinkFault) as caught:
        files.check_unwritable("home", tmp_path, place)
    assert str(place) in caught.value.message
    assert str(caught.value.advice).endswith(f"chmod go-w '{place}'")


@POSIX
@pytest.mark.parametrize(("group_is_own", "refused"), [(True, False), (False, True)])
def test_a_group_of_ones_own_is_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group_is_own: bool, refused: bool
) -> None:
    (tmp_path / "a").write_bytes(b"")
    (tmp_path / "a").chmod(0o664)
    monkeypatch.setattr(files, "_is_own_group", lambda gid: group_is_own)
    if not refused:
        files.check_unwritable("home", tmp_path / "a")
        return
    with pytest.raises(SinkFault):
        files.check_unwritable("home", tmp_path / "a")


@POSIX
@pytest.mark.parametrize(
    ("name", "members", "gid", "own"),
    [
        ("anna", [], 1000, True),
        ("anna", ["anna"], 1000, True),
        ("anna", ["anna", "bob"], 1000, False),
        ("staff", [], 1000, False),
        ("anna", [], 1001, False),
    ],
)
def test_which_group_is_ones_own(
    name: str, members: list[str], gid: int, own: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    import grp
    import pwd

    monkeypatch.setattr(pwd, "getpwuid", lambda _: SimpleNamespace(pw_name="anna", pw_gid=1000))
    monkeypatch.setattr(grp, "getgrgid", lambda _: SimpleNamespace(gr_name=name, gr_mem=members))
    assert files._is_own_group(gid) is own


@POSIX
def test_an_account_or_group_without_a_name_is_not_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    import pwd

    def unknown(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert files._is_own_group(os.getgid()) is False


@POSIX
def test_what_is_anothers_is_refused_and_what_is_roots_or_missing_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_bytes(b"")
    files.check_unwritable("home", tmp_path / "missing", tmp_path / "a", Path("/"))
    somebody = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: somebody)
    if (tmp_path / "a").stat().st_uid == 0:
        os.chown(tmp_path / "a", somebody + 1, -1)
    with pytest.raises(SinkFault) as caught:
        files.check_unwritable("home", tmp_path / "a")
    assert "belongs to another account" in caught.value.message
    assert f"chown {somebody}" in str(caught.value.advice)
