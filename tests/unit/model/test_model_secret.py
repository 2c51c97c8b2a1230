"""A secret does not show itself: not printed, logged, formatted, compared, serialised or in a traceback."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from provisioner.model.secret import Secret

PLANTED = "pl4nted~Secret.Value-0123456789_abcdef"


@dataclass(frozen=True)
class Holder:
    secret: Secret


SHOWN: list[tuple[str, Callable[[Secret], str]]] = [
    ("repr", repr),
    ("str", str),
    ("format", lambda secret: f"{secret} {secret!r} {secret!s}"),
    ("percent", lambda secret: "%s %r" % (secret, secret)),  # noqa: UP031 that way too
    ("in a dataclass", lambda secret: repr(Holder(secret))),
    ("in a list", lambda secret: repr([secret, {"a": secret}])),
    ("in an exception", lambda secret: "".join(traceback.format_exception(ValueError(secret)))),
    ("json with a default", lambda secret: json.dumps({"a": secret}, default=repr)),
    ("as attributes", lambda secret: repr(vars(Holder(secret)))),
]


@pytest.mark.parametrize("show", [row[1] for row in SHOWN], ids=[row[0] for row in SHOWN])
def test_it_does_not_show(show: Callable[[Secret], str]) -> None:
    assert PLANTED not in show(Secret(PLANTED))


def test_it_does_not_show_in_a_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("x").warning("got %s", Secret(PLANTED))
    assert "Secret(…)" in caplog.text
    assert PLANTED not in caplog.text


@pytest.mark.parametrize("leak", [pickle.dumps, copy.deepcopy, copy.copy, json.dumps])
def test_it_cannot_be_copied_away(leak: Callable[[Secret], object]) -> None:
    with pytest.raises(TypeError):
        leak(Secret(PLANTED))


def test_it_has_no_attributes_to_walk_through() -> None:
    with pytest.raises(TypeError):
        vars(Secret(PLANTED))


def test_two_of_the_same_text_are_told_apart_from_two_others() -> None:
    assert Secret(PLANTED).same_as(Secret(PLANTED))
    assert not Secret(PLANTED).same_as(Secret(PLANTED + "x"))
    assert Secret(PLANTED) != Secret(PLANTED)


@pytest.mark.parametrize(("hint", "fits"), [("pl4", True), ("PL4", False), ("nte", False), (None, True)])
def test_entras_hint_is_its_beginning(hint: str | None, fits: bool) -> None:
    assert Secret(PLANTED).matches_hint(hint) is fits


def test_reveal_is_the_way_in() -> None:
    assert Secret(PLANTED).reveal() == PLANTED
