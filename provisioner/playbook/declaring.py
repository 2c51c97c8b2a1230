"""From a playbook, a variant and parameters to the desired side of one onboarding. Pure: same input, same result."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta

from provisioner import catalogue
from provisioner.errors import InputFault
from provisioner.model import declared
from provisioner.model.identifiers import EXCHANGE_AUDIENCE, GRAPH_AUDIENCE, Address
from provisioner.playbook import written
from provisioner.playbook.checks import KINDS
from provisioner.playbook.hidden import shown
from provisioner.playbook.nearest import did_you_mean
from provisioner.playbook.templates import expand, references
from provisioner.playbook.values import as_text, mailboxes_in
from provisioner.playbook.written import Playbook, Value

LONGEST_UNIQUE_NAME = 120
LONGEST_EXCHANGE_NAME = 64
_INSTANCE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_AUDIENCES = {"exchange": EXCHANGE_AUDIENCE, "graph": GRAPH_AUDIENCE}
_CUSTOMIZATION = Address("organization_customization")
_REFUSING = (declared.ProofKind.MAILBOX_REFUSED, declared.ProofKind.GRAPH_MAILBOX_REFUSED)
_SIGN_IN_AUDIENCES = {"single-tenant": "AzureADMyOrg"}


def declare(
    playbook: Playbook, *, variant: str, parameters: Mapping[str, Value], instance: str
) -> declared.Declaration:
    """Everything that a plan needs besides the tenant. `parameters` come from `values.parameters`.

    Raises `InputFault` for an unknown variant, for an instance name that no unique name can carry, and for a mailbox
    that is to be opened and refused at once.
    """
    chosen = {str(name): each for name, each in playbook.variants.items()}.get(variant)
    if chosen is None:
        known = tuple(str(each) for each in playbook.variants)
        hint = did_you_mean(variant, known) or f"There are: {', '.join(known)}."
        raise InputFault(f"{playbook.id} has no variant {shown(variant)}", advice=hint)
    _judge_instance(playbook, chosen, instance)
    found = _Declaring(playbook, chosen, dict(parameters), instance).declaration(variant)
    _judge_refusals(found)
    return found


def _judge_instance(playbook: Playbook, variant: written.Variant, instance: str) -> None:
    """Unique names are for ever (field-notes.md 1.3), so what goes into one is judged before anything is made."""
    if not _INSTANCE.fullmatch(instance):
        raise InputFault(
            f"{shown(instance)} cannot name an instance",
            advice="Use lower-case letters, digits and single dashes, such as 'default' or 'branch-2'.",
        )
    for key in variant.applications:
        if len(unique_name(playbook.id, instance, key)) > LONGEST_UNIQUE_NAME:
            raise InputFault(f"{shown(instance)} is too long a name for an instance", advice="Use a shorter one.")


def _judge_refusals(found: declared.Declaration) -> None:
    """A mailbox that the application is let into cannot be the one that must refuse it."""
    open_ones = {each.mailbox.casefold() for each in found.resources if isinstance(each, declared.MailboxPermission)}
    for group in found.resources:
        if isinstance(group, declared.ScopeGroup):
            open_ones |= {each.casefold() for each in group.members}
    for proof in found.proofs:
        refused = proof.kind in _REFUSING or proof.within is False
        if refused and proof.mailbox is not None and proof.mailbox.casefold() in open_ones:
            raise InputFault(
                f"{shown(proof.mailbox)} is given to the application and cannot be refused to it as well",
                advice="Name another mailbox of the tenant.",
            )


def unique_name(playbook_id: str, instance: str, key: str) -> str:
    """The `uniqueName` of an application: letters, digits and dashes."""
    return f"provisioner-{playbook_id.replace('/', '-')}-{instance}-{key}"


def exchange_name(playbook_id: str, instance: str, *parts: str) -> str:
    """The name of a group, scope or assignment: as a unique name is made, and no longer than Exchange takes.

    64 characters at most (office-docs-powershell: New-DistributionGroup, New-ManagementScope,
    New-ManagementRoleAssignment). What is too long ends in a digest of the whole.
    """
    whole = unique_name(playbook_id, instance, "-".join(parts))
    if len(whole) <= LONGEST_EXCHANGE_NAME:
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()[:12]
    return f"{whole[: LONGEST_EXCHANGE_NAME - len(digest) - 1]}-{digest}"


def tag(playbook_id: str, instance: str) -> str:
    """Our mark in `tags`."""
    return f"provisioner:{playbook_id}:{instance}"


class _Declaring:
    """One declaration in the making: the texts of a variant with the values of its parameters."""

    def __init__(
        self, playbook: Playbook, variant: written.Variant, values: Mapping[str, Value], instance: str
    ) -> None:
        self.playbook = playbook
        self.variant = variant
        self.values = values
        self.instance = instance

    def fill(self, text: str) -> str:
        return expand(text, self.values)

    def fill_in(self, text: str | None) -> str | None:
        return None if text is None else self.fill(text)

    def declaration(self, variant_name: str) -> declared.Declaration:
        variant = self.variant
        return declared.Declaration(
            playbook=self.playbook.id,
            title=self.playbook.title,
            variant=variant_name,
            playbook_sha256=self.playbook.sha256,
            instance=self.instance,
            parameters=tuple(sorted((name, as_text(value)) for name, value in self.values.items())),
            resources=tuple(self.resources()),
            proofs=tuple(self.proofs()),
            handover=tuple(self.screen(each) for each in variant.handover),
            manual=tuple(self.manual()),
            warnings=(*self.warnings(), *self.retirements()),
            incomplete=(
                *(self.fill(each) for each in variant.incomplete),
                *("Confirm with the vendor: " + self.fill(each) for each in variant.confirm_with_vendor),
            ),
        )

    # --- things in the tenant

    def resources(self) -> Iterator[declared.Declared]:
        for key, application in self.variant.applications.items():
            yield from self.application(key, application)
        yield from self.exchange()

    def application(self, key: str, application: written.Application) -> Iterator[declared.Declared]:
        yield declared.Application(
            address=_application(key),
            key=key,
            display_name=self.fill(application.display_name),
            unique_name=unique_name(self.playbook.id, self.instance, key),
            tag=tag(self.playbook.id, self.instance),
            sign_in_audience=_SIGN_IN_AUDIENCES[application.audience],
            guide_steps=application.guide_steps,
        )
        yield declared.ServicePrincipal(
            _service_principal(key), _application(key), application.enterprise_application.guide_steps
        )
        if application.redirects:
            redirects = application.redirects
            yield declared.RedirectUris(
                address=Address(f"redirect_uris.{key}"),
                application=_application(key),
                web=tuple(self.fill(each) for each in redirects.web),
                spa=tuple(self.fill(each) for each in redirects.spa),
                native=tuple(self.fill(each) for each in redirects.native),
                public_client=redirects.public_client,
                guide_steps=redirects.guide_steps,
            )
        if application.permissions:
            yield declared.RequestedPermissions(
                Address(f"requested_permissions.{key}"),
                _application(key),
                tuple(_permission(each) for each in application.permissions),
                tuple(dict.fromkeys(step for each in application.permissions for step in each.guide_steps)),
            )
        if application.consent:
            for each in application.permissions:
                permission = _permission(each)
                if permission.kind is declared.PermissionKind.ROLE:
                    api = catalogue.short_name(permission.resource_app_id)
                    yield declared.AppRoleGrant(
                        Address(f"app_role_grant.{key}.{api}.{permission.value}"),
                        _service_principal(key),
                        permission,
                        application.consent.guide_steps,
                    )
            yield from self.delegated(key, application, application.consent)
        for slot, secret in application.secrets.items():
            yield declared.ClientSecret(
                address=_secret(key, slot),
                application=_application(key),
                service_principal=_service_principal(key),
                slot=slot,
                title=self.fill(secret.title),
                lifetime=timedelta(days=self.days(secret.lifetime_days)),
                audience=_AUDIENCES[secret.used_at],
                guide_steps=secret.guide_steps,
                latest_end=catalogue.end_of_use(self.opened(key)),
            )

    def delegated(
        self, key: str, application: written.Application, consent: written.Consent
    ) -> Iterator[declared.Declared]:
        """One grant per API: Entra keeps all its scopes in one object."""
        by_api: dict[str, list[declared.Permission]] = {}
        for each in application.permissions:
            permission = _permission(each)
            if permission.kind is declared.PermissionKind.SCOPE:
                by_api.setdefault(catalogue.short_name(permission.resource_app_id), []).append(permission)
        for api, permissions in by_api.items():
            yield declared.DelegatedGrant(
                Address(f"delegated_grant.{key}.{api}"),
                _service_principal(key),
                tuple(permissions),
                self.fill_in(consent.account),
                consent.guide_steps,
            )

    def opened(self, key: str) -> tuple[declared.Permission, ...]:
        """All that an application may do: what Entra grants it, and what Exchange's own roles are worth."""
        assigned = (each for each in self.variant.exchange.role_assignments if each.application == key)
        asked = (_permission(each) for each in self.variant.applications[key].permissions)
        return (*asked, *(catalogue.entra_twin(each.role) for each in assigned))

    def days(self, lifetime: int | str) -> int:
        return lifetime if isinstance(lifetime, int) else int(self.fill(lifetime))

    def exchange(self) -> Iterator[declared.Declared]:
        exchange = self.variant.exchange
        for key, pointer in exchange.pointers.items():
            yield declared.ExchangePointer(
                address=_pointer(key),
                application=_application(key),
                service_principal=_service_principal(key),
                display_name=self.fill(self.variant.applications[key].display_name),
                guide_steps=pointer.guide_steps,
            )
        for right in exchange.mailbox_permissions:
            yield declared.MailboxPermission(
                address=Address(f"mailbox_permission.{right.application}.{right.name or right.right}"),
                pointer=_pointer(right.application),
                mailbox=self.fill(right.mailbox),
                right=right.right,
                guide_steps=right.guide_steps,
            )
        for key, access in exchange.client_access.items():
            yield declared.ClientAccess(
                Address(f"client_access.{key}"), self.fill(access.mailbox), access.smtp_auth, access.guide_steps
            )
        yield from self.scopes()
        yield from self.role_assignments()

    def scopes(self) -> Iterator[declared.Declared]:
        scopes = self.variant.exchange.scopes
        if scopes:
            yield declared.OrganizationCustomization(_CUSTOMIZATION)
        for key, scope in scopes.items():
            given = (line for line in scope.members if all(name in self.values for name, _ in references(line)))
            members = (each for line in given for each in mailboxes_in(self.fill(line)))
            name = exchange_name(self.playbook.id, self.instance, key)
            yield declared.ScopeGroup(
                address=Address(f"scope_group.{key}"),
                name=name,
                display_name=self.fill(scope.title),
                tag=tag(self.playbook.id, self.instance),
                members=tuple({each.casefold(): each for each in members}.values()),
                guide_steps=scope.guide_steps,
            )
            yield declared.ManagementScope(
                _management_scope(key), name, Address(f"scope_group.{key}"), (_CUSTOMIZATION,), scope.guide_steps
            )

    def role_assignments(self) -> Iterator[declared.Declared]:
        assigned = self.variant.exchange.role_assignments
        for each in assigned:
            yield declared.ManagementRoleAssignment(
                address=_role_assignment(each),
                name=exchange_name(self.playbook.id, self.instance, each.application, each.role),
                role=catalogue.EXCHANGE_NAME + each.role,
                pointer=_pointer(each.application),
                scope=_management_scope(each.scope),
                scope_name=exchange_name(self.playbook.id, self.instance, each.scope),
                guide_steps=each.guide_steps,
            )
        for key in dict.fromkeys(each.application for each in assigned):
            permissions = self.variant.applications[key].permissions
            wishes = (Address(f"requested_permissions.{key}"),) if permissions else ()
            yield declared.UnscopedGrants(
                address=Address(f"unscoped_grants.{key}"),
                application=_application(key),
                service_principal=_service_principal(key),
                pointer=_pointer(key),
                twins=tuple(catalogue.entra_twin(each.role) for each in assigned if each.application == key),
                wanted=tuple(_permission(each) for each in permissions),
                after=(*wishes, *(_role_assignment(each) for each in assigned if each.application == key)),
            )

    # --- proofs, forms, texts

    def proofs(self) -> Iterator[declared.Proof]:
        for name, proof in self.variant.proofs.items():
            if proof.when is not None and proof.when not in self.values:
                continue
            secret = self.variant.applications[proof.application].secrets[proof.secret]
            scoped = tuple(
                catalogue.EXCHANGE_NAME + each.role
                for each in self.variant.exchange.role_assignments
                if each.application == proof.application
            )
            yield declared.Proof(
                name=name,
                title=self.fill(proof.title),
                kind=declared.ProofKind(proof.kind),
                application=_application(proof.application),
                secret=_secret(proof.application, proof.secret),
                audience=_AUDIENCES[secret.used_at],
                roles=proof.roles,
                mailbox=self.fill_in(proof.mailbox),
                absent_roles=proof.absent_roles,
                scoped_roles=scoped,
                pointer=_pointer(proof.application) if scoped else None,
                within=proof.within,
            )

    def screen(self, screen: written.HandoverScreen) -> declared.HandoverScreen:
        return declared.HandoverScreen(
            self.fill(screen.title),
            tuple(self.field(each) for each in screen.fields),
            tuple(self.fill(each) for each in screen.actions),
            screen.guide_steps,
        )

    def field(self, field: written.HandoverField) -> declared.HandoverField:
        title, note = self.fill(field.title), self.fill_in(field.note)
        if field.reference is None:
            return declared.HandoverField(title, value=self.fill_in(field.value), note=note)
        if field.reference == "tenant_id":
            return declared.HandoverField(title, tenant_id=True, note=note)
        _, key, what, *slot = field.reference.split(".")
        if slot:
            return declared.HandoverField(title, secret=_secret(key, slot[0]), note=note)
        return declared.HandoverField(title, application=_application(key), property=what, note=note)

    def manual(self) -> Iterator[declared.ManualStep]:
        for step in self.variant.manual:
            yield declared.ManualStep(
                self.fill(step.title),
                self.fill(step.instruction),
                step.role,
                self.fill_in(step.proof),
                step.guide_steps,
            )

    def warnings(self) -> Iterator[declared.Caution]:
        for caution in self.variant.warnings:
            day = date.fromisoformat(caution.retires_on) if caution.retires_on else None
            yield declared.Caution(self.fill(caution.text), day, caution.source)

    def retirements(self) -> Iterator[declared.Caution]:
        for application in self.variant.applications.values():
            for each in application.permissions:
                day = catalogue.retirement(_permission(each))
                if day:
                    yield declared.Caution(f"{each.name} of {each.api} stops working.", day, "Microsoft's announcement")
        for assigned in self.variant.exchange.role_assignments:
            day = catalogue.retirement(catalogue.entra_twin(assigned.role))
            if day:
                name = catalogue.EXCHANGE_NAME + assigned.role
                yield declared.Caution(f"The role {name} stops working.", day, "Microsoft's announcement")


def _application(key: str) -> Address:
    return Address(f"application.{key}")


def _service_principal(key: str) -> Address:
    return Address(f"service_principal.{key}")


def _secret(key: str, slot: str) -> Address:
    return Address(f"client_secret.{key}.{slot}")


def _pointer(key: str) -> Address:
    return Address(f"exchange_pointer.{key}")


def _management_scope(key: str) -> Address:
    return Address(f"management_scope.{key}")


def _role_assignment(assignment: written.RoleAssignment) -> Address:
    return Address(f"management_role_assignment.{assignment.application}.{assignment.role}")


def _permission(written_permission: written.Permission) -> declared.Permission:
    resource = catalogue.resource(written_permission.api)
    assert resource is not None, "a checked playbook names known APIs only"
    return declared.Permission(resource[0], KINDS[written_permission.kind], written_permission.name)
