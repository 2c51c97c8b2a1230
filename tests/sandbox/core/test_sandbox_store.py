from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.sandbox.store import Store


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def store(tmp_path: Path, time: Time) -> Iterator[Store]:
    opened = Store(tmp_path / "state.sqlite", time)
    yield opened
    opened.close()


def test_the_past_can_be_read(store: Store, time: Time) -> None:
    with store.transaction() as tx:
        tx.put("things", "a", {"id": "a", "n": 1})
    time.now = 1010.0
    with store.transaction() as tx:
        tx.put("things", "a", {"id": "a", "n": 2})
        tx.put("things", "b", {"id": "b"})
    with store.transaction() as tx:
        assert tx.get("things", "a", as_of=999.9) is None
        assert tx.get("things", "a", as_of=1000.0) == {"id": "a", "n": 1}
        assert tx.get("things", "a") == {"id": "a", "n": 2}
        assert [each["id"] for each in tx.all("things", as_of=1005)] == ["a"]
        assert [each["id"] for each in tx.view("things")] == ["a", "b"]


def test_a_deleted_document_is_known_to_the_past_only(store: Store, time: Time) -> None:
    with store.transaction() as tx:
        tx.put("things", "a", {"id": "a"})
    time.now = 1010.0
    with store.transaction() as tx:
        tx.delete("things", "a")
        assert tx.get("things", "a") is None
        assert tx.all("things") == []
        assert tx.view("things") == []
        assert tx.get("things", "a", as_of=1005) == {"id": "a"}


def test_established_writes_are_older_than_any_replica(store: Store) -> None:
    with store.transaction(established=True) as tx:
        tx.put("things", "a", {"id": "a"})
    with store.transaction() as tx:
        assert tx.get("things", "a", as_of=1.0) == {"id": "a"}


def test_an_exception_takes_everything_back(store: Store) -> None:
    with store.transaction() as tx:
        tx.put("things", "a", {"id": "a", "n": 1})
    with pytest.raises(RuntimeError), store.transaction() as tx:
        tx.put("things", "a", {"id": "a", "n": 2})
        assert tx.view("things") == [{"id": "a", "n": 2}]
        with store.transaction() as inner:
            inner.put("things", "b", {"id": "b"})
        raise RuntimeError
    with store.transaction() as tx:
        tx.put("things", "c", {"id": "c"})  # takes the number the lost version had
        assert tx.view("things") == [{"id": "a", "n": 1}, {"id": "c"}]


def test_the_hash_looks_at_the_present_alone(store: Store, tmp_path: Path, time: Time) -> None:
    with store.transaction() as tx:
        tx.put("things", "a", {"id": "a", "n": 1})
    before = store.state_hash()
    with store.transaction() as tx:
        tx.put("things", "a", {"n": 7, "id": "a"})
        tx.put("things", "b", {"id": "b"})
    assert store.state_hash() != before
    with store.transaction() as tx:
        tx.delete("things", "b")
        tx.put("things", "a", {"n": 1, "id": "a"})
    assert store.state_hash() == before
    assert store.state_hash(without=["things"]) != before


def test_state_outlives_the_process(tmp_path: Path, time: Time) -> None:
    first = Store(tmp_path / "kept.sqlite", time)
    with first.transaction() as tx:
        tx.put("things", "a", {"id": "a"})
    second = Store(tmp_path / "kept.sqlite", time)  # the first was never closed, as after a kill
    with second.transaction() as tx:
        assert tx.all("things") == [{"id": "a"}]
    first.close()
    second.close()
