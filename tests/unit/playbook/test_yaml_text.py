"""Our YAML: what is refused, where things stand, and that what we write is what we read."""

from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.errors import InputFault
from provisioner.playbook.yaml_text import (
    OWN_FILE_LIMITS,
    PLAYBOOK_LIMITS,
    Limits,
    Place,
    dump,
    read_document,
)


def faults(text: str, limits: Limits = PLAYBOOK_LIMITS) -> list[str]:
    with pytest.raises(InputFault) as caught:
        read_document(text, "f.yaml", limits)
    return [str(each) for each in caught.value.places]


def test_values_and_keys_have_places():
    document = read_document("a: 1\nb:\n  - x: y\n    z: [p, q]\n", "f.yaml")

    assert document.data == {"a": 1, "b": [{"x": "y", "z": ["p", "q"]}]}
    assert document.place(("b", 0, "z", 1)) == Place(4, 12)
    assert document.place(("b", 0, "z"), key=True) == Place(4, 5)
    assert document.place(("b", 0, "nothing", "here")) == Place(3, 5)
    assert str(document.fault(("a",), "is odd", "try 2")) == "f.yaml:1:4: is odd (try 2)"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-7", -7),
        ("1.5", 1.5),
        ("1e400", "1e400"),
        (".inf", ".inf"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("2027-04-01", "2027-04-01"),
        ("9" * 30, "9" * 30),
        ("'12'", "12"),
        ('"true"', "true"),
        ("'~'", "~"),
    ],
)
def test_unquoted_texts_mean_what_yaml_1_2_says(text, value):
    data = read_document(f"a: {text}\n", "f.yaml").data

    assert data == {"a": value}
    assert type(data["a"]) is type(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\na: 2\n", "f.yaml:2:1: 'a' is here a second time (the first is in line 1)"),
        ("a: &x 1\n", "f.yaml:1:4: anchors are not accepted here (write the value out)"),
        ("a: !!str 1\n", "f.yaml:1:4: tags are not accepted here"),
        ("a: ! 1\n", "f.yaml:1:4: tags are not accepted here"),
        ("a: !!python/object/apply:os.system [id]\n", "f.yaml:1:4: tags are not accepted here"),
        ("!!set {a, b}\n", "f.yaml:1:1: tags are not accepted here"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document"),
        ("%YAML 1.1\n---\na: 1\n", "f.yaml:2:1: only YAML 1.2"),
        ("%TAG ! tag:example.com,2000:\n---\na: 1\n", "f.yaml:2:1: tags are not accepted here"),
        ("{[a]: 1}\n", "f.yaml:1:2: a key must be a text"),
        ("a: [1\nb: 2\n", "f.yaml:2:2: not YAML: "),
        ("a: b: c\n", "f.yaml:1:5: not YAML: mapping values are not allowed here"),
        ('a: "\\U00110000"\n', "f.yaml:1:1: not YAML: cannot be read after this (ValueError)"),
        ("a: x\x00y\n", "f.yaml:1:5: hidden character U+0000"),
        ("a: x\u202ey\n", "f.yaml:1:5: hidden character U+202E RIGHT-TO-LEFT OVERRIDE"),
        ('a: "x\\u202ey"\n', "f.yaml:1:4: hidden character U+202E RIGHT-TO-LEFT OVERRIDE in a text"),
        ("b: 1\na: \ud800\n", "f.yaml:2:4: hidden character U+D800"),
        ("a: x\u2028b: y\n", "f.yaml:1:5: hidden character U+2028 LINE SEPARATOR"),
        ("a: 1\n\x1b[2Jb: 2\n", "f.yaml:2:1: hidden character U+001B"),
    ],
)
def test_what_is_not_accepted(text, expected):
    assert faults(text)[0].startswith(expected)


def test_an_alias_is_refused_where_it_stands():
    assert [each.split(" (")[0] for each in faults("a: &x [1]\nb: *x\n*x : 2\n")] == [
        "f.yaml:1:4: anchors are not accepted here",
        "f.yaml:2:4: aliases are not accepted here",
        "f.yaml:3:1: aliases are not accepted here",
    ]


def test_a_merge_key_merges_nothing():
    assert read_document("<<: {a: 1}\nb: 2\n", "f.yaml").data == {"<<": {"a": 1}, "b": 2}


def test_windows_line_ends_and_a_byte_order_mark_change_nothing():
    document = read_document("\ufeffa: 1\r\nb: 2\r\n", "f.yaml")

    assert document.data == {"a": 1, "b": 2}
    assert document.place(("b",)) == Place(2, 4)


@pytest.mark.parametrize("opening", ["[", "{", "- ", "? ", "[[a, ", "{a: "])
def test_deep_nesting_stops_early(opening):
    assert any("nested more than 16 deep" in each or "a key must be" in each for each in faults(opening * 20_000))


def test_too_many_nodes():
    assert "more than 10 keys and values" in faults("[" + "1," * 20 + "]", Limits(nodes=10))[0]


def test_five_megabytes_are_not_even_parsed():
    assert faults("a: " + "x" * 5_000_000) == ["f.yaml: larger than 256 KiB"]
    assert faults("a: " + "ß" * 200_000) == ["f.yaml: larger than 256 KiB"]


def test_many_faults_are_counted():
    listed = faults("".join(f"k{n}: &a{n} 1\n" for n in range(200)))

    assert len(listed) == 51
    assert listed[-1] == "f.yaml: and 150 more"


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300)
    | st.text(st.characters(exclude_categories=()))
    | st.sampled_from(
        ["yes", "No", "null", "~", "1", "1.0", "1e5", "0x1", "2020-01-01", "- a", "a: b", "# a", "", " ", "=", "<<"]
    )
)
keys = st.text(st.characters(exclude_categories=()), max_size=40)
data = st.dictionaries(
    keys,
    st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
    ),
    max_size=5,
)


@settings(max_examples=200, deadline=None)
@given(data)
def test_what_is_written_is_read_back(value):
    assert read_document(dump(value), "f.yaml", OWN_FILE_LIMITS).data == (value or {})


def test_written_files_are_pleasant_to_read_and_harmless_to_look_at():
    text = dump(
        {"tenant": "contoso", "name": "Müller \u202e 😀", "list": ["a b", "yes", "1"], "empty": {}, "off": None}
    )

    assert text == (
        'tenant: contoso\nname: "Müller \\u202e 😀"\nlist:\n  - a b\n  - "yes"\n  - "1"\nempty: {}\n"off": null\n'
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**30])
def test_a_number_that_cannot_be_said_is_not_written(value):
    with pytest.raises(ValueError, match="cannot be written"):
        dump({"a": value})


def test_an_overlong_key_is_not_written():
    with pytest.raises(ValueError, match="1,000"):
        dump({"k" * 1001: 1})


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from(string.printable + "[]{}:,-?&*!|>%@`\"'#\n  \x00\u202eä😀\ud800"), max_size=120))
def test_any_text_is_read_or_refused(text):
    try:
        read_document(text, "f.yaml", PLAYBOOK_LIMITS)
    except InputFault as fault:
        assert fault.places
        assert all(each.line >= 0 and each.column >= 0 for each in fault.places)
