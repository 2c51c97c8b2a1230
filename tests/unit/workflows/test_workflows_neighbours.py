"""Other onboardings on one application: known from instance files, as far as this home can read them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from provisioner.home import Home, InstanceFile
from provisioner.model.declaration import Declaration
from provisioner.model.identifiers import Address, AppId, TenantId
from provisioner.model.tenant import WORLDWIDE, SignIn, SignInMethod, Tenant
from provisioner.playbook import declare, find, load, parameters
from provisioner.workflows.neighbours import neighbours_of, sink_reference

ANNA = "anna@contoso.example"
GIVEN = {
    "centron/net": {"default_sender": ANNA},
    "centron/calendar-sync": {"calendar_mailbox": ANNA},
    "cryptshare/server": {"sender_mailbox": ANNA},
}
APP_ID = AppId("aaaaaaaa-0000-4000-8000-00000000000a")
CONTOSO = Tenant("contoso", TenantId("t"), WORLDWIDE, SignIn(SignInMethod.BROWSER, APP_ID))


def declaration(name: str, variant: str = "guide", instance: str = "default") -> Declaration:
    book = load(*find(name))
    return declare(book, variant=variant, parameters=parameters(book, dict(GIVEN[name])), instance=instance)


def noted(home: Home, name: str, variant: str = "guide", *, instance: str = "default", sink: str = "age") -> None:
    ids = ((Address("application.main"), APP_ID),)
    given = tuple(sorted(GIVEN.get(name, {}).items()))
    home.instances.save("contoso", InstanceFile(name, variant, instance, given, sink, ids))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def names(found: Declaration, home: Home) -> list[str]:
    return [each.playbook for each in neighbours_of(found, CONTOSO, home)]


def test_host_and_attached_know_each_other(home: Home) -> None:
    for name in GIVEN:
        noted(home, name)
    assert names(declaration("centron/net"), home) == ["centron/calendar-sync"]
    assert names(declaration("centron/calendar-sync"), home) == ["centron/net"]
    assert names(declaration("cryptshare/server"), home) == []


def test_another_instance_tenant_or_variant_shares_nothing(home: Home) -> None:
    noted(home, "centron/calendar-sync", "scoped")
    assert names(declaration("centron/net"), home) == []
    noted(home, "centron/calendar-sync")
    assert names(declaration("centron/net", instance="second"), home) == []
    assert neighbours_of(declaration("centron/net"), replace(CONTOSO, name="fabrikam"), home) == ()
    assert names(declaration("centron/calendar-sync", "scoped"), home) == []


def test_a_file_of_the_tenant_that_had_the_name_before_is_no_neighbour(home: Home) -> None:
    noted(home, "centron/calendar-sync")
    assert names(declaration("centron/net"), home) == ["centron/calendar-sync"]
    known = home.instances.load("contoso", "centron/calendar-sync", "default")
    assert known is not None
    home.instances.save("contoso", replace(known, tenant_id=TenantId("another")))
    assert names(declaration("centron/net"), home) == []


def test_what_cannot_be_read_is_left_out(home: Home) -> None:
    noted(home, "centron/net")
    noted(home, "vendor/own-playbook")
    home.instances.save("contoso", InstanceFile("centron/calendar-sync", "guide", "default", (), "age", ()))
    home.instances.path("contoso", "broken", "default").write_text("format: [", encoding="utf-8")
    assert len(home.instances.of("contoso")) == 3
    assert names(declaration("centron/net"), home) == [], "its parameters are missing"
    assert names(declaration("centron/calendar-sync"), home) == ["centron/net"]


def test_a_hosts_secret_is_looked_for_in_the_hosts_sink(home: Home) -> None:
    noted(home, "centron/net", sink="age:/elsewhere")
    attached = declaration("centron/calendar-sync")
    neighbours = neighbours_of(attached, CONTOSO, home)
    assert sink_reference(attached, neighbours, "age") == "age:/elsewhere"
    assert sink_reference(attached, (), "age") == "age"
    own = declaration("centron/calendar-sync", "scoped")
    assert sink_reference(own, neighbours, "age") == "age"
    assert sink_reference(declaration("centron/net"), (), "age") == "age"
