"""The page in a real browser, and the pictures of it: `python tests/unit/reports/test_reports_browser.py` draws them.

Each picture carries the digest of the page it was drawn from, so that a test can tell on any machine whether it is
still true. Where the browser is there it is drawn anew and the two are compared; no two machines draw the same pixels,
so what is compared is how light each square of 8 by 8 pixels is.
"""

from __future__ import annotations

import base64
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
from report_examples import ARGUMENTS, evidence_against, first_plan, handed_over, sheet_of, with_evidence

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


ACCOUNT = "office@contoso.example"
VENDORS: dict[str, HandedOver] = {
    "Magma": sheet_of("cindercone/magma", "guide", from_account=ACCOUNT, user=ACCOUNT),
    "Magma, scoped": sheet_of("cindercone/magma", "scoped", from_account=ACCOUNT, user=ACCOUNT),
    "Monitor": sheet_of("monitor/erp", "guide", sender_mailbox=ACCOUNT, incoming_mailbox="orders@contoso.example"),
    "VMA": sheet_of("centron/vma", "guide", mailbox=ACCOUNT),
}
"""The longest forms: eight titles, two screens, a password beside a secret, and their steps by hand."""

PAGES: dict[str, HandedOver | Planned] = {
    "form": handed_over(),
    **VENDORS,
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
@pytest.mark.parametrize("name", VENDORS)
def test_every_title_and_value_of_a_form_can_be_read(name: str, window: Browser, tmp_path: Path) -> None:
    place = tmp_path / "page.html"
    place.write_text(page(VENDORS[name]), encoding="utf-8")
    window.open(place)
    window.look(width=360)
    seen = " ".join(window.run("return document.body.innerText").split())
    fields = [field for screen in VENDORS[name].screens for field in screen.fields]
    assert len(fields) >= 6
    for text in [*(each.title for each in fields), *(each.value for each in fields if each.value)]:
        assert " ".join(text.split()).casefold() in seen.casefold(), text
    for screen in VENDORS[name].screens:
        for action in screen.actions:
            assert " ".join(action.split()) in seen


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


UNLIKE = 24
"""From here on two squares differ, of 255 shades."""
MOST_UNLIKE = 0.01
"""Other fonts make letters a little fatter or thinner; a line more or less moves everything below it."""

COMPARE = """
    const [first, second, width, height, unlike, done] = arguments;
    const shades = (data) => new Promise((found, failed) => {
        const image = new Image(), canvas = document.createElement("canvas");
        image.onload = () => {
            const [columns, rows] = [canvas.width, canvas.height] = [width / 8, height / 8].map(Math.floor);
            const context = canvas.getContext("2d");
            context.imageSmoothingQuality = "high";
            context.drawImage(image, 0, 0, columns, rows);
            found(context.getImageData(0, 0, columns, rows).data);
        };
        image.onerror = failed;
        image.src = "data:image/png;base64," + data;
    });
    Promise.all([shades(first), shades(second)]).then(([one, other]) => {
        let differ = 0;
        for (let at = 0; at < one.length; at += 4) {
            differ += [0, 1, 2].some(each => Math.abs(one[at + each] - other[at + each]) >= unlike);
        }
        done(differ / (one.length / 4));
    });
"""


@needs_browser
@pytest.mark.parametrize("name", DRAWN)
def test_a_picture_drawn_anew_shows_the_same(name: str, window: Browser, tmp_path: Path) -> None:
    width, height, _ = DRAWN[name]
    kept = (PICTURES / name).read_bytes()
    anew = drawn(window, name, page(with_evidence()), tmp_path)
    other = drawn(window, name, page(evidence_against()), tmp_path)

    def unlike(picture: bytes) -> float:
        texts = [base64.b64encode(each).decode() for each in (kept, picture)]
        (blank := tmp_path / "blank.html").write_text("<!doctype html><title>blank</title>", encoding="utf-8")
        window.open(blank)
        return float(window.wait_for(COMPARE, *texts, width, height, UNLIKE))

    assert unlike(anew) <= MOST_UNLIKE, f"draw them anew: python {Path(__file__).relative_to(PICTURES.parent)}"
    assert unlike(other) > MOST_UNLIKE, "another page must not pass for this one"


def drawn(window: Browser, name: str, text: str, folder: Path) -> bytes:
    """A picture of a page, as one of ours is drawn."""
    width, height, dark = DRAWN[name]
    (file := folder / "page.html").write_text(text, encoding="utf-8")
    window.open(file)
    window.look(width=width, dark=dark, height=height)
    return window.picture(width=width, height=height)


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
    with tempfile.TemporaryDirectory() as place, browser() as window:
        for name in DRAWN:
            (folder / name).write_bytes(_labelled(drawn(window, name, page(with_evidence()), Path(place))))


if __name__ == "__main__":
    draw(PICTURES if len(sys.argv) < 2 else Path(sys.argv[1]))
