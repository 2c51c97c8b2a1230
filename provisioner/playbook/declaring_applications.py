"""The part of a declaration that is set up in Entra: applications and all that belongs to them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from provisioner import catalogue
from provisioner.model import declaration, declared
from provisioner.model.identifiers import EXCHANGE_AUDIENCE, GRAPH_AUDIENCE, Address
from provisioner.playbook import naming, written
from provisioner.playbook.filling import Filling, permission

AUDIENCES = {"exchange": EXCHANGE_AUDIENCE, "graph": GRAPH_AUDIENCE}
_SIGN_IN_AUDIENCES = {"single-tenant": "AzureADMyOrg"}


def declared_application(filling: Filling, key: str, application: written.Application) -> Iterator[declared.Declared]:
    """One application and all that belongs to it, in the order in which it is made."""
    host = application.attach_to
    yield declared.Application(
        address=naming.application(key),
        key=key,
        display_name=filling.text(application.display_name),
        unique_name=naming.unique_name(host or filling.playbook.id, filling.instance, key),
        tag=naming.tag(filling.playbook.id, filling.instance),
        sign_in_audience=_SIGN_IN_AUDIENCES[application.audience],
        attached_to=host,
        guide_steps=application.guide_steps,
    )
    enterprise = application.enterprise_application
    yield declared.ServicePrincipal(
        naming.service_principal(key), naming.application(key), host is not None, enterprise.guide_steps
    )
    if application.redirects:
        redirects = application.redirects
        yield declared.RedirectUris(
            address=Address(f"redirect_uris.{key}"),
            application=naming.application(key),
            web=filling.texts(redirects.web),
            spa=filling.texts(redirects.spa),
            native=filling.texts(redirects.native),
            public_client=redirects.public_client,
            guide_steps=redirects.guide_steps,
        )
    if application.permissions:
        yield declared.RequestedPermissions(
            Address(f"requested_permissions.{key}"),
            naming.application(key),
            tuple(permission(each) for each in application.permissions),
            tuple(dict.fromkeys(step for each in application.permissions for step in each.guide_steps)),
        )
    if application.consent:
        yield from _granted(filling, key, application, application.consent)
    if application.assignment:
        assignment = application.assignment
        yield declared.UserAssignment(
            Address(f"user_assignment.{key}"),
            naming.service_principal(key),
            filling.given(assignment.accounts),
            filling.given(assignment.groups),
            assignment.guide_steps,
        )
    for role in enterprise.directory_roles:
        address = Address(f"directory_role.{key}.{role.casefold().replace(' ', '_')}")
        yield declared.DirectoryRoleAssignment(address, naming.service_principal(key), role, enterprise.guide_steps)
    yield from _credentials(filling, key, application)


def _granted(
    filling: Filling, key: str, application: written.Application, consent: written.Consent
) -> Iterator[declared.Declared]:
    """Admin consent: one assignment per application permission, one grant per API for delegated ones.

    Entra keeps all delegated scopes of one API in one object.
    """
    by_api: dict[str, list[declared.Permission]] = {}
    for each in application.permissions:
        asked = permission(each)
        api = catalogue.short_name(asked.resource_app_id)
        if asked.kind is declared.PermissionKind.SCOPE:
            by_api.setdefault(api, []).append(asked)
            continue
        address = Address(f"app_role_grant.{key}.{api}.{asked.value}")
        yield declared.AppRoleGrant(address, naming.service_principal(key), asked, consent.guide_steps)
    for api, permissions in by_api.items():
        yield declared.DelegatedGrant(
            Address(f"delegated_grant.{key}.{api}"),
            naming.service_principal(key),
            tuple(permissions),
            filling.optional(consent.account),
            consent.guide_steps,
        )


def _credentials(filling: Filling, key: str, application: written.Application) -> Iterator[declared.Declared]:
    host = application.attach_to
    for slot, secret in application.secrets.items():
        yield declared.ClientSecret(
            address=naming.secret(key, slot),
            application=naming.application(key),
            service_principal=naming.service_principal(key),
            slot=slot,
            title=filling.text(secret.title),
            lifetime=_lifetime(filling, secret.lifetime_days),
            audience=AUDIENCES[secret.used_at],
            guide_steps=secret.guide_steps,
            latest_end=catalogue.first_end(_opened(filling, key)),
            held_by=declaration.onboarding_name(host, filling.instance) if host else None,
        )
    for slot, certificate in application.certificates.items():
        yield declared.KeyCredential(
            address=Address(f"key_credential.{key}.{slot}"),
            application=naming.application(key),
            service_principal=naming.service_principal(key),
            slot=slot,
            title=filling.text(certificate.title),
            lifetime=_lifetime(filling, certificate.lifetime_days),
            guide_steps=certificate.guide_steps,
        )


def _lifetime(filling: Filling, days: int | str) -> timedelta:
    return timedelta(days=days if isinstance(days, int) else int(filling.text(days)))


def _opened(filling: Filling, key: str) -> tuple[declared.Permission, ...]:
    """All that an application may do: what Entra grants it, and what Exchange's own roles are worth."""
    assigned = (each for each in filling.variant.exchange.role_assignments if each.application == key)
    asked = (permission(each) for each in filling.variant.applications[key].permissions)
    return (*asked, *(catalogue.entra_twin(each.role) for each in assigned))
