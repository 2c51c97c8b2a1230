"""What carrying out needs: the connections, the ids bound so far, and patience for a directory that lags."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from provisioner.errors import Absent, ProvisionerError
from provisioner.exchange import Exchange
from provisioner.graph import Graph, applications
from provisioner.home.keys import Keys
from provisioner.model.events import Events
from provisioner.model.faults import Fault
from provisioner.model.identifiers import Address, AppId, ObjectId, TenantId
from provisioner.model.observed import (
    ApplicationObject,
    ExchangeGroup,
    ExchangePrincipal,
    ResourcePrincipal,
    ServicePrincipalObject,
)
from provisioner.model.secret import Secret
from provisioner.pace import Clock
from provisioner.pace.settle import settle
from provisioner.sinks import Sink

T = TypeVar("T")

DIRECTORY_SECONDS = 300.0
"""How long one dependent write waits for the directory to know its own objects. terraform-provider-azuread gives
grants 5 minutes and creations 10; most need seconds."""


class Prover(Protocol):
    """Tries a product's own sign-in, without any cache."""

    async def __call__(self, app_id: AppId, secret: Secret, audience: str) -> str | None:
        """None when a token was had; else why not, so far."""


@dataclass
class Bindings:
    """The ids behind addresses, as they appear."""

    applications: dict[Address, ApplicationObject] = field(default_factory=dict)
    read_again: dict[Address, asyncio.Task[None]] = field(default_factory=dict)
    """Applications that were read once more right before this run's first write to one of their lists."""
    made: set[Address] = field(default_factory=set)
    """Applications that this run has made: nobody else can have changed them yet."""
    service_principals: dict[Address, ServicePrincipalObject] = field(default_factory=dict)
    pointers: dict[Address, ExchangePrincipal] = field(default_factory=dict)
    groups: dict[Address, ExchangeGroup] = field(default_factory=dict)
    resources: dict[AppId, ResourcePrincipal] = field(default_factory=dict)
    accounts: dict[str, ObjectId] = field(default_factory=dict)
    """People's accounts by sign-in name."""
    directory_groups: dict[str, ObjectId] = field(default_factory=dict)
    """Groups of the directory, as the playbook names them."""


def shown(found: T | None, what: str) -> T:
    """What a read found. Of a thing that must be there, "not found" means "not on this replica": raises Absent."""
    if found is None:
        raise Absent(Fault("graph", what, 404, "Request_ResourceNotFound", f"{what} is not visible yet"))
    return found


def _both(known: tuple[T, ...], live: tuple[T, ...]) -> tuple[T, ...]:
    return tuple(dict.fromkeys((*known, *live)))


@dataclass(frozen=True)
class Hands:
    """Everything a kind may touch while it carries out one change."""

    tenant_id: TenantId
    instance: str
    graph: Graph
    exchange: Exchange | None
    bindings: Bindings
    sink: Sink
    prove: Prover
    clock: Clock
    events: Events
    on_bound: Callable[[Address, AppId], None]
    """Told of an application's id the moment it exists, before anything else may fail."""
    keys: Keys
    """Where private keys of certificates lie."""

    def driver(self) -> Exchange:
        """The Exchange driver, where there is one."""
        if self.exchange is None:
            raise ProvisionerError("no Exchange driver", advice="name one in the inventory: `tenants add --exchange`")
        return self.exchange

    async def application_now(self, address: Address) -> ApplicationObject:
        """An application as it is now, for whoever writes one of its lists.

        Graph replaces a list as a whole, so what somebody added since the plan's look must be in it. That look counts
        as well: the replica that answers now may be the older one.
        """
        if address not in self.bindings.made:
            if address not in self.bindings.read_again:
                self.bindings.read_again[address] = asyncio.ensure_future(self._read_again(address))
            await self.bindings.read_again[address]
        return self.bindings.applications[address]

    async def _read_again(self, address: Address) -> None:
        known = self.bindings.applications[address]
        try:
            live = await applications.by_object_id(self.graph, known.object_id)
        except BaseException:
            del self.bindings.read_again[address]
            raise
        if live is not None:
            self.bindings.applications[address] = replace(
                known,
                tags=_both(known.tags, live.tags),
                requested=_both(known.requested, live.requested),
                web_redirects=_both(known.web_redirects, live.web_redirects),
                spa_redirects=_both(known.spa_redirects, live.spa_redirects),
                native_redirects=_both(known.native_redirects, live.native_redirects),
            )

    async def settled(
        self, subject: str, attempt: Callable[[], Awaitable[T]], *, harmless: bool = True, just_wrote: bool = True
    ) -> T:
        """The result of a write, which usually depends on something we wrote moments ago."""
        return await settle(
            attempt,
            clock=self.clock,
            seconds=DIRECTORY_SECONDS,
            subject=subject,
            events=self.events,
            just_wrote=just_wrote,
            harmless=harmless,
        )
