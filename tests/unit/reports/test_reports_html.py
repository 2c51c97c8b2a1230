"""The page without a browser: its shape does not depend on any text, and every text is there as it is."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from hostile_examples import TEXTS, everywhere
from report_examples import (
    APPLICATION,
    ARGUMENTS,
    IDS,
    KEY_ID,
    RECEIPT,
    REQUEST_ID,
    SENDER,
    applied,
    evidence_against,
    half_applied,
    handed_over,
    mixed_plan,
    planned,
    verified,
    with_evidence,
)

from provisioner.errors import FaultyPlace, InputFault
from provisioner.model.outcome import SecretParameter
from provisioner.model.plan import approve
from provisioner.model.results import FilledField, FilledScreen, Planned
from provisioner.reports import Form, Report, open_report
from provisioner.reports.legible import prose

TAGS = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "footer", "section", "div"),
    *("h1", "h2", "h3", "p", "span", "ul", "ol", "li", "dl", "dt", "dd", "code", "bdi"),
}
ATTRIBUTES = {
    *("lang", "charset", "http-equiv", "content", "name", "class", "role", "start", "aria-hidden", "aria-label"),
}

ALL: dict[str, Callable[[Report, str | None], None]] = {
    "plan": lambda report, text: report.plan(put(planned(), text)),
    "mixed plan": lambda report, text: report.plan(put(Planned(mixed_plan(), approve("", mixed_plan())), text)),
    "half applied": lambda report, text: report.applied(put(half_applied(), text)),
    "verified": lambda report, text: report.verified(put(verified(), text)),
    "handed over": lambda report, text: report.handed_over(put(handed_over(), text)),
    "with evidence": lambda report, text: report.handed_over(put(with_evidence(), text)),
    "evidence against": lambda report, text: report.handed_over(put(evidence_against(), text)),
    "onboarded": lambda report, text: report.onboarded(
        put(applied(), text), put(verified(), text), put(handed_over(), text)
    ),
    "error": lambda report, text: report.error(
        InputFault(text or "no", (FaultyPlace(text or "a.yaml", 1, 2, text or "no"),), advice=text)
    ),
}


class Page(HTMLParser):
    """Tags with their attributes, and texts by the tag they stand in."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(attrs)))
        if tag != "meta":
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((self._open[-1], data))

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def within(self, tag: str) -> list[str]:
        return [text for place, text in self.texts if place == tag]


def put(result: Any, text: str | None) -> Any:
    return result if text is None else everywhere(result, text)


def drawn(show: Callable[[Report], None]) -> str:
    stream = io.StringIO()
    show(open_report(Form.HTML, stream, arguments=ARGUMENTS))
    return stream.getvalue()


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("text", TEXTS)
def test_whatever_strangers_write_the_shape_stays_ours(name: str, text: str) -> None:
    source = drawn(lambda report: ALL[name](report, TEXTS[text]))
    harmless = Page(drawn(lambda report: ALL[name](report, "x")))
    found = Page(source)

    assert found.tags == harmless.tags
    assert {tag for tag, _ in found.tags} <= TAGS
    assert {key for _, attributes in found.tags for key, _ in attributes} <= ATTRIBUTES
    assert source.isprintable() or not [
        each for each in source if not each.isprintable() and each not in "\n\u200d\xa0"
    ]


@pytest.mark.parametrize("text", ["html", "markdown", "quotes", "template", "emoji"])
def test_a_text_is_shown_as_it_is(text: str) -> None:
    page = Page(drawn(lambda report: report.handed_over(everywhere(handed_over(), TEXTS[text]))))

    assert prose(TEXTS[text]) in page.within("h2")
    assert TEXTS[text] in page.within("bdi")


def test_it_names_no_other_place() -> None:
    source = drawn(lambda report: ALL["with evidence"](report, None))

    for sign in ("http:", "https:", "//", "url(", "@import", "src=", "href=", "<script", "<link"):
        assert sign not in source, sign


def test_its_policy_forbids_everything_but_its_own_style() -> None:
    page = Page(drawn(lambda report: ALL["handed over"](report, None)))

    policies = [dict(each)["content"] for tag, each in page.tags if ("http-equiv", "Content-Security-Policy") in each]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"]


def test_the_form_has_the_vendors_titles_and_values_in_order() -> None:
    source = drawn(lambda report: report.handed_over(handed_over()))
    fields = [each for screen in handed_over().screens for each in screen.fields]

    place = source.index("<main>")
    for field in fields:
        place = source.index(f'<p class="title">{field.title}</p>', place)
        if field.value is not None:
            place = source.index(f'<code class="value"><bdi>{field.value}</bdi></code>', place)
    assert Page(source).within("h2") == ["System Settings > Mail Server", "Policy rules"]
    assert '<ol class="actions" start="7">' in source


def test_with_evidence_it_says_what_was_done_by_whom_and_how_it_was_proven() -> None:
    page = Page(drawn(lambda report: ALL["with evidence"](report, None)))
    texts = [text for _, text in page.texts]

    assert page.within("h2")[2:7] == [
        *("Proofs", "Application", "Permissions granted", "Set up in Entra", "Set up in Exchange"),
    ]
    assert texts.count("proven") == 3
    assert texts.count("done") == 8
    assert "Consent to SMTP.SendAsApp on Office 365 Exchange Online: granted" in texts
    assert "guide, step 10" in texts
    assert texts.count("Provisioner Operator, 2026-07-18T09:30:00Z") == 4
    assert texts.count("CHG-1041") == 4
    for each in (*IDS, KEY_ID, REQUEST_ID, SENDER):
        assert each in page.within("bdi")
    assert "in the sink age of whoever set it up" in texts
    assert texts[texts.index("seen at") + 1] == "2026-07-18T09:31:00Z"
    assert "8 of 8 settings are in the tenant as wanted." in texts
    assert "Of 3 proofs: 3 proven." in texts


def test_what_is_missing_is_not_dressed_up() -> None:
    page = Page(drawn(lambda report: ALL["evidence against"](report, None)))
    texts = [text for _, text in page.texts]

    assert texts.count("done") == 1
    assert texts.count("missing") == 5
    assert texts.count("by hand") == 1
    assert "1 of 7 settings are in the tenant as wanted." in texts
    assert f"provisioner apply {ARGUMENTS}" in page.within("bdi")


def test_without_evidence_nothing_is_said_to_be_done() -> None:
    page = Page(drawn(lambda report: ALL["handed over"](report, None)))

    assert "done" not in [text for _, text in page.texts]
    assert APPLICATION.summary not in [text for _, text in page.texts]


def test_the_sandbox_is_named_first() -> None:
    page = Page(drawn(lambda report: ALL["handed over"](report, None)))

    assert next(text for place, text in page.texts if place not in ("title", "style")).startswith("SANDBOX")


def test_a_page_goes_to_others_and_says_nothing_of_where_things_lie_here() -> None:
    place = "file:/home/anna/passwords/erp"
    given = FilledField("Password", None, parameter=SecretParameter("mailbox_password", place))
    result = handed_over()
    plan = replace(result.plan, parameters=(*result.plan.parameters, ("mailbox_password", place)))
    asked = replace(result, plan=plan, screens=(*result.screens, FilledScreen("Login", (given,))))
    drawing = drawn(lambda report: report.handed_over(asked))

    assert "in the sink age of whoever set it up" in drawing
    assert "with whoever set it up" in drawing
    assert RECEIPT.reference not in drawing
    assert "/home/anna" not in drawing
