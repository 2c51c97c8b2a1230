"""Reading the tenant for a plan: every question is asked once, and questions of one moment travel together.

Kinds share reads (the application answers four of them), so reads are memoised per plan. All kinds read at the same
time; the connection merges what is asked in one loop turn into one `$batch`. A read that is refused becomes
`NotSeen`: it never counts as "not there". Here are the questions to Entra.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar, cast

from provisioner.errors import Refused, SignInRefused, WrongTenant
from provisioner.graph import (
    Graph,
    app_role_assignments,
    applications,
    delegated_grants,
    deleted_items,
    directory_groups,
    directory_roles,
    organization,
    service_principals,
    users,
)
from provisioner.model.declared import Application, Declared, Permission, ServicePrincipal
from provisioner.model.identifiers import Address, AppId, ObjectId, TenantId
from provisioner.model.observed import (
    ApplicationObject,
    AppRoleAssignment,
    Assigned,
    DelegatedGrant,
    DirectoryGroup,
    NotSeen,
    Organization,
    Owner,
    Person,
    ResourcePrincipal,
    RoleAssignment,
    ServicePrincipalObject,
)
from provisioner.pace import Clock
from provisioner.pace.settle import settle
from provisioner.resources.hands import Bindings
from provisioner.resources.sharing import Neighbour, Sharer, sharers_of
from provisioner.resources.twins import likeness, portrait

T = TypeVar("T")

REPLICAS_AGREE_SECONDS = 60.0
"""How long a read waits for a replica that denies what another one has just shown; seconds are usual (graph.md 3.1)."""


class EntraSight:
    """What one plan sees of one tenant's Entra.

    `app_ids` are ids from the instance file, `neighbours` the tenant's other onboardings in this home. `known` is for
    the closing read after apply: the ids just bound, so that everything can be asked in one turn.
    """

    def __init__(
        self,
        graph: Graph,
        clock: Clock,
        tenant_id: TenantId,
        declared: Sequence[Declared],
        app_ids: Mapping[Address, AppId],
        known: Bindings | None,
        neighbours: Sequence[Neighbour],
    ) -> None:
        self._graph = graph
        self.clock = clock
        self.tenant_id = tenant_id
        self.declared = tuple(declared)
        self._applications = {each.address: each for each in declared if isinstance(each, Application)}
        self._principals = {each.address: each.application for each in declared if isinstance(each, ServicePrincipal)}
        self._portraits = {
            address: portrait(application, declared) for address, application in self._applications.items()
        }
        self._app_ids = app_ids
        self._known = known
        self._neighbours = neighbours
        self._asked: dict[str, asyncio.Task[object]] = {}

    async def _once(self, question: str, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer to a question, asked once however many kinds want it."""
        if question not in self._asked:
            self._asked[question] = asyncio.ensure_future(cast("Awaitable[object]", ask()))
        return cast("T", await asyncio.shield(self._asked[question]))

    async def _past_replicas(self, subject: str, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer about an object that was just seen: a replica that denies it is behind, and is asked again."""
        return await settle(
            ask,
            clock=self.clock,
            seconds=REPLICAS_AGREE_SECONDS,
            subject=subject,
            events=lambda _: None,
            just_wrote=True,
            harmless=True,
        )

    async def application(self, address: Address) -> ApplicationObject | NotSeen | None:
        """The application behind an address: by its unique name, or by its id where it was adopted."""

        async def ask() -> ApplicationObject | NotSeen | None:
            found = await seen(
                "application", applications.by_unique_name(self._graph, self._applications[address].unique_name)
            )
            if found is None and (app_id := self._app_ids.get(address)) is not None:
                return await seen("application", applications.by_app_id(self._graph, app_id))
            return found

        return await self._once(f"application {address}", ask)

    async def app_id(self, application: Address) -> AppId | NotSeen | None:
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

    def knows(self, application: Address, app_id: AppId) -> bool:
        """Whether this home has made the application of that id, or has taken it over."""
        return self._known is not None or self._app_ids.get(application) == app_id

    async def owners(self, application: Address) -> tuple[Owner, ...] | NotSeen:
        """Who owns our application."""

        async def ask() -> tuple[Owner, ...] | NotSeen:
            live = await self.application(application)
            if not isinstance(live, ApplicationObject):
                return live if isinstance(live, NotSeen) else ()
            owners = self._past_replicas("owners", lambda: applications.owners(self._graph, live.object_id))
            return await seen("owners", owners)

        return await self._once(f"owners {application}", ask)

    async def federated_credentials(self, application: Address) -> tuple[str, ...] | NotSeen:
        """Who signs in as our application without a key of it."""

        async def ask() -> tuple[str, ...] | NotSeen:
            live = await self.application(application)
            if not isinstance(live, ApplicationObject):
                return live if isinstance(live, NotSeen) else ()
            what = "federated credentials"
            found = self._past_replicas(what, lambda: applications.federated_credentials(self._graph, live.object_id))
            return await seen(what, found)

        return await self._once(f"federated credentials {application}", ask)

    async def deleted_applications(self, address: Address) -> tuple[ApplicationObject, ...] | NotSeen:
        """Applications in the recycle bin that still hold our unique name."""
        if self._known is not None:
            return ()
        name = self._applications[address].unique_name
        return await self._once(
            f"deleted {address}",
            lambda: seen("deleted applications", deleted_items.applications(self._graph, unique_name=name)),
        )

    async def twins(self, address: Address) -> tuple[ApplicationObject, ...] | NotSeen:
        """Perhaps hand-made twins, the likeliest first. Nobody looks for any once the application itself is there."""
        known = self._known is not None
        if known or (address in self._app_ids and await self.application(address) is not None):
            return ()
        found = await self.all_applications()
        if isinstance(found, NotSeen):
            return found
        alike = (likeness(self._portraits[address], each) for each in found)
        likely = sorted((each for each in alike if each.likely), key=lambda each: -each.score)
        return tuple(each.application for each in likely)

    async def all_applications(self) -> tuple[ApplicationObject, ...] | NotSeen:
        """Every application of the tenant: pages of 999."""
        return await self._once("applications", lambda: seen("applications", applications.everything(self._graph)))

    async def made_by_us(self, application: Address) -> bool:
        """Whether our onboarding made the application: neither another's nor adopted, so all of it goes with us."""
        live = await self.application(application)
        declared = self._applications[application]
        made = not isinstance(live, ApplicationObject) or live.unique_name == declared.unique_name
        return made and declared.attached_to is None

    async def made_by_us_behind(self, service_principal: Address) -> bool:
        """The same, by the service principal's address."""
        return await self.made_by_us(self._principals[service_principal])

    async def sharers(self, application: Address) -> tuple[Sharer, ...] | NotSeen:
        """The other onboardings on an application of ours."""
        live = await self.application(application)
        if isinstance(live, NotSeen):
            return live
        return sharers_of(self._applications[application], live, self._neighbours)

    async def sharers_behind(self, service_principal: Address) -> tuple[Sharer, ...] | NotSeen:
        """The same, by the service principal's address."""
        return await self.sharers(self._principals[service_principal])

    async def service_principal(self, application: Address) -> ServicePrincipalObject | NotSeen | None:
        """The enterprise application of our application."""

        async def ask() -> ServicePrincipalObject | NotSeen | None:
            app_id = await self.app_id(application)
            if app_id is None or isinstance(app_id, NotSeen):
                return app_id
            return await seen("service principal", service_principals.by_app_id(self._graph, app_id))

        return await self._once(f"service principal {application}", ask)

    async def resource(self, app_id: AppId) -> ResourcePrincipal | NotSeen | None:
        """An API's own service principal here; a large answer (280 KB for Graph), so it is never asked twice."""
        if self._known is not None and app_id in self._known.resources:
            return self._known.resources[app_id]
        return await self._once(
            f"resource {app_id}", lambda: seen("API", service_principals.resource(self._graph, app_id))
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
            held = self._past_replicas("grants", lambda: app_role_assignments.held_by(self._graph, principal.object_id))
            return await seen("grants", held)

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
            return await seen("delegated grants", delegated_grants.held_by(self._graph, principal.object_id))

        return await self._once(f"delegated grants {application}", ask)

    async def directory_roles(self, service_principal: Address) -> tuple[RoleAssignment, ...] | NotSeen:
        """The directory roles that our service principal holds."""
        application = self._principals[service_principal]

        async def ask() -> tuple[RoleAssignment, ...] | NotSeen:
            known = self._known.service_principals.get(service_principal) if self._known else None
            principal = known or await self.service_principal(application)
            if principal is None or isinstance(principal, NotSeen):
                return principal or ()
            return await seen("directory roles", directory_roles.held_by(self._graph, principal.object_id))

        return await self._once(f"directory roles {application}", ask)

    async def principal_behind(self, service_principal: Address) -> ServicePrincipalObject | NotSeen | None:
        """The enterprise application, by its own address."""
        return await self.service_principal(self._principals[service_principal])

    async def assigned(self, service_principal: Address) -> tuple[Assigned, ...] | NotSeen:
        """The people and groups that may sign in to our application."""

        async def ask() -> tuple[Assigned, ...] | NotSeen:
            known = self._known.service_principals.get(service_principal) if self._known else None
            principal = known or await self.principal_behind(service_principal)
            if principal is None or isinstance(principal, NotSeen):
                return principal or ()
            there = self._past_replicas(
                "assignments", lambda: app_role_assignments.assigned_to(self._graph, principal.object_id)
            )
            return await seen("assignments", there)

        return await self._once(f"assigned {service_principal}", ask)

    async def directory_groups(self, name: str) -> tuple[DirectoryGroup, ...] | NotSeen:
        """The groups of a display name, or the one of an object id."""
        return await self._once(f"groups {name}", lambda: seen("groups", directory_groups.find(self._graph, name)))

    async def users_of(
        self, roles: tuple[Permission, ...], scopes: tuple[Permission, ...]
    ) -> tuple[ServicePrincipalObject, ...] | NotSeen:
        """Every application of the tenant to which Entra grants one of these permissions, by display name."""

        async def ask() -> tuple[ServicePrincipalObject, ...] | NotSeen:
            holders: dict[ObjectId, None] = {}
            for wanted, given_by in ((roles, self._role_holders), (scopes, self._scope_holders)):
                for each in await asyncio.gather(*(given_by(permission) for permission in wanted)):
                    if isinstance(each, NotSeen):
                        return each
                    holders |= dict.fromkeys(each)
            found = await asyncio.gather(
                *(seen("application", service_principals.by_object_id(self._graph, each)) for each in holders)
            )
            unseen = next((each for each in found if isinstance(each, NotSeen)), None)
            if unseen is not None:
                return unseen
            there = (each for each in found if isinstance(each, ServicePrincipalObject))
            return tuple(sorted(there, key=lambda each: (each.display_name.casefold(), each.app_id)))

        return await self._once(f"users of {roles} {scopes}", ask)

    async def _role_holders(self, permission: Permission) -> tuple[ObjectId, ...] | NotSeen:
        api = await self.resource(permission.resource_app_id)
        if not isinstance(api, ResourcePrincipal):
            return api or ()
        given = await seen("grants", app_role_assignments.given_by(self._graph, api.object_id))
        if isinstance(given, NotSeen):
            return given
        return tuple(each.principal_id for each in given if each.app_role_id in api.ids_of(permission))

    async def _scope_holders(self, permission: Permission) -> tuple[ObjectId, ...] | NotSeen:
        api = await self.resource(permission.resource_app_id)
        if not isinstance(api, ResourcePrincipal):
            return api or ()
        given = await seen("delegated grants", delegated_grants.given_by(self._graph, api.object_id))
        if isinstance(given, NotSeen):
            return given
        return tuple(each.client_id for each in given if permission.value in each.scopes)

    async def person(self, sign_in_name: str) -> Person | NotSeen | None:
        """A person's account by its sign-in name; None where there is none."""
        return await self._once(
            f"account {sign_in_name}", lambda: seen("account", users.find(self._graph, sign_in_name))
        )

    async def account(self, sign_in_name: str) -> ObjectId | NotSeen | None:
        """The object id of an account; None where there is none."""
        found = await self.person(sign_in_name)
        return found.object_id if isinstance(found, Person) else found

    async def organization(self) -> Organization | NotSeen:
        """The tenant."""
        return await self._once("organization", lambda: seen("organization", organization.organization(self._graph)))


async def seen(what: str, answer: Awaitable[T]) -> T | NotSeen:
    """What a read found; `NotSeen` where it was refused. Raises WrongTenant: elsewhere there is nothing to see."""
    try:
        return await answer
    except WrongTenant:
        raise
    except Refused as error:
        return NotSeen(what, error.message, error.who_can)
    except SignInRefused as error:  # Entra let us in to Graph, but gives no token for the other API
        return NotSeen(what, f"{error.message} - {error.advice}" if error.advice else error.message)
