"""The listener that says nothing, for a program that reads JSON. Without rich, whose import a person alone pays for."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Self

from provisioner.model.events import Event


class Silence:
    """Hears everything and shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass

    def __call__(self, event: Event) -> None:
        """Nothing."""

    def paused(self) -> AbstractContextManager[None]:
        """There is nothing to hold back."""
        return nullcontext()
