"""Hostile files: `load` answers every text with a playbook or an `InputFault`, soon, and runs nothing."""

from __future__ import annotations

import pathlib
import re
import string
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_playbook import SMALL, faults_of, small

from provisioner.errors import InputFault
from provisioner.playbook import find, load, read_file

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(20)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "anchors are not accepted"),
        ("x" * 5_000_000, "larger than 256 KiB"),
        ("[" * 200_000, "nested more than 16 deep"),
        ("a: " + "{a: " * 60_000, "nested more than 16 deep"),
        ("- " * 100_000, "nested more than 16 deep"),
        ("? " * 100_000, "a key must be a text"),
        ("- a\n" * 60_000, "more than 5000 keys and values"),
        ("a: !!python/object/apply:os.system ['touch /tmp/owned']\n", "tags are not accepted"),
        ("!!python/name:os.system : 1\n", "tags are not accepted"),
        ("a: !<tag:yaml.org,2002:python/module:os>\n", "tags are not accepted"),
        ("a: 1\na: 2\n", "'a' is here a second time"),
        ("\x00", "hidden character U+0000"),
        ("\x00" * 100_000, "100000 hidden characters in all"),
        ("a: 'x\n", "not YAML"),
        ("a: \t- x\n\tb", "not YAML"),
        ("`", "not YAML"),
        ("@a: b", "not YAML"),
        ('"\\ud800"', "hidden character U+D800"),
        ("%YAML 9.9\n---\n", "not YAML"),
        ("%" * 1000, "not YAML"),
        ("&a " * 1000, "not YAML"),
        ("{" + "".join(f"k{n}: 1, " for n in range(15_000)), "more than 5000"),
        ("'" + "\n" * 250_000, "not YAML"),
        ("a: |\n" + " x\n" * 60_000, "unknown key 'a'"),
        ("a: " + "'" * 200_001, "not YAML"),
        ("# " + "x" * 250_000, "a playbook is a mapping"),
        ("${" * 100_000, "a playbook is a mapping"),
    ],
    ids=range(27),
)
def test_a_hostile_text_is_refused_soon(text, message):
    started = time.process_time()

    found = faults_of(text)

    assert any(message in each for each in found), found[:5]
    assert time.process_time() - started < 8
    assert not pathlib.Path("/tmp/owned").exists()


@pytest.mark.parametrize("key", ["summary", "title", "display_name", "name", "api", "id", "mailbox", "reference"])
def test_long_values_are_refused_soon(key):
    text = re.sub(rf"(?m)^( *(?:- )?){key}: .*$", rf"\g<1>{key}: '{'${a.' * 50_000}'", SMALL, count=1)
    started = time.process_time()

    found = faults_of(text)

    assert found
    assert all(len(each) < 600 for each in found)
    assert time.process_time() - started < 8


def test_a_megabyte_of_unknown_keys_gives_a_short_answer():
    found = faults_of("".join(f"k{n}: {n}\n" for n in range(2_400)))

    assert len(found) == 51


LINES = SMALL.splitlines()
FRAGMENTS = st.sampled_from(
    [
        *LINES,
        "",
        "---",
        "...",
        "a: &x 1",
        "b: *x",
        "!!map {}",
        "\t",
        "- ",
        "? ",
        ": ",
        "[",
        "]",
        "{",
        "}",
        "'",
        '"',
        "|",
        "> ",
        "\u202e",
        "\x00",
        "\ud800",
        "\u2028",
        "${",
        "${sender}",
        "format: 1",
        "variants: 3",
        "  guide: []",
        "null",
        "-",
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(FRAGMENTS, max_size=40))
def test_any_mix_of_fragments_is_a_playbook_or_an_input_fault(lines):
    faults_of("\n".join(lines))


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, len(SMALL)),
    st.integers(0, 12),
    st.text(st.characters(exclude_categories=()) | st.sampled_from(string.punctuation + "\n "), max_size=12),
)
def test_any_edit_of_a_sound_playbook_is_a_playbook_or_an_input_fault(position, removed, inserted):
    faults_of(SMALL[:position] + inserted + SMALL[position + removed :])


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(0, 2) | st.sampled_from(["", "main", "${sender}", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["guide", "main", "application", "permissions", "name", "when", "x"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)
KEYS = sorted({found.group(1) for found in re.finditer(r"(?m)^ *(?:- )?([a-z_]+):", SMALL)})


def flow(value) -> str:
    """A value in YAML's flow style, which is nearly JSON."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(each) for each in value) + "]"
    if isinstance(value, str):
        return f"'{value}'"
    return (
        {None: "null", True: "true", False: "false"}.get(value, str(value))
        if not isinstance(value, float)
        else str(value)
    )


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(KEYS), plain)
def test_any_value_under_any_key_is_a_playbook_or_an_input_fault(key, value):
    """The key's whole block goes, so that lists stand where mappings belong and the reverse."""
    lines, taken, skip = [], False, None
    for line in LINES:
        indent = len(line) - len(line.lstrip(" -"))
        if skip is not None and indent > skip:
            continue
        skip = None
        if not taken and re.match(rf" *(- )?{key}:", line):
            taken, skip = True, indent
            line = line[: line.index(key)] + f"{key}: {flow(value)}"
        lines.append(line)
    assert taken

    faults_of("\n".join(lines) + "\n")


# --- files


def test_a_file_that_is_too_large_is_not_read_whole(tmp_path):
    file = tmp_path / "big.yaml"
    file.write_text("a: " + "ä" * 3_000_000, encoding="utf-8")

    text, name = find(str(file))

    assert len(text) < 300_000
    with pytest.raises(InputFault) as caught:
        load(text, name)
    assert caught.value.places[0].message == "larger than 256 KiB"


def test_a_file_that_is_not_utf_8_is_named_with_the_place(tmp_path):
    file = tmp_path / "latin.yaml"
    file.write_bytes(b"format: 1\nvendor: M\xfcller\n")

    with pytest.raises(InputFault) as caught:
        read_file(file)

    assert str(caught.value.places[0]) == f"{file}:2:10: byte 0xfc is not UTF-8"


@pytest.mark.parametrize(("name", "message"), [("", "is a folder"), ("gone.yaml", "is not there"), ("a\x00b", "u0000")])
def test_what_cannot_be_read_is_an_input_fault(tmp_path, name, message):
    with pytest.raises(InputFault, match=message):
        read_file(tmp_path / name)


def test_line_ends_do_not_make_another_playbook():
    unix, windows = load(SMALL, "p.yaml"), load(SMALL.replace("\n", "\r\n"), "p.yaml")

    assert unix == windows
    assert load(small("Acme Mailer", "Acme Mailing"), "p.yaml").sha256 != unix.sha256
