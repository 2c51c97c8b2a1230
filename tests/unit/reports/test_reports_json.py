from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from importlib import resources
from typing import Any

import jsonschema
import pytest
from hostile_examples import TEXTS, everywhere
from report_examples import (
    APP_ID,
    CHANGES,
    KEY_ID,
    OBJECT_ID,
    PRINCIPAL_ID,
    RECEIPT,
    REQUEST_ID,
    SENDER,
    TENANT_ID,
    adopted,
    all_proven,
    applied,
    evidence_against,
    first_plan,
    half_applied,
    handed_over,
    migrating,
    mixed_plan,
    offered,
    plan_of,
    planned,
    verified,
    with_evidence,
)

from provisioner.errors import Declined, FaultyPlace, InputFault, Refused, SignInRefused
from provisioner.model.change import Action, Blocked, Gate, Part, PlannedChange, Ready
from provisioner.model.faults import Fault
from provisioner.model.outcome import ChangeState, ProofState, SecretParameter
from provisioner.model.plan import approve
from provisioner.model.results import Applied, FilledField, FilledScreen, Planned, StageState
from provisioner.reports import Form, Report, open_report

SCHEMA: dict[str, Any] = json.loads(resources.files("provisioner.reports").joinpath("schema.json").read_text("utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

FAULT = Fault("graph", "POST /applications", 403, "Authorization_RequestDenied", "no", request_id=REQUEST_ID)

RESULTS: dict[str, Callable[[Report], None]] = {
    "plan": lambda report: report.plan(planned()),
    "mixed plan": lambda report: report.plan(Planned(mixed_plan(), approve("", mixed_plan()))),
    "empty plan": lambda report: report.plan(Planned(plan_of(), approve("", plan_of()))),
    "applied": lambda report: report.applied(applied()),
    "half applied": lambda report: report.applied(half_applied()),
    "declined": lambda report: report.applied(Applied(first_plan(), (), declined=True)),
    "verified": lambda report: report.verified(verified()),
    "handed over": lambda report: report.handed_over(handed_over()),
    "with evidence": lambda report: report.handed_over(with_evidence()),
    "evidence against": lambda report: report.handed_over(evidence_against()),
    "onboarded": lambda report: report.onboarded(applied(), all_proven(), handed_over()),
    "stopped early": lambda report: report.onboarded(half_applied(), None, None),
    "offered": lambda report: report.adopted(offered()),
    "adopted": lambda report: report.adopted(adopted()),
    "migrating": lambda report: report.migrated(migrating()),
}

FAILURES: dict[str, Callable[[Report], None]] = {
    "input": lambda report: report.error(
        InputFault("2 faults", (FaultyPlace("a.yaml", 1, 2, "no"), FaultyPlace("b", 0, 0, "x", "y")))
    ),
    "refused": lambda report: report.error(Refused(FAULT, who_can=("Global Administrator",), advice="ask")),
    "sign-in": lambda report: report.error(SignInRefused(replace(FAULT, code="AADSTS7000215", request_id=None))),
    "declined": lambda report: report.error(Declined("no")),
}


def written(show: Callable[[Report], None]) -> str:
    stream = io.StringIO()
    show(open_report(Form.JSON, stream))
    return stream.getvalue()


def document(show: Callable[[Report], None]) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(written(show))
    return loaded


def objects_of(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for each in schema.values():
            yield from objects_of(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from objects_of(each)


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_leaves_no_key_open() -> None:
    found = list(objects_of(SCHEMA))

    assert len(found) > 10
    for each in found:
        assert each["additionalProperties"] is False
        assert sorted(each["required"]) == sorted(each["properties"])


def test_the_schema_knows_every_word_of_the_model() -> None:
    change = SCHEMA["$defs"]["change"]["properties"]
    outcome = change["outcome"]["anyOf"][1]["properties"]

    assert [each.value for each in Action] == change["action"]["enum"]
    assert [each.value for each in Part] == change["part"]["enum"]
    assert [*(each.value for each in Gate), None] == change["gate"]["enum"]
    assert [each.value for each in ChangeState] == outcome["state"]["enum"]
    assert [each.value for each in StageState] == SCHEMA["$defs"]["stage"]["properties"]["state"]["enum"]
    assert [each.value for each in ProofState] == SCHEMA["$defs"]["proof"]["properties"]["state"]["enum"]


@pytest.mark.parametrize("name", [*RESULTS, *(f"error: {each}" for each in FAILURES)])
def test_every_output_fits_the_schema(name: str) -> None:
    show = RESULTS[name] if name in RESULTS else FAILURES[name.removeprefix("error: ")]

    VALIDATOR.validate(document(show))


@pytest.mark.parametrize("broken", [{"sandbox": "yes"}, {"changes": [{}]}, {"extra": 1}, {"schemaVersion": 2}])
def test_the_schema_refuses_what_is_none(broken: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate({**document(RESULTS["plan"]), **broken})


def test_every_result_has_the_same_keys() -> None:
    keys = {tuple(document(show)) for show in RESULTS.values()}

    assert len(keys) == 1
    assert next(iter(keys))[:2] == ("schemaVersion", "sandbox")


def test_a_plan_tells_what_scripts_decide_on() -> None:
    shown = document(RESULTS["mixed plan"])
    by_address = {each["address"]: each for each in shown["changes"]}

    assert shown["sandbox"] is True
    assert shown["tenant"] == {"id": TENANT_ID, "name": "Contoso (contoso.onmicrosoft.example)"}
    assert (shown["playbook"], shown["variant"], shown["instance"]) == ("cryptshare/server", "guide", "default")
    assert shown["parameters"] == [{"name": "sender_mailbox", "value": SENDER}]
    assert shown["blocked"] == ["app_role_grant.main.SMTP.SendAsApp", "app_role_grant.old", "mailbox_permission.main"]
    assert by_address["application.main"]["action"] == "keep"
    assert by_address["application.main"]["reason"] == "registered as wanted"
    assert by_address["application.main"]["guideSteps"] == ["4", "5", "6"]
    grant = by_address["app_role_grant.main.SMTP.SendAsApp"]
    assert (
        grant["action"],
        grant["standing"],
        grant["part"],
        grant["outcome"],
    ) == ("create", "blocked", "consent", None)
    assert grant["whoCan"][2] == "Global Administrator"
    assert by_address["app_role_grant.old"]["flag"] == "--allow-remove-grants"
    pointer = by_address["exchange_pointer.main"]
    assert (
        pointer["standing"],
        pointer["whoCan"],
        pointer["proof"],
    ) == ("manual", ["Exchange Administrator"], "Get-ServicePrincipal shows it")
    assert by_address["application.other"]["fields"] == [
        {"name": "display name", "before": "Cryptshare", "after": "Cryptshare Server"}
    ]
    assert [each["title"] for each in shown["manual"]] == ["Leave the execution policy as it is"]
    assert [each["retiresOn"] for each in shown["warnings"]] == [None, "2027-04-01"]
    assert 1 == len(shown["incomplete"]) == len(shown["notes"])


def test_an_onboarding_has_everything_in_one() -> None:
    shown = document(RESULTS["onboarded"])

    assert shown["applications"][0] == {
        "key": "main",
        "displayName": "Cryptshare Server",
        "appId": APP_ID,
        "objectId": OBJECT_ID,
        "servicePrincipalId": PRINCIPAL_ID,
    }
    assert ["done"] * len(CHANGES) == [each["outcome"]["state"] for each in shown["changes"]]
    assert {
        "application": "main",
        "slot": "mail",
        "keyId": KEY_ID,
        "endDateTime": "2027-01-14T09:30:00Z",
        "sink": RECEIPT.sink,
        "reference": RECEIPT.reference,
        "readable": True,
        "state": "current",
    } == shown["secrets"][0]
    assert [each["state"] for each in shown["proofs"]] == ["passed"] * 3
    assert [each["title"] for each in shown["handover"]] == ["System Settings > Mail Server", "Policy rules"]
    fields = shown["handover"][0]["fields"]
    assert [fields[place]["value"] for place in (1, 3, 4)] == [SENDER, TENANT_ID, APP_ID]
    assert (fields[5]["value"], fields[5]["secret"]["keyId"]) == (None, KEY_ID)
    assert shown["receipt"].endswith(".json")


def test_a_secret_that_the_customer_keeps_is_named_by_where_it_lies() -> None:
    parameter = SecretParameter("mailbox_password", "file:/run/password")
    fields = (FilledField("Password", None, parameter=parameter), FilledField("User", SENDER))
    shown = document(lambda report: report.handed_over(replace(handed_over(), screens=(FilledScreen("F", fields),))))

    (password, user) = shown["handover"][0]["fields"]
    assert password["parameter"] == {"name": "mailbox_password", "reference": "file:/run/password"}
    assert (password["value"], password["secret"], user["parameter"]) == (None, None, None)


def test_after_apply_blocked_is_what_ended_blocked() -> None:
    shown = document(RESULTS["half applied"])

    assert shown["blocked"] == ["app_role_grant.main.SMTP.SendAsApp"]
    assert shown["unsettled"] == ["application.other"]
    outcome = next(each["outcome"] for each in shown["changes"] if each["address"] == "application.other")
    assert (outcome["state"], outcome["requestId"]) == ("not-yet", REQUEST_ID)


def test_what_is_as_wanted_is_not_blocked_whoever_asks() -> None:
    kept = replace(CHANGES[0], action=Action.KEEP)
    plan = plan_of(PlannedChange(kept, Blocked("no role")))
    shown = document(lambda report: report.plan(Planned(plan, approve("", plan))))

    assert shown["blocked"] == []
    assert shown["changes"][0]["standing"] == "blocked"


def test_a_no_keeps_the_plan() -> None:
    shown = document(lambda report: report.applied(Applied(mixed_plan(), (), declined=True)))

    assert shown["declined"] is True
    assert len(shown["changes"]) == 7
    assert len(shown["blocked"]) == 3
    assert {None} == {each["outcome"] for each in shown["changes"]}


def test_instants_are_utc() -> None:
    for end in (
        datetime(2027, 1, 14, 11, 30, 0, 999999, tzinfo=timezone(timedelta(hours=2))),
        datetime(2027, 1, 14, 9, 30, tzinfo=UTC),
    ):
        result = replace(applied(), secrets=(replace(RECEIPT, end=end),))
        assert (
            document(lambda report, it=result: report.applied(it))["secrets"][0]["endDateTime"]
            == "2027-01-14T09:30:00Z"
        )  # type: ignore[misc]


def test_an_error_has_all_places_and_codes() -> None:
    places = document(FAILURES["input"])["error"]["places"]
    refused = document(FAILURES["refused"])

    assert [tuple(each.values()) for each in places] == [("a.yaml", 1, 2, "no", None), ("b", 0, 0, "x", "y")]
    assert refused["sandbox"] is None
    assert tuple(refused["error"][each] for each in ("kind", "code", "requestId", "whoCan", "advice")) == (
        "Refused",
        "Authorization_RequestDenied",
        REQUEST_ID,
        ["Global Administrator"],
        "ask",
    )
    assert document(FAILURES["sign-in"])["error"]["code"] == "AADSTS7000215"


@pytest.mark.parametrize("name", TEXTS)
def test_strangers_texts_come_through_as_they_are(name: str) -> None:
    text = TEXTS[name]
    change = replace(CHANGES[0], summary=text, notes=(text,))

    raw = written(lambda report: report.plan(everywhere(planned(), text)))
    shown = document(
        lambda report: report.plan(
            Planned(plan_of(PlannedChange(change, Ready()), tenant_name=text), approve("", plan_of()))
        )
    )

    assert raw.isascii()
    assert not {each for each in raw if not each.isprintable()} - {"\n"}
    assert (text, text, [text]) == (
        shown["tenant"]["name"],
        shown["changes"][0]["summary"],
        shown["changes"][0]["notes"],
    )
    VALIDATOR.validate(shown)


def test_evidence_is_proofs_changes_and_deeds() -> None:
    bare, shown = document(RESULTS["handed over"]), document(RESULTS["with evidence"])

    assert (bare["changes"], bare["proofs"], bare["deeds"]) == ([], [], [])
    assert bare["seenAt"] == shown["seenAt"] == "2026-07-18T09:31:00Z"
    assert bare["handover"] == shown["handover"]
    assert [each["state"] for each in shown["proofs"]] == ["passed"] * 3
    assert {each["action"] for each in shown["changes"]} == {"keep"}
    assert shown["deeds"][0] == {
        "address": "application.main",
        "time": "2026-07-18T09:30:00Z",
        "who": "Provisioner Operator",
        "ticket": "CHG-1041",
        "requestId": REQUEST_ID,
    }
