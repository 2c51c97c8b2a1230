"""An IMAP or POP server whose every answer is scripted, over TLS. Written from RFC 9051, 1939 and 5034."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from smtp_double import DROP, HANG


@dataclass
class LineDouble:
    """A running server and what it was told."""

    port: int = 0
    lines: list[str] = field(default_factory=list)


@asynccontextmanager
async def line_double(
    context: ssl.SSLContext, greeting: str, answer: Callable[[str], str]
) -> AsyncIterator[LineDouble]:
    """Serve until the block ends. `answer` gives what follows a line; DROP closes and HANG says nothing more."""
    double = LineDouble()

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: str) -> bool:
        if text == HANG:
            await reader.read()
        if text in (HANG, DROP):
            return False
        writer.write(text.encode() + b"\r\n")
        await writer.drain()
        return True

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            going = await say(reader, writer, greeting)
            while going:
                line = (await reader.readuntil(b"\n")).decode().rstrip("\r\n")
                double.lines.append(line)
                going = await say(reader, writer, answer(line))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    double.port = server.sockets[0].getsockname()[1]
    try:
        yield double
    finally:
        server.close()
