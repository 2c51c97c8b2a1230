"""Every product of the guides has its golden files, which keep to one form and do not contradict themselves."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.golden.match import elsewhere, handover_faults, plan_faults, sheet_of
from tests.golden.patterns import faults

HERE = Path(__file__).parent
PRODUCTS = (
    "cryptshare-server",
    "centron-net",
    "centron-service-board",
    "centron-calendar-sync",
    "centron-vma",
    "monitor-erp",
    "cindercone-magma",
    "xcally-motion",
    "cryptshare-owa",
)
VARIANTS = ("guide", "scoped")
FIRST = "cryptshare-server.guide"
"""The first of them is older than the columns of gates and standings, and has tests of its own in test_match.py."""
END_STATES = [name for product in PRODUCTS for variant in VARIANTS if (name := f"{product}.{variant}") != FIRST]

KINDS = {
    "application",
    "service_principal",
    "requested_permissions",
    "app_role_grant",
    "delegated_grant",
    "redirect_uris",
    "user_assignment",
    "client_secret",
    "exchange_pointer",
    "mailbox_permission",
    "client_access",
    "ews_access",
    "organization_customization",
    "scope_group",
    "management_scope",
    "management_role_assignment",
    "unscoped_grants",
}
GATES = {None, "tenant-wide", "organisation-wide"}
PATTERNS = {"<any>", "<absent>", "<empty>", "<text>", "<guid>", "<instant>", "<secret>"}
OPERATORS = {"<one of>", "<all of>", "<contains>", "<each>", "<matches>", "<filled>", "<words>", "<days after>"}
REMOVALS = {
    "app_role_grant": "appRoleAssign",
    "delegated_grant": "oauth2PermissionGrants",
    "client_secret": "removePassword",
    "exchange_pointer": "Remove-ServicePrincipal",
    "scope_group": "Remove-DistributionGroup",
    "management_scope": "Remove-ManagementScope",
    "management_role_assignment": "Remove-ManagementRoleAssignment",
}
"""What is created by a plan, and the operation by which it goes again."""
OPENS_MAILBOXES = {
    "Mail.ReadWrite": "e2a3a72e-5f79-4c64-b1b1-878b674786c9",
    "Mail.Send": "b633e1c5-b582-4048-a93e-9f11b44c7e96",
    "Calendars.ReadWrite": "ef54d2bf-783f-4e0f-bca1-3210c0444d99",
    "full_access_as_app": "dc890d15-9560-4a4c-9b7f-a736ec74ec40",
}
"""Application permissions by which an application reaches the mailboxes of a whole tenant (graph.md 1.2, 1.3)."""
ROWS_WITH_SOURCE = (
    "known",
    "added",
    "changed",
    "notChanged",
    "changes",
    "whoCan",
    "said",
    "proven",
    "manual",
    "manualSteps",
    "nothingLeftOf",
)


def golden(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))
    return document


def every(part: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a document with the name of what holds it."""
    yield name, part
    if isinstance(part, dict):
        for key, each in part.items():
            yield from every(each, key)
    elif isinstance(part, list):
        for each in part:
            yield from every(each, name)


def requested(document: dict[str, Any]) -> set[tuple[str, str, str]]:
    """(API, Role or Scope, id) of each wish in `requiredResourceAccess` at the end."""
    rows = [
        each
        for part in document["applied"]["added"] + document["applied"]["changed"]
        for each in part["properties"]
        if each["property"] == "requiredResourceAccess"
    ]
    return {
        (api["resourceAppId"], each["type"], each["id"])
        for row in rows
        for api in row["is"]
        for each in api["resourceAccess"]
    }


def test_every_product_has_both_variants_and_a_handover_sheet_and_nothing_else_is_here() -> None:
    wanted = {f"{product}.{each}.json" for product in PRODUCTS for each in (*VARIANTS, "handover")}
    assert {each.name for each in HERE.glob("*.json")} == wanted


@pytest.mark.parametrize("name", END_STATES)
def test_an_end_state_names_its_guide_its_sheet_and_what_could_not_be_decided(name: str) -> None:
    document = golden(name)
    product, variant = name.rsplit(".", 1)
    assert document["variant"] == variant
    assert document["product"] == golden(f"{product}.handover")["product"]
    assert document["handover"] == f"{product}.handover.json"
    assert document["guide"]["sha256"] is None or re.fullmatch("[0-9a-f]{64}", document["guide"]["sha256"])
    assert all(note.strip() for note in document["notes"])
    assert (HERE / f"{name}.json").read_bytes().isascii()


@pytest.mark.parametrize("name", END_STATES)
def test_everything_expected_has_a_source(name: str) -> None:
    document = golden(name)
    rows = [
        each
        for key, each in every(document)
        if isinstance(each, dict) and "property" in each and "is" in each and key != "where"
    ]
    rows += [each for key, each in every(document) if key in ROWS_WITH_SOURCE and isinstance(each, dict)]
    assert len(rows) > 20
    assert [each for each in rows if not each.get("source", "").strip() and "least" not in each] == []


@pytest.mark.parametrize("name", END_STATES)
def test_patterns_are_spelled_right_and_bound_before_they_are_used(name: str) -> None:
    document = golden(name)
    bound = {"given"}
    for part in document["applied"]["known"] + document["applied"]["added"]:
        used = {
            each for _, text in every(part) if isinstance(text, str) for each in re.findall(r"\$([a-z]\w*)\.", text)
        }
        assert used <= bound | {part["bind"]}, part["what"]
        bound.add(part["bind"])
    for key, each in every([document["applied"], document["removed"]]):
        if isinstance(each, str) and each.startswith("<"):
            assert each in PATTERNS, each
        if isinstance(each, dict):
            assert {operator for operator in each if operator.startswith("<")} <= OPERATORS
        if key in ("<matches>", "mentions") and isinstance(each, str):
            re.compile(each)


@pytest.mark.parametrize("name", END_STATES)
def test_what_must_be_said_is_not_said_by_saying_nothing(name: str) -> None:
    document = golden(name)
    steps = document["firstPlan"]["manualSteps"]
    for part in [*document["said"], *document["proven"], *document["removed"]["manual"], *steps]:
        assert not all(re.search(mention, "Onboard the product: the plan") for mention in part["mentions"]), part[
            "what"
        ]


@pytest.mark.parametrize("name", END_STATES)
def test_the_counts_are_those_of_the_rows(name: str) -> None:
    plan = golden(name)["firstPlan"]
    sure = [each for each in plan["changes"] if not each.get("optional")]
    assert plan["total"] == sum(each["count"] for each in sure)
    counted: Counter[str] = Counter()
    for each in sure:
        counted["keep" if each["action"] == "keep" else each["standing"]] += each["count"]
    assert Counter(plan["counts"]["gatesOpen"]) == counted + Counter()
    gated = sum(each["count"] for each in sure if each["gate"])
    behind = sum(each["count"] for each in sure if each.get("behindGate"))
    assert plan["counts"]["gatesClosed"] == {"blockedAtLeast": gated, "blockedAtMost": gated + behind}
    assert {each["kind"] for each in plan["changes"]} <= KINDS
    assert {each["gate"] for each in plan["changes"]} <= GATES


@pytest.mark.parametrize("name", END_STATES)
def test_the_second_plan_keeps_what_the_first_did_but_for_what_a_person_must_do(name: str) -> None:
    document = golden(name)
    firsts, seconds = document["firstPlan"]["changes"], document["secondPlan"]["changes"]
    assert [(each["kind"], each["count"]) for each in firsts] == [(each["kind"], each["count"]) for each in seconds]
    waiting = [each["kind"] for each in seconds if each["action"] != "keep"]
    assert waiting == [each["kind"] for each in firsts if each.get("standing") == "manual"]
    assert document["secondPlan"]["writes"] == 0


@pytest.mark.parametrize("name", END_STATES)
def test_a_plan_made_of_the_rows_fits_and_one_without_any_of_them_does_not(name: str) -> None:
    plan = golden(name)["firstPlan"]

    def settled(row: dict[str, Any], *, closed: bool) -> dict[str, Any]:
        action = row["action"] if isinstance(row["action"], str) else row["action"]["<one of>"][0]
        standing = "blocked" if closed and row["gate"] else row.get("standing", "ready")
        return {"kind": row["kind"], "action": action, "gate": row["gate"], "standing": standing}

    for closed in (False, True):
        changes = [settled(row, closed=closed) for row in plan["changes"] for _ in range(row["count"])]
        assert plan_faults(plan, changes, gates_open=not closed) == []
    sure = [
        settled(row, closed=False) for row in plan["changes"] if not row.get("optional") for _ in range(row["count"])
    ]
    assert plan_faults(plan, sure) == []
    for left_out in range(len(sure)):
        assert plan_faults(plan, sure[:left_out] + sure[left_out + 1 :]) != []
    if any(row["gate"] for row in plan["changes"]):
        assert plan_faults(plan, sure, gates_open=False) != [], "an open gate must be seen"


@pytest.mark.parametrize("name", END_STATES)
def test_what_opens_all_mailboxes_is_gated_and_never_scoped(name: str) -> None:
    document = golden(name)
    granted = {
        row["is"]
        for part in document["applied"]["added"]
        if part["collection"] == "appRoleAssignments"
        for row in part["properties"]
        if row["property"] == "appRoleId"
    }
    wide = granted & set(OPENS_MAILBOXES.values())
    gated = sum(each["count"] for each in document["firstPlan"]["changes"] if each["gate"] == "tenant-wide")
    assert gated == len(wide)
    if document["variant"] == "scoped":
        assert not wide
        assert not {each for _, kind, each in requested(document) if kind == "Role"} & set(OPENS_MAILBOXES.values())


@pytest.mark.parametrize("name", END_STATES)
def test_each_wish_is_a_permission_of_the_catalogue(name: str) -> None:
    data = Path(__file__).parents[2] / "provisioner" / "catalogue" / "data" / "permissions.json"
    resources = json.loads(data.read_text(encoding="utf-8"))["resources"]
    known = {(api["appId"], each["kind"], each["id"]) for api in resources for each in api["permissions"]}
    assert requested(golden(name)) <= known


@pytest.mark.parametrize("name", END_STATES)
def test_shared_settings_stay_and_exclusive_things_go(name: str) -> None:
    document = golden(name)
    applied, removed = document["applied"], document["removed"]
    stays = {each["collection"] for each in removed["changed"]}
    assert stays == {each["collection"] for each in applied["changed"]} - {"applications"}
    assert {each["collection"] for each in removed["added"]} <= {"deletedItems"}
    assert bool(removed["manual"]) == any(each["collection"] == "casMailboxes" for each in removed["changed"])


@pytest.mark.parametrize("name", END_STATES)
def test_rows_of_the_removal_say_how_they_are_seen(name: str) -> None:
    document = golden(name)
    for each in document["removed"]["nothingLeftOf"]:
        assert ("writes" in each) is not ("held" in each), each["what"]
        re.compile(each.get("writes", "")), re.compile(each.get("before", ""))
    kinds: Counter[str] = Counter()
    for each in document["firstPlan"]["changes"]:
        kinds[each["kind"]] += each["count"] if each["action"] != "keep" else 0
    told = Counter(
        {each["writes"]: each.get("times", 1) for each in document["removed"]["nothingLeftOf"] if "writes" in each}
    )
    for kind, writes in REMOVALS.items():
        assert kinds[kind] == sum(count for operation, count in told.items() if re.search(writes, operation)), kind


@pytest.mark.parametrize("name", END_STATES)
def test_who_can_is_told_for_each_part_that_has_something_to_do(name: str) -> None:
    plan = golden(name)["firstPlan"]
    named = {each["part"] for each in plan["whoCan"]}
    todo = [each["part"] for each in plan["changes"] if each["action"] != "keep"]
    assert {each for each in todo if isinstance(each, str)} <= named
    assert named <= {each["part"] for each in plan["changes"] if isinstance(each["part"], str)}


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_sheet_has_places_titles_values_and_sources(product: str, variant: str) -> None:
    document = golden(f"{product}.handover")
    assert variant in document["variants"] or variant in document["only"]
    sheet = sheet_of(document, variant)
    assert [each["position"] for each in sheet["screens"]] == list(range(1, len(sheet["screens"]) + 1))
    for screen in sheet["screens"]:
        assert [each["position"] for each in screen["fields"]] == list(range(1, len(screen["fields"]) + 1))
        for each in screen["fields"]:
            assert each["from"].strip()
        assert all(each["source"].strip() for each in [screen, *screen["fields"], *screen["actions"]])
        assert all({"mentions", "matches"} & each.keys() for each in screen["actions"])


def titles(name: str, screen: int = 0) -> list[Any]:
    return [each["title"] for each in golden(f"{name}.handover")["screens"][screen]["fields"]]


def test_magma_has_its_eight_titles_and_monitor_its_two_screens() -> None:
    assert titles("cindercone-magma") == [
        "Modern Auth Client Secret",
        "Modern Auth Client ID",
        "Modern Auth Tenant ID",
        "Modern Auth Authorization Endpoint",
        "Modern Auth Token Endpoint",
        "From Account",
        "User",
        "Password",
    ]
    assert len(golden("monitor-erp.handover")["screens"]) == 2
    assert [each for each in titles("centron-vma") if isinstance(each, str)] == [
        "TenantId",
        "ClientId",
        "Client secret",
    ]


def test_the_endpoints_of_magma_are_the_tenants_own() -> None:
    bindings = {
        "given": {
            "account": "sales@contoso.example",
            "sendingAddress": "office@contoso.example",
            "tenantId": "11111111-1111-4111-8111-111111111111",
        },
        "application": {"appId": "22222222-2222-4222-8222-222222222222"},
    }
    host = "https://login.microsoftonline.com"
    tenant, account = bindings["given"]["tenantId"], bindings["given"]["account"]
    values = [
        "not-a-guid~secret",
        bindings["application"]["appId"],
        tenant,
        f"{host}/{tenant}/oauth2/v2.0/authorize",
        f"{host}/{tenant}/oauth2/v2.0/token",
        bindings["given"]["sendingAddress"],
        account,
        None,
    ]
    fields = [{"title": title, "value": value} for title, value in zip(titles("cindercone-magma"), values, strict=True)]
    sheet = golden("cindercone-magma.handover")
    screens = [
        {"title": "Mail to Cindercone's support", "fields": fields, "actions": ["Attach the report of permissions"]}
    ]
    assert handover_faults(sheet, screens, bindings) == []
    fields[5]["value"], fields[6]["value"] = fields[6]["value"], fields[5]["value"]
    assert {line.split(":")[1].strip() for line in handover_faults(sheet, screens, bindings)} == {
        "From Account",
        "User",
    }
    fields[3]["value"] = f"{host}/common/oauth2/v2.0/authorize"
    assert any("Authorization Endpoint" in line for line in handover_faults(sheet, screens, bindings))


def test_an_allow_list_keeps_the_others_and_gains_ours() -> None:
    bindings = {"given": {"otherAppId": "aaaa"}, "application": {"appId": "bbbb"}}
    changed = elsewhere(golden("monitor-erp.guide"), "ews-list-filled")["applied"]["changed"]
    row = next(each for part in changed for each in part["properties"] if each["property"] == "EwsAllowedAppIDs")
    assert faults(row["is"], "aaaa,bbbb", bindings) == []
    for wrong in ("bbbb", "aaaa", "", "aaaa,cccc", "aaaa,bbbb,cccc"):
        assert faults(row["is"], wrong, bindings) != [], wrong
