"""The order of all tests."""

from __future__ import annotations

import pytest

FORKING = "tests/system/"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that fork come first: others leave threads behind, and a process of several threads must not fork.

    The sort is stable. Under pytest-xdist it needs `--no-loadscope-reorder`, which keeps this order.
    """
    items.sort(key=lambda each: not each.nodeid.startswith(FORKING))
