"""From guide to scoped: the product works at every step, a killed run is resumed, and nothing is done twice."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.system.kill.killing import at_request
from tests.system.products import Product, centron, cryptshare, monitor, opens_over_ews
from tests.system.support import NEIGHBOUR, SENDER, Sandbox, forked, fresh_home, running_sandbox
from tests.system.tenant import EXCHANGE, SALES, Administrator, only, stored_secrets

PRODUCTS = [cryptshare(SENDER, NEIGHBOUR), centron(SENDER, NEIGHBOUR), monitor(SENDER, SALES, NEIGHBOUR)]
ALLOWED = ("--allow-remove-grants", "--allow-organisation-wide")
HOUR = 3600.0
NOT_YET, LEFT = 6, 3
OWA = ("--set", "redirect_uri=https://cryptshare.contoso.example/owa/index.html", "--set", "user_group=Sales")
WRITES = r"^(POST|PATCH|DELETE) /v1\.0/(?!\$batch)|^(New|Add|Set|Enable|Update|Remove)-"
FEWEST_WRITES = 6
FULL_ACCESS_AS_APP = "dc890d15-9560-4a4c-9b7f-a736ec74ec40"


@dataclass
class Place:
    """A product that is set up in its guide's way."""

    sandbox: Sandbox
    home: Path
    product: Product
    app_id: str = ""

    def run(self, command: str, *arguments: str, code: int | None = 0, home: Path | None = None) -> dict[str, Any]:
        ended = forked(
            command, self.product.playbook, "--tenant", "sandbox", *arguments, "-o", "json", home=home or self.home
        )
        assert code is None or ended.returncode == code, f"{ended.returncode}\n{ended.stdout}\n{ended.stderr}"
        answer: dict[str, Any] = json.loads(ended.stdout)
        return {**answer, "code": ended.returncode}

    def migrate(self, *arguments: str, code: int | None = 0, home: Path | None = None) -> dict[str, Any]:
        return self.run("migrate", "--to", "scoped", "--yes", *arguments, code=code, home=home)

    def works(self) -> None:
        """Sign in and use the mailbox, with a fresh token."""
        refusal = self.product.works(self.sandbox, self.token())
        assert refusal is None, refusal

    def token(self) -> str:
        return self.product.token(self.sandbox, self.home, self.app_id)


def placed(sandbox: Sandbox, home: Path, product: Product) -> Place:
    place = Place(sandbox, home, product)
    # What a person still has to do at the EWS gates is no matter here: they are opened below.
    applied = place.run("apply", *product.parameters, *product.flags, "--yes", code=None)
    assert applied["code"] in (0, LEFT), applied
    place.app_id = applied["applications"][0]["appId"]
    if product.use.__name__ == "opens_over_ews":
        gates = {"EwsEnabled": True, "EwsAllowedAppIDs": place.app_id}
        Administrator(sandbox).cmdlet("Set-OrganizationConfig", **gates)
    place.works()
    return place


def stages(answer: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["state"] for each in answer["stages"]}


def migrated(place: Place) -> None:
    """All of it, and the product works between the runs."""
    for _ in range(4):
        answer = place.migrate(*ALLOWED, code=None)
        place.works()
        if answer["code"] == 0:
            return
        assert answer["code"] == NOT_YET, answer
        place.sandbox.advance(2 * HOUR + 60)
        place.works()
    raise AssertionError("it came to no end")


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda each: each.playbook)
def test_the_product_works_at_every_step(sandbox: Sandbox, home: Path, product: Product) -> None:
    place = placed(sandbox, home, product)
    assert product.reaches_other(sandbox, place.token()) is (product.playbook != "cryptshare/server")

    first = place.migrate("--allow-organisation-wide", code=NOT_YET)
    assert stages(first)["roles_everywhere"] == "waiting"
    assert stages(first)["claims"] == "later"
    place.works()
    assert granted(sandbox, place.app_id), "nothing may be taken away before all of Exchange knows the roles"

    mark = sandbox.mark()
    place.migrate(*ALLOWED, code=NOT_YET)
    assert sandbox.writes(mark) == [], "a run that only waits writes nothing"

    sandbox.advance(2 * HOUR)
    held = place.migrate(code=LEFT)
    assert "--allow-remove-grants" in only([each for each in held["stages"] if each["state"] == "blocked"])["detail"]
    place.works()

    migrated(place)
    assert product.reaches_other(sandbox, place.token()) is False

    mark, before = sandbox.mark(), sandbox.state_hash("messages")
    again = place.migrate(*ALLOWED)
    assert set(stages(again).values()) == {"done"}
    assert (sandbox.writes(mark), sandbox.state_hash("messages")) == ([], before)
    plan = place.run("plan", code=0)
    assert plan["variant"] == "scoped"
    pending = {each["address"] for each in plan["changes"] if each["action"] != "keep"}
    assert pending <= {"ews_access.main", "client_access.sender"}, plan
    secrets = only([each for each in sandbox.state()["applications"] if each["appId"] == place.app_id])
    assert len(secrets["passwordCredentials"]) == 1, "the product goes on with its secret"


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda each: each.playbook)
def test_it_ends_in_entra_where_the_new_variant_begins(sandbox: Sandbox, home: Path, product: Product) -> None:
    place = placed(sandbox, home, product)
    migrated(place)
    place.run(
        *("apply", "--variant", "scoped", "--instance", "new", "--yes", "--allow-twin", "--allow-organisation-wide"),
        *product.parameters,
        code=None,
    )
    fresh = place.run("plan", "--variant", "scoped", "--instance", "new")["applications"][0]["appId"]
    assert fresh != place.app_id
    assert in_entra(sandbox, place.app_id) == in_entra(sandbox, fresh)


def in_entra(sandbox: Sandbox, app_id: str) -> dict[str, Any]:
    """What an application may do in Entra, asks for, and where people may be sent back to."""
    state = sandbox.state()
    application = only([each for each in state["applications"] if each["appId"] == app_id])
    principal = only([each for each in state["servicePrincipals"] if each["appId"] == app_id])["id"]
    wishes = [
        (api["resourceAppId"], each["id"])
        for api in application["requiredResourceAccess"]
        for each in api["resourceAccess"]
    ]
    return {
        "wishes": sorted(wishes),
        "redirects": [application[each]["redirectUris"] for each in ("web", "spa", "publicClient")],
        "public client": bool(application["isFallbackPublicClient"]),
        "roles": [each["appRoleId"] for each in state["appRoleAssignments"] if each["principalId"] == principal],
        "scopes": [each["scope"] for each in state["oauth2PermissionGrants"] if each["clientId"] == principal],
    }


def test_an_older_token_sends_until_it_ends(sandbox: Sandbox, home: Path) -> None:
    place = placed(sandbox, home, PRODUCTS[0])
    place.migrate(*ALLOWED, code=NOT_YET)
    sandbox.advance(2 * HOUR)
    old = place.token()
    answer = place.migrate(*ALLOWED, code=NOT_YET)
    assert stages(answer)["tokens_everywhere"] == "waiting"
    sandbox.advance(HOUR - 300)
    assert place.product.works(sandbox, old) is None, "a token of before needs FullAccess, which must still be there"
    sandbox.advance(HOUR)
    place.migrate(*ALLOWED)
    assert rights(sandbox, place.app_id) == []
    place.works()


def test_one_run_may_wait_by_itself(sandbox: Sandbox, home: Path) -> None:
    place = placed(sandbox, home, PRODUCTS[0])
    place.migrate(*ALLOWED, "--wait", "1h", code=NOT_YET)
    answer = place.migrate(*ALLOWED, "--wait", "4h")
    assert set(stages(answer).values()) == {"done"}
    assert (granted(sandbox, place.app_id), rights(sandbox, place.app_id)) == ([], [])
    place.works()


def test_another_home_goes_on(sandbox: Sandbox, home: Path, tmp_path: Path) -> None:
    place = placed(sandbox, home, PRODUCTS[0])
    place.migrate(*ALLOWED, code=NOT_YET)
    other = fresh_home(tmp_path / "other", sandbox)
    sandbox.advance(2 * HOUR)
    answer = place.migrate(*PRODUCTS[0].parameters, *ALLOWED, code=NOT_YET, home=other)
    token = only([each for each in answer["stages"] if each["name"] == "token"])
    assert (token["state"], "no secret" in token["detail"]) == ("done", True)
    assert granted(sandbox, place.app_id) == []
    # The first home did not take the consent away, so it counts the older tokens' time from now on.
    answer = place.migrate(*ALLOWED, code=NOT_YET)
    assert stages(answer)["tokens_everywhere"] == "waiting"
    sandbox.advance(2 * HOUR)
    place.migrate(*ALLOWED)
    place.works()
    mark = sandbox.mark()
    place.migrate(*ALLOWED, home=other)
    assert sandbox.writes(mark) == []
    assert rights(sandbox, place.app_id) == []


def test_a_surviving_grant_is_found_and_named(sandbox: Sandbox, home: Path) -> None:
    place = placed(sandbox, home, PRODUCTS[0])
    migrated(place)
    hand = Administrator(sandbox)
    principal = hand.graph("GET", f"/servicePrincipals(appId='{place.app_id}')?$select=id")
    exchange = hand.graph("GET", "/servicePrincipals(appId='00000002-0000-0ff1-ce00-000000000000')?$select=id")
    body = {"principalId": principal["id"], "resourceId": exchange["id"], "appRoleId": FULL_ACCESS_AS_APP}
    hand.graph("POST", f"/servicePrincipals/{exchange['id']}/appRoleAssignedTo", body)
    found = place.migrate(code=LEFT)
    claims = only([each for each in found["changes"] if each["address"] == "unscoped_grants.main"])
    assert "full_access_as_app" in claims["summary"]
    assert stages(found)["claims"] == "blocked"
    place.migrate(*ALLOWED)
    assert granted(sandbox, place.app_id) == []


def test_removal_in_the_midst_takes_both_ways_apart(sandbox: Sandbox, home: Path) -> None:
    before = sandbox.state()
    place = placed(sandbox, home, PRODUCTS[0])
    place.migrate(*ALLOWED, code=NOT_YET)
    plan = place.run("plan")
    assert any("provisioner migrate --to scoped" in each for each in plan["notes"])
    midst = sandbox.state()
    place.run("remove", "--yes")
    after = sandbox.state()
    for each in (
        *("distributionGroups", "managementScopes", "managementRoleAssignments"),
        *("mailboxPermissions", "exchangeServicePrincipals"),
    ):
        assert midst[each] != before.get(each, []), f"no {each} there in the midst of it"
        assert after.get(each, []) == before.get(each, []), f"{each} left behind"
    assert not list((home / "tenants").glob("*/*.yaml"))


@pytest.mark.parametrize(
    ("playbook", "given", "target", "said"),
    [
        ("cryptshare/server", PRODUCTS[0].parameters, "scoped", "nothing to migrate"),
        ("cryptshare/server", PRODUCTS[0].parameters, "guide", "where it comes from"),
        ("cryptshare/server", PRODUCTS[0].parameters, "narrow", "no variant"),
        ("cryptshare/owa", OWA, "scoped", "cannot be migrated"),
    ],
)
def test_what_cannot_be_migrated_says_so(
    sandbox: Sandbox, home: Path, playbook: str, given: tuple[str, ...], target: str, said: str
) -> None:
    mark = sandbox.mark()
    ended = forked("migrate", playbook, "--tenant", "sandbox", "--to", target, *given, "--yes", "-o", "json", home=home)
    assert ended.returncode == 4, ended.stdout
    assert said in json.loads(ended.stdout)["error"]["message"]
    assert sandbox.writes(mark) == []


def granted(sandbox: Sandbox, app_id: str) -> list[dict[str, Any]]:
    """What Entra grants the application."""
    state = sandbox.state()
    principal = only([each for each in state["servicePrincipals"] if each["appId"] == app_id])
    return [each for each in state["appRoleAssignments"] if each["principalId"] == principal["id"]]


def rights(sandbox: Sandbox, app_id: str) -> list[dict[str, Any]]:
    """What the application may do on mailboxes."""
    ours = {each["sid"] for each in sandbox.state()["exchangeServicePrincipals"] if each["appId"] == app_id}
    return [each for each in sandbox.state()["mailboxPermissions"] if each["sid"] in ours]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_each_write_and_resumed(
    sandbox: Sandbox, home: Path, tmp_path: Path, after: bool, record_property: Callable[[str, object], None]
) -> None:
    place = placed(sandbox, home, PRODUCTS[0])
    command = ("migrate", "cryptshare/server", "--tenant", "sandbox:rest", "--to", "scoped", "--yes", *ALLOWED)
    killed: list[str] = []
    for seconds in (0.0, 2 * HOUR, 2 * HOUR):
        sandbox.advance(seconds)
        start = sandbox.snapshot()
        for number in itertools.count(1):
            sandbox.restore(start)
            other = Path(shutil.copytree(home, tmp_path / f"{len(killed)}-{number}", symlinks=True))
            resumed = Place(sandbox, other, place.product, place.app_id)
            point = at_request(sandbox, command, other, number, after=after, match=WRITES, ends_with=(0, NOT_YET))
            if point is None:
                break
            killed.append(str(point))
            resumed.works()
            migrated(resumed)
            assert (granted(sandbox, place.app_id), rights(sandbox, place.app_id)) == ([], []), str(point)
        sandbox.restore(start)
        ended = forked(*command, home=home)
        assert ended.returncode in (0, NOT_YET), ended.stdout + ended.stderr
    record_property("killed", str(len(killed)))
    assert len(killed) >= FEWEST_WRITES, killed


CALENDARS = Product(
    "centron/calendar-sync",
    ("--set", f"calendar_mailbox={SENDER}", "--set", f"denied_mailbox={NEIGHBOUR}"),
    SENDER,
    NEIGHBOUR,
    EXCHANGE,
    opens_over_ews,
    ("--allow-tenant-wide",),
)


def test_what_was_attached_gets_an_application_of_its_own(sandbox: Sandbox, home: Path) -> None:
    net = placed(sandbox, home, PRODUCTS[1])
    attached = Place(sandbox, home, CALENDARS, net.app_id)
    attached.run("apply", *CALENDARS.parameters, *CALENDARS.flags, "--yes", code=LEFT)
    Administrator(sandbox).cmdlet("Set-OrganizationConfig", EwsEnabled=True, EwsAllowedAppIDs=net.app_id)
    assert CALENDARS.works(sandbox, CALENDARS.token(sandbox, home, net.app_id)) is None

    refused = net.migrate(*ALLOWED, code=4)
    assert "remove centron/calendar-sync first" in refused["error"]["message"]

    attached.migrate(*ALLOWED, code=NOT_YET)
    sandbox.advance(2 * HOUR + 60)
    asked = attached.migrate(*ALLOWED, code=LEFT)
    assert stages(asked)["product"] == "manual"
    assert CALENDARS.works(sandbox, CALENDARS.token(sandbox, home, net.app_id)) is None, "the old values still serve"
    handed = attached.run("handover", "--variant", "scoped")
    values = [field["value"] for screen in handed["handover"] for field in screen["fields"]]
    own = only([each for each in sandbox.state()["applications"] if each["displayName"] == "c-entron Calendar Sync"])
    assert own["appId"] in values
    assert net.app_id not in values
    secrets = stored_secrets(home)
    new = only(own["passwordCredentials"])["keyId"]
    token = Administrator(sandbox).token(own["appId"], secrets[new], EXCHANGE)["access_token"]
    assert CALENDARS.works(sandbox, token) is None, "so do the new ones"
    assert CALENDARS.reaches_other(sandbox, token) is False

    done = attached.migrate(*ALLOWED, "--in-use")
    assert set(stages(done).values()) == {"done"}
    mark = sandbox.mark()
    assert set(stages(attached.migrate(*ALLOWED)).values()) == {"done"}
    assert sandbox.writes(mark) == []
    host = only([each for each in sandbox.state()["applications"] if each["appId"] == net.app_id])
    assert host["tags"] == ["provisioner:centron/net:default"]
    assert net.run("plan", "--exit-code")["blocked"] == []


@pytest.mark.parametrize("seed", [3, 11])
def test_a_tenant_that_lags(tmp_path: Path, seed: int) -> None:
    with running_sandbox(tmp_path / "sandbox", profile="realistic", seed=seed) as sandbox:
        place = Place(sandbox, fresh_home(tmp_path / "home", sandbox), PRODUCTS[0])
        for _ in range(4):
            applied = place.run("apply", *PRODUCTS[0].parameters, "--yes", code=None)
            sandbox.advance(HOUR)
            if applied["code"] == 0:
                break
        place.app_id = applied["applications"][0]["appId"]
        place.works()
        states = []
        for _ in range(12):
            answer = place.migrate(*ALLOWED, code=None)
            states.append(stages(answer))
            place.works()
            if answer["code"] == 0:
                break
            assert answer["code"] == NOT_YET, answer
            sandbox.advance(1800.0)
            place.works()
        assert set(states[-1].values()) == {"done"}, states
        assert (granted(sandbox, place.app_id), rights(sandbox, place.app_id)) == ([], [])
        assert place.product.reaches_other(sandbox, place.token()) is False
