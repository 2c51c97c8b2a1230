"""What a variant proves: fields that fit the kind of proof, and results that its applications can have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from provisioner import catalogue
from provisioner.errors import FaultyPlace
from provisioner.model.declared import PermissionKind
from provisioner.model.identifiers import EXCHANGE_APP_ID, GRAPH_APP_ID
from provisioner.playbook.hidden import shown
from provisioner.playbook.nearest import did_you_mean
from provisioner.playbook.plain import application_faults, at, mapping, secret_faults, sequence, text_at
from provisioner.playbook.yaml_text import Document, Path

AUDIENCES = {"exchange": EXCHANGE_APP_ID, "graph": GRAPH_APP_ID}
"""The API behind each word of `used_at`."""


@dataclass(frozen=True)
class ProofShape:
    """What a kind of proof needs: of each group of fields at least one. `used_at` is the service that it asks."""

    needs: tuple[tuple[str, ...], ...]
    used_at: str | None = None


PROOF_FIELDS = ("roles", "absent_roles", "mailbox", "within")
PROOFS = {
    "token": ProofShape((("roles", "absent_roles"),)),
    "smtp_submission": ProofShape((("mailbox",),), "exchange"),
    "mailbox_refused": ProofShape((("mailbox",),), "exchange"),
    "scope_authorization": ProofShape((("mailbox",), ("within",))),
    "graph_send": ProofShape((("mailbox",),), "graph"),
    "graph_mailbox_refused": ProofShape((("mailbox",),), "graph"),
}
"""What each kind of proof means."""


def check_proofs(document: Document, variant: Path) -> Iterator[FaultyPlace]:
    """Every fault under `proofs`."""
    for name in mapping(at(document, (*variant, "proofs"))):
        here: Path = (*variant, "proofs", name)
        yield from application_faults(document, variant, (*here, "application"))
        application, slot, kind, when = (
            text_at(document, (*here, key)) for key in ("application", "secret", "kind", "when")
        )
        if application is not None and slot is not None:
            yield from secret_faults(document, variant, application, (*here, "secret"), slot)
            yield from _proof_roles(document, variant, here, application, slot)
        parameters = mapping(mapping(document.data).get("parameters"))
        if when is not None and when not in parameters:
            yield document.fault((*here, "when"), f"{shown(when)} is not a parameter", did_you_mean(when, parameters))
        if kind in PROOFS:
            yield from _proof_fields(document, here, kind, PROOFS[kind])
            if application is not None and slot is not None:
                yield from _proof_place(document, variant, here, kind, application, slot)


def _proof_fields(document: Document, proof: Path, kind: str, shape: ProofShape) -> Iterator[FaultyPlace]:
    """Fields that a kind of proof needs, and those that mean nothing to it."""
    for alternatives in shape.needs:
        if not any(at(document, (*proof, each)) not in (None, []) for each in alternatives):
            yield document.fault(proof, f"a proof of kind {shown(kind)} needs '{alternatives[0]}'", key=True)
    known = {each for alternatives in shape.needs for each in alternatives}
    for field in PROOF_FIELDS:
        if field not in known and at(document, (*proof, field)) not in (None, []):
            yield document.fault((*proof, field), f"a proof of kind {shown(kind)} has no '{field}'", key=True)


def _proof_place(
    document: Document, variant: Path, proof: Path, kind: str, application: str, slot: str
) -> Iterator[FaultyPlace]:
    """Whether the secret is for the service that is asked, and whether there is a scope to ask about."""
    used_at = text_at(document, (*variant, "applications", application, "secrets", slot, "used_at"))
    wanted = PROOFS[kind].used_at
    if used_at in AUDIENCES and wanted is not None and used_at != wanted:
        yield document.fault((*proof, "secret"), f"a proof of kind {shown(kind)} needs a secret used at {wanted}")
    assigned = sequence(at(document, (*variant, "exchange", "role_assignments")))
    scoped = any(mapping(each).get("application") == application for each in assigned)
    if kind == "scope_authorization" and not scoped:
        yield document.fault((*proof, "application"), f"application {shown(application)} has no role within a scope")


def _proof_roles(document: Document, variant: Path, proof: Path, application: str, slot: str) -> Iterator[FaultyPlace]:
    """Roles that a token cannot carry, because the application does not ask for them on that API."""
    base: Path = (*variant, "applications", application)
    audience = AUDIENCES.get(text_at(document, (*base, "secrets", slot, "used_at")) or "")
    if audience is None:
        return
    asked: set[str] = set()
    for position in range(len(sequence(at(document, (*base, "permissions"))))):
        api, kind, name = (text_at(document, (*base, "permissions", position, key)) for key in ("api", "kind", "name"))
        resource = catalogue.resource(api or "")
        if name is not None and kind == "application" and resource is not None and resource[0] == audience:
            asked.add(name)
    for position in range(len(sequence(at(document, (*proof, "absent_roles"))))):
        place: Path = (*proof, "absent_roles", position)
        role = text_at(document, place)
        if role is not None and role in asked:
            yield document.fault(place, f"application {shown(application)} asks for {shown(role)} itself")
        elif role is not None and catalogue.find(audience, PermissionKind.ROLE, role) is None:
            hint = "; ".join(catalogue.near_misses(audience, PermissionKind.ROLE, role)) or None
            yield document.fault(place, f"there is no application permission {shown(role)} there", hint)
    for position in range(len(sequence(at(document, (*proof, "roles"))))):
        here: Path = (*proof, "roles", position)
        role = text_at(document, here)
        if role is not None and role not in asked:
            message = f"application {shown(application)} does not ask for {shown(role)} where its secret is used"
            yield document.fault(here, message, did_you_mean(role, asked))
