"""What Exchange holds in a fresh tenant: mailboxes, rights and pointers of others, SMTP AUTH off for everybody."""

from __future__ import annotations

from typing import Final

from provisioner.sandbox.core import fixed_id
from provisioner.sandbox.exchange import directory
from provisioner.sandbox.store import Document, Transaction

DEFAULT_DOMAIN: Final = "contoso.example"
INITIAL_DOMAIN: Final = "contoso-sandbox.onmicrosoft.com"
ACCEPTED_DOMAINS: Final = (DEFAULT_DOMAIN, INITIAL_DOMAIN)

_CREATED: Final = 1_709_251_200.0  # 2024-03-01: after January 2020, hence SMTP AUTH off by default
_PEOPLE: Final = (("sales", "Sales", "SharedMailbox"), ("cryptshare", "Cryptshare", "UserMailbox"))
_OTHERS: Final = (
    ("neighbour", "Neighbour", "UserMailbox"),
    ("accounting", "Accounting", "SharedMailbox"),
    ("unlicensed", "Ulla Unlicensed", "UserMailbox"),
)
_UNLICENSED: Final = ("unlicensed",)
_ELSEWHERE: Final = (("onpremises", "Otto On-Premises"),)
_FOREIGN: Final = (("Scan to Mail", "foreign-scanner"), ("Ticket System", "foreign-tickets"))


def seed(tx: Transaction) -> None:
    """Write Exchange's part of a fresh tenant; ids of people are taken from `users` where they are there."""
    object_ids = {user["userPrincipalName"]: user["id"] for user in tx.all("users") if "userPrincipalName" in user}
    mailboxes = [_mailbox(*each, object_ids) for each in (*_PEOPLE, *_OTHERS)]
    for mailbox in mailboxes:
        tx.put(directory.MAILBOXES, mailbox["id"], mailbox)
    pointers = [_pointer(*each) for each in _FOREIGN]
    for pointer in pointers:
        tx.put(directory.SERVICE_PRINCIPALS, pointer["id"], pointer)
    scanner, tickets = pointers
    sales, _, neighbour, accounting, _ = mailboxes
    for alias, name in _ELSEWHERE:
        mail_user = _mail_user(alias, name, object_ids)
        tx.put(directory.MAIL_USERS, mail_user["id"], mail_user)
    _grant(tx, accounting, scanner["sid"], scanner["sid"])
    _grant(tx, sales, tickets["sid"], tickets["sid"])
    _grant(tx, sales, neighbour["sid"], neighbour["userPrincipalName"])
    # The neighbour's scanner submits mail: whoever is refused there is refused for what it may, not for a switch.
    tx.put(
        directory.CLIENT_ACCESS,
        neighbour["id"],
        {"id": neighbour["id"], "smtpClientAuthenticationDisabled": False},
    )
    tx.put(
        directory.TRANSPORT,
        directory.SINGLETON,
        {"id": directory.SINGLETON, "smtpClientAuthenticationDisabled": True},
    )
    tx.put(
        directory.ORGANIZATION,
        directory.SINGLETON,
        {
            "id": directory.SINGLETON,
            "name": INITIAL_DOMAIN,
            "displayName": "Contoso Sandbox",
            "ewsEnabled": None,
            "ewsApplicationAccessPolicy": None,
            "ewsAllowedAppIds": "",
            "isDehydrated": True,
        },
    )


def _mailbox(alias: str, name: str, kind: str, object_ids: dict[str, str]) -> Document:
    address = f"{alias}@{DEFAULT_DOMAIN}"
    return {
        "id": fixed_id(f"mailbox:{address}"),
        "name": alias,
        "alias": alias,
        "displayName": name,
        "userPrincipalName": address,
        "primarySmtpAddress": address,
        "emailAddresses": [f"SMTP:{address}", f"smtp:{alias}@{INITIAL_DOMAIN}"],
        "recipientTypeDetails": kind,
        "licensed": kind == "UserMailbox" and alias not in _UNLICENSED,
        "externalDirectoryObjectId": object_ids.get(address, fixed_id(f"user:{address}")),
        "sid": _sid(f"mailbox:{address}"),
        "whenCreated": _CREATED,
    }


def _mail_user(alias: str, name: str, object_ids: dict[str, str]) -> Document:
    """Somebody synchronised from on premises, whose mailbox stayed there."""
    known = _mailbox(alias, name, "MailUser", object_ids)
    elsewhere = {"isDirSynced": True, "externalEmailAddress": f"SMTP:{alias}@mail.{DEFAULT_DOMAIN}"}
    return {**known, "licensed": False, **elsewhere}


def _pointer(name: str, key: str) -> Document:
    return {
        "id": fixed_id(f"pointer:{key}"),
        "appId": fixed_id(f"application:{key}"),
        "objectId": fixed_id(f"servicePrincipal:{key}"),
        "displayName": name,
        "sid": _sid(f"pointer:{key}"),
        "whenCreated": _CREATED,
    }


def _sid(key: str) -> str:
    number = int(fixed_id(key).replace("-", "")[:12], 16)
    return f"S-1-5-21-3623811015-3361044348-{number % 10**9}-{number % 10**7}"


def _grant(tx: Transaction, mailbox: Document, sid: str, shown: str) -> None:
    key = directory.permission_id(mailbox["id"], sid, deny=False)
    entry: Document = {
        "id": key,
        "mailbox": mailbox["id"],
        "sid": sid,
        "user": shown,
        "accessRights": ["FullAccess"],
        "deny": False,
        "inheritanceType": "All",
        "autoMapping": False,
    }
    tx.put(directory.MAILBOX_PERMISSIONS, key, entry)
