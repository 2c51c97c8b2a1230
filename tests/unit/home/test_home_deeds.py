"""Who did what and when, read from receipts."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from provisioner.home import Home, Receipts
from provisioner.model.identifiers import Address, TenantId
from provisioner.model.observed import Caller
from provisioner.model.outcome import ChangeOutcome, ChangeState
from provisioner.model.plan import Plan

ADDRESS = Address("application.main")
TENANT_ID = TenantId("0f2c7d9e-54a1-4b8e-9d70-3a1f6c52b8e4")
PLAN = Plan(TENANT_ID, "Contoso", True, "cryptshare/server", "Cryptshare", "guide", "default", "0" * 64, (), ())
CALLER = Caller("application", "Operator", "c47a2b19-e853-4d06-b7f9-5d80a1e6c3f2")


def noted(home: Home, plan: Plan, state: ChangeState, *, name: str = "Operator", ticket: str | None = None) -> Path:
    receipt = home.receipts.begin("contoso", "scope", plan, replace(CALLER, name=name), ticket)
    receipt.finish((ChangeOutcome(ADDRESS, state, request_id="r1"),))
    return Path(receipt.reference)


def renamed(path: Path, first: str) -> None:
    """Receipts are read in the order of their names, which begin with their second."""
    path.rename(path.with_name(f"{first}-{path.name}"))


def test_the_last_one_who_did_it_counts(tmp_path: Path) -> None:
    home = Home(tmp_path)
    renamed(noted(home, PLAN, ChangeState.DONE, name="Ada", ticket="T1"), "1")
    renamed(noted(home, PLAN, ChangeState.DONE, name="Bob", ticket="T2"), "2")
    renamed(noted(home, PLAN, ChangeState.KEPT, name="Eve"), "3")

    (deed,) = home.receipts.deeds("contoso", "cryptshare/server", "default")

    assert (deed.address, deed.who, deed.ticket, deed.request_id) == (ADDRESS, "Bob", "T2", "r1")
    assert abs((datetime.now(UTC) - deed.when).total_seconds()) < 60


def test_another_onboarding_with_the_same_addresses_does_not_count(tmp_path: Path) -> None:
    home = Home(tmp_path)
    noted(home, replace(PLAN, playbook="monitor/erp"), ChangeState.DONE)
    noted(home, replace(PLAN, instance="second"), ChangeState.DONE)

    assert home.receipts.deeds("contoso", "cryptshare/server", "default") == ()
    assert len(home.receipts.deeds("contoso", "monitor/erp", "default")) == 1


def test_a_receipt_cut_short_says_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path)
    path = noted(home, PLAN, ChangeState.DONE)
    text = path.read_text()
    path.write_text(text[: len(text) - 20])

    assert home.receipts.deeds("contoso", "cryptshare/server", "default") == ()


def test_whoever_has_no_name_has_an_object_id(tmp_path: Path) -> None:
    home = Home(tmp_path)
    path = noted(home, PLAN, ChangeState.DONE)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[0]["who"]["name"] = ""
    path.write_text("".join(json.dumps(each) + "\n" for each in lines))

    (deed,) = home.receipts.deeds("contoso", "cryptshare/server", "default")
    assert deed.who == CALLER.object_id


def test_there_may_be_no_receipts(tmp_path: Path) -> None:
    assert Receipts(tmp_path / "nowhere").deeds("contoso", "cryptshare/server", "default") == ()


def test_since_when_a_thing_is_known_to_be_so(tmp_path: Path) -> None:
    home = Home(tmp_path)

    def since() -> datetime | None:
        return home.receipts.known_since("contoso", "cryptshare/server", "default", "scoped", ADDRESS)

    def at(second: int, plan: Plan, state: ChangeState) -> datetime:
        moment = datetime(2026, 11, 22, 12, 0, second, tzinfo=UTC)
        receipt = home.receipts.begin("contoso", "scope", plan, CALLER, None, lambda: moment)
        receipt.finish((ChangeOutcome(ADDRESS, state),))
        return moment

    scoped = replace(PLAN, variant="scoped")
    assert since() is None
    at(1, PLAN, ChangeState.DONE)
    assert since() is None, "another variant's deed tells nothing"
    at(2, scoped, ChangeState.FAILED)
    assert since() is None
    found = at(3, scoped, ChangeState.KEPT)
    at(4, scoped, ChangeState.KEPT)
    assert since() == found, "first found so"
    changed = at(5, scoped, ChangeState.DONE)
    at(6, scoped, ChangeState.KEPT)
    assert since() == changed
    at(7, PLAN, ChangeState.KEPT)
    assert since() is None, "a run in another variant makes it void"
