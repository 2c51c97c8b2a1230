"""Somebody takes our unique name first and keeps a key: nothing is opened to his application before a person knows."""

from __future__ import annotations

import base64
import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from tests.system.support import PARAMETERS, PLAYBOOK, SENDER, Sandbox, forked, fresh_home
from tests.system.tenant import UNIQUE_NAME, Administrator, only

LEFT = 3
GATE = "--allow-foreign-keys"
OPENING = {"app_role_grant", "mailbox_permission"}
FEDERATED = {
    "name": "theirs",
    "issuer": "https://token.actions.githubusercontent.com",
    "subject": "repo:mallory/x:ref:refs/heads/main",
    "audiences": ["api://AzureADTokenExchange"],
}


def ran(command: str, *arguments: str, home: Path, code: int | None = 0) -> dict[str, Any]:
    ended = forked(command, PLAYBOOK, "--tenant", "sandbox:rest", *PARAMETERS, *arguments, "-o", "json", home=home)
    assert code is None or ended.returncode == code, f"{ended.returncode}\n{ended.stdout}\n{ended.stderr}"
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer


def squatted(hand: Administrator) -> dict[str, Any]:
    """Somebody's application under our name, with our tag on it."""
    return hand.graph(
        "POST",
        "/applications",
        {
            "displayName": "Cryptshare Server",
            "uniqueName": UNIQUE_NAME,
            "signInAudience": "AzureADMyOrg",
            "tags": ["provisioner:cryptshare/server:default"],
        },
    )


def opening(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["kind"]: each for each in answer["changes"] if each["kind"] in OPENING}


def opened(sandbox: Sandbox, app_id: str) -> tuple[list[Any], list[Any]]:
    state = sandbox.state()
    principals = {each["id"] for each in state["servicePrincipals"] if each["appId"] == app_id}
    ours = {each["sid"] for each in state.get("exchangeServicePrincipals", []) if each["appId"] == app_id}
    return (
        [each for each in state["appRoleAssignments"] if each["principalId"] in principals],
        [each for each in state["mailboxPermissions"] if each["sid"] in ours],
    )


def test_a_key_of_somebody_else(sandbox: Sandbox, home: Path) -> None:
    hand = Administrator(sandbox)
    made = squatted(hand)
    secret = hand.graph("POST", f"/applications/{made['id']}/addPassword", {"passwordCredential": {"displayName": "x"}})
    for _ in range(2):  # the first run must not make it known to this home
        held = ran("onboard", "--yes", home=home, code=LEFT)
        assert {(each["standing"], each["flag"]) for each in opening(held).values()} == {("blocked", GATE)}
        assert secret["keyId"] in opening(held)["app_role_grant"]["reason"]
        assert opened(sandbox, made["appId"]) == ([], [])
    ran("apply", "--yes", GATE, home=home)
    roles, rights = opened(sandbox, made["appId"])
    assert (len(roles), len(rights)) == (1, 1), "a person has vouched for it"
    again = ran("plan", home=home)
    assert {each["action"] for each in again["changes"]} == {"keep"}
    notes = only([each for each in again["changes"] if each["kind"] == "application"])["notes"]
    assert any(secret["keyId"] in each for each in notes), "and is told of it from then on"


@pytest.mark.parametrize("way", ["federated", "owner", "certificate"])
def test_other_ways_in(sandbox: Sandbox, home: Path, way: str) -> None:
    hand = Administrator(sandbox)
    made = squatted(hand)
    if way == "federated":
        hand.graph("POST", f"/applications/{made['id']}/federatedIdentityCredentials", FEDERATED)
        told = "theirs"
    elif way == "owner":
        person = next(each for each in sandbox.state()["users"] if each["displayName"])
        reference = {"@odata.id": f"https://graph.microsoft.com/v1.0/directoryObjects/{person['id']}"}
        hand.graph("POST", f"/applications/{made['id']}/owners/$ref", reference)
        told = person["displayName"]
    else:
        hand.graph("PATCH", f"/applications/{made['id']}", {"keyCredentials": [certificate()]})
        told = "of Mallory"
    held = ran("apply", "--yes", home=home, code=LEFT)
    reason = opening(held)["app_role_grant"]["reason"]
    assert told in reason, reason
    assert opened(sandbox, made["appId"]) == ([], [])


def certificate() -> dict[str, Any]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mallory")])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    der = signed.public_bytes(serialization.Encoding.DER)
    return {
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
        "displayName": "of Mallory",
        "key": base64.b64encode(der).decode(),
    }


def test_a_colleague_goes_on_without_a_flag_where_nothing_more_is_opened(
    sandbox: Sandbox, home: Path, tmp_path: Path
) -> None:
    ran("apply", "--yes", home=home)
    elsewhere = fresh_home(tmp_path / "elsewhere", sandbox)
    went_on = ran("apply", "--yes", home=elsewhere)
    assert {each["outcome"]["state"] for each in went_on["changes"]} <= {"done", "kept"}


def test_an_empty_application_of_our_name_is_what_an_interrupted_run_leaves(sandbox: Sandbox, home: Path) -> None:
    squatted(Administrator(sandbox))
    ran("apply", "--yes", home=home)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_saved_plan_vouches_only_for_what_it_shows_as_still_to_be_made(
    sandbox: Sandbox, home: Path, tmp_path: Path, when: str
) -> None:
    plan = tmp_path / "plan.json"
    hand = Administrator(sandbox)
    if when == "before":
        ran("plan", "--out", str(plan), home=home)
    made = squatted(hand)
    hand.graph("POST", f"/applications/{made['id']}/addPassword", {"passwordCredential": {"displayName": "x"}})
    if when == "after":
        hand.graph("PATCH", f"/applications/{made['id']}", {"displayName": "Another name"})
        shown = ran("plan", "--out", str(plan), home=home)
        assert "application.main" in {each["address"] for each in shown["changes"] if each["action"] == "update"}
    elsewhere = fresh_home(tmp_path / "elsewhere", sandbox)
    ran("apply", "--plan", str(plan), "--yes", home=elsewhere, code=None)
    roles, _ = opened(sandbox, made["appId"])
    assert len(roles) == (1 if when == "before" else 0)


def test_what_is_attached_opens_nothing_to_a_squatted_host(sandbox: Sandbox, home: Path) -> None:
    hand = Administrator(sandbox)
    body = {"displayName": "c-entron.NET", "uniqueName": "provisioner-centron-net-default-main"}
    made = hand.graph("POST", "/applications", {**body, "signInAudience": "AzureADMyOrg"})
    hand.graph("POST", f"/applications/{made['id']}/addPassword", {"passwordCredential": {"displayName": "x"}})
    hand.graph("POST", "/servicePrincipals", {"appId": made["appId"]})
    given = ("--set", f"calendar_mailbox={SENDER}", "--allow-tenant-wide")
    ended = forked(
        "apply", "centron/calendar-sync", "--tenant", "sandbox:rest", *given, "--yes", "-o", "json", home=home
    )
    assert ended.returncode == LEFT, ended.stdout
    grants = [each for each in json.loads(ended.stdout)["changes"] if each["kind"] == "app_role_grant"]
    assert {each["flag"] for each in grants} == {GATE}
    assert opened(sandbox, made["appId"]) == ([], [])
