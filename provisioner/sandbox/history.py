"""Who asked for what: every request of every protocol, for tests and for proof that nothing was written.

In a database of its own beside the store, without the store's full sync: losing the last lines of a log in a power cut
is fine, and a read must not cost a disk sync. No secret, token or body is ever put in.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS history (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    protocol TEXT NOT NULL,
    operation TEXT NOT NULL,
    caller TEXT NOT NULL,
    status TEXT NOT NULL,
    write INTEGER NOT NULL,
    request_id TEXT NOT NULL,
    detail TEXT NOT NULL
);
"""


class History:
    """Append-only; thread-safe."""

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.executescript(_SCHEMA)

    def append(
        self,
        protocol: str,
        operation: str,
        *,
        caller: str = "",
        status: int | str = "",
        write: bool = False,
        request_id: str = "",
        detail: dict[str, Any] | None = None,
    ) -> None:
        """One line. ``write``: the request asked to change the tenant's state, whether or not it was let.

        ``operation`` is ``METHOD /path``, a cmdlet's name or an SMTP verb; ``detail`` must hold no secret.
        """
        with self._lock:
            self._connection.execute(
                "INSERT INTO history (at, protocol, operation, caller, status, write, request_id, detail)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    self._now(),
                    protocol,
                    operation,
                    caller,
                    str(status),
                    int(write),
                    request_id,
                    json.dumps(detail or {}),
                ),
            )

    def since(self, seq: int = 0) -> list[dict[str, Any]]:
        """Lines after ``seq``: {seq, at, protocol, operation, caller, status, write, requestId, detail}."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT seq, at, protocol, operation, caller, status, write, request_id, detail"
                " FROM history WHERE seq > ? ORDER BY seq",
                (seq,),
            ).fetchall()
        return [
            {
                "seq": number,
                "at": at,
                "protocol": protocol,
                "operation": operation,
                "caller": caller,
                "status": int(status) if status.isdigit() else status,
                "write": bool(write),
                "requestId": request_id,
                "detail": json.loads(detail),
            }
            for number, at, protocol, operation, caller, status, write, request_id, detail in rows
        ]

    def clear(self) -> None:
        """Forget all lines; numbers go on."""
        with self._lock:
            self._connection.execute("DELETE FROM history")

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()
