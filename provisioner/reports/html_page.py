"""Sheets as one HTML page: for a browser without network, for paper, and for whoever reads the page aloud.

Self-contained: no script, no address of anything else, a policy that forbids both. A click on a value selects the whole
of it. Like every form it holds no secret, only where each one lies.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources
from itertools import groupby
from typing import TextIO

from provisioner.reports.markup import Html, document, element, joined, text, verbatim
from provisioner.reports.sheet import Detail, Field, Item, Kind, Mark, Next, Part, Screen, Section, Sheet
from provisioner.reports.sheet_report import SheetReport
from provisioner.reports.wording import SANDBOX

_SIGNS = {Mark.HAND: "☐"}
"""Signs that a page has better ones for."""

_SPOKEN = {
    Mark.CREATE: "to create",
    Mark.UPDATE: "to change",
    Mark.REMOVE: "to remove",
    Mark.KEEP: "stays",
    Mark.TICK: "done",
    Mark.CROSS: "failed",
    Mark.CLOCK: "not yet",
    Mark.QUESTION: "open",
    Mark.STOP: "note",
    Mark.HAND: "by hand",
}
"""What a sign is called where no word stands beside it."""

_FOOT = "No secret is on this page: it says where each one lies. A click on a value selects all of it."


class HtmlReport(SheetReport):
    """The Report as a page."""

    def __init__(self, stream: TextIO, *, arguments: str | None = None) -> None:
        super().__init__(arguments)
        self._stream = stream

    def draw(self, sheet: Sheet) -> None:
        """Head with sum, parts, what to type next."""
        banner = element("p", text(SANDBOX), class_="sandbox") if sheet.sandbox else Html("")
        head = joined(banner, element("h1", text(sheet.title)), _details(sheet.facts), _sum(sheet.closing))
        self._write(sheet.title, head, joined(*(_part(each) for each in sheet.parts), _next(sheet.next)))

    def draw_error(self, message: str, places: tuple[str, ...], details: tuple[Detail, ...]) -> None:
        """The message, then places and details."""
        listed = element("ul", *(element("li", _copied(each)) for each in places)) if places else Html("")
        self._write("Error", element("h1", text(f"Error: {message}")), joined(listed, _details(details)))

    def _write(self, title: str, head: Html, main: Html) -> None:
        style = resources.files("provisioner.reports").joinpath("page.css").read_text(encoding="utf-8")
        body = joined(element("header", head), element("main", main), element("footer", element("p", text(_FOOT))))
        self._stream.write(document(title, style, body))


def _part(part: Part) -> Html:
    shown = _screen(part) if isinstance(part, Screen) else _section(part)
    aside = _aside(part.aside) if isinstance(part, Screen) else Html("")
    return element("section", element("div", element("h2", text(part.title)), aside, class_="line"), shown)


def _section(section: Section) -> Html:
    return element("ul", *(_item(each) for each in section.items), class_="items", role="list")


def _item(item: Item) -> Html:
    hidden = {"aria_hidden": "true"} if item.word or item.mark is Mark.NONE else {}
    spoken = {} if hidden else {"role": "img", "aria_label": _SPOKEN[item.mark]}
    sign = element("span", text(_SIGNS.get(item.mark, item.mark.value)), class_="sign", **hidden, **spoken)
    word = element("span", text(item.word), class_="word") if item.word else Html("")
    title = element("p", joined(word, element("span", text(item.title)), between=" "), class_="title")
    line = element("div", title, _aside(item.aside), class_="line")
    return element("li", sign, element("div", line, _details(item.details)), class_=f"item {item.tone.value}")


def _screen(screen: Screen) -> Html:
    fields = element("ol", *(_field(each) for each in screen.fields), class_="fields", role="list")
    if not screen.actions:
        return fields
    actions = (element("li", text(each)) for each in screen.actions)
    start = str(len(screen.fields) + 1)
    return joined(fields, element("h3", text("Then")), element("ol", *actions, class_="actions", start=start))


def _field(field: Field) -> Html:
    value = _copied(field.value, "value") if field.copied else element("p", text(field.value), class_="pointer")
    title = element("p", text(field.title), class_="title")
    return element("li", title, element("div", value, _details(field.details)))


def _details(details: Iterable[Detail]) -> Html:
    pairs = [
        element("div", element("dt", text(label)), *(element("dd", _detail(each)) for each in same))
        for label, same in groupby(details, lambda each: each.label)
    ]
    return element("dl", *pairs) if pairs else Html("")


def _detail(detail: Detail) -> Html:
    if detail.to_others is not None:
        return element("span", text(detail.to_others), class_=detail.tone.value)
    match detail.kind:
        case Kind.PROSE:
            return element("span", text(detail.text), class_=detail.tone.value)
        case Kind.NAME:
            return element("span", verbatim(detail.text), class_=f"name {detail.tone.value}")
        case Kind.COPY:
            return _copied(detail.text)


def _copied(value: str, kind: str = "copy") -> Html:
    return element("code", verbatim(value), class_=kind)


def _aside(aside: str) -> Html:
    return element("p", text(aside), class_="aside") if aside else Html("")


def _sum(closing: Iterable[str]) -> Html:
    return element("ul", *(element("li", text(each)) for each in closing), class_="sum", role="list")


def _next(steps: tuple[Next, ...]) -> Html:
    if not steps:
        return Html("")
    heading = element("div", element("h2", text("Next")), class_="line")
    shown = _details(Detail(each.when, each.command, kind=Kind.COPY) for each in steps)
    return element("section", heading, shown, class_="next")
