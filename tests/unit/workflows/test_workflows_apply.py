"""`apply` over a tenant in memory: what was not shown is not done, what was begun is finished, and nothing twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from graph_doubles import TENANT
from tenant_double import (
    EXCHANGE_API,
    NEIGHBOUR,
    OPERATOR,
    SEND_AS_APP,
    SENDER,
    Answer,
    TenantDouble,
    a_request,
    forbidden,
    gateway,
    refused,
)

from provisioner.errors import InputFault, PlanRefused
from provisioner.home import Home
from provisioner.model.change import Blocked, Gate, Part, Ready
from provisioner.model.identifiers import Address, TenantId
from provisioner.model.observed import Caller
from provisioner.model.outcome import ChangeState
from provisioner.model.plan import Approval, Plan
from provisioner.model.results import Applied
from provisioner.workflows.apply import apply
from provisioner.workflows.handover import handover, reveal
from provisioner.workflows.plan import plan

PLAYBOOK = "cryptshare/server"
GRANT = Address("app_role_grant.main.exchange.SMTP.SendAsApp")
EVERYTHING = 8


@pytest.fixture
def tenant() -> TenantDouble:
    return TenantDouble()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def run(
    double: TenantDouble,
    home: Home,
    agree: Callable[[Plan], bool] = lambda _: True,
    /,
    *,
    caller: Caller = OPERATOR,
    **request: Any,
) -> Applied:
    return asyncio.run(apply(a_request(**request), double.ports(home, agree, caller=caller)))


def planned(tenant: TenantDouble, home: Home, **request: Any) -> Any:
    return asyncio.run(plan(a_request(**request), tenant.ports(home)))


def states(applied: Applied) -> dict[str, str]:
    return {each.address: each.state.value for each in applied.outcomes}


def whole(applied: Applied) -> bool:
    return len(applied.outcomes) == EVERYTHING and set(states(applied).values()) <= {"done", "kept"}


def one_live_key(tenant: TenantDouble, home: Home) -> None:
    """Exactly one key on the application, and it is what the sink holds."""
    (key,) = tenant.application["passwordCredentials"]
    ((receipt, secret),) = asyncio.run(reveal(a_request(), tenant.ports(home)))
    assert receipt.key_id == key["keyId"]
    assert secret.reveal() == tenant.secrets[key["keyId"]]


# --- once, and once more


def test_the_whole_chain(tenant: TenantDouble, home: Home) -> None:
    applied = run(tenant, home)
    assert set(states(applied).values()) == {"done"}
    assert (applied.unsettled, applied.declined) == ((), False)
    assert tenant.principal["tags"] == ["WindowsAzureActiveDirectoryIntegratedApp"]
    (grant,) = tenant.grants.values()
    assert (grant["principalId"], grant["appRoleId"]) == (tenant.principal["id"], SEND_AS_APP)
    assert tenant.principals[grant["resourceId"]]["appId"] == EXCHANGE_API
    assert [each["User"] for each in tenant.rights[SENDER]] == ["NT AUTHORITY\\SELF", tenant.pointers[0]["Sid"]]
    assert len(tenant.rights[NEIGHBOUR]) == 1
    assert tenant.smtp_auth_disabled == {SENDER: False, NEIGHBOUR: None}
    one_live_key(tenant, home)
    (ids,) = applied.plan.applications
    assert (ids.app_id, ids.object_id, ids.service_principal_id) == (
        tenant.application["appId"],
        tenant.application["id"],
        tenant.principal["id"],
    )


def test_exchange_is_given_the_service_principals_object_id_and_not_the_registrations(
    tenant: TenantDouble, home: Home
) -> None:
    run(tenant, home)
    (pointer,) = tenant.pointers
    assert pointer["ObjectId"] == tenant.principal["id"]
    assert pointer["ObjectId"] != tenant.application["id"]


def test_a_second_run_writes_nothing_and_needs_no_answer(tenant: TenantDouble, home: Home) -> None:
    run(tenant, home)
    before = tenant.state()
    tenant.writes.clear()

    def nobody(_: Plan) -> bool:
        raise AssertionError("there is nothing to ask")

    applied = run(tenant, home, nobody)
    assert set(states(applied).values()) == {"kept"}
    assert (tenant.writes, tenant.state()) == ([], before)


def test_a_plan_writes_nothing_anywhere(tenant: TenantDouble, home: Home) -> None:
    made = planned(tenant, home)
    assert len(made.plan.pending) == EVERYTHING
    assert (tenant.writes, home.root.exists()) == ([], False)


def test_drift_is_corrected_and_what_is_foreign_stays(tenant: TenantDouble, home: Home) -> None:
    run(tenant, home)
    foreign_wish = {
        "resourceAppId": "00000003-0000-0000-c000-000000000000",
        "resourceAccess": [{"id": "e1fe6dd8-ba31-4d61-89e7-88639da4683d", "type": "Scope"}],
    }
    ours = tenant.application["tags"][0]
    tenant.application.update(displayName="Mailer", tags=["owner:helpdesk"], requiredResourceAccess=[foreign_wish])
    tenant.pointers[0]["ObjectId"] = tenant.application["id"]
    tenant.smtp_auth_disabled[SENDER] = True
    assert whole(run(tenant, home))
    assert tenant.application["displayName"] == "Cryptshare Server"
    assert tenant.application["tags"] == ["owner:helpdesk", ours]
    assert tenant.application["requiredResourceAccess"] == [
        foreign_wish,
        {"resourceAppId": EXCHANGE_API, "resourceAccess": [{"id": SEND_AS_APP, "type": "Role"}]},
    ]
    assert tenant.pointers[0]["ObjectId"] == tenant.principal["id"]
    assert len(tenant.pointers) == 1
    assert tenant.smtp_auth_disabled[SENDER] is False
    one_live_key(tenant, home)


def test_a_grant_of_the_same_id_by_another_api_is_not_ours(tenant: TenantDouble, home: Home) -> None:
    """An id alone does not name a permission (graph.md 1.4)."""
    run(tenant, home)
    (grant,) = tenant.grants.values()
    grant["resourceId"] = "99999999-0000-4000-8000-000000000009"
    assert states(run(tenant, home))[GRANT] == "done"
    assert len(tenant.grants) == 2


def test_another_home_mints_its_own_key_and_leaves_the_first_ones(
    tenant: TenantDouble, home: Home, tmp_path: Path
) -> None:
    run(tenant, home)
    (first,) = tenant.application["passwordCredentials"]
    other = Home(tmp_path / "other")
    tenant.clock.time += timedelta(hours=1)
    applied = run(tenant, other)
    assert [address for address, state in states(applied).items() if state == "done"] == ["client_secret.main.mail"]
    assert first in tenant.application["passwordCredentials"]
    assert len(tenant.application["passwordCredentials"]) == 2
    (change,) = (each.change for each in planned(tenant, other).plan.changes if each.change.kind == "client_secret")
    assert any(first["keyId"] in note for note in change.notes)


# --- what was not shown is not done


def slowly(
    tenant: TenantDouble, then: Callable[[], object] = lambda: None, *, seconds: float = 60
) -> Callable[[Plan], bool]:
    """A person who thinks for a while, in which something happens."""

    def agree(_: Plan) -> bool:
        tenant.clock.time += timedelta(seconds=seconds)
        then()
        return True

    return agree


def test_a_slow_answer_over_an_unchanged_tenant_goes_on(tenant: TenantDouble, home: Home) -> None:
    assert whole(run(tenant, home, slowly(tenant)))


def test_a_slow_answer_does_not_carry_out_what_was_not_shown(tenant: TenantDouble, home: Home) -> None:
    run(tenant, home)
    tenant.smtp_auth_disabled[SENDER] = True
    tenant.writes.clear()
    with pytest.raises(PlanRefused, match="Grant admin consent") as caught:
        run(tenant, home, slowly(tenant, tenant.grants.clear))
    assert caught.value.exit_code == 3
    assert tenant.writes == []


def test_a_slow_answer_leaves_out_what_somebody_did_meanwhile(tenant: TenantDouble, home: Home) -> None:
    run(tenant, home)
    tenant.smtp_auth_disabled[SENDER] = True
    (grant,) = tenant.grants.values()
    tenant.grants.clear()
    tenant.writes.clear()
    applied = run(tenant, home, slowly(tenant, lambda: tenant.grants.update({grant["id"]: grant})))
    assert states(applied)[GRANT] == "kept"
    assert len(tenant.writes) == 1


def test_an_answer_within_moments_is_not_looked_at_twice(tenant: TenantDouble, home: Home) -> None:
    """The first look is what is carried out; a second one would cost a trip for nothing."""
    seen: list[str] = []

    def agree(_: Plan) -> bool:
        tenant.hooks.append(("PATCH", lambda: seen.append("write")))
        tenant.faults.append(("GET /organization", AssertionError("looked again")))
        tenant.hooks.append(("POST /servicePrincipals", tenant.faults.clear))
        return True

    assert whole(run(tenant, home, agree))
    assert seen == ["write"]


def test_no_is_no(tenant: TenantDouble, home: Home) -> None:
    applied = run(tenant, home, lambda _: False)
    assert applied.declined
    assert tenant.writes == []
    assert not (home.root / "tenants").exists()
    assert not (home.root / "receipts").exists()


def test_an_approved_plan_is_carried_out(tenant: TenantDouble, home: Home, tmp_path: Path) -> None:
    approval = planned(tenant, home).approval
    assert whole(run(tenant, Home(tmp_path / "another person"), approval=approval))


OTHERS: list[dict[str, Any]] = [
    {"parameters": (("sender_mailbox", NEIGHBOUR),)},
    {"instance": "second"},
    {"tenant": replace(TENANT, tenant_id=TenantId("11111111-0000-4000-8000-000000000001"))},
    {"playbook_text": a_request().playbook_text + "\n# changed\n"},
]


@pytest.mark.parametrize("other", OTHERS, ids=["parameters", "instance", "tenant", "playbook"])
def test_a_plan_about_something_else_is_refused(tenant: TenantDouble, home: Home, other: dict[str, Any]) -> None:
    approval = planned(tenant, home).approval
    with pytest.raises(PlanRefused, match="about another"):
        run(tenant, home, approval=approval, **other)
    assert tenant.writes == []


def test_what_a_saved_plan_does_not_hold_is_refused(tenant: TenantDouble, home: Home) -> None:
    run(tenant, home)
    tenant.smtp_auth_disabled[SENDER] = True
    approval = planned(tenant, home).approval
    tenant.grants.clear()
    tenant.writes.clear()
    with pytest.raises(PlanRefused, match="not approved"):
        run(tenant, home, approval=approval)
    assert tenant.writes == []


def test_what_a_saved_plan_does_not_hold_may_wait_for_somebody_else(tenant: TenantDouble, home: Home) -> None:
    run(tenant, home)
    tenant.smtp_auth_disabled[SENDER] = True
    approval = planned(tenant, home).approval
    tenant.grants.clear()
    applied = run(tenant, home, approval=approval, only=Part.EXCHANGE)
    assert states(applied)[GRANT] == "blocked"
    assert tenant.smtp_auth_disabled[SENDER] is False


def test_a_saved_plan_binds_after_a_slow_answer_too(tenant: TenantDouble, home: Home) -> None:
    """Shown, but blocked, and not in the file: when it can be done after all, the file still says no."""
    run(tenant, home)
    tenant.smtp_auth_disabled[SENDER] = True
    approval = planned(tenant, home).approval
    tenant.grants.clear()
    tenant.writes.clear()
    tenant.faults.append(("GET /servicePrincipals/", refused))  # the grants are not seen the first time
    with pytest.raises(PlanRefused):
        run(tenant, home, slowly(tenant), approval=approval)
    assert tenant.writes == []


def test_an_approval_of_nothing_permits_nothing(tenant: TenantDouble, home: Home) -> None:
    with pytest.raises(PlanRefused):
        run(tenant, home, approval=Approval(planned(tenant, home).approval.scope, ()))


def test_only_one_part(tenant: TenantDouble, home: Home) -> None:
    applied = run(tenant, home, only=Part.ENTRA)
    done = {each for each, state in states(applied).items() if state == "done"}
    assert done == {
        "application.main",
        "service_principal.main",
        "requested_permissions.main",
        "client_secret.main.mail",
    }
    assert (tenant.grants, tenant.pointers) == ({}, [])
    applied = run(tenant, home, only=Part.CONSENT)
    assert {each for each, state in states(applied).items() if state == "done"} == {GRANT}
    assert tenant.pointers == []
    assert whole(run(tenant, home))


# --- evidence


def test_before_the_first_write_there_is_an_instance_file_and_a_receipt_that_says_begun(
    tenant: TenantDouble, home: Home
) -> None:
    found: list[str] = []

    def look() -> None:
        assert home.instances.load("contoso", PLAYBOOK, "default") is not None
        (receipt,) = (home.root / "receipts" / "contoso").iterdir()
        found.extend(json.loads(line)["event"] for line in receipt.read_text().splitlines())

    tenant.hooks += [("PATCH", look), ("Set-CASMailbox", look)]
    applied = run(tenant, home, ticket="4711")
    assert found == ["begun", "begun"]
    assert applied.receipt is not None
    begun, finished = (json.loads(line) for line in Path(applied.receipt).read_text().splitlines())
    assert begun["ticket"] == "4711"
    assert {each["state"] for each in finished["outcomes"]} == {"done"}


def test_an_applications_id_is_noted_before_anything_else_may_fail(tenant: TenantDouble, home: Home) -> None:
    noted: list[Any] = []

    def look() -> None:
        instance = home.instances.load("contoso", PLAYBOOK, "default")
        noted.append(instance and dict(instance.applications))

    tenant.hooks.append(("POST /servicePrincipals", look))
    run(tenant, home)
    assert noted == [{"application.main": tenant.application["appId"]}]


def test_no_secret_in_results_receipts_events_or_any_file_but_encrypted(tenant: TenantDouble, home: Home) -> None:
    tenant.product_refusals = ["AADSTS7000215"]
    applied = run(tenant, home)
    filled = asyncio.run(handover(a_request(), tenant.ports(home)))
    (text,) = tenant.secrets.values()
    assert text not in repr([applied, filled, tenant.events])
    files = [each for each in home.root.rglob("*") if each.is_file()]
    assert len(files) >= 4
    assert all(text.encode() not in each.read_bytes() for each in files)


# --- a directory that lags, and services that fail


@pytest.mark.parametrize("seconds", [2, 20, 90])
def test_a_lagging_directory_is_waited_for_and_nothing_is_made_twice(
    tenant: TenantDouble, home: Home, seconds: int
) -> None:
    tenant.lag = timedelta(seconds=seconds)
    assert whole(run(tenant, home))
    assert tenant.clock.slept
    assert (len(tenant.applications), len(tenant.grants), len(tenant.pointers)) == (1, 1, 1)
    one_live_key(tenant, home)


def test_a_closing_read_that_lags_is_waited_for(tenant: TenantDouble, home: Home) -> None:
    tenant.grants_lag = timedelta(seconds=20)
    applied = run(tenant, home)
    assert applied.unsettled == ()
    assert sum(tenant.clock.slept) >= 15


def test_a_closing_read_that_never_agrees_is_told_and_not_taken_for_done(tenant: TenantDouble, home: Home) -> None:
    tenant.grants_lag = timedelta(days=1)
    applied = run(tenant, home)
    assert applied.unsettled == (GRANT,)
    assert states(applied)[GRANT] == "done"
    assert sum(tenant.clock.slept) <= 150


def test_a_fresh_secret_is_refused_for_a_while(tenant: TenantDouble, home: Home) -> None:
    tenant.product_refusals = ["AADSTS7000215"] * 4
    assert whole(run(tenant, home))
    one_live_key(tenant, home)


def test_a_secret_that_is_not_accepted_yet_is_kept_and_proven_by_the_next_run(tenant: TenantDouble, home: Home) -> None:
    tenant.product_refusals = ["AADSTS7000215"] * 500
    applied = run(tenant, home)
    assert states(applied)["client_secret.main.mail"] == "not-yet"
    (receipt,) = applied.secrets
    assert receipt.state == "pending"
    tenant.product_refusals.clear()
    again = run(tenant, home)
    assert whole(again)
    assert len(tenant.secrets) == 1
    one_live_key(tenant, home)


def done_but_not_told(tenant: TenantDouble, operation: Callable[[], None]) -> Callable[[], Answer]:
    def answer() -> Answer:
        operation()
        return gateway()

    return answer


def test_addpassword_is_not_repeated_when_its_answer_is_lost(tenant: TenantDouble, home: Home) -> None:
    """The key exists and nobody holds it: it is found by its name, removed, and another one is minted."""

    def minted() -> None:
        (identifier,) = tenant.applications
        (name,) = (each["tags"][0] for each in tenant.applications.values())
        assert name
        body = {"passwordCredential": {"displayName": last["displayName"], "endDateTime": last["endDateTime"]}}
        tenant._add_password(identifier, "", body, {})

    last: dict[str, str] = {}
    handle = tenant.handle

    def watching(request: httpx.Request) -> httpx.Response:
        if str(request.url).endswith("/addPassword"):
            last.update(json.loads(request.content)["passwordCredential"])
        return handle(request)

    tenant.handle = watching  # type: ignore[method-assign]
    tenant.faults.append(("POST /applications/", done_but_not_told(tenant, minted)))
    assert whole(run(tenant, home))
    assert len(tenant.secrets) == 2
    one_live_key(tenant, home)


ANYWHERE = [
    "GET /applications",
    "PATCH /applications(",
    "POST /servicePrincipals",
    "PATCH /applications/",
    "POST /applications/",
    "GET /servicePrincipals(",
]


@pytest.mark.parametrize("where", ANYWHERE)
@pytest.mark.parametrize("status", [429, 503, 504])
def test_a_service_that_is_busy_anywhere_is_waited_for(
    tenant: TenantDouble, home: Home, where: str, status: int
) -> None:
    tenant.faults.append((where, lambda: (status, {"error": {"code": "", "message": "busy"}})))
    assert whole(run(tenant, home))
    assert tenant.faults == []
    one_live_key(tenant, home)


@pytest.mark.parametrize("where", ANYWHERE)
def test_a_connection_cut_anywhere_loses_nothing(tenant: TenantDouble, home: Home, where: str) -> None:
    tenant.faults.append((where, httpx.ReadError("cut")))
    assert whole(run(tenant, home))
    assert tenant.faults == []
    one_live_key(tenant, home)


# --- roles, gates, what is missing

READER = Caller("application", "reader", None, roles=frozenset({"Application.Read.All"}))


def test_a_caller_without_a_role_does_what_is_theirs_and_another_does_the_rest(
    tenant: TenantDouble, home: Home
) -> None:
    applied = run(tenant, home, caller=READER)
    blocked = {each.address: each for each in applied.outcomes if each.state is ChangeState.BLOCKED}
    assert "lacks the application permission Application.ReadWrite" in (
        blocked[Address("application.main")].message or ""
    )
    assert "Cloud Application Administrator" in (blocked[Address("application.main")].advice or "")
    assert tenant.writes == [f"Set-CASMailbox Identity={SENDER} SmtpClientAuthenticationDisabled=False"]
    assert whole(run(tenant, home))


def test_a_refusal_by_exchange_does_not_stop_entra(tenant: TenantDouble, home: Home) -> None:
    tenant.faults += [
        (cmdlet, forbidden()) for cmdlet in ("Get-MailboxPermission", "Get-CASMailbox", "New-ServicePrincipal")
    ]
    applied = run(tenant, home)
    found = states(applied)
    assert {
        found[each] for each in ("mailbox_permission.main.FullAccess", "client_access.sender", "exchange_pointer.main")
    } == {"blocked"}
    assert found[GRANT] == found["client_secret.main.mail"] == "done"
    assert whole(run(tenant, home))


def test_a_misspelt_mailbox_stops_what_needs_it_and_nothing_else(tenant: TenantDouble, home: Home) -> None:
    applied = run(tenant, home, parameters=(("sender_mailbox", "crypshare@contoso.example"),))
    found = states(applied)
    assert found["mailbox_permission.main.FullAccess"] == found["client_access.sender"] == "blocked"
    assert found["exchange_pointer.main"] == "done"
    assert len(tenant.rights) == 2


def test_a_likely_twin_is_asked_about(tenant: TenantDouble, home: Home) -> None:
    tenant._put(
        tenant.applications, {"appId": "12121212-0000-4000-8000-000000000001", "displayName": "Cryptshare Server"}
    )
    made = planned(tenant, home).plan
    (application,) = (each for each in made.changes if each.change.kind == "application")
    assert isinstance(application.standing, Blocked)
    assert application.standing.flag == "--allow-twin"
    assert "12121212-0000-4000-8000-000000000001" in application.change.notes[0]
    assert not any(isinstance(each.standing, Ready) for each in made.pending if each.change.part is not Part.EXCHANGE)
    assert whole(run(tenant, home, gates=(Gate.TWIN,)))
    assert len(tenant.applications) == 2


def test_faults_of_parameters_come_before_any_connection(tenant: TenantDouble, home: Home) -> None:
    with pytest.raises(InputFault):
        run(tenant, home, parameters=(("sender_mailbox", "no address"), ("unknown", "x")))
    assert tenant.events == []
