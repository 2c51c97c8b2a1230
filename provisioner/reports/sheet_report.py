"""The forms for people have the composing in common: a result becomes a sheet, and each form draws sheets its way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace

from provisioner.errors import InputFault, ProvisionerError, Refused, ServiceFault
from provisioner.model.plan import Plan
from provisioner.model.results import Adopted, Applied, HandedOver, Migrated, Planned, Verified
from provisioner.reports.adopted_sheet import adopted_sheet
from provisioner.reports.applied_sheet import applied_sheet
from provisioner.reports.handover_sheet import handover_sheet
from provisioner.reports.migrated_sheet import migrated_sheet
from provisioner.reports.onboarded_sheet import going_on, onboarded_sheet
from provisioner.reports.plan_sheet import plan_sheet
from provisioner.reports.sheet import Detail, Kind, Sheet, Tone
from provisioner.reports.titles import Titles, in_words
from provisioner.reports.verified_sheet import verified_sheet
from provisioner.reports.wording import Commands


class SheetReport(ABC):
    """A Report that draws sheets. `arguments` as in `open_report`."""

    def __init__(self, arguments: str | None) -> None:
        self._arguments = arguments

    @abstractmethod
    def draw(self, sheet: Sheet) -> None:
        """Write one sheet."""

    @abstractmethod
    def draw_error(self, message: str, places: tuple[str, ...], details: tuple[Detail, ...]) -> None:
        """Write one error; a place is `file:line:column: what is wrong`."""

    def plan(self, result: Planned, *, saved: str | None = None) -> None:
        """What would change, and what to type next."""
        self._tell(plan_sheet(result.plan, Commands(result.plan, self._arguments, saved)), result.plan)

    def proposed(self, plan: Plan) -> None:
        """A plan before the question."""
        self._tell(plan_sheet(plan, self._commands(plan), asking=True), plan)

    def applied(self, result: Applied) -> None:
        """What became of it."""
        self._tell(applied_sheet(result, self._commands(result.plan)), result.plan)

    def verified(self, result: Verified) -> None:
        """The proofs."""
        self._tell(verified_sheet(result, self._commands(result.plan)), result.plan)

    def handed_over(self, result: HandedOver) -> None:
        """The vendor's form."""
        self._tell(handover_sheet(result, self._commands(result.plan)), result.plan)

    def onboarded(
        self,
        applied: Applied,
        verified: Verified | None,
        handed_over: HandedOver | None,
        again: Plan | None = None,
        *,
        command: str | None = None,
    ) -> None:
        """All of it."""
        sheet = onboarded_sheet(applied, verified, handed_over, again, self._commands(applied.plan))
        told = sheet if command is None else replace(sheet, next=going_on(applied, verified, command))
        self._tell(told, applied.plan)

    def adopted(self, result: Adopted) -> None:
        """Candidates, or what was adopted."""
        self._tell(adopted_sheet(result, self._commands(result.plan)), result.plan)

    def offered(self, result: Adopted) -> None:
        """Candidates with numbers, before the question which one."""
        self._tell(adopted_sheet(result, self._commands(result.plan), asking=True), result.plan)

    def migrated(self, result: Migrated) -> None:
        """How far it has come."""
        self._tell(migrated_sheet(result, self._commands(result.plan)), result.plan)

    def error(self, error: ProvisionerError) -> None:
        """The message, every faulty place, and the way out."""
        details = [Detail("advice", in_words(error.advice), Tone.WAIT)] if error.advice else []
        if isinstance(error, Refused) and error.who_can:
            details.append(Detail("who can", ", ".join(error.who_can), Tone.WAIT))
        if isinstance(error, ServiceFault) and error.fault.request_id:
            details.append(Detail("request id", error.fault.request_id, Tone.QUIET, Kind.COPY))
        places = tuple(str(each) for each in error.places) if isinstance(error, InputFault) else ()
        self.draw_error(in_words(error.message), places, tuple(details))

    def _tell(self, sheet: Sheet, plan: Plan) -> None:
        self.draw(Titles(plan).put_into(sheet))

    def _commands(self, plan: Plan) -> Commands:
        return Commands(plan, self._arguments)
