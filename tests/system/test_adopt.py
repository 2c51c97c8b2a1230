"""An application that somebody made by hand becomes an instance, and nothing of it is lost, then or on removal."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from tests.system.kill.killing import at_file_operation, at_request
from tests.system.support import PARAMETERS, PLAYBOOK, SENDER, Sandbox, forked, fresh_home
from tests.system.tenant import FOREIGN, Administrator, Planter, only

LEFT = 3
GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"
TWIN = [each for each in FOREIGN["beforeOnboarding"] if each["id"].startswith(("twin-", "delegated-grants"))]


def ran(command: str, *arguments: str, home: Path, code: int = 0) -> dict[str, Any]:
    ended = forked(command, PLAYBOOK, "--tenant", "sandbox", *PARAMETERS, *arguments, "-o", "json", home=home)
    assert ended.returncode == code, f"{ended.returncode}\n{ended.stdout}\n{ended.stderr}"
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer


@pytest.fixture
def twin(sandbox: Sandbox) -> Planter:
    """The twin with its consent, secret, owner, delegated grants, pointer and FullAccess."""
    planter = Planter(sandbox)
    planter.plant(TWIN)
    assert planter.faults(TWIN) == []
    return planter


def application(sandbox: Sandbox, app_id: str) -> dict[str, Any]:
    return only([each for each in sandbox.state()["applications"] if each["appId"] == app_id])


def without_ours(document: dict[str, Any]) -> dict[str, Any]:
    """An application without our tag and our key."""
    ours = {"tags": [each for each in document["tags"] if not each.startswith("provisioner:")]}
    keys = [each for each in document["passwordCredentials"] if "cryptshare_server_default" not in each["displayName"]]
    return {**document, **ours, "passwordCredentials": keys}


def test_onboarding_asks_first_and_names_adopt(sandbox: Sandbox, home: Path, twin: Planter) -> None:
    before = sandbox.state()["applications"]
    held = ran("onboard", "--yes", home=home, code=3)
    change = next(each for each in held["changes"] if each["address"] == "application.main")
    assert (change["gate"], change["flag"]) == ("twin", "--allow-twin")
    assert "provisioner adopt" in change["reason"]
    assert twin.bindings["twin"]["appId"] in "".join(change["notes"])
    assert sandbox.state()["applications"] == before


@pytest.mark.parametrize("name", ["Mail relay", "CRYPTSHARE SERVER"])
def test_a_twin_of_any_name_is_found(sandbox: Sandbox, home: Path, twin: Planter, name: str) -> None:
    hand = Administrator(sandbox)
    hand.graph("PATCH", f"/applications/{twin.bindings['twin']['id']}", {"displayName": name})
    held = ran("apply", "--yes", home=home, code=3)
    assert "application.main" in held["blocked"]
    found = ran("adopt", home=home, code=3)["candidates"]
    assert found[0]["appId"] == twin.bindings["twin"]["appId"]
    assert any("asks for" in each for each in found[0]["reasons"])
    assert any("was granted SMTP.SendAsApp" in each for each in found[0]["reasons"])


def test_a_twin_that_asks_for_nothing_is_found_by_what_it_was_granted(
    sandbox: Sandbox, home: Path, twin: Planter
) -> None:
    body = {"displayName": "x", "requiredResourceAccess": []}
    Administrator(sandbox).graph("PATCH", f"/applications/{twin.bindings['twin']['id']}", body)
    found = {each["appId"]: each["reasons"] for each in ran("adopt", home=home, code=3)["candidates"]}
    assert found[twin.bindings["twin"]["appId"]] == ["was granted SMTP.SendAsApp (+3)"]


def test_candidates_show_what_hangs_on_them(home: Path, twin: Planter, sandbox: Sandbox) -> None:
    mark = sandbox.mark()
    offered = ran("adopt", home=home, code=3)
    beyond = "\n".join(only([each for each in offered["candidates"] if each["likely"]])["beyond"])
    for each in (
        "client secret",
        "owner ",
        "redirect https://cryptshare.contoso.example/signin",
        "User.Read",
        "Mail.Read",
    ):
        assert each in beyond, f"{each} is not shown:\n{beyond}"
    assert offered["chosen"] is None
    assert sandbox.writes(mark) == []


def test_adopted_completed_and_removed(sandbox: Sandbox, home: Path, twin: Planter) -> None:
    app_id = twin.bindings["twin"]["appId"]
    before = application(sandbox, app_id)
    mark = sandbox.mark()
    adopted = ran("adopt", "--app-id", app_id, "--yes", home=home)
    assert adopted["chosen"] == app_id
    assert len(sandbox.writes(mark)) == 1, sandbox.writes(mark)
    assert without_ours(application(sandbox, app_id)) == without_ours(before)

    mark = sandbox.mark()
    ran("adopt", "--app-id", app_id, "--yes", home=home)
    assert sandbox.writes(mark) == []

    plan = ran("plan", home=home)
    missing = {each["address"] for each in plan["changes"] if each["action"] != "keep"}
    assert missing == {"client_secret.main.mail", "client_access.sender"}

    applied = ran("onboard", "--yes", "--send", home=home)
    assert {each["state"] for each in applied["proofs"]} == {"passed"}
    assert applied["applications"][0]["appId"] == app_id
    assert without_ours(application(sandbox, app_id)) == without_ours(before)
    ours = ("provisioner:cryptshare/server:default", "provisioner/cryptshare_server_default/")
    assert [each for each in twin.faults(TWIN) if not any(word in each for word in ours)] == []
    assert ran("plan", "--exit-code", home=home)["blocked"] == []

    removed = ran("remove", "--yes", "--purge", home=home)
    assert app_id in "".join(each["title"] for each in removed["manual"])
    assert application(sandbox, app_id) == before
    assert twin.faults(TWIN) == []
    assert not list((home / "tenants").glob("*/*.yaml"))


def test_what_we_added_goes_again(sandbox: Sandbox, home: Path) -> None:
    hand = Administrator(sandbox)
    bare = hand.graph("POST", "/applications", {"displayName": "Cryptshare Server", "signInAudience": "AzureADMyOrg"})
    ran("adopt", "--app-id", bare["appId"], "--yes", home=home)
    before = sandbox.state()
    ran("onboard", "--yes", home=home)
    removed = ran("remove", "--yes", home=home)
    assert {each["address"] for each in removed["changes"] if each["action"] == "remove"} >= {
        "service_principal.main",
        "client_secret.main.mail",
        "app_role_grant.main.exchange.SMTP.SendAsApp",
        "exchange_pointer.main",
        "mailbox_permission.main.FullAccess",
    }
    after = sandbox.state()
    assert after["mailboxPermissions"] == before["mailboxPermissions"]
    assert after["exchangeServicePrincipals"] == before["exchangeServicePrincipals"]
    left = only([each for each in before["applications"] if each["appId"] == bare["appId"]])
    assert application(sandbox, bare["appId"]) == {**left, "tags": []}


def test_of_what_has_many_parts_only_ours_go_again(sandbox: Sandbox, home: Path) -> None:
    """An application of a product with redirects and delegated scopes, some of which somebody gave it by hand."""
    hand = Administrator(sandbox)
    graph = only([each for each in sandbox.state()["servicePrincipals"] if each["appId"] == GRAPH_APP_ID])
    scopes = {each["value"]: each["id"] for each in graph["oauth2PermissionScopes"]}
    theirs = [{"id": scopes[each], "type": "Scope"} for each in ("IMAP.AccessAsUser.All", "User.Read")]
    made = hand.graph(
        "POST",
        "/applications",
        {
            "displayName": "XCALLY Motion",
            "signInAudience": "AzureADMyOrg",
            "web": {"redirectUris": ["https://theirs.example/callback"]},
            "isFallbackPublicClient": True,
            "requiredResourceAccess": [{"resourceAppId": GRAPH_APP_ID, "resourceAccess": theirs}],
        },
    )
    principal = hand.graph("POST", "/servicePrincipals", {"appId": made["appId"]})
    grant = {"clientId": principal["id"], "consentType": "AllPrincipals", "resourceId": graph["id"]}
    hand.graph("POST", "/oauth2PermissionGrants", {**grant, "scope": "IMAP.AccessAsUser.All User.Read"})
    before = sandbox.state()

    given = ("--set", f"mailbox={SENDER}", "--set", "redirect_uri=https://xcally.example.com/callback")
    for command, code in (("adopt", 0), ("apply", LEFT), ("remove", 0)):
        chosen = ("--app-id", made["appId"]) if command == "adopt" else ()
        ended = forked(command, "xcally/motion", "--tenant", "sandbox", *given, *chosen, "--yes", home=home)
        assert ended.returncode == code, f"{ended.stdout}\n{ended.stderr}"
        if command == "apply":
            now = application(sandbox, made["appId"])
            assert set(now["web"]["redirectUris"]) == {given[-1].partition("=")[2], "https://theirs.example/callback"}
            assert len(now["requiredResourceAccess"][0]["resourceAccess"]) == 4
            assert len(only(granted_to(sandbox, principal["id"])).split()) == 4
    after = sandbox.state()
    switched = {**application(sandbox, made["appId"]), "isFallbackPublicClient": True}
    assert switched == only([each for each in before["applications"] if each["appId"] == made["appId"]])
    assert "public client flows: on" in ended.stdout, "the switch stays off, and what it was is told"
    assert after["oauth2PermissionGrants"] == before["oauth2PermissionGrants"]
    assert after["servicePrincipals"] == before["servicePrincipals"]


def granted_to(sandbox: Sandbox, principal: str) -> list[str]:
    return [each["scope"] for each in sandbox.state()["oauth2PermissionGrants"] if each["clientId"] == principal]


def test_another_home_takes_over_without_a_write_and_takes_nothing_away(
    sandbox: Sandbox, home: Path, twin: Planter, tmp_path: Path
) -> None:
    app_id = twin.bindings["twin"]["appId"]
    ran("adopt", "--app-id", app_id, "--yes", home=home)
    ran("onboard", "--yes", home=home)

    other = fresh_home(tmp_path / "other", sandbox)
    held = ran("apply", "--yes", home=other, code=3)
    change = next(each for each in held["changes"] if each["address"] == "application.main")
    assert "adopted from another home" in "".join(change["notes"])
    mark = sandbox.mark()
    ran("adopt", "--app-id", app_id, "--yes", home=other)
    assert sandbox.writes(mark) == []
    ran("apply", "--yes", home=other)
    keys = application(sandbox, app_id)["passwordCredentials"]
    assert len(keys) == 3, "theirs, the first home's and the second's"
    removed = ran("remove", "--yes", home=other)
    assert removed["manual"]
    assert len(application(sandbox, app_id)["passwordCredentials"]) == 2


def test_refusals(sandbox: Sandbox, home: Path) -> None:
    mark = sandbox.mark()
    nowhere = ran("adopt", "--app-id", "0badc0de-0000-4000-8000-000000000001", "--yes", home=home, code=4)
    assert "no application" in nowhere["error"]["message"]
    assert ran("adopt", "--app-id", "main", "--yes", home=home, code=4)["error"]["places"]
    assert sandbox.writes(mark) == []
    applied = ran("apply", "--yes", home=home)
    own = ran("adopt", "--app-id", applied["applications"][0]["appId"], "--yes", home=home, code=4)
    assert "of its own" in own["error"]["message"]
    second = ran(
        "adopt", "--instance", "two", "--app-id", applied["applications"][0]["appId"], "--yes", home=home, code=4
    )
    assert "another onboarding" in second["error"]["message"]


def test_nobody_to_ask_means_nothing_is_written(sandbox: Sandbox, home: Path, twin: Planter) -> None:
    mark = sandbox.mark()
    ran("adopt", "--app-id", twin.bindings["twin"]["appId"], home=home, code=4)
    assert sandbox.writes(mark) == []
    assert not list((home / "tenants").glob("*/*.yaml"))


def test_killed_anywhere_and_run_again(sandbox: Sandbox, home: Path, twin: Planter, tmp_path: Path) -> None:
    app_id = twin.bindings["twin"]["appId"]
    start = sandbox.snapshot()
    command = ("adopt", PLAYBOOK, "--tenant", "sandbox", *PARAMETERS, "--app-id", app_id, "--yes")
    ran("adopt", "--app-id", app_id, "--yes", home=home)
    wanted = (application(sandbox, app_id), kept(home))
    assert wanted[1]

    def killed(number: int, place: Path) -> bool:
        # Two writes' ends of the one request first, then every second operation on a file of ours.
        if number <= 2:
            return at_request(sandbox, command, place, 1, after=number == 2, match="^PATCH ") is not None
        return at_file_operation(command, place, 2 * number - 5, under=("tenants/", "receipts/")) is not None

    for number in itertools.count(1):
        sandbox.restore(start)
        place = fresh_home(tmp_path / str(number), sandbox)
        if not killed(number, place):
            break
        ran("adopt", "--app-id", app_id, "--yes", home=place)
        assert (application(sandbox, app_id), kept(place)) == wanted
    assert number > 5


def kept(home: Path) -> dict[str, str]:
    return {each.name: each.read_text() for each in (home / "tenants").glob("*/*.yaml")}
