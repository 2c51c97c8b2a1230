"""The sandbox as a process of its own, homes that find it, and the command line: as a real process, or forked.

Starting Python and importing the SDKs costs over a second; a fork of a process that has imported everything costs a
few hundredths. `forked` runs exactly what the console script runs, in such a child. What matters about a real process
(arguments, environment, signals, standard streams) is tested with `cli`.
"""

from __future__ import annotations

import faulthandler
import functools
import gc
import importlib
import json
import logging
import os
import pkgutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, TypeAlias

import typer.main
from cryptography.hazmat.primitives import serialization

_TASKS = len(list(Path("/proc/self/task").iterdir())) if Path("/proc/self/task").is_dir() else 1
"""How many threads this process has before any test: a parallel run has one that Python does not count."""

SENDER = "cryptshare@contoso.example"
NEIGHBOUR = "neighbour@contoso.example"
PLAYBOOK = "cryptshare/server"
PARAMETERS = ("--set", f"sender_mailbox={SENDER}", "--set", f"denied_mailbox={NEIGHBOUR}")
"""What the playbook must be told in the sandbox."""

START_SECONDS = 30.0
LONGEST_SECONDS = 120.0

_LAZY = (
    "anyio._backends._asyncio",
    "azure.core.pipeline.transport._requests_basic",
    "azure.identity",
    "cryptography.hazmat.backends.openssl.backend",
    "encodings.idna",
    "encodings.utf_16_be",
    "h11",
    "h2.connection",
    "httpcore",
    "jwt",
    "msal_extensions",
    "msgraph",
    "msgraph.generated.applications.item.add_password.add_password_post_request_body",
    "msgraph.generated.applications.item.application_item_request_builder",
    "msgraph.generated.applications.item.remove_password.remove_password_post_request_body",
    "msgraph.generated.applications_with_unique_name.applications_with_unique_name_request_builder",
    "msgraph.generated.directory.deleted_items.graph_application.graph_application_request_builder",
    "msgraph.generated.models.app_role_assignment",
    "msgraph.generated.models.application",
    "msgraph.generated.models.o_data_errors.o_data_error",
    "msgraph.generated.models.service_principal",
    "msgraph.generated.organization.organization_request_builder",
    "msgraph.generated.service_principals.item.app_role_assigned_to.app_role_assigned_to_request_builder",
    "msgraph.generated.service_principals.item.app_role_assignments.app_role_assignments_request_builder",
    "msgraph.generated.service_principals.item.service_principal_item_request_builder",
    "msgraph.generated.service_principals_with_app_id.service_principals_with_app_id_request_builder",
    "msgraph.generated.users.item.messages.messages_request_builder",
    "pydantic",
    "pydantic.dataclasses",
    "pydantic.fields",
    "pypsrp.complex_objects",
    "pypsrp.powershell",
    "pypsrp.wsman",
    "pyrage",
    "rich.console",
    "rich.live",
    "ruamel.yaml",
)
"""Libraries that the program imports inside functions, beside what its own modules import."""

_NOT_WARMED = ("provisioner.sandbox", "provisioner.__main__")
"""The simulator is another process."""


Snapshot: TypeAlias = tuple[tuple[Any, ...], ...]
"""Every version of every document, as the sandbox's database keeps them."""


class ManagementFault(AssertionError):
    """The sandbox's management plane refused a request of a test: the test is wrong."""


class Sandbox:
    """One running sandbox and its management plane."""

    def __init__(self, directory: Path, process: subprocess.Popen[bytes] | None, endpoints: dict[str, Any]) -> None:
        self.directory = directory
        self.process = process
        self.endpoints = endpoints
        """The content of endpoints.json."""
        self._address = urllib.parse.urlsplit(str(endpoints["management"]))
        self._connection: HTTPConnection | None = None
        self._owner = os.getpid()

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """One request to the management plane; its JSON answer. A refusal fails the test."""
        data = None if body is None else json.dumps(body).encode()
        for last in (False, True):
            connection = self._connected()
            try:
                connection.request(method, path, data, {"Content-Type": "application/json"})
                reply = connection.getresponse()
                text = reply.read()
                break
            except (ConnectionError, OSError):
                connection.close()
                self._connection = None
                if last:
                    raise
        answer: dict[str, Any] = json.loads(text) if text else {}
        if reply.status >= 400:
            raise ManagementFault(f"{method} {path}: {answer}")
        return answer

    def reset(self) -> None:
        """A fresh tenant without faults, settings and history; the operator's credentials and time stay."""
        self.call("POST", "/reset")
        self.call("DELETE", "/history")

    def state(self) -> dict[str, list[dict[str, Any]]]:
        """Every living document by collection."""
        return self.call("GET", "/state")

    def state_hash(self, *without: str) -> str:
        """One hash over the state, leaving collections out."""
        return str(self.call("GET", f"/state/hash?without={','.join(without)}")["hash"])

    def history(self, since: int = 0) -> list[dict[str, Any]]:
        """Requests after a sequence number: seq, at, protocol, operation, caller, status, write, detail."""
        return list(self.call("GET", f"/history?since={since}")["history"])

    def mark(self) -> int:
        """The sequence number of the newest request, for `history` and `writes`."""
        lines = self.history()
        return int(lines[-1]["seq"]) if lines else 0

    def writes(self, since: int = 0) -> list[str]:
        """Requests after a sequence number that asked to change the tenant, as `protocol operation`."""
        return [f"{each['protocol']} {each['operation']}" for each in self.history(since) if each["write"]]

    def fault(
        self,
        effect: Mapping[str, Any],
        *,
        protocol: str | None = None,
        match: str = "",
        nth: int | None = None,
        every: int | None = None,
        times: int | None = None,
    ) -> None:
        """One fault rule; see provisioner/sandbox/faults.py."""
        rule = {"protocol": protocol, "match": match, "effect": dict(effect)}
        numbers = {"nth": nth, "every": every, "times": times}
        self.call("POST", "/faults", rule | {name: number for name, number in numbers.items() if number is not None})

    def clear_faults(self) -> None:
        """Drop all rules, release what is held."""
        self.call("DELETE", "/faults")

    def held(self) -> list[dict[str, Any]]:
        """Requests whose reply is withheld."""
        return list(self.call("GET", "/held")["held"])

    def release(self) -> None:
        """Let all held requests go on."""
        self.call("POST", "/release", {})

    def snapshot(self) -> Snapshot:
        """What the tenant holds, with its past; for `restore`."""
        with closing(self._database()) as database:
            return tuple(database.execute("SELECT seq, collection, id, written_at, document FROM versions"))

    def restore(self, rows: Snapshot) -> None:
        """Make the tenant hold what it held, as `reset` does with a fresh one."""
        self.call("DELETE", "/faults")
        with closing(self._database()) as database, database:
            database.execute("DELETE FROM versions")
            database.executemany("INSERT INTO versions VALUES (?, ?, ?, ?, ?)", rows)
        self.call("DELETE", "/history")
        # A reset in between gave the host another password, and wrote it to the file that clients read.
        self.host(password=Path(self.endpoints["wsman"]["passwordFile"]).read_text())

    def _database(self) -> sqlite3.Connection:
        return sqlite3.connect(self.directory / "state.sqlite", timeout=10)

    def now(self) -> float:
        """The tenant's time, epoch seconds."""
        return float(self.call("GET", "/clock")["now"])

    def advance(self, seconds: float) -> None:
        """Let time pass (virtual clock, or ahead of the real one)."""
        self.call("POST", "/clock/advance", {"seconds": seconds})

    def settings(self, **changes: Any) -> None:
        """Change settings of the tenant; None takes one back."""
        self.call("POST", "/settings", changes)

    def host(self, **changes: Any) -> dict[str, Any]:
        """Change the management host; its settings."""
        return self.call("POST", "/host", changes)

    def plant(self, collection: str, document: Mapping[str, Any]) -> None:
        """Put a document there as if it had always been."""
        self.call("POST", "/plant", {"collection": collection, "document": dict(document)})

    def unplant(self, collection: str, identifier: str) -> None:
        """Take a document away as if it had never been."""
        self.call("POST", "/plant", {"collection": collection, "id": identifier, "document": None})

    def close(self) -> None:
        """Let go of the management plane."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> HTTPConnection:
        # A connection must not be shared with a forked child.
        if self._connection is None or self._owner != os.getpid():
            assert self._address.hostname is not None
            self._connection = HTTPConnection(self._address.hostname, self._address.port, timeout=60)
            self._owner = os.getpid()
        return self._connection


@contextmanager
def running_sandbox(
    directory: Path, *, profile: str = "calm", seed: int = 1, virtual: bool = True
) -> Iterator[Sandbox]:
    """A sandbox in its own process over `directory`, until the block ends. One a module is enough: `reset` is quick."""
    directory.mkdir(parents=True, exist_ok=True)
    arguments = ["sandbox", "serve", "--directory", str(directory), "--profile", profile, "--seed", str(seed)]
    clock = ["--virtual-clock"] if virtual else []
    log = directory / "log.txt"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "provisioner", *arguments, *clock, "--until-stdin-closes"],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
        )
    try:
        with closing(Sandbox(directory, process, _endpoints(directory, process, log))) as sandbox:
            yield sandbox
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _endpoints(directory: Path, process: subprocess.Popen[bytes], log: Path) -> dict[str, Any]:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            found: dict[str, Any] = json.loads((directory / "endpoints.json").read_text())
        except (OSError, ValueError):
            time.sleep(0.02)
            continue
        if found["pid"] == process.pid:
            return found
    raise AssertionError(f"the sandbox did not start:\n{log.read_text()}")


def fresh_home(place: Path, sandbox: Sandbox) -> Path:
    """An empty PROVISIONER_HOME whose tenant `sandbox` is the given one."""
    place.mkdir(parents=True)
    (place / "sandbox").symlink_to(sandbox.directory, target_is_directory=True)
    return place


def environment(home: Path, **more: str) -> dict[str, str]:
    """The environment of a command: ours without any PROVISIONER_* variable, and with a fixed width."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PROVISIONER", "PYTEST"))}
    return {**inherited, "PROVISIONER_HOME": str(home), "COLUMNS": "200", "NO_COLOR": "1", **more}


def cli(
    *arguments: str,
    home: Path,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    cwd: Path | None = None,
    seconds: float = LONGEST_SECONDS,
) -> subprocess.CompletedProcess[str]:
    """Run the command line as a real process; it has no terminal."""
    return subprocess.run(
        [sys.executable, "-m", "provisioner", *arguments],
        env=environment(home, **(env or {})),
        input=stdin or "",
        capture_output=True,
        encoding="utf-8",
        cwd=cwd,
        timeout=seconds,
        check=False,
    )


@dataclass
class Child:
    """A forked run of the command line."""

    pid: int
    arguments: tuple[str, ...]
    _out: Any
    _err: Any
    _status: int | None = None

    def poll(self) -> int | None:
        """The exit code (negative: the signal that ended it), or None while it runs."""
        if self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._status = os.waitstatus_to_exitcode(status)
        return self._status

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def wait(self, seconds: float = LONGEST_SECONDS) -> subprocess.CompletedProcess[str]:
        """Its end. A run that takes longer is killed and fails the test."""
        until = time.monotonic() + seconds
        while self.poll() is None:
            if time.monotonic() > until:
                self.kill(signal.SIGUSR1)  # shows where it hangs
                time.sleep(0.2)
                self.kill()
                os.waitpid(self.pid, 0)
                raise AssertionError(f"still running after {seconds} s: {self.arguments}\n{self._text(self._err)}")
            time.sleep(0.002)
        assert self._status is not None
        ended = subprocess.CompletedProcess(self.arguments, self._status, self._text(self._out), self._text(self._err))
        self._out.close()
        self._err.close()
        return ended

    @staticmethod
    def _text(file: Any) -> str:
        """What was written; read once."""
        with file:
            file.seek(0)
            return str(file.read().decode("utf-8", "replace"))


def forked(
    *arguments: str, home: Path, env: Mapping[str, str] | None = None, before: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command line in a forked child: the quick way. `before` runs in the child ahead of the program."""
    return start_forked(*arguments, home=home, env=env, before=before).wait()


def start_forked(
    *arguments: str,
    home: Path,
    env: Mapping[str, str] | None = None,
    before: Callable[[], None] | None = None,
) -> Child:
    """Start the command line in a forked child without a terminal."""
    warm()
    assert threading.active_count() == 1, f"a fork of several threads is not safe: {threading.enumerate()}"
    _let_threads_end()
    out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 the Child reads them
    pid = os.fork()
    if pid == 0:
        _as_program(arguments, environment(home, **(env or {})), out.fileno(), err.fileno(), before)
    return Child(pid, arguments, out, err)


def _let_threads_end() -> None:
    """Wait for threads that Python counts no more and that are still on their way out.

    A sign-in's thread gives back what OpenSSL keeps for it, under a lock; a child forked in that moment finds the lock
    taken for ever.
    """
    tasks = Path("/proc/self/task")
    until = time.monotonic() + 5
    while tasks.is_dir() and len(list(tasks.iterdir())) > _TASKS and time.monotonic() < until:
        time.sleep(0.001)


def _as_program(
    arguments: Sequence[str],
    variables: Mapping[str, str],
    out: int,
    err: int,
    before: Callable[[], None] | None,
) -> None:
    """Be the console script. Never returns."""
    code: object = 1
    try:
        empty = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((empty, 0), (out, 1), (err, 2)):
            os.dup2(source, target)
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 a descriptor
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115
        os.environ.clear()
        os.environ.update(variables)
        sys.argv = ["provisioner", *arguments]
        logging.root.handlers.clear()
        warnings.resetwarnings()
        warnings.simplefilter("ignore")
        signal.signal(signal.SIGINT, signal.default_int_handler)
        faulthandler.register(signal.SIGUSR1, file=2)
        from provisioner.cli.main import main

        if before is not None:
            before()
        main()
        code = 0
    except SystemExit as end:
        code = end.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code if isinstance(code, int) else 0 if code is None else 1)


@functools.cache
def warm() -> None:
    """Import all that the command line will import, once in the parent."""
    import provisioner

    found = (each.name for each in pkgutil.walk_packages(provisioner.__path__, "provisioner."))
    with warnings.catch_warnings(action="ignore"):
        for name in (*(each for each in found if not each.startswith(_NOT_WARMED)), *_LAZY):
            importlib.import_module(name)
    from provisioner import playbook

    for each in playbook.bundled():
        playbook.load(*playbook.find(each.name))
    if not hasattr(typer.main.get_command, "cache_clear"):
        # The tree of commands is the same in every child, and takes a fifth of what a short command does.
        typer.main.get_command = functools.cache(typer.main.get_command)
        typer.main.get_command(importlib.import_module("provisioner.cli.main").app)
        # The sandbox made the operator's key a moment ago: checking it takes a third of what a short command does.
        load = functools.partial(serialization.load_pem_private_key, unsafe_skip_rsa_key_validation=True)
        serialization.load_pem_private_key = load
    gc.collect()
    gc.freeze()  # children then copy fewer pages
