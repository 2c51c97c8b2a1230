from __future__ import annotations

import unicodedata

import pytest
from hostile_examples import HONEST, TEXTS
from hypothesis import given
from hypothesis import strategies as st

from provisioner.reports.legible import legible, prose

ACTING = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def acting(text: str) -> set[str]:
    """Characters that do something instead of showing something; the joiner within an emoji is none."""
    return {each for each in text if unicodedata.category(each) in ACTING and each != "\u200d"}


@pytest.mark.parametrize("name", TEXTS)
def test_nothing_acts_and_nothing_is_dropped(name: str) -> None:
    text = TEXTS[name]

    shown = legible(text)

    assert acting(shown) == set()
    for each in acting(text):
        assert each not in shown
    assert len(shown) >= len(text)


@pytest.mark.parametrize("name", HONEST)
def test_honest_names_stay_as_they_are(name: str) -> None:
    assert TEXTS[name] == legible(TEXTS[name])


def test_marks_name_what_they_stand_for() -> None:
    assert legible("Cryptshare \u202egnp.exe") == "Cryptshare ⟨U+202E⟩gnp.exe"
    assert legible("a\n+ forged") == "a␤+ forged"
    assert legible("\x1b[2J") == "␛[2J"
    assert legible("\x9b31m") == "⟨U+009B⟩31m"
    assert legible("Crypt\ud83dshare") == "Crypt⟨U+D83D⟩share"
    assert legible("Crypt\u200bshare") == "Crypt⟨U+200B⟩share"


def test_a_joiner_joins_emoji_only() -> None:
    assert legible("👩🏽\u200d💻") == "👩🏽\u200d💻"
    assert legible("❤️") == "❤️"
    assert legible("ad\u200dmin") == "ad⟨U+200D⟩min"
    assert legible("\u200d") == "⟨U+200D⟩"


def test_a_pile_of_combining_marks_does_not_reach_the_next_line() -> None:
    shown = legible("Z" + "\u0341" * 40)

    assert shown[:13] == "Z" + "\u0341" * 4 + "⟨U+0341⟩"
    assert shown.count("\u0341") == 4


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437"])
@pytest.mark.parametrize("name", TEXTS)
def test_every_text_fits_the_streams_encoding(name: str, encoding: str) -> None:
    legible(TEXTS[name], encoding).encode(encoding)


def test_without_the_angles_a_mark_is_ascii() -> None:
    assert legible("\u0430 \u202e", "ascii") == "<U+0430> <U+202E>"


def test_prose_takes_line_ends_for_spaces() -> None:
    assert prose("first\n  second\r\n+ third\n") == "first second + third"


@given(st.text(st.characters()))
def test_whatever_the_text_is_one_line_without_action(text: str) -> None:
    for shown in (legible(text), prose(text), legible(text, "cp1252")):
        assert acting(shown) == set()
        assert len(shown.splitlines()) <= 1
