from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from hostile_examples import TEXTS, everywhere
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from report_examples import (
    ARGUMENTS,
    IDS,
    KEY_ID,
    RECEIPT,
    REQUEST_ID,
    SENDER,
    all_proven,
    applied,
    evidence_against,
    half_applied,
    handed_over,
    mixed_plan,
    planned,
    verified,
)

from provisioner.errors import FaultyPlace, InputFault, Refused
from provisioner.model.faults import Fault
from provisioner.model.plan import approve
from provisioner.model.results import Planned
from provisioner.reports import Form, Report, open_report
from provisioner.reports.legible import legible, prose
from provisioner.reports.markdown import code, escaped

READERS = (MarkdownIt("commonmark"), MarkdownIt("commonmark").enable(["table", "strikethrough"]))
"""CommonMark, with raw HTML allowed, as most viewers have it; and with GitHub's additions."""

PLAIN = {"paragraph_open", "paragraph_close", "inline", "text", "code_inline"}
OURS = PLAIN | {
    *("heading_open", "heading_close", "bullet_list_open", "bullet_list_close", "ordered_list_open"),
    *("ordered_list_close", "list_item_open", "list_item_close", "strong_open", "strong_close", "em_open", "em_close"),
}


def tokens(text: str, reader: MarkdownIt) -> list[Token]:
    parsed = reader.parse(text)
    return [each for token in parsed for each in (token, *(token.children or ()))]


def words(text: str, reader: MarkdownIt) -> str:
    return "".join(each.content for each in tokens(text, reader) if each.type in ("text", "code_inline"))


def written(show: Callable[[Report], None]) -> str:
    stream = io.StringIO()
    show(open_report(Form.MARKDOWN, stream, arguments=ARGUMENTS))
    return stream.getvalue()


ALL: dict[str, Callable[[Report, str | None], None]] = {
    "plan": lambda report, text: report.plan(put(planned(), text)),
    "mixed plan": lambda report, text: report.plan(put(Planned(mixed_plan(), approve("", mixed_plan())), text)),
    "half applied": lambda report, text: report.applied(put(half_applied(), text)),
    "verified": lambda report, text: report.verified(put(verified(), text)),
    "handed over": lambda report, text: report.handed_over(put(handed_over(), text)),
    "evidence against": lambda report, text: report.handed_over(put(evidence_against(), text)),
    "onboarded": lambda report, text: report.onboarded(
        put(applied(), text), put(all_proven(), text), put(handed_over(), text)
    ),
    "error": lambda report, text: report.error(
        InputFault(text or "no", (FaultyPlace(text or "a.yaml", 1, 2, text or "no"),), advice=text)
    ),
}


def put(result: Any, text: str | None) -> Any:
    return result if text is None else everywhere(result, text)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", TEXTS)
def test_a_text_is_shown_as_it_is(name: str, reader: MarkdownIt) -> None:
    text = prose(TEXTS[name])
    line = f"- {escaped(text)}"

    found = [each for each in tokens(line, reader) if each.type not in PLAIN]

    assert {"bullet_list_open", "list_item_open", "list_item_close", "bullet_list_close"} == {
        each.type for each in found
    }
    assert len(found) == 4
    assert text == words(line, reader)


@pytest.mark.parametrize("name", TEXTS)
def test_a_code_span_holds_any_text(name: str) -> None:
    text = legible(TEXTS[name])

    spans = [each.content for each in tokens(f"value: {code(text)}.", READERS[0]) if each.type == "code_inline"]

    assert spans == ([text] if text.strip() else [])


@given(st.text(st.sampled_from("`*_[]()<>&|#~-+=1.) !$^:/\\ab\u00e9"), max_size=30))
def test_no_mixture_becomes_markup(text: str) -> None:
    for reader in READERS:
        line = f"- x {escaped(text)} y"
        assert {"bullet_list_open", "list_item_open", "list_item_close", "bullet_list_close"} | PLAIN >= {
            each.type for each in tokens(line, reader)
        }
        assert f"x {text} y" == words(line, reader)


@pytest.mark.parametrize(
    "lead", ["# x", "- x", "+ x", "* x", "1. x", "12) x", "> x", "=== x", "--- x", "~~~ x", "```", "    x"]
)
def test_no_beginning_of_a_line_opens_a_block(lead: str) -> None:
    assert {"paragraph_open", "inline", "text", "paragraph_close"} == {
        each.type for each in tokens(escaped(lead), READERS[1])
    }
    assert lead == words(escaped(lead), READERS[1])


def test_a_bare_address_is_no_link_for_viewers_that_make_some() -> None:
    assert escaped("https://example.invalid www.example.invalid") == "https\\://example.invalid www\\.example.invalid"


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("text", TEXTS)
def test_whatever_strangers_write_the_shape_stays_ours(name: str, text: str) -> None:
    drawn = written(lambda report: ALL[name](report, TEXTS[text]))
    found = tokens(drawn, READERS[1])

    assert {each.type for each in found} <= OURS
    assert not [each for each in drawn if not each.isprintable() and each not in "\n\u200d\xa0"]


@pytest.mark.parametrize("name", [each for each in ALL if each != "error"])
def test_the_number_of_lines_does_not_depend_on_the_texts(name: str) -> None:
    """So no text can forge a line."""
    harmless = written(lambda report: ALL[name](report, "x")).count("\n")

    for text in ("a\nb", "a\r\n\r\n# b", "a\u2028b", "- a"):
        assert harmless == written(lambda report, text=text: ALL[name](report, text)).count("\n")  # type: ignore[misc]


def test_a_plan_for_a_ticket() -> None:
    lines = written(lambda report: ALL["mixed plan"](report, None)).splitlines()

    assert lines[0] == "# Plan: Cryptshare Server"
    assert lines[2] == "**SANDBOX: a simulated tenant, nothing in it is real**"
    assert [f"- tenant id: `{IDS[0]}`"] == [each for each in lines if each.startswith("- tenant id")]
    assert '- `~` Correct the application "Cryptshare Server"' in lines
    assert "  - sets: `display name: Cryptshare -> Cryptshare Server`" in lines
    assert "  - flag: `--only exchange`" in lines
    assert "- [ ] Leave the execution policy as it is _(guide, Exchange 2)_" in lines
    assert "**2 to do, 3 blocked, 2 by hand, 1 as wanted.**" in lines
    assert f"- Next, to carry it out: `provisioner apply {ARGUMENTS}`" in lines


def test_an_onboarding_for_a_ticket() -> None:
    text = written(lambda report: ALL["onboarded"](report, None))

    for each in (*IDS, KEY_ID, RECEIPT.reference):
        assert f"`{each}`" in text
    assert "- `✓` **proven** A token with SMTP.SendAsApp" in text
    assert f"2. **Sender email address**: `{SENDER}`" in text
    assert '7. Click "Save changes"' in text
    numbers = [int(each) for each in re.findall(r"^(\d+)\. ", text, re.MULTILINE)]
    assert [*range(1, 9), 1, 2] == numbers


def test_an_error_for_a_ticket() -> None:
    fault = Fault("graph", "POST /applications", 403, "Authorization_RequestDenied", "no", request_id=REQUEST_ID)
    text = written(lambda report: report.error(Refused(fault, who_can=("Global Administrator",), advice="ask")))

    assert text.splitlines() == [
        "**Error:** POST /applications: no",
        "",
        "- advice: ask",
        "- who can: Global Administrator",
        f"- request id: `{REQUEST_ID}`",
    ]
