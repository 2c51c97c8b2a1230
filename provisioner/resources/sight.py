"""Reading the tenant for a plan: every question is asked once, and questions of one moment travel together.

Kinds share reads (the application answers four of them), so reads are memoised per plan. All kinds read at the same
time; the connection merges what is asked in one loop turn into one `$batch`. A read that is refused becomes
`NotSeen`: it never counts as "not there".
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar, cast

from provisioner.errors import Absent, Refused
from provisioner.exchange import Exchange, client_access, mailbox_permissions, transport
from provisioner.exchange import service_principals as exchange_principals
from provisioner.graph import (
    Graph,
    app_role_assignments,
    applications,
    deleted_items,
    organization,
    service_principals,
)
from provisioner.model.declared import Application, Declared, ExchangePointer, ServicePrincipal
from provisioner.model.identifiers import Address, AppId, TenantId
from provisioner.model.observed import (
    ApplicationObject,
    AppRoleAssignment,
    ClientAccessSettings,
    ExchangePrincipal,
    MailboxRight,
    NotSeen,
    Organization,
    ResourcePrincipal,
    ServicePrincipalObject,
    TransportSettings,
)
from provisioner.model.slot import SlotName, Stored
from provisioner.pace import Clock
from provisioner.resources.hands import Bindings
from provisioner.sinks import Sink

T = TypeVar("T")


class Sight:
    """What one plan sees of one tenant.

    `app_ids` are ids from the instance file. `known` is for the closing read after apply: the ids just bound, so that
    everything can be asked in one turn.
    """

    def __init__(
        self,
        graph: Graph,
        exchange: Exchange | None,
        sink: Sink,
        clock: Clock,
        tenant_id: TenantId,
        instance: str,
        declared: Sequence[Declared],
        app_ids: Mapping[Address, AppId],
        known: Bindings | None = None,
    ) -> None:
        self._graph = graph
        self._exchange = exchange
        self._sink = sink
        self.clock = clock
        self.tenant_id = tenant_id
        self.instance = instance
        self._applications = {each.address: each for each in declared if isinstance(each, Application)}
        self._principals = {each.address: each.application for each in declared if isinstance(each, ServicePrincipal)}
        self._pointers = {each.address: each.application for each in declared if isinstance(each, ExchangePointer)}
        self._app_ids = app_ids
        self._known = known
        self._asked: dict[str, asyncio.Task[object]] = {}

    async def _once(self, question: str, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer to a question, asked once however many kinds want it."""
        if question not in self._asked:
            self._asked[question] = asyncio.ensure_future(cast("Awaitable[object]", ask()))
        return cast("T", await asyncio.shield(self._asked[question]))

    async def application(self, address: Address) -> ApplicationObject | NotSeen | None:
        """The application behind an address: by its unique name, or by its id where it was adopted."""

        async def ask() -> ApplicationObject | NotSeen | None:
            found = await _seen(
                "application", applications.by_unique_name(self._graph, self._applications[address].unique_name)
            )
            if found is None and (app_id := self._app_ids.get(address)) is not None:
                return await _seen("application", applications.by_app_id(self._graph, app_id))
            return found

        return await self._once(f"application {address}", ask)

    async def _app_id(self, application: Address) -> AppId | NotSeen | None:
        """The application's id: from the read, or, where Entra shows none, from the instance file.

        The second matters when the application is gone and something of it may be left in Exchange. After our own
        writes (`known`) the id is certain, and nobody waits for the read.
        """
        if self._known is not None and application in self._known.applications:
            return self._known.applications[application].app_id
        owner = await self.application(application)
        if isinstance(owner, NotSeen):
            return owner
        return owner.app_id if owner is not None else self._app_ids.get(application)

    async def deleted_applications(self, address: Address) -> tuple[ApplicationObject, ...] | NotSeen:
        """Applications in the recycle bin that still hold our unique name."""
        if self._known is not None:
            return ()
        name = self._applications[address].unique_name
        return await self._once(
            f"deleted {address}",
            lambda: _seen("deleted applications", deleted_items.applications(self._graph, unique_name=name)),
        )

    async def namesakes(self, address: Address) -> tuple[ApplicationObject, ...] | NotSeen:
        """Applications with the same display name: perhaps a hand-made twin."""
        if self._known is not None:
            return ()
        name = self._applications[address].display_name
        return await self._once(
            f"namesakes {address}",
            lambda: _seen("applications", applications.with_display_name(self._graph, name)),
        )

    async def service_principal(self, application: Address) -> ServicePrincipalObject | NotSeen | None:
        """The enterprise application of our application."""

        async def ask() -> ServicePrincipalObject | NotSeen | None:
            app_id = await self._app_id(application)
            if app_id is None or isinstance(app_id, NotSeen):
                return app_id
            return await _seen("service principal", service_principals.by_app_id(self._graph, app_id))

        return await self._once(f"service principal {application}", ask)

    async def resource(self, app_id: AppId) -> ResourcePrincipal | NotSeen | None:
        """An API's own service principal here; a large answer (280 KB for Graph), so it is never asked twice."""
        if self._known is not None and app_id in self._known.resources:
            return self._known.resources[app_id]
        return await self._once(
            f"resource {app_id}", lambda: _seen("API", service_principals.resource(self._graph, app_id))
        )

    async def grants(self, service_principal: Address) -> tuple[AppRoleAssignment, ...] | NotSeen:
        """All application permissions granted to our service principal."""
        application = self._principals[service_principal]

        async def ask() -> tuple[AppRoleAssignment, ...] | NotSeen:
            known = self._known.service_principals.get(service_principal) if self._known else None
            principal = known or await self.service_principal(application)
            if principal is None:
                return ()
            if isinstance(principal, NotSeen):
                return principal
            return await _seen("grants", app_role_assignments.held_by(self._graph, principal.object_id))

        return await self._once(f"grants {application}", ask)

    async def stored(self, slot: SlotName) -> Stored:
        """What the sink holds of a slot."""
        return await self._once(f"slot {slot}", lambda: self._sink.load(slot))

    @property
    def sink_readable(self) -> bool:
        """Whether the sink gives values back."""
        return self._sink.readable

    async def pointer(self, application: Address) -> ExchangePrincipal | NotSeen | None:
        """Exchange's record of our service principal."""

        async def ask() -> ExchangePrincipal | NotSeen | None:
            app_id = await self._app_id(application)
            if app_id is None or isinstance(app_id, NotSeen):
                return app_id
            if self._exchange is None:
                return _no_exchange()
            return await _seen("Exchange service principal", exchange_principals.get(self._exchange, app_id))

        return await self._once(f"pointer {application}", ask)

    async def pointer_behind(self, address: Address) -> ExchangePrincipal | NotSeen | None:
        """The same, by the pointer's own address."""
        return await self.pointer(self._pointers[address])

    async def mailbox_rights(self, mailbox: str) -> tuple[MailboxRight, ...] | NotSeen | None:
        """The rights on a mailbox; None where there is no such mailbox."""

        async def ask() -> tuple[MailboxRight, ...] | NotSeen | None:
            if self._exchange is None:
                return _no_exchange()
            try:
                return await _seen("mailbox permissions", mailbox_permissions.rights(self._exchange, mailbox))
            except Absent:
                return None

        return await self._once(f"rights {mailbox}", ask)

    async def client_access(self, mailbox: str) -> ClientAccessSettings | NotSeen | None:
        """A mailbox's protocol switches; None where there is no such mailbox."""

        async def ask() -> ClientAccessSettings | NotSeen | None:
            if self._exchange is None:
                return _no_exchange()
            try:
                return await _seen("client access", client_access.get(self._exchange, mailbox))
            except Absent:
                return None

        return await self._once(f"client access {mailbox}", ask)

    async def transport(self) -> TransportSettings | NotSeen:
        """The organisation's own switches."""

        async def ask() -> TransportSettings | NotSeen:
            if self._exchange is None:
                return _no_exchange()
            return await _seen("transport configuration", transport.get(self._exchange))

        return await self._once("transport", ask)

    async def organization(self) -> Organization | NotSeen:
        """The tenant."""
        return await self._once("organization", lambda: _seen("organization", organization.organization(self._graph)))


async def _seen(what: str, answer: Awaitable[T]) -> T | NotSeen:
    try:
        return await answer
    except Refused as error:
        return NotSeen(what, error.message, error.who_can)


def _no_exchange() -> NotSeen:
    return NotSeen("Exchange", "the inventory names no Exchange driver for this tenant", ("Exchange Administrator",))
