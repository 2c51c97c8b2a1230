"""Certificates that an application signs in with (`keyCredentials`). Source: graph.md 2.3, recorded-graph.md 5 and 7.

Only the public half ever travels. The first certificate of an application can only be added by replacing the whole
collection, so the others are sent along as they were read; their keys may be left out.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from provisioner.errors import Refused, ServiceFault
from provisioner.graph.connection import Graph
from provisioner.graph.reading import Json, guid, maybe_moment, maybe_text, members
from provisioner.graph.rights import POLICY_KEEPERS, READ_APPLICATIONS, WRITE_APPLICATIONS
from provisioner.graph.sdk import model, query
from provisioner.model.identifiers import KeyId, ObjectId
from provisioner.model.observed import KeyCredential

POLICY_ADVICE = {
    "CredentialTypeNotAllowedAsPerAppPolicy": (
        "this tenant's application management policy forbids certificates: have it exempt this application"
    ),
    "CredentialInvalidLifetimeAsPerAppPolicy": (
        "this tenant's application management policy wants certificates to end sooner: choose a shorter lifetime"
    ),
}
"""Policy codes by which Graph refuses a certificate. Source: graph.md 2.3 and 5.2."""


async def add(
    graph: Graph, application_id: ObjectId, *, display_name: str, certificate: bytes, start: datetime, end: datetime
) -> None:
    """Add a certificate (DER). One that is there already is not added twice.

    Raises `Refused` where a policy of the tenant forbids it.
    """
    thumbprint = thumbprint_of(certificate)
    there = await _read(graph, application_id)
    if any(parse(each).thumbprint == thumbprint for each in there):
        return
    new = model("KeyCredential", "key_credential")(
        type="AsymmetricX509Cert",
        usage="Verify",
        display_name=display_name,
        key=certificate,
        start_date_time=start.astimezone(UTC).replace(microsecond=0),
        end_date_time=end.astimezone(UTC).replace(microsecond=0),
    )
    await _replace(graph, application_id, [*(_as_read(each) for each in there), new])


async def remove(graph: Graph, application_id: ObjectId, thumbprint: str) -> None:
    """Remove a certificate. One that is not there is fine. Raises `Absent` where the application is not there."""
    there = await _read(graph, application_id)
    left = [each for each in there if parse(each).thumbprint != thumbprint]
    if len(left) < len(there):
        await _replace(graph, application_id, [_as_read(each) for each in left])


def thumbprint_of(certificate: bytes) -> str:
    """What Entra and the portal call a certificate: its SHA-1, in upper-case hex digits."""
    return hashlib.sha1(certificate, usedforsecurity=False).hexdigest().upper()


def parse(found: Json) -> KeyCredential:
    """Our record of a certificate. Its thumbprint comes from the certificate itself where the reply holds it."""
    der = _bytes(maybe_text(found, "key"))
    return KeyCredential(
        key_id=KeyId(guid(found, "keyId")),
        display_name=maybe_text(found, "displayName"),
        thumbprint=thumbprint_of(der) if der else _thumbprint(maybe_text(found, "customKeyIdentifier")),
        start=maybe_moment(found, "startDateTime"),
        end=maybe_moment(found, "endDateTime"),
    )


async def _read(graph: Graph, application_id: ObjectId) -> tuple[Json, ...]:
    builder = graph.client.applications.by_application_id(application_id)
    options = query(builder, select=["id", "keyCredentials"])
    found = await graph.read(builder.to_get_request_information(options), READ_APPLICATIONS)
    return members(found, "keyCredentials")


async def _replace(graph: Graph, application_id: ObjectId, credentials: list[Any]) -> None:
    body = model("Application", "application")(key_credentials=credentials)
    info = graph.client.applications.by_application_id(application_id).to_patch_request_information(body)
    try:
        await graph.write(info, WRITE_APPLICATIONS)
    except ServiceFault as error:
        for code in (error.fault.code, *error.fault.detail_codes):
            if code in POLICY_ADVICE:
                raise Refused(error.fault, who_can=POLICY_KEEPERS, advice=POLICY_ADVICE[code]) from None
        raise


def _as_read(found: Json) -> Any:
    """An entry that stays, as it was read; its key is kept by the directory."""
    return model("KeyCredential", "key_credential")(
        key_id=UUID(guid(found, "keyId")),
        type=maybe_text(found, "type"),
        usage=maybe_text(found, "usage"),
        display_name=maybe_text(found, "displayName"),
        custom_key_identifier=_bytes(maybe_text(found, "customKeyIdentifier")),
        key=_bytes(maybe_text(found, "key")),
        start_date_time=maybe_moment(found, "startDateTime"),
        end_date_time=maybe_moment(found, "endDateTime"),
    )


def _bytes(text: str | None) -> bytes | None:
    if not text:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return None


def _thumbprint(identifier: str | None) -> str | None:
    """`customKeyIdentifier` as hex digits: Graph writes the thumbprint as such, or in base64."""
    if identifier and re.fullmatch(r"[0-9A-Fa-f]{40}", identifier):
        return identifier.upper()
    decoded = _bytes(identifier)
    return decoded.hex().upper() if decoded and len(decoded) == 20 else None
