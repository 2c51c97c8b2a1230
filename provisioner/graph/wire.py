"""What we listen to on the wire: the tenant's time, and, when asked for, a trace."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from provisioner.model.events import Event, EventKind, Events
from provisioner.pace import Clock
from provisioner.pace.clock import SKEW_WORTH_SAYING, stopwatch
from provisioner.signin.wire import Redactor, Trace, WireLine

if TYPE_CHECKING:
    import httpx

STARTED = "provisioner.started"


class Listener:
    """Tells the clock every reply's `Date`, and the trace every exchange. A pair of httpx event hooks."""

    def __init__(self, clock: Clock, events: Events, trace: Trace | None) -> None:
        self._clock = clock
        self._events = events
        self._trace = trace
        self._redactor = Redactor()
        self._told_skew = False

    async def sending(self, request: httpx.Request) -> None:
        """Httpx calls this for every request."""
        request.extensions[STARTED] = stopwatch()

    async def replied(self, response: httpx.Response) -> None:
        """Httpx calls this for every reply."""
        self._hear(response.headers.get("Date"))
        if self._trace is None:
            return
        await response.aread()
        request, redactor = response.request, self._redactor
        # in this order: the reply may name a secret by its field that the request carries in the open
        request_headers = redactor.headers(request.headers.multi_items())
        reply_headers = redactor.headers(response.headers.multi_items())
        reply_body = redactor.body(response.content)
        self._trace(
            WireLine(
                method=request.method,
                url=redactor.text(str(request.url)),
                request_headers=request_headers,
                request_body=redactor.body(request.content),
                status=response.status_code,
                reply_headers=reply_headers,
                reply_body=reply_body,
                seconds=stopwatch() - request.extensions[STARTED],
            )
        )

    def failed(self, method: str, url: str, reason: str) -> None:
        """A request that no reply came to."""
        if self._trace is not None:
            self._trace(WireLine(method, self._redactor.text(url), (), "", 0, (), reason, 0.0))

    def _hear(self, date: str | None) -> None:
        try:
            told = parsedate_to_datetime(date) if date else None
        except ValueError:
            return
        if told is None:
            return
        self._clock.heard(told if told.tzinfo else told.replace(tzinfo=UTC))
        if abs(self._clock.skew) > SKEW_WORTH_SAYING and not self._told_skew:
            self._told_skew = True
            minutes = round(self._clock.skew.total_seconds() / 60)
            side = "behind" if minutes > 0 else "ahead of"
            text = f"this machine's clock is {abs(minutes)} minutes {side} the tenant's"
            self._events(Event(EventKind.NOTE, "clock", text))
