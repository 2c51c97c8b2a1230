"""Commands that need no tenant, through the program itself: usage, faulty input, the inventory, plan files."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner, Result

from provisioner.cli import plan_files
from provisioner.cli.lists import write_list
from provisioner.cli.main import app
from provisioner.cli.options import OutputForm
from provisioner.errors import InputFault, ProvisionerError
from provisioner.model.change import Action, Change, Part, PlannedChange, Ready
from provisioner.model.identifiers import Address, TenantId
from provisioner.model.plan import Plan, approve
from provisioner.model.results import Planned

GUID = "7a3c0c8e-5a0b-4d7e-9a64-2f0c7f5f5b11"
OTHER = "9f9f9f9f-0000-4000-8000-000000000009"
HOSTILE = json.loads((Path(__file__).parents[2] / "data" / "hostile_names.json").read_text())["displayNames"]
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("PROVISIONER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *arguments, **more: CliRunner().invoke(app, [*arguments], **more)


def document(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout)
    assert found["schemaVersion"] == 1
    return found


FAULTY_INPUT = [
    ("no such playbook", ["plan", "cryptshare/sever", "--tenant", "sandbox"]),
    ("no such tenant", ["plan", "cryptshare/server", "--tenant", "nobody"]),
    ("a setting without a value", ["plan", "cryptshare/server", "--tenant", "nobody", "--set", "x"]),
    ("a plan file that is not there", ["apply", "cryptshare/server", "--tenant", "nobody", "--plan", "/nowhere.json"]),
    ("a wait that is none", ["verify", "cryptshare/server", "--tenant", "nobody", "--wait", "soon"]),
    ("an instance that is none", ["remove", "cryptshare/server", "--tenant", "nobody", "--instance", "A B"]),
    ("--reveal without a terminal", ["handover", "cryptshare/server", "--tenant", "nobody", "--reveal"]),
    ("rotate within no time", ["rotate", "cryptshare/server", "--tenant", "nobody", "--due", "soon"]),
    ("onboard nowhere", ["onboard", "cryptshare/server", "--tenant", "nobody"]),
    ("a playbook that is none", ["playbooks", "show", "nowhere/nothing"]),
    ("playbooks that are none", ["playbooks", "check", "nowhere/nothing"]),
]


@pytest.mark.parametrize("arguments", [row[1] for row in FAULTY_INPUT], ids=[row[0] for row in FAULTY_INPUT])
def test_faulty_input_ends_with_4_and_one_clear_error_in_every_form(run: Run, arguments: list[str]) -> None:
    told = run(*arguments)
    assert (told.exit_code, told.stdout) == (4, "")
    assert told.stderr.startswith("error: ")
    assert "Traceback" not in told.stderr
    as_json = run(*arguments, "-o", "json")
    assert (as_json.exit_code, as_json.stderr) == (4, "")
    assert document(as_json)["error"]["message"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["plan"],
        ["plan", "cryptshare/server"],
        ["frobnicate"],
        ["plan", "x", "--tenant", "y", "--frobnicate"],
        ["apply", "x", "--tenant", "y", "--only", "everything"],
        ["tenants", "add", "contoso", "--tenant-id", GUID, "--client-id", GUID, "--sign-in", "telepathy"],
        ["sandbox", "serve", "--profile", "kind"],
    ],
)
def test_wrong_usage_is_told_as_usage(run: Run, arguments: list[str]) -> None:
    ended = run(*arguments)
    assert ended.exit_code == 2
    assert ended.stdout == ""


def test_secrets_are_shown_on_a_terminal_only(run: Run) -> None:
    """Told before anything else, the tenant's name among it: nothing is asked for what cannot be shown."""
    told = run("handover", "cryptshare/server", "--tenant", "nobody", "--reveal")
    assert "shows secrets on a terminal only" in told.stderr


def test_the_inventory_through_the_program(run: Run, tmp_path: Path) -> None:
    add = ["tenants", "add", "contoso", "--tenant-id", GUID.upper(), "--client-id", GUID, "--sign-in", "client-secret"]
    assert run(*add, "--secret", "env:OPERATOR", "--exchange", "rest").exit_code == 0
    listed = document(run("tenants", "list", "-o", "json"))["tenants"]
    here = {"name": "contoso", "tenantId": GUID, "signIn": "client-secret", "exchange": "rest", "cloud": "worldwide"}
    assert listed == [here]
    assert "env:OPERATOR" in (tmp_path / "home" / "tenants.yaml").read_text()
    assert run("tenants", "remove", "contoso").exit_code == 0
    assert run("tenants", "remove", "contoso").exit_code == 4


def test_a_name_is_not_moved_to_another_tenant_and_a_replaced_entry_says_what_changed(run: Run) -> None:
    add = ["tenants", "add", "contoso", "--tenant-id", GUID, "--sign-in"]
    first = run(*add, "browser", "--client-id", GUID)
    assert first.exit_code == 0
    assert "changed" not in first.stderr
    moved = run("tenants", "add", "contoso", "--tenant-id", OTHER, "--client-id", GUID)
    assert moved.exit_code == 4
    for words in (GUID, OTHER, "provisioner tenants remove contoso", "another name"):
        assert words in moved.stderr
    (listed,) = document(run("tenants", "list", "-o", "json"))["tenants"]
    assert (listed["tenantId"], listed["signIn"]) == (GUID, "browser")
    replaced = run(*add, "azure-cli", "--exchange", "rest")
    assert replaced.exit_code == 0
    for words in ("signIn.method: browser -> azure-cli", f"signIn.clientId: {GUID} -> none", "none -> rest"):
        assert words in replaced.stderr
    assert run("tenants", "remove", "contoso").exit_code == 0
    assert run("tenants", "add", "contoso", "--tenant-id", OTHER, "--client-id", GUID).exit_code == 0


def test_all_faulty_options_of_a_tenant_at_once_and_no_secret_is_kept_or_repeated(run: Run, tmp_path: Path) -> None:
    ended = run(
        *("tenants", "add", "contoso", "--tenant-id", "contoso.example", "--client-id", "me"),
        *("--sign-in", "certificate", "--secret", "hunter2", "--exchange", "psrp", "--password", "hunter3"),
    )
    assert ended.exit_code == 4
    for words in ("contoso.example", "'me'", "--secret", "--password", "certificate needs it", "management host"):
        assert words in ended.stderr
    assert "hunter" not in ended.stderr
    assert not (tmp_path / "home").exists()


def test_a_tenant_of_another_cloud_that_brings_its_own_client_id(run: Run, tmp_path: Path) -> None:
    add = ["tenants", "add", "base", "--tenant-id", GUID, "--cloud", "us-gov-gcc-high", "--sign-in"]
    assert run(*add, "azure-cli").exit_code == 0
    (listed,) = document(run("tenants", "list", "-o", "json"))["tenants"]
    assert (listed["cloud"], listed["signIn"]) == ("us-gov-gcc-high", "azure-cli")
    assert "azure-cli has a client id of its own" in run(*add, "azure-cli", "--client-id", GUID).stderr
    assert "browser needs it" in run(*add, "browser").stderr
    assert run(*add[:-2], "moon", "--sign-in", "azure-cli").exit_code == 2


@pytest.mark.parametrize("name", ["sandbox", "Contoso Ltd", "../x", "contoso:rest"])
def test_a_name_that_would_spoil_the_inventory_is_refused(run: Run, name: str) -> None:
    ended = run("tenants", "add", name, "--tenant-id", GUID, "--client-id", GUID)
    assert ended.exit_code == 4
    assert run("tenants", "list").exit_code == 0


def test_a_broken_inventory_is_told_by_every_command_that_reads_it(run: Run, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "tenants.yaml").write_text("tenants: [")
    for arguments in (["tenants", "list"], ["tenants", "remove", "x"], ["plan", "cryptshare/server", "--tenant", "x"]):
        ended = run(*arguments)
        assert ended.exit_code == 4
        assert "tenants.yaml:1:" in ended.stderr


def test_a_home_that_cannot_be_is_told(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PROVISIONER_HOME", str(tmp_path / "file" / "home"))
    ended = run("tenants", "add", "contoso", "--tenant-id", GUID, "--client-id", GUID)
    assert ended.exit_code == 1
    assert "not a directory" in ended.stderr


def test_playbooks(run: Run, tmp_path: Path) -> None:
    assert "cryptshare/server" in run("playbooks", "list").stdout
    shown = document(run("playbooks", "show", "cryptshare/server", "-o", "json"))
    sender = next(each for each in shown["parameters"] if each["name"] == "sender_mailbox")
    assert sender == {**sender, "type": "mailbox", "required": True, "secret": False}
    assert run("playbooks", "check", "cryptshare/server").stdout == "cryptshare/server: good\n"
    assert json.loads(run("playbooks", "schema").stdout)["$schema"].startswith("https://json-schema.org/")
    broken = tmp_path / "broken.yaml"
    broken.write_text("format: 1\nfrobnicate: 2\n")
    ended = run("playbooks", "check", "cryptshare/server", str(broken), str(tmp_path / "nowhere.yaml"))
    assert ended.exit_code == 4
    assert f"{broken}:2:1" in ended.stderr
    assert "nowhere.yaml" in ended.stderr


def test_a_playbook_is_shown_whole_in_a_narrow_window(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = run("playbooks", "show", "centron/vma").stdout
    lines = [line.strip() for line in shown.splitlines()]
    assert all(len(line) <= 80 or "https://" in line for line in shown.splitlines())
    assert any(line.startswith("required  mailbox: ") for line in lines)
    assert any(line.startswith("optional  secret_lifetime_days: ") for line in lines), "a name is never broken"
    assert "example  vma@example.com" in lines
    assert "Where it lies: env:NAME, file:PATH or prompt:" in shown
    assert any(line.startswith("scoped: ") for line in lines)
    for title in ("Good to know", "Good to know for guide", "Good to know for scoped"):
        assert lines.count(title) == 1
    assert shown.count("Each attempt with a wrong password counts") == 1
    assert lines[-1] == "provisioner plan centron/vma --tenant TENANT --set mailbox=vma@example.com"
    assert "## Good to know for scoped" in run("playbooks", "show", "centron/vma", "-o", "markdown").stdout


# --- plan files


def a_plan(summary: str = "Register") -> Planned:
    change = Change(Address("application.main"), "application", Action.CREATE, Part.ENTRA, summary)
    plan = Plan(
        TenantId("t"), "Contoso", True, "p", "P", "guide", "default", "f" * 64, (), (PlannedChange(change, Ready()),)
    )
    return Planned(plan, approve("scope", plan))


@pytest.mark.parametrize("summary", [each["text"] for each in HOSTILE], ids=[each["id"] for each in HOSTILE])
def test_a_plan_file_comes_back_and_is_plain_ascii(tmp_path: Path, summary: str) -> None:
    planned = a_plan(summary)
    plan_files.save(tmp_path / "p.json", planned)
    assert plan_files.load(tmp_path / "p.json").approval == planned.approval
    assert (tmp_path / "p.json").read_bytes().isascii()


SAVED = {
    "schemaVersion": 2,
    "tenantId": "t",
    "playbook": "p",
    "playbookSha256": "f" * 64,
    "variant": "guide",
    "instance": "default",
    "parameters": {"mailbox": "a@b.example"},
    "scope": "s",
    "changes": [],
}


def saved(path: Path, **changed: Any) -> plan_files.SavedPlan:
    path.write_text(json.dumps({**SAVED, **changed}))
    return plan_files.load(path)


def test_a_plan_file_carries_what_it_is_about(tmp_path: Path) -> None:
    planned = a_plan()
    plan_files.save(tmp_path / "p.json", replace(planned, plan=replace(planned.plan, parameters=(("a", "1"),))))
    found = plan_files.load(tmp_path / "p.json")
    found.check(plan_files.About("t", "p", "f" * 64, "guide", "default", {"a": "1"}))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"tenantId": "u"}, ["tenant u, not t"]),
        ({"playbook": "q"}, ["playbook q, not p"]),
        ({"playbookSha256": "0"}, ["another text"]),
        ({"variant": "scoped"}, ["variant scoped, not guide"]),
        ({"instance": "two"}, ["instance two, not default"]),
        ({"parameters": {"mailbox": "c@d.example"}}, ["mailbox: 'c@d.example' in the plan, 'a@b.example' here"]),
        ({"parameters": {}}, ["mailbox: nothing in the plan, 'a@b.example' here"]),
        ({"variant": "scoped", "parameters": {}}, ["variant scoped", "mailbox: nothing"]),
    ],
)
def test_what_a_plan_file_is_not_about_is_named(tmp_path: Path, changed: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(InputFault) as caught:
        saved(tmp_path / "p.json", **changed).check(saved(tmp_path / "here.json").about)
    assert len(caught.value.places) == len(words)
    assert all(word in str(place) for word, place in zip(words, caught.value.places, strict=True))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "5",
        "null",
        "{}",
        json.dumps({**SAVED, "schemaVersion": 1}),
        *(json.dumps({name: value for name, value in SAVED.items() if name != without}) for without in SAVED),
        json.dumps({**SAVED, "changes": 5}),
        json.dumps({**SAVED, "changes": [5]}),
        json.dumps({**SAVED, "changes": [{"address": "a"}]}),
        json.dumps({**SAVED, "parameters": ["a"]}),
        b"\xff\xfe",
        "[" * 100_000,
    ],
)
def test_what_is_no_plan_file(tmp_path: Path, text: str | bytes) -> None:
    path = tmp_path / "p.json"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(InputFault) as caught:
        plan_files.load(path)
    assert caught.value.places[0].file == str(path)
    assert caught.value.advice


def test_a_plan_file_is_not_written_where_it_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(ProvisionerError):
        plan_files.save(tmp_path / "nowhere" / "p.json", a_plan())


# --- lists


@pytest.mark.parametrize("form", [OutputForm.TERMINAL, OutputForm.MARKDOWN])
@pytest.mark.parametrize("text", [each["text"] for each in HOSTILE], ids=[each["id"] for each in HOSTILE])
def test_cells_from_strangers_are_never_interpreted(
    form: OutputForm, text: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "3000")
    write_list(form, "Title", ("a", "b"), [(text, "end")])
    out = capsys.readouterr().out
    assert not any(ord(each) < 32 and each != "\n" for each in out), "no control character"
    assert not any(each in out for each in "\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2028\u200f")
    assert out.count("\n") == (5 if form is OutputForm.MARKDOWN else 3), "one line a row"
    if form is OutputForm.MARKDOWN:
        assert not re.search(r"(?<!\\)[<&]", out)
        assert out.splitlines()[-1].replace("\\|", "").count("|") == 3


def test_markup_in_a_cell_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    write_list(OutputForm.TERMINAL, "T", ("a",), [("[bold red]x[/bold red] :smile:",)])
    assert "[bold red]x[/bold red] :smile:" in capsys.readouterr().out


# --- help


def commands(group: Any, *before: str) -> list[tuple[tuple[str, ...], Any]]:
    """Every command there is, by the words that call it."""
    found = [(before, group)]
    for name, each in getattr(group, "commands", {}).items():
        found += commands(each, *before, name)
    return found


COMMANDS = commands(typer.main.get_command(app))


@pytest.mark.parametrize(("words", "command"), COMMANDS, ids=[" ".join(words) or "itself" for words, _ in COMMANDS])
def test_no_name_of_an_option_is_cut_in_a_narrow_window(
    words: tuple[str, ...], command: Any, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = run(*words, "--help").stdout
    seen = [each for each in command.params if not getattr(each, "hidden", False)]
    names = [name for each in seen for name in (*each.opts, *each.secondary_opts) if name.startswith("--")]
    assert [name for name in names if not re.search(rf"{name}(?![\w-])", shown)] == []
    assert "…" not in shown


def test_there_are_options_to_look_for() -> None:
    named = dict(COMMANDS)
    assert any("--allow-organisation-wide" in each.opts for each in named[("apply",)].params)
