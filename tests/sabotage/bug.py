"""What a bug is, as data: where, which line, what it becomes, and which tests must then fail."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bug:
    """One small edit of `provisioner/<file>` (`../playbooks/...`: of one that is shipped).

    `tests` are node ids below `tests/unit`.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
