"""`Batcher`: the reads of one loop turn travel together.

Code above reads what it needs, one thing per call, and `asyncio.gather` is all it takes to make them one trip. Our
own `$batch`, because msgraph_core's cannot be used (source: python-stack.md 1). Each read keeps its own fate: its own
status, its own fault, its own patience.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from provisioner.errors import ServiceFault

MOST_PER_BATCH = 20
"""Source: graph.md 2.1."""


@dataclass(frozen=True)
class Read:
    """One GET: its address below the version, and what to call it in an error."""

    path: str
    operation: str


@dataclass(frozen=True)
class Part:
    """What a batch answered to one read."""

    status: int
    headers: object
    body: object


Alone = Callable[[Read], Awaitable[Part]]
Together = Callable[[bytes], Awaitable[Mapping[str, Part]]]


class Batcher:
    """Collects reads until a loop turn brings no more, then sends them.

    One read goes alone; up to 20 go together; more are split. `alone` sends one request, `together` the body of a
    `$batch` and answers its parts by id.
    """

    def __init__(self, alone: Alone, together: Together) -> None:
        self._alone = alone
        self._together = together
        self._waiting: list[tuple[Read, asyncio.Future[Part]]] = []
        self._under_way: set[asyncio.Task[None]] = set()

    async def read(self, read: Read) -> Part:
        """The answer to one read. Raises what the whole batch ran into, where it did not get as far as the read."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Part] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._turn, loop, 0)
        self._waiting.append((read, future))
        return await future

    async def close(self) -> None:
        """Drop what is under way."""
        for task in tuple(self._under_way):
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _turn(self, loop: asyncio.AbstractEventLoop, seen: int) -> None:
        """Wait one more turn while reads keep coming: a `gather` within a `gather` starts a turn later."""
        if len(self._waiting) > seen:
            loop.call_soon(self._turn, loop, len(self._waiting))
            return
        waiting, self._waiting = self._waiting, []
        for start in range(0, len(waiting), MOST_PER_BATCH):
            task = loop.create_task(self._send(waiting[start : start + MOST_PER_BATCH]))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _send(self, reads: list[tuple[Read, asyncio.Future[Part]]]) -> None:
        reads = [(read, future) for read, future in reads if not future.done()]
        try:
            if len(reads) == 1:
                _settle(reads[0][1], await self._alone(reads[0][0]))
            elif reads:
                await self._send_together(reads)
        except asyncio.CancelledError:
            for _, future in reads:
                future.cancel()
            raise
        except Exception as error:
            for _, future in reads:
                if not future.done():
                    future.set_exception(error)

    async def _send_together(self, reads: list[tuple[Read, asyncio.Future[Part]]]) -> None:
        requests = [{"id": str(number), "method": "GET", "url": read.path} for number, (read, _) in enumerate(reads)]
        try:
            parts = await self._together(json.dumps({"requests": requests}).encode())
        except ServiceFault as error:
            if error.fault.status != 400:
                raise
            await self._send_each(reads)  # one malformed read must not take the others with it
            return
        for number, (_, future) in enumerate(reads):
            _settle(future, parts.get(str(number), Part(504, {}, None)))  # unanswered: as good as a gateway's silence

    async def _send_each(self, reads: list[tuple[Read, asyncio.Future[Part]]]) -> None:
        for read, future in reads:
            try:
                _settle(future, await self._alone(read))
            except ServiceFault as error:
                if not future.done():
                    future.set_exception(error)


def _settle(future: asyncio.Future[Part], part: Part) -> None:
    if not future.done():
        future.set_result(part)
