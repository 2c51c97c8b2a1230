"""`playbooks show`: what a person reads who has no values yet, in windows of different widths."""

from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner

from provisioner.cli.main import app
from provisioner.playbook import bundled, find, load

EVERY = [each.name for each in bundled()]


def shown(name: str, columns: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(columns))
    ended = CliRunner().invoke(app, ["playbooks", "show", name])
    assert ended.exit_code == 0, ended.output
    return ended.stdout.splitlines()


@pytest.mark.parametrize("columns", [80, 100])
@pytest.mark.parametrize("name", EVERY)
def test_each_parameter_has_its_type_under_it_however_long_its_title(
    name: str, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = shown(name, columns, monkeypatch)
    part = lines[lines.index("Parameters") + 1 : lines.index("Variants")]
    types: dict[str, list[str]] = {}
    current = ""
    for line in part:
        if found := re.match(r"(?:required|optional)  (\w+): ", line):
            current = found[1]
            types[current] = []
        elif found := re.match(r" +type +(.*)", line):
            types[current].append(found[1])
    assert types == {key: [each.type] for key, each in load(*find(name)).parameters.items()}
    assert not [line for line in part if line.strip().startswith("source ")]


@pytest.mark.parametrize("name", EVERY)
def test_a_parameter_in_a_warning_shows_as_its_title(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    book = load(*find(name))
    said = " ".join(" ".join(shown(name, 80, monkeypatch)).split())
    assert "${" not in said
    for variant in book.variants.values():
        for used in {each for warning in variant.warnings for each in re.findall(r"\$\{(\w+)\}", warning.text)}:
            assert f"<{book.parameters[used].title}>" in said
