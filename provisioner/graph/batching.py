"""`Batcher`: the requests of one loop turn travel together.

Code above asks for what it needs, one thing per call, and `asyncio.gather` is all it takes to make them one trip. Our
own `$batch`, because msgraph_core's cannot be used (source: python-stack.md 1). Each request keeps its own fate: its
own status, its own fault, its own patience. Only what is harmless to repeat comes here (reads, and most writes),
because a trip that is lost is repeated with all that was on it; what is asked at once does not depend on each other,
so the order in which Graph carries a batch out does not matter.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from provisioner.errors import ServiceFault

MOST_PER_BATCH = 20
"""Source: graph.md 2.1."""


@dataclass(frozen=True)
class Request:
    """One request that is harmless to repeat: its address below the version, and what to call it in an error."""

    method: str
    path: str
    operation: str
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    """JSON."""


@dataclass(frozen=True)
class Part:
    """What a batch answered to one request."""

    status: int
    headers: object
    body: object


Alone = Callable[[Request], Awaitable[Part]]
Together = Callable[[bytes], Awaitable[Mapping[str, Part]]]


class Batcher:
    """Collects requests until a loop turn brings no more, then sends them.

    One request goes alone; up to 20 go together; more are split. `alone` sends one request, `together` the body of a
    `$batch` and answers its parts by id.
    """

    def __init__(self, alone: Alone, together: Together) -> None:
        self._alone = alone
        self._together = together
        self._waiting: list[tuple[Request, asyncio.Future[Part]]] = []
        self._under_way: set[asyncio.Task[None]] = set()

    async def send(self, request: Request) -> Part:
        """The answer to one request. Raises what the whole batch ran into, where it did not get as far as this one."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Part] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._turn, loop, 0)
        self._waiting.append((request, future))
        return await future

    async def close(self) -> None:
        """Drop what is under way."""
        for task in tuple(self._under_way):
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _turn(self, loop: asyncio.AbstractEventLoop, seen: int) -> None:
        """Wait one more turn while requests keep coming: a `gather` within a `gather` starts a turn later."""
        if len(self._waiting) > seen:
            loop.call_soon(self._turn, loop, len(self._waiting))
            return
        waiting, self._waiting = self._waiting, []
        for start in range(0, len(waiting), MOST_PER_BATCH):
            task = loop.create_task(self._send(waiting[start : start + MOST_PER_BATCH]))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _send(self, asked: list[tuple[Request, asyncio.Future[Part]]]) -> None:
        asked = [(request, future) for request, future in asked if not future.done()]
        try:
            if len(asked) == 1:
                _settle(asked[0][1], await self._alone(asked[0][0]))
            elif asked:
                await self._send_together(asked)
        except asyncio.CancelledError:
            for _, future in asked:
                future.cancel()
            raise
        except Exception as error:
            for _, future in asked:
                if not future.done():
                    future.set_exception(error)

    async def _send_together(self, asked: list[tuple[Request, asyncio.Future[Part]]]) -> None:
        requests = [_item(str(number), request) for number, (request, _) in enumerate(asked)]
        try:
            parts = await self._together(json.dumps({"requests": requests}).encode())
        except ServiceFault as error:
            if error.fault.status != 400:
                raise
            await self._send_each(asked)  # one malformed request must not take the others with it
            return
        for number, (_, future) in enumerate(asked):
            _settle(future, parts.get(str(number), Part(504, {}, None)))  # unanswered: as good as a gateway's silence

    async def _send_each(self, asked: list[tuple[Request, asyncio.Future[Part]]]) -> None:
        for request, future in asked:
            try:
                _settle(future, await self._alone(request))
            except ServiceFault as error:
                if not future.done():
                    future.set_exception(error)


def _item(number: str, request: Request) -> dict[str, object]:
    item: dict[str, object] = {"id": number, "method": request.method, "url": request.path}
    if request.headers:
        item["headers"] = dict(request.headers)
    if request.content is not None:
        item["body"] = json.loads(request.content)
    return item


def _settle(future: asyncio.Future[Part], part: Part) -> None:
    if not future.done():
        future.set_result(part)
