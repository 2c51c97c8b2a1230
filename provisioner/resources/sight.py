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
from provisioner.exchange import (
    Exchange,
    client_access,
    groups,
    mailbox_permissions,
    management_scopes,
    role_assignments,
    transport,
)
from provisioner.exchange import organization as exchange_organization
from provisioner.exchange import service_principals as exchange_principals
from provisioner.graph import (
    Graph,
    app_role_assignments,
    applications,
    delegated_grants,
    deleted_items,
    organization,
    service_principals,
    users,
)
from provisioner.model.declared import (
    Application,
    Declared,
    ExchangePointer,
    RequestedPermissions,
    ScopeGroup,
    ServicePrincipal,
)
from provisioner.model.identifiers import Address, AppId, ObjectId, TenantId
from provisioner.model.observed import (
    ApplicationObject,
    AppRoleAssignment,
    ClientAccessSettings,
    DelegatedGrant,
    ExchangeGroup,
    ExchangeGroupMember,
    ExchangePrincipal,
    MailboxRight,
    ManagementScopeRecord,
    NotSeen,
    Organization,
    OrganizationSettings,
    ResourcePrincipal,
    RoleAssignmentRecord,
    RoleAuthorization,
    ServicePrincipalObject,
    TransportSettings,
)
from provisioner.model.slot import SlotName, Stored
from provisioner.pace import Clock
from provisioner.pace.settle import settle
from provisioner.resources.hands import Bindings
from provisioner.sinks import Sink

T = TypeVar("T")

REPLICAS_AGREE_SECONDS = 60.0
"""How long a read waits for a replica that denies what another one has just shown; seconds are usual (graph.md 3.1)."""


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
        self._groups = {each.address: each.name for each in declared if isinstance(each, ScopeGroup)}
        self._apis = {
            each.application: frozenset(wish.resource_app_id for wish in each.permissions)
            for each in declared
            if isinstance(each, RequestedPermissions)
        }
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
        """Perhaps hand-made twins: of the same display name, or of a longer one with wishes of the same API."""
        if self._known is not None:
            return ()
        name = self._applications[address].display_name
        found = await self._once(
            f"namesakes {address}",
            lambda: _seen("applications", applications.named_like(self._graph, name)),
        )
        if isinstance(found, NotSeen):
            return found
        apis = self._apis.get(address, frozenset())
        return tuple(
            each
            for each in found
            if each.display_name.casefold() == name.casefold()
            or apis & {wish.resource_app_id for wish in each.requested}
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
            # The service principal was just seen: a replica that denies it is behind.
            held = settle(
                lambda: app_role_assignments.held_by(self._graph, principal.object_id),
                clock=self.clock,
                seconds=REPLICAS_AGREE_SECONDS,
                subject="grants",
                events=lambda _: None,
                just_wrote=True,
                harmless=True,
            )
            return await _seen("grants", held)

        return await self._once(f"grants {application}", ask)

    async def delegated_grants(self, service_principal: Address) -> tuple[DelegatedGrant, ...] | NotSeen:
        """All delegated permissions granted to our service principal, for everybody and for single accounts."""
        application = self._principals[service_principal]

        async def ask() -> tuple[DelegatedGrant, ...] | NotSeen:
            known = self._known.service_principals.get(service_principal) if self._known else None
            principal = known or await self.service_principal(application)
            if principal is None:
                return ()
            if isinstance(principal, NotSeen):
                return principal
            return await _seen("delegated grants", delegated_grants.held_by(self._graph, principal.object_id))

        return await self._once(f"delegated grants {application}", ask)

    async def account(self, sign_in_name: str) -> ObjectId | NotSeen | None:
        """A person's account by its sign-in name; None where there is none."""
        return await self._once(
            f"account {sign_in_name}", lambda: _seen("account", users.object_id(self._graph, sign_in_name))
        )

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

    async def customization(self) -> OrganizationSettings | NotSeen:
        """Whether the organisation takes scopes of its own."""

        async def ask() -> OrganizationSettings | NotSeen:
            if self._exchange is None:
                return _no_exchange()
            return await _seen("organisation configuration", exchange_organization.get(self._exchange))

        return await self._once("customization", ask)

    async def group(self, alias: str) -> ExchangeGroup | NotSeen | None:
        """The group of that alias."""

        async def ask() -> ExchangeGroup | NotSeen | None:
            if self._exchange is None:
                return _no_exchange()
            return await _seen("group", groups.get(self._exchange, alias))

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
                return await _seen("group members", groups.members(self._exchange, group.identity))
            except Absent:
                return ()

        return await self._once(f"members {alias}", ask)

    async def management_scope(self, name: str) -> ManagementScopeRecord | NotSeen | None:
        """The management scope of that name."""

        async def ask() -> ManagementScopeRecord | NotSeen | None:
            if self._exchange is None:
                return _no_exchange()
            return await _seen("management scope", management_scopes.get(self._exchange, name))

        return await self._once(f"scope {name}", ask)

    async def role_assignment(self, name: str) -> RoleAssignmentRecord | NotSeen | None:
        """The role assignment of that name."""

        async def ask() -> RoleAssignmentRecord | NotSeen | None:
            if self._exchange is None:
                return _no_exchange()
            return await _seen("role assignment", role_assignments.get(self._exchange, name))

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
                return await _seen(
                    "roles of the application", role_assignments.authorization(self._exchange, principal, mailbox)
                )
            except Absent:
                return None

        return await self._once(f"authorization {pointer} {mailbox}", ask)

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
