"""`classify`: what a fault means for the next step. Pure, tested as a table.

Sources of the messages: graph.md 2.2-2.7 and 3.1 (terraform-provider-azuread, azure-cli and Microsoft's own tools
retry exactly these), exchange.md 1.3 and 4.6.
"""

from __future__ import annotations

from enum import StrEnum

from provisioner.model.faults import Fault


class Verdict(StrEnum):
    """What to do about a fault."""

    THROTTLED = "throttled"
    """Wait as told, then repeat: the request was refused before it was carried out."""
    NOT_YET = "not-yet"
    """A replica that has not heard of our own write. Repeat within the deadline, if we just wrote."""
    UNKNOWN = "unknown"
    """It may have been done. Repeat only what is harmless to repeat; else look first."""
    UNREACHABLE = "unreachable"
    """Nobody answers, and nothing was sent. A dead network is told soon."""
    ALREADY = "already"
    """The thing exists."""
    ABSENT = "absent"
    """The thing does not exist (here, now)."""
    REFUSED = "refused"
    """The caller may not."""
    FINAL = "final"
    """No use in trying again."""


NOT_YET_MESSAGES = (
    "does not reference a valid application object",
    "backing application of the service principal being created must in the local tenant",
    "Not a valid reference update",
    "does not exist or one of its queried reference-property objects are not present",
    "Specified resourceId was not found",
    "Permission being assigned was not found on application",
    "concurrent requests being made to the tenant",
    "you first need to run the command: Enable-OrganizationCustomization",
)
"""Texts of a directory that has not caught up. Only believed of things we just wrote."""

ALREADY_MESSAGES = (
    "Permission being assigned already exists on the object",
    "Permission entry already exists",
    "already exist",
    "already in use",
    "already present",
    "object references already exist",
    "A conflicting object with one or more of the specified property values is present",  # a directory role
)

NOT_YET_CODES = frozenset(
    {
        "AADSTS7000215",  # a fresh secret, 4 to 18 s; minutes at worst
        "AADSTS700016",  # a fresh application
        "AADSTS7000229",  # a fresh service principal
        "AADSTS700027",  # a fresh certificate
        "AADSTS70021",
        "AADSTS700213",
        "Directory_ConcurrencyViolation",
        "NoBackingApplicationObject",
        "InvalidOperationInDehydratedContextException",  # Exchange, minutes after it was permitted to be customised
    }
)


def classify(fault: Fault) -> Verdict:
    """The meaning of one fault. Whether NOT_YET is believable is the caller's knowledge, not the fault's."""
    codes = {fault.code, *fault.detail_codes}
    if fault.status == 429 or "TooManyRequests" in codes or "Request_ThrottledTemporarily" in codes:
        return Verdict.THROTTLED
    if any(text in fault.message for text in ALREADY_MESSAGES) or "Request_MultipleObjectsWithSameKeyValue" in codes:
        return Verdict.ALREADY
    if codes & NOT_YET_CODES or any(text in fault.message for text in NOT_YET_MESSAGES):
        return Verdict.NOT_YET
    if fault.status in (0, 408, 500, 502, 503, 504):
        return Verdict.UNKNOWN if fault.sent else Verdict.UNREACHABLE
    if fault.status == 404 or "ManagementObjectNotFoundException" in codes:
        return Verdict.ABSENT
    if fault.status in (401, 403):
        return Verdict.REFUSED
    return Verdict.FINAL
