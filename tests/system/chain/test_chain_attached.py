"""One application, two products: what is attached adds its own, holds its host, and takes no more than its own away."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from tests.system.chain.steps import document, outcomes, standings, texts
from tests.system.kill.killing import at_request
from tests.system.support import NEIGHBOUR, SENDER, Sandbox, forked, start_forked
from tests.system.tenant import Administrator, only, stored_secrets

NET, CALENDAR = "centron/net", "centron/calendar-sync"
FLAGS = ("--allow-tenant-wide", "--allow-organisation-wide")
GIVEN = {
    NET: ("--set", f"default_sender={SENDER}"),
    CALENDAR: ("--set", f"calendar_mailbox={SENDER}", "--set", f"denied_mailbox={NEIGHBOUR}"),
}
OTHERS = "11111111-1111-4111-8111-111111111111,22222222-2222-4222-8222-222222222222"
EXCHANGE_APP_ID, GRAPH_APP_ID = "00000002-0000-0ff1-ce00-000000000000", "00000003-0000-0000-c000-000000000000"
UNIQUE_NAME = "provisioner-centron-net-default-main"


def said(command: str, product: str, *arguments: str, home: Path, code: int = 0) -> dict[str, Any]:
    """The JSON result of a command about one of the two products."""
    given = (command, product, "--tenant", "sandbox", *GIVEN[product], *arguments, "-o", "json")
    return document(forked(*given, home=home), code)


def applied(product: str, *arguments: str, home: Path, code: int = 3) -> dict[str, Any]:
    """Both guides leave something open, so what is done is told by the outcomes."""
    return said("apply", product, "--yes", *FLAGS, *arguments, home=home, code=code)


def listed(sandbox: Sandbox, ids: str | None, *, enabled: bool | None = True) -> None:
    """Give the organisation a list of applications that may use EWS."""
    (organization,) = sandbox.state()["organizationConfig"]
    sandbox.plant("organizationConfig", {**organization, "ewsAllowedAppIds": ids or "", "ewsEnabled": enabled})


def allowed(sandbox: Sandbox) -> str:
    (organization,) = sandbox.state()["organizationConfig"]
    return str(organization["ewsAllowedAppIds"])


def of_net(sandbox: Sandbox) -> dict[str, Any]:
    return only([each for each in sandbox.state()["applications"] if each["uniqueName"] == UNIQUE_NAME])


def granted(sandbox: Sandbox) -> set[str]:
    """The application permissions of c-entron.NET's service principal, by id."""
    state = sandbox.state()
    app_id = of_net(sandbox)["appId"]
    principal = only([each for each in state["servicePrincipals"] if each["appId"] == app_id])
    return {each["appRoleId"] for each in state["appRoleAssignments"] if each["principalId"] == principal["id"]}


def test_what_is_attached_waits_for_its_host(sandbox: Sandbox, home: Path) -> None:
    listed(sandbox, OTHERS)
    mark = sandbox.mark()
    waiting = said("plan", CALENDAR, *FLAGS, home=home)
    blocked = [each for each in waiting["changes"] if each["address"] == "application.main"]
    assert "`provisioner apply centron/net` comes first" in "".join(texts(blocked))
    assert set(standings(waiting).values()) == {"blocked"}
    applied(CALENDAR, home=home)
    assert sandbox.writes(mark) == []


def test_net_then_calendar_sync_and_back(sandbox: Sandbox, home: Path) -> None:
    listed(sandbox, OTHERS)
    applied(NET, home=home)
    net, of_nets_own = of_net(sandbox), granted(sandbox)
    secrets = stored_secrets(home)

    attached = applied(CALENDAR, home=home)
    assert set(outcomes(attached).values()) <= {"done", "kept"}
    shared = of_net(sandbox)
    assert shared["id"] == net["id"]
    assert shared["displayName"] == net["displayName"]
    assert set(shared["tags"]) == {*net["tags"], "provisioner:centron/calendar-sync:default"}
    assert len(granted(sandbox)) == len(of_nets_own) + 2
    assert stored_secrets(home) == secrets, "a secret of c-entron.NET's was made or replaced"
    assert allowed(sandbox) == f"{OTHERS},{net['appId']}"

    for product in (NET, CALENDAR):
        mark = sandbox.mark()
        again = said("plan", product, *FLAGS, home=home)
        assert {each["action"] for each in again["changes"]} == {"keep"}, product
        applied(product, home=home)
        assert sandbox.writes(mark) == [], product

    mark = sandbox.mark()
    for purge in ((), ("--purge",)):
        held = said("remove", NET, "--yes", *purge, home=home, code=3)
        assert "remove centron/calendar-sync first" in "".join(texts(held["changes"]))
        along = [each for each in held["notes"] if each.startswith("goes with")]
        assert len(along) == 2
        assert all(each.endswith(", which centron/calendar-sync asked for") for each in along)
        assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-", "".join(along)), "nobody can read an id"
    assert sandbox.writes(mark) == []

    removed = said("remove", CALENDAR, "--yes", "--purge", home=home)
    left = of_net(sandbox)
    assert {name: left[name] for name in ("id", "displayName", "tags", "passwordCredentials")} == {
        name: net[name] for name in ("id", "displayName", "tags", "passwordCredentials")
    }
    assert wishes(left) == wishes(net)
    assert granted(sandbox) == of_nets_own
    assert stored_secrets(home) == secrets
    assert allowed(sandbox) == f"{OTHERS},{net['appId']}", "the list is everybody's"
    (step,) = [each for each in removed["manual"] if "EWS" in each["title"]]
    assert f"-EwsAllowedAppIDs '{OTHERS}'" in step["instruction"]
    assert f"Before our run: EwsAllowedAppIDs: {OTHERS}" in step["instruction"]
    assert {each["action"] for each in said("plan", NET, *FLAGS, home=home)["changes"]} == {"keep"}

    said("remove", NET, "--yes", home=home)
    assert [each for each in sandbox.state()["applications"] if each["uniqueName"] == UNIQUE_NAME] == []
    assert stored_secrets(home) == {}


def wishes(application: dict[str, Any]) -> set[tuple[str, str]]:
    """What an application asks for: APIs and ids."""
    return {
        (entry["resourceAppId"], each["id"])
        for entry in application["requiredResourceAccess"]
        for each in entry["resourceAccess"]
    }


def test_what_the_host_declares_as_well_stays(sandbox: Sandbox, home: Path, tmp_path: Path) -> None:
    """Both may ask for one permission: whoever goes first leaves it to the other."""
    listed(sandbox, OTHERS)
    applied(NET, home=home)
    before = granted(sandbox)
    text = Path("playbooks/centron/calendar-sync.yaml").read_text(encoding="utf-8")
    wider = tmp_path / "calendar-sync.yaml"
    wider.write_text(
        text.replace("name: Calendars.ReadWrite", "name: Mail.Send").replace("[Calendars.ReadWrite]", "[Mail.Send]")
    )
    given = (str(wider), "--tenant", "sandbox", "--variant", "guide", *GIVEN[CALENDAR], "--yes", *FLAGS, "-o", "json")
    document(forked("apply", *given, home=home), 3)
    removed = document(forked("remove", *given[:-4], "-o", "json", home=home))
    assert "centron/net needs it as well" in "".join(texts(removed["changes"]))
    assert granted(sandbox) == before


def lists_ever(sandbox: Sandbox) -> set[str]:
    """Every list of applications that the organisation has had."""
    documents = (json.loads(row[-1]) for row in sandbox.snapshot() if row[1] == "organizationConfig" and row[-1])
    return {str(each["ewsAllowedAppIds"] or "") for each in documents}


@pytest.mark.parametrize("after", [False, True])
def test_a_killed_run_leaves_the_list_whole_and_a_repeat_adds_once(sandbox: Sandbox, home: Path, after: bool) -> None:
    listed(sandbox, OTHERS)
    applied(NET, home=home)
    start = lists_ever(sandbox)
    given = ("apply", CALENDAR, "--tenant", "sandbox", *GIVEN[CALENDAR], "--yes", *FLAGS)
    killed = at_request(sandbox, given, home, 1, after=after, match="Set-OrganizationConfig")
    assert killed is not None
    ours = of_net(sandbox)["appId"]
    assert allowed(sandbox) == (f"{OTHERS},{ours}" if after else OTHERS)

    applied(CALENDAR, home=home)
    mark = sandbox.mark()
    applied(CALENDAR, home=home)
    assert sandbox.writes(mark) == []
    removed = said("remove", CALENDAR, "--yes", home=home)
    assert lists_ever(sandbox) - start == {f"{OTHERS},{ours}"}
    (step,) = [each for each in removed["manual"] if "EWS" in each["title"]]
    assert f"Before our run: EwsAllowedAppIDs: {OTHERS}" in step["instruction"], "a killed run's receipt tells it too"


def foreign_principal(hand: Administrator, name: str) -> dict[str, Any]:
    """An application of somebody else's."""
    made = hand.graph("POST", "/applications", {"displayName": name})
    return hand.graph("POST", "/servicePrincipals", {"appId": made["appId"]})


@pytest.mark.parametrize("enabled", [None, True, False])
def test_an_empty_list_is_a_persons_who_is_told_whom_it_concerns(
    sandbox: Sandbox, home: Path, enabled: bool | None
) -> None:
    listed(sandbox, None, enabled=enabled)
    state = sandbox.state()
    exchange = only([each for each in state["servicePrincipals"] if each["appId"] == EXCHANGE_APP_ID])
    graph = only([each for each in state["servicePrincipals"] if each["appId"] == GRAPH_APP_ID])
    hand = Administrator(sandbox)
    first, second = (foreign_principal(hand, name) for name in ("Old <b>ERP</b>", "Room Panels"))
    role = next(each["id"] for each in exchange["appRoles"] if each["value"] == "full_access_as_app")
    body = {"principalId": first["id"], "resourceId": exchange["id"], "appRoleId": role}
    hand.graph("POST", f"/servicePrincipals/{exchange['id']}/appRoleAssignedTo", body)
    grant = {"clientId": second["id"], "resourceId": graph["id"], "consentType": "AllPrincipals"}
    hand.graph("POST", "/oauth2PermissionGrants", {**grant, "scope": "User.Read EWS.AccessAsUser.All"})
    applied(NET, home=home)

    made = applied(CALENDAR, home=home)
    assert outcomes(made)["ews_access.main"] == "manual"
    told = "".join(texts([each for each in made["changes"] if each["address"] == "ews_access.main"]))
    for each in (first, second):
        assert f"{each['displayName']} ({each['appId']})" in told
    assert of_net(sandbox)["appId"] in told
    assert lists_ever(sandbox) == {""}


def test_the_organisations_switch_has_a_flag_of_its_own(sandbox: Sandbox, home: Path) -> None:
    listed(sandbox, OTHERS, enabled=False)
    said("apply", NET, "--yes", "--allow-tenant-wide", home=home, code=3)
    held = said("apply", CALENDAR, "--yes", "--allow-tenant-wide", home=home, code=3)
    assert outcomes(held)["ews_access.main"] == "blocked"
    assert allowed(sandbox) == OTHERS
    assert outcomes(applied(CALENDAR, home=home))["ews_access.main"] == "done"
    (organization,) = sandbox.state()["organizationConfig"]
    assert organization["ewsEnabled"] is True
    assert allowed(sandbox) == f"{OTHERS},{of_net(sandbox)['appId']}"


def test_a_scoped_host_takes_no_permission_that_cancels_its_scope(sandbox: Sandbox, home: Path) -> None:
    listed(sandbox, OTHERS)
    applied(NET, "--variant", "scoped", home=home)
    held = applied(CALENDAR, "--variant", "guide", home=home)
    states = outcomes(held)
    assert states["app_role_grant.main.exchange.full_access_as_app"] == "blocked"
    assert states["requested_permissions.main"] == "blocked"
    assert "use a variant with an application of its own" in "".join(texts(held["changes"]))


def test_scoped_has_an_application_of_its_own(sandbox: Sandbox, home: Path) -> None:
    listed(sandbox, OTHERS)
    applied(NET, "--variant", "scoped", home=home)
    net = of_net(sandbox)
    applied(CALENDAR, "--variant", "scoped", home=home)
    own = only([each for each in sandbox.state()["applications"] if "calendar" in (each["uniqueName"] or "")])
    assert own["appId"] != net["appId"]
    assert of_net(sandbox) == net
    assert wishes(own) == set()
    assert allowed(sandbox) == f"{OTHERS},{own['appId']}"
    mark = sandbox.mark()
    applied(CALENDAR, "--variant", "scoped", home=home)
    assert sandbox.writes(mark) == []
    said("remove", NET, "--variant", "scoped", "--yes", home=home)
    said("remove", CALENDAR, "--variant", "scoped", "--yes", home=home)
    assert allowed(sandbox) == f"{OTHERS},{own['appId']}"


def test_two_runs_on_one_application_do_not_overlap(sandbox: Sandbox, home: Path) -> None:
    """Each would replace the application's lists as it has seen them."""
    applied(NET, home=home)
    sandbox.fault({"hold": True}, protocol="graph", match=r"^(POST|PATCH) /v1\.0/(?!\$batch)", nth=1, times=1)
    first = start_forked("apply", CALENDAR, "--tenant", "sandbox", *GIVEN[CALENDAR], "--yes", *FLAGS, home=home)
    while not sandbox.held():
        assert first.poll() is None, first.wait().stdout
        time.sleep(0.01)
    second = forked("apply", NET, "--tenant", "sandbox", *GIVEN[NET], "--yes", home=home)
    sandbox.release()
    assert second.returncode != 0
    assert "in use" in second.stderr, second.stderr
    first.wait()
