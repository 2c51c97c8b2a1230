"""What the tenant holds: documents in named collections, every version kept.

Versions are append-only because replication lag is made by reading the past: a replica is an age. SQLite, committed
with a full sync before a reply leaves, so that a client killed at any moment finds what a real tenant would hold.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Document = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS versions (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    collection TEXT NOT NULL,
    id TEXT NOT NULL,
    written_at REAL NOT NULL,
    document TEXT
);
CREATE INDEX IF NOT EXISTS versions_by_id ON versions (collection, id, seq);
"""

_PARSED_AT_MOST = 50_000

ESTABLISHED = 0.0
"""Writing time of things that were always there: no replica is too old to know them."""


class Transaction:
    """Reads and writes of one unit of work; valid inside ``Store.transaction()`` only. Never await inside one."""

    def __init__(
        self, connection: sqlite3.Connection, written_at: Callable[[], float], parsed: dict[int, Document]
    ) -> None:
        self._connection = connection
        self._written_at = written_at
        self._parsed = parsed

    def get(self, collection: str, id: str, *, as_of: float | None = None) -> Document | None:  # noqa: A002
        """The document, or None when absent or deleted. ``as_of`` (sandbox epoch seconds) reads the past."""
        row = self._connection.execute(
            "SELECT document FROM versions WHERE collection = ? AND id = ? AND written_at <= ?"
            " ORDER BY seq DESC LIMIT 1",
            (collection, id, _limit(as_of)),
        ).fetchone()
        return None if row is None or row[0] is None else json.loads(row[0])

    def all(self, collection: str, *, as_of: float | None = None) -> list[Document]:
        """Every living document of a collection, oldest first."""
        rows = self._connection.execute(
            "SELECT v.document FROM versions v JOIN (SELECT MIN(seq) AS first, MAX(seq) AS last FROM versions"
            " WHERE collection = ? AND written_at <= ? GROUP BY id) AS span ON v.seq = span.last"
            " WHERE v.document IS NOT NULL ORDER BY span.first",
            (collection, _limit(as_of)),
        )
        return [json.loads(text) for (text,) in rows]

    def view(self, collection: str, *, as_of: float | None = None) -> list[Document]:
        """Like ``all``, but the documents are shared with every other view: look, never change. Quick."""
        rows = self._connection.execute(
            "SELECT span.last FROM versions v JOIN (SELECT MIN(seq) AS first, MAX(seq) AS last FROM versions"
            " WHERE collection = ? AND written_at <= ? GROUP BY id) AS span ON v.seq = span.last"
            " WHERE v.document IS NOT NULL ORDER BY span.first",
            (collection, _limit(as_of)),
        ).fetchall()
        return [self._version(seq) for (seq,) in rows]

    def _version(self, seq: int) -> Document:
        document = self._parsed.get(seq)
        if document is None:
            row = self._connection.execute("SELECT document FROM versions WHERE seq = ?", (seq,)).fetchone()
            if len(self._parsed) >= _PARSED_AT_MOST:
                self._parsed.clear()
            document = self._parsed[seq] = json.loads(row[0])
        return document

    def put(self, collection: str, id: str, document: Document) -> None:  # noqa: A002
        """Write the whole document as its newest version."""
        self._append(collection, id, json.dumps(document, ensure_ascii=False, separators=(",", ":")))

    def delete(self, collection: str, id: str) -> None:  # noqa: A002
        """Forget the document from now on; the past still knows it. Deleting what is absent does nothing."""
        if self.get(collection, id) is not None:
            self._append(collection, id, None)

    def _append(self, collection: str, id: str, text: str | None) -> None:  # noqa: A002
        if not self._connection.in_transaction:
            self._connection.execute("BEGIN IMMEDIATE")
        self._connection.execute(
            "INSERT INTO versions (collection, id, written_at, document) VALUES (?, ?, ?, ?)",
            (collection, id, self._written_at(), text),
        )


class Store:
    """One SQLite file. Safe to use from several threads: transactions take turns."""

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.RLock()
        self._depth = 0
        self._established = False
        self._parsed: dict[int, Document] = {}  # by seq; Microsoft Graph's own service principal is 400 KB of JSON
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.executescript(_SCHEMA)

    @contextmanager
    def transaction(self, *, established: bool = False) -> Iterator[Transaction]:
        """Commit at exit, roll back on an exception; nested use joins the outer one.

        ``established`` dates the writes before every replica's memory: seeds and planted documents.
        """
        with self._lock:
            outermost = self._depth == 0
            before = self._established
            self._established = established or before
            self._depth += 1
            try:
                yield Transaction(self._connection, self._written_at, self._parsed)
            except BaseException:
                if outermost and self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                    self._parsed.clear()  # numbers taken back are given out again
                raise
            else:
                if outermost and self._connection.in_transaction:
                    self._connection.execute("COMMIT")
            finally:
                self._depth -= 1
                self._established = before

    def sequence(self) -> int:
        """How many versions were ever written."""
        with self._lock:
            row = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'versions'").fetchone()
            return 0 if row is None else int(row[0])

    def collections(self) -> list[str]:
        """Names of all collections that ever held something, sorted."""
        with self._lock:
            rows = self._connection.execute("SELECT DISTINCT collection FROM versions ORDER BY collection")
            return [name for (name,) in rows]

    def state(self, *, without: Iterable[str] = ()) -> dict[str, list[Document]]:
        """Every living document by collection, apart from the collections named."""
        unwanted = set(without)
        with self.transaction() as tx:
            names = [name for name in self.collections() if name not in unwanted]
            return {name: documents for name in names if (documents := tx.all(name))}

    def state_hash(self, *, without: Iterable[str] = ()) -> str:
        """SHA-256 over the present documents alone: the same state has the same hash whatever its history."""
        lines = sorted(
            json.dumps([name, document], sort_keys=True)
            for name, documents in self.state(without=without).items()
            for document in documents
        )
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def clear(self) -> None:
        """Forget everything, the past too."""
        with self._lock:
            self._connection.execute("DELETE FROM versions")
            self._parsed.clear()

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()

    def _written_at(self) -> float:
        return ESTABLISHED if self._established else self._now()


def _limit(as_of: float | None) -> float:
    return float("inf") if as_of is None else as_of
