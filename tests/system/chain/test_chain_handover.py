"""Handing over in every form there is, from a real onboarding: complete, true to the tenant, without the secret."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import pyrage
import pytest

from tests.system.chain.steps import document, onboarded, run
from tests.system.support import SENDER, Sandbox

FORMS = ("terminal", "json", "markdown", "html", "env")


@pytest.fixture
def reader() -> pyrage.x25519.Identity:
    """The vendor's support."""
    return pyrage.x25519.Identity.generate()


def stored_value(home: Path) -> str:
    """The client secret, opened with the age sink's own key."""
    (slot,) = (home / "secrets").glob("*/*.json")
    (sealed,) = json.loads(slot.read_text())["values"].values()
    keys = [line for line in (home / "age" / "identity").read_text().splitlines() if line.startswith("AGE-SECRET")]
    return bytes(pyrage.decrypt(sealed.encode(), [pyrage.x25519.Identity.from_str(keys[0])])).decode()


def test_every_form_has_every_value_and_none_the_secret(home: Path, sandbox: Sandbox) -> None:
    ids = onboarded(home)["applications"][0]
    secret = stored_value(home)
    before = sandbox.mark()

    for form in FORMS:
        ended = run("handover", "-o", form, "--evidence", "--send", home=home)
        assert ended.returncode == 0, ended.stderr
        for each in (ids["appId"], sandbox.endpoints["tenantId"], SENDER):
            assert each in ended.stdout, form
        assert secret not in ended.stdout + ended.stderr

    assert {each for each in sandbox.writes(before) if not each.startswith("smtp")} == set()


def test_evidence_is_seen_in_the_tenant_and_says_who_did_it(home: Path, sandbox: Sandbox) -> None:
    onboarded(home, "--ticket", "CHG-1041")

    found = document(run("handover", "-o", "json", "--evidence", home=home))

    assert {each["action"] for each in found["changes"]} == {"keep"}
    assert {each["address"] for each in found["deeds"]} == {each["address"] for each in found["changes"]}
    assert {(each["who"], each["ticket"]) for each in found["deeds"]} == {("Provisioner Operator", "CHG-1041")}
    assert [each["state"] for each in found["proofs"]] == ["passed", "not-proven", "not-proven"]
    assert found["seenAt"]


def test_without_asking_only_the_page_has_evidence(home: Path, sandbox: Sandbox) -> None:
    onboarded(home)

    assert document(run("handover", "-o", "json", home=home))["changes"] == []
    assert "Permissions granted" in run("handover", "-o", "html", home=home).stdout
    assert "Permissions granted" not in run("handover", "-o", "html", "--no-evidence", home=home).stdout


def test_what_is_gone_since_is_missing_on_the_page(home: Path, sandbox: Sandbox) -> None:
    onboarded(home)
    sandbox.advance(600)  # older than any replica: what is denied now is gone
    (grant,) = sandbox.state()["appRoleAssignments"][-1:]
    sandbox.unplant("appRoleAssignments", grant["id"])

    ended = run("handover", "-o", "html", home=home)

    assert ended.returncode == 1
    assert re.search(r'class="word">missing</span> <span>Grant admin consent to SMTP.SendAsApp', ended.stdout)


def test_files_are_for_the_owner_and_the_letter_for_its_reader(
    home: Path, sandbox: Sandbox, reader: pyrage.x25519.Identity, tmp_path: Path
) -> None:
    onboarded(home)
    page, calendar = tmp_path / "handover.html", tmp_path / "expiry.ics"

    ended = run(
        *("handover", "-o", "html", "--out", str(page), "--ics", str(calendar)),
        *("--encrypt-to", str(reader.to_public()), "--encrypt-to", str(pyrage.x25519.Identity.generate().to_public())),
        home=home,
    )

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == ""
    letter = tmp_path / "handover.secrets.age"
    assert {each.name for each in tmp_path.iterdir() if each.is_file()} == {page.name, calendar.name, letter.name}
    assert {stat.S_IMODE(each.stat().st_mode) for each in (page, calendar, letter)} == {0o600}
    secret = stored_value(home)
    assert secret in bytes(pyrage.decrypt(letter.read_bytes(), [reader])).decode().splitlines()
    for each in (page, calendar, letter):
        assert secret.encode() not in each.read_bytes()
    assert secret not in ended.stderr
    assert calendar.read_bytes().count(b"BEGIN:VEVENT\r\n") == 1


def test_an_env_file_with_its_secret_only_for_the_reader(
    home: Path, sandbox: Sandbox, reader: pyrage.x25519.Identity, tmp_path: Path
) -> None:
    onboarded(home)
    place = tmp_path / "app.env"

    run("handover", "-o", "env", "--out", str(place), "--encrypt-to", str(reader.to_public()), home=home)

    secret = stored_value(home)
    opened = bytes(pyrage.decrypt((tmp_path / "app.secrets.age").read_bytes(), [reader])).decode()
    assert f'CRYPTSHARE_SERVER_CLIENT_SECRET="{secret}"' in opened.splitlines()
    assert secret not in place.read_text()
    assert "CRYPTSHARE_SERVER_CLIENT_SECRET_REFERENCE=" in place.read_text()


def test_faults_are_told_before_the_tenant_is_asked(home: Path, sandbox: Sandbox, tmp_path: Path) -> None:
    before = sandbox.mark()

    nowhere = run("handover", "--encrypt-to", str(pyrage.x25519.Identity.generate().to_public()), home=home)
    nobody = run("handover", "--out", str(tmp_path / "x"), "--encrypt-to", "age1x", home=home)

    assert (nowhere.returncode, nobody.returncode) == (4, 4)
    assert "--out FILE" in nowhere.stderr
    assert "'age1x' is not an age recipient" in nobody.stderr
    assert sandbox.mark() == before
    assert not (tmp_path / "x").exists()


def test_before_the_first_apply_there_is_nothing_to_seal_or_to_remind_of(
    home: Path, sandbox: Sandbox, reader: pyrage.x25519.Identity, tmp_path: Path
) -> None:
    sealing = run("handover", "--out", str(tmp_path / "x"), "--encrypt-to", str(reader.to_public()), home=home)
    reminding = run("handover", "--ics", str(tmp_path / "x.ics"), home=home)

    assert (sealing.returncode, reminding.returncode) == (1, 1)
    assert "provisioner apply" in sealing.stderr
    assert "provisioner apply" in reminding.stderr
    assert {each.name for each in tmp_path.iterdir()} <= {"home"}
