"""The people and groups of a fresh tenant: who calls with which role, who has a mailbox, a licence, a group."""

from __future__ import annotations

from typing import Final

from provisioner.sandbox import licences, roles
from provisioner.sandbox.core import fixed_id
from provisioner.sandbox.entra.groups import COLLECTION as GROUPS
from provisioner.sandbox.entra.groups import entra_group
from provisioner.sandbox.exchange.seed import DEFAULT_DOMAIN, INITIAL_DOMAIN
from provisioner.sandbox.store import Document, Transaction

CREATED: Final = "2024-03-01T08:00:00Z"
ELIGIBLE_ONLY: Final = "eligible-only"
ELIGIBLE_ROLES: Final = (
    roles.CLOUD_APPLICATION_ADMINISTRATOR,
    roles.PRIVILEGED_ROLE_ADMINISTRATOR,
    roles.EXCHANGE_ADMINISTRATOR,
)

CALLERS: Final[dict[str, tuple[str, str | None]]] = {
    "global-administrator": ("Gloria Global", roles.GLOBAL_ADMINISTRATOR),
    "cloud-application-administrator": ("Claude Cloud", roles.CLOUD_APPLICATION_ADMINISTRATOR),
    "privileged-role-administrator": ("Priya Privileged", roles.PRIVILEGED_ROLE_ADMINISTRATOR),
    "exchange-administrator": ("Erik Exchange", roles.EXCHANGE_ADMINISTRATOR),
    "global-reader": ("Rita Reader", roles.GLOBAL_READER),
    ELIGIBLE_ONLY: ("Elia Eligible", None),
    "plain-user": ("Pat Plain", None),
}
"""Short name of a caller: display name and active role. ``eligible-only`` may activate roles and has none."""

_MAILBOX_USERS: Final = (
    ("sales", "Sales", False, ()),
    ("cryptshare", "Cryptshare", True, (licences.BUSINESS_PREMIUM,)),
    ("neighbour", "Neighbour", True, (licences.BUSINESS_PREMIUM,)),
    ("accounting", "Accounting", False, ()),
    ("unlicensed", "Ulla Unlicensed", True, ()),
    ("onpremises", "Otto On-Premises", True, ()),
)
_SYNCHRONISED: Final = ("onpremises",)


def seed_people(tx: Transaction, tenant_id: str, tenant_name: str) -> None:
    """Users, their roles and licences, and three groups, one of them inside another."""
    users = {}
    for alias, (name, template) in CALLERS.items():
        skus = (licences.ENTRA_P2,) if alias == ELIGIBLE_ONLY else ()
        users[alias] = _user(alias, name, enabled=True, mail=None, skus=skus)
        if template is not None:
            assign_directory_role(tx, users[alias]["id"], template)
    for template in ELIGIBLE_ROLES:
        _make_eligible(tx, users[ELIGIBLE_ONLY]["id"], template)
    for alias, name, enabled, skus in _MAILBOX_USERS:
        users[alias] = _user(alias, name, enabled=enabled, mail=f"{alias}@{DEFAULT_DOMAIN}", skus=skus)
    for user in users.values():
        tx.put("users", user["id"], user)
    for sku in licences.subscriptions(tenant_id, tenant_name, users.values()):
        tx.put(licences.COLLECTION, sku["id"], sku)
    _groups(tx, {alias: user["id"] for alias, user in users.items()})


def assign_directory_role(tx: Transaction, principal_id: str, template: str) -> None:
    """An active role of the whole directory."""
    identifier = roles.assignment_id(template, principal_id)
    document = {
        "id": identifier,
        "directoryScopeId": "/",
        "principalId": principal_id,
        "roleDefinitionId": template,
    }
    tx.put("roleAssignments", identifier, document)


def _make_eligible(tx: Transaction, principal_id: str, template: str) -> None:
    identifier = roles.assignment_id(template, principal_id, kind="e")
    document = {
        "id": identifier,
        "principalId": principal_id,
        "roleDefinitionId": template,
        "directoryScopeId": "/",
        "appScopeId": None,
        "startDateTime": CREATED,
        "endDateTime": None,
        "memberType": "Direct",
        "roleEligibilityScheduleId": fixed_id(f"roleEligibilitySchedule:{principal_id}:{template}"),
    }
    tx.put("roleEligibilityScheduleInstances", identifier, document)


def _groups(tx: Transaction, ids: dict[str, str]) -> None:
    trainees = fixed_id("group:Mail Trainees")
    for group in (
        entra_group(trainees, "Mail Trainees", created=CREATED, members=[ids["neighbour"]]),
        entra_group(
            fixed_id("group:Mail Users"),
            "Mail Users",
            created=CREATED,
            members=[ids["cryptshare"], trainees],
        ),
        entra_group(
            fixed_id("group:Service Desk"),
            "Service Desk",
            created=CREATED,
            members=[ids["plain-user"], ids["global-reader"]],
            groupTypes=["Unified"],
            mail=f"servicedesk@{DEFAULT_DOMAIN}",
            mailEnabled=True,
            proxyAddresses=[f"SMTP:servicedesk@{DEFAULT_DOMAIN}"],
            securityEnabled=False,
            visibility="Private",
        ),
    ):
        tx.put(GROUPS, group["id"], group)


def _user(alias: str, name: str, *, enabled: bool, mail: str | None, skus: tuple[str, ...]) -> Document:
    address = f"{alias}@{DEFAULT_DOMAIN}"
    given, _, family = name.partition(" ")
    synchronised = alias in _SYNCHRONISED
    return {
        "id": fixed_id(f"user:{address}"),
        "deletedDateTime": None,
        "accountEnabled": enabled,
        **licences.given(skus, CREATED),
        "businessPhones": [],
        "createdDateTime": CREATED,
        "displayName": name,
        "givenName": given,
        "jobTitle": None,
        "mail": mail,
        "mailNickname": alias,
        "mobilePhone": None,
        "officeLocation": None,
        "onPremisesImmutableId": fixed_id(f"immutable:{address}") if synchronised else None,
        "onPremisesSyncEnabled": True if synchronised else None,
        "otherMails": [],
        "preferredLanguage": None,
        "proxyAddresses": [f"SMTP:{mail}", f"smtp:{alias}@{INITIAL_DOMAIN}"] if mail else [],
        "surname": family or None,
        "usageLocation": "DE",
        "userPrincipalName": address,
        "userType": "Member",
    }
