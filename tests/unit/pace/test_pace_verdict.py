"""What each known fault means. One row a fact; the texts are the services' own (graph.md 2-3, exchange.md 4)."""

from __future__ import annotations

import pytest

from provisioner.model.faults import Fault
from provisioner.pace import Verdict, classify

APP = "5b1e8c3a-7d94-4e02-8f61-c9a2d4b7e650"


def graph(status: int, code: str, message: str = "", *details: str, sent: bool = True) -> Fault:
    return Fault("graph", "POST /x", status, code, message, details, sent=sent)


def exchange(status: int, code: str, message: str = "") -> Fault:
    return Fault("exchange", "Add-MailboxPermission", status, code, message)


def signin(code: str, status: int = 401) -> Fault:
    return Fault("signin", "POST /token", status, code, f"{code}: Entra's own words")


TABLE = [
    # throttled: refused before it was carried out
    ("429 of the gateway", graph(429, "TooManyRequests"), Verdict.THROTTLED),
    ("429 of the directory", graph(429, "Request_ThrottledTemporarily"), Verdict.THROTTLED),
    ("429 without a code", graph(429, ""), Verdict.THROTTLED),
    ("the directory's word under another status", graph(503, "Request_ThrottledTemporarily"), Verdict.THROTTLED),
    ("a detail's word", graph(400, "Request_BadRequest", "", "TooManyRequests"), Verdict.THROTTLED),
    ("429 of Exchange", exchange(429, ""), Verdict.THROTTLED),
    # the thing exists
    (
        "a grant twice",
        graph(400, "Request_BadRequest", "Permission being assigned already exists on the object"),
        Verdict.ALREADY,
    ),
    (
        "a delegated grant twice, 400",
        graph(400, "Request_BadRequest", "Permission entry already exists."),
        Verdict.ALREADY,
    ),
    (
        "a delegated grant twice, 409",
        graph(409, "Request_MultipleObjectsWithSameKeyValue", "Permission entry already exists."),
        Verdict.ALREADY,
    ),
    (
        "a service principal twice",
        graph(409, "Request_MultipleObjectsWithSameKeyValue", f"The service principal name {APP} is already in use."),
        Verdict.ALREADY,
    ),
    ("its code alone", graph(409, "Request_MultipleObjectsWithSameKeyValue"), Verdict.ALREADY),
    (
        "identifierUris taken",
        graph(400, "Request_BadRequest", "Another object with the same value for property x already exists."),
        Verdict.ALREADY,
    ),
    (
        "an owner twice",
        graph(400, "Request_BadRequest", "One or more added object references already exist for: 'owners'."),
        Verdict.ALREADY,
    ),
    ("a pointer twice", exchange(400, "ADObjectAlreadyExistsException", "The object already exists."), Verdict.ALREADY),
    (
        "a right twice",
        exchange(200, "", "The appropriate access control entry is already present on the object"),
        Verdict.ALREADY,
    ),
    # a replica that has not heard of our own write
    (
        "an application that replication has not brought",
        graph(
            400,
            "Request_BadRequest",
            f"The appId '{APP}' of the service principal does not reference a valid application object.",
            "NoBackingApplicationObject",
        ),
        Verdict.NOT_YET,
    ),
    (
        "the same by its detail alone",
        graph(400, "Request_BadRequest", "other words", "NoBackingApplicationObject"),
        Verdict.NOT_YET,
    ),
    (
        "the same as a 403, which is no refusal of ours",
        graph(
            403,
            "Authorization_RequestDenied",
            "When using this permission, the backing application of the service principal being created must in the "
            "local tenant",
        ),
        Verdict.NOT_YET,
    ),
    ("a principal not there yet", graph(400, "Request_BadRequest", "Not a valid reference update"), Verdict.NOT_YET),
    (
        "a 404 in the words of a lagging replica",
        graph(
            404,
            "Request_ResourceNotFound",
            f"Resource '{APP}' does not exist or one of its queried reference-property objects are not present.",
        ),
        Verdict.NOT_YET,
    ),
    ("a resource id", graph(404, "Request_ResourceNotFound", "Specified resourceId was not found"), Verdict.NOT_YET),
    (
        "a role that has not reached the service principal",
        graph(400, "Request_BadRequest", f"Permission being assigned was not found on application '{APP}'"),
        Verdict.NOT_YET,
    ),
    ("two writers at once", graph(409, "Directory_ConcurrencyViolation"), Verdict.NOT_YET),
    (
        "too many at once in the tenant",
        graph(400, "Request_BadRequest", "there are concurrent requests being made to the tenant"),
        Verdict.NOT_YET,
    ),
    ("a fresh secret", signin("AADSTS7000215"), Verdict.NOT_YET),
    ("a fresh application", signin("AADSTS700016", 400), Verdict.NOT_YET),
    ("a fresh service principal", signin("AADSTS7000229"), Verdict.NOT_YET),
    ("a fresh certificate", signin("AADSTS700027"), Verdict.NOT_YET),
    # it may have been done
    ("500", graph(500, "InternalServerError"), Verdict.UNKNOWN),
    ("502", graph(502, "BadGateway"), Verdict.UNKNOWN),
    ("503", graph(503, "ServiceUnavailable"), Verdict.UNKNOWN),
    ("504", graph(504, "UnknownError"), Verdict.UNKNOWN),
    ("408", graph(408, ""), Verdict.UNKNOWN),
    ("no answer", graph(0, "ConnectionLost"), Verdict.UNKNOWN),
    # nobody there
    ("no connection", graph(0, "NoConnection", sent=False), Verdict.UNREACHABLE),
    ("never sent, whatever the status", graph(503, "", sent=False), Verdict.UNREACHABLE),
    # absent
    ("a 404 in other words", graph(404, "ResourceNotFound", "no such route"), Verdict.ABSENT),
    ("a 404 of Exchange", exchange(404, "NotFound", "object 'x' couldn't be found on 'DC1'"), Verdict.ABSENT),
    (
        "the same over PowerShell, which has no status",
        exchange(400, "ManagementObjectNotFoundException", "object 'x' couldn't be found on 'DC1'"),
        Verdict.ABSENT,
    ),
    # refused
    ("403", graph(403, "Authorization_RequestDenied", "Insufficient privileges"), Verdict.REFUSED),
    ("401", graph(401, "InvalidAuthenticationToken", "Access token has expired"), Verdict.REFUSED),
    ("a wrong user's password", signin("AADSTS50126", 401), Verdict.REFUSED),
    # no use in trying again
    ("400", graph(400, "Request_BadRequest", "Invalid value specified for property 'tags'"), Verdict.FINAL),
    ("a policy", graph(400, "CredentialTypeNotAllowedAsPerAppPolicy"), Verdict.FINAL),
    ("an unexpected redirect", graph(302, ""), Verdict.FINAL),
    ("409 of another kind", graph(409, "Conflict", "HostNameNotOnVerifiedDomain"), Verdict.FINAL),
]


@pytest.mark.parametrize(("fault", "verdict"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_what_a_fault_means(fault: Fault, verdict: Verdict) -> None:
    assert classify(fault) is verdict


def test_the_table_knows_every_verdict() -> None:
    assert {verdict for _, _, verdict in TABLE} == set(Verdict)
