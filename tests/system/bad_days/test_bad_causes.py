"""One `535 5.7.3` has many causes. Each precondition is broken in turn, and `verify` names exactly the broken one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.system.chain.steps import onboarded, proofs, result
from tests.system.support import SENDER, Sandbox
from tests.system.tenant import Administrator, only, our_application

DAY = 86400


def _ours(sandbox: Sandbox, collection: str, key: str, value: str) -> dict[str, Any]:
    return only([each for each in sandbox.state()[collection] if each[key] == value])


def _pointer(sandbox: Sandbox) -> dict[str, Any]:
    return _ours(sandbox, "exchangeServicePrincipals", "appId", our_application(sandbox.state())["appId"])


def _consent_revoked(sandbox: Sandbox, home: Path) -> None:
    grant = _ours(sandbox, "appRoleAssignments", "principalDisplayName", "Cryptshare Server")
    sandbox.unplant("appRoleAssignments", grant["id"])


def _pointer_removed(sandbox: Sandbox, home: Path) -> None:
    sandbox.unplant("exchangeServicePrincipals", _pointer(sandbox)["id"])


def _pointer_with_the_registrations_id(sandbox: Sandbox, home: Path) -> None:
    registration = our_application(sandbox.state())["id"]
    sandbox.plant("exchangeServicePrincipals", {**_pointer(sandbox), "objectId": registration})


def _right_removed(sandbox: Sandbox, home: Path) -> None:
    right = _ours(sandbox, "mailboxPermissions", "sid", _pointer(sandbox)["sid"])
    sandbox.unplant("mailboxPermissions", right["id"])


def _smtp_auth_off(sandbox: Sandbox, home: Path) -> None:
    Administrator(sandbox).cmdlet("Set-CASMailbox", Identity=SENDER, SmtpClientAuthenticationDisabled=True)


def _smtp_auth_as_the_organisation(sandbox: Sandbox, home: Path) -> None:
    Administrator(sandbox).cmdlet("Set-CASMailbox", Identity=SENDER, SmtpClientAuthenticationDisabled=None)


def _mailbox_removed(sandbox: Sandbox, home: Path) -> None:
    sandbox.unplant("mailboxes", _ours(sandbox, "mailboxes", "primarySmtpAddress", SENDER)["id"])


def _secret_expired(sandbox: Sandbox, home: Path) -> None:
    sandbox.advance(181 * DAY)


def _application_disabled(sandbox: Sandbox, home: Path) -> None:
    principal = _ours(sandbox, "servicePrincipals", "displayName", "Cryptshare Server")
    sandbox.plant("servicePrincipals", {**principal, "accountEnabled": False})


def _service_principal_gone(sandbox: Sandbox, home: Path) -> None:
    principal = _ours(sandbox, "servicePrincipals", "displayName", "Cryptshare Server")
    sandbox.unplant("servicePrincipals", principal["id"])


def _wrong_secret(sandbox: Sandbox, home: Path) -> None:
    """The Secret ID stored where the Value belongs, as a person does it."""
    from pyrage import encrypt, x25519

    recipient = x25519.Recipient.from_str((home / "age" / "recipients").read_text().split()[0])
    (slot,) = (home / "secrets").glob("*/*.json")
    content = json.loads(slot.read_text())
    (key_id,) = content["values"]
    content["values"][key_id] = encrypt(key_id.encode(), [recipient], armored=True).decode()
    slot.write_text(json.dumps(content))


Break = Callable[[Sandbox, Path], None]

BROKEN: list[tuple[str, Break, dict[str, tuple[str, tuple[str, ...]]]]] = [
    # what is broken, and for each proof that notices: state and causes
    ("consent", _consent_revoked, {"token": ("failed", ("requested_not_granted",))}),
    ("consent", _consent_revoked, {"smtp_submission": ("failed", ("requested_not_granted",))}),
    ("pointer", _pointer_removed, {"smtp_submission": ("failed", ("pointer_missing",))}),
    (
        "pointer of the registration",
        _pointer_with_the_registrations_id,
        {"smtp_submission": ("failed", ("pointer_has_registration_object_id",))},
    ),
    ("right", _right_removed, {"smtp_submission": ("failed", ("mailbox_right_missing",))}),
    ("SMTP AUTH", _smtp_auth_off, {"smtp_submission": ("failed", ("smtp_auth_off",))}),
    (
        "SMTP AUTH of the organisation",
        _smtp_auth_as_the_organisation,
        {"smtp_submission": ("failed", ("smtp_auth_off",))},
    ),
    ("mailbox", _mailbox_removed, {"smtp_submission": ("failed", ("mailbox_missing",))}),
    ("secret expired", _secret_expired, {"token": ("failed", ("secret_expired",))}),
    ("application disabled", _application_disabled, {"token": ("failed", ("application_disabled",))}),
    ("secret id", _wrong_secret, {"token": ("failed", ("secret_id_or_fresh_secret",))}),
]


@pytest.mark.parametrize(
    ("name", "break_it", "wanted"), BROKEN, ids=[f"{each[0]}-{next(iter(each[2]))}" for each in BROKEN]
)
def test_the_cause_is_named(
    name: str, break_it: Break, wanted: dict[str, tuple[str, tuple[str, ...]]], sandbox: Sandbox, home: Path
) -> None:
    onboarded(home, tenant="sandbox:rest")
    sandbox.advance(3 * 3600)  # nothing is young any more
    break_it(sandbox, home)
    answer = result("verify", "--send", home=home, tenant="sandbox:rest", code=1)
    found = {each["name"]: (each["state"], tuple(each["causes"])) for each in answer["proofs"]}
    for proof, expected in wanted.items():
        assert found[proof] == expected, answer["proofs"]
    assert found["mailbox_refused"][0] != "passed" or "token" not in wanted, "a refusal for another reason is no proof"
    broken = [each for each in answer["proofs"] if each["name"] in wanted]
    assert all(each["advice"] for each in broken)


def test_a_neighbour_who_can_be_reached_is_a_failure(sandbox: Sandbox, home: Path) -> None:
    onboarded(home, tenant="sandbox:rest")
    right = _ours(sandbox, "mailboxPermissions", "sid", _pointer(sandbox)["sid"])
    neighbour = _ours(sandbox, "mailboxes", "alias", "neighbour")
    too_wide = {**right, "mailbox": neighbour["id"], "id": right["id"].replace(right["mailbox"], neighbour["id"])}
    sandbox.plant("mailboxPermissions", too_wide)
    answer = result("verify", "--send", home=home, tenant="sandbox:rest", code=1)
    (refused,) = [each for each in answer["proofs"] if each["name"] == "mailbox_refused"]
    assert (refused["state"], refused["causes"]) == ("failed", ["scope_too_wide"])


def test_who_may_not_read_says_one_of(sandbox: Sandbox, home: Path) -> None:
    """An auditor without rights in Exchange: what was not seen stays possible, and nothing is claimed."""
    onboarded(home, tenant="sandbox:rest")
    sandbox.advance(3 * 3600)
    _right_removed(sandbox, home)
    answer = result("verify", "--send", home=home, tenant="sandbox:plain-user,rest", code=6)
    (submission,) = [each for each in answer["proofs"] if each["name"] == "smtp_submission"]
    assert submission["state"] == "not-yet", "430 4.2.0 calls itself transient, and nothing that was seen denies it"
    assert "mailbox_right_missing" in submission["causes"]
    assert len(submission["causes"]) > 1
    assert "one of" in submission["detail"]


@pytest.mark.parametrize("break_it", [_consent_revoked, _pointer_removed, _right_removed, _smtp_auth_off])
def test_the_advice_helps(break_it: Break, sandbox: Sandbox, home: Path) -> None:
    onboarded(home, tenant="sandbox:rest")
    sandbox.advance(3 * 3600)
    break_it(sandbox, home)
    result("apply", "--yes", home=home, tenant="sandbox:rest")
    assert set(proofs(result("verify", "--send", home=home, tenant="sandbox:rest")).values()) == {"passed"}


def test_young_and_right_is_not_yet(sandbox: Sandbox, home: Path) -> None:
    """The same answer of the service, a moment after the change: not yet, and it can be resumed."""
    from tests.system.support import fresh_home, running_sandbox

    with running_sandbox(home.parent / "late", profile="realistic", seed=21) as late:
        place = fresh_home(home.parent / "late-home", late)
        first = result("onboard", "--yes", "--send", home=place, tenant="sandbox:rest", code=6)
        assert "not-yet" in proofs(first).values()
        assert "failed" not in proofs(first).values()
        late.advance(2 * 3600)
        assert set(proofs(result("verify", "--send", home=place, tenant="sandbox:rest")).values()) == {"passed"}
