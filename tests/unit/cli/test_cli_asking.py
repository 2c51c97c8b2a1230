"""Questions at a real terminal: Ctrl-C and Ctrl-D end them at once, and the terminal is as it was."""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

if sys.platform == "win32":
    pytest.skip("a pseudo-terminal of POSIX", allow_module_level=True)

import pty
import termios

PRELUDE = """
import asyncio, sys
import typer
from provisioner.cli.asking import asking
from provisioner.cli.connections import PersonAtTerminal, ask_secret
from provisioner.cli.options import OutputForm
from provisioner.cli.running import run
from provisioner.model.secret import Secret

async def secret():
    ask_secret("password of ada")

async def question():
    assert await asking(OutputForm.JSON, yes=False, question="Apply this plan?")(None) is False

async def shown():
    PersonAtTerminal().show("main, mail", Secret("hunter2"))

try:
    run(WORK, OutputForm.TERMINAL)
except typer.Exit as ended:
    sys.exit(ended.exit_code)
"""
LEAVES_SCREEN = "\x1b[?1049l"


@dataclass
class Terminal:
    """A process at a pseudo-terminal."""

    pid: int
    descriptor: int
    text: str = ""

    def until(self, awaited: str) -> None:
        end = time.monotonic() + 30
        while awaited not in self.text:
            assert time.monotonic() < end, self.text
            self._read()

    def code(self) -> int:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            self._read()
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            if ended:
                self.pid = 0
                self._read()
                return os.waitstatus_to_exitcode(status)
        pytest.fail(f"it still waits for somebody: {self.text}")

    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self.descriptor)[3] & termios.ECHO)

    def _read(self) -> None:
        if select.select([self.descriptor], [], [], 0.1)[0]:
            try:
                self.text += os.read(self.descriptor, 65536).decode(errors="replace")
            except OSError:
                time.sleep(0.05)  # nobody has the other side open any more


@pytest.fixture
def terminal(request: pytest.FixtureRequest) -> Iterator[Terminal]:
    pid, descriptor = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", PRELUDE.replace("WORK", request.param)])
    opened = Terminal(pid, descriptor)
    try:
        yield opened
    finally:
        if opened.pid:
            os.kill(opened.pid, 9)
            os.waitpid(opened.pid, 0)
        os.close(descriptor)


@pytest.mark.parametrize("key", [b"\x03", b"\x04"], ids=["ctrl-c", "ctrl-d"])
@pytest.mark.parametrize(
    ("terminal", "asked"),
    [("secret", "password of ada"), ("question", "Apply this plan?"), ("shown", '"noted"')],
    indirect=["terminal"],
)
def test_a_question_ends_at_once(terminal: Terminal, asked: str, key: bytes) -> None:
    terminal.until(asked)
    time.sleep(0.2)  # until it reads
    os.write(terminal.descriptor, key)
    assert terminal.code() == 130, terminal.text
    assert "interrupted" in terminal.text
    assert "Traceback" not in terminal.text
    assert terminal.echoes()
    if asked == '"noted"':
        assert LEAVES_SCREEN in terminal.text


@pytest.mark.parametrize("terminal", ["question"], indirect=True)
def test_no_is_no(terminal: Terminal) -> None:
    terminal.until("Apply this plan?")
    os.write(terminal.descriptor, b"n\n")
    assert terminal.code() == 0, terminal.text
