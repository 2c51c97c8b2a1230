"""What every form of report can show, and what listens while the work goes on.

A form must show all of a result, interpret no text of it, and raise nothing but what its stream raises.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol, Self

from provisioner.errors import ProvisionerError
from provisioner.model.events import Event
from provisioner.model.plan import Plan
from provisioner.model.results import Adopted, Applied, HandedOver, Migrated, Planned, Verified


class Report(Protocol):
    """One form of output. Each call writes one whole document."""

    def plan(self, result: Planned, *, saved: str | None = None) -> None:
        """What would change, and who can do it. `saved`: the file that `apply --plan` takes, if it was saved."""

    def applied(self, result: Applied) -> None:
        """What became of each change, of `apply` or of `remove`."""

    def verified(self, result: Verified) -> None:
        """How each proof went."""

    def handed_over(self, result: HandedOver) -> None:
        """The vendor's form, filled in."""

    def onboarded(
        self,
        applied: Applied,
        verified: Verified | None,
        handed_over: HandedOver | None,
        again: Plan | None = None,
        *,
        command: str | None = None,
    ) -> None:
        """All three as one document, and the plan of a second look. None where it did not come to that.

        `command` is the one that goes on with all of it, where that is none of `onboard` and `apply`.
        """

    def adopted(self, result: Adopted) -> None:
        """The applications that look like it, or what became of the one that was chosen."""

    def migrated(self, result: Migrated) -> None:
        """Each step of a migration, and how far it has come."""

    def error(self, error: ProvisionerError) -> None:
        """Why it ended, what to do, and every faulty place."""


class Progress(Protocol):
    """A listener for events, as a context manager. It must not raise."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave nothing half drawn."""

    def __call__(self, event: Event) -> None:
        """Show one event, from any thread."""

    def paused(self) -> AbstractContextManager[None]:
        """Draw nothing while a person is asked or shown something."""
