from __future__ import annotations

import re
import subprocess
import sys
import unicodedata
from xml.etree import ElementTree as ET

import pytest
from hostile_examples import TEXTS, everywhere
from report_examples import ARGUMENTS, first_plan

from provisioner.reports import svg


def words(drawn: str) -> str:
    """All text, without any white space: rich sets each run of a line as an element of its own."""
    return "".join("".join(ET.fromstring(drawn).itertext()).split())


def test_the_same_plan_gives_the_same_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    first = svg(first_plan(), arguments=ARGUMENTS)
    for name, value in (("COLUMNS", "40"), ("NO_COLOR", "1"), ("TERM", "dumb")):
        monkeypatch.setenv(name, value)

    assert first == svg(first_plan(), arguments=ARGUMENTS)


def test_the_picture_shows_the_plan() -> None:
    shown = words(svg(first_plan(), arguments=ARGUMENTS))

    for each in (
        f"provisioner plan {ARGUMENTS}",
        "SANDBOX",
        '+ Register the application "Cryptshare Server"',
        "guide, step 10",
        "8 to do, 1 by hand.",
    ):
        assert "".join(each.split()) in shown


def test_the_picture_loads_nothing_from_anywhere() -> None:
    drawn = svg(first_plan(), arguments=ARGUMENTS)

    assert {"http://www.w3.org/2000/svg"} == set(re.findall(r"\w+://[^\"'<) ]+", drawn))
    assert "@font-face" not in drawn
    assert "@import" not in drawn


@pytest.mark.parametrize("name", TEXTS)
def test_a_strangers_text_is_text_in_the_picture(name: str) -> None:
    drawn = svg(everywhere(first_plan(), TEXTS[name]), arguments=TEXTS[name])
    root = ET.fromstring(drawn)

    assert {"svg", "style", "defs", "clipPath", "rect", "text", "g", "circle"} >= {
        each.tag.rpartition("}")[2] for each in root.iter()
    }
    assert not {each for each in drawn if unicodedata.category(each) in ("Cc", "Cs")} - {"\n"}


def test_reports_cost_nothing_until_they_are_drawn() -> None:
    rooms = ("provisioner.reports", "provisioner.reports.json_text", "provisioner.reports.markdown")
    code = f"import sys, {', '.join(rooms)}; print('rich' in sys.modules)"

    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ran.stdout == "False\n"
