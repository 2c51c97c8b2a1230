"""From a playbook, a variant and parameters to the desired side of one onboarding. Pure: same input, same result."""

from __future__ import annotations

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
from provisioner.playbook.templates import expand
from provisioner.playbook.values import as_text
from provisioner.playbook.written import Playbook, Value

LONGEST_UNIQUE_NAME = 120
_INSTANCE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_AUDIENCES = {"exchange": EXCHANGE_AUDIENCE, "graph": GRAPH_AUDIENCE}
_SIGN_IN_AUDIENCES = {"single-tenant": "AzureADMyOrg"}


def declare(
    playbook: Playbook, *, variant: str, parameters: Mapping[str, Value], instance: str
) -> declared.Declaration:
    """Everything that a plan needs besides the tenant. `parameters` come from `values.parameters`.

    Raises `InputFault` for an unknown variant and for an instance name that no unique name can carry.
    """
    chosen = {str(name): each for name, each in playbook.variants.items()}.get(variant)
    if chosen is None:
        known = tuple(str(each) for each in playbook.variants)
        hint = did_you_mean(variant, known) or f"There are: {', '.join(known)}."
        raise InputFault(f"{playbook.id} has no variant {shown(variant)}", advice=hint)
    _judge_instance(playbook, chosen, instance)
    return _Declaring(playbook, chosen, dict(parameters), instance).declaration(variant)


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


def unique_name(playbook_id: str, instance: str, key: str) -> str:
    """The `uniqueName` of an application: letters, digits and dashes."""
    return f"provisioner-{playbook_id.replace('/', '-')}-{instance}-{key}"


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
            manual=(*self.manual(), *self.delegated_consent()),
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
            )

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

    # --- proofs, forms, texts

    def proofs(self) -> Iterator[declared.Proof]:
        for name, proof in self.variant.proofs.items():
            if proof.when is not None and proof.when not in self.values:
                continue
            secret = self.variant.applications[proof.application].secrets[proof.secret]
            yield declared.Proof(
                name=name,
                title=self.fill(proof.title),
                kind=declared.ProofKind(proof.kind),
                application=_application(proof.application),
                secret=_secret(proof.application, proof.secret),
                audience=_AUDIENCES[secret.used_at],
                roles=proof.roles,
                mailbox=self.fill_in(proof.mailbox),
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

    def delegated_consent(self) -> Iterator[declared.ManualStep]:
        """Consent to delegated permissions is a person's step: no kind of ours carries it out."""
        for application in self.variant.applications.values():
            wanted = [each for each in application.permissions if each.kind == "delegated"]
            if application.consent and wanted:
                yield declared.ManualStep(
                    title=f"Grant admin consent to {', '.join(each.name for each in wanted)}",
                    instruction=(
                        f"Open the app registration {self.fill(application.display_name)}, API permissions, "
                        "and choose 'Grant admin consent'."
                    ),
                    role=catalogue.who_can_consent(_permission(wanted[0]))[0],
                    proof="The status of each permission reads 'Granted'.",
                    guide_steps=application.consent.guide_steps,
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


def _application(key: str) -> Address:
    return Address(f"application.{key}")


def _service_principal(key: str) -> Address:
    return Address(f"service_principal.{key}")


def _secret(key: str, slot: str) -> Address:
    return Address(f"client_secret.{key}.{slot}")


def _pointer(key: str) -> Address:
    return Address(f"exchange_pointer.{key}")


def _permission(written_permission: written.Permission) -> declared.Permission:
    resource = catalogue.resource(written_permission.api)
    assert resource is not None, "a checked playbook names known APIs only"
    return declared.Permission(resource[0], KINDS[written_permission.kind], written_permission.name)
