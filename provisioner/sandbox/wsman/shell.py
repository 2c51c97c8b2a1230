"""A remote shell: one runspace pool of psrpcore's server half, its pipelines, and the queues a client reads by Receive.

psrpcore is no friend of threads: everything here runs on one event loop.
"""

from __future__ import annotations

import asyncio
import struct
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import psrpcore
from psrpcore import types as ps

from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.wsman import refusals
from provisioner.sandbox.wsman.pipeline import ConnectionLost, Pipeline
from provisioner.sandbox.wsman.runspace import Runspace

FRAGMENT_BYTES: Final = 32768
_FRAGMENT_HEADER: Final = struct.Struct(">QQBI")
_RUNSPACEPOOL_STATE: Final = 0x00021005

_VERSIONS: Final = {
    "PSVersion": "5.1.20348.2849",
    "CLRVersion": "4.0.30319.42000",
    "BuildVersion": "10.0.20348.2849",
    "WSManStackVersion": "3.0",
    "PSRemotingProtocolVersion": "2.3",
    "SerializationVersion": "1.1.0.1",
}


@dataclass(frozen=True)
class Received:
    """What one Receive hands over: fragments, each of which becomes a stream element, and whether that was all."""

    fragments: tuple[bytes, ...]
    done: bool


class Shell:
    """One shell of one user. `address` is the resource URI it was created under, `idle_timeout` a duration."""

    def __init__(
        self, sandbox: Sandbox, shell_id: str, owner: str, address: str, idle_timeout: str, runspace: Runspace
    ) -> None:
        self.id = shell_id
        self.owner = owner
        self.address = address
        self.idle_timeout = idle_timeout
        self.opened_at = sandbox.clock.now()
        self.connected = True
        self.lost = False
        self._sandbox = sandbox
        self._runspace = runspace
        self._pool: Any = psrpcore.ServerRunspacePool(application_private_data={"PSVersionTable": _version_table()})
        self._queues: dict[uuid.UUID | None, deque[bytes]] = {None: deque()}
        self._pipelines: dict[uuid.UUID, Pipeline] = {}
        self._tasks: dict[uuid.UUID, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()
        self._modules_loaded = not runspace.loads_modules
        self._closed = False

    def feed(self, data: bytes, command: uuid.UUID | None = None) -> None:
        """Take in fragments of the remoting protocol. Raises Refused when they are none."""
        if command is not None and command not in self._pipelines:
            raise refusals.command_not_found()
        try:
            self._pool.receive_data(psrpcore.PSRPPayload(data, psrpcore.StreamType.default, command))
            while (event := self._pool.next_event()) is not None:
                self._handle(event)
        except (psrpcore.PSRPCoreError, ValueError, KeyError, AttributeError, struct.error, SyntaxError) as problem:
            # SyntaxError is what ElementTree's ParseError derives from.
            raise refusals.malformed(str(problem)) from None
        self._flush()

    def begin(self, command: uuid.UUID, data: bytes) -> None:
        """Start a pipeline from its first fragments."""
        self._queues[command] = deque()
        # The pipeline must be in psrpcore's table before it reads the message that creates it.
        server = psrpcore.ServerPipeline(self._pool, command)
        self._pipelines[command] = Pipeline(self._sandbox, self._runspace, server, self._flush, self.owner)
        self.feed(data, command)

    async def receive(self, command: uuid.UUID | None, patience: float, limit: int) -> Received:
        """Wait for messages of a pipeline or of the pool, at most `patience` seconds; `limit` bytes of fragments.

        Raises Refused (timed out, command or shell gone) and ConnectionLost.
        """
        if command is not None and command not in self._pipelines:
            raise refusals.command_not_found()
        try:
            async with asyncio.timeout(patience):
                while not self._ready(command):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise refusals.timed_out() from None
        if self.lost:
            raise ConnectionLost
        if self._closed:
            raise refusals.shell_gone()
        fragments = tuple(self._take(self._queues.get(command, deque()), limit))
        pipeline = None if command is None else self._pipelines.get(command)
        done = pipeline is not None and pipeline.finished and not self._queues[pipeline.server.pipeline_id]
        return Received(fragments, done)

    def receives(self, command: uuid.UUID | None) -> int:
        """Count one more Receive of a pipeline, and say which it is."""
        pipeline = None if command is None else self._pipelines.get(command)
        if pipeline is None:
            return 0
        pipeline.receives += 1
        return pipeline.receives

    async def stop(self, command: uuid.UUID) -> None:
        """Stop a running pipeline; a finished one is left as it is."""
        pipeline = self._pipelines.get(command)
        task = self._tasks.get(command)
        if pipeline is None or task is None or pipeline.finished:
            return
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def forget(self, command: uuid.UUID) -> None:
        """The client is done with a pipeline."""
        await self.stop(command)
        for table in (self._pipelines, self._queues, self._tasks, self._pool.pipeline_table):
            table.pop(command, None)

    def close(self) -> None:
        """End the shell and every pipeline in it; whoever waits on it is told."""
        self._closed = True
        for task in self._tasks.values():
            task.cancel()
        self._changed.set()

    def disconnect(self) -> None:
        """The client leaves, the shell stays."""
        self._pool.state = ps.RunspacePoolState.Disconnected
        self.connected = False

    def reconnect(self) -> None:
        """The same client is back."""
        self._pool.state = ps.RunspacePoolState.Opened
        self.connected = True

    def _ready(self, command: uuid.UUID | None) -> bool:
        if self.lost or self._closed:
            return True
        pipeline = None if command is None else self._pipelines.get(command)
        return bool(self._queues.get(command)) or (command is not None and (pipeline is None or pipeline.finished))

    def _handle(self, event: Any) -> None:
        if isinstance(event, psrpcore.CreatePipelineEvent | psrpcore.GetCommandMetadataEvent):
            command = event.pipeline_id
            self._tasks[command] = asyncio.create_task(self._run(self._pipelines[command]))
        elif isinstance(event, psrpcore.EndOfPipelineInputEvent):
            self._pipelines[event.pipeline_id].input_ended.set()
        elif isinstance(event, psrpcore.GetAvailableRunspacesEvent):
            self._pool.runspace_availability_response(event.ci, self._pool.max_runspaces - self._running())
        elif isinstance(
            event, psrpcore.SetMaxRunspacesEvent | psrpcore.SetMinRunspacesEvent | psrpcore.ResetRunspaceStateEvent
        ):
            self._pool.runspace_availability_response(event.ci, True)

    @behaviour(
        "A pool runs as many pipelines at once as it has runspaces; the next one waits",
        source="unverified (MS-PSRP: MaxRunspaces)",
        if_wrong="a client that starts two pipelines in a pool of one sees them run side by side",
    )
    async def _run(self, pipeline: Pipeline) -> None:
        try:
            while self._running() >= self._pool.max_runspaces:
                self._changed.clear()
                await self._changed.wait()
            loading, self._modules_loaded = not self._modules_loaded, True
            await pipeline.run(loading_modules=loading)
        except asyncio.CancelledError:
            pipeline.stop()
            raise
        except ConnectionLost:
            self.lost = True
        finally:
            pipeline.finished = True
            self._changed.set()

    def _running(self) -> int:
        return sum(each.server.state == ps.PSInvocationState.Running for each in self._pipelines.values())

    def _flush(self) -> None:
        while (payload := self._pool.data_to_send(FRAGMENT_BYTES)) is not None:
            queue = self._queues.setdefault(payload.pipeline_id, deque())
            queue.extend(_fragments(payload.data))
        self._changed.set()

    def _take(self, queue: deque[bytes], limit: int) -> Iterator[bytes]:
        taken = 0
        while queue and (taken == 0 or taken + len(queue[0]) <= limit):
            if taken and _message_type(queue[0]) == _RUNSPACEPOOL_STATE:
                return  # recorded hosts say "opened" in a reply of its own
            taken += len(queue[0])
            yield queue.popleft()


def _fragments(data: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(data):
        *_, length = _FRAGMENT_HEADER.unpack_from(data, start)
        end = start + _FRAGMENT_HEADER.size + length
        yield data[start:end]
        start = end


def _message_type(fragment: bytes) -> int:
    _, number, _, length = _FRAGMENT_HEADER.unpack_from(fragment)
    if number or length < 8:
        return 0
    return int.from_bytes(fragment[_FRAGMENT_HEADER.size + 4 : _FRAGMENT_HEADER.size + 8], "little")


def _version_table() -> Any:
    known = {name: ps.PSVersion(version) for name, version in _VERSIONS.items()}
    compatible = [ps.PSVersion(each) for each in ("1.0", "2.0", "3.0", "4.0", "5.0", _VERSIONS["PSVersion"])]
    ordered = {
        "PSVersion": known.pop("PSVersion"),
        "PSEdition": "Desktop",
        "PSCompatibleVersions": compatible,
        **known,
    }
    return ps.PSPrimitiveDictionary(ordered)
