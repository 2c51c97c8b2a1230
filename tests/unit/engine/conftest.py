"""A kind of our own in the list, for one test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from engine_doubles import Thing, ThingKind

from provisioner.resources import KINDS


@pytest.fixture
def kind(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThingKind]:
    made = ThingKind()
    monkeypatch.setitem(KINDS, Thing, made)  # type: ignore[arg-type]
    yield made
