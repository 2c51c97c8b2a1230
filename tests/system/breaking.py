"""Products that stand, and an administrator's hand that breaks one of their preconditions at a time.

Each product is set up once, by the command line, and its tenant kept; whoever breaks something gets it back whole. What
is broken was broken long ago: nothing is young, and every cache has heard of it.
"""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlencode

from tests.system.support import Sandbox, Snapshot, forked, fresh_home
from tests.system.tenant import Administrator, only, stored_secrets

SALES, CRYPTSHARE, NEIGHBOUR = (f"{each}@contoso.example" for each in ("sales", "cryptshare", "neighbour"))
PASSWORD = "<password>"
TENANT = "sandbox:rest"
FLAGS = ("--allow-tenant-wide", "--allow-organisation-wide")
AFTER_EWS = 1806624000.0
"""2027-04-02."""
OTHERS = "cc15fd57-2c6c-4117-a88c-83b1d56b4bbe"
"""An application that the organisation lets use EWS."""

Documents: TypeAlias = list[dict[str, Any]]
Found: TypeAlias = dict[str, tuple[str, tuple[str, ...]]]


@dataclass(frozen=True)
class Product:
    """What is set up, and which of its proofs says what. Keys of `proofs`: see RULES in test_causes.py."""

    playbook: str
    variant: str
    parameters: Mapping[str, str]
    ways: frozenset[str]
    """What it depends on."""
    proofs: Mapping[str, str]
    after: str | None = None
    """The product that must be there first."""

    def arguments(self, sandbox: Sandbox, tenant: str = TENANT) -> list[str]:
        """How the command line is told."""
        password = f"file:{sandbox.endpoints['callers']['cryptshare']['passwordFile']}"
        given = {name: password if value == PASSWORD else value for name, value in self.parameters.items()}
        told = [part for name, value in given.items() for part in ("--set", f"{name}={value}")]
        return [self.playbook, "--tenant", tenant, "--variant", self.variant, *told]


@dataclass(frozen=True)
class Standing:
    """A product as it stands."""

    product: Product
    sandbox: Sandbox
    home: Path
    whole: Snapshot

    def verify(self, tenant: str = TENANT) -> Found:
        """State and causes of each proof; the exit code goes by the states."""
        proofs = self.proofs(tenant)
        for each in proofs:
            assert each["advice"] or each["state"] == "passed" or not each["causes"], each
        return {each["name"]: (each["state"], tuple(each["causes"])) for each in proofs}

    def proofs(self, tenant: str = TENANT) -> Documents:
        """What `verify` says of each proof."""
        arguments = self.product.arguments(self.sandbox, tenant)
        ended = forked("verify", *arguments, "--send", "-o", "json", home=self.home)
        assert ended.stdout, ended.stderr
        proofs: Documents = json.loads(ended.stdout)["proofs"]
        states = {each["state"] for each in proofs}
        nothing_proven = 3 if states == {"not-proven"} else 0
        wanted = 1 if "failed" in states else 6 if "not-yet" in states else nothing_proven
        assert ended.returncode == wanted, ended.stdout + ended.stderr
        return proofs

    def mend(self) -> None:
        """Everything as it was."""
        self.sandbox.restore(self.whole)
        self.sandbox.settings(mfaRequired=None, conditionalAccessBlocks=None)

    def documents(self, collection: str) -> Documents:
        """Everything of a kind."""
        return self.sandbox.state().get(collection, [])

    @property
    def application(self) -> dict[str, Any]:
        """The registration."""
        name = f"provisioner-{self.product.after or self.product.playbook}-default-main".replace("/", "-")
        return only([each for each in self.documents("applications") if each.get("uniqueName") == name])

    @property
    def principal(self) -> dict[str, Any]:
        """The enterprise application."""
        app_id = self.application["appId"]
        return only([each for each in self.documents("servicePrincipals") if each["appId"] == app_id])

    @property
    def pointer(self) -> dict[str, Any]:
        """Exchange's record of it."""
        app_id = self.application["appId"]
        return only([each for each in self.documents("exchangeServicePrincipals") if each["appId"] == app_id])

    def mailbox(self, address: str) -> dict[str, Any]:
        """A mailbox."""
        return only([each for each in self.documents("mailboxes") if each["primarySmtpAddress"] == address])

    def switch(self, address: str, **switches: Any) -> None:
        """Protocol switches of a mailbox."""
        identifier = self.mailbox(address)["id"]
        before = next((each for each in self.documents("casMailboxes") if each["id"] == identifier), {})
        self.sandbox.plant("casMailboxes", {**before, "id": identifier, **switches})

    def organisation(self, **settings: Any) -> None:
        """Settings of the Exchange organisation."""
        (config,) = self.documents("organizationConfig")
        self.sandbox.plant("organizationConfig", {**config, **settings})

    def unplant(self, collection: str, wanted: Callable[[dict[str, Any]], bool]) -> None:
        """Take documents away; there must be one."""
        found = [each for each in self.documents(collection) if wanted(each)]
        assert found, collection
        for each in found:
            self.sandbox.unplant(collection, each["id"])


@dataclass
class Workshop:
    """Products of one sandbox, each set up when it is first asked for."""

    sandbox: Sandbox
    place: Path
    products: Mapping[str, Product]
    _standing: dict[str, Standing] = field(default_factory=dict)

    def standing(self, name: str) -> Standing:
        """A product as it stands, whole."""
        if name not in self._standing:
            self._standing[name] = self._set_up(name)
        standing = self._standing[name]
        standing.mend()
        return standing

    def _set_up(self, name: str) -> Standing:
        product, sandbox = self.products[name], self.sandbox
        sandbox.reset()
        sandbox.advance(61)  # Exchange counts a mailbox's mails by the minute
        (config,) = sandbox.state()["organizationConfig"]
        sandbox.plant("organizationConfig", {**config, "ewsEnabled": True, "ewsAllowedAppIds": OTHERS})
        home = fresh_home(self.place / name, sandbox)
        hosts = [each for each in self.products.values() if each.playbook == product.after and each.variant == "guide"]
        for each in (*hosts, product):
            ended = forked("apply", *each.arguments(sandbox), "--yes", *FLAGS, home=home)
            assert ended.returncode in (0, 3), ended.stdout + ended.stderr
        sandbox.advance(25 * 3600)  # nothing is young any more
        return Standing(product, sandbox, home, sandbox.snapshot())


TWINS = {
    "cryptshare/server": "SMTP.SendAsApp",
    "monitor/erp": "full_access_as_app",
    "centron/calendar-sync": "Calendars.ReadWrite",
}
"""The permission of Entra that cancels a product's scope, where it is not Mail.Send."""

Break: TypeAlias = Callable[[Standing], None]


def consent_revoked(standing: Standing) -> None:
    """Every application permission."""
    principal = standing.principal["id"]
    standing.unplant("appRoleAssignments", lambda each: each["principalId"] == principal)


def delegated_consent_revoked(standing: Standing) -> None:
    """Every delegated permission."""
    principal = standing.principal["id"]
    standing.unplant("oauth2PermissionGrants", lambda each: each["clientId"] == principal)


def pointer_removed(standing: Standing) -> None:
    """Exchange forgets the service principal."""
    standing.sandbox.unplant("exchangeServicePrincipals", standing.pointer["id"])


def pointer_of_the_registration(standing: Standing) -> None:
    """The object id that people copy from the wrong page."""
    wrong = {**standing.pointer, "objectId": standing.application["id"]}
    standing.sandbox.plant("exchangeServicePrincipals", wrong)


def right_removed(standing: Standing) -> None:
    """FullAccess."""
    sid = standing.pointer["sid"]
    standing.unplant("mailboxPermissions", lambda each: each["sid"] == sid)


def smtp_auth_off(standing: Standing) -> None:
    """The mailbox's switch."""
    standing.switch(CRYPTSHARE, smtpClientAuthenticationDisabled=True)


def smtp_auth_left_to_the_organisation(standing: Standing) -> None:
    """The mailbox's switch says nothing, and the organisation's is off."""
    standing.switch(CRYPTSHARE, smtpClientAuthenticationDisabled=None)


def imap_off(standing: Standing) -> None:
    """The mailbox's switch."""
    standing.switch(CRYPTSHARE, imapEnabled=False)


def secret_expired(standing: Standing) -> None:
    """Its end has come."""
    application = standing.application
    ended = [{**each, "endDateTime": "2026-11-01T00:00:00Z"} for each in application["passwordCredentials"]]
    standing.sandbox.plant("applications", {**application, "passwordCredentials": ended})


def ews_off_for_the_organisation(standing: Standing) -> None:
    """EwsEnabled."""
    standing.organisation(ewsEnabled=False)


def ews_not_listed(standing: Standing) -> None:
    """EwsAllowedAppIDs names others only."""
    standing.organisation(ewsAllowedAppIds=OTHERS)


def ews_for_other_user_agents(standing: Standing) -> None:
    """EwsAllowList."""
    standing.organisation(ewsApplicationAccessPolicy="EnforceAllowList", ewsAllowList=["OtherProduct/*"])


def ews_off_for_the_mailbox(standing: Standing) -> None:
    """The mailbox's own switch."""
    standing.switch(SALES, ewsEnabled=False)


def ews_off_for_the_other_mailbox(standing: Standing) -> None:
    """The same of a product's second mailbox."""
    standing.switch(CRYPTSHARE, ewsEnabled=False)


def ews_ended(standing: Standing) -> None:
    """Time moves on to April 2027; the secret, which was made to end with EWS, is made to last."""
    application = standing.application
    later = [{**each, "endDateTime": "2028-01-01T00:00:00Z"} for each in application["passwordCredentials"]]
    standing.sandbox.plant("applications", {**application, "passwordCredentials": later})
    standing.sandbox.advance(max(0.0, AFTER_EWS - standing.sandbox.now()))


def grant_survives(standing: Standing) -> None:
    """Somebody clicked consent in the portal: a permission for the whole tenant beside the scoped role."""
    _grant(standing, TWINS.get(standing.product.playbook, "Mail.Send"))


def ews_grant_survives(standing: Standing) -> None:
    """The same with the permission that opens every mailbox over EWS, whatever the product itself uses."""
    _grant(standing, "full_access_as_app")


def _grant(standing: Standing, name: str) -> None:
    principal = standing.principal
    for resource in standing.documents("servicePrincipals"):
        for role in resource.get("appRoles", []):
            if role["value"] == name and resource["displayName"] != principal["displayName"]:
                grant = {
                    "id": "planted-grant",
                    "deletedDateTime": None,
                    "appRoleId": role["id"],
                    "createdDateTime": "2026-10-01T00:00:00Z",
                    "principalDisplayName": principal["displayName"],
                    "principalId": principal["id"],
                    "principalType": "ServicePrincipal",
                    "resourceDisplayName": resource["displayName"],
                    "resourceId": resource["id"],
                }
                standing.sandbox.plant("appRoleAssignments", grant)
                return
    raise AssertionError(name)


def group_too_wide(standing: Standing) -> None:
    """The neighbour is in the group."""
    _members(standing, lambda members: [*members, standing.mailbox(NEIGHBOUR)["id"]])


def group_too_narrow(standing: Standing) -> None:
    """Nobody is in the group."""
    _members(standing, lambda members: [])


def group_renamed(standing: Standing) -> None:
    """The scope's filter names a group that there is no more."""
    ours = only([each for each in standing.documents("managementScopes") if each["name"].startswith("provisioner-")])
    changed = ours["recipientFilter"].replace("CN=provisioner-", "CN=renamed-")
    standing.sandbox.plant("managementScopes", {**ours, "recipientFilter": changed})


def role_missing(standing: Standing) -> None:
    """Exchange's own role."""
    pointer = standing.pointer["id"]
    standing.unplant("managementRoleAssignments", lambda each: each["app"] == pointer)


def sending_role_missing(standing: Standing) -> None:
    """One of two."""
    _role_taken(standing, "Application Mail.Send")


def reading_role_missing(standing: Standing) -> None:
    """The other one."""
    _role_taken(standing, "Application Mail.ReadWrite")


def calendar_role_missing(standing: Standing) -> None:
    """One of two."""
    _role_taken(standing, "Application Calendars.ReadWrite")


def ews_role_missing(standing: Standing) -> None:
    """The other one."""
    _role_taken(standing, "Application EWS.AccessAsApp")


def _role_taken(standing: Standing, role: str) -> None:
    pointer = standing.pointer["id"]
    standing.unplant("managementRoleAssignments", lambda each: each["app"] == pointer and each["role"] == role)


def role_without_a_scope(standing: Standing) -> None:
    """An administrator gives one of its roles once more, for the whole organisation."""
    pointer = standing.pointer["id"]
    ours = [each for each in standing.documents("managementRoleAssignments") if each["app"] == pointer]
    administrator = Administrator(standing.sandbox)
    administrator.cmdlet(
        "New-ManagementRoleAssignment", Name="wide", App=standing.principal["id"], Role=ours[0]["role"]
    )
    standing.sandbox.advance(25 * 3600)


def right_on_the_neighbour(standing: Standing) -> None:
    """FullAccess, left over from before there was a scope."""
    Administrator(standing.sandbox).cmdlet(
        "Add-MailboxPermission", Identity=NEIGHBOUR, User=standing.principal["id"], AccessRights=["FullAccess"]
    )
    standing.sandbox.advance(25 * 3600)


def account_let_into_the_neighbour(standing: Standing) -> None:
    """The account is somebody's deputy: its rights are open to whoever signs in as it."""
    Administrator(standing.sandbox).cmdlet(
        "Add-MailboxPermission", Identity=NEIGHBOUR, User=CRYPTSHARE, AccessRights=["FullAccess"]
    )
    standing.sandbox.advance(25 * 3600)


def second_factor(standing: Standing) -> None:
    """Everybody needs one."""
    standing.sandbox.settings(mfaRequired=True)


def conditional_access(standing: Standing) -> None:
    """A policy blocks the account from here."""
    standing.sandbox.settings(conditionalAccessBlocks=[CRYPTSHARE])


def account_locked(standing: Standing) -> None:
    """Somebody tried wrong passwords."""
    endpoints = standing.sandbox.endpoints
    form = {
        "grant_type": "password",
        "client_id": standing.application["appId"],
        "username": CRYPTSHARE,
        "password": "wrong",
        "scope": "https://outlook.office.com/IMAP.AccessAsUser.All",
    }
    address = f"{endpoints['login']}/{endpoints['tenantId']}/oauth2/v2.0/token"
    tls = ssl.create_default_context(cafile=endpoints["caFile"])
    secret = _stored_secret(standing)
    for _ in range(10):
        body = urlencode({**form, "client_secret": secret}).encode()
        try:
            urllib.request.urlopen(urllib.request.Request(address, body), context=tls)
        except urllib.error.HTTPError as error:
            error.close()


def account_disabled(standing: Standing) -> None:
    """The person has left."""
    (person,) = [each for each in standing.documents("users") if each["userPrincipalName"] == CRYPTSHARE]
    standing.sandbox.plant("users", {**person, "accountEnabled": False})


def password_changed(standing: Standing) -> None:
    """The product's is the old one."""
    standing.sandbox.call("POST", "/password", {"as": CRYPTSHARE, "password": "another one, 24 characters"})


def domain_federated(standing: Standing) -> None:
    """People sign in at the customer's own identity provider, where a password in a request leads nowhere."""
    (organization,) = standing.documents("organization")
    domains = [{**each, "type": "Federated"} for each in organization["verifiedDomains"]]
    standing.sandbox.plant("organization", {**organization, "verifiedDomains": domains})


def access_policy(standing: Standing) -> None:
    """A policy of old keeps the application to a group that the mailbox is not in."""
    administrator = Administrator(standing.sandbox)
    administrator.cmdlet("New-DistributionGroup", Name="old-group", Type="Security", Members=[NEIGHBOUR])
    administrator.cmdlet(
        "New-ApplicationAccessPolicy",
        AppId=[standing.application["appId"]],
        PolicyScopeGroupId="old-group",
        AccessRight="RestrictAccess",
        Description="left over",
    )
    standing.sandbox.advance(25 * 3600)


def assignment_missing(standing: Standing) -> None:
    """The application asks for an assignment, and the account has none."""
    principal = standing.principal
    standing.sandbox.plant("servicePrincipals", {**principal, "appRoleAssignmentRequired": True})
    for each in standing.documents("appRoleAssignments"):
        if each["resourceId"] == principal["id"]:
            standing.sandbox.unplant("appRoleAssignments", each["id"])


def out_of_the_group(standing: Standing) -> None:
    """The account is in a group of the assigned group only, and those do not count."""
    groups = {each["displayName"]: each for each in standing.documents("groups")}
    (person,) = [each for each in standing.documents("users") if each["userPrincipalName"] == CRYPTSHARE]
    outer, inner = groups["Mail Users"], groups["Mail Trainees"]
    assert person["id"] in outer["members"]
    standing.sandbox.plant("groups", {**outer, "members": [inner["id"]]})
    standing.sandbox.plant("groups", {**inner, "members": [*inner["members"], person["id"]]})


def redirect_missing(standing: Standing) -> None:
    """Nothing is registered."""
    none: dict[str, dict[str, list[str]]] = {
        platform: {"redirectUris": []} for platform in ("web", "spa", "publicClient")
    }
    application = standing.application
    kept = {platform: {**(application.get(platform) or {}), **value} for platform, value in none.items()}
    standing.sandbox.plant("applications", {**application, **kept})


def secret_removed(standing: Standing) -> None:
    """Somebody tidied up."""
    standing.sandbox.plant("applications", {**standing.application, "passwordCredentials": []})


def _members(standing: Standing, changed: Callable[[list[str]], list[str]]) -> None:
    ours = only([each for each in standing.documents("distributionGroups") if each["name"].startswith("provisioner-")])
    standing.sandbox.plant("distributionGroups", {**ours, "members": changed(ours["members"])})


def _stored_secret(standing: Standing) -> str:
    """What our sink holds, opened by hand."""
    (secret,) = stored_secrets(standing.home).values()
    return secret
