"""`handover`: the vendor's own form, in its own titles and order, filled in. Secrets stay references."""

from __future__ import annotations

from dataclasses import replace

from provisioner.model.declaration import HandoverField
from provisioner.model.declared import Application, ClientSecret, ServicePrincipal
from provisioner.model.identifiers import Address
from provisioner.model.outcome import SecretParameter, SecretReceipt
from provisioner.model.plan import ApplicationIds
from provisioner.model.results import FilledField, FilledScreen, HandedOver
from provisioner.model.secret import Secret
from provisioner.resources.client_secret import slot_of
from provisioner.workflows.onboarding import (
    Onboarding,
    describe,
    look,
    make_plan,
    open_onboarding,
    secret_receipts,
)
from provisioner.workflows.ports import Ports, Session
from provisioner.workflows.requests import Request
from provisioner.workflows.verify import verify


async def handover(request: Request, ports: Ports, *, evidence: bool = False) -> HandedOver:
    """Fill the form from the live tenant. What does not exist yet stays empty, with a note.

    `evidence` adds what takes the place of screenshots: everything declared as it is in the tenant now, who of ours did
    it, and the proofs (a mail is sent only where the request says so).
    """
    onboarding = open_onboarding(request, ports)
    async with ports.connect(request.tenant) as session:
        observation = await look(onboarding, session, only=() if evidence else (Application, ServicePrincipal))
        made = (make_plan if evidence else describe)(onboarding, session, observation)
        secrets = await secret_receipts(onboarding, session)
        screens = tuple(
            FilledScreen(
                screen.title,
                tuple(_fill(field, onboarding, session, made.applications, secrets) for field in screen.fields),
                screen.actions,
                screen.guide_steps,
            )
            for screen in onboarding.declaration.handover
        )
        filled = HandedOver(made, screens, secrets, session.clock.now())
        return await _with_evidence(filled, request, ports) if evidence else filled


async def _with_evidence(filled: HandedOver, request: Request, ports: Ports) -> HandedOver:
    deeds = ports.home.receipts.deeds(request.tenant.name, filled.plan.playbook, filled.plan.instance)
    return replace(filled, proofs=(await verify(request, ports)).proofs, deeds=deeds)


async def reveal(request: Request, ports: Ports) -> tuple[tuple[SecretReceipt | SecretParameter, Secret], ...]:
    """The secrets themselves, to be shown to a person who asked, or to be sealed. Only from a readable sink.

    Those that the customer keeps are read where the parameters say; InputFault where one cannot be had.
    """
    onboarding = open_onboarding(request, ports)
    shown: list[tuple[SecretReceipt | SecretParameter, Secret]] = []
    async with ports.connect(request.tenant) as session:
        receipts = await secret_receipts(onboarding, session)
    for each in onboarding.declaration.resources:
        if isinstance(each, ClientSecret):
            slot = slot_of(each, request.tenant.tenant_id, onboarding.declaration.onboarding)
            receipt = next(one for one in receipts if (one.application, one.slot) == (slot.application, slot.slot))
            if receipt.key_id is not None:
                shown.append((receipt, await onboarding.sink.fetch(slot, receipt.key_id)))
    fields = (field for screen in onboarding.declaration.handover for field in screen.fields)
    for name in dict.fromkeys(field.parameter for field in fields if field.parameter is not None):
        parameter = _parameter(name, onboarding)
        if parameter.reference is not None:
            shown.append((parameter, await ports.read_secret(parameter.reference, parameter.name)))
    return tuple(shown)


def _fill(
    field: HandoverField,
    onboarding: Onboarding,
    session: Session,
    applications: tuple[ApplicationIds, ...],
    secrets: tuple[SecretReceipt, ...],
) -> FilledField:
    if field.tenant_id:
        return FilledField(field.title, session.tenant.tenant_id, note=field.note)
    if field.endpoint is not None:
        return FilledField(field.title, session.tenant.sign_in_address(field.endpoint), note=field.note)
    if field.parameter is not None:
        return FilledField(field.title, None, note=field.note, parameter=_parameter(field.parameter, onboarding))
    if field.secret is not None:
        receipt = _receipt_of(field.secret, onboarding, secrets)
        return FilledField(field.title, None, receipt, field.note)
    if field.application is not None:
        value = _property(field.application, field.property, onboarding, applications)
        return FilledField(field.title, value, note=field.note if value is not None else "not there yet")
    return FilledField(field.title, field.value, note=field.note)


def _parameter(name: str, onboarding: Onboarding) -> SecretParameter:
    return SecretParameter(name, dict(onboarding.declaration.parameters).get(name))


def _receipt_of(address: Address, onboarding: Onboarding, secrets: tuple[SecretReceipt, ...]) -> SecretReceipt | None:
    for each in onboarding.declaration.resources:
        if isinstance(each, ClientSecret) and each.address == address:
            key = each.application.partition(".")[2]
            return next((one for one in secrets if (one.application, one.slot) == (key, each.slot)), None)
    return None


def _property(
    address: Address, name: str | None, onboarding: Onboarding, applications: tuple[ApplicationIds, ...]
) -> str | None:
    declared = next(
        each for each in onboarding.declaration.resources if isinstance(each, Application) and each.address == address
    )
    ids = next(each for each in applications if each.key == declared.key)
    match name:
        case "app_id":
            return ids.app_id
        case "object_id":
            return ids.object_id
        case "service_principal_id":
            return ids.service_principal_id
        case _:
            raise AssertionError(f"a handover field asks for {name!r}, which the format does not know")
