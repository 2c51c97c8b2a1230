"""When each secret ends, as a calendar file (RFC 5545) with reminders. Written by ourselves: it is forty lines.

The day is UTC's, which may be the day before or after elsewhere; the reminders come long before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from provisioner.model.outcome import SecretReceipt
from provisioner.model.results import HandedOver
from provisioner.reports.legible import legible
from provisioner.reports.wording import SANDBOX, Commands, field_title, instant

REMINDERS_DAYS = (30, 14)
"""How long before the end."""

LONGEST_LINE_OCTETS = 75
"""Without the line end (RFC 5545, 3.1)."""


def reminders(result: HandedOver, arguments: str | None = None) -> str | None:
    """The calendar; None where no secret has an end. `arguments` as in `open_report`."""
    events = [line for each in result.secrets if each.end for line in _event(each, each.end, result, arguments)]
    if not events:
        return None
    lines = ("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//provisioner//handover//EN", *events, "END:VCALENDAR")
    return "".join(f"{_folded(each)}\r\n" for each in lines)


def _event(receipt: SecretReceipt, end: datetime, result: HandedOver, arguments: str | None) -> Iterator[str]:
    plan = result.plan
    app_id = next((each.app_id for each in plan.applications if each.key == receipt.application), None)
    summary = f"{field_title(result, receipt)} of {plan.title} expires ({plan.tenant_name})"
    said = (
        *((SANDBOX,) if plan.sandbox else ()),
        f"It ends at {instant(end)}; then {plan.title} stops working. Replace it before:",
        Commands(plan, arguments)("rotate", "--due", _due(end, result)),
        f"Key id {receipt.key_id} of the application {app_id}. Kept in {receipt.reference}",
    )
    day = end.astimezone(UTC).date()
    yield from (
        "BEGIN:VEVENT",
        f"UID:{_escaped(f'{plan.tenant_id}/{app_id or receipt.application}/{receipt.key_id}')}",
        f"DTSTAMP:{result.seen_at.astimezone(UTC):%Y%m%dT%H%M%SZ}",
        f"DTSTART;VALUE=DATE:{day:%Y%m%d}",
        f"DTEND;VALUE=DATE:{day + timedelta(days=1):%Y%m%d}",
        f"SUMMARY:{_escaped(summary)}",
        f"DESCRIPTION:{_paragraphs(said)}",
        "TRANSP:TRANSPARENT",
    )
    for days in REMINDERS_DAYS:
        yield from ("BEGIN:VALARM", "ACTION:DISPLAY", f"TRIGGER:-P{days}D")
        yield from (f"DESCRIPTION:{_escaped(f'In {days} days: {summary}')}", "END:VALARM")
    yield "END:VEVENT"


def _due(end: datetime, result: HandedOver) -> str:
    """What makes `rotate` act on the morning of the reminder: that day is longer away than the number in it.

    A secret that ends sooner than the first reminder may be one that lives no longer, and is due at the second.
    """
    first, last = REMINDERS_DAYS[0] + 1, REMINDERS_DAYS[-1] + 1
    return f"{first if end - result.seen_at > timedelta(days=first) else last}d"


def _escaped(text: str) -> str:
    """TEXT of RFC 5545, 3.3.11; no line end is left in it."""
    return re.sub(r"[\\;,]", r"\\\g<0>", legible(text))


def _paragraphs(texts: tuple[str, ...]) -> str:
    return r"\n".join(_escaped(each) for each in texts)


def _folded(line: str) -> str:
    """The line in pieces of at most 75 octets, never within a character; each further piece begins with a blank."""
    pieces, size = [""], 0
    for each in line:
        octets = len(each.encode())
        if size + octets > LONGEST_LINE_OCTETS:
            pieces.append(" ")
            size = 1
        pieces[-1] += each
        size += octets
    return "\r\n".join(pieces)
