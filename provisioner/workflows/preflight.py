"""Preflight: what would keep the product from working and is not ours to change. Looked at beside a plan; reads only.

Only what bears on the playbook is asked: accounts where the product signs in as one, policies where it signs in at all,
licences where a person has a step that needs one. Graph's questions travel with those of the plan itself; Exchange is
asked once a mailbox, all at the same time. A refusal, and any other fault, is "not seen", never "fine", and never in
the way of the plan.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from provisioner.catalogue import EXCHANGE_NAME, entra_twin
from provisioner.errors import ProvisionerError, Refused, WrongTenant
from provisioner.exchange import Exchange, access_policies, recipients
from provisioner.graph import Graph, directory_groups, directory_roles, licences, policies
from provisioner.model.declaration import Declaration
from provisioner.model.declared import Application, AppRoleGrant, Declared, ManagementRoleAssignment, Permission
from provisioner.model.identifiers import (
    EXCHANGE_APP_ID,
    EXCHANGE_AUDIENCE,
    GRAPH_APP_ID,
    GRAPH_AUDIENCE,
    AppId,
)
from provisioner.model.observed import NotSeen, Organization, Person, Recipient, ServicePrincipalObject
from provisioner.model.policies import ConditionalAccessPolicy
from provisioner.model.preflight import Finding, Severity
from provisioner.resources.sight import Sight
from provisioner.workflows import confinement, mailbox_facts, sign_in_policies
from provisioner.workflows.mailbox_facts import EXCHANGE_ADMINISTRATOR, Named, Way, named_in
from provisioner.workflows.sign_in_policies import SignsIn

T = TypeVar("T")
D = TypeVar("D", bound=Declared)

MOST_MAILBOXES = 25
"""Each takes a cmdlet of its own, a third of a second to one in practice."""

APIS = {GRAPH_AUDIENCE: GRAPH_APP_ID, EXCHANGE_AUDIENCE: EXCHANGE_APP_ID}

STEPS_ABOUT_CONDITIONAL_ACCESS = "Conditional Access Administrator"
"""The role of a manual step that needs conditional access, and so its licence."""

ORDER = (Severity.STOPS, Severity.WARNS, Severity.NOT_SEEN)


@dataclass(frozen=True)
class Preflight:
    """One look for one onboarding."""

    declaration: Declaration
    sight: Sight
    graph: Graph
    exchange: Exchange | None

    async def look(self) -> tuple[Finding, ...]:
        """Everything found, what matters most first."""
        named = named_in(self.declaration)
        parts = await asyncio.gather(
            self._mailboxes(named),
            self._accounts(named),
            self._policies(named),
            self._licences(),
            self._confined(named),
        )
        found = _together(each for part in parts for each in part)
        return tuple(sorted(found, key=lambda each: ORDER.index(each.severity)))

    async def ask_exchange(self) -> None:
        """Ask what Exchange alone can answer: of a script that a person will run, who brings the answers back."""
        named = named_in(self.declaration)
        mailboxes = [each for each in named if each.mailbox][:MOST_MAILBOXES]
        await asyncio.gather(*(self._recipient(each.address) for each in mailboxes), self._confined(named))

    async def _mailboxes(self, named: tuple[Named, ...]) -> list[Finding]:
        mailboxes = [each for each in named if each.mailbox]
        asked = mailboxes[:MOST_MAILBOXES]
        answers = await asyncio.gather(*(self._mailbox(each) for each in asked))
        beyond = len(mailboxes) - len(asked)
        return [*(each for part in answers for each in part), *([mailbox_facts.unasked(beyond)] if beyond else [])]

    async def _mailbox(self, named: Named) -> list[Finding]:
        recipient, person = await asyncio.gather(self._recipient(named.address), self._person(named))
        return list(mailbox_facts.about_mailbox(named, recipient, person))

    async def _recipient(self, address: str) -> Recipient | NotSeen | None:
        if self.exchange is None:
            return NotSeen("Exchange", "the inventory names no Exchange driver for this tenant", EXCHANGE_ADMINISTRATOR)
        return await looked("recipient", recipients.get(self.exchange, address))

    async def _person(self, named: Named) -> Person | NotSeen | None:
        """The account behind it, where the product signs in as one."""
        return await looked("account", self.sight.person(named.address)) if named.way is not None else None

    async def _accounts(self, named: tuple[Named, ...]) -> list[Finding]:
        accounts = [each for each in named if each.way is not None]
        if not accounts:
            return []
        organization, people = await asyncio.gather(
            self.sight.organization(), asyncio.gather(*(self._person(each) for each in accounts))
        )
        federated = organization.federated_domains if isinstance(organization, Organization) else None
        return [
            finding
            for each, person in zip(accounts, people, strict=True)
            for finding in mailbox_facts.about_account(each, person, federated)
        ]

    async def _policies(self, named: tuple[Named, ...]) -> list[Finding]:
        """What security defaults and conditional access mean for the product's sign-ins."""
        accounts = [each for each in named if each.way is not None]
        by_itself = bool(self._of(AppRoleGrant)) or bool(self._of(ManagementRoleAssignment))
        itself = self._of(Application) if by_itself else ()
        if not accounts and not itself:
            return []
        found, defaults = await asyncio.gather(
            looked("conditional access", policies.conditional_access(self.graph)), self._defaults(accounts)
        )
        if isinstance(found, NotSeen):
            about = ", ".join(each.address for each in accounts) or self.declaration.title
            return [*defaults, sign_in_policies.unseen(about, "conditional access", found)]
        apis = frozenset(APIS[each] for each in self._audiences() if each in APIS)
        binding = sign_in_policies.in_force(found, apis)
        hits = await asyncio.gather(
            *(self._hits_account(each, binding) for each in accounts),
            *(self._hits_application(each, binding) for each in itself),
        )
        return [*defaults, *(each for part in hits for each in part)]

    async def _defaults(self, accounts: list[Named]) -> list[Finding]:
        sending = [each.address for each in accounts if each.way is Way.PASSWORD]
        if not sending:
            return []
        on = await looked("security defaults", policies.security_defaults(self.graph))
        if isinstance(on, NotSeen):
            return [sign_in_policies.unseen(", ".join(sending), "whether security defaults are on", on)]
        return [sign_in_policies.defaults_refuse(each) for each in sending] if on else []

    async def _hits_account(self, named: Named, binding: tuple[ConditionalAccessPolicy, ...]) -> list[Finding]:
        person = await self._person(named)
        if not binding or named.way is None or not isinstance(person, Person):
            return []
        groups = sorted({each for one in binding for each in one.groups.included | one.groups.excluded})
        roles_matter = any(each.roles.names_any for each in binding)
        members, roles = await asyncio.gather(
            asyncio.gather(*(looked("group", directory_groups.members(self.graph, each)) for each in groups)),
            self._roles(named.address) if roles_matter else _nothing(),
        )
        within = {
            group: None if isinstance(known, NotSeen) else person.object_id in known
            for group, known in zip(groups, members, strict=True)
        }
        who = SignsIn(named.address, named.way, person.object_id, within, roles)
        return [finding for each in binding for finding in sign_in_policies.hits_account(each, who)]

    async def _roles(self, account: str) -> frozenset[str] | None:
        found = await looked("roles", directory_roles.of_person(self.graph, account))
        return None if isinstance(found, NotSeen) else found

    async def _hits_application(
        self, application: Application, binding: tuple[ConditionalAccessPolicy, ...]
    ) -> list[Finding]:
        if not any(each.workloads.names_any for each in binding):
            return []
        principal = await self.sight.service_principal(application.address)
        known = principal.object_id if isinstance(principal, ServicePrincipalObject) else None
        return [
            finding
            for each in binding
            for finding in sign_in_policies.hits_application(each, application.display_name, known)
        ]

    async def _licences(self) -> list[Finding]:
        steps = [each for each in self.declaration.manual if each.role == STEPS_ABOUT_CONDITIONAL_ACCESS]
        if not steps:
            return []
        plans = await looked("licences", licences.service_plans(self.graph))
        titles = "; ".join(each.title for each in steps)
        if isinstance(plans, NotSeen):
            return [sign_in_policies.unseen("the tenant", "whether it has Microsoft Entra ID P1", plans)]
        if plans & licences.CONDITIONAL_ACCESS:
            return []
        return [
            Finding(
                "licence_missing",
                Severity.WARNS,
                "the tenant",
                "no subscription has Microsoft Entra ID P1 in it, and so there is no conditional access",
                f"a step by hand needs it: {titles}",
                ("Billing Administrator", "Global Administrator"),
            )
        ]

    async def _confined(self, named: tuple[Named, ...]) -> list[Finding]:
        """What application access policies mean; only an application that is there can have one."""
        granted = any(confinement.reaches(each.permission) for each in self._of(AppRoleGrant))
        scoped = any(confinement.reaches(_twin(each)) for each in self._of(ManagementRoleAssignment))
        if self.exchange is None or not (granted or scoped):
            return []
        found: list[Finding] = []
        for application in self._of(Application):
            app_id = await self.sight.app_id(application.address)
            if isinstance(app_id, str):
                found += await self._confined_one(self.exchange, application, app_id, named, granted=granted)
        return found

    async def _confined_one(
        self, exchange: Exchange, application: Application, app_id: AppId, named: tuple[Named, ...], *, granted: bool
    ) -> list[Finding]:
        name = application.display_name
        known = await looked("application access policies", access_policies.of_application(exchange, app_id))
        if isinstance(known, NotSeen):
            return [sign_in_policies.unseen(name, "whether application access policies confine it", known)]
        if not known or not granted:
            return [confinement.left_over(name, each) for each in known]
        mailboxes = [each.address for each in named if each.mailbox][:MOST_MAILBOXES]
        open_to_it = await asyncio.gather(
            *(looked("access", access_policies.lets_in(exchange, app_id, each)) for each in mailboxes)
        )
        shut = [each for each, is_open in zip(mailboxes, open_to_it, strict=True) if is_open is False]
        return [
            *(confinement.shut_out(each, known) for each in shut),
            *(confinement.explained(name, each) for each in known),
        ]

    def _of(self, kind: type[D]) -> tuple[D, ...]:
        return tuple(each for each in self.declaration.resources if isinstance(each, kind))

    def _audiences(self) -> Iterator[str]:
        """What the product gets tokens for."""
        yield from (each.audience for each in self.declaration.proofs)
        for each in self._of(AppRoleGrant):
            yield from (url for url, api in APIS.items() if api == each.permission.resource_app_id)


async def looked(what: str, answer: Awaitable[T]) -> T | NotSeen:
    """What a read found; `NotSeen` where it was refused or went wrong: a look aside is no reason to have no plan.

    Raises WrongTenant: what is seen elsewhere is not about this tenant.
    """
    try:
        return await answer
    except WrongTenant:
        raise
    except Refused as error:
        return NotSeen(what, error.message, error.who_can)
    except ProvisionerError as error:
        return NotSeen(what, error.message)


def _twin(assignment: ManagementRoleAssignment) -> Permission:
    return entra_twin(assignment.role.removeprefix(EXCHANGE_NAME))


async def _nothing() -> frozenset[str]:
    return frozenset()


def _together(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """What was not seen for one reason becomes one finding about all that it is about."""
    merged: dict[tuple[object, ...], Finding] = {}
    for number, each in enumerate(found):
        key = (each.what, each.why) if each.severity is Severity.NOT_SEEN else (number,)
        earlier = merged.get(key)
        merged[key] = each if earlier is None else replace(earlier, about=f"{earlier.about}, {each.about}")
    return tuple(merged.values())
