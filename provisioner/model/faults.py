"""A fault of a remote service, as data: what pace/ judges and errors.py carries."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """What a service answered, or that it did not.

    `status` is the HTTP status (0 where no answer came), `code` the service's stable word (`Request_BadRequest`,
    `AADSTS7000215`, `ManagementObjectNotFoundException`), `sent` whether the request may have been carried out.
    """

    service: str
    """`graph`, `signin`, `exchange` or `smtp`."""
    operation: str
    """What was asked, without secrets: `POST /servicePrincipals`, `Add-MailboxPermission`."""
    status: int
    code: str
    message: str
    detail_codes: tuple[str, ...] = ()
    retry_after: float | None = None
    request_id: str | None = None
    sent: bool = True
