"""Add-, Get- and Remove-MailboxPermission: access control entries of mailboxes."""

from __future__ import annotations

from typing import Final

from provisioner.sandbox.exchange import directory
from provisioner.sandbox.exchange.access import RECIPIENT_ADMINISTRATORS
from provisioner.sandbox.exchange.cmdlet import Cmdlet, Record, Run
from provisioner.sandbox.exchange.parameters import Parameter, boolean, one_of, several_of, string, switch
from provisioner.sandbox.ledger import behaviour, mark
from provisioner.sandbox.store import Document

RIGHTS: Final = ("ChangeOwner", "ChangePermission", "DeleteItem", "ExternalAccount", "FullAccess", "ReadPermission")
INHERITANCE: Final = ("All", "None", "Children", "Descendents", "SelfAndChildren")

mark(
    "The User column shows a service principal by its Sid, and a UserSid column too",
    source="unverified (exchange.md 8)",
    if_wrong="the client does not recognise its own grant and grants again",
)


@behaviour(
    "Granting what is granted is a warning with nothing put out, not an error",
    source="exchange.md 4.2 (scripts match 'access control entry is already present')",
    if_wrong="a repeat is reported as a failure, or as a change",
)
def _add(run: Run) -> None:
    mailbox = directory.mailbox(run.tx, run.arguments.required("Identity"), run.as_of)
    trustee = directory.trustee(run.tx, run.arguments.required("User"), run.as_of)
    wanted = run.arguments.strings("AccessRights")
    deny = run.arguments.flag("Deny")
    key = directory.permission_id(mailbox["id"], trustee.sid, deny=deny)
    entry = run.tx.get(directory.MAILBOX_PERMISSIONS, key)
    held = set(entry["accessRights"]) if entry else set()
    if held.issuperset(wanted):
        run.warn(
            "The appropriate access control entry is already present on the object "
            f'"{directory.distinguished_name(mailbox)}" for account "{trustee.shown}".'
        )
        return
    fresh: Document = {
        "id": key,
        "mailbox": mailbox["id"],
        "sid": trustee.sid,
        "user": trustee.shown,
        "accessRights": [right for right in RIGHTS if right in held.union(wanted)],
        "deny": deny,
        "inheritanceType": run.arguments.text("InheritanceType") or "All",
        "autoMapping": run.arguments.flag("AutoMapping", default=True),
    }
    run.tx.put(directory.MAILBOX_PERMISSIONS, key, fresh)
    run.show(_record(mailbox, fresh))


@behaviour(
    "Every mailbox grants NT AUTHORITY\\SELF FullAccess and ReadPermission",
    source="exchange.md 4.2 S1",
    if_wrong="the mailbox's own entry is taken for a foreign grant",
)
def _get(run: Run) -> None:
    mailbox = directory.mailbox(run.tx, run.arguments.required("Identity"), run.as_of)
    own: Document = {
        "sid": directory.SELF_SID,
        "user": "NT AUTHORITY\\SELF",
        "accessRights": ["FullAccess", "ReadPermission"],
        "deny": False,
        "inheritanceType": "All",
    }
    entries = run.tx.all(directory.MAILBOX_PERMISSIONS, as_of=run.as_of)
    shown = [own, *(entry for entry in entries if entry["mailbox"] == mailbox["id"])]
    if user := run.arguments.text("User"):
        wanted = directory.trustee(run.tx, user, run.as_of).sid
        shown = [entry for entry in shown if entry["sid"] == wanted]
    for entry in shown:
        run.show(_record(mailbox, entry))


@behaviour(
    "Removing an entry that is not there completes with a warning: because the ACE isn't present",
    source="exchange.md 4.2 S3 (text); that it is a warning: unverified for FullAccess",
    if_wrong="remove stops at what somebody else already took away",
)
def _remove(run: Run) -> None:
    mailbox = directory.mailbox(run.tx, run.arguments.required("Identity"), run.as_of)
    trustee = directory.trustee(run.tx, run.arguments.required("User"), run.as_of)
    unwanted = set(run.arguments.strings("AccessRights"))
    key = directory.permission_id(mailbox["id"], trustee.sid, deny=run.arguments.flag("Deny"))
    entry = run.tx.get(directory.MAILBOX_PERMISSIONS, key)
    if entry is None or not unwanted.intersection(entry["accessRights"]):
        run.warn(
            f'Can\'t remove the access control entry on the object "{directory.distinguished_name(mailbox)}" for '
            "account "
            f'"{trustee.shown}" because the ACE isn\'t present.'
        )
        return
    left = [right for right in entry["accessRights"] if right not in unwanted]
    if left:
        run.tx.put(directory.MAILBOX_PERMISSIONS, key, {**entry, "accessRights": left})
    else:
        run.tx.delete(directory.MAILBOX_PERMISSIONS, key)


def _record(mailbox: Document, entry: Document) -> Record:
    return Record(
        "Microsoft.Exchange.Management.RecipientTasks.MailboxAcePresentationObject",
        {
            "AccessRights": tuple(entry["accessRights"]),
            "Deny": entry["deny"],
            "InheritanceType": entry["inheritanceType"],
            "User": entry["user"],
            "UserSid": entry["sid"],
            "Identity": mailbox["name"],
            "IsInherited": False,
            "IsValid": True,
            "ObjectState": "Unchanged",
        },
    )


_IDENTITY = Parameter("Identity", string, mandatory=True, position=0)
_ENTRY = (
    _IDENTITY,
    Parameter("User", string, mandatory=True),
    Parameter("AccessRights", several_of(*RIGHTS), mandatory=True),
    Parameter("InheritanceType", one_of(*INHERITANCE)),
    Parameter("Deny", switch, switch=True),
)

CMDLETS = (
    Cmdlet(
        "Add-MailboxPermission",
        _add,
        (*_ENTRY, Parameter("AutoMapping", boolean)),
        roles=RECIPIENT_ADMINISTRATORS,
        writes=True,
    ),
    Cmdlet(
        "Get-MailboxPermission",
        _get,
        (_IDENTITY, Parameter("User", string, nullable=True), Parameter("ResultSize", string)),
    ),
    Cmdlet("Remove-MailboxPermission", _remove, _ENTRY, roles=RECIPIENT_ADMINISTRATORS, writes=True, confirms=True),
)
