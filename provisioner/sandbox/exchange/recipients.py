"""Get-Recipient: mailboxes, groups, and mail users, whose mailbox is elsewhere (on premises, for one)."""

from __future__ import annotations

import uuid

from provisioner.sandbox.exchange import directory
from provisioner.sandbox.exchange.cmdlet import Cmdlet, Record, Run
from provisioner.sandbox.exchange.parameters import Parameter, string
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.store import Document


@behaviour(
    "A mailbox on premises is a MailUser here: Get-Mailbox does not find it, Get-Recipient does, with its address "
    "elsewhere in ExternalEmailAddress",
    source="documentation of hybrid recipients (RemoteUserMailbox is on-premises Exchange's word for it); the list of "
    "properties is cut short",
    if_wrong="a mailbox on premises is reported as missing, or promised to be in the cloud",
)
def _get(run: Run) -> None:
    identity = run.arguments.text("Identity")
    if identity:
        found = [directory.recipient(run.tx, identity, run.as_of)]
    else:
        found = [each for name in directory.RECIPIENTS for each in run.tx.all(name, as_of=run.as_of)]
    for document in found:
        run.show(_record(document))


def _record(document: Document) -> Record:
    return Record(
        "Microsoft.Exchange.Data.Directory.Management.ReducedRecipient",
        {
            "Alias": document["alias"],
            "DisplayName": document["displayName"],
            "EmailAddresses": tuple(document["emailAddresses"]),
            "ExternalEmailAddress": document.get("externalEmailAddress"),
            "ExternalDirectoryObjectId": document["externalDirectoryObjectId"],
            "IsDirSynced": document.get("isDirSynced", False),
            "PrimarySmtpAddress": document["primarySmtpAddress"],
            "RecipientType": directory.recipient_type(document),
            "RecipientTypeDetails": directory.recipient_type_details(document),
            "SKUAssigned": document.get("licensed"),
            "Name": document["name"],
            "DistinguishedName": directory.distinguished_name(document),
            "Identity": document["name"],
            "Id": document["name"],
            "Guid": uuid.UUID(document["id"]),
            "IsValid": True,
            "ObjectState": "Unchanged",
        },
    )


CMDLETS = (
    Cmdlet(
        "Get-Recipient",
        _get,
        (Parameter("Identity", string, position=0, nullable=True), Parameter("ResultSize", string)),
    ),
)
