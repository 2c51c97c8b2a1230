"""Secrets and certificates of applications and service principals."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import string
from collections.abc import Mapping
from typing import Any

from cryptography import x509

from provisioner.sandbox.clock import format_time, parse_time
from provisioner.sandbox.graph import authorise, schema, shapes
from provisioner.sandbox.graph.call import Call, Reply
from provisioner.sandbox.graph.errors import bad_request, invalid_value
from provisioner.sandbox.graph.management_policy import check_key_policy, check_password_policy
from provisioner.sandbox.graph.paths import Key
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.sealing import seal
from provisioner.sandbox.store import Document

_COLLECTIONS = {"application": "applications", "servicePrincipal": "servicePrincipals"}
_ALPHABET = string.ascii_letters + string.digits + "-_.~"
_TWO_YEARS = 2


@behaviour(
    "addPassword: newest first; endDateTime two years from now when not sent; a keyId sent is taken over; "
    "secretText is shown this once; hint is the first three characters (null on a service principal)",
    source="recorded-graph.md 7 [CRED, PSH, SPC]",
    if_wrong="the wrong key is taken for the new one",
)
def add_password(call: Call, kind: str, key: Key) -> Reply:
    """``POST .../addPassword`` on an application or servicePrincipal (``kind``)."""
    document = call.newest(_COLLECTIONS[kind], key)
    authorise.may_change_application(call, [document["id"]])
    wanted = schema.check_parameters("addPassword", kind, call.object_body()).get("passwordCredential") or {}
    now = call.sandbox.clock.now()
    start = parse_time(wanted["startDateTime"]) if wanted.get("startDateTime") else now
    end_text = _utc(wanted["endDateTime"]) if wanted.get("endDateTime") else _years_later(now)
    if parse_time(end_text) <= start:
        raise bad_request("Key credential end date is invalid.", "KeyCredentialsInvalidEndDate")
    if wanted.get("secretText"):
        raise bad_request("Property 'secretText' is read-only and cannot be set.")
    check_password_policy(call, kind, document, start=start, end=parse_time(end_text))
    key_id = str(wanted.get("keyId") or call.sandbox.new_id()).lower()
    if any(each["keyId"] == key_id for each in document["passwordCredentials"]):
        raise bad_request(f"A credential with key identifier '{key_id}' already exists.")
    secret = _secret()
    credential = shapes.ordered(
        {
            "customKeyIdentifier": wanted.get("customKeyIdentifier"),
            "displayName": wanted.get("displayName"),
            "endDateTime": end_text,
            "hint": secret[:3] if kind == "application" else None,
            "keyId": key_id,
            "secretText": None,
            "startDateTime": _utc(wanted["startDateTime"])
            if wanted.get("startDateTime")
            else format_time(now, digits=7),
        },
        shapes.PASSWORD_CREDENTIAL,
    )
    document["passwordCredentials"] = [credential, *document["passwordCredentials"]]
    call.tx.put(_COLLECTIONS[kind], document["id"], document)
    call.tx.put("sealedSecrets", key_id, {"id": key_id, **seal(secret)})
    body = {
        "@odata.context": call.context("microsoft.graph.passwordCredential"),
        **credential,
        "secretText": secret,
    }
    return Reply(200, body, {"location": call.host})


@behaviour(
    "Removing a key that is not there: 400 Request_BadRequest 'No credentials found to be removed.'",
    source="recorded-graph.md 8 [KEY] for removeKey; for removePassword unverified",
    if_wrong="a repeated removal is reported as a fault",
)
def remove_password(call: Call, kind: str, key: Key) -> Reply:
    """``POST .../removePassword``."""
    document = call.newest(_COLLECTIONS[kind], key)
    authorise.may_change_application(call, [document["id"]])
    key_id = schema.check_parameters("removePassword", kind, call.object_body()).get("keyId")
    if key_id is None:
        raise bad_request("The parameter 'keyId' is required for the operation 'removePassword'.", "BadRequest")
    left = [each for each in document["passwordCredentials"] if each["keyId"] != key_id.lower()]
    if len(left) == len(document["passwordCredentials"]):
        raise bad_request("No credentials found to be removed.")
    document["passwordCredentials"] = left
    call.tx.put(_COLLECTIONS[kind], document["id"], document)
    call.tx.delete("sealedSecrets", key_id.lower())
    return Reply(204)


@behaviour(
    "PATCH replaces passwordCredentials whole and can only drop entries: a new one is refused",
    source="unverified text 'New password credentials must be generated with service actions.'",
    if_wrong="a secret is believed set by PATCH",
)
def kept_passwords(call: Call, current: list[Document], sent: list[Mapping[str, Any]]) -> list[Document]:
    """The present entries that a PATCH (or create) of passwordCredentials names again."""
    known = {each["keyId"]: each for each in current}
    named = [str(each.get("keyId") or "").lower() for each in sent]
    if any(each not in known for each in named):
        raise bad_request("New password credentials must be generated with service actions.")
    for gone in set(known) - set(named):
        call.tx.delete("sealedSecrets", gone)
    return [each for each in current if each["keyId"] in named]


@behaviour(
    "keyCredentials are replaced whole; customKeyIdentifier becomes the SHA-1 of the certificate in upper-case hex, "
    "displayName its subject; an entry sent without key must name a known keyId",
    source="recorded-graph.md 8 [CERT, APP, KEY]; the rule for known entries graph.md 2.3 M",
    if_wrong="a certificate is lost when another is added",
)
def replaced_keys(call: Call, kind: str, document: Document, sent: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The stored form of a keyCredentials collection as sent."""
    known = {each["keyId"]: each for each in document["keyCredentials"]}
    result = []
    for each in sent:
        key_id = str(each.get("keyId") or "").lower()
        if not each.get("key"):
            if key_id not in known:
                raise invalid_value("keyCredentials", "Application")
            result.append(known[key_id])
            continue
        result.append(_key_credential(call, kind, document, each, key_id))
    if len({each["keyId"] for each in result}) != len(result):
        raise bad_request("Key credentials contain duplicate key identifiers.")
    return result


def _key_credential(call: Call, kind: str, document: Document, sent: Mapping[str, Any], key_id: str) -> dict[str, Any]:
    der = base64.b64decode(re.sub(r"\s", "", str(sent["key"])))
    try:
        certificate = x509.load_der_x509_certificate(der)
    except ValueError as problem:
        raise bad_request("Invalid credential value. Error: Cannot find the requested object.\r\n") from problem
    if sent.get("type") not in ("AsymmetricX509Cert", "X509CertAndPassword") or sent.get("usage") not in (
        "Verify",
        "Sign",
    ):
        raise invalid_value("keyCredentials", "Application")
    start = _utc(sent["startDateTime"]) if sent.get("startDateTime") else _stamp(certificate, "start")
    end = _utc(sent["endDateTime"]) if sent.get("endDateTime") else _stamp(certificate, "end")
    check_key_policy(call, kind, document, start=parse_time(start), end=parse_time(end))
    return shapes.ordered(
        {
            "customKeyIdentifier": sent.get("customKeyIdentifier")
            or hashlib.sha1(der, usedforsecurity=False).hexdigest().upper(),
            "displayName": sent.get("displayName") or _subject(certificate),
            "endDateTime": end,
            "key": base64.b64encode(der).decode(),
            "keyId": key_id or call.sandbox.new_id(),
            "startDateTime": start,
            "type": sent["type"],
            "usage": sent["usage"],
        },
        shapes.KEY_CREDENTIAL,
    )


def _subject(certificate: x509.Certificate) -> str:
    """The subject as Windows spells it: most specific first, ``S=`` for the state."""
    return certificate.subject.rfc4514_string().replace(",ST=", ", S=").replace(",", ", ").replace(",  ", ", ")


def _stamp(certificate: x509.Certificate, which: str) -> str:
    moment = certificate.not_valid_before_utc if which == "start" else certificate.not_valid_after_utc
    return format_time(moment.timestamp())


def _utc(text: str) -> str:
    """A date in Z with the digits it was sent with (at most seven)."""
    digits = len(re.match(r"\d*", text.partition(".")[2])[0]) if "." in text else 0  # type: ignore[index]
    return format_time(parse_time(text), digits=min(digits, 7))


def _years_later(now: float) -> str:
    text = format_time(now, digits=7)
    year, rest = int(text[:4]), text[4:]
    if rest.startswith("-02-29"):
        rest = rest.replace("-02-29", "-03-01", 1)
    return f"{year + _TWO_YEARS}{rest}"


def _secret() -> str:
    """40 characters with ``Q~`` in the middle of the first ten, as Entra's are."""
    body = "".join(secrets.choice(_ALPHABET) for _ in range(38))
    return body[:3] + "8Q~" + body[4:38]
