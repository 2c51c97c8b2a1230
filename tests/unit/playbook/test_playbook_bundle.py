"""Names and paths, the JSON Schema, and what importing the room costs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from small_playbook import SMALL

from provisioner.errors import InputFault
from provisioner.playbook import bundled, find, json_schema, load
from provisioner.playbook.bundle import names
from provisioner.playbook.yaml_text import read_document


@pytest.mark.parametrize("name", names())
def test_every_bundled_playbook_is_sound_and_named_by_its_id(name):
    playbook = load(*find(name))

    assert playbook.id == name
    assert "guide" in playbook.variants


def test_the_list_says_what_the_playbooks_say():
    assert [each.name for each in bundled()] == list(names())
    for each in bundled():
        playbook = load(*find(each.name))
        assert (each.vendor, each.title, each.summary) == (playbook.vendor, playbook.title, playbook.summary)
        assert each.variants == tuple(playbook.variants)


def test_a_path_is_a_path(tmp_path, monkeypatch):
    (tmp_path / "mine.yaml").write_text(SMALL, encoding="utf-8")
    (tmp_path / "plain").write_text(SMALL, encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    assert find("mine.yaml") == (SMALL, "mine.yaml")
    assert find("./plain") == (SMALL, "./plain")
    assert find(str(tmp_path / "mine.yaml"))[0] == SMALL


@pytest.mark.parametrize("name", ["nonsense", "", "cryptshare/../cryptshare/serve", "\x00", "a" * 5000, "\u202ex"])
def test_an_unknown_name_is_an_input_fault(name):
    with pytest.raises(InputFault) as caught:
        find(name)

    assert caught.value.exit_code == 4
    assert "\u202e" not in str(caught.value)


def test_a_mistyped_name_has_a_near_one():
    with pytest.raises(InputFault) as caught:
        find("cryptshare/sever")

    assert caught.value.advice == "did you mean 'cryptshare/server'?"


def test_a_file_that_is_gone_says_so():
    with pytest.raises(InputFault, match="is not there"):
        find("nowhere/x.yaml")


def properties(schema: object):
    """Every property of a schema, at any depth."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {}).items() if isinstance(schema.get("properties"), dict) else ()
        for each in schema.values():
            yield from properties(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from properties(each)


def test_the_schema_describes_every_key():
    schema = json.loads(json_schema())
    found = list(properties(schema))

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert len(found) > 80
    assert [name for name, each in found if not each.get("description")] == []


def test_the_schema_closes_every_mapping():
    schema = json.loads(json_schema())
    open_ones = [name for name, each in schema["$defs"].items() if each.get("additionalProperties") is not False]

    assert schema["additionalProperties"] is False
    assert open_ones == []
    assert '"patternProperties"' in json_schema()


@pytest.mark.parametrize("name", names())
def test_the_schema_accepts_what_the_reader_accepts(name):
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(json.loads(json_schema()))

    assert list(validator.iter_errors(read_document(*find(name)).data)) == []
    assert list(validator.iter_errors(read_document(SMALL, "p.yaml").data)) == []
    assert list(validator.iter_errors(read_document(SMALL.replace("vendor:", "vendr:"), "p.yaml").data))


def test_the_schema_refuses_a_name_that_the_reader_refuses():
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(json.loads(json_schema()))
    misnamed = SMALL.replace("          mail:\n", "          Mail-1:\n")

    assert misnamed != SMALL
    assert "Mail-1" in next(validator.iter_errors(read_document(misnamed, "p.yaml").data)).message


def test_importing_the_room_imports_neither_pydantic_nor_ruamel():
    code = (
        "import sys, provisioner.playbook, provisioner.playbook.yaml_text, provisioner.catalogue;"
        "print([m for m in sys.modules if m.split('.')[0] in {'pydantic', 'pydantic_core', 'ruamel'}])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_no_module_of_the_room_can_run_what_a_file_names():
    folder = Path(read_document.__code__.co_filename).parent
    texts = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.py")}
    forbidden = (
        "eval(",
        "exec(",
        "__import__",
        "import_module",
        "subprocess",
        "pickle",
        'YAML(typ="unsafe',
        "os.system",
    )

    assert len(texts) > 8
    assert [(name, word) for name, text in texts.items() for word in forbidden if word in text] == []
