"""The tenant's application management policy: which credentials it refuses.

The policy is the document ``defaultAppManagementPolicy`` of collection ``policies``; as in a real tenant it is there
but off until somebody switches it on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from provisioner.sandbox.clock import parse_time
from provisioner.sandbox.graph.call import Call
from provisioner.sandbox.graph.errors import bad_request
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.store import Document

_DURATION = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?\Z")
_SECONDS = (365 * 86400, 30 * 86400, 86400, 3600, 60, 1)


@behaviour(
    "A tenant that forbids secrets answers addPassword with 400 CredentialTypeNotAllowedAsPerAppPolicy; one too long "
    "with 400 CredentialInvalidLifetimeAsPerAppPolicy",
    source="graph.md 2.3 V: PUB incl. microsoft/TeamsFx tests; texts unverified",
    if_wrong="a tenant's own rule is reported as a fault of ours",
)
def check_password_policy(call: Call, kind: str, document: Document, *, start: float, end: float) -> None:
    """Raises GraphError when the policy forbids this secret. Times in epoch seconds."""
    for restriction in _restrictions(call, kind, document, "passwordCredentials"):
        if restriction["restrictionType"] == "passwordAddition":
            raise bad_request(
                "Credential type not allowed as per assigned policy.", "CredentialTypeNotAllowedAsPerAppPolicy"
            )
        if restriction["restrictionType"] == "passwordLifetime":
            _check_lifetime(restriction, end - start)


def check_key_policy(call: Call, kind: str, document: Document, *, start: float, end: float) -> None:
    """Raises GraphError when the policy forbids this certificate. Times in epoch seconds."""
    for restriction in _restrictions(call, kind, document, "keyCredentials"):
        if restriction["restrictionType"] == "asymmetricKeyLifetime":
            _check_lifetime(restriction, end - start)


def _restrictions(call: Call, kind: str, document: Document, which: str) -> Iterator[Mapping[str, Any]]:
    policy = call.tx.get("policies", "defaultAppManagementPolicy") or {}
    if not policy.get("isEnabled"):
        return
    side = policy.get("applicationRestrictions" if kind == "application" else "servicePrincipalRestrictions")
    for restriction in (side or {}).get(which, ()):
        if restriction.get("state", "enabled") != "enabled":
            continue
        after = restriction.get("restrictForAppsCreatedAfterDateTime")
        if after and document.get("createdDateTime") and parse_time(document["createdDateTime"]) < parse_time(after):
            continue
        yield restriction


def _check_lifetime(restriction: Mapping[str, Any], lifetime: float) -> None:
    found = _DURATION.match(restriction.get("maxLifetime") or "")
    if found is None:
        return
    longest = sum(int(part or 0) * size for part, size in zip(found.groups(), _SECONDS, strict=True))
    if lifetime > longest:
        raise bad_request(
            "Credential lifetime exceeds the max value allowed as per assigned policy.",
            "CredentialInvalidLifetimeAsPerAppPolicy",
        )
