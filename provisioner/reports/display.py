"""What is happening now, on stderr: a live list on a terminal, one plain line per event elsewhere.

The live list vanishes when it ends, because the report that follows says how everything ended; notes stay. It is torn
down by leaving the `with`, also by Ctrl-C, so that no cursor stays hidden. A listener must not raise: a closed stderr
ends the talk, not the work.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from provisioner.model.events import Event, EventKind
from provisioner.reports.legible import encodable, prose
from provisioner.reports.titles import in_words, slot_of


@dataclass
class _Line:
    """One subject of the live list. A wait ends by itself: `until`, in seconds of this process."""

    title: str
    spinner: Spinner
    state: str = ""
    until: float | None = None
    started: bool = False
    ended: bool = False


class Display:
    """The listener. Use as a context manager; call it with events, from any thread."""

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream, highlight=False, markup=False, emoji=False)
        self._quiet = False
        self._is_live = self._console.is_interactive and stream.isatty()
        self._lines: dict[str, _Line] = {}
        self._titles: dict[str, str] = {}
        self._live: Live | None = None
        self._is_paused = False
        self._held: list[Text] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop()
        self._lines.clear()

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if self._quiet:
            return
        with self._lock:
            if event.kind is EventKind.STARTED:
                self._titles[event.subject] = event.text
            try:
                if self._is_live:
                    self._show_live(event)
                else:
                    self._console.file.write(self._plain(event) + "\n")
                    self._console.file.flush()
            except (OSError, ValueError):
                self._quiet = True

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Nothing is drawn while a person is asked or shown something; what happens meanwhile is shown afterwards."""
        with self._lock:
            self._is_paused = True
            self._stop()
        try:
            yield
        finally:
            with self._lock:
                self._is_paused = False
                self._resume()

    def _resume(self) -> None:
        held, self._held = self._held, []
        try:
            for each in held:
                self._console.print(each)
            if self._lines and not self._quiet:
                self._start()
        except (OSError, ValueError):
            self._quiet = True

    def _plain(self, event: Event) -> str:
        text = self._prose(in_words(event.text))
        match event.kind:
            case EventKind.STARTED:
                return text
            case EventKind.WAITING:
                return f"{self._title(event)}: waiting{_seconds(event)}: {text}"
            case EventKind.FINISHED | EventKind.NOTE:
                return f"{self._title(event)}: {text}"

    def _show_live(self, event: Event) -> None:
        text = self._prose(in_words(event.text))
        if event.kind is EventKind.NOTE:
            note = Text(f"{self._title(event)}: {text}", "yellow")
            if self._is_paused:
                self._held.append(note)
            else:
                self._console.print(note)
            return
        line = self._lines.setdefault(_subject(event), _Line(self._title(event), self._spinner()))
        match event.kind:
            case EventKind.STARTED:
                line.title, line.started = text, True
            case EventKind.WAITING:
                line.state, line.until = text, monotonic() + (event.seconds or 0.0)
            case EventKind.FINISHED:
                line.state, line.until, line.ended = text, None, True
        if self._live is None and not self._is_paused:
            self._start()

    def _start(self) -> None:
        self._live = Live(
            get_renderable=self._picture,
            console=self._console,
            refresh_per_second=8,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def _stop(self) -> None:
        live, self._live = self._live, None
        if live is not None:
            try:
                live.stop()
            except (OSError, ValueError):
                self._quiet = True

    def _picture(self) -> Group:
        """Drawn by a thread of rich's, so it takes a copy and no lock (stopping waits for that thread)."""
        now = monotonic()
        rows = []
        for each in tuple(self._lines.values()):
            waiting = each.until is not None and each.until > now
            if not (waiting or each.started or each.ended):
                continue
            row = Table.grid(padding=(0, 1, 0, 0), expand=True)
            row.add_column(width=1)
            row.add_column(ratio=1, overflow="ellipsis", no_wrap=True)
            row.add_row(self._sign(each), Text.assemble(each.title, "  ", (self._state(each, now), "dim")))
            rows.append(row)
        return Group(*rows)

    def _state(self, line: _Line, now: float) -> str:
        if line.until is None:
            return line.state
        return f"waiting {line.until - now:.0f} s: {line.state}" if line.until > now else ""

    def _sign(self, line: _Line) -> Spinner | Text:
        if not line.ended:
            return line.spinner
        done = line.state in ("done", "kept")
        sign = "✓" if done else "!"
        return Text(sign if encodable(sign, self._console.encoding) else "*", "green" if done else "yellow")

    def _spinner(self) -> Spinner:
        return Spinner("dots" if encodable("⠋", self._console.encoding) else "line")

    def _title(self, event: Event) -> str:
        """What a person calls the subject: the summary that it started with, else its kind of thing."""
        subject = _subject(event)
        return self._prose(self._titles.get(subject) or in_words(subject))

    def _prose(self, text: str) -> str:
        return prose(text, self._console.encoding)


def _subject(event: Event) -> str:
    """The address that an event is about: custody names the slot of a client secret, which has one, too."""
    slot = slot_of(event.subject)
    return f"client_secret.{slot}" if slot is not None else event.subject


def _seconds(event: Event) -> str:
    return f" {event.seconds:.0f} s" if event.seconds else ""
