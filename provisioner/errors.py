"""The whole tree of errors. Each leaf says what to do next (`advice`) and how the process ends (`exit_code`).

    ProvisionerError                1
      InputFault                    4   faulty playbook, parameter, inventory, usage
      SignInRefused                 5   Entra refused us or the product; `code` is AADSTSnnn
        WrongTenant                 5
      ServiceFault                  1   a remote service answered with a fault
        Refused                     5   403: who can do it
        Absent                      1   404
        AlreadyThere                1   the thing exists
        NotYet                      6   eventually consistent, still within reason
        UnknownOutcome              1   a write whose fate is unknown; look, never repeat blindly
        Unreachable                 1   no answer at all
      SinkFault                     1   the place for secrets failed
      PlanRefused                   3   the approved plan is not what would happen now
      GateClosed                    3   a flag of its own is needed
      Declined                      3   the person said no

Raised typed, printed once, in cli/. A message never holds a response body or a secret.
"""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.model.faults import Fault


class ProvisionerError(Exception):
    """Root of everything we raise on purpose."""

    exit_code = 1

    def __init__(self, message: str, *, advice: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice


@dataclass(frozen=True, order=True)
class FaultyPlace:
    """One fault of an input file: `file:line:column`, both from 1 (0 where there is no place)."""

    file: str
    line: int
    column: int
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: " if self.line else f"{self.file}: "
        return place + self.message + (f" ({self.hint})" if self.hint else "")


class InputFault(ProvisionerError):
    """Faulty input, with all its faults at once."""

    exit_code = 4

    def __init__(self, message: str, places: tuple[FaultyPlace, ...] = (), *, advice: str | None = None) -> None:
        super().__init__(message, advice=advice)
        self.places = places


class ServiceFault(ProvisionerError):
    """A remote service answered with a fault that none of the leaves names better."""

    def __init__(self, fault: Fault, *, message: str | None = None, advice: str | None = None) -> None:
        super().__init__(message or f"{fault.operation}: {fault.message}", advice=advice)
        self.fault = fault


class SignInRefused(ServiceFault):
    """No token. `fault.code` is `AADSTSnnn` where Entra gave one; its text is kept."""

    exit_code = 5


class WrongTenant(SignInRefused):
    """The tenant does not exist in this cloud, or the sign-in led to another one."""


class Refused(ServiceFault):
    """The service knows us and says no."""

    exit_code = 5

    def __init__(
        self,
        fault: Fault,
        *,
        who_can: tuple[str, ...] = (),
        message: str | None = None,
        advice: str | None = None,
    ) -> None:
        super().__init__(fault, message=message, advice=advice)
        self.who_can = who_can


class Absent(ServiceFault):
    """The thing is not there, or not there yet on this replica."""


class AlreadyThere(ServiceFault):
    """The thing exists already: for a convergent apply usually good news, after a look."""


class NotYet(ServiceFault):
    """Still inconsistent when the deadline came. Resume later."""

    exit_code = 6


class UnknownOutcome(ServiceFault):
    """A write that is not idempotent may or may not have happened."""


class Unreachable(ServiceFault):
    """No answer: network, name, certificate, port."""


class SinkFault(ProvisionerError):
    """The place for secrets cannot be read or written. `reference` names it."""

    def __init__(self, reference: str, message: str, *, advice: str | None = None) -> None:
        super().__init__(f"{reference}: {message}", advice=advice)
        self.reference = reference


class PlanRefused(ProvisionerError):
    """What would happen now is not what was approved."""

    exit_code = 3


class GateClosed(ProvisionerError):
    """Something needs a flag of its own."""

    exit_code = 3


class Declined(ProvisionerError):
    """The person was asked and said no."""

    exit_code = 3
