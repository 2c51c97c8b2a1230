"""Broken and hostile playbooks and parameters: all faults named at once, before any request."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.system.bad_days.days import told
from tests.system.support import NEIGHBOUR, PARAMETERS, PLAYBOOK, SENDER, Sandbox, forked

CHECKOUT = Path(__file__).parents[3]
BUNDLED = (CHECKOUT / "playbooks" / "cryptshare" / "server.yaml").read_text()
HOSTILE = json.loads((CHECKOUT / "tests" / "data" / "hostile_names.json").read_text())


def _changed(old: str, new: str) -> str:
    assert old in BUNDLED
    return BUNDLED.replace(old, new, 1)


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)
)

PLAYBOOKS: list[tuple[str, str | bytes, tuple[str, ...]]] = [
    ("unknown key", _changed("summary: >-", "sumary: >-"), (":5:1", "summary")),
    ("unknown permission", _changed("name: SMTP.SendAsApp", "name: SMTP.SendAsAp"), ("SMTP.SendAsApp",)),
    ("unknown API", _changed("api: Office 365 Exchange Online", "api: Office 365 Exchnge"), ("Office 365 Exchange",)),
    ("wrong kind", _changed("kind: application\n", "kind: delegated\n"), ("SMTP.SendAsApp",)),
    ("unknown parameter", _changed("mailbox: ${sender_mailbox}", "mailbox: ${sender_mailbx}"), ("sender_mailbox",)),
    ("another format", _changed("format: 1", "format: 99"), (":1:",)),
    ("no YAML", "format: [1\nid: x", (":2:",)),
    ("an object of Python", "format: !!python/object/apply:os.system ['true']", ("tag",)),
    ("a bomb", BOMB, ("alias",)),
    ("deep nesting", "a: " + "[" * 20_000, ()),
    ("megabytes", "format: 1\nsummary: " + "x" * 9_000_000, ()),
    ("not UTF-8", b"format: 1\nid: \xff\xfe\x00", ("UTF-8",)),
    ("nothing", "", ()),
    ("a list", "- 1\n- 2\n", ()),
    ("the same key twice", "format: 1\nformat: 2\n", ("format",)),
]


@pytest.mark.parametrize(("name", "content", "words"), PLAYBOOKS, ids=[each[0] for each in PLAYBOOKS])
def test_a_faulty_playbook(
    name: str, content: str | bytes, words: tuple[str, ...], sandbox: Sandbox, home: Path, tmp_path: Path
) -> None:
    path = tmp_path / "book.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    started = time.monotonic()
    checked = forked("playbooks", "check", str(path), home=home)
    told(checked, 4, "book.yaml", *words)
    planned = forked("plan", str(path), "--tenant", "sandbox", *PARAMETERS, home=home)
    told(planned, 4, "book.yaml", *words, advice=False)
    assert time.monotonic() - started < 60
    assert len(checked.stdout + checked.stderr) < 20_000
    assert sandbox.history() == []


def test_all_faults_of_a_playbook_at_once(sandbox: Sandbox, home: Path, tmp_path: Path) -> None:
    path = tmp_path / "book.yaml"
    text = _changed("summary: >-", "sumary: >-").replace("name: SMTP.SendAsApp", "name: SMTP.SendAsAp")
    path.write_text(text.replace("smtp_auth: true", "smtp_auth: perhaps"))
    shown = told(forked("playbooks", "check", str(path), home=home), 4, "sumary", "SMTP.SendAsAp", "smtp_auth")
    assert shown.count("book.yaml:") >= 3


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ((), ("sender_mailbox", "--set")),
        ((f"sender_mailbx={SENDER}",), ("sender_mailbx", "sender_mailbox")),
        ((f"sender_mailbox={SENDER}", "secret_lifetime_days=0"), ("secret_lifetime_days", "1")),
        ((f"sender_mailbox={SENDER}", "secret_lifetime_days=many"), ("secret_lifetime_days",)),
        (("sender_mailbox=", "denied_mailbox=x", "secret_lifetime_days=9999"), ("sender", "denied", "lifetime")),
    ],
)
def test_faulty_parameters(settings: tuple[str, ...], words: tuple[str, ...], sandbox: Sandbox, home: Path) -> None:
    given = [word for each in settings for word in ("--set", each)]
    told(forked("plan", PLAYBOOK, "--tenant", "sandbox", *given, home=home), 4, *words, advice=False)
    assert sandbox.history() == []


@pytest.mark.parametrize("entry", HOSTILE["mailboxes"], ids=lambda entry: entry["id"])
def test_mailboxes_of_strangers(entry: dict[str, str], sandbox: Sandbox, home: Path, tmp_path: Path) -> None:
    """By a file, since not every one of these texts fits on a command line."""
    file = tmp_path / "parameters.yaml"
    file.write_text(json.dumps({"sender_mailbox": entry["text"], "denied_mailbox": NEIGHBOUR}))
    finished = forked("plan", PLAYBOOK, "--tenant", "sandbox", "--parameters", str(file), "-o", "json", home=home)
    if entry["expect"].startswith("refused") or finished.returncode == 4:
        assert not entry["expect"].startswith("accepted,") and entry["expect"] != "accepted"
        assert finished.returncode == 4, finished.stdout
        assert sandbox.history() == []
        return
    assert finished.returncode == 0, finished.stdout
    given = {each["name"]: each["value"] for each in json.loads(finished.stdout)["parameters"]}
    assert given["sender_mailbox"] == entry["text"], "changed into another address"
    asked = [each for each in sandbox.history() if each["operation"] == "Get-MailboxPermission"]
    assert asked, "the address was accepted and never looked up"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("- a\n- b\n", ("parameters.yaml",)),
        ("sender_mailbox: [a, b]\n", ("parameters.yaml",)),
        ("sender_mailbox: 'x\n", ("parameters.yaml",)),
        ("unheard_of: 1\n", ("unheard_of",)),
    ],
)
def test_a_faulty_parameters_file(
    content: str, words: tuple[str, ...], sandbox: Sandbox, home: Path, tmp_path: Path
) -> None:
    file = tmp_path / "parameters.yaml"
    file.write_text(content)
    told(forked("plan", PLAYBOOK, "--tenant", "sandbox", "--parameters", str(file), home=home), 4, *words, advice=False)
    assert sandbox.history() == []


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"schemaVersion": 1}',
        '{"schemaVersion": 2, "scope": 1}',
        '{"schemaVersion": 2, "changes": 3}',
    ],
)
def test_a_faulty_plan_file(content: str, sandbox: Sandbox, home: Path, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text(content)
    finished = forked("apply", PLAYBOOK, "--tenant", "sandbox", *PARAMETERS, "--yes", "--plan", str(file), home=home)
    told(finished, 4, "plan.json")
    assert sandbox.writes() == []


@pytest.mark.parametrize("content", ["tenants: [", "tenants:\n  contoso:\n    tenantId: x\n", "\x00", "- 1"])
def test_a_faulty_inventory(content: str, sandbox: Sandbox, home: Path) -> None:
    (home / "tenants.yaml").write_text(content)
    for arguments in (("tenants", "list"), ("plan", PLAYBOOK, "--tenant", "contoso", *PARAMETERS)):
        told(forked(*arguments, home=home), 4, "tenants.yaml", advice=False)


def test_a_faulty_instance_file(sandbox: Sandbox, home: Path) -> None:
    arguments = (PLAYBOOK, "--tenant", "sandbox", *PARAMETERS)
    assert forked("apply", *arguments, "--yes", home=home).returncode == 0
    (instance,) = (home / "tenants" / "sandbox").iterdir()
    kept = instance.read_bytes()
    mark = sandbox.mark()
    for content in (b"", b"playbook: [", b"\xff", b"playbook: other/product\n"):
        instance.write_bytes(content)
        told(forked("apply", *arguments, "--yes", home=home), 4, instance.name, advice=False)
    assert sandbox.writes(mark) == []
    instance.write_bytes(kept)
    assert forked("plan", *arguments, "--exit-code", home=home).returncode == 0
