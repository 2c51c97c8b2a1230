"""Warnings stand in every plan, so each must be quick to read."""

from __future__ import annotations

import re

import pytest

from provisioner.playbook import bundled, find, load

LONGEST = 330
"""Characters: four lines of a window of 100 columns."""


@pytest.mark.parametrize("name", [each.name for each in bundled()])
def test_a_warning_is_one_or_two_sentences(name: str) -> None:
    for variant in load(*find(name)).variants.values():
        for each in variant.warnings:
            text = " ".join(each.text.split())
            assert len(re.split(r"(?<=[.!?]) +(?=[A-Z'\"$])", text)) <= 2, text
            assert len(text) <= LONGEST, text
