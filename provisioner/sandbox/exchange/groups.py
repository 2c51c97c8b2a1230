"""Distribution groups and their direct members: what a scope of application roles is made of."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from provisioner.sandbox.exchange import directory
from provisioner.sandbox.exchange.access import RECIPIENT_ADMINISTRATORS
from provisioner.sandbox.exchange.cmdlet import Cmdlet, Property, Record, Run
from provisioner.sandbox.exchange.faults import (
    CmdletFailed,
    Failure,
    address_in_use,
    name_in_use,
    needs_group_manager,
    not_found,
    too_long,
)
from provisioner.sandbox.exchange.parameters import Parameter, boolean, one_of, string, strings, switch
from provisioner.sandbox.exchange.seed import DEFAULT_DOMAIN
from provisioner.sandbox.ledger import behaviour, mark
from provisioner.sandbox.store import Document, Transaction

NAME_LENGTH: Final = 64
_BYPASS: Final = "BypassSecurityGroupManagerCheck"
_JOIN: Final = one_of("Open", "Closed", "ApprovalRequired")
_DEPART: Final = one_of("Open", "Closed")

mark(
    "Only a manager of the group may change or remove it; an administrator passes -BypassSecurityGroupManagerCheck",
    source="known from the cmdlets' documentation and their usual error; that a creator is refused too: unverified",
    if_wrong="a group is made and then cannot be filled or removed",
)


def member_ids(tx: Transaction, group: Document, as_of: float | None = None) -> frozenset[str]:
    """Ids of a group's direct members as some moment knew them."""
    known = tx.get(directory.GROUPS, group["id"], as_of=as_of)
    return frozenset(known["members"]) if known else frozenset()


@behaviour(
    "New-DistributionGroup: Distribution unless -Type Security; a security group is closed both ways by default; "
    "addresses of the default domain made from the alias; managed by Organization Management when nobody is named",
    source="unverified in detail (an application has no recipient that could be the owner)",
    if_wrong="a scope group is open to whoever likes, or has another owner than expected",
)
def _new(run: Run) -> None:
    arguments = run.arguments
    name = _fitting("Name", arguments.required("Name"))
    security = arguments.text("Type") == "Security"
    identity = run.sandbox.new_id()
    plain = "".join(each for each in name if each.isascii() and each.isalnum())
    alias = arguments.text("Alias") or plain or f"group{identity[:8]}"
    primary = arguments.text("PrimarySmtpAddress") or f"{alias}@{DEFAULT_DOMAIN}"
    _check_unique(run.tx, name, primary)
    closed = "Closed" if security else "Open"
    number = uuid.UUID(identity).int
    document: Document = {
        "id": identity,
        "name": name,
        "alias": alias,
        "displayName": arguments.text("DisplayName") or name,
        "primarySmtpAddress": primary,
        "emailAddresses": [f"SMTP:{primary}"],
        "security": security,
        "memberJoinRestriction": arguments.text("MemberJoinRestriction") or closed,
        "memberDepartRestriction": arguments.text("MemberDepartRestriction") or closed,
        "hiddenFromAddressLists": False,
        "managedBy": _ids(run, arguments.strings("ManagedBy")),
        "members": _ids(run, arguments.strings("Members")),
        "notes": arguments.text("Notes") or "",
        "externalDirectoryObjectId": run.sandbox.new_id(),
        "sid": f"S-1-5-21-3623811015-3361044348-{number % 10**9}-{number % 10**7}",
        "whenCreated": run.sandbox.clock.now(),
    }
    run.tx.put(directory.GROUPS, identity, document)
    run.show(_record(run.tx, document))


def _get(run: Run) -> None:
    identity = run.arguments.text("Identity")
    if identity:
        chosen = [directory.group(run.tx, identity, run.as_of)]
    else:
        chosen = run.tx.all(directory.GROUPS, as_of=run.as_of)
    for document in chosen:
        run.show(_record(run.tx, document))


@behaviour(
    "Another name is another DN; a scope by DN then finds no group and no mailbox",
    source="field-notes.md 1.11 FE",
    if_wrong="a harmless-looking rename is not seen to empty the scope",
)
def _set(run: Run) -> None:
    document = _manageable(run)
    arguments = run.arguments
    keys = {
        "DisplayName": "displayName",
        "HiddenFromAddressListsEnabled": "hiddenFromAddressLists",
        "MemberJoinRestriction": "memberJoinRestriction",
        "MemberDepartRestriction": "memberDepartRestriction",
    }
    changes: Document = {key: arguments.values[name] for name, key in keys.items() if name in arguments}
    if "Name" in arguments:
        changes["name"] = _fitting("Name", arguments.required("Name"))
        if changes["name"].casefold() != document["name"].casefold():
            _check_unique(run.tx, changes["name"], "")
    if "ManagedBy" in arguments:
        changes["managedBy"] = _ids(run, arguments.strings("ManagedBy"))
    if {**document, **changes} == document:
        run.warn(
            "The command completed successfully but no settings of "
            f"'{directory.distinguished_name(document)}' have been modified."
        )
        return
    run.tx.put(directory.GROUPS, document["id"], {**document, **changes})


def _remove(run: Run) -> None:
    run.tx.delete(directory.GROUPS, _manageable(run)["id"])


@behaviour(
    "Adding a member that is one already, or removing one that is none, is an error",
    source="unverified texts (Exchange's usual MemberAlreadyExistsException and MemberNotFoundException)",
    if_wrong="a repeat is reported as a failure",
)
def _add_member(run: Run) -> None:
    document = _manageable(run)
    member = directory.recipient(run.tx, run.arguments.required("Member"), run.as_of)
    if member["id"] in document["members"]:
        raise _membership(
            f'The recipient "{member["name"]}" is already a member of the group "{document["name"]}".',
            "MemberAlreadyExistsException",
            member,
        )
    run.tx.put(directory.GROUPS, document["id"], {**document, "members": [*document["members"], member["id"]]})


def _remove_member(run: Run) -> None:
    document = _manageable(run)
    member = directory.recipient(run.tx, run.arguments.required("Member"), run.as_of)
    left = [each for each in document["members"] if each != member["id"]]
    if left == document["members"]:
        raise _membership(
            f'The recipient "{member["name"]}" isn\'t a member of the group "{document["name"]}".',
            "MemberNotFoundException",
            member,
        )
    run.tx.put(directory.GROUPS, document["id"], {**document, "members": left})


@behaviour(
    "Get-DistributionGroupMember lists direct members, groups among them, not what those contain",
    source="exchange.md 4.4 S1, S18",
    if_wrong="a nested group is taken for its members",
)
def _get_members(run: Run) -> None:
    document = directory.group(run.tx, run.arguments.required("Identity"), run.as_of)
    present = {each["id"]: each for name in directory.RECIPIENTS for each in run.tx.all(name, as_of=run.as_of)}
    for member in document["members"]:
        if member in present:
            run.show(_member_record(present[member]))


def _manageable(run: Run) -> Document:
    """The group as it is now, for a caller who may change it."""
    identity = run.arguments.required("Identity")
    known = directory.group(run.tx, identity, run.as_of)
    present = run.tx.get(directory.GROUPS, known["id"])
    if present is None:
        raise not_found(identity)
    if not run.arguments.flag(_BYPASS):
        raise needs_group_manager(identity)
    return present


def _ids(run: Run, identities: Iterable[str]) -> list[str]:
    found = (directory.recipient(run.tx, each, run.as_of)["id"] for each in identities)
    return list(dict.fromkeys(found))


def _fitting(parameter: str, value: str) -> str:
    if len(value) > NAME_LENGTH:
        raise too_long(parameter, len(value), NAME_LENGTH)
    return value


def _check_unique(tx: Transaction, name: str, address: str) -> None:
    for collection in directory.RECIPIENTS:
        for each in tx.all(collection):
            if each["name"].casefold() == name.casefold():
                raise name_in_use(directory.distinguished_name(each))
            if address.casefold() in (known.casefold() for known in directory.addresses(each)):
                raise address_in_use(address, each["name"])


def _membership(text: str, kind: str, member: Document) -> CmdletFailed:
    return CmdletFailed(Failure(text=text, type=f"Microsoft.Exchange.Management.Tasks.{kind}", target=member["name"]))


def _record(tx: Transaction, document: Document) -> Record:
    names = {each["id"]: each["name"] for name in directory.RECIPIENTS for each in tx.all(name)}
    managers = tuple(names.get(each, each) for each in document["managedBy"]) or ("Organization Management",)
    return Record(
        "Microsoft.Exchange.Data.Directory.Management.DistributionGroup",
        {
            "GroupType": ("Universal, SecurityEnabled" if document["security"] else "Universal"),
            "SamAccountName": f"{document['alias']}{document['id'][:8]}",
            "ManagedBy": managers,
            "MemberJoinRestriction": document["memberJoinRestriction"],
            "MemberDepartRestriction": document["memberDepartRestriction"],
            "Description": (document["notes"],) if document["notes"] else (),
            "Alias": document["alias"],
            "DisplayName": document["displayName"],
            "EmailAddresses": tuple(document["emailAddresses"]),
            "HiddenFromAddressListsEnabled": document["hiddenFromAddressLists"],
            "PrimarySmtpAddress": document["primarySmtpAddress"],
            "RequireSenderAuthenticationEnabled": True,
            "RecipientType": directory.recipient_type(document),
            "RecipientTypeDetails": directory.recipient_type_details(document),
            **_identity(document),
            "WhenCreatedUTC": datetime.fromtimestamp(int(document["whenCreated"]), UTC),
            "ObjectState": "Unchanged",
        },
    )


def _member_record(document: Document) -> Record:
    return Record(
        "Microsoft.Exchange.Data.Directory.Management.ReducedRecipient",
        {
            "Alias": document["alias"],
            "DisplayName": document["displayName"],
            "PrimarySmtpAddress": document["primarySmtpAddress"],
            "RecipientType": directory.recipient_type(document),
            "RecipientTypeDetails": directory.recipient_type_details(document),
            **_identity(document),
            "ObjectState": "Unchanged",
        },
    )


def _identity(document: Document) -> dict[str, Property]:
    return {
        "Name": document["name"],
        "DistinguishedName": directory.distinguished_name(document),
        "Identity": document["name"],
        "Id": document["name"],
        "Guid": uuid.UUID(document["id"]),
        "ExternalDirectoryObjectId": document["externalDirectoryObjectId"],
        "IsValid": True,
    }


_IDENTITY = Parameter("Identity", string, mandatory=True, position=0)
_OPTIONAL_IDENTITY = Parameter("Identity", string, position=0, nullable=True)
_SIZE = Parameter("ResultSize", string)
_MANAGED = (_IDENTITY, Parameter(_BYPASS, switch, switch=True))
_RESTRICTIONS = (Parameter("MemberJoinRestriction", _JOIN), Parameter("MemberDepartRestriction", _DEPART))

CMDLETS = (
    Cmdlet(
        "New-DistributionGroup",
        _new,
        (
            Parameter("Name", string, mandatory=True, position=0),
            Parameter("Alias", string),
            Parameter("DisplayName", string),
            Parameter("PrimarySmtpAddress", string),
            Parameter("Type", one_of("Distribution", "Security")),
            Parameter("Members", strings),
            Parameter("ManagedBy", strings),
            Parameter("Notes", string),
            *_RESTRICTIONS,
        ),
        roles=RECIPIENT_ADMINISTRATORS,
        writes=True,
        target="Name",
    ),
    Cmdlet("Get-DistributionGroup", _get, (_OPTIONAL_IDENTITY, _SIZE)),
    Cmdlet(
        "Set-DistributionGroup",
        _set,
        (
            *_MANAGED,
            Parameter("Name", string),
            Parameter("DisplayName", string),
            Parameter("HiddenFromAddressListsEnabled", boolean),
            Parameter("ManagedBy", strings),
            *_RESTRICTIONS,
        ),
        roles=RECIPIENT_ADMINISTRATORS,
        writes=True,
    ),
    Cmdlet("Remove-DistributionGroup", _remove, _MANAGED, roles=RECIPIENT_ADMINISTRATORS, writes=True, confirms=True),
    Cmdlet(
        "Add-DistributionGroupMember",
        _add_member,
        (*_MANAGED, Parameter("Member", string, mandatory=True)),
        roles=RECIPIENT_ADMINISTRATORS,
        writes=True,
    ),
    Cmdlet(
        "Remove-DistributionGroupMember",
        _remove_member,
        (*_MANAGED, Parameter("Member", string, mandatory=True)),
        roles=RECIPIENT_ADMINISTRATORS,
        writes=True,
        confirms=True,
    ),
    Cmdlet("Get-DistributionGroupMember", _get_members, (_IDENTITY, _SIZE)),
)
