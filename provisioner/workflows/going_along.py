"""What others hung on our objects, and what goes with them when we remove ours: named before anybody agrees.

A secret that somebody added in the portal may be in use, and so may a permission that somebody granted. They cannot
outlive the application, so the plan of `remove` says them first.
"""

from __future__ import annotations

from dataclasses import replace

from provisioner.errors import Absent, Refused
from provisioner.graph import app_role_assignments, delegated_grants
from provisioner.model import declared
from provisioner.model.declared import Application, AppRoleGrant, ClientSecret, ServicePrincipal
from provisioner.model.identifiers import Address, KeyId, ObjectId
from provisioner.model.observed import AppRoleAssignment, DelegatedGrant, ResourcePrincipal
from provisioner.resources.application import is_adopted
from provisioner.resources.client_secret import keys_of, slot_of, tag_prefix
from provisioner.resources.hands import Bindings
from provisioner.workflows.onboarding import Onboarding, theirs
from provisioner.workflows.ports import Session


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
        f'goes with "{live.display_name}": the client secret "{each.display_name or ""}" ({each.key_id}), which this '
        "sink did not mint; something may be using it"
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
    apis = {each.object_id: each for each in bindings.resources.values()}
    lines = [f'goes with "{live.display_name}": {_role(each, apis)}, which is not ours' for each in foreign]
    theirs = [left for each in scopes if (left := _without_ours(each, principal, onboarding, bindings)).scopes]
    return lines + [f'goes with "{live.display_name}": {_scopes(each, apis)}, not ours' for each in theirs]


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


def _role(grant: AppRoleAssignment, apis: dict[ObjectId, ResourcePrincipal]) -> str:
    api = apis.get(grant.resource_id)
    names = [value for (_, value), ids in api.ids.items() if grant.app_role_id in ids] if api is not None else []
    return f"the consent to {names[0] if names else grant.app_role_id} on {_api(grant.resource_id, apis)}"


def _scopes(grant: DelegatedGrant, apis: dict[ObjectId, ResourcePrincipal]) -> str:
    whose = "everybody" if grant.principal_id is None else f"the user {grant.principal_id}"
    return f"the delegated consent for {whose} to {' '.join(grant.scopes)} on {_api(grant.resource_id, apis)}"


def _api(object_id: ObjectId, apis: dict[ObjectId, ResourcePrincipal]) -> str:
    return apis[object_id].display_name if object_id in apis else object_id
