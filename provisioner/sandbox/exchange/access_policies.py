"""ApplicationAccessPolicy, the older way to confine an application to some mailboxes: cmdlets and effect.

It cuts down what Entra granted over Graph and EWS. It grants nothing, and does not touch application roles, IMAP, POP
or SMTP.
"""

from __future__ import annotations

import uuid
from typing import Final

from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.exchange import directory
from provisioner.sandbox.exchange.access import ADMINISTRATORS
from provisioner.sandbox.exchange.cmdlet import Cmdlet, Record, Run
from provisioner.sandbox.exchange.faults import CmdletFailed, Failure, invalid_value, not_found
from provisioner.sandbox.exchange.parameters import Parameter, one_of, string, strings
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.store import Document, Transaction
from provisioner.sandbox.tokens import Claims

RESTRICT: Final = "RestrictAccess"
DENY: Final = "DenyAccess"
REFUSAL: Final = "Access to OData is disabled: [RAOP] : Blocked by tenant configured AppOnly AccessPolicy settings."


@behaviour(
    "Changes take up to two hours to reach Graph and EWS, while Test-ApplicationAccessPolicy shows them at once",
    source="Microsoft Graph documentation auth-limit-mailbox-access (longer than one hour, whatever the test shows)",
    if_wrong="a policy is proven before it is in force",
)
def blocks(sandbox: Sandbox, tx: Transaction, claims: Claims, mailbox: Document) -> bool:
    """True when a policy keeps what Entra granted an application away from this mailbox."""
    if not claims.app_only:
        return False
    seen = sandbox.protocols_as_of("role", claims.appid)
    return not _granted(tx, claims.appid, mailbox, seen)


@behaviour(
    "Without a policy everything is open; one DenyAccess that matches closes; with RestrictAccess policies only what "
    "one of them names is open",
    source="exchange.md 4.5 S1",
    if_wrong="several policies are read as one",
)
def _granted(tx: Transaction, app_id: str, mailbox: Document, as_of: float | None) -> bool:
    policies = [each for each in tx.all(directory.ACCESS_POLICIES, as_of=as_of) if each["appId"] == app_id]
    matching = {each["accessRight"] for each in policies if _covers(tx, each, mailbox, as_of)}
    restricted = any(each["accessRight"] == RESTRICT for each in policies)
    return DENY not in matching and (RESTRICT in matching or not restricted)


@behaviour(
    "A policy's group counts with the members of nested groups",
    source="unverified (application roles count direct members only, exchange.md 4.4)",
    if_wrong="a migration to application roles is taken to keep the same mailboxes",
)
def _covers(tx: Transaction, policy: Document, mailbox: Document, as_of: float | None) -> bool:
    if policy["scopeId"] == mailbox["id"]:
        return True
    known = {each["id"]: each for each in tx.all(directory.GROUPS, as_of=as_of)}
    waiting, seen = [policy["scopeId"]], set()
    while waiting:
        group = known.get(waiting.pop())
        if group is None or group["id"] in seen:
            continue
        if mailbox["id"] in group["members"]:
            return True
        seen.add(group["id"])
        waiting += group["members"]
    return False


@behaviour(
    "The scope must be a security principal: a user's mailbox, a mail user or a mail-enabled security group; a shared "
    "mailbox or a plain distribution group is refused",
    source="exchange.md 4.5 S1; the refusal's words unverified",
    if_wrong="a policy over a shared mailbox is promised",
)
@behaviour(
    "Several -AppId make one policy each; a second policy like the first is possible",
    source="unverified",
    if_wrong="a repeat is taken for refused, or doubles the policy unseen",
)
def _new(run: Run) -> None:
    arguments = run.arguments
    scope = directory.recipient(run.tx, arguments.required("PolicyScopeGroupId"), run.as_of)
    if not _security_principal(scope):
        raise CmdletFailed(
            Failure(
                text=f'The recipient "{scope["name"]}" isn\'t a security principal. Only users and mail-enabled '
                "security groups can be the scope of an application access policy.",
                type="Microsoft.Exchange.Configuration.Tasks.TaskInvalidOperationException",
                error_id="Ex5A3C17",
                target=scope["name"],
            )
        )
    for given in arguments.strings("AppId"):
        identity = run.sandbox.new_id()
        document: Document = {
            "id": identity,
            "appId": _guid(given),
            "scopeId": scope["id"],
            "accessRight": arguments.required("AccessRight"),
            "description": arguments.text("Description") or "",
        }
        run.tx.put(directory.ACCESS_POLICIES, identity, document)
        run.show(_record(run, document))


def _get(run: Run) -> None:
    identity = run.arguments.text("Identity")
    found = run.tx.all(directory.ACCESS_POLICIES, as_of=run.as_of)
    for document in [_one(run, identity)] if identity else found:
        run.show(_record(run, document))


def _remove(run: Run) -> None:
    document = _one(run, run.arguments.required("Identity"))
    if run.tx.get(directory.ACCESS_POLICIES, document["id"]) is None:
        raise not_found(run.arguments.required("Identity"))
    run.tx.delete(directory.ACCESS_POLICIES, document["id"])


def _test(run: Run) -> None:
    mailbox = directory.mailbox(run.tx, run.arguments.required("Identity"), run.as_of)
    app_id = _guid(run.arguments.required("AppId"))
    granted = _granted(run.tx, app_id, mailbox, run.as_of)
    run.show(
        Record(
            "Microsoft.Exchange.Management.Tasks.ApplicationAccessPolicyTestResult",
            {
                "AppId": app_id,
                "Mailbox": mailbox["name"],
                "MailboxId": uuid.UUID(mailbox["id"]),
                "MailboxSid": mailbox["sid"],
                "AccessCheckResult": "Granted" if granted else "Denied",
            },
        )
    )


def _security_principal(recipient: Document) -> bool:
    if "recipientTypeDetails" in recipient:
        return recipient["recipientTypeDetails"] in ("UserMailbox", "MailUser")
    return bool(recipient["security"])


def _one(run: Run, identity: str) -> Document:
    wanted = identity.casefold()
    for document in run.tx.all(directory.ACCESS_POLICIES, as_of=run.as_of):
        if wanted in (document["id"], _identity(run, document).casefold()):
            return document
    raise not_found(identity)


def _scope(run: Run, document: Document) -> Document | None:
    every = (each for name in directory.RECIPIENTS for each in run.tx.all(name))
    return next((each for each in every if each["id"] == document["scopeId"]), None)


def _identity(run: Run, document: Document) -> str:
    scope = _scope(run, document)
    sid = scope["sid"] if scope else document["scopeId"]
    return f"{run.sandbox.tenant_id}\\{document['appId']}:{sid};{document['id']}"


@behaviour(
    "A policy's Identity is tenant\\application:SID of the scope;GUID",
    source="documentation of Remove-ApplicationAccessPolicy (example); the other properties from published output",
    if_wrong="a policy is looked up by something the service does not accept",
)
def _record(run: Run, document: Document) -> Record:
    scope = _scope(run, document)
    return Record(
        "Microsoft.Exchange.Management.Tasks.ApplicationAccessPolicy",
        {
            "ScopeName": scope["name"] if scope else "",
            "ScopeIdentity": scope["name"] if scope else "",
            "Identity": _identity(run, document),
            "AppId": document["appId"],
            "ScopeIdentityRaw": f"{scope['sid']};{scope['id']}" if scope else "",
            "Description": document["description"],
            "AccessRight": document["accessRight"],
            "ShardType": "All",
            "IsValid": True,
            "ObjectState": "Unchanged",
        },
    )


def _guid(value: str) -> str:
    try:
        return str(uuid.UUID(value))
    except ValueError:
        raise invalid_value("AppId", value) from None


CMDLETS = (
    Cmdlet(
        "New-ApplicationAccessPolicy",
        _new,
        (
            Parameter("AccessRight", one_of(RESTRICT, DENY), mandatory=True),
            Parameter("AppId", strings, mandatory=True),
            Parameter("PolicyScopeGroupId", string, mandatory=True),
            Parameter("Description", string),
        ),
        roles=ADMINISTRATORS,
        writes=True,
        target="PolicyScopeGroupId",
    ),
    Cmdlet("Get-ApplicationAccessPolicy", _get, (Parameter("Identity", string, position=0, nullable=True),)),
    Cmdlet(
        "Remove-ApplicationAccessPolicy",
        _remove,
        (Parameter("Identity", string, mandatory=True, position=0),),
        roles=ADMINISTRATORS,
        writes=True,
        confirms=True,
    ),
    Cmdlet(
        "Test-ApplicationAccessPolicy",
        _test,
        (Parameter("Identity", string, mandatory=True, position=0), Parameter("AppId", string, mandatory=True)),
    ),
)
