"""New-, Get-, Set- and Remove-ManagementScope: named recipient filters that application roles are confined to."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from provisioner.sandbox.exchange import directory, opath
from provisioner.sandbox.exchange.access import ADMINISTRATORS
from provisioner.sandbox.exchange.application_roles import CUSTOM
from provisioner.sandbox.exchange.cmdlet import Cmdlet, Record, Run
from provisioner.sandbox.exchange.faults import (
    CmdletFailed,
    Failure,
    dehydrated,
    name_in_use,
    not_found,
    too_long,
)
from provisioner.sandbox.exchange.organization import customized_for
from provisioner.sandbox.exchange.parameters import Parameter, string
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.store import Document, Transaction

NAME_LENGTH = 64


def find(tx: Transaction, identity: str, as_of: float | None = None) -> Document:
    """The scope of a name or GUID; CmdletFailed when there is none."""
    wanted = identity.casefold()
    for document in tx.all(directory.SCOPES, as_of=as_of):
        if wanted in (document["id"], document["name"].casefold()):
            return document
    raise not_found(identity)


def _new(run: Run) -> None:
    name = run.arguments.required("Name")
    if len(name) > NAME_LENGTH:
        raise too_long("Name", len(name), NAME_LENGTH)
    recipients = run.arguments.required("RecipientRestrictionFilter")
    opath.parse(recipients)
    if customized_for(run.sandbox, run.tx) < 0:
        raise dehydrated("New-ManagementScope")
    if any(each["name"].casefold() == name.casefold() for each in run.tx.all(directory.SCOPES)):
        raise name_in_use(_dn(name))
    identity = run.sandbox.new_id()
    document: Document = {
        "id": identity,
        "name": name,
        "recipientFilter": recipients,
        "whenCreated": run.sandbox.clock.now(),
    }
    run.tx.put(directory.SCOPES, identity, document)
    run.show(_record(document))


def _get(run: Run) -> None:
    identity = run.arguments.text("Identity")
    chosen = [find(run.tx, identity, run.as_of)] if identity else run.tx.all(directory.SCOPES, as_of=run.as_of)
    for document in chosen:
        run.show(_record(document))


@behaviour(
    "Set-ManagementScope changes name or filter; assignments keep to the scope under its new name",
    source="documentation of Set-ManagementScope; the warning when nothing changes is Exchange's usual one",
    if_wrong="a scope is removed and made anew where a change would do, and its assignments with it",
)
def _set(run: Run) -> None:
    known = find(run.tx, run.arguments.required("Identity"), run.as_of)
    document = run.tx.get(directory.SCOPES, known["id"])
    if document is None:
        raise not_found(run.arguments.required("Identity"))
    changes: Document = {}
    if name := run.arguments.text("Name"):
        if len(name) > NAME_LENGTH:
            raise too_long("Name", len(name), NAME_LENGTH)
        others = (each for each in run.tx.all(directory.SCOPES) if each["id"] != document["id"])
        if any(each["name"].casefold() == name.casefold() for each in others):
            raise name_in_use(_dn(name))
        changes["name"] = name
    if recipients := run.arguments.text("RecipientRestrictionFilter"):
        opath.parse(recipients)
        changes["recipientFilter"] = recipients
    if {**document, **changes} == document:
        run.warn(f"The command completed successfully but no settings of '{document['name']}' have been modified.")
        return
    run.tx.put(directory.SCOPES, document["id"], {**document, **changes})


@behaviour(
    "A scope that a role assignment uses cannot be removed",
    source="documentation of Remove-ManagementScope; text unverified",
    if_wrong="a removal in the wrong order works here only",
)
def _remove(run: Run) -> None:
    document = find(run.tx, run.arguments.required("Identity"), run.as_of)
    if run.tx.get(directory.SCOPES, document["id"]) is None:
        raise not_found(run.arguments.required("Identity"))
    for each in run.tx.all(directory.ROLE_ASSIGNMENTS):
        if each["scopeType"] == CUSTOM and each["scope"] == document["id"]:
            raise CmdletFailed(
                Failure(
                    text=f'The management scope "{document["name"]}" can\'t be removed because it is used by at least '
                    f'one management role assignment: "{each["name"]}".',
                    type="Microsoft.Exchange.Configuration.Tasks.TaskInvalidOperationException",
                    error_id="Ex4C0B8D",
                    target=document["name"],
                )
            )
    run.tx.delete(directory.SCOPES, document["id"])


def _dn(name: str) -> str:
    return directory.distinguished_name({"name": name}).replace(",OU=contoso,", ",CN=Scopes,CN=RBAC,OU=contoso,")


@behaviour(
    "A scope shows its filter as it was given, in RecipientFilter",
    source="unverified (Exchange may write the same filter differently)",
    if_wrong="a scope of ours is not recognised by its filter",
)
def _record(document: Document) -> Record:
    return Record(
        "Microsoft.Exchange.Data.Directory.SystemConfiguration.ManagementScope",
        {
            "RecipientRoot": "",
            "RecipientFilter": document["recipientFilter"],
            "ServerFilter": "",
            "DatabaseFilter": "",
            "ScopeRestrictionType": "RecipientScope",
            "Exclusive": False,
            "Name": document["name"],
            "DistinguishedName": _dn(document["name"]),
            "Identity": document["name"],
            "Id": document["name"],
            "Guid": uuid.UUID(document["id"]),
            "WhenCreatedUTC": datetime.fromtimestamp(int(document["whenCreated"]), UTC),
            "IsValid": True,
            "ObjectState": "Unchanged",
        },
    )


CMDLETS = (
    Cmdlet(
        "New-ManagementScope",
        _new,
        (
            Parameter("Name", string, mandatory=True, position=0),
            Parameter("RecipientRestrictionFilter", string, mandatory=True),
        ),
        roles=ADMINISTRATORS,
        writes=True,
        target="Name",
    ),
    Cmdlet("Get-ManagementScope", _get, (Parameter("Identity", string, position=0, nullable=True),)),
    Cmdlet(
        "Set-ManagementScope",
        _set,
        (
            Parameter("Identity", string, mandatory=True, position=0),
            Parameter("Name", string),
            Parameter("RecipientRestrictionFilter", string),
        ),
        roles=ADMINISTRATORS,
        writes=True,
    ),
    Cmdlet(
        "Remove-ManagementScope",
        _remove,
        (Parameter("Identity", string, mandatory=True, position=0),),
        roles=ADMINISTRATORS,
        writes=True,
        confirms=True,
    ),
)
