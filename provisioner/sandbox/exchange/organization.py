"""Get-Mailbox, and the organisation: its configuration and whether it may be customised."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Final

from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.exchange import directory
from provisioner.sandbox.exchange.access import ADMINISTRATORS
from provisioner.sandbox.exchange.cmdlet import Cmdlet, Record, Run
from provisioner.sandbox.exchange.faults import CmdletFailed, Failure, invalid_value
from provisioner.sandbox.exchange.parameters import Parameter, boolean, one_of, string, strings, switch
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.store import Document, Transaction


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
                "EwsAllowList": _listed(document.get("ewsAllowList")),
                "EwsBlockList": _listed(document.get("ewsBlockList")),
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


def _listed(value: list[str] | None) -> tuple[str, ...] | None:
    return None if value is None else tuple(value)


@behaviour(
    "Set-OrganizationConfig writes the whole of EwsAllowedAppIDs, there is no append; null and an empty text clear it; "
    "the user-agent lists are taken together with EwsApplicationAccessPolicy only",
    source="field-notes.md 1.2 S: office-docs-powershell PR 13643; MicrosoftDocs/microsoft-365-docs#10002 (text); that "
    "ids are checked to be GUIDs: unverified",
    if_wrong="others' applications are locked out by one write",
)
def _set_organization(run: Run) -> None:
    document = run.tx.get(directory.ORGANIZATION, directory.SINGLETON) or {"id": directory.SINGLETON}
    given = run.arguments
    if ("EwsAllowList" in given or "EwsBlockList" in given) and "EwsApplicationAccessPolicy" not in given:
        raise CmdletFailed(
            Failure(
                text="EwsApplicationAccessPolicy must be specified if to set EwsAllowList or EwsBlockList.",
                type="System.ArgumentException",
                error_id="Ex3C683803",
                category="InvalidArgument",
            )
        )
    changes: Document = {key: given.values[name] for name, key in _EWS_SCALARS.items() if name in given}
    changes |= {key: list(given.strings(name)) or None for name, key in _EWS_LISTS.items() if name in given}
    if "EwsAllowedAppIDs" in given:
        changes["ewsAllowedAppIds"] = given.text("EwsAllowedAppIDs") or ""
        for each in filter(None, changes["ewsAllowedAppIds"].split(",")):
            try:
                uuid.UUID(each.strip())
            except ValueError:
                raise invalid_value("EwsAllowedAppIDs", each) from None
    after = {**document, **changes}
    if after == document:
        run.warn(
            f"The command completed successfully but no settings of '{document.get('name', '')}' have been modified."
        )
        return
    run.tx.put(directory.ORGANIZATION, directory.SINGLETON, after)


_EWS_SCALARS: Final = {"EwsEnabled": "ewsEnabled", "EwsApplicationAccessPolicy": "ewsApplicationAccessPolicy"}
_EWS_LISTS: Final = {"EwsAllowList": "ewsAllowList", "EwsBlockList": "ewsBlockList"}


def customized_for(sandbox: Sandbox, tx: Transaction) -> float:
    """Seconds since what Enable-OrganizationCustomization began has come into force; negative: it has not."""
    document = tx.get(directory.ORGANIZATION, directory.SINGLETON) or {}
    if document.get("isDehydrated", True):
        return -1.0
    enabled, _ = sandbox.customization_delays()
    return sandbox.clock.now() - float(document.get("customizedAt", 0.0)) - enabled


@behaviour(
    "Enable-OrganizationCustomization returns at once and IsDehydrated reads False before creates are let through; a "
    "second run is an error: not required",
    source="exchange.md 4.4 S18; text in several public runbooks",
    if_wrong="the next step is taken for broken, or the repeat for a failure",
)
def _customize(run: Run) -> None:
    document = run.tx.get(directory.ORGANIZATION, directory.SINGLETON) or {"id": directory.SINGLETON}
    if not document.get("isDehydrated", True):
        raise CmdletFailed(
            Failure(
                text="This operation is not required. Organization is already enabled for customization.",
                type="System.InvalidOperationException",
                error_id="ExC2AC1A",
            )
        )
    changed = {**document, "isDehydrated": False, "customizedAt": run.sandbox.clock.now()}
    run.tx.put(directory.ORGANIZATION, directory.SINGLETON, changed)


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
    Cmdlet(
        "Set-OrganizationConfig",
        _set_organization,
        (
            Parameter("EwsEnabled", boolean, nullable=True),
            Parameter("EwsAllowedAppIDs", string, nullable=True),
            Parameter("EwsApplicationAccessPolicy", one_of("EnforceAllowList", "EnforceBlockList"), nullable=True),
            Parameter("EwsAllowList", strings, nullable=True),
            Parameter("EwsBlockList", strings, nullable=True),
        ),
        roles=ADMINISTRATORS,
        writes=True,
        target="EwsEnabled",
    ),
    Cmdlet("Enable-OrganizationCustomization", _customize, roles=ADMINISTRATORS, writes=True),
)
