"""New-, Get- and Remove-ServicePrincipal: Exchange's pointers to service principals of Entra.

A pointer is two ids and a name. Exchange looks neither up: a wrong ObjectId is accepted and fails at sign-in, months
later if need be.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from provisioner.sandbox.exchange import directory
from provisioner.sandbox.exchange.access import ADMINISTRATORS
from provisioner.sandbox.exchange.cmdlet import Cmdlet, Record, Run
from provisioner.sandbox.exchange.faults import already_exists, invalid_value, not_found
from provisioner.sandbox.exchange.parameters import Parameter, string
from provisioner.sandbox.ledger import behaviour, mark
from provisioner.sandbox.store import Document

mark(
    "The pointer stays when the application is deleted in Entra",
    source="unverified (exchange.md 4.1: sources disagree)",
    if_wrong="remove leaves a pointer, or fails on a missing one",
)


@behaviour(
    "New-ServicePrincipal accepts any ObjectId, also the registration's; nothing is looked up in Entra",
    source="exchange.md 4.1, field-notes.md 6 (acceptance at creation: unverified on a live tenant)",
    if_wrong="a wrong pointer is taken for proven by its creation",
)
@behaviour(
    "AppId and ObjectId are unique among pointers: a second one of either is refused with 'already exist'",
    source="unverified (exchange.md 4.6: S3, S18 match the text; 4.1 S1: wrong ids mean remove and recreate)",
    if_wrong="two pointers of one application are possible",
)
def _new(run: Run) -> None:
    app_id = _guid("AppId", run.arguments.required("AppId"))
    given = run.arguments.text("ObjectId") or run.arguments.text("ServiceId")
    if given is None:
        raise invalid_value("ObjectId", "")
    object_id = _guid("ObjectId", given)
    for present in run.tx.all(directory.SERVICE_PRINCIPALS):
        if object_id == present["objectId"] or app_id == present["appId"]:
            raise already_exists(object_id)
    identity = run.sandbox.new_id()
    document: Document = {
        "id": identity,
        "appId": app_id,
        "objectId": object_id,
        "displayName": run.arguments.text("DisplayName") or "",
        "sid": f"S-1-5-21-3623811015-3361044348-{uuid.UUID(identity).int % 10**9}-{uuid.UUID(identity).int % 10**7}",
        "whenCreated": run.sandbox.clock.now(),
    }
    run.tx.put(directory.SERVICE_PRINCIPALS, identity, document)
    run.show(_record(document))


@behaviour(
    "Get-ServicePrincipal with an unknown or null -Identity returns every pointer",
    source="exchange.md 4.1 S1",
    if_wrong="a foreign pointer is taken for ours",
)
def _get(run: Run) -> None:
    identity = run.arguments.text("Identity")
    found = directory.pointers(run.tx, identity, run.as_of) if identity else []
    for document in found or run.tx.all(directory.SERVICE_PRINCIPALS, as_of=run.as_of):
        run.show(_record(document))


def _remove(run: Run) -> None:
    document = directory.pointer(run.tx, run.arguments.required("Identity"), run.as_of)
    if run.tx.get(directory.SERVICE_PRINCIPALS, document["id"]) is None:
        raise not_found(run.arguments.required("Identity"))
    run.tx.delete(directory.SERVICE_PRINCIPALS, document["id"])


def _guid(parameter: str, value: str) -> str:
    try:
        return str(uuid.UUID(value))
    except ValueError:
        raise invalid_value(parameter, value) from None


@behaviour(
    "Output of *-ServicePrincipal: DisplayName, AppId, ObjectId, Sid, Identity (a GUID), and the usual directory "
    "properties",
    source="exchange.md 4.1 S17, S19; the full list is unverified",
    if_wrong="a property the client reads is missing",
)
def _record(document: Document) -> Record:
    created = datetime.fromtimestamp(int(document["whenCreated"]), UTC)
    return Record(
        "Microsoft.Exchange.Management.RecipientTasks.ServicePrincipal",
        {
            "DisplayName": document["displayName"],
            "AppId": document["appId"],
            "ObjectId": document["objectId"],
            "Sid": document["sid"],
            "IsValid": True,
            "ExchangeVersion": "0.20 (15.0.0.0)",
            "Name": document["id"],
            "DistinguishedName": directory.distinguished_name({"name": document["id"]}),
            "Identity": document["id"],
            "ObjectCategory": "SBXPR01A001.PROD.OUTLOOK.COM/Configuration/Schema/Person",
            "ObjectClass": ("top", "person", "organizationalPerson", "user"),
            "WhenCreatedUTC": created,
            "Id": document["id"],
            "Guid": uuid.UUID(document["id"]),
            "ObjectState": "Unchanged",
        },
    )


_IDENTITY = Parameter("Identity", string, position=0, nullable=True)

CMDLETS = (
    Cmdlet(
        "New-ServicePrincipal",
        _new,
        (
            Parameter("AppId", string, mandatory=True),
            Parameter("ObjectId", string),
            Parameter("ServiceId", string),
            Parameter("DisplayName", string, nullable=True),
        ),
        roles=ADMINISTRATORS,
        writes=True,
        target="ObjectId",
    ),
    Cmdlet("Get-ServicePrincipal", _get, (_IDENTITY,)),
    Cmdlet(
        "Remove-ServicePrincipal",
        _remove,
        (Parameter("Identity", string, mandatory=True, position=0),),
        roles=ADMINISTRATORS,
        writes=True,
        confirms=True,
    ),
)
