"""From options to a request: every fault of the options at once, and what comes from where."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest

from provisioner.cli.options import OnlyPart
from provisioner.cli.requesting import build_request, open_gates, seconds, what_follows
from provisioner.errors import InputFault
from provisioner.home import Home, InstanceFile
from provisioner.model.change import Gate, Part
from provisioner.model.identifiers import AppId, TenantId
from provisioner.model.tenant import WORLDWIDE, SignIn, SignInMethod, Tenant

CONTOSO = Tenant(
    "contoso",
    TenantId("7a3c0c8e-5a0b-4d7e-9a64-2f0c7f5f5b11"),
    WORLDWIDE,
    SignIn(SignInMethod.BROWSER, AppId("0d9c1f3e-7f0e-4a55-8c54-52e3c4a0e0aa")),
)
PLAYBOOK = "cryptshare/server"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.inventory.add(CONTOSO)
    return made


def request(home: Home, **given: Any) -> Any:
    options: dict[str, Any] = {
        "playbook": PLAYBOOK,
        "tenant": "contoso",
        "settings": None,
        "parameters_file": None,
        "instance": "default",
        "variant": "guide",
        "sink": None,
    }
    return build_request(home, **{**options, **given})


def fault(home: Home, **given: Any) -> InputFault:
    with pytest.raises(InputFault) as caught:
        request(home, **given)
    assert caught.value.exit_code == 4
    return caught.value


def test_a_request_holds_what_was_asked_and_the_playbooks_text(home: Home) -> None:
    made = request(
        home,
        settings=["sender_mailbox=a@contoso.example", "application_name=x=y"],
        only=OnlyPart.CONSENT,
        gates=(Gate.TWIN,),
        wait="2h",
        send=True,
        ticket="4711",
    )
    assert made.tenant == CONTOSO
    assert made.parameters == (("application_name", "x=y"), ("sender_mailbox", "a@contoso.example"))
    assert (made.only, made.gates, made.wait_seconds, made.send, made.ticket) == (
        Part.CONSENT,
        (Gate.TWIN,),
        7200.0,
        True,
        "4711",
    )
    assert "cryptshare" in made.playbook_text
    assert made.sink == "age"
    dataclasses.asdict(made)  # plain data


def test_all_faults_of_the_options_at_once(home: Home) -> None:
    error = fault(home, settings=["sender_mailbox", "a=b", "nothing"], instance="Default Instance", wait="soon")
    told = [(each.file, each.message) for each in error.places]
    assert [file for file, _ in told] == ["--set", "--set", "--instance", "--wait"]
    for words in ("'sender_mailbox'", "'nothing'", "'Default Instance'", "'soon'"):
        assert any(words in message for _, message in told)


@pytest.mark.parametrize("name", ["", "Default", "a b", "-a", "a-", "a/b", "..", "a" * 33, "ä", "a\n", "\u202ea"])
def test_names_that_are_no_instance(home: Home, name: str) -> None:
    (place,) = fault(home, instance=name).places
    assert place.file == "--instance"


@pytest.mark.parametrize("name", ["default", "a", "7", "a" * 32, "branch-2"])
def test_names_of_instances(home: Home, name: str) -> None:
    assert request(home, instance=name).instance == name


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("0", 0), ("00", 0), ("0s", 0), ("90s", 90), ("10m", 600), ("2h", 7200), ("30d", 2_592_000), (" 2 H ", 7200)],
)
def test_lengths_of_time(text: str, wanted: float) -> None:
    assert seconds(text) == wanted


@pytest.mark.parametrize("text", ["", "h", "-1", "1.5h", "2 weeks", "1h30m", "123456s", "∞", "٣h"])
def test_what_is_no_length_of_time(text: str) -> None:
    with pytest.raises(InputFault, match="no length of time") as caught:
        seconds(text)
    assert caught.value.advice


@pytest.mark.parametrize("text", ["200", "2", " 7 ", "01"])
def test_a_bare_number_is_refused_since_nobody_knows_what_it_counts(home: Home, text: str) -> None:
    with pytest.raises(InputFault, match=r"--due: .* has no unit") as caught:
        seconds(text, "--due")
    assert "30d" in str(caught.value.advice)
    (place,) = fault(home, wait=text).places
    assert (place.file, "has no unit" in place.message, "2h" in str(place.hint)) == ("--wait", True, True)


def test_an_unknown_tenant_names_the_nearest(home: Home) -> None:
    error = fault(home, tenant="contso")
    assert "did you mean contoso?" in error.message
    assert error.advice is not None
    assert "tenants add" in error.advice


def test_an_unknown_playbook_names_the_nearest(home: Home) -> None:
    error = fault(home, playbook="cryptshare/sever")
    assert "cryptshare/server" in f"{error.message} {error.advice} {error.places}"


def test_a_broken_playbook_is_told_before_any_tenant_is_looked_for(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("format: 1\nid: [\n")
    assert fault(home, playbook=str(path), tenant="nobody").places[0].file.endswith("broken.yaml")


# --- parameters from a file


def from_file(home: Home, path: Path, text: str | bytes, **more: Any) -> Any:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return request(home, parameters_file=str(path), **more)


def test_set_outweighs_the_file(home: Home, tmp_path: Path) -> None:
    text = "sender_mailbox: a@b.example\nsecret_lifetime_days: 90\nempty:\n"
    made = from_file(home, tmp_path / "p.yaml", text, settings=["sender_mailbox=c@d.example"])
    assert dict(made.parameters) == {"sender_mailbox": "c@d.example", "secret_lifetime_days": "90"}


@pytest.mark.parametrize(
    "text",
    [
        "[1, 2]",
        "sender_mailbox: [a]",
        "sender_mailbox: {a: b}",
        "5",
        "a: &x b\nc: *x",
        "a: !!python/name:os.system",
        b"\xff\xfe",
    ],
)
def test_a_faulty_parameters_file(home: Home, tmp_path: Path, text: str | bytes) -> None:
    with pytest.raises(InputFault):
        from_file(home, tmp_path / "p.yaml", text)


def test_a_parameters_file_that_is_not_there_or_a_directory(home: Home, tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.yaml", tmp_path):
        assert fault(home, parameters_file=str(path)).advice


# --- what an earlier run noted


def test_the_sink_of_an_earlier_run_is_used_again_unless_another_is_named(home: Home) -> None:
    home.instances.save("contoso", InstanceFile(PLAYBOOK, "guide", "default", (), "age:/vault", ()))
    assert request(home).sink == "age:/vault"
    assert request(home, sink="terminal").sink == "terminal"
    assert request(home, instance="second").sink == "age"


def test_a_broken_instance_file_stops_the_command(home: Home) -> None:
    path = home.instances.path("contoso", PLAYBOOK, "default")
    path.parent.mkdir(parents=True)
    path.write_text("sink: [")
    assert fault(home).places[0].file == str(path)


# --- gates, and what to type next


@pytest.mark.parametrize(
    ("given", "gates"),
    [
        ({}, ()),
        ({"tenant_wide": True}, (Gate.TENANT_WIDE,)),
        ({"restore": True}, (Gate.RESTORE,)),
        ({"twin": True}, (Gate.TWIN,)),
        ({"tenant_wide": True, "restore": True, "twin": True}, (Gate.TENANT_WIDE, Gate.RESTORE, Gate.TWIN)),
    ],
)
def test_each_flag_opens_its_own_gate(given: dict[str, bool], gates: tuple[Gate, ...]) -> None:
    assert open_gates(**given) == gates


@pytest.mark.skipif("sys.platform == 'win32'", reason="quoted for another shell there")
def test_what_to_type_next_is_safe_to_paste() -> None:
    assert what_follows(PLAYBOOK, "contoso", "default") == "cryptshare/server --tenant contoso"
    words = what_follows(
        "my book.yaml", "contoso", "second", settings=["application_name=$(rm -rf /) 'x'"], sink="age:/my vault"
    )
    assert words == (
        "'my book.yaml' --tenant contoso --instance second "
        "--set 'application_name=$(rm -rf /) '\"'\"'x'\"'\"'' --sink 'age:/my vault'"
    )


# --- secrets that are given, and onboardings that are there


def test_a_secret_that_can_be_read_once_only_is_not_used_up(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe would be empty when the proof asks for it; opening it would even wait for ever."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    monkeypatch.setenv("PASSWORD", "x")
    for reference in (f"file:{pipe}", "env:PASSWORD"):
        settings = ["mailbox=a@contoso.example", f"mailbox_password={reference}"]
        assert request(home, playbook="centron/vma", settings=settings, proving=True).parameters


def test_all_secrets_that_lead_nowhere_are_told_where_they_are_used(home: Home) -> None:
    given = {"playbook": "centron/vma", "settings": ["mailbox=a@contoso.example", "mailbox_password=env:NOT_SET"]}
    (place,) = fault(home, **given, proving=True).places
    assert "mailbox_password: env:NOT_SET" in place.message
    assert request(home, **given).parameters, "to plan, nothing has to be read"


def test_an_onboarding_that_nobody_here_knows_is_missed_before_its_parameters_are(home: Home) -> None:
    error = fault(home, existing=True)
    assert "no such onboarding here: cryptshare/server, instance default, in tenant contoso" in error.message
    assert "there is none in this tenant" in str(error.advice)
    assert request(home, existing=True, settings=["sender_mailbox=a@contoso.example"]).parameters
    made = InstanceFile(PLAYBOOK, "guide", "two", (("sender_mailbox", "a@contoso.example"),), "age", ())
    home.instances.save("contoso", made)
    assert request(home, existing=True, instance="two").instance == "two"
    assert f"there are {PLAYBOOK}, instance two" in str(fault(home, existing=True).advice)


def test_what_has_no_required_parameter_is_looked_for_in_the_tenant(home: Home) -> None:
    assert request(home, existing=True, playbook="provisioner/operator").parameters == ()
