"""A mailbox's password, which the customer keeps: shown by reference in every form, and in the sealed letter alone."""

from __future__ import annotations

import os

import pytest
from pyrage import decrypt, x25519

from tests.system.leaks.conftest import Place
from tests.system.support import SENDER

PLAYBOOKS = {
    "centron/vma": ("--set", f"mailbox={SENDER}"),
    "cindercone/magma": ("--set", f"user={SENDER}", "--set", f"from_account={SENDER}"),
}
GIVEN = ("--set", "mailbox_password=env:MAILBOX_PASSWORD")


def the_password(place: Place) -> str:
    return (place.sandbox.directory / "cryptshare.password").read_text()


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_nothing_in_the_open(playbook: str, place: Place) -> None:
    password = the_password(place)

    def with_password() -> None:
        os.environ["MAILBOX_PASSWORD"] = password

    common = (playbook, "--tenant", "sandbox")
    kinds: set[str] = set()
    shown = []
    for code, *command in (
        (0, "plan", *common, *PLAYBOOKS[playbook], *GIVEN, "--out", "plan.json"),
        (3, "onboard", *common, *PLAYBOOKS[playbook], *GIVEN, "--yes", "--send", "-o", "markdown"),
        (0, "verify", *common, "--send", "-o", "json"),
        (0, "handover", *common),
        (0, "handover", *common, "-o", "json"),
        (0, "handover", *common, "-o", "markdown"),
        (0, "handover", *common, "-o", "env"),
        (0, "handover", *common, "-o", "html", "--out", "page.html", "--send"),
        (0, "remove", *common, "--yes"),
    ):
        ended, overheard = place.run(*map(str, command), before=with_password)
        assert ended.returncode == code, f"{command}\n{ended.stdout}\n{ended.stderr}"
        kinds |= overheard.kinds
        if command[0] == "handover" and "--out" not in command:
            shown.append(ended.stdout)
    assert "password" in kinds, "the password was never used, so nothing is proven"
    assert all("env:MAILBOX_PASSWORD" in each for each in shown), "the form says where the password lies"
    page = (place.root / "work" / "page.html").read_text()
    assert "with whoever set it up" in page, "the page is passed on: that there is one, and who has it"
    assert "env:MAILBOX_PASSWORD" not in page, "but not where it lies on this machine"
    assert not (leaks := place.leaks()), "\n".join(leaks)


@pytest.mark.parametrize(("form", "suffix"), [("html", ".html"), ("env", ".env")])
def test_only_who_holds_the_key_reads_it(form: str, suffix: str, place: Place) -> None:
    password = the_password(place)

    def with_password() -> None:
        os.environ["MAILBOX_PASSWORD"] = password

    common = ("cindercone/magma", "--tenant", "sandbox")
    key = x25519.Identity.generate()
    sealing = ("-o", form, "--no-evidence", "--out", f"form{suffix}", "--encrypt-to", str(key.to_public()))
    place.run("apply", *common, *PLAYBOOKS["cindercone/magma"], *GIVEN, "--yes", before=with_password)
    ended, _ = place.run("handover", *common, *sealing, before=with_password)
    assert ended.returncode == 0, ended.stderr
    letter = decrypt((place.root / "work" / "form.secrets.age").read_bytes(), [key]).decode()
    assert password in letter
    assert SENDER in letter
    assert not (leaks := place.leaks()), "\n".join(leaks)

    nowhere, _ = place.run("handover", *common, *sealing)
    assert nowhere.returncode == 4
    assert "env:MAILBOX_PASSWORD" in nowhere.stderr


def test_a_password_as_plain_text_is_refused_and_not_repeated(place: Place) -> None:
    password = the_password(place)
    given = ("--set", f"mailbox_password={password}")
    ended, _ = place.run("onboard", "centron/vma", "--tenant", "sandbox", *PLAYBOOKS["centron/vma"], *given, "--yes")
    assert ended.returncode == 4
    assert "env:NAME" in ended.stderr
    assert password not in ended.stdout + ended.stderr
    assert list((place.home / "tenants").glob("*/*")) == []
