"""What a plan sees of one tenant: Entra's part (`entra_sight.py`), Exchange's part, and what the sink holds."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from provisioner.errors import Absent
from provisioner.exchange import (
    Exchange,
    client_access,
    ews_gates,
    groups,
    mailbox_permissions,
    management_scopes,
    role_assignments,
    transport,
)
from provisioner.exchange import organization as exchange_organization
from provisioner.exchange import service_principals as exchange_principals
from provisioner.graph import Graph
from provisioner.home.keys import Keys
from provisioner.model.declared import Declared, ExchangePointer, ScopeGroup
from provisioner.model.identifiers import Address, AppId, TenantId
from provisioner.model.observed import (
    ClientAccessSettings,
    EwsGates,
    ExchangeGroup,
    ExchangeGroupMember,
    ExchangePrincipal,
    MailboxRight,
    ManagementScopeRecord,
    NotSeen,
    OrganizationSettings,
    RoleAssignmentRecord,
    RoleAuthorization,
    TransportSettings,
)
from provisioner.model.slot import SlotName, Stored
from provisioner.pace import Clock
from provisioner.resources.entra_sight import EntraSight, seen
from provisioner.resources.hands import Bindings
from provisioner.resources.sharing import Neighbour
from provisioner.sinks import Sink

EXCHANGE_ADMINISTRATOR = "Exchange Administrator"
"""Who may look into all of Exchange (exchange.md 4.7)."""


class Sight(EntraSight):
    """What one plan sees of one tenant; `EntraSight` says what it is made with."""

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
        *,
        keys: Keys,
        neighbours: Sequence[Neighbour] = (),
    ) -> None:
        super().__init__(graph, clock, tenant_id, declared, app_ids, known, neighbours)
        self._exchange = exchange
        self._sink = sink
        self.keys = keys
        self.instance = instance
        self._pointers = {each.address: each.application for each in declared if isinstance(each, ExchangePointer)}
        self._groups = {each.address: each.name for each in declared if isinstance(each, ScopeGroup)}

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
            app_id = await self.app_id(application)
            if app_id is None or isinstance(app_id, NotSeen):
                return app_id
            if self._exchange is None:
                return _no_exchange()
            return await seen("Exchange service principal", exchange_principals.get(self._exchange, app_id))

        return await self._once(f"pointer {application}", ask)

    async def pointer_behind(self, address: Address) -> ExchangePrincipal | NotSeen | None:
        """The same, by the pointer's own address."""
        return await self.pointer(self._pointers[address])

    async def pointer_stays(self, address: Address) -> bool:
        """Whether the pointer names our service principal; False where it will be replaced."""
        application = self._pointers[address]
        pointer, principal = await asyncio.gather(self.pointer(application), self.service_principal(application))
        if not isinstance(pointer, ExchangePrincipal) or isinstance(principal, NotSeen):
            return True
        return principal is not None and principal.object_id == pointer.object_id

    async def mailbox_rights(self, mailbox: str) -> tuple[MailboxRight, ...] | NotSeen | None:
        """The rights on a mailbox; None where there is no such mailbox."""

        async def ask() -> tuple[MailboxRight, ...] | NotSeen | None:
            if self._exchange is None:
                return _no_exchange()
            try:
                return await seen("mailbox permissions", mailbox_permissions.rights(self._exchange, mailbox))
            except Absent:
                return None

        return await self._once(f"rights {mailbox}", ask)

    async def client_access(self, mailbox: str) -> ClientAccessSettings | NotSeen | None:
        """A mailbox's protocol switches; None where there is no such mailbox."""

        async def ask() -> ClientAccessSettings | NotSeen | None:
            if self._exchange is None:
                return _no_exchange()
            try:
                return await seen("client access", client_access.get(self._exchange, mailbox))
            except Absent:
                return None

        return await self._once(f"client access {mailbox}", ask)

    async def transport(self) -> TransportSettings | NotSeen:
        """The organisation's own switches."""

        async def ask() -> TransportSettings | NotSeen:
            if self._exchange is None:
                return _no_exchange()
            return await seen("transport configuration", transport.get(self._exchange))

        return await self._once("transport", ask)

    async def customization(self) -> OrganizationSettings | NotSeen:
        """Whether the organisation takes scopes of its own."""

        async def ask() -> OrganizationSettings | NotSeen:
            if self._exchange is None:
                return _no_exchange()
            return await seen("organisation configuration", exchange_organization.get(self._exchange))

        return await self._once("customization", ask)

    async def ews_gates(self) -> EwsGates | NotSeen:
        """What the organisation lets through to Exchange Web Services."""

        async def ask() -> EwsGates | NotSeen:
            if self._exchange is None:
                return _no_exchange()
            found = await seen("EWS gates", ews_gates.get(self._exchange))
            return found or NotSeen("EWS gates", "Exchange Online says nothing of them", (EXCHANGE_ADMINISTRATOR,))

        return await self._once("ews gates", ask)

    async def group(self, alias: str) -> ExchangeGroup | NotSeen | None:
        """The group of that alias."""

        async def ask() -> ExchangeGroup | NotSeen | None:
            if self._exchange is None:
                return _no_exchange()
            return await seen("group", groups.get(self._exchange, alias))

        return await self._once(f"group {alias}", ask)

    async def group_behind(self, address: Address) -> ExchangeGroup | NotSeen | None:
        """The same, by its own address."""
        return await self.group(self._groups[address])

    async def group_members(self, alias: str) -> tuple[ExchangeGroupMember, ...] | NotSeen:
        """The direct members of the group of that alias; none where there is no such group."""

        async def ask() -> tuple[ExchangeGroupMember, ...] | NotSeen:
            group = await self.group(alias)
            if not isinstance(group, ExchangeGroup) or self._exchange is None:
                return group if isinstance(group, NotSeen) else ()
            try:
                return await seen("group members", groups.members(self._exchange, group.identity))
            except Absent:
                return ()

        return await self._once(f"members {alias}", ask)

    async def management_scope(self, name: str) -> ManagementScopeRecord | NotSeen | None:
        """The management scope of that name."""

        async def ask() -> ManagementScopeRecord | NotSeen | None:
            if self._exchange is None:
                return _no_exchange()
            return await seen("management scope", management_scopes.get(self._exchange, name))

        return await self._once(f"scope {name}", ask)

    async def role_assignment(self, name: str) -> RoleAssignmentRecord | NotSeen | None:
        """The role assignment of that name."""

        async def ask() -> RoleAssignmentRecord | NotSeen | None:
            if self._exchange is None:
                return _no_exchange()
            return await seen("role assignment", role_assignments.get(self._exchange, name))

        return await self._once(f"role assignment {name}", ask)

    async def authorization(
        self, pointer: Address, mailbox: str | None = None
    ) -> tuple[RoleAuthorization, ...] | NotSeen | None:
        """What Exchange's roles let the application do, on one mailbox if one is named.

        None where Exchange does not know the application or the mailbox.
        """

        async def ask() -> tuple[RoleAuthorization, ...] | NotSeen | None:
            principal = await self.pointer_behind(pointer)
            if not isinstance(principal, ExchangePrincipal) or self._exchange is None:
                return principal if isinstance(principal, NotSeen) else None
            try:
                return await seen(
                    "roles of the application", role_assignments.authorization(self._exchange, principal, mailbox)
                )
            except Absent:
                return None

        return await self._once(f"authorization {pointer} {mailbox}", ask)


def _no_exchange() -> NotSeen:
    return NotSeen("Exchange", "the inventory names no Exchange driver for this tenant", (EXCHANGE_ADMINISTRATOR,))
