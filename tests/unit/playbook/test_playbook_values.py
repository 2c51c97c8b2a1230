"""Parameters as a person gives them: typed, judged, all faults at once."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_playbook import loaded, small

from provisioner.errors import InputFault
from provisioner.playbook import parameters
from provisioner.playbook.values import Unfit, read_typed


def test_defaults_are_filled_in_and_optional_ones_left_out():
    assert parameters(loaded(), {"sender": "mail@acme.example"}) == {
        "sender": "mail@acme.example",
        "days": 90,
        "mode": "fast",
    }


def test_values_are_typed():
    values = parameters(
        loaded(), {"sender": " Mail@Acme.example ", "days": "30", "mode": "slow", "denied": "x@y.example"}
    )

    assert values == {"sender": "Mail@Acme.example", "days": 30, "mode": "slow", "denied": "x@y.example"}


def test_all_faults_at_once():
    with pytest.raises(InputFault) as caught:
        parameters(loaded(), {"sendr": "a@b.example", "days": "many", "mode": "fasst", "denied": "nobody"})

    assert [str(each) for each in caught.value.places] == [
        "parameters: 'sendr' is not a parameter of acme/mailer (did you mean 'sender'?)",
        "parameters: 'sender' is required: Sender (for example mail@acme.example)",
        "parameters: 'denied' must be a mail address such as name@example.com, not 'nobody'",
        "parameters: 'days' must be a whole number, not 'many'",
        "parameters: 'mode' must be one of fast, slow, not 'fasst'; did you mean 'fast'?",
    ]
    assert caught.value.exit_code == 4


def test_a_secret_is_not_taken_as_plain_text():
    secret = "  token:\n    title: Token\n    type: text\n    required: true\n    secret: true\nvariants:\n"
    playbook = loaded(small("variants:\n", secret))

    with pytest.raises(InputFault) as caught:
        parameters(playbook, {"sender": "a@b.example", "token": "hunter2-hunter2"})

    assert "'token' is a secret" in str(caught.value.places[0])
    assert "hunter2" not in str(caught.value.places) + str(caught.value)
    assert "env:NAME" in str(caught.value.places[0])


@pytest.mark.parametrize("reference", ["env:MAIL_PASSWORD", "file:/run/secrets/mail password", "prompt:"])
def test_of_a_secret_the_place_is_given(reference):
    secret = "  token:\n    title: Token\n    type: text\n    secret: true\nvariants:\n"
    playbook = loaded(small("variants:\n", secret))

    assert parameters(playbook, {"sender": "a@b.example", "token": reference})["token"] == reference
    assert "token" not in parameters(playbook, {"sender": "a@b.example"})


@pytest.mark.parametrize("no_reference", ["env:", "env:a b", "file:", "https://x", "hunter2", "file:a\nb", "stdin:"])
def test_what_is_no_place_may_be_the_secret_itself(no_reference):
    secret = "  token:\n    title: Token\n    type: text\n    secret: true\nvariants:\n"
    playbook = loaded(small("variants:\n", secret))

    with pytest.raises(InputFault) as caught:
        parameters(playbook, {"sender": "a@b.example", "token": no_reference})

    assert no_reference not in str(caught.value.places[0]).replace("env:NAME, file:PATH or prompt:", "")


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("text", " Häuser & Söhne 😀 ", "Häuser & Söhne 😀"),
        ("text", "e\u0301", "\u00e9"),
        ("text", "${x} $(id) `id` [bold]", "${x} $(id) `id` [bold]"),
        ("integer", "+7", 7),
        ("integer", "-0", 0),
        ("boolean", "Yes", True),
        ("boolean", "FALSE", False),
        ("url", "https://acme.example:8443/a?b#c", "https://acme.example:8443/a?b#c"),
        ("mailbox", "o'brien+x@sub.acme.example", "o'brien+x@sub.acme.example"),
        ("mailbox", "post@müller.example", "post@müller.example"),
        ("mailbox", "info@пример.example", "info@пример.example"),
        ("mailbox", "a@xn--mller-kva.example", "a@xn--mller-kva.example"),
    ],
)
def test_accepted(kind, text, value):
    found = read_typed(kind, text)

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("text", "", "is empty"),
        ("text", "   ", "is empty"),
        ("text", "x" * 201, "is longer than 200 characters"),
        ("text", "a\u202eb", "hidden character U\\+202E"),
        ("text", "a\x1bb", "hidden character U\\+001B"),
        ("text", "a\nb", "hidden character U\\+000A"),
        ("text", "a\x00", "hidden character U\\+0000"),
        ("integer", "1.5", "must be a whole number"),
        ("integer", "١٢", "must be a whole number"),
        ("integer", "9" * 30, "must be a whole number"),
        ("boolean", "1", "must be true or false"),
        ("url", "ftp://acme.example", "must be an http:// or https:// address"),
        ("url", "https://user:pass@acme.example", "must be an http:// or https:// address"),
        ("url", "javascript:alert(1)", "must be an http:// or https:// address"),
        ("mailbox", "acme.example", "must be a mail address"),
        ("mailbox", "@acme.example", "must be a mail address"),
        ("mailbox", "a@b@acme.example", "before the @"),
        ("mailbox", "a b@acme.example", "before the @"),
        ("mailbox", ".a@acme.example", "before the @"),
        ("mailbox", "a..b@acme.example", "before the @"),
        ("mailbox", "<a@acme.example>", "before the @"),
        ("mailbox", "ä@acme.example", "before the @"),
        ("mailbox", f"{'a' * 65}@acme.example", "before the @"),
        ("mailbox", "a@acme", "no full domain"),
        ("mailbox", "a@acme..example", "no domain can have"),
        ("mailbox", "a@-acme.example", "no domain can have"),
        ("mailbox", "a@ac me.example", "no domain can have"),
        ("mailbox", f"a@{'x' * 64}.example", "no domain can have"),
        ("mailbox", "a@aсme.example", "mixes alphabets"),
        ("mailbox", "a@acme.example,b@acme.example", "before the @"),
    ],
)
def test_not_accepted(kind, text, message):
    with pytest.raises(Unfit, match=message):
        read_typed(kind, text)


@pytest.mark.parametrize(("number", "message"), [("0", "at least 1"), ("366", "at most 365")])
def test_bounds(number, message):
    with pytest.raises(Unfit, match=message):
        read_typed("integer", number, (), 1, 365)


HOSTILE = json.loads((Path(__file__).parents[2] / "data" / "hostile_names.json").read_text(encoding="utf-8"))[
    "displayNames"
]


@pytest.mark.parametrize("name", HOSTILE, ids=[each["id"] for each in HOSTILE])
def test_a_hostile_name_is_kept_as_it_is_or_refused_without_being_repeated(name):
    playbook = loaded(
        small("    type: choice\n    default: fast\n    choices: [fast, slow]", "    type: text\n    default: x")
    )
    try:
        value = parameters(playbook, {"sender": "a@b.example", "mode": name["text"]})["mode"]
    except InputFault as fault:
        assert str(fault.places[0]).isprintable()
    else:
        assert value == unicodedata.normalize("NFC", name["text"].strip())


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["text", "mailbox", "url", "integer", "boolean", "choice"]),
    st.text(st.characters(exclude_categories=()), max_size=60)
    | st.from_regex(r"[^@\n]{1,9}@[^@\n]{1,30}", fullmatch=True),
)
def test_any_text_has_a_value_or_is_unfit(kind, text):
    try:
        read_typed(kind, text, ("a", "b"))
    except Unfit as unfit:
        assert "\x1b" not in str(unfit)
        assert "\u202e" not in str(unfit)
