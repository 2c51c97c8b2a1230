from __future__ import annotations

import io
import os
import re
import threading
from collections.abc import Iterator

import pytest
from hostile_examples import TEXTS

from provisioner.model.events import Event, EventKind
from provisioner.reports import progress

HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"

STARTED = Event(EventKind.STARTED, "service_principal.main", "Create its enterprise application")
WAITING = Event(EventKind.WAITING, "service_principal.main", "the directory has not caught up yet", 4.2)
FINISHED = Event(EventKind.FINISHED, "service_principal.main", "done")
NOTE = Event(EventKind.NOTE, "clock", "7 minutes behind")


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _a_terminal_that_can(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    before = set(threading.enumerate())
    yield
    for each in set(threading.enumerate()) - before:
        each.join(5)
        assert not each.is_alive(), "a live display was left running"


def test_a_pipe_gets_one_plain_line_per_event() -> None:
    stream = io.StringIO()
    with progress(stream) as listen:
        for event in (STARTED, WAITING, NOTE, FINISHED):
            listen(event)

    assert stream.getvalue().splitlines() == [
        "Create its enterprise application",
        "Create its enterprise application: waiting 4 s: the directory has not caught up yet",
        "clock: 7 minutes behind",
        "Create its enterprise application: done",
    ]


def test_no_address_and_no_slot_is_shown() -> None:
    slot = "680f65b0-bc78-5de5-8684-80ad4ea9e4a6/cryptshare_server_default/main/mail"
    minting = Event(EventKind.STARTED, "client_secret.main.mail", "Mint the client secret and store it")
    shown = {}
    for stream in (io.StringIO(), Terminal()):
        with progress(stream) as listen:
            for event in (
                WAITING,
                Event(EventKind.NOTE, slot, "a mint's outcome is unknown: looking"),
                minting,
                Event(EventKind.WAITING, slot, "Entra does not take it yet", 4.0),
                Event(EventKind.WAITING, "closing read", "not everywhere yet: scope_group.senders", 1.0),
            ):
                listen(event)
        shown[type(stream)] = stream.getvalue()

    assert shown[io.StringIO].splitlines() == [
        "the enterprise application: waiting 4 s: the directory has not caught up yet",
        "the client secret: a mint's outcome is unknown: looking",
        "Mint the client secret and store it",
        "Mint the client secret and store it: waiting 4 s: Entra does not take it yet",
        "closing read: waiting 1 s: not everywhere yet: the security group",
    ]
    assert not re.search(r"_default|\w\.main|scope_group", "".join(shown.values()))


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_cannot_forge_a_line(name: str) -> None:
    stream = io.StringIO()
    with progress(stream) as listen:
        listen(Event(EventKind.NOTE, TEXTS[name], TEXTS[name]))

    assert len(stream.getvalue().splitlines()) == 1
    assert "\x1b" not in stream.getvalue()


def test_quiet_is_quiet() -> None:
    for stream in (io.StringIO(), Terminal()):
        with progress(stream, quiet=True) as listen:
            for event in (STARTED, WAITING, NOTE, FINISHED):
                listen(event)

        assert stream.getvalue() == ""


def test_a_terminal_sees_what_happens_and_is_left_clean() -> None:
    stream = Terminal()
    with progress(stream) as listen:
        listen(STARTED)
        listen(NOTE)
        shown = stream.getvalue()
    drawn = stream.getvalue()

    assert "Create its enterprise application" in shown
    assert "clock: 7 minutes behind" in shown
    assert shown.count(HIDE_CURSOR) == 1 > shown.count(SHOW_CURSOR)
    assert drawn.rindex(SHOW_CURSOR) > drawn.rindex(HIDE_CURSOR)


def test_a_line_too_long_for_the_window_keeps_its_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    stream = Terminal()
    with progress(stream) as listen:
        listen(Event(EventKind.STARTED, "long", "Tell Exchange Online about the service principal"))
        listen(Event(EventKind.FINISHED, "long", "done"))
    last = re.findall(r"(\S) .{0,9}Tell Exchange", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue()))[-1]

    assert last == "✓"


def test_ctrl_c_gives_the_cursor_back() -> None:
    stream = Terminal()
    with pytest.raises(KeyboardInterrupt), progress(stream) as listen:
        listen(STARTED)
        listen(WAITING)
        raise KeyboardInterrupt

    assert stream.getvalue().rindex(SHOW_CURSOR) > stream.getvalue().rindex(HIDE_CURSOR)


def test_nothing_is_drawn_while_a_person_is_asked() -> None:
    stream = Terminal()
    with progress(stream) as listen:
        listen(STARTED)
        with listen.paused():
            asked_at = len(stream.getvalue())
            assert stream.getvalue().rindex(SHOW_CURSOR) > stream.getvalue().rindex(HIDE_CURSOR)
            threading.Event().wait(0.3)
            assert asked_at == len(stream.getvalue())
        assert HIDE_CURSOR in stream.getvalue()[asked_at:]


def test_events_during_a_pause_are_shown_after_it() -> None:
    stream = Terminal()
    with progress(stream) as listen:
        with listen.paused():
            listen(STARTED)
            listen(NOTE)
            assert stream.getvalue() == ""

        assert "clock: 7 minutes behind" in stream.getvalue()
        assert HIDE_CURSOR in stream.getvalue()


def test_a_terminal_that_can_do_nothing_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    with progress(stream) as listen:
        listen(STARTED)

    assert stream.getvalue() == "Create its enterprise application\n"


def test_a_forced_colour_does_not_animate_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    stream = io.StringIO()
    with progress(stream) as listen:
        listen(STARTED)

    assert stream.getvalue() == "Create its enterprise application\n"


def test_a_closed_stream_ends_the_talk_not_the_work() -> None:
    for stream in (io.StringIO(), Terminal()):
        with progress(stream) as listen:
            listen(STARTED)
            stream.close()
            listen(WAITING)
            listen(FINISHED)


def test_a_broken_pipe_ends_the_talk_not_the_work() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, "w")
    with progress(stream) as listen:
        listen(STARTED)
        listen(FINISHED)
    with pytest.raises(BrokenPipeError):
        stream.close()


def test_threads_may_speak_at_the_same_time() -> None:
    stream = io.StringIO()
    with progress(stream) as listen:
        speakers = [threading.Thread(target=lambda: [listen(NOTE) for _ in range(50)]) for _ in range(4)]
        for each in speakers:
            each.start()
        for each in speakers:
            each.join()

    assert stream.getvalue().splitlines() == ["clock: 7 minutes behind"] * 200
