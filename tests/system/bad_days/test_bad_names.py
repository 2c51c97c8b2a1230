"""Names from strangers: as a parameter, and on foreign objects that the plan shows. None may do but be read."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from tests.system.chain.steps import texts
from tests.system.support import PLAYBOOK, SENDER, Sandbox, forked
from tests.system.tenant import Administrator, our_application

NAMES = json.loads((Path(__file__).parents[2] / "data" / "hostile_names.json").read_text())["displayNames"]
FORMS = ("terminal", "markdown", "json")

HARMFUL = {
    *(chr(number) for number in range(0x20) if chr(number) not in "\n\t"),
    *(chr(number) for number in range(0x7F, 0xA0)),
    *"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029\ufeff",
}
"""What no output may hold raw: controls, and what turns the reading direction or the line."""


def _shown(finished: Any, form: str) -> str:
    shown: str = finished.stdout + finished.stderr
    assert "Traceback" not in shown, shown
    assert set(shown) & HARMFUL == set(), sorted(map(ascii, set(shown) & HARMFUL))
    if form == "json":
        assert finished.stdout.isascii()
        json.loads(finished.stdout)
    return shown


def _parameters(place: Path, name: str) -> tuple[str, ...]:
    """By a file: a command line takes neither NUL nor half a character."""
    file = place / "parameters.yaml"
    file.write_text(json.dumps({"sender_mailbox": SENDER, "application_name": name}))
    return "--parameters", str(file)


@pytest.mark.parametrize("entry", NAMES, ids=lambda entry: entry["id"])
def test_as_the_name_of_the_application(entry: dict[str, str], sandbox: Sandbox, home: Path, tmp_path: Path) -> None:
    name = entry["text"]
    arguments = (PLAYBOOK, "--tenant", "sandbox:rest", *_parameters(tmp_path, name))
    planned = forked("plan", *arguments, home=home)
    _shown(planned, "terminal")
    assert planned.returncode in (0, 4), planned.stderr
    if planned.returncode == 4:
        assert sandbox.history() == [], "refused, but only after requests"
        return
    applied = forked("apply", *arguments, "--yes", "-o", "json", home=home)
    _shown(applied, "json")
    assert applied.returncode == 0, applied.stdout
    name = unicodedata.normalize("NFC", name)
    assert our_application(sandbox.state())["displayName"] == name
    given = {each["name"]: each["value"] for each in json.loads(applied.stdout)["parameters"]}
    assert given["application_name"] == name, "a program gets the name as it is"
    again = forked("apply", *arguments, "--yes", "-o", "markdown", home=home)
    _shown(again, "markdown")
    assert again.returncode == 0
    pointer = [each["displayName"] for each in sandbox.state()["exchangeServicePrincipals"]]
    assert name in pointer, "the cmdlet got another text"


@pytest.mark.parametrize(
    "entry", [each for each in NAMES if each["id"] != "lone-surrogate"], ids=lambda entry: entry["id"]
)
def test_as_the_name_of_a_foreign_application(
    entry: dict[str, str], sandbox: Sandbox, home: Path, tmp_path: Path
) -> None:
    """A twin whose name begins with ours and goes on in a stranger's way is shown, and asked about."""
    name = "Cryptshare Server" + entry["text"]
    template = next(each for each in sandbox.state()["applications"] if each["displayName"] == "Scan to Mail")
    wish = {"resourceAppId": "00000002-0000-0ff1-ce00-000000000000", "resourceAccess": []}
    access = [{"id": "7146a1f0-8703-45b3-9eae-527a64c00995", "type": "Role"}]
    foreign = {
        **template,
        "id": "0badc0de-0000-4000-8000-0000000000aa",
        "appId": "0badc0de-0000-4000-8000-0000000000ab",
        "displayName": name,
        "requiredResourceAccess": [{**wish, "resourceAccess": access}],
    }
    sandbox.plant("applications", foreign)
    for form in FORMS:
        planned = forked(
            "plan", PLAYBOOK, "--tenant", "sandbox:rest", "--set", f"sender_mailbox={SENDER}", "-o", form, home=home
        )
        shown = _shown(planned, form)
        assert planned.returncode == 0, shown
        assert foreign["appId"] in shown, "the twin is not shown"
        assert "8 blocked" in shown or form == "json", "nothing is begun before somebody has decided"
    changes = json.loads(planned.stdout)["changes"]
    assert [each["gate"] for each in changes if each["gate"]] == ["twin"]
    assert any(name in each for each in texts(changes)), "a program gets the name as it is"


@pytest.mark.parametrize("entry", NAMES[1:8:2] + NAMES[13:15], ids=lambda entry: entry["id"])
def test_as_the_name_of_the_tenant_and_of_a_secret(entry: dict[str, str], sandbox: Sandbox, home: Path) -> None:
    arguments = (PLAYBOOK, "--tenant", "sandbox:rest", "--set", f"sender_mailbox={SENDER}")
    assert forked("apply", *arguments, "--yes", home=home).returncode == 0
    (organization,) = sandbox.state()["organization"]
    sandbox.plant("organization", {**organization, "displayName": entry["text"]})
    application = our_application(sandbox.state())
    secret = {"passwordCredential": {"displayName": entry["text"][:90]}}
    if "\x00" not in entry["text"]:
        Administrator(sandbox).graph("POST", f"/applications/{application['id']}/addPassword", secret)
    for form in FORMS:
        removal = forked("remove", *arguments, "-o", form, home=home)
        _shown(removal, form)
        assert removal.returncode == 4  # nobody said yes
