"""What a variant sets up in Exchange: references that lead somewhere, roles that exist, scopes that nothing cancels."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner import catalogue
from provisioner.errors import FaultyPlace
from provisioner.model.declared import Protocol
from provisioner.playbook.hidden import shown
from provisioner.playbook.nearest import did_you_mean
from provisioner.playbook.plain import application_faults, at, mapping, sequence, text_at
from provisioner.playbook.yaml_text import Document, Path


def check_exchange(document: Document, variant: Path) -> Iterator[FaultyPlace]:
    """Every fault under `exchange`."""
    yield from _rights(document, variant)
    yield from _client_access(document, variant)
    for name in mapping(at(document, (*variant, "exchange", "ews_access"))):
        yield from application_faults(document, variant, (*variant, "exchange", "ews_access", name), key=True)
    yield from _role_assignments(document, variant)


def _rights(document: Document, variant: Path) -> Iterator[FaultyPlace]:
    pointers = mapping(at(document, (*variant, "exchange", "pointers")))
    for name in pointers:
        yield from application_faults(document, variant, (*variant, "exchange", "pointers", name), key=True)
    rights: Path = (*variant, "exchange", "mailbox_permissions")
    seen: set[tuple[str, str]] = set()
    for position in range(len(sequence(at(document, rights)))):
        here: Path = (*rights, position)
        yield from application_faults(document, variant, (*here, "application"))
        application, right = (text_at(document, (*here, key)) for key in ("application", "right"))
        if application is None or right is None:
            continue
        if application not in pointers:
            hint = f"add {application} under pointers"
            yield document.fault((*here, "application"), f"Exchange does not know {shown(application)}", hint)
        address = (application, text_at(document, (*here, "name")) or right)
        if address in seen:
            yield document.fault(here, "the same application and right a second time", "give it a 'name' of its own")
        seen.add(address)


def _client_access(document: Document, variant: Path) -> Iterator[FaultyPlace]:
    """Switches that are named, of each mailbox in one place only."""
    base: Path = (*variant, "exchange", "client_access")
    seen: set[str] = set()
    for key, access in mapping(at(document, base)).items():
        given = mapping(access)
        if not any(each.value in given for each in Protocol):
            message = f"it names no switch: {', '.join(Protocol)}"
            yield document.fault((*base, key), message, key=True)
        mailbox = given.get("mailbox")
        if isinstance(mailbox, str) and mailbox in seen:
            yield document.fault((*base, key, "mailbox"), f"{shown(mailbox)} has an entry already", "put both together")
        seen |= {mailbox} if isinstance(mailbox, str) else set()


def _role_assignments(document: Document, variant: Path) -> Iterator[FaultyPlace]:
    scopes = mapping(at(document, (*variant, "exchange", "scopes")))
    pointers = mapping(at(document, (*variant, "exchange", "pointers")))
    for key in scopes:
        if not sequence(at(document, (*variant, "exchange", "scopes", key, "members"))):
            yield document.fault((*variant, "exchange", "scopes", key), "a scope without members reaches nobody")
    base: Path = (*variant, "exchange", "role_assignments")
    seen: set[tuple[str, str]] = set()
    for position in range(len(sequence(at(document, base)))):
        here: Path = (*base, position)
        yield from application_faults(document, variant, (*here, "application"))
        application, role, scope = (text_at(document, (*here, key)) for key in ("application", "role", "scope"))
        if scope is not None and scope not in scopes:
            yield document.fault((*here, "scope"), f"no scope {shown(scope)}", did_you_mean(scope, scopes))
        if role is not None and role not in catalogue.application_roles():
            hint = did_you_mean(role.removeprefix(catalogue.EXCHANGE_NAME), catalogue.application_roles())
            yield document.fault((*here, "role"), f"Exchange has no application role {shown(role)}", hint)
            continue
        if application is None or role is None:
            continue
        if application not in pointers:
            hint = f"add {application} under pointers"
            yield document.fault((*here, "application"), f"Exchange does not know {shown(application)}", hint)
        if (application, role) in seen:
            yield document.fault(here, f"{shown(role)} is assigned a second time")
        seen.add((application, role))
        yield from _cancelled(document, variant, here, application, role)


def _cancelled(
    document: Document, variant: Path, assignment: Path, application: str, role: str
) -> Iterator[FaultyPlace]:
    """A role within a scope, and the same permission asked for everywhere."""
    twin = catalogue.entra_twin(role)
    permissions: Path = (*variant, "applications", application, "permissions")
    for position in range(len(sequence(at(document, permissions)))):
        api, kind, name = (text_at(document, (*permissions, position, key)) for key in ("api", "kind", "name"))
        resource = catalogue.resource(api or "")
        if kind == "application" and name == twin.value and resource and resource[0] == twin.resource_app_id:
            message = f"{shown(role)} has no scope as long as {shown(name)} is granted in Entra as well"
            yield document.fault((*assignment, "role"), message, "leave one of them out")
