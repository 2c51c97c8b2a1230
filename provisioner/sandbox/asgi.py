"""What every HTTP listener of the sandbox needs below its framework: a way to hang up without a reply.

An application asks ``scope["abort"]()``; whatever it sends afterwards goes nowhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Abortable:
    """Wraps an ASGI application served by uvicorn and gives its requests ``scope["abort"]``."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        aborted = False

        def abort() -> None:
            nonlocal aborted
            aborted = True
            _transport(send).abort()

        async def send_unless_aborted(message: Message) -> None:
            if not aborted:
                await send(message)

        await self._app({**scope, "abort": abort}, receive, send_unless_aborted)
        while aborted and (await receive())["type"] != "http.disconnect":
            pass  # uvicorn calls a missing reply an error until it has noticed that the peer is gone


def abort_of(scope: Scope) -> Callable[[], None]:
    """The function that hangs up on this request."""
    abort: Callable[[], None] = scope["abort"]
    return abort


def _transport(send: Send) -> Any:
    return send.__self__.transport  # type: ignore[attr-defined]
