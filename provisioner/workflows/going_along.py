"""What others hung on our objects, and what goes with them when we remove ours: named before anybody agrees.

A secret that somebody added in the portal may be in use, and so may a permission that somebody granted. They cannot
outlive the application, so the plan of `remove` says them first. What another onboarding of ours asked for is its own.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from provisioner.errors import Absent, Refused
from provisioner.graph import app_role_assignments, delegated_grants, service_principals
from provisioner.model import declared
from provisioner.model.declared import (
    Application,
    AppRoleGrant,
    ClientSecret,
    Permission,
    PermissionKind,
    ServicePrincipal,
)
from provisioner.model.identifiers import Address, KeyId, ObjectId
from provisioner.model.observed import AppRoleAssignment, DelegatedGrant, ResourcePrincipal
from provisioner.resources.application import is_adopted
from provisioner.resources.client_secret import keys_of, slot_of, tag_prefix
from provisioner.resources.hands import Bindings
from provisioner.resources.sharing import Sharer, sharers_of
from provisioner.workflows.onboarding import Onboarding, theirs
from provisioner.workflows.ports import Session

_ROLE = PermissionKind.ROLE


async def going_along(onboarding: Onboarding, session: Session, bindings: Bindings) -> tuple[str, ...]:
    """One line for each foreign secret and grant on objects of ours. Reads only; what may not be read is left out."""
    lines: list[str] = []
    stay = theirs(onboarding, bindings)
    for each in onboarding.declaration.resources:
        if isinstance(each, Application) and each.attached_to is None:
            live = bindings.applications.get(each.address)
            if live is not None and not is_adopted(each, live):
                lines += await _secrets(each.address, onboarding, session, bindings)
        elif isinstance(each, ServicePrincipal) and not each.attached and each.address not in stay:
            lines += await _grants(each.address, onboarding, session, bindings)
    return tuple(lines)


async def _secrets(application: Address, onboarding: Onboarding, session: Session, bindings: Bindings) -> list[str]:
    live = bindings.applications[application]
    ours: set[KeyId] = set()
    for each in onboarding.declaration.resources:
        if isinstance(each, ClientSecret) and each.application == application:
            slot = slot_of(each, session.tenant.tenant_id, onboarding.declaration.onboarding)
            record = (await onboarding.sink.load(slot)).record
            if record is not None:
                ours.update(keys_of(record, live.passwords, tag_prefix(slot)))
    return [
        f'goes with "{live.display_name}": the client secret "{each.display_name or "without a name"}", until '
        f"{each.end.date().isoformat()}, which this sink did not mint; something may be using it"
        for each in live.passwords
        if each.key_id not in ours
    ]


async def _grants(principal: Address, onboarding: Onboarding, session: Session, bindings: Bindings) -> list[str]:
    live = bindings.service_principals.get(principal)
    if live is None:
        return []
    try:
        roles = await app_role_assignments.held_by(session.graph, live.object_id)
        scopes = await delegated_grants.held_by(session.graph, live.object_id)
    except (Refused, Absent):
        return []
    ours = {
        (resource.object_id, role)
        for each in onboarding.declaration.resources
        if isinstance(each, AppRoleGrant) and each.service_principal == principal
        for resource in (bindings.resources.get(each.permission.resource_app_id),)
        if resource is not None
        for role in resource.ids_of(each.permission)
    }
    foreign = [each for each in roles if (each.resource_id, each.app_role_id) not in ours]
    theirs = [left for each in scopes if (left := _without_ours(each, principal, onboarding, bindings)).scopes]
    apis = await _apis(
        session, bindings, {*(each.resource_id for each in foreign), *(each.resource_id for each in theirs)}
    )
    sharers = _sharers(principal, onboarding, bindings)
    return [
        f'goes with "{live.display_name}": {what}'
        for what in (
            *(_role(each, apis.get(each.resource_id), sharers) for each in foreign),
            *(_scopes(each, apis.get(each.resource_id), sharers) for each in theirs),
        )
    ]


async def _apis(
    session: Session, bindings: Bindings, wanted: Collection[ObjectId]
) -> dict[ObjectId, ResourcePrincipal]:
    """The APIs by their object ids here, for the names of their permissions; one that is not to be seen is left out."""
    known = {each.object_id: each for each in bindings.resources.values()}
    for object_id in sorted(set(wanted) - set(known)):
        try:
            principal = await service_principals.by_object_id(session.graph, object_id)
            found = await service_principals.resource(session.graph, principal.app_id) if principal else None
        except Refused:
            continue
        if found is not None:
            known[object_id] = found
    return known


def _sharers(principal: Address, onboarding: Onboarding, bindings: Bindings) -> tuple[Sharer, ...]:
    """The other onboardings of ours on the application behind a service principal."""
    resources = onboarding.declaration.resources
    behind = next(
        each.application for each in resources if isinstance(each, ServicePrincipal) and each.address == principal
    )
    declared = next(each for each in resources if isinstance(each, Application) and each.address == behind)
    return sharers_of(declared, bindings.applications.get(behind), onboarding.neighbours)


def _without_ours(
    grant: DelegatedGrant, principal: Address, onboarding: Onboarding, bindings: Bindings
) -> DelegatedGrant:
    """A delegated grant as it would be without the scopes that the playbook asks for: others' are kept in it."""
    ours: set[str] = set()
    for each in onboarding.declaration.resources:
        if isinstance(each, declared.DelegatedGrant) and each.service_principal == principal:
            resource = bindings.resources.get(each.permissions[0].resource_app_id)
            account = bindings.accounts.get(each.account) if each.account is not None else None
            if resource is not None and (grant.resource_id, grant.principal_id) == (resource.object_id, account):
                ours |= {permission.value for permission in each.permissions}
    return replace(grant, scopes=tuple(each for each in grant.scopes if each not in ours))


def _role(grant: AppRoleAssignment, api: ResourcePrincipal | None, sharers: Sequence[Sharer]) -> str:
    if api is None:
        return f"the consent to a permission of an API that was not seen, {_whose((), sharers)}"
    names = [value for (kind, value), ids in api.ids.items() if kind == _ROLE.value and grant.app_role_id in ids]
    asked = tuple(Permission(api.app_id, _ROLE, each) for each in names[:1])
    called = names[0] if names else "a permission that is no longer offered"
    return f"the consent to {called} on {api.display_name}, {_whose(asked, sharers)}"


def _scopes(grant: DelegatedGrant, api: ResourcePrincipal | None, sharers: Sequence[Sharer]) -> str:
    whose = "everybody" if grant.principal_id is None else "one account"
    asked = tuple(Permission(api.app_id, PermissionKind.SCOPE, each) for each in grant.scopes) if api else ()
    place = api.display_name if api is not None else "an API that was not seen"
    return f"the delegated consent for {whose} to {' '.join(grant.scopes)} on {place}, {_whose(asked, sharers)}"


def _whose(asked: Sequence[Permission], sharers: Sequence[Sharer]) -> str:
    """Who asked for something: another onboarding of ours, perhaps one, or none."""
    owners = [each for each in sharers if asked and all(each.wants(permission) for permission in asked)]
    if owners:
        return f"which {' and '.join(each.title for each in owners)} asked for"
    unknown = [each.title for each in sharers if each.resources is None]
    return f"which may be that of {' or '.join(unknown)}" if unknown else "which is not ours"
