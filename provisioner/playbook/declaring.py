"""From a playbook, a variant and parameters to the desired side of one onboarding. Pure: same input, same result."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import date

from provisioner import catalogue
from provisioner.errors import InputFault
from provisioner.model import declaration, declared
from provisioner.model.identifiers import GRAPH_AUDIENCE
from provisioner.playbook import naming, written
from provisioner.playbook.declaring_applications import AUDIENCES, declared_application
from provisioner.playbook.declaring_exchange import declared_in_exchange
from provisioner.playbook.filling import Filling, permission
from provisioner.playbook.hidden import shown
from provisioner.playbook.nearest import did_you_mean
from provisioner.playbook.templates import expand, references
from provisioner.playbook.values import as_text
from provisioner.playbook.written import Playbook, Value

_INSTANCE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_REDIRECT = re.compile(r"(https://[^/?#*]+|http://localhost(:[0-9]+)?)([/?][^#*!$'(),;]*)?")
"""Redirect URIs of web and single-page applications. Source: Microsoft's "Redirect URI (reply URL) restrictions":
https but for localhost, and none of !$'(),; in it; a fragment is against RFC 6749 3.1.2, and a wildcard sends codes to
whoever gets hold of any name below the domain."""
_REFUSING = (
    declaration.ProofKind.MAILBOX_REFUSED,
    declaration.ProofKind.GRAPH_MAILBOX_REFUSED,
    declaration.ProofKind.EWS_REFUSED,
    declaration.ProofKind.IMAP_REFUSED,
)


def declare(
    playbook: Playbook, *, variant: str, parameters: Mapping[str, Value], instance: str
) -> declaration.Declaration:
    """Everything that a plan needs besides the tenant. `parameters` come from `values.parameters`.

    Raises `InputFault` for an unknown variant, for an instance name that no unique name can carry, for a mailbox that
    is to be opened and refused at once, and for a redirect URI that Entra does not take.
    """
    chosen = {str(name): each for name, each in playbook.variants.items()}.get(variant)
    if chosen is None:
        known = tuple(str(each) for each in playbook.variants)
        hint = did_you_mean(variant, known) or f"There are: {', '.join(known)}."
        raise InputFault(f"{playbook.id} has no variant {shown(variant)}", advice=hint)
    _judge_instance(playbook, chosen, instance)
    found = _declaration(Filling(playbook, chosen, dict(parameters), instance), variant)
    _judge_refusals(found)
    _judge_assignments(chosen, found)
    _judge_redirects(found)
    return found


def _judge_instance(playbook: Playbook, variant: written.Variant, instance: str) -> None:
    """Unique names are for ever (field-notes.md 1.3), so what goes into one is judged before anything is made."""
    if not _INSTANCE.fullmatch(instance):
        raise InputFault(
            f"{shown(instance)} cannot name an instance",
            advice="Use lower-case letters, digits and single dashes, such as 'default' or 'branch-2'.",
        )
    for key in variant.applications:
        if len(naming.unique_name(playbook.id, instance, key)) > naming.LONGEST_UNIQUE_NAME:
            raise InputFault(f"{shown(instance)} is too long a name for an instance", advice="Use a shorter one.")


def _judge_refusals(found: declaration.Declaration) -> None:
    """A mailbox that the application is let into, or its account's own, cannot be the one that must refuse it."""
    open_ones = {each.mailbox.casefold() for each in found.resources if isinstance(each, declared.MailboxPermission)}
    open_ones |= {each.account.casefold() for each in found.proofs if each.account is not None}
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


def _judge_redirects(found: declaration.Declaration) -> None:
    """What Entra would refuse, or what would send sign-ins to strangers, is told before anything is made."""
    for each in found.resources:
        if isinstance(each, declared.RedirectUris):
            for uri in (*each.web, *each.spa):
                if not _REDIRECT.fullmatch(uri):
                    raise InputFault(
                        f"{shown(uri)} cannot be a redirect URI",
                        advice="Copy it from the product, letter by letter: https:// (http:// for localhost alone), "
                        "without a wildcard, a fragment or any of !$'(),;",
                    )


def _judge_assignments(variant: written.Variant, found: declaration.Declaration) -> None:
    """An application that asks for assignments and has none lets nobody in, and must not be made so by an omission."""
    for each in found.resources:
        if isinstance(each, declared.UserAssignment) and not (each.accounts or each.groups):
            key = each.address.partition(".")[2]
            assignment = variant.applications[key].assignment
            lines = (*assignment.accounts, *assignment.groups) if assignment is not None else ()
            names = sorted({name for line in lines for name, _ in references(line)})
            raise InputFault(
                f"nobody would be assigned to the application {key}, so nobody could sign in to it",
                advice=f"Give {' or '.join(names)}.",
            )


def _declaration(filling: Filling, variant_name: str) -> declaration.Declaration:
    variant = filling.variant
    applications = (
        each
        for key, application in variant.applications.items()
        for each in declared_application(filling, key, application)
    )
    told = tuple(_warnings(filling))
    return declaration.Declaration(
        playbook=filling.playbook.id,
        title=filling.playbook.title,
        variant=variant_name,
        playbook_sha256=filling.playbook.sha256,
        instance=filling.instance,
        parameters=tuple(sorted((name, as_text(value)) for name, value in filling.values.items())),
        resources=(*applications, *declared_in_exchange(filling)),
        proofs=tuple(_proofs(filling)),
        untried=tuple(_untried(filling)),
        handover=tuple(_screen(filling, each) for each in variant.handover),
        manual=tuple(_manual(filling)),
        warnings=(*told, *_retirements(variant, {each.retires_on for each in told})),
        incomplete=tuple(filling.texts(variant.incomplete)),
        questions=tuple("Confirm with the vendor: " + each for each in filling.texts(variant.confirm_with_vendor)),
    )


def _proofs(filling: Filling) -> Iterator[declaration.Proof]:
    for name, proof in filling.variant.proofs.items():
        if proof.when is not None and proof.when not in filling.values:
            continue
        application = filling.variant.applications[proof.application]
        secret = application.secrets[proof.secret] if proof.secret is not None else None
        scoped = tuple(
            catalogue.EXCHANGE_NAME + each.role
            for each in filling.variant.exchange.role_assignments
            if each.application == proof.application
        )
        yield declaration.Proof(
            name=name,
            title=filling.text(proof.title),
            kind=declaration.ProofKind(proof.kind),
            application=naming.application(proof.application),
            secret=naming.secret(proof.application, proof.secret) if proof.secret is not None else None,
            audience=AUDIENCES[proof.used_at or secret.used_at] if secret is not None else GRAPH_AUDIENCE,
            roles=proof.roles,
            account=filling.optional(proof.account),
            password=proof.password,
            scopes=proof.scopes,
            mailbox=filling.optional(proof.mailbox),
            absent_roles=proof.absent_roles,
            scoped_roles=scoped,
            pointer=naming.pointer(proof.application) if scoped else None,
            within=proof.within,
        )


def _untried(filling: Filling) -> Iterator[declaration.UntriedProof]:
    """Proofs whose parameter has no value: dropped in silence they would look like proofs that nobody wants."""
    for name, proof in filling.variant.proofs.items():
        if proof.when is not None and proof.when not in filling.values:
            blanks = {each: f"<{each}>" for each, _ in references(proof.title)}
            title = expand(proof.title, {**blanks, **filling.values})
            yield declaration.UntriedProof(name, title, proof.when, filling.playbook.parameters[proof.when].title)


def _screen(filling: Filling, screen: written.HandoverScreen) -> declaration.HandoverScreen:
    return declaration.HandoverScreen(
        filling.text(screen.title),
        tuple(_field(filling, each) for each in screen.fields),
        filling.texts(screen.actions),
        screen.guide_steps,
    )


def _field(filling: Filling, field: written.HandoverField) -> declaration.HandoverField:
    title, note = filling.text(field.title), filling.optional(field.note)
    match (field.reference or "").split("."):
        case [""]:
            return declaration.HandoverField(title, value=filling.optional(field.value), note=note)
        case ["tenant_id"]:
            return declaration.HandoverField(title, tenant_id=True, note=note)
        case ["authorization_endpoint" | "token_endpoint" as endpoint]:
            return declaration.HandoverField(title, endpoint=declaration.SignInEndpoint(endpoint), note=note)
        case ["parameters", name]:
            return declaration.HandoverField(title, parameter=name, note=note)
        case [_, key, "secrets", slot]:
            return declaration.HandoverField(title, secret=naming.secret(key, slot), note=note)
        case [_, key, what]:
            return declaration.HandoverField(title, application=naming.application(key), property=what, note=note)
    raise AssertionError("a checked playbook has references of these forms only")


def _manual(filling: Filling) -> Iterator[declaration.ManualStep]:
    for step in filling.variant.manual:
        yield declaration.ManualStep(
            filling.text(step.title),
            filling.text(step.instruction),
            step.role,
            filling.optional(step.proof),
            step.guide_steps,
        )


def _warnings(filling: Filling) -> Iterator[declaration.Caution]:
    for caution in filling.variant.warnings:
        day = date.fromisoformat(caution.retires_on) if caution.retires_on else None
        yield declaration.Caution(filling.text(caution.text), day, caution.source)


def _retirements(variant: written.Variant, told: Collection[date | None]) -> Iterator[declaration.Caution]:
    """What ends on a day of which the playbook's own warnings, which know the product, say nothing."""
    for application in variant.applications.values():
        for each in application.permissions:
            day = catalogue.retirement(permission(each))
            if day and day not in told:
                yield declaration.Caution(f"{each.name} of {each.api} stops working.", day, "Microsoft's announcement")
    for assigned in variant.exchange.role_assignments:
        day = catalogue.retirement(catalogue.entra_twin(assigned.role))
        if day and day not in told:
            name = catalogue.EXCHANGE_NAME + assigned.role
            yield declaration.Caution(f"The role {name} stops working.", day, "Microsoft's announcement")
