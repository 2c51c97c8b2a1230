"""What somebody sees who comes back to an onboarding: its own variant, what is left by hand, and lines that work."""

from __future__ import annotations

import itertools
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.system.chain.steps import document
from tests.system.chain.test_chain_products import REDIRECT, given
from tests.system.support import SENDER, Sandbox, forked
from tests.system.tenant import SALES

NET = ("--set", f"default_sender={SENDER}")
ERP = ("--set", f"sender_mailbox={SENDER}", "--set", f"incoming_mailbox={SALES}")


def onboard(playbook: str, *arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    return forked("onboard", playbook, "--tenant", "sandbox", *arguments, "--yes", "--allow-twin", home=home)


def told(text: str) -> list[list[str]]:
    """The commands that a screen ends with, split as a shell would."""
    lines = text.splitlines()
    return [shlex.split(line) for before, line in itertools.pairwise(lines) if before.startswith("Next, ")]


def test_handing_over_is_about_the_variant_that_was_onboarded(sandbox: Sandbox, home: Path) -> None:
    onboard("centron/net", "--variant", "scoped", *NET, "--allow-organisation-wide", home=home)
    page = document(forked("handover", "centron/net", "--tenant", "sandbox", "--evidence", "-o", "json", home=home))
    assert page["variant"] == "scoped"
    assert {each["action"] for each in page["changes"]} == {"keep"}


def test_what_is_left_by_hand_is_listed_each_time(sandbox: Sandbox, home: Path) -> None:
    first = onboard("monitor/erp", *ERP, "--allow-tenant-wide", home=home)
    again = onboard("monitor/erp", *ERP, "--allow-tenant-wide", home=home)
    for each in (first, again):
        assert each.returncode == 3, each.stdout + each.stderr
        assert "See that EWS is open for every further mailbox" in each.stdout
        assert "2 by hand" in each.stdout
        assert [words[1] for words in told(each.stdout)] == ["onboard", "handover"]


def test_a_closed_gate_ends_with_a_line_that_opens_it(sandbox: Sandbox, home: Path) -> None:
    held = onboard("centron/net", *NET, home=home)
    assert held.returncode == 3, held.stdout + held.stderr
    (line,) = told(held.stdout)
    assert line[-1] == "--allow-tenant-wide"
    opened = forked(*line[1:], "--yes", "--allow-twin", home=home)
    assert "blocked" not in opened.stdout
    assert "A second plan is empty" in opened.stdout


def test_where_nothing_was_carried_out_the_line_says_the_parameters_again(
    sandbox: Sandbox, home: Path, tmp_path: Path
) -> None:
    redirect = "https://product.contoso.example/a/b"
    words = ("--set", f"redirect_uri={redirect}", "--set", "user_group=Mail Users", "--variant", "scoped")
    nobody = "sandbox:plain-user"
    held = forked("onboard", "cryptshare/owa", "--tenant", nobody, *words, "--yes", "--allow-twin", home=home)
    assert held.returncode == 3, held.stdout + held.stderr
    lines = told(held.stdout)
    assert lines
    for line in lines:
        assert "user_group=Mail Users" in line
        typed = [str(tmp_path / "plan.json") if each == "FILE" else each for each in line[1:]]
        assert forked(*typed, *(["--yes"] if line[1] == "apply" else []), home=home).returncode != 4


@pytest.mark.parametrize("more", [("--ics", "expiry.ics"), ("--encrypt-to", "age1")])
def test_a_product_without_a_secret_has_its_page_all_the_same(
    more: tuple[str, str], sandbox: Sandbox, home: Path, tmp_path: Path
) -> None:
    import pyrage

    onboard("cryptshare/owa", *given("cryptshare/owa", sandbox), home=home)
    option, value = more
    value = str(pyrage.x25519.Identity.generate().to_public()) if value == "age1" else str(tmp_path / value)
    page = tmp_path / "page.html"
    ended = forked(
        *("handover", "cryptshare/owa", "--tenant", "sandbox", "-o", "html", "--out", str(page)),
        *("--no-evidence", option, value),
        home=home,
    )
    assert ended.returncode == 0, ended.stderr
    assert page.exists()
    assert "secret" in ended.stderr
    assert {each.name for each in tmp_path.iterdir()} <= {"page.html", "home"}


def test_in_another_home_the_lines_say_the_parameters_again(sandbox: Sandbox, home: Path, tmp_path: Path) -> None:
    onboard("cryptshare/server", "--set", f"sender_mailbox={SENDER}", home=home)
    other = tmp_path / "other"
    other.mkdir()
    (other / "sandbox").symlink_to(sandbox.directory)
    words = ("--tenant", "sandbox", "--set", f"sender_mailbox={SENDER}")
    handed = forked("handover", "cryptshare/server", *words, home=other)
    (line,) = told(handed.stdout)
    assert line[1:] == ["apply", "cryptshare/server", *words]


def test_a_second_instance_is_no_twin_of_the_first(sandbox: Sandbox, home: Path) -> None:
    words = ("--set", f"redirect_uri={REDIRECT}")
    for each, mailbox in (("default", SENDER), ("sales", SALES)):
        arguments = ("--tenant", "sandbox", "--instance", each, "--set", f"mailbox={mailbox}", *words, "--yes")
        made = forked("onboard", "xcally/motion", *arguments, home=home)
        assert "blocked" not in made.stdout, made.stdout
        assert "A second plan is empty" in made.stdout
