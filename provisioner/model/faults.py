"""A fault of a remote service, as data: what pace/ judges and errors.py carries."""

from __future__ import annotations

import re
from dataclasses import dataclass

HIDDEN = "[hidden]"

_SECRETS = re.compile(
    r"""(?P<lead>\b(?i:bearer|basic)\s+)[\w~+/.=-]{8,}
    |(?P<name>\b(?i:access_?token|refresh_?token|id_?token|client_?secret|client_?assertion|secret_?text|device_?code
        |password|authorization)\\*["']?\s*[:=]\s*\\*["']?)(?:(?i:bearer|basic)\s+)?[^\s"'\\,;&}]{6,}
    |\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?  # a token
    |[\w.~-]{3}\dQ~[\w.~-]{31,36}            # a client secret as Entra makes them
    |\bAGE-SECRET-KEY-1\w+""",
    re.VERBOSE,
)
"""What no service should repeat in an error, and some front ends and proxies do."""


@dataclass(frozen=True)
class Fault:
    """What a service answered, or that it did not.

    `status` is the HTTP status (0 where no answer came), `code` the service's stable word (`Request_BadRequest`,
    `AADSTS7000215`, `ManagementObjectNotFoundException`), `sent` whether the request may have been carried out.
    `message` is the service's own text, which ends in reports and receipts: what looks like a secret leaves it here.
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

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", without_secrets(self.message))


def without_secrets(text: str) -> str:
    """A stranger's text without tokens, credentials and the values of fields that are named like secrets."""
    return _SECRETS.sub(lambda found: f"{found['lead'] or found['name'] or ''}{HIDDEN}", text)
