"""Mailbox protocols over TLS from the first byte: a port, and one conversation in lines for each connection."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
import threading
from collections.abc import Awaitable, Callable

from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.faults import Effect

SERVER = "SBXP01CA0001.SBXPR01.PROD.OUTLOOK.COM"
BANNER = base64.b64encode(SERVER.encode()).decode()
"""What Exchange puts in brackets behind its greeting: the name of the server, in base64."""

_LONGEST_LINE = 64 * 1024


class HungUp(Exception):
    """The client is gone, or a fault cut the connection."""


class Conversation:
    """One connection: lines in, lines out."""

    def __init__(self, sandbox: Sandbox, protocol: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.sandbox = sandbox
        self._protocol = protocol
        self._reader = reader
        self._writer = writer

    async def line(self) -> str:
        """The next line without its end. HungUp when there is none, or it is too long."""
        try:
            raw = await self._reader.readuntil(b"\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError) as problem:
            raise HungUp from problem
        return raw.decode("utf-8", "replace").rstrip("\r\n")

    async def octets(self, count: int) -> str:
        """So many bytes as text."""
        try:
            return (await self._reader.readexactly(count)).decode("utf-8", "replace")
        except (asyncio.IncompleteReadError, OSError) as problem:
            raise HungUp from problem

    async def say(self, *lines: str) -> None:
        """Write lines."""
        self._writer.write("".join(f"{line}\r\n" for line in lines).encode())
        try:
            await self._writer.drain()
        except OSError as problem:
            raise HungUp from problem

    async def strikes(self, verb: str, *, after: bool = False) -> Effect | None:
        """A fault on this verb, if one was asked for; one that drops the connection does so."""
        faults = self.sandbox.faults
        effect = await (faults.after if after else faults.before)(self._protocol, verb)
        if effect is not None and effect.drop:
            self._writer.transport.abort()
            raise HungUp
        return effect

    def log(self, verb: str, caller: str, status: str) -> None:
        """One line of history."""
        self.sandbox.history.append(self._protocol, verb, caller=caller, status=status)


Converse = Callable[[Conversation], Awaitable[None]]


class LineListener:
    """A TLS port in a thread and loop of its own."""

    def __init__(self, protocol: str, converse: Converse) -> None:
        self._protocol = protocol
        self._converse = converse
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._server: asyncio.Server | None = None
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    def start(self, sandbox: Sandbox, host: str, port: int, ssl_context: ssl.SSLContext) -> int:
        """Listen; 0 takes a free port. Returns the port. OSError when it is taken."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=self._protocol, daemon=True)
        self._thread.start()
        listening = self._listen(sandbox, host, port, ssl_context)
        try:
            return asyncio.run_coroutine_threadsafe(listening, self._loop).result()
        except OSError:
            self._end()
            raise

    def stop(self) -> None:
        """Close the port and every conversation."""
        if self._loop is not None and self._server is not None:
            asyncio.run_coroutine_threadsafe(self._close(self._server), self._loop).result()
            self._server = None
        self._end()

    async def _listen(self, sandbox: Sandbox, host: str, port: int, ssl_context: ssl.SSLContext) -> int:
        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._open[task] = writer
            try:
                with contextlib.suppress(HungUp):
                    await self._converse(Conversation(sandbox, self._protocol, reader, writer))
            finally:
                del self._open[task]
                writer.close()

        self._server = await asyncio.start_server(accept, host, port, ssl=ssl_context, limit=_LONGEST_LINE)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def _close(self, server: asyncio.Server) -> None:
        server.close()
        for writer in self._open.values():
            writer.transport.abort()
        while self._open:  # noqa: ASYNC110 - each conversation notices in the loop's own time
            await asyncio.sleep(0.005)
        await server.wait_closed()

    def _end(self) -> None:
        if self._loop is None or self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = self._thread = None
