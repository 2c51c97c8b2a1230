"""playbooks/README.md is true: its answers make the draft it tells of, its edit fits, its faults are told so."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from typer.testing import CliRunner

from provisioner.cli.main import app
from provisioner.playbook import json_schema, load

GUIDE = (Path(__file__).parents[3] / "playbooks" / "README.md").read_text(encoding="utf-8")


def block(mark: str) -> tuple[str, str]:
    """The text behind a mark's name, and the fenced block after it."""
    found = re.search(rf"<!-- {mark}(.*?) -->\n```\w+\n(.*?)```", GUIDE, re.DOTALL)
    assert found, mark
    return found[1].removeprefix(": "), found[2]


def draft(folder: Path) -> str:
    """The file that the guide's own answers make."""
    pdf, out = folder / "acme-mailer.pdf", folder / "mailer.yaml"
    pdf.write_bytes(b"%PDF-1.7 Acme")
    ended = CliRunner().invoke(
        app, ["playbooks", "new", "acme/mailer", "--guide", str(pdf), "--out", str(out)], input=block("answers")[1]
    )
    assert ended.exit_code == 0, ended.output
    text = out.read_text(encoding="utf-8")
    assert hashlib.sha256(pdf.read_bytes()).hexdigest() in text
    return text


def test_the_answers_make_a_playbook_with_both_variants(tmp_path: Path) -> None:
    book = load(draft(tmp_path), "mailer.yaml")

    assert set(book.variants) == {"guide", "scoped"}
    assert [each.title for each in book.variants["guide"].handover[0].fields] == [
        "Tenant ID",
        "Client ID",
        "Client secret",
        "Sender address",
    ]


def test_the_edit_fits_into_it(tmp_path: Path) -> None:
    edited: dict[str, Any] = YAML(typ="safe").load(block("edit")[1])
    data: dict[str, Any] = YAML(typ="safe").load(draft(tmp_path))
    data["variants"]["guide"]["applications"]["main"].update(edited)
    book = load(json.dumps(data), "mailer.json")

    assert book.variants["guide"].applications["main"].permissions[0].guide_steps == ("2",)


def test_the_faults_are_told_as_written(tmp_path: Path) -> None:
    changes, told = block("faults")
    text = draft(tmp_path)
    for change in changes.split("; "):
        old, new = change.split(" -> ")
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "mailer.yaml"
    path.write_text(text, encoding="utf-8")

    ended = CliRunner().invoke(app, ["playbooks", "check", str(path)])

    assert ended.exit_code == 4
    said = ended.output.replace(str(path), "mailer.yaml")
    for line in told.strip().splitlines():
        assert line in said, said


def test_an_id_that_names_nothing_a_missing_guide_and_a_file_that_is_there(tmp_path: Path) -> None:
    pdf = tmp_path / "guide.pdf"
    pdf.write_bytes(b"x")
    taken = tmp_path / "taken.yaml"
    taken.write_text("mine", encoding="utf-8")
    for arguments, message in (
        (["Acme", "--guide", str(pdf), "--out", str(tmp_path / "a.yaml")], "cannot name a playbook"),
        (["acme/mailer", "--guide", str(tmp_path / "none.pdf"), "--out", str(tmp_path / "a.yaml")], "No such file"),
        (["acme/mailer", "--guide", str(pdf), "--out", str(taken)], "is there already"),
    ):
        ended = CliRunner().invoke(app, ["playbooks", "new", *arguments])
        assert ended.exit_code == 4
        assert message in " ".join(ended.output.split()), "wherever the terminal breaks a line"
    assert taken.read_text(encoding="utf-8") == "mine"
    assert not (tmp_path / "a.yaml").exists()


def test_answers_that_end_too_soon_write_nothing(tmp_path: Path) -> None:
    pdf, out = tmp_path / "guide.pdf", tmp_path / "a.yaml"
    pdf.write_bytes(b"x")
    ended = CliRunner().invoke(
        app, ["playbooks", "new", "acme/mailer", "--guide", str(pdf), "--out", str(out)], input="Acme\nAcme Mailer\n"
    )
    assert ended.exit_code != 0
    assert not out.exists()


def test_every_key_of_the_format_is_in_the_overview_and_no_other() -> None:
    overview = GUIDE[GUIDE.index("## The format") :]
    rows = [line.split(" | ", 1)[1] for line in overview.splitlines() if line.startswith("| ") and "---" not in line]
    told = {name for row in rows[1:] for name in re.findall(r"`([a-z_0-9]+)`", row)}
    schema = json.loads(json_schema())
    keys = {key for each in (schema, *schema["$defs"].values()) for key in each.get("properties", {})}

    assert told == keys
