"""`off_loop`: run a blocking call beside the event loop, on a thread that nobody waits for.

`asyncio.to_thread` would do, but for one thing: its threads are joined when the process ends, and a person who
presses Ctrl-C while a device code is being polled would wait for up to a quarter of an hour.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def off_loop(call: Callable[[], T]) -> T:
    """The result of `call`, or what it raised. Cancelling leaves the call behind; its result is then dropped."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def deliver(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        outcome: tuple[T | None, BaseException | None]
        try:
            outcome = (call(), None)
        except Exception as error:
            outcome = (None, error)
        with suppress(RuntimeError):  # the loop is closed: the process is on its way out
            loop.call_soon_threadsafe(deliver, *outcome)

    threading.Thread(target=run, name="sign-in", daemon=True).start()
    return await future
