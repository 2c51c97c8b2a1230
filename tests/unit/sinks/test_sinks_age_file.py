"""The age sink: what is stored, read back, kept, dropped, refused."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyrage
import pytest

from provisioner.errors import SinkFault
from provisioner.model.identifiers import KeyId, TenantId
from provisioner.model.secret import Secret
from provisioner.model.slot import Entry, SlotName, SlotRecord, Stored
from provisioner.sinks import open_sink
from provisioner.sinks.age_file import AgeFileSink

SLOT = SlotName(TenantId("11111111-2222-3333-4444-555555555555"), "cryptshare", "main", "mail")
VALUE = "Q1w8Q~planted-value-of-a-client-secret"
KEY = KeyId("aaaaaaaa-0000-0000-0000-000000000001")
OTHER = KeyId("aaaaaaaa-0000-0000-0000-000000000002")
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="mode bits")


def pending(key_id: KeyId | None = KEY, intent: str = "i1") -> SlotRecord:
    return SlotRecord(pending=Entry(intent, NOW, key_id, "Q1w", NOW.replace(year=2027)), intents=(intent,))


def stored(sink: AgeFileSink, slot: SlotName = SLOT) -> Stored:
    return asyncio.run(sink.load(slot))


def save(sink: AgeFileSink, record: SlotRecord, values: dict[KeyId, Secret], slot: SlotName = SLOT) -> None:
    asyncio.run(sink.save(slot, record, values))


def sink_at(home: Path) -> AgeFileSink:
    sink = open_sink("age", home)
    assert isinstance(sink, AgeFileSink)
    return sink


def slot_path(home: Path) -> Path:
    return home / "secrets" / SLOT.path[0] / f"{SLOT.path[1]}.json"


def test_round_trip_and_what_lies_on_disk(tmp_path: Path) -> None:
    home = tmp_path / "home"
    sink = sink_at(home)
    assert stored(sink) == Stored()
    asyncio.run(sink.probe())
    save(sink, pending(), {KEY: Secret(VALUE)})

    again = sink_at(home)
    assert again.readable
    assert stored(again) == Stored(pending(), frozenset({KEY}))
    assert asyncio.run(again.fetch(SLOT, KEY)).same_as(Secret(VALUE))
    assert again.reference_of(SLOT) == str(slot_path(home))

    for each in home.rglob("*"):
        if each.is_file():
            assert VALUE.encode() not in each.read_bytes()
    document = json.loads(slot_path(home).read_text())
    assert document["schemaVersion"] == 1
    assert document["values"][KEY].startswith("-----BEGIN AGE ENCRYPTED FILE-----")


@posix_only
def test_everything_is_for_the_owner_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        sink = sink_at(tmp_path / "home")
        asyncio.run(sink.probe())
        save(sink, pending(), {KEY: Secret(VALUE)})
    finally:
        os.umask(old)
    for each in (tmp_path / "home", *(tmp_path / "home").rglob("*")):
        assert stat.S_IMODE(each.stat().st_mode) == (0o700 if each.is_dir() else 0o600), each


def test_no_litter_after_probe_save_and_discard(tmp_path: Path) -> None:
    sink = sink_at(tmp_path)
    asyncio.run(sink.probe())
    save(sink, pending(), {KEY: Secret(VALUE)})
    assert {each.name for each in tmp_path.rglob("*") if each.is_file()} == {
        "identity",
        "recipients",
        slot_path(tmp_path).name,
    }
    asyncio.run(sink.discard(SLOT))
    asyncio.run(sink.discard(SLOT))
    assert not list((tmp_path / "secrets").iterdir())
    assert stored(sink) == Stored()


def test_values_are_kept_while_named_and_dropped_afterwards(tmp_path: Path) -> None:
    sink = sink_at(tmp_path)
    save(sink, pending(), {KEY: Secret(VALUE)})
    promoted = SlotRecord(current=pending().pending, intents=("i1",))
    save(sink, promoted, {})
    assert stored(sink).held == {KEY}
    second = replace(promoted, pending=Entry("i2", NOW, OTHER), intents=("i1", "i2"))
    save(sink, second, {OTHER: Secret("second value")})
    assert stored(sink).held == {KEY, OTHER}
    assert asyncio.run(sink.fetch(SLOT, KEY)).same_as(Secret(VALUE))
    save(sink, SlotRecord(current=second.pending, intents=("i1", "i2")), {})
    assert stored(sink).held == {OTHER}
    with pytest.raises(SinkFault, match="no value is held"):
        asyncio.run(sink.fetch(SLOT, KEY))


def test_a_value_for_an_unnamed_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SinkFault, match="does not name"):
        save(sink_at(tmp_path), pending(), {OTHER: Secret(VALUE)})
    assert not slot_path(tmp_path).exists()


def test_an_intent_is_never_forgotten(tmp_path: Path) -> None:
    sink = sink_at(tmp_path)
    save(sink, pending(), {KEY: Secret(VALUE)})
    with pytest.raises(SinkFault, match="forget an intent"):
        save(sink, replace(pending(intent="i2"), intents=("i2",)), {})
    assert stored(sink) == Stored(pending(), frozenset({KEY}))


def test_another_writer_in_between_is_noticed(tmp_path: Path) -> None:
    mine, theirs = sink_at(tmp_path), sink_at(tmp_path)
    stored(mine)
    save(theirs, pending(), {KEY: Secret(VALUE)})
    with pytest.raises(SinkFault, match="another process changed the slot"):
        save(mine, pending(OTHER, "i2"), {OTHER: Secret("mine")})
    assert stored(mine) == Stored(pending(), frozenset({KEY}))
    both = replace(pending(OTHER, "i2"), current=pending().pending, intents=("i1", "i2"))
    save(mine, both, {OTHER: Secret("mine")})
    assert stored(theirs).held == {KEY, OTHER}


def test_the_identity_may_be_elsewhere(tmp_path: Path) -> None:
    sink = sink_at(tmp_path)
    asyncio.run(sink.probe())
    identity = tmp_path / "age" / "identity"
    moved = tmp_path / "safe"
    identity.rename(moved)
    assert not sink.readable
    asyncio.run(sink.probe())
    save(sink, pending(), {KEY: Secret(VALUE)})
    assert stored(sink).held == {KEY}
    with pytest.raises(SinkFault, match="not read here"):
        asyncio.run(sink.fetch(SLOT, KEY))
    moved.rename(identity)
    assert sink.readable
    assert asyncio.run(sink.fetch(SLOT, KEY)).same_as(Secret(VALUE))


def test_further_recipients_read_every_secret(tmp_path: Path) -> None:
    one, two = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    sink = AgeFileSink(tmp_path / "s", tmp_path / "k", recipients=(str(one.to_public()), str(two.to_public())))
    assert not sink.readable, "our own identity is not among the recipients, so none was made"
    save(sink, pending(), {KEY: Secret(VALUE)})
    sealed = json.loads(Path(sink.reference_of(SLOT)).read_text())["values"][KEY].encode()
    assert pyrage.decrypt(sealed, [one]) == pyrage.decrypt(sealed, [two]) == VALUE.encode()
    assert not (tmp_path / "k" / "identity").exists()


def test_a_recipient_added_by_hand_is_used(tmp_path: Path) -> None:
    sink = sink_at(tmp_path)
    asyncio.run(sink.probe())
    customer = pyrage.x25519.Identity.generate()
    with (tmp_path / "age" / "recipients").open("a") as file:
        file.write(f"# the customer's own\n{customer.to_public()}\n")
    save(sink, pending(), {KEY: Secret(VALUE)})
    sealed = json.loads(slot_path(tmp_path).read_text())["values"][KEY].encode()
    assert pyrage.decrypt(sealed, [customer]) == VALUE.encode()
    assert sink.readable


def test_a_wrong_recipient_is_named_without_showing_it_whole(tmp_path: Path) -> None:
    private = str(pyrage.x25519.Identity.generate())
    with pytest.raises(SinkFault, match="not an age recipient") as caught:
        asyncio.run(AgeFileSink(tmp_path / "s", tmp_path / "k", recipients=(private,)).probe())
    assert private not in str(caught.value) + str(caught.value.advice)


def test_another_identity_is_named(tmp_path: Path) -> None:
    sink = sink_at(tmp_path)
    save(sink, pending(), {KEY: Secret(VALUE)})
    identity = tmp_path / "age" / "identity"
    identity.write_text(f"{pyrage.x25519.Identity.generate()}\n")
    assert not sink.readable
    with pytest.raises(SinkFault, match="another identity") as caught:
        asyncio.run(sink.fetch(SLOT, KEY))
    assert caught.value.advice and str(identity) in caught.value.advice


def test_a_lost_key_pair_is_never_replaced_silently(tmp_path: Path) -> None:
    sink = sink_at(tmp_path)
    save(sink, pending(), {KEY: Secret(VALUE)})
    (tmp_path / "age" / "identity").unlink()
    (tmp_path / "age" / "recipients").unlink()
    with pytest.raises(SinkFault, match="key pair is gone"):
        asyncio.run(sink.probe())
    assert not (tmp_path / "age" / "identity").exists()


def test_recipients_are_made_again_from_the_identity(tmp_path: Path) -> None:
    sink = sink_at(tmp_path)
    save(sink, pending(), {KEY: Secret(VALUE)})
    (tmp_path / "age" / "recipients").unlink()
    asyncio.run(sink.probe())
    assert sink.readable
    assert asyncio.run(sink.fetch(SLOT, KEY)).same_as(Secret(VALUE))


@pytest.mark.parametrize("text", ["", "AGE-SECRET-KEY-1NONSENSE\n", "hello\n"])
def test_a_damaged_identity_is_named_and_not_shown(tmp_path: Path, text: str) -> None:
    sink = sink_at(tmp_path)
    asyncio.run(sink.probe())
    (tmp_path / "age" / "identity").write_text(text)
    with pytest.raises(SinkFault, match="not an age identity") as caught:
        asyncio.run(sink.probe())
    assert "NONSENSE" not in str(caught.value)


@posix_only
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o620, 0o606])
def test_an_identity_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    sink = sink_at(tmp_path)
    asyncio.run(sink.probe())
    (tmp_path / "age" / "identity").chmod(mode)
    with pytest.raises(SinkFault, match="other accounts can reach it") as caught:
        asyncio.run(sink.probe())
    assert caught.value.advice == f"chmod 600 {tmp_path / 'age' / 'identity'}"


@posix_only
def test_a_slot_file_open_to_others_is_refused(tmp_path: Path) -> None:
    sink = sink_at(tmp_path)
    save(sink, pending(), {KEY: Secret(VALUE)})
    slot_path(tmp_path).chmod(0o644)
    with pytest.raises(SinkFault, match="other accounts can reach it"):
        stored(sink)


@posix_only
def test_a_folder_open_to_all_is_refused(tmp_path: Path) -> None:
    (tmp_path / "all").mkdir()
    (tmp_path / "all").chmod(0o777)
    sink = open_sink(f"age:{tmp_path / 'all'}", tmp_path / "home")
    with pytest.raises(SinkFault, match="other accounts can reach it"):
        asyncio.run(sink.probe())


@posix_only
def test_files_of_another_account_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = sink_at(tmp_path)
    save(sink, pending(), {KEY: Secret(VALUE)})
    real = os.stat
    uid = os.geteuid()

    def foreign(path: object, *args: object, **kwargs: object) -> os.stat_result:
        status = real(path, *args, **kwargs)  # type: ignore[arg-type]
        fields = list(status)
        fields[stat.ST_UID] = uid + 4711
        return os.stat_result(fields)

    monkeypatch.setattr(os, "stat", foreign)
    with pytest.raises(SinkFault, match="belongs to another account"):
        stored(sink)


def test_an_unmounted_folder_is_not_an_empty_sink(tmp_path: Path) -> None:
    sink = open_sink(f"age:{tmp_path / 'share'}", tmp_path / "home")
    for act in (sink.probe(), sink.load(SLOT), sink.save(SLOT, pending(), {}), sink.discard(SLOT)):
        with pytest.raises(SinkFault, match="no such directory"):
            asyncio.run(act)
    assert not (tmp_path / "share").exists()
    assert not (tmp_path / "home").exists()
    (tmp_path / "share").mkdir(mode=0o700)
    asyncio.run(sink.probe())
    assert asyncio.run(sink.load(SLOT)) == Stored()


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text("")
    with pytest.raises(SinkFault, match="no such directory"):
        asyncio.run(sink_at(tmp_path).probe())


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "quota"),
        (errno.EACCES, "not permitted"),
        (errno.EROFS, "read-only"),
        (errno.EIO, "does not answer"),
        (errno.ENOLCK, os.strerror(errno.ENOLCK)),
    ],
)
def test_what_the_system_refuses_is_named_and_the_old_state_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    sink = sink_at(tmp_path)
    save(sink, pending(), {KEY: Secret(VALUE)})
    before = slot_path(tmp_path).read_bytes()

    def refuse(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", refuse)
        with pytest.raises(SinkFault, match=words):
            save(sink, replace(pending(OTHER), current=pending().pending), {OTHER: Secret("x")})
        with pytest.raises(SinkFault, match=words):
            asyncio.run(sink.probe())
    assert slot_path(tmp_path).read_bytes() == before
    assert not list(tmp_path.rglob("*.tmp")), "no litter after a refused write"
    save(sink, replace(pending(OTHER), current=pending().pending), {OTHER: Secret("x")})
    assert stored(sink).held == {KEY, OTHER}


def test_a_disk_that_lies_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = sink_at(tmp_path)
    asyncio.run(sink.probe())
    real = os.replace

    def corrupt(source: Path, target: Path) -> None:
        source.write_bytes(source.read_bytes()[:-5])
        real(source, target)

    monkeypatch.setattr(os, "replace", corrupt)
    with pytest.raises(SinkFault, match="reads back differently"):
        asyncio.run(sink.probe())
    with pytest.raises(SinkFault, match="reads back differently"):
        save(sink, pending(), {KEY: Secret(VALUE)})


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"schemaVersion": 2}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"schemaVersion": 1, "slot": {}, "record": {}, "values": {}}',
    ],
)
def test_a_damaged_slot_file_is_named(tmp_path: Path, text: bytes) -> None:
    sink = sink_at(tmp_path)
    save(sink, pending(), {KEY: Secret(VALUE)})
    slot_path(tmp_path).write_bytes(text)
    with pytest.raises(SinkFault, match=r"restore|slot's file|another") as caught:
        stored(sink)
    assert str(slot_path(tmp_path)) in str(caught.value)


def test_a_damaged_ciphertext_is_named(tmp_path: Path) -> None:
    sink = sink_at(tmp_path)
    save(sink, pending(), {KEY: Secret(VALUE)})
    document = json.loads(slot_path(tmp_path).read_text())
    lines = document["values"][KEY].splitlines()
    lines[-2] = "A" * len(lines[-2])
    document["values"][KEY] = "\n".join(lines) + "\n"
    slot_path(tmp_path).write_text(json.dumps(document))
    with pytest.raises(SinkFault, match="damaged"):
        asyncio.run(sink.fetch(SLOT, KEY))


def test_a_file_moved_to_another_slot_is_noticed(tmp_path: Path) -> None:
    sink = sink_at(tmp_path)
    save(sink, pending(), {KEY: Secret(VALUE)})
    other = replace(SLOT, slot="other")
    slot_path(tmp_path).rename(slot_path(tmp_path).with_name(f"{other.path[1]}.json"))
    with pytest.raises(SinkFault, match="belongs to another slot"):
        stored(sink, other)


def test_two_processes_never_write_one_slot_at_a_time(tmp_path: Path) -> None:
    sink = sink_at(tmp_path)
    save(sink, pending(None), {})
    lock_file = slot_path(tmp_path).with_suffix(".lock")
    script = (
        "import sys, pathlib\nfrom provisioner.disk import locks\n"
        f"with locks.held('age', pathlib.Path({str(lock_file)!r})):\n"
        "    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(SinkFault, match=f"in use by process {process.pid}"):
            save(sink, pending(), {KEY: Secret(VALUE)})
        other = replace(SLOT, slot="another")
        save(sink, pending(), {KEY: Secret(VALUE)}, other)
        process.kill()
        process.wait()
    assert lock_file.exists(), "a killed process leaves its lock file"
    save(sink, pending(), {KEY: Secret(VALUE)})
    assert not lock_file.exists()


def test_two_first_uses_at_once_make_one_key_pair(tmp_path: Path) -> None:
    script = (
        "import asyncio, pathlib, sys\nfrom provisioner.errors import SinkFault\n"
        "from provisioner.sinks import open_sink\n"
        f"sys.stdin.read()\nsink = open_sink('age', pathlib.Path({str(tmp_path)!r}))\n"
        "try:\n    asyncio.run(sink.probe())\nexcept SinkFault as fault:\n    assert 'in use' in str(fault), fault\n"
    )
    racers = [subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE) for _ in range(3)]
    for each in racers:
        assert each.stdin is not None
        each.stdin.close()
    assert [each.wait() for each in racers] == [0, 0, 0]
    public = (tmp_path / "age" / "recipients").read_text().strip()
    private = (tmp_path / "age" / "identity").read_text().splitlines()[-1]
    assert str(pyrage.x25519.Identity.from_str(private).to_public()) == public


def test_old_canaries_are_cleared_and_young_ones_left(tmp_path: Path) -> None:
    sink = sink_at(tmp_path)
    asyncio.run(sink.probe())
    old, young = tmp_path / "secrets" / ".canary.old", tmp_path / "secrets" / "..canary.young.1.tmp"
    old.write_bytes(b"x")
    young.write_bytes(b"x")
    os.utime(old, (0, 0))
    asyncio.run(sink.probe())
    assert not old.exists()
    assert young.exists()


def test_no_text_of_a_fault_holds_the_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = sink_at(tmp_path)
    save(sink, pending(None), {})

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "some/file")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(SinkFault) as caught:
        save(sink, pending(), {KEY: Secret(VALUE)})
    error: BaseException | None = caught.value
    while error is not None:
        assert VALUE not in repr(error) + str(error)
        error = error.__cause__ or error.__context__
