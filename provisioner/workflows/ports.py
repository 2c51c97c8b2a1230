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


class AccountSignIn(Protocol):
    """A product's sign-in as an account, with its password: one attempt, without any cache."""

    async def __call__(
        self,
        tenant: Tenant,
        app_id: AppId,
        secret: Secret | None,
        account: str,
        password: Secret,
        scopes: tuple[str, ...],
    ) -> Token:
        """A fresh token for delegated permissions of one API, or SignInRefused."""


ReadSecret: TypeAlias = Callable[[str, str], Awaitable[Secret]]
"""(a reference such as `env:NAME`, what it is of) -> its value. Raises InputFault where it cannot be had."""

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
    account_sign_in: AccountSignIn
    read_secret: ReadSecret
    agree: Agree
