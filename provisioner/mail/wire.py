"""A connection that speaks in lines and can be moved to TLS: what SMTP, IMAP and POP stand on.

Lines that arrive in clear before the move are forgotten with it, so nobody can slip in an answer that seems to come
from inside (the injection that STARTTLS clients are known for).
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress

MOST_BUFFERED_BYTES = 256 * 1024
"""A server that sends more without a line end is none."""

GOODBYE_SECONDS = 1.0


class _Lines(asyncio.Protocol):
    """Collects what arrives until somebody asks for a line."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._news = asyncio.Event()
        self._ended = False
        self.closed = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        self._buffer += data
        if len(self._buffer) > MOST_BUFFERED_BYTES:
            self._ended = True
        self._news.set()

    def eof_received(self) -> bool:
        self._ended = True
        self._news.set()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self._news.set()
        self.closed.set()

    async def line(self) -> bytes:
        while True:
            end = self._buffer.find(b"\n")
            if end >= 0:
                line = bytes(self._buffer[:end]).removesuffix(b"\r")
                del self._buffer[: end + 1]
                return line
            if self._ended:
                raise ConnectionResetError("the server closed the connection")
            self._news.clear()
            await self._news.wait()


class Wire:
    """One open connection. Make it with `connect`."""

    def __init__(self, transport: asyncio.Transport, lines: _Lines) -> None:
        self._transport = transport
        self._lines = lines

    @property
    def own_address(self) -> str:
        """Our end of it as an SMTP address literal, which names no machine: `[192.0.2.1]`."""
        name = self._transport.get_extra_info("sockname")
        address = str(name[0]).partition("%")[0] if name else "127.0.0.1"
        return f"[IPv6:{address}]" if ":" in address else f"[{address}]"

    def send(self, data: bytes) -> None:
        """Put bytes on the way. What we send is small; its fate shows in the next line."""
        self._transport.write(data)

    async def line(self) -> bytes:
        """The next line, without its end. Raises ConnectionResetError where there is none to come."""
        return await self._lines.line()

    async def secure(self, context: ssl.SSLContext, host: str) -> None:
        """Move to TLS. Raises ssl.SSLError (SSLCertVerificationError among them) and OSError."""
        lines = _Lines()
        loop = asyncio.get_running_loop()
        try:
            moved = await loop.start_tls(self._transport, lines, context, server_hostname=host)
        except BaseException:
            self._lines.closed.set()  # asyncio has aborted the connection and tells nobody
            raise
        if moved is None:
            raise ConnectionResetError("the server closed the connection")
        self._transport, self._lines = moved, lines

    async def close(self) -> None:
        """Close politely, then firmly. Never raises."""
        self._transport.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self._lines.closed.wait()
        if not self._lines.closed.is_set():
            self._transport.abort()


async def connect(host: str, port: int, tls: ssl.SSLContext | None = None) -> Wire:
    """An open connection, in clear or in TLS from the first byte. Raises OSError, which ssl.SSLError is, too."""
    loop = asyncio.get_running_loop()
    transport, lines = await loop.create_connection(
        _Lines, host, port, ssl=tls, server_hostname=host if tls is not None else None
    )
    return Wire(transport, lines)
