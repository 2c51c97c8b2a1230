"""`adopt` over a tenant in memory: what somebody made is not changed, not taken for ours, and not taken away."""

from __future__ import annotations

import asyncio
import copy
from pathlib import Path
from typing import Any

import pytest
from tenant_double import EXCHANGE_API, SEND_AS_APP, SENDER, Answer, TenantDouble, a_guid, a_request

from provisioner.home import Home
from provisioner.model.identifiers import AppId
from provisioner.model.results import Adopted, Applied
from provisioner.workflows.adopt import adopt
from provisioner.workflows.apply import apply
from provisioner.workflows.remove import remove

TAG = "provisioner:cryptshare/server:default"
THEIR_KEY = a_guid(0x77)


class Tenant(TenantDouble):
    """With an application that somebody set up by hand, all of it: consent, secret, pointer and FullAccess."""

    def __post_init__(self) -> None:
        super().__post_init__()
        wish = {"resourceAppId": EXCHANGE_API, "resourceAccess": [{"id": SEND_AS_APP, "type": "Role"}]}
        key = {
            "keyId": THEIR_KEY,
            "displayName": "by hand",
            "hint": "abc",
            "startDateTime": "2026-01-01T00:00:00Z",
            "endDateTime": "2028-01-01T00:00:00Z",
        }
        self.theirs = self._put(
            self.applications,
            {
                "appId": a_guid(0x70),
                "displayName": "Mail relay",
                "signInAudience": "AzureADMultipleOrgs",
                "tags": ["theirs"],
                "passwordCredentials": [key],
                "requiredResourceAccess": [wish],
                "createdDateTime": "2026-01-01T00:00:00Z",
            },
            visible=True,
        )
        principal = self._put(
            self.principals,
            {"appId": self.theirs["appId"], "displayName": "Mail relay", "servicePrincipalType": "Application"},
            visible=True,
        )
        (api,) = (each for each in self.principals.values() if each["appId"] == EXCHANGE_API)
        grant = {"principalId": principal["id"], "resourceId": api["id"], "appRoleId": SEND_AS_APP}
        self._put(self.grants, grant, visible=True)
        pointer = {"AppId": self.theirs["appId"], "ObjectId": principal["id"], "Identity": a_guid(0x71), "Sid": "S-1-9"}
        self.pointers.append(pointer)
        self.rights[SENDER].append({"User": "S-1-9", "UserSid": "S-1-9", "AccessRights": ("FullAccess",)})

    def _routes(self) -> list[Any]:
        def none(*_: Any) -> Answer:
            return 200, {"value": []}

        def given(api: str, *_: Any) -> Answer:
            return 200, {"value": [each for each in self.grants.values() if each["resourceId"] == api]}

        return [
            ("GET /applications/([^/]+)/owners", none),
            ("GET /servicePrincipals/([^/]+)/appRoleAssignedTo", given),
            ("GET /servicePrincipals/([^/]+)", lambda *asked: self._found(self.principals, "id", asked[0])),
            *super()._routes(),
        ]

    def beside_ours(self) -> list[Any]:
        """Everything that could be lost, without our tag and our key."""
        application = {name: value for name, value in self.theirs.items() if not name.startswith("@")}
        application["tags"] = [each for each in self.theirs["tags"] if each != TAG]
        keys = self.theirs["passwordCredentials"]
        application["passwordCredentials"] = [each for each in keys if each["keyId"] == THEIR_KEY]
        return copy.deepcopy([application, self.principals, self.grants, self.pointers, self.rights])


@pytest.fixture
def tenant() -> Tenant:
    return Tenant()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def adopted(tenant: Tenant, home: Home) -> Adopted:
    async def nobody_chooses(offered: Adopted) -> AppId | None:
        raise AssertionError("it was named")

    ports = tenant.ports(home)
    return asyncio.run(adopt(a_request(), ports, app_id=AppId(tenant.theirs["appId"]), choose=nobody_chooses))


def applied(tenant: Tenant, home: Home) -> Applied:
    return asyncio.run(apply(a_request(), tenant.ports(home)))


def test_adopting_adds_our_tag_and_changes_nothing(tenant: Tenant, home: Home) -> None:
    before = tenant.beside_ours()
    adopted(tenant, home)
    assert len(tenant.writes) == 1
    assert tenant.theirs["tags"] == ["theirs", TAG]
    assert tenant.beside_ours() == before


def test_their_secret_is_not_ours_and_one_of_ours_is_minted_beside_it(tenant: Tenant, home: Home) -> None:
    before = tenant.beside_ours()
    adopted(tenant, home)
    applied(tenant, home)
    names = [each["displayName"].rpartition("/")[0] for each in tenant.theirs["passwordCredentials"]]
    assert names == ["", "provisioner/cryptshare_server_default/main.mail"]
    assert tenant.beside_ours() == before


def test_removing_leaves_what_was_there_before_us(tenant: Tenant, home: Home) -> None:
    before = tenant.beside_ours()
    adopted(tenant, home)
    applied(tenant, home)
    asyncio.run(remove(a_request(), tenant.ports(home)))
    assert tenant.theirs["id"] in tenant.applications, "it was not ours to delete"
    assert tenant.beside_ours() == before
    assert tenant.theirs["tags"] == ["theirs"]
    assert [each["keyId"] for each in tenant.theirs["passwordCredentials"]] == [THEIR_KEY]
