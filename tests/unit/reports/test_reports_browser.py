"""The page in a real browser, and the pictures of it: `python tests/unit/reports/test_reports_browser.py` draws them.

Each picture carries the digest of the page it was drawn from, so that a test can tell whether it is still true on any
machine, though no two machines draw the same pixels.
"""

from __future__ import annotations

import hashlib
import io
import os
import struct
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from headless_browser import AXE, REQUIRED, Browser, browser, missing
from hostile_examples import TEXTS, everywhere
from report_examples import ARGUMENTS, evidence_against, first_plan, handed_over, with_evidence

from provisioner.model.plan import approve
from provisioner.model.results import HandedOver, Planned
from provisioner.reports import Form, Report, open_report

PICTURES = Path(__file__).parents[3] / ".pictures"
DRAWN = {
    "handover-1280-light.png": (1280, 1500, False),
    "handover-1280-dark.png": (1280, 1500, True),
    "handover-360-light.png": (360, 1500, False),
    "handover-360-dark.png": (360, 1500, True),
}
"""Width and height in CSS pixels, and whether it is dark."""

LABEL = b"page-sha256"

needs_browser = pytest.mark.skipif(
    missing() is not None and os.environ.get(REQUIRED) != "required", reason=f"not here: {missing()}"
)


def page(result: HandedOver | Planned) -> str:
    stream = io.StringIO()
    report: Report = open_report(Form.HTML, stream, arguments=ARGUMENTS)
    if isinstance(result, Planned):
        report.plan(result)
    else:
        report.handed_over(result)
    return stream.getvalue()


PAGES = {
    "form": handed_over(),
    "evidence": with_evidence(),
    "evidence against": evidence_against(),
    "plan": Planned(first_plan(), approve("", first_plan())),
    **{f"hostile: {name}": everywhere(evidence_against(), TEXTS[name]) for name in ("html", "long-1000", "long-120")},
}


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    assert missing() is None, f"{REQUIRED}=required, and not here: {missing()}"
    with browser() as opened:
        yield opened


@pytest.fixture(params=PAGES)
def opened(request: pytest.FixtureRequest, window: Browser, tmp_path: Path) -> Browser:
    """The window with one page in it."""
    place = tmp_path / "page.html"
    place.write_text(page(PAGES[request.param]), encoding="utf-8")
    window.requested()
    window.open(place)
    return window


@needs_browser
@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_to_scroll_sideways(opened: Browser, width: int) -> None:
    opened.look(width=width)

    assert opened.run("return window.innerWidth") == width
    assert opened.run("return document.documentElement.scrollWidth") <= width
    wider = (
        "return [...document.querySelectorAll('body *')]"
        ".filter(each => each.getBoundingClientRect().right > window.innerWidth + 0.5)"
        ".map(each => each.outerHTML.slice(0, 80))"
    )
    assert opened.run(wider) == []


@needs_browser
@pytest.mark.parametrize(("width", "dark"), [(360, False), (1280, False), (1280, True)])
def test_axe_finds_nothing(opened: Browser, width: int, dark: bool) -> None:
    opened.look(width=width, dark=dark)
    opened.run(Path(os.environ[AXE]).read_text(encoding="utf-8"))

    found = opened.wait_for(
        "const done = arguments[0];"
        "axe.run().then(found => done({passes: found.passes.length, violations: found.violations.map("
        "each => [each.id, each.help, each.nodes.map(node => node.html + ': ' + node.failureSummary)])}))"
    )

    assert found["violations"] == []
    assert found["passes"] > 15


@needs_browser
def test_it_asks_nobody_for_anything(opened: Browser) -> None:
    own = opened.run("return location.href")

    assert opened.requested() == [own]


@needs_browser
def test_the_policy_holds_even_for_what_would_be_smuggled_in(opened: Browser) -> None:
    opened.wait_for(
        "const script = document.createElement('script'), image = document.createElement('img');"
        "script.textContent = 'window.ran = true'; document.body.append(script);"
        "document.body.insertAdjacentHTML('beforeend', '<p onclick=\"window.ran = true\">x</p>');"
        "document.body.lastElementChild.click();"
        "image.addEventListener('error', arguments[0]); image.src = 'https://example.invalid/x.png';"
        "document.body.append(image);"
    )

    assert opened.run("return window.ran === undefined")
    assert not [each for each in opened.requested() if "example.invalid" in each]


@needs_browser
def test_a_click_takes_the_whole_value(window: Browser, tmp_path: Path) -> None:
    place = tmp_path / "page.html"
    place.write_text(page(handed_over()), encoding="utf-8")
    window.open(place)
    window.look(width=360)
    values = [each.value for screen in handed_over().screens for each in screen.fields if each.value is not None]

    taken = []
    for number in range(len(values)):
        window.click(".value", number)
        taken.append(window.run("return window.getSelection().toString()"))

    assert taken == values


@needs_browser
def test_dark_is_dark_and_paper_is_light(window: Browser, tmp_path: Path) -> None:
    place = tmp_path / "page.html"
    place.write_text(page(handed_over()), encoding="utf-8")
    window.open(place)
    background = "return getComputedStyle(document.documentElement).backgroundColor"

    window.look(width=1280, dark=True)
    dark = window.run(background)
    window.look(width=1280)
    light = window.run(background)
    scheme = {"name": "prefers-color-scheme", "value": "dark"}
    window.devtools("Emulation.setEmulatedMedia", {"media": "print", "features": [scheme]})
    paper = window.run(background)
    window.devtools("Emulation.setEmulatedMedia", {"media": "", "features": []})

    assert dark == "rgb(15, 19, 23)"
    assert light == paper == "rgb(255, 255, 255)"


@pytest.mark.parametrize("name", DRAWN)
def test_the_pictures_are_of_this_page(name: str) -> None:
    picture = (PICTURES / name).read_bytes()

    assert _label(picture) == _digest(), f"draw them anew: python {Path(__file__).relative_to(PICTURES.parent)}"
    width, height = struct.unpack(">II", picture[16:24])
    assert (width, height) == DRAWN[name][:2]


def _digest() -> bytes:
    return hashlib.sha256(page(with_evidence()).encode()).hexdigest().encode()


def _label(picture: bytes) -> bytes | None:
    """The text of our chunk. PNG: 8 bytes, then chunks of length, type, data, CRC."""
    place = 8
    while place < len(picture):
        (length,) = struct.unpack(">I", picture[place : place + 4])
        data = picture[place + 8 : place + 8 + length]
        if picture[place + 4 : place + 8] == b"tEXt" and data.startswith(LABEL + b"\0"):
            return data.partition(b"\0")[2]
        place += 12 + length
    return None


def _labelled(picture: bytes) -> bytes:
    """The picture with our chunk after its header, which has 13 bytes."""
    kind_and_data = b"tEXt" + LABEL + b"\0" + _digest()
    chunk = struct.pack(">I", len(kind_and_data) - 4) + kind_and_data + struct.pack(">I", zlib.crc32(kind_and_data))
    return picture[:33] + chunk + picture[33:]


def draw(folder: Path) -> None:
    """Draw all pictures."""
    with tempfile.TemporaryDirectory() as place, browser() as opened:
        (file := Path(place) / "page.html").write_text(page(with_evidence()), encoding="utf-8")
        opened.open(file)
        for name, (width, height, dark) in DRAWN.items():
            opened.look(width=width, dark=dark, height=height)
            (folder / name).write_bytes(_labelled(opened.picture(width=width, height=height)))


if __name__ == "__main__":
    draw(PICTURES if len(sys.argv) < 2 else Path(sys.argv[1]))
