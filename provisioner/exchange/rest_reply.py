"""Reading what InvokeCommand answers: pages, warnings and its several shapes of an error (exchange.md 1.3)."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from provisioner.errors import Refused, ServiceFault
from provisioner.exchange.faults import ROLE_ADVICE, WHO_CAN, leaf, meaning, read_error
from provisioner.model.faults import Fault

LONGEST_RESET_SECONDS = 3600.0


@dataclass(frozen=True)
class RestReply:
    """One HTTP answer, with its body parsed where it is JSON."""

    status: int
    body: Any
    date: datetime | None
    retry_after: str | None
    rate_limit_reset: str | None
    request_id: str

    @classmethod
    def of(cls, status: int, headers: Mapping[str, str], raw: bytes, sent_request_id: str) -> RestReply:
        """From the undecoded body; a body that is not what its headers say is no reason to fail."""
        return cls(
            status=status,
            body=_parse(raw),
            date=_date(headers.get("date")),
            retry_after=headers.get("retry-after"),
            rate_limit_reset=headers.get("rate-limit-reset"),
            request_id=headers.get("request-id") or sent_request_id,
        )

    @property
    def error(self) -> Mapping[str, Any]:
        """The error object, empty where there is none."""
        error = self.body.get("error") if isinstance(self.body, dict) else None
        return error if isinstance(error, dict) else {}

    @property
    def spoken(self) -> bool:
        """Whether it is Exchange's own error and not one of a gateway before it."""
        return bool(self.error)


@dataclass(frozen=True)
class Page:
    """One page of a cmdlet's output."""

    output: tuple[Mapping[str, object], ...]
    warnings: tuple[str, ...]
    next_link: str | None


def read_page(reply: RestReply, cmdlet: str) -> Page:
    """The page in a good answer. Type annotations (`Name@odata.type`) are left out."""
    body = reply.body
    if not isinstance(body, dict) or not isinstance(body.get("value"), list):
        fault = Fault("exchange", cmdlet, 200, "NoReply", "the answer is not a cmdlet's", request_id=reply.request_id)
        raise ServiceFault(fault, advice="look at the tenant's exchange endpoint, and for a proxy that answers itself")
    return Page(
        output=tuple(_record(each) for each in body["value"]),
        warnings=tuple(str(each) for each in body.get("@adminapi.warnings") or ()),
        next_link=body.get("@odata.nextLink") or None,
    )


def fault_of(reply: RestReply, cmdlet: str, now: datetime) -> Fault:
    """The fault in an answer that is not good. `now` is for a reset that is given as a time."""
    error = read_error(_text(reply))
    status = reply.status
    if meaning(error.type, error.text) == "throttled":
        status = 429
    code = error.type or str(reply.error.get("code") or f"HTTP{reply.status}")
    return Fault(
        service="exchange",
        operation=cmdlet,
        status=status,
        code=code,
        message=" ".join(error.text.split()) or f"HTTP {reply.status}",
        detail_codes=tuple(each for each in (error.error_id, str(reply.error.get("code") or "")) if each),
        retry_after=_seconds(reply, now) if status in (429, 503) else None,
        request_id=reply.request_id,
    )


def error_for(fault: Fault, reply: RestReply) -> ServiceFault:
    """The error to raise for a fault."""
    if fault.status == 403 and not reply.spoken:
        # an unknown or forbidden cmdlet: a body of NUL bytes
        return Refused(
            fault,
            who_can=WHO_CAN,
            message=f"{fault.operation}: Exchange does not offer it to this caller",
            advice=ROLE_ADVICE,
        )
    if fault.status == 404 and not reply.spoken:
        return ServiceFault(fault, advice="look at the tenant's exchange endpoint: there is no such service")
    if 300 <= fault.status < 400:
        return ServiceFault(fault, advice="it sends us elsewhere; look at the tenant's exchange endpoint")
    return leaf(fault)


def _parse(raw: bytes) -> Any:
    if raw.startswith(b"\x1f\x8b"):
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError, zlib.error):
            return None
    try:
        return json.loads(raw)
    except ValueError:
        return _plain_text(raw)


def _plain_text(raw: bytes) -> str | None:
    """A short text that is no JSON (throttling by concurrency is told so); never a page of HTML or NUL bytes."""
    text = raw[:400].decode("utf-8", errors="replace").strip("\x00 \r\n\t")
    return text if text.isprintable() and not text.startswith("<") else None


def _text(reply: RestReply) -> str:
    """The sentence for people: in details, else in the inner error, else the message."""
    error = reply.error
    if not error:
        return reply.body if isinstance(reply.body, str) else ""
    details = error.get("details")
    for each in details if isinstance(details, list) else ():
        if isinstance(each, dict) and each.get("message"):
            return str(each["message"])
    inner = error.get("innererror")
    internal = inner.get("internalexception") if isinstance(inner, dict) else None
    if isinstance(internal, dict) and internal.get("message"):
        return str(internal["message"])
    return str(error.get("message") or "")


def _record(value: Any) -> Mapping[str, object]:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items() if "@odata." not in name}
    return {"Value": _plain(value)}


def _plain(value: Any) -> object:
    if isinstance(value, list):
        return tuple(_plain(each) for each in value)
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items() if "@odata." not in name}
    return value


def _date(text: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC) if text else None
    except ValueError:
        return None


def _seconds(reply: RestReply, now: datetime) -> float | None:
    """How long to wait: `Retry-After`, else `Rate-Limit-Reset`, whose form (seconds or a time) is not known."""
    for text in (reply.retry_after, reply.rate_limit_reset):
        if not text:
            continue
        try:
            seconds = float(text)
        except ValueError:
            at = _date(text) or _iso(text)
            if at is None:
                continue
            seconds = (at - now).total_seconds()
        if 0 <= seconds <= LONGEST_RESET_SECONDS:
            return seconds
    return None


def _iso(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
