"""Get- and Set-CASMailbox, Get-TransportConfig: which protocols a mailbox may be reached by."""

from __future__ import annotations

import uuid
from typing import Final

from provisioner.sandbox.exchange import directory
from provisioner.sandbox.exchange.access import RECIPIENT_ADMINISTRATORS
from provisioner.sandbox.exchange.cmdlet import Cmdlet, Record, Run
from provisioner.sandbox.exchange.parameters import Parameter, boolean, string
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.store import Document, Transaction

_SWITCHES: Final = {
    "ActiveSyncEnabled": "activeSyncEnabled",
    "EwsEnabled": "ewsEnabled",
    "ImapEnabled": "imapEnabled",
    "MAPIEnabled": "mapiEnabled",
    "OWAEnabled": "owaEnabled",
    "PopEnabled": "popEnabled",
}
_SMTP: Final = "SmtpClientAuthenticationDisabled"
_SMTP_KEY: Final = "smtpClientAuthenticationDisabled"


def settings(tx: Transaction, mailbox_id: str, as_of: float | None = None) -> Document:
    """Client access of one mailbox: Booleans by their stored names, `smtpClientAuthenticationDisabled` also None."""
    fallback: Document = dict.fromkeys(_SWITCHES.values(), True) | {_SMTP_KEY: None}
    stored = tx.get(directory.CLIENT_ACCESS, mailbox_id, as_of=as_of) or {}
    return {"id": mailbox_id, **fallback, **stored}


@behaviour(
    "SMTP AUTH: the mailbox's SmtpClientAuthenticationDisabled wins, null follows the organisation; it applies to "
    "OAuth too",
    source="exchange.md 4.3 S1, S20",
    if_wrong="a sender is promised that cannot sign in",
)
def smtp_auth_off(
    tx: Transaction, mailbox_id: str, mailbox_as_of: float | None, organization_as_of: float | None
) -> str | None:
    """Who switched SMTP AUTH off for a mailbox: "Mailbox", "Tenant" or None when it is on."""
    own = settings(tx, mailbox_id, mailbox_as_of)[_SMTP_KEY]
    if own is not None:
        return "Mailbox" if own else None
    organization = tx.get(directory.TRANSPORT, directory.SINGLETON, as_of=organization_as_of)
    return "Tenant" if organization is None or organization[_SMTP_KEY] else None


def _get(run: Run) -> None:
    identity = run.arguments.text("Identity")
    if identity:
        chosen = [directory.mailbox(run.tx, identity, run.as_of)]
    else:
        chosen = run.tx.all(directory.MAILBOXES, as_of=run.as_of)
    for mailbox in chosen:
        run.show(_record(mailbox, settings(run.tx, mailbox["id"], run.as_of)))


@behaviour(
    "Set-CASMailbox puts nothing out; when nothing changes it warns that no settings have been modified",
    source="exchange.md 1.3 S3 (no output is success); the warning is Exchange's usual one, unverified over REST",
    if_wrong="success without output is taken for failure",
)
def _set(run: Run) -> None:
    mailbox = directory.mailbox(run.tx, run.arguments.required("Identity"), run.as_of)
    before = settings(run.tx, mailbox["id"])
    wanted = {**_SWITCHES, _SMTP: _SMTP_KEY}
    changes = {key: run.arguments.values[name] for name, key in wanted.items() if name in run.arguments}
    after = {**before, **changes}
    if after == before:
        run.warn(
            "The command completed successfully but no settings of "
            f"'{directory.distinguished_name(mailbox)}' have been modified."
        )
        return
    run.tx.put(directory.CLIENT_ACCESS, mailbox["id"], after)


@behaviour(
    "The organisation's switch is on (disabled) in organisations created after January 2020",
    source="exchange.md 4.3 S1",
    if_wrong="the switch the guide forgets is not missed",
)
def _get_transport(run: Run) -> None:
    document = run.tx.get(directory.TRANSPORT, directory.SINGLETON, as_of=run.as_of) or {_SMTP_KEY: True}
    run.show(
        Record(
            "Microsoft.Exchange.Data.Directory.SystemConfiguration.TransportConfigContainer",
            {
                "Identity": "Transport Settings",
                "Name": "Transport Settings",
                "AdminDisplayName": "",
                "MaxReceiveSize": "Unlimited",
                "MaxSendSize": "Unlimited",
                "MaxRecipientEnvelopeLimit": "Unlimited",
                _SMTP: document[_SMTP_KEY],
                "AllowLegacyTLSClients": None,
                "IsValid": True,
                "ObjectState": "Unchanged",
            },
        )
    )


def _record(mailbox: Document, access: Document) -> Record:
    return Record(
        "Microsoft.Exchange.Data.Directory.Management.CASMailbox",
        {
            "EmailAddresses": tuple(mailbox["emailAddresses"]),
            "PrimarySmtpAddress": mailbox["primarySmtpAddress"],
            "DisplayName": mailbox["displayName"],
            _SMTP: access[_SMTP_KEY],
            **{name: access[key] for name, key in _SWITCHES.items()},
            "Name": mailbox["name"],
            "DistinguishedName": directory.distinguished_name(mailbox),
            "Identity": mailbox["name"],
            "ExternalDirectoryObjectId": mailbox["externalDirectoryObjectId"],
            "Guid": uuid.UUID(mailbox["id"]),
            "Id": mailbox["name"],
            "IsValid": True,
            "ObjectState": "Changed",
        },
    )


CMDLETS = (
    Cmdlet(
        "Get-CASMailbox",
        _get,
        (Parameter("Identity", string, position=0, nullable=True), Parameter("ResultSize", string)),
    ),
    Cmdlet(
        "Set-CASMailbox",
        _set,
        (
            Parameter("Identity", string, mandatory=True, position=0),
            *(Parameter(name, boolean) for name in _SWITCHES),
            Parameter(_SMTP, boolean, nullable=True),
        ),
        roles=RECIPIENT_ADMINISTRATORS,
        writes=True,
    ),
    Cmdlet("Get-TransportConfig", _get_transport),
)
