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
from provisioner.playbook.plain import (
    application_faults,
    at,
    mapping,
    secret_faults,
    secret_parameter_faults,
    sequence,
    text_at,
)
from provisioner.playbook.yaml_text import Document, Path

AUDIENCES = {"exchange": EXCHANGE_APP_ID, "graph": GRAPH_APP_ID}
"""The API behind each word of `used_at`."""


@dataclass(frozen=True)
class ProofShape:
    """What a kind of proof needs: of each group of fields at least one. `used_at` is the service that it asks."""

    needs: tuple[tuple[str, ...], ...]
    used_at: str | None = None
    may_have: tuple[str, ...] = ("secret",)


_AS_ACCOUNT = ("secret", "account", "password", "scopes")
PROOF_FIELDS = ("roles", "absent_roles", "mailbox", "within", "secret", "account", "password", "scopes")
PROOFS = {
    "token": ProofShape((("roles", "absent_roles"), ("secret",))),
    "smtp_submission": ProofShape((("mailbox",),), "exchange", _AS_ACCOUNT),
    "mailbox_refused": ProofShape((("mailbox",), ("secret",)), "exchange"),
    "scope_authorization": ProofShape((("mailbox",), ("within",), ("secret",))),
    "graph_send": ProofShape((("mailbox",), ("secret",)), "graph"),
    "graph_mail": ProofShape((("mailbox",), ("secret",)), "graph"),
    "graph_calendar": ProofShape((("mailbox",), ("secret",)), "graph"),
    "graph_mailbox_refused": ProofShape((("mailbox",), ("secret",)), "graph"),
    "ews_folder": ProofShape((("mailbox",), ("secret",)), "exchange"),
    "ews_refused": ProofShape((("mailbox",), ("secret",)), "exchange"),
    "password_sign_in": ProofShape((("account",), ("password",), ("scopes",)), None, _AS_ACCOUNT),
    "imap_inbox": ProofShape((("mailbox",),), "exchange", _AS_ACCOUNT),
    "imap_refused": ProofShape((("mailbox",), ("account",)), "exchange", _AS_ACCOUNT),
    "pop_inbox": ProofShape((("mailbox",),), "exchange", _AS_ACCOUNT),
    "sign_in_link": ProofShape((("account",), ("scopes",)), None, ("secret", "account", "scopes")),
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
        if application is not None:
            yield from _proof_scopes(document, variant, here, application)
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
    known = {each for alternatives in shape.needs for each in alternatives} | set(shape.may_have)
    if (password := text_at(document, (*proof, "password"))) is not None:
        yield from secret_parameter_faults(document, (*proof, "password"), password)
    if "password" in shape.may_have and at(document, (*proof, "account")) is not None:
        for field in ("password", "scopes"):
            if at(document, (*proof, field)) in (None, []):
                yield document.fault(proof, f"a proof with 'account' needs '{field}'", key=True)
    for field in PROOF_FIELDS:
        if field not in known and at(document, (*proof, field)) not in (None, []):
            yield document.fault((*proof, field), f"a proof of kind {shown(kind)} has no '{field}'", key=True)


def _proof_place(
    document: Document, variant: Path, proof: Path, kind: str, application: str, slot: str
) -> Iterator[FaultyPlace]:
    """Whether the secret is for the service that is asked, and whether there is a scope to ask about."""
    used_at = _used_at(document, variant, proof, application, slot)
    wanted = PROOFS[kind].used_at
    if used_at in AUDIENCES and wanted is not None and used_at != wanted:
        message = f"a proof of kind {shown(kind)} needs a secret used at {wanted}"
        yield document.fault((*proof, "secret"), message, f"where it is used there too, say 'used_at: {wanted}' here")
    assigned = sequence(at(document, (*variant, "exchange", "role_assignments")))
    scoped = any(mapping(each).get("application") == application for each in assigned)
    if kind == "scope_authorization" and not scoped:
        yield document.fault((*proof, "application"), f"application {shown(application)} has no role within a scope")


def _used_at(document: Document, variant: Path, proof: Path, application: str, slot: str) -> str | None:
    """The service that a proof asks: its own word, or its secret's."""
    of_secret: Path = (*variant, "applications", application, "secrets", slot, "used_at")
    return text_at(document, (*proof, "used_at")) or text_at(document, of_secret)


def _proof_scopes(document: Document, variant: Path, proof: Path, application: str) -> Iterator[FaultyPlace]:
    """Delegated permissions that no token can carry, because the application does not ask for them."""
    base: Path = (*variant, "applications", application)
    listed = [mapping(each) for each in sequence(at(document, (*base, "permissions")))]
    asked = {str(each.get("name")) for each in listed if each.get("kind") == "delegated"}
    for position in range(len(sequence(at(document, (*proof, "scopes"))))):
        place: Path = (*proof, "scopes", position)
        scope = text_at(document, place)
        if scope is not None and scope not in asked:
            message = f"application {shown(application)} does not ask for {shown(scope)}"
            yield document.fault(place, message, did_you_mean(scope, asked))


def _proof_roles(document: Document, variant: Path, proof: Path, application: str, slot: str) -> Iterator[FaultyPlace]:
    """Roles that a token cannot carry, because the application does not ask for them on that API."""
    base: Path = (*variant, "applications", application)
    audience = AUDIENCES.get(_used_at(document, variant, proof, application, slot) or "")
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
