"""Get-Mailbox and Get-OrganizationConfig, as far as preparing a product's mailbox needs them."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from provisioner.sandbox.exchange import directory
from provisioner.sandbox.exchange.cmdlet import Cmdlet, Record, Run
from provisioner.sandbox.exchange.parameters import Parameter, string, switch
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.store import Document


def _get_mailbox(run: Run) -> None:
    identity = run.arguments.text("Identity")
    if identity:
        chosen = [directory.mailbox(run.tx, identity, run.as_of)]
    else:
        chosen = run.tx.all(directory.MAILBOXES, as_of=run.as_of)
    for mailbox in chosen:
        run.show(_mailbox(mailbox))


@behaviour(
    "EwsAllowedAppIDs reads blank unless -RetrieveEwsOperationAccessPolicy is asked",
    source="field-notes.md 1.2 S: office-docs-powershell PR 13643",
    if_wrong="an allow-list is taken for empty",
)
def _get_organization(run: Run) -> None:
    document = run.tx.get(directory.ORGANIZATION, directory.SINGLETON, as_of=run.as_of) or {}
    asked = run.arguments.flag("RetrieveEwsOperationAccessPolicy")
    run.show(
        Record(
            "Microsoft.Exchange.Data.Directory.Management.OrganizationConfig",
            {
                "DisplayName": document.get("displayName", ""),
                "EwsEnabled": document.get("ewsEnabled"),
                "EwsApplicationAccessPolicy": document.get("ewsApplicationAccessPolicy"),
                "EwsAllowedAppIDs": document.get("ewsAllowedAppIds", "") if asked else "",
                "IsDehydrated": document.get("isDehydrated", True),
                "OAuth2ClientProfileEnabled": True,
                "Name": document.get("name", ""),
                "Identity": document.get("name", ""),
                "IsValid": True,
                "ObjectState": "Changed",
            },
        )
    )


def _mailbox(mailbox: Document) -> Record:
    created = datetime.fromtimestamp(int(mailbox["whenCreated"]), UTC)
    return Record(
        "Microsoft.Exchange.Data.Directory.Management.Mailbox",
        {
            "ExchangeGuid": uuid.UUID(mailbox["id"]),
            "RecipientTypeDetails": mailbox["recipientTypeDetails"],
            "RecipientType": "UserMailbox",
            "UserPrincipalName": mailbox["userPrincipalName"],
            "PrimarySmtpAddress": mailbox["primarySmtpAddress"],
            "EmailAddresses": tuple(mailbox["emailAddresses"]),
            "Alias": mailbox["alias"],
            "DisplayName": mailbox["displayName"],
            "IsMailboxEnabled": True,
            "IsShared": mailbox["recipientTypeDetails"] == "SharedMailbox",
            "SKUAssigned": mailbox["licensed"],
            "IsDirSynced": False,
            "WhenCreatedUTC": created,
            "Name": mailbox["name"],
            "DistinguishedName": directory.distinguished_name(mailbox),
            "Identity": mailbox["name"],
            "Id": mailbox["name"],
            "Guid": uuid.UUID(mailbox["id"]),
            "ExternalDirectoryObjectId": mailbox["externalDirectoryObjectId"],
            "IsValid": True,
            "ObjectState": "Changed",
        },
    )


CMDLETS = (
    Cmdlet(
        "Get-Mailbox",
        _get_mailbox,
        (Parameter("Identity", string, position=0, nullable=True), Parameter("ResultSize", string)),
    ),
    Cmdlet(
        "Get-OrganizationConfig",
        _get_organization,
        (Parameter("RetrieveEwsOperationAccessPolicy", switch, switch=True),),
    ),
)
