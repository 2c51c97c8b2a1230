"""What we keep: instance files, the inventory, receipts and locks. Round trips, people's mistakes, and bad disks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provisioner.errors import InputFault, ProvisionerError, SinkFault
from provisioner.home import Home, InstanceFile, Inventory, default_root
from provisioner.model.change import Action, Change, Part, PlannedChange, Ready
from provisioner.model.clouds import CLOUDS, Cloud
from provisioner.model.identifiers import Address, AppId, TenantId
from provisioner.model.observed import Caller
from provisioner.model.outcome import ChangeOutcome, ChangeState
from provisioner.model.plan import Plan
from provisioner.model.tenant import (
    WORLDWIDE,
    ExchangeDriver,
    HostIdentity,
    ManagementHost,
    SignIn,
    SignInMethod,
    Tenant,
)

HOSTILE = json.loads((Path(__file__).parents[2] / "data" / "hostile_names.json").read_text())
NAMES = [each["text"] for each in HOSTILE["displayNames"]]
GUID = "7a3c0c8e-5a0b-4d7e-9a64-2f0c7f5f5b11"
OTHER = "0d9c1f3e-7f0e-4a55-8c54-52e3c4a0e0aa"

INSTANCE = InstanceFile(
    playbook="cryptshare/server",
    variant="guide",
    instance="default",
    parameters=(("application_name", "Cryptshare Server"), ("sender_mailbox", "cryptshare@contoso.example")),
    sink="age",
    applications=((Address("application.main"), AppId(OTHER)),),
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


# --- instance files


def test_an_instance_file_comes_back_as_it_was_saved(home: Home) -> None:
    assert home.instances.load("contoso", "cryptshare/server", "default") is None
    home.instances.save("contoso", INSTANCE)
    assert home.instances.load("contoso", "cryptshare/server", "default") == INSTANCE
    assert home.instances.load("contoso", "cryptshare/server", "second") is None
    assert home.instances.load("fabrikam", "cryptshare/server", "default") is None


def test_what_was_found_and_where_it_moves_come_back(home: Home) -> None:
    adopted = replace(INSTANCE, found=(Address("service_principal.main"),), moving_to="scoped")
    home.instances.save("contoso", adopted)
    assert home.instances.load("contoso", "cryptshare/server", "default") == adopted
    path = home.instances.path("contoso", "cryptshare/server", "default")
    home.instances.save("contoso", INSTANCE)
    assert "found" not in path.read_text()
    path.write_text(path.read_text() + "found: everything\nmoving_to: [scoped]\n")
    with pytest.raises(InputFault) as refused:
        home.instances.load("contoso", "cryptshare/server", "default")
    assert len(refused.value.places) == 2


def test_an_instance_file_is_made_for_a_repository(home: Home) -> None:
    """The same content gives the same bytes, and is not written again."""
    home.instances.save("contoso", INSTANCE)
    path = home.instances.path("contoso", "cryptshare/server", "default")
    before, inode = path.read_bytes(), path.stat().st_ino
    home.instances.save("contoso", INSTANCE.asking(INSTANCE.parameters, "age"))
    assert (path.read_bytes(), path.stat().st_ino) == (before, inode)
    assert "format: 1\n" in before.decode()


def test_changes_of_an_instance_file() -> None:
    second = INSTANCE.with_application(Address("application.second"), AppId(GUID))
    assert dict(second.applications) == {"application.main": OTHER, "application.second": GUID}
    again = second.with_application(Address("application.main"), AppId(GUID))
    assert dict(again.applications)[Address("application.main")] == GUID
    asked = INSTANCE.asking((("a", "b"),), "age:/x")
    assert asked == replace(INSTANCE, parameters=(("a", "b"),), sink="age:/x", earlier=(INSTANCE.parameters,))
    assert asked.asking(INSTANCE.parameters, "age", variant="scoped") == replace(INSTANCE, variant="scoped")


@pytest.mark.parametrize("named", [GUID, GUID.upper()])
def test_an_instance_file_is_of_the_tenant_that_it_was_made_in(home: Home, named: str) -> None:
    made = replace(INSTANCE, tenant_id=TenantId(GUID))
    home.instances.save("contoso", made)
    path = home.instances.path("contoso", "cryptshare/server", "default")
    path.write_text(path.read_text().replace(GUID, named))
    assert home.instances.load("contoso", "cryptshare/server", "default", TenantId(GUID)) == made
    assert home.instances.of("contoso", TenantId(GUID)) == (made,)
    with pytest.raises(InputFault) as refused:
        home.instances.load("contoso", "cryptshare/server", "default", TenantId(OTHER))
    assert all(words in refused.value.message for words in (str(path), GUID, OTHER, "contoso"))
    assert "another name" in str(refused.value.advice)
    assert home.instances.of("contoso", TenantId(OTHER)) == ()


def test_an_instance_file_of_an_earlier_version_is_taken_and_noted(home: Home) -> None:
    home.instances.save("contoso", INSTANCE)
    assert "tenantId" not in home.instances.path("contoso", "cryptshare/server", "default").read_text()
    found = home.instances.load("contoso", "cryptshare/server", "default", TenantId(GUID))
    assert found == replace(INSTANCE, tenant_id=TenantId(GUID))
    home.instances.save("contoso", found)
    with pytest.raises(InputFault):
        home.instances.load("contoso", "cryptshare/server", "default", TenantId(OTHER))


TRICKY = [
    "",
    " ",
    "yes",
    "null",
    "~",
    "1e3",
    "0x10",
    "- a",
    "a: b",
    "# no",
    "'",
    '"',
    "\\",
    "&a",
    "*a",
    "!tag",
    "a\nb",
    "\t",
]


@pytest.mark.parametrize("value", [*TRICKY, *NAMES])
def test_any_parameter_survives(home: Home, value: str) -> None:
    asked = replace(INSTANCE, parameters=(("application_name", value),))
    home.instances.save("contoso", asked)
    assert home.instances.load("contoso", "cryptshare/server", "default") == asked


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_any_text_survives(home: Home, value: str) -> None:
    asked = replace(INSTANCE, parameters=(("application_name", value),))
    home.instances.save("contoso", asked)
    assert home.instances.load("contoso", "cryptshare/server", "default") == asked


BY_HAND = """# ours, see ticket 4711
playbook: cryptshare/server
variant: guide
instance: default
sink: age
parameters:
  secret_lifetime_days: 90
  application_name:
  flag: true
"""


def written(home: Home, text: str | bytes) -> InstanceFile | None:
    path = home.instances.path("contoso", "cryptshare/server", "default")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return home.instances.load("contoso", "cryptshare/server", "default")


def test_a_file_written_by_hand(home: Home) -> None:
    """Numbers and flags are parameters too; a parameter without a value was not given."""
    found = written(home, BY_HAND)
    assert found is not None
    assert dict(found.parameters) == {"secret_lifetime_days": "90", "flag": "True"}
    assert found.applications == ()


BROKEN: list[tuple[str, str | bytes, list[tuple[int, int, str]]]] = [
    ("empty", "", [(1, 1, "playbook"), (1, 1, "variant"), (1, 1, "instance"), (1, 1, "sink")]),
    ("a list", "- a\n", [(1, 1, "playbook"), (1, 1, "variant"), (1, 1, "instance"), (1, 1, "sink")]),
    ("a number where a text belongs", BY_HAND.replace("sink: age", "sink: 5"), [(5, 7, "sink")]),
    ("parameters that are no list", BY_HAND.split("parameters")[0] + "parameters: [a]\n", [(6, 13, "parameters")]),
    ("a parameter that is a list", BY_HAND.replace("90", "[1, 2]"), [(7, 25, "secret_lifetime_days")]),
    ("a tenant id that is a number", BY_HAND.replace("sink: age", "tenantId: 5\nsink: age"), [(5, 11, "tenantId")]),
    ("a newer format", BY_HAND.replace("playbook:", "format: 2\nplaybook:"), [(2, 9, "format")]),
    (
        "several at once",
        BY_HAND.replace("age", "5").replace("90", "{a: b}"),
        [(5, 7, "sink"), (7, 25, "secret_lifetime_days")],
    ),
    ("no YAML", "playbook: [", [(0, 0, "")]),
    ("a tag", BY_HAND.replace("age", "!!python/object:os.system x"), [(5, 7, "tag")]),
    ("an alias", BY_HAND.replace("age", "&x age").replace("90", "*x"), [(0, 0, "")]),
    ("a key twice", BY_HAND + "sink: age:/elsewhere\n", [(10, 1, "sink")]),
    ("a right-to-left override", BY_HAND.replace("ticket", "\u202etekcit"), [(1, 13, "hidden")]),
    ("bytes that are no text", b"playbook: \xff\xfe\n", [(1, 1, "variant")]),
    ("megabytes", "a" * (5 * 1024 * 1024), [(0, 0, "larger")]),
]


@pytest.mark.parametrize(("text", "places"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_broken_instance_file_is_told_with_its_places(
    home: Home, text: str | bytes, places: list[tuple[int, int, str]]
) -> None:
    with pytest.raises(InputFault) as caught:
        written(home, text)
    found = [(each.line, each.column, each.message) for each in caught.value.places]
    for line, column, words in places:
        assert any((line, column) in ((0, 0), place[:2]) and words in place[2] for place in found), (found, words)
    assert all(each.file.endswith("cryptshare.server.default.yaml") for each in caught.value.places)


def test_a_broken_file_is_never_overwritten_by_reading_it(home: Home) -> None:
    with pytest.raises(InputFault):
        written(home, "playbook: [")
    assert home.instances.path("contoso", "cryptshare/server", "default").read_text() == "playbook: ["


def test_forgetting(home: Home) -> None:
    home.instances.forget("contoso", "cryptshare/server", "default")
    home.instances.save("contoso", INSTANCE)
    home.instances.save("contoso", replace(INSTANCE, instance="second"))
    home.instances.forget("contoso", "cryptshare/server", "default")
    assert home.instances.load("contoso", "cryptshare/server", "default") is None
    assert home.instances.load("contoso", "cryptshare/server", "second") is not None


# --- inventory

PLAIN = Tenant(
    "contoso", TenantId(GUID), WORLDWIDE, SignIn(SignInMethod.BROWSER, AppId(OTHER), login_hint="anna@contoso.example")
)
FULL = Tenant(
    "fabrikam",
    TenantId(GUID),
    WORLDWIDE,
    SignIn(SignInMethod.CERTIFICATE, AppId(OTHER), secret="file:/k", certificate_file="/etc/op.pem"),
    ExchangeDriver.PSRP,
    ManagementHost(
        host="exo.fabrikam.example",
        port=443,
        path="wsman2",
        configuration="Provisioner",
        jea=True,
        auth="kerberos",
        username="FABRIKAM\\svc",
        password="env:HOST_PASSWORD",
        ca_file="/etc/ca.pem",
        identity=HostIdentity.MANAGED_IDENTITY,
        app_id=AppId(OTHER),
        certificate_thumbprint="ABC",
        organization="fabrikam.onmicrosoft.example",
    ),
)
REST = replace(PLAIN, name="northwind", exchange=ExchangeDriver.REST)
DEFENCE = replace(
    PLAIN,
    name="defence",
    endpoints=CLOUDS[Cloud.US_GOV_DOD],
    sign_in=SignIn(SignInMethod.WORKLOAD_IDENTITY, None, token_file="/var/run/token"),
)
HERE = replace(PLAIN, name="here", sign_in=SignIn(SignInMethod.AZURE_CLI, None))


def test_tenants_come_back_as_they_were_added(home: Home) -> None:
    assert home.inventory.tenants() == ()
    for each in (REST, FULL, PLAIN):
        home.inventory.add(each)
    assert home.inventory.tenants() == (PLAIN, FULL, REST)
    assert home.inventory.find("fabrikam") == FULL
    assert home.inventory.find("nobody") is None
    home.inventory.add(replace(PLAIN, exchange=ExchangeDriver.REST))
    assert home.inventory.find("contoso") == replace(PLAIN, exchange=ExchangeDriver.REST)
    assert home.inventory.remove("contoso")
    assert not home.inventory.remove("contoso")
    assert home.inventory.tenants() == (FULL, REST)


def test_a_name_stays_with_its_tenant(home: Home) -> None:
    home.inventory.add(PLAIN)
    with pytest.raises(InputFault) as refused:
        home.inventory.add(replace(PLAIN, tenant_id=TenantId(OTHER)))
    assert GUID in refused.value.message
    assert OTHER in refused.value.message
    assert "provisioner tenants remove contoso" in str(refused.value.advice)
    assert home.inventory.tenants() == (PLAIN,)
    home.inventory.remove("contoso")
    assert home.inventory.add(replace(PLAIN, tenant_id=TenantId(OTHER))) == ()


def test_what_is_replaced_is_told(home: Home) -> None:
    assert home.inventory.add(PLAIN) == ()
    assert home.inventory.add(PLAIN) == ()
    certificate = SignIn(SignInMethod.CERTIFICATE, AppId(OTHER), certificate_file="op.pem")
    assert home.inventory.add(replace(PLAIN, sign_in=certificate, exchange=ExchangeDriver.REST)) == (
        "signIn.method: browser -> certificate",
        "signIn.loginHint: anna@contoso.example -> none",
        "signIn.certificateFile: none -> op.pem",
        "exchange.driver: none -> rest",
    )


def test_clouds_and_ways_in_without_a_client_id_come_back_too(home: Home) -> None:
    for each in (DEFENCE, HERE):
        home.inventory.add(each)
    assert home.inventory.tenants() == (DEFENCE, HERE)
    text = home.inventory.path.read_text()
    assert "cloud: us-gov-dod" in text
    assert text.count("cloud:") == 1
    assert "clientId" not in text


@pytest.mark.parametrize(
    "tenant",
    [
        replace(PLAIN, name="Contoso Ltd"),
        replace(PLAIN, name="sandbox"),
        replace(PLAIN, name="../up"),
        replace(PLAIN, name="x:y"),
        replace(PLAIN, tenant_id=TenantId("contoso.example")),
        replace(PLAIN, sign_in=SignIn(SignInMethod.CLIENT_SECRET, AppId(OTHER), secret="hunter2")),
        replace(PLAIN, sign_in=SignIn(SignInMethod.CLIENT_SECRET, AppId(OTHER))),
        replace(PLAIN, sign_in=SignIn(SignInMethod.BROWSER, None)),
        replace(PLAIN, sign_in=SignIn(SignInMethod.ENVIRONMENT, AppId(OTHER))),
        replace(FULL, host=None),
    ],
)
def test_what_could_not_be_read_back_is_not_written(home: Home, tenant: Tenant) -> None:
    home.inventory.add(PLAIN)
    before = home.inventory.path.read_bytes()
    with pytest.raises(InputFault):
        home.inventory.add(tenant)
    assert home.inventory.path.read_bytes() == before
    assert home.inventory.tenants() == (PLAIN,)


FAULTY = f"""format: 1
tenant: nobody
tenants:
  Contoso:
    tenantId: contoso.example
    signIn: {{method: telepathy, clientId: {OTHER}}}
  fabrikam:
    tenantId: {GUID}
    signIn:
      method: client-secret
      clientId: {OTHER}
      secret: hunter2
      clientSecret: hunter2
    exchange:
      driver: psrp
      managementHost:
        port: 70000
        identity: nobody
        jea: perhaps
        password: hunter2
  northwind: 5
  sandbox:
    tenantId: {GUID}
    signIn: {{method: certificate, clientId: {OTHER}}}
  tailspin:
    tenantId: {GUID}
    signIn: {{method: browser}}
    exchange: {{driver: carrier-pigeon}}
  wingtip:
    tenantId: {GUID}
    cloud: [moon]
    signIn: {{method: azure-cli, clientId: {OTHER}}}
"""
FAULTS = [
    (2, "unknown key 'tenant'"),
    (4, "'Contoso' is no tenant name"),
    (5, "tenantId must be the directory id"),
    (6, "method must be one of client-secret, certificate, device-code, browser, azure-cli"),
    (12, "secret must be a reference"),
    (13, "unknown key 'clientSecret'"),
    (16, "host is missing"),
    (17, "port must be a number"),
    (18, "identity must be one of"),
    (19, "jea must be true or false"),
    (20, "password must be a reference"),
    (21, "must say tenantId and signIn"),
    (22, "'sandbox' is no tenant name"),
    (24, "certificate needs `certificateFile`"),
    (27, "clientId is missing"),
    (28, "exchange must say driver"),
    (31, "cloud must be one of worldwide, us-gov-gcc-high, us-gov-dod, china"),
    (32, "azure-cli has a client id of its own"),
]


def inventory_with(tmp_path: Path, text: str | bytes) -> Inventory:
    path = tmp_path / "tenants.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return Inventory(path)


def test_all_faults_of_an_inventory_at_once_each_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(InputFault) as caught:
        inventory_with(tmp_path, FAULTY).tenants()
    found = [(each.line, each.message) for each in caught.value.places]
    for line, words in FAULTS:
        assert any(abs(place - line) <= 1 and words in message for place, message in found), (line, words, found)
    assert len(found) == len(FAULTS)
    assert all(each.column > 0 for each in caught.value.places)
    assert "hunter2" not in " ".join(map(str, caught.value.places)), "a secret typed by mistake is not repeated"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "tenants:",
        "tenants: []",
        "format: 2\ntenants: {}\n",
        "tenants: [",
        b"\xff",
        "tenants: !!python/name:os.system {}",
    ],
)
def test_an_inventory_that_is_none(tmp_path: Path, text: str | bytes) -> None:
    with pytest.raises(InputFault) as caught:
        inventory_with(tmp_path, text).tenants()
    assert caught.value.places


def test_no_secret_is_ever_in_the_inventory(home: Home) -> None:
    home.inventory.add(FULL)
    text = home.inventory.path.read_text()
    assert "env:HOST_PASSWORD" in text
    assert home.inventory.path.stat().st_mode & 0o077 == 0 or sys.platform == "win32"


# --- who else can write

OURS = ("contoso", "cryptshare/server", "default")


def locked(home: Home) -> None:
    with home.lock("contoso", "cryptshare/server:default"):
        pass


def begun(home: Home) -> str:
    return home.receipts.begin("contoso", "s", PLAN, CALLER, None).reference


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")
@pytest.mark.parametrize(
    ("place", "used"),
    [
        (".", lambda home: home.inventory.tenants()),
        ("tenants.yaml", lambda home: home.inventory.add(PLAIN)),
        (".", locked),
        ("locks", locked),
        (".", lambda home: home.instances.load(*OURS)),
        ("tenants", lambda home: home.instances.load(*OURS)),
        ("tenants/contoso", lambda home: home.instances.of("contoso")),
        ("tenants/contoso/cryptshare.server.default.yaml", lambda home: home.instances.load(*OURS)),
        (".", begun),
        ("receipts", begun),
        ("receipts/contoso", begun),
        ("receipts/contoso", lambda home: home.receipts.deeds(*OURS)),
        ("receipt", lambda home: home.receipts.deeds(*OURS)),
    ],
)
def test_what_others_can_write_decides_nothing(home: Home, place: str, used: Callable[[Home], object]) -> None:
    home.inventory.add(PLAIN)
    home.instances.save("contoso", INSTANCE)
    locked(home)
    receipt = Path(begun(home))
    used(home)
    path = receipt if place == "receipt" else home.root / place
    mode = path.stat().st_mode
    path.chmod(mode | 0o002)
    with pytest.raises(SinkFault) as refused:
        used(home)
    assert str(refused.value.advice).endswith(f"chmod go-w {path}")
    path.chmod(mode)
    used(home)


# --- receipts

CHANGE = Change(Address("client_access.sender"), "client_access", Action.UPDATE, Part.EXCHANGE, "Switch SMTP AUTH on")
KEPT = replace(CHANGE, address=Address("application.main"), action=Action.KEEP)
PLAN = Plan(
    TenantId(GUID), "Contoso", True, "cryptshare/server", "T", "guide", "default", "f" * 64, (),
    (PlannedChange(CHANGE, Ready()), PlannedChange(KEPT, Ready())),
)  # fmt: skip
CALLER = Caller("user", "anna \u202e\x1b[31m", "o-1")


def lines(reference: str) -> list[dict[str, Any]]:
    return [json.loads(each) for each in Path(reference).read_text(encoding="ascii").splitlines()]


def outcome(state: ChangeState = ChangeState.DONE, *before: tuple[str, str | None]) -> ChangeOutcome:
    return ChangeOutcome(CHANGE.address, state, "Switch SMTP AUTH on", request_id="r-1", before=before)


def test_a_receipt_says_who_did_what_and_how_it_ended(home: Home) -> None:
    receipt = home.receipts.begin("contoso", "s" * 64, PLAN, CALLER, "ticket 4711")
    (begun,) = lines(receipt.reference)
    assert begun["event"] == "begun"
    assert begun["who"] == {"kind": "user", "name": CALLER.name, "objectId": "o-1"}
    assert (begun["ticket"], begun["sandbox"], begun["schemaVersion"]) == ("ticket 4711", True, 1)
    assert [each["address"] for each in begun["changes"]] == ["client_access.sender"], "what is kept is no deed"
    receipt.finish((outcome(ChangeState.DONE, ("SMTP AUTH", "off")),))
    finished = lines(receipt.reference)[1]
    assert finished["event"] == "finished"
    assert finished["outcomes"] == [
        {
            "address": "client_access.sender",
            "state": "done",
            "message": "Switch SMTP AUTH on",
            "requestId": "r-1",
            "before": {"SMTP AUTH": "off"},
        }
    ]


def test_each_run_has_a_receipt_of_its_own(home: Home) -> None:
    references = {home.receipts.begin("contoso", "s", PLAN, CALLER, None).reference for _ in range(20)}
    assert len(references) == 20


def test_before_is_what_our_first_change_found(home: Home) -> None:
    """The second run found our own value; that is not what was there before us."""
    assert home.receipts.before("contoso", PLAN.playbook, PLAN.instance, CHANGE.address) == ()
    folder = Path(home.receipts.begin("contoso", "s", PLAN, CALLER, None).reference).parent
    for name, state, before in (
        ("1", ChangeState.FAILED, (("SMTP AUTH", "never happened"),)),
        ("2", ChangeState.DONE, (("SMTP AUTH", "as the organisation: off"),)),
        ("3", ChangeState.DONE, (("SMTP AUTH", "on"),)),
    ):
        receipt = home.receipts.begin("contoso", "s", PLAN, CALLER, None)
        receipt.finish((outcome(state, *before),))
        Path(receipt.reference).rename(folder / f"{name}.jsonl")
    assert home.receipts.before("contoso", PLAN.playbook, PLAN.instance, CHANGE.address) == (
        ("SMTP AUTH", "as the organisation: off"),
    )
    assert home.receipts.before("contoso", PLAN.playbook, PLAN.instance, Address("client_access.other")) == ()
    assert home.receipts.before("contoso", PLAN.playbook, "another", CHANGE.address) == (), (
        "the same address, another product"
    )
    assert home.receipts.before("fabrikam", PLAN.playbook, PLAN.instance, CHANGE.address) == ()


def test_last_done_is_our_newest_change(home: Home) -> None:
    assert home.receipts.last_done("contoso", PLAN.playbook, PLAN.instance, CHANGE.address) is None
    receipt = home.receipts.begin("contoso", "s", PLAN, CALLER, None)
    assert home.receipts.last_done("contoso", PLAN.playbook, PLAN.instance, CHANGE.address) is None, "begun is not done"
    receipt.finish((outcome(ChangeState.FAILED),))
    assert home.receipts.last_done("contoso", PLAN.playbook, PLAN.instance, CHANGE.address) is None
    receipt.finish((outcome(),))
    found = home.receipts.last_done("contoso", PLAN.playbook, PLAN.instance, CHANGE.address)
    assert found is not None
    assert datetime.now(UTC) - found < timedelta(minutes=1)


@pytest.mark.parametrize("cut", ['{"event": "fin', "", "[1]", '{"outcomes": 5}', '{"outcomes": [5]}', "\x00\x00"])
def test_a_line_cut_short_by_a_crash_says_nothing(home: Home, cut: str) -> None:
    receipt = home.receipts.begin("contoso", "s", PLAN, CALLER, None)
    receipt.finish((outcome(ChangeState.DONE, ("SMTP AUTH", "off")),))
    with Path(receipt.reference).open("a") as file:
        file.write(cut)
    assert home.receipts.before("contoso", PLAN.playbook, PLAN.instance, CHANGE.address) == (("SMTP AUTH", "off"),)
    assert home.receipts.last_done("contoso", PLAN.playbook, PLAN.instance, CHANGE.address) is not None


# --- locks


def test_one_run_at_a_time_and_the_other_is_told(home: Home) -> None:
    with home.lock("contoso", "a_default"):
        with (
            pytest.raises(SinkFault, match=f"in use by process {os.getpid()}") as caught,
            home.lock("contoso", "a_default"),
        ):
            pass
        assert caught.value.advice
        with home.lock("contoso", "b_default"), home.lock("fabrikam", "a_default"):
            pass
    with home.lock("contoso", "a_default"):
        pass


def test_a_lock_ends_with_its_process_however_it_ends(home: Home) -> None:
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from provisioner.home import Home\n"
        "with Home(Path(sys.argv[1])).lock('contoso', 'a_default'):\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(home.root)], check=False)
    assert ended.returncode != 0
    with home.lock("contoso", "a_default"):
        pass


def test_a_lock_let_go_by_an_error_is_free(home: Home) -> None:
    with pytest.raises(KeyError), home.lock("contoso", "a_default"):
        raise KeyError
    with home.lock("contoso", "a_default"):
        pass


@pytest.mark.parametrize("name", ["../../etc", "a/b", "sandbox:rest,operator", "..", "\u202e"])
def test_a_locks_name_stays_in_its_folder(home: Home, name: str) -> None:
    with home.lock(name, "a_default"):
        (lock,) = (home.root / "locks").iterdir()
        assert lock.name.endswith(".lock")


# --- a home that cannot be used


def test_every_fault_of_the_disk_is_ours_and_told(tmp_path: Path) -> None:
    """A file where the directory should be: nothing may surface as a bare OSError."""
    (tmp_path / "file").write_text("")
    home = Home(tmp_path / "file")

    def lock() -> None:
        with home.lock("contoso", "a_default"):
            raise AssertionError("there is no such place")

    for attempt in (
        lock,
        lambda: home.instances.load("contoso", "cryptshare/server", "default"),
        lambda: home.instances.save("contoso", INSTANCE),
        lambda: home.inventory.tenants(),
        lambda: home.inventory.add(PLAIN),
        lambda: home.receipts.begin("contoso", "s", PLAN, CALLER, None),
    ):
        with pytest.raises(ProvisionerError) as caught:
            attempt()
        assert str(tmp_path) in caught.value.message


def test_where_home_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PROVISIONER_HOME", str(tmp_path))
    assert default_root() == tmp_path
    monkeypatch.setenv("PROVISIONER_HOME", "~/elsewhere")
    assert default_root() == Path.home() / "elsewhere"
    monkeypatch.setenv("PROVISIONER_HOME", "")
    assert default_root().name in (".provisioner", "provisioner")
