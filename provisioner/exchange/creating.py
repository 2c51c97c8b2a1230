"""Making a thing whose name is unique, though an answer may be lost.

A lost answer is looked into before anything is repeated; and since Exchange takes a name only once, one repetition
cannot make a second thing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from provisioner.errors import Absent, UnknownOutcome
from provisioner.exchange.interface import CmdletReply, Exchange, Parameter
from provisioner.model.faults import Fault

T = TypeVar("T")


async def create_once(
    exchange: Exchange,
    cmdlet: str,
    parameters: Mapping[str, Parameter],
    read: Callable[[Mapping[str, object]], T],
    find: Callable[[], Awaitable[T | None]],
) -> T:
    """What a `New-` cmdlet made. Raises `AlreadyThere` where the name is taken.

    Where the cmdlet prints nothing, the thing is looked for; `Absent` then means that this replica has not heard of it.
    """
    try:
        reply = await exchange.run(cmdlet, parameters)
    except UnknownOutcome:
        found = await find()
        if found is not None:
            return found
        reply = await exchange.run(cmdlet, parameters)
    return await _made(cmdlet, reply, read, find)


async def _made(
    cmdlet: str,
    reply: CmdletReply,
    read: Callable[[Mapping[str, object]], T],
    find: Callable[[], Awaitable[T | None]],
) -> T:
    for each in reply.output:
        return read(each)
    found = await find()
    if found is None:
        raise Absent(Fault("exchange", cmdlet, 404, "NoOutput", "what was made is not visible yet"))
    return found
