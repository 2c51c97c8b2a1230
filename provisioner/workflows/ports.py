"""What workflows are lent: connections, places and listeners. Faked in tests, shared across tenants in a fleet."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from provisioner.exchange import Exchange
from provisioner.graph import Graph
from provisioner.home import Home
from provisioner.model.events import Events
from provisioner.model.identifiers import AppId
from provisioner.model.observed import Caller
from provisioner.model.plan import Plan
from provisioner.model.secret import Secret
from provisioner.model.tenant import Tenant
from provisioner.pace import Clock
from provisioner.signin import Token, TokenSource
from provisioner.sinks import Sink


@dataclass(frozen=True)
class Session:
    """One tenant, connected. `exchange` is None where the inventory names no driver."""

    tenant: Tenant
    tokens: TokenSource
    caller: Caller
    graph: Graph
    exchange: Exchange | None
    clock: Clock


class ProductSignIn(Protocol):
    """A product's own sign-in, without any cache."""

    async def __call__(self, tenant: Tenant, app_id: AppId, secret: Secret, audience: str) -> Token:
        """A fresh token, or SignInRefused."""


Agree: TypeAlias = Callable[[Plan], Awaitable[bool]]
"""Shows the plan and asks. A long answer is no harm: what is carried out is compared with what was shown."""


@dataclass(frozen=True)
class Ports:
    """Everything a workflow reaches the world through."""

    home: Home
    events: Events
    connect: Callable[[Tenant], AbstractAsyncContextManager[Session]]
    open_sink: Callable[[str], Sink]
    product_sign_in: ProductSignIn
    agree: Agree
