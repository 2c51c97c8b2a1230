"""The catalogue: exact names, helpful near misses, honest sentences."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from provisioner import catalogue
from provisioner.catalogue import files
from provisioner.model.declared import Permission, PermissionKind
from provisioner.model.identifiers import EXCHANGE_APP_ID, GRAPH_APP_ID, AppId

ROLE, SCOPE = PermissionKind.ROLE, PermissionKind.SCOPE
DATA = Path(files.__file__).parent / "data"


@pytest.mark.parametrize(
    ("resource", "kind", "value", "ids"),
    [
        (EXCHANGE_APP_ID, ROLE, "SMTP.SendAsApp", {"7146a1f0-8703-45b3-9eae-527a64c00995"}),
        ("Office 365 Exchange Online", ROLE, "full_access_as_app", {"dc890d15-9560-4a4c-9b7f-a736ec74ec40"}),
        ("exchange", SCOPE, "SMTP.Send", {"76faac2a-0f20-42f1-928a-50de5b9dbe52"}),
        ("Microsoft Graph", SCOPE, "SMTP.Send", {"258f6531-6087-4cc4-bb90-092c5fb3ed3f"}),
        ("graph", ROLE, "Calendars.ReadWrite", {"ef54d2bf-783f-4e0f-bca1-3210c0444d99"}),
        ("exchange", ROLE, "Calendars.ReadWrite.All", {"ef54d2bf-783f-4e0f-bca1-3210c0444d99"}),
        ("graph", ROLE, "Calendars.ReadWrite.All", {"d91697b0-a708-4c11-a712-8fb2dc081aa2"}),
        ("graph", SCOPE, "User.Read", {"e1fe6dd8-ba31-4d61-89e7-88639da4683d"}),
    ],
)
def test_a_name_on_an_api_has_the_ids_of_the_published_lists(resource, kind, value, ids):
    found = catalogue.find(resource, kind, value)

    assert found is not None
    assert set(found.ids) == ids
    assert found.permission == Permission(catalogue.resource(resource)[0], kind, value)


def test_one_value_can_have_two_ids():
    assert len(catalogue.find("exchange", SCOPE, "User.ReadBasic.All").ids) == 2


@pytest.mark.parametrize(
    ("resource", "kind", "value"),
    [
        ("graph", ROLE, "SMTP.SendAsApp"),
        ("exchange", SCOPE, "SMTP.SendAsApp"),
        ("exchange", ROLE, "smtp.sendasapp"),
        ("graph", ROLE, "User.Read"),
        ("no such api", ROLE, "Mail.Send"),
    ],
)
def test_a_wrong_api_kind_or_spelling_finds_nothing(resource, kind, value):
    assert catalogue.find(resource, kind, value) is None


@pytest.mark.parametrize(
    ("resource", "kind", "value", "first"),
    [
        ("graph", ROLE, "SMTP.SendAsApp", "SMTP.SendAsApp is an application permission of Office 365 Exchange Online"),
        (
            "exchange",
            SCOPE,
            "SMTP.SendAsApp",
            "SMTP.SendAsApp is an application permission of Office 365 Exchange Online, not a delegated permission",
        ),
        ("exchange", ROLE, "SMTP.SendAsapp", "did you mean SMTP.SendAsApp?"),
        ("graph", ROLE, "Calenders.ReadWrite", "did you mean Calendars.ReadWrite?"),
        ("graph", SCOPE, "SMPT.Send", "did you mean SMTP.Send?"),
        (
            "graph",
            ROLE,
            "fullaccess_as_app",
            "did you mean full_access_as_app, an application permission of Office 365 ",
        ),
        ("no such api", ROLE, "full_access_as_app", "full_access_as_app is an application permission of Office 365 "),
    ],
)
def test_near_misses_say_what_is_wrong(resource, kind, value, first):
    assert catalogue.near_misses(resource, kind, value)[0].startswith(first)


@pytest.mark.parametrize("value", ["", "qqqqqqqqq", "x" * 100_000, "\x00\u202e"])
def test_nonsense_has_no_near_misses(value):
    assert catalogue.near_misses("graph", ROLE, value) == ()


@pytest.mark.parametrize("name", ["graph", "Graph", "Microsoft Graph", "MICROSOFT GRAPH", " msgraph ", GRAPH_APP_ID])
def test_an_api_is_found_by_any_of_its_names(name):
    assert catalogue.resource(name) == (GRAPH_APP_ID, "Microsoft Graph")


def test_a_mistyped_api_has_a_near_name():
    assert catalogue.near_resources("Office 365 Exchange Onlin")[0] == "Office 365 Exchange Online"
    assert catalogue.near_resources("") == ()


def test_every_api_has_a_short_name_of_its_own():
    short = [row.short_name for row in files.resources().values()]

    assert len(set(short)) == len(short) == 11
    assert catalogue.short_name(AppId("11111111-1111-1111-1111-111111111111")).startswith("11111111")


@pytest.mark.parametrize(
    ("api", "kind", "value", "roles"),
    [
        (GRAPH_APP_ID, ROLE, "Mail.Send", ("Privileged Role Administrator", "Global Administrator")),
        (GRAPH_APP_ID, SCOPE, "Mail.Send", ("Cloud Application Administrator", "Application Administrator")),
        (EXCHANGE_APP_ID, ROLE, "SMTP.SendAsApp", ("Cloud Application Administrator", "Application Administrator")),
    ],
)
def test_only_application_permissions_of_graph_are_kept_for_the_most_powerful(api, kind, value, roles):
    assert catalogue.who_can_consent(Permission(api, kind, value)) == roles


def test_reach_of_smtp_is_no_mailbox_by_itself():
    reach = catalogue.reach(Permission(EXCHANGE_APP_ID, ROLE, "SMTP.SendAsApp"))

    assert not reach.tenant_wide_mailboxes
    assert reach.text == (
        "Send as any mailbox that Exchange gives this service principal FullAccess or SendAs on; none by itself."
    )


MAILBOX_WORDS = ("Mail.", "Mail-Advanced.", "Mailbox", "Calendars.", "Contacts.", "Tasks.", "full_access")


@pytest.mark.parametrize("app_id", [GRAPH_APP_ID, EXCHANGE_APP_ID])
def test_every_application_permission_that_names_mailbox_contents_closes_the_gate(app_id):
    named = [
        value
        for (kind, value) in files.resources()[app_id].permissions
        if kind is ROLE and value.startswith(MAILBOX_WORDS)
    ]

    assert len(named) > 10
    assert [each for each in named if not catalogue.reach(Permission(app_id, ROLE, each)).tenant_wide_mailboxes] == []


def test_the_longest_prefix_gives_the_sentence():
    settings = catalogue.reach(Permission(GRAPH_APP_ID, ROLE, "MailboxSettings.Read"))
    items = catalogue.reach(Permission(GRAPH_APP_ID, ROLE, "MailboxItem.Read.All"))

    assert settings.text.startswith("Settings of every mailbox")
    assert items.text.startswith("Contents of every mailbox")


def test_no_delegated_permission_is_tenant_wide():
    wide = [
        (row.display_name, value)
        for row in files.resources().values()
        for (kind, value) in row.permissions
        if kind is SCOPE and catalogue.reach(Permission(row.app_id, kind, value)).tenant_wide_mailboxes
    ]

    assert wide == []


def test_an_unknown_permission_has_a_general_sentence():
    of_app = catalogue.reach(Permission(AppId("11111111-1111-1111-1111-111111111111"), ROLE, "Things.Do"))
    of_user = catalogue.reach(Permission(GRAPH_APP_ID, SCOPE, "Files.Read"))

    assert "Things.Do of the API 11111111-" in of_app.text
    assert "whole tenant" in of_app.text
    assert "signed-in user" in of_user.text


@pytest.mark.parametrize(
    ("api", "kind", "value", "day"),
    [
        (EXCHANGE_APP_ID, ROLE, "full_access_as_app", date(2027, 4, 1)),
        (GRAPH_APP_ID, SCOPE, "EWS.AccessAsUser.All", date(2027, 4, 1)),
        (EXCHANGE_APP_ID, ROLE, "SMTP.SendAsApp", None),
    ],
)
def test_retirement_dates(api, kind, value, day):
    assert catalogue.retirement(Permission(api, kind, value)) == day


@pytest.mark.parametrize("file", ["reach.json", "retirements.json"])
def test_the_tables_name_permissions_that_exist(file):
    rows = json.loads((DATA / file).read_text(encoding="utf-8"))
    kinds = {kind.value: kind for kind in PermissionKind}

    unknown = [
        row
        for row in rows
        if not row["value"].endswith("*") and catalogue.find(row["resource"], kinds[row["kind"]], row["value"]) is None
    ]

    assert rows
    assert unknown == []


def test_every_prefix_of_the_table_fits_something():
    rows = json.loads((DATA / "reach.json").read_text(encoding="utf-8"))
    by_short = {row.short_name: row for row in files.resources().values()}
    prefixes = [row for row in rows if row["value"].endswith("*")]

    idle = [
        row
        for row in prefixes
        if not any(
            kind.value == row["kind"] and value.startswith(row["value"][:-1])
            for (kind, value) in by_short[row["resource"]].permissions
        )
    ]

    assert prefixes
    assert idle == []


def test_risk_comes_from_the_table():
    assert catalogue.risk(Permission(EXCHANGE_APP_ID, ROLE, "SMTP.SendAsApp")) == "high"
    assert catalogue.risk(Permission(GRAPH_APP_ID, ROLE, "No.Such")) is None


def test_a_role_is_named_or_keeps_its_id():
    assert catalogue.role_name("29232CDF-9323-42fd-ade2-1d097af3e4de") == "Exchange Administrator"
    assert catalogue.role_name("00000000-0000-0000-0000-000000000000") == "00000000-0000-0000-0000-000000000000"
