"""Which applications of a tenant may have been made by hand for a product, and what hangs on each. Reads only."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from provisioner.errors import Absent, Refused
from provisioner.graph import Graph, app_role_assignments, applications, delegated_grants, service_principals
from provisioner.model.declared import Application, Declared, PermissionKind
from provisioner.model.identifiers import EXCHANGE_APP_ID, GRAPH_APP_ID, AppId, ObjectId
from provisioner.model.observed import ApplicationObject, ResourcePrincipal
from provisioner.model.results import Candidate
from provisioner.resources.sharing import TAG_PREFIX
from provisioner.resources.twins import PermissionId, Portrait, likeness, made_by_us, permission_ids, portrait

T = TypeVar("T")

MOST_SHOWN = 10
"""Candidates that are looked at more closely; what is less like the product is left out."""

KNOWN_APIS = (GRAPH_APP_ID, EXCHANGE_APP_ID)
"""The APIs whose permissions are called by their names."""


OTHER_API = "an API that was not looked at"


@dataclass(frozen=True)
class Found:
    """A candidate, and the application behind it."""

    candidate: Candidate
    live: ApplicationObject


async def find_candidates(graph: Graph, application: Application, resources: Sequence[Declared]) -> tuple[Found, ...]:
    """The applications that look like it, the likeliest first. Raises Refused where applications may not be read."""
    wanted = portrait(application, resources)
    everything, apis = await asyncio.gather(applications.everything(graph), _apis(graph, wanted))
    granted = await _granted(graph, wanted, apis)
    alike = [
        likeness(wanted, each, granted.get(each.app_id, ()))
        for each in everything
        if each.unique_name != wanted.unique_name and another_onboarding(wanted, each) is None
    ]
    best = sorted((each for each in alike if each.score), key=lambda each: (-each.score, each.application.app_id))
    described = (_described(graph, wanted, each.application, granted, apis) for each in best[:MOST_SHOWN])
    return tuple(await asyncio.gather(*described))


async def describe_candidate(
    graph: Graph, application: Application, resources: Sequence[Declared], live: ApplicationObject
) -> Found:
    """The same for one application that a person has named."""
    wanted = portrait(application, resources)
    apis = await _apis(graph, wanted)
    return await _described(graph, wanted, live, await _granted(graph, wanted, apis), apis)


def another_onboarding(wanted: Portrait, live: ApplicationObject) -> str | None:
    """The name or tag of another onboarding of ours, to which the application belongs; None where there is none."""
    if made_by_us(live) and live.unique_name != wanted.unique_name:
        return live.unique_name
    if wanted.tag in live.tags:
        return None
    return next((each for each in live.tags if each.startswith(TAG_PREFIX)), None)


async def _apis(graph: Graph, wanted: Portrait) -> tuple[ResourcePrincipal, ...]:
    ids = dict.fromkeys((*KNOWN_APIS, *sorted(wanted.apis)))
    found = await asyncio.gather(*(service_principals.resource(graph, each) for each in ids))
    return tuple(each for each in found if each is not None)


async def _granted(
    graph: Graph, wanted: Portrait, apis: Iterable[ResourcePrincipal]
) -> dict[AppId, tuple[PermissionId, ...]]:
    """The wanted application permissions that anybody holds, by the holder: an application of any name may."""
    roles = {each for each in wanted.permissions if each.kind is PermissionKind.ROLE}
    known = {permission for each in roles for permission in permission_ids(each)}
    asked = [each for each in apis if each.app_id in {role.resource_app_id for role in roles}]
    given = await asyncio.gather(*(_seen(app_role_assignments.given_by(graph, each.object_id)) for each in asked))
    held: dict[ObjectId, list[PermissionId]] = {}
    for api, assignments in zip(asked, given, strict=True):
        for each in assignments or ():
            permission = (api.app_id, PermissionKind.ROLE.value, each.app_role_id)
            if permission in known:
                held.setdefault(each.principal_id, []).append(permission)
    holders = await asyncio.gather(*(service_principals.by_object_id(graph, each) for each in held))
    return {
        holder.app_id: tuple(permissions)
        for holder, permissions in zip(holders, held.values(), strict=True)
        if holder is not None
    }


async def _described(
    graph: Graph,
    wanted: Portrait,
    live: ApplicationObject,
    granted: dict[AppId, tuple[PermissionId, ...]],
    apis: Sequence[ResourcePrincipal],
) -> Found:
    found = likeness(wanted, live, granted.get(live.app_id, ()))
    owners, grants = await asyncio.gather(
        _seen(applications.owners(graph, live.object_id)), _grants(graph, live.app_id, wanted, apis)
    )
    beyond = (
        *(_key("client secret", each.display_name, each.end) for each in live.passwords),
        *(_key("certificate", each.display_name, each.end) for each in live.certificates),
        *((f"owner {each.name}" for each in owners) if owners is not None else ("its owners were not seen",)),
        *(f"redirect {each}" for each in live.redirect_uris if each not in wanted.redirects),
        *_wishes(live, wanted, apis),
        *grants,
    )
    return Found(Candidate(live.app_id, live.display_name, found.score, found.reasons, beyond, found.likely), live)


async def _grants(graph: Graph, app_id: AppId, wanted: Portrait, apis: Sequence[ResourcePrincipal]) -> tuple[str, ...]:
    """What was granted to it and is not asked for."""
    principal = await service_principals.by_app_id(graph, app_id)
    if principal is None:
        return ("it has no enterprise application (service principal) yet",)
    roles, scopes = await asyncio.gather(
        _seen(app_role_assignments.held_by(graph, principal.object_id)),
        _seen(delegated_grants.held_by(graph, principal.object_id)),
    )
    if roles is None or scopes is None:
        return ("what was granted to it was not seen",)
    by_object_id = {each.object_id: each for each in apis}
    names = {(each.resource_app_id, each.kind.value, each.value) for each in wanted.permissions}
    lines = []
    for role in roles:
        api = by_object_id.get(role.resource_id)
        name = _named(api, PermissionKind.ROLE.value, role.app_role_id)
        if api is None or (api.app_id, PermissionKind.ROLE.value, name) not in names:
            lines.append(f"consent to {name} on {api.display_name if api else OTHER_API}")
    for scope in scopes:
        api = by_object_id.get(scope.resource_id)
        foreign = [
            each for each in scope.scopes if api is None or (api.app_id, PermissionKind.SCOPE.value, each) not in names
        ]
        if foreign:
            whom = "everybody" if scope.principal_id is None else "one account"
            place = api.display_name if api else OTHER_API
            lines.append(f"delegated consent to {' '.join(foreign)} on {place} for {whom}")
    return tuple(lines)


def _wishes(live: ApplicationObject, wanted: Portrait, apis: Sequence[ResourcePrincipal]) -> tuple[str, ...]:
    by_app_id = {each.app_id: each for each in apis}
    ours = {
        (each.resource_app_id, each.kind.value, permission_id)
        for each in wanted.permissions
        if each.resource_app_id in by_app_id
        for permission_id in by_app_id[each.resource_app_id].ids_of(each)
    }
    lines = []
    for each in live.requested:
        if (each.resource_app_id, each.kind, each.permission_id) in ours:
            continue
        api = by_app_id.get(each.resource_app_id)
        name = _named(api, each.kind, each.permission_id)
        lines.append(f"request for {name} on {api.display_name if api else OTHER_API}")
    return tuple(lines)


def _named(api: ResourcePrincipal | None, kind: str, permission_id: str) -> str:
    if api is not None:
        for (each, value), ids in api.ids.items():
            if each == kind and permission_id in ids:
                return value
    return "a permission"


def _key(what: str, name: str | None, end: datetime | None) -> str:
    ends = f", until {end.date().isoformat()}" if end is not None else ""
    return f'{what} "{name or "without a name"}"{ends}'


async def _seen(answer: Awaitable[tuple[T, ...]]) -> tuple[T, ...] | None:
    """The answer; None where it may not be read."""
    try:
        return await answer
    except Refused:
        return None
    except Absent:
        return ()
